//! Committing blocks and reading state, with 100,000 accounts in the store and synced writes.

#![allow(missing_docs)] // criterion's macros make undocumented items

use alloy_primitives::{Address, B256, U256, keccak256};
use openledger_primitives::{
    AccountChange, AccountInfo, Block, BlockBody, EMPTY_CODE_HASH, EMPTY_ROOT_HASH, Header,
    NodeReader, SealedBlock, StateChanges, StateReader,
};
use openledger_store::{Store, StoreOptions};
use openledger_trie::{ResidentLimits, StateTrie, TrieUpdates, prove};
use std::collections::BTreeMap;

const ACCOUNTS: u64 = 100_000;

/// A chain of which only the head is kept beside the store.
struct Chain {
    store: Store,
    trie: StateTrie,
    head: Option<(u64, B256)>,
}

fn address(index: u64) -> Address {
    Address::from_slice(&keccak256(index.to_be_bytes())[12..])
}

fn changes(seed: u64, accounts: impl Iterator<Item = u64>, slots: u64) -> StateChanges {
    let change = |index: u64| AccountChange {
        info: Some(AccountInfo {
            nonce: seed,
            balance: U256::from(index) << 60,
            code_hash: EMPTY_CODE_HASH,
        }),
        storage_wiped: false,
        storage: (0..slots)
            .map(|n| (U256::from(n), U256::from(seed + n + 1)))
            .collect(),
    };
    StateChanges {
        accounts: accounts
            .map(|index| (address(index), change(index)))
            .collect(),
        code: BTreeMap::new(),
    }
}

impl Chain {
    fn new(path: &std::path::Path) -> Self {
        let store = Store::open(path, StoreOptions::default()).expect("a new store");
        let limits = ResidentLimits {
            nodes_max: 2_000_000,
            keys_max: 200_000,
        };
        Self {
            store,
            trie: StateTrie::new(EMPTY_ROOT_HASH, limits),
            head: None,
        }
    }

    fn next(&mut self, changes: &StateChanges) -> (SealedBlock, TrieUpdates) {
        let updates = match self.store.latest() {
            Ok(latest) => self.trie.update(changes, &latest, &latest),
            Err(_) => {
                let store = &self.store;
                let nothing = Nothing(store);
                self.trie.update(changes, &nothing, &nothing)
            }
        };
        let updates = updates.expect("a sound store");
        let header = Header {
            number: self.head.map_or(0, |(number, _)| number + 1),
            parent_hash: self.head.map_or(B256::ZERO, |(_, hash)| hash),
            state_root: updates.root,
            ..Header::default()
        };
        let hash = header.hash_slow();
        self.head = Some((header.number, hash));
        let block = Block {
            header,
            body: BlockBody::default(),
        };
        (
            SealedBlock {
                hash,
                block,
                senders: vec![],
                receipts: vec![],
            },
            updates,
        )
    }
}

/// The state before genesis: empty, and with no node to read.
struct Nothing<'a>(&'a Store);

impl StateReader for Nothing<'_> {
    type Error = openledger_store::StoreError;
    fn account(&self, _: Address) -> Result<Option<openledger_primitives::Account>, Self::Error> {
        Ok(None)
    }
    fn storage(&self, _: Address, _: U256) -> Result<U256, Self::Error> {
        Ok(U256::ZERO)
    }
    fn code(&self, _: B256) -> Result<Option<alloy_primitives::Bytes>, Self::Error> {
        Ok(None)
    }
    fn block_hash(&self, _: u64) -> Result<Option<B256>, Self::Error> {
        Ok(None)
    }
}

impl NodeReader for Nothing<'_> {
    type Error = openledger_store::StoreError;
    fn node(
        &self,
        account: Option<B256>,
        path: &[u8],
        hash: B256,
    ) -> Result<alloy_primitives::Bytes, Self::Error> {
        self.0.latest()?.node(account, path, hash)
    }
}

fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    s.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
}
fn main() {
    let directory = tempfile::tempdir_in("/root").expect("a temporary directory");
    let mut chain = Chain::new(directory.path());
    let genesis = changes(0, 0..ACCOUNTS, 0);
    let (block, updates) = chain.next(&genesis);
    chain.store.commit_genesis(&block, &genesis, &updates).expect("genesis");
    let spread = |seed: u64, n: u64| (seed * 7919 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15) % ACCOUNTS;
    for round in 0..3 {
        let (mut t, mut c, mut w, mut tw, mut nodes) = (0.0, 0.0, 0.0, 0.0, 0);
        const N: u64 = 40;
        for i in 0..N {
            let seed = round * 100 + i + 1;
            let ch = changes(seed, (0..1000).map(|n| spread(seed, n)), 0);
            let a = cpu();
            let s = std::time::Instant::now();
            let (block, updates) = chain.next(&ch);
            tw += s.elapsed().as_secs_f64() * 1e3;
            let b = cpu();
            let s = std::time::Instant::now();
            chain.store.commit(&block, &ch, &updates).unwrap();
            w += s.elapsed().as_secs_f64() * 1e3;
            let d = cpu();
            t += b - a;
            c += d - b;
            nodes += updates.nodes.len();
        }
        let n = N as f64;
        println!("trie {:.2} ms cpu, {:.2} wall; commit {:.2} ms cpu, {:.2} ms wall; nodes {}", t / n, tw / n, c / n, w / n, nodes as u64 / N);
    }
}
