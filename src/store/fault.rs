//! Named points at which a test may kill the process.
//!
//! Invariant: without the hidden setting `test.crash_at` a point does nothing.

use std::sync::OnceLock;

static CRASH_AT: OnceLock<String> = OnceLock::new();

/// Chooses the point at which this process dies; once, at start-up.
pub fn crash_at(point: &str) {
    let _ = CRASH_AT.set(point.to_owned());
}

/// Dies here, without unwinding or flushing, if the test chose this point.
pub fn crash_point(point: &str) {
    if CRASH_AT.get().is_some_and(|chosen| chosen == point) {
        std::process::abort();
    }
}
