//! The batcher: what makes the chain's blocks final on L1.
//!
//! It follows the unsafe head, turns the blocks after the safe head into batches, packs batches into
//! compressed channels, cuts these into frames and sends the frames to the inbox on L1, in order, as
//! calldata or in blobs, whichever is cheaper. Derivation (`openledger-derive`) reads the same bytes
//! back with the same codec; before anything is sent it is read back here, and not sent if it would
//! not come out as the blocks that went in.
//!
//! The decisions are in `pipeline.rs`, which does no I/O and reads no clock: it is told of blocks, of
//! the L1's head and of confirmations, and answers with transactions and reasons to start over. The
//! loop around it is in `driver.rs`.
//!
//! A channel takes blocks in `open_channel.rs` and waits for L1 in `channel.rs`; `costs.rs` decides
//! what carries it, and `rederive.rs` is the last look. `cost_watch.rs` says whether fees pay for it all.
//!
//! Invariants: frames are sent in the order of their channels and their numbers, and included in
//! that order, because they have one sender with consecutive nonces; at most a configured number of
//! channels and transactions is held, and a backlog waits in the store; whatever goes wrong on L1, the
//! batcher starts over from the safe head, never from what it believes to have posted. Where only L2 was
//! unwound it goes on behind what is still canonical, and a new process behind what the sender's journal
//! still has, on its way or confirmed not long ago: should any of it be of no use, the safe head does not
//! follow. Start reading at [`Batcher`].

mod batch;
mod blobs;
mod channel;
mod config;
mod cost_watch;
mod costs;
mod driver;
mod l1_point;
mod open_channel;
mod pack;
mod pipeline;
mod rate;
mod rederive;
mod restart;
mod source;
mod status;
mod tag;

#[cfg(test)]
mod anvil_tests;
#[cfg(test)]
mod testing;

pub use batch::{BatchOfBlockError, batch_of};
pub use config::{BatchKind, BatcherConfig, DataAvailability};
pub use cost_watch::{CostAlarm, PostingBalance};
pub use costs::{PostingGas, posting_gas};
pub use driver::{Batcher, BatcherError, L1Head, TxSubmit};
pub use l1_point::L1Point;
pub use pack::{PackError, pack};
pub use rate::{OpenPerEth, RateError};
pub use rederive::RederiveError;
pub use restart::{BlobsError, RestartReason};
pub use source::{BlockSource, SourceError};
pub use status::BatcherStatus;
