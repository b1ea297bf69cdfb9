//! What to post and when: the batcher without its clock, its L1 and its threads.

use crate::{
    BatchOfBlockError, BatcherConfig, BlockSource, SourceError, batch_of,
    channel::{ChannelIds, ClosedChannel, FrameTx, FrameTxInfo, TX_OVERHEAD},
};
use alloy_eips::BlockNumHash;
use alloy_primitives::B256;
use openledger_protocol::{
    ChannelError, ChannelId, ChannelOptions, ChannelOut, FRAME_OVERHEAD, Full,
};
use std::collections::VecDeque;

/// Confirmed channels that wait for the safe head, at most. Beyond it blocks wait.
const AWAITING_SAFE_MAX: usize = 1024;
/// How often the time that the safe head gets is doubled.
const SAFE_LAG_DOUBLINGS_MAX: u32 = 5;

/// The L1's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct L1Point {
    /// Its number.
    pub number: u64,
    /// Its timestamp, seconds.
    pub timestamp: u64,
}

/// Why the batcher starts over from the safe head. What was sent is not taken back: derivation
/// ignores what no longer fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestartReason {
    /// Blocks that were put into channels are no longer canonical.
    #[error("l2 was unwound below block {}", posted.number)]
    Unwound {
        /// The last block that was put into a channel.
        posted: BlockNumHash,
    },
    /// The safe head is ahead of everything that was put into channels.
    #[error("the safe head {safe} is ahead of block {posted}")]
    SafeHeadAhead {
        /// The safe head's number.
        safe: u64,
        /// The last block that was put into a channel.
        posted: u64,
    },
    /// A channel was not complete on L1 in time, so that derivation drops it.
    #[error("channel was not complete within {timeout} l1 blocks of block {opened}")]
    ChannelTimedOut {
        /// The channel.
        channel: ChannelId,
        /// The L1 block of its first frame.
        opened: u64,
        /// L1 blocks that it had.
        timeout: u64,
    },
    /// A channel is complete on L1, but the safe head has not reached its last block.
    #[error("the safe head {safe} has not reached block {expected} by l1 block {l1_number}")]
    SafeHeadStalled {
        /// The safe head's number.
        safe: u64,
        /// The channel's last block.
        expected: u64,
        /// The L1 head's number.
        l1_number: u64,
    },
    /// The L1 sender gave up a transaction.
    #[error("an l1 transaction was lost")]
    TransactionLost,
}

/// Why a block can't be posted at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PipelineError {
    /// The source failed: a later try may not.
    #[error("block {number} can't be read: {source}")]
    Source {
        number: u64,
        #[source]
        source: SourceError,
    },
    #[error(transparent)]
    Block(#[from] BatchOfBlockError),
    /// No channel can hold the block.
    #[error("block {number} fits into no channel: {reason}")]
    TooLarge { number: u64, reason: Full },
    #[error("channel of blocks {from} to {to}: {source}")]
    Channel {
        from: u64,
        to: u64,
        #[source]
        source: ChannelError,
    },
}

/// What a step led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Advance {
    /// Nothing is left to do until something changes.
    Idle,
    /// More blocks are to be read.
    More,
    /// Everything since the safe head is to be done again.
    Restart(RestartReason),
}

/// A channel that L1 holds as a whole, in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConfirmedChannel {
    pub(crate) to: BlockNumHash,
    pub(crate) inclusion: BlockNumHash,
}

/// A channel that takes blocks.
struct OpenChannel {
    out: ChannelOut,
    from: u64,
    /// The L1 head's number when it was opened.
    opened_at: u64,
    /// The L1 origin of its first block.
    first_epoch: u64,
}

struct AwaitingSafe {
    to: BlockNumHash,
    included_in: u64,
}

pub(crate) struct Pipeline {
    config: BatcherConfig,
    ids: ChannelIds,
    sequence: u64,
    /// The last block that is in a channel.
    cursor: BlockNumHash,
    open: Option<OpenChannel>,
    closed: VecDeque<ClosedChannel>,
    awaiting_safe: VecDeque<AwaitingSafe>,
    pending_txs: usize,
    submitted_to: u64,
    confirmed_to: u64,
    stalls: u32,
    safe_number: u64,
}

impl Pipeline {
    /// A pipeline that begins after the safe head. `seed` makes channel ids unlike those of other
    /// runs and must be random.
    pub(crate) fn new(config: BatcherConfig, safe: BlockNumHash, seed: B256) -> Self {
        Self {
            config,
            ids: ChannelIds::new(seed),
            sequence: 0,
            cursor: safe,
            open: None,
            closed: VecDeque::new(),
            awaiting_safe: VecDeque::new(),
            pending_txs: 0,
            submitted_to: safe.number,
            confirmed_to: safe.number,
            stalls: 0,
            safe_number: safe.number,
        }
    }

    /// Forgets everything since the safe head. Results of transactions from before must not be
    /// given to the pipeline any more.
    pub(crate) fn restart(&mut self, safe: BlockNumHash) {
        self.cursor = safe;
        self.open = None;
        self.closed.clear();
        self.awaiting_safe.clear();
        self.pending_txs = 0;
        self.submitted_to = safe.number;
        self.confirmed_to = safe.number;
        self.safe_number = safe.number;
    }

    pub(crate) const fn cursor(&self) -> BlockNumHash {
        self.cursor
    }

    pub(crate) const fn submitted_to(&self) -> u64 {
        self.submitted_to
    }

    pub(crate) const fn confirmed_to(&self) -> u64 {
        self.confirmed_to
    }

    pub(crate) const fn pending_txs(&self) -> usize {
        self.pending_txs
    }

    /// Reads blocks and closes channels, as far as there is room. Blocking.
    ///
    /// # Errors
    /// If a block can't be read or can't be posted.
    pub(crate) fn advance(
        &mut self,
        source: &dyn BlockSource,
        l1: L1Point,
    ) -> Result<Advance, PipelineError> {
        if let Some(reason) = self.check(source, l1) {
            return Ok(Advance::Restart(reason));
        }
        let head = source.unsafe_head();
        let mut steps = self.config.blocks_per_step.max(1);
        while self.cursor.number < head.number && self.has_room() {
            if steps == 0 {
                return Ok(Advance::More);
            }
            steps -= 1;
            let number = self.cursor.number.saturating_add(1);
            let block = source
                .block(number)
                .map_err(|source| PipelineError::Source { number, source })?;
            // The chain may have been unwound since the head was read: the next step sees that.
            let Some(block) = block else { break };
            if block.header.parent_hash != self.cursor.hash {
                return Ok(Advance::Restart(RestartReason::Unwound {
                    posted: self.cursor,
                }));
            }
            let id = BlockNumHash {
                number,
                hash: block.header.hash_slow(),
            };
            self.add(batch_of(&block)?, id, l1)?;
        }
        if self.is_due(l1, head.number) {
            self.close()?;
        }
        Ok(Advance::Idle)
    }

    /// Whether another block may be read.
    fn has_room(&self) -> bool {
        self.closed.len() < self.config.channels_in_flight_max.max(1)
            && self.awaiting_safe.len() < AWAITING_SAFE_MAX
    }

    /// Looks for a reason to start over.
    fn check(&mut self, source: &dyn BlockSource, l1: L1Point) -> Option<RestartReason> {
        let head = source.unsafe_head();
        if head.number < self.cursor.number
            || (head.number == self.cursor.number && head.hash != self.cursor.hash)
        {
            return Some(RestartReason::Unwound {
                posted: self.cursor,
            });
        }
        let safe = source.safe_head();
        if safe.number > self.cursor.number {
            return Some(RestartReason::SafeHeadAhead {
                safe: safe.number,
                posted: self.cursor.number,
            });
        }
        if safe.number > self.safe_number {
            self.stalls = 0;
        }
        self.safe_number = safe.number;
        while self
            .awaiting_safe
            .front()
            .is_some_and(|channel| channel.to.number <= safe.number)
        {
            self.awaiting_safe.pop_front();
        }
        let patience = self.config.safe_lag_max.saturating_mul(1 << self.stalls);
        if let Some(channel) = self.awaiting_safe.front()
            && channel.included_in.saturating_add(patience) < l1.number
        {
            self.stalls = self.stalls.saturating_add(1).min(SAFE_LAG_DOUBLINGS_MAX);
            let (safe, expected) = (safe.number, channel.to.number);
            return Some(RestartReason::SafeHeadStalled {
                safe,
                expected,
                l1_number: l1.number,
            });
        }
        let timeout = self.config.chain.channel_timeout(l1.timestamp);
        self.closed
            .iter()
            .find(|channel| channel.is_timed_out(l1.number, timeout))
            .map(|channel| timed_out(channel, timeout))
    }

    fn add(
        &mut self,
        batch: openledger_protocol::SingularBatch,
        id: BlockNumHash,
        l1: L1Point,
    ) -> Result<(), PipelineError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.open_channel(id.number, batch.epoch_num, l1),
        };
        if let Err(full) = open.out.add_batch(&batch) {
            if open.out.is_empty() {
                return Err(PipelineError::TooLarge {
                    number: id.number,
                    reason: full,
                });
            }
            self.open = Some(open);
            self.close()?;
            open = self.open_channel(id.number, batch.epoch_num, l1);
            if let Err(reason) = open.out.add_batch(&batch) {
                return Err(PipelineError::TooLarge {
                    number: id.number,
                    reason,
                });
            }
        }
        self.open = Some(open);
        self.cursor = id;
        Ok(())
    }

    fn open_channel(&mut self, from: u64, first_epoch: u64, l1: L1Point) -> OpenChannel {
        let overhead = TX_OVERHEAD + FRAME_OVERHEAD;
        let frame_data = self.config.tx_bytes_target.saturating_sub(overhead);
        let options = ChannelOptions {
            compression: self.config.compression,
            rlp_bytes_max: self.config.chain.channel_rlp_bytes_max(),
            compressed_bytes_target: frame_data
                .saturating_mul(self.config.channel_txs_target.max(1)),
        };
        OpenChannel {
            out: ChannelOut::new(self.ids.next(), options),
            from,
            opened_at: l1.number,
            first_epoch,
        }
    }

    /// Whether the open channel can't wait for more blocks.
    fn is_due(&self, l1: L1Point, head: u64) -> bool {
        let Some(open) = &self.open else { return false };
        let duration = self.config.channel_duration_max;
        if duration == 0 && self.cursor.number >= head {
            return true;
        }
        let window_end = open
            .first_epoch
            .saturating_add(self.config.chain.seq_window_size);
        (duration > 0 && l1.number >= open.opened_at.saturating_add(duration))
            || l1.number.saturating_add(self.config.window_margin) >= window_end
    }

    fn close(&mut self) -> Result<(), PipelineError> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        open.out.close();
        let (from, to) = (open.from, self.cursor);
        let closed = ClosedChannel::new(
            self.sequence,
            &open.out,
            from,
            to,
            self.config.tx_bytes_target,
        )
        .map_err(|source| PipelineError::Channel {
            from,
            to: to.number,
            source,
        })?;
        self.sequence = self.sequence.wrapping_add(1);
        self.closed.push_back(closed);
        Ok(())
    }

    /// The next transaction to be sent, in order; `None` if there is none or enough are on their
    /// way.
    pub(crate) fn next_tx(&self) -> Option<FrameTx> {
        if self.pending_txs >= self.config.txs_in_flight_max.max(1) {
            return None;
        }
        self.closed
            .iter()
            .find(|channel| !channel.is_sent())?
            .next_tx(self.config.chain.batch_inbox_address)
    }

    /// Notes that what [`Self::next_tx`] answered was handed to the L1 sender.
    pub(crate) fn mark_sent(&mut self) {
        if let Some(channel) = self.closed.iter_mut().find(|channel| !channel.is_sent()) {
            channel.mark_sent();
            self.pending_txs += 1;
            if channel.is_sent() {
                self.submitted_to = channel.to.number;
            }
        }
    }

    /// The channel of a transaction.
    pub(crate) fn channel(&self, info: FrameTxInfo) -> Option<&ClosedChannel> {
        self.closed
            .iter()
            .find(|channel| channel.sequence == info.channel)
    }

    /// Notes that a transaction is in an L1 block. Answers the channels that are complete with it,
    /// oldest first.
    ///
    /// # Errors
    /// The reason to start over, if the channel was complete too late.
    pub(crate) fn confirm(
        &mut self,
        info: FrameTxInfo,
        block: BlockNumHash,
        l1_timestamp: u64,
    ) -> Result<Vec<ConfirmedChannel>, RestartReason> {
        self.pending_txs = self.pending_txs.saturating_sub(1);
        if let Some(channel) = self
            .closed
            .iter_mut()
            .find(|channel| channel.sequence == info.channel)
        {
            channel.confirm(block);
        }
        let timeout = self.config.chain.channel_timeout(l1_timestamp);
        let mut confirmed = Vec::new();
        while let Some(channel) = self.closed.front()
            && channel.is_confirmed()
            && let Some(inclusion) = channel.last_inclusion
        {
            if channel.is_timed_out(inclusion.number, timeout) {
                return Err(timed_out(channel, timeout));
            }
            let to = channel.to;
            self.confirmed_to = to.number;
            self.awaiting_safe.push_back(AwaitingSafe {
                to,
                included_in: inclusion.number,
            });
            self.closed.pop_front();
            confirmed.push(ConfirmedChannel { to, inclusion });
        }
        Ok(confirmed)
    }
}

fn timed_out(channel: &ClosedChannel, timeout: u64) -> RestartReason {
    let opened = channel.first_inclusion.map_or(0, |block| block.number);
    RestartReason::ChannelTimedOut {
        channel: channel.id,
        opened,
        timeout,
    }
}

#[cfg(test)]
#[path = "pipeline_tests.rs"]
mod tests;
