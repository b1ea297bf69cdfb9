//! `debug_executionWitness`: all that a stateless client needs to run a block again and to compute its
//! state root.

use crate::{
    api::{Api, Found},
    block_id::BlockId,
    error::Failure,
    params::Params,
    registry::Outcome,
    reply::Reply,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use openledger_chain::StateView;
use openledger_execution::{BlockExecutor, sender};
use openledger_primitives::{Account, BlockAttributes, NodeReader, SealedBlock, StateReader};
use openledger_store::StoreError;
use openledger_trie::{ResidentLimits, StateTrie, prove};
use parking_lot::Mutex;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

#[derive(Serialize)]
struct WitnessJson {
    /// RLP of trie nodes.
    state: Vec<Bytes>,
    codes: Vec<Bytes>,
    /// Addresses and slots, as they were before hashing.
    keys: Vec<Bytes>,
    /// RLP of the parent's header and of those that `BLOCKHASH` asked for.
    headers: Vec<Bytes>,
}

/// What was read.
#[derive(Debug, Default)]
struct Record {
    accounts: BTreeMap<Address, BTreeSet<U256>>,
    codes: BTreeMap<B256, Bytes>,
    blocks: BTreeSet<u64>,
    nodes: BTreeMap<B256, Bytes>,
}

/// A state that remembers what was read from it.
#[derive(Debug)]
struct Recorder<S> {
    state: Arc<S>,
    record: Arc<Mutex<Record>>,
}

impl<S> Clone for Recorder<S> {
    fn clone(&self) -> Self {
        Self {
            state: self.state.clone(),
            record: self.record.clone(),
        }
    }
}

impl<S: StateReader> StateReader for Recorder<S> {
    type Error = S::Error;

    fn account(&self, address: Address) -> Result<Option<Account>, S::Error> {
        self.record.lock().accounts.entry(address).or_default();
        self.state.account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, S::Error> {
        self.record
            .lock()
            .accounts
            .entry(address)
            .or_default()
            .insert(slot);
        self.state.storage(address, slot)
    }

    fn code(&self, code_hash: B256) -> Result<Option<Bytes>, S::Error> {
        let code = self.state.code(code_hash)?;
        if let Some(code) = &code {
            self.record.lock().codes.insert(code_hash, code.clone());
        }
        Ok(code)
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, S::Error> {
        self.record.lock().blocks.insert(number);
        self.state.block_hash(number)
    }
}

impl<S: NodeReader> NodeReader for Recorder<S> {
    type Error = S::Error;

    fn node(&self, account: Option<B256>, path: &[u8], hash: B256) -> Result<Bytes, S::Error> {
        let node = self.state.node(account, path, hash)?;
        self.record.lock().nodes.insert(hash, node.clone());
        Ok(node)
    }
}

pub(crate) fn execution_witness(api: &Api, params: &Params) -> Outcome {
    let id: BlockId = params.args(&["block"])?.get(0)?;
    let number = match api.find(id)?.ok_or(Api::unknown(id))? {
        Found::Sealed(number) => number,
        Found::Pending(_) => return Err(Failure::NoPendingRoot),
    };
    let block = api.known_block(number)?;
    let parent = number.checked_sub(1).ok_or(Failure::Unavailable(
        "genesis has no witness: nothing was executed",
    ))?;
    match api.chain.state_at(parent)? {
        StateView::Latest(state) => witness(api, &block, state),
        StateView::Historical(state) => witness(api, &block, state),
        StateView::Pending(_) => Err(Failure::NoPendingRoot),
    }
}

fn witness<S>(api: &Api, block: &SealedBlock, state: Arc<S>) -> Outcome
where
    S: StateReader<Error = StoreError>
        + NodeReader<Error = StoreError>
        + Send
        + Sync
        + std::fmt::Debug,
{
    let record = Arc::new(Mutex::new(Record::default()));
    let recorder = Recorder {
        state,
        record: record.clone(),
    };
    let header = &block.block.header;
    let parent = api.header(header.number - 1)?;

    let mut executor = BlockExecutor::begin(
        api.chain_config().clone(),
        &parent,
        &BlockAttributes::of_block(&block.block).ok_or(Failure::Unavailable(
            "the header's extra data is older than Holocene",
        ))?,
        recorder.clone(),
    )?;
    for transaction in &block.block.body.transactions {
        let sender = sender(transaction).ok_or(Failure::Unavailable(
            "an impersonated transaction can't be run again",
        ))?;
        let encoded = alloy_eips::Encodable2718::encoded_2718(transaction).into();
        executor
            .execute(transaction, sender, encoded, |_| ())
            .map_err(Failure::internal)?;
    }
    let changes = executor.finish()?.changes;

    // The nodes on the way to all that was read, and those that deletions pull in.
    let read = record.lock().accounts.clone();
    for (address, slots) in &read {
        let hashed = keccak256(address);
        prove(parent.state_root, None, hashed, &recorder).map_err(Failure::internal)?;
        if slots.is_empty() {
            continue;
        }
        let root = recorder
            .state
            .account(*address)?
            .unwrap_or_default()
            .storage_root;
        for slot in slots {
            let slot = keccak256(slot.to_be_bytes::<32>());
            prove(root, Some(hashed), slot, &recorder).map_err(Failure::internal)?;
        }
    }
    let mut trie = StateTrie::new(parent.state_root, ResidentLimits::default());
    trie.update(&changes, &recorder, &recorder)
        .map_err(Failure::internal)?;

    let record = std::mem::take(&mut *record.lock());
    let mut keys = Vec::new();
    for (address, slots) in &record.accounts {
        keys.push(Bytes::copy_from_slice(address.as_slice()));
        keys.extend(
            slots
                .iter()
                .map(|slot| Bytes::from(slot.to_be_bytes::<32>())),
        );
    }
    let first = record
        .blocks
        .first()
        .copied()
        .unwrap_or(parent.number)
        .min(parent.number);
    let mut headers = Vec::new();
    for number in first..=parent.number {
        headers.push(alloy_rlp::encode(api.header(number)?.inner()).into());
    }
    let witness = WitnessJson {
        state: record.nodes.into_values().collect(),
        codes: record.codes.into_values().collect(),
        keys,
        headers,
    };
    Reply::new(&witness, api.config.limits.response_bytes_max)
}
