//! Random chains with unwinding, pruning and reopening, compared with the model at every height.

use crate::{
    chain::{TestChain, options},
    model::changes,
};
use alloy_primitives::U256;
use openledger_primitives::StateChanges;
use openledger_store::{StoreError, StoreOptions};
use proptest::{prelude::*, strategy::ValueTree};

#[derive(Debug, Clone)]
enum Step {
    Commit(StateChanges),
    /// Takes so many blocks back, and applies them again or not.
    Unwind(u64, bool),
    /// Prunes to so many blocks below the head.
    Prune(u64, u64),
    Reopen,
    Compact,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => changes().prop_map(Step::Commit),
        2 => (0_u64..5, any::<bool>()).prop_map(|(blocks, again)| Step::Unwind(blocks, again)),
        2 => (0_u64..8, 1_u64..6).prop_map(|(keep, max)| Step::Prune(keep, max)),
        1 => Just(Step::Reopen),
        1 => Just(Step::Compact),
    ]
}

fn run(genesis: StateChanges, steps: Vec<Step>, nodes_max: usize, archive: bool) {
    let options = StoreOptions {
        archive,
        ..options()
    };
    let mut chain = TestChain::new(options, nodes_max);
    let unwind_max = chain.options.unwind_blocks_max;
    chain.extend(genesis, &[]);
    for step in steps {
        match step {
            Step::Commit(changes) => chain.extend(changes, &[vec![], vec![]]),
            Step::Unwind(blocks, again) => {
                let to = chain.head().saturating_sub(blocks).max(chain.oldest);
                let hash = chain.blocks.last().unwrap().hash;
                let removed = chain.unwind(to);
                if again {
                    removed
                        .into_iter()
                        .for_each(|changes| chain.extend(changes, &[vec![], vec![]]));
                    assert_eq!(chain.blocks.last().unwrap().hash, hash);
                }
            }
            Step::Prune(keep, blocks_max) => {
                let head = chain.store().head().unwrap();
                // Everything is final; unwinding bounds the pruning alone.
                chain.store().set_heads(head, head).unwrap();
                let boundary = chain.head().saturating_sub(keep);
                let report = chain.store().prune(boundary, blocks_max).unwrap();
                let allowed = boundary.min(chain.head().saturating_sub(unwind_max));
                let expected = match archive {
                    true => 0,
                    false => allowed.min(chain.oldest + blocks_max).max(chain.oldest),
                };
                assert_eq!(report.oldest, expected);
                assert_eq!(report.blocks, expected - chain.oldest);
                chain.oldest = expected;
            }
            Step::Reopen => chain.reopen(),
            Step::Compact => chain.store().compact().unwrap(),
        }
    }
    chain.check();
    let report = chain.store().verify(&mut |_, _| {}).unwrap();
    assert_eq!(report.difference, None);
    assert_eq!(report.headers, chain.head() + 1);
    assert_eq!(
        report.accounts,
        chain.models.last().unwrap().accounts.len() as u64
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn states_match_the_model_at_every_height(
        genesis in changes(),
        steps in prop::collection::vec(step(), 1..20),
        nodes_max in prop_oneof![Just(0_usize), Just(40), Just(100_000)],
        archive in prop::bool::weighted(0.2),
    ) {
        run(genesis, steps, nodes_max, archive);
    }
}

#[test]
fn unwinding_has_its_limits() {
    let mut chain = TestChain::new(options(), 100);
    assert!(matches!(chain.store().unwind(0), Err(StoreError::Empty)));
    for _ in 0..8 {
        chain.extend(StateChanges::default(), &[]);
    }
    let store = chain.store().clone();
    assert!(matches!(
        store.unwind(8),
        Err(StoreError::UnknownBlock { number: 8, head: 7 })
    ));
    assert!(matches!(
        store.unwind(2),
        Err(StoreError::UnwindTooLong {
            head: 7,
            to: 2,
            max: 4
        })
    ));
    let head = store.head().unwrap();
    store.set_heads(head, head).unwrap();
    let report = store.prune(u64::MAX, u64::MAX).unwrap();
    assert_eq!((report.oldest, report.done), (3, true));
    chain.oldest = 3;
    chain.unwind(5);
    let target = store.head().unwrap();
    assert_eq!(store.heads().unwrap(), Some((target, target)));
    assert!(matches!(
        store.unwind(2),
        Err(StoreError::HistoryPruned {
            number: 2,
            oldest: 3
        })
    ));
    assert!(chain.unwind(5).is_empty());
    chain.check();
}

#[test]
fn pruning_never_passes_the_finalized_head() {
    let mut chain = TestChain::new(options(), 100);
    for _ in 0..12 {
        chain.extend(StateChanges::default(), &[]);
    }
    let store = chain.store().clone();
    // None set: genesis.
    assert_eq!(store.heads().unwrap(), None);
    assert_eq!(store.prune(6, 100).unwrap().oldest, 0);
    let block = |number: u64| openledger_primitives::BlockNumHash {
        number,
        hash: chain.blocks[number as usize].hash,
    };
    let mut wrong = block(3);
    wrong.hash.0[0] ^= 1;
    assert!(matches!(
        store.set_heads(block(5), wrong),
        Err(StoreError::UnknownHead(_))
    ));
    store.set_heads(block(5), block(3)).unwrap();
    let report = store.prune(6, 100).unwrap();
    assert_eq!((report.oldest, report.blocks, report.done), (3, 3, true));
    assert_eq!(store.heads().unwrap(), Some((block(5), block(3))));
}

#[test]
fn a_state_outlives_what_changes_after_it() {
    let mut chain = TestChain::new(options(), 100);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut next = || changes().new_tree(&mut runner).unwrap().current();
    for _ in 0..6 {
        chain.extend(next(), &[]);
    }
    let (latest, old) = (
        chain.store().latest().unwrap(),
        chain.store().at(2).unwrap(),
    );
    let models = chain.models.clone();
    chain.unwind(4);
    for _ in 0..12 {
        chain.extend(next(), &[]);
    }
    let head = chain.store().head().unwrap();
    chain.store().set_heads(head, head).unwrap();
    chain.oldest = chain.store().prune(u64::MAX, 100).unwrap().oldest;
    assert!(chain.oldest > 5);
    chain.store().compact().unwrap();
    use openledger_primitives::StateReader;
    for index in 0..crate::model::ACCOUNTS {
        let address = crate::model::address(index);
        assert_eq!(latest.account(address).unwrap(), models[5].account(address));
        assert_eq!(old.account(address).unwrap(), models[2].account(address));
    }
    chain.check();
}

#[test]
fn a_commit_must_fit_the_head() {
    use crate::chain::seal;
    use alloy_primitives::B256;
    let mut chain = TestChain::new(options(), 100);
    let none = StateChanges::default();
    let updates = |root| openledger_trie::TrieUpdates {
        root,
        ..Default::default()
    };
    let root = openledger_primitives::EMPTY_ROOT_HASH;
    let first = seal(None, root, &[]);
    let store = chain.store().clone();
    assert!(matches!(
        store.commit(&first, &none, &updates(root)),
        Err(StoreError::Empty)
    ));
    chain.extend(none.clone(), &[]);
    chain.extend(none.clone(), &[]);
    let commit = |block| store.commit(block, &none, &updates(root));
    assert!(matches!(
        store.commit_genesis(&first, &none, &updates(root)),
        Err(StoreError::NotEmpty { number: 1 })
    ));
    assert!(matches!(
        commit(&first),
        Err(StoreError::NotNext { head: 1, number: 0 })
    ));
    let mut next = seal(chain.blocks.last(), root, &[]);
    next.block.header.parent_hash = B256::ZERO;
    assert!(matches!(
        commit(&next),
        Err(StoreError::ParentMismatch { number: 2, .. })
    ));
    let next = seal(chain.blocks.last(), B256::ZERO, &[]);
    assert!(matches!(
        commit(&next),
        Err(StoreError::StateRootMismatch { number: 2, .. })
    ));
    let mut next = seal(chain.blocks.last(), root, &[]);
    next.senders.clear();
    assert!(matches!(
        commit(&next),
        Err(StoreError::UnalignedBlock {
            number: 2,
            senders: 0,
            ..
        })
    ));
    let next = seal(chain.blocks.last(), root, &[]);
    let foreign = openledger_trie::TrieUpdates {
        wiped: vec![B256::ZERO],
        ..updates(root)
    };
    assert!(matches!(
        store.commit(&next, &none, &foreign),
        Err(StoreError::ForeignUpdates { number: 2 })
    ));
    chain.check();
}

/// Changes of so many slots of one account.
fn wide(first: u64, slots: u64) -> StateChanges {
    use openledger_primitives::{AccountChange, AccountInfo};
    let change = AccountChange {
        info: Some(AccountInfo {
            nonce: first,
            balance: U256::ONE,
            code_hash: openledger_primitives::EMPTY_CODE_HASH,
        }),
        storage_wiped: false,
        storage: (0..slots)
            .map(|slot| (U256::from(slot), U256::from(first + slot)))
            .collect(),
    };
    StateChanges {
        accounts: [(crate::model::address(0), change)].into_iter().collect(),
        ..StateChanges::default()
    }
}

/// Four blocks that change some 3,000 keys each, and enough others that they can be pruned.
fn wide_chain() -> TestChain {
    let mut chain = TestChain::new(options(), 100);
    chain.extend(StateChanges::default(), &[]);
    for number in 1..=4 {
        chain.extend(wide(number, 2_500), &[]);
    }
    for _ in 0..6 {
        chain.extend(StateChanges::default(), &[]);
    }
    let head = chain.store().head().unwrap();
    chain.store().set_heads(head, head).unwrap();
    chain
}

#[test]
fn commits_come_between_the_slices_of_a_large_block() {
    let mut chain = wide_chain();
    let store = chain.store().clone();
    let mut slices = 0;
    // A commit would wait for ever if pruning held on to its lock.
    let report = store
        .prune_while(4, u64::MAX, |_| {
            slices += 1;
            chain.extend(wide(10 + slices, 5), &[]);
            true
        })
        .unwrap();
    assert!(slices >= 6, "{slices} slices for four blocks of 3,000 keys");
    assert_eq!((report.oldest, report.blocks, report.done), (4, 4, true));
    assert!(report.versions > 7_500, "{report:?}");
    chain.oldest = 4;
    chain.check();
}

#[test]
fn pruning_goes_on_where_it_was_interrupted() {
    let whole = wide_chain().store().prune(4, u64::MAX).unwrap();
    let mut chain = wide_chain();
    let mut versions = 0;
    let mut runs = 0;
    let report = loop {
        // Each run ends after a slice, most of them amid a block.
        let report = chain.store().prune_while(4, u64::MAX, |_| false).unwrap();
        versions += report.versions;
        runs += 1;
        chain.oldest = report.oldest;
        chain.reopen();
        chain.check();
        if report.done {
            break report;
        }
        assert!(runs < 50);
    };
    assert_eq!((report.oldest, versions), (4, whole.versions));
    assert_eq!(chain.store().prune(4, u64::MAX).unwrap().versions, 0);
}

#[test]
fn an_unwinding_between_two_slices_is_noticed() {
    let mut chain = wide_chain();
    let store = chain.store().clone();
    let mut slices = 0;
    store
        .prune_while(4, u64::MAX, |_| {
            slices += 1;
            if slices == 2 {
                chain.unwind(chain.head() - 1);
                chain.extend(wide(77, 3), &[]);
            }
            true
        })
        .unwrap();
    chain.oldest = 4;
    chain.check();
}
