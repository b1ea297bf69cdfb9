//! What comes of the pipeline's steps.

use crate::{BatchOfBlockError, RestartReason, SourceError};
use alloy_eips::BlockNumHash;
use openledger_protocol::{ChannelError, Full};

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
    /// L2 was unwound: what was posted and is no longer canonical is forgotten.
    Unwound {
        /// The last block that was put into a channel.
        posted: BlockNumHash,
    },
    /// Everything since the safe head is to be done again.
    Restart(RestartReason),
}

/// A channel that L1 holds as a whole, in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConfirmedChannel {
    pub(crate) to: BlockNumHash,
    pub(crate) inclusion: BlockNumHash,
}
