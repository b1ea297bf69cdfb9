//! What a transaction costs on its way through the pool, and its decoding before.

#![allow(missing_docs)] // criterion's macros make undocumented items

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, keccak256};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use openledger_mempool::{
    AccountReader, AccountState, FeeContext, Mempool, MempoolConfig, Ordering,
    RecoveredTransaction, decode_all,
};
use openledger_primitives::Transaction;
use secp256k1::{Message, SECP256K1, SecretKey};
use std::{convert::Infallible, hint::black_box};

const CHAIN_ID: u64 = 161_299;
const BASE_FEE: u64 = 1_000;

struct Rich;

impl AccountReader for Rich {
    type Error = Infallible;
    fn account_state(&self, _: Address) -> Result<AccountState, Infallible> {
        Ok(AccountState {
            balance: U256::MAX >> 1,
            ..AccountState::default()
        })
    }
}

fn transfer(nonce: u64, tip: u128) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 2_000_000,
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(Address::repeat_byte(0x22)),
        value: U256::from(123_456),
        ..TxEip1559::default()
    }
}

fn sign(seed: u64, tx: TxEip1559) -> Bytes {
    let key = SecretKey::from_slice(keccak256(seed.to_be_bytes()).as_slice());
    let key = key.expect("a hash is below the curve's order but once in 2^128");
    let digest = Message::from_digest(tx.signature_hash().0);
    let (id, bytes) = SECP256K1
        .sign_ecdsa_recoverable(&digest, &key)
        .serialize_compact();
    let signature = Signature::from_bytes_and_parity(&bytes, i32::from(id) == 1);
    Transaction::from(tx.into_signed(signature))
        .encoded_2718()
        .into()
}

/// Transactions whose signatures nobody looks at.
fn unsigned(count: u64, senders: u64) -> Vec<RecoveredTransaction> {
    (0..count)
        .map(|index| {
            let tx = transfer(index / senders, u128::from(index % 97));
            let signature = Signature::new(U256::from(index), U256::ONE, false);
            let sender = Address::from_word(keccak256((index % senders).to_be_bytes()));
            RecoveredTransaction::new_unchecked(tx.into_signed(signature).into(), sender)
        })
        .collect()
}

fn fees() -> FeeContext<'static> {
    FeeContext {
        chain_id: CHAIN_ID,
        base_fee: BASE_FEE,
        gas_limit_max: 60_000_000,
        l1_cost: &|_, _| U256::from(1_000),
        l2_timestamp: 1,
    }
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    for count in [1u64, 100] {
        let raw: Vec<Bytes> = (0..count).map(|seed| sign(seed, transfer(0, 1))).collect();
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("all_{count}"), |b| {
            b.iter(|| decode_all(black_box(&raw)))
        });
    }
    group.finish();
}

/// Each transaction is inserted and executed at once, as in a node that keeps up; `waiting` others
/// that don't pay the base fee lie in the pool.
fn insert_and_execute(c: &mut Criterion) {
    let mut group = c.benchmark_group("insert_and_execute");
    group.throughput(Throughput::Elements(1_000));
    for waiting in [0u64, 20_000] {
        let txs = unsigned(1_000, 1_000);
        group.bench_function(format!("among_{waiting}"), |b| {
            b.iter_batched_ref(
                || (filled(waiting, Ordering::Arrival), txs.clone()),
                |(pool, txs)| {
                    let fees = fees();
                    for tx in txs.drain(..) {
                        assert!(pool.insert(tx, &Rich, &fees).is_ok());
                        let tx = pool
                            .next_executable(BASE_FEE)
                            .expect("it was just inserted");
                        pool.mark_executed(&tx.hash);
                    }
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn filled(waiting: u64, order: Ordering) -> Mempool {
    let pool = Mempool::new(MempoolConfig {
        order,
        ..MempoolConfig::default()
    });
    let fees = fees();
    for index in 0..waiting {
        let tx = TxEip1559 {
            max_fee_per_gas: 900,
            ..transfer(0, 1)
        };
        let signature = Signature::new(U256::from(index), U256::from(2), false);
        let sender = Address::from_word(keccak256((index + (1 << 32)).to_be_bytes()));
        let tx = RecoveredTransaction::new_unchecked(tx.into_signed(signature).into(), sender);
        assert!(pool.insert(tx, &Rich, &fees).is_ok());
    }
    assert!(pool.next_executable(BASE_FEE).is_none());
    pool
}

/// A backlog is inserted as a whole and then taken in batches.
fn backlog(c: &mut Criterion) {
    let mut group = c.benchmark_group("backlog");
    group.throughput(Throughput::Elements(10_000));
    for (name, order, senders) in [
        ("arrival_1000_senders", Ordering::Arrival, 1_000),
        ("arrival_10_senders", Ordering::Arrival, 10),
        ("priority_1000_senders", Ordering::PriorityFee, 1_000),
    ] {
        let txs = unsigned(10_000, senders);
        group.bench_function(name, |b| {
            b.iter_batched_ref(
                || (filled(0, order), txs.clone()),
                |(pool, txs)| {
                    let fees = fees();
                    for tx in txs.drain(..) {
                        assert!(pool.insert(tx, &Rich, &fees).is_ok());
                    }
                    while !pool.is_empty() {
                        for tx in pool.take_executable(BASE_FEE, 256) {
                            pool.mark_executed(&tx.hash);
                        }
                    }
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// A full pool: each insertion evicts.
fn full(c: &mut Criterion) {
    let mut group = c.benchmark_group("full");
    group.throughput(Throughput::Elements(1_000));
    let txs = unsigned(1_000, 1_000);
    group.bench_function("insert_and_evict", |b| {
        b.iter_batched_ref(
            || {
                let config = MempoolConfig {
                    transactions_max: 20_000,
                    ..MempoolConfig::default()
                };
                let pool = Mempool::new(config);
                let fees = fees();
                assert!(pool.next_executable(BASE_FEE).is_none());
                for index in 0..20_000u64 {
                    let tx = TxEip1559 {
                        max_fee_per_gas: 900,
                        ..transfer(0, 1)
                    };
                    let signature = Signature::new(U256::from(index), U256::from(2), false);
                    let sender = Address::from_word(keccak256((index + (1 << 32)).to_be_bytes()));
                    let tx = tx.into_signed(signature).into();
                    let tx = RecoveredTransaction::new_unchecked(tx, sender);
                    assert!(pool.insert(tx, &Rich, &fees).is_ok());
                }
                (pool, txs.clone())
            },
            |(pool, txs)| {
                let fees = fees();
                for tx in txs.drain(..) {
                    assert!(pool.insert(tx, &Rich, &fees).is_ok());
                }
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = decode, insert_and_execute, backlog, full
}
criterion_main!(benches);
