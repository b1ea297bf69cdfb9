//! What becomes of transactions when the L1 blocks under them are reorganized away.

use crate::support::{Fixture, Node, Options, deposit, key, manual, transfer};
use alloy_primitives::B256;
use openledger_builder::BuilderConfig;
use openledger_chain::Submission;

/// The account that has nothing but what a deposit brings.
const POOR: u8 = 9;

/// A chain whose block 2 takes a deposit from L1 block 1, and spends of it in blocks 2 and 3.
async fn spend(fixture: &Fixture, config: BuilderConfig) -> (Node, [B256; 3]) {
    let deposits = vec![deposit(key(POOR).address())];
    let origins = vec![fixture.l1(0, 0, Vec::new()), fixture.l1(1, 0, deposits)];
    let node = fixture.build(config, origins);
    // Genesis is too old for its child to take another origin.
    node.mine().await;
    let [first, second, other] = [transfer(POOR, 0), transfer(POOR, 1), transfer(1, 0)];
    node.execute(first.clone()).await;
    assert_eq!(node.mine().await, [first.hash]);
    node.execute(second.clone()).await;
    node.execute(other.clone()).await;
    (node, [first.hash, second.hash, other.hash])
}

#[tokio::test]
async fn a_transaction_whose_deposit_is_not_back_yet_is_held() {
    let fixture = Fixture::new(&Options::default());
    let (node, [first, second, other]) = spend(&fixture, manual()).await;
    let branch = vec![fixture.l1(0, 0, Vec::new()), fixture.l1(1, 1, Vec::new())];
    assert_eq!(node.reorganize(branch).await, 1);
    // The deposit is in neither block, and others need not wait for it.
    assert_eq!(node.mine().await, [other]);
    assert_eq!(node.mine().await, [] as [B256; 0]);
    assert!(node.mempool.contains(&first) && node.mempool.contains(&second));
    let late = transfer(1, 1);
    node.execute(late.clone()).await;
    assert_eq!(node.mine().await, [late.hash]);
    // The block that is open already takes no deposit any more, the next one does.
    let deposits = vec![deposit(key(POOR).address())];
    assert!(node.feed.push(fixture.l1(2, 1, deposits)));
    node.mine().await;
    assert_eq!(node.mine().await, [first, second]);
    assert!(node.mempool.is_empty());
    node.stop();
}

#[tokio::test]
async fn a_held_transaction_survives_a_restart() {
    let fixture = Fixture::new(&Options::default());
    let (node, [first, second, other]) = spend(&fixture, manual()).await;
    let branch = vec![fixture.l1(0, 0, Vec::new()), fixture.l1(1, 1, Vec::new())];
    node.reorganize(branch).await;
    assert_eq!(node.mine().await, [other]);
    node.stop();
    let deposits = vec![deposit(key(POOR).address())];
    let node = fixture.build(manual(), vec![fixture.l1(1, 1, Vec::new())]);
    assert!(node.mempool.contains(&first) && node.mempool.contains(&second));
    assert!(node.feed.push(fixture.l1(2, 1, deposits)));
    let mut mined = node.mine().await;
    mined.extend(node.mine().await);
    assert_eq!(mined, [first, second]);
    node.stop();
}

#[tokio::test]
async fn a_transaction_is_not_held_for_ever() {
    let fixture = Fixture::new(&Options::default());
    let config = BuilderConfig {
        reinjected_hold_blocks: 3,
        ..manual()
    };
    let (node, [first, second, other]) = spend(&fixture, config).await;
    let branch = vec![fixture.l1(0, 0, Vec::new()), fixture.l1(1, 1, Vec::new())];
    node.reorganize(branch).await;
    assert_eq!(node.mine().await, [other]);
    for _ in 0..2 {
        assert!(node.mempool.contains(&first));
        node.mine().await;
    }
    // It failed first in block 2, and for the last time in block 5, which is open. What follows on it was
    // never tried.
    assert!(!node.mempool.contains(&first));
    assert!(node.mempool.contains(&second));
    // One that was never in a block is not held at all.
    assert!(node.submit(transfer(POOR, 0)).await.is_err());
    assert!(matches!(
        node.submit(transfer(1, 1)).await,
        Ok(Submission::Preconfirmed(_))
    ));
    node.stop();
}
