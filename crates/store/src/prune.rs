//! Dropping old history.

use crate::{
    column::Column,
    error::StoreError,
    keys,
    meta::{self, ChainMeta},
    snapshot::version_at,
    store::{Store, View},
};
use alloy_primitives::keccak256;
use rocksdb::{DBRawIterator, WriteBatch};

/// Bytes of a batch at which it is written, with the blocks that it covers.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Blocks that one batch covers at most: commits wait no longer than for these.
const BATCH_BLOCKS_MAX: u64 = 64;

/// What pruning did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PruneReport {
    /// Blocks whose state was given up.
    pub blocks: u64,
    /// Versions deleted.
    pub versions: u64,
    /// The oldest block whose state is kept now.
    pub oldest: u64,
    /// Whether nothing is left to prune below the boundary.
    pub done: bool,
}

impl Store {
    /// Gives up the state after blocks below `boundary`, of at most `blocks_max` blocks, oldest first.
    /// Of each key the newest version at or below the boundary is kept, so that the state after every
    /// block from there on stays readable. Blocks, receipts and indexes stay.
    ///
    /// The boundary is lowered to the finalized head (genesis if none is set) and to what unwinding may
    /// need. An archive keeps everything. Interrupted or repeated at will: small atomic batches.
    ///
    /// # Errors
    /// [`StoreError::Empty`] before genesis; [`StoreError`] if the database fails.
    pub fn prune(&self, boundary: u64, blocks_max: u64) -> Result<PruneReport, StoreError> {
        let mut report = PruneReport::default();
        loop {
            // Commits get their turn between batches.
            let _writer = self.lock_writer();
            let view = self.view();
            let chain = *view.chain()?;
            let boundary = self.prune_boundary(&chain, boundary)?;
            report.oldest = chain.oldest;
            report.done = chain.oldest >= boundary;
            if report.done || report.blocks >= blocks_max {
                return Ok(report);
            }
            let end = boundary.min(chain.oldest.saturating_add(blocks_max - report.blocks));
            self.prune_batch(&view, chain, end, &mut report)?;
        }
    }

    /// The highest block below which history may go.
    fn prune_boundary(&self, chain: &ChainMeta, asked: u64) -> Result<u64, StoreError> {
        if self.options().archive {
            return Ok(chain.oldest);
        }
        let heads = meta::read_heads(&self.fresh_snapshot())?;
        let finalized = heads.map_or(chain.genesis, |(_, finalized)| finalized.number);
        let unwindable = chain
            .head
            .number
            .saturating_sub(self.options().unwind_blocks_max);
        Ok(asked.min(finalized).min(unwindable))
    }

    /// Prunes some blocks up to `end` in one batch.
    fn prune_batch(
        &self,
        view: &View,
        chain: ChainMeta,
        end: u64,
        report: &mut PruneReport,
    ) -> Result<(), StoreError> {
        let db = self.db();
        let mut pruner = Pruner {
            batch: WriteBatch::default(),
            store: self,
            accounts: view.snapshot.iterator(Column::AccountHistory),
            slots: view.snapshot.iterator(Column::StorageHistory),
            nodes: view.snapshot.iterator(Column::TrieHistory),
            deleted: 0,
        };
        let mut oldest = chain.oldest;
        while oldest < end
            && oldest - chain.oldest < BATCH_BLOCKS_MAX
            && pruner.batch.size_in_bytes() < BATCH_BYTES_MAX
        {
            oldest += 1;
            pruner.prune_block(view, oldest)?;
        }
        let Pruner {
            mut batch, deleted, ..
        } = pruner;
        report.versions += deleted;
        report.blocks += oldest - chain.oldest;
        ChainMeta { oldest, ..chain }.write(db, &mut batch);
        // Synced, so that history is never claimed that a later batch has begun to drop.
        db.write_synced(batch)?;
        self.renew_view()
    }
}

struct Pruner<'a> {
    batch: WriteBatch,
    store: &'a Store,
    accounts: DBRawIterator<'a>,
    slots: DBRawIterator<'a>,
    nodes: DBRawIterator<'a>,
    deleted: u64,
}

impl Pruner<'_> {
    /// Makes block `number` the oldest: of every key that it changed, the version before goes, and its
    /// own if that says that nothing is there, which no version says as well.
    fn prune_block(&mut self, view: &View, number: u64) -> Result<(), StoreError> {
        let changes = view.changes(number)?;
        for path in &changes.paths {
            self.prune_key(Column::TrieHistory, keys::trie_path(None, path), number)?;
        }
        for account in &changes.accounts {
            let address = account.address;
            self.prune_key(Column::AccountHistory, keys::account(address), number)?;
            for slot in &account.slots {
                self.prune_key(Column::StorageHistory, keys::slot(address, *slot), number)?;
            }
            if !account.paths.is_empty() {
                let hashed = Some(keccak256(address));
                for path in &account.paths {
                    self.prune_key(Column::TrieHistory, keys::trie_path(hashed, path), number)?;
                }
            }
        }
        let family = self.store.db().family(Column::Changes);
        self.batch.delete_cf(family, keys::number(number));
        Ok(())
    }

    fn prune_key(&mut self, column: Column, key: keys::Key, number: u64) -> Result<(), StoreError> {
        let iterator = match column {
            Column::AccountHistory => &mut self.accounts,
            Column::StorageHistory => &mut self.slots,
            _ => &mut self.nodes,
        };
        let family = self.store.db().family(column);
        if let Some((version, value)) = version_at(iterator, key, number)?
            && version == number
            && value.is_empty()
        {
            self.batch.delete_cf(family, key.at(number));
            self.deleted += 1;
        }
        // At most one version is below: all but the newest went when their successors were pruned.
        if let Some(before) = number.checked_sub(1)
            && let Some((version, _)) = version_at(iterator, key, before)?
        {
            self.batch.delete_cf(family, key.at(version));
            self.deleted += 1;
        }
        Ok(())
    }
}
