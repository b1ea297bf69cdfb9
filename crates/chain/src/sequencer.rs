use crate::PreconfirmedTransaction;
use alloy_primitives::{Address, B256, Bytes, U256};
use openledger_mempool::{InsertError, Mempool, RecoveredTransaction};
use std::{future::Future, pin::Pin, sync::Arc};

/// A boxed future, for traits that are used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What became of a submitted transaction.
#[derive(Debug, Clone)]
pub enum Submission {
    /// It waits in the pool (nonce gap, block full, fee too low now, or the sequencer is stopped).
    Pooled,
    /// It is in the open block and journaled.
    Preconfirmed(Arc<PreconfirmedTransaction>),
}

/// Why a transaction was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The pool refuses it.
    #[error("{0}")]
    Pool(#[from] InsertError),
    /// It was accepted, tried, and can't be included.
    #[error("{reason}")]
    Execution {
        /// The executor's words.
        reason: String,
    },
    /// Too many transactions wait for execution; try again.
    #[error("the sequencer is busy: {waiting} transactions wait, try again")]
    Busy {
        /// Transactions waiting.
        waiting: usize,
    },
    /// The node is shutting down or broken.
    #[error("the sequencer does not run")]
    Stopped,
}

/// Why the sequencer could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum SequencerError {
    /// It already is in that state.
    #[error("the sequencer already is {state}")]
    Already {
        /// In words: `running`, `stopped`, or started and waiting for derivation.
        state: &'static str,
    },
    /// The given head is not the unsafe head.
    #[error("the unsafe head is {head}, not {given}")]
    WrongHead {
        /// The actual unsafe head.
        head: B256,
        /// What was given.
        given: B256,
    },
    /// The node is shutting down or broken.
    #[error("the sequencer does not run")]
    Stopped,
}

/// A change of state or time outside any transaction: only an unsettled local chain does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalCommand {
    /// Seals the open block, then `blocks - 1` more, `interval` seconds apart (0: the block time).
    Mine {
        /// Blocks to seal, 1 to 100,000.
        blocks: u64,
        /// Seconds between them.
        interval: u64,
    },
    /// Sets a balance, wei.
    SetBalance(Address, U256),
    /// Sets a nonce.
    SetNonce(Address, u64),
    /// Sets code.
    SetCode(Address, Bytes),
    /// Sets a storage slot.
    SetStorageAt(Address, U256, U256),
    /// Moves the clock forward by so many seconds.
    IncreaseTime(u64),
    /// The timestamp of the next block, seconds.
    SetNextBlockTimestamp(u64),
    /// A block a transaction, or not.
    SetAutomine(bool),
    /// Seals every so many seconds; 0 stops that.
    SetIntervalMining(u64),
    /// Remembers this state.
    Snapshot,
    /// Returns to a snapshot.
    Revert(u64),
    /// Returns to genesis.
    Reset,
}

/// What a local command answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalReply {
    /// Nothing but success.
    Done,
    /// A number: snapshot id, seconds.
    Number(u64),
    /// Whether it was done.
    Bool(bool),
}

/// Why a local command was refused.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The chain posts to L1.
    #[error(
        "this chain is settled on L1, so its state and time change by transactions only: \
         start it with --no-batcher (or --instant, --manual) to use this method"
    )]
    Settled,
    /// The command's values make no sense.
    #[error("{reason}")]
    Invalid {
        /// Why, in words for the caller.
        reason: String,
    },
    /// The sequencer failed.
    #[error("the sequencer does not run")]
    Stopped,
}

/// What a node asks of whoever builds its blocks.
pub trait Sequencer: Send + Sync + std::fmt::Debug + 'static {
    /// Admits a transaction and executes it into the open block if it can be now. Answers when it is
    /// durable: journaled, or stored with the pool.
    fn submit(
        &self,
        transaction: RecoveredTransaction,
    ) -> BoxFuture<'_, Result<Submission, SubmitError>>;

    /// [`Sequencer::submit`] for many at once, in order.
    fn submit_many(
        &self,
        transactions: Vec<RecoveredTransaction>,
    ) -> BoxFuture<'_, Vec<Result<Submission, SubmitError>>>;

    /// The pool.
    fn mempool(&self) -> &Mempool;

    /// Whether blocks are being built; not while derivation has the chain to itself.
    fn is_active(&self) -> bool;

    /// Starts building on `head` (any, if zero).
    fn start(&self, head: B256) -> BoxFuture<'_, Result<(), SequencerError>>;

    /// Seals what is open and stops; answers the head's hash.
    fn stop(&self) -> BoxFuture<'_, Result<B256, SequencerError>>;

    /// Limits what a transaction and a block may take on L1, bytes after estimated compression; zero
    /// lifts a limit. What is too large for a block waits in the pool. Answers whether it was done.
    fn set_data_limits(&self, transaction_bytes: u64, block_bytes: u64) -> bool;

    /// Runs a local command.
    fn local(&self, command: LocalCommand) -> BoxFuture<'_, Result<LocalReply, LocalError>>;
}
