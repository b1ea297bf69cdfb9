use crate::{
    BatcherConfig, L1Point, RederiveError,
    batch::BlockBatch,
    open_channel::{CloseError, OpenChannel},
};
use alloy_eips::BlockNumHash;
use alloy_primitives::{B256, Bytes};
use openledger_l1::Carrier;
use openledger_protocol::{ChannelError, Full, SingularBatch};

/// Why blocks can't be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// No channel can hold a block.
    #[error("block {index} fits into no channel: {reason}")]
    TooLarge {
        /// Its place among those given.
        index: usize,
        /// Why.
        reason: Full,
    },
    /// A channel can't be cut into frames.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// A channel would not come out as the blocks that went in.
    #[error(transparent)]
    Rederive(#[from] RederiveError),
}

impl From<CloseError> for PackError {
    fn from(error: CloseError) -> Self {
        match error {
            CloseError::Channel(error) => error.into(),
            CloseError::Rederive(error) => error.into(),
        }
    }
}

/// The data of the blobs that these consecutive blocks come to, in order: what the batcher posts, and
/// checked as it is before it posts, without an L1. Channel ids are counted from 0.
///
/// # Errors
/// Blocks that fit into no channel.
pub fn pack(blocks: Vec<SingularBatch>, config: &BatcherConfig) -> Result<Vec<Bytes>, PackError> {
    let l1 = L1Point {
        number: 0,
        timestamp: 0,
        base_fee: 0,
        excess_blob_gas: None,
    };
    let to = BlockNumHash {
        number: 0,
        hash: B256::ZERO,
    };
    let mut channels = 0_u128;
    let mut ratio = None;
    let mut open: Option<OpenChannel> = None;
    let mut payloads = Vec::new();
    let mut epoch = None;
    for (index, batch) in blocks.into_iter().enumerate() {
        let first = (index as u64, batch.epoch_num);
        let mut block = BlockBatch {
            first_of_epoch: epoch.is_some_and(|epoch| epoch != batch.epoch_num),
            batch,
        };
        epoch = Some(block.batch.epoch_num);
        loop {
            let is_new = open.is_none();
            let channel = open.get_or_insert_with(|| {
                channels = channels.wrapping_add(1);
                let id = channels.to_be_bytes();
                let kind = config.batch_kind;
                OpenChannel::new(id, config, kind, Carrier::Blobs, first, l1, ratio)
            });
            match channel.add(block) {
                Ok(()) => break,
                Err((_, reason)) if is_new => return Err(PackError::TooLarge { index, reason }),
                Err((refused, _)) => {
                    let closed = channel.close(0, to, config, l1, |_| Carrier::Blobs)?;
                    ratio = Some(channel.ratio());
                    payloads.extend(closed.payloads());
                    open = None;
                    block = refused;
                }
            }
        }
    }
    if let Some(mut channel) = open {
        let closed = channel.close(0, to, config, l1, |_| Carrier::Blobs)?;
        payloads.extend(closed.payloads());
    }
    Ok(payloads)
}
