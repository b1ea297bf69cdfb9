//! Whether the safe head follows what was posted, and stays ahead of what posting began behind.

use crate::{BatcherConfig, L1Point, RestartReason};
use alloy_eips::BlockNumHash;
use std::collections::VecDeque;

/// Confirmed channels that wait for the safe head, at most.
const AWAITED_MAX: usize = 1024;
/// Channels that the safe head has passed and that are remembered, at most: as many as a reorg may reach back.
const PASSED_MAX: usize = 256;
/// How often the time that the safe head gets is doubled.
const DOUBLINGS_MAX: u32 = 5;

/// A confirmed channel.
#[derive(Debug)]
struct Awaited {
    /// Its last block.
    to: BlockNumHash,
    /// The L1 block from which on the safe head's time counts.
    since: u64,
}

/// The confirmed channels whose blocks are not safe yet, and the last of those whose are.
#[derive(Debug)]
pub(super) struct SafeWatch {
    awaited: VecDeque<Awaited>,
    /// Last blocks of channels that were safe, oldest first.
    passed: VecDeque<BlockNumHash>,
    /// The safe head that was started over from, until it has moved on.
    began_at: Option<u64>,
    /// The safe head when it was last looked at.
    safe_number: u64,
    /// How often it stalled since it moved last.
    stalls: u32,
}

impl SafeWatch {
    pub(super) const fn new(safe_number: u64) -> Self {
        Self {
            awaited: VecDeque::new(),
            passed: VecDeque::new(),
            began_at: None,
            safe_number,
            stalls: 0,
        }
    }

    /// Begins anew at a safe head; how often it stalled is remembered.
    pub(super) fn restart(&mut self, safe_number: u64) {
        self.awaited.clear();
        self.passed.retain(|to| to.number <= safe_number);
        self.began_at = Some(safe_number);
        self.safe_number = safe_number;
    }

    /// How often the safe head stalled since it moved last.
    #[cfg(test)]
    pub(super) const fn stalls(&self) -> u32 {
        self.stalls
    }

    pub(super) fn is_full(&self) -> bool {
        self.awaited.len() >= AWAITED_MAX
    }

    /// Notes that a channel is complete in an L1 block.
    pub(super) fn expect(&mut self, to: BlockNumHash, included_in: u64) {
        self.awaited.push_back(Awaited {
            to,
            since: included_in,
        });
    }

    /// The last blocks of the channels, the newest first. The L1 has them, or gets them again from the sender.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = BlockNumHash> {
        let awaited = self.awaited.iter().rev().map(|channel| channel.to);
        awaited.chain(self.passed.iter().rev().copied())
    }

    /// Confirmed channels that wait for the safe head.
    #[cfg(test)]
    pub(super) fn awaited(&self) -> usize {
        self.awaited.len()
    }

    /// Forgets channels that end behind block `number`. The others get the whole time again: where L2
    /// was unwound, L1 was as a rule, and may include them in other blocks.
    pub(super) fn truncate(&mut self, number: u64, l1: L1Point) {
        self.awaited.retain(|channel| channel.to.number <= number);
        self.passed.retain(|to| to.number <= number);
        for channel in &mut self.awaited {
            channel.since = channel.since.max(l1.number);
        }
    }

    /// Looks at the safe head. Answers the reason to start over if it should be further.
    pub(super) fn look(
        &mut self,
        safe: BlockNumHash,
        l1: L1Point,
        config: &BatcherConfig,
    ) -> Option<RestartReason> {
        if safe.number > self.safe_number {
            self.stalls = 0;
        }
        self.safe_number = safe.number;
        if let Some(began_at) = self.began_at {
            // While the L1 reorganizes, the safe head may be lowered with the blocks only, and further once what
            // the L1 holds is derived again. What lies between is in no channel that is still right.
            if safe.number < began_at {
                return Some(RestartReason::SafeHeadBack {
                    safe: safe.number,
                    began_at,
                });
            }
            if safe.number > began_at {
                self.began_at = None;
            }
        }
        while let Some(channel) = self
            .awaited
            .pop_front_if(|channel| channel.to.number <= safe.number)
        {
            if self.passed.len() >= PASSED_MAX {
                self.passed.pop_front();
            }
            self.passed.push_back(channel.to);
        }
        let patience = config.safe_lag_max.saturating_mul(1 << self.stalls);
        let channel = self.awaited.front()?;
        if channel.since.saturating_add(patience) >= l1.number {
            return None;
        }
        self.stalls = self.stalls.saturating_add(1).min(DOUBLINGS_MAX);
        Some(RestartReason::SafeHeadStalled {
            safe: safe.number,
            expected: channel.to.number,
            l1_number: l1.number,
        })
    }
}
