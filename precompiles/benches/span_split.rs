//! SPAN's and SPLIT's functions over their sizes, worst cases included. The throughput is gas: criterion's
//! `Melem/s` are million gas a second.

#![allow(missing_docs)] // criterion's macros make undocumented items

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use openledger_precompiles::{
    CallInput, MemoryHost, Outcome, SPAN, SPLIT, call,
    hash::sm64,
    merkle,
    span::{
        CANDIDATES_MAX, ENTRIES_MAX, ENTRIES_PER_PAGE, Entry, IAttrSpan as Span, U48_MAX,
        fingerprint, kgram_hash, salt_of,
    },
    split::IAttrSplit as Split,
};
use openledger_primitives::predeploys::HISTORY_STORAGE;
use std::hint::black_box;

const WHO: Address = Address::repeat_byte(1);
const DATANET: B256 = B256::repeat_byte(2);
const START: u64 = 1_000;
const HASH: B256 = B256::repeat_byte(3);
/// Most tokens, and scores of `split`, that fit in the calldata.
const WORDS_MAX: usize = 4_090;
/// Most scores of `gate`.
const PAIRS_MAX: u64 = 2_045;
/// Hits with twelve siblings that fit beside 400 tokens.
const PROVED_HITS: u32 = 180;

/// Runs a call in a transaction of its own; its gas and output.
fn run(host: &mut MemoryHost, to: Address, data: &[u8]) -> (u64, Vec<u8>) {
    let input = CallInput {
        code_address: to,
        target_address: to,
        caller: WHO,
        value: U256::ZERO,
        is_static: false,
        data,
        gas: u64::MAX,
    };
    let outcome = call(&input, host).expect("memory doesn't fail");
    host.end_transaction();
    match outcome.expect("the precompile is there") {
        Outcome::Success { gas_used, output } => (gas_used, output.to_vec()),
        outcome => unreachable!("{outcome:?}"),
    }
}

fn measure(c: &mut Criterion, name: &str, host: &mut MemoryHost, to: Address, data: &[u8]) {
    let (gas, _) = run(host, to, data);
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(gas));
    group.bench_function("call", |b| b.iter(|| black_box(run(host, to, data))));
    group.finish();
}

fn splits(c: &mut Criterion) {
    let host = &mut MemoryHost::new();
    for count in [16, 256, WORDS_MAX as u64] {
        // Totals and scores as large as they come: every product has 192 bits.
        let call = Split::splitCall {
            total: U256::from(u128::MAX),
            s: (0..count).map(|i| (sm64(1, i) >> 1) as i64).collect(),
            minBps: 0,
            topK: u16::MAX,
        };
        measure(
            c,
            &format!("split/{count}"),
            host,
            SPLIT,
            &call.abi_encode(),
        );
    }
    let call = Split::gateCall {
        sum: (0..PAIRS_MAX)
            .map(|i| i128::from(sm64(2, i)) << 60)
            .collect(),
        sumSq: (0..PAIRS_MAX)
            .map(|i| u128::from(sm64(3, i)) << 60)
            .collect(),
        z: 2,
    };
    measure(
        c,
        &format!("gate/{PAIRS_MAX}"),
        host,
        SPLIT,
        &call.abi_encode(),
    );
}

/// A world with an opened index; its id and salt.
fn opened(k: u8, w: u8) -> (MemoryHost, u64, u64) {
    let mut host = MemoryHost::new();
    host.block_number = START;
    host.insert_slot(
        HISTORY_STORAGE,
        U256::from(START + 1),
        U256::from_be_bytes(HASH.0),
    );
    let commit = Span::commitTokensCall {
        datanet: DATANET,
        tokenRoot: DATANET,
    };
    run(&mut host, SPAN, &commit.abi_encode());
    host.block_number = START + 2;
    let salt = salt_of(HASH, 1);
    let open = Span::openIndexCall {
        datanet: DATANET,
        k,
        w,
        tokenizerHash: DATANET,
        salt,
    };
    run(&mut host, SPAN, &open.abi_encode());
    (host, 1, salt)
}

fn append(host: &mut MemoryHost, id: u64, entries: &[Entry]) {
    for pages in entries.chunks(5 * ENTRIES_PER_PAGE) {
        let entries = pages
            .iter()
            .flat_map(|entry| entry.to_bytes())
            .collect::<Vec<u8>>();
        let call = Span::appendEntriesCall {
            id,
            entries: entries.into(),
        };
        run(host, SPAN, &call.abi_encode());
    }
}

fn seal(host: &mut MemoryHost, id: u64) {
    run(host, SPAN, &Span::sealCall { id }.abi_encode());
    host.block_number += 1;
}

/// Fills a native index: `CANDIDATES_MAX` entries that every position of the repeated token matches,
/// spread over `clusters`, the rest somewhere.
fn native(k: u8, w: u8, entries: usize, clusters: u32) -> (MemoryHost, u64) {
    let (mut host, id, salt) = opened(k, w);
    let repeated = fingerprint(kgram_hash(&vec![7; usize::from(k)], salt));
    let mut all: Vec<Entry> = (0..(entries - CANDIDATES_MAX) as u64)
        .map(|i| Entry {
            fingerprint: sm64(4, i) & U48_MAX,
            cluster: i as u32,
            locus: i,
        })
        .collect();
    all.extend((0..CANDIDATES_MAX as u32).map(|i| Entry {
        fingerprint: repeated,
        cluster: i % clusters,
        locus: u64::from(i) * 7,
    }));
    all.sort_unstable();
    all.dedup();
    append(&mut host, id, &all);
    seal(&mut host, id);
    (host, id)
}

fn native_spans(c: &mut Criterion) {
    for (name, k, w, entries, clusters, df_cap, repeats) in [
        (
            "one page, nothing found",
            6,
            8,
            ENTRIES_PER_PAGE,
            1,
            3,
            false,
        ),
        ("all pages, nothing found", 4, 2, ENTRIES_MAX, 1, 3, false),
        (
            "all pages, 64 hits a position, one cluster",
            12,
            32,
            ENTRIES_MAX,
            1,
            255,
            true,
        ),
        (
            "all pages, 64 hits a position, 64 clusters",
            4,
            2,
            ENTRIES_MAX,
            64,
            255,
            true,
        ),
        (
            "all pages, 64 clusters a position, capped",
            4,
            2,
            ENTRIES_MAX,
            64,
            63,
            true,
        ),
    ] {
        let (mut host, id) = native(k, w, entries, clusters);
        let token = |i: usize| if repeats { 7 } else { sm64(5, i as u64) as u32 };
        let call = Span::scoreSpansCall {
            id,
            tokens: (0..WORDS_MAX).map(token).collect(),
            dfCap: df_cap,
            minSpan: 0,
        };
        measure(
            c,
            &format!("scoreSpans/{name}"),
            &mut host,
            SPAN,
            &call.abi_encode(),
        );
    }
}

fn proved_spans(c: &mut Criterion) {
    let (mut host, id, salt) = opened(6, 8);
    let tokens: Vec<u32> = (0..400).collect();
    let mut entries: Vec<(u32, Entry)> = (0..PROVED_HITS)
        .map(|position| {
            let from = position as usize;
            let entry = Entry {
                fingerprint: fingerprint(kgram_hash(&tokens[from..from + 6], salt)),
                cluster: position % 3,
                locus: u64::from(position),
            };
            (position, entry)
        })
        .collect();
    entries.extend((0..3_000u64).map(|i| {
        let entry = Entry {
            fingerprint: sm64(6, i) & U48_MAX,
            cluster: 9,
            locus: i,
        };
        (u32::MAX, entry)
    }));
    entries.sort_unstable_by_key(|(_, entry)| *entry);
    let leaves: Vec<B256> = (0..)
        .zip(&entries)
        .map(|(index, (_, entry))| merkle::leaf(index, &entry.to_bytes()))
        .collect();
    let root = merkle::root(&leaves).expect("there are leaves");
    let commit = Span::commitRootCall {
        id,
        root,
        leaves: leaves.len() as u32,
    };
    run(&mut host, SPAN, &commit.abi_encode());
    seal(&mut host, id);

    let mut hits: Vec<Span::Hit> = (0u32..)
        .zip(&entries)
        .filter(|(_, (position, _))| *position != u32::MAX)
        .map(|(leaf, (position, entry))| Span::Hit {
            pos: *position,
            fp: entry.fingerprint.try_into().expect("48 bits"),
            cluster: entry.cluster,
            locus: entry.locus.try_into().expect("48 bits"),
            leaf,
            proof: merkle::proof(&leaves, leaf as usize).expect("it is a leaf"),
        })
        .collect();
    hits.sort_unstable_by_key(|hit| (hit.pos, hit.leaf));
    let call = Span::scoreSpansProvedCall {
        id,
        tokens: tokens.clone(),
        hits: hits.clone(),
        dfCap: 3,
        minSpan: 8,
    };
    let data = call.abi_encode();
    measure(
        c,
        &format!("scoreSpansProved/{PROVED_HITS} hits"),
        &mut host,
        SPAN,
        &data,
    );

    let missing = hits.remove(hits.len() / 2);
    let call = Span::provesOmissionCall {
        id,
        tokens,
        claimedHitsHash: keccak256(hits.abi_encode()),
        claimed: hits,
        missing,
    };
    let data = call.abi_encode();
    measure(
        c,
        &format!("provesOmission/{PROVED_HITS} hits"),
        &mut host,
        SPAN,
        &data,
    );
}

criterion_group!(benches, splits, native_spans, proved_spans);
criterion_main!(benches);
