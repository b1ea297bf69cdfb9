//! `openledger attribution verify`: what the chain, its events or anybody says, against a recomputation.

mod claim;
mod index;
mod set;
mod space;

use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Flags of `openledger attribution verify`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
State is read with Merkle proofs against the block's state root. The first difference is printed and the exit code \
is 1; it is 0 if there is none.")]
pub(super) struct VerifyArgs {
    #[command(subcommand)]
    what: VerifyCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum VerifyCommand {
    /// Scores that somebody claims, as `score --out` writes them
    Claim(claim::ClaimArgs),
    /// A SKETCH set: its record, its events, and its rows against a file
    Set(set::SetArgs),
    /// A SPAN index: its record, its events, and its entries against a file or the documents
    Index(index::IndexArgs),
    /// The clusters of a space, settled again from the revealed signatures
    Space(space::SpaceArgs),
}

/// Runs the command.
pub(super) async fn run(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        VerifyCommand::Claim(args) => claim::run(args).await,
        VerifyCommand::Set(args) => set::run(args).await,
        VerifyCommand::Index(args) => index::run(args).await,
        VerifyCommand::Space(args) => space::run(args).await,
    }
}
