use alloy_eips::BlockNumHash;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use openledger_protocol::{ChannelError, ChannelId, Frame, encode_frames_tx};
use std::collections::VecDeque;

/// Bytes of a batcher transaction beside its frames: the version.
pub(crate) const TX_OVERHEAD: usize = 1;

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

/// What one frame's transaction is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameTxInfo {
    /// Counts the channels of all runs from the safe head.
    pub(crate) channel: u64,
    /// The frame's number.
    pub(crate) frame: u16,
}

/// A transaction to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FrameTx {
    pub(crate) info: FrameTxInfo,
    pub(crate) to: Address,
    pub(crate) data: Bytes,
}

/// A closed channel on its way to L1.
#[derive(Debug)]
pub(crate) struct ClosedChannel {
    /// Counts the channels of all runs from the safe head.
    pub(crate) sequence: u64,
    pub(crate) id: ChannelId,
    /// Number of its first L2 block.
    pub(crate) from: u64,
    /// Its last L2 block.
    pub(crate) to: BlockNumHash,
    /// Bytes before compression.
    pub(crate) rlp_bytes: usize,
    /// Bytes after compression.
    pub(crate) compressed_bytes: usize,
    pub(crate) frames_total: usize,
    /// Frames that are not sent yet.
    unsent: VecDeque<Frame>,
    confirmed: usize,
    /// The L1 block of the first confirmed frame.
    pub(crate) first_inclusion: Option<BlockNumHash>,
    /// The L1 block of the last confirmed frame.
    pub(crate) last_inclusion: Option<BlockNumHash>,
}

impl ClosedChannel {
    /// # Errors
    /// If the frames can't be numbered.
    pub(crate) fn new(
        sequence: u64,
        channel: &openledger_protocol::ChannelOut,
        from: u64,
        to: BlockNumHash,
        tx_bytes_target: usize,
    ) -> Result<Self, ChannelError> {
        let frames = channel.output_frames(tx_bytes_target.saturating_sub(TX_OVERHEAD))?;
        Ok(Self {
            sequence,
            id: channel.id(),
            from,
            to,
            rlp_bytes: channel.rlp_bytes(),
            compressed_bytes: channel.compressed_bytes(),
            frames_total: frames.len(),
            unsent: frames.into(),
            confirmed: 0,
            first_inclusion: None,
            last_inclusion: None,
        })
    }

    /// The transaction of the next frame that is not sent.
    pub(crate) fn next_tx(&self, inbox: Address) -> Option<FrameTx> {
        let frame = self.unsent.front()?;
        let info = FrameTxInfo {
            channel: self.sequence,
            frame: frame.number,
        };
        Some(FrameTx {
            info,
            to: inbox,
            data: encode_frames_tx(std::slice::from_ref(frame)).into(),
        })
    }

    /// Forgets the next frame: it is sent.
    pub(crate) fn mark_sent(&mut self) {
        self.unsent.pop_front();
    }

    /// Whether all frames are sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.unsent.is_empty()
    }

    /// Notes that the next frame in order is in an L1 block.
    pub(crate) fn confirm(&mut self, block: BlockNumHash) {
        self.confirmed += 1;
        self.first_inclusion.get_or_insert(block);
        self.last_inclusion = Some(block);
    }

    /// Whether all frames are confirmed.
    pub(crate) const fn is_confirmed(&self) -> bool {
        self.confirmed == self.frames_total
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
