//! What the node acknowledged, and therefore must never lose.

use alloy_primitives::{Address, B256};
use anyhow::{Result, ensure};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Where a preconfirmed transaction must be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) block: u64,
    pub(crate) index: u64,
}

/// Everything acknowledged so far.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Sealed blocks that were seen.
    pub(crate) blocks: BTreeMap<u64, B256>,
    /// Preconfirmed transactions.
    pub(crate) preconfirmed: BTreeMap<B256, Position>,
    /// Transactions that `eth_sendRawTransaction` accepted: preconfirmed or pooled.
    pub(crate) accepted: BTreeSet<B256>,
    /// Transactions of both kinds that were not seen sealed yet.
    pub(crate) open: BTreeSet<B256>,
    /// Up to here the blocks' receipts were looked at.
    pub(crate) looked_at: u64,
    /// The next nonce of each sender, by its acknowledged transactions.
    pub(crate) nonces: BTreeMap<Address, u64>,
    /// The highest nonce that was pooled behind a gap, by sender.
    pub(crate) gapped: BTreeMap<Address, u64>,
}

/// How much was acknowledged.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    blocks: usize,
    preconfirmed: usize,
    accepted: usize,
}

impl Record {
    pub(crate) fn block(&mut self, number: u64, hash: B256) -> Result<()> {
        let known = *self.blocks.entry(number).or_insert(hash);
        ensure!(
            known == hash,
            "block {number} was {known} and is now {hash}"
        );
        Ok(())
    }

    pub(crate) fn preconfirmed(&mut self, hash: B256, position: Position) {
        self.preconfirmed.insert(hash, position);
        self.open.insert(hash);
    }

    pub(crate) fn accepted(&mut self, hash: B256) {
        self.accepted.insert(hash);
        self.open.insert(hash);
    }

    pub(crate) fn nonce(&mut self, sender: Address, next: u64) {
        let known = self.nonces.entry(sender).or_default();
        *known = next.max(*known);
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            blocks: self.blocks.len(),
            preconfirmed: self.preconfirmed.len(),
            accepted: self.accepted.len(),
        }
    }
}

impl Counts {
    pub(crate) const fn since(&self, before: &Self) -> Self {
        Self {
            blocks: self.blocks - before.blocks,
            preconfirmed: self.preconfirmed - before.preconfirmed,
            accepted: self.accepted - before.accepted,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} blocks sealed, {} transactions preconfirmed, {} accepted",
            self.blocks, self.preconfirmed, self.accepted
        )
    }
}
