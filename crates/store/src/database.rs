//! The RocksDB instance.

use crate::{column::Column, error::StoreError, exit, options::StoreOptions};
use rocksdb::{
    Cache, ColumnFamily, DB, DBRecoveryMode, ErrorKind, Options, WriteBatch, WriteOptions,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// File name prefixes and extensions that RocksDB uses: a directory with nothing else and no `CURRENT`
/// is a store whose creation was cut short.
const ROCKSDB_FILES: [&str; 6] = [
    "LOCK",
    "LOG",
    "MANIFEST-",
    "OPTIONS-",
    "IDENTITY",
    "CURRENT",
];
const ROCKSDB_EXTENSIONS: [&str; 4] = ["log", "sst", "dbtmp", "blob"];

/// An open database.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) rocks: DB,
    pub(crate) path: PathBuf,
    sync: bool,
}

impl Database {
    /// Opens or creates the database.
    pub(crate) fn open(path: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        let directory_error = |source| StoreError::Directory {
            path: path.into(),
            source,
        };
        fs::create_dir_all(path).map_err(directory_error)?;
        let exists = path.join("CURRENT").try_exists().map_err(directory_error)?;
        if !exists && !holds_only_rocksdb_files(path).map_err(directory_error)? {
            return Err(StoreError::NotAStore { path: path.into() });
        }
        let rocks_options = rocks_options(options)?;
        let open_error = |error: rocksdb::Error| open_error(path, error);
        if exists {
            check_families(path, &rocks_options)?;
        }
        let cache = Cache::new_lru_cache(options.block_cache_bytes);
        let families = Column::ALL.map(|column| column.descriptor(options, &cache));
        let rocks = DB::open_cf_descriptors(&rocks_options, path, families).map_err(open_error)?;
        exit::leave_statics_alone();
        Ok(Self {
            rocks,
            path: path.into(),
            sync: options.sync,
        })
    }

    pub(crate) fn family(&self, column: Column) -> &ColumnFamily {
        self.rocks
            .cf_handle(column.name())
            .expect("`open` opens every column of Column::ALL")
    }

    /// Writes a batch, waiting for the disk.
    pub(crate) fn write_synced(&self, batch: WriteBatch) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.set_sync(self.sync);
        Ok(self.rocks.write_opt(batch, &options)?)
    }

    /// Writes a batch that may be lost with the machine's power, but not out of order.
    pub(crate) fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        Ok(self.rocks.write(batch)?)
    }
}

fn rocks_options(options: &StoreOptions) -> Result<Options, StoreError> {
    // Reopening replays the log into memory and leaves it there: flushing right away would double the
    // time, and the log's bound holds all the same. (The setting has no function of its own.)
    let mut rocks =
        Options::default().get_options_from_string("avoid_flush_during_recovery=true")?;
    rocks.create_if_missing(true);
    rocks.create_missing_column_families(true);
    rocks.set_max_open_files(options.open_files_max);
    rocks.set_max_background_jobs(options.background_jobs_max);
    rocks.set_db_write_buffer_size(options.write_buffer_bytes);
    rocks.set_max_total_wal_size(options.write_buffer_bytes as u64);
    // A batch cut short by a crash is dropped with all after it; anything else is corruption.
    rocks.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    rocks.set_paranoid_checks(true);
    // Writers take turns: a commit is one large batch, and the journal's are tiny.
    rocks.set_allow_concurrent_memtable_write(false);
    rocks.set_bytes_per_sync(1 << 20);
    rocks.set_skip_stats_update_on_db_open(true);
    rocks.set_stats_dump_period_sec(0);
    rocks.set_keep_log_file_num(2);
    rocks.set_max_log_file_size(4 << 20);
    Ok(rocks)
}

/// Whether a directory without `CURRENT` holds nothing that isn't RocksDB's.
fn holds_only_rocksdb_files(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let entry = entry?.path();
        let name = entry
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let extension = entry.extension().and_then(|extension| extension.to_str());
        let known = ROCKSDB_FILES.iter().any(|prefix| name.starts_with(prefix))
            || extension.is_some_and(|extension| ROCKSDB_EXTENSIONS.contains(&extension));
        if !known {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Refuses a database of other column families than ours before it is opened for writing.
fn check_families(path: &Path, options: &Options) -> Result<(), StoreError> {
    let found = DB::list_cf(options, path).map_err(|error| open_error(path, error))?;
    let known = |name: &String| {
        name == rocksdb::DEFAULT_COLUMN_FAMILY_NAME
            || Column::ALL.iter().any(|column| column.name() == name)
    };
    if found.iter().all(known) {
        return Ok(());
    }
    // A newer version may have added families; it has ours as well, and a newer schema.
    if found.iter().any(|name| name == Column::Meta.name()) {
        let read = DB::open_cf_for_read_only(options, path, [Column::Meta.name()], false)
            .map_err(|error| open_error(path, error))?;
        if let Some(family) = read.cf_handle(Column::Meta.name()) {
            let schema = read.get_cf(family, crate::meta::SCHEMA_KEY)?;
            crate::meta::check_schema(path, schema.as_deref())?;
        }
    }
    Err(StoreError::NotAStore { path: path.into() })
}

fn open_error(path: &Path, error: rocksdb::Error) -> StoreError {
    let path = path.into();
    match error.kind() {
        // RocksDB has no kind of its own for a lock that is held.
        ErrorKind::IOError if error.as_ref().contains("LOCK") => StoreError::Locked { path },
        ErrorKind::Corruption => StoreError::Corrupt {
            path,
            source: error,
        },
        _ => StoreError::Database(error),
    }
}
