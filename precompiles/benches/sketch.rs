//! SKETCH's functions over their sizes, worst cases included. The throughput is gas: criterion's
//! `Melem/s` are million gas a second.

#![allow(missing_docs)] // criterion's macros make undocumented items

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use openledger_precompiles::{
    CallInput, MemoryHost, Outcome, SKETCH, call,
    hash::sm64,
    sketch::{
        CertifiedQuery, IAttrSketch as Sketch, Row, commitment, influence,
        limits::{RESIDUAL_DIVISOR, rows_per_page},
        residual, space,
    },
};
use openledger_primitives::predeploys::HISTORY_STORAGE;
use std::hint::black_box;

const WHO: Address = Address::repeat_byte(1);
const DATANET: B256 = B256::repeat_byte(2);

/// Runs a call in a transaction of its own; its gas and output.
fn run(host: &mut MemoryHost, data: &[u8]) -> (u64, Vec<u8>) {
    let input = CallInput {
        code_address: SKETCH,
        target_address: SKETCH,
        caller: WHO,
        value: U256::ZERO,
        is_static: false,
        data,
        gas: u64::MAX,
    };
    let outcome = call(&input, host).expect("memory doesn't fail");
    host.end_transaction();
    match outcome.expect("SKETCH is there") {
        Outcome::Success { gas_used, output } => (gas_used, output.to_vec()),
        outcome => unreachable!("{outcome:?}"),
    }
}

fn new_host() -> MemoryHost {
    let mut host = MemoryHost::new();
    host.block_number = 1_000;
    for number in 900..3_000u64 {
        host.insert_slot(HISTORY_STORAGE, U256::from(number), U256::from(number));
    }
    host
}

fn signature(number: u32) -> [u32; 32] {
    core::array::from_fn(|j| number.wrapping_mul(97).wrapping_add(j as u32 * 1_000_003))
}

/// `count` contributions revealed and ready to settle.
fn revealed(host: &mut MemoryHost, count: u32) {
    let space = space(WHO, DATANET);
    let commits: Vec<_> = (0..count)
        .map(|number| {
            let h = commitment(space, WHO, &signature(number), B256::ZERO, B256::ZERO);
            let data = Sketch::commitContributionCall {
                datanet: DATANET,
                h,
            }
            .abi_encode();
            B256::from_slice(&run(host, &data).1)
        })
        .collect();
    host.block_number += 2;
    for (number, commit) in (0..count).zip(commits) {
        run(host, &reveal(commit, number));
    }
    host.block_number += 49;
}

fn reveal(commit: B256, number: u32) -> Vec<u8> {
    Sketch::revealCall {
        datanet: DATANET,
        commitId: commit,
        contributor: WHO,
        dataRoot: B256::ZERO,
        salt: B256::ZERO,
        mh: signature(number),
    }
    .abi_encode()
}

fn settle() -> Vec<u8> {
    Sketch::settleCall {
        datanet: DATANET,
        max: 64,
    }
    .abi_encode()
}

/// Entries of a row: a direction shared by all rows, so that a witness is known without solving.
fn entry(column: u64) -> i8 {
    if sm64(7, column) & 1 == 0 { 100 } else { -100 }
}

fn append(set_id: u64, dim: u16, rows: u32) -> Vec<u8> {
    let mut record = vec![0, 0, 0, 0, 0, 1];
    record.extend((0..u64::from(dim)).map(|column| entry(column) as u8));
    Sketch::appendRowsCall {
        setId: set_id,
        rows: record.repeat(rows as usize).into(),
    }
    .abi_encode()
}

/// A host with an open set, drawn, whose id is 1.
fn drawn(dim: u16, kind: u8) -> MemoryHost {
    let mut host = new_host();
    revealed(&mut host, 1);
    run(&mut host, &settle());
    let open = Sketch::openSetCall {
        subject: space(WHO, DATANET),
        dim,
        kind,
        normCap2: u32::from(dim) * 10_000,
        fracBits: 0,
        shift: 0,
        sparsity: 0,
        dataRoot: B256::ZERO,
    };
    run(&mut host, &open.abi_encode());
    host.block_number += 2;
    run(&mut host, &Sketch::drawSeedCall { setId: 1 }.abi_encode());
    host
}

/// A host with a sealed set of `rows` rows.
fn sealed(dim: u16, kind: u8, rows: u32) -> MemoryHost {
    let mut host = drawn(dim, kind);
    let step = 5 * rows_per_page(dim);
    let mut left = rows;
    while left > 0 {
        let now = left.min(step);
        run(&mut host, &append(1, dim, now));
        left -= now;
    }
    run(&mut host, &Sketch::sealCall { setId: 1 }.abi_encode());
    host.block_number += 1;
    host
}

/// A query along the rows with its witness: x = 2^shift·q / (rows·‖g‖² + λ), since G has rank one.
fn query(dim: u16, rows: u32) -> (Vec<u8>, Vec<i16>, u8) {
    let direction: Vec<i8> = (0..u64::from(dim)).map(entry).collect();
    let norm2 = u64::from(dim) * 10_000;
    let lambda = (u64::from(rows) * norm2).div_ceil(1_024).max(1);
    let eigenvalue = u128::from(u64::from(rows) * norm2 + lambda);
    let shift = (0..=62u8)
        .rev()
        .find(|shift| (100u128 << shift) / eigenvalue <= 16_383)
        .unwrap_or(0);
    let magnitude = (((100u128 << shift) + eigenvalue / 2) / eigenvalue) as i16;
    let witness = direction
        .iter()
        .map(|g| magnitude * i16::from(g.signum()))
        .collect();
    let query = direction.iter().map(|g| *g as u8).collect();
    (query, witness, shift)
}

fn score_influence(dim: u16, rows: u32, batch: usize) -> Vec<u8> {
    let (query, witness, shift) = query(dim, rows);
    let witness: Vec<u8> = witness.iter().flat_map(|x| x.to_be_bytes()).collect();
    Sketch::scoreInfluenceCall {
        setId: 1,
        q: vec![query.into(); batch],
        x: vec![witness.into(); batch],
        shift: vec![shift; batch],
    }
    .abi_encode()
}

/// Benches a call that changes nothing.
fn view(c: &mut Criterion, group: &str, name: String, mut host: MemoryHost, data: &[u8]) {
    let (gas, _) = run(&mut host, data);
    let mut group = c.benchmark_group(group);
    group.throughput(Throughput::Elements(gas));
    group.bench_function(name, |bencher| {
        bencher.iter(|| black_box(run(&mut host, black_box(data))));
    });
    group.finish();
}

/// Benches a call that writes, each time on the same state.
fn write(c: &mut Criterion, group: &str, name: String, host: &MemoryHost, data: &[u8]) {
    let (gas, _) = run(&mut host.clone(), data);
    let mut group = c.benchmark_group(group);
    group.throughput(Throughput::Elements(gas));
    group.bench_function(name, |bencher| {
        bencher.iter_batched(
            || host.clone(),
            |mut host| {
                black_box(run(&mut host, black_box(data)));
                host
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn scoring(c: &mut Criterion) {
    for (dim, rows) in [
        (64, 1),
        (64, 4_096),
        (256, 1_024),
        (1_024, 23),
        (1_024, 4_096),
    ] {
        for batch in [1, 16] {
            let data = score_influence(dim, rows, batch);
            let name = format!("{rows}x{dim} batch {batch}");
            view(c, "scoreInfluence", name, sealed(dim, 0, rows), &data);
        }
        let (query, ..) = query(dim, rows);
        let name = format!("{rows}x{dim}");
        let dot = Sketch::scoreDotCall {
            setId: 1,
            q: query.clone().into(),
        };
        view(
            c,
            "scoreDot",
            name.clone(),
            sealed(dim, 0, rows),
            &dot.abi_encode(),
        );
        for k in [1, 64] {
            let knn = Sketch::scoreKnnShapleyCall {
                setId: 1,
                q: query.clone().into(),
                label: 1,
                K: k,
            };
            let name = format!("{name} K {k}");
            view(
                c,
                "scoreKnnShapley",
                name,
                sealed(dim, 1, rows),
                &knn.abi_encode(),
            );
        }
        let distance = Sketch::rowDistanceCall {
            setId: 1,
            r: 0,
            alt: query.into(),
        };
        view(
            c,
            "rowDistance",
            name,
            sealed(dim, 0, rows),
            &distance.abi_encode(),
        );
    }
}

fn sets(c: &mut Criterion) {
    for dim in [64, 1_024] {
        let rows = 5 * rows_per_page(dim);
        let data = append(1, dim, rows);
        write(
            c,
            "appendRows",
            format!("{rows}x{dim}"),
            &drawn(dim, 0),
            &data,
        );
    }
    let header = Sketch::headerCall { setId: 1 }.abi_encode();
    view(c, "header", "open".to_owned(), drawn(64, 0), &header);
}

fn contributions(c: &mut Criterion) {
    let mut host = new_host();
    revealed(&mut host, 64);
    write(c, "settle", "64 new".to_owned(), &host, &settle());
    // Copies: each band names the one cluster.
    run(&mut host, &settle());
    host.block_number -= 51;
    revealed(&mut host, 64);
    write(c, "settle", "64 copies".to_owned(), &host, &settle());
}

/// The pure function alone: certified scoring of 1,024 × 256.
fn certified(c: &mut Criterion) {
    let (dim, rows) = (256, 1_024);
    let (query, witness, shift) = query(dim, rows);
    let query = CertifiedQuery {
        query: &query,
        witness,
        shift,
    };
    let vector: Vec<u8> = (0..u64::from(dim))
        .map(|column| entry(column) as u8)
        .collect();
    let set: Vec<u8> = vector.repeat(rows as usize);
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

criterion_group!(benches, certified, scoring, sets, contributions);
criterion_main!(benches);
