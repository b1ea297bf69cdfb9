//! Commits are all or nothing when the process or the machine dies.

use crate::{
    chain::{TestChain, assert_same_block, options},
    model::changes,
};
use openledger_store::{Store, StoreOptions};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use std::{fs, path::Path};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The newest write-ahead log.
fn newest_log(path: &Path) -> std::path::PathBuf {
    let logs = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    logs.filter(|path| path.extension().is_some_and(|e| e == "log"))
        .max()
        .unwrap()
}

/// Cuts the log anywhere, as a power loss may: the store opens at some block with exactly that block's
/// state, and goes on from there.
#[test]
fn a_torn_log_leaves_the_state_after_some_block() {
    let mut runner = TestRunner::deterministic();
    let mut chain = TestChain::new(
        StoreOptions {
            unwind_blocks_max: 100,
            ..options()
        },
        100,
    );
    let mut next = || changes().new_tree(&mut runner).unwrap().current();
    for _ in 0..12 {
        chain.extend(next(), &[vec![]]);
        chain.store().extend_address_index(|_| None).unwrap();
    }
    chain.unwind(8);
    for _ in 0..6 {
        chain.extend(next(), &[vec![]]);
        chain.store().extend_address_index(|_| None).unwrap();
        chain
            .store()
            .journal_append(&[(chain.head() + 1, 0, b"next")])
            .unwrap();
    }
    let path = chain.path();
    let log_len = fs::metadata(newest_log(&path)).unwrap().len();
    let mut heads = Vec::new();
    for cut in (0..=24).map(|part| log_len * part / 24) {
        let directory = tempfile::tempdir().unwrap();
        copy(&path, directory.path());
        // A running database holds the lock file; a copy has its own.
        fs::OpenOptions::new()
            .write(true)
            .open(newest_log(directory.path()))
            .unwrap()
            .set_len(cut)
            .unwrap();
        let store = Store::open(directory.path(), options()).unwrap();
        let Some(head) = store.head() else { continue };
        heads.push(head.number);
        let report = store.verify(&mut |_, _| {}).unwrap();
        assert_eq!(report.difference, None, "at block {}", head.number);
        if let Some(block) = chain.blocks.get(head.number as usize)
            && block.hash == head.hash
        {
            assert_same_block(&store.sealed_block(head.number).unwrap().unwrap(), block);
        }
        let above = head.number + 1;
        assert!(store.sealed_block(above).unwrap().is_none());
        // Whatever unwinding can reach is whole as well.
        store.unwind(head.number.saturating_sub(4)).unwrap();
        assert_eq!(store.verify(&mut |_, _| {}).unwrap().difference, None);
    }
    assert_eq!(heads.last(), Some(&chain.head()));
    heads.dedup();
    assert!(heads.len() > 6, "{heads:?}");
}

/// A killed process: nothing was flushed or closed, and everything is there.
#[test]
fn nothing_is_lost_with_the_process() {
    let mut runner = TestRunner::deterministic();
    let mut chain = TestChain::new(options(), 100);
    for _ in 0..10 {
        chain.extend(
            changes().new_tree(&mut runner).unwrap().current(),
            &[vec![]],
        );
    }
    chain
        .store()
        .journal_append(&[(10, 0, b"a"), (10, 1, b"b")])
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    copy(&chain.path(), directory.path());
    chain.store = Some(Store::open(directory.path(), options()).unwrap());
    chain.check();
    assert_eq!(
        chain.store().journal(10).unwrap(),
        [b"a".to_vec(), b"b".to_vec()]
    );
}
