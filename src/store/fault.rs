//! Named points at which a test may kill the process.
//!
//! Invariant: without the hidden setting `test.crash_at` a point does nothing.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

static CRASH_AT: OnceLock<CrashAt> = OnceLock::new();

struct CrashAt {
    point: String,
    /// How often the point is still to be passed unharmed.
    spared: AtomicUsize,
}

/// Chooses the point at which this process dies, once, at start-up: `publish.table_put`, or `publish.table_put:3` for
/// the third time it is reached.
pub fn crash_at(chosen: &str) {
    let (point, time) = chosen.split_once(':').unwrap_or((chosen, "1"));
    let spared = AtomicUsize::new(time.parse::<usize>().map_or(0, |time| time.saturating_sub(1)));
    let _ = CRASH_AT.set(CrashAt { point: point.to_owned(), spared });
}

/// Dies here, without unwinding or flushing, if the test chose this point.
pub fn crash_point(point: &str) {
    let Some(chosen) = CRASH_AT.get().filter(|chosen| chosen.point == point) else { return };
    let one_less = |spared: usize| spared.checked_sub(1);
    if chosen.spared.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err() {
        std::process::abort();
    }
}
