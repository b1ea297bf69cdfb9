//! Epochs: what was paid for an adapter, divided by scores that anyone computes again
//! (docs/spec/protocol.md, "Settlement of an epoch").
//!
//! Pure, integers alone, the contracts' arithmetic bit by bit:
//! - [`draw`]: the seed, the draws, the fee log; [`scores`]: what a proposal shows, and its encoding;
//! - [`form`], [`scoring`]: from scores to each cluster's share; [`judge()`](judge::judge): whether a proposal is right;
//! - [`payment`]: who is paid what, to the wei.
//!
//! On the chain:
//! - [`chain`]: events, transactions and registries as these need them; [`audit`]: an adapter's epochs settled again in order;
//! - [`gather`]: from the calls that workers publish to scores;
//! - the commands, each a file, thin over functions that other programs call. [`watch`] does for others what
//!   `challenge` does once.

pub mod audit;
pub mod chain;
pub mod challenge;
pub mod close;
pub mod draw;
pub mod finalize;
pub mod form;
mod fuzz;
pub mod gather;
pub mod judge;
pub mod payment;
pub mod pots;
pub mod propose;
pub mod scores;
pub mod scoring;
pub mod status;
#[cfg(test)]
mod vectors;
pub mod verify;
pub mod watch;

pub use fuzz::proposal as fuzz_proposal;

use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Flags of `openledger epoch`.
#[derive(Debug, Clone, Args)]
pub struct EpochArgs {
    #[command(subcommand)]
    command: EpochCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum EpochCommand {
    /// Show which epochs are open, proposed or due, and until when
    Status(status::StatusArgs),
    /// Close the current epoch if it is over, and draw the seeds that are missing
    Close(Box<close::CloseArgs>),
    /// Propose an epoch's scores, or add draws to those that stand, by the calls that workers publish
    Propose(Box<propose::ProposeArgs>),
    /// Settle epochs again from the chain's data, and compare each payment
    Verify(Box<verify::VerifyArgs>),
    /// Compute a proposal again, and challenge it if it is wrong
    Challenge(Box<challenge::ChallengeArgs>),
    /// Follow the chain, and challenge every wrong proposal
    Watch(Box<watch::WatchArgs>),
    /// Pay an epoch whose windows are over
    Finalize(Box<finalize::FinalizeArgs>),
    /// Settle an epoch without scores: pay the royalties, carry the contributors' part over
    Carry(Box<finalize::FinalizeArgs>),
    /// Divide among Datanets what contributors weren't paid for too many epochs
    Residue(Box<finalize::ResidueArgs>),
}

/// Runs one of the subcommands.
///
/// # Errors
/// A node that doesn't answer, files that aren't what they should be, what the chain refuses.
pub async fn run(args: EpochArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        EpochCommand::Status(args) => status::run(args).await,
        EpochCommand::Close(args) => close::run(*args).await,
        EpochCommand::Propose(args) => propose::run(*args).await,
        EpochCommand::Verify(args) => verify::run(*args).await,
        EpochCommand::Challenge(args) => challenge::run(*args).await,
        EpochCommand::Watch(args) => watch::run(*args).await,
        EpochCommand::Finalize(args) => finalize::run(*args).await,
        EpochCommand::Carry(args) => finalize::run_carry(*args).await,
        EpochCommand::Residue(args) => finalize::run_residue(*args).await,
    }
}
