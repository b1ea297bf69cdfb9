//! Whether the fees of the blocks that are posted pay for posting them.
//!
//! Posting costs ETH, and the blocks' transactions paid for it in OPEN. Over a window of time the one is
//! counted and the other is the growth of what the chain collected; at the window's end they are compared
//! at a rate that the operator gives. There is one comparison a window, and so at most one line in the log.

use crate::{BlockSource, OpenPerEth, SourceError};
use alloy_primitives::U256;
use std::time::Duration;
use tokio::time::Instant;

/// When costs are compared with fees, and at which rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostAlarm {
    /// OPEN that an ETH costs.
    pub open_per_eth: OpenPerEth,
    /// Time over which both are added up.
    pub interval: Duration,
}

impl CostAlarm {
    /// Time between comparisons unless said otherwise.
    pub const INTERVAL: Duration = Duration::from_secs(3_600);

    /// A comparison an hour.
    pub const fn at(open_per_eth: OpenPerEth) -> Self {
        Self {
            open_per_eth,
            interval: Self::INTERVAL,
        }
    }
}

/// What posting cost over a window, and what the blocks posted paid for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostingBalance {
    /// First and last L2 block that were posted in the window.
    pub blocks: (u64, u64),
    /// What their L1 transactions cost, wei of ETH.
    pub cost_wei: u128,
    /// The same at the rate, wei of OPEN.
    pub cost_open_wei: U256,
    /// What the blocks' transactions paid as L1 fee and operator fee, wei of OPEN.
    pub fees_open_wei: U256,
}

impl PostingBalance {
    /// Whether posting cost more than was paid for it.
    pub fn is_deficit(&self) -> bool {
        self.cost_open_wei > self.fees_open_wei
    }
}

/// Adds up costs until a window is over.
#[derive(Debug)]
pub(crate) struct CostWatch {
    alarm: CostAlarm,
    /// When the window began, and the last block that was posted before it.
    began: Option<(Instant, u64)>,
    cost_wei: u128,
}

/// Blocks whose fees are to be compared with the costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// The last block before them.
    pub(crate) after: u64,
    /// The last of them.
    pub(crate) to: u64,
}

impl CostWatch {
    pub(crate) const fn new(alarm: CostAlarm) -> Self {
        Self {
            alarm,
            began: None,
            cost_wei: 0,
        }
    }

    /// Counts what a transaction cost, whether or not it served.
    pub(crate) const fn add(&mut self, fee_wei: u128) {
        self.cost_wei = self.cost_wei.saturating_add(fee_wei);
    }

    /// The blocks to compare, if the window is over. `posted_to` is the last block that is on L1.
    pub(crate) fn due(&mut self, now: Instant, posted_to: u64) -> Option<Due> {
        let Some((began, after)) = self.began else {
            self.began = Some((now, posted_to));
            return None;
        };
        // What was posted may have left L1 again: then the window goes on until it is back.
        let is_over = now.duration_since(began) >= self.alarm.interval && posted_to > after;
        is_over.then_some(Due {
            after,
            to: posted_to,
        })
    }

    /// Compares, and begins the next window. `None` where the chain no longer knows what it had
    /// collected at the window's ends.
    pub(crate) fn settle(
        &mut self,
        now: Instant,
        due: Due,
        collected: Option<(U256, U256)>,
    ) -> Option<PostingBalance> {
        self.began = Some((now, due.to));
        let cost_wei = std::mem::take(&mut self.cost_wei);
        let (before, after) = collected?;
        Some(PostingBalance {
            blocks: (due.after.saturating_add(1), due.to),
            cost_wei,
            cost_open_wei: self.alarm.open_per_eth.open_wei(U256::from(cost_wei)),
            fees_open_wei: after.saturating_sub(before),
        })
    }

    pub(crate) const fn rate(&self) -> OpenPerEth {
        self.alarm.open_per_eth
    }
}

/// What the chain had collected before and after the blocks. Blocking.
pub(crate) fn collected(
    source: &dyn BlockSource,
    due: Due,
) -> Result<Option<(U256, U256)>, SourceError> {
    let before = source.fees_collected(due.after)?;
    let after = source.fees_collected(due.to)?;
    Ok(before.zip(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = CostAlarm::INTERVAL;

    fn watch(rate: &str) -> CostWatch {
        CostWatch::new(CostAlarm::at(rate.parse().unwrap()))
    }

    #[test]
    fn a_window_is_compared_once() {
        let mut watch = watch("2");
        let start = Instant::now();
        assert_eq!(watch.due(start, 10), None);
        watch.add(30);
        watch.add(20);
        assert_eq!(watch.due(start + HOUR / 2, 15), None);
        // Nothing was posted meanwhile: nothing to compare.
        assert_eq!(watch.due(start + HOUR, 10), None);
        // A reorg took blocks away.
        assert_eq!(watch.due(start + HOUR, 9), None);
        let due = Due { after: 10, to: 20 };
        assert_eq!(watch.due(start + HOUR, 20), Some(due));
        let collected = (U256::from(7), U256::from(106));
        let balance = watch.settle(start + HOUR, due, Some(collected)).unwrap();
        assert_eq!(balance.blocks, (11, 20));
        assert_eq!(
            (balance.cost_wei, balance.cost_open_wei),
            (50, U256::from(100))
        );
        assert_eq!(balance.fees_open_wei, U256::from(99));
        assert!(balance.is_deficit());

        // The next window begins with nothing.
        assert_eq!(watch.due(start + HOUR, 30), None);
        let due = Due { after: 20, to: 30 };
        assert_eq!(watch.due(start + 2 * HOUR, 30), Some(due));
        let collected = (U256::from(106), U256::from(106));
        let balance = watch
            .settle(start + 2 * HOUR, due, Some(collected))
            .unwrap();
        assert_eq!((balance.cost_wei, balance.fees_open_wei), (0, U256::ZERO));
        assert!(!balance.is_deficit(), "equal is enough");
    }

    #[test]
    fn what_is_no_longer_known_is_not_guessed() {
        let mut watch = watch("1");
        let start = Instant::now();
        watch.due(start, 1);
        watch.add(5);
        let due = watch.due(start + HOUR, 2).unwrap();
        assert_eq!(watch.settle(start + HOUR, due, None), None);
        assert_eq!(watch.due(start + HOUR, 2), None);
        let due = watch.due(start + 2 * HOUR, 3).unwrap();
        let balance = watch.settle(start, due, Some((U256::ZERO, U256::ZERO)));
        assert_eq!(balance.map(|balance| balance.cost_wei), Some(0));
    }
}
