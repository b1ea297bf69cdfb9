//! The RocksDB store: flat state, trie nodes, versioned history, blocks, receipts, indexes, pruning
//! and unwinding.
//!
//! The step between "sealed block" and everything that reads the chain: [`Store::commit`] takes a
//! [`SealedBlock`], its [`StateChanges`] and its [`TrieUpdates`] and writes them in one atomic, synced
//! batch; [`Store::latest`] and [`Store::at`] give the state after the newest block and after any
//! block of the history window, both as [`StateReader`] and as [`NodeReader`].
//!
//! # How history works
//! Every change of an account, a slot or a trie path is written twice: in place, for the latest state,
//! and under `key ‖ block number`, the value after that block. A read at block `n` seeks the last
//! version at or below `n`. Branch nodes are 532 bytes and change in every block, so their versions
//! hold their hash alone: the children of a branch are found at `path ‖ nibble` at the same height, and
//! the branch is rebuilt from their references (see `state/historical.rs`). A changed leaf's version
//! names its account or slot, whose value has a version of its own.
//!
//! # Invariants
//! - A batch is all or nothing, and synced before [`Store::commit`] returns: a crash at any instant
//!   leaves the state after some block. There is no repair step.
//! - The state after every block from [`Store::oldest_history`] to [`Store::head`] is readable: each
//!   key has at most one version at or below the oldest, and no version above the head.
//! - Every reader works on one snapshot.
//! - The store never executes; a header's roots are trusted, but must equal the trie's.
//!
//! Start reading at [`Store`], then `column.rs` for what lives where, then `commit.rs`.
//!
//! [`SealedBlock`]: openledger_primitives::SealedBlock
//! [`StateChanges`]: openledger_primitives::StateChanges
//! [`TrieUpdates`]: openledger_trie::TrieUpdates
//! [`StateReader`]: openledger_primitives::StateReader
//! [`NodeReader`]: openledger_primitives::NodeReader
#![deny(unsafe_code)]

mod address_index;
mod blocks;
mod codec;
mod column;
mod commit;
mod database;
mod error;
mod exit;
mod fuzz;
mod journal;
mod keys;
mod logs;
mod meta;
mod options;
mod pool;
mod prune;
mod safe_heads;
mod snapshot;
mod state;
mod stats;
mod store;
mod unwind;
mod verify;

pub use address_index::{
    AddressIndexReport, AddressPage, AddressSearch, IndexedBlocks, TransactionPlace,
};
pub use commit::BlockWrite;
pub use error::{Severity, StoreError};
pub use fuzz::{journal_file, store_record};
pub use logs::LogBlocks;
pub use options::StoreOptions;
pub use prune::PruneReport;
pub use safe_heads::SafeHead;
pub use state::{HistoricalState, LatestState};
pub use stats::{FamilyStats, StoreStats};
pub use store::Store;
pub use verify::{Difference, VerifyReport};
