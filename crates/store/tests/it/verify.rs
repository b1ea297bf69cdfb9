//! Verification finds what it is there to find.

use crate::{
    chain::{TestChain, options},
    model::changes,
};
use openledger_store::{Difference, Store};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

/// Damages one record of a sound store behind its back, and returns the difference found.
fn damage(column: &str, change: impl Fn(&[u8], &[u8]) -> Option<Vec<u8>>) -> Option<Difference> {
    let mut runner = TestRunner::deterministic();
    let mut chain = TestChain::new(options(), 100);
    for _ in 0..6 {
        let address = crate::model::address(0);
        let topics = vec![alloy_primitives::B256::repeat_byte(1)];
        let log = alloy_primitives::Log::new_unchecked(address, topics, Default::default());
        chain.extend(
            changes().new_tree(&mut runner).unwrap().current(),
            &[vec![log]],
        );
    }
    assert!(chain.store().extend_address_index(|_| None).unwrap().done);
    let path = chain.path();
    drop(chain.store.take());
    {
        let options = rocksdb::Options::default();
        let names = rocksdb::DB::list_cf(&options, &path).unwrap();
        let db = rocksdb::DB::open_cf(&options, &path, &names).unwrap();
        let family = db.cf_handle(column).unwrap();
        let record = db
            .iterator_cf(family, rocksdb::IteratorMode::End)
            .next()
            .unwrap()
            .unwrap();
        match change(&record.0, &record.1) {
            Some(value) => db.put_cf(family, &record.0, value).unwrap(),
            None => db.delete_cf(family, &record.0).unwrap(),
        }
    }
    let store = Store::open(&path, options()).unwrap();
    let mut steps = Vec::new();
    let report = store
        .verify(&mut |done, total| steps.push((done, total)))
        .unwrap();
    assert!(steps.iter().all(|(done, total)| done <= total));
    report.difference
}

#[test]
fn damage_is_found() {
    let delete = |_: &[u8], _: &[u8]| None;
    let same = |_: &[u8], value: &[u8]| Some(value.to_vec());
    let flip = |_: &[u8], value: &[u8]| {
        let mut value = value.to_vec();
        value[0] ^= 1;
        Some(value)
    };
    assert_eq!(damage("headers", same), None);
    assert!(matches!(
        damage("headers", flip),
        Some(Difference::Header { number: 5 })
    ));
    assert!(matches!(
        damage("block_numbers", delete),
        Some(Difference::BlockIndex { .. })
    ));
    assert!(matches!(
        damage("tx_index", delete),
        Some(Difference::TransactionIndex { .. })
    ));
    assert!(matches!(
        damage("log_index", delete),
        Some(Difference::LogIndex { number: 5 })
    ));
    assert!(matches!(
        damage("address_index", delete),
        Some(Difference::AddressIndex { .. })
    ));
    assert!(matches!(
        damage("accounts", delete),
        Some(Difference::StateRoot { .. })
    ));
    assert!(matches!(
        damage("storage", flip),
        Some(Difference::StorageRoot { .. })
    ));
    assert!(matches!(
        damage("trie", delete),
        Some(Difference::Node { .. })
    ));
    assert!(matches!(
        damage("trie", flip),
        Some(Difference::Node { .. })
    ));
    let fewer_gas = |_: &[u8], value: &[u8]| {
        let mut value = value.to_vec();
        value[2] ^= 1;
        Some(value)
    };
    assert!(matches!(
        damage("receipts", fewer_gas),
        Some(Difference::Receipts { number: 5 })
    ));
    let other_source = |_: &[u8], value: &[u8]| {
        let mut value = value.to_vec();
        value[20] ^= 1;
        Some(value)
    };
    assert!(matches!(
        damage("bodies", other_source),
        Some(Difference::Transactions { number: 5 })
    ));
}
