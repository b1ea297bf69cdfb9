//! Ctrl-C and SIGTERM, and what runs until they come.

use crate::one_line;
use std::{future::Future, process::ExitCode};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// What a command runs until it is stopped.
pub(crate) trait Service: Sized {
    /// Completes when a part of it ends by itself, with the reason.
    async fn failed(&mut self) -> anyhow::Error;

    /// Stops all of it.
    ///
    /// # Errors
    /// A part that fails while it stops, or doesn't stop in time.
    async fn stop(self) -> anyhow::Result<()>;
}

/// Starts a service and runs it until Ctrl-C or SIGTERM, or until it fails. If it is stopped while it
/// starts, what was started by then ends with what `start` drops.
///
/// # Errors
/// Whatever keeps it from starting, or its failure.
pub(crate) async fn run<S: Service>(
    start: impl Future<Output = anyhow::Result<S>>,
) -> anyhow::Result<ExitCode> {
    let shutdown = on_signal()?;
    let mut service = tokio::select! {
        service = start => service?,
        () = shutdown.cancelled() => return Ok(ExitCode::SUCCESS),
    };
    let failure = tokio::select! {
        () = shutdown.cancelled() => None,
        failure = service.failed() => Some(failure),
    };
    if let Some(failure) = &failure {
        error!(error = one_line(failure), "stopping");
    }
    let stopped = service.stop().await;
    match failure {
        Some(failure) => Err(failure),
        None => stopped.map(|()| ExitCode::SUCCESS),
    }
}

/// Runs a command to its end. Ctrl-C or SIGTERM gives it up, says `interrupted` and fails.
///
/// # Errors
/// The command's.
pub(crate) async fn or_interrupted(
    command: impl Future<Output = anyhow::Result<ExitCode>>,
    interrupted: &str,
) -> anyhow::Result<ExitCode> {
    let shutdown = on_signal()?;
    tokio::select! {
        outcome = command => outcome,
        () = shutdown.cancelled() => {
            println!("Interrupted{interrupted}");
            Ok(ExitCode::FAILURE)
        }
    }
}

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
