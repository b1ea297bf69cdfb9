//! Root updates with the account trie resident: µs per changed account is the time over the batch.

#![allow(missing_docs)] // criterion's macros make undocumented items

use alloy_primitives::{Address, B256, Bytes, U256};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use openledger_primitives::{
    Account, AccountChange, AccountInfo, EMPTY_CODE_HASH, EMPTY_ROOT_HASH, NodeReader,
    StateChanges, StateReader,
};
use openledger_trie::{ResidentLimits, StateTrie};
use std::{collections::BTreeMap, convert::Infallible};

/// A parent state and node store that must never be asked: everything is resident.
struct Resident;

impl StateReader for Resident {
    type Error = Infallible;
    fn account(&self, _address: Address) -> Result<Option<Account>, Infallible> {
        unreachable!("the account trie is resident")
    }
    fn storage(&self, _address: Address, _slot: U256) -> Result<U256, Infallible> {
        unreachable!("the trie reads no slots")
    }
    fn code(&self, _code_hash: B256) -> Result<Option<Bytes>, Infallible> {
        unreachable!("the trie reads no code")
    }
    fn block_hash(&self, _number: u64) -> Result<Option<B256>, Infallible> {
        unreachable!("the trie reads no block hashes")
    }
}

impl NodeReader for Resident {
    type Error = Infallible;
    fn node(&self, _: Option<B256>, _: &[u8], _: B256) -> Result<Bytes, Infallible> {
        unreachable!("every node is resident")
    }
}

fn address(index: u64) -> Address {
    Address::left_padding_from(&index.to_be_bytes())
}

/// Changes of `count` accounts out of `of`, spread by `seed`.
fn changes(seed: u64, count: u64, of: u64, slots: u64) -> StateChanges {
    let change = |nonce: u64| AccountChange {
        info: Some(AccountInfo {
            nonce,
            balance: U256::from(nonce) << 60,
            code_hash: EMPTY_CODE_HASH,
        }),
        storage_wiped: false,
        storage: (0..slots)
            .map(|n| (U256::from(nonce * 31 + n), U256::from(seed + n + 1)))
            .collect(),
    };
    let spread = |index: u64| seed.wrapping_add(index).wrapping_mul(0x9e37_79b9_7f4a_7c15) % of;
    StateChanges {
        accounts: (0..count)
            .map(|n| (address(spread(n)), change(seed + n)))
            .collect(),
        code: BTreeMap::new(),
    }
}

fn accounts(criterion: &mut Criterion) {
    const ACCOUNTS: u64 = 200_000;
    let limits = ResidentLimits {
        nodes_max: usize::MAX / 4,
        keys_max: 500_000,
    };
    let mut trie = StateTrie::new(EMPTY_ROOT_HASH, limits);
    let genesis = StateChanges {
        accounts: (0..ACCOUNTS)
            .flat_map(|n| {
                let one = changes(n, 1, 1, 0).accounts;
                one.into_values().map(move |change| (address(n), change))
            })
            .collect(),
        code: BTreeMap::new(),
    };
    trie.update(&genesis, &Resident, &Resident)
        .expect("nothing is read");
    let mut group = criterion.benchmark_group("root");
    for count in [100_u64, 1000] {
        group.throughput(Throughput::Elements(count));
        let mut seed = 0;
        group.bench_function(format!("{count} of {ACCOUNTS} accounts"), |bencher| {
            bencher.iter_batched(
                || {
                    seed += 1;
                    changes(seed * 7919, count, ACCOUNTS, 0)
                },
                |changes| {
                    trie.update(&changes, &Resident, &Resident)
                        .expect("nothing is read")
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.throughput(Throughput::Elements(1000));
    let mut seed = 0;
    group.bench_function("100 accounts of 10 slots", |bencher| {
        bencher.iter_batched(
            || {
                seed += 1;
                changes(seed * 7919, 100, 1000, 10)
            },
            |changes| {
                trie.update(&changes, &Resident, &Resident)
                    .expect("nothing is read")
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = accounts
}
criterion_main!(benches);
