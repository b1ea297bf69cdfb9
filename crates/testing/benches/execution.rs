//! Sender recovery, and the execution of blocks of transfers and ERC-20 transfers over the store, without
//! root or commit. `docs/benchmarks.md` says how to run and read them.

#![allow(missing_docs)] // criterion's macros make undocumented items

use alloy_eips::Encodable2718 as _;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use anyhow::Result;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use openledger_execution::{BlockExecutor, sender};
use openledger_mempool::{RecoveredTransaction, decode_all};
use openledger_primitives::BlockAttributes;
use openledger_testing::{
    fixture::{Fixture, FixtureOptions, decode},
    load::{Random, call_data, token_creation},
};
use std::hint::black_box;

/// Transactions of a block.
const TRANSACTIONS: usize = 1_000;
/// Accounts that send them.
const WALLETS: usize = 200;

fn fixture() -> Result<Fixture> {
    Fixture::new(FixtureOptions {
        gas_limit: 600_000_000,
        wallets: WALLETS,
        ballast: 10_000,
        ..Default::default()
    })
}

/// Signed transactions that the wallets send in turns, the first with `nonce`.
fn signed(
    fixture: &Fixture,
    nonce: u64,
    gas_limit: u64,
    make: impl Fn(&mut Random) -> (Address, U256, Bytes),
) -> Result<Vec<RecoveredTransaction>> {
    let mut random = Random::new(1);
    (0..TRANSACTIONS)
        .map(|index| {
            let (to, value, input) = make(&mut random);
            let nonce = nonce + (index / WALLETS) as u64;
            let to = TxKind::Call(to);
            let signed = fixture.sign(index % WALLETS, nonce, to, value, input, gas_limit);
            Ok(RecoveredTransaction::decode(&signed.encoded)?)
        })
        .collect()
}

fn transfers(fixture: &Fixture) -> Result<Vec<RecoveredTransaction>> {
    signed(fixture, 0, 21_000, |random| {
        let to = openledger_testing::fixture::ballast_address(random.below(10_000) as usize);
        (to, U256::from(random.below(1_000_000)), Bytes::new())
    })
}

fn recovery(criterion: &mut Criterion) {
    let fixture = fixture().expect("fixture");
    let raw: Vec<Bytes> = transfers(&fixture)
        .expect("signed")
        .into_iter()
        .map(|tx| tx.encoded)
        .collect();
    let mut group = criterion.benchmark_group("recovery");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one, decode and recover", |bencher| {
        let mut next = raw.iter().cycle();
        bencher.iter(|| {
            let raw = next.next().expect("a cycle has no end");
            RecoveredTransaction::decode(black_box(raw)).expect("valid")
        });
    });
    group.throughput(Throughput::Elements(TRANSACTIONS as u64));
    group.bench_function("1,000, decode and recover on all cores", |bencher| {
        bencher.iter(|| decode_all(black_box(&raw)));
    });
    group.finish();
}

fn run(
    fixture: &Fixture,
    attributes: &BlockAttributes,
    transactions: &[RecoveredTransaction],
) -> u64 {
    let (parent, state) = fixture.chain.latest();
    let config = fixture.chain.config().clone();
    let mut executor =
        BlockExecutor::begin(config, &parent, attributes, state).expect("valid attributes");
    for prescribed in &attributes.transactions {
        let sender = sender(prescribed).expect("a deposit");
        executor
            .execute(prescribed, sender, prescribed.encoded_2718().into(), |_| ())
            .expect("a deposit is always included");
    }
    for transaction in transactions {
        let encoded = transaction.encoded.clone();
        executor
            .execute(
                &transaction.transaction,
                transaction.sender,
                encoded,
                |_| (),
            )
            .expect("valid");
    }
    let executed = executor.finish().expect("state reads");
    assert_eq!(
        executed.transactions.len(),
        transactions.len() + attributes.transactions.len()
    );
    black_box(executed).header.gas_used
}

fn execution(criterion: &mut Criterion) {
    let fixture = fixture().expect("fixture");
    let token = fixture.wallets[0].address().create(0);
    let deploy = fixture.sign(
        0,
        0,
        TxKind::Create,
        U256::ZERO,
        token_creation().expect("code"),
        2_000_000,
    );
    let transfers = transfers(&fixture).expect("signed");
    let mut group = criterion.benchmark_group("execution");
    group.throughput(Throughput::Elements(TRANSACTIONS as u64));
    let attributes = fixture.attributes(&[]).expect("attributes");
    group.bench_function("block of 1,000 transfers", |bencher| {
        bencher.iter_batched(
            || (),
            |()| run(&fixture, &attributes, &transfers),
            BatchSize::PerIteration,
        );
    });
    fixture
        .extend(vec![decode(&deploy).expect("decodes")])
        .expect("deployed");
    // Every wallet mints to itself, the deployer as well, so that all have one more transaction behind them.
    let mints = (0..WALLETS)
        .map(|index| {
            let to = fixture.wallets[index].address().into_word().into();
            let input = call_data("mint(address,uint256)", &[to, U256::from(1) << 100]);
            let nonce = u64::from(index == 0);
            let to = TxKind::Call(token);
            decode(&fixture.sign(index, nonce, to, U256::ZERO, input, 200_000)).expect("decodes")
        })
        .collect();
    fixture.extend(mints).expect("minted");
    let level = (1..WALLETS)
        .map(|index| {
            fixture
                .transfer(index, 1, Address::repeat_byte(7), 1)
                .expect("decodes")
        })
        .collect();
    fixture.extend(level).expect("included");
    let erc20 = signed(&fixture, 2, 65_000, |random| {
        let to = openledger_testing::fixture::ballast_address(random.below(10_000) as usize);
        let amount = U256::from(1 + random.below(1_000_000));
        let input = call_data(
            "transfer(address,uint256)",
            &[to.into_word().into(), amount],
        );
        (token, U256::ZERO, input)
    })
    .expect("signed");
    let attributes = fixture.attributes(&[]).expect("attributes");
    group.bench_function("block of 1,000 ERC-20 transfers", |bencher| {
        bencher.iter_batched(
            || (),
            |()| run(&fixture, &attributes, &erc20),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, recovery, execution);
criterion_main!(benches);
