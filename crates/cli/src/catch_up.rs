//! What comes first: a node that starts sees that its L1 is the right one, unwinds what the L1 no longer has the
//! origin of, and derives what the L1 holds of the chain.
//!
//! The node serves meanwhile. An L1 that can't be read, or a blob that nobody gives, is waited for, for ever if it
//! must be; `/health` says for what. Whoever builds, follows a feed or sends to L1 begins afterwards: what is built
//! on an older head than the L1 holds forks the chain.

use crate::{
    derivation::{derive, require_chain},
    one_line,
};
use anyhow::{Context, anyhow};
use openledger_builder::BuilderHandle;
use openledger_chain::{
    Chain, ChainEvent, GiveWay, OnContradiction, TrackError, l1_holds, newest_with_origin,
    unwind_lost_origins,
};
use openledger_l1::{L1Client, L1Error};
use openledger_protocol::L1Attributes;
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::sync::watch;
use tracing::{error, info, warn};

/// Pauses before the L1 is tried again: the first, and the longest.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(15);
/// How often is looked at what an attempt waits for.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// What a node waits for, in words for `/health`; `None` once it waits no more.
pub(crate) type Waits = watch::Receiver<Option<Arc<str>>>;

const BEGINS: &str = "starting: the L1 has not been read yet";
const DERIVES: &str = "starting: what the L1 holds is derived";
const L1_SILENT: &str = "starting: the L1 can't be read";
const BLOCK_MISSING: &str = "starting: a block that the L1 has can't be got";
const BLOB_MISSING: &str = "starting: a blob that the L1 commits to can't be got";
const NO_BLOBS: &str =
    "starting: batches are in blobs, and neither l1.beacon-url nor l1.blob-archive is given";
const CONTRADICTS_FINAL: &str = "starting: the L1 contradicts what is final";
const FAILS: &str = "starting: what the L1 holds can't be derived, see the log";

/// What was undone at the start because the L1 is older than the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovered {
    /// Blocks unwound.
    pub blocks: usize,
    /// Their transactions, which are queued again.
    pub transactions: usize,
}

/// The work that comes first.
pub(crate) struct CatchUp {
    chain: Arc<Chain>,
    client: L1Client,
    /// Who builds on the chain, and gives way until all is derived; `None` where nobody does.
    builder: Option<Arc<BuilderHandle>>,
    waits: watch::Sender<Option<Arc<str>>>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CaughtUp {
    /// Number of the newest L1 block that was derived from.
    pub(crate) l1_head: u64,
    /// What was undone, if anything.
    pub(crate) recovered: Option<Recovered>,
}

impl CatchUp {
    pub(crate) fn new(
        chain: Arc<Chain>,
        client: L1Client,
        builder: Option<Arc<BuilderHandle>>,
    ) -> (Self, Waits) {
        let (waits, told) = watch::channel(Some(BEGINS.into()));
        let catch_up = Self {
            chain,
            client,
            builder,
            waits,
        };
        (catch_up, told)
    }

    /// Does it, again and again until it is done. The caller tells so by [`Self::done`] when what waits for it has
    /// begun.
    ///
    /// # Errors
    /// An L1 that is another one than the chain's.
    pub(crate) async fn run(&self) -> anyhow::Result<CaughtUp> {
        let mut recovered = None;
        let mut pause = RETRY_MIN;
        loop {
            let before = (self.waits.borrow().clone(), self.chain.heads().safe);
            let error = match self.attempt(&mut recovered).await {
                Ok(l1_head) => {
                    let safe = self.chain.heads().safe;
                    info!(block = safe.number, hash = %safe.hash, "derived what the L1 holds");
                    return Ok(CaughtUp { l1_head, recovered });
                }
                Err(error) => error,
            };
            let reason = match kind(&error) {
                Kind::OtherL1 => return Err(error),
                Kind::Wait(reason) => reason,
            };
            tell(&self.waits, reason);
            if before != (self.waits.borrow().clone(), self.chain.heads().safe) {
                pause = RETRY_MIN;
            }
            if reason == CONTRADICTS_FINAL {
                let error = one_line(&error);
                error!(
                    error,
                    "the L1 contradicts what is final: the safe head can't move"
                );
            } else {
                warn!(
                    error = one_line(&error),
                    again_in_s = pause.as_secs(),
                    "what the L1 holds of the chain can't be derived yet, trying again"
                );
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    /// Tells that nothing is waited for any more.
    pub(crate) fn done(&self) {
        self.waits.send_replace(None);
    }

    async fn attempt(&self, recovered: &mut Option<Recovered>) -> anyhow::Result<u64> {
        require_chain(&self.client, self.chain.config().l1_chain_id).await?;
        // A block or a blob that is missing is waited for where it is read, so that it is told from here.
        let mut derived = pin!(self.derive_all(recovered));
        loop {
            tell(&self.waits, self.lacks());
            tokio::select! {
                derived = &mut derived => return derived,
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
        }
    }

    /// What an L1 that answers doesn't give.
    fn lacks(&self) -> &'static str {
        let blobs = self.client.blobs().map(|source| source.status());
        if blobs.is_some_and(|status| status.borrow().missing.is_some()) {
            BLOB_MISSING
        } else if self.client.lag_status().waiting.is_some() {
            BLOCK_MISSING
        } else {
            DERIVES
        }
    }

    /// Unwinds what lost its origin, and derives up to the L1's head; answers its number.
    async fn derive_all(&self, recovered: &mut Option<Recovered>) -> anyhow::Result<u64> {
        let mut policy = match &self.builder {
            None => {
                unwind_lost_origins(&self.chain, &self.client).await?;
                OnContradiction::Follow
            }
            Some(builder) => {
                if let Some(undone) = reorganize(&self.chain, &self.client, builder).await? {
                    let all = recovered.get_or_insert(Recovered {
                        blocks: 0,
                        transactions: 0,
                    });
                    all.blocks = all.blocks.saturating_add(undone.blocks);
                    all.transactions = all.transactions.saturating_add(undone.transactions);
                }
                OnContradiction::Report
            }
        };
        loop {
            let l1_head = self.client.latest().await?.number;
            let derived = derive(&self.chain, &self.client, policy, l1_head, |_| true).await;
            let Err(error) = derived else {
                return Ok(l1_head);
            };
            let contradicted = error
                .downcast_ref::<TrackError>()
                .and_then(TrackError::contradiction);
            let (Some(number), Some(builder)) = (contradicted, &self.builder) else {
                return Err(error);
            };
            warn!(
                error = one_line(&error),
                "L1 holds other blocks than this chain: giving way"
            );
            // A sequencer's blocks give way, such as those of one that was away past the sequencing window.
            let unwound = builder.give_way(number).await;
            unwound.map_err(|source| anyhow!("block {number} can't be unwound: {source}"))?;
            policy = OnContradiction::Follow;
        }
    }
}

fn tell(waits: &watch::Sender<Option<Arc<str>>>, reason: &'static str) {
    waits.send_if_modified(|told| {
        let is_new = told.as_deref() != Some(reason);
        if is_new {
            *told = Some(reason.into());
        }
        is_new
    });
}

/// What is done about a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing: the L1 is another one.
    OtherL1,
    /// Another attempt, after a pause, for this reason.
    Wait(&'static str),
}

fn kind(error: &anyhow::Error) -> Kind {
    let l1 = match error.downcast_ref::<TrackError>() {
        Some(TrackError::OtherL1 { .. }) => return Kind::OtherL1,
        Some(TrackError::FinalizedGone { .. }) => return Kind::Wait(CONTRADICTS_FINAL),
        Some(TrackError::L1(error)) => error,
        Some(error) if error.is_reading() => return Kind::Wait(L1_SILENT),
        // The L1 was reorganized meanwhile.
        Some(error) if error.is_reset() => return Kind::Wait(DERIVES),
        Some(_) => return Kind::Wait(FAILS),
        None => match error.downcast_ref::<L1Error>() {
            Some(error) => error,
            None => return Kind::Wait(FAILS),
        },
    };
    match l1 {
        L1Error::WrongChain { .. } => Kind::OtherL1,
        L1Error::Blobs(_) => Kind::Wait(BLOB_MISSING),
        L1Error::NoBlobSource { .. } => Kind::Wait(NO_BLOBS),
        _ => Kind::Wait(L1_SILENT),
    }
}

/// Has the builder unwind blocks whose origin the L1 does not have: its state may have been saved before the
/// chain's.
async fn reorganize(
    chain: &Arc<Chain>,
    client: &L1Client,
    builder: &BuilderHandle,
) -> anyhow::Result<Option<Recovered>> {
    let head = chain.head().number;
    let newest = newest_with_origin(chain, client, head).await?;
    if newest.number == head && open_origin_exists(chain, client).await? {
        return Ok(None);
    }
    let mut events = chain.subscribe();
    let mut transactions = chain.open_block().map_or(0, |open| {
        open.transactions
            .iter()
            .filter(|entry| !entry.transaction.is_deposit())
            .count()
    });
    let blocks = builder.reorganize(newest.l1_origin.number).await?;
    while let Ok(event) = events.try_recv() {
        if let ChainEvent::Unwound { removed, .. } = event {
            let bodies = removed
                .iter()
                .flat_map(|block| &block.block.body.transactions);
            transactions += bodies
                .filter(|transaction| !transaction.is_deposit())
                .count();
        }
    }
    Ok(Some(Recovered {
        blocks,
        transactions,
    }))
}

/// Whether the L1 has the origin of the open block, which the journal brought back; true if none is open.
async fn open_origin_exists(chain: &Chain, client: &L1Client) -> anyhow::Result<bool> {
    let Some(open) = chain.open_block() else {
        return Ok(true);
    };
    let Some(first) = open.attributes.transactions.first() else {
        return Ok(true);
    };
    let attributes =
        L1Attributes::from_deposit(first).context("the open block's first transaction")?;
    Ok(l1_holds(client, (attributes.number, attributes.hash).into()).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;
    use openledger_l1::BlobSourceError;

    #[test]
    fn only_another_l1_is_not_waited_for() {
        let absent = || L1Error::BlockNotFound {
            id: alloy_eips::BlockId::latest(),
        };
        let other = TrackError::OtherL1 {
            number: 5,
            hash: B256::ZERO,
        };
        let wrong = L1Error::WrongChain {
            expected: 1,
            actual: 2,
        };
        let gone = TrackError::FinalizedGone {
            number: 7,
            origin: 5,
            hash: B256::ZERO,
        };
        let blob = L1Error::Blobs(BlobSourceError::Interrupted);
        let unnamed = L1Error::NoBlobSource {
            number: 5,
            tx_hash: B256::ZERO,
        };
        for (error, expected) in [
            (anyhow::Error::from(other), Kind::OtherL1),
            (wrong.into(), Kind::OtherL1),
            (gone.into(), Kind::Wait(CONTRADICTS_FINAL)),
            (absent().into(), Kind::Wait(L1_SILENT)),
            (
                TrackError::Branches { number: 5 }.into(),
                Kind::Wait(L1_SILENT),
            ),
            (TrackError::L1(blob).into(), Kind::Wait(BLOB_MISSING)),
            (TrackError::L1(unnamed).into(), Kind::Wait(NO_BLOBS)),
            (TrackError::Interrupted.into(), Kind::Wait(FAILS)),
            (anyhow!("no disk"), Kind::Wait(FAILS)),
        ] {
            // As what it is about is told along.
            let error = error.context("L1 block 5");
            assert_eq!(kind(&error), expected, "{error:#}");
        }
    }
}
