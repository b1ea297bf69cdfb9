//! A channel that takes blocks.

use crate::{
    BatchKind, BatcherConfig, L1Point,
    batch::BlockBatch,
    channel::{ClosedChannel, ClosedRange},
    rederive,
    rederive::RederiveError,
};
use alloy_eips::BlockNumHash;
use openledger_l1::Carrier;
use openledger_primitives::ChainConfig;
use openledger_protocol::{
    ChannelError, ChannelId, ChannelOptions, ChannelOut, Full, SingularBatch, SpanBatch,
};
use std::sync::Arc;

/// Parts of one, in which ratios are counted.
const ONE: usize = 1_000;
/// Bytes that a block takes in a span beside its transactions, at most.
const SPAN_BLOCK_BYTES: usize = 12;
/// Bytes that a span takes beside its blocks, at most.
const SPAN_BYTES: usize = 80;
/// A span this long is written whatever is still to come: columns beyond it compress no better, and
/// what a channel may hold before compression stays in sight.
const SPAN_BYTES_MAX: usize = 4 << 20;
/// Bytes from which on their compression is taken for that of others.
const LEARN_BYTES_MIN: usize = 4_096;
/// The best compression that is reckoned with.
const RATIO_MIN: usize = 20;
/// Room at the end of a channel, in parts of its target, for which no further span is begun.
const REST_PART: usize = 32;

/// Why a channel isn't ready to be posted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CloseError {
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// It would not come out as the blocks that went in.
    #[error("refused to post: {0}")]
    Rederive(#[from] RederiveError),
}

/// A channel that takes blocks, as span batches or singular ones.
///
/// Blocks of a span wait together until it is written: when the channel is closed, or when it may be
/// full and how well it compresses has to be known.
pub(crate) struct OpenChannel {
    out: ChannelOut,
    chain: Arc<ChainConfig>,
    kind: BatchKind,
    pub(crate) from: u64,
    /// The L1 head's number when it was opened.
    pub(crate) opened_at: u64,
    /// The L1 origin of its first block.
    pub(crate) first_epoch: u64,
    target: usize,
    rlp_bytes_max: usize,
    /// Every block in it.
    blocks: Vec<BlockBatch>,
    /// Of these, the number that are written.
    written: usize,
    /// Bytes of the transactions of those that are not, and what a span adds.
    waiting_bytes: usize,
    /// Bytes of all transactions.
    tx_bytes: usize,
    /// Compressed bytes for [`ONE`] bytes of a span, as last seen.
    ratio: usize,
}

impl OpenChannel {
    /// `ratio` is that of the channel before ([`Self::ratio`]).
    pub(crate) fn new(
        id: ChannelId,
        config: &BatcherConfig,
        kind: BatchKind,
        carrier: Carrier,
        first: (u64, u64),
        l1: L1Point,
        ratio: Option<usize>,
    ) -> Self {
        let target = config.channel_bytes_target(carrier);
        let rlp_bytes_max = config.chain.channel_rlp_bytes_max();
        let options = ChannelOptions {
            compression: config.compression,
            rlp_bytes_max,
            // Spans are held to the target here: what one comes to is only known once it is written.
            compressed_bytes_target: match kind {
                BatchKind::Singular => target,
                BatchKind::Span => usize::MAX,
            },
        };
        let (from, first_epoch) = first;
        Self {
            out: ChannelOut::new(id, options),
            chain: config.chain.clone(),
            kind,
            from,
            opened_at: l1.number,
            first_epoch,
            target,
            rlp_bytes_max,
            blocks: Vec::new(),
            written: 0,
            waiting_bytes: SPAN_BYTES,
            tx_bytes: 0,
            ratio: ratio.unwrap_or(ONE),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Bytes of its transactions.
    pub(crate) const fn tx_bytes(&self) -> usize {
        self.tx_bytes
    }

    /// Compressed bytes for a thousand bytes of a span, as last seen.
    pub(crate) const fn ratio(&self) -> usize {
        self.ratio
    }

    /// Adds a block.
    ///
    /// # Errors
    /// The block, if there is no room: the channel is as it was. The first block is only held to
    /// what a channel can hold before compression.
    pub(crate) fn add(&mut self, block: BlockBatch) -> Result<(), (BlockBatch, Full)> {
        let bytes = block.tx_bytes();
        match self.kind {
            BatchKind::Singular => {
                if let Err(full) = self.out.add_batch(&block.batch) {
                    return Err((block, full));
                }
                self.written = self.written.saturating_add(1);
            }
            BatchKind::Span => {
                let further = bytes.saturating_add(SPAN_BLOCK_BYTES);
                if let Err(full) = self.check_room(further) {
                    return Err((block, full));
                }
                self.waiting_bytes = self.waiting_bytes.saturating_add(further);
            }
        }
        self.tx_bytes = self.tx_bytes.saturating_add(bytes);
        self.blocks.push(block);
        if self.kind == BatchKind::Span && self.waiting_bytes > SPAN_BYTES_MAX {
            self.settle_span();
        }
        Ok(())
    }

    /// Makes the channel come out wrong.
    #[cfg(test)]
    pub(crate) fn corrupt(&mut self) {
        self.write_span();
        if let Some(block) = self.blocks.last_mut() {
            block.batch.timestamp += 1;
        }
    }

    fn check_room(&mut self, further: usize) -> Result<(), Full> {
        let bytes = self
            .out
            .rlp_bytes()
            .saturating_add(self.waiting_bytes)
            .saturating_add(further);
        if bytes > self.rlp_bytes_max {
            return Err(Full::RlpBytes {
                bytes,
                max: self.rlp_bytes_max,
            });
        }
        if self.is_empty() || self.estimate(further) <= self.target {
            return Ok(());
        }
        // Full by the estimate: what is there is written, so that the rest of the room is known.
        if self.written < self.blocks.len() {
            self.settle_span();
        }
        let bytes = self.estimate(further);
        let rest = self.target / REST_PART;
        if bytes.saturating_add(rest) > self.target {
            return Err(Full::CompressedBytes {
                bytes,
                target: self.target,
            });
        }
        Ok(())
    }

    /// Writes the blocks that wait and sees what they come to.
    fn settle_span(&mut self) {
        self.write_span();
        self.out.settle();
        self.learn(self.out.compressed().len());
    }

    fn estimate(&self, further: usize) -> usize {
        let waiting = self.waiting_bytes.saturating_add(further);
        let waiting = waiting.saturating_mul(self.ratio).div_ceil(ONE);
        self.out.compressed().len().saturating_add(waiting)
    }

    /// Writes the blocks that wait as one span. What a span can't hold is written as singular
    /// batches.
    fn write_span(&mut self) {
        let waiting = self.blocks.get(self.written..).unwrap_or_default();
        let Some(first) = waiting.first() else { return };
        let batches: Vec<SingularBatch> = waiting.iter().map(|block| block.batch.clone()).collect();
        let mut encoded = Vec::with_capacity(self.waiting_bytes);
        let span = SpanBatch::from_blocks(&batches, first.first_of_epoch, &self.chain)
            .and_then(|span| span.encode(&mut encoded));
        // Neither exceeds the limits of the channel: `check_room` counted more bytes than there are.
        // If one did all the same, the last look before posting would tell.
        let written = match span {
            Ok(()) => self.out.add_encoded(&encoded),
            Err(error) => {
                tracing::warn!(%error, from = self.from, "blocks can't be a span: writing them singly");
                batches
                    .iter()
                    .try_for_each(|batch| self.out.add_batch(batch))
            }
        };
        if let Err(error) = written {
            tracing::error!(%error, from = self.from, "span does not fit into its channel");
        }
        self.written = self.blocks.len();
        self.waiting_bytes = SPAN_BYTES;
    }

    /// Notes how well the spans so far compress, the bytes of their transactions taken for all.
    fn learn(&mut self, compressed: usize) {
        let counted = self
            .tx_bytes
            .saturating_add(self.blocks.len().saturating_mul(SPAN_BLOCK_BYTES));
        // Little data says nothing of much.
        if self.kind == BatchKind::Span && counted >= LEARN_BYTES_MIN {
            self.ratio = compressed
                .saturating_mul(ONE)
                .div_ceil(counted)
                .clamp(RATIO_MIN, ONE);
        }
    }

    /// Ends the channel and makes it ready to be posted: `carrier` is told the bytes that it came to.
    ///
    /// # Errors
    /// If it can't be cut into frames, or would not come out as the blocks that went in.
    pub(crate) fn close(
        &mut self,
        sequence: u64,
        to: BlockNumHash,
        config: &BatcherConfig,
        l1: L1Point,
        carrier: impl FnOnce(usize) -> Carrier,
    ) -> Result<ClosedChannel, CloseError> {
        self.write_span();
        self.out.close();
        let compressed = self.out.compressed().len();
        self.learn(compressed);
        let closed = ClosedChannel::new(
            sequence,
            &self.out,
            ClosedRange {
                from: self.from,
                to,
                first_epoch: self.first_epoch,
                tx_bytes: self.tx_bytes,
            },
            config,
            carrier(compressed),
            l1,
        )?;
        let batches: Vec<SingularBatch> = std::mem::take(&mut self.blocks)
            .into_iter()
            .map(|block| block.batch)
            .collect();
        rederive::check(&closed.payloads(), &batches, &self.chain)?;
        Ok(closed)
    }
}
