//! A chain in a store, beside its model at every height.

use crate::model::{ACCOUNTS, Model, SLOTS, address};
use alloy_consensus::{
    Sealable, SignableTransaction, TxEip1559,
    proofs::{calculate_receipt_root, calculate_transaction_root},
};
use alloy_primitives::{Address, B256, Bytes, Log, Signature, TxKind, U256, keccak256};
use alloy_trie::{Nibbles, proof::verify_proof};
use op_alloy_consensus::{OpTxType, TxDeposit};
use openledger_primitives::{
    Block, BlockBody, EMPTY_ROOT_HASH, Header, NodeReader, Receipt, SealedBlock, StateChanges,
    StateReader, Transaction,
};
use openledger_store::{Store, StoreError, StoreOptions};
use openledger_trie::{ResidentLimits, StateTrie, account_leaf_value, prove, storage_leaf_value};
use std::path::PathBuf;

pub(crate) struct TestChain {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) options: StoreOptions,
    pub(crate) store: Option<Store>,
    pub(crate) trie: StateTrie,
    /// The state after each block.
    pub(crate) models: Vec<Model>,
    pub(crate) blocks: Vec<SealedBlock>,
    pub(crate) changes: Vec<StateChanges>,
    /// The oldest block whose state should be kept.
    pub(crate) oldest: u64,
}

/// Options for tests: small buffers and no waiting for the disk.
pub(crate) fn options() -> StoreOptions {
    StoreOptions {
        block_cache_bytes: 8 << 20,
        write_buffer_bytes: 4 << 20,
        sync: false,
        unwind_blocks_max: 4,
        ..StoreOptions::default()
    }
}

pub(crate) fn deposit(seed: u64) -> Transaction {
    let tx = TxDeposit {
        source_hash: keccak256(seed.to_be_bytes()),
        from: Address::repeat_byte(0xde),
        to: TxKind::Call(Address::repeat_byte(0x15)),
        gas_limit: 1_000_000,
        input: Bytes::from(vec![7; 176]),
        ..TxDeposit::default()
    };
    Transaction::Deposit(tx.seal_slow())
}

pub(crate) fn transfer(nonce: u64) -> Transaction {
    let tx = TxEip1559 {
        chain_id: 161299,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000,
        max_priority_fee_per_gas: 1_000,
        to: TxKind::Call(Address::repeat_byte(nonce as u8)),
        value: U256::from(nonce),
        ..TxEip1559::default()
    };
    // Nothing recovers it.
    let word = U256::from_be_bytes(keccak256(nonce.to_be_bytes()).0) >> 2;
    Transaction::Eip1559(tx.into_signed(Signature::new(word, word, nonce.is_multiple_of(2))))
}

/// A block with a deposit and one transfer for each list of logs.
pub(crate) fn seal(
    parent: Option<&SealedBlock>,
    state_root: B256,
    logs: &[Vec<Log>],
) -> SealedBlock {
    let number = parent.map_or(0, |parent| parent.number() + 1);
    let seed = number * 1000 + u64::from(state_root[0]);
    let mut transactions = vec![deposit(seed)];
    let mut senders = vec![Address::repeat_byte(0xde)];
    let mut receipts = vec![Receipt::from_parts(
        true,
        46_000,
        &[],
        OpTxType::Deposit,
        Some(number),
        Some(1),
    )];
    for (index, logs) in (1..).zip(logs) {
        transactions.push(transfer(seed + index));
        senders.push(Address::repeat_byte(index as u8));
        let gas = 46_000 + index * 21_000;
        receipts.push(Receipt::from_parts(
            index % 3 != 0,
            gas,
            logs,
            OpTxType::Eip1559,
            None,
            None,
        ));
    }
    let header = Header {
        number,
        parent_hash: parent.map_or(B256::ZERO, |parent| parent.hash),
        state_root,
        timestamp: 1_700_000_000 + number,
        gas_limit: 60_000_000,
        beneficiary: Address::repeat_byte(0x11),
        base_fee_per_gas: Some(1_000_000),
        transactions_root: calculate_transaction_root(&transactions),
        receipts_root: calculate_receipt_root(&receipts),
        withdrawals_root: Some(EMPTY_ROOT_HASH),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(keccak256(number.to_be_bytes())),
        requests_hash: Some(B256::repeat_byte(3)),
        mix_hash: keccak256((number / 12).to_le_bytes()),
        extra_data: Bytes::from_static(&[0, 0, 0, 0, 250, 0, 0, 0, 6]),
        ..Header::default()
    };
    let hash = header.hash_slow();
    let body = BlockBody {
        transactions,
        ommers: vec![],
        withdrawals: Some(Default::default()),
    };
    SealedBlock {
        hash,
        block: Block { header, body },
        senders,
        receipts,
    }
}

impl TestChain {
    pub(crate) fn new(options: StoreOptions, nodes_max: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Some(Store::open(directory.path(), options.clone()).unwrap());
        let limits = ResidentLimits {
            nodes_max,
            keys_max: 1000,
        };
        let trie = StateTrie::new(EMPTY_ROOT_HASH, limits);
        let (models, blocks, changes) = (vec![], vec![], vec![]);
        Self {
            directory,
            options,
            store,
            trie,
            models,
            blocks,
            changes,
            oldest: 0,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    pub(crate) fn head(&self) -> u64 {
        self.blocks.len() as u64 - 1
    }

    pub(crate) fn reopen(&mut self) {
        // Nothing is flushed: what is not in files comes back from the log.
        drop(self.store.take());
        self.store = Some(Store::open(self.directory.path(), self.options.clone()).unwrap());
    }

    /// Commits the next block, or genesis.
    pub(crate) fn extend(&mut self, changes: StateChanges, logs: &[Vec<Log>]) {
        let store = self.store().clone();
        let updates = match store.latest() {
            Ok(latest) => self.trie.update(&changes, &latest, &latest).unwrap(),
            Err(StoreError::Empty) => self.trie.update(&changes, &Nothing, &Nothing).unwrap(),
            Err(error) => panic!("{error}"),
        };
        let mut model = self.models.last().cloned().unwrap_or_default();
        model.apply(&changes);
        assert_eq!(updates.root, model.root());
        let block = seal(self.blocks.last(), updates.root, logs);
        if self.blocks.is_empty() {
            store.commit_genesis(&block, &changes, &updates).unwrap();
        } else {
            store.commit(&block, &changes, &updates).unwrap();
        }
        self.models.push(model);
        self.blocks.push(block);
        self.changes.push(changes);
    }

    /// Unwinds the store and the model.
    pub(crate) fn unwind(&mut self, to: u64) -> Vec<StateChanges> {
        let removed = self.store().unwind(to).unwrap();
        let kept = to as usize + 1;
        let expected = self.blocks.split_off(kept);
        assert_eq!(removed.len(), expected.len());
        for (removed, expected) in removed.iter().zip(&expected) {
            assert_same_block(removed, expected);
        }
        for block in &expected {
            assert_eq!(self.store().block_number(block.hash).unwrap(), None);
            assert!(self.store().sealed_block(block.number()).unwrap().is_none());
            for tx in &block.block.body.transactions {
                assert_eq!(
                    self.store().transaction_location(tx.tx_hash()).unwrap(),
                    None
                );
            }
        }
        self.models.truncate(kept);
        self.trie
            .reset(self.blocks.last().unwrap().block.header.state_root);
        self.changes.split_off(kept)
    }

    /// Compares all blocks and all retained states with the model.
    pub(crate) fn check(&self) {
        let store = self.store();
        let head = self.blocks.last().unwrap();
        assert_eq!(
            store.head().map(|head| (head.number, head.hash)),
            Some((self.head(), head.hash))
        );
        assert_eq!(store.oldest_history().unwrap(), self.oldest);
        for block in &self.blocks {
            let number = block.number();
            assert_same_block(&store.sealed_block(number).unwrap().unwrap(), block);
            assert_eq!(store.header(number).unwrap().unwrap().hash(), block.hash);
            assert_eq!(store.block_hash(number).unwrap(), Some(block.hash));
            assert_eq!(store.block_number(block.hash).unwrap(), Some(number));
            assert_eq!(store.block(number).unwrap().unwrap(), block.block);
            assert_eq!(store.senders(number).unwrap().unwrap(), block.senders);
            assert_eq!(store.receipts(number).unwrap().unwrap(), block.receipts);
            for (index, tx) in (0..).zip(&block.block.body.transactions) {
                assert_eq!(
                    store.transaction_location(tx.tx_hash()).unwrap(),
                    Some((number, index))
                );
            }
        }
        let latest = store.latest().unwrap();
        assert_eq!(latest.block().number, self.head());
        self.check_state(&latest, self.head());
        for number in 0..=self.head() {
            match store.at(number) {
                Ok(state) => {
                    assert!(number >= self.oldest);
                    assert_eq!(state.block().hash, self.blocks[number as usize].hash);
                    self.check_state(&state, number);
                }
                Err(StoreError::HistoryPruned { oldest, .. }) => {
                    assert!(number < self.oldest && oldest == self.oldest);
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert!(matches!(
            store.at(self.head() + 1),
            Err(StoreError::UnknownBlock { .. })
        ));
    }

    fn check_state<S>(&self, state: &S, number: u64)
    where
        S: StateReader<Error = StoreError> + NodeReader<Error = StoreError>,
    {
        let model = &self.models[number as usize];
        let root = self.blocks[number as usize].block.header.state_root;
        for index in 0..ACCOUNTS + 1 {
            let address = address(index);
            let account = state.account(address).unwrap();
            assert_eq!(account, model.account(address), "{address} at {number}");
            let key = keccak256(address);
            let proof = prove(root, None, key, state).unwrap();
            let value = account.map(|account| account_leaf_value(&account).as_slice().to_vec());
            verify_proof(root, Nibbles::unpack(key), value, &proof).unwrap();
            let storage_root = account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
            for slot in (0..SLOTS + 1).map(U256::from) {
                let word = state.storage(address, slot).unwrap();
                assert_eq!(
                    word,
                    model.storage(address, slot),
                    "{address} {slot} at {number}"
                );
                let key = keccak256(B256::from(slot));
                let proof = prove(storage_root, Some(keccak256(address)), key, state).unwrap();
                let value = (!word.is_zero()).then(|| storage_leaf_value(word).as_slice().to_vec());
                verify_proof(storage_root, Nibbles::unpack(key), value, &proof).unwrap();
            }
        }
        for (hash, code) in &model.code {
            assert_eq!(state.code(*hash).unwrap().as_ref(), Some(code));
        }
        for other in 0..self.head() + 2 {
            let hash = self.blocks.get(other as usize).filter(|_| other <= number);
            assert_eq!(
                state.block_hash(other).unwrap(),
                hash.map(|block| block.hash)
            );
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().to_path_buf()
    }
}

pub(crate) fn assert_same_block(found: &SealedBlock, expected: &SealedBlock) {
    assert_eq!(found.hash, expected.hash);
    assert_eq!(found.block, expected.block);
    assert_eq!(found.senders, expected.senders);
    assert_eq!(found.receipts, expected.receipts);
}

/// The state before genesis.
pub(crate) struct Nothing;

impl StateReader for Nothing {
    type Error = std::convert::Infallible;
    fn account(&self, _: Address) -> Result<Option<openledger_primitives::Account>, Self::Error> {
        Ok(None)
    }
    fn storage(&self, _: Address, _: U256) -> Result<U256, Self::Error> {
        Ok(U256::ZERO)
    }
    fn code(&self, _: B256) -> Result<Option<Bytes>, Self::Error> {
        Ok(None)
    }
    fn block_hash(&self, _: u64) -> Result<Option<B256>, Self::Error> {
        Ok(None)
    }
}

impl NodeReader for Nothing {
    type Error = std::convert::Infallible;
    fn node(&self, _: Option<B256>, _: &[u8], _: B256) -> Result<Bytes, Self::Error> {
        panic!("an empty trie has no nodes")
    }
}
