//! How fast a verifier derives: L1 blocks read from a simulated L1 over HTTP and verified, blobs included,
//! to blocks that are executed and on the disk. `docs/benchmarks.md` says how to run and read it.
//!
//! `DERIVATION_TRANSFERS`, `DERIVATION_EMPTY` and `DERIVATION_ROUNDS` override the sizes.

use anyhow::{Context as _, Result, ensure};
use openledger_chain::{Derivation, DerivedL1, OnContradiction};
use openledger_l1::{BlobSource, BlobSourceConfig, L1Client, L1Heads, L1Tag, RequestConfig};
use openledger_testing::{
    posted::{Posted, PostedCarrier, PostedOptions},
    process::usage,
};
use std::{
    env,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Transfers, and blocks without any, by default.
const TRANSFERS: u64 = 60_000;
const EMPTY_BLOCKS: u64 = 20_000;
/// Transfers of a block.
const TRANSFERS_A_BLOCK: u64 = 500;
/// Times that each is derived.
const ROUNDS: u64 = 3;
/// Loading the trusted set-up takes seconds: once, before anything is measured.
const WARM_UP: &str = "a blob";

fn setting(name: &str, default: u64) -> Result<u64> {
    match env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name}={text}")),
        Err(_) => Ok(default),
    }
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run())
}

async fn run() -> Result<()> {
    let transfers = setting("DERIVATION_TRANSFERS", TRANSFERS)?;
    let empty_blocks = setting("DERIVATION_EMPTY", EMPTY_BLOCKS)?;
    let rounds = setting("DERIVATION_ROUNDS", ROUNDS)?;
    openledger_l1::BlobSidecar::build(&[WARM_UP])?;
    let base = PostedOptions {
        transfer_blocks: 0,
        transfers: TRANSFERS_A_BLOCK as usize,
        empty_blocks: 0,
        accounts: 1_000,
        span_blocks: 20,
        carrier: PostedCarrier::Both,
        l1_block_time: 12,
        final_depth: 64,
    };
    let with_transfers = |carrier| PostedOptions {
        transfer_blocks: transfers.div_ceil(TRANSFERS_A_BLOCK),
        carrier,
        ..base.clone()
    };
    let empty = PostedOptions {
        empty_blocks,
        // What the batcher would put into a channel of an hour.
        span_blocks: 3_600,
        carrier: PostedCarrier::Calldata,
        ..base.clone()
    };
    for (name, options) in [
        (
            "transfers in calldata",
            with_transfers(PostedCarrier::Calldata),
        ),
        ("transfers in blobs", with_transfers(PostedCarrier::Blobs)),
        ("empty blocks", empty),
    ] {
        if options.transfer_blocks + options.empty_blocks > 0 {
            measure(name, options, rounds).await?;
        }
    }
    Ok(())
}

async fn measure(name: &str, options: PostedOptions, rounds: u64) -> Result<()> {
    let count = options.transfer_blocks * options.transfers as u64;
    let started = Instant::now();
    let posted = Posted::build(options).await?;
    let head = posted.chain.head();
    println!(
        "{name}: {} blocks, {count} transfers, {} bytes in {} L1 blocks (built in {:.1} s)",
        head.number,
        posted.posted_bytes,
        posted.l1.state().head().header.number,
        started.elapsed().as_secs_f64()
    );
    let mut rates = Vec::new();
    for _ in 0..rounds {
        let directory = tempfile::tempdir()?;
        let chain = posted.verifier(&directory.path().join("verifier"), true)?;
        let blobs = BlobSource::new(BlobSourceConfig {
            beacon_urls: vec![posted.l1.url()],
            ..BlobSourceConfig::default()
        })?;
        let client = L1Client::new(&[posted.l1.url()], RequestConfig::default())?;
        let client = client.with_blobs(blobs);
        let last = client.latest().await?;
        let last_number = last.number;
        let (_sender, heads) = watch::channel(L1Heads {
            latest: Some(last),
            safe: None,
            finalized: client.header_by_tag(L1Tag::Finalized).await?,
            reachable: true,
        });
        let (begun, cpu) = (Instant::now(), usage(std::process::id())?.cpu);
        let mut derivation = Derivation::start(
            chain.clone(),
            client,
            heads,
            OnContradiction::Follow,
            |_| true,
        )
        .await?;
        while derivation.next_l1() <= last_number {
            let DerivedL1 { goes_on, .. } = derivation.next().await?.context("there is more")?;
            ensure!(goes_on, "nobody stopped it");
        }
        let (elapsed, cpu) = (begun.elapsed(), usage(std::process::id())?.cpu - cpu);
        ensure!(chain.head().hash() == head.hash(), "another chain came out");
        let units = if count > 0 { count } else { head.number };
        rates.push(rate(units, elapsed));
        println!(
            "  {:.2} s: {:.0} a second, {:.0} blocks a second, {:.1} µs CPU each (the L1's own included)",
            elapsed.as_secs_f64(),
            rate(units, elapsed),
            rate(head.number, elapsed),
            cpu.as_secs_f64() * 1e6 / units as f64
        );
    }
    rates.sort_by(f64::total_cmp);
    if let Some(median) = rates.get(rates.len() / 2) {
        println!("  median {median:.0} a second");
    }
    Ok(())
}

fn rate(units: u64, elapsed: Duration) -> f64 {
    units as f64 / elapsed.as_secs_f64()
}
