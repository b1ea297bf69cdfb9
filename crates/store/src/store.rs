use crate::{
    column::Column,
    database::Database,
    error::StoreError,
    journal::Journal,
    meta::{self, ChainMeta},
    options::StoreOptions,
    snapshot::Snapshot,
    state::{HistoricalState, LatestState},
};
use alloy_eips::BlockNumHash;
use parking_lot::{Mutex, MutexGuard, RwLock};
use std::{path::Path, sync::Arc};

/// The store of one chain. Clones share it; it closes with the last clone and the last state.
///
/// Reads never wait for writes. Commits, unwinding and pruning exclude each other.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Arc<Database>,
    options: StoreOptions,
    /// The state of the store after the last commit, unwinding or pruning.
    view: RwLock<Arc<View>>,
    /// Held while the chain changes.
    writer: Mutex<()>,
    journal: Mutex<Journal>,
    /// Held while the index of transactions by address changes.
    address_index: Mutex<()>,
}

/// A snapshot and what it says of the chain.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) snapshot: Snapshot,
    /// `None` before genesis.
    pub(crate) chain: Option<ChainMeta>,
}

impl View {
    fn new(db: &Arc<Database>) -> Result<Self, StoreError> {
        let snapshot = Snapshot::new(Arc::clone(db));
        let chain = ChainMeta::read(&snapshot)?;
        Ok(Self { snapshot, chain })
    }

    pub(crate) fn chain(&self) -> Result<&ChainMeta, StoreError> {
        self.chain.as_ref().ok_or(StoreError::Empty)
    }
}

impl Store {
    /// Opens the store in a directory, or creates it there.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::NotAStore`], [`StoreError::SchemaNewer`],
    /// [`StoreError::SchemaOlder`], [`StoreError::Corrupt`], [`StoreError::Directory`], each saying what
    /// to do; or [`StoreError::Database`].
    pub fn open(path: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let db = Arc::new(Database::open(path, &options)?);
        meta::init(&db)?;
        let view = View::new(&db)?;
        let epoch = meta::read_journal_epoch(&view.snapshot)?;
        let head = view.chain.map(|chain| chain.head.number);
        let journal = Journal::open(path, epoch, head, options.sync)?;
        Ok(Self(Arc::new(Inner {
            db,
            options,
            view: RwLock::new(Arc::new(view)),
            writer: Mutex::new(()),
            journal: Mutex::new(journal),
            address_index: Mutex::new(()),
        })))
    }

    /// The last committed block; `None` before genesis.
    pub fn head(&self) -> Option<BlockNumHash> {
        self.view().chain.map(|chain| chain.head)
    }

    /// The options that the store was opened with.
    pub fn options(&self) -> &StoreOptions {
        &self.0.options
    }

    /// The state after the head.
    ///
    /// # Errors
    /// [`StoreError::Empty`] before genesis.
    pub fn latest(&self) -> Result<LatestState, StoreError> {
        LatestState::new(self.view())
    }

    /// The state after block `number`.
    ///
    /// # Errors
    /// [`StoreError::UnknownBlock`] above the head, [`StoreError::HistoryPruned`] below the oldest kept.
    pub fn at(&self, number: u64) -> Result<HistoricalState, StoreError> {
        HistoricalState::new(self.view(), number)
    }

    /// The oldest block whose state is kept.
    ///
    /// # Errors
    /// [`StoreError::Empty`] before genesis.
    pub fn oldest_history(&self) -> Result<u64, StoreError> {
        self.view().chain().map(|chain| chain.oldest)
    }

    /// Writes everything that is only in the log to its files, so that the next opening has nothing to
    /// replay: before a planned exit. Nothing is lost without it.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn flush(&self) -> Result<(), StoreError> {
        let families: Vec<_> = Column::ALL.map(|column| self.db().family(column)).into();
        let options = rocksdb::FlushOptions::default();
        Ok(self.db().rocks.flush_cfs_opt(&families, &options)?)
    }

    /// Compacts every column: all deleted and overwritten records leave the disk. Takes minutes on a
    /// large store, which stays usable.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn compact(&self) -> Result<(), StoreError> {
        let db = self.db();
        // The current view pins what it sees; compaction needs nothing pinned but the present.
        self.renew_view()?;
        let mut options = rocksdb::CompactOptions::default();
        options.set_bottommost_level_compaction(rocksdb::BottommostLevelCompaction::Force);
        for column in Column::ALL {
            let family = db.family(column);
            db.rocks.flush_cf(family)?;
            db.rocks
                .compact_range_cf_opt(family, None::<&[u8]>, None::<&[u8]>, &options);
        }
        Ok(())
    }

    pub(crate) fn db(&self) -> &Database {
        &self.0.db
    }

    pub(crate) fn lock_journal(&self) -> MutexGuard<'_, Journal> {
        self.0.journal.lock()
    }

    pub(crate) fn lock_writer(&self) -> MutexGuard<'_, ()> {
        self.0.writer.lock()
    }

    /// The lock of the index of transactions by address, which comes after the writer's.
    pub(crate) fn lock_address_index(&self) -> MutexGuard<'_, ()> {
        self.0.address_index.lock()
    }

    /// The view after the last change of the chain.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.0.view.read())
    }

    /// A snapshot of this instant, for what changes without the chain (meta, journal, pool).
    pub(crate) fn fresh_snapshot(&self) -> Snapshot {
        Snapshot::new(Arc::clone(&self.0.db))
    }

    /// A view of this instant, for what is read together with what changes without the chain.
    pub(crate) fn fresh_view(&self) -> Result<View, StoreError> {
        View::new(&self.0.db)
    }

    /// Makes what was written visible. The caller holds the writer lock if it changed the chain.
    pub(crate) fn renew_view(&self) -> Result<(), StoreError> {
        let view = Arc::new(View::new(&self.0.db)?);
        // The old view's snapshot is released outside the lock.
        let old = std::mem::replace(&mut *self.0.view.write(), view);
        drop(old);
        Ok(())
    }
}
