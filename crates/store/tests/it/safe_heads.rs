//! Which block was safe after which L1 block.

use crate::chain::options;
use alloy_primitives::B256;
use openledger_primitives::BlockNumHash;
use openledger_store::{SafeHead, Store};

fn l1(number: u64, branch: u8) -> BlockNumHash {
    let hash = B256::left_padding_from(&[branch, number as u8]);
    BlockNumHash { number, hash }
}

fn l2(number: u64) -> BlockNumHash {
    let hash = B256::repeat_byte(number as u8);
    BlockNumHash { number, hash }
}

fn record(store: &Store, l1: BlockNumHash, safe: u64) {
    store.record_safe_head(l1, l2(safe)).unwrap();
}

fn at(store: &Store, number: u64) -> Option<(u64, u64)> {
    let head = store.safe_head_at(number).unwrap()?;
    Some((head.l1.number, head.safe.number))
}

#[test]
fn the_safe_head_of_every_l1_block_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), options()).unwrap();
    assert_eq!(store.safe_head_at(u64::MAX).unwrap(), None);
    // Neighbours of other kinds.
    store.put_meta(b"a", b"1").unwrap();
    store.put_meta(b"z", b"2").unwrap();
    record(&store, l1(10, 0), 3);
    record(&store, l1(10, 0), 5);
    record(&store, l1(13, 0), 9);
    assert_eq!(at(&store, 9), None);
    assert_eq!(at(&store, 10), Some((10, 5)));
    assert_eq!(at(&store, 12), Some((10, 5)));
    assert_eq!(at(&store, u64::MAX), Some((13, 9)));
    drop(store);
    let store = Store::open(directory.path(), options()).unwrap();
    let expected = SafeHead {
        l1: l1(13, 0),
        safe: l2(9),
    };
    assert_eq!(store.safe_head_at(14).unwrap(), Some(expected));
}

#[test]
fn what_is_gone_is_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), options()).unwrap();
    for number in 10..20 {
        record(&store, l1(number, 0), number * 2);
    }
    // Safe heads above block 31 were lowered.
    store.truncate_safe_heads(31).unwrap();
    assert_eq!(at(&store, 100), Some((15, 30)));
    // L1 block 13 of another branch follows on 12.
    record(&store, l1(13, 1), 27);
    let found = store.safe_head_at(100).unwrap().unwrap();
    assert_eq!((found.l1, found.safe), (l1(13, 1), l2(27)));
    assert_eq!(at(&store, 12), Some((12, 24)));
    store.truncate_safe_heads(0).unwrap();
    assert_eq!(at(&store, 100), None);
    store.truncate_safe_heads(0).unwrap();
}

#[test]
fn old_l1_blocks_are_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), options()).unwrap();
    for number in 0..20 {
        record(&store, l1(number, 0), number);
    }
    // Two weeks later: a few go with each new record.
    for number in 200_000..200_002 {
        record(&store, l1(number, 0), number);
    }
    assert_eq!(at(&store, 15), None);
    assert_eq!(at(&store, 17), Some((17, 17)));
    record(&store, l1(200_002, 0), 200_002);
    assert_eq!(at(&store, 199_999), None);
    assert_eq!(at(&store, 200_000), Some((200_000, 200_000)));
}
