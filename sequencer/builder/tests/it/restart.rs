//! What a restart finds again.

use crate::support::{Fixture, Node, Options, transfer};
use openledger_builder::{BuilderConfig, Mode};
use openledger_chain::{GiveWay as _, Sequencer as _, SequencerError};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_node_that_is_killed_within_each_block_time_seals_all_the_same() {
    let fixture = Fixture::new(&Options {
        block_time: 4,
        ..Options::default()
    });
    let config = BuilderConfig {
        mode: Mode::Interval,
        settled: false,
        ..BuilderConfig::default()
    };
    let origins = || vec![fixture.l1(0, 0, Vec::new())];
    let node = fixture.build(config.clone(), origins());
    let transaction = transfer(1, 0);
    node.execute(transaction.clone()).await;
    node.stop();
    assert_eq!(fixture.chain.head().number, 0);
    // Each run is much shorter than a block time; together they are longer.
    let begun = Instant::now();
    while fixture.chain.head().number == 0 {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "the block was never sealed"
        );
        let node = fixture.build(config.clone(), origins());
        assert!(node.chain.open_block().is_some() || node.chain.head().number > 0);
        tokio::time::sleep(Duration::from_millis(500)).await;
        node.stop();
    }
    assert!(begun.elapsed() < Duration::from_secs(8));
    let block = fixture.chain.block(1).unwrap().expect("it was sealed");
    let transactions = &block.block.body.transactions;
    assert_eq!(transactions[1].tx_hash(), transaction.hash);
}

/// A chain whose open block was interrupted, and whose time is over, on a builder that gives way.
async fn interrupted() -> (Fixture, Node) {
    let fixture = Fixture::new(&Options::default());
    let origins = || vec![fixture.l1(0, 0, Vec::new())];
    let config = BuilderConfig {
        mode: Mode::Interval,
        settled: false,
        ..BuilderConfig::default()
    };
    // Nothing is sealed by itself before it is killed.
    let node = fixture.build(crate::support::manual(), origins());
    node.execute(transfer(1, 0)).await;
    node.stop();
    let node = fixture.build(
        BuilderConfig {
            gives_way: true,
            ..config
        },
        origins(),
    );
    (fixture, node)
}

async fn sealed(node: &Node, number: u64) {
    let begun = Instant::now();
    while node.chain.head().number < number {
        assert!(begun.elapsed() < Duration::from_secs(60), "never sealed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn nothing_is_built_before_derivation_is_done_and_what_comes_meanwhile_waits() {
    let (_fixture, node) = interrupted().await;
    assert!(!node.handle.is_active());
    assert_eq!(
        node.chain.open_block().map(|open| open.transactions.len()),
        Some(2)
    );
    // An answer means that the thread has had its turn.
    for nonce in 1..4 {
        node.wait(transfer(1, nonce)).await;
    }
    assert_eq!(node.chain.head().number, 0);
    let refused = node.handle.start(Default::default()).await.unwrap_err();
    assert!(refused.to_string().contains("waits"), "{refused}");

    node.handle.go_on();
    assert!(node.handle.is_active());
    sealed(&node, 1).await;
    let first = node.chain.block(1).unwrap().expect("it was sealed");
    assert_eq!(
        first.block.body.transactions[1].tx_hash(),
        transfer(1, 0).hash
    );
    sealed(&node, 2).await;
    let waited = transfer(1, 3).hash;
    assert!(!node.mempool.contains(&waited));
    node.stop();
}

#[tokio::test]
async fn a_builder_that_is_stopped_while_it_waits_seals_nothing_and_stays_stopped() {
    let (fixture, node) = interrupted().await;
    node.handle.stop().await.unwrap();
    assert!(matches!(
        node.handle.stop().await,
        Err(SequencerError::Already { .. })
    ));
    node.handle.go_on();
    node.wait(transfer(1, 1)).await;
    assert!(!node.handle.is_active());
    assert_eq!(fixture.chain.head().number, 0);
    // What was promised comes first all the same.
    node.handle
        .start(fixture.chain.head().hash())
        .await
        .unwrap();
    sealed(&node, 1).await;
    let first = fixture.chain.block(1).unwrap().expect("it was sealed");
    assert_eq!(
        first.block.body.transactions[1].tx_hash(),
        transfer(1, 0).hash
    );
    node.stop();
}
