use alloy_eips::BlockNumHash;
use openledger_primitives::Block;

/// Why a block can't be read.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// The chain, as far as the batcher looks at it.
///
/// Answers may be from different moments: the batcher checks that each block extends the one before.
pub trait BlockSource: Send + Sync {
    /// The newest block that the sequencer has sealed.
    fn unsafe_head(&self) -> BlockNumHash;

    /// The newest block that follows from L1.
    fn safe_head(&self) -> BlockNumHash;

    /// The canonical block at a height; `None` if there is none. Called off the async runtime.
    ///
    /// # Errors
    /// If the store fails. The batcher tries again.
    fn block(&self, number: u64) -> Result<Option<Block>, SourceError>;
}
