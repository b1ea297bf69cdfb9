//! Journeys: a real sequencer (builder, batcher, L1 sender with its journal) and a real verifier (L1 and
//! chain files only) through everything that an L1 may do to them, on the simulated L1 and, where that
//! can be made to do it, on anvil ([`l1::L1`], `on_each_l1`).
//!
//! A [`World`] is the L1, the chain on it, its users, and both nodes; time is the test's: no L1 block
//! comes and no second passes unless the journey says so. What a journey chooses (amounts, depths, what
//! is left out) follows from the seed in `JOURNEY_SEED`, which each prints; which of two nodes acts first
//! does not, so that a journey must come out well either way. Each ends with [`World::settle`] and
//! [`World::check`]: verifier = sequencer in heads, hashes and output roots, unsafe = safe, and every
//! acknowledged transaction and every deposit in the chain.
//!
//! The long form runs many seeds: `scripts/journeys.sh --seeds N`. Start reading at [`plain`].

/// Tests of journeys that any L1 can be gone through with: `NAME::simulated`, and `NAME::anvil`.
macro_rules! on_each_l1 {
    ($($journey:ident),+ $(,)?) => { $(
        mod $journey {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn simulated() -> anyhow::Result<()> {
                super::$journey::<openledger_testing::simulated_l1::SimulatedL1>().await
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn anvil() -> anyhow::Result<()> {
                super::$journey::<crate::anvil::AnvilL1>().await
            }
        }
    )+ };
}

mod absent;
mod adversary;
mod anvil;
mod availability;
mod batcher;
mod beacon;
mod cancel;
mod check;
mod fees;
mod fork;
mod independent;
mod jovian;
mod l1;
mod plain;
mod record;
mod reorg;
mod restart;
mod second;
mod sending;
mod sequencer;
mod verifier;
mod world;

use openledger_testing::load::Random;
use std::{future::Future, time::Duration};
use tokio::time::Instant;
pub(crate) use world::{Site, Tuning, World};

/// How long a condition may take to come true on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between looks at it.
const LOOK: Duration = Duration::from_millis(10);

/// The seed of this run, printed so that a failure can be repeated.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("JOURNEY_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    println!("JOURNEY_SEED={seed}");
    if std::env::var_os("JOURNEY_LOG").is_some() {
        let filter = tracing_subscriber::EnvFilter::from_env("JOURNEY_LOG");
        // Another journey in this process may have set it.
        let _ = tracing_subscriber::fmt().with_env_filter(filter).try_init();
    }
    seed
}

/// The generator of this run's choices.
pub(crate) fn random() -> Random {
    Random::new(seed())
}

/// Looks until there is something to see.
///
/// # Errors
/// If that takes longer than [`PATIENCE`], or a look fails.
pub(crate) async fn until<T, F>(what: &str, mut look: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Option<T>>>,
{
    let start = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        anyhow::ensure!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(LOOK).await;
    }
}
