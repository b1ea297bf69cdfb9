use super::{
    Source, commitment,
    compare::{Derived, compare},
};
use crate::derivation::derive;
use alloy_provider::{Provider, RootProvider};
use anyhow::{Context, ensure};
use clap::Args;
use openledger_chain::{Chain, ChainFiles, ChainOptions, OnContradiction, SafeBlock};
use openledger_l1::{BatchTx, CommitmentStatus, L1Client, ScanItem, scan_batches};
use openledger_primitives::{EMPTY_ROOT_HASH, SealedHeader};
use openledger_protocol::OutputRoot;
use openledger_store::{Store, StoreOptions};
use parking_lot::Mutex;
use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Instant};
use tokio::sync::mpsc;

/// Derived blocks that may wait to be compared.
const COMPARISONS_MAX: usize = 1_024;

/// Flags of `openledger batch verify`.
#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    source: Source,
    /// Compare each block with this node's, usually the sequencer's
    #[arg(long = "l2.rpc-url", env = "OPENLEDGER_L2_RPC_URL", value_name = "URL")]
    l2_rpc_url: Option<String>,
    /// Keep the derived chain here, so that the next run goes on from it; without, it is deleted
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// What derivation found.
struct Outcome {
    blocks: u64,
    transactions: u64,
    head: Derived,
}

/// Derives, executes and compares.
///
/// # Errors
/// Whatever keeps the verification from coming to an end. A difference is an outcome: it is printed and
/// the exit code is 1.
pub(crate) async fn run(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let (files, client) = args.source.open().await?;
    let node = match &args.l2_rpc_url {
        Some(url) => Some(RootProvider::new_http(
            url.parse().context("--l2.rpc-url is not a URL")?,
        )),
        None => None,
    };
    if let Some(node) = &node {
        let id = node
            .get_chain_id()
            .await
            .context("no node answers at --l2.rpc-url")?;
        let expected = files.rollup.l2_chain_id;
        ensure!(
            id == expected,
            "the node at --l2.rpc-url is of chain {id}, not {expected}"
        );
    }
    let temporary = tempfile::Builder::new()
        .prefix("openledger-verify-")
        .tempdir()?;
    let directory = args
        .data_dir
        .clone()
        .unwrap_or_else(|| temporary.path().to_owned());
    let keep = args.data_dir.is_some();
    let chain = open(&files, directory, keep).await?;
    let last_l1 = client.latest().await?.number;
    let first_l1 = files.rollup.genesis.l1.number;

    let (sender, receiver) = mpsc::channel(COMPARISONS_MAX);
    let comparison = async {
        match node.clone() {
            Some(node) => compare(node, receiver).await,
            None => {
                let mut receiver = receiver;
                while receiver.recv().await.is_some() {}
                Ok((0, None))
            }
        }
    };
    let derivation = derive_all(chain, &client, last_l1, sender);
    let commitments = check_commitments(&files, &client, first_l1, last_l1);
    let (outcome, (equal, difference), posted) =
        tokio::try_join!(derivation, comparison, commitments)?;

    let mut sound = true;
    println!(
        "derived {} blocks with {} transactions from L1 blocks {first_l1} to {last_l1} in {:.1} s",
        outcome.blocks,
        outcome.transactions,
        started.elapsed().as_secs_f64()
    );
    println!("block {} {}", outcome.head.number, outcome.head.hash);
    println!("output root {}", outcome.head.output_root);
    if let Some(node) = &node {
        let head = node.get_block_number().await.unwrap_or_default();
        match &difference {
            None => println!(
                "equal: hash and output root of {equal} blocks; the node's head is {head}, {} blocks are not on L1 \
                 yet",
                head.saturating_sub(outcome.head.number)
            ),
            Some(difference) => {
                sound = false;
                println!("DIFFERENT after {equal} equal blocks: {difference}");
            }
        }
    }
    println!(
        "inbox: {} of {} batch transactions are recorded and chained",
        posted.recorded, posted.transactions
    );
    if let Some(first) = &posted.first_unsound {
        sound = false;
        println!(
            "NOT COMMITTED: transaction {} in L1 block {}: {}",
            first.tx_hash,
            first.l1_block.number,
            commitment(first.commitment)
        );
    }
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The chain that is derived into: a throw-away store need not wait for the disk.
async fn open(files: &ChainFiles, directory: PathBuf, keep: bool) -> anyhow::Result<Arc<Chain>> {
    let files = files.clone();
    let chain = tokio::task::spawn_blocking(move || {
        let options = StoreOptions {
            sync: keep,
            ..StoreOptions::default()
        };
        let store = Store::open(&directory.join("db"), options)?;
        anyhow::Ok(Chain::open(&files, store, ChainOptions::default())?)
    })
    .await??;
    Ok(Arc::new(chain))
}

/// Derives up to L1 block `last_l1` and hands every block to `blocks`, until nobody wants more.
async fn derive_all(
    chain: Arc<Chain>,
    client: &L1Client,
    last_l1: u64,
    blocks: mpsc::Sender<Derived>,
) -> anyhow::Result<Outcome> {
    // All is looked at again that isn't final.
    let finalized = chain.heads().finalized;
    chain.set_heads(finalized, finalized)?;
    let counts = Arc::new(Mutex::new((0_u64, 0_u64)));
    let counted = counts.clone();
    derive(
        &chain,
        client,
        OnContradiction::Follow,
        last_l1,
        move |safe| {
            {
                let mut counts = counted.lock();
                counts.0 += 1;
                counts.1 += user_transactions(&safe);
            }
            blocks
                .blocking_send(derived(&safe.block.sealed_header()))
                .is_ok()
        },
    )
    .await?;
    let (blocks, transactions) = *counts.lock();
    Ok(Outcome {
        blocks,
        transactions,
        head: derived(&chain.head()),
    })
}

fn derived(header: &SealedHeader) -> Derived {
    let output = OutputRoot {
        state_root: header.state_root,
        message_passer_storage_root: header.withdrawals_root.unwrap_or(EMPTY_ROOT_HASH),
        block_hash: header.hash(),
    };
    Derived {
        number: header.number,
        hash: header.hash(),
        output_root: output.hash(),
    }
}

fn user_transactions(safe: &SafeBlock) -> u64 {
    safe.block
        .block
        .body
        .transactions
        .iter()
        .filter(|transaction| !transaction.is_deposit())
        .count() as u64
}

/// What the inbox says of the batcher's transactions.
#[derive(Debug, Default)]
struct Commitments {
    transactions: u64,
    recorded: u64,
    /// The first that the inbox did not record, or not as it was.
    first_unsound: Option<BatchTx>,
}

/// Recomputes the inbox's commitments from the batcher's transactions.
async fn check_commitments(
    files: &ChainFiles,
    client: &L1Client,
    from: u64,
    to: u64,
) -> anyhow::Result<Commitments> {
    let mut found = Commitments::default();
    scan_batches(client, &files.rollup, from, to, |item| {
        if let ScanItem::Transaction(transaction) = item {
            found.transactions += 1;
            if matches!(transaction.commitment, CommitmentStatus::Recorded { .. }) {
                found.recorded += 1;
            } else if found.first_unsound.is_none() {
                found.first_unsound = Some(transaction);
            }
        }
        true
    })
    .await?;
    Ok(found)
}
