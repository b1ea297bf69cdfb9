//! `openledger attribution`: the off-chain side of attribution scoring.

mod sketch;
mod vectors;

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
    /// Run a file of test vectors through the native code
    ///
    /// The file has the form of precompiles/vectors/golden.json or of the files beside it. Prints how many
    /// vectors passed and failed; exits with 1 if any failed.
    CheckVectors(vectors::CheckVectorsArgs),
}

/// Runs one of the subcommands.
///
/// # Errors
/// A file that can't be read or isn't what it should be.
pub async fn run(args: AttributionArgs) -> anyhow::Result<ExitCode> {
    tokio::task::spawn_blocking(move || match args.command {
        AttributionCommand::Sketch(args) => sketch::run(&args),
        AttributionCommand::CheckVectors(args) => vectors::run(&args),
    })
    .await?
}
