//! The mempool's persistence: transactions by hash. Not synced: a power loss may take the newest.

use crate::{column::Column, error::StoreError, store::Store};
use alloy_primitives::B256;
use rocksdb::WriteBatch;

impl Store {
    /// Stores pooled transactions by hash.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn pool_put(&self, records: &[(B256, &[u8])]) -> Result<(), StoreError> {
        let family = self.db().family(Column::Pool);
        let mut batch = WriteBatch::default();
        records
            .iter()
            .for_each(|(hash, record)| batch.put_cf(family, hash, record));
        self.db().write(batch)
    }

    /// Removes pooled transactions; unknown hashes are fine.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn pool_remove(&self, hashes: &[B256]) -> Result<(), StoreError> {
        let family = self.db().family(Column::Pool);
        let mut batch = WriteBatch::default();
        hashes.iter().for_each(|hash| batch.delete_cf(family, hash));
        self.db().write(batch)
    }

    /// All pooled transactions, by hash. As many as the pool put: its own bound holds.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn pool_all(&self) -> Result<Vec<(B256, Vec<u8>)>, StoreError> {
        let mut records = Vec::new();
        self.fresh_snapshot()
            .for_each_with_prefix(Column::Pool, &[], |key, record| {
                let malformed = StoreError::MalformedRecord {
                    column: Column::Pool.name(),
                };
                records.push((B256::try_from(key).map_err(|_| malformed)?, record.to_vec()));
                Ok(true)
            })?;
        Ok(records)
    }
}
