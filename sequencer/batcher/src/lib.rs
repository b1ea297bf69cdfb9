//! The batcher: what makes the chain's blocks final on L1.
//!
//! It follows the unsafe head, turns each block after the safe head into a batch, packs batches into
//! compressed channels, cuts these into frames and sends each frame as calldata to the inbox on L1,
//! in order. Derivation (`openledger-derive`) reads the same bytes back with the same codec.
//!
//! The decisions are in `pipeline.rs`, which does no I/O and reads no clock: it is told of blocks, of
//! the L1's head and of confirmations, and answers with transactions and reasons to start over. The
//! loop around it is in `driver.rs`.
//!
//! Invariants: frames are sent in the order of their channels and their numbers, and included in
//! that order, because they have one sender with consecutive nonces; at most a configured number of
//! channels and transactions is held, and a backlog waits in the store; whatever goes wrong, the
//! batcher starts over from the safe head, never from what it believes to have posted. Start reading
//! at [`Batcher`].

mod batch;
mod channel;
mod config;
mod driver;
mod pipeline;
mod source;
mod status;

#[cfg(test)]
mod anvil_tests;
#[cfg(test)]
mod testing;

pub use batch::{BatchOfBlockError, batch_of};
pub use config::BatcherConfig;
pub use driver::{Batcher, BatcherError, L1Head, TxSubmit};
pub use pipeline::{L1Point, RestartReason};
pub use source::{BlockSource, SourceError};
pub use status::BatcherStatus;
