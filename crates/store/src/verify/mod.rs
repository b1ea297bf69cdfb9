//! Checking a store against itself: every root recomputed, every index looked up.

mod blocks;
mod state;

use crate::{error::StoreError, state::LatestState, store::Store};
use alloy_primitives::{Address, B256};
use std::sync::Arc;

/// What [`Store::verify`] looked at, and the first thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VerifyReport {
    /// Headers checked: hash, parent, index by hash.
    pub headers: u64,
    /// Blocks whose bodies, receipts and indexes were checked, the newest.
    pub blocks: u64,
    /// Accounts of the latest state.
    pub accounts: u64,
    /// Slots of the latest state.
    pub slots: u64,
    /// Nodes of the latest tries.
    pub nodes: u64,
    /// The first difference; `None` if there is none.
    pub difference: Option<Difference>,
}

/// Where a store contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// A header is missing, doesn't hash to its hash, or doesn't name the one before.
    #[error("header {number} is missing, damaged or not the child of the one before")]
    Header {
        /// The block.
        number: u64,
    },
    /// The index by hash doesn't lead to a block.
    #[error("the hash of block {number} is not in the index")]
    BlockIndex {
        /// The block.
        number: u64,
    },
    /// A block's transactions aren't those of its header.
    #[error("the transactions of block {number} do not match its header")]
    Transactions {
        /// The block.
        number: u64,
    },
    /// A block's receipts aren't those of its header.
    #[error("the receipts of block {number} do not match its header")]
    Receipts {
        /// The block.
        number: u64,
    },
    /// The transaction index doesn't lead to a transaction.
    #[error("transaction {hash} of block {number} is not in the index")]
    TransactionIndex {
        /// The block.
        number: u64,
        /// The transaction.
        hash: B256,
    },
    /// The log index lacks a log of a block.
    #[error("a log of block {number} is not in the index")]
    LogIndex {
        /// The block.
        number: u64,
    },
    /// The index by address lacks a transaction of a block, or says that it holds a block of another chain.
    #[error("a transaction of block {number} is not in the index by address")]
    AddressIndex {
        /// The block.
        number: u64,
    },
    /// An account's slots don't come to its storage root.
    #[error("the slots of {address} have root {found}, but the account says {expected}")]
    StorageRoot {
        /// The account.
        address: Address,
        /// The account's storage root.
        expected: B256,
        /// The root of its slots.
        found: B256,
    },
    /// The accounts don't come to the head's state root.
    #[error("the accounts have root {found}, but the head says {expected}")]
    StateRoot {
        /// The head's state root.
        expected: B256,
        /// The root of the accounts.
        found: B256,
    },
    /// Slots belong to no account.
    #[error("{found} slots are stored, but accounts own {expected}")]
    OrphanSlots {
        /// Slots of existing accounts.
        expected: u64,
        /// Slots stored.
        found: u64,
    },
    /// A trie node is missing or damaged.
    #[error("the trie node at {path:?} of {account:?} is missing or damaged")]
    Node {
        /// Hashed address of the storage trie's account; `None` for the account trie.
        account: Option<B256>,
        /// Path of the node, one nibble a byte.
        path: Vec<u8>,
    },
    /// Trie nodes are stored that no trie refers to.
    #[error("{found} trie nodes are stored, but the tries have {expected}")]
    StaleNodes {
        /// Nodes reached from the root.
        expected: u64,
        /// Nodes stored.
        found: u64,
    },
}

/// Reports progress in steps.
struct Progress<'a> {
    done: u64,
    total: u64,
    report: &'a mut dyn FnMut(u64, u64),
}

impl Progress<'_> {
    /// Steps between two reports.
    const EVERY: u64 = 1024;

    fn step(&mut self) {
        self.done += 1;
        if self.done.is_multiple_of(Self::EVERY) {
            // The total is an estimate.
            (self.report)(self.done.min(self.total), self.total);
        }
    }
}

impl Store {
    /// Checks the whole header chain, the newest 10,000 blocks with their indexes, and the latest
    /// state: its root is recomputed from the accounts and slots, and every trie node is visited.
    /// `progress` gets steps done and an estimate of all steps. Works on one snapshot beside everything
    /// else; takes minutes on a large store.
    ///
    /// Stops at the first difference, which the report names.
    ///
    /// # Errors
    /// [`StoreError::Empty`] before genesis; [`StoreError`] if the database fails.
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<VerifyReport, StoreError> {
        // Of this instant: the index by address changes without the chain.
        let latest = LatestState::new(Arc::new(self.fresh_view()?))?;
        let mut report = VerifyReport::default();
        let total = self.verify_steps()?;
        let mut steps = Progress {
            done: 0,
            total,
            report: progress,
        };
        report.difference = match blocks::verify(&latest, &mut report, &mut steps)? {
            None => state::verify(&latest, &mut report, &mut steps)?,
            found => found,
        };
        (steps.report)(total, total);
        Ok(report)
    }

    /// An estimate of the steps that verification takes.
    fn verify_steps(&self) -> Result<u64, StoreError> {
        use crate::column::Column;
        let mut total = 0;
        for column in [
            Column::Headers,
            Column::Accounts,
            Column::Storage,
            Column::Trie,
        ] {
            let family = self.db().family(column);
            let keys = self
                .db()
                .rocks
                .property_int_value_cf(family, "rocksdb.estimate-num-keys")?;
            total += keys.unwrap_or(0);
        }
        Ok(total.max(1))
    }
}
