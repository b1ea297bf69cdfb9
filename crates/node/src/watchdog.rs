use crate::FeedTrouble;
use openledger_chain::Chain;
use openledger_l1::L1Heads;
use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// How often the heads are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// What is taken for a stall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchdogConfig {
    /// How long the L1 may not answer, or not have a new block.
    pub l1_silence_max: Duration,
    /// How long the safe head may stand while the L1 goes on. The batcher posts far more often, and after
    /// the sequencing window the chain moves without it.
    pub safe_silence_max: Duration,
    /// How long the finalized head may stand while the L1 finalizes blocks.
    pub finalized_silence_max: Duration,
    /// How long the feed may be in trouble.
    pub feed_silence_max: Duration,
}

/// How long the feed may be in trouble unless told otherwise: its server may be started again.
const FEED_SILENCE_MAX: Duration = Duration::from_secs(60);

impl WatchdogConfig {
    /// Limits for an L1 with blocks every `l1_block_time` and a batcher that posts at least every
    /// `batch_interval`.
    pub fn for_intervals(l1_block_time: Duration, batch_interval: Duration) -> Self {
        // Slots without a block are usual, and several in a row happen.
        let l1_silence_max = l1_block_time
            .saturating_mul(20)
            .max(Duration::from_secs(60));
        let safe_silence_max = batch_interval.saturating_mul(3).max(l1_silence_max);
        Self {
            l1_silence_max,
            safe_silence_max,
            // Two epochs of 32 slots in good times.
            finalized_silence_max: safe_silence_max
                .saturating_add(l1_block_time.saturating_mul(32 * 4)),
            feed_silence_max: FEED_SILENCE_MAX,
        }
    }
}

/// The heads and the feed at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observation {
    /// Number of the newest L1 block.
    pub l1: u64,
    /// Number of the newest finalized L1 block.
    pub l1_finalized: u64,
    /// Number of the safe head.
    pub safe: u64,
    /// Number of the finalized head.
    pub finalized: u64,
    /// What is wrong with the feed; `None` while it is well, or where none is followed.
    pub feed: Option<FeedTrouble>,
}

/// Judges whether the heads move as they should. Pure: the caller brings the time.
#[derive(Debug, Clone)]
pub struct Watchdog {
    config: WatchdogConfig,
    last: Observation,
    l1_moved: Instant,
    /// Since when the head stands although its L1 moved; `None` while there is nothing to wait for.
    safe_due: Option<Instant>,
    finalized_due: Option<Instant>,
    /// Since when the feed is in trouble.
    feed_failing: Option<Instant>,
}

impl Watchdog {
    /// A watchdog that begins at `now`.
    pub const fn new(config: WatchdogConfig, first: Observation, now: Instant) -> Self {
        Self {
            config,
            last: first,
            l1_moved: now,
            safe_due: None,
            finalized_due: None,
            feed_failing: None,
        }
    }

    /// Takes in what is seen at `now` and answers what stands still, in words for an operator.
    pub fn observe(&mut self, seen: Observation, now: Instant) -> Option<&'static str> {
        if seen.l1 != self.last.l1 {
            self.l1_moved = now;
        }
        // An L1 reorganization moves heads backwards; that is movement as well.
        self.safe_due = due(
            self.safe_due,
            seen.safe != self.last.safe,
            seen.l1 != self.last.l1,
            now,
        );
        self.finalized_due = due(
            self.finalized_due,
            seen.finalized != self.last.finalized,
            seen.l1_finalized != self.last.l1_finalized,
            now,
        );
        self.feed_failing = match seen.feed {
            None => None,
            Some(_) => self.feed_failing.or(Some(now)),
        };
        self.last = seen;
        let over = |since: Option<Instant>, max| since.is_some_and(|since| now - since > max);
        if over(Some(self.l1_moved), self.config.l1_silence_max) {
            return Some("the L1 has no new block, or doesn't answer");
        }
        if over(self.safe_due, self.config.safe_silence_max) {
            return Some("the safe head stands still while the L1 goes on");
        }
        if over(self.finalized_due, self.config.finalized_silence_max) {
            return Some("the finalized head stands still while the L1 finalizes blocks");
        }
        if over(self.feed_failing, self.config.feed_silence_max) {
            return seen.feed;
        }
        None
    }
}

/// Since when a head is due: from the first movement of what it follows that it doesn't answer.
fn due(since: Option<Instant>, moved: bool, source_moved: bool, now: Instant) -> Option<Instant> {
    if moved {
        return None;
    }
    since.or(source_moved.then_some(now))
}

/// What stands still, `None` while all is well; and the watching, which the caller runs: it ends at
/// `shutdown`. `feed` tells what is wrong with the feed, where one is followed.
pub fn watch(
    chain: Arc<Chain>,
    l1: watch::Receiver<L1Heads>,
    feed: Option<watch::Receiver<Option<FeedTrouble>>>,
    config: WatchdogConfig,
    shutdown: CancellationToken,
) -> (
    watch::Receiver<Option<Arc<str>>>,
    impl Future<Output = ()> + Send + 'static,
) {
    let (sender, receiver) = watch::channel(None);
    let watching = async move {
        let observe = || observe(&chain, &l1, feed.as_ref());
        let mut watchdog = Watchdog::new(config, observe(), Instant::now());
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            let stall = watchdog.observe(observe(), Instant::now());
            sender.send_if_modified(|told: &mut Option<Arc<str>>| {
                if told.as_deref() == stall {
                    return false;
                }
                match stall {
                    Some(stall) => error!(stall, "not well"),
                    None => info!("well again"),
                }
                *told = stall.map(Into::into);
                true
            });
        }
    };
    (receiver, watching)
}

fn observe(
    chain: &Chain,
    l1: &watch::Receiver<L1Heads>,
    feed: Option<&watch::Receiver<Option<FeedTrouble>>>,
) -> Observation {
    let heads = chain.heads();
    let l1 = l1.borrow();
    let number = |header: &Option<openledger_primitives::SealedHeader>| {
        header.as_ref().map_or(0, |header| header.number)
    };
    Observation {
        l1: number(&l1.latest),
        l1_finalized: number(&l1.finalized),
        safe: heads.safe.number,
        finalized: heads.finalized.number,
        feed: feed.and_then(|trouble| *trouble.borrow()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: WatchdogConfig = WatchdogConfig {
        l1_silence_max: Duration::from_secs(60),
        safe_silence_max: Duration::from_secs(100),
        finalized_silence_max: Duration::from_secs(200),
        feed_silence_max: Duration::from_secs(30),
    };

    /// Judges once a second while `heads` gives what is seen; the seconds and words of each change.
    fn run(seconds: u64, heads: impl Fn(u64) -> Observation) -> Vec<(u64, Option<&'static str>)> {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(CONFIG, heads(0), start);
        let mut told = vec![];
        let mut last = None;
        for second in 1..=seconds {
            let said = watchdog.observe(heads(second), start + Duration::from_secs(second));
            if said != last {
                told.push((second, said));
                last = said;
            }
        }
        told
    }

    #[test]
    fn heads_that_move_are_well() {
        let said = run(2_000, |second| Observation {
            l1: second / 12,
            l1_finalized: second / 384,
            safe: second / 50,
            finalized: second / 390,
            // Its server is started again now and then.
            feed: (second % 100 < 25).then_some("in trouble"),
        });
        assert_eq!(said, []);
    }

    #[test]
    fn an_l1_without_blocks_is_told_and_forgiven() {
        let said = run(300, |second| Observation {
            l1: if (100..200).contains(&second) {
                99
            } else {
                second
            },
            safe: second,
            ..Observation::default()
        });
        assert_eq!(said.len(), 2, "{said:?}");
        assert_eq!(said[0].0, 99 + 61);
        assert!(said[0].1.unwrap().contains("L1"));
        assert_eq!(said[1], (200, None));
    }

    #[test]
    fn a_safe_head_that_stands_is_told_only_while_the_l1_moves() {
        let said = run(500, |second| Observation {
            l1: second / 12,
            ..Observation::default()
        });
        // The first L1 block after the start makes the safe head due.
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(said[0].0, 12 + 101);
        assert!(said[0].1.unwrap().contains("safe head"));
    }

    #[test]
    fn a_finalized_head_that_stands_is_told() {
        let said = run(600, |second| Observation {
            l1: second / 12,
            l1_finalized: second / 100,
            safe: second / 12,
            finalized: 0,
            ..Observation::default()
        });
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(said[0].0, 100 + 201);
        assert!(said[0].1.unwrap().contains("finalized"));
    }

    #[test]
    fn a_dead_feed_is_told_with_its_trouble_and_forgiven() {
        let said = run(200, |second| Observation {
            l1: second,
            safe: second,
            feed: match second {
                0..50 => None,
                50..60 => Some("the connection ended"),
                60..150 => Some("it can't be connected to"),
                _ => None,
            },
            ..Observation::default()
        });
        assert_eq!(
            said,
            [(50 + 31, Some("it can't be connected to")), (150, None)]
        );
    }

    #[test]
    fn a_reorganization_is_movement() {
        let said = run(200, |second| Observation {
            l1: second,
            safe: if second % 80 == 0 { 5 } else { 6 },
            ..Observation::default()
        });
        assert_eq!(said, []);
    }
}
