//! The journal of the open block: what was preconfirmed, in order, before it is in a sealed block.

use crate::{
    column::Column, database::Database, error::StoreError, keys, snapshot::Snapshot, store::Store,
};
use rocksdb::WriteBatch;
use std::collections::BTreeSet;

/// Which blocks have journal records, so that a commit without any writes no deletion.
#[derive(Debug, Default)]
pub(crate) struct JournalIndex {
    blocks: BTreeSet<u64>,
}

const MALFORMED: StoreError = StoreError::MalformedRecord {
    column: Column::Journal.name(),
};

impl JournalIndex {
    pub(crate) fn read(snapshot: &Snapshot) -> Result<Self, StoreError> {
        let mut blocks = BTreeSet::new();
        let mut iterator = snapshot.iterator(Column::Journal);
        iterator.seek_to_first();
        while let Some(key) = iterator.key() {
            let number = key
                .first_chunk()
                .map(|bytes| u64::from_be_bytes(*bytes))
                .ok_or(MALFORMED)?;
            blocks.insert(number);
            // To the next block's records.
            match number.checked_add(1) {
                Some(next) => iterator.seek(keys::number(next)),
                None => break,
            }
        }
        iterator.status()?;
        Ok(Self { blocks })
    }

    /// Adds the deletion of a block's records to a batch, if it has any.
    pub(crate) fn delete_block(&self, db: &Database, batch: &mut WriteBatch, number: u64) {
        if self.blocks.contains(&number) {
            let end = keys::number(number.saturating_add(1));
            batch.delete_range_cf(db.family(Column::Journal), keys::number(number), end);
        }
    }

    /// Notes that a block's records are gone.
    pub(crate) fn forget_block(&mut self, number: u64) {
        self.blocks.remove(&number);
    }

    /// Adds the deletion of all records to a batch.
    pub(crate) fn delete_all(&self, db: &Database, batch: &mut WriteBatch) {
        if let (Some(first), Some(last)) = (self.blocks.first(), self.blocks.last()) {
            let end = keys::number(last.saturating_add(1));
            batch.delete_range_cf(db.family(Column::Journal), keys::number(*first), end);
        }
    }

    /// Notes that all records are gone.
    pub(crate) fn forget_all(&mut self) {
        self.blocks.clear();
    }
}

impl Store {
    /// Appends records (block number, index, bytes) in one synced write: gather those of several
    /// transactions into one call. A record of the same block and index is replaced.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails: none of the records is certain then.
    pub fn journal_append(&self, records: &[(u64, u32, &[u8])]) -> Result<(), StoreError> {
        let db = self.db();
        let family = db.family(Column::Journal);
        let mut batch = WriteBatch::default();
        for (number, index, record) in records {
            batch.put_cf(family, keys::journal(*number, *index), record);
        }
        // Noted first: a block that is noted without records costs a deletion of nothing.
        self.journal_index()
            .blocks
            .extend(records.iter().map(|(number, ..)| number));
        db.write_synced(batch)
    }

    /// The records of a block, in index order.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn journal(&self, block: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut records = Vec::new();
        let prefix = keys::number(block);
        self.fresh_snapshot()
            .for_each_with_prefix(Column::Journal, &prefix, |_, record| {
                records.push(record.to_vec());
                Ok(true)
            })?;
        Ok(records)
    }

    /// Deletes all records of all blocks. Synced.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn journal_clear(&self) -> Result<(), StoreError> {
        let mut journal = self.journal_index();
        let mut batch = WriteBatch::default();
        journal.delete_all(self.db(), &mut batch);
        self.db().write_synced(batch)?;
        journal.forget_all();
        Ok(())
    }
}
