//! Questions to juries, from asking to what follows: a sketch is rejected, a row is found right, a question nobody draws for ends.

use super::{
    TIMEOUT, close, draft,
    world::{CHALLENGER, DEVELOPER, OPEN, PROPOSER, WORKER, World, query},
};
use crate::process::until;
use alloy_primitives::{B256, U256, hex};
use alloy_signer::SignerSync;
use anyhow::{Context, ensure};
use openledger_client::Step;
use openledger_economy::{
    contracts::{Jury, Reputation, ValidatorStaking},
    epoch::pots::{Stage, parameter, settlement},
    jury::{Vector, ask_row, finish},
    stake::{self, Role},
    votes::Opinion,
};
use openledger_primitives::predeploys::{JURY, REPUTATION, VALIDATOR_STAKING};
use std::fs;

/// Who votes by the command, and is killed in between.
const INTERRUPTED: u32 = 2;
/// Who finds the same, by calls.
const AGREEING: [u32; 4] = [5, 6, 7, 8];
/// Who finds something else.
const DISAGREEING: u32 = DEVELOPER;
/// Who says nothing.
const SILENT: u32 = 9;
/// A validator's, so much that it stays above the least one after its losses.
const STAKE: u128 = 200 * OPEN;
const DIM: u16 = 64;
const SALT: B256 = B256::repeat_byte(0x5a);

/// When the stages of a question end, seconds.
struct Times {
    commit_end: u64,
    reveal_end: u64,
}

impl World {
    async fn stake(&self, role: Role, account: u32) -> anyhow::Result<U256> {
        let operator = self.address(account)?;
        Ok(stake::pool(&self.node, role, operator).await?.stake)
    }

    /// Lets the chain's time pass up to a moment.
    async fn pass_to(&self, time: u64) -> anyhow::Result<()> {
        let now = self.node.time().await?;
        if now < time {
            self.pass(time - now).await?;
        }
        Ok(())
    }

    async fn times(&self, question: B256) -> anyhow::Result<Times> {
        let call = Jury::questionOfCall { question };
        let info = self.node.ask(JURY, call).await?;
        Ok(Times {
            commit_end: info.commitEnd.to(),
            reveal_end: info.revealEnd.to(),
        })
    }

    async fn reputation(&self, account: u32) -> anyhow::Result<U256> {
        let account = self.address(account)?;
        self.node
            .ask(REPUTATION, Reputation::balanceOfCall { account })
            .await
    }

    async fn ballot(&self, question: B256, account: u32) -> anyhow::Result<Jury::voteOfReturn> {
        let juror = self.address(account)?;
        self.node
            .ask(JURY, Jury::voteOfCall { question, juror })
            .await
    }

    /// A juror's commitment without the command.
    async fn commit(&self, question: B256, account: u32, vector: &Vector) -> anyhow::Result<()> {
        let choice = vector.choice(self.address(account)?, SALT);
        let call = Jury::commitCall { question, choice };
        let step = Step::call("commit", JURY, &call);
        self.sender(account)?.send(step).await.map(drop)
    }

    async fn reveal(&self, question: B256, account: u32, vector: &Vector) -> anyhow::Result<()> {
        let call = Jury::revealCall {
            question,
            juror: self.address(account)?,
            sketch: vector.entries().clone(),
            salt: SALT,
        };
        let step = Step::call("reveal", JURY, &call);
        self.sender(account)?.send(step).await.map(drop)
    }
}

#[tokio::test]
async fn a_jury_s_verdict_takes_effect() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let validators = [&[INTERRUPTED, DISAGREEING, SILENT][..], &AGREEING].concat();
    for account in validators {
        let amount = U256::from(STAKE);
        stake::register(&mut world.sender(account)?, Role::Validator, 0, amount).await?;
    }
    two_votes_of_a_round_are_reported(&world).await?;
    world.serve(1, query([1, 2, 0])).await?;
    let number = close(&world).await?;
    let key = (number, world.adapter);
    let proposal = draft(&world, number).await?;
    proposal.send(&mut world.sender(PROPOSER)?).await?;

    a_sketch_is_rejected(&world, key).await?;

    // Proposed for anew: the call counts without a score now.
    let proposal = draft(&world, number).await?;
    ensure!(proposal.shown() == 0, "{proposal:?}");
    proposal.send(&mut world.sender(PROPOSER)?).await?;
    let other = a_row_is_found_right(&world, key).await?;

    // Of the other one's jury only one voted, and didn't reveal: there is no verdict, and who owed a vote pays.
    let before = world.claimable(world.address(CHALLENGER)?).await?;
    let stake = world.stake(Role::Validator, AGREEING[0]).await?;
    world.pass_to(world.times(other).await?.reveal_end).await?;
    let ended = finish(&mut world.sender(PROPOSER)?, other, false).await?;
    ensure!(!ended.decided, "{ended:?}");
    let left = world.stake(Role::Validator, AGREEING[0]).await?;
    assert_eq!(left, stake / U256::from(100) * U256::from(99));
    let bond = U256::from(2 * OPEN);
    let after = world.claimable(world.address(CHALLENGER)?).await?;
    assert_eq!(after - before, bond);
    let listed = world.json(None, &["jury", "status"])?;
    ensure!(listed.as_array().is_some_and(Vec::is_empty), "{listed}");
    let all = world.json(None, &["jury", "status", "--all"])?;
    let rejected: Vec<_> = all
        .as_array()
        .context("a list")?
        .iter()
        .map(|one| one["rejected"].clone())
        .collect();
    ensure!(
        rejected == [true.into(), false.into(), serde_json::Value::Null],
        "{all}"
    );
    world.dev.stop()
}

/// So much of a hundred of a validator's stake.
fn part(percent: u128) -> U256 {
    U256::from(STAKE / 100 * percent)
}

/// The worker opens nothing: jurors reveal zeros, from which every sketch is too far.
async fn a_sketch_is_rejected(world: &World, key: (u64, u64)) -> anyhow::Result<()> {
    let ask = ["jury", "ask-sketch", "--draw", "3", "--mine"];
    let asked = world.json(CHALLENGER, &ask)?;
    let name = asked["question"].as_str().context("a question")?.to_owned();
    let question: B256 = name.parse()?;
    ensure!(
        asked["stage"] == "drawing"
            && asked["subject"]["draws"].as_array().map(Vec::len) == Some(16),
        "{asked}"
    );
    // The block whose hash draws the jury.
    world.mine(3).await?;

    // One is killed between its commitment and its reveal.
    let vote = ["jury", "vote", &name, "--votes", "votes.json"];
    let running = world.spawn(INTERRUPTED, &[&vote[..], &["--nothing-shown"]].concat())?;
    let committed = async || anyhow::Ok(world.ballot(question, INTERRUPTED).await?.choice);
    until("committed", TIMEOUT, committed, |choice| !choice.is_zero()).await?;
    running.kill()?;

    let nothing = Vector::nothing_shown(DIM);
    let other = Vector::new(query([1, 2, 0]), DIM)?;
    for account in AGREEING {
        world.commit(question, account, &nothing).await?;
    }
    world.commit(question, DISAGREEING, &other).await?;
    let (_, err) = world.exits(1, PROPOSER, &["jury", "finish", &name])?;
    ensure!(err.contains("6 of 7 jurors have committed"), "{err}");
    let elsewhere = ["jury", "vote", &name, "--votes", "other.json"];
    let (_, err) = world.exits(1, PROPOSER, &elsewhere)?;
    ensure!(err.contains("isn't on the jury"), "{err}");
    let told = world.json(SILENT, &["jury", "status", &name])?;
    let shown: String = serde_json::from_value(told["evidence"]["call"]["sketch"].clone())?;
    assert_eq!(shown, hex::encode_prefixed(query([1, 2, 0])));
    ensure!(
        told["evidence"]["call"]["contentHash"].is_string(),
        "{told}"
    );
    let (out, _) = world.exits(0, SILENT, &["jury", "status", "--own"])?;
    ensure!(out.contains("you are on its jury: commit"), "{out}");

    let times = world.times(question).await?;
    world.pass_to(times.commit_end).await?;
    // Without the file the vote is lost; with it the same command goes on.
    let (_, err) = world.exits(1, INTERRUPTED, &elsewhere)?;
    ensure!(err.contains("--votes"), "{err}");
    let revealed = world.json(INTERRUPTED, &vote)?;
    ensure!(revealed["stage"] == "revealing", "{revealed}");
    for account in AGREEING {
        world.reveal(question, account, &nothing).await?;
    }
    world.reveal(question, DISAGREEING, &other).await?;

    world.pass_to(times.reveal_end).await?;
    let before = world.claimable(world.address(CHALLENGER)?).await?;
    let proposer = world.claimable(world.address(PROPOSER)?).await?;
    let (out, _) = world.exits(0, DEVELOPER, &["jury", "finish", &name, "--mine"])?;
    ensure!(out.contains("rejected") && out.contains("10 %"), "{out}");

    assert_eq!(
        world.stake(Role::Worker, WORKER).await?,
        U256::from(90 * OPEN)
    );
    assert_eq!(world.stake(Role::Validator, SILENT).await?, part(99));
    let point = U256::from(OPEN);
    for account in [&[INTERRUPTED][..], &AGREEING].concat() {
        assert_eq!(world.stake(Role::Validator, account).await?, part(100));
        // It fades from the first second on.
        let points = world.reputation(account).await?;
        ensure!(
            points <= point && points > point / U256::from(2),
            "{points}"
        );
    }
    // Disagreeing costs nothing, and earns nothing; signing two votes did.
    assert_eq!(world.stake(Role::Validator, DISAGREEING).await?, part(90));
    assert_eq!(world.reputation(DISAGREEING).await?, U256::ZERO);
    ensure!(world.reputation(CHALLENGER).await? > U256::from(9 * OPEN));
    // The bonds are back, and half of what the worker lost is the asker's; the epoch is open again without the call.
    let after = world.claimable(world.address(CHALLENGER)?).await?;
    ensure!(
        after - before > U256::from((2 + 5) * OPEN),
        "{}",
        after - before
    );
    let view = world.view().await?;
    let bond = parameter(&view, "proposalBond").await?;
    let returned = world.claimable(world.address(PROPOSER)?).await?;
    assert_eq!(returned - proposer, bond);
    let settled = settlement(&view, key).await?;
    assert_eq!(
        (Stage::of(&settled)?, settled.voidDraws),
        (Stage::Open, u16::MAX)
    );
    Ok(())
}

/// Whoever signs two votes for one round pays, whoever shows them.
async fn two_votes_of_a_round_are_reported(world: &World) -> anyhow::Result<()> {
    let round = B256::repeat_byte(1);
    let signer = world.signer(DISAGREEING)?;
    let mut votes = Vec::new();
    for choice in [2, 3].map(B256::repeat_byte) {
        let call = ValidatorStaking::hashVoteCall { round, choice };
        let hash = world.node.ask(VALIDATOR_STAKING, call).await?;
        let signature = signer.sign_hash_sync(&hash)?;
        votes.push(format!(
            "{choice}:{}",
            hex::encode_prefixed(signature.as_bytes())
        ));
    }
    let (validator, round) = (signer.address().to_string(), round.to_string());
    let report = |votes: [&str; 2]| {
        let arguments = [
            "stake", "report", &validator, &round, "--vote", votes[0], "--vote", votes[1],
        ];
        arguments.map(ToOwned::to_owned)
    };
    let same = report([&votes[0], &votes[0]]);
    let (_, err) = world.exits(1, PROPOSER, &same.each_ref().map(String::as_str))?;
    ensure!(err.contains("VotesAgree"), "{err}");
    let both = report([&votes[0], &votes[1]]);
    let (out, _) = world.exits(0, PROPOSER, &both.each_ref().map(String::as_str))?;
    ensure!(out.contains("20 OPEN"), "{out}");
    Ok(())
}

/// Jurors who compute what the chain has; the last one by the command, to the end. Answers another question, which only one voted on.
async fn a_row_is_found_right(world: &World, key: (u64, u64)) -> anyhow::Result<B256> {
    let asked = world.json(CHALLENGER, &["jury", "ask-row", "--row", "1", "--mine"])?;
    let name = asked["question"].as_str().context("a question")?.to_owned();
    let question: B256 = name.parse()?;
    let mut asker = world.sender(CHALLENGER)?;
    let error = ask_row(&mut asker, key, None, 99).await.unwrap_err();
    ensure!(format!("{error:#}").contains("UnknownRow"), "{error:#}");
    let other = ask_row(&mut asker, key, None, 2).await?;
    world.mine(3).await?;
    let told = world.json(None, &["jury", "status", &name])?;
    let row = &told["evidence"]["row"];
    ensure!(
        row["cluster"] == 1 && row["contribution"]["uri"] == "ipfs://1",
        "{told}"
    );
    let entries = row["entries"].as_str().context("entries")?;
    let vector = Vector::new(hex::decode(entries)?.into(), DIM)?;

    // One votes by the juror's loop, which has the juries drawn, too; of the other question it was shown nothing.
    for (question, text) in [(question, entries), (other, "")] {
        fs::write(world.files.path().join(question.to_string()), text)?;
    }
    let command = r#"cat "$OPENLEDGER_QUESTION""#;
    let watch = [
        "jury",
        "watch",
        "--once",
        "--mine",
        "--sketch-command",
        command,
        "--votes",
        "watch.json",
    ];
    world.exits(0, SILENT, &watch)?;
    for question in [question, other] {
        ensure!(!world.ballot(question, SILENT).await?.choice.is_zero());
    }
    let info = world
        .node
        .ask(JURY, Jury::questionOfCall { question })
        .await?;
    // The set's owner answers for the row, and isn't drawn.
    let owner = world.address(DEVELOPER)?;
    ensure!(
        info.jurors.len() == 6 && !info.jurors.contains(&owner),
        "{info:?}"
    );
    for account in AGREEING {
        world.commit(question, account, &vector).await?;
    }
    let file = world.files.path().join("row");
    fs::write(&file, &entries[..40])?;
    let vote = [
        "jury",
        "vote",
        &name,
        "--votes",
        "votes.json",
        "--sketch",
        "row",
        "--finish",
    ];
    let (_, err) = world.exits(1, INTERRUPTED, &vote)?;
    ensure!(err.contains("question's has 64"), "{err}");
    fs::write(&file, entries)?;
    let asker = world.address(CHALLENGER)?;
    let before = [world.claimable(asker).await?, world.claimable(owner).await?];
    let running = world.spawn(INTERRUPTED, &vote)?;
    let committed = async || anyhow::Ok(world.ballot(question, INTERRUPTED).await?.choice);
    until("committed", TIMEOUT, committed, |choice| !choice.is_zero()).await?;
    world.exits(0, SILENT, &watch)?;
    for account in AGREEING {
        world.reveal(question, account, &vector).await?;
    }
    let answered = async || {
        anyhow::Ok(
            openledger_economy::jury::question(&world.node, question)
                .await?
                .rejected,
        )
    };
    until("acted on", TIMEOUT, answered, |rejected| rejected.is_some()).await?;
    let (code, log) = running.wait()?;
    ensure!(code == Some(0), "{code:?}: {log}");
    let after = [world.claimable(asker).await?, world.claimable(owner).await?];
    // Half of the bond is burnt, the rest is the set's owner's.
    assert_eq!(
        (after[0] - before[0], after[1] - before[1]),
        (U256::ZERO, U256::from(OPEN))
    );
    Ok(other)
}
