//! Insertions by several threads while a builder executes.

use crate::support::{Accounts, BASE_FEE, Key, fees};
use openledger_mempool::{Mempool, MempoolConfig};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};

const THREADS: u64 = 3;
const SENDERS: u64 = 4;
const NONCES: u64 = 60;

#[test]
fn every_transaction_is_executed_once_in_nonce_order() {
    let pool = Mempool::new(MempoolConfig::default());
    let accounts = Accounts::default();
    let inserted = AtomicBool::new(false);
    let mut executed: BTreeMap<_, u64> = BTreeMap::new();
    thread::scope(|scope| {
        let inserters: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (pool, accounts) = (&pool, &accounts);
                scope.spawn(move || {
                    // The threads' senders differ, so that each knows what it may expect.
                    let keys: Vec<Key> = (0..SENDERS)
                        .map(|sender| Key::new(thread * SENDERS + sender))
                        .collect();
                    for nonce in 0..NONCES {
                        for key in &keys {
                            let tx = key.transfer(nonce, 2_000, 1);
                            let result = pool.insert(tx, accounts, &fees()).unwrap();
                            assert!(result.executable, "nonce {nonce} follows on");
                        }
                    }
                })
            })
            .collect();
        let builder = scope.spawn(|| {
            let mut executed: BTreeMap<_, u64> = BTreeMap::new();
            loop {
                // Before the look: else a last insertion could slip between the two.
                let last = inserted.load(SeqCst);
                let Some(tx) = pool.next_executable(BASE_FEE) else {
                    if last {
                        return executed;
                    }
                    thread::yield_now();
                    continue;
                };
                let next = executed.entry(tx.sender).or_default();
                assert_eq!(tx.nonce(), *next);
                *next += 1;
                accounts.set_nonce(tx.sender, *next);
                pool.mark_executed(&tx.hash);
            }
        });
        for inserter in inserters {
            inserter.join().unwrap();
        }
        inserted.store(true, SeqCst);
        executed = builder.join().unwrap();
    });
    assert_eq!(executed.len() as u64, THREADS * SENDERS);
    assert!(executed.values().all(|count| *count == NONCES));
    assert!(pool.is_empty());
}
