//! The batcher: killed, doubled, replaced, and without money.

use crate::{Tuning, World, random, second::SecondBatcher};
use alloy_primitives::U256;
use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, ensure};
use openledger_batcher::DataAvailability;
use openledger_l1::contracts::SystemConfig;
use openledger_testing::{simulated_l1::Order, wallet::Wallet};
use std::time::Duration;

/// Channels of several small transactions of calldata.
fn many_transactions() -> Tuning {
    Tuning {
        batcher: |config| {
            config.data_availability = DataAvailability::Calldata;
            config.tx_bytes_target = 1_200;
            config.channel_txs_target = 5;
        },
        ..Tuning::default()
    }
}

impl World {
    /// L1 blocks without the batcher's transactions, until so many of them wait.
    async fn tick_until_waiting(&mut self, count: usize) -> Result<()> {
        let batcher = self.batcher.address();
        for _ in 0..200 {
            if self.l1.state().pool.of(batcher).count() >= count {
                return Ok(());
            }
            self.l1.state().mine_with(&[], &|tx| tx.sender != batcher);
            self.catch_up().await?;
            tokio::time::sleep(crate::LOOK).await;
        }
        anyhow::bail!("fewer than {count} transactions of the batcher wait")
    }

    /// An L1 block with the first so many of those that wait of the batcher's.
    fn mine_first(&mut self, count: u64) {
        let batcher = self.batcher.address();
        let mut l1 = self.l1.state();
        let next = l1.head().account(batcher).nonce;
        l1.mine_with(&[], &|tx| {
            use alloy_consensus::Transaction as _;
            tx.sender != batcher || tx.envelope.nonce() < next + count
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_of_a_channel() -> Result<()> {
    let mut world = World::new(many_transactions()).await?;
    for round in 0..3 {
        world.transfers(12, 400).await?;
        world.tick_until_waiting(3).await?;
        world.mine_first(1 + round % 2);
        world.kill_sequencer().await?;
        let batcher = world.batcher.address();
        match world.random.below(4) {
            0 => println!("what waited is forgotten"),
            1 => {
                println!("all is included meanwhile");
                world.l1.state().mine();
                world.l1.state().mine();
                world.start_sequencer().await?;
                continue;
            }
            2 => {
                println!("the L1 reorganizes meanwhile");
                world.l1.state().reorganize(2);
                world.start_sequencer().await?;
                continue;
            }
            _ => {
                println!("it still waits");
                world.start_sequencer().await?;
                continue;
            }
        }
        world.l1.state().pool.forget(Some(batcher));
        world.start_sequencer().await?;
    }
    world.transfers(2, 100).await?;
    world.ticks(2).await?;
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_batchers_at_once() -> Result<()> {
    let mut world = World::new(many_transactions()).await?;
    world.transfers(4, 200).await?;
    world.ticks(3).await?;
    let second = SecondBatcher::start(&mut world).await?;
    for _ in 0..6 {
        world.transfers(3, 300).await?;
        world.tick().await?;
        tokio::time::sleep(2 * crate::LOOK).await;
    }
    second.stop().await?;
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotated_within_a_block() -> Result<()> {
    let mut world = World::new(many_transactions()).await?;
    world.transfers(6, 300).await?;
    world.tick_until_waiting(2).await?;
    // The block that changes the batcher includes a batch of the old one, which no longer counts.
    let call = SystemConfig::setBatcherHashCall {
        newBatcherHash: world.successor.address().into_word(),
    };
    let order = Order::call(world.files.l1.contracts.system_config, call.abi_encode());
    let block = {
        let mut l1 = world.l1.state();
        let raw = l1.sign(&order, &world.owner, 0);
        l1.mine_with(&[raw], &|_| true)
    };
    let (old, owner) = (world.batcher.address(), world.owner.address());
    ensure!(block.transactions.iter().any(|tx| tx.sender == old));
    let change = block.transactions.iter().find(|tx| tx.sender == owner);
    ensure!(change.context("the change")?.receipt.status());
    let safe = world.safe().await?;
    world.catch_up().await?;
    world.ticks(2).await?;
    ensure!(
        world.safe().await? == safe,
        "a batch of the old batcher counted"
    );
    world.kill_sequencer().await?;
    let successor = world.successor.clone();
    world.start_sequencer_as(&successor).await?;
    world.batcher = successor;
    world.transfers(2, 100).await?;
    world.ticks(3).await?;
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_wallet_is_refilled() -> Result<()> {
    let mut world = World::new(many_transactions()).await?;
    world.transfers(2, 100).await?;
    world.ticks(2).await?;
    world.settle().await?;
    let (owner, batcher) = (world.owner.clone(), world.batcher.clone());
    let empty = |world: &World| send_all(world, &batcher, &owner);
    let raw = empty(&world);
    world.l1.state().mine_with(&[raw], &|_| true);
    ensure!(world.l1.state().head().transactions[0].receipt.status());
    world.transfers(6, 300).await?;
    let posted = world.l1.state().head().account(batcher.address()).nonce;
    world.ticks(6).await?;
    ensure!(world.l1.state().head().account(batcher.address()).nonce == posted);
    let refill = Order {
        value: U256::from(10_000_000_000_000_000_000_u128),
        ..Order::call(batcher.address(), Vec::new())
    };
    world.l1.state().order(&refill, &owner)?;
    world.ticks(2).await?;
    world.finish().await
}

/// All that an account has, but a little for nothing.
fn send_all(world: &World, from: &Wallet, to: &Wallet) -> alloy_primitives::Bytes {
    let l1 = world.l1.state();
    let gas_price = 1_000_000_000_000_u128;
    let fee = U256::from(21_000 * gas_price);
    let order = Order {
        value: l1.head().account(from.address()).balance - fee,
        gas_limit: 21_000,
        max_fee: gas_price,
        // All of it is paid, so that nothing is left.
        tip: gas_price,
        ..Order::call(to.address(), Vec::new())
    };
    l1.sign(&order, from, 0)
}

/// What becomes of a transaction that keeps the batcher's from the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reserving {
    /// The pool drops it.
    Forgotten,
    /// A block includes it.
    Included,
    /// The sender replaces it.
    Replaced,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn address_already_reserved() -> Result<()> {
    let fate = match random().below(3) {
        0 => Reserving::Forgotten,
        1 => Reserving::Included,
        _ => Reserving::Replaced,
    };
    println!("{fate:?}");
    let mut world = World::new(Tuning {
        // After this time the sender helps itself; what is refused is tried again four times as often.
        sender: match fate {
            Reserving::Replaced => |config| config.resubmit_after = Duration::from_millis(400),
            _ => |config| config.resubmit_after = Duration::from_secs(20),
        },
        ..many_transactions()
    })
    .await?;
    world.transfers(2, 100).await?;
    world.ticks(2).await?;
    world.settle().await?;
    // Somebody left a transaction with a blob in the pool that no block takes at its price.
    let inbox = world.files.rollup.batch_inbox_address;
    let left = Order {
        blobs: vec![Default::default()],
        max_fee: 3_000_000_000,
        max_blob_fee: 1,
        tip: 1,
        ..Order::call(inbox, Vec::new())
    };
    let batcher = world.batcher.clone();
    let from = {
        let mut l1 = world.l1.state();
        // Blob gas is dear.
        l1.excess_blob_gas = Some(100_000_000);
        l1.mine();
        l1.order(&left, &batcher)?;
        l1.head().header.number + 1
    };
    world.transfers(4, 300).await?;
    world.ticks(6).await?;
    match fate {
        Reserving::Replaced => {}
        Reserving::Forgotten => world.l1.state().pool.forget(Some(batcher.address())),
        Reserving::Included => world.l1.state().excess_blob_gas = Some(0),
    }
    // A nonce that is used elsewhere is believed after some blocks only.
    let posted = |world: &World| {
        let l1 = world.l1.state();
        let later = l1.blocks()[usize::try_from(from).unwrap_or(0)..].iter();
        let mut included = later.flat_map(|block| &block.transactions);
        included.any(|tx| tx.sender == batcher.address() && !tx.envelope.is_eip4844())
    };
    let start = tokio::time::Instant::now();
    while !posted(&world) {
        ensure!(start.elapsed() < crate::PATIENCE, "nothing is posted");
        world.tick().await?;
        tokio::time::sleep(crate::LOOK).await;
    }
    world.finish().await
}
