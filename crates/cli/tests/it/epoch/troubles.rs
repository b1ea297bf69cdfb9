//! What goes wrong on a chain: it is reorganized, scores are paused, somebody else is faster, a wrong proposal isn't challenged, nobody
//! earns for too long.

use super::{
    TIMEOUT, close, draft, report, send,
    world::{CHALLENGER, OWNER, PROPOSER, World, query},
};
use alloy_primitives::{Bytes, U256};
use alloy_sol_types::SolCall;
use anyhow::{Context, ensure};
use openledger_client::{Sender, SenderLimits, Step};
use openledger_economy::{
    contracts::InferenceRouter,
    datanet::space_of,
    epoch::{
        audit::{Progress, Purpose},
        finalize::finalize,
        pots::{Key, PotArgs, Stage, current_epoch, settlement},
        scores::SetResult,
        verify::verify,
        watch::Watcher,
    },
};
use openledger_precompiles::{IPausable, SKETCH, lora::ILoraRegistry::Train, sketch::IAttrSketch};
use openledger_primitives::predeploys::{INFERENCE_ROUTER, PARAMETER_TIMELOCK};
use std::collections::BTreeSet;

/// A parent's share, of 10,000, by which no price divides.
const PARENT_BPS: u16 = 3_333;
/// Seconds after which something can be challenged no more, and then carried.
const CHALLENGE_OVER: u64 = 16;
const CARRY_OVER: u64 = 31;

impl World {
    async fn stage(&self, key: Key) -> anyhow::Result<Stage> {
        Stage::of(&settlement(&self.view().await?, key).await?)
    }

    fn watcher(&self, sender: Option<Sender>, finalizes: bool) -> Watcher {
        Watcher::new(self.node.clone(), sender, BTreeSet::new(), finalizes)
    }
}

/// A watcher begins anew when the last block that it saw is gone, also where another one is at its height.
pub(super) async fn reorganized(world: &mut World) -> anyhow::Result<()> {
    let mut watcher = world.watcher(None, false);
    let watched = |watcher: &Watcher| -> Vec<Key> { watcher.watched().collect() };
    watcher.round().await?;
    ensure!(watched(&watcher).is_empty());

    // What was paid isn't any more.
    let (before, snapshot) = (world.node.head().await?, world.snapshot().await?);
    world.serve(1, query([1, 0, 0])).await?;
    watcher.round().await?;
    // The first payment closes the epoch that is over.
    let key = (current_epoch(&world.view().await?).await?, world.adapter);
    ensure!(watched(&watcher) == [key], "{:?}", watched(&watcher));
    let height = world.node.head().await?;
    world.revert(snapshot).await?;
    world.mine(height - before).await?;
    watcher.round().await?;
    ensure!(watched(&watcher).is_empty(), "{:?}", watched(&watcher));

    // What wasn't paid is, in blocks that were looked at.
    let snapshot = world.snapshot().await?;
    world.mine(8).await?;
    watcher.round().await?;
    let height = world.node.head().await?;
    world.revert(snapshot).await?;
    world.serve(1, query([1, 0, 0])).await?;
    let now = world.node.head().await?;
    ensure!(now <= height, "{now} of {height}");
    world.mine(height - now).await?;
    watcher.round().await?;
    ensure!(watched(&watcher) == [key], "{:?}", watched(&watcher));
    Ok(())
}

/// Two watchers that pay at once hinder each other in nothing.
pub(super) async fn two_at_once(world: &World, key: Key) -> anyhow::Result<()> {
    let mut one = world.watcher(Some(world.sender(CHALLENGER)?), true);
    let mut other = world.watcher(Some(world.sender(OWNER)?), true);
    let mut rounds = async || tokio::try_join!(one.round(), other.round());
    tokio::time::timeout(TIMEOUT, rounds()).await??;
    ensure!(world.stage(key).await? == Stage::Settled);
    ensure!(!one.is_troubled() && !other.is_troubled());
    Ok(())
}

/// A wrong proposal that nobody challenged is carried, and nothing else is.
pub(super) async fn unchallenged(world: &mut World) -> anyhow::Result<()> {
    let finalize_once = ["epoch", "watch", "--once", "--finalize", "--mine"];
    world.serve(5, query([0, 1, 1])).await?;
    let wrong = close(world).await?;
    let right = draft(world, wrong).await?;
    let mut results = right.results.clone();
    results[0].shares.reverse();
    let hashes = results.iter().map(SetResult::hash).collect();
    send(world, &right, hashes, false).await?;
    world.pass(CHALLENGE_OVER).await?;
    let (out, err) = world.exits(1, CHALLENGER, &finalize_once)?;
    let log = format!("{out}{err}");
    ensure!(log.contains("wasn't challenged in time"), "{log}");
    let (_, err) = world.exits(1, OWNER, &["epoch", "finalize", "--mine"])?;
    ensure!(err.contains("known to its proposer alone"), "{err}");
    assert_eq!(world.stage((wrong, world.adapter)).await?, Stage::Proposed);
    world.pass(CARRY_OVER).await?;
    let (out, err) = world.exits(1, CHALLENGER, &finalize_once)?;
    ensure!(
        format!("{out}{err}").contains("epoch carried"),
        "{out}{err}"
    );
    assert_eq!(report(world, wrong).await?.progress, Progress::Carried);

    // A right one that can't be paid for another reason waits, however long.
    world.serve(6, query([1, 1, 0])).await?;
    let right = close(world).await?;
    let key = (right, world.adapter);
    let proposal = draft(world, right).await?;
    send(world, &proposal, proposal.hashes(), false).await?;
    world.pass(CHALLENGE_OVER + CARRY_OVER).await?;
    let limits = SenderLimits {
        mine: true,
        gas_max: 100_000,
    };
    let poor = Sender::new(world.node.clone(), world.signer(CHALLENGER)?, limits);
    let mut watcher = world.watcher(Some(poor), true);
    watcher.round().await?;
    ensure!(watcher.is_troubled() && world.stage(key).await? == Stage::Proposed);
    two_at_once(world, key).await
}

/// While scores are paused everything says so, and a wrong proposal is challenged afterwards.
pub(super) async fn paused(world: &mut World) -> anyhow::Result<()> {
    world.serve(4, query([1, 2, 0])).await?;
    let epoch = close(world).await?;
    let key = (epoch, world.adapter);
    let right = draft(world, epoch).await?;
    let until = world.node.time().await? + 60;
    let pause = IPausable::setPausedCall {
        selector: IAttrSketch::scoreInfluenceCall::SELECTOR.into(),
        untilTimestamp: until,
    };
    let data = Bytes::from(pause.abi_encode());
    world.call_as(PARAMETER_TIMELOCK, SKETCH, data).await?;
    let calls = world.calls().display().to_string();
    let propose = ["epoch", "propose", "--calls", &calls, "--mine"];
    let (_, err) = world.exits(1, PROPOSER, &propose)?;
    ensure!(err.contains("governance paused it"), "{err}");

    let mut results = right.results.clone();
    results[0].shares.reverse();
    let hashes = results.iter().map(SetResult::hash).collect();
    send(world, &right, hashes, false).await?;
    let challenge = ["epoch", "challenge", "--mine"];
    let (out, err) = world.exits(0, CHALLENGER, &challenge)?;
    ensure!(out.contains("moved the deadline"), "{out}{err}");
    // There is nothing to do until the pause is over.
    let watch = ["epoch", "watch", "--once", "--finalize", "--mine"];
    world.exits(0, CHALLENGER, &watch)?;
    assert_eq!(world.stage(key).await?, Stage::Proposed);
    let now = world.node.time().await?;
    world.pass((until + 1).saturating_sub(now).max(1)).await?;
    let (out, err) = world.exits(0, CHALLENGER, &watch)?;
    ensure!(
        format!("{out}{err}").contains("proposal refuted"),
        "{out}{err}"
    );
    world.exits(0, PROPOSER, &propose)?;
    world.pass(CHALLENGE_OVER).await?;
    two_at_once(world, key).await
}

/// An adapter without sketch sets pays no contributor; after four epochs it is theirs by Datanets, to the wei.
pub(super) async fn without_sets(world: &mut World) -> anyhow::Result<()> {
    // Embeddings aren't scored; the parent was trained on nothing that is known, which is the treasury's.
    let parent = world.list(2, Vec::new(), Vec::new()).await?;
    let train = Train {
        datanet: space_of(world.datanet),
        sketchSet: world.train(1).await?,
        spanIndex: 0,
        weightBps: 10_000,
    };
    let adapter = world
        .list(3, vec![train], vec![(parent, PARENT_BPS)])
        .await?;
    let first = std::mem::replace(&mut world.adapter, adapter);
    let calls = world.calls().display().to_string();
    let mut expected = U256::ZERO;
    for number in 0..4 {
        world.serve_by(adapter, 2 * number + 1, Vec::new()).await?;
        let epoch = close(world).await?;
        if number == 0 {
            let propose = ["epoch", "propose", "--calls", &calls, "--mine"];
            let (out, err) = world.exits(0, PROPOSER, &propose)?;
            ensure!(out.contains("0 of 16 shown"), "{out}{err}");
            let (out, _) = world.exits(1, CHALLENGER, &["epoch", "challenge", "--mine"])?;
            ensure!(out.contains("right"), "{out}");
        } else {
            let draft = draft(world, epoch).await?;
            draft.send(&mut world.sender(PROPOSER)?).await?;
        }
        world.pass(CHALLENGE_OVER).await?;
        let key = (epoch, adapter);
        finalize(&mut world.sender(OWNER)?, key).await?;
        let paid = report(world, epoch).await?;
        assert_eq!(paid.progress, Progress::Settled);
        let purposes = paid.lines.iter().map(|line| line.purpose);
        let is_last = number == 3;
        let of_contributors: Vec<Purpose> = purposes
            .filter(|purpose| matches!(purpose, Purpose::Carried | Purpose::Residue))
            .collect();
        let due = if is_last {
            Purpose::Residue
        } else {
            Purpose::Carried
        };
        assert_eq!(of_contributors, [due]);
        expected = paid.lines.last().map(|line| line.wei).unwrap_or_default();
    }
    ensure!(expected > U256::ZERO);
    let id = adapter.to_string();
    let residue = ["epoch", "residue", "--adapter", &id, "--mine"];
    let (out, _) = world.exits(0, OWNER, &residue)?;
    ensure!(out.contains("divided"), "{out}");
    // What came of it stands with the next epoch.
    world.serve_by(adapter, 1, Vec::new()).await?;
    let next = close(world).await?;
    let after = report(world, next).await?;
    let parts: Vec<U256> = after
        .lines
        .iter()
        .filter(|line| matches!(line.purpose, Purpose::DatanetResidue { .. }))
        .map(|line| line.wei)
        .collect();
    assert_eq!(parts.len(), 2);
    assert_eq!(parts.iter().sum::<U256>(), expected);
    idle(world, next, &residue, expected).await?;
    world.adapter = first;
    Ok(())
}

/// What is carried for an adapter that nobody uses any more is its Datanets' after four epochs without a payment.
async fn idle(world: &World, last: u64, residue: &[&str], earlier: U256) -> anyhow::Result<()> {
    let key = (last, world.adapter);
    let proposal = draft(world, last).await?;
    proposal.send(&mut world.sender(PROPOSER)?).await?;
    world.pass(CHALLENGE_OVER).await?;
    finalize(&mut world.sender(OWNER)?, key).await?;
    let (out, _) = world.exits(0, OWNER, residue)?;
    ensure!(
        out.contains("nothing is left") && !out.contains("divided"),
        "{out}"
    );
    for _ in 0..4 {
        world.pass(21).await?;
        let close = InferenceRouter::closeEpochCall {};
        let step = Step::call("close", INFERENCE_ROUTER, &close);
        world.sender(OWNER)?.send(step).await?;
    }
    let (out, _) = world.exits(0, OWNER, residue)?;
    ensure!(out.contains("divided"), "{out}");
    let which = PotArgs {
        epoch: None,
        adapter: Some(world.adapter),
    };
    let reports = verify(&world.view().await?, &world.trace().await?, which).await?;
    ensure!(
        reports.iter().all(|report| report.differences.is_empty()),
        "{reports:?}"
    );
    let lines = &reports.last().context("the last epoch")?.lines;
    let of = |is_meant: fn(Purpose) -> bool| -> U256 {
        let meant = lines.iter().filter(|line| is_meant(line.purpose));
        meant.map(|line| line.wei).sum()
    };
    let carried = of(|purpose| purpose == Purpose::Carried);
    ensure!(carried > U256::ZERO && of(|purpose| purpose == Purpose::Residue) == carried);
    let divided = of(|purpose| matches!(purpose, Purpose::DatanetResidue { .. }));
    // The earlier residue stands with this epoch, too.
    assert_eq!(divided, carried + earlier);
    Ok(())
}
