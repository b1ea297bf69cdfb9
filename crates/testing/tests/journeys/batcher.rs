//! The batcher: killed, doubled, replaced, and without money.

use crate::{Tuning, World, l1::L1, random, second::SecondBatcher};
use alloy_primitives::{Bytes, U256};
use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, ensure};
use openledger_batcher::DataAvailability;
use openledger_l1::{ThrottleConfig, contracts::SystemConfig};
use openledger_testing::{simulated_l1::Order, wallet::Wallet};
use std::time::Duration;

/// For how long no L1 block comes where the batcher may be at work.
const BATCHER_TIME: Duration = Duration::from_millis(600);

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

impl<L: L1> World<L> {
    /// L1 blocks without the batcher's transactions, until so many of them wait.
    pub(crate) async fn tick_until_waiting(&mut self, count: usize) -> Result<()> {
        let batcher = self.batcher.address();
        let start = tokio::time::Instant::now();
        while self.l1.waiting(batcher).await?.len() < count {
            ensure!(
                start.elapsed() < crate::PATIENCE,
                "fewer than {count} transactions of the batcher wait"
            );
            self.l1.mine_only(batcher, 0).await?;
            self.catch_up().await?;
            self.wait_for_batcher(count).await?;
        }
        Ok(())
    }

    /// Waits until so many of the batcher's transactions wait, though not for long: it may want more blocks
    /// before. Without this, many L1 blocks pass while it makes the proofs of its first blob.
    pub(crate) async fn wait_for_batcher(&self, count: usize) -> Result<()> {
        let start = tokio::time::Instant::now();
        while start.elapsed() < BATCHER_TIME
            && self.l1.waiting(self.batcher.address()).await?.len() < count
        {
            tokio::time::sleep(crate::LOOK).await;
        }
        Ok(())
    }
}

on_each_l1!(
    killed_in_the_middle_of_a_channel,
    two_batchers_at_once,
    rotated_within_a_block,
    an_empty_wallet_is_refilled,
    carriers_take_turns,
);

async fn killed_in_the_middle_of_a_channel<L: L1>() -> Result<()> {
    let Some(mut world) = World::<L>::start(many_transactions()).await? else {
        return Ok(());
    };
    for round in 0..3 {
        world.transfers(12, 400).await?;
        world.tick_until_waiting(3).await?;
        let batcher = world.batcher.address();
        world.l1.mine_only(batcher, 1 + round % 2).await?;
        world.kill_sequencer().await?;
        match world.random.below(4) {
            0 => println!("what waited is forgotten"),
            1 => {
                println!("all is included meanwhile");
                world.l1.mine().await?;
                world.l1.mine().await?;
                world.start_sequencer().await?;
                continue;
            }
            2 => {
                println!("the L1 reorganizes meanwhile");
                world.l1.reorganize(2).await?;
                world.start_sequencer().await?;
                continue;
            }
            _ => {
                println!("it still waits");
                world.start_sequencer().await?;
                continue;
            }
        }
        world.l1.forget(batcher).await?;
        world.start_sequencer().await?;
    }
    world.transfers(2, 100).await?;
    world.ticks(2).await?;
    world.finish().await
}

async fn two_batchers_at_once<L: L1>() -> Result<()> {
    let Some(mut world) = World::<L>::start(many_transactions()).await? else {
        return Ok(());
    };
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

async fn rotated_within_a_block<L: L1>() -> Result<()> {
    let Some(mut world) = World::<L>::start(many_transactions()).await? else {
        return Ok(());
    };
    world.transfers(6, 300).await?;
    world.tick_until_waiting(2).await?;
    // The block that changes the batcher includes a batch of the old one, which no longer counts.
    let call = SystemConfig::setBatcherHashCall {
        newBatcherHash: world.successor.address().into_word(),
    };
    let order = Order::call(world.files.l1.contracts.system_config, call.abi_encode());
    let (old, owner) = (world.batcher.address(), world.owner.address());
    let is_first = world.included_of(old, 0).await?.is_empty();
    let nonce = world.l1.nonce(owner).await?;
    let raw = order.sign(L::CHAIN_ID, &world.owner, nonce);
    world.l1.mine_with(&[raw]).await?;
    let block = world.newest().await?;
    ensure!(block.iter().any(|tx| tx.sender == old));
    let change = block.iter().find(|tx| tx.sender == owner);
    ensure!(change.context("the change")?.receipt.status());
    world.catch_up().await?;
    world.ticks(2).await?;
    // Unless one of its batches got into a block before.
    ensure!(
        !is_first || world.safe().await?.number == 0,
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

async fn an_empty_wallet_is_refilled<L: L1>() -> Result<()> {
    let Some(mut world) = World::<L>::start(many_transactions()).await? else {
        return Ok(());
    };
    world.transfers(2, 100).await?;
    world.ticks(2).await?;
    world.settle().await?;
    let (owner, batcher) = (world.owner.clone(), world.batcher.clone());
    let raw = send_all(&world, &batcher, &owner).await?;
    world.l1.mine_with(&[raw]).await?;
    let block = world.newest().await?;
    let emptying = block.iter().find(|tx| tx.sender == batcher.address());
    ensure!(emptying.context("the transfer")?.receipt.status());
    ensure!(world.l1.balance(batcher.address()).await?.is_zero());
    world.transfers(6, 300).await?;
    let posted = world.l1.nonce(batcher.address()).await?;
    world.ticks(6).await?;
    ensure!(world.l1.nonce(batcher.address()).await? == posted);
    let refill = Order {
        value: U256::from(10_000_000_000_000_000_000_u128),
        ..Order::call(batcher.address(), Vec::new())
    };
    world.l1.order(&refill, &owner).await?;
    world.ticks(2).await?;
    world.finish().await
}

/// All that an account has, to another.
async fn send_all<L: L1>(world: &World<L>, from: &Wallet, to: &Wallet) -> Result<Bytes> {
    let gas_price = 1_000_000_000_000_u128;
    let fee = U256::from(21_000 * gas_price);
    let order = Order {
        value: world.l1.balance(from.address()).await? - fee,
        gas_limit: 21_000,
        max_fee: gas_price,
        // All of it is paid, so that nothing is left.
        tip: gas_price,
        ..Order::call(to.address(), Vec::new())
    };
    let nonce = world.l1.nonce(from.address()).await?;
    Ok(order.sign(L::CHAIN_ID, from, nonce))
}

/// What is carried otherwise waits for what is pending: nodes take transactions with blobs, or without, of an
/// account at a time, and say "address already reserved" to the others. Where an L1 takes both, a block shows
/// whether both were sent.
async fn carriers_take_turns<L: L1>() -> Result<()> {
    let tuning = Tuning {
        batcher: |config| config.data_availability = DataAvailability::Auto,
        // What no block takes for a while is not stuck.
        sender: |config| config.resubmit_after = Duration::from_secs(60),
        ..Tuning::default()
    };
    let Some(mut world) = World::<L>::start(tuning).await? else {
        return Ok(());
    };
    let batcher = world.batcher.address();
    // Blob gas costs a wei: at this base fee blobs are cheaper than calldata, ...
    world.l1.set_base_fee(Some(1_000_000_000));
    world.transfers(8, 400).await?;
    world.tick_until_posted().await?;
    for (base_fee, ballast) in [(1, 50), (1_000_000_000, 3_000)] {
        world.transfers(2, 400).await?;
        world.tick_until_waiting(1).await?;
        let pending = world.l1.waiting(batcher).await?;
        let in_blobs = pending.first().context("it waits")?.is_eip4844();
        ensure!(in_blobs == (base_fee == 1), "it did not switch");
        // ... and at a wei a gas little data is dearer in them, or the other way round.
        world.l1.set_base_fee(Some(base_fee));
        for _ in 0..4 {
            world.transfers(1, ballast).await?;
            world.l1.mine_only(batcher, 0).await?;
            world.catch_up().await?;
        }
        let from = world.l1.head().await?.number + 1;
        let start = tokio::time::Instant::now();
        loop {
            world.tick().await?;
            let included = world.newest().await?;
            let carried = included.iter().filter(|tx| tx.sender == batcher);
            let (blobs, calldata): (Vec<_>, Vec<_>) =
                carried.partition(|tx| tx.envelope.is_eip4844());
            ensure!(blobs.is_empty() || calldata.is_empty(), "both in a block");
            let switched = if in_blobs { calldata } else { blobs };
            if !switched.is_empty() {
                break;
            }
            ensure!(start.elapsed() < crate::PATIENCE, "it does not switch");
            world.transfers(1, ballast).await?;
        }
        // What was pending came first, and was carried as it was.
        let first = world.included_of(batcher, from).await?;
        let first = first.first().context("a transaction")?;
        ensure!(first.envelope.is_eip4844() == in_blobs, "it was replaced");
    }
    world.finish().await
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

/// What is sealed and does not get on L1 limits what blocks take: what is larger waits until L1 has caught up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_are_limited_while_much_waits_for_l1() -> Result<()> {
    const LARGE: usize = 3_000;
    let mut world = World::new(Tuning {
        batcher: |config| {
            config.data_availability = DataAvailability::Calldata;
            config.throttle_limits = ThrottleConfig {
                backlog_start: 2 * LARGE as u64,
                backlog_full: 20 * LARGE as u64,
                block_bytes_start: 2 * LARGE as u64,
                block_bytes_min: LARGE as u64,
                tx_bytes_max: LARGE as u64 / 2,
            };
        },
        ..Tuning::default()
    })
    .await?;
    let batcher = world.batcher.address();
    let start = tokio::time::Instant::now();
    // The first of them are sealed, and wait for L1.
    while world.unsealed().await? == 0 {
        ensure!(start.elapsed() < crate::PATIENCE, "blocks are not limited");
        world.transfer(LARGE).await?;
        for _ in 0..2 {
            world.l1.mine_only(batcher, 0).await?;
            world.catch_up().await?;
        }
    }
    let sequencer = world.sequencer()?;
    let limit = sequencer.metric("batcher_block_bytes_max").await?;
    ensure!(limit <= 2 * LARGE as u64, "{limit} bytes a block");
    let start = tokio::time::Instant::now();
    while world.unsealed().await? > 0 {
        ensure!(start.elapsed() < crate::PATIENCE, "blocks stay limited");
        world.tick().await?;
        world.wait_for_batcher(1).await?;
    }
    world.finish().await
}
