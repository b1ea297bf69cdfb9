use crate::RederiveError;
use alloy_eips::BlockNumHash;
use openledger_protocol::ChannelId;

/// Why the batcher starts over from the safe head, or, where L2 was unwound, from the last channel that is
/// still canonical. What was sent is not taken back: derivation ignores what no longer fits.
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
    /// The safe head went back behind the block that posting began after.
    #[error("the safe head went back to {safe}, behind block {began_at} that posting began after")]
    SafeHeadBack {
        /// The safe head's number.
        safe: u64,
        /// The safe head's number when posting began.
        began_at: u64,
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
    /// A channel would not have come out as the blocks that went in: it was not posted. What comes
    /// next is written in the plainest form.
    #[error("blocks {from} to {to} were not posted: {difference}")]
    NotRederived {
        /// Number of the channel's first L2 block.
        from: u64,
        /// Number of its last L2 block.
        to: u64,
        /// What would have differed.
        #[source]
        difference: RederiveError,
    },
    /// A channel's blobs can't be made, or don't hold what was put in: they were not posted.
    #[error("blobs of a channel can't be made: {0}")]
    Blobs(#[source] BlobsError),
}

/// Why a channel's blobs are not posted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobsError {
    /// Nothing can be decoded from a blob.
    #[error("blob {index}: {source}")]
    Decode {
        /// Its place in the transaction.
        index: usize,
        /// Why.
        #[source]
        source: openledger_protocol::BlobError,
    },
    /// A blob decodes to something else.
    #[error("blob {index} holds something else than was put in")]
    Differs {
        /// Its place in the transaction.
        index: usize,
    },
    /// The commitments and proofs can't be computed.
    #[error("no commitment or proof could be computed")]
    Kzg,
}
