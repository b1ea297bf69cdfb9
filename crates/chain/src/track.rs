//! Follows L1 and keeps the safe and finalized heads: the shell around [`Driver`].

use crate::{Chain, ChainError, Driver, DriverError, OnContradiction, Progress};
use alloy_primitives::Address;
use openledger_derive::{
    L1Input, L1InputError, L1Transaction, Pipeline, Severity, l1_start_number, parse_l1_block,
};
use openledger_l1::{
    BatchBlobs, BlobSourceError, L1BlockData, L1Client, L1Error, L1Heads, batcher_in,
};
use openledger_primitives::{BlockNumHash, ChainConfig, L1ChainConfig};
use openledger_protocol::{BlockRefError, L1Block, L2BlockRef, system_config_of};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

/// Pause before what failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often the L1 is looked at when it says nothing new.
const TICK: Duration = Duration::from_secs(1);

/// Why the safe head can't be followed.
#[derive(Debug, thiserror::Error)]
pub enum TrackError {
    /// The L1 could not be read.
    #[error("L1: {0}")]
    L1(#[from] L1Error),
    /// An L1 block's data can't be used.
    #[error("L1: {0}")]
    Input(#[from] L1InputError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Derivation.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// A block of ours is malformed.
    #[error("block {number}: {source}")]
    Block {
        /// Its number.
        number: u64,
        /// Why.
        #[source]
        source: BlockRefError,
    },
    /// A block of ours is missing.
    #[error("block {number} is missing from the store")]
    Missing {
        /// Its number.
        number: u64,
    },
    /// The L1 does not hold the block that the chain started from.
    #[error(
        "the L1 has no block {number} ({hash}), from which this chain started: \
         it is another L1, or it was reset; use the right --l1.rpc-url or start a new chain"
    )]
    OtherL1 {
        /// Number of the L1 block.
        number: u64,
        /// Its hash.
        hash: alloy_primitives::B256,
    },
    /// The task was cut off.
    #[error("derivation was interrupted")]
    Interrupted,
}

impl TrackError {
    /// Whether all that is wrong is a blob that no source has at the moment.
    pub const fn is_missing_blob(&self) -> bool {
        matches!(
            self,
            Self::L1(L1Error::Blobs(BlobSourceError::Missing { .. }))
        )
    }

    /// Whether the L1 was reorganized, so that derivation must begin again further back.
    fn is_reset(&self) -> bool {
        match self {
            Self::Driver(DriverError::Derive(error)) => error.severity() == Severity::Reset,
            Self::Driver(DriverError::Moved { .. }) => true,
            _ => false,
        }
    }
}

/// What a block builder reads from an L1 block whose data was verified against its hash: all but what
/// its blobs hold, which only derivation reads ([`derivation_input`]).
///
/// # Errors
/// Malformed deposits.
pub fn l1_input(
    config: &ChainConfig,
    l1: &L1ChainConfig,
    data: &L1BlockData,
) -> Result<L1Input, TrackError> {
    input_with_blobs(config, l1, data, &BatchBlobs::default())
}

/// What derivation reads from an L1 block whose data was verified against its hash, the blobs of its
/// batches included. `batcher` is the one as of the block before ([`Driver::batcher`]).
///
/// # Errors
/// Malformed deposits, and a blob that can't be had now: a batch that can't be read must not be taken
/// for none ([`TrackError::is_missing_blob`]).
pub async fn derivation_input(
    chain: &Chain,
    l1: &L1Client,
    batcher: Address,
    data: &L1BlockData,
) -> Result<L1Input, TrackError> {
    let config = chain.config();
    let batcher = batcher_in(data, config, batcher);
    let blobs = l1.batch_blobs(data, config, batcher).await?;
    input_with_blobs(config, chain.l1_config(), data, &blobs)
}

fn input_with_blobs(
    config: &ChainConfig,
    l1: &L1ChainConfig,
    data: &L1BlockData,
    blobs: &BatchBlobs,
) -> Result<L1Input, TrackError> {
    let transactions: Vec<L1Transaction> = data
        .transactions
        .iter()
        .filter(|tx| tx.to() == Some(config.batch_inbox_address))
        .filter_map(|tx| {
            Some(L1Transaction {
                tx_type: tx.envelope.tx_type().into(),
                to: tx.to(),
                sender: tx.sender()?,
                input: tx.input().clone(),
                blobs: blobs.of(tx.hash()).to_vec(),
            })
        })
        .collect();
    Ok(parse_l1_block(
        config,
        l1,
        &data.header,
        &transactions,
        &data.receipts,
    )?)
}

/// The L1 origin of canonical block `number`.
///
/// # Errors
/// Store errors, or a block that is missing or malformed.
pub fn origin_of(chain: &Chain, number: u64) -> Result<BlockNumHash, TrackError> {
    Ok(reference(chain, number)?.l1_origin)
}

fn reference(chain: &Chain, number: u64) -> Result<L2BlockRef, TrackError> {
    let block = chain.block(number)?.ok_or(TrackError::Missing { number })?;
    L2BlockRef::from_sealed(&block, &chain.config().genesis)
        .map_err(|source| TrackError::Block { number, source })
}

/// The newest canonical L2 block at or below `from` whose origin the L1 still holds.
///
/// # Errors
/// [`TrackError::OtherL1`] if not even the first origin exists; failed reads.
pub async fn newest_with_origin(
    chain: &Chain,
    l1: &L1Client,
    from: u64,
) -> Result<L2BlockRef, TrackError> {
    let mut number = from;
    let mut lost: Option<BlockNumHash> = None;
    loop {
        let block = match reference(chain, number) {
            // Somebody told a block that names no origin: it can't stay.
            Err(TrackError::Block { .. }) if number > chain.heads().finalized.number => {
                number -= 1;
                continue;
            }
            block => block?,
        };
        let origin = block.l1_origin;
        if lost != Some(origin) {
            let found = l1.header_by_number(origin.number).await?;
            if found.is_some_and(|header| header.hash() == origin.hash) {
                return Ok(block);
            }
            lost = Some(origin);
        }
        if number == 0 {
            return Err(TrackError::OtherL1 {
                number: origin.number,
                hash: origin.hash,
            });
        }
        number -= 1;
    }
}

/// Unwinds the unsafe blocks whose L1 origin is gone, down to the finalized head: what a verifier does,
/// which has nobody to build them again. Answers how many.
///
/// # Errors
/// As [`newest_with_origin`]; store errors.
pub async fn unwind_lost_origins(chain: &Arc<Chain>, l1: &L1Client) -> Result<usize, TrackError> {
    let head = chain.head().number;
    let newest = newest_with_origin(chain, l1, head).await?.number;
    if newest == head {
        return Ok(0);
    }
    let chain = chain.clone();
    let removed = tokio::task::spawn_blocking(move || {
        let to = newest.max(chain.heads().finalized.number);
        // Blocks that came meanwhile go as well.
        chain.unwind(to)
    })
    .await
    .map_err(|_| TrackError::Interrupted)??;
    warn!(
        blocks = removed.len(),
        to = newest,
        "unwound blocks whose L1 origin is gone"
    );
    Ok(removed.len())
}

/// A driver that derives what follows the safe head, as far as the L1 still holds its origin.
///
/// # Errors
/// [`TrackError`].
pub async fn start_driver(
    chain: &Arc<Chain>,
    l1: &L1Client,
    policy: OnContradiction,
) -> Result<Driver, TrackError> {
    let heads = chain.heads();
    let safe = newest_with_origin(chain, l1, heads.safe.number).await?;
    if safe.number < heads.safe.number {
        warn!(
            from = heads.safe.number,
            to = safe.number,
            "the safe head's L1 origin is gone"
        );
        let id = BlockNumHash {
            number: safe.number,
            hash: safe.hash,
        };
        let finalized = if heads.finalized.number > safe.number {
            id
        } else {
            heads.finalized
        };
        chain.set_heads(id, finalized)?;
    }
    let config = chain.config();
    let origin_timestamp = l1
        .header_by_number(safe.l1_origin.number)
        .await?
        .map_or(0, |header| header.timestamp);
    let start = l1_start_number(config, &safe, origin_timestamp);
    // The configuration as of the start: that of the newest L2 block whose origin is not after it.
    let mut number = safe.number;
    while number > 0 && origin_of(chain, number)?.number > start {
        number -= 1;
    }
    let block = chain.block(number)?.ok_or(TrackError::Missing { number })?;
    let system = system_config_of(&block.block, config)
        .map_err(|source| TrackError::Block { number, source })?;
    let header = l1
        .header_by_number(start)
        .await?
        .ok_or_else(|| L1Error::BlockNotFound {
            id: alloy_eips::BlockId::number(start),
        })?;
    let first = L1Block::from_header(&header, header.hash(), chain.l1_config());
    let pipeline = Pipeline::new(
        config.clone(),
        chain.l1_config().clone(),
        safe,
        system,
        first,
    );
    Ok(Driver::new(chain.clone(), pipeline, safe, policy))
}

/// Keeps safe and finalized heads until `shutdown`; an L1 that can't be reached is waited for.
pub async fn track(
    chain: Arc<Chain>,
    l1: L1Client,
    mut heads: watch::Receiver<L1Heads>,
    policy: OnContradiction,
    shutdown: CancellationToken,
) {
    let mut failing = false;
    while !shutdown.is_cancelled() {
        let outcome = tokio::select! {
            () = shutdown.cancelled() => return,
            outcome = run(&chain, &l1, &mut heads, policy, &mut failing) => outcome,
        };
        let Err(error) = outcome else { return };
        if error.is_reset() {
            info!(%error, "the L1 reorganized, derivation begins again");
            // Batches may be gone though every origin is there: what the safe head rests on is derived
            // again from the last block that can't be undone.
            if let Err(error) = lower_safe(&chain).await {
                warn!(%error, "the safe head can't be lowered");
            }
        } else if matches!(error, TrackError::Driver(DriverError::Contradiction { .. })) {
            error!(%error, "L1 holds other blocks than this chain: the safe head can't move");
        } else if !failing {
            failing = true;
            warn!(%error, "the safe head can't be followed, trying again");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

/// Lowers the safe head to the finalized one.
async fn lower_safe(chain: &Arc<Chain>) -> Result<(), TrackError> {
    let chain = chain.clone();
    tokio::task::spawn_blocking(move || {
        let finalized = chain.heads().finalized;
        chain.set_heads(finalized, finalized)
    })
    .await
    .map_err(|_| TrackError::Interrupted)?
    .map_err(TrackError::from)
}

/// Reads an L1 block for derivation. A missing blob is waited for here, for nothing that was derived is
/// wrong; the block is read anew each time, so that an L1 reorganization meanwhile is seen.
async fn read_input(
    chain: &Chain,
    l1: &L1Client,
    number: u64,
    batcher: Address,
) -> Result<L1Input, TrackError> {
    loop {
        let data = l1.block_with_receipts(number).await?;
        match derivation_input(chain, l1, batcher, &data).await {
            Err(error) if error.is_missing_blob() => tokio::time::sleep(RETRY).await,
            outcome => return outcome,
        }
    }
}

async fn run(
    chain: &Arc<Chain>,
    l1: &L1Client,
    heads: &mut watch::Receiver<L1Heads>,
    policy: OnContradiction,
    failing: &mut bool,
) -> Result<(), TrackError> {
    if policy == OnContradiction::Follow {
        unwind_lost_origins(chain, l1).await?;
    }
    let mut driver = start_driver(chain, l1, policy).await?;
    loop {
        // Derivation executes blocks: not on an async worker.
        let finalized = heads.borrow().finalized.as_ref().map(|head| head.number);
        let (returned, progress) = tokio::task::spawn_blocking(move || {
            let progress = finalized
                .map_or(Ok(()), |l1_number| driver.finalize(l1_number))
                .and_then(|()| driver.advance());
            (driver, progress)
        })
        .await
        .map_err(|_| TrackError::Interrupted)?;
        driver = returned;
        match progress? {
            Progress::Safe {
                block,
                l1,
                executed,
            } => {
                debug!(
                    block = block.number(),
                    l1_block = l1.number,
                    executed,
                    "block is safe"
                );
            }
            Progress::NeedL1 { number } => {
                while heads
                    .borrow_and_update()
                    .latest
                    .as_ref()
                    .is_none_or(|latest| latest.number < number)
                {
                    tokio::select! {
                        () = tokio::time::sleep(TICK) => {}
                        changed = heads.changed() => if changed.is_err() { return Ok(()) },
                    }
                }
                driver.feed(read_input(chain, l1, number, driver.batcher()).await?)?;
                if std::mem::take(failing) {
                    info!("the safe head can be followed again");
                }
            }
        }
    }
}
