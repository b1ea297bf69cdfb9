//! A snapshot that owns its database, and the reads on it.

use crate::{column::Column, database::Database, error::StoreError, keys};
use rocksdb::{DBPinnableSlice, DBRawIterator, ReadOptions};
use std::{fmt, sync::Arc};

/// One consistent view of every column.
pub(crate) struct Snapshot {
    /// Reads through `inner`; declared first so that it is dropped first.
    read: ReadOptions,
    /// Borrows `db`, whose lifetime is erased; declared before `db` so that it is dropped before it.
    inner: rocksdb::Snapshot<'static>,
    db: Arc<Database>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("sequence", &self.inner.sequence_number())
            .finish()
    }
}

#[allow(unsafe_code)]
fn snapshot_of(db: &Arc<Database>) -> rocksdb::Snapshot<'static> {
    // SAFETY: `Snapshot` keeps the Arc beside the RocksDB snapshot and drops the latter first, so the
    // database outlives it; the database sits behind the Arc and so doesn't move; and the borrow with
    // the erased lifetime never leaves `Snapshot`, whose methods lend no longer than `&self`.
    let db: &'static Database = unsafe { &*Arc::as_ptr(db) };
    db.rocks.snapshot()
}

impl Snapshot {
    /// A snapshot of what is written now.
    pub(crate) fn new(db: Arc<Database>) -> Self {
        let inner = snapshot_of(&db);
        let mut read = ReadOptions::default();
        read.set_snapshot(&inner);
        Self { read, inner, db }
    }

    /// The value of a key.
    pub(crate) fn get(
        &self,
        column: Column,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<DBPinnableSlice<'_>>, StoreError> {
        Ok(self
            .db
            .rocks
            .get_pinned_cf_opt(self.db.family(column), key, &self.read)?)
    }

    /// An iterator over a column, not yet positioned.
    pub(crate) fn iterator(&self, column: Column) -> DBRawIterator<'_> {
        let mut read = ReadOptions::default();
        read.set_snapshot(&self.inner);
        self.db
            .rocks
            .raw_iterator_cf_opt(self.db.family(column), read)
    }

    /// Visits the records whose key starts with `prefix`, in key order, until `visit` returns `false`.
    pub(crate) fn for_each_with_prefix(
        &self,
        column: Column,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut iterator = self.iterator(column);
        iterator.seek(prefix);
        while let Some((key, value)) = iterator.item() {
            if !key.starts_with(prefix) || !visit(key, value)? {
                return Ok(());
            }
            iterator.next();
        }
        Ok(iterator.status()?)
    }
}

/// Seeks the version of `key` at block `number`: the last one at or below it. `iterator` is over a
/// history column.
///
/// Keys of one history column are of equal length or tell their length before they differ, so that no
/// other key's versions lie between two versions of one key.
pub(crate) fn version_at<'i>(
    iterator: &'i mut DBRawIterator<'_>,
    key: keys::Key,
    number: u64,
) -> Result<Option<(u64, &'i [u8])>, StoreError> {
    iterator.seek_for_prev(key.at(number));
    if !iterator.valid() {
        iterator.status()?;
        return Ok(None);
    }
    Ok(iterator.item().and_then(|(found, value)| {
        let version = found.strip_prefix(key.as_ref())?;
        let version: [u8; keys::NUMBER_BYTES] = version.try_into().ok()?;
        Some((u64::from_be_bytes(version), value))
    }))
}
