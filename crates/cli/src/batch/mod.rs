//! `openledger batch`: what a chain posted to L1, read from L1 alone.

mod compare;
mod list;
mod show;
mod verify;

use crate::{
    config::BlobFlags,
    derivation::{connect, with_blobs},
};
use anyhow::ensure;
use clap::{Args, Subcommand};
use openledger_chain::ChainFiles;
use openledger_l1::{BatchTx, ChannelSummary, CommitmentStatus, L1Client, ScanItem, scan_batches};
use openledger_protocol::ChannelId;
use std::{path::PathBuf, process::ExitCode};

/// Flags of `openledger batch`.
#[derive(Debug, Clone, Args)]
pub struct BatchArgs {
    #[command(subcommand)]
    command: BatchCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum BatchCommand {
    /// List the batch transactions of a chain
    List {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        range: Range,
    },
    /// Show a batch transaction decoded: frames, channels, blocks, transactions
    Show {
        /// Its number in the list
        #[arg(value_name = "N")]
        number: usize,
        #[command(flatten)]
        source: Source,
    },
    /// Derive the whole chain from L1, execute it and compare
    ///
    /// Nothing but L1 and the chain's files is trusted: every L1 block is checked against its hash, the
    /// chain is derived by the OP rules and executed anew, and the inbox's commitments are recomputed.
    /// Exits with 1 at the first difference.
    Verify(verify::VerifyArgs),
}

/// Where a chain is defined and posted.
#[derive(Debug, Clone, Args)]
pub(crate) struct Source {
    /// L1 RPC URLs, tried in order
    #[arg(
        long = "l1.rpc-url",
        env = "OPENLEDGER_L1_RPC_URL",
        value_name = "URL",
        value_delimiter = ',',
        required = true,
        hide_env_values = true
    )]
    pub(crate) l1_rpc_url: Vec<String>,
    #[command(flatten)]
    pub(crate) blobs: BlobFlags,
    /// Directory of the chain's files (genesis.json, rollup.json, l1.json)
    #[arg(long, env = "OPENLEDGER_CHAIN", value_name = "DIR")]
    pub(crate) chain: PathBuf,
}

/// A range of L1 blocks.
#[derive(Debug, Clone, Args)]
pub(crate) struct Range {
    /// First L1 block [default: the chain's first]
    #[arg(long, value_name = "L1_BLOCK")]
    from: Option<u64>,
    /// Last L1 block [default: the newest]
    #[arg(long, value_name = "L1_BLOCK")]
    to: Option<u64>,
}

/// Runs one of the subcommands.
///
/// # Errors
/// Files or an L1 that can't be read. What is found on L1 is output, not an error.
pub async fn run(args: BatchArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        BatchCommand::List { source, range } => list::run(&source, &range).await,
        BatchCommand::Show { number, source } => show::run(number, &source).await,
        BatchCommand::Verify(args) => verify::run(args).await,
    }
}

impl Source {
    /// Reads the chain's files and connects to its L1.
    ///
    /// # Errors
    /// Files that can't be used; an L1 that doesn't answer or is another one.
    pub(crate) async fn open(&self) -> anyhow::Result<(ChainFiles, L1Client)> {
        let files = ChainFiles::read(&self.chain)?;
        let client = connect(&self.l1_rpc_url, files.rollup.l1_chain_id).await?;
        let client = with_blobs(client, self.blobs.sources()?)?;
        Ok((files, client))
    }
}

/// What was posted in a range of L1 blocks.
#[derive(Debug, Default)]
pub(crate) struct Posted {
    pub(crate) transactions: Vec<BatchTx>,
    pub(crate) channels: Vec<ChannelSummary>,
    /// The L1 blocks scanned.
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Posted {
    /// Scans L1.
    ///
    /// # Errors
    /// A range that is empty or too long; an L1 that doesn't answer.
    pub(crate) async fn scan(
        files: &ChainFiles,
        client: &L1Client,
        range: &Range,
    ) -> anyhow::Result<Self> {
        let start = files.rollup.genesis.l1.number;
        let from = range.from.unwrap_or(start).max(start);
        let to = match range.to {
            Some(to) => to,
            None => client.latest().await?.number,
        };
        ensure!(
            from <= to,
            "no L1 block lies between {from}, where the chain begins, and {to}"
        );
        let mut posted = Self {
            from,
            to,
            ..Self::default()
        };
        scan_batches(client, &files.rollup, from, to, |item| {
            match item {
                ScanItem::Transaction(transaction) => posted.transactions.push(transaction),
                ScanItem::Channel(channel) => posted.channels.push(channel),
            }
            true
        })
        .await?;
        Ok(posted)
    }

    /// The channels that a transaction carried a part of.
    pub(crate) fn channels_of(
        &self,
        transaction: &BatchTx,
    ) -> impl Iterator<Item = &ChannelSummary> {
        let hash = transaction.tx_hash;
        self.channels
            .iter()
            .filter(move |channel| channel.transactions.contains(&hash))
    }
}

/// The start of a channel's id.
pub(crate) fn short(channel: &ChannelId) -> String {
    alloy_primitives::hex::encode(&channel.as_slice()[..4])
}

/// First and last block, as text.
pub(crate) fn block_range(channel: &ChannelSummary) -> String {
    match channel.block_range() {
        Some((first, last)) if first == last => first.to_string(),
        Some((first, last)) => format!("{first}-{last}"),
        None => "none".to_owned(),
    }
}

/// What the inbox says of a transaction, in a word or two.
pub(crate) fn commitment(status: CommitmentStatus) -> String {
    match status {
        CommitmentStatus::Recorded { index, .. } => index.to_string(),
        CommitmentStatus::Broken { index, .. } => format!("{index} BROKEN"),
        CommitmentStatus::Missing => "MISSING".to_owned(),
    }
}
