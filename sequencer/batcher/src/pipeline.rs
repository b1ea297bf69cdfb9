//! What to post and when: the batcher without its clock, its L1 and its threads.
//!
//! Here is its way forward: blocks into channels, transactions to the sender, confirmations back. [`go_back`] is
//! its way back; [`resume`] takes up an earlier run's channels; [`safe_watch`] notices that the safe head does not
//! follow; [`backlog`] says how much waits.

mod backlog;
mod go_back;
mod outcome;
mod resume;
mod safe_watch;

pub(crate) use outcome::{Advance, ConfirmedChannel, PipelineError};

use crate::{
    BatchKind, BatcherConfig, BlockSource, L1Point, RestartReason,
    batch::BlockBatch,
    channel::{ChannelIds, ChannelTx, ChannelTxInfo, ClosedChannel},
    costs,
    open_channel::{CloseError, OpenChannel},
};
use alloy_eips::BlockNumHash;
use alloy_primitives::B256;
use go_back::Again;
use openledger_l1::Carrier;
use openledger_protocol::Compression;
use safe_watch::SafeWatch;
use std::collections::VecDeque;

/// zlib level of the plainest form.
const PLAIN_ZLIB_LEVEL: u8 = 6;

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
    safe_watch: SafeWatch,
    /// What was closed before and has to be posted again.
    again: Option<Again>,
    pending_txs: usize,
    submitted_to: u64,
    confirmed_to: u64,
    /// What carried the last channel, unless that was cancelled.
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
            safe_watch: SafeWatch::new(safe.number),
            again: None,
            pending_txs: 0,
            submitted_to: safe.number,
            confirmed_to: safe.number,
            carrier: None,
            ratio: None,
            plain_to: None,
            mean_block_bytes: 0,
            #[cfg(test)]
            corrupt_next: false,
        }
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
        let head = source.unsafe_head();
        let posted = self.cursor;
        if head.number < posted.number || (head.number == posted.number && head.hash != posted.hash)
        {
            self.unwind(source, l1)?;
            return Ok(Advance::Unwound { posted });
        }
        if let Some(reason) = self.check(source, l1) {
            return Ok(Advance::Restart(reason));
        }
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
                let posted = self.cursor;
                self.unwind(source, l1)?;
                return Ok(Advance::Unwound { posted });
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

    /// Whether another block may be read.
    fn has_room(&self) -> bool {
        self.closed.len() < self.config.channels_in_flight_max.max(1) && !self.safe_watch.is_full()
    }

    /// Looks for a reason to start over.
    fn check(&mut self, source: &dyn BlockSource, l1: L1Point) -> Option<RestartReason> {
        let safe = source.safe_head();
        if safe.number > self.cursor.number {
            return Some(RestartReason::SafeHeadAhead {
                safe: safe.number,
                posted: self.cursor.number,
            });
        }
        if let Some(reason) = self.safe_watch.look(safe, l1, &self.config) {
            return Some(reason);
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
        if self.again.is_some_and(|again| first.0 > again.to) {
            self.again = None;
        }
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
        let has_waited = |again: Again| open.from <= again.to && self.cursor.number >= again.to;
        self.again.is_some_and(has_waited)
            || (duration > 0 && l1.number >= open.opened_at.saturating_add(duration))
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
        let mut closed = match open.close(self.sequence, to, config, l1, choose) {
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
        if let Some(again) = self.again.filter(|again| from <= again.to) {
            closed.closed_at = closed.closed_at.min(again.closed_at);
        }
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
            self.safe_watch.expect(to, inclusion.number);
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
