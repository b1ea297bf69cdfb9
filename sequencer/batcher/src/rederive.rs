//! The last look before posting: what is about to be posted is read as derivation will read it.

use alloy_primitives::Bytes;
use openledger_primitives::ChainConfig;
use openledger_protocol::{
    Batch, ChannelAssembler, ChannelReader, ChannelReaderError, DecompressError, FrameError,
    FrameOutcome, SingularBatch, decode_frames,
};

/// How what would be posted differs from the blocks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RederiveError {
    /// A payload holds no frames.
    #[error(transparent)]
    Frames(#[from] FrameError),
    /// A frame would be ignored.
    #[error("frame {frame} would be ignored")]
    Ignored {
        /// Its number.
        frame: u16,
    },
    /// The frames make no whole channel, or more than one.
    #[error("the frames make {channels} channels")]
    Channels {
        /// Whole channels found.
        channels: usize,
    },
    /// The channel can't be decompressed.
    #[error(transparent)]
    Compression(#[from] DecompressError),
    /// The channel holds what is no batch.
    #[error(transparent)]
    Content(#[from] ChannelReaderError),
    /// A block would come out another.
    #[error("block {index} of the channel would come out another")]
    Block {
        /// Its place in the channel.
        index: usize,
    },
    /// There would be more blocks, or fewer.
    #[error("{found} blocks would come out, not {expected}")]
    Count {
        /// Blocks that would come out.
        found: usize,
        /// Blocks that were put in.
        expected: usize,
    },
}

/// Checks that the data of these batcher transactions, in this order, is a channel of exactly these
/// blocks.
///
/// # Errors
/// The first difference.
pub(crate) fn check(
    payloads: &[Bytes],
    blocks: &[SingularBatch],
    config: &ChainConfig,
) -> Result<(), RederiveError> {
    let mut assembler = ChannelAssembler::default();
    let mut channels = Vec::new();
    for payload in payloads {
        for frame in decode_frames(payload)? {
            let number = frame.number;
            match assembler.add(frame, 0, config.channel_rlp_bytes_max()) {
                FrameOutcome::Complete(channel) => channels.push(channel),
                FrameOutcome::Ignored(_) => return Err(RederiveError::Ignored { frame: number }),
                _ => {}
            }
        }
    }
    let count = channels.len();
    let (Some(channel), 1) = (channels.pop(), count) else {
        return Err(RederiveError::Channels { channels: count });
    };
    let limit = config.channel_rlp_bytes_max();
    let mut reader = ChannelReader::new(channel, limit, config.l2_chain_id)?;
    let mut index = 0;
    while let Some(batch) = reader.next_batch()? {
        match batch {
            Batch::Singular(batch) => {
                if blocks.get(index).is_some_and(|block| *block != batch) {
                    return Err(RederiveError::Block { index });
                }
                index += 1;
            }
            Batch::Span(span) => {
                let first = blocks.get(index);
                let last = blocks.get(index.saturating_add(span.len() - 1));
                let checks = first.zip(last).is_some_and(|(first, last)| {
                    span.checks_parent(first.parent_hash) && span.checks_l1_origin(last.epoch_hash)
                });
                if !checks {
                    return Err(RederiveError::Block { index });
                }
                for block in span.into_blocks(config) {
                    let is_same = blocks.get(index).is_some_and(|expected| {
                        expected.timestamp == block.timestamp
                            && expected.epoch_num == block.epoch_num
                            && expected.transactions == block.transactions
                    });
                    if !is_same {
                        return Err(RederiveError::Block { index });
                    }
                    index += 1;
                }
            }
        }
    }
    if index != blocks.len() {
        return Err(RederiveError::Count {
            found: index,
            expected: blocks.len(),
        });
    }
    Ok(())
}
