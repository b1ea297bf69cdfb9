//! Indexing by address: a block of 2,800 transfers, about what 60 million gas hold, from memory and from
//! disk.

#![allow(missing_docs)] // criterion's macros make undocumented items

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Signature, TxKind, U256, keccak256};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use op_alloy_consensus::OpTxType;
use openledger_primitives::{
    Block, BlockBody, EMPTY_ROOT_HASH, Header, Receipt, SealedBlock, StateChanges, Transaction,
};
use openledger_store::{Store, StoreOptions};
use openledger_trie::TrieUpdates;
use std::sync::Arc;

const TRANSFERS: u64 = 2_800;

fn address(index: u64) -> Address {
    Address::from_slice(&keccak256(index.to_be_bytes())[12..])
}

/// A block of transfers among as many accounts as it has transfers. It changes nothing: what a commit costs
/// is not measured here.
fn next(parent: Option<&SealedBlock>) -> SealedBlock {
    let number = parent.map_or(0, |parent| parent.number() + 1);
    let count = if parent.is_some() { TRANSFERS } else { 0 };
    let transfer = |index: u64| {
        let tx = TxEip1559 {
            nonce: number,
            to: TxKind::Call(address((index * 7_919) % TRANSFERS)),
            value: U256::from(index),
            ..TxEip1559::default()
        };
        let word = U256::from_be_bytes(keccak256((number << 32 | index).to_be_bytes()).0) >> 2;
        Transaction::Eip1559(tx.into_signed(Signature::new(word, word, false)))
    };
    let receipt = |index: u64| {
        Receipt::from_parts(
            true,
            (index + 1) * 21_000,
            &[],
            OpTxType::Eip1559,
            None,
            None,
        )
    };
    let header = Header {
        number,
        parent_hash: parent.map_or(B256::ZERO, |parent| parent.hash),
        state_root: EMPTY_ROOT_HASH,
        ..Header::default()
    };
    SealedBlock {
        hash: header.hash_slow(),
        block: Block {
            header,
            body: BlockBody {
                transactions: (0..count).map(transfer).collect(),
                ..BlockBody::default()
            },
        },
        senders: (0..count).map(address).collect(),
        receipts: (0..count).map(receipt).collect(),
    }
}

fn index(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let options = StoreOptions {
        sync: false,
        ..StoreOptions::default()
    };
    let store = Store::open(directory.path(), options).expect("a new store");
    let (changes, trie) = (
        StateChanges::default(),
        TrieUpdates {
            root: EMPTY_ROOT_HASH,
            ..TrieUpdates::default()
        },
    );
    let mut head = Arc::new(next(None));
    store
        .commit_genesis(&head, &changes, &trie)
        .expect("genesis");
    let mut group = criterion.benchmark_group("address index");
    group.throughput(Throughput::Elements(TRANSFERS));
    for (name, in_memory) in [("a block at hand", true), ("a block on disk", false)] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || {
                    head = Arc::new(next(Some(&head)));
                    store.commit(&head, &changes, &trie).expect("a commit");
                    head.clone()
                },
                |block| {
                    let recent = |_| in_memory.then(|| block.clone());
                    let report = store.extend_address_index(recent).expect("a sound store");
                    assert!(report.done);
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = index
}
criterion_main!(benches);
