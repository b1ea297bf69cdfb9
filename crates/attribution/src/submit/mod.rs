//! `openledger attribution submit`: what goes on chain, in as many transactions as it takes.

pub mod adapter;
mod contributions;
mod entries;
pub mod rows;
pub mod set;
mod tokens;

use alloy_primitives::Address;
use clap::{Args, Subcommand};
use openledger_client::{Sender, SenderArgs};
use std::{path::PathBuf, process::ExitCode};

/// Who submits, and how.
#[derive(Debug, Clone, Args)]
struct SubmissionArgs {
    #[command(flatten)]
    sender: SenderArgs,
    /// What was sent, so that the same command goes on after an interruption; keep it until all is done
    #[arg(long, value_name = "FILE")]
    journal: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl SubmissionArgs {
    /// The account.
    fn address(&self) -> anyhow::Result<Address> {
        let local = self.sender.node.local()?;
        Ok(self.sender.account.key(local.as_ref())?.address())
    }

    /// Connects and opens the journal. `inputs` is all that decides what is sent.
    async fn open(&self, command: &str, inputs: &[u8]) -> anyhow::Result<Sender> {
        self.sender
            .open_with_journal(&self.journal, command, inputs)
            .await
    }
}

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
