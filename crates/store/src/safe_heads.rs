//! Which L2 block was safe after which L1 block: what `optimism_safeHeadAtL1Block` answers.
//!
//! A record of the `meta` column for each L1 block that made blocks safe, for as many L1 blocks back as a
//! dispute may take. It is written once all of the L1 block is derived, so that derivation can begin again
//! after any L1 block that has one.

use crate::{
    column::Column, database::Database, error::StoreError, snapshot::Snapshot, store::Store,
};
use alloy_eips::BlockNumHash;
use alloy_primitives::B256;
use rocksdb::{DBRawIterator, WriteBatch};

/// L1 blocks back from the newest record for which records are kept: two weeks of 12 s.
const L1_BLOCKS_KEPT: u64 = 100_800;
/// Oldest records that go with a new one at the most, so that no single write is large.
const DROPPED_MAX: usize = 8;
/// What the keys begin with; the L1 block's number follows.
const PREFIX: &[u8] = b"h:";
/// Above all keys.
const END: &[u8] = b"h;";
const RECORD_BYTES: usize = 32 + 8 + 32;

/// The newest safe block as of an L1 block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SafeHead {
    /// The L1 block that made it safe.
    pub l1: BlockNumHash,
    /// The L2 block.
    pub safe: BlockNumHash,
}

impl SafeHead {
    /// L1 hash, L2 number, L2 hash.
    fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut record = [0; RECORD_BYTES];
        record[..32].copy_from_slice(self.l1.hash.as_slice());
        record[32..40].copy_from_slice(&self.safe.number.to_be_bytes());
        record[40..].copy_from_slice(self.safe.hash.as_slice());
        record
    }

    fn decode(key: &[u8], record: &[u8]) -> Option<Self> {
        let l1_number = number_of(key)?;
        let (l1_hash, rest) = record.split_first_chunk::<32>()?;
        let (number, hash) = rest.split_first_chunk::<8>()?;
        Some(Self {
            l1: BlockNumHash {
                number: l1_number,
                hash: B256::from(*l1_hash),
            },
            safe: BlockNumHash {
                number: u64::from_be_bytes(*number),
                hash: B256::try_from(hash).ok()?,
            },
        })
    }
}

fn key(l1_number: u64) -> [u8; 10] {
    let mut key = [0; 10];
    key[..2].copy_from_slice(PREFIX);
    key[2..].copy_from_slice(&l1_number.to_be_bytes());
    key
}

fn number_of(key: &[u8]) -> Option<u64> {
    let number = key.strip_prefix(PREFIX)?;
    Some(u64::from_be_bytes(number.try_into().ok()?))
}

/// The record that an iterator stands at; `None` if it is none of ours.
fn at(iterator: &DBRawIterator<'_>) -> Result<Option<SafeHead>, StoreError> {
    let Some((key, record)) = iterator.item().filter(|(key, _)| key.starts_with(PREFIX)) else {
        iterator.status()?;
        return Ok(None);
    };
    let column = Column::Meta.name();
    let head = SafeHead::decode(key, record).ok_or(StoreError::MalformedRecord { column })?;
    Ok(Some(head))
}

/// Drops every record.
pub(crate) fn drop_all(db: &Database, batch: &mut WriteBatch) {
    batch.delete_range_cf(db.family(Column::Meta), PREFIX, END);
}

impl Store {
    /// Notes that `safe` is the newest safe block after L1 block `l1`, which comes after all that were
    /// noted: records of other L1 blocks at or above its number are of a branch that is gone.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn record_safe_head(&self, l1: BlockNumHash, safe: BlockNumHash) -> Result<(), StoreError> {
        let snapshot = self.fresh_snapshot();
        let mut iterator = snapshot.iterator(Column::Meta);
        let family = self.db().family(Column::Meta);
        let mut batch = WriteBatch::default();
        iterator.seek(key(l1.number.saturating_add(1)));
        while let Some(gone) = at(&iterator)? {
            batch.delete_cf(family, key(gone.l1.number));
            iterator.next();
        }
        iterator.seek(PREFIX);
        for _ in 0..DROPPED_MAX {
            match at(&iterator)? {
                Some(old) if old.l1.number.saturating_add(L1_BLOCKS_KEPT) < l1.number => {
                    batch.delete_cf(family, key(old.l1.number));
                    iterator.next();
                }
                _ => break,
            }
        }
        batch.put_cf(family, key(l1.number), SafeHead { l1, safe }.encode());
        // Not synced: after a power loss the safe heads are found again from L1.
        self.db().write(batch)
    }

    /// Forgets the L1 blocks that made blocks above `number` safe: the safe head went back.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn truncate_safe_heads(&self, number: u64) -> Result<(), StoreError> {
        let snapshot = self.fresh_snapshot();
        let mut iterator = snapshot.iterator(Column::Meta);
        let family = self.db().family(Column::Meta);
        let mut batch = WriteBatch::default();
        iterator.seek_for_prev(END);
        while let Some(gone) = at(&iterator)?.filter(|head| head.safe.number > number) {
            batch.delete_cf(family, key(gone.l1.number));
            iterator.prev();
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.db().write(batch)
    }

    /// The newest safe block after L1 block `l1_number`, with the L1 block at or below that number which
    /// made it safe; `None` before the first that is known.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn safe_head_at(&self, l1_number: u64) -> Result<Option<SafeHead>, StoreError> {
        let snapshot: Snapshot = self.fresh_snapshot();
        let mut iterator = snapshot.iterator(Column::Meta);
        iterator.seek_for_prev(key(l1_number));
        at(&iterator)
    }
}
