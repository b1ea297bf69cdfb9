use openledger_chain::ChainError;
use openledger_execution::{ExecutionError, TransactionError};
use openledger_store::StoreError;

/// Why the builder stopped.
#[derive(Debug, thiserror::Error)]
pub enum BuilderError {
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store failed.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// A block could not be opened or closed.
    #[error("execution: {0}")]
    Execution(#[from] ExecutionError),
    /// A transaction that every block must begin with can't be included.
    #[error("transaction {index} of the attributes of block {number} failed: {source}")]
    Attributes {
        /// Block number.
        number: u64,
        /// Position.
        index: usize,
        /// Why.
        #[source]
        source: TransactionError,
    },
    /// The L1 attributes of a block could not be read or written.
    #[error("L1 attributes of block {number}: {source}")]
    L1Attributes {
        /// Block number.
        number: u64,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A journal record is damaged: disk corruption, since records are written whole.
    #[error("journal record {index} of block {number} is damaged")]
    Journal {
        /// Block number.
        number: u64,
        /// Record.
        index: usize,
    },
    /// The thread could not be started.
    #[error("builder thread: {0}")]
    Thread(#[source] std::io::Error),
    /// The thread has ended.
    #[error("the builder does not run")]
    Stopped,
    /// The thread panicked, which is a bug.
    #[error("the builder's thread panicked")]
    Panicked,
    /// The state could not be read.
    #[error("state read: {source}")]
    State {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
