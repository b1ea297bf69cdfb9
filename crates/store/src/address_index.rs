//! The index of transactions by address: which transactions concern an address.
//!
//! A key of `AddressIndex` is an address, a block number and the transaction's index in the block, all
//! big-endian, so that an address's transactions stand together in the chain's order; there is no value.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 20 | address |
//! | 20 | 8 | block number |
//! | 28 | 4 | index in the block |
//!
//! A transaction concerns its sender, its recipient or the contract that it creates, whether or not it
//! succeeds, and every contract that emits a log in it. What it calls within is not looked at: an address
//! that is only called or paid by a contract is not found.
//!
//! Commits know nothing of it. Who wants the index calls [`Store::extend_address_index`] again and again,
//! which indexes some of the sealed blocks that are not in it yet. A marker, written in one batch with the
//! entries, says which blocks are in the index: entries of others don't exist. Unwinding takes the removed
//! blocks' entries out in its own batch; entries of blocks whose state was pruned go with the next
//! extension.
//!
//! Invariants: the marker's newest block is in the chain; the index holds exactly the entries of the blocks
//! from the marker's oldest to its newest; whoever writes it holds its lock, which commits never take.

use crate::{
    column::Column,
    error::StoreError,
    keys,
    meta::{self, ChainMeta},
    snapshot::Snapshot,
    store::{Store, View},
};
use alloy_consensus::Transaction as _;
use alloy_eips::BlockNumHash;
use alloy_primitives::{Address, B256};
use openledger_primitives::{Receipt, SealedBlock};
use rocksdb::WriteBatch;
use std::sync::Arc;

/// Bytes of an address and a block number at the beginning of a key.
const INDEX_OFFSET: usize = Address::len_bytes() + keys::NUMBER_BYTES;
const KEY_BYTES: usize = INDEX_OFFSET + 4;
/// Entries from which on a batch is written: about a millisecond of RocksDB's queue, in which a commit
/// may stand behind it. A block is not split: a full one of transfers takes some milliseconds.
const BATCH_ENTRIES_MAX: usize = 1_024;
/// Blocks at the head that are looked through where the index doesn't hold them yet.
const LAG_BLOCKS_MAX: u64 = 64;

type IndexKey = [u8; KEY_BYTES];

fn key(address: Address, number: u64, index: u32) -> IndexKey {
    let mut key = [0; KEY_BYTES];
    key[..Address::len_bytes()].copy_from_slice(address.as_slice());
    key[Address::len_bytes()..INDEX_OFFSET].copy_from_slice(&number.to_be_bytes());
    key[INDEX_OFFSET..].copy_from_slice(&index.to_be_bytes());
    key
}

/// The place that a key of `address` stands for; `None` if it is another's.
fn place_of(key: &[u8], address: Address) -> Option<TransactionPlace> {
    let (number, index) = key
        .strip_prefix(address.as_slice())?
        .split_first_chunk::<{ keys::NUMBER_BYTES }>()?;
    Some(TransactionPlace {
        block: u64::from_be_bytes(*number),
        index: u32::from_be_bytes(index.try_into().ok()?),
    })
}

/// The addresses that transaction `index` of a block concerns, ascending, each once.
fn concerned(block: &SealedBlock, index: usize, addresses: &mut Vec<Address>) {
    addresses.clear();
    let (Some(transaction), Some(&sender), Some(receipt)) = (
        block.block.body.transactions.get(index),
        block.senders.get(index),
        block.receipts.get(index),
    ) else {
        return;
    };
    addresses.push(sender);
    addresses.push(transaction.to().unwrap_or_else(|| {
        // A deposit's nonce is in its receipt alone.
        let nonce = match receipt {
            Receipt::Deposit(deposit) => deposit.receipt.deposit_nonce.unwrap_or_default(),
            _ => transaction.nonce(),
        };
        sender.create(nonce)
    }));
    addresses.extend(receipt.logs().iter().map(|log| log.address));
    addresses.sort_unstable();
    addresses.dedup();
}

/// The entries of a block.
pub(crate) fn entries(block: &SealedBlock) -> Vec<IndexKey> {
    let number = block.number();
    let mut entries = Vec::with_capacity(block.senders.len() * 2);
    let mut addresses = Vec::new();
    for (place, index) in (0_u32..).zip(0..block.senders.len()) {
        concerned(block, index, &mut addresses);
        entries.extend(addresses.iter().map(|address| key(*address, number, place)));
    }
    entries
}

/// The blocks whose transactions the index holds: all from `oldest` to `newest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexedBlocks {
    /// The first; the one after `newest` while the index holds none.
    pub oldest: u64,
    /// The last. It is in the chain.
    pub newest: BlockNumHash,
}

impl IndexedBlocks {
    /// Whether block `number` is in the index.
    pub const fn contains(&self, number: u64) -> bool {
        self.oldest <= number && number <= self.newest.number
    }

    /// An index that begins with the oldest block whose state is kept and holds nothing yet. Genesis has
    /// no transactions.
    fn empty(view: &View) -> Result<Self, StoreError> {
        let chain = view.chain()?;
        let newest = chain.oldest.saturating_sub(1).max(chain.genesis);
        let header = view.header(newest)?.ok_or(StoreError::MissingRecord {
            column: Column::Headers.name(),
            number: newest,
        })?;
        Ok(Self {
            oldest: newest.saturating_add(1),
            newest: BlockNumHash {
                number: newest,
                hash: header.hash(),
            },
        })
    }

    /// Reads the marker; `None` if there is no index.
    pub(crate) fn read(snapshot: &Snapshot) -> Result<Option<Self>, StoreError> {
        Ok(meta::read_address_index(snapshot)?.map(|(oldest, newest)| Self { oldest, newest }))
    }
}

/// How far [`Store::extend_address_index`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressIndexReport {
    /// What the index holds now.
    pub indexed: IndexedBlocks,
    /// The chain's newest block, as of when the extension began.
    pub head: u64,
    /// Whether nothing was left to do then.
    pub done: bool,
}

impl AddressIndexReport {
    /// Blocks that were not yet in the index.
    pub const fn lag(&self) -> u64 {
        self.head.saturating_sub(self.indexed.newest.number)
    }
}

impl Store {
    /// Takes some of the blocks into the index that are sealed and not in it yet, oldest first, and those
    /// out whose state was pruned; the caller repeats it until it is done. Small batches, not synced: what
    /// a power loss takes is indexed again. Commits don't wait for it, unwinding waits for one batch.
    ///
    /// `recent` gives blocks that the caller has decoded, which saves reading them; one that is not the
    /// chain's is not used.
    ///
    /// # Errors
    /// [`StoreError::Empty`] before genesis; [`StoreError`] if the database fails.
    pub fn extend_address_index(
        &self,
        recent: impl Fn(u64) -> Option<Arc<SealedBlock>>,
    ) -> Result<AddressIndexReport, StoreError> {
        let _index = self.lock_address_index();
        let view = self.view();
        let chain = *view.chain()?;
        let begun = IndexedBlocks::read(&self.fresh_snapshot())?;
        let mut extension = Extension {
            store: self,
            view: &view,
            batch: WriteBatch::default(),
            entries: 0,
            indexed: match begun {
                Some(indexed) => indexed,
                None => IndexedBlocks::empty(&view)?,
            },
        };
        let done = extension.prune(&chain)? && extension.extend(&chain, recent)?;
        let Extension {
            mut batch, indexed, ..
        } = extension;
        if begun != Some(indexed) {
            meta::write_address_index(self.db(), &mut batch, indexed.oldest, indexed.newest);
            self.db().write(batch)?;
        }
        Ok(AddressIndexReport {
            indexed,
            head: chain.head.number,
            done,
        })
    }

    /// What the index holds; `None` if there never was one.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn indexed_blocks(&self) -> Result<Option<IndexedBlocks>, StoreError> {
        IndexedBlocks::read(&self.fresh_snapshot())
    }

    /// Adds to the batch of an unwinding to block `to` what it changes in the index. The caller holds the
    /// index's lock until the unwound chain is visible.
    pub(crate) fn unwind_address_index(
        &self,
        removed: &[SealedBlock],
        to: BlockNumHash,
        batch: &mut WriteBatch,
    ) -> Result<(), StoreError> {
        let Some(indexed) = IndexedBlocks::read(&self.fresh_snapshot())? else {
            return Ok(());
        };
        if indexed.newest.number <= to.number {
            return Ok(());
        }
        let family = self.db().family(Column::AddressIndex);
        for block in removed
            .iter()
            .filter(|block| indexed.contains(block.number()))
        {
            for entry in entries(block) {
                batch.delete_cf(family, entry);
            }
        }
        meta::write_address_index(self.db(), batch, indexed.oldest, to);
        Ok(())
    }

    /// The index and the chain at this instant.
    ///
    /// # Errors
    /// [`StoreError::AddressIndexBehind`] if more blocks are missing from the index than a search looks
    /// through; [`StoreError::Empty`] before genesis; [`StoreError`] if the database fails.
    pub fn address_search(&self) -> Result<AddressSearch, StoreError> {
        let view = self.fresh_view()?;
        let chain = *view.chain()?;
        let indexed = match IndexedBlocks::read(&view.snapshot)? {
            Some(indexed) => indexed,
            None => IndexedBlocks::empty(&view)?,
        };
        let head = chain.head.number;
        if head.saturating_sub(indexed.newest.number) > LAG_BLOCKS_MAX {
            return Err(StoreError::AddressIndexBehind {
                newest: indexed.newest.number,
                head,
            });
        }
        Ok(AddressSearch {
            view,
            chain,
            indexed,
        })
    }
}

/// A batch of the index in the making.
struct Extension<'a> {
    store: &'a Store,
    view: &'a View,
    batch: WriteBatch,
    entries: usize,
    indexed: IndexedBlocks,
}

impl Extension<'_> {
    /// Takes blocks out whose state was pruned. Returns whether none is left.
    fn prune(&mut self, chain: &ChainMeta) -> Result<bool, StoreError> {
        let family = self.store.db().family(Column::AddressIndex);
        while self.indexed.oldest < chain.oldest {
            if self.indexed.oldest > self.indexed.newest.number {
                // Pruning has overtaken the index: it begins anew.
                self.indexed = IndexedBlocks::empty(self.view)?;
                break;
            }
            if self.entries >= BATCH_ENTRIES_MAX {
                return Ok(false);
            }
            let number = self.indexed.oldest;
            let entries = entries(&self.block(number)?);
            // Blocks without entries have their price, too.
            self.entries += entries.len() + 1;
            for entry in entries {
                self.batch.delete_cf(family, entry);
            }
            self.indexed.oldest = number.saturating_add(1);
        }
        Ok(true)
    }

    /// Takes new blocks in. Returns whether none is left.
    fn extend(
        &mut self,
        chain: &ChainMeta,
        recent: impl Fn(u64) -> Option<Arc<SealedBlock>>,
    ) -> Result<bool, StoreError> {
        let family = self.store.db().family(Column::AddressIndex);
        while self.indexed.newest.number < chain.head.number {
            if self.entries >= BATCH_ENTRIES_MAX {
                return Ok(false);
            }
            let number = self.indexed.newest.number.saturating_add(1);
            let hash = self.hash(number)?;
            let entries = match recent(number).filter(|block| block.hash == hash) {
                Some(block) => entries(&block),
                None => entries(&self.block(number)?),
            };
            self.entries += entries.len() + 1;
            for entry in entries {
                self.batch.put_cf(family, entry, []);
            }
            self.indexed.newest = BlockNumHash { number, hash };
        }
        Ok(true)
    }

    fn hash(&self, number: u64) -> Result<B256, StoreError> {
        self.view
            .block_hash(number)?
            .ok_or(StoreError::MissingRecord {
                column: Column::Headers.name(),
                number,
            })
    }

    fn block(&self, number: u64) -> Result<SealedBlock, StoreError> {
        known_block(self.view, number)
    }
}

fn known_block(view: &View, number: u64) -> Result<SealedBlock, StoreError> {
    view.sealed_block(number)?.ok_or(StoreError::MissingRecord {
        column: Column::Headers.name(),
        number,
    })
}

/// Where a transaction stands in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransactionPlace {
    /// Number of its block.
    pub block: u64,
    /// Its index there.
    pub index: u32,
}

/// Transactions that concern an address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressPage {
    /// Newest first. All of a block or none.
    pub transactions: Vec<TransactionPlace>,
    /// Whether there are more in the direction of the search.
    pub has_more: bool,
}

impl AddressPage {
    /// Adds the next transaction of a search, unless the page is full: it is from `count` transactions on,
    /// when their block is over. Returns whether to go on.
    fn add(&mut self, place: TransactionPlace, count: usize) -> bool {
        let is_full = self.transactions.len() >= count;
        if is_full && self.transactions.last().map(|last| last.block) != Some(place.block) {
            self.has_more = true;
            return false;
        }
        self.transactions.push(place);
        true
    }
}

/// The index of transactions by address and the chain that it is of, at one instant. Blocks that are
/// sealed and not indexed yet are searched as well.
#[derive(Debug)]
pub struct AddressSearch {
    view: View,
    chain: ChainMeta,
    indexed: IndexedBlocks,
}

impl AddressSearch {
    /// The first block that is searched. Those before it, if it isn't the one after genesis, were pruned.
    pub const fn oldest(&self) -> u64 {
        self.indexed.oldest
    }

    /// Whether blocks before [`Self::oldest`] may have had transactions.
    pub const fn is_pruned(&self) -> bool {
        self.indexed.oldest > self.chain.genesis.saturating_add(1)
    }

    /// A block of the chain, with senders and receipts.
    ///
    /// # Errors
    /// [`StoreError`] if there is none, or the database fails.
    pub fn block(&self, number: u64) -> Result<SealedBlock, StoreError> {
        known_block(&self.view, number)
    }

    /// The newest transactions of `address` in blocks before `end`: at least `count` if there are so
    /// many, complete blocks.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn before(
        &self,
        address: Address,
        end: u64,
        count: usize,
    ) -> Result<AddressPage, StoreError> {
        let mut page = AddressPage::default();
        let Some(last) = end.checked_sub(1) else {
            return Ok(page);
        };
        let last = last.min(self.chain.head.number);
        for number in (self.indexed.newest.number.saturating_add(1)..=last).rev() {
            for place in self.search_block(address, number)?.into_iter().rev() {
                if !page.add(place, count) {
                    return Ok(page);
                }
            }
        }
        let last = last.min(self.indexed.newest.number);
        let mut iterator = self.view.snapshot.iterator(Column::AddressIndex);
        iterator.seek_for_prev(key(address, last, u32::MAX));
        while let Some(place) = iterator.key().and_then(|key| place_of(key, address)) {
            if place.block < self.indexed.oldest || !page.add(place, count) {
                return Ok(page);
            }
            iterator.prev();
        }
        iterator.status()?;
        Ok(page)
    }

    /// The oldest transactions of `address` in blocks after `start`, still newest first: at least `count`
    /// if there are so many, complete blocks.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn after(
        &self,
        address: Address,
        start: u64,
        count: usize,
    ) -> Result<AddressPage, StoreError> {
        let mut page = self.ascending(address, start, count)?;
        page.transactions.reverse();
        Ok(page)
    }

    fn ascending(
        &self,
        address: Address,
        start: u64,
        count: usize,
    ) -> Result<AddressPage, StoreError> {
        let mut page = AddressPage::default();
        let Some(first) = start.checked_add(1) else {
            return Ok(page);
        };
        let first = first.max(self.indexed.oldest);
        let mut iterator = self.view.snapshot.iterator(Column::AddressIndex);
        iterator.seek(key(address, first, 0));
        while let Some(place) = iterator.key().and_then(|key| place_of(key, address)) {
            if !page.add(place, count) {
                return Ok(page);
            }
            iterator.next();
        }
        iterator.status()?;
        let first = first.max(self.indexed.newest.number.saturating_add(1));
        for number in first..=self.chain.head.number {
            for place in self.search_block(address, number)? {
                if !page.add(place, count) {
                    return Ok(page);
                }
            }
        }
        Ok(page)
    }

    /// The transactions of a block that concern an address, ascending, found by looking at all of them.
    fn search_block(
        &self,
        address: Address,
        number: u64,
    ) -> Result<Vec<TransactionPlace>, StoreError> {
        let block = self.block(number)?;
        let mut found = Vec::new();
        let mut addresses = Vec::new();
        for (place, index) in (0_u32..).zip(0..block.senders.len()) {
            concerned(&block, index, &mut addresses);
            if addresses.binary_search(&address).is_ok() {
                found.push(TransactionPlace {
                    block: number,
                    index: place,
                });
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hold_their_place_and_sort_by_it() {
        let address = Address::repeat_byte(7);
        let place = TransactionPlace {
            block: 0x0102_0304_0506_0708,
            index: 0x090a_0b0c,
        };
        let found = key(address, place.block, place.index);
        assert_eq!(place_of(&found, address), Some(place));
        assert_eq!(place_of(&found, Address::repeat_byte(8)), None);
        assert_eq!(place_of(&found[..31], address), None);
        assert_eq!(found[20..], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        assert!(key(address, 1, u32::MAX) < key(address, 2, 0));
        assert!(key(address, u64::MAX, u32::MAX) < key(Address::repeat_byte(8), 0, 0));
    }

    #[test]
    fn created_contracts_are_concerned_by_the_nonce_that_created_them() {
        use alloy_consensus::{Sealable as _, SignableTransaction as _, TxEip1559};
        use alloy_primitives::{Signature, TxKind, U256};
        use op_alloy_consensus::{OpTxType, TxDeposit};
        use openledger_primitives::{Block, Transaction};
        let signed = |nonce, to| {
            let tx = TxEip1559 {
                nonce,
                to,
                ..TxEip1559::default()
            };
            Transaction::Eip1559(tx.into_signed(Signature::new(U256::ONE, U256::ONE, false)))
        };
        let receipt = |is_success, ty, nonce| {
            Receipt::from_parts(is_success, 21_000, &[], ty, nonce, nonce.map(|_| 1))
        };
        let sender = Address::repeat_byte(0x5e);
        let mut block = SealedBlock {
            hash: B256::ZERO,
            block: Block::default(),
            senders: vec![sender; 4],
            receipts: vec![
                receipt(true, OpTxType::Deposit, Some(8)),
                receipt(true, OpTxType::Eip1559, None),
                // A creation that fails, as receipts name its contract, too.
                receipt(false, OpTxType::Eip1559, None),
                receipt(true, OpTxType::Eip1559, None),
            ],
        };
        block.block.header.number = 3;
        block.block.body.transactions = vec![
            Transaction::Deposit(TxDeposit::default().seal_slow()),
            signed(9, TxKind::Create),
            signed(10, TxKind::Create),
            // To itself: one entry.
            signed(11, TxKind::Call(sender)),
        ];
        let mut found = entries(&block);
        found.sort_unstable();
        let mut expected: Vec<IndexKey> = (0..4).map(|index| key(sender, 3, index)).collect();
        expected.extend((0..3).map(|index| key(sender.create(8 + u64::from(index)), 3, index)));
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_page_ends_with_a_block() {
        let place = |block, index| TransactionPlace { block, index };
        let mut page = AddressPage::default();
        assert!(page.add(place(9, 4), 2));
        assert!(page.add(place(9, 1), 2));
        assert!(page.add(place(9, 0), 2));
        assert!(!page.has_more);
        assert!(!page.add(place(8, 0), 2));
        assert!(page.has_more && page.transactions.len() == 3);
    }
}
