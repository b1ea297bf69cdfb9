//! Eight hours of empty blocks: how fast they are caught up with, and what they cost on the disk.

use anyhow::{Result, ensure};
use openledger_builder::BuilderConfig;
use openledger_testing::fixture::{Fixture, FixtureOptions, L1_BLOCK_TIME};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Eight hours of one-second blocks.
const BLOCKS: u64 = 28_800;
/// Blocks after which the rings of EIP-2935 and EIP-4788 are full, so that the state no longer grows.
const RINGS_FULL: u64 = 9_000;
/// The most that catching up may take here, where nothing is optimized and other tests run beside it.
const PATIENCE: Duration = Duration::from_secs(240);
/// Bytes that an idle chain may write a block, after compaction.
const IDLE_BYTES_MAX: u64 = 3_000;

/// Seconds since the Unix epoch.
fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

/// A chain whose genesis is eight hours ago, as after a night's sleep.
#[test]
fn eight_hours_of_empty_blocks() -> Result<()> {
    let fixture = Fixture::new(FixtureOptions {
        timestamp: now()? - BLOCKS,
        ..Default::default()
    })?;
    let started = Instant::now();
    let builder = fixture.start_builder(BuilderConfig::default(), BLOCKS / L1_BLOCK_TIME)?;
    let mut rings_full = None;
    // The clock goes on meanwhile: caught up is who is on time again.
    while fixture.chain.head().timestamp + 2 < now()? {
        let head = fixture.chain.head().number;
        ensure!(started.elapsed() < PATIENCE, "only at block {head}");
        if rings_full.is_none() && head >= RINGS_FULL {
            fixture.store().compact()?;
            let stats = fixture.store().stats(0)?;
            rings_full = Some((stats.blocks, stats.bytes_on_disk()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = started.elapsed();
    builder.stop()?;
    let blocks = fixture.chain.head().number;
    println!(
        "caught up with {blocks} empty blocks in {took:.1?}: {:.0} blocks/s",
        blocks as f64 / took.as_secs_f64()
    );
    ensure!(blocks >= BLOCKS, "{blocks} blocks");

    fixture.store().compact()?;
    let stats = fixture.store().stats(1_000)?;
    let (blocks, bytes) = rings_full.unwrap_or_default();
    ensure!(
        (RINGS_FULL..BLOCKS).contains(&blocks),
        "measured at block {blocks}"
    );
    let per_block = (stats.bytes_on_disk() - bytes) / (stats.blocks - blocks);
    println!("an idle block costs {per_block} bytes after compaction");
    for family in stats
        .families
        .iter()
        .filter(|family| family.bytes_on_disk > 0)
    {
        println!(
            "  {:<18} {:>10} bytes on disk, {:>5} added by a block before compression",
            family.name, family.bytes_on_disk, family.bytes_per_block
        );
    }
    ensure!(
        per_block <= IDLE_BYTES_MAX,
        "{per_block} bytes a block, {IDLE_BYTES_MAX} are allowed"
    );
    Ok(())
}
