//! What the L1 holds can't be had for a while: blobs, the beacon node, JSON-RPC, receipts.

use crate::{Tuning, World};
use anyhow::{Context as _, Result, ensure};
use openledger_batcher::DataAvailability;

fn in_blobs() -> Tuning {
    Tuning {
        batcher: |config| config.data_availability = DataAvailability::Blobs,
        ..Tuning::default()
    }
}

impl World {
    /// Ticks until an L1 block has a batch.
    pub(crate) async fn tick_until_posted(&mut self) -> Result<u64> {
        let batcher = self.batcher.address();
        for _ in 0..100 {
            self.tick().await?;
            {
                let l1 = self.l1.state();
                let head = l1.head();
                if head.transactions.iter().any(|tx| tx.sender == batcher) {
                    return Ok(head.header.number);
                }
            }
            tokio::time::sleep(crate::LOOK).await;
        }
        anyhow::bail!("nothing was posted in 100 L1 blocks")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_then_late_blobs() -> Result<()> {
    let mut world = World::new(in_blobs()).await?;
    world.transfers(3, 200).await?;
    world.tick_until_posted().await?;
    world.settle().await?;
    let before = world.verifier()?.heads().safe;

    let from = world.l1.state().head().header.number + 1;
    world.l1.state().faults.blobs_withheld_from = Some(from);
    world.transfers(3, 200).await?;
    world.deposit()?;
    let posted = world.tick_until_posted().await?;
    ensure!(posted >= from);
    let more = 2 + world.random.below(6);
    world.ticks(more).await?;
    // Both go on sealing and serving, and neither takes a batch that it can't read for none.
    let waiting = world.verifier()?.heads().safe;
    ensure!(waiting == before, "{waiting:?} is safe without its blobs");
    ensure!(world.sequencer()?.heads().await?.unsafe_head.number > before.number + 6);
    if world.random.below(2) == 0 {
        // A verifier that starts now waits as well.
        let verifier = world.verifier.take().context("it runs")?;
        verifier.stop().await?;
        world.start_verifier()?;
    }
    world.l1.state().faults.blobs_withheld_from = None;
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beacon_down() -> Result<()> {
    let mut world = World::new(in_blobs()).await?;
    world.l1.state().faults.beacon_down = true;
    world.transfers(3, 200).await?;
    world.tick_until_posted().await?;
    let ticks = 2 + world.random.below(4);
    world.ticks(ticks).await?;
    ensure!(world.verifier()?.heads().safe.number == 0);
    // The L1 reorganizes while a blob is waited for that is on no branch any more.
    if world.random.below(2) == 0 {
        world.l1.state().reorganize(2);
        world.catch_up().await?;
    }
    world.l1.state().faults.beacon_down = false;
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rpc_down_and_lagging() -> Result<()> {
    let mut world = World::new(Tuning::default()).await?;
    world.transfers(2, 50).await?;
    world.ticks(3).await?;
    // Nothing of the L1 can be read: blocks go on with the origin that they have.
    world.l1.state().faults.rpc_down = true;
    world.transfers(2, 50).await?;
    world.ticks(4).await?;
    world.l1.state().faults.rpc_down = false;
    world.be_seen().await?;
    world.deposit()?;
    world.ticks(2).await?;
    // An endpoint that is behind, and one that has no receipts yet.
    world.l1.state().faults.lag = 1 + world.random.below(5);
    world.transfers(2, 50).await?;
    world.ticks(3).await?;
    {
        let mut l1 = world.l1.state();
        l1.faults.lag = 0;
        l1.faults.receipts_withheld = true;
    }
    world.deposit()?;
    world.ticks(3).await?;
    world.l1.state().faults.receipts_withheld = false;
    world.finish().await
}
