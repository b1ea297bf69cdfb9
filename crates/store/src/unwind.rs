//! Taking blocks back.

use crate::{
    codec::changes::ChangedKeys,
    column::Column,
    error::StoreError,
    keys,
    logs::log_keys,
    meta::{self, ChainMeta},
    state::VersionReader,
    store::{Store, View},
};
use alloy_eips::BlockNumHash;
use alloy_primitives::{Address, B256, U256, keccak256};
use openledger_primitives::SealedBlock;
use rocksdb::WriteBatch;
use std::collections::BTreeSet;

/// Every key that some of the removed blocks changed.
#[derive(Debug, Default)]
struct Changed {
    accounts: BTreeSet<Address>,
    slots: BTreeSet<(Address, U256)>,
    paths: BTreeSet<(Option<B256>, Vec<u8>)>,
}

impl View {
    /// The keys that a block changed.
    pub(crate) fn changes(&self, number: u64) -> Result<ChangedKeys, StoreError> {
        let column = Column::Changes.name();
        let record = self.snapshot.get(Column::Changes, keys::number(number))?;
        let record = record.ok_or(StoreError::MissingRecord { column, number })?;
        ChangedKeys::decode(&record).ok_or(StoreError::MalformedRecord { column })
    }
}

impl Store {
    /// Removes all blocks above `to`, atomically: state, trie, history, blocks and indexes are as after
    /// block `to`; the journal is cleared; safe and finalized heads above `to` go back to it. Returns
    /// the removed blocks, ascending. Synced.
    ///
    /// # Errors
    /// [`StoreError::UnknownBlock`] if there is no block `to`, [`StoreError::HistoryPruned`] if the
    /// state after it is gone, [`StoreError::UnwindTooLong`] beyond the options' limit.
    pub fn unwind(&self, to: u64) -> Result<Vec<SealedBlock>, StoreError> {
        let _writer = self.lock_writer();
        let _index = self.lock_address_index();
        let view = self.view();
        let chain = *view.chain()?;
        let head = chain.head.number;
        if to > head || to < chain.genesis {
            return Err(StoreError::UnknownBlock { number: to, head });
        }
        if to < chain.oldest {
            return Err(StoreError::HistoryPruned {
                number: to,
                oldest: chain.oldest,
            });
        }
        let max = self.options().unwind_blocks_max;
        if head - to > max {
            return Err(StoreError::UnwindTooLong { head, to, max });
        }
        let missing = |number| StoreError::MissingRecord {
            column: Column::Headers.name(),
            number,
        };
        let target = view.header(to)?.ok_or(missing(to))?;
        let target = BlockNumHash {
            number: to,
            hash: target.hash(),
        };

        let mut batch = WriteBatch::default();
        let mut removed = Vec::new();
        let mut changed = Changed::default();
        for number in to + 1..=head {
            let block = view.sealed_block(number)?.ok_or(missing(number))?;
            self.delete_block(&block, &mut batch);
            self.delete_versions(number, view.changes(number)?, &mut changed, &mut batch);
            removed.push(block);
        }
        self.restore(&view, to, &changed, &mut batch)?;
        self.unwind_address_index(&removed, target, &mut batch)?;
        ChainMeta {
            head: target,
            ..chain
        }
        .write(self.db(), &mut batch);
        if let Some((safe, finalized)) = meta::read_heads(&self.fresh_snapshot())? {
            let lower = |head: BlockNumHash| if head.number > to { target } else { head };
            meta::write_heads(self.db(), &mut batch, lower(safe), lower(finalized));
        }
        // Held until the new epoch has begun, so that nothing is added to the old one.
        let mut journal = self.lock_journal();
        let epoch = journal.epoch().saturating_add(1);
        meta::write_journal_epoch(self.db(), &mut batch, epoch);
        self.db().write_synced(batch)?;
        journal.begin_epoch(epoch);
        drop(journal);
        self.renew_view()?;
        Ok(removed)
    }

    fn delete_block(&self, block: &SealedBlock, batch: &mut WriteBatch) {
        let db = self.db();
        let number = block.number();
        for column in [
            Column::Headers,
            Column::Bodies,
            Column::Receipts,
            Column::Changes,
        ] {
            batch.delete_cf(db.family(column), keys::number(number));
        }
        batch.delete_cf(db.family(Column::BlockNumbers), block.hash);
        for tx in &block.block.body.transactions {
            batch.delete_cf(db.family(Column::TxIndex), tx.tx_hash());
        }
        for key in log_keys(&block.receipts) {
            batch.delete_cf(db.family(Column::LogIndex), key.at(number));
        }
    }

    /// Deletes a removed block's versions and notes their keys.
    fn delete_versions(
        &self,
        number: u64,
        keys: ChangedKeys,
        changed: &mut Changed,
        batch: &mut WriteBatch,
    ) {
        let db = self.db();
        let mut delete =
            |column, key: keys::Key| batch.delete_cf(db.family(column), key.at(number));
        for path in keys.paths {
            delete(Column::TrieHistory, keys::trie_path(None, &path));
            changed.paths.insert((None, path));
        }
        for account in keys.accounts {
            let address = account.address;
            delete(Column::AccountHistory, keys::account(address));
            changed.accounts.insert(address);
            for slot in account.slots {
                delete(Column::StorageHistory, keys::slot(address, slot));
                changed.slots.insert((address, slot));
            }
            if account.paths.is_empty() {
                continue;
            }
            let hashed = Some(keccak256(address));
            for path in account.paths {
                delete(Column::TrieHistory, keys::trie_path(hashed, &path));
                changed.paths.insert((hashed, path));
            }
        }
    }

    /// Sets every changed key's latest value to the one at block `to`.
    fn restore(
        &self,
        view: &View,
        to: u64,
        changed: &Changed,
        batch: &mut WriteBatch,
    ) -> Result<(), StoreError> {
        let db = self.db();
        let mut versions = VersionReader::new(&view.snapshot, to);
        let mut set = |column, key: keys::Key, value: Option<&[u8]>| match value {
            Some(value) => batch.put_cf(db.family(column), key, value),
            None => batch.delete_cf(db.family(column), key),
        };
        for &address in &changed.accounts {
            set(
                Column::Accounts,
                keys::account(address),
                versions.account_record(address)?,
            );
        }
        for &(address, slot) in &changed.slots {
            let record = versions.slot_record(address, slot)?;
            set(Column::Storage, keys::slot(address, slot), record);
        }
        for (account, path) in &changed.paths {
            let node = versions.node(*account, path)?;
            set(
                Column::Trie,
                keys::trie_path(*account, path),
                node.as_ref().map(AsRef::as_ref),
            );
        }
        Ok(())
    }
}
