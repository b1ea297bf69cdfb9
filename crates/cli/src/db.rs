//! `openledger db`: statistics and care of a data directory that no node has open.

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use openledger_store::{Store, StoreOptions};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

/// Blocks that one pruning step covers, between two lines of progress.
const PRUNE_STEP_BLOCKS: u64 = 10_000;
/// Time between lines of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

/// Flags of `openledger db`.
#[derive(Debug, Clone, Args)]
pub struct DbArgs {
    #[command(subcommand)]
    command: DbCommand,
}

#[derive(Debug, Clone, Args)]
struct DataDir {
    /// The node's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

#[derive(Debug, Clone, Subcommand)]
enum DbCommand {
    /// Print the size of each column family and its growth a block
    Stats {
        #[command(flatten)]
        directory: DataDir,
        /// Newest blocks from which the growth is taken
        #[arg(long, value_name = "BLOCKS", default_value_t = 1_000)]
        sample: u64,
    },
    /// Give up old historical state
    Prune {
        #[command(flatten)]
        directory: DataDir,
        /// Keep the state of this many newest blocks
        #[arg(long, value_name = "BLOCKS")]
        keep: u64,
        /// Compact afterwards, so that the space is free at once
        #[arg(long)]
        compact: bool,
    },
    /// Remove the newest blocks
    Unwind {
        #[command(flatten)]
        directory: DataDir,
        /// The block that becomes the head
        #[arg(long, value_name = "BLOCK")]
        to: u64,
    },
    /// Check every header, index and trie node, and the state root
    Verify {
        #[command(flatten)]
        directory: DataDir,
    },
}

/// Runs one of the subcommands.
///
/// # Errors
/// A directory without a store, one that a node has open, or what the store refuses.
pub async fn run(args: DbArgs) -> anyhow::Result<ExitCode> {
    tokio::task::spawn_blocking(move || match args.command {
        DbCommand::Stats { directory, sample } => stats(&directory.data_dir, sample),
        DbCommand::Prune {
            directory,
            keep,
            compact,
        } => prune(&directory.data_dir, keep, compact),
        DbCommand::Unwind { directory, to } => unwind(&directory.data_dir, to),
        DbCommand::Verify { directory } => verify(&directory.data_dir),
    })
    .await?
}

/// Opens the store of a data directory; never creates one.
fn open(data_dir: &Path, options: StoreOptions) -> anyhow::Result<Store> {
    let path = data_dir.join("db");
    ensure!(
        path.is_dir(),
        "{} holds no data of a node: {} is missing",
        data_dir.display(),
        path.display()
    );
    let store = Store::open(&path, options)?;
    ensure!(
        store.head().is_some(),
        "the store at {} is empty",
        path.display()
    );
    Ok(store)
}

fn stats(data_dir: &Path, sample: u64) -> anyhow::Result<ExitCode> {
    let store = open(data_dir, StoreOptions::default())?;
    let stats = store.stats(sample)?;
    let head = store.head().context("the store is empty")?;
    println!("head {} {}", head.number, head.hash);
    println!("state kept from block {}", store.oldest_history()?);
    if let Some(indexed) = store.indexed_blocks()? {
        println!(
            "transactions by address from block {} to {}",
            indexed.oldest, indexed.newest.number
        );
    }
    println!();
    println!(
        "{:<18} {:>12} {:>14} {:>14} {:>14}",
        "family", "keys", "disk bytes", "memory bytes", "bytes a block"
    );
    for family in &stats.families {
        println!(
            "{:<18} {:>12} {:>14} {:>14} {:>14}",
            family.name,
            family.keys,
            family.bytes_on_disk,
            family.bytes_in_memory,
            family.bytes_per_block
        );
    }
    let growth: u64 = stats
        .families
        .iter()
        .map(|family| family.bytes_per_block)
        .sum();
    let in_memory: u64 = stats
        .families
        .iter()
        .map(|family| family.bytes_in_memory)
        .sum();
    println!(
        "{:<18} {:>12} {:>14} {:>14} {:>14}",
        "all",
        stats.families.iter().map(|family| family.keys).sum::<u64>(),
        stats.bytes_on_disk(),
        in_memory,
        growth
    );
    println!();
    println!(
        "{} blocks, {} bytes on disk a block; growth is that of the newest {} blocks before compression",
        stats.blocks,
        stats.bytes_on_disk_per_block(),
        stats.sampled_blocks
    );
    Ok(ExitCode::SUCCESS)
}

fn prune(data_dir: &Path, keep: u64, compact: bool) -> anyhow::Result<ExitCode> {
    let options = StoreOptions {
        unwind_blocks_max: keep,
        ..StoreOptions::default()
    };
    let store = open(data_dir, options)?;
    let head = store.head().context("the store is empty")?;
    let boundary = head.number.saturating_sub(keep);
    let (mut blocks, mut versions) = (0, 0);
    let report = loop {
        let report = store.prune(boundary, PRUNE_STEP_BLOCKS)?;
        blocks += report.blocks;
        versions += report.versions;
        if report.done {
            break report;
        }
        eprintln!("pruned to block {} of {boundary}", report.oldest);
    };
    println!(
        "pruned the state of {blocks} blocks ({versions} versions); kept from block {}",
        report.oldest
    );
    if report.oldest < boundary {
        println!("blocks that are not finalized keep their state, so that they can be unwound");
    }
    if compact {
        store.compact()?;
        println!("compacted");
    }
    Ok(ExitCode::SUCCESS)
}

fn unwind(data_dir: &Path, to: u64) -> anyhow::Result<ExitCode> {
    let store = open(
        data_dir,
        StoreOptions {
            unwind_blocks_max: u64::MAX,
            ..StoreOptions::default()
        },
    )?;
    if let Some((_, finalized)) = store.heads()?
        && to < finalized.number
    {
        bail!(
            "block {} is finalized: nothing below it can be the head",
            finalized.number
        );
    }
    let removed = store.unwind(to)?;
    let transactions: usize = removed
        .iter()
        .flat_map(|block| &block.block.body.transactions)
        .filter(|transaction| !transaction.is_deposit())
        .count();
    println!(
        "removed {} blocks with {transactions} transactions; the head is {to}",
        removed.len()
    );
    Ok(ExitCode::SUCCESS)
}

fn verify(data_dir: &Path) -> anyhow::Result<ExitCode> {
    let store = open(data_dir, StoreOptions::default())?;
    let mut last = Instant::now();
    let report = store.verify(&mut |done, total| {
        if last.elapsed() > PROGRESS_INTERVAL {
            last = Instant::now();
            eprintln!("{} %", done.saturating_mul(100) / total.max(1));
        }
    })?;
    println!(
        "checked {} headers, {} blocks with their indexes, {} accounts, {} slots, {} trie nodes",
        report.headers, report.blocks, report.accounts, report.slots, report.nodes
    );
    match report.difference {
        None => {
            println!("the store is sound");
            Ok(ExitCode::SUCCESS)
        }
        Some(difference) => {
            println!("the store is damaged: {difference}");
            Ok(ExitCode::FAILURE)
        }
    }
}
