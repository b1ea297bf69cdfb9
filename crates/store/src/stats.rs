//! Sizes.

use crate::{
    address_index,
    codec::changes::ChangedKeys,
    column::Column,
    error::StoreError,
    keys,
    logs::log_keys,
    snapshot::Snapshot,
    store::{Store, View},
};
use alloy_primitives::keccak256;

/// Size of one column family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FamilyStats {
    /// The column family's name.
    pub name: &'static str,
    /// Keys, as RocksDB estimates them.
    pub keys: u64,
    /// Bytes of its files.
    pub bytes_on_disk: u64,
    /// Bytes not yet in files.
    pub bytes_in_memory: u64,
    /// Bytes of keys and values that the sampled blocks added for good, a block, before compression.
    /// Zero for families that hold the latest state, which blocks overwrite, and short-lived records.
    pub bytes_per_block: u64,
}

/// Sizes of a store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreStats {
    /// Blocks in the store.
    pub blocks: u64,
    /// Newest blocks sampled for [`FamilyStats::bytes_per_block`].
    pub sampled_blocks: u64,
    /// Every column family, in a fixed order.
    pub families: Vec<FamilyStats>,
}

impl StoreStats {
    /// Bytes of all files.
    pub fn bytes_on_disk(&self) -> u64 {
        self.families
            .iter()
            .map(|family| family.bytes_on_disk)
            .sum()
    }

    /// Bytes of all files over the number of blocks: what a block costs, genesis state included.
    pub fn bytes_on_disk_per_block(&self) -> u64 {
        self.bytes_on_disk() / self.blocks.max(1)
    }
}

/// Bytes that the sampled blocks added, by family.
#[derive(Debug, Default)]
struct Sample {
    bytes: [u64; Column::ALL.len()],
}

impl Sample {
    fn add(&mut self, column: Column, bytes: usize) {
        self.bytes[column as usize] += bytes as u64;
    }

    /// Adds a record if it is there.
    fn record(
        &mut self,
        snapshot: &Snapshot,
        column: Column,
        key: impl AsRef<[u8]>,
    ) -> Result<(), StoreError> {
        if let Some(value) = snapshot.get(column, &key)? {
            self.add(column, key.as_ref().len() + value.len());
        }
        Ok(())
    }

    fn block(&mut self, view: &View, number: u64) -> Result<(), StoreError> {
        let snapshot = &view.snapshot;
        for column in [
            Column::Headers,
            Column::Bodies,
            Column::Receipts,
            Column::Changes,
        ] {
            self.record(snapshot, column, keys::number(number))?;
        }
        if let Some(block) = view.sealed_block(number)? {
            self.record(snapshot, Column::BlockNumbers, block.hash)?;
            for tx in &block.block.body.transactions {
                self.record(snapshot, Column::TxIndex, tx.tx_hash())?;
            }
            for key in log_keys(&block.receipts) {
                self.record(snapshot, Column::LogIndex, key.at(number))?;
            }
            for key in address_index::entries(&block) {
                self.record(snapshot, Column::AddressIndex, key)?;
            }
        }
        // Pruned blocks have no changes any more.
        let Some(record) = snapshot.get(Column::Changes, keys::number(number))? else {
            return Ok(());
        };
        let malformed = StoreError::MalformedRecord {
            column: Column::Changes.name(),
        };
        let changes = ChangedKeys::decode(&record).ok_or(malformed)?;
        for path in &changes.paths {
            self.record(
                snapshot,
                Column::TrieHistory,
                keys::trie_path(None, path).at(number),
            )?;
        }
        for account in &changes.accounts {
            let address = account.address;
            self.record(
                snapshot,
                Column::AccountHistory,
                keys::account(address).at(number),
            )?;
            for slot in &account.slots {
                let key = keys::slot(address, *slot).at(number);
                self.record(snapshot, Column::StorageHistory, key)?;
            }
            let hashed = Some(keccak256(address));
            for path in &account.paths {
                let key = keys::trie_path(hashed, path).at(number);
                self.record(snapshot, Column::TrieHistory, key)?;
            }
        }
        Ok(())
    }
}

impl Store {
    /// Sizes of every column family, with the growth that the newest `sample_blocks` blocks caused.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn stats(&self, sample_blocks: u64) -> Result<StoreStats, StoreError> {
        let view = self.fresh_view()?;
        let db = self.db();
        let (mut blocks, mut sampled_blocks) = (0, 0);
        let mut sample = Sample::default();
        if let Some(chain) = view.chain {
            blocks = chain.head.number - chain.genesis + 1;
            sampled_blocks = sample_blocks.min(blocks);
            for number in chain.head.number + 1 - sampled_blocks..=chain.head.number {
                sample.block(&view, number)?;
            }
        }
        let mut families = Vec::with_capacity(Column::ALL.len());
        for column in Column::ALL {
            let family = db.family(column);
            let property = |name: &str| {
                Ok::<_, StoreError>(db.rocks.property_int_value_cf(family, name)?.unwrap_or(0))
            };
            families.push(FamilyStats {
                name: column.name(),
                keys: property("rocksdb.estimate-num-keys")?,
                bytes_on_disk: property("rocksdb.total-sst-files-size")?,
                bytes_in_memory: property("rocksdb.cur-size-all-mem-tables")?,
                bytes_per_block: sample.bytes[column as usize] / sampled_blocks.max(1),
            });
        }
        Ok(StoreStats {
            blocks,
            sampled_blocks,
            families,
        })
    }
}
