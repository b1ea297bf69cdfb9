use alloy_eips::BlockNumHash;
use alloy_primitives::B256;

/// Why the chain could not be read.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// A block's output root, and which block of that number it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Hash of the block.
    pub block_hash: B256,
    /// Its output root.
    pub root: B256,
}

/// The chain as the proposer and the challenger read it. Calls may do disk work.
pub trait OutputSource: Send + Sync + 'static {
    /// The newest block that L1 holds.
    fn safe_head(&self) -> BlockNumHash;

    /// The newest block that finalized L1 blocks hold.
    fn finalized_head(&self) -> BlockNumHash;

    /// The output of a block; `None` if there is no such block.
    ///
    /// # Errors
    /// Failed reads.
    fn output(&self, number: u64) -> Result<Option<Output>, SourceError>;

    /// The storage root of the message passer after a block: it changes when a withdrawal begins.
    /// `None` if there is no such block.
    ///
    /// # Errors
    /// Failed reads.
    fn withdrawals_root(&self, number: u64) -> Result<Option<B256>, SourceError>;
}
