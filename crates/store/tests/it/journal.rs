//! The journal, the pool and callers' entries.

use crate::chain::{TestChain, options};
use alloy_primitives::B256;
use openledger_primitives::StateChanges;

#[test]
fn the_journal_survives_reopening_and_goes_with_its_block() {
    let mut chain = TestChain::new(options(), 100);
    chain.extend(StateChanges::default(), &[]);
    let record = |n: u32| n.to_be_bytes().to_vec();
    let append = |chain: &TestChain, block: u64, range: std::ops::Range<u32>| {
        let records: Vec<Vec<u8>> = range.clone().map(record).collect();
        let records: Vec<(u64, u32, &[u8])> = range
            .zip(&records)
            .map(|(n, record)| (block, n, record.as_slice()))
            .collect();
        chain.store().journal_append(&records).unwrap();
    };
    append(&chain, 1, 0..300);
    append(&chain, 1, 300..400);
    append(&chain, 2, 0..5);
    chain.reopen();
    let expected: Vec<Vec<u8>> = (0..400).map(record).collect();
    assert_eq!(chain.store().journal(1).unwrap(), expected);
    assert_eq!(chain.store().journal(2).unwrap().len(), 5);
    assert!(chain.store().journal(3).unwrap().is_empty());

    chain.extend(StateChanges::default(), &[]);
    assert!(chain.store().journal(1).unwrap().is_empty());
    assert_eq!(chain.store().journal(2).unwrap().len(), 5);
    chain.reopen();
    assert!(chain.store().journal(1).unwrap().is_empty());
    assert_eq!(chain.store().journal(2).unwrap().len(), 5);

    // A record may come again after its block's were cleared.
    chain.store().journal_clear().unwrap();
    assert!(chain.store().journal(2).unwrap().is_empty());
    append(&chain, 2, 3..6);
    assert_eq!(
        chain.store().journal(2).unwrap(),
        (3..6).map(record).collect::<Vec<_>>()
    );
    chain.unwind(0);
    assert!(chain.store().journal(2).unwrap().is_empty());
    chain.reopen();
    assert!(chain.store().journal(2).unwrap().is_empty());
}

#[test]
fn pool_and_meta_entries_survive_reopening() {
    let mut chain = TestChain::new(options(), 100);
    let hash = B256::repeat_byte;
    let store = chain.store().clone();
    store
        .pool_put(&[(hash(3), b"three"), (hash(1), b"one"), (hash(2), b"two")])
        .unwrap();
    store.pool_remove(&[hash(2), hash(9)]).unwrap();
    store.put_meta(b"chain_id", &[1, 2]).unwrap();
    store.put_meta(b"head", b"not ours").unwrap();
    drop(store);
    chain.reopen();
    let pool = chain.store().pool_all().unwrap();
    assert_eq!(
        pool,
        vec![(hash(1), b"one".to_vec()), (hash(3), b"three".to_vec())]
    );
    assert_eq!(chain.store().meta(b"chain_id").unwrap(), Some(vec![1, 2]));
    assert_eq!(chain.store().meta(b"other").unwrap(), None);
    assert_eq!(chain.store().head(), None);
}
