//! Writing a block: one atomic batch.

use crate::{
    codec::{
        self,
        changes::{ChangedAccount, ChangedKeys},
    },
    column::Column,
    database::Database,
    error::StoreError,
    keys,
    logs::log_keys,
    meta::ChainMeta,
    snapshot::Snapshot,
    store::Store,
};
use alloy_eips::BlockNumHash;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use openledger_primitives::{Account, AccountChange, SealedBlock, StateChanges};
use openledger_trie::{NodeUpdate, TrieUpdates};
use rocksdb::WriteBatch;
use std::collections::BTreeMap;

/// Bytes of a batch beyond the trie nodes, for a start, a block.
const BATCH_BYTES: usize = 16 << 10;

/// A block and what it changed, for [`Store::commit_all`].
#[derive(Debug, Clone, Copy)]
pub struct BlockWrite<'a> {
    /// The block.
    pub block: &'a SealedBlock,
    /// Its changes to the flat state.
    pub changes: &'a StateChanges,
    /// Its changes to the tries.
    pub trie: &'a TrieUpdates,
}

impl BlockWrite<'_> {
    /// Whether it drops storage, which is then read as it was before the batch.
    fn wipes(&self) -> bool {
        !self.trie.wiped.is_empty() || self.changes.accounts.values().any(wipes)
    }
}

impl Store {
    /// Writes the genesis block and state. Synced.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`] if there is a chain already; otherwise as [`Store::commit`].
    pub fn commit_genesis(
        &self,
        block: &SealedBlock,
        changes: &StateChanges,
        trie: &TrieUpdates,
    ) -> Result<(), StoreError> {
        let _writer = self.lock_writer();
        let view = self.view();
        if let Some(chain) = view.chain {
            return Err(StoreError::NotEmpty {
                number: chain.head.number,
            });
        }
        let number = block.number();
        let head = BlockNumHash {
            number,
            hash: block.hash,
        };
        let chain = ChainMeta {
            genesis: number,
            head,
            oldest: number,
        };
        let write = BlockWrite {
            block,
            changes,
            trie,
        };
        self.write_blocks(&view.snapshot, &[write], chain)
    }

    /// Writes the block after the head: the block, its indexes, the state after it, history, trie. One
    /// atomic batch, on disk when this returns; the journal of the block goes with it.
    ///
    /// # Errors
    /// [`StoreError::NotNext`], [`StoreError::ParentMismatch`], [`StoreError::StateRootMismatch`],
    /// [`StoreError::UnalignedBlock`], [`StoreError::ForeignUpdates`] for arguments that don't belong
    /// together; [`StoreError::Empty`] before genesis. Nothing is written then.
    pub fn commit(
        &self,
        block: &SealedBlock,
        changes: &StateChanges,
        trie: &TrieUpdates,
    ) -> Result<(), StoreError> {
        self.commit_all(&[BlockWrite {
            block,
            changes,
            trie,
        }])
    }

    /// Writes the blocks after the head, in order. One atomic batch, on disk when this returns; a block
    /// that drops an account's storage begins another one, so that a failure may leave the first of them
    /// written. What several blocks change is written once, apart from its history.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn commit_all(&self, blocks: &[BlockWrite<'_>]) -> Result<(), StoreError> {
        let _writer = self.lock_writer();
        for batch in blocks.chunk_by(|_, next| !next.wipes()) {
            let view = self.view();
            let chain = *view.chain()?;
            let mut head = chain.head;
            for write in batch {
                head = child_of(head, write.block)?;
            }
            self.write_blocks(&view.snapshot, batch, ChainMeta { head, ..chain })?;
        }
        Ok(())
    }

    fn write_blocks(
        &self,
        parent: &Snapshot,
        blocks: &[BlockWrite<'_>],
        chain: ChainMeta,
    ) -> Result<(), StoreError> {
        let db = self.db();
        let node_bytes: usize = blocks
            .iter()
            .flat_map(|write| &write.trie.nodes)
            .map(|node| 160 + node.node.as_ref().map_or(0, |rlp| rlp.len()))
            .sum();
        let batch = WriteBatch::with_capacity_bytes(BATCH_BYTES * blocks.len() + node_bytes);
        let mut commit = Commit {
            db,
            parent,
            number: chain.head.number,
            batch,
            latest: Vec::new(),
            changed: ChangedKeys::default(),
        };
        for write in blocks {
            commit.write(write, chain.genesis)?;
        }
        let mut batch = commit.finish();
        chain.write(db, &mut batch);
        db.write_synced(batch)?;
        // Their records are in the chain now; a crash before this finds that out by the head.
        let mut journal = self.lock_journal();
        for write in blocks {
            journal.forget_block(write.block.number());
        }
        drop(journal);
        self.renew_view()
    }
}

/// Number and hash of `block`, if it is the child of `head`.
fn child_of(head: BlockNumHash, block: &SealedBlock) -> Result<BlockNumHash, StoreError> {
    let number = block.number();
    if head.number.checked_add(1) != Some(number) {
        return Err(StoreError::NotNext {
            head: head.number,
            number,
        });
    }
    let parent = block.block.header.parent_hash;
    if parent != head.hash {
        return Err(StoreError::ParentMismatch {
            number,
            parent,
            head: head.hash,
        });
    }
    Ok(BlockNumHash {
        number,
        hash: block.hash,
    })
}

/// A batch in the making.
struct Commit<'a> {
    db: &'a Database,
    /// The store before the batch.
    parent: &'a Snapshot,
    /// The block that is being written.
    number: u64,
    batch: WriteBatch,
    /// What the latest state becomes, in the order of blocks; an empty value deletes.
    latest: Vec<(Column, keys::Key, Bytes)>,
    /// What the block changed.
    changed: ChangedKeys,
}

impl Commit<'_> {
    fn put(&mut self, column: Column, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.batch.put_cf(self.db.family(column), key, value);
    }

    /// Sets a value of the latest state, or deletes it if it is empty.
    fn set(&mut self, column: Column, key: keys::Key, value: Bytes) {
        self.latest.push((column, key, value));
    }

    /// Adds a block.
    fn write(&mut self, write: &BlockWrite<'_>, genesis: u64) -> Result<(), StoreError> {
        let number = write.block.number();
        let header = write.block.block.header.state_root;
        if header != write.trie.root {
            return Err(StoreError::StateRootMismatch {
                number,
                header,
                updates: write.trie.root,
            });
        }
        self.number = number;
        self.block(write.block)?;
        self.state(write.changes, write.trie)?;
        self.trie(write.changes, write.trie)?;
        let changed = std::mem::take(&mut self.changed);
        if number > genesis {
            self.put(Column::Changes, keys::number(number), changed.encode());
        }
        Ok(())
    }

    /// Adds the latest state: of each key the newest value, in key order, which lets each insertion find
    /// its neighbours in the processor's cache.
    fn finish(mut self) -> WriteBatch {
        // Stable: the newest of equal keys stands last.
        self.latest
            .sort_by(|a, b| (a.0 as u8, a.1.as_ref()).cmp(&(b.0 as u8, b.1.as_ref())));
        let is_newest = |pair: &[(Column, keys::Key, Bytes)]| match pair {
            [one, next] => one.0 != next.0 || one.1.as_ref() != next.1.as_ref(),
            _ => true,
        };
        for (index, (column, key, value)) in self.latest.iter().enumerate() {
            let pair = self.latest.get(index..index + 2).unwrap_or_default();
            if !is_newest(pair) {
                continue;
            }
            let family = self.db.family(*column);
            if value.is_empty() {
                self.batch.delete_cf(family, key);
            } else {
                self.batch.put_cf(family, key, value);
            }
        }
        self.batch
    }

    fn block(&mut self, sealed: &SealedBlock) -> Result<(), StoreError> {
        let number = self.number;
        let transactions = &sealed.block.body.transactions;
        let (senders, receipts) = (&sealed.senders, &sealed.receipts);
        if senders.len() != transactions.len() || receipts.len() != transactions.len() {
            return Err(StoreError::UnalignedBlock {
                number,
                transactions: transactions.len(),
                senders: senders.len(),
                receipts: receipts.len(),
            });
        }
        let key = keys::number(number);
        let header = codec::block::encode_header(sealed.hash, &sealed.block.header);
        self.put(Column::Headers, key, header);
        let mut index = Vec::with_capacity(10);
        codec::put_varint(number, &mut index);
        self.put(Column::BlockNumbers, sealed.hash, &index);
        self.put(
            Column::Bodies,
            key,
            codec::block::encode_body(transactions, senders),
        );
        self.put(Column::Receipts, key, codec::receipt::encode(receipts));
        let number_len = index.len();
        for (position, tx) in (0_u64..).zip(transactions) {
            index.truncate(number_len);
            codec::put_varint(position, &mut index);
            self.put(Column::TxIndex, tx.tx_hash(), &index);
        }
        for log_key in log_keys(receipts) {
            self.put(Column::LogIndex, log_key.at(number), []);
        }
        Ok(())
    }

    /// Accounts, slots and code, latest and history.
    fn state(&mut self, changes: &StateChanges, trie: &TrieUpdates) -> Result<(), StoreError> {
        let number = self.number;
        for (&address, change) in &changes.accounts {
            let record = match change.info {
                None => Vec::new(),
                Some(info) => {
                    let root = trie.storage_roots.get(&address);
                    codec::account::encode(&Account {
                        nonce: info.nonce,
                        balance: info.balance,
                        code_hash: info.code_hash,
                        storage_root: *root.ok_or(StoreError::ForeignUpdates { number })?,
                    })
                }
            };
            let key = keys::account(address);
            self.put(Column::AccountHistory, key.at(number), &record);
            self.set(Column::Accounts, key, record.into());
            let slots = self.changed_slots(address, change)?;
            for (&slot, &value) in &slots {
                let record = codec::trimmed(value);
                let key = keys::slot(address, slot);
                self.put(Column::StorageHistory, key.at(number), &record);
                self.set(Column::Storage, key, record.into());
            }
            let slots = slots.into_keys().collect();
            self.changed.accounts.push(ChangedAccount {
                address,
                slots,
                paths: Vec::new(),
            });
        }
        for (hash, code) in &changes.code {
            self.put(Column::Code, hash, code);
        }
        Ok(())
    }

    /// The account's slots that the block changed, those of a wiped storage included.
    fn changed_slots(
        &self,
        address: Address,
        change: &AccountChange,
    ) -> Result<BTreeMap<U256, U256>, StoreError> {
        let mut slots = BTreeMap::new();
        if wipes(change) {
            self.parent
                .for_each_with_prefix(Column::Storage, address.as_slice(), |key, _| {
                    let malformed = StoreError::MalformedRecord {
                        column: Column::Storage.name(),
                    };
                    slots.insert(keys::slot_of(key).ok_or(malformed)?, U256::ZERO);
                    Ok(true)
                })?;
        }
        if change.info.is_some() {
            slots.extend(&change.storage);
        }
        Ok(slots)
    }

    /// Trie nodes, latest and history.
    fn trie(&mut self, changes: &StateChanges, trie: &TrieUpdates) -> Result<(), StoreError> {
        let foreign = StoreError::ForeignUpdates {
            number: self.number,
        };
        // Whose storage trie a hashed address means: its position among the changed accounts.
        let mut owners: BTreeMap<B256, (usize, Address)> = BTreeMap::new();
        for (position, (address, change)) in changes.accounts.iter().enumerate() {
            if wipes(change) || !change.storage.is_empty() {
                owners.insert(keccak256(address), (position, *address));
            }
        }
        let wiped = trie.wiped.iter().map(|&account| (account, Vec::new()));
        let mut groups: BTreeMap<B256, Vec<Vec<u8>>> = wiped.collect();
        for (account, paths) in &mut groups {
            self.collect_paths(*account, paths)?;
        }
        for nodes in trie.nodes.chunk_by(|a, b| a.account == b.account) {
            let account = nodes.first().and_then(|node| node.account);
            let owner = match account {
                None => None,
                Some(account) => match owners.get(&account) {
                    Some(owner) => Some(*owner),
                    None => return Err(foreign),
                },
            };
            let mut paths: Vec<Vec<u8>> = nodes.iter().map(|node| node.path.clone()).collect();
            if let Some(vanished) = account.and_then(|account| groups.remove(&account)) {
                self.vacate(account, &vanished, &paths);
                paths.extend(vanished);
                paths.sort_unstable();
                paths.dedup();
            }
            self.nodes(nodes, owner.map(|(_, address)| address));
            match owner {
                None => self.changed.paths = paths,
                Some((position, _)) => self.changed.accounts[position].paths = paths,
            }
        }
        // Tries that were dropped and not begun anew.
        for (account, paths) in groups {
            let Some((position, _)) = owners.get(&account) else {
                return Err(foreign);
            };
            self.vacate(Some(account), &paths, &[]);
            self.changed.accounts[*position].paths = paths;
        }
        Ok(())
    }

    /// Writes nodes of one trie, one column after the other and in key order, which lets each insertion
    /// find its neighbours in the processor's cache.
    fn nodes(&mut self, nodes: &[NodeUpdate], owner: Option<Address>) {
        let mut by_length: Vec<Vec<&NodeUpdate>> = Vec::new();
        for node in nodes {
            let length = node.path.len();
            if by_length.len() <= length {
                by_length.resize_with(length + 1, Vec::new);
            }
            by_length[length].push(node);
        }
        for node in by_length.iter().flatten() {
            let key = keys::trie_path(node.account, &node.path);
            self.set(Column::Trie, key, node.node.clone().unwrap_or_default());
        }
        for node in by_length.iter().flatten() {
            let key = keys::trie_path(node.account, &node.path).at(self.number);
            let record = codec::node::encode(node.node.as_ref(), node.hash, node.leaf, owner);
            self.put(Column::TrieHistory, key, record);
        }
    }

    /// The paths of a storage trie before the block, sorted.
    fn collect_paths(&self, account: B256, paths: &mut Vec<Vec<u8>>) -> Result<(), StoreError> {
        let prefix = keys::trie(Some(account));
        self.parent
            .for_each_with_prefix(Column::Trie, prefix.as_ref(), |key, _| {
                let malformed = StoreError::MalformedRecord {
                    column: Column::Trie.name(),
                };
                paths.push(keys::parse_trie_path(key).ok_or(malformed)?.1);
                Ok(true)
            })?;
        paths.sort_unstable();
        Ok(())
    }

    /// Deletes nodes of a dropped trie, but for paths that are written again.
    fn vacate(&mut self, account: Option<B256>, paths: &[Vec<u8>], written: &[Vec<u8>]) {
        for path in paths {
            if written.binary_search(path).is_err() {
                let key = keys::trie_path(account, path);
                self.set(Column::Trie, key, Bytes::new());
                self.put(Column::TrieHistory, key.at(self.number), []);
            }
        }
    }
}

/// Whether a change drops all storage from before the block.
const fn wipes(change: &AccountChange) -> bool {
    change.storage_wiped || change.info.is_none()
}
