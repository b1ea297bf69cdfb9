//! Order, promotion, execution, unwinding, expiry and what observers see.

use crate::support::{BASE_FEE, Bench, Key, fees, rich, transfer};
use alloy_primitives::{Address, B256, U256};
use openledger_mempool::{
    AccountState, InsertError, Inserted, MempoolConfig, Ordering, RecoveredTransaction, Removal,
    RemovalReason, decode_all,
};
use std::time::{Duration, Instant};

fn bench() -> Bench {
    Bench::new(MempoolConfig::default())
}

fn by_tip() -> Bench {
    Bench::new(MempoolConfig {
        order: Ordering::PriorityFee,
        ..Default::default()
    })
}

fn put(bench: &Bench, seed: u64, nonce: u64, fee: u128, tip: u128) -> B256 {
    bench
        .insert(Key::new(seed).transfer(nonce, fee, tip))
        .unwrap()
        .hash
}

#[test]
fn first_come_first_served() {
    let bench = bench();
    let a0 = put(&bench, 1, 0, 2_000, 1);
    let b0 = put(&bench, 2, 0, 9_000, 900);
    let a1 = put(&bench, 1, 1, 9_000, 900);
    let c0 = put(&bench, 3, 0, 2_000, 5);
    let expected = [a0, b0, a1, c0];
    let hashes: Vec<B256> = bench
        .pool
        .take_executable(BASE_FEE, 10)
        .iter()
        .map(|tx| tx.hash)
        .collect();
    assert_eq!(hashes, expected);
    let hashes: Vec<B256> = bench
        .pool
        .take_executable(BASE_FEE, 3)
        .iter()
        .map(|tx| tx.hash)
        .collect();
    assert_eq!(hashes, expected[..3]);
    assert_eq!(bench.pool.len(), 4, "taking marks nothing");
    assert_eq!(bench.execute_all(), expected);
    assert!(bench.pool.is_empty());
    assert_eq!((bench.pool.bytes(), bench.pool.status()), (0, (0, 0)));
}

#[test]
fn a_gap_reserves_no_place() {
    let bench = bench();
    let late = put(&bench, 1, 1, 2_000, 1);
    let other = put(&bench, 2, 0, 2_000, 1);
    assert_eq!(bench.pool.status(), (1, 1));
    let filler = put(&bench, 1, 0, 2_000, 1);
    let last = put(&bench, 3, 0, 2_000, 1);
    assert_eq!(bench.pool.status(), (4, 0));
    let taken: Vec<B256> = bench
        .pool
        .take_executable(BASE_FEE, 9)
        .iter()
        .map(|tx| tx.hash)
        .collect();
    assert_eq!(taken, [other, filler, late, last]);
    assert_eq!(bench.execute_all(), [other, filler, late, last]);
}

#[test]
fn a_replacement_goes_to_the_end() {
    let bench = bench();
    put(&bench, 1, 0, 2_000, 1);
    let other = put(&bench, 2, 0, 2_000, 1);
    let replacement = put(&bench, 1, 0, 2_200, 2);
    assert_eq!(bench.execute_all(), [other, replacement]);
}

#[test]
fn highest_tip_first_as_the_base_fee_moves() {
    let bench = by_tip();
    let hash = |base_fee| bench.pool.next_executable(base_fee).map(|tx| tx.hash);
    let steady = put(&bench, 1, 0, 9_000, 100);
    let capped = put(&bench, 2, 0, 1_500, 400);
    let equal = put(&bench, 3, 0, 9_000, 100);
    assert_eq!(hash(1_000), Some(capped), "tip 400");
    assert_eq!(hash(1_100), Some(capped), "tip 400, just");
    assert_eq!(hash(1_399), Some(capped), "tip 101");
    assert_eq!(hash(1_400), Some(steady), "all tip 100: the first to come");
    assert_eq!(hash(1_401), Some(steady));
    let order = |base_fee| -> Vec<B256> {
        bench
            .pool
            .take_executable(base_fee, 9)
            .iter()
            .map(|tx| tx.hash)
            .collect()
    };
    assert_eq!(order(1_401), [steady, equal, capped]);
    assert_eq!(order(1_501), [steady, equal]);
    assert_eq!(order(1_000), [capped, steady, equal]);
    // A high tip behind a low one waits for it, and then goes first.
    let low = put(&bench, 4, 0, 9_000, 1);
    let behind = put(&bench, 4, 1, 9_000, 8_000);
    assert_eq!(order(1_000), [capped, steady, equal, low, behind]);
    let after = put(&bench, 5, 0, 9_000, 0);
    assert_eq!(order(1_000), [capped, steady, equal, low, behind, after]);
}

#[test]
fn one_that_does_not_pay_holds_up_only_its_sender() {
    for bench in [bench(), by_tip()] {
        let blocked = put(&bench, 1, 0, 1_200, 1);
        let behind = put(&bench, 1, 1, 9_000, 900);
        let other = put(&bench, 2, 0, 9_000, 5);
        let order = |base_fee| -> Vec<B256> {
            bench
                .pool
                .take_executable(base_fee, 9)
                .iter()
                .map(|tx| tx.hash)
                .collect()
        };
        assert_eq!(order(1_201), [other]);
        assert_eq!(bench.pool.next_executable(1_201).unwrap().hash, other);
        assert_eq!(bench.pool.status(), (3, 0));
        let mut all = order(1_200);
        all.sort();
        let mut expected = vec![blocked, behind, other];
        expected.sort();
        assert_eq!(all, expected);
        assert!(order(9_001).is_empty());
        assert!(bench.pool.next_executable(9_001).is_none());
        assert_eq!(order(9_000), [other]);
    }
}

#[test]
fn an_invalid_transaction_makes_a_gap() {
    let bench = bench();
    let key = Key::new(1);
    let first = put(&bench, 1, 0, 2_000, 1);
    let second = put(&bench, 1, 1, 2_000, 1);
    assert_eq!(bench.pool.next_nonce(key.address()), Some(2));
    bench.pool.mark_invalid(&first);
    bench.pool.mark_invalid(&first);
    assert_eq!(bench.pool.status(), (0, 1));
    assert_eq!(bench.pool.next_nonce(key.address()), None);
    assert!(bench.pool.next_executable(BASE_FEE).is_none());
    let again = put(&bench, 1, 0, 3_000, 1);
    assert_eq!(bench.execute_all(), [again, second]);
}

#[test]
fn what_is_demoted_beyond_the_queue_is_dropped() {
    let bench = Bench::new(MempoolConfig {
        queued_per_account_max: 3,
        ..Default::default()
    });
    let hashes: Vec<B256> = (0..8)
        .map(|nonce| put(&bench, 1, nonce, 2_000, 1))
        .collect();
    let mut removals = bench.pool.subscribe_removals();
    bench.pool.mark_invalid(&hashes[0]);
    assert_eq!(bench.pool.status(), (0, 3));
    assert!(
        hashes[1..4].iter().all(|hash| bench.pool.contains(hash)),
        "the lowest nonces stay"
    );
    let mut seen = Vec::new();
    while let Ok(removal) = removals.try_recv() {
        seen.push(removal);
    }
    let dropped = |hash| Removal {
        hash,
        reason: RemovalReason::QueueLimit,
    };
    assert_eq!(
        seen,
        [
            Removal {
                hash: hashes[0],
                reason: RemovalReason::Invalid
            },
            dropped(hashes[7]),
            dropped(hashes[6]),
            dropped(hashes[5]),
            dropped(hashes[4]),
        ]
    );
}

#[test]
fn funds_that_come_and_go_move_transactions() {
    let bench = bench();
    let key = Key::new(1);
    for nonce in 0..3 {
        put(&bench, 1, nonce, 2_000, 1);
    }
    let cost = bench.pool.next_executable(BASE_FEE).unwrap().cost;
    let balance = |balance| AccountState {
        balance,
        ..AccountState::default()
    };
    bench
        .pool
        .account_changed(key.address(), balance(cost * U256::from(2)));
    assert_eq!(bench.pool.status(), (2, 1));
    bench
        .pool
        .account_changed(key.address(), balance(U256::ZERO));
    assert_eq!(bench.pool.status(), (0, 3));
    bench
        .pool
        .account_changed(key.address(), balance(cost * U256::from(3)));
    assert_eq!(bench.pool.status(), (3, 0));
    // The account moved on without the pool.
    bench
        .pool
        .account_changed(key.address(), AccountState { nonce: 2, ..rich() });
    assert_eq!(bench.pool.status(), (1, 0));
    assert_eq!(bench.pool.next_nonce(key.address()), Some(3));
    // And back.
    bench
        .pool
        .account_changed(key.address(), AccountState { nonce: 1, ..rich() });
    assert_eq!(bench.pool.status(), (0, 1));
}

#[test]
fn an_insertion_notices_what_the_account_became() {
    let bench = bench();
    let key = Key::new(1);
    let stale = put(&bench, 1, 0, 2_000, 1);
    put(&bench, 1, 1, 2_000, 1);
    bench.accounts.set_nonce(key.address(), 1);
    let inserted = bench.insert(key.transfer(2, 2_000, 1)).unwrap();
    assert_eq!(inserted.evicted, [stale]);
    assert!(inserted.executable);
    assert_eq!(bench.pool.status(), (2, 0));
    // Marking what has left does nothing.
    bench.pool.mark_executed(&stale);
    assert_eq!(bench.pool.status(), (2, 0));
}

#[test]
fn unwound_transactions_come_back_first_and_in_order() {
    let bench = Bench::new(MempoolConfig {
        transactions_per_account_max: 2,
        ..Default::default()
    });
    let txs: Vec<RecoveredTransaction> = [(1, 0), (2, 0), (1, 1), (1, 2), (3, 0)]
        .map(|(seed, nonce)| Key::new(seed).transfer(nonce, 2_000, 1))
        .to_vec();
    let order: Vec<B256> = txs.iter().map(|tx| tx.hash).collect();
    // What has come since: one that follows on, one with the nonce of an unwound one, another.
    bench.accounts.set_nonce(Key::new(1).address(), 3);
    let follower = put(&bench, 1, 3, 2_000, 1);
    let usurper = put(&bench, 2, 0, 9_000, 900);
    let other = put(&bench, 4, 0, 9_000, 900);
    bench.accounts.set_nonce(Key::new(1).address(), 0);
    let results = bench.pool.reinject(txs.clone(), &bench.accounts, &fees());
    assert!(
        results
            .iter()
            .all(|result| result.as_ref().is_ok_and(|inserted| inserted.executable))
    );
    assert_eq!(results[1].as_ref().unwrap().replaced, Some(usurper));
    assert!(bench.pool.get(&order[0]).unwrap().is_reinjected());
    let mut expected = order.clone();
    expected.extend([follower, other]);
    assert_eq!(bench.execute_all(), expected);

    // A second unwinding, deeper than the first and of what was just put back.
    let results = bench
        .pool
        .reinject(txs[4..].to_vec(), &bench.accounts, &fees());
    assert!(matches!(
        results[0],
        Err(InsertError::NonceTooLow { next: 1, nonce: 0 })
    ));
    bench.accounts.set_nonce(Key::new(3).address(), 0);
    bench.accounts.set_nonce(Key::new(2).address(), 0);
    bench
        .pool
        .reinject(txs[4..].to_vec(), &bench.accounts, &fees());
    bench
        .pool
        .reinject(txs[1..2].to_vec(), &bench.accounts, &fees());
    assert_eq!(bench.execute_all(), [order[1], order[4]]);
}

#[test]
fn unwinding_forgets_the_places_of_what_was_executed() {
    let bench = bench();
    let (a, b) = (Key::new(1), Key::new(2));
    let other = put(&bench, 3, 0, 999, 1);
    let txs = vec![a.transfer(0, 2_000, 1), b.transfer(0, 2_000, 1)];
    for tx in &txs {
        bench.insert(tx.clone()).unwrap();
    }
    // So that the pool keeps the account while the first is executed.
    let behind = put(&bench, 1, 1, 2_000, 1);
    let order = [txs[0].hash, txs[1].hash, behind];
    assert_eq!(bench.execute(), Some(order[0]));
    assert_eq!(bench.execute(), Some(order[1]));
    bench.accounts.set_nonce(a.address(), 0);
    bench.accounts.set_nonce(b.address(), 0);
    bench.pool.reinject(txs, &bench.accounts, &fees());
    assert_eq!(bench.execute_all(), order);
    assert!(bench.pool.contains(&other));
}

#[test]
fn an_unwound_transaction_may_live_on_another_ones_funds() {
    let bench = bench();
    let (giver, taker) = (Key::new(1), Key::new(2));
    let poor = AccountState {
        balance: U256::ZERO,
        ..AccountState::default()
    };
    bench.accounts.set(taker.address(), poor);
    let txs = vec![giver.transfer(0, 2_000, 1), taker.transfer(0, 2_000, 1)];
    let order: Vec<B256> = txs.iter().map(|tx| tx.hash).collect();
    let results = bench.pool.reinject(txs, &bench.accounts, &fees());
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(bench.execute().unwrap(), order[0]);
    bench.accounts.set(taker.address(), rich());
    assert_eq!(bench.execute().unwrap(), order[1]);
}

#[test]
fn unwound_transactions_come_on_top_of_a_full_pool() {
    for (transactions_max, bytes_max) in [(2, usize::MAX), (usize::MAX, 250)] {
        let bench = Bench::new(MempoolConfig {
            transactions_max,
            bytes_max,
            ..Default::default()
        });
        assert!(bench.pool.next_executable(BASE_FEE).is_none());
        let rich = put(&bench, 1, 0, 9_000, 900);
        let richer = put(&bench, 2, 0, 9_000, 901);
        let unwound: Vec<_> = (3..8)
            .map(|seed| Key::new(seed).transfer(0, 2_000, 1))
            .collect();
        let mut expected: Vec<B256> = unwound.iter().map(|tx| tx.hash).collect();
        let results = bench.pool.reinject(unwound, &bench.accounts, &fees());
        let is_in = |result: &Result<Inserted, _>| {
            let inserted = result.as_ref().unwrap();
            inserted.evicted.is_empty() && inserted.executable
        };
        assert!(results.iter().all(is_in));
        // The caps hold for others as before.
        let poor = bench.insert(Key::new(9).transfer(0, 2_000, 1));
        assert!(matches!(
            poor,
            Err(InsertError::PoolFull {
                transactions: 2,
                ..
            })
        ));
        let richest = Key::new(9).transfer(0, 9_000, 902);
        expected.extend([richer, richest.hash]);
        assert_eq!(bench.insert(richest).unwrap().evicted, [rich]);
        assert_eq!(bench.execute_all(), expected);
    }
}

#[test]
fn old_transactions_expire() {
    let bench = Bench::new(MempoolConfig {
        lifetime_secs: 60,
        ..Default::default()
    });
    let first = put(&bench, 1, 0, 2_000, 1);
    let second = put(&bench, 1, 1, 2_000, 1);
    let now = Instant::now();
    assert!(
        bench
            .pool
            .remove_expired(now + Duration::from_secs(59))
            .is_empty()
    );
    let expired = bench.pool.remove_expired(now + Duration::from_secs(61));
    assert_eq!(expired, [first, second]);
    assert!(bench.pool.is_empty());
    assert!(
        bench
            .pool
            .remove_expired(now + Duration::from_secs(99))
            .is_empty()
    );
    put(&bench, 1, 0, 2_000, 1);
}

#[test]
fn content_status_and_persistence() {
    let bench = bench();
    let (a, b) = (Key::new(1), Key::new(2));
    let a0 = put(&bench, 1, 0, 2_000, 1);
    let b3 = put(&bench, 2, 3, 2_000, 1);
    let a1 = put(&bench, 1, 1, 999, 1);
    let content = bench.pool.content();
    assert_eq!(
        content.pending.keys().copied().collect::<Vec<_>>(),
        [a.address()]
    );
    assert_eq!(content.pending[&a.address()][&0].hash, a0);
    assert_eq!(content.pending[&a.address()][&1].hash, a1);
    assert_eq!(content.queued[&b.address()][&3].hash, b3);
    assert_eq!(bench.pool.status(), (2, 1));
    let from = bench.pool.content_from(a.address());
    assert_eq!(
        (from.pending[&a.address()].len(), from.queued.len()),
        (2, 0)
    );
    let from = bench.pool.content_from(Address::ZERO);
    assert!(from.pending.is_empty() && from.queued.is_empty());

    let records = bench.pool.all_encoded();
    assert_eq!(
        records.iter().map(|record| record.0).collect::<Vec<_>>(),
        [a0, b3, a1]
    );
    assert!(records.is_sorted_by_key(|record| record.2));
    let restarted = Bench::new(MempoolConfig::default());
    let raw: Vec<_> = records.into_iter().map(|record| record.1).collect();
    for tx in decode_all(&raw) {
        restarted.insert(tx.unwrap()).unwrap();
    }
    assert_eq!(restarted.pool.status(), (2, 1));
    assert_eq!(restarted.pool.bytes(), bench.pool.bytes());
    bench.pool.clear();
    assert!(bench.pool.is_empty() && bench.pool.next_executable(0).is_none());
    assert_eq!(bench.pool.bytes(), 0);
}

#[test]
fn subscribers_hear_what_becomes_pending_and_what_leaves() {
    let bench = Bench::new(MempoolConfig {
        subscription_capacity: 4,
        ..Default::default()
    });
    let mut pending = bench.pool.subscribe();
    let mut left = bench.pool.subscribe_removals();
    let late = put(&bench, 1, 1, 2_000, 1);
    assert!(pending.try_recv().is_err(), "queued");
    let first = put(&bench, 1, 0, 2_000, 1);
    assert_eq!(pending.try_recv(), Ok(first));
    assert_eq!(pending.try_recv(), Ok(late));
    bench.execute().unwrap();
    assert_eq!(
        left.try_recv(),
        Ok(Removal {
            hash: first,
            reason: RemovalReason::Executed
        })
    );
    for seed in 10..20 {
        bench
            .insert(Key::new(seed).recovered(transfer(0, 2_000, 1)))
            .unwrap();
    }
    assert_eq!(
        pending.try_recv(),
        Err(tokio::sync::broadcast::error::TryRecvError::Lagged(6)),
        "bounded"
    );
    bench.pool.clear();
    let cleared = std::iter::from_fn(|| {
        loop {
            match left.try_recv() {
                Ok(removal) => return Some(removal.reason),
                Err(tokio::sync::broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(_) => return None,
            }
        }
    });
    assert!(
        cleared
            .into_iter()
            .all(|reason| reason == RemovalReason::Cleared)
    );
}

#[test]
fn whoever_is_set_aside_is_passed_over_until_returned() {
    let bench = bench();
    let a0 = put(&bench, 1, 0, 2_000, 1);
    let b0 = put(&bench, 2, 0, 2_000, 1);
    let a1 = put(&bench, 1, 1, 2_000, 1);
    bench.pool.set_aside([&Key::new(1).address()]);
    let taken = |bench: &Bench| -> Vec<B256> {
        let taken = bench.pool.take_executable(BASE_FEE, 9);
        taken.iter().map(|tx| tx.hash).collect()
    };
    assert_eq!(taken(&bench), [b0]);
    assert_eq!(bench.pool.next_executable(BASE_FEE).unwrap().hash, b0);
    assert_eq!(bench.pool.status(), (3, 0), "they are pending all the same");
    // Another transaction in its place is looked at anew.
    let replaced = put(&bench, 1, 0, 3_000, 10);
    assert_eq!(taken(&bench), [b0, replaced, a1]);
    assert!(!bench.pool.contains(&a0));
    bench.pool.set_aside([&Key::new(1).address()]);
    assert_eq!(taken(&bench), [b0]);
    bench.pool.return_aside();
    assert_eq!(bench.execute_all(), [b0, replaced, a1]);
}

#[test]
fn nobody_claims_a_block_for_himself() {
    let bench = bench();
    let with_gas = |gas_limit| {
        Key::new(1).recovered(alloy_consensus::TxEip1559 {
            gas_limit,
            ..transfer(0, 2_000, 1)
        })
    };
    assert!(matches!(
        bench.insert(with_gas(30_000_001)),
        Err(InsertError::GasLimitTooHigh {
            gas_limit: 30_000_001,
            limit: 30_000_000
        })
    ));
    assert!(bench.insert(with_gas(30_000_000)).is_ok());
    // What was in a block once was let in under other limits.
    let unwound = vec![with_gas(30_000_001)];
    let results = bench.pool.reinject(unwound, &bench.accounts, &fees());
    assert!(results[0].is_ok());
}
