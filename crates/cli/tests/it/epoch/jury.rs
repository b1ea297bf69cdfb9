//! Questions to juries, from asking to what follows: a sketch is rejected, a row is found right, and one question has no verdict.

use super::{
    TIMEOUT, close, draft,
    world::{CHALLENGER, DEVELOPER, OPEN, PROPOSER, Running, WORKER, World, query},
};
use crate::process::until;
use alloy_primitives::{B256, U256, hex};
use alloy_signer::SignerSync;
use anyhow::{Context, ensure};
use openledger_client::Step;
use openledger_economy::{
    contracts::{Jury, Reputation, ValidatorStaking},
    epoch::pots::{Stage, parameter, settlement},
    jury::{Vector, advance, ask_row, finish},
    stake::{self, Role},
    votes::Opinion,
};
use openledger_primitives::predeploys::{JURY, REPUTATION, VALIDATOR_STAKING};
use serde_json::Value;
use std::fs;

/// Who votes by the command, and is killed in between.
const INTERRUPTED: u32 = 2;
/// Who votes by the juror's loop.
const WATCHING: u32 = 5;
/// Who votes on the row by the command, to the end, and says nothing of the sketch.
const FINISHING: u32 = 6;
/// Who find the same of the sketch, by calls.
const AGAINST: [u32; 3] = [7, 8, SILENT];
/// Who find the same of the row, by calls.
const AGREEING: [u32; 3] = [INTERRUPTED, 7, 8];
/// Who finds something else.
const DISAGREEING: u32 = DEVELOPER;
/// Who says nothing of the row.
const SILENT: u32 = 9;
/// A validator's, so much that it stays above the least one after its losses.
const STAKE: u128 = 200 * OPEN;
const BOND: u128 = 2 * OPEN;
const DIM: u16 = 64;
const SALT: B256 = B256::repeat_byte(0x5a);
/// The juror's loop: what it is shown of a question is in a file of its name.
const WATCH: [&str; 8] = [
    "jury",
    "watch",
    "--once",
    "--mine",
    "--sketch-command",
    r#"cat "$OPENLEDGER_QUESTION""#,
    "--votes",
    "watch.json",
];

/// When the stages of a question end, seconds.
struct Times {
    commit_end: u64,
    reveal_end: u64,
}

/// The questions of a test: about a sketch, a row, and a row that few vote on.
struct Questions {
    sketch: B256,
    row: B256,
    other: B256,
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

    async fn until_committed(&self, question: B256, account: u32) -> anyhow::Result<()> {
        let choice = async || anyhow::Ok(self.ballot(question, account).await?.choice);
        until("committed", TIMEOUT, choice, |choice| !choice.is_zero()).await?;
        Ok(())
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

/// So much of a hundred of a validator's stake.
fn part(percent: u128) -> U256 {
    U256::from(STAKE / 100 * percent)
}

fn name_of(asked: &Value) -> anyhow::Result<B256> {
    Ok(asked["question"].as_str().context("a question")?.parse()?)
}

#[tokio::test]
async fn a_jury_s_verdict_takes_effect() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let validators = [DISAGREEING, INTERRUPTED, WATCHING, FINISHING, 7, 8, SILENT];
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
    let questions = asked(&world, key).await?;

    let vector = told(&world, &questions)?;
    let voting = committed(&world, &questions, &vector).await?;
    // The last one was asked about last.
    let times = world.times(questions.other).await?;
    world.pass_to(times.commit_end).await?;
    revealed(&world, &questions, &vector).await?;
    world.pass_to(times.reveal_end).await?;
    the_sketch_is_rejected(&world, key, &questions).await?;
    the_others_end(&world, &questions, voting).await?;

    let listed = world.json(None, &["jury", "status"])?;
    ensure!(listed.as_array().is_some_and(Vec::is_empty), "{listed}");
    let all = world.json(None, &["jury", "status", "--all"])?;
    let rejected = all.as_array().context("a list")?.iter();
    let rejected: Vec<Value> = rejected.map(|one| one["rejected"].clone()).collect();
    ensure!(
        rejected == [true.into(), false.into(), Value::Null],
        "{all}"
    );
    world.dev.stop()
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
        let signature = hex::encode_prefixed(signature.as_bytes());
        votes.push(format!("{choice}:{signature}"));
    }
    let (validator, round) = (signer.address().to_string(), round.to_string());
    let report = [
        "stake", "report", &validator, &round, "--vote", &votes[0], "--vote",
    ];
    let (_, err) = world.exits(1, PROPOSER, &[&report[..], &[votes[0].as_str()]].concat())?;
    ensure!(err.contains("VotesAgree"), "{err}");
    let (out, _) = world.exits(0, PROPOSER, &[&report[..], &[votes[1].as_str()]].concat())?;
    ensure!(out.contains("20 OPEN"), "{out}");
    assert_eq!(world.stake(Role::Validator, DISAGREEING).await?, part(90));
    Ok(())
}

/// Asks, and has the juries drawn.
async fn asked(world: &World, key: (u64, u64)) -> anyhow::Result<Questions> {
    let sketch = ["jury", "ask-sketch", "--draw", "3", "--mine"];
    let sketch = world.json(CHALLENGER, &sketch)?;
    ensure!(
        sketch["stage"] == "drawing"
            && sketch["subject"]["draws"].as_array().map(Vec::len) == Some(16),
        "{sketch}"
    );
    let row = world.json(CHALLENGER, &["jury", "ask-row", "--row", "1", "--mine"])?;
    let mut asker = world.sender(CHALLENGER)?;
    let error = ask_row(&mut asker, key, None, 99)
        .await
        .expect_err("there is no such row");
    ensure!(format!("{error:#}").contains("UnknownRow"), "{error:#}");
    let questions = Questions {
        sketch: name_of(&sketch)?,
        row: name_of(&row)?,
        other: ask_row(&mut asker, key, None, 2).await?,
    };
    // The block whose hash draws a jury.
    world.mine(3).await?;
    for question in [questions.sketch, questions.row, questions.other] {
        ensure!(!advance(&mut asker, question).await?);
    }
    let call = Jury::questionOfCall {
        question: questions.row,
    };
    let info = world.node.ask(JURY, call).await?;
    // The set's owner answers for the row, and isn't drawn.
    let owner = world.address(DEVELOPER)?;
    ensure!(
        info.jurors.len() == 6 && !info.jurors.contains(&owner),
        "{info:?}"
    );
    Ok(questions)
}

/// What is told of the questions. Answers what is right for the row, which is in its file; of the others nobody is shown anything.
fn told(world: &World, questions: &Questions) -> anyhow::Result<Vector> {
    let told = world.json(None, &["jury", "status", &questions.sketch.to_string()])?;
    let call = &told["evidence"]["call"];
    let sketch = hex::encode_prefixed(query([1, 2, 0]));
    ensure!(
        call["sketch"] == sketch && call["contentHash"].is_string(),
        "{told}"
    );
    let told = world.json(None, &["jury", "status", &questions.row.to_string()])?;
    let row = &told["evidence"]["row"];
    ensure!(
        row["cluster"] == 1 && row["contribution"]["uri"] == "ipfs://1",
        "{told}"
    );
    let entries = row["entries"].as_str().context("entries")?;
    for (question, text) in [
        (questions.sketch, ""),
        (questions.row, entries),
        (questions.other, ""),
    ] {
        fs::write(world.files.path().join(question.to_string()), text)?;
    }
    Ok(Vector::new(hex::decode(entries)?.into(), DIM)?)
}

/// Everybody commits who does. Answers the command that votes on the row, to the end.
async fn committed(
    world: &World,
    questions: &Questions,
    vector: &Vector,
) -> anyhow::Result<Running> {
    let name = questions.sketch.to_string();
    // One is killed between its commitment and its reveal.
    let vote = ["jury", "vote", &name, "--votes", "votes.json"];
    let killed = world.spawn(INTERRUPTED, &[&vote[..], &["--nothing-shown"]].concat())?;
    world.until_committed(questions.sketch, INTERRUPTED).await?;
    killed.kill()?;

    let (nothing, other) = (
        Vector::nothing_shown(DIM),
        Vector::new(query([1, 2, 0]), DIM)?,
    );
    for account in AGAINST {
        world.commit(questions.sketch, account, &nothing).await?;
    }
    for account in AGREEING {
        world.commit(questions.row, account, vector).await?;
    }
    world.commit(questions.sketch, DISAGREEING, &other).await?;
    world.exits(0, WATCHING, &WATCH)?;
    for question in [questions.sketch, questions.row, questions.other] {
        ensure!(!world.ballot(question, WATCHING).await?.choice.is_zero());
    }

    let (_, err) = world.exits(1, PROPOSER, &["jury", "finish", &name])?;
    ensure!(err.contains("6 of 7 jurors have committed"), "{err}");
    let elsewhere = ["jury", "vote", &name, "--votes", "other.json"];
    let (_, err) = world.exits(1, PROPOSER, &elsewhere)?;
    ensure!(err.contains("isn't on the jury"), "{err}");
    let (out, _) = world.exits(0, FINISHING, &["jury", "status", "--own"])?;
    ensure!(out.contains("you are on its jury: commit"), "{out}");

    let row = questions.row.to_string();
    fs::write(world.files.path().join("short"), "0x0102")?;
    let vote = [
        "jury", "vote", &row, "--votes", "row.json", "--finish", "--sketch",
    ];
    let (_, err) = world.exits(1, FINISHING, &[&vote[..], &["short"]].concat())?;
    ensure!(err.contains("question's has 64"), "{err}");
    let voting = world.spawn(FINISHING, &[&vote[..], &[row.as_str()]].concat())?;
    world.until_committed(questions.row, FINISHING).await?;
    Ok(voting)
}

/// Everybody reveals who committed.
async fn revealed(world: &World, questions: &Questions, vector: &Vector) -> anyhow::Result<()> {
    let name = questions.sketch.to_string();
    // Without the file the vote is lost; with it the same command goes on.
    let elsewhere = ["jury", "vote", &name, "--votes", "other.json"];
    let (_, err) = world.exits(1, INTERRUPTED, &elsewhere)?;
    ensure!(err.contains("--votes"), "{err}");
    let vote = ["jury", "vote", &name, "--votes", "votes.json"];
    let revealed = world.json(INTERRUPTED, &vote)?;
    ensure!(revealed["stage"] == "revealing", "{revealed}");
    world.exits(0, WATCHING, &WATCH)?;
    let (nothing, other) = (
        Vector::nothing_shown(DIM),
        Vector::new(query([1, 2, 0]), DIM)?,
    );
    for account in AGAINST {
        world.reveal(questions.sketch, account, &nothing).await?;
    }
    for account in AGREEING {
        world.reveal(questions.row, account, vector).await?;
    }
    world.reveal(questions.sketch, DISAGREEING, &other).await
}

/// The worker opened nothing: from zeros every sketch is too far.
async fn the_sketch_is_rejected(
    world: &World,
    key: (u64, u64),
    questions: &Questions,
) -> anyhow::Result<()> {
    let asker = world.claimable(world.address(CHALLENGER)?).await?;
    let proposer = world.claimable(world.address(PROPOSER)?).await?;
    let name = questions.sketch.to_string();
    let (out, _) = world.exits(0, PROPOSER, &["jury", "finish", &name, "--mine"])?;
    ensure!(out.contains("rejected") && out.contains("10 %"), "{out}");

    let left = world.stake(Role::Worker, WORKER).await?;
    assert_eq!(left, U256::from(90 * OPEN));
    // The bond is back but for the jurors' tenth, and half of what the worker lost is the asker's.
    let earned = world.claimable(world.address(CHALLENGER)?).await? - asker;
    ensure!(earned > U256::from(BOND / 10 * 9 + 5 * OPEN), "{earned}");
    // The proposal is gone by no fault of its own; the epoch is open again, without the call.
    let view = world.view().await?;
    let bond = parameter(&view, "proposalBond").await?;
    let returned = world.claimable(world.address(PROPOSER)?).await? - proposer;
    assert_eq!(returned, bond);
    let settled = settlement(&view, key).await?;
    assert_eq!(
        (Stage::of(&settled)?, settled.voidDraws),
        (Stage::Open, u16::MAX)
    );
    Ok(())
}

/// Five find what the row is; on the other one a single juror voted.
async fn the_others_end(
    world: &World,
    questions: &Questions,
    voting: Running,
) -> anyhow::Result<()> {
    let (code, log) = voting.wait()?;
    ensure!(code == Some(0), "{code:?}: {log}");
    let asker = world.address(CHALLENGER)?;
    let before = world.claimable(asker).await?;
    let ended = finish(&mut world.sender(PROPOSER)?, questions.other, false).await?;
    ensure!(!ended.decided, "{ended:?}");
    // A tenth of the bond is burnt.
    let back = world.claimable(asker).await? - before;
    assert_eq!(back, U256::from(BOND / 10 * 9));
    // A tenth of the row's is the jurors' who agree; half of the rest is burnt, half the set's owner's.
    let owner = world.claimable(world.address(DEVELOPER)?).await?;
    assert_eq!(owner, U256::from(BOND / 10 * 9 / 2));

    // Who votes loses nothing, whatever he says; who doesn't loses a hundredth each time.
    assert_eq!(world.stake(Role::Validator, WATCHING).await?, part(100));
    assert_eq!(world.stake(Role::Validator, DISAGREEING).await?, part(90));
    for account in AGREEING {
        assert_eq!(world.stake(Role::Validator, account).await?, part(99));
    }
    let twice = U256::from(STAKE / 10_000 * 99 * 99);
    for account in [FINISHING, SILENT] {
        assert_eq!(world.stake(Role::Validator, account).await?, twice);
    }
    for account in [&[WATCHING, FINISHING, SILENT, CHALLENGER][..], &AGREEING].concat() {
        ensure!(world.reputation(account).await? > U256::ZERO, "{account}");
    }
    assert_eq!(world.reputation(DISAGREEING).await?, U256::ZERO);
    Ok(())
}
