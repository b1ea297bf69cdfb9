//! The L1 reorganizes: at every depth, with deposits and batches in the part that goes.

use crate::{Tuning, World, l1::L1, until};
use anyhow::{Context as _, Result, bail, ensure};
use openledger_batcher::DataAvailability;
use openledger_chain::origin_of;
use openledger_testing::wallet::Wallet;
use std::time::Duration;

/// Depths of one run, from which the seed takes an order.
const DEPTHS: [u64; 7] = [1, 2, 3, 5, 8, 13, 21];
/// L1 blocks after which the batcher has gone on: far fewer than `BatcherConfig::safe_lag_max`.
const BLOCKS_MAX: u64 = 20;
/// Least time between L1 blocks for which the batcher is watched.
const WATCH_TIME: Duration = Duration::from_millis(300);

/// What becomes of the transactions of the orphaned blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Orphaned {
    /// The new branch includes them at once.
    Moved,
    /// It includes them in its last block.
    Delayed,
    /// The deposits are lost for good.
    WithoutDeposits,
    /// The batches left the pool, too: whoever posted them must notice.
    WithoutBatches,
    /// All are lost.
    Lost,
}

const VARIANTS: [Orphaned; 5] = [
    Orphaned::Moved,
    Orphaned::Delayed,
    Orphaned::WithoutDeposits,
    Orphaned::WithoutBatches,
    Orphaned::Lost,
];

impl World {
    /// A reorganization of this depth.
    pub(crate) fn reorganize(&mut self, depth: u64, variant: Orphaned) {
        let longer = 1 + self.random.below(3);
        let batcher = self.batcher.address();
        let mut l1 = self.l1.state();
        l1.orphan(depth, &|tx| match variant {
            Orphaned::Moved | Orphaned::Delayed => true,
            Orphaned::WithoutDeposits => tx.sender == batcher,
            Orphaned::WithoutBatches => tx.sender != batcher,
            Orphaned::Lost => false,
        });
        if variant == Orphaned::Delayed {
            for _ in 1..depth + longer {
                l1.mine_with(&[], &|_| false);
            }
            l1.mine();
        } else {
            for _ in 0..depth + longer {
                l1.mine();
            }
        }
    }
}

impl<L: L1> World<L> {
    /// L1 blocks with transfers and deposits.
    pub(crate) async fn activity(&mut self, ticks: u64) -> Result<()> {
        for _ in 0..ticks {
            let count = self.random.below(3);
            self.transfers(usize::try_from(count)?, 50).await?;
            if self.random.below(2) == 0 {
                self.deposit().await?;
            }
            self.tick().await?;
        }
        Ok(())
    }

    /// L1 blocks, and time on L2, until a block is safe; answers how many.
    pub(crate) async fn ticks_until_safe(&mut self, number: u64, blocks_max: u64) -> Result<u64> {
        for blocks in 0..=blocks_max {
            if self.safe().await?.number >= number {
                return Ok(blocks);
            }
            self.tick().await?;
            tokio::time::sleep(WATCH_TIME).await;
            self.wait_for_batcher(1).await?;
        }
        let safe = self.safe().await?.number;
        bail!("{blocks_max} L1 blocks later the safe head is {safe}, not {number}")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reorgs_of_all_depths() -> Result<()> {
    let mut world = World::new(Tuning::default()).await?;
    world.ticks(3).await?;
    let mut depths = DEPTHS;
    for index in (1..depths.len()).rev() {
        depths.swap(
            index,
            usize::try_from(world.random.below(index as u64 + 1))?,
        );
    }
    for depth in depths {
        let variant = VARIANTS[usize::try_from(world.random.below(VARIANTS.len() as u64))?];
        println!("reorganization of {depth} blocks: {variant:?}");
        world.activity(depth + 1).await?;
        world.reorganize(depth, variant);
        world.catch_up().await?;
    }
    world.activity(2).await?;
    world.finish().await
}

/// What somebody gets by a deposit is spent, and acknowledged, before the deposit's block is orphaned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lives_on_an_orphaned_deposit_comes_back() -> Result<()> {
    let mut world = World::new(Tuning::default()).await?;
    world.ticks(2).await?;
    let newcomer = Wallet::from_seed(world.random.next(), 0)?;
    let ether = 1_000_000_000_000_000_000;
    world.deposit_to(newcomer.address(), ether).await?;
    world.ticks(2).await?;
    let to = world.random.address();
    let raw = world.sign_as(&newcomer, 0, to, 1, Default::default());
    let hash = world.sequencer()?.submit(&raw).await?;
    world.acknowledged.push(hash);
    world.tick().await?;
    world.reorganize(4, Orphaned::Delayed);
    world.catch_up().await?;
    world.ticks(2).await?;
    world.finish().await
}

/// Two reorganizations, the second of which brings the first branch's blocks' transactions back while
/// both nodes are at work on the first; and one while the sequencer and the verifier are away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reorgs_in_a_row_and_while_nobody_looks() -> Result<()> {
    let mut world = World::new(Tuning::default()).await?;
    world.activity(5).await?;
    for _ in 0..4 {
        let depth = 1 + world.random.below(4);
        world.reorganize(depth, Orphaned::Moved);
    }
    world.catch_up().await?;
    world.activity(3).await?;
    world.kill_sequencer().await?;
    let verifier = world.verifier.take().context("a verifier runs")?;
    verifier.stop().await?;
    let depth = 2 + world.random.below(5);
    world.reorganize(depth, Orphaned::WithoutBatches);
    world.start_verifier()?;
    world.start_sequencer().await?;
    world.catch_up().await?;
    world.activity(2).await?;
    world.finish().await
}

/// Each reorganization takes the last of the L1 origins that a channel's blocks have, and the block that includes it.
/// What is left of these blocks is canonical, and in no channel any more; the safe head is lowered to it first, and
/// further once the new branch is derived.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_batcher_goes_on_where_the_safe_head_falls_back() -> Result<()> {
    let mut world = World::new(Tuning {
        batcher: |config| {
            config.data_availability = DataAvailability::Calldata;
            // Blocks of several L1 origins in a channel.
            config.channel_duration_max = 4;
        },
        ..Tuning::default()
    })
    .await?;
    let mut before = 0;
    for _ in 0..2 {
        world.transfers(2, 50).await?;
        let safe = world.until_safe_beyond(before).await?;
        let depth = world.depth_to_middle_of(before, safe).await?;
        let variant = VARIANTS[usize::try_from(world.random.below(VARIANTS.len() as u64))?];
        println!(
            "reorganization of {depth} blocks, blocks {before} to {safe} were safe: {variant:?}"
        );
        world.reorganize(depth, variant);
        world.catch_up().await?;
        if world.random.below(2) == 0 {
            let depth = 1 + world.random.below(3);
            println!("and of {depth} blocks at once");
            world.reorganize(depth, Orphaned::Moved);
            world.catch_up().await?;
        }
        let sealed = world.sequencer()?.heads().await?.unsafe_head.number;
        let blocks = world.ticks_until_safe(sealed, BLOCKS_MAX).await?;
        let restarts = world.sequencer()?.metric("batcher_restarts_total").await?;
        println!("safe after {blocks} L1 blocks, {restarts} restarts of the batcher");
        before = world.safe().await?.number;
    }
    world.finish().await
}

impl World {
    /// L1 blocks until the safe head is beyond block `number` on both nodes; answers where it is.
    async fn until_safe_beyond(&mut self, number: u64) -> Result<u64> {
        self.ticks_until_safe(number + 1, BLOCKS_MAX).await?;
        let safe = self.safe().await?.number;
        until("the verifier", || async {
            Ok((self.verifier()?.heads().safe.number >= safe).then_some(()))
        })
        .await?;
        Ok(safe)
    }

    /// How many L1 blocks there are above the origin of the middle one of these blocks.
    async fn depth_to_middle_of(&self, after: u64, to: u64) -> Result<u64> {
        let chain = &self.verifier()?.chain;
        let origin = origin_of(chain, after + (to - after).div_ceil(2))?.number;
        ensure!(origin < origin_of(chain, to)?.number, "a single origin");
        Ok(self.l1.head().await?.number - origin)
    }
}
