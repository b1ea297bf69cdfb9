//! Reading versions, and rebuilding trie nodes from them.
//!
//! The node at a path at block `n` follows from its version at or below `n`: a leaf from its account's
//! or slot's version at `n`, a branch from the references to its children, which stand at the path and
//! one nibble more. A child's reference needs no more than the child's own version: a branch's holds
//! the hash, any other node is rebuilt from records alone. So a branch costs 16 seeks, and up to 16 more
//! where its children are leaves, whatever the number of blocks in between.

use super::{check_node, decode_account, decode_word, latest};
use crate::{
    codec::node::NodeRecord,
    column::Column,
    error::StoreError,
    keys,
    snapshot::{Snapshot, version_at},
    store::View,
};
use alloy_eips::BlockNumHash;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use openledger_primitives::{Account, NodeReader, StateReader};
use openledger_trie::{
    Reference, account_leaf_value, encode_branch, encode_leaf, storage_leaf_value, unpack_key,
};
use rocksdb::DBRawIterator;
use std::sync::Arc;

/// The state after a block of the history window.
#[derive(Debug, Clone)]
pub struct HistoricalState {
    view: Arc<View>,
    block: BlockNumHash,
    /// Whether the block is the view's head, whose state needs no versions.
    latest: Option<super::LatestState>,
}

impl HistoricalState {
    pub(crate) fn new(view: Arc<View>, number: u64) -> Result<Self, StoreError> {
        let chain = *view.chain()?;
        if number > chain.head.number || number < chain.genesis {
            return Err(StoreError::UnknownBlock {
                number,
                head: chain.head.number,
            });
        }
        if number < chain.oldest {
            return Err(StoreError::HistoryPruned {
                number,
                oldest: chain.oldest,
            });
        }
        if number == chain.head.number {
            let latest = super::LatestState::new(Arc::clone(&view))?;
            return Ok(Self {
                view,
                block: chain.head,
                latest: Some(latest),
            });
        }
        let hash = latest::block_hash(&view, chain.head.number, number)?.ok_or(
            StoreError::MissingRecord {
                column: Column::Headers.name(),
                number,
            },
        )?;
        Ok(Self {
            view,
            block: BlockNumHash { number, hash },
            latest: None,
        })
    }

    /// The block after which this is the state.
    pub const fn block(&self) -> BlockNumHash {
        self.block
    }
}

impl StateReader for HistoricalState {
    type Error = StoreError;

    fn account(&self, address: Address) -> Result<Option<Account>, StoreError> {
        match &self.latest {
            Some(latest) => latest.account(address),
            None => VersionReader::new(&self.view.snapshot, self.block.number).account(address),
        }
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
        match &self.latest {
            Some(latest) => latest.storage(address, slot),
            None => {
                VersionReader::new(&self.view.snapshot, self.block.number).storage(address, slot)
            }
        }
    }

    fn code(&self, code_hash: B256) -> Result<Option<Bytes>, StoreError> {
        latest::code(&self.view, code_hash)
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        latest::block_hash(&self.view, self.block.number, number)
    }
}

impl NodeReader for HistoricalState {
    type Error = StoreError;

    fn node(&self, account: Option<B256>, path: &[u8], hash: B256) -> Result<Bytes, StoreError> {
        if let Some(latest) = &self.latest {
            return latest.node(account, path, hash);
        }
        let node =
            VersionReader::new(&self.view.snapshot, self.block.number).node(account, path)?;
        let missing = || StoreError::MissingNode {
            account,
            path: path.to_vec(),
            hash,
        };
        check_node(account, path, hash, node.ok_or_else(missing)?)
    }
}

/// Reads versions at one block; keeps its iterators, so that a run of reads is cheaper than each alone.
pub(crate) struct VersionReader<'s> {
    snapshot: &'s Snapshot,
    number: u64,
    accounts: Option<DBRawIterator<'s>>,
    slots: Option<DBRawIterator<'s>>,
    nodes: Option<DBRawIterator<'s>>,
}

impl<'s> VersionReader<'s> {
    pub(crate) const fn new(snapshot: &'s Snapshot, number: u64) -> Self {
        Self {
            snapshot,
            number,
            accounts: None,
            slots: None,
            nodes: None,
        }
    }

    /// The account's record; `None` if there is no account.
    pub(crate) fn account_record(&mut self, address: Address) -> Result<Option<&[u8]>, StoreError> {
        let snapshot = self.snapshot;
        let iterator = self
            .accounts
            .get_or_insert_with(|| snapshot.iterator(Column::AccountHistory));
        present(version_at(iterator, keys::account(address), self.number))
    }

    /// The slot's record; `None` if it is zero.
    pub(crate) fn slot_record(
        &mut self,
        address: Address,
        slot: U256,
    ) -> Result<Option<&[u8]>, StoreError> {
        let snapshot = self.snapshot;
        let iterator = self
            .slots
            .get_or_insert_with(|| snapshot.iterator(Column::StorageHistory));
        present(version_at(iterator, keys::slot(address, slot), self.number))
    }

    pub(crate) fn account(&mut self, address: Address) -> Result<Option<Account>, StoreError> {
        let record = self.account_record(address)?;
        record
            .map(|record| decode_account(record, Column::AccountHistory))
            .transpose()
    }

    pub(crate) fn storage(&mut self, address: Address, slot: U256) -> Result<U256, StoreError> {
        let record = self.slot_record(address, slot)?;
        record.map_or(Ok(U256::ZERO), |record| {
            decode_word(record, Column::StorageHistory)
        })
    }

    /// The node at a path, rebuilt; `None` if there is none. A branch's hash is checked.
    pub(crate) fn node(
        &mut self,
        account: Option<B256>,
        path: &[u8],
    ) -> Result<Option<Bytes>, StoreError> {
        match self.node_version(account, path)? {
            Version::None => Ok(None),
            Version::Node(node) => Ok(Some(node.into())),
            Version::Branch(hash) => {
                let branch = self.branch(account, path)?;
                check_node(account, path, hash, branch.into()).map(Some)
            }
        }
    }

    fn branch(&mut self, account: Option<B256>, path: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut children = [None; 16];
        let mut child_path = path.to_vec();
        child_path.push(0);
        for (nibble, child) in (0..).zip(&mut children) {
            child_path[path.len()] = nibble;
            *child = match self.node_version(account, &child_path)? {
                Version::None => None,
                Version::Node(node) => Some(Reference::to_node(&node)),
                Version::Branch(hash) => Some(Reference::hash(hash)),
            };
        }
        let mut branch = Vec::with_capacity(532);
        encode_branch(|nibble| children[usize::from(nibble)].as_ref(), &mut branch);
        Ok(branch)
    }

    /// The version of the node at a path, leaves rebuilt.
    fn node_version(&mut self, account: Option<B256>, path: &[u8]) -> Result<Version, StoreError> {
        let snapshot = self.snapshot;
        let iterator = self
            .nodes
            .get_or_insert_with(|| snapshot.iterator(Column::TrieHistory));
        let record = version_at(iterator, keys::trie_path(account, path), self.number)?;
        let record = record.map_or(&[][..], |(_, record)| record);
        let malformed = StoreError::MalformedRecord {
            column: Column::TrieHistory.name(),
        };
        let (key, value) = match NodeRecord::decode(record).ok_or(malformed)? {
            NodeRecord::None => return Ok(Version::None),
            NodeRecord::Rlp(rlp) => return Ok(Version::Node(rlp.to_vec())),
            NodeRecord::Branch(hash) => return Ok(Version::Branch(hash)),
            NodeRecord::AccountLeaf(address) => {
                let account = self.account(address)?;
                (
                    keccak256(address),
                    account.map(|account| account_leaf_value(&account)),
                )
            }
            NodeRecord::SlotLeaf(address, slot) => {
                let value = self.storage(address, slot)?;
                let value = (!value.is_zero()).then(|| storage_leaf_value(value));
                (keccak256(slot.to_be_bytes::<32>()), value)
            }
        };
        let missing = || StoreError::MissingRecord {
            column: if account.is_some() {
                Column::StorageHistory.name()
            } else {
                Column::AccountHistory.name()
            },
            number: self.number,
        };
        let value = value.ok_or_else(missing)?;
        let key = unpack_key(&key);
        let suffix = key.get(path.len()..).unwrap_or_default();
        let mut leaf = Vec::new();
        encode_leaf(suffix.iter().copied(), value.as_slice(), &mut leaf);
        Ok(Version::Node(leaf))
    }
}

/// A node as its version tells it.
enum Version {
    None,
    /// The node's RLP.
    Node(Vec<u8>),
    /// A branch's hash.
    Branch(B256),
}

/// A version that says that something is there.
fn present(version: Result<Option<(u64, &[u8])>, StoreError>) -> Result<Option<&[u8]>, StoreError> {
    Ok(version?
        .map(|(_, record)| record)
        .filter(|record| !record.is_empty()))
}
