//! Follows the L1: keeps the [`OriginFeed`] filled, and has the chain unwound when the L1 reorganizes
//! origins away.

use crate::{BuilderHandle, Origin, OriginFeed};
use alloy_consensus::TxReceipt;
use openledger_chain::{Chain, ChainError};
use openledger_l1::{L1BlockData, L1Client, L1Error, L1Heads};
use openledger_primitives::{BlockNumHash, ChainConfig, L1ChainConfig, Transaction};
use openledger_protocol::{
    CONFIG_UPDATE_TOPIC, ConfigUpdate, L1Attributes, L1Block, TRANSACTION_DEPOSITED_TOPIC,
    decode_deposit,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often the follower looks when the L1 says nothing new.
const TICK: Duration = Duration::from_millis(250);
/// How often it looks while the feed is full.
const FULL_TICK: Duration = Duration::from_millis(20);

/// Why the L1 can't be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The L1 could not be read.
    #[error("L1: {0}")]
    L1(#[from] L1Error),
    /// The chain could not be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
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
}

/// What an L2 block needs of an L1 block.
pub fn origin(config: &ChainConfig, l1: &L1ChainConfig, data: &L1BlockData) -> Origin {
    let mut deposits: Vec<Transaction> = Vec::new();
    let mut config_updates = Vec::new();
    let mut log_index = 0u64;
    for receipt in &data.receipts {
        for log in receipt.logs() {
            let index = log_index;
            log_index += 1;
            // Logs of reverted transactions don't exist; a receipt with status 0 holds none.
            let Some(topic) = log.topics().first() else { continue };
            if log.address == config.deposit_contract_address
                && *topic == TRANSACTION_DEPOSITED_TOPIC
            {
                match decode_deposit(log, data.hash, index) {
                    Ok(deposit) => deposits.push(deposit.into()),
                    Err(error) => {
                        warn!(l1_block = data.header.number, index, %error, "deposit log skipped");
                    }
                }
            } else if log.address == config.l1_system_config_address && *topic == CONFIG_UPDATE_TOPIC
            {
                match ConfigUpdate::decode(log) {
                    Ok(update) => config_updates.push(update),
                    Err(error) => {
                        warn!(l1_block = data.header.number, index, %error, "configuration update skipped");
                    }
                }
            }
        }
    }
    Origin {
        block: L1Block::from_header(&data.header, data.hash, l1),
        deposits,
        config_updates,
    }
}

/// The newest L1 block that both the L2 chain names and the L1 still holds, if that is not the unsafe
/// head's origin; `None` if nothing was reorganized.
///
/// # Errors
/// [`FollowError::OtherL1`] if not even the first origin exists; failed reads.
pub async fn common_ancestor(chain: &Chain, l1: &L1Client) -> Result<Option<u64>, FollowError> {
    let mut number = chain.head().number;
    let mut checked: Option<(u64, bool)> = None;
    let newest = origin_of(chain, number)?;
    loop {
        let named = origin_of(chain, number)?;
        let canonical = match checked {
            Some((origin, canonical)) if origin == named.number => canonical,
            _ => l1
                .header_by_number(named.number)
                .await?
                .is_some_and(|header| header.hash() == named.hash),
        };
        checked = Some((named.number, canonical));
        if canonical {
            return Ok((named != newest).then_some(named.number));
        }
        if number == 0 {
            return Err(FollowError::OtherL1 { number: named.number, hash: named.hash });
        }
        number -= 1;
    }
}

/// The L1 origin of canonical block `number`.
fn origin_of(chain: &Chain, number: u64) -> Result<BlockNumHash, ChainError> {
    let genesis: BlockNumHash = chain.config().genesis.l1.into();
    let attributes = chain.block(number)?.and_then(|block| {
        L1Attributes::from_deposit(block.block.body.transactions.first()?).ok()
    });
    Ok(attributes.map_or(genesis, |attributes| BlockNumHash {
        number: attributes.number,
        hash: attributes.hash,
    }))
}

/// Fills `feed` until `shutdown`. An L1 that can't be reached is waited for.
pub async fn follow(
    chain: Arc<Chain>,
    l1: L1Client,
    mut heads: watch::Receiver<L1Heads>,
    feed: Arc<OriginFeed>,
    builder: Arc<BuilderHandle>,
    shutdown: CancellationToken,
) {
    let mut reachable = true;
    loop {
        let latest = heads.borrow_and_update().latest.as_ref().map(|header| header.number);
        if let Some(latest) = latest {
            match advance(&chain, &l1, latest, &feed, &builder).await {
                Ok(()) if !reachable => {
                    reachable = true;
                    info!("the L1 can be read again");
                }
                Ok(()) => {}
                Err(error) => {
                    if reachable {
                        warn!(%error, "the L1 can't be followed, trying again");
                    }
                    reachable = false;
                }
            }
        }
        let tick = if feed.is_full() { FULL_TICK } else { TICK };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(tick) => {}
            changed = heads.changed() => if changed.is_err() { return },
        }
    }
}

async fn advance(
    chain: &Arc<Chain>,
    l1: &L1Client,
    latest: u64,
    feed: &OriginFeed,
    builder: &BuilderHandle,
) -> Result<(), FollowError> {
    loop {
        if feed.is_full() {
            return Ok(());
        }
        let base = match feed.newest() {
            Some(newest) => newest,
            None => {
                let head = origin_of(chain, chain.head().number)?;
                // The feed starts at the head's own origin, which the first block needs whole.
                if !fetch(chain, l1, head.number, feed).await? {
                    return reorganized(chain, l1, feed, builder).await;
                }
                let newest = feed.newest().filter(|newest| *newest == head);
                match newest {
                    Some(newest) => newest,
                    None => return reorganized(chain, l1, feed, builder).await,
                }
            }
        };
        if base.number >= latest {
            // A shorter L1, or another block at the same height, is a reorganization.
            if l1.header_by_number(base.number).await?.is_none_or(|found| found.hash() != base.hash) {
                return reorganized(chain, l1, feed, builder).await;
            }
            return Ok(());
        }
        if !fetch(chain, l1, base.number + 1, feed).await? {
            return reorganized(chain, l1, feed, builder).await;
        }
    }
}

/// Fetches L1 block `number` into the feed; `false` if it does not exist or does not continue the feed.
async fn fetch(
    chain: &Chain,
    l1: &L1Client,
    number: u64,
    feed: &OriginFeed,
) -> Result<bool, FollowError> {
    let data = match l1.block_with_receipts(number).await {
        Ok(data) => data,
        Err(L1Error::BlockNotFound { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    Ok(feed.push(origin(chain.config(), chain.l1_config(), &data)))
}

async fn reorganized(
    chain: &Arc<Chain>,
    l1: &L1Client,
    feed: &OriginFeed,
    builder: &BuilderHandle,
) -> Result<(), FollowError> {
    feed.clear();
    // The open block may name a lost origin even where no sealed one does.
    let ancestor = match common_ancestor(chain, l1).await? {
        Some(ancestor) => ancestor,
        None => origin_of(chain, chain.head().number)?.number,
    };
    let unwound = builder.reorganize(ancestor).await;
    warn!(ancestor, unwound, "the L1 reorganized");
    Ok(())
}
