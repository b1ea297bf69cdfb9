use alloy_eips::BlockNumHash;
use alloy_primitives::U256;
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

    /// Wei of OPEN that transactions up to block `number`, itself included, paid for being posted: L1 fees
    /// and operator fees. Never falls from block to block; `None` if it is no longer known. Called off the
    /// async runtime.
    ///
    /// # Errors
    /// If the store fails.
    fn fees_collected(&self, number: u64) -> Result<Option<U256>, SourceError>;
}
