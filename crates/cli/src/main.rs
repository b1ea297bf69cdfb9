//! The `openledger` command: see `openledger --help`, and the library beside this file for what it does.

use clap::Parser;
use openledger_cli::{Cli, logging, one_line, run};
use std::{process::ExitCode, time::Duration};
use tokio::runtime::Builder;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long work on disk may go on after everything else has ended.
const THREADS_TIMEOUT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = logging::start(&cli.log).and_then(|()| {
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        // Polled on this thread, which lives as long as the process: what the kernel ties to the thread
        // that started a child (its death signal) then holds for the process.
        let outcome = runtime.block_on(run(cli.command));
        runtime.shutdown_timeout(THREADS_TIMEOUT);
        outcome
    });
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {}", one_line(&error));
        ExitCode::FAILURE
    })
}
