//! What of the pool is in the store, so that a restart finds it again.

use crate::{BuilderError, journal};
use alloy_primitives::{B256, Bytes};
use openledger_mempool::Removal;
use openledger_store::Store;
use std::collections::HashSet;
use tokio::sync::broadcast;

/// How a transaction came into the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It was submitted.
    Submitted,
    /// It was in a block that was unwound.
    Reinjected,
}

/// The store's family of pooled transactions.
pub(super) struct PoolRecords {
    store: Store,
    /// What is in it.
    stored: HashSet<B256>,
    /// Number of the next record.
    sequence: u64,
    /// What leaves the pool, so that the store forgets it too.
    removals: broadcast::Receiver<Removal>,
}

impl PoolRecords {
    pub(super) fn new(store: Store, removals: broadcast::Receiver<Removal>) -> Self {
        Self {
            store,
            stored: HashSet::new(),
            sequence: 0,
            removals,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.stored.len()
    }

    /// Everything that a former run stored, in the order in which it came, so that nonces follow on each
    /// other. A record that can't be read has no bytes.
    pub(super) fn load(&mut self) -> Result<Vec<(B256, journal::PooledRecord)>, BuilderError> {
        let mut records: Vec<_> = self
            .store
            .pool_all()?
            .into_iter()
            .map(|(hash, record)| (hash, journal::decode_pooled(&record)))
            .collect();
        records.sort_unstable_by_key(|(_, record)| record.sequence);
        if let Some((_, last)) = records.last() {
            self.sequence = self.sequence.max(last.sequence.saturating_add(1));
        }
        self.stored.extend(records.iter().map(|(hash, _)| *hash));
        Ok(records)
    }

    /// Stores transactions, in order, unless they are stored already.
    pub(super) fn put(
        &mut self,
        arrival: Arrival,
        transactions: impl IntoIterator<Item = (B256, Bytes)>,
    ) -> Result<(), BuilderError> {
        let mut records = Vec::new();
        for (hash, encoded) in transactions {
            if self.stored.insert(hash) {
                let is_reinjected = arrival == Arrival::Reinjected;
                let record = journal::encode_pooled(self.sequence, is_reinjected, &encoded);
                records.push((hash, record));
                self.sequence = self.sequence.saturating_add(1);
            }
        }
        if records.is_empty() {
            return Ok(());
        }
        let records: Vec<(B256, &[u8])> = records
            .iter()
            .map(|(hash, record)| (*hash, record.as_slice()))
            .collect();
        self.store.pool_put(&records)?;
        Ok(())
    }

    /// Deletes these, and what left the pool since the last call.
    pub(super) fn remove(
        &mut self,
        hashes: impl IntoIterator<Item = B256>,
    ) -> Result<(), BuilderError> {
        let Self {
            stored, removals, ..
        } = self;
        let gone: Vec<B256> = hashes
            .into_iter()
            .chain(std::iter::from_fn(|| next_removal(removals)))
            .filter(|hash| stored.remove(hash))
            .collect();
        if !gone.is_empty() {
            self.store.pool_remove(&gone)?;
        }
        Ok(())
    }
}

/// The next transaction that left the pool; what a lagging receiver lost stays stored until a restart
/// finds it stale.
fn next_removal(removals: &mut broadcast::Receiver<Removal>) -> Option<B256> {
    loop {
        match removals.try_recv() {
            Ok(removal) => return Some(removal.hash),
            Err(broadcast::error::TryRecvError::Lagged(_)) => {}
            Err(_) => return None,
        }
    }
}
