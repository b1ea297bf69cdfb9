//! Merkle Patricia tries over a node reader: incremental roots and proofs, no database.
//!
//! The step between "executed block" and "sealed block": the executor's [`StateChanges`] go in, the
//! state root and the trie nodes to persist come out. [`StateTrie`] keeps the hot part of the account
//! trie and of the storage tries in memory, so that a block costs hashing and little else; what is not
//! resident is read by `(account, path, hash)` from a [`NodeReader`], which a database answers by path
//! and a witness by hash. [`prove`] walks the same nodes for `eth_getProof`.
//!
//! Invariants:
//! - All tries are secure: keys are keccak256 hashes, so every path to a leaf is 64 nibbles long, a
//!   branch never carries a value and no recursion is deeper than 64 nodes.
//! - [`TrieUpdates::nodes`] is exactly the difference between two tries: applying it to a path-keyed
//!   copy of the old trie gives the new trie's nodes, none stale and none missing.
//! - Which nodes happen to be resident never shows in any result.
//! - A malformed node is an error, never a panic.
//!
//! `no_std` + `alloc`; the feature `parallel` (std) hashes storage tries and the top of the account
//! trie on rayon's pool. Start reading at [`StateTrie::update`], then `trie.rs`.
//!
//! [`StateChanges`]: openledger_primitives::StateChanges
//! [`NodeReader`]: openledger_primitives::NodeReader
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

mod account;
mod edge;
mod error;
mod evict;
mod keys;
mod nibbles;
mod node;
mod proof;
mod seal;
mod state;
mod sync;
mod trie;

pub use account::{
    ACCOUNT_VALUE_BYTES_MAX, LeafValue, STORAGE_VALUE_BYTES_MAX, account_leaf_value,
    decode_account_leaf_value, storage_leaf_value,
};
pub use error::{ProofError, TrieError};
pub use nibbles::{HexPrefix, KEY_NIBBLES, pack_key, unpack_key};
pub use node::{
    INLINE_BYTES_MAX, NodeDecodeError, NodeView, RefView, Reference, encode_branch,
    encode_extension, encode_leaf,
};
pub use proof::prove;
pub use state::{LeafKey, NodeUpdate, ResidentLimits, StateTrie, TrieUpdates};
pub use sync::MaybeSync;

#[cfg(test)]
mod tests;
