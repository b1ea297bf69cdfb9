//! Nothing goes wrong.

use crate::{Tuning, World};
use anyhow::{Result, ensure};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain() -> Result<()> {
    let mut world = World::new(Tuning::default()).await?;
    for _ in 0..6 {
        let count = world.random.below(4);
        world.transfers(count as usize, 100).await?;
        if world.random.below(2) == 0 {
            world.deposit().await?;
        }
        world.tick().await?;
    }
    world.deposit().await?;
    world.finish().await?;
    let safe = world.safe().await?.number;
    ensure!(safe >= 18, "only {safe} blocks");

    // It goes on from there, and a verifier that was away catches up.
    world.verifier.take().expect("it runs").stop().await?;
    world.transfers(3, 1_000).await?;
    world.ticks(3).await?;
    world.start_verifier()?;
    world.finish().await
}
