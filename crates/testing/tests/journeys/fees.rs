//! L1 fees: a spike, and blob gas that becomes dear.

use crate::{Tuning, World};
use anyhow::{Result, ensure};
use openledger_batcher::DataAvailability;

const GWEI: u64 = 1_000_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l1_fee_spike() -> Result<()> {
    let mut world = World::new(Tuning {
        batcher: |config| config.data_availability = DataAvailability::Calldata,
        sender: |config| {
            config.fee_target_wei = 20_000_000_000;
            config.fee_max_wei = 100_000_000_000;
        },
        ..Tuning::default()
    })
    .await?;
    let batcher = world.batcher.address();
    world.transfers(2, 100).await?;
    world.ticks(2).await?;
    // Far above what is ever paid: what waits gets stuck, what comes later is not sent.
    world.l1.state().base_fee = Some((200 + world.random.below(1_000)) * GWEI);
    world.tick().await?;
    let posted = world.l1.state().head().account(batcher).nonce;
    world.transfers(4, 200).await?;
    let ticks = 5 + world.random.below(5);
    world.ticks(ticks).await?;
    ensure!(world.l1.state().head().account(batcher).nonce == posted);
    // Above what is paid without hesitation: it waits until that is worth it, or for better times.
    world.l1.state().base_fee = Some(30 * GWEI);
    world.transfers(2, 100).await?;
    world.ticks(3).await?;
    world.l1.state().base_fee = Some(5 * GWEI);
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
