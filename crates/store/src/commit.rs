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
use alloy_primitives::{Address, B256, U256, keccak256};
use openledger_primitives::{Account, AccountChange, SealedBlock, StateChanges};
use openledger_trie::{NodeUpdate, TrieUpdates};
use rocksdb::WriteBatch;
use std::collections::BTreeMap;

/// Bytes of a batch beyond the trie nodes, for a start.
const BATCH_BYTES: usize = 16 << 10;

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
        self.write_block(&view.snapshot, block, changes, trie, chain)
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
        let _writer = self.lock_writer();
        let view = self.view();
        let chain = view.chain()?;
        let number = block.number();
        if chain.head.number.checked_add(1) != Some(number) {
            return Err(StoreError::NotNext {
                head: chain.head.number,
                number,
            });
        }
        let parent = block.block.header.parent_hash;
        if parent != chain.head.hash {
            return Err(StoreError::ParentMismatch {
                number,
                parent,
                head: chain.head.hash,
            });
        }
        let chain = ChainMeta {
            head: BlockNumHash {
                number,
                hash: block.hash,
            },
            ..*chain
        };
        self.write_block(&view.snapshot, block, changes, trie, chain)
    }

    fn write_block(
        &self,
        parent: &Snapshot,
        block: &SealedBlock,
        changes: &StateChanges,
        trie: &TrieUpdates,
        chain: ChainMeta,
    ) -> Result<(), StoreError> {
        let number = block.number();
        let header = block.block.header.state_root;
        if header != trie.root {
            return Err(StoreError::StateRootMismatch {
                number,
                header,
                updates: trie.root,
            });
        }
        let db = self.db();
        let node_bytes: usize = trie
            .nodes
            .iter()
            .map(|node| 160 + node.node.as_ref().map_or(0, |rlp| rlp.len()))
            .sum();
        let batch = WriteBatch::with_capacity_bytes(BATCH_BYTES + node_bytes);
        let mut commit = Commit {
            db,
            parent,
            number,
            batch,
            changed: ChangedKeys::default(),
        };
        commit.block(block)?;
        commit.state(changes, trie)?;
        commit.trie(changes, trie)?;
        let Commit {
            mut batch, changed, ..
        } = commit;
        if number > chain.genesis {
            batch.put_cf(
                db.family(Column::Changes),
                keys::number(number),
                changed.encode(),
            );
        }
        chain.write(db, &mut batch);
        db.write_synced(batch)?;
        // Its records are in the chain now; a crash before this finds that out by the head.
        self.lock_journal().forget_block(number);
        self.renew_view()
    }
}

/// A batch in the making.
struct Commit<'a> {
    db: &'a Database,
    /// The store before the block.
    parent: &'a Snapshot,
    number: u64,
    batch: WriteBatch,
    changed: ChangedKeys,
}

impl Commit<'_> {
    fn put(&mut self, column: Column, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.batch.put_cf(self.db.family(column), key, value);
    }

    /// Puts a value, or deletes it if it is empty.
    fn set(&mut self, column: Column, key: impl AsRef<[u8]>, value: &[u8]) {
        if value.is_empty() {
            self.batch.delete_cf(self.db.family(column), key);
        } else {
            self.put(column, key, value);
        }
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
            self.set(Column::Accounts, key, &record);
            self.put(Column::AccountHistory, key.at(number), &record);
            let slots = self.changed_slots(address, change)?;
            for (&slot, &value) in &slots {
                let record = codec::trimmed(value);
                let key = keys::slot(address, slot);
                self.set(Column::Storage, key, &record);
                self.put(Column::StorageHistory, key.at(number), &record);
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
            self.set(
                Column::Trie,
                key,
                node.node.as_ref().map_or(&[][..], |rlp| rlp),
            );
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
                self.set(Column::Trie, key, &[]);
                self.put(Column::TrieHistory, key.at(self.number), []);
            }
        }
    }
}

/// Whether a change drops all storage from before the block.
const fn wipes(change: &AccountChange) -> bool {
    change.storage_wiped || change.info.is_none()
}
