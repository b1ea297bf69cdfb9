//! The off-chain side of attribution scoring, and `openledger attribution`.
//!
//! - [`sketch`], [`clustering`], [`contributions`], [`stream`], `index`: data to what goes on chain.
//! - [`submit`]: puts it there, in as many transactions as it takes.
//! - [`solve`]: the witnesses that certified scoring asks for.
//! - [`chain`]: sets, indexes and spaces as the chain holds them, proved.
//! - `score`, `verify`: the chain's results, recomputed from its state.
//! - `vectors`: test vectors against the native code.
//!
//! Floats are allowed here alone, where what comes out is checked in integers on chain.

pub mod chain;
mod cluster;
pub mod clustering;
pub mod contributions;
mod index;
mod list;
pub mod rows;
mod score;
pub mod sketch;
pub mod solve;
pub mod stream;
pub mod submit;
mod vectors;
mod verify;

use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Flags of `openledger attribution`.
#[derive(Debug, Clone, Args)]
pub struct AttributionArgs {
    #[command(subcommand)]
    command: AttributionCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum AttributionCommand {
    /// Project gradients from safetensors files to int8 rows
    Sketch(sketch::SketchArgs),
    /// Find the witnesses of certified influence scoring
    Solve(Box<solve::SolveArgs>),
    /// Recompute scores from the chain's state, or a file, and compare them with the chain's answer
    Score(Box<score::ScoreArgs>),
    /// Verify claims, sets, indexes and clusters from the chain's state
    Verify(Box<verify::VerifyArgs>),
    /// Winnow documents to the entries of a span index
    Index(Box<index::IndexArgs>),
    /// Find which contributions the chain would take for copies
    Cluster(cluster::ClusterArgs),
    /// Submit contributions, sets, rows and indexes to the chain
    Submit(Box<submit::SubmitArgs>),
    /// Run a file of test vectors through the native code
    ///
    /// The file has the form of precompiles/vectors/golden.json or of the files beside it. Prints how many
    /// vectors passed and failed; exits with 1 if any failed.
    CheckVectors(vectors::CheckVectorsArgs),
}

/// Runs one of the subcommands.
///
/// # Errors
/// Files that can't be read or aren't what they should be, a node that doesn't answer or refuses.
pub async fn run(args: AttributionArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        AttributionCommand::Sketch(args) => blocking(move || sketch::run(&args)).await,
        AttributionCommand::Solve(args) => solve::run(*args).await,
        AttributionCommand::Score(args) => score::run(*args).await,
        AttributionCommand::Verify(args) => verify::run(*args).await,
        AttributionCommand::Index(args) => index::run(*args).await,
        AttributionCommand::Cluster(args) => blocking(move || cluster::run(&args)).await,
        AttributionCommand::Submit(args) => submit::run(*args).await,
        AttributionCommand::CheckVectors(args) => blocking(move || vectors::run(&args)).await,
    }
}

/// Runs work that computes for long and waits for nothing.
async fn blocking(
    work: impl FnOnce() -> anyhow::Result<ExitCode> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    tokio::task::spawn_blocking(work).await?
}
