//! What is worth keeping decoded between requests.

use crate::{
    error::Failure,
    json::{LogJson, LogPlace},
};
use alloy_primitives::{
    Address, B256, Log, U256,
    map::{AddressMap, B256Map, HashMap},
};
use openledger_chain::{Chain, StateView, block_bytes};
use openledger_execution::{DatabaseError, StateDatabase};
use openledger_primitives::{BlockNumHash, SealedBlock};
use openledger_store::StoreError;
use parking_lot::{Mutex, RwLock};
use revm::{Database, DatabaseRef, bytecode::Bytecode, state::AccountInfo};
use std::{collections::VecDeque, sync::Arc};

/// Whether what was kept by block number still is of the canonical chain.
///
/// Unwinding removes a suffix of the chain, so as long as one block is canonical, all below it are
/// those that they were.
#[derive(Debug, Default)]
struct Verified(Option<BlockNumHash>);

impl Verified {
    /// Looks at the chain, and answers whether everything kept is still valid. What is kept from now
    /// on must be at or below the head as of this call.
    fn renew(&mut self, chain: &Chain) -> Result<bool, StoreError> {
        let head = chain.heads().unsafe_head;
        let valid = match self.0 {
            Some(block) if block == head => return Ok(true),
            Some(block) => chain.store().block_hash(block.number)? == Some(block.hash),
            None => true,
        };
        self.0 = Some(head);
        Ok(valid)
    }
}

/// Blocks that the chain itself does not keep decoded, by number.
#[derive(Debug, Default)]
pub(crate) struct BlockCache(Mutex<Blocks>);

#[derive(Debug, Default)]
struct Blocks {
    verified: Verified,
    by_number: HashMap<u64, (Arc<SealedBlock>, usize)>,
    /// In the order in which they came.
    order: VecDeque<u64>,
    bytes: usize,
}

impl BlockCache {
    /// Blocks kept.
    const BLOCKS_MAX: usize = 1_024;
    /// Bytes that they take, about: some forty thousand transfers. A full block is a fraction of it.
    const BYTES_MAX: usize = 32 << 20;

    /// A block at or below the head, from the chain's newest, from here or from the store.
    pub(crate) fn get(
        &self,
        number: u64,
        chain: &Chain,
    ) -> Result<Option<Arc<SealedBlock>>, Failure> {
        if let Some(block) = chain.recent_block(number) {
            return Ok(Some(block));
        }
        {
            let mut blocks = self.0.lock();
            if !blocks.verified.renew(chain)? {
                let verified = std::mem::take(&mut blocks.verified);
                *blocks = Blocks {
                    verified,
                    ..Blocks::default()
                };
            }
            if let Some((block, _)) = blocks.by_number.get(&number) {
                return Ok(Some(block.clone()));
            }
        }
        // Decoded outside the lock; if the chain is unwound meanwhile, the next look notices.
        let Some(block) = chain.block(number)? else {
            return Ok(None);
        };
        self.0.lock().insert(number, &block);
        Ok(Some(block))
    }
}

impl Blocks {
    fn insert(&mut self, number: u64, block: &Arc<SealedBlock>) {
        let bytes = block_bytes(block);
        if bytes > BlockCache::BYTES_MAX {
            return;
        }
        match self.by_number.insert(number, (block.clone(), bytes)) {
            Some((_, before)) => self.bytes = self.bytes.saturating_sub(before),
            None => self.order.push_back(number),
        }
        self.bytes = self.bytes.saturating_add(bytes);
        while self.order.len() > BlockCache::BLOCKS_MAX || self.bytes > BlockCache::BYTES_MAX {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            if let Some((_, bytes)) = self.by_number.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(bytes);
            }
        }
    }
}

/// A log with its JSON, which is the same for whoever asks.
#[derive(Debug)]
pub(crate) struct LogEntry {
    pub(crate) log: Log,
    /// Ends in `"removed":false}`.
    json: Box<[u8]>,
}

/// How a log that is part of the chain ends.
const NOT_REMOVED: &[u8] = b"false}";

impl LogEntry {
    /// The log's JSON.
    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    /// The log's JSON after its block left the chain.
    pub(crate) fn removed_json(&self) -> Vec<u8> {
        let kept = self.json.strip_suffix(NOT_REMOVED).unwrap_or(&self.json);
        [kept, b"true}"].concat()
    }
}

/// The logs of a sealed block, in order.
pub(crate) fn block_logs(block: &SealedBlock) -> Result<Vec<LogEntry>, Failure> {
    let header = &block.block.header;
    let mut entries = Vec::new();
    for (index, receipt) in block.receipts.iter().enumerate() {
        if receipt.logs().is_empty() {
            continue;
        }
        let Some(transaction) = block.block.body.transactions.get(index) else {
            break;
        };
        let hash = transaction.tx_hash();
        for log in receipt.logs() {
            let place = LogPlace {
                block_hash: block.hash,
                block_number: header.number,
                block_timestamp: header.timestamp,
                transaction_hash: hash,
                transaction_index: index as u64,
                log_index: entries.len() as u64,
                removed: false,
            };
            let json = serde_json::to_vec(&LogJson::new(log, &place)).map_err(Failure::internal)?;
            entries.push(LogEntry {
                log: log.clone(),
                json: json.into(),
            });
        }
    }
    Ok(entries)
}

/// Logs of sealed blocks, by block number.
#[derive(Debug, Default)]
pub(crate) struct LogCache(Mutex<Logs>);

#[derive(Debug, Default)]
struct Logs {
    verified: Verified,
    by_number: HashMap<u64, Arc<[LogEntry]>>,
    order: VecDeque<u64>,
    bytes: usize,
}

impl LogCache {
    /// Bytes of logs kept, about.
    const BYTES_MAX: usize = 16 << 20;
    /// Bytes that a block without logs takes, about.
    const BLOCK_BYTES: usize = 64;

    /// Forgets what is no longer canonical: to be called before a series of [`LogCache::get`].
    pub(crate) fn verify(&self, chain: &Chain) -> Result<(), Failure> {
        let mut logs = self.0.lock();
        if !logs.verified.renew(chain)? {
            let verified = std::mem::take(&mut logs.verified);
            *logs = Logs {
                verified,
                ..Logs::default()
            };
        }
        Ok(())
    }

    /// The logs of a block, from here or from the chain; `None` if there is no such block.
    pub(crate) fn get(
        &self,
        number: u64,
        chain: &Chain,
    ) -> Result<Option<Arc<[LogEntry]>>, Failure> {
        if let Some(logs) = self.0.lock().by_number.get(&number) {
            return Ok(Some(logs.clone()));
        }
        let Some(block) = chain.block(number)? else {
            return Ok(None);
        };
        let entries: Arc<[LogEntry]> = block_logs(&block)?.into();
        let bytes = size(&entries);
        if bytes > Self::BYTES_MAX / 8 {
            return Ok(Some(entries));
        }
        let mut logs = self.0.lock();
        if logs.by_number.insert(number, entries.clone()).is_none() {
            logs.order.push_back(number);
            logs.bytes += bytes;
        }
        while logs.bytes > Self::BYTES_MAX {
            let Some(oldest) = logs.order.pop_front() else {
                break;
            };
            if let Some(removed) = logs.by_number.remove(&oldest) {
                logs.bytes = logs.bytes.saturating_sub(size(&removed));
            }
        }
        Ok(Some(entries))
    }
}

fn size(entries: &[LogEntry]) -> usize {
    let entry = |entry: &LogEntry| {
        size_of::<LogEntry>() + entry.json.len() + entry.log.data.data.len() + 32 * 4
    };
    LogCache::BLOCK_BYTES + entries.iter().map(entry).sum::<usize>()
}

/// Analyzed code, by its hash: the analysis costs more than many a call.
#[derive(Debug, Default)]
pub(crate) struct CodeCache(RwLock<Codes>);

#[derive(Debug, Default)]
struct Codes {
    by_hash: B256Map<Bytecode>,
    bytes: usize,
}

impl CodeCache {
    /// Bytes of code kept.
    const BYTES_MAX: usize = 16 << 20;

    fn get(&self, hash: &B256) -> Option<Bytecode> {
        self.0.read().by_hash.get(hash).cloned()
    }

    fn insert(&self, hash: B256, code: &Bytecode) {
        let mut codes = self.0.write();
        if codes.bytes + code.len() > Self::BYTES_MAX {
            // Whatever is in use comes back at its next call.
            *codes = Codes::default();
        }
        codes.bytes += code.len();
        if codes.by_hash.insert(hash, code.clone()).is_some() {
            codes.bytes -= code.len();
        }
    }
}

/// What calls read of the head's state: for as long as it is the head, the same accounts and slots are
/// asked for again and again.
#[derive(Debug, Default)]
pub(crate) struct HeadCache(RwLock<Arc<HeadState>>);

/// What was read of the state after one block.
#[derive(Debug, Default)]
struct HeadState {
    block: B256,
    accounts: RwLock<AddressMap<Option<AccountInfo>>>,
    slots: RwLock<HashMap<(Address, U256), U256>>,
}

impl HeadState {
    /// Accounts kept.
    const ACCOUNTS_MAX: usize = 16_384;
    /// Slots kept.
    const SLOTS_MAX: usize = 65_536;
}

impl HeadCache {
    /// What was read of the state after `block`, which is the head or was it a moment ago.
    fn of(&self, block: B256) -> Arc<HeadState> {
        {
            let current = self.0.read();
            if current.block == block {
                return current.clone();
            }
        }
        let fresh = Arc::new(HeadState {
            block,
            ..HeadState::default()
        });
        *self.0.write() = fresh.clone();
        fresh
    }
}

/// Caches of what calls read.
#[derive(Debug, Default)]
pub(crate) struct CallCaches {
    codes: CodeCache,
    head: HeadCache,
}

/// State for the EVM, with analyzed code, and what was read of the head before, from the caches.
#[derive(Debug, Clone)]
pub(crate) struct CallState {
    state: StateDatabase<StateView>,
    caches: Arc<CallCaches>,
    /// Of the head's state.
    head: Option<Arc<HeadState>>,
}

/// What reading it can fail with.
pub(crate) type CallStateError = DatabaseError<StoreError>;

impl CallState {
    /// The state of a block.
    pub(crate) fn new(state: StateView, caches: Arc<CallCaches>) -> Self {
        let head = match &state {
            StateView::Latest(latest) => Some(caches.head.of(latest.block().hash)),
            _ => None,
        };
        Self {
            state: StateDatabase(state),
            caches,
            head,
        }
    }

    /// An account's balance.
    pub(crate) fn balance(&self, address: Address) -> Result<U256, Failure> {
        let account = self.basic_ref(address)?;
        Ok(account.map_or(U256::ZERO, |account| account.balance))
    }
}

impl DatabaseRef for CallState {
    type Error = CallStateError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        let Some(head) = &self.head else {
            return self.state.basic_ref(address);
        };
        if let Some(account) = head.accounts.read().get(&address) {
            return Ok(account.clone());
        }
        let account = self.state.basic_ref(address)?;
        let mut accounts = head.accounts.write();
        if accounts.len() < HeadState::ACCOUNTS_MAX {
            accounts.insert(address, account.clone());
        }
        Ok(account)
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if let Some(code) = self.caches.codes.get(&code_hash) {
            return Ok(code);
        }
        let code = self.state.code_by_hash_ref(code_hash)?;
        if !code.is_empty() {
            self.caches.codes.insert(code_hash, &code);
        }
        Ok(code)
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, Self::Error> {
        let Some(head) = &self.head else {
            return self.state.storage_ref(address, index);
        };
        if let Some(value) = head.slots.read().get(&(address, index)) {
            return Ok(*value);
        }
        let value = self.state.storage_ref(address, index)?;
        let mut slots = head.slots.write();
        if slots.len() < HeadState::SLOTS_MAX {
            slots.insert((address, index), value);
        }
        Ok(value)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
        self.state.block_hash_ref(number)
    }
}

impl Database for CallState {
    type Error = CallStateError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        self.basic_ref(address)
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        self.code_by_hash_ref(code_hash)
    }

    fn storage(&mut self, address: Address, index: U256) -> Result<U256, Self::Error> {
        self.storage_ref(address, index)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Self::Error> {
        self.block_hash_ref(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{SignableTransaction as _, TxEip1559};
    use alloy_primitives::Signature;
    use openledger_primitives::{Block, Transaction};

    fn block(transactions: usize, input: usize) -> Arc<SealedBlock> {
        let tx = TxEip1559 {
            input: vec![0; input].into(),
            ..TxEip1559::default()
        };
        let signature = Signature::new(U256::ONE, U256::ONE, false);
        let transaction = Transaction::Eip1559(tx.into_signed(signature));
        let mut block = Block::default();
        block.body.transactions = vec![transaction; transactions];
        Arc::new(SealedBlock {
            hash: B256::ZERO,
            block,
            senders: vec![Address::ZERO; transactions],
            receipts: Vec::new(),
        })
    }

    #[test]
    fn large_blocks_are_kept_within_the_bound() {
        let mut blocks = Blocks::default();
        let large = block(10_000, 0);
        assert!(block_bytes(&large) < BlockCache::BYTES_MAX / 2);
        for number in 0..50 {
            blocks.insert(number, &large);
            assert!(blocks.bytes <= BlockCache::BYTES_MAX);
            assert!(blocks.by_number.contains_key(&number));
        }
        assert!(!blocks.by_number.contains_key(&0));
        assert_eq!(blocks.order.len(), blocks.by_number.len());
        let kept = blocks.by_number.len();
        // The same block again counts once; one that is larger than everything is not kept.
        blocks.insert(49, &large);
        blocks.insert(50, &block(1, BlockCache::BYTES_MAX));
        assert_eq!(blocks.by_number.len(), kept);
        let bytes: usize = blocks.by_number.values().map(|(_, bytes)| bytes).sum();
        assert_eq!(blocks.bytes, bytes);
    }

    #[test]
    fn small_blocks_are_bounded_in_number() {
        let mut blocks = Blocks::default();
        for number in 0..3_000 {
            blocks.insert(number, &block(1, 0));
        }
        assert_eq!(blocks.by_number.len(), BlockCache::BLOCKS_MAX);
        assert!(blocks.by_number.contains_key(&2_999));
    }
}
