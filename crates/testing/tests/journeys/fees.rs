//! L1 fees: a spike, and blob gas that becomes dear.

use crate::{Tuning, World, l1::L1, sending::excess_at};
use alloy_consensus::Transaction as _;
use anyhow::{Result, ensure};
use openledger_batcher::DataAvailability;
use std::time::Duration;

const GWEI: u64 = 1_000_000_000;

on_each_l1!(l1_fee_spike);

async fn l1_fee_spike<L: L1>() -> Result<()> {
    let tuning = Tuning {
        batcher: |config| config.data_availability = DataAvailability::Calldata,
        sender: |config| {
            config.fee_target_wei = 20_000_000_000;
            config.fee_max_wei = 100_000_000_000;
        },
        ..Tuning::default()
    };
    let Some(mut world) = World::<L>::start(tuning).await? else {
        return Ok(());
    };
    let batcher = world.batcher.address();
    world.transfers(2, 100).await?;
    world.ticks(2).await?;
    // Far above what is ever paid: what waits gets stuck, what comes later is not sent.
    let spike = (200 + world.random.below(1_000)) * GWEI;
    world.l1.set_base_fee(Some(spike));
    world.tick().await?;
    let posted = world.l1.nonce(batcher).await?;
    world.transfers(4, 200).await?;
    let ticks = 5 + world.random.below(5);
    world.ticks(ticks).await?;
    ensure!(
        world.l1.nonce(batcher).await? == posted,
        "it paid the spike"
    );
    // Above what is paid without hesitation: it waits until that is worth it, or for better times.
    world.l1.set_base_fee(Some(30 * GWEI));
    world.transfers(2, 100).await?;
    world.ticks(3).await?;
    world.l1.set_base_fee(Some(5 * GWEI));
    world.ticks(2).await?;
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn excess_blob_gas_driven_up() -> Result<()> {
    let mut world = World::new(Tuning {
        batcher: |config| config.data_availability = DataAvailability::Auto,
        ..Tuning::default()
    })
    .await?;
    let batcher = world.batcher.address();
    world.transfers(3, 400).await?;
    world.tick_until_posted().await?;
    world.settle().await?;
    let blobs = |world: &World, from: u64| -> (usize, usize) {
        let l1 = world.l1.state();
        let included = l1.blocks()[usize::try_from(from).unwrap_or(0)..]
            .iter()
            .flat_map(|block| &block.transactions)
            .filter(|tx| tx.sender == batcher);
        let (with, without): (Vec<_>, Vec<_>) = included.partition(|tx| tx.envelope.is_eip4844());
        (with.len(), without.len())
    };
    ensure!(blobs(&world, 0).0 > 0, "blobs are cheaper at first");
    // While transactions with blobs wait, blob gas becomes dear, though not too dear for them: calldata
    // is sent once they are included.
    let excess = 85_000_000 + world.random.below(5_000_000);
    world.transfers(3, 400).await?;
    for _ in 0..3 {
        world.l1.state().mine_with(&[], &|tx| tx.sender != batcher);
        world.catch_up().await?;
    }
    world.l1.state().excess_blob_gas = Some(excess);
    world.transfers(3, 400).await?;
    world.ticks(3).await?;
    world.settle().await?;
    let dear = world.l1.state().head().header.number + 1;
    world.transfers(3, 400).await?;
    world.ticks(3).await?;
    world.settle().await?;
    let (with, without) = blobs(&world, dear);
    ensure!(
        without > 0 && with == 0,
        "{with} with blobs, {without} without"
    );
    // And back.
    world.l1.state().excess_blob_gas = Some(0);
    world.tick().await?;
    let cheap = world.l1.state().head().header.number + 1;
    world.transfers(3, 400).await?;
    world.ticks(3).await?;
    world.settle().await?;
    ensure!(blobs(&world, cheap).0 > 0);
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_that_are_too_dear_give_way_to_calldata() -> Result<()> {
    let mut world = World::new(Tuning {
        batcher: |config| config.data_availability = DataAvailability::Auto,
        sender: |config| {
            config.resubmit_after = Duration::from_millis(400);
            config.blob_fee_target_wei = 200_000_000_000;
        },
        ..Tuning::default()
    })
    .await?;
    let batcher = world.batcher.address();
    world.l1.state().base_fee = Some(GWEI / 20);
    // Six blobs wait, and those of the blocks before and after them.
    world.transfers(7, 108_000).await?;
    let wait = |tx: &openledger_testing::simulated_l1::Pooled| tx.sender != batcher;
    for _ in 0..3 {
        world.l1.state().mine_with(&[], &wait);
        world.catch_up().await?;
    }
    crate::until("blobs in the pool", || async {
        let l1 = world.l1.state();
        let blobs = l1.pool.of(batcher).map(|tx| tx.blobs.len()).sum::<usize>();
        Ok((blobs >= 7).then_some(()))
    })
    .await?;
    // More than they offer, and than the ceiling. No time passes, so that it stays where it is.
    let price = 290 + world.random.below(20);
    let dear = world.l1.state().head().header.number + 1;
    world.l1.state().excess_blob_gas = Some(excess_at(price));
    world.l1.state().mine();
    world.be_seen().await?;
    crate::until("cancellations", || async {
        let l1 = world.l1.state();
        let mut waiting = l1.pool.of(batcher);
        Ok(waiting
            .all(|tx| tx.envelope.to() == Some(batcher))
            .then_some(()))
    })
    .await?;
    world.tick().await?;
    world.transfers(2, 200).await?;
    world.finish().await?;
    let l1 = world.l1.state();
    let later = l1.blocks()[usize::try_from(dear).unwrap_or(0)..].iter();
    let included = later.flat_map(|block| &block.transactions);
    let (mut empty, mut blobs, mut calldata) = (0, 0, 0);
    for tx in included.filter(|tx| tx.sender == batcher) {
        match (tx.envelope.to(), tx.envelope.is_eip4844()) {
            (Some(to), _) if to == batcher => empty += 1,
            (_, true) => blobs += 1,
            (_, false) => calldata += 1,
        }
    }
    ensure!(
        empty > 0 && blobs == 0 && calldata >= 6,
        "{empty} empty, {blobs} with blobs, {calldata} without"
    );
    Ok(())
}
