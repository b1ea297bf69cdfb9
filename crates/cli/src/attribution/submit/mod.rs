//! `openledger attribution submit`: what goes on chain, in as many transactions as it takes.

mod adapter;
mod contributions;
mod entries;
mod journal;
mod rows;
mod sender;
mod set;
mod tokens;

use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Flags of `openledger attribution submit`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Each command keeps a journal of what it sends. If it is interrupted or fails, the same command with the same journal \
goes on where it stopped and sends nothing twice. Don't use the account elsewhere meanwhile.")]
pub(super) struct SubmitArgs {
    #[command(subcommand)]
    what: SubmitCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum SubmitCommand {
    /// Commit to contributions, reveal them and settle them into clusters
    Contributions(contributions::ContributionsArgs),
    /// Open a SKETCH set and draw its seed
    Set(set::SetArgs),
    /// Append rows to a set and seal it
    Rows(rows::RowsArgs),
    /// Commit to the tokens of a SPAN index and print its salt
    Tokens(tokens::TokensArgs),
    /// Open a SPAN index, fill it or commit its root, and seal it
    Index(entries::IndexArgs),
    /// Register the base model of LoRA adapters
    Base(adapter::BaseArgs),
    /// Commit to a LoRA adapter and register it
    Adapter(adapter::AdapterArgs),
}

/// Runs the command.
pub(super) async fn run(args: SubmitArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        SubmitCommand::Contributions(args) => contributions::run(args).await,
        SubmitCommand::Set(args) => set::run(args).await,
        SubmitCommand::Rows(args) => rows::run(args).await,
        SubmitCommand::Tokens(args) => tokens::run(args).await,
        SubmitCommand::Index(args) => entries::run(args).await,
        SubmitCommand::Base(args) => adapter::run_base(args).await,
        SubmitCommand::Adapter(args) => adapter::run_adapter(args).await,
    }
}
