//! The flags.

use crate::epoch::pots::PotArgs;
use alloy_primitives::{Address, B256};
use clap::{Args, Subcommand};
use openledger_client::{AccountArgs, NodeArgs, SenderArgs};
use std::path::PathBuf;

/// Flags of `openledger jury`.
#[derive(Debug, Clone, Args)]
pub struct JuryArgs {
    #[command(subcommand)]
    pub(super) command: JuryCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum JuryCommand {
    /// List the questions that are open, or say all of one
    Status(Box<StatusArgs>),
    /// Ask whether a row of a sketch set is what data and model give, with a bond
    AskRow(Box<AskRowArgs>),
    /// Ask whether a drawn call's sketch is what prompt and model give, with a bond
    AskSketch(Box<AskSketchArgs>),
    /// Vote as a juror: commit, and reveal once all have committed
    Vote(Box<VoteArgs>),
    /// Follow the chain, and vote on every question on whose jury the account sits
    Watch(Box<WatchArgs>),
    /// Have a jury drawn and counted, and its verdict acted on: anyone may
    Finish(Box<FinishArgs>),
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
With an account's key, or --for, it says where that account asked or sits on the jury. Of one question it says what it is about: \
the row or the sketch, where the data is, and how its gradient is projected.")]
pub(super) struct StatusArgs {
    /// The question [default: all that are open, briefly]
    #[arg(value_name = "QUESTION")]
    pub(super) question: Option<B256>,
    /// Those that were answered, too
    #[arg(long, conflicts_with = "question")]
    pub(super) all: bool,
    /// Only those that the account asked, answers for, or sits on the jury of
    #[arg(long, conflicts_with = "question")]
    pub(super) own: bool,
    /// Whose part is told [default: that of the account that is named by its key]
    #[arg(long = "for", value_name = "ADDRESS")]
    pub(super) account_for: Option<Address>,
    #[command(flatten)]
    pub(super) account: AccountArgs,
    #[command(flatten)]
    pub(super) node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What is asked about.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct SetArgs {
    #[command(flatten)]
    pub(super) which: PotArgs,
    /// The sketch set [default: the adapter's only one]
    #[arg(long, value_name = "ID")]
    pub(super) set: Option<u64>,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A row is asked about once an epoch, once more where there was no verdict, while a proposal for the epoch can be asked about. If the jury \
rejects it, its cluster earns nothing from the set any more, and the bond comes back. If not, the bond is lost: a tenth is the jurors' who \
agree, of the rest half is burnt, half is the set owner's. Without a verdict a tenth is burnt. The bond doubles for every four questions \
that are open on the epoch.")]
pub(super) struct AskRowArgs {
    #[command(flatten)]
    pub(super) set: SetArgs,
    /// The row, from 0
    #[arg(long, value_name = "N")]
    pub(super) row: u32,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A call's sketch is asked about once, once more where there was no verdict, while a proposal for the epoch can be asked about. If the jury \
rejects it, the worker forfeits 10 % of the stake and the call's fee, the call counts without a score, and the bond comes back but for a \
tenth, which is the jurors' who agree. If not, the bond is lost: a tenth is theirs, of the rest half is burnt, half is the worker's. \
Without a verdict a tenth is burnt. The bond doubles for every four questions that are open on the epoch.")]
pub(super) struct AskSketchArgs {
    #[command(flatten)]
    pub(super) set: SetArgs,
    /// The draw, from 0 to 15
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..16))]
    pub(super) draw: u8,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Compute the vector yourself: `openledger jury status QUESTION` says from what. The vote and its salt are on disk before anything is \
sent; after an interruption the same command goes on, without --sketch as well. Who committed and doesn't reveal loses 1 % of the \
stake, and so does whoever was drawn where anybody revealed: keep the file until the vote is revealed. Who reveals loses nothing, whatever \
others found.")]
pub(super) struct VoteArgs {
    /// The question
    #[arg(value_name = "QUESTION")]
    pub(super) question: B256,
    /// File with the vector: int8 entries, a byte each, as `openledger attribution sketch --raw` writes them, or hexadecimal
    #[arg(long, value_name = "FILE", conflicts_with = "nothing_shown")]
    pub(super) sketch: Option<PathBuf>,
    /// Nobody showed the data: reveal zeros, from which every sketch is too far
    #[arg(long)]
    pub(super) nothing_shown: bool,
    /// Where votes and their salts are kept
    #[arg(long, value_name = "FILE", default_value = "jury-votes.json")]
    pub(super) votes: PathBuf,
    /// Go on until the verdict is acted on
    #[arg(long)]
    pub(super) finish: bool,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(super) struct FinishArgs {
    /// The question
    #[arg(value_name = "QUESTION")]
    pub(super) question: B256,
    /// Wait until the jury has voted
    #[arg(long)]
    pub(super) wait: bool,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The command is run by `sh` for each question, with what `openledger jury status QUESTION --json` says on its standard input and \
OPENLEDGER_QUESTION in its environment. It writes the vector, int8 entries in hexadecimal with 0x, or nothing where nobody showed \
the data. It computes for itself: what others say is no vector of one's own. Votes are on disk before they are sent; kill and start it as \
you like.")]
pub(super) struct WatchArgs {
    /// Command that computes a question's vector
    #[arg(long, value_name = "COMMAND")]
    pub(super) sketch_command: String,
    /// Longest that the command may take, seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 3_600,
        value_parser = clap::value_parser!(u64).range(1..=86_400)
    )]
    pub(super) command_seconds: u64,
    /// Where votes and their salts are kept
    #[arg(long, value_name = "FILE", default_value = "jury-votes.json")]
    pub(super) votes: PathBuf,
    /// Look once at everything and stop
    #[arg(long)]
    pub(super) once: bool,
    /// Seconds between two looks
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 5,
        value_parser = clap::value_parser!(u64).range(1..=3_600)
    )]
    pub(super) interval: u64,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
}
