use crate::{BatcherConfig, L1Point, config::TX_OVERHEAD, tag::ChannelTag};
use alloy_eips::BlockNumHash;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use openledger_l1::Carrier;
use openledger_protocol::{ChannelError, ChannelId, encode_frames_tx};
use std::collections::VecDeque;

/// Makes channel ids that no other run of a batcher makes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChannelIds {
    seed: B256,
    next: u64,
}

impl ChannelIds {
    /// Ids that depend on `seed`, which must be random.
    pub(crate) const fn new(seed: B256) -> Self {
        Self { seed, next: 0 }
    }

    pub(crate) fn next(&mut self) -> ChannelId {
        let mut input = [0; 40];
        input[..32].copy_from_slice(self.seed.as_slice());
        input[32..].copy_from_slice(&self.next.to_be_bytes());
        self.next = self.next.wrapping_add(1);
        let mut id = [0; 16];
        id.copy_from_slice(&keccak256(input)[..16]);
        id
    }
}

/// What an L1 transaction of a channel is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChannelTxInfo {
    /// Counts the channels of all runs from the safe head.
    pub(crate) channel: u64,
    /// The transaction's place in the channel.
    pub(crate) index: u16,
}

/// A transaction to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChannelTx {
    pub(crate) info: ChannelTxInfo,
    pub(crate) to: Address,
    pub(crate) carrier: Carrier,
    /// One that is calldata, or one a blob.
    pub(crate) payloads: Vec<Bytes>,
    pub(crate) tag: ChannelTag,
}

/// What a closed channel holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClosedRange {
    /// Number of its first L2 block.
    pub(crate) from: u64,
    /// Its last L2 block.
    pub(crate) to: BlockNumHash,
    /// The L1 origin of its first block.
    pub(crate) first_epoch: u64,
    /// Bytes of its transactions.
    pub(crate) tx_bytes: usize,
}

/// A closed channel on its way to L1.
#[derive(Debug)]
pub(crate) struct ClosedChannel {
    /// Counts the channels of all runs from the safe head.
    pub(crate) sequence: u64,
    pub(crate) id: ChannelId,
    pub(crate) range: ClosedRange,
    pub(crate) carrier: Carrier,
    /// Bytes before compression.
    pub(crate) rlp_bytes: usize,
    /// Bytes after compression.
    pub(crate) compressed_bytes: usize,
    /// Timestamp of the L1's head when it was closed, seconds.
    pub(crate) closed_at: u64,
    pub(crate) txs_total: u16,
    /// Data of the transactions that are not sent yet.
    unsent: VecDeque<Vec<Bytes>>,
    confirmed: u16,
    /// The L1 block of the first confirmed transaction.
    pub(crate) first_inclusion: Option<BlockNumHash>,
    /// The L1 block of the last confirmed transaction.
    pub(crate) last_inclusion: Option<BlockNumHash>,
}

impl ClosedChannel {
    /// # Errors
    /// If the frames can't be numbered.
    pub(crate) fn new(
        sequence: u64,
        channel: &openledger_protocol::ChannelOut,
        range: ClosedRange,
        config: &BatcherConfig,
        carrier: Carrier,
        l1: L1Point,
    ) -> Result<Self, ChannelError> {
        let payload_bytes = config.payload_bytes_max(carrier);
        let frames = channel.output_frames(payload_bytes.saturating_sub(TX_OVERHEAD))?;
        // A frame a payload.
        let payloads_per_tx = match carrier {
            Carrier::Calldata => 1,
            Carrier::Blobs => config.blobs_per_tx(),
        };
        let unsent: VecDeque<Vec<Bytes>> = frames
            .chunks(payloads_per_tx)
            .map(|frames| {
                let payload = |frame| encode_frames_tx(std::slice::from_ref(frame)).into();
                frames.iter().map(payload).collect()
            })
            .collect();
        Ok(Self {
            sequence,
            id: channel.id(),
            range,
            carrier,
            rlp_bytes: channel.rlp_bytes(),
            compressed_bytes: channel.compressed_bytes(),
            closed_at: l1.timestamp,
            // Frames are numbered by 16 bits, and each transaction has one at least.
            txs_total: u16::try_from(unsent.len()).unwrap_or(u16::MAX),
            unsent,
            confirmed: 0,
            first_inclusion: None,
            last_inclusion: None,
        })
    }

    /// A channel that an earlier run has sent as a whole.
    pub(crate) const fn resumed(sequence: u64, tag: ChannelTag, closed_at: u64) -> Self {
        Self {
            sequence,
            id: tag.id,
            range: ClosedRange {
                from: tag.from,
                to: tag.to,
                first_epoch: tag.first_epoch,
                tx_bytes: 0,
            },
            carrier: Carrier::Calldata,
            rlp_bytes: 0,
            compressed_bytes: 0,
            closed_at,
            txs_total: tag.total,
            unsent: VecDeque::new(),
            confirmed: 0,
            first_inclusion: None,
            last_inclusion: None,
        }
    }

    /// The data of what is not sent yet, in order.
    pub(crate) fn payloads(&self) -> Vec<Bytes> {
        self.unsent.iter().flatten().cloned().collect()
    }

    /// The next transaction that is not sent.
    pub(crate) fn next_tx(&self, inbox: Address) -> Option<ChannelTx> {
        let payloads = self.unsent.front()?.clone();
        let unsent = u16::try_from(self.unsent.len()).unwrap_or(u16::MAX);
        let index = self.txs_total.saturating_sub(unsent);
        Some(ChannelTx {
            info: ChannelTxInfo {
                channel: self.sequence,
                index,
            },
            to: inbox,
            carrier: self.carrier,
            payloads,
            tag: ChannelTag {
                id: self.id,
                from: self.range.from,
                to: self.range.to,
                first_epoch: self.range.first_epoch,
                index,
                total: self.txs_total,
            },
        })
    }

    /// Forgets the next transaction: it is sent.
    pub(crate) fn mark_sent(&mut self) {
        self.unsent.pop_front();
    }

    /// Whether all transactions are sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.unsent.is_empty()
    }

    /// Notes that the next transaction in order is in an L1 block.
    pub(crate) fn confirm(&mut self, block: BlockNumHash) {
        self.confirmed = self.confirmed.saturating_add(1);
        self.first_inclusion.get_or_insert(block);
        self.last_inclusion = Some(block);
    }

    /// How many transactions are sent and not confirmed.
    pub(crate) fn in_flight(&self) -> usize {
        usize::from(self.txs_total)
            .saturating_sub(self.unsent.len())
            .saturating_sub(usize::from(self.confirmed))
    }

    /// Whether all transactions are confirmed.
    pub(crate) const fn is_confirmed(&self) -> bool {
        self.confirmed == self.txs_total
    }

    /// Whether derivation would have dropped the channel by L1 block `l1_number`.
    pub(crate) fn is_timed_out(&self, l1_number: u64, timeout: u64) -> bool {
        self.first_inclusion.is_some_and(|first| {
            let last = match self.last_inclusion {
                Some(last) if self.is_confirmed() => last.number,
                _ => l1_number,
            };
            first.number.saturating_add(timeout) < last
        })
    }
}
