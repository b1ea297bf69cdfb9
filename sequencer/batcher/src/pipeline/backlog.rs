//! How much waits for L1, for how long, and what would carry it.

use super::Pipeline;
use crate::{L1Point, costs, open_channel::OpenChannel};
use openledger_l1::Carrier;

/// How much a newly read block counts in the mean of block sizes, as a part of one.
const MEAN_PART: u64 = 32;

impl Pipeline {
    pub(super) fn count(&mut self, bytes: usize) {
        let mean = self.mean_block_bytes.saturating_mul(MEAN_PART - 1);
        self.mean_block_bytes = mean.saturating_add(bytes as u64).div_ceil(MEAN_PART);
    }

    /// Bytes of transactions that are sealed below `head` and not on L1; what was not read yet is
    /// estimated.
    pub(crate) fn backlog_bytes(&self, head: u64) -> u64 {
        let unread = head.saturating_sub(self.cursor.number);
        let held: usize = self
            .closed
            .iter()
            .map(|channel| channel.range.tx_bytes)
            .chain(self.open.as_ref().map(OpenChannel::tx_bytes))
            .fold(0, usize::saturating_add);
        unread
            .saturating_mul(self.mean_block_bytes)
            .saturating_add(held as u64)
    }

    /// L1 blocks that are left of the sequencing window of the oldest block that is in a channel and
    /// not on L1; `None` if there is none.
    pub(crate) fn window_left(&self, l1: L1Point) -> Option<u64> {
        let closed = self.closed.front().map(|channel| channel.range.first_epoch);
        let first_epoch = closed.or(self.open.as_ref().map(|open| open.first_epoch))?;
        let end = first_epoch.saturating_add(self.config.chain.seq_window_size);
        Some(end.saturating_sub(l1.number))
    }

    /// Seconds since the oldest channel that is not on L1 was closed.
    pub(crate) fn waited(&self, l1: L1Point) -> u64 {
        self.closed
            .front()
            .map_or(0, |channel| l1.timestamp.saturating_sub(channel.closed_at))
    }

    /// Compressed bytes that are closed and not on L1, about.
    pub(crate) fn closed_bytes(&self) -> usize {
        self.closed
            .iter()
            .map(|channel| channel.compressed_bytes)
            .fold(0, usize::saturating_add)
    }

    /// What the oldest channel that is not on L1 would be carried in if it were posted now.
    pub(crate) fn better_carrier(&self, l1: L1Point) -> Carrier {
        let usual = self.config.channel_bytes_target(Carrier::Blobs);
        let bytes = self
            .closed
            .front()
            .map(|channel| channel.compressed_bytes)
            // Unknown of one that an earlier run has sent.
            .filter(|bytes| *bytes > 0);
        costs::choose(&self.config, l1, bytes.unwrap_or(usual), self.carrier)
    }

    /// What carries the oldest channel that is not on L1, or carried the last if there is none.
    pub(crate) fn oldest_carrier(&self) -> Option<Carrier> {
        let oldest = self.closed.front().map(|channel| channel.carrier);
        oldest.or(self.carrier)
    }

    /// What carried the last channel.
    pub(crate) const fn carrier(&self) -> Option<Carrier> {
        self.carrier
    }
}
