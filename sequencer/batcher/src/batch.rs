use alloy_eips::eip2718::Encodable2718;
use openledger_primitives::{Block, Transaction};
use openledger_protocol::{L1Attributes, L1AttributesError, SingularBatch};

/// Why a block can't be posted: it is not one that the chain's rules allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchOfBlockError {
    /// The block has no transactions: the L1 attributes must be the first.
    #[error("block {number} has no L1 attributes")]
    Empty {
        /// The block's number.
        number: u64,
    },
    /// The first transaction does not hold the L1 attributes.
    #[error("block {number} does not begin with the L1 attributes")]
    Attributes {
        /// The block's number.
        number: u64,
        /// Why.
        #[source]
        source: L1AttributesError,
    },
}

/// The batch of a block: its signed transactions and its L1 origin. Deposits are left out, since
/// derivation takes them from L1.
///
/// # Errors
/// If the block does not begin with the L1 attributes.
pub fn batch_of(block: &Block) -> Result<SingularBatch, BatchOfBlockError> {
    BlockBatch::of(block).map(|block| block.batch)
}

/// A block as the batcher posts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockBatch {
    pub(crate) batch: SingularBatch,
    /// Whether it is the first of its epoch.
    pub(crate) first_of_epoch: bool,
}

impl BlockBatch {
    /// Bytes of its transactions.
    pub(crate) fn tx_bytes(&self) -> usize {
        self.batch.transactions.iter().map(|tx| tx.len()).sum()
    }

    /// # Errors
    /// If the block does not begin with the L1 attributes.
    pub(crate) fn of(block: &Block) -> Result<Self, BatchOfBlockError> {
        let number = block.header.number;
        let first = block
            .body
            .transactions
            .first()
            .ok_or(BatchOfBlockError::Empty { number })?;
        let attributes = L1Attributes::from_deposit(first)
            .map_err(|source| BatchOfBlockError::Attributes { number, source })?;
        let transactions = block
            .body
            .transactions
            .iter()
            .filter(|tx| !matches!(tx, Transaction::Deposit(_)))
            .map(|tx| tx.encoded_2718().into())
            .collect();
        let batch = SingularBatch {
            parent_hash: block.header.parent_hash,
            epoch_num: attributes.number,
            epoch_hash: attributes.hash,
            timestamp: block.header.timestamp,
            transactions,
        };
        Ok(Self {
            batch,
            first_of_epoch: attributes.sequence_number == 0,
        })
    }
}
