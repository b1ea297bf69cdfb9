//! Ctrl-C and SIGTERM.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// A token that Ctrl-C or SIGTERM cancels. A second one ends the process at once.
///
/// # Errors
/// If the signal handlers can't be installed.
pub fn on_signal() -> anyhow::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let cancelled = token.clone();
    tokio::spawn(async move {
        let mut signals = 0;
        loop {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            };
            signals += 1;
            if signals > 1 {
                eprintln!("stopped at once by a second {name}");
                std::process::exit(130);
            }
            info!(signal = name, "stopping");
            cancelled.cancel();
        }
    });
    Ok(token)
}
