//! The index of transactions by address against a scan of all transactions.

use crate::chain::{TestChain, options};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, Log};
use openledger_primitives::{SealedBlock, StateChanges};
use openledger_store::{AddressPage, StoreError, TransactionPlace};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Who emits the logs.
fn emitter(index: u8) -> Address {
    Address::repeat_byte(0xe0 + index)
}

/// Every address that a block's transactions concern, with their indices, by their definition.
fn concerned(block: &SealedBlock) -> Vec<(Address, u32)> {
    let mut found = BTreeSet::new();
    for (index, transaction) in block.block.body.transactions.iter().enumerate() {
        let place = index as u32;
        found.insert((block.senders[index], place));
        found.insert((transaction.to().unwrap(), place));
        for log in block.receipts[index].logs() {
            found.insert((log.address, place));
        }
    }
    found.into_iter().collect()
}

/// The places of an address's transactions from block `oldest` on, ascending.
fn places(chain: &TestChain, address: Address, oldest: u64) -> Vec<TransactionPlace> {
    let blocks = chain.blocks.iter().filter(|block| block.number() >= oldest);
    blocks
        .flat_map(|block| {
            let of_address = concerned(block)
                .into_iter()
                .filter(move |(concerned, _)| *concerned == address);
            of_address.map(|(_, index)| TransactionPlace {
                block: block.number(),
                index,
            })
        })
        .collect()
}

/// The page that begins a list: at least `count` transactions, complete blocks.
fn page(list: &[TransactionPlace], count: usize) -> AddressPage {
    let mut transactions: Vec<TransactionPlace> = vec![];
    for place in list {
        let is_full = transactions.len() >= count;
        if is_full && transactions.last().map(|last| last.block) != Some(place.block) {
            break;
        }
        transactions.push(*place);
    }
    AddressPage {
        has_more: transactions.len() < list.len(),
        transactions,
    }
}

/// Compares searches of every address of the chain with the scan.
fn check(chain: &TestChain) {
    let search = chain.store().address_search().unwrap();
    let oldest = search.oldest();
    assert!(oldest <= chain.oldest.max(1));
    assert_eq!(search.is_pruned(), oldest > 1);
    let mut addresses: BTreeSet<Address> = [Address::ZERO, Address::repeat_byte(0xff)].into();
    for block in &chain.blocks {
        addresses.extend(concerned(block).into_iter().map(|(address, _)| address));
    }
    for address in addresses {
        let all = places(chain, address, oldest);
        for at in [0, 1, 2, chain.head() / 2, chain.head(), u64::MAX] {
            for count in [1, 2, 3, 100] {
                let mut below: Vec<_> = all.iter().copied().filter(|p| p.block < at).collect();
                below.reverse();
                let found = search.before(address, at, count).unwrap();
                assert_eq!(found, page(&below, count), "{address} before {at}");
                let above: Vec<_> = all.iter().copied().filter(|p| p.block > at).collect();
                let mut expected = page(&above, count);
                expected.transactions.reverse();
                let found = search.after(address, at, count).unwrap();
                assert_eq!(found, expected, "{address} after {at}");
            }
        }
    }
    for block in &chain.blocks {
        assert_eq!(search.block(block.number()).unwrap().hash, block.hash);
    }
}

/// Takes all sealed blocks into the index.
fn index(chain: &TestChain) {
    let store = chain.store();
    while !store.extend_address_index(|_| None).unwrap().done {}
    let indexed = store.indexed_blocks().unwrap().unwrap();
    let head = store.head().unwrap();
    assert_eq!(indexed.newest, head);
    // Genesis, which has no transactions here either, is not looked at.
    assert_eq!(
        indexed.oldest,
        chain.oldest.max(1).min(head.number.saturating_add(1))
    );
}

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Vec<u8>>),
    Index,
    Unwind(u64),
    Prune(u64),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let logs = prop::collection::vec(prop::collection::vec(0_u8..3, 0..3), 0..3);
    prop_oneof![
        6 => logs.prop_map(Step::Commit),
        3 => Just(Step::Index),
        2 => (0_u64..5).prop_map(Step::Unwind),
        1 => (0_u64..6).prop_map(Step::Prune),
        1 => Just(Step::Reopen),
    ]
}

fn commit(chain: &mut TestChain, logs: &[Vec<u8>]) {
    let log = |index: &u8| Log::new_unchecked(emitter(*index), vec![B256::ZERO], Bytes::new());
    let logs: Vec<Vec<Log>> = logs
        .iter()
        .map(|emitters| emitters.iter().map(log).collect())
        .collect();
    chain.extend(StateChanges::default(), &logs);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn searches_find_what_a_scan_finds(steps in prop::collection::vec(step(), 1..40)) {
        let mut chain = TestChain::new(options(), 100);
        chain.extend(StateChanges::default(), &[]);
        for step in steps {
            match step {
                Step::Commit(logs) => commit(&mut chain, &logs),
                Step::Index => index(&chain),
                Step::Unwind(blocks) => {
                    let to = chain.head().saturating_sub(blocks).max(chain.oldest);
                    chain.unwind(to);
                    // Other blocks take the numbers of those that went.
                    commit(&mut chain, &[vec![2, 1]]);
                }
                Step::Prune(keep) => {
                    let head = chain.store().head().unwrap();
                    chain.store().set_heads(head, head).unwrap();
                    let boundary = chain.head().saturating_sub(keep);
                    chain.oldest = chain.store().prune(boundary, u64::MAX).unwrap().oldest;
                }
                Step::Reopen => chain.reopen(),
            }
        }
        check(&chain);
        prop_assert_eq!(chain.store().verify(&mut |_, _| {}).unwrap().difference, None);
        index(&chain);
        check(&chain);
        prop_assert_eq!(chain.store().verify(&mut |_, _| {}).unwrap().difference, None);
    }
}

#[test]
fn an_index_that_is_far_behind_says_so_and_catches_up_in_steps() {
    const BLOCKS: u64 = 800;
    let mut chain = TestChain::new(options(), 100);
    assert!(matches!(
        chain.store().extend_address_index(|_| None),
        Err(StoreError::Empty)
    ));
    for _ in 0..=BLOCKS {
        commit(&mut chain, &[]);
    }
    let store = chain.store().clone();
    assert_eq!(store.indexed_blocks().unwrap(), None);
    match store.address_search() {
        Err(StoreError::AddressIndexBehind { newest, head }) => {
            assert_eq!((newest, head), (0, BLOCKS));
        }
        other => panic!("{other:?}"),
    }
    // Blocks of the caller's own are taken for the chain's only if they are.
    let mut foreign = chain.blocks[7].clone();
    foreign.hash = B256::repeat_byte(9);
    foreign.senders[0] = Address::repeat_byte(9);
    let foreign = std::sync::Arc::new(foreign);
    let mut reports = vec![];
    loop {
        let report = store
            .extend_address_index(|number| (number == 7).then(|| foreign.clone()))
            .unwrap();
        reports.push(report);
        if report.done {
            break;
        }
    }
    assert!(reports.len() > 2, "{}", reports.len());
    assert!(reports.is_sorted_by_key(|report| report.indexed.newest.number));
    assert!(reports[0].lag() > 64 && reports[0].lag() < BLOCKS);
    assert_eq!(reports.last().map(|report| report.lag()), Some(0));
    let search = store.address_search().unwrap();
    let depositor = Address::repeat_byte(0xde);
    let found = search.before(depositor, u64::MAX, 1_000).unwrap();
    assert_eq!(found.transactions.len() as u64, BLOCKS);
    assert_eq!(
        search.before(foreign.senders[0], 8, 1).unwrap(),
        AddressPage::default()
    );
    // Done once more: nothing is left to do.
    let report = store.extend_address_index(|_| None).unwrap();
    assert!(report.done && report.indexed.newest.number == BLOCKS);
    let rows = |store: &openledger_store::Store| {
        let stats = store.stats(10).unwrap();
        let family = stats.families.iter().find(|f| f.name == "address_index");
        family.map(|family| family.bytes_per_block).unwrap()
    };
    // Sender and recipient of the deposit, 32 bytes each.
    assert_eq!(rows(&store), 64);
}

#[test]
fn an_index_that_pruning_has_overtaken_begins_anew() {
    let mut chain = TestChain::new(options(), 100);
    for _ in 0..4 {
        commit(&mut chain, &[vec![0]]);
    }
    index(&chain);
    for _ in 0..16 {
        commit(&mut chain, &[vec![1]]);
    }
    let head = chain.store().head().unwrap();
    chain.store().set_heads(head, head).unwrap();
    chain.oldest = chain.store().prune(u64::MAX, u64::MAX).unwrap().oldest;
    assert!(chain.oldest > 4);
    index(&chain);
    check(&chain);
    let search = chain.store().address_search().unwrap();
    assert!(search.is_pruned());
    assert_eq!(
        search.before(emitter(0), u64::MAX, 1).unwrap(),
        AddressPage::default()
    );
}
