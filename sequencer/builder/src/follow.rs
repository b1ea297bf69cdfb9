//! Follows the L1: keeps the [`OriginFeed`] filled, and has the chain unwound when the L1 reorganizes
//! origins away.

use crate::{BuilderHandle, OriginFeed};
use openledger_chain::{Chain, TrackError, l1_holds, l1_input, newest_with_origin, origin_of};
use openledger_l1::{L1Client, L1Heads};
use openledger_protocol::L1Attributes;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often the follower looks when the L1 says nothing new.
const TICK: Duration = Duration::from_millis(250);
/// How often it looks while the feed is full.
const FULL_TICK: Duration = Duration::from_millis(100);

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
        let latest = heads
            .borrow_and_update()
            .latest
            .as_ref()
            .map(|header| header.number);
        if let Some(latest) = latest {
            feed.set_l1_head(latest);
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
) -> Result<(), TrackError> {
    loop {
        let head = origin_of(chain, chain.head().number)?;
        // An origin that is not the feed's is lost, whoever noticed first.
        let lost = head.number > latest
            || feed
                .get(head.number)
                .is_some_and(|origin| origin.block.hash != head.hash);
        if lost {
            return reorganized(chain, l1, feed, builder).await;
        }
        if !feed.serves(head.number) {
            // The chain was unwound to an origin that the feed has let go of.
            feed.clear();
        }
        let Some(base) = feed.newest() else {
            // The feed starts at the head's own origin, which the first block needs whole.
            fetch(chain, l1, head.number, feed).await?;
            continue;
        };
        if base.number >= latest || feed.is_full() {
            // Another block at the same height is a reorganization; none there is an endpoint that lags,
            // unless the L1 is nothing but this endpoint.
            let gone = match l1.header_by_number(base.number).await? {
                Some(found) => found.hash() != base.hash,
                None => l1.is_whole_l1(),
            };
            if gone {
                return reorganized(chain, l1, feed, builder).await;
            }
            return Ok(());
        }
        if !fetch(chain, l1, base.number + 1, feed).await? {
            return reorganized(chain, l1, feed, builder).await;
        }
    }
}

/// Fetches L1 block `number` into the feed; `false` if it does not continue the feed.
async fn fetch(
    chain: &Chain,
    l1: &L1Client,
    number: u64,
    feed: &OriginFeed,
) -> Result<bool, TrackError> {
    let data = l1.block_with_receipts(number).await?;
    Ok(feed.push(l1_input(chain.config(), chain.l1_config(), &data)?))
}

/// Has the blocks unwound whose origins are gone, and begins the feed anew.
async fn reorganized(
    chain: &Arc<Chain>,
    l1: &L1Client,
    feed: &OriginFeed,
    builder: &BuilderHandle,
) -> Result<(), TrackError> {
    let ancestor = surviving_origin(chain, l1).await?;
    match builder.reorganize(ancestor).await {
        Ok(unwound) => warn!(ancestor, unwound, "the L1 reorganized"),
        Err(error) => warn!(ancestor, %error, "the L1 reorganized, but blocks can't be unwound"),
    }
    feed.clear();
    Ok(())
}

/// The newest L1 block that this chain names as an origin, the open block's included, and that the L1
/// still holds. Waits for endpoints that lag behind these.
///
/// # Errors
/// [`TrackError::OtherL1`] if not even the first origin exists; failed reads.
pub async fn surviving_origin(chain: &Chain, l1: &L1Client) -> Result<u64, TrackError> {
    if let Some(open) = chain.open_block()
        && let Some(first) = open.attributes.transactions.first()
        && let Ok(origin) = L1Attributes::from_deposit(first)
        && l1_holds(l1, (origin.number, origin.hash).into()).await?
    {
        return Ok(origin.number);
    }
    Ok(newest_with_origin(chain, l1, chain.head().number)
        .await?
        .l1_origin
        .number)
}
