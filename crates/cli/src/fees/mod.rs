//! `openledger fees`: what the chain charges for the data that it posts to L1.
//!
//! Posting costs ETH, and transactions pay for it in OPEN, by scalars that `SystemConfig` holds. `set`
//! computes them for a rate of OPEN and ETH, compares what recent batches cost with what their blocks paid,
//! and sends what is to change, or says who can.
//!
//! `price.rs` is the arithmetic, `ledger.rs` the comparison, `change.rs` who may change what; `set.rs` is
//! the command.

mod change;
mod ledger;
mod price;
mod set;
#[cfg(test)]
mod tests;

use crate::shutdown::or_interrupted;
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Flags of `openledger fees`.
#[derive(Debug, Clone, Args)]
pub struct FeesArgs {
    #[command(subcommand)]
    command: FeesCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum FeesCommand {
    /// Set the fee scalars and the operator fee for a rate of OPEN and ETH
    ///
    /// Prints what recent batches cost and what their blocks paid, and what is to change. The account must
    /// own SystemConfig; if a timelock or another account does, the calls are printed for it.
    Set(Box<set::SetArgs>),
}

/// Runs one of the subcommands.
///
/// # Errors
/// Whatever keeps it from being done.
pub async fn run(args: FeesArgs) -> anyhow::Result<ExitCode> {
    let FeesCommand::Set(args) = args.command;
    let interrupted = ": with --dry-run the same command says what is in force.";
    or_interrupted(set::run(*args), interrupted).await
}
