//! When to stop: the first Ctrl-C or SIGTERM asks for it, a second one does not wait.
//!
//! Invariant: nothing is stopped from here; each part watches the token it was given, and who owns a part drains it.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::Result;

/// A token that fires at the first signal. A second signal ends the process at once, with the signal's exit code.
///
/// Errors: the signal handlers cannot be installed.
pub fn on_signal() -> Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let fired = token.clone();
    tokio::spawn(async move {
        let wait = async |interrupt: &mut tokio::signal::unix::Signal, terminate: &mut tokio::signal::unix::Signal| {
            tokio::select! {
                _ = interrupt.recv() => SignalKind::interrupt(),
                _ = terminate.recv() => SignalKind::terminate(),
            }
        };
        wait(&mut interrupt, &mut terminate).await;
        tracing::info!("stopping; a second signal stops at once");
        fired.cancel();
        let second = wait(&mut interrupt, &mut terminate).await;
        std::process::exit(128 + second.as_raw_value());
    });
    Ok(token)
}
