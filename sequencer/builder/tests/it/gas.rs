//! Transactions that ask for more gas than a block has left.

use crate::support::{BURNER, Fixture, Options, SINK, manual, transaction, transfer};
use openledger_builder::{BuilderConfig, TimeSource};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const GAS_LIMIT: u64 = 6_000_000;

fn fixture() -> Fixture {
    Fixture::new(&Options {
        gas_limit: GAS_LIMIT,
        ..Options::default()
    })
}

#[tokio::test]
async fn a_transaction_that_does_not_fit_lets_others_pass() {
    let fixture = fixture();
    let node = fixture.build(manual(), vec![fixture.l1(0, 0, Vec::new())]);
    let burn = transaction(1, 0, BURNER, 3_000_000);
    node.execute(burn.clone()).await;
    // Asks for nearly all of a block, and would use next to nothing.
    let greedy = transaction(2, 0, SINK, 4_500_000);
    node.wait(greedy.clone()).await;
    // What follows on it waits with it, whatever it asks for.
    let follower = transfer(2, 1);
    node.wait(follower.clone()).await;
    let (second, third) = (transfer(1, 1), transfer(3, 0));
    node.execute(second.clone()).await;
    node.execute(third.clone()).await;
    assert_eq!(node.mine().await, [burn.hash, second.hash, third.hash]);
    // First come, first served, in the next block.
    let late = transfer(3, 1);
    node.execute(late.clone()).await;
    assert_eq!(node.mine().await, [greedy.hash, follower.hash, late.hash]);
    assert!(node.mempool.is_empty());
    node.stop();
}

#[tokio::test]
async fn what_may_take_longer_than_is_left_of_a_block_waits() {
    let fixture = Fixture::new(&Options::default());
    let second = 1_000;
    let genesis = fixture.genesis_time * second;
    let clock = Arc::new(AtomicU64::new(genesis + 700));
    let config = BuilderConfig {
        time: TimeSource::Simulated(clock.clone()),
        ..BuilderConfig::default()
    };
    let node = fixture.build(config, vec![fixture.l1(0, 0, Vec::new())]);
    // At 40 million gas a second it may take half a second, and there is a quarter left; not even as the first.
    let heavy = transaction(1, 0, SINK, 20_000_000);
    node.wait(heavy.clone()).await;
    let light = transfer(2, 0);
    node.execute(light.clone()).await;
    clock.store(genesis + second + 50, Ordering::Release);
    let hashes = |number| {
        let block = node.chain.block(number).unwrap()?;
        let signed = block.block.body.transactions.iter();
        let signed = signed.filter(|tx| !tx.is_deposit());
        Some(signed.map(|tx| tx.tx_hash()).collect::<Vec<_>>())
    };
    let sealed = |number| async move {
        for _ in 0..6_000 {
            if let Some(hashes) = hashes(number) {
                return hashes;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("block {number} is not sealed")
    };
    assert_eq!(sealed(1).await, [light.hash]);
    // It comes first in the next, and is there before that block is due.
    let mut looks = 0;
    while !node.mempool.is_empty() {
        looks += 1;
        assert!(looks < 6_000, "it waits for ever");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    clock.store(genesis + 2 * second + 50, Ordering::Release);
    assert_eq!(sealed(2).await, [heavy.hash]);
    node.stop();
}

#[tokio::test]
async fn a_block_with_little_gas_left_is_full() {
    let fixture = fixture();
    let config = BuilderConfig {
        gas_left_min: 4_000_000,
        ..manual()
    };
    let node = fixture.build(config, vec![fixture.l1(0, 0, Vec::new())]);
    let burn = transaction(1, 0, BURNER, 3_000_000);
    node.execute(burn.clone()).await;
    let small = transfer(3, 0);
    node.wait(small.clone()).await;
    assert_eq!(node.mine().await, [burn.hash]);
    assert_eq!(node.mine().await, [small.hash]);
    node.stop();
}

#[tokio::test]
async fn a_limit_on_data_lets_smaller_transactions_pass() {
    use openledger_chain::Sequencer as _;
    let fixture = fixture();
    let node = fixture.build(manual(), vec![fixture.l1(0, 0, Vec::new())]);
    // Estimates are at least 100 bytes: two transfers and no third.
    assert!(node.handle.set_data_limits(0, 250));
    node.execute(transfer(1, 0)).await;
    node.execute(transfer(2, 0)).await;
    node.wait(transfer(3, 0)).await;
    node.mine().await;
    assert_eq!(node.mine().await, [transfer(3, 0).hash]);
    node.stop();
}

/// Jovian: a block's data is bounded as its gas is, and what doesn't fit waits for the next.
#[tokio::test]
async fn the_data_footprint_bounds_a_block() {
    let fixture = Fixture::new(&Options {
        gas_limit: 15_000_000,
        jovian: Some(65_000),
        ..Options::default()
    });
    let node = fixture.build(manual(), vec![fixture.l1(0, 0, Vec::new())]);
    // 100 bytes each, 6.5 million gas: two and no third.
    let transfers = [transfer(1, 0), transfer(2, 0), transfer(3, 0)];
    node.execute(transfers[0].clone()).await;
    node.execute(transfers[1].clone()).await;
    node.wait(transfers[2].clone()).await;
    let open = node.chain.open_block().expect("a block is open");
    assert_eq!(open.header.blob_gas_used, Some(13_000_000));
    assert_eq!(node.mine().await, [transfers[0].hash, transfers[1].hash]);
    let sealed = node.chain.head();
    assert_eq!(sealed.blob_gas_used, Some(13_000_000));
    assert_eq!(node.mine().await, [transfers[2].hash]);
    assert_eq!(node.chain.head().blob_gas_used, Some(6_500_000));
    node.stop();
}

/// A transaction that no block could hold is refused for good, and those behind it go on.
#[tokio::test]
async fn what_no_block_has_room_for_is_refused() {
    let fixture = Fixture::new(&Options {
        gas_limit: 6_000_000,
        jovian: Some(65_000),
        ..Options::default()
    });
    let node = fixture.build(manual(), vec![fixture.l1(0, 0, Vec::new())]);
    assert!(node.submit(transfer(1, 0)).await.is_err());
    assert!(node.mempool.is_empty());
    node.stop();
}
