//! Committing blocks and reading state, with 100,000 accounts in the store and synced writes.

#![allow(missing_docs)] // criterion's macros make undocumented items

use alloy_primitives::{Address, B256, U256, keccak256};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
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

fn commit(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut chain = Chain::new(directory.path());
    let genesis = changes(0, 0..ACCOUNTS, 0);
    let (block, updates) = chain.next(&genesis);
    chain
        .store
        .commit_genesis(&block, &genesis, &updates)
        .expect("genesis");

    let mut group = criterion.benchmark_group("commit");
    let mut seed = 0;
    for count in [1_u64, 100, 1000] {
        group.throughput(Throughput::Elements(count));
        let spread =
            |seed: u64, n: u64| (seed * 7919 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15) % ACCOUNTS;
        let chain = std::cell::RefCell::new(&mut chain);
        group.bench_function(format!("{count} of {ACCOUNTS} accounts"), |bencher| {
            bencher.iter_batched(
                || {
                    seed += 1;
                    let changes = changes(seed, (0..count).map(|n| spread(seed, n)), 0);
                    let (block, updates) = chain.borrow_mut().next(&changes);
                    (block, changes, updates)
                },
                |(block, changes, updates)| {
                    let chain = chain.borrow();
                    chain
                        .store
                        .commit(&block, &changes, &updates)
                        .expect("the next block");
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("journal append", |bencher| {
        let mut index = 0;
        bencher.iter(|| {
            index += 1;
            chain
                .store
                .journal_append(&[(u64::MAX - 1, index, &[7; 150])])
                .expect("an append");
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("read");
    let latest = chain.store.latest().expect("a head");
    let mut index = 0;
    let mut next = || {
        index = (index + 7919) % ACCOUNTS;
        address(index)
    };
    group.bench_function("latest account", |bencher| {
        bencher.iter_batched(
            &mut next,
            |address| latest.account(address).expect("a sound store"),
            BatchSize::SmallInput,
        );
    });
    let number = chain.store.head().expect("a head").number / 2;
    let state = chain.store.at(number).expect("a kept state");
    let root = chain
        .store
        .header(number)
        .expect("a sound store")
        .expect("a block")
        .state_root;
    group.bench_function("historical account", |bencher| {
        bencher.iter_batched(
            &mut next,
            |address| state.account(address).expect("a sound store"),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("historical proof", |bencher| {
        bencher.iter_batched(
            &mut next,
            |address| prove(root, None, keccak256(address), &state).expect("a sound store"),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = commit
}
criterion_main!(benches);
