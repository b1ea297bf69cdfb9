//! Reading L1 blocks ahead of whoever derives from them.

use crate::{
    BatchBlobs, BlobSourceError, L1BlockData, L1Client, L1Error, L1Heads, batch_blobs::batcher_in,
};
use alloy_primitives::Address;
use futures::{Stream, StreamExt, stream};
use openledger_primitives::ChainConfig;
use std::{future::ready, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// L1 blocks with transactions and receipts that are asked for at once. A full block of Ethereum takes a
/// few megabytes.
const BLOCKS_MAX: usize = 8;
/// L1 blocks whose blobs are asked for at once; that many blocks wait with theirs.
const BLOB_BLOCKS_MAX: usize = 4;
/// Blocks that wait to be taken beside these.
const READY_MAX: usize = 2;
/// First and longest pause before a missing blob is asked for again.
const BLOB_RETRY: Duration = Duration::from_secs(1);
const BLOB_RETRY_MAX: Duration = Duration::from_secs(8);

/// An L1 block as derivation reads it: verified against its hash, with what the blobs of its batches hold.
#[derive(Debug, Clone)]
pub struct ReadBlock {
    /// The block.
    pub data: L1BlockData,
    /// The batcher whose blobs were read: the one as of this block, if the blocks before were read in the
    /// same run ([`batcher_in`]).
    pub batcher: Address,
    /// What the blobs hold.
    pub blobs: BatchBlobs,
    /// Whether the L1 had finalized a block of this height before this one was read.
    pub is_final: bool,
}

/// Reads consecutive L1 blocks in a task of its own, ahead of whoever takes them, and keeps a bounded
/// number of them.
///
/// A block that endpoints lack though the L1 has come that far is waited for, and so is a blob that no
/// source has; both raise an alarm. The blocks need not be of one chain: whoever takes them compares
/// parent hashes.
#[derive(Debug)]
pub struct ReadAhead {
    blocks: mpsc::Receiver<Result<ReadBlock, L1Error>>,
    task: JoinHandle<()>,
}

impl ReadAhead {
    /// Begins at block `from`, before which `batcher` was the batcher, and follows the newest of `heads`.
    pub fn spawn(
        client: L1Client,
        config: Arc<ChainConfig>,
        heads: watch::Receiver<L1Heads>,
        from: u64,
        batcher: Address,
    ) -> Self {
        let (sender, blocks) = mpsc::channel(READY_MAX);
        let task = tokio::spawn(async move {
            let blocks = read(client, config, heads, from, batcher);
            let mut blocks = std::pin::pin!(blocks);
            while let Some(block) = blocks.next().await {
                let failed = block.is_err();
                // After a failure nothing is in order any more: whoever takes begins anew.
                if sender.send(block).await.is_err() || failed {
                    return;
                }
            }
        });
        Self { blocks, task }
    }

    /// The next block; waits until the L1 has it. `None` after an error, or once nobody tells heads any
    /// more. Cancelling loses nothing.
    ///
    /// # Errors
    /// If no endpoint gives an answer that hashes to what it says, or there is no source of blobs. Begin
    /// anew then.
    pub async fn next(&mut self) -> Option<Result<ReadBlock, L1Error>> {
        self.blocks.recv().await
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn read(
    client: L1Client,
    config: Arc<ChainConfig>,
    heads: watch::Receiver<L1Heads>,
    from: u64,
    batcher: Address,
) -> impl Stream<Item = Result<ReadBlock, L1Error>> {
    let blocks = {
        let client = client.clone();
        numbers(heads, from)
            .map(move |(number, is_final)| {
                let client = client.clone();
                async move {
                    let data = client.existing_block(number).await?;
                    Ok::<_, L1Error>((data, is_final))
                }
            })
            .buffered(BLOCKS_MAX)
    };
    let scanned = {
        let config = config.clone();
        blocks.scan(batcher, move |batcher, read| {
            let before = *batcher;
            if let Ok((data, _)) = &read {
                *batcher = batcher_in(data, &config, before);
            }
            ready(Some(read.map(|(data, is_final)| (data, is_final, before))))
        })
    };
    scanned
        .map(move |read| {
            let (client, config) = (client.clone(), config.clone());
            async move {
                let (data, is_final, before) = read?;
                with_blobs(&client, &config, data, before, is_final).await
            }
        })
        .buffered(BLOB_BLOCKS_MAX)
}

/// Numbers from `from` on, each once the L1 has come that far, and whether it is final then.
fn numbers(heads: watch::Receiver<L1Heads>, from: u64) -> impl Stream<Item = (u64, bool)> {
    stream::unfold((heads, from), |(mut heads, number)| async move {
        let is_final = {
            let told = heads.wait_for(|heads| reached(heads, number)).await.ok()?;
            told.finalized
                .as_ref()
                .is_some_and(|finalized| finalized.number >= number)
        };
        Some(((number, is_final), (heads, number.saturating_add(1))))
    })
}

fn reached(heads: &L1Heads, number: u64) -> bool {
    heads
        .latest
        .as_ref()
        .is_some_and(|latest| latest.number >= number)
}

/// Adds the blobs, waiting for those that no source has. The block is read again each time, so that one
/// that left the L1, whose blobs nobody may have any more, is not waited for.
async fn with_blobs(
    client: &L1Client,
    config: &ChainConfig,
    mut data: L1BlockData,
    before: Address,
    is_final: bool,
) -> Result<ReadBlock, L1Error> {
    let mut pause = BLOB_RETRY;
    loop {
        let batcher = batcher_in(&data, config, before);
        match client.batch_blobs(&data, config, batcher).await {
            Ok(blobs) => {
                return Ok(ReadBlock {
                    data,
                    batcher,
                    blobs,
                    is_final,
                });
            }
            // Its source raises the alarm.
            Err(L1Error::Blobs(BlobSourceError::Missing { .. })) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(BLOB_RETRY_MAX);
            }
            Err(error) => return Err(error),
        }
        data = client.existing_block(data.header.number).await?;
    }
}
