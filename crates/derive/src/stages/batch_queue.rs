use crate::{
    DeriveError,
    stages::{
        BatchDrop, BatchValidity, ChannelReaderStage, Epoch, Pull,
        batch_validator::{SpanStart, check_singular, check_span, span_start},
    },
};
use alloc::{collections::VecDeque, sync::Arc, vec::Vec};
use openledger_primitives::ChainConfig;
use openledger_protocol::{Batch, L1Block, L2BlockRef, SingularBatch, SpanBatch, SpanBlocks};

/// Blocks behind the head that a span batch may overlap without the shell being asked for one.
const RECENT_BLOCKS_MAX: usize = 1024;

/// What the batch queue has to give.
#[derive(Debug)]
pub(crate) enum NextBatch {
    /// The next block's batch, and whether no further one of its span batch follows.
    Batch(SingularBatch, bool),
    /// Nothing yet: something was dropped, pull again.
    Again,
    /// Nothing before the next L1 block.
    Empty,
    /// An L2 block of the past, by number.
    NeedL2(u64),
}

/// Finds the batch of the next block: the first valid one from the channels or, once the sequencing
/// window of its epoch is over, an empty one.
pub(crate) struct BatchQueue {
    pub(crate) prev: ChannelReaderStage,
    config: Arc<ChainConfig>,
    /// Consecutive L1 blocks from the parent's origin (or the block after it, once nothing more of
    /// that epoch can come) to the current one. At most a sequencing window of them, for then empty
    /// batches move the parent on.
    epochs: VecDeque<Epoch>,
    /// What is left of the current span batch.
    span: Option<SpanBlocks>,
    /// A span batch that waits for an L2 block of the past.
    waiting: Option<SpanBatch>,
    /// The last safe blocks, oldest first.
    recent: VecDeque<L2BlockRef>,
    dropped: Option<BatchDrop>,
}

impl BatchQueue {
    pub(crate) const fn new(prev: ChannelReaderStage, config: Arc<ChainConfig>) -> Self {
        Self {
            prev,
            config,
            epochs: VecDeque::new(),
            span: None,
            waiting: None,
            recent: VecDeque::new(),
            dropped: None,
        }
    }

    fn origin(&self) -> L1Block {
        *self.prev.prev.prev.prev.prev.origin()
    }

    /// The epoch with this number, if it is within reach.
    pub(crate) fn epoch(&self, number: u64) -> Option<&Epoch> {
        let first = self.epochs.front()?.block.number;
        self.epochs
            .get(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// Why the last invalid batch was dropped, once.
    pub(crate) const fn take_drop(&mut self) -> Option<BatchDrop> {
        self.dropped.take()
    }

    /// Makes an L2 block known that [`NextBatch::NeedL2`] asked for.
    pub(crate) fn feed_l2(&mut self, block: L2BlockRef) {
        self.remember(block);
    }

    /// Drops what is left of the span batch and of the channel that held it.
    pub(crate) fn flush(&mut self) {
        self.span = None;
        self.waiting = None;
        self.prev.flush();
    }

    /// The batch of the block after `parent`.
    pub(crate) fn next_batch(&mut self, parent: &L2BlockRef) -> Result<NextBatch, DeriveError> {
        self.remember(*parent);
        self.update_epochs(parent);
        let origin = self.origin();
        if origin.number <= parent.l1_origin.number {
            // Only batches of the past can have come by now.
            return Ok(match self.prev.next_batch() {
                Pull::Ready(_) | Pull::Again => NextBatch::Again,
                Pull::Empty => NextBatch::Empty,
            });
        }
        if !self.check_epochs(parent)? {
            return Ok(NextBatch::Empty);
        }
        let batch = match self.candidate(parent) {
            NextBatch::Batch(batch, is_last) => (batch, is_last),
            NextBatch::Empty => {
                return Ok(self
                    .empty_batch(parent)
                    .map_or(NextBatch::Empty, |batch| NextBatch::Batch(batch, true)));
            }
            other => return Ok(other),
        };
        let validity = check_singular(&self.config, &self.epochs, parent, &batch.0, origin.number);
        if self.settle(validity) {
            return Ok(NextBatch::Batch(batch.0, batch.1));
        }
        Ok(NextBatch::Again)
    }

    /// Acts on a verdict; whether the batch was accepted.
    fn settle(&mut self, validity: BatchValidity) -> bool {
        match validity {
            BatchValidity::Accept => return true,
            BatchValidity::Past | BatchValidity::Undecided => {}
            BatchValidity::Drop(reason) => {
                self.dropped = Some(reason);
                self.flush();
            }
        }
        false
    }

    /// Notes a safe block, in the order of numbers. A block replaces one of its number and all after.
    fn remember(&mut self, block: L2BlockRef) {
        let at = self
            .recent
            .partition_point(|known| known.number < block.number);
        match self.recent.get(at) {
            Some(known) if *known == block => return,
            Some(known) if known.number == block.number => self.recent.truncate(at),
            _ => {}
        }
        self.recent.insert(at, block);
        // One that the shell was asked for is older than the others: it stays until it was used.
        while self.recent.len() > RECENT_BLOCKS_MAX && at > 0 {
            self.recent.pop_front();
        }
    }

    fn recent(&self, number: u64) -> Option<L2BlockRef> {
        let at = self
            .recent
            .binary_search_by_key(&number, |known| known.number)
            .ok()?;
        self.recent.get(at).copied()
    }

    /// Takes the current L1 block into the window and lets go of those before the parent's origin.
    fn update_epochs(&mut self, parent: &L2BlockRef) {
        if let Some(epoch) = self.prev.prev.prev.prev.prev.take_epoch() {
            if epoch.block.number < parent.l1_origin.number {
                self.epochs.clear();
            } else {
                self.epochs.push_back(epoch);
            }
        }
        while self
            .epochs
            .front()
            .is_some_and(|first| first.block.number < parent.l1_origin.number)
        {
            self.epochs.pop_front();
        }
    }

    /// Whether the window holds the parent's origin, or what comes after it, and one L1 block more.
    fn check_epochs(&self, parent: &L2BlockRef) -> Result<bool, DeriveError> {
        let origin = parent.l1_origin;
        let Some(first) = self.epochs.front() else {
            return Err(DeriveError::MissingOrigin {
                number: origin.number,
            });
        };
        let follows = origin.number.checked_add(1) == Some(first.block.number)
            && first.block.parent_hash == origin.hash;
        if first.block.id() != origin && !follows {
            return Err(DeriveError::Origin {
                origin,
                l1: first.block.id(),
            });
        }
        Ok(self.epochs.len() >= 2)
    }

    /// The next batch from the span or the channel, unchecked.
    fn candidate(&mut self, parent: &L2BlockRef) -> NextBatch {
        if let Some(batch) = self.next_in_span(parent) {
            return batch;
        }
        let span = match self.waiting.take() {
            Some(span) => span,
            None => match self.prev.next_batch() {
                Pull::Ready(Batch::Singular(batch)) => return NextBatch::Batch(batch, true),
                Pull::Ready(Batch::Span(span)) => span,
                Pull::Again => return NextBatch::Again,
                Pull::Empty => return NextBatch::Empty,
            },
        };
        self.open_span(parent, span)
    }

    /// Checks a span batch as a whole and makes it the current one.
    fn open_span(&mut self, parent: &L2BlockRef, span: SpanBatch) -> NextBatch {
        let span_parent = match span_start(&self.config, parent, &span) {
            SpanStart::AtParent => *parent,
            SpanStart::After(number) => match self.recent(number) {
                Some(block) => block,
                None => {
                    self.waiting = Some(span);
                    return NextBatch::NeedL2(number);
                }
            },
            SpanStart::Settled(validity) => {
                self.settle(validity);
                return NextBatch::Again;
            }
        };
        let inclusion = self.origin().number;
        let validity = check_span(&self.config, &self.epochs, &span_parent, &span, inclusion);
        if !self.settle(validity) {
            return NextBatch::Again;
        }
        let mut blocks = span.into_blocks(&self.config);
        blocks.skip_to(parent.timestamp);
        // The span's last epoch is within reach, and epochs don't go back: only the first can be too
        // old.
        if let Some((_, epoch)) = blocks.peek()
            && self.epoch(epoch).is_none()
        {
            self.settle(BatchValidity::Drop(BatchDrop::UnknownEpoch { epoch }));
            return NextBatch::Again;
        }
        self.span = Some(blocks);
        self.next_in_span(parent).unwrap_or(NextBatch::Again)
    }

    /// The next batch of the current span batch, if that goes on after `parent`.
    fn next_in_span(&mut self, parent: &L2BlockRef) -> Option<NextBatch> {
        let next = parent.timestamp.saturating_add(self.config.block_time);
        let blocks = self.span.as_mut()?;
        if blocks.peek().is_none_or(|(timestamp, _)| timestamp != next) {
            self.span = None;
            return None;
        }
        let block = blocks.next()?;
        let is_last = blocks.peek().is_none();
        if is_last {
            self.span = None;
        }
        // An epoch out of reach has no hash, and the batch is then dropped for its number.
        let epoch_hash = self
            .epoch(block.epoch_num)
            .map(|epoch| epoch.block.hash)
            .unwrap_or_default();
        let batch = SingularBatch {
            parent_hash: parent.hash,
            epoch_num: block.epoch_num,
            epoch_hash,
            timestamp: block.timestamp,
            transactions: block.transactions,
        };
        Some(NextBatch::Batch(batch, is_last))
    }

    /// The batch of a block that no batch came for in its sequencing window.
    fn empty_batch(&mut self, parent: &L2BlockRef) -> Option<SingularBatch> {
        let epoch = self.epochs.front()?.block;
        let expiry = epoch.number.saturating_add(self.config.seq_window_size);
        if expiry > self.origin().number {
            return None;
        }
        let next_epoch = self.epochs.get(1)?.block;
        let timestamp = parent.timestamp.saturating_add(self.config.block_time);
        // Every epoch has a block at least; and no block is older than its origin.
        let first_of_epoch = epoch.number > parent.l1_origin.number;
        if timestamp < next_epoch.timestamp || first_of_epoch {
            return Some(SingularBatch {
                parent_hash: parent.hash,
                epoch_num: epoch.number,
                epoch_hash: epoch.hash,
                timestamp,
                transactions: Vec::new(),
            });
        }
        // Nothing more of this epoch: the next one's window ends with the next L1 block.
        self.epochs.pop_front();
        None
    }
}
