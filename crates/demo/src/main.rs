//! The demonstration: a small model with LoRA adapters is trained on contributed data, served and paid for on a fresh local
//! chain, and those who made its answers are paid; `docs/demo.md` says what it shows.
//!
//! - [`task`], [`world`]: what is to be learnt, who contributes, who cheats;
//! - [`network`]: the model in candle; [`data`], [`service`]: what the chain sees of data and answers;
//! - [`study`]: what is paid with and without each cheat, and what contributors are worth;
//! - [`chain`]: all of it on a chain; [`verdict`], [`report`]: what came out.

mod chain;
mod data;
mod network;
mod progress;
mod random;
mod report;
mod scratch;
mod service;
mod statistics;
mod study;
mod task;
mod verdict;
mod world;

use alloy_primitives::{B256, U256};
use anyhow::{Context, ensure};
use chain::{Binary, Outcome};
use clap::Parser;
use data::Settled;
use openledger_client::decimal;
use progress::Progress;
use scratch::Scratch;
use std::{path::PathBuf, process::ExitCode};
use study::{EPOCHS, Study, paid_with};
use tokio::signal::unix::{SignalKind, signal};
use verdict::{Condition, Evidence};
use world::{COPIER, Cheats, Contribution, FLOODER, Field, World};

/// Seeds over which the correlation is averaged: the one that is run, and those behind it.
const SEEDS: u64 = 3;

/// Train a small model on contributed data, serve it on a local chain for paid calls, and see who earns what
#[derive(Debug, Parser)]
#[command(name = "openledger-demo", version)]
struct Args {
    /// What data, training and requests follow from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The openledger command
    #[arg(
        long,
        value_name = "FILE",
        env = "OPENLEDGER_BIN",
        required_unless_present = "off_chain"
    )]
    openledger: Option<PathBuf>,
    /// Study the payouts of so many seeds without a chain, by the same integer code, and nothing else
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    off_chain: Option<u64>,
    /// Keep chain, files and logs here, in an empty directory
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let holds = match args.off_chain {
        Some(seeds) => off_chain(args.seed, seeds),
        // What was started ends, and the temporary directory goes, with what is dropped.
        None => tokio::select! {
            holds = on_chain(&args) => holds,
            () = interrupted() => Err(anyhow::anyhow!("interrupted: the chain is stopped")),
        },
    };
    match holds {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Until somebody wants it to end.
async fn interrupted() {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        // It ends at once then, and what it started with it.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

/// Prints the conditions; whether all hold.
fn conclude(conditions: &[Condition]) -> bool {
    println!("{}", report::conditions(conditions));
    conditions.iter().all(|condition| condition.holds)
}

/// So many seeds without a chain; correlations are averaged as on a chain.
fn off_chain(first: u64, seeds: u64) -> anyhow::Result<bool> {
    let last = first.saturating_add(seeds + SEEDS - 1);
    let studies = (first..last)
        .map(Study::new)
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut all = true;
    for (seed, studies) in (first..last).zip(studies.windows(SEEDS as usize)) {
        let [study, others @ ..] = studies else {
            continue;
        };
        let world = World::new(seed);
        let pools = [u128::from(openledger_economy::epoch::scoring::UNITS); EPOCHS];
        let no_copies = Cheats {
            copies: false,
            junk: true,
        };
        let contributions = world.contributions(Field::First, no_copies);
        let without_copies = paid_with(&world, &contributions, seed, &study.drawn, &pools)?;
        println!("seed {seed}");
        all &= conclude(&verdict::conditions(&Evidence {
            paid: &study.paid,
            without_copies: &without_copies,
            splits: (EPOCHS * openledger_economy::epoch::draw::DRAWS) as u128,
            study,
            other_spearmans: &correlations(others),
            steering: study.steering,
        }));
    }
    Ok(all)
}

/// Of payouts with worth, of each of several seeds.
fn correlations(studies: &[Study]) -> Vec<f64> {
    let correlation = |study: &Study| study.worth.spearman(&study.paid);
    studies.iter().map(correlation).collect()
}

/// All of it.
async fn on_chain(args: &Args) -> anyhow::Result<bool> {
    let progress = Progress::start();
    let (directory, _scratch) = match &args.keep {
        Some(directory) => (directory.clone(), None),
        None => {
            let scratch = Scratch::make()?;
            (scratch.path(), Some(scratch))
        }
    };
    let directory = directory.as_path();
    std::fs::create_dir_all(directory)
        .with_context(|| format!("making {}", directory.display()))?;
    ensure!(
        std::fs::read_dir(directory)?.next().is_none(),
        "{} isn't empty: name an empty directory by --keep",
        directory.display()
    );
    let path = args
        .openledger
        .as_deref()
        .context("name the openledger command by --openledger")?;
    let binary = Binary::new(path, directory)?;
    let world = World::new(args.seed);
    // What needs no chain is computed while its windows pass.
    let seed = args.seed;
    let studies = tokio::task::spawn_blocking(move || {
        (seed..seed.saturating_add(SEEDS))
            .map(Study::new)
            .collect::<anyhow::Result<Vec<_>>>()
    });
    let outcome = chain::run(&binary, directory, &world, &progress).await?;
    let studies = studies.await??;
    progress.say(format!(
        "models of {SEEDS} seeds trained without each contributor"
    ));
    let holds = tokio::task::spawn_blocking(move || judge(&world, &outcome, &studies)).await??;
    progress.say(
        if holds {
            "all conditions hold"
        } else {
            "NOT all conditions hold"
        }
        .to_owned(),
    );
    Ok(holds)
}

/// Compares what the chain paid with what it should have, and prints who earned what.
fn judge(world: &World, outcome: &Outcome, studies: &[Study]) -> anyhow::Result<bool> {
    let [study, others @ ..] = studies else {
        anyhow::bail!("there are no studies");
    };
    let expected = study::pay(&outcome.settled, &outcome.results, &outcome.pools)?;
    let without = |left_out: &[usize]| -> Vec<Contribution> {
        let all = outcome.contributions.iter();
        let kept = all.filter(|contribution| !left_out.contains(&contribution.contributor));
        kept.cloned().collect()
    };
    let paid = |contributions: &[Contribution]| {
        paid_with(
            world,
            contributions,
            outcome.set_seed,
            &outcome.drawn,
            &outcome.pools,
        )
    };
    let no_copies = paid(&without(&[COPIER]))?;
    let no_junk = paid(&without(&[FLOODER]))?;
    let neither = paid(&without(&[COPIER, FLOODER]))?;
    // The chain's own sketches: answers that are computed one by one may differ from those of a batch in the last bit.
    let without_copies = {
        let settled = Settled::new(B256::ZERO, &without(&[COPIER]))?;
        let trained = study::Trained::on(world, settled)?;
        let service = trained.service(outcome.set_seed, 1)?;
        study::paid_for(
            &trained.settled,
            &service,
            &outcome.sketches,
            &outcome.pools,
        )?
    };
    println!("\nWhat the chain paid to contributors of the first Datanet\n");
    let earnings = report::Earnings {
        paid: &outcome.paid,
        without: [&no_copies, &no_junk, &neither],
        row_shares: &study.row_shares,
        worth: &study.worth,
    };
    println!("{}\n", report::earnings(&earnings));
    println!(
        "What it paid to those of the second, for the derived adapter\n\n{}\n",
        report::derived(&outcome.derived_paid)
    );
    println!(
        "What everybody claimed, with the bonds that were given back: of contributions, and the proposer's\n\n{}\n",
        report::claims(&outcome.claims)
    );
    let steering = study.steering;
    let derived_names: Vec<&str> = Field::Second
        .honest()
        .filter(|who| outcome.derived_paid.get(*who).is_some_and(|wei| *wei > 0))
        .map(world::name)
        .collect();
    let mut conditions = vec![
        Condition::new(
            format!(
                "{} calls were paid by vouchers; each contributor was paid what the same integers give here",
                outcome.calls
            ),
            "to the wei".to_owned(),
            outcome.paid == expected,
        ),
        Condition::new(
            format!(
                "a dishonest proposal was refuted by the {}",
                outcome.refuted_by
            ),
            "refuted".to_owned(),
            !outcome.refuted_by.is_empty(),
        ),
        Condition::new(
            format!(
                "the derived adapter paid {} whose rows it was trained on, and its parent {} OPEN of its royalties",
                derived_names.join(" and "),
                decimal(U256::from(outcome.parent_royalty))
            ),
            "all of them".to_owned(),
            derived_names.len() == Field::Second.honest().len() && outcome.parent_royalty > 0,
        ),
        Condition::new(
            format!(
                "a verifier with L1 alone has the same block {}",
                outcome.last_block.0
            ),
            format!("{}", outcome.last_block.1),
            outcome.verifier_hash == outcome.last_block.1,
        ),
        Condition::new(
            format!("epoch verify: {}", outcome.verified),
            format!("{} epochs of adapters, no differences", outcome.settlements),
            outcome
                .verified
                .ends_with(&format!(": {}; differences: 0", outcome.settlements)),
        ),
    ];
    conditions.extend(verdict::conditions(&Evidence {
        paid: &outcome.paid,
        without_copies: &without_copies,
        splits: (EPOCHS * openledger_economy::epoch::draw::DRAWS) as u128,
        study,
        other_spearmans: &correlations(others),
        steering,
    }));
    Ok(conclude(&conditions))
}

#[cfg(test)]
mod tests {
    /// The payouts of a world: copies earn nothing more, junk little, the rare class much.
    #[test]
    fn a_seed_holds_without_a_chain() {
        assert!(super::off_chain(1, 1).unwrap());
    }
}
