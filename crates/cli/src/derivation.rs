//! Derives a chain up to the L1's head: what a starting sequencer and `batch verify` share.
//!
//! The driver is synchronous and works on disk, so that it runs on a blocking thread; the L1 blocks that
//! it wants next are read ahead meanwhile.

use alloy_eips::{BlockNumHash, BlockNumberOrTag};
use anyhow::{Context, bail};
use futures::{StreamExt, stream};
use openledger_chain::{
    Chain, Driver, DriverError, OnContradiction, Progress, derivation_input, start_driver,
};
use openledger_derive::L1Input;
use openledger_l1::{BlobSource, BlobSourceConfig, L1Client, L1Tag, RequestConfig};
use openledger_primitives::SealedBlock;
use std::{sync::Arc, time::Instant};

/// L1 blocks that are read ahead.
const READ_AHEAD: usize = 8;
/// Pause before a missing blob is asked for again.
const BLOB_RETRY: std::time::Duration = std::time::Duration::from_secs(1);
/// L1 blocks beyond which deriving them is announced.
const NOTICE_L1_BLOCKS: u64 = 32;
/// Time between lines of progress.
const PROGRESS_INTERVAL: std::time::Duration = std::time::Duration::from_secs(2);

/// A block that L1 holds.
#[derive(Debug, Clone)]
pub struct SafeBlock {
    /// The block.
    pub block: Arc<SealedBlock>,
    /// The L1 block that completed it.
    pub l1: BlockNumHash,
    /// Whether it was executed from L1 data; otherwise the chain had it already.
    pub executed: bool,
}

/// Derives from L1 up to its block `last_l1` and leaves the chain's safe and finalized heads where that
/// leads to. `on_safe` sees each block that L1 holds, on a worker thread, and ends the derivation by
/// answering `false`.
///
/// It begins at the finalized head: what was safe when the chain was last used may have left the L1 since.
///
/// # Errors
/// An L1 that can't be read or is another one; an L1 that contradicts the chain, if `policy` is to report
/// that.
pub async fn derive(
    chain: &Arc<Chain>,
    client: &L1Client,
    policy: OnContradiction,
    last_l1: u64,
    on_safe: impl FnMut(SafeBlock) -> bool + Send + 'static,
) -> anyhow::Result<()> {
    let finalized = chain.heads().finalized;
    chain.set_heads(finalized, finalized)?;
    let mut driver = start_driver(chain, client, policy).await?;
    let mut on_safe = Some(on_safe);
    let Some(first) = first_needed(&mut driver)? else {
        bail!("the pipeline asks for no L1 block")
    };
    let announced = last_l1 > first.saturating_add(NOTICE_L1_BLOCKS);
    let mut inputs = stream::iter(first..=last_l1)
        .map(|number| client.block_with_receipts(BlockNumberOrTag::Number(number)))
        .buffered(READ_AHEAD);
    // What is finalized on the way is not derived again after a failure.
    let finalized_l1 = client.header_by_tag(L1Tag::Finalized).await?;
    let finalized_l1 = finalized_l1.map_or(0, |header| header.number);
    let mut reported = Instant::now();
    while let Some(data) = inputs.next().await {
        let mut data = data?;
        let number = data.header.number;
        let input = loop {
            match derivation_input(chain, client, driver.batcher(), &data).await {
                // Nothing can be done without it; its source says so in the log. The block may be gone,
                // and nobody has its blobs then: it is read again.
                Err(error) if error.is_missing_blob() => {
                    tokio::time::sleep(BLOB_RETRY).await;
                    data = client
                        .block_with_receipts(BlockNumberOrTag::Number(number))
                        .await?;
                }
                outcome => break outcome.with_context(|| format!("L1 block {number}"))?,
            }
        };
        let mut visit = on_safe.take().context("derivation was interrupted")?;
        let (driven, visit, goes_on) = tokio::task::spawn_blocking(move || {
            let goes_on = feed_and_drive(&mut driver, input, &mut visit).and_then(|goes_on| {
                driver.finalize(finalized_l1.min(number))?;
                Ok(goes_on)
            });
            (driver, visit, goes_on)
        })
        .await?;
        driver = driven;
        on_safe = Some(visit);
        if !goes_on? {
            break;
        }
        if announced && reported.elapsed() > PROGRESS_INTERVAL {
            reported = Instant::now();
            tracing::info!(
                l1_block = number,
                l1_head = last_l1,
                block = driver.safe().number,
                "deriving"
            );
        }
    }
    Ok(())
}

/// The L1 block that a new driver needs first.
fn first_needed(driver: &mut Driver) -> Result<Option<u64>, DriverError> {
    match driver.advance()? {
        Progress::NeedL1 { number } => Ok(Some(number)),
        // A driver that was fed nothing has nothing to derive from.
        Progress::Safe { .. } => Ok(None),
    }
}

/// Feeds an L1 block and derives until the next one is needed; `false` if `on_safe` ended it before.
fn feed_and_drive(
    driver: &mut Driver,
    input: L1Input,
    on_safe: &mut impl FnMut(SafeBlock) -> bool,
) -> Result<bool, DriverError> {
    driver.feed(input)?;
    loop {
        match driver.advance()? {
            Progress::NeedL1 { .. } => return Ok(true),
            Progress::Safe {
                block,
                l1,
                executed,
            } => {
                if !on_safe(SafeBlock {
                    block,
                    l1,
                    executed,
                }) {
                    return Ok(false);
                }
            }
        }
    }
}

/// The L1 client of a command that was given URLs.
///
/// # Errors
/// If a URL is invalid, or the L1 has another chain id than `expected`.
pub async fn connect(urls: &[String], expected: u64) -> anyhow::Result<L1Client> {
    let client = L1Client::new(urls, RequestConfig::default())?;
    // The URL itself may hold a key, so that it is not repeated.
    let actual = client
        .chain_id()
        .await
        .context("no L1 answers at the URL of l1.rpc-url")?;
    if actual != expected {
        bail!(
            "the L1 at the URL of l1.rpc-url has chain id {actual}, but the chain's L1 has {expected}"
        );
    }
    Ok(client)
}

/// The same client with its sources of blobs, if any are given.
///
/// # Errors
/// If a URL is invalid, or there are too many.
pub fn with_blobs(client: L1Client, config: BlobSourceConfig) -> anyhow::Result<L1Client> {
    if config.beacon_urls.is_empty() && config.archives.is_empty() {
        return Ok(client);
    }
    let source = BlobSource::new(config).context("l1.beacon-url")?;
    Ok(client.with_blobs(source))
}
