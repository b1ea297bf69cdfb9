//! What a restart finds again.

use crate::support::{Fixture, Options, transfer};
use openledger_builder::{BuilderConfig, Mode};
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
