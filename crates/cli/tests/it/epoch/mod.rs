//! Epochs against a node: proposed, verified, finalized and explained to the wei; wrong proposals are found and challenged, also
//! where a contract made them; what nobody proposes is carried.

mod jury;
mod served;
mod troubles;
mod world;

use crate::process::until;
use alloy_primitives::{Address, B256, Bytes, U256, address};
use alloy_sol_types::{SolCall, sol};
use anyhow::{Context, ensure};
use openledger_client::Step;
use openledger_economy::{
    contracts::EpochSettlement,
    epoch::{
        audit::{EpochReport, Progress},
        pots::{PotArgs, Stage, parameter, settlement},
        propose::Draft,
        scores::{Scores, SetResult},
        verify::verify,
    },
    infer::CallsDirectory,
};
use openledger_primitives::predeploys::{EPOCH_SETTLEMENT, VALIDATOR_STAKING};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};
use world::{CHALLENGER, CONTRIBUTORS, DEVELOPER, OWNER, PROPOSER, World, query};

/// Calls within calls: each is two levels of what a tracer shows, and parsers stop at 128.
const DEPTH: usize = 70;
/// How long anything may take on a machine that does other things as well.
const TIMEOUT: Duration = Duration::from_secs(120);
const MULTICALL: Address = address!("cA11bde05977b3631167028862bE2a173976CA11");

sol! {
    struct Call3Value { address target; bool allowFailure; uint256 value; bytes callData; }
    function aggregate3Value(Call3Value[] calls) external payable;
}

/// Sums of a report's lines by payee, wei.
fn by_payee(report: &EpochReport) -> BTreeMap<Address, U256> {
    let mut sums = BTreeMap::new();
    for line in &report.lines {
        if let Some(payee) = line.payee {
            *sums.entry(payee).or_insert(U256::ZERO) += line.wei;
        }
    }
    sums
}

async fn report(world: &World, epoch: u64) -> anyhow::Result<EpochReport> {
    let which = PotArgs {
        epoch: Some(epoch),
        adapter: Some(world.adapter),
    };
    let found = verify(&world.view().await?, &world.trace().await?, which).await?;
    ensure!(
        found.iter().all(|report| report.differences.is_empty()),
        "{:?}",
        found
    );
    found.into_iter().next().context("the epoch has a report")
}

/// Lets the epoch end, closes it and draws its seed. Returns its number.
async fn close(world: &World) -> anyhow::Result<u64> {
    world.pass(21).await?;
    let (out, _) = world.exits(0, PROPOSER, &["epoch", "close", "--mine"])?;
    let number = out.lines().find_map(|line| line.strip_prefix("closed"));
    let number = number.and_then(|line| line.split_whitespace().last());
    ensure!(out.contains("seed"), "{out}");
    Ok(number.context("an epoch was closed")?.parse()?)
}

/// An epoch with requests and a voucher, closed.
async fn epoch(world: &mut World, weights: &[[i32; 3]]) -> anyhow::Result<u64> {
    for (thousands, weights) in (1..).zip(weights) {
        world.serve(thousands, query(*weights)).await?;
    }
    let sketches: Vec<Bytes> = [[1, 2, 0], [0, 1, 1], [1, 0, 1]].map(query).to_vec();
    world.serve_by_voucher(&sketches).await?;
    close(world).await
}

async fn draft(world: &World, epoch: u64) -> anyhow::Result<Draft> {
    let view = world.view().await?;
    let directories = [CallsDirectory::open(&world.calls())?];
    let key = (epoch, world.adapter);
    let draft = Draft::make(&view, key, &directories).await?;
    draft.context("nothing stands")
}

#[tokio::test]
async fn an_epoch_is_settled_to_the_wei() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let number = epoch(&mut world, &[[1, 2, 0], [1, 0, -1], [2, 1, 0]]).await?;
    let calls = world.calls().display().to_string();
    let status = world.json(None, &["epoch", "status"])?;
    ensure!(
        status["pots"][0]["stage"] == "open" && status["pots"][0]["isDrawn"] == true,
        "{status}"
    );

    // Nothing is sent by a dry run.
    let propose = ["epoch", "propose", "--calls", &calls, "--mine"];
    let dry = world.json(PROPOSER, &[&propose[..], &["--dry-run"]].concat())?;
    ensure!(dry["transaction"].is_null() && dry["shown"] == 16, "{dry}");
    let made = world.json(PROPOSER, &propose)?;
    ensure!(
        made["results"] == dry["results"] && made["transaction"].is_string(),
        "{made}"
    );
    // There is nothing to add, and nothing wrong.
    let (out, _) = world.exits(0, PROPOSER, &propose)?;
    ensure!(out.contains("stands"), "{out}");
    let (out, _) = world.exits(1, CHALLENGER, &["epoch", "challenge", "--mine"])?;
    ensure!(out.contains("right"), "{out}");

    // What will be paid is known before.
    let expected = report(&world, number).await?;
    assert_eq!(expected.progress, Progress::Proposed);
    let (_, err) = world.exits(1, OWNER, &["epoch", "finalize", "--mine"])?;
    ensure!(err.contains("challenged"), "{err}");
    let mut before = BTreeMap::new();
    let payees = by_payee(&expected);
    for payee in payees.keys() {
        before.insert(*payee, world.claimable(*payee).await?);
    }
    world.pass(16).await?;
    world.exits(0, OWNER, &["epoch", "finalize", "--mine"])?;
    let paid = report(&world, number).await?;
    assert_eq!(paid.progress, Progress::Settled);
    let wei = |report: &EpochReport| -> Vec<(String, U256)> {
        let lines = report.lines.iter();
        lines
            .map(|line| (line.purpose.to_string(), line.wei))
            .collect()
    };
    assert_eq!(wei(&paid), wei(&expected));
    // Everybody was credited that, and everything that came in went somewhere: 5 % are the platform's.
    let bond = parameter(&world.view().await?, "proposalBond").await?;
    for (payee, sum) in &payees {
        if *payee == VALIDATOR_STAKING {
            continue;
        }
        let mut credited = world.claimable(*payee).await? - before[payee];
        if *payee == world.address(PROPOSER)? {
            credited -= bond;
        }
        assert_eq!(credited, *sum, "{payee}");
    }
    let everything: U256 = paid.lines.iter().map(|line| line.wei).sum();
    let (fees, platform) = (U256::from(paid.fees), U256::from(20));
    ensure!(
        everything >= fees - fees / platform
            && everything < fees - fees / platform + U256::from(20)
    );
    // The third cluster only did harm to some and earns less than the first.
    let owners: Vec<Address> = CONTRIBUTORS
        .iter()
        .map(|account| world.address(*account))
        .collect::<anyhow::Result<_>>()?;
    let earned = |owner: Address| payees.get(&owner).copied().unwrap_or_default();
    ensure!(earned(owners[0]) > U256::ZERO && earned(owners[0]) > earned(owners[2]));
    ensure!(earned(world.address(DEVELOPER)?) > U256::ZERO);

    explained(&world, number, owners[0], earned(owners[0]))?;
    let verified = world.json(None, &["epoch", "verify", &number.to_string()])?;
    ensure!(
        verified[0]["progress"] == "settled"
            && verified[0]["differences"] == Value::Array(Vec::new())
    );
    troubles::without_sets(&mut world).await?;
    world.dev.stop()
}

/// What `explain` says of the first cluster.
fn explained(world: &World, epoch: u64, owner: Address, earned: U256) -> anyhow::Result<()> {
    let name = format!("{}/0", world.datanet);
    let told = world.json(None, &["explain", &name])?;
    let steps = told["upload"]["steps"].as_array().context("steps")?;
    ensure!(steps.len() >= 3, "commit, reveal, settlement: {told}");
    let earning = &told["earnings"][0];
    ensure!(
        earning["epoch"] == epoch
            && earning["draws"]
                .as_array()
                .is_some_and(|draws| draws.len() >= 8)
    );
    ensure!(
        earning["standsOut"] == true && earning["transaction"].is_string(),
        "{earning}"
    );
    let paid: U256 = serde_json::from_value(earning["paid"].clone())?;
    assert_eq!(paid, earned, "{owner} was paid what is explained");
    // By the commitment as well, and as text.
    let step = steps[0]["what"].as_str().context("what")?;
    let hash = step.rsplit(' ').next().context("the hash")?;
    let (out, _) = world.exits(0, None, &["explain", hash])?;
    ensure!(
        out.contains("begins cluster 0") && out.contains(&paid.to_string()),
        "{out}"
    );
    let (_, err) = world.exits(1, None, &["explain", "99/0"])?;
    ensure!(err.contains("no cluster 0"), "{err}");
    Ok(())
}

/// Sends a proposal as it is, by an account or through a contract.
async fn send(
    world: &World,
    draft: &Draft,
    results: Vec<B256>,
    through_contract: bool,
) -> anyhow::Result<()> {
    let bond = parameter(&world.view().await?, "proposalBond").await?;
    let call = EpochSettlement::proposeCall {
        epoch: draft.key.0,
        adapter: draft.key.1,
        scores: draft.scores.encode(),
        results,
    };
    let step = if through_contract {
        // Within calls that are deeper than a parser of JSON goes.
        let (mut target, mut data) = (EPOCH_SETTLEMENT, call.abi_encode());
        for _ in 0..DEPTH {
            let call = Call3Value {
                target,
                allowFailure: false,
                value: bond,
                callData: data.into(),
            };
            (target, data) = (
                MULTICALL,
                aggregate3ValueCall { calls: vec![call] }.abi_encode(),
            );
        }
        Step {
            name: "propose".to_owned(),
            to: target,
            data: data.into(),
            value: U256::ZERO,
        }
    } else {
        Step::call("propose", EPOCH_SETTLEMENT, &call)
    };
    world.sender(PROPOSER)?.send(step.paying(bond)).await?;
    Ok(())
}

#[tokio::test]
async fn wrong_proposals_are_challenged_and_right_ones_finalized_by_the_watcher()
-> anyhow::Result<()> {
    let mut world = World::start().await?;
    troubles::reorganized(&mut world).await?;
    let number = epoch(&mut world, &[[1, 2, 0], [1, 0, 1]]).await?;
    let key = (number, world.adapter);
    let right = draft(&world, number).await?;
    let bond = parameter(&world.view().await?, "proposalBond").await?;
    let challenger = world.address(CHALLENGER)?;
    let watch = ["epoch", "watch", "--once", "--mine"];

    // Shares that don't follow; a witness that isn't one, by a contract; a call that wasn't drawn.
    let mut shares = right.results.clone();
    shares[0].shares.reverse();
    let mut witness = right.clone();
    let mut x = witness.scores.witnesses[0].x[3].to_vec();
    x[0] ^= 0x20;
    witness.scores.witnesses[0].x[3] = x.into();
    let mut undrawn = right.clone();
    let other = undrawn
        .scores
        .draws
        .iter()
        .find(|draw| **draw != right.scores.draws[0]);
    undrawn.scores.draws[0] = other.context("two calls were drawn")?.clone();
    let hashes = |results: &[SetResult]| results.iter().map(SetResult::hash).collect::<Vec<_>>();
    let wrong: [(&Draft, Vec<B256>, bool, &str); 2] = [
        (&right, hashes(&shares), false, "follows from the scores"),
        (&witness, right.hashes(), true, "the witness of draw 3"),
    ];
    for (draft, results, through_contract, why) in wrong {
        send(&world, draft, results, through_contract).await?;
        // Without a key it only says so.
        let (out, err) = world.exits(1, None, &watch)?;
        ensure!(
            format!("{out}{err}").contains("no key to challenge"),
            "{out}{err}"
        );
        let before = world.claimable(challenger).await?;
        let (out, err) = world.exits(0, CHALLENGER, &watch)?;
        let log = format!("{out}{err}");
        ensure!(
            log.contains(why) && log.contains("proposal refuted"),
            "{log}"
        );
        let settled = settlement(&world.view().await?, key).await?;
        assert_eq!(Stage::of(&settled)?, Stage::Open);
        assert_eq!(
            world.claimable(challenger).await? - before,
            bond / U256::from(2)
        );
    }

    // A call that wasn't drawn the chain doesn't take.
    let refused = send(&world, &undrawn, right.hashes(), false).await;
    let refused = format!("{:?}", refused.err().context("a call that wasn't drawn")?);
    ensure!(refused.contains("UnknownDraw"), "{refused}");

    // One that runs finds a wrong one by itself, and may be killed at any time.
    let running = world.spawn(CHALLENGER, &["epoch", "watch", "--interval", "1", "--mine"])?;
    send(&world, &right, hashes(&shares), false).await?;
    let stage = async || Stage::of(&settlement(&world.view().await?, key).await?);
    until("refuted", TIMEOUT, stage, |stage| *stage == Stage::Open).await?;
    let log = running.kill()?;
    ensure!(log.contains("follows from the scores"), "{log}");

    // A right one that shows little is improved by who has more; the watcher then pays it.
    let mut partial = right.scores.clone();
    leave_out(&mut partial, 8);
    let partial = Draft {
        scores: partial,
        results: vec![SetResult::default()],
        ..right.clone()
    };
    send(&world, &partial, partial.hashes(), true).await?;
    let calls = world.calls().display().to_string();
    let improved = world.json(OWNER, &["epoch", "propose", "--calls", &calls, "--mine"])?;
    ensure!(
        improved["improves"] == true && improved["shown"] == 16,
        "{improved}"
    );
    let finalize = [&watch[..], &["--finalize"]].concat();
    let (out, err) = world.exits(0, CHALLENGER, &finalize)?;
    ensure!(
        format!("{out}{err}").contains("proposal is right"),
        "{out}{err}"
    );
    world.pass(31).await?;
    world.exits(0, CHALLENGER, &finalize)?;
    let first = report(&world, number).await?;
    assert_eq!(
        (first.progress, first.proposer),
        (Progress::Settled, Some(world.address(OWNER)?))
    );

    // The next one nobody proposes for: it is carried, and in the one after that clusters earn what they rose by.
    world.serve(2, query([1, 0, 0])).await?;
    let second = close(&world).await?;
    world.pass(32).await?;
    world.exits(0, CHALLENGER, &finalize)?;
    assert_eq!(report(&world, second).await?.progress, Progress::Carried);
    world.serve(3, query([1, -1, 0])).await?;
    let third = close(&world).await?;
    world.json(PROPOSER, &["epoch", "propose", "--calls", &calls, "--mine"])?;
    world.pass(16).await?;
    world.exits(0, CHALLENGER, &finalize)?;
    let last = report(&world, third).await?;
    assert_eq!(last.progress, Progress::Settled);
    ensure!(
        last.pool > last.fees * 45 / 100,
        "what was carried joined: {last:?}"
    );
    troubles::unchallenged(&mut world).await?;
    troubles::paused(&mut world).await?;
    let (out, _) = world.exits(0, None, &["epoch", "verify"])?;
    ensure!(out.contains(": 6; differences: 0"), "{out}");
    world.dev.stop()
}

/// Keeps the first draws only.
fn leave_out(scores: &mut Scores, kept: usize) {
    for draw in scores.draws.iter_mut().skip(kept - 1) {
        *draw = Default::default();
    }
    for witnesses in &mut scores.witnesses {
        for x in witnesses.x.iter_mut().skip(kept - 1) {
            *x = Bytes::new();
        }
        for shift in witnesses.shift.iter_mut().skip(kept - 1) {
            *shift = 0;
        }
    }
}
