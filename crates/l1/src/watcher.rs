use crate::{L1Client, L1Error, L1Tag, block::id_of, ring::HeaderRing};
use alloy_eips::BlockNumHash;
use openledger_primitives::SealedHeader;
use parking_lot::RwLock;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// Shortest and longest default interval between polls.
const POLL_INTERVAL_MIN: Duration = Duration::from_millis(500);
const POLL_INTERVAL_MAX: Duration = Duration::from_secs(6);
/// Polls in a row that may be answered by a head below the known one before that is worth a warning.
const LOWER_HEADS_TOLERATED: u32 = 4;

/// How the L1 is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatcherConfig {
    /// Time between polls.
    pub poll_interval: Duration,
    /// Longest time between polls while the L1 can't be reached.
    pub backoff_max: Duration,
    /// Headers that are kept: the deepest reorg whose common ancestor is found.
    pub ring_capacity: usize,
    /// Events that a subscriber may lag behind before it misses some.
    pub events_capacity: usize,
}

impl Default for WatcherConfig {
    fn default() -> Self {
        Self {
            poll_interval: POLL_INTERVAL_MIN,
            backoff_max: Duration::from_secs(30),
            ring_capacity: 256,
            events_capacity: 64,
        }
    }
}

impl WatcherConfig {
    /// The defaults for an L1 with this block time: two polls a block, within half a second and six.
    pub fn for_block_time(block_time: Duration) -> Self {
        let poll_interval = (block_time / 2).clamp(POLL_INTERVAL_MIN, POLL_INTERVAL_MAX);
        Self {
            poll_interval,
            ..Self::default()
        }
    }
}

/// The L1's heads as last seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct L1Heads {
    /// The newest block; `None` until the L1 has answered once.
    pub latest: Option<SealedHeader>,
    /// The newest safe block.
    pub safe: Option<SealedHeader>,
    /// The newest finalized block.
    pub finalized: Option<SealedHeader>,
    /// Whether the last poll was answered. If not, the heads are those of before the outage.
    pub reachable: bool,
}

/// A change of the canonical L1 chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum L1Event {
    /// The chain grew to this head, over blocks that all extend the head before.
    NewHead(BlockNumHash),
    /// Blocks that were canonical no longer are.
    Reorg {
        /// The newest block that both chains have; `None` if it is older than the headers kept.
        common_ancestor: Option<BlockNumHash>,
        /// The head before.
        old: BlockNumHash,
        /// The head now.
        new: BlockNumHash,
    },
}

/// Follows the L1's heads in a task of its own. Cheap to clone.
///
/// An outage is logged once when it begins and once when it ends; between these the last known
/// heads stay.
#[derive(Debug, Clone)]
pub struct L1Watcher {
    heads: watch::Receiver<L1Heads>,
    events: broadcast::Sender<L1Event>,
    ring: Arc<RwLock<HeaderRing>>,
}

impl L1Watcher {
    /// Starts the task, which runs until `shutdown`.
    pub fn spawn(
        client: L1Client,
        config: WatcherConfig,
        shutdown: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let (heads_sender, heads) = watch::channel(L1Heads::default());
        let events = broadcast::Sender::new(config.events_capacity.max(1));
        let ring = Arc::new(RwLock::new(HeaderRing::new(config.ring_capacity)));
        let task = Task {
            client,
            config,
            heads: heads_sender,
            events: events.clone(),
            ring: ring.clone(),
            lower_heads: 0,
            outage: None,
        };
        (
            Self {
                heads,
                events,
                ring,
            },
            tokio::spawn(task.run(shutdown)),
        )
    }

    /// The heads, and a signal when they change.
    pub fn heads(&self) -> watch::Receiver<L1Heads> {
        self.heads.clone()
    }

    /// Events from now on. A subscriber that lags is told so and reads [`heads`](Self::heads) and
    /// [`header`](Self::header) again.
    pub fn subscribe(&self) -> broadcast::Receiver<L1Event> {
        self.events.subscribe()
    }

    /// The canonical header at a height, if it is among those kept.
    pub fn header(&self, number: u64) -> Option<SealedHeader> {
        self.ring.read().get(number).cloned()
    }

    /// Numbers of the oldest and the newest header kept.
    pub fn kept(&self) -> Option<(u64, u64)> {
        let ring = self.ring.read();
        Some((ring.oldest()?.number, ring.tip()?.number))
    }
}

/// When an outage began and how often polling has failed since.
struct Outage {
    since: Instant,
    failures: u32,
}

struct Task {
    client: L1Client,
    config: WatcherConfig,
    heads: watch::Sender<L1Heads>,
    events: broadcast::Sender<L1Event>,
    ring: Arc<RwLock<HeaderRing>>,
    /// Polls in a row that were answered by a canonical head below the known one.
    lower_heads: u32,
    outage: Option<Outage>,
}

impl Task {
    async fn run(mut self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = self.poll() => {}
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(self.pause()) => {}
            }
        }
    }

    fn pause(&self) -> Duration {
        match &self.outage {
            None => self.config.poll_interval,
            Some(outage) => {
                let factor = 1_u32
                    .checked_shl(outage.failures.min(16))
                    .unwrap_or(u32::MAX);
                self.config
                    .poll_interval
                    .saturating_mul(factor)
                    .min(self.config.backoff_max)
            }
        }
    }

    async fn poll(&mut self) {
        match self.update().await {
            Ok(()) => {
                if let Some(outage) = self.outage.take() {
                    let outage_ms = outage.since.elapsed().as_millis();
                    tracing::info!(outage_ms, "l1 is reachable again");
                }
            }
            Err(error) => {
                let outage = self.outage.get_or_insert_with(|| {
                    tracing::warn!(%error, "l1 is not reachable: its last known heads stay");
                    Outage {
                        since: Instant::now(),
                        failures: 0,
                    }
                });
                outage.failures = outage.failures.saturating_add(1);
                self.heads
                    .send_if_modified(|heads| std::mem::replace(&mut heads.reachable, false));
            }
        }
    }

    async fn update(&mut self) -> Result<(), L1Error> {
        if let Some(latest) = self.newest().await? {
            self.follow(latest).await?;
        }
        let safe = self.client.header_by_tag(L1Tag::Safe).await?;
        let finalized = self.client.header_by_tag(L1Tag::Finalized).await?;
        let latest = self.ring.read().tip().cloned();
        self.heads.send_if_modified(|heads| {
            let next = L1Heads {
                safe: later(heads.safe.clone(), safe, latest.as_ref()),
                finalized: later(heads.finalized.clone(), finalized, latest.as_ref()),
                latest,
                reachable: true,
            };
            let changed = *heads != next;
            *heads = next;
            changed
        });
        Ok(())
    }

    /// The L1's newest header; `None` while every endpoint is behind what was seen before.
    ///
    /// A head below the known one is that of an endpoint that lags, unless it is another block than the
    /// one that was seen at its height: then the L1 is shorter because it was reorganized.
    async fn newest(&mut self) -> Result<Option<SealedHeader>, L1Error> {
        let known = self.ring.read().tip().map_or(0, |tip| tip.number);
        if self.client.is_whole_l1() {
            return self.client.latest().await.map(Some);
        }
        match self.client.latest_from(known).await {
            Ok(header) => {
                self.lower_heads = 0;
                return Ok(Some(header));
            }
            Err(L1Error::Behind { .. }) => {}
            Err(error) => return Err(error),
        }
        let answered = self.client.latest().await?;
        let kept = self
            .ring
            .read()
            .get(answered.number)
            .map(SealedHeader::hash);
        if answered.number >= known || kept.is_some_and(|kept| kept != answered.hash()) {
            return Ok(Some(answered));
        }
        self.lower_heads = self.lower_heads.saturating_add(1);
        if self.lower_heads == LOWER_HEADS_TOLERATED {
            tracing::warn!(
                answered = answered.number,
                known,
                "l1 endpoints are behind what they said before: waiting for them"
            );
        }
        Ok(None)
    }

    /// Brings the ring to a new head and tells subscribers what happened.
    async fn follow(&mut self, head: SealedHeader) -> Result<(), L1Error> {
        let Some(old) = self.ring.read().tip().map(id_of) else {
            self.ring.write().adopt(None, [head.clone()]);
            self.announce(L1Event::NewHead(id_of(&head)));
            return Ok(());
        };
        let new = id_of(&head);
        if new == old {
            self.lower_heads = 0;
            return Ok(());
        }
        if self.ring.read().contains(new.number, new.hash) {
            // Only the whole L1 answers a head below the known one here.
            self.lower_heads = self.lower_heads.saturating_add(1);
            if self.lower_heads <= LOWER_HEADS_TOLERATED {
                return Ok(());
            }
            self.ring.write().adopt(Some(new), []);
            self.lower_heads = 0;
            self.announce(L1Event::Reorg {
                common_ancestor: Some(new),
                old,
                new,
            });
            return Ok(());
        }
        self.lower_heads = 0;

        let (ancestor, branch) = self.branch_to(head).await?;
        match ancestor {
            Some(ancestor) => {
                self.ring.write().adopt(Some(ancestor), branch);
                self.announce(if ancestor == old {
                    L1Event::NewHead(new)
                } else {
                    L1Event::Reorg {
                        common_ancestor: Some(ancestor),
                        old,
                        new,
                    }
                });
            }
            None => {
                // More blocks passed than are kept. By height: which of ours are still canonical?
                let ancestor = self.canonical_below(new.number).await?;
                self.ring.write().adopt(None, branch);
                self.announce(if ancestor == Some(old) {
                    L1Event::NewHead(new)
                } else {
                    L1Event::Reorg {
                        common_ancestor: ancestor,
                        old,
                        new,
                    }
                });
            }
        }
        Ok(())
    }

    /// Walks back from `head` to a block in the ring: that block, and the headers above it in
    /// ascending order. `None` where the walk came to its bound, the ring's capacity.
    async fn branch_to(
        &self,
        head: SealedHeader,
    ) -> Result<(Option<BlockNumHash>, Vec<SealedHeader>), L1Error> {
        let (oldest, capacity) = {
            let ring = self.ring.read();
            (
                ring.oldest().map_or(0, |header| header.number),
                ring.capacity(),
            )
        };
        let mut branch = vec![head];
        loop {
            let Some(first) = branch.last() else {
                return Ok((None, branch));
            };
            let parent_hash = first.parent_hash;
            let Some(parent_number) = first.number.checked_sub(1) else {
                break;
            };
            if self.ring.read().contains(parent_number, parent_hash) {
                branch.reverse();
                return Ok((
                    Some(BlockNumHash {
                        number: parent_number,
                        hash: parent_hash,
                    }),
                    branch,
                ));
            }
            if parent_number < oldest || branch.len() >= capacity {
                break;
            }
            let parent =
                self.client
                    .header_by_hash(parent_hash)
                    .await?
                    .ok_or(L1Error::BlockNotFound {
                        id: parent_hash.into(),
                    })?;
            branch.push(parent);
        }
        branch.reverse();
        Ok((None, branch))
    }

    /// The newest kept block at or below `number` that the L1 still has at its height, by bisection:
    /// if a block is canonical, so are all before it.
    async fn canonical_below(&self, number: u64) -> Result<Option<BlockNumHash>, L1Error> {
        let kept: Vec<BlockNumHash> = {
            let ring = self.ring.read();
            let (Some(oldest), Some(tip)) = (ring.oldest(), ring.tip()) else {
                return Ok(None);
            };
            (oldest.number..=tip.number.min(number))
                .filter_map(|number| ring.get(number).map(id_of))
                .collect()
        };
        let (mut low, mut high) = (0, kept.len());
        while low < high {
            let middle = low.midpoint(high);
            let canonical = self.client.existing_header(kept[middle].number).await?;
            if canonical.hash() == kept[middle].hash {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low.checked_sub(1).map(|last| kept[last]))
    }

    fn announce(&self, event: L1Event) {
        if let L1Event::Reorg {
            common_ancestor,
            old,
            new,
        } = &event
        {
            tracing::warn!(
                ancestor = common_ancestor.map(|block| block.number),
                old_number = old.number,
                old_hash = %old.hash,
                new_number = new.number,
                new_hash = %new.hash,
                "l1 reorganised"
            );
        }
        // Nobody listening is no failure.
        let _ = self.events.send(event);
    }
}

/// The later of two safe (or finalized) blocks: an endpoint that lags must not move it back. Where
/// the chain itself is shorter than the known one, what the L1 says holds.
fn later(
    known: Option<SealedHeader>,
    answered: Option<SealedHeader>,
    latest: Option<&SealedHeader>,
) -> Option<SealedHeader> {
    match (known, answered) {
        (Some(known), Some(answered)) => {
            let still_there = latest.is_some_and(|latest| latest.number >= known.number);
            Some(if still_there && answered.number < known.number {
                known
            } else {
                answered
            })
        }
        (known, None) => known,
        (None, answered) => answered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openledger_primitives::Header;

    fn header(number: u64) -> SealedHeader {
        SealedHeader::new(Header {
            number,
            ..Default::default()
        })
    }

    #[test]
    fn a_lagging_endpoint_moves_no_head_back() {
        let latest = header(20);
        assert_eq!(
            later(Some(header(8)), Some(header(6)), Some(&latest)),
            Some(header(8))
        );
        assert_eq!(
            later(Some(header(8)), Some(header(9)), Some(&latest)),
            Some(header(9))
        );
        assert_eq!(later(Some(header(8)), None, Some(&latest)), Some(header(8)));
        assert_eq!(later(None, Some(header(6)), Some(&latest)), Some(header(6)));
        // A local L1 that was restored from an older state.
        assert_eq!(
            later(Some(header(8)), Some(header(2)), Some(&header(5))),
            Some(header(2))
        );
    }

    #[test]
    fn two_polls_a_block_within_bounds() {
        let interval =
            |seconds| WatcherConfig::for_block_time(Duration::from_secs(seconds)).poll_interval;
        assert_eq!(interval(0), Duration::from_millis(500));
        assert_eq!(interval(2), Duration::from_secs(1));
        assert_eq!(interval(12), Duration::from_secs(6));
        assert_eq!(interval(600), Duration::from_secs(6));
    }
}
