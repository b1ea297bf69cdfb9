//! L1 origins: which of a chain's blocks the L1 still holds the origin of, and where derivation begins.
//!
//! That an origin is gone is proven by another L1 block at its height. An endpoint that has none there lags
//! behind, and is waited for.

use crate::{Chain, ChainError, Driver, OnContradiction, TrackError};
use openledger_derive::{Pipeline, l1_start_number};
use openledger_l1::{L1Client, L1Error};
use openledger_primitives::{BlockNumHash, SealedBlock, SealedHeader};
use openledger_protocol::{L1Block, L2BlockRef, system_config_of};
use openledger_store::SafeHead;
use std::sync::Arc;
use tracing::{info, warn};

/// The L1 origin of canonical block `number`.
///
/// # Errors
/// Store errors, or a block that is missing or malformed.
pub fn origin_of(chain: &Chain, number: u64) -> Result<BlockNumHash, TrackError> {
    Ok(reference(chain, number)?.l1_origin)
}

fn block(chain: &Chain, number: u64) -> Result<Arc<SealedBlock>, TrackError> {
    chain.block(number)?.ok_or(TrackError::Missing { number })
}

fn reference(chain: &Chain, number: u64) -> Result<L2BlockRef, TrackError> {
    let block = block(chain, number)?;
    L2BlockRef::from_sealed(&block, &chain.config().genesis)
        .map_err(|source| TrackError::Block { number, source })
}

/// Whether the L1 holds this block, which it held before; waits while no endpoint has any block of its
/// height.
///
/// # Errors
/// If no endpoint gives an answer that hashes to what it says.
pub async fn l1_holds(l1: &L1Client, block: BlockNumHash) -> Result<bool, L1Error> {
    match l1.existing_header(block.number).await {
        Ok(header) => Ok(header.hash() == block.hash),
        // Only the whole L1 says so: it went back to an older state.
        Err(error) if error.is_absence() => Ok(false),
        Err(error) => Err(error),
    }
}

/// The newest canonical L2 block at or below `from` whose origin the L1 still holds. Waits for endpoints
/// that lag behind the chain's origins.
///
/// # Errors
/// [`TrackError::OtherL1`] if the L1 has another block in place of the first origin,
/// [`TrackError::FinalizedGone`] if it has one in place of the finalized head's, unless the client is of the
/// [whole L1](L1Client::of_whole_l1), which may have been set back; failed reads.
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
                number = number.saturating_sub(1);
                continue;
            }
            block => block?,
        };
        let origin = block.l1_origin;
        if lost != Some(origin) {
            if l1_holds(l1, origin).await? {
                return Ok(block);
            }
            lost = Some(origin);
        }
        let Some(below) = number.checked_sub(1) else {
            return Err(TrackError::OtherL1 {
                number: origin.number,
                hash: origin.hash,
            });
        };
        if number <= chain.heads().finalized.number && !l1.is_whole_l1() {
            // It may be another L1 altogether, which says more.
            let first = origin_of(chain, 0)?;
            return Err(if l1_holds(l1, first).await? {
                TrackError::FinalizedGone {
                    number,
                    origin: origin.number,
                    hash: origin.hash,
                }
            } else {
                TrackError::OtherL1 {
                    number: first.number,
                    hash: first.hash,
                }
            });
        }
        number = below;
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

/// A driver that comes to what derivation from genesis would come to, however often it was begun again: it
/// goes on after the newest L1 block of which the store knows the safe head after it, and which the L1 still
/// holds. The safe head goes back to what it was then, the finalized head stays where it is.
///
/// # Errors
/// [`TrackError`].
pub async fn start_driver(
    chain: &Arc<Chain>,
    l1: &L1Client,
    policy: OnContradiction,
) -> Result<Driver, TrackError> {
    let (safe, derived_to) = resumption(chain, l1).await?;
    let heads = chain.heads();
    let id = BlockNumHash {
        number: safe.number,
        hash: safe.hash,
    };
    if id != heads.safe {
        info!(
            from = heads.safe.number,
            to = id.number,
            "the safe head goes back to where derivation begins again"
        );
        // A whole L1 that was set back takes even what it had finalized.
        let finalized = if heads.finalized.number > id.number {
            id
        } else {
            heads.finalized
        };
        chain.set_heads(id, finalized)?;
    }
    // A stop in the middle of an unwinding leaves some.
    let forgotten = chain.store().truncate_safe_heads(id.number);
    forgotten.map_err(ChainError::from)?;
    let origin = existing(l1, safe.l1_origin.number).await?;
    let config = chain.config();
    let start = l1_start_number(config, &safe, origin.timestamp);
    // The configuration as of the start: that of the newest L2 block whose origin is not after it.
    let mut number = safe.number;
    while number > 0 && origin_of(chain, number)?.number > start {
        number = number.saturating_sub(1);
    }
    let configuration = |number| {
        system_config_of(&block(chain, number)?.block, config)
            .map_err(|source| TrackError::Block { number, source })
    };
    let system = configuration(number)?;
    let safe_system = configuration(safe.number)?;
    let header = existing(l1, start).await?;
    let first = L1Block::from_header(&header, header.hash(), chain.l1_config());
    let pipeline = Pipeline::new(
        config.clone(),
        chain.l1_config().clone(),
        safe,
        safe_system,
        derived_to,
        system,
        first,
    );
    Ok(Driver::new(chain.clone(), pipeline, safe, policy))
}

/// Where derivation begins again: a safe block, not below the finalized one, and an L1 block after which it
/// was the newest.
async fn resumption(
    chain: &Chain,
    l1: &L1Client,
) -> Result<(L2BlockRef, BlockNumHash), TrackError> {
    let finalized = chain.heads().finalized.number;
    let lowest = if l1.is_whole_l1() { 0 } else { finalized };
    let store = chain.store();
    let mut below = u64::MAX;
    while let Some(known) = store.safe_head_at(below).map_err(ChainError::from)?
        && known.safe.number >= lowest
    {
        let SafeHead { l1: block, safe } = known;
        let ours = store.block_hash(safe.number).map_err(ChainError::from)?;
        if ours == Some(safe.hash) && l1_holds(l1, block).await? {
            return Ok((reference(chain, safe.number)?, block));
        }
        let Some(lower) = block.number.checked_sub(1) else {
            break;
        };
        below = lower;
    }
    // No L1 block that is left made anything safe: all is derived from genesis. Where that is final already,
    // the store was made without such records, and its origin is the best that is known.
    let safe = newest_with_origin(chain, l1, lowest).await?;
    Ok((safe, safe.l1_origin))
}

async fn existing(l1: &L1Client, number: u64) -> Result<SealedHeader, TrackError> {
    Ok(l1.existing_header(number).await?)
}
