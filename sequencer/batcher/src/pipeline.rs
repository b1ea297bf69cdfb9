//! What to post and when: the batcher without its clock, its L1 and its threads.

use crate::{
    BatchKind, BatchOfBlockError, BatcherConfig, BlockSource, RestartReason, SourceError,
    batch::BlockBatch,
    channel::{ChannelIds, ChannelTx, ChannelTxInfo, ClosedChannel},
    costs,
    open_channel::{CloseError, OpenChannel},
    tag::ChannelTag,
};
use alloy_eips::BlockNumHash;
use alloy_primitives::B256;
use openledger_l1::Carrier;
use openledger_protocol::{ChannelError, Compression, Full};
use std::collections::VecDeque;

/// Confirmed channels that wait for the safe head, at most. Beyond it blocks wait.
const AWAITING_SAFE_MAX: usize = 1024;
/// How often the time that the safe head gets is doubled.
const SAFE_LAG_DOUBLINGS_MAX: u32 = 5;
/// zlib level of the plainest form.
const PLAIN_ZLIB_LEVEL: u8 = 6;
/// How much a newly read block counts in the mean of block sizes, as a part of one.
const MEAN_PART: u64 = 32;

/// The L1's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct L1Point {
    /// Its number.
    pub number: u64,
    /// Its timestamp, seconds.
    pub timestamp: u64,
    /// Its base fee, wei a gas.
    pub base_fee: u128,
    /// Its excess blob gas; `None` where the L1 has no blobs.
    pub excess_blob_gas: Option<u64>,
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
    /// The last block before those of the closed channels.
    settled: BlockNumHash,
    open: Option<OpenChannel>,
    closed: VecDeque<ClosedChannel>,
    awaiting_safe: VecDeque<AwaitingSafe>,
    pending_txs: usize,
    submitted_to: u64,
    confirmed_to: u64,
    stalls: u32,
    safe_number: u64,
    /// What carried the last channel.
    carrier: Option<Carrier>,
    /// How well the last channel compressed, for the estimate of the next.
    ratio: Option<usize>,
    /// Up to this block channels are written in the plainest form: a better one failed.
    plain_to: Option<u64>,
    /// Mean bytes of transactions of a block, for an estimate of what is not read yet.
    mean_block_bytes: u64,
    /// Makes the next channel come out wrong.
    #[cfg(test)]
    pub(crate) corrupt_next: bool,
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
            settled: safe,
            open: None,
            closed: VecDeque::new(),
            awaiting_safe: VecDeque::new(),
            pending_txs: 0,
            submitted_to: safe.number,
            confirmed_to: safe.number,
            stalls: 0,
            safe_number: safe.number,
            carrier: None,
            ratio: None,
            plain_to: None,
            mean_block_bytes: 0,
            #[cfg(test)]
            corrupt_next: false,
        }
    }

    /// Takes up channels that an earlier run sent as a whole, by the tags of their transactions in
    /// the order in which they were sent. Answers what each of them is about, `None` for those that
    /// are of no use: what they carry is posted again. Blocking.
    ///
    /// # Errors
    /// If a block can't be read.
    pub(crate) fn resume(
        &mut self,
        tags: &[Option<ChannelTag>],
        source: &dyn BlockSource,
        now: u64,
    ) -> Result<Vec<Option<ChannelTxInfo>>, PipelineError> {
        let mut infos = vec![None; tags.len()];
        let mut at = 0;
        while let Some(first) = tags.get(at).copied() {
            let Some(first) = first.filter(|tag| tag.index == 0) else {
                at = at.saturating_add(1);
                continue;
            };
            let end = at.saturating_add(usize::from(first.total));
            let whole = tags.get(at..end).is_some_and(|tags| {
                (0..first.total)
                    .zip(tags)
                    .all(|(index, tag)| *tag == Some(ChannelTag { index, ..first }))
            });
            let number = first.to.number;
            let follows = first.from <= self.cursor.number.saturating_add(1);
            if !whole || first.total == 0 || !follows {
                break;
            }
            let canonical = source
                .block(number)
                .map_err(|source| PipelineError::Source { number, source })?
                .is_some_and(|block| block.header.hash_slow() == first.to.hash);
            if !canonical {
                break;
            }
            if number > self.cursor.number {
                let resumed = ClosedChannel::resumed(self.sequence, first, now);
                for (info, index) in infos.iter_mut().skip(at).zip(0..first.total) {
                    *info = Some(ChannelTxInfo {
                        channel: self.sequence,
                        index,
                    });
                }
                self.sequence = self.sequence.wrapping_add(1);
                self.pending_txs = self.pending_txs.saturating_add(usize::from(first.total));
                self.cursor = first.to;
                self.submitted_to = number;
                self.closed.push_back(resumed);
            }
            at = end;
        }
        Ok(infos)
    }

    /// Forgets everything since the safe head. Results of transactions from before must not be
    /// given to the pipeline any more.
    pub(crate) fn restart(&mut self, safe: BlockNumHash) {
        self.cursor = safe;
        self.settled = safe;
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
            let block = BlockBatch::of(&block)?;
            self.count(block.tx_bytes());
            if let Some(reason) = self.add(block, id, l1)? {
                return Ok(Advance::Restart(reason));
            }
        }
        if self.is_due(l1, head.number)
            && let Some(reason) = self.close(l1)?
        {
            return Ok(Advance::Restart(reason));
        }
        Ok(Advance::Idle)
    }

    fn count(&mut self, bytes: usize) {
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
        block: BlockBatch,
        id: BlockNumHash,
        l1: L1Point,
    ) -> Result<Option<RestartReason>, PipelineError> {
        let first = (id.number, block.batch.epoch_num);
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.open_channel(first, l1),
        };
        let too_large = |reason| PipelineError::TooLarge {
            number: id.number,
            reason,
        };
        if let Err((block, full)) = open.add(block) {
            if open.is_empty() {
                return Err(too_large(full));
            }
            self.open = Some(open);
            if let Some(reason) = self.close(l1)? {
                return Ok(Some(reason));
            }
            open = self.open_channel(first, l1);
            open.add(block).map_err(|(_, full)| too_large(full))?;
        }
        self.open = Some(open);
        self.cursor = id;
        Ok(None)
    }

    fn open_channel(&mut self, first: (u64, u64), l1: L1Point) -> OpenChannel {
        // What a channel of the usual size would be carried in.
        let usual = self.config.channel_bytes_target(Carrier::Blobs);
        let carrier = self
            .carrier
            .unwrap_or_else(|| costs::choose(&self.config, l1, usual, None));
        let id = self.ids.next();
        if self.plain_to.is_some_and(|to| first.0 <= to) {
            let plain = BatcherConfig {
                compression: Compression::Zlib(PLAIN_ZLIB_LEVEL),
                ..self.config.clone()
            };
            return OpenChannel::new(id, &plain, BatchKind::Singular, carrier, first, l1, None);
        }
        self.plain_to = None;
        // A span is lost as a whole if it comes after its first block's window; of singular batches, those
        // that come too late are passed over.
        let kind = if self.is_window_ending(first.1, l1) {
            BatchKind::Singular
        } else {
            self.config.batch_kind
        };
        OpenChannel::new(id, &self.config, kind, carrier, first, l1, self.ratio)
    }

    /// Whether the open channel can't wait for more blocks.
    fn is_due(&self, l1: L1Point, head: u64) -> bool {
        let Some(open) = &self.open else { return false };
        let duration = self.config.channel_duration_max;
        if duration == 0 && self.cursor.number >= head {
            return true;
        }
        (duration > 0 && l1.number >= open.opened_at.saturating_add(duration))
            || self.is_window_ending(open.first_epoch, l1)
    }

    /// Whether the sequencing window of a block with the L1 origin `epoch` is about to end.
    fn is_window_ending(&self, epoch: u64, l1: L1Point) -> bool {
        let end = epoch.saturating_add(self.config.chain.seq_window_size);
        l1.number.saturating_add(self.config.window_margin) >= end
    }

    /// Closes the open channel.
    ///
    /// # Errors
    /// If it can't be cut into frames. Answers the reason to start over if it would not come out as
    /// the blocks that went in.
    fn close(&mut self, l1: L1Point) -> Result<Option<RestartReason>, PipelineError> {
        let Some(mut open) = self.open.take() else {
            return Ok(None);
        };
        let (from, to) = (open.from, self.cursor);
        #[cfg(test)]
        if std::mem::take(&mut self.corrupt_next) {
            open.corrupt();
        }
        let (config, present) = (&self.config, self.carrier);
        let choose = |bytes| costs::choose(config, l1, bytes, present);
        let closed = match open.close(self.sequence, to, config, l1, choose) {
            Ok(closed) => closed,
            Err(CloseError::Channel(source)) => {
                return Err(PipelineError::Channel {
                    from,
                    to: to.number,
                    source,
                });
            }
            Err(CloseError::Rederive(difference)) => {
                self.plain_to = Some(to.number);
                return Ok(Some(RestartReason::NotRederived {
                    from,
                    to: to.number,
                    difference,
                }));
            }
        };
        self.ratio = Some(open.ratio());
        if self.carrier != Some(closed.carrier) {
            tracing::info!(carrier = ?closed.carrier, base_fee_wei = l1.base_fee, "batches are carried in");
        }
        self.carrier = Some(closed.carrier);
        self.sequence = self.sequence.wrapping_add(1);
        self.closed.push_back(closed);
        Ok(None)
    }

    /// The next transaction to be sent, in order; `None` if there is none or enough are on their
    /// way.
    pub(crate) fn next_tx(&self) -> Option<ChannelTx> {
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
                self.submitted_to = channel.range.to.number;
            }
        }
    }

    /// Notes that a transaction was cancelled, or given back because one before it was. Its channel and
    /// those after it are forgotten: their blocks are put into channels anew. Results of their other
    /// transactions may still come. Answers whether there was something to forget.
    pub(crate) fn cancel(&mut self, info: ChannelTxInfo) -> bool {
        self.pending_txs = self.pending_txs.saturating_sub(1);
        let place = self
            .closed
            .iter()
            .position(|channel| channel.sequence == info.channel);
        // It may have been forgotten with one before it.
        let Some(place) = place else { return false };
        self.closed.truncate(place);
        self.open = None;
        self.cursor = self
            .closed
            .back()
            .map_or(self.settled, |channel| channel.range.to);
        self.submitted_to = self.submitted_to.min(self.cursor.number);
        true
    }

    /// The channel of a transaction.
    pub(crate) fn channel(&self, info: ChannelTxInfo) -> Option<&ClosedChannel> {
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
        info: ChannelTxInfo,
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
            let to = channel.range.to;
            self.settled = to;
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
#[path = "pipeline_tests/mod.rs"]
mod tests;
