//! Dropping old history.

use crate::{
    codec::changes::ChangedKeys,
    column::Column,
    error::StoreError,
    keys::{self, Key},
    meta::{self, ChainMeta},
    snapshot::version_at,
    store::{Store, View},
};
use alloy_primitives::keccak256;
use rocksdb::{DBRawIterator, WriteBatch};
use std::vec;

/// Keys that one slice looks at, of however many blocks: what it deletes is found without the lock that
/// commits need, and written with it.
const SLICE_KEYS_MAX: usize = 2_048;

/// Where the block stands that pruning has begun and not finished: its number and how many of its keys
/// were looked at.
const POSITION_KEY: &[u8] = b"s:pruning";

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
    /// need. An archive keeps everything. Interrupted or repeated at will: a commit waits for the write
    /// of one small slice at the most.
    ///
    /// # Errors
    /// [`StoreError::Empty`] before genesis; [`StoreError`] if the database fails.
    pub fn prune(&self, boundary: u64, blocks_max: u64) -> Result<PruneReport, StoreError> {
        self.prune_while(boundary, blocks_max, |_| true)
    }

    /// [`Store::prune`] for as long as `go_on` says so, which is asked after each slice.
    ///
    /// # Errors
    /// As [`Store::prune`].
    pub fn prune_while(
        &self,
        boundary: u64,
        blocks_max: u64,
        mut go_on: impl FnMut(&PruneReport) -> bool,
    ) -> Result<PruneReport, StoreError> {
        let mut report = PruneReport::default();
        let mut unfinished: Option<Unfinished> = None;
        loop {
            let view = self.view();
            let chain = *view.chain()?;
            let boundary_now = self.prune_boundary(&chain, boundary)?;
            if unfinished.is_none() {
                // Left by an interruption, such as a crash between two slices.
                unfinished = Unfinished::find(&view, chain.oldest)?;
            }
            report.oldest = chain.oldest;
            let is_at_boundary = chain.oldest >= boundary_now;
            report.done = is_at_boundary && unfinished.is_none();
            if unfinished.is_none() && (is_at_boundary || report.blocks >= blocks_max) {
                return Ok(report);
            }
            let blocks_left = blocks_max.saturating_sub(report.blocks);
            let end = boundary_now.min(chain.oldest.saturating_add(blocks_left));
            let mut slice = Slice::new(self, &view, chain.oldest);
            slice.fill(&view, end, &mut unfinished)?;
            let (oldest, deleted) = (slice.oldest, slice.deleted);
            let batch = slice.batch;
            if self.write_slice(&view, boundary, oldest, batch)? {
                report.blocks += oldest.saturating_sub(chain.oldest);
                report.versions += deleted;
                report.oldest = oldest;
                if !go_on(&report) {
                    return Ok(report);
                }
            } else {
                unfinished = None;
            }
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

    /// Writes a slice that was made from `view`, if what it rests on still holds: blocks were added at
    /// the most.
    fn write_slice(
        &self,
        view: &View,
        asked: u64,
        oldest: u64,
        mut batch: WriteBatch,
    ) -> Result<bool, StoreError> {
        let _writer = self.lock_writer();
        let now = self.view();
        let chain = *now.chain()?;
        let unwinds = |view: &View| meta::read_journal_epoch(&view.snapshot);
        if chain.oldest != view.chain()?.oldest
            || unwinds(&now)? != unwinds(view)?
            || oldest > self.prune_boundary(&chain, asked)?.max(chain.oldest)
        {
            return Ok(false);
        }
        ChainMeta { oldest, ..chain }.write(self.db(), &mut batch);
        // Synced, so that history is never claimed that a later slice has begun to drop.
        self.db().write_synced(batch)?;
        self.renew_view()?;
        Ok(true)
    }
}

/// A block that became the oldest, with the keys that it changed and that are not looked at yet. Its
/// record of changes goes with the last of them, so that an interruption is noticed and made good. Looking
/// at a key again does no harm.
struct Unfinished {
    number: u64,
    /// Keys looked at.
    position: u64,
    keys: vec::IntoIter<(Column, Key)>,
}

impl Unfinished {
    /// Block `number`, if pruning it was begun and not finished.
    fn find(view: &View, number: u64) -> Result<Option<Self>, StoreError> {
        let snapshot = &view.snapshot;
        let record = snapshot.get(Column::Changes, keys::number(number))?;
        if record.is_none() {
            return Ok(None);
        }
        let mut block = Self::of(view, number)?;
        if let Some(record) = snapshot.get(Column::Meta, POSITION_KEY)?
            && let Some((begun, position)) = record.split_first_chunk::<8>()
            && u64::from_be_bytes(*begun) == number
            && let Ok(position) = <[u8; 8]>::try_from(position)
        {
            block.position = u64::from_be_bytes(position);
            let skipped = usize::try_from(block.position).unwrap_or(usize::MAX);
            block.keys.by_ref().take(skipped).for_each(drop);
        }
        Ok(Some(block))
    }

    fn of(view: &View, number: u64) -> Result<Self, StoreError> {
        Ok(Self {
            number,
            position: 0,
            keys: changed_keys(&view.changes(number)?).into_iter(),
        })
    }

    fn record(&self) -> [u8; 16] {
        let mut record = [0; 16];
        record[..8].copy_from_slice(&self.number.to_be_bytes());
        record[8..].copy_from_slice(&self.position.to_be_bytes());
        record
    }
}

/// Every key that a block changed, with the column of its versions.
fn changed_keys(changes: &ChangedKeys) -> Vec<(Column, Key)> {
    let mut found = Vec::with_capacity(changes.paths.len() + changes.accounts.len());
    for path in &changes.paths {
        found.push((Column::TrieHistory, keys::trie_path(None, path)));
    }
    for account in &changes.accounts {
        let address = account.address;
        found.push((Column::AccountHistory, keys::account(address)));
        for slot in &account.slots {
            found.push((Column::StorageHistory, keys::slot(address, *slot)));
        }
        if !account.paths.is_empty() {
            let hashed = Some(keccak256(address));
            for path in &account.paths {
                found.push((Column::TrieHistory, keys::trie_path(hashed, path)));
            }
        }
    }
    found
}

/// Deletions to be written together.
struct Slice<'a> {
    batch: WriteBatch,
    store: &'a Store,
    accounts: DBRawIterator<'a>,
    slots: DBRawIterator<'a>,
    nodes: DBRawIterator<'a>,
    /// The oldest block whose state is kept when this is written.
    oldest: u64,
    deleted: u64,
}

impl<'a> Slice<'a> {
    fn new(store: &'a Store, view: &'a View, oldest: u64) -> Self {
        Self {
            batch: WriteBatch::default(),
            store,
            accounts: view.snapshot.iterator(Column::AccountHistory),
            slots: view.snapshot.iterator(Column::StorageHistory),
            nodes: view.snapshot.iterator(Column::TrieHistory),
            oldest,
            deleted: 0,
        }
    }

    /// Goes on with the unfinished block and then with those up to `end`, as far as the slice reaches.
    fn fill(
        &mut self,
        view: &View,
        end: u64,
        unfinished: &mut Option<Unfinished>,
    ) -> Result<(), StoreError> {
        let mut left = SLICE_KEYS_MAX;
        loop {
            let block = match unfinished {
                Some(block) => block,
                None if self.oldest < end => {
                    let block = Unfinished::of(view, self.oldest.saturating_add(1))?;
                    self.oldest = block.number;
                    unfinished.insert(block)
                }
                None => return Ok(()),
            };
            let number = block.number;
            // A block that changed nothing counts as well.
            left = left.saturating_sub(1);
            for (column, key) in block.keys.by_ref().take(left) {
                self.prune_key(column, key, number)?;
                block.position = block.position.saturating_add(1);
                left -= 1;
            }
            let db = self.store.db();
            if block.keys.len() > 0 {
                let family = db.family(Column::Meta);
                self.batch.put_cf(family, POSITION_KEY, block.record());
                return Ok(());
            }
            let family = db.family(Column::Changes);
            self.batch.delete_cf(family, keys::number(number));
            *unfinished = None;
            if left == 0 {
                return Ok(());
            }
        }
    }

    /// Block `number`, which changed a key, is the oldest: the version before goes, and the block's own
    /// if that says that nothing is there, which no version says as well.
    fn prune_key(&mut self, column: Column, key: Key, number: u64) -> Result<(), StoreError> {
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
