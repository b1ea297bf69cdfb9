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

/// The journal's file, cut anywhere, holds the first records; and can be appended to.
#[test]
fn a_torn_journal_keeps_its_whole_records() {
    let mut chain = TestChain::new(options(), 100);
    chain.extend(StateChanges::default(), &[]);
    // Leaves longer records of another block in the file that is used again.
    for index in 0..30 {
        chain
            .store()
            .journal_append(&[(1, index, &[1; 99])])
            .unwrap();
    }
    chain.extend(StateChanges::default(), &[]);
    let record = |index: u32| vec![index as u8; index as usize * 5];
    for index in 0..12 {
        chain
            .store()
            .journal_append(&[(2, index, &record(index))])
            .unwrap();
    }
    let path = chain.path();
    drop(chain.store.take());
    let files: Vec<_> = std::fs::read_dir(path.join("journal")).unwrap().collect();
    assert_eq!(files.len(), 1, "one file serves block after block");
    let file = files[0].as_ref().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    let mut kept = std::collections::BTreeSet::new();
    for cut in (0..=800).step_by(23) {
        let mut bytes = whole.clone();
        if cut % 2 == 0 {
            bytes.truncate(cut);
        } else {
            bytes[cut] ^= 0x40;
        }
        std::fs::write(&file, bytes).unwrap();
        chain.store = Some(openledger_store::Store::open(&path, options()).unwrap());
        let found = chain.store().journal(2).unwrap();
        assert_eq!(
            found,
            (0..found.len() as u32).map(record).collect::<Vec<_>>()
        );
        kept.insert(found.len());
        let next = found.len() as u32;
        chain
            .store()
            .journal_append(&[(2, next, b"next"), (2, next + 1, b"last")])
            .unwrap();
        chain.reopen();
        let found = chain.store().journal(2).unwrap();
        assert_eq!(found[next as usize..], [b"next".to_vec(), b"last".to_vec()]);
        drop(chain.store.take());
    }
    assert!(
        kept.contains(&0) && kept.contains(&12) && kept.len() > 5,
        "{kept:?}"
    );
}

#[test]
fn journal_records_are_bounded_and_may_be_replaced() {
    let mut chain = TestChain::new(options(), 100);
    let store = chain.store().clone();
    let large = vec![0; 17 << 20];
    assert!(matches!(
        store.journal_append(&[(1, 0, b"a"), (1, 1, &large)]),
        Err(openledger_store::StoreError::JournalRecordTooLarge { .. })
    ));
    assert!(store.journal(1).unwrap().is_empty());
    store
        .journal_append(&[(1, 1, b"b"), (1, 0, b"a"), (9, 0, b"")])
        .unwrap();
    store.journal_append(&[(1, 1, b"c")]).unwrap();
    drop(store);
    chain.reopen();
    assert_eq!(
        chain.store().journal(1).unwrap(),
        [b"a".to_vec(), b"c".to_vec()]
    );
    assert_eq!(chain.store().journal(9).unwrap(), [Vec::<u8>::new()]);
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
