use super::{check_node, decode_account, decode_word};
use crate::{codec, column::Column, error::StoreError, keys, store::View};
use alloy_eips::BlockNumHash;
use alloy_primitives::{Address, B256, Bytes, U256};
use openledger_primitives::{Account, NodeReader, StateReader};
use std::sync::Arc;

/// The state after the block that was the head when this was made. Cheap to make and to clone; holding
/// it for long keeps overwritten records on disk.
#[derive(Debug, Clone)]
pub struct LatestState {
    view: Arc<View>,
    block: BlockNumHash,
}

impl LatestState {
    pub(crate) fn new(view: Arc<View>) -> Result<Self, StoreError> {
        let block = view.chain()?.head;
        Ok(Self { view, block })
    }

    /// The block after which this is the state.
    pub const fn block(&self) -> BlockNumHash {
        self.block
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }
}

/// The code with a hash, of any block.
pub(super) fn code(view: &View, code_hash: B256) -> Result<Option<Bytes>, StoreError> {
    let code = view.snapshot.get(Column::Code, code_hash)?;
    Ok(code.map(|code| Bytes::copy_from_slice(&code)))
}

/// The hash of a block up to `head`.
pub(super) fn block_hash(view: &View, head: u64, number: u64) -> Result<Option<B256>, StoreError> {
    if number > head {
        return Ok(None);
    }
    let Some(record) = view.snapshot.get(Column::Headers, keys::number(number))? else {
        return Ok(None);
    };
    let malformed = StoreError::MalformedRecord {
        column: Column::Headers.name(),
    };
    codec::block::header_hash(&record)
        .map(Some)
        .ok_or(malformed)
}

impl StateReader for LatestState {
    type Error = StoreError;

    fn account(&self, address: Address) -> Result<Option<Account>, StoreError> {
        let record = self.view.snapshot.get(Column::Accounts, address)?;
        record
            .map(|record| decode_account(&record, Column::Accounts))
            .transpose()
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
        let record = self
            .view
            .snapshot
            .get(Column::Storage, keys::slot(address, slot))?;
        record.map_or(Ok(U256::ZERO), |record| {
            decode_word(&record, Column::Storage)
        })
    }

    fn code(&self, code_hash: B256) -> Result<Option<Bytes>, StoreError> {
        code(&self.view, code_hash)
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        block_hash(&self.view, self.block.number, number)
    }
}

impl NodeReader for LatestState {
    type Error = StoreError;

    fn node(&self, account: Option<B256>, path: &[u8], hash: B256) -> Result<Bytes, StoreError> {
        let record = self
            .view
            .snapshot
            .get(Column::Trie, keys::trie_path(account, path))?;
        let missing = || StoreError::MissingNode {
            account,
            path: path.to_vec(),
            hash,
        };
        let node = Bytes::copy_from_slice(&record.ok_or_else(missing)?);
        check_node(account, path, hash, node)
    }
}
