use alloc::boxed::Box;
use alloy_evm::block::BlockExecutionError;
use alloy_primitives::B256;
use op_alloy_consensus::EIP1559ParamError;

/// Why a block can't be executed.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// The parent's or the attributes' EIP-1559 parameters are malformed.
    #[error("EIP-1559 parameters are malformed: {0}")]
    ExtraData(#[from] EIP1559ParamError),
    /// A minimum base fee where the fork has none, or none where it has one.
    #[error(
        "a minimum base fee is given or missing at {timestamp}, where Jovian is active: {is_jovian}"
    )]
    MinBaseFee {
        /// The attributes' timestamp.
        timestamp: u64,
        /// Whether Jovian is active then.
        is_jovian: bool,
    },
    /// The timestamp does not follow the parent's.
    #[error("block timestamp {timestamp} is not after its parent's {parent}")]
    Timestamp {
        /// The attributes' timestamp.
        timestamp: u64,
        /// The parent's timestamp.
        parent: u64,
    },
    /// A transaction that the attributes prescribe can't be included.
    #[error("transaction {index} ({hash}) of the attributes can't be included")]
    Transaction {
        /// Position in the block.
        index: usize,
        /// Transaction hash.
        hash: B256,
        /// Why.
        #[source]
        source: TransactionError,
    },
    /// The sender of a transaction that the attributes prescribe can't be recovered.
    #[error("transaction {index} ({hash}) has no valid signature")]
    Signature {
        /// Position in the block.
        index: usize,
        /// Transaction hash.
        hash: B256,
    },
    /// The executor failed outside any transaction (a system call or the state).
    #[error("block execution failed")]
    Internal(#[source] Box<BlockExecutionError>),
}

impl ExecutionError {
    /// Whether the block is invalid, on every node: a transaction that its attributes prescribe can't be
    /// included. Anything else says something about the attributes' source or about this node.
    pub const fn is_invalid_block(&self) -> bool {
        match self {
            Self::Signature { .. } => true,
            Self::Transaction { source, .. } => !matches!(source, TransactionError::Internal(_)),
            Self::ExtraData(_)
            | Self::MinBaseFee { .. }
            | Self::Timestamp { .. }
            | Self::Internal(_) => false,
        }
    }
}

impl PartialEq for ExecutionError {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::ExtraData(a), Self::ExtraData(b)) => a == b,
            (
                Self::Timestamp {
                    timestamp: a,
                    parent: b,
                },
                Self::Timestamp {
                    timestamp: c,
                    parent: d,
                },
            ) => (a, b) == (c, d),
            _ => false,
        }
    }
}

/// Why a transaction was not included. The state is as before it.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// Its gas limit is above what is left in the block: it may fit the next one.
    #[error("gas limit {gas_limit} exceeds the {available} gas left in the block")]
    BlockGas {
        /// The transaction's gas limit.
        gas_limit: u64,
        /// Gas left.
        available: u64,
    },
    /// Its data footprint is above what is left in the block (Jovian): it may fit the next one.
    #[error("data footprint does not fit the block")]
    BlockData,
    /// The protocol refuses it in this state (nonce, balance, fees, type, …).
    #[error("{0}")]
    Invalid(#[source] Box<BlockExecutionError>),
    /// The node failed: nothing follows about the transaction.
    #[error("execution failed")]
    Internal(#[source] Box<BlockExecutionError>),
}

/// Why an executed block could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError<E: core::error::Error + 'static> {
    /// The state root could not be computed.
    #[error("state root")]
    Trie(#[source] E),
}
