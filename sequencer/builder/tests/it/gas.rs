//! Transactions that ask for more gas than a block has left.

use crate::support::{BURNER, Fixture, Options, SINK, manual, transaction, transfer};
use openledger_builder::BuilderConfig;

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
