//! What the L1 holds can't be had for a while: blobs, the beacon node, JSON-RPC, receipts.

use crate::{Tuning, World, l1::L1};
use anyhow::{Context as _, Result, ensure};
use openledger_batcher::DataAvailability;

fn in_blobs() -> Tuning {
    Tuning {
        batcher: |config| config.data_availability = DataAvailability::Blobs,
        ..Tuning::default()
    }
}

impl<L: L1> World<L> {
    /// Ticks until an L1 block has a batch.
    pub(crate) async fn tick_until_posted(&mut self) -> Result<u64> {
        let batcher = self.batcher.address();
        let start = tokio::time::Instant::now();
        while start.elapsed() < crate::PATIENCE {
            self.tick().await?;
            let head = self.l1.head().await?.number;
            let block = self.l1.block(head).await?;
            if block.iter().any(|tx| tx.sender == batcher) {
                return Ok(head);
            }
            self.wait_for_batcher(1).await?;
        }
        anyhow::bail!("nothing is posted")
    }
}

on_each_l1!(missing_then_late_blobs, beacon_down);

async fn missing_then_late_blobs<L: L1>() -> Result<()> {
    let Some(mut world) = World::<L>::start(in_blobs()).await? else {
        return Ok(());
    };
    world.transfers(3, 200).await?;
    world.tick_until_posted().await?;
    world.settle().await?;
    let before = world.verifier()?.heads().safe;

    let from = world.l1.head().await?.number + 1;
    world.l1.withhold_blobs_from(Some(from));
    world.transfers(3, 200).await?;
    world.deposit().await?;
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
    world.l1.withhold_blobs_from(None);
    world.finish().await
}

async fn beacon_down<L: L1>() -> Result<()> {
    let Some(mut world) = World::<L>::start(in_blobs()).await? else {
        return Ok(());
    };
    world.l1.set_beacon_down(true);
    world.transfers(3, 200).await?;
    world.tick_until_posted().await?;
    let ticks = 2 + world.random.below(4);
    world.ticks(ticks).await?;
    ensure!(world.verifier()?.heads().safe.number == 0);
    // The L1 reorganizes while a blob is waited for that is on no branch any more.
    if world.random.below(2) == 0 {
        world.l1.reorganize(2).await?;
        world.catch_up().await?;
    }
    world.l1.set_beacon_down(false);
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
    world.deposit().await?;
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
    world.deposit().await?;
    world.ticks(3).await?;
    world.l1.state().faults.receipts_withheld = false;
    world.finish().await
}
