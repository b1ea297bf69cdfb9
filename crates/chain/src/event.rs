use crate::PreconfirmedTransaction;
use openledger_primitives::{BlockNumHash, SealedBlock};
use std::sync::Arc;

/// What happened to the chain. Sent after it is durable.
#[derive(Debug, Clone)]
pub enum ChainEvent {
    /// A block was sealed and is the new unsafe head.
    Sealed(Arc<SealedBlock>),
    /// Blocks after `to` left the chain; `removed` holds them in ascending order.
    Unwound {
        /// The new unsafe head.
        to: BlockNumHash,
        /// What was removed.
        removed: Arc<Vec<SealedBlock>>,
    },
    /// Transactions were executed into the open block and journaled, in order.
    Preconfirmed(Arc<Vec<Arc<PreconfirmedTransaction>>>),
    /// The safe or finalized head moved.
    HeadsMoved,
}
