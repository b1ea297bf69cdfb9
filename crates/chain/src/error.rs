use crate::{ChainFilesError, GenesisError};
use alloy_primitives::B256;
use openledger_execution::ExecutionError;
use openledger_store::StoreError;

/// Why the chain could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The store failed.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// The chain files can't be used.
    #[error(transparent)]
    Files(#[from] ChainFilesError),
    /// The genesis can't be used.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// A block can't be executed.
    #[error("execution: {0}")]
    Execution(#[from] ExecutionError),
    /// The state root could not be computed.
    #[error("state root: {source}")]
    Root {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The data directory holds another chain.
    #[error(
        "the data directory holds a chain with genesis {found}, the chain files say {expected}: \
         use another --data-dir, or delete this one"
    )]
    OtherGenesis {
        /// Genesis hash in the store.
        found: B256,
        /// Genesis hash of the chain files.
        expected: B256,
    },
    /// The newest block was made by another schedule of forks.
    #[error(
        "block {number} at {timestamp} was made by another rollup.json: by this one Jovian is \
         {}active then. Take the rollup.json that the data directory was made with, or delete the directory and \
         derive the chain again", if *.is_jovian { "" } else { "not " }
    )]
    OtherForks {
        /// The block's number.
        number: u64,
        /// Its timestamp.
        timestamp: u64,
        /// Whether it should have Jovian.
        is_jovian: bool,
    },
    /// The thread that did the work is gone.
    #[error("work on the chain was interrupted")]
    Interrupted,
    /// A block does not extend the head.
    #[error("block {number} has parent {parent}, but the head is {head}")]
    NotChild {
        /// The block's number.
        number: u64,
        /// Its parent hash.
        parent: B256,
        /// Hash of the unsafe head.
        head: B256,
    },
    /// A block is not what executing it gives.
    #[error("block {number} is {found} when it is executed, not {expected}")]
    Differs {
        /// The block's number.
        number: u64,
        /// Its hash.
        expected: B256,
        /// Hash of what executing it gives; zero if it can't be.
        found: B256,
    },
    /// A head that would break the order finalized ≤ safe ≤ unsafe, or is not canonical.
    #[error("block {number} ({hash}) can't become {head}: it is not a canonical block in order")]
    HeadOrder {
        /// `safe` or `finalized`.
        head: &'static str,
        /// The block's number.
        number: u64,
        /// The block's hash.
        hash: B256,
    },
    /// The unwind target is at or below the finalized head, or unknown.
    #[error("can't unwind to block {to}: the finalized head is {finalized}")]
    UnwindTooDeep {
        /// The target.
        to: u64,
        /// The finalized head.
        finalized: u64,
    },
}
