//! `openledger l1`: a chain's contracts on L1.
//!
//! `deploy.rs` makes them and the chain's files, resumably; `config.rs` is its file; `state.rs` is what a
//! run leaves for the next; `status.rs` reads the contracts back and says what is wrong, `solvency.rs`
//! whether the portal holds what it owes.

mod config;
mod deploy;
mod solvency;
mod state;
mod status;
#[cfg(test)]
mod tests;

use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Flags of `openledger l1`.
#[derive(Debug, Clone, Args)]
pub struct L1Args {
    #[command(subcommand)]
    command: L1Command,
}

#[derive(Debug, Clone, Subcommand)]
enum L1Command {
    /// Deploy a chain's contracts and write its files (genesis.json, rollup.json, l1.json)
    ///
    /// A run that was interrupted is taken up by running the command again: nothing is deployed twice.
    Deploy(deploy::DeployArgs),
    /// Read a chain's contracts back and check them; exits with 1 if something is wrong
    Status(status::StatusArgs),
}

/// Runs one of the subcommands.
///
/// # Errors
/// Whatever keeps it from being done. What `status` finds is output, not an error.
pub async fn run(args: L1Args) -> anyhow::Result<ExitCode> {
    match args.command {
        L1Command::Deploy(args) => deploy::run(args).await,
        L1Command::Status(args) => status::run(args).await,
    }
}
