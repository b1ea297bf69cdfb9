//! The `meta` column: the store's own entries and its callers'.

use crate::{
    column::Column, database::Database, error::StoreError, snapshot::Snapshot, store::Store,
};
use alloy_eips::BlockNumHash;
use alloy_primitives::B256;
use rocksdb::WriteBatch;
use std::path::Path;

/// Version of the format. It goes up with any change that an older program would misread.
pub(crate) const SCHEMA: u32 = 3;
/// The oldest version that becomes the present one when it is opened. 2 has a column family more; 3 notes the safe
/// head of an L1 block only once all of it is derived, so that what was noted before is dropped.
const SCHEMA_UPGRADED: u32 = 1;
/// Where the version stands.
pub(crate) const SCHEMA_KEY: &[u8] = b"s:schema";
/// The newest block: number ‖ hash.
const HEAD_KEY: &[u8] = b"s:head";
/// The genesis block's number.
const GENESIS_KEY: &[u8] = b"s:genesis";
/// The oldest block whose state is kept.
const OLDEST_KEY: &[u8] = b"s:oldest";
/// The safe and the finalized block: number ‖ hash of each.
const HEADS_KEY: &[u8] = b"s:heads";
/// The journal's epoch.
const JOURNAL_EPOCH_KEY: &[u8] = b"s:journal_epoch";
/// The blocks in the index of transactions by address: the oldest's number, the newest's number ‖ hash.
const ADDRESS_INDEX_KEY: &[u8] = b"s:address_index";
/// Prefix of callers' entries.
const CALLER_PREFIX: &[u8] = b"c:";

/// What the store knows of its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChainMeta {
    pub(crate) genesis: u64,
    pub(crate) head: BlockNumHash,
    pub(crate) oldest: u64,
}

/// Checks the format of a store that has one. Returns whether it is the present one.
pub(crate) fn check_schema(path: &Path, record: Option<&[u8]>) -> Result<bool, StoreError> {
    let Some(record) = record else {
        return Ok(false);
    };
    let Ok(bytes) = <[u8; 4]>::try_from(record) else {
        return Err(StoreError::NotAStore { path: path.into() });
    };
    match u32::from_be_bytes(bytes) {
        SCHEMA => Ok(true),
        SCHEMA_UPGRADED..SCHEMA => Ok(false),
        found if found > SCHEMA => Err(StoreError::SchemaNewer {
            found,
            supported: SCHEMA,
        }),
        found => Err(StoreError::SchemaOlder {
            found,
            supported: SCHEMA,
        }),
    }
}

/// Checks the format of an opened database, and marks a new one or one of an older version.
pub(crate) fn init(db: &Database) -> Result<(), StoreError> {
    let record = db.rocks.get_cf(db.family(Column::Meta), SCHEMA_KEY)?;
    if !check_schema(&db.path, record.as_deref())? {
        let mut batch = WriteBatch::default();
        batch.put_cf(db.family(Column::Meta), SCHEMA_KEY, SCHEMA.to_be_bytes());
        crate::safe_heads::drop_all(db, &mut batch);
        db.write_synced(batch)?;
    }
    Ok(())
}

const MALFORMED: StoreError = StoreError::MalformedRecord {
    column: Column::Meta.name(),
};

fn encode_block(block: BlockNumHash) -> [u8; 40] {
    let mut record = [0; 40];
    record[..8].copy_from_slice(&block.number.to_be_bytes());
    record[8..].copy_from_slice(block.hash.as_slice());
    record
}

fn decode_block(record: &[u8]) -> Result<BlockNumHash, StoreError> {
    let (number, hash) = record.split_first_chunk::<8>().ok_or(MALFORMED)?;
    let hash = B256::try_from(hash).map_err(|_| MALFORMED)?;
    Ok(BlockNumHash {
        number: u64::from_be_bytes(*number),
        hash,
    })
}

impl ChainMeta {
    /// Reads it; `None` before genesis.
    pub(crate) fn read(snapshot: &Snapshot) -> Result<Option<Self>, StoreError> {
        let Some(head) = snapshot.get(Column::Meta, HEAD_KEY)? else {
            return Ok(None);
        };
        let number = |key| {
            let record = snapshot.get(Column::Meta, key)?.ok_or(MALFORMED)?;
            let bytes = <[u8; 8]>::try_from(&*record).map_err(|_| MALFORMED)?;
            Ok::<_, StoreError>(u64::from_be_bytes(bytes))
        };
        Ok(Some(Self {
            genesis: number(GENESIS_KEY)?,
            head: decode_block(&head)?,
            oldest: number(OLDEST_KEY)?,
        }))
    }

    /// Adds it to a batch.
    pub(crate) fn write(&self, db: &Database, batch: &mut WriteBatch) {
        let family = db.family(Column::Meta);
        batch.put_cf(family, HEAD_KEY, encode_block(self.head));
        batch.put_cf(family, GENESIS_KEY, self.genesis.to_be_bytes());
        batch.put_cf(family, OLDEST_KEY, self.oldest.to_be_bytes());
    }
}

/// Reads the journal's epoch.
pub(crate) fn read_journal_epoch(snapshot: &Snapshot) -> Result<u64, StoreError> {
    let Some(record) = snapshot.get(Column::Meta, JOURNAL_EPOCH_KEY)? else {
        return Ok(0);
    };
    let bytes = <[u8; 8]>::try_from(&*record).map_err(|_| MALFORMED)?;
    Ok(u64::from_be_bytes(bytes))
}

/// Adds the journal's epoch to a batch.
pub(crate) fn write_journal_epoch(db: &Database, batch: &mut WriteBatch, epoch: u64) {
    batch.put_cf(
        db.family(Column::Meta),
        JOURNAL_EPOCH_KEY,
        epoch.to_be_bytes(),
    );
}

/// Reads which blocks are in the index of transactions by address: the oldest's number and the newest.
pub(crate) fn read_address_index(
    snapshot: &Snapshot,
) -> Result<Option<(u64, BlockNumHash)>, StoreError> {
    let Some(record) = snapshot.get(Column::Meta, ADDRESS_INDEX_KEY)? else {
        return Ok(None);
    };
    let (oldest, newest) = record.split_first_chunk::<8>().ok_or(MALFORMED)?;
    Ok(Some((u64::from_be_bytes(*oldest), decode_block(newest)?)))
}

/// Adds to a batch which blocks are in the index of transactions by address.
pub(crate) fn write_address_index(
    db: &Database,
    batch: &mut WriteBatch,
    oldest: u64,
    newest: BlockNumHash,
) {
    let mut record = [0; 48];
    record[..8].copy_from_slice(&oldest.to_be_bytes());
    record[8..].copy_from_slice(&encode_block(newest));
    batch.put_cf(db.family(Column::Meta), ADDRESS_INDEX_KEY, record);
}

/// Reads the safe and the finalized block.
pub(crate) fn read_heads(
    snapshot: &Snapshot,
) -> Result<Option<(BlockNumHash, BlockNumHash)>, StoreError> {
    let Some(record) = snapshot.get(Column::Meta, HEADS_KEY)? else {
        return Ok(None);
    };
    let (safe, finalized) = record.split_at_checked(40).ok_or(MALFORMED)?;
    Ok(Some((decode_block(safe)?, decode_block(finalized)?)))
}

/// Adds the safe and the finalized block to a batch.
pub(crate) fn write_heads(
    db: &Database,
    batch: &mut WriteBatch,
    safe: BlockNumHash,
    finalized: BlockNumHash,
) {
    let record = [encode_block(safe), encode_block(finalized)].concat();
    batch.put_cf(db.family(Column::Meta), HEADS_KEY, record);
}

fn caller_key(key: &[u8]) -> Vec<u8> {
    [CALLER_PREFIX, key].concat()
}

impl Store {
    /// Sets the safe and the finalized block. Pruning never passes the latter.
    ///
    /// # Errors
    /// [`StoreError::UnknownHead`] if either isn't a block of the chain.
    pub fn set_heads(&self, safe: BlockNumHash, finalized: BlockNumHash) -> Result<(), StoreError> {
        let _writer = self.lock_writer();
        for block in [safe, finalized] {
            if self.block_hash(block.number)? != Some(block.hash) {
                return Err(StoreError::UnknownHead(block));
            }
        }
        let mut batch = WriteBatch::default();
        write_heads(self.db(), &mut batch, safe, finalized);
        // Not synced: after a power loss the heads are found again from L1.
        self.db().write(batch)
    }

    /// The safe and the finalized block as last set; `None` if they never were.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn heads(&self) -> Result<Option<(BlockNumHash, BlockNumHash)>, StoreError> {
        read_heads(&self.fresh_snapshot())
    }

    /// Sets an entry of the caller's: chain id, configuration hash and the like. Synced.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn put_meta(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        batch.put_cf(self.db().family(Column::Meta), caller_key(key), value);
        self.db().write_synced(batch)
    }

    /// An entry of the caller's.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn meta(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let db = self.db();
        Ok(db.rocks.get_cf(db.family(Column::Meta), caller_key(key))?)
    }
}
