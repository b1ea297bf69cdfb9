use alloy_eips::BlockNumHash;
use alloy_primitives::B256;

/// Why the chain could not be read.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// The chain as the proposer reads it. Calls may do disk work.
pub trait OutputSource: Send + Sync + 'static {
    /// The newest block that L1 holds.
    fn safe_head(&self) -> BlockNumHash;

    /// The output root of a block; `None` if there is no such block.
    ///
    /// # Errors
    /// Failed reads.
    fn output_root(&self, number: u64) -> Result<Option<B256>, SourceError>;

    /// The storage root of the message passer after a block: it changes when a withdrawal begins.
    /// `None` if there is no such block.
    ///
    /// # Errors
    /// Failed reads.
    fn withdrawals_root(&self, number: u64) -> Result<Option<B256>, SourceError>;
}
