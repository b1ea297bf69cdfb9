//! Every function over its sizes, worst cases included (`cases`), beside a signature recovery and a hash as
//! the EVM prices them. The throughput is gas: criterion's `Melem/s` are million gas a second.

#![allow(missing_docs)] // criterion's macros make undocumented items

extern crate alloc;

mod cases;

use alloy_primitives::{B256, U256, keccak256, uint};
use cases::{Access, sketch::certified_query};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use openledger_precompiles::{
    gas,
    lora::signature::signer,
    sketch::{CertifiedQuery, Row, influence, limits::RESIDUAL_DIVISOR, residual},
};
use std::hint::black_box;

/// What ECRECOVER costs.
const ECRECOVER_GAS: u64 = 3_000;
const HASHED_BYTES: usize = 131_072;

fn calls(c: &mut Criterion) {
    let mut group = c.benchmark_group("call");
    for (name, build) in cases::all() {
        let mut case = build();
        case.prepare();
        let host = std::mem::take(&mut case.world.host);
        let (gas, _) = case.run(&mut host.clone());
        group.throughput(Throughput::Elements(gas));
        group.bench_function(name, |bencher| match case.access {
            Access::Writes => bencher.iter_batched(
                || host.clone(),
                |mut host| {
                    black_box(case.run(&mut host));
                    host
                },
                BatchSize::LargeInput,
            ),
            Access::Warm => {
                let mut host = host.clone();
                bencher.iter(|| black_box(case.run(&mut host)));
            }
            Access::Cold => {
                let mut host = host.clone();
                bencher.iter(|| {
                    black_box(case.run(&mut host));
                    host.end_transaction();
                });
            }
        });
    }
    group.finish();
}

/// What the prices are compared with.
fn yardsticks(c: &mut Criterion) {
    let mut group = c.benchmark_group("yardstick");
    // The private key 1 and the nonce 1: s = digest + r.
    let digest = keccak256("message");
    let order = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
    let r = uint!(0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798_U256);
    let s = U256::from_be_bytes(digest.0).add_mod(r, order);
    let (s, v) = if s > order >> 1 {
        (order - s, 28)
    } else {
        (s, 27)
    };
    let mut signature = [v; 65];
    signature[..32].copy_from_slice(&r.to_be_bytes::<32>());
    signature[32..64].copy_from_slice(&s.to_be_bytes::<32>());
    group.throughput(Throughput::Elements(ECRECOVER_GAS));
    group.bench_function("ecrecover", |bencher| {
        bencher.iter(|| signer(black_box(digest), black_box(&signature)));
    });
    let bytes = vec![7; HASHED_BYTES];
    group.throughput(Throughput::Elements(gas::keccak(HASHED_BYTES as u64)));
    group.bench_function("keccak256 of 128 KiB", |bencher| {
        bencher.iter(|| -> B256 { keccak256(black_box(&bytes)) });
    });
    group.finish();
}

/// The pure function alone: certified scoring of 1,024 × 256.
fn certified(c: &mut Criterion) {
    let (dim, rows) = (256u16, 1_024u32);
    let (query, witness, shift) = certified_query(dim, rows);
    let query = CertifiedQuery {
        query: &query,
        witness,
        shift,
    };
    let set: Vec<u8> = query.query.repeat(rows as usize);
    let matrix = || {
        (0..)
            .zip(set.chunks_exact(usize::from(dim)))
            .map(|(cluster, vector)| Row {
                cluster,
                label: 0,
                vector,
            })
    };
    let lambda = u64::from(rows) * u64::from(dim) * 10_000 / 1_024;
    assert!(residual(matrix(), lambda, &query).is_within(RESIDUAL_DIVISOR));
    c.bench_function("certified influence of 1024x256", |bencher| {
        bencher.iter(|| influence(matrix(), lambda, black_box(std::slice::from_ref(&query))));
    });
}

criterion_group!(benches, yardsticks, certified, calls);
criterion_main!(benches);
