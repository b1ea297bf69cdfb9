//! Root and commit of blocks that change 1,000 of 100,000 accounts, through the store and on the disk.
//! `docs/benchmarks.md` says how to run and read them.

#![allow(missing_docs)] // criterion's macros make undocumented items

use alloy_consensus::Header;
use alloy_primitives::{B256, U256};
use anyhow::{Context as _, Result};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use openledger_primitives::{
    AccountChange, AccountInfo, Block, BlockBody, EMPTY_CODE_HASH, EMPTY_ROOT_HASH, SealedBlock,
    StateChanges,
};
use openledger_testing::{
    fixture::{Fixture, FixtureOptions, ballast_address},
    load::Random,
};
use openledger_trie::{ResidentLimits, StateTrie};
use std::time::{Duration, Instant};

/// Accounts of the state.
const ACCOUNTS: usize = 100_000;
/// Accounts that a block changes.
const CHANGED: usize = 1_000;

/// A chain of blocks that were never executed: only what the state part of a block costs.
struct States {
    fixture: Fixture,
    trie: StateTrie,
    parent: (u64, B256),
    random: Random,
}

impl States {
    fn new(limits: ResidentLimits) -> Result<Self> {
        let fixture = Fixture::new(FixtureOptions {
            ballast: ACCOUNTS,
            ..Default::default()
        })?;
        let head = fixture.chain.head();
        let trie = StateTrie::new(head.state_root, limits);
        Ok(Self {
            trie,
            parent: (head.number, head.hash()),
            fixture,
            random: Random::new(1),
        })
    }

    fn changes(&mut self) -> StateChanges {
        let mut changes = StateChanges::default();
        while changes.accounts.len() < CHANGED {
            let address = ballast_address(self.random.below(ACCOUNTS as u64) as usize);
            let info = AccountInfo {
                nonce: 0,
                balance: U256::from(self.random.next()),
                code_hash: EMPTY_CODE_HASH,
            };
            let change = AccountChange {
                info: Some(info),
                storage_wiped: false,
                storage: Default::default(),
            };
            changes.accounts.insert(address, change);
        }
        changes
    }

    /// Appends a block; answers how long the root and how long the commit took.
    fn block(&mut self) -> Result<(Duration, Duration)> {
        let changes = self.changes();
        let store = self.fixture.store();
        let state = store.latest()?;
        let started = Instant::now();
        let updates = self.trie.update(&changes, &state, &state).context("root")?;
        let rooted = started.elapsed();
        let header = Header {
            number: self.parent.0 + 1,
            parent_hash: self.parent.1,
            state_root: updates.root,
            transactions_root: EMPTY_ROOT_HASH,
            receipts_root: EMPTY_ROOT_HASH,
            withdrawals_root: Some(EMPTY_ROOT_HASH),
            base_fee_per_gas: Some(1),
            ..Default::default()
        };
        let hash = header.hash_slow();
        let body = BlockBody {
            transactions: Vec::new(),
            ommers: Vec::new(),
            withdrawals: Some(Default::default()),
        };
        let block = SealedBlock {
            hash,
            block: Block { header, body },
            senders: Vec::new(),
            receipts: Vec::new(),
        };
        let started = Instant::now();
        store.commit(&block, &changes, &updates)?;
        let committed = started.elapsed();
        self.parent = (block.number(), hash);
        Ok((rooted, committed))
    }
}

fn state(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state");
    group
        .throughput(Throughput::Elements(CHANGED as u64))
        .sample_size(20);
    let mut states = States::new(ResidentLimits::default()).expect("a chain");
    // The trie becomes resident.
    for _ in 0..300 {
        states.block().expect("a block");
    }
    group.bench_function("root, resident, 1,000 of 100,000 accounts", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| states.block().expect("a block").0).sum());
    });
    group.bench_function("commit, 1,000 of 100,000 accounts", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| states.block().expect("a block").1).sum());
    });
    drop(states);
    let limits = ResidentLimits {
        nodes_max: 1,
        keys_max: 1,
    };
    let mut states = States::new(limits).expect("a chain");
    group.bench_function(
        "root, from the store, 1,000 of 100,000 accounts",
        |bencher| {
            bencher
                .iter_custom(|times| (0..times).map(|_| states.block().expect("a block").0).sum());
        },
    );
    group.finish();
}

criterion_group!(benches, state);
criterion_main!(benches);
