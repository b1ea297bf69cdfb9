//! Transactions waiting for a block: admission, ordering, replacement and limits.
//!
//! A transaction comes in as bytes, and [`RecoveredTransaction::decode`] turns it into the only form
//! in which the node handles it: decoded, with its sender recovered (the dear part, about 50 µs, so
//! [`decode_all`] spreads it over the cores). [`Mempool::insert`] checks it against the fork's rules,
//! the sender's preconfirmed account and the pool's limits, and files it:
//!
//! - *pending*: its nonce follows on the account's without a gap, and the account can pay for it and
//!   all pending ones before it. A pending transaction whose fee cap is below the base fee waits
//!   until that falls; the others are *executable*.
//! - *queued*: a nonce gap is before it, or the balance does not reach this far.
//!
//! The block builder asks for [`Mempool::next_executable`], executes it into the open block, publishes
//! the new state, and says [`Mempool::mark_executed`] or [`Mempool::mark_invalid`], or
//! [`Mempool::set_aside`] of a sender whose next transaction must wait for another block. So in an unloaded
//! node a transaction spends some microseconds here. After an unwind [`Mempool::reinject`] puts the
//! unwound transactions back in front, in their old order.
//!
//! Invariants: an account's pending nonces are contiguous from its nonce and their summed cost is at
//! most its balance, as far as the pool knows that account; the caps of [`MempoolConfig`] hold after
//! every call, for all that did not come back by an unwind; whoever is executable first by the configured [`Ordering`] is served first, and among
//! equals the earlier arrival; a full pool evicts only what pays less than the newcomer. One lock
//! guards all of it and is never held over a state read, a signature recovery or a decoding.
//!
//! Start reading at `mempool.rs` (the API), then `pool.rs` (the state behind the lock), `sender.rs`
//! (one account) and `heads.rs` (the order of execution).

mod account;
mod admission;
mod config;
mod decode;
mod error;
mod eviction;
mod expiry;
mod heads;
mod mempool;
#[cfg(test)]
mod model;
mod pool;
mod pooled;
mod recover;
mod sender;
mod transaction;
mod validate;

pub use account::{AccountReader, AccountState, FeeContext};
pub use config::{MempoolConfig, Ordering};
pub use decode::{TRANSACTION_SIZE_MAX, decode_all};
pub use error::{DecodeError, InsertError, Shortfall};
pub use mempool::{Inserted, Mempool, PoolContent};
pub use pool::{Removal, RemovalReason};
pub use pooled::PooledTransaction;
pub use recover::recover_senders;
pub use transaction::RecoveredTransaction;
