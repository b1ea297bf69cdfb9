//! The command: flags, calls, lines.

use super::{
    Evidence, Finished, JuryWatcher, Question, Stage, Subject, Vector,
    args::{
        AskRowArgs, AskSketchArgs, FinishArgs, JuryArgs, JuryCommand, SetArgs, StatusArgs,
        VoteArgs, WatchArgs,
    },
    ask_row, ask_sketch, finish, open_questions, question, vote,
};
use crate::{
    epoch::{
        challenge::CHALLENGE_GAS_MAX,
        pots::{Key, Stage as SettlementStage, choose},
    },
    output::print,
    shell::Shell,
    votes::{Voter, Votes},
};
use alloy_primitives::{Address, B256, hex};
use openledger_client::{Sender, SenderArgs, duration, open, say};
use serde::Serialize;
use std::{process::ExitCode, time::Duration};
use tracing::{info, warn};

/// Runs the command.
pub(crate) async fn run(args: JuryArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        JuryCommand::Watch(args) => return run_watch(*args).await,
        JuryCommand::Status(args) => run_status(*args).await?,
        JuryCommand::AskRow(args) => run_ask_row(*args).await?,
        JuryCommand::AskSketch(args) => run_ask_sketch(*args).await?,
        JuryCommand::Vote(args) => run_vote(*args).await?,
        JuryCommand::Finish(args) => run_finish(*args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A question with what it is about.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole {
    #[serde(flatten)]
    question: Question,
    evidence: Option<Evidence>,
}

async fn run_status(args: StatusArgs) -> anyhow::Result<()> {
    let node = args.node.connect().await?;
    let local = args.node.local()?;
    let account = match args.account_for {
        Some(account) => Some(account),
        None => args
            .account
            .key_if_any(local.as_ref())?
            .map(|key| key.address()),
    };
    if let Some(id) = args.question {
        let question = question(&node, id).await?;
        let view = node.at(None).await?;
        let evidence = Evidence::read(&view, &question).await?;
        let whole = Whole { question, evidence };
        return print(args.json, &whole, || show(&whole, account));
    }
    let mut questions = open_questions(&node, args.all).await?;
    if args.own {
        anyhow::ensure!(
            account.is_some(),
            "--own: name the account's key, or the account by --for"
        );
        questions
            .retain(|question| account.is_some_and(|account| part(question, account).is_some()));
    }
    print(args.json, &questions, || {
        if questions.is_empty() {
            println!("no question is open");
        }
        for question in &questions {
            let part = account.and_then(|account| part(question, account));
            let part = part.map_or_else(String::new, |part| format!("; {part}"));
            println!(
                "{}: {}, {}{part}",
                question.question,
                about(question),
                standing(question)
            );
        }
    })
}

async fn run_ask_row(args: AskRowArgs) -> anyhow::Result<()> {
    let mut sender = args.sender.open().await?;
    let key = proposed(&sender, args.set).await?;
    let id = ask_row(&mut sender, key, args.set.set, args.row).await?;
    tell(&sender, id, args.json).await
}

async fn run_ask_sketch(args: AskSketchArgs) -> anyhow::Result<()> {
    let mut sender = open_sender(&args.sender).await?;
    let key = proposed(&sender, args.set).await?;
    let draw = usize::from(args.draw);
    let id = ask_sketch(&mut sender, key, args.set.set, draw).await?;
    tell(&sender, id, args.json).await
}

/// A sender whose transactions may bring a whole proposal.
async fn open_sender(args: &SenderArgs) -> anyhow::Result<Sender> {
    let mut args = args.clone();
    args.limits.gas_max = args.limits.gas_max.max(CHALLENGE_GAS_MAX);
    args.open().await
}

/// The epoch whose proposal is meant.
async fn proposed(sender: &Sender, args: SetArgs) -> anyhow::Result<Key> {
    let view = sender.view().await?;
    let (key, _) = choose(&view, args.which, &[SettlementStage::Proposed]).await?;
    Ok(key)
}

/// Says what was asked.
async fn tell(sender: &Sender, id: B256, json: bool) -> anyhow::Result<()> {
    let asked = question(sender.node(), id).await?;
    print(json, &asked, || {
        say("question", id);
        say("about", about(&asked));
        say("bond", open(asked.bond));
        say("jury", standing(&asked));
    })
}

async fn run_vote(args: VoteArgs) -> anyhow::Result<()> {
    let mut sender = args.sender.open().await?;
    let (node, account) = (sender.node().clone(), sender.account());
    let asked = question(&node, args.question).await?;
    let vector = match &args.sketch {
        Some(path) => Some(Vector::read(path, asked.dim)?),
        None => args.nothing_shown.then(|| Vector::nothing_shown(asked.dim)),
    };
    let voter = Voter::of(&node, account).await?;
    let mut votes = Votes::open(&args.votes, voter)?;
    vote(&mut sender, &mut votes, args.question, vector.as_ref()).await?;
    if args.finish {
        let finished = finish(&mut sender, args.question, true).await?;
        return print(args.json, &finished, || show_finished(&finished));
    }
    let asked = question(&node, args.question).await?;
    print(args.json, &asked, || {
        say("revealed", format_args!("by {account}"));
        say("jury", standing(&asked));
        say(
            "next",
            format_args!("openledger jury finish {}", args.question),
        );
    })
}

async fn run_watch(args: WatchArgs) -> anyhow::Result<ExitCode> {
    let sender = args.sender.open().await?;
    let account = sender.account();
    let voter = Voter::of(sender.node(), account).await?;
    let votes = Votes::open(&args.votes, voter)?;
    let command = Shell::new(
        args.sketch_command,
        Duration::from_secs(args.command_seconds),
    );
    info!(%account, "watching juries");
    let mut watcher = JuryWatcher::new(sender, votes, command);
    loop {
        match watcher.round().await {
            Ok(()) if args.once => {
                return Ok(if watcher.is_troubled() {
                    ExitCode::FAILURE
                } else {
                    ExitCode::SUCCESS
                });
            }
            Ok(()) => {}
            Err(error) if args.once => return Err(error),
            Err(error) => warn!("the chain can't be followed, trying again: {error:#}"),
        }
        tokio::time::sleep(Duration::from_secs(args.interval)).await;
    }
}

async fn run_finish(args: FinishArgs) -> anyhow::Result<()> {
    let mut sender = args.sender.open().await?;
    let finished = finish(&mut sender, args.question, args.wait).await?;
    print(args.json, &finished, || show_finished(&finished))
}

/// What became of a question, and what follows.
fn show_finished(finished: &Finished) {
    let Finished {
        question,
        decided,
        is_rejected,
    } = finished;
    say("question", question.question);
    say("about", about(question));
    let bond = if question.bond.is_zero() {
        "the bond".to_owned()
    } else {
        format!("the bond of {}", open(question.bond))
    };
    let (verdict, follows) = match (decided, is_rejected, &question.subject) {
        (false, ..) => (
            "none",
            "nothing but the bond; while the epoch can be asked about, the same may be asked once more".to_owned(),
        ),
        (true, true, Some(Subject::Row { .. })) => (
            "rejected",
            format!(
                "the row's cluster earns nothing from set {} any more, in epochs that aren't paid yet",
                question.sketch_set
            ),
        ),
        (true, true, Some(Subject::Sketch { .. })) => (
            "rejected",
            "the worker forfeits 10 % of the stake, once a call; the call counts without a score, and the epoch is open for \
             proposals again"
                .to_owned(),
        ),
        (true, true, None) => ("rejected", "what the protocol says".to_owned()),
        (true, false, _) => ("it is right", "nothing but the bond".to_owned()),
    };
    say("verdict", verdict);
    say("follows", follows);
    let asker = question.asker;
    let goes = match (decided, is_rejected) {
        (true, false) => format!(
            "{asker} forfeits {bond}: a tenth is the jurors' who agree, half of the rest is burnt, half the accused's"
        ),
        (true, true) => format!(
            "{bond} is {asker}'s again, but for a tenth for the jurors who agree where the worker pays, by `openledger claim`"
        ),
        (false, _) => format!(
            "{bond} is {asker}'s again but for a tenth, which is burnt, by `openledger claim`"
        ),
    };
    say("bond", goes);
}

/// What a question is about, in words.
fn about(question: &Question) -> String {
    let what = match &question.subject {
        Some(Subject::Row { row }) => format!("row {row} of set {}", question.sketch_set),
        Some(Subject::Sketch { draws, .. }) => {
            let draws: Vec<String> = draws.iter().map(u32::to_string).collect();
            format!(
                "the sketch for set {} of the call in draws {}",
                question.sketch_set,
                draws.join(", ")
            )
        }
        None => format!("set {}", question.sketch_set),
    };
    format!(
        "{what}, epoch {} of adapter {}",
        question.epoch, question.adapter
    )
}

/// How far it is, in words.
fn standing(question: &Question) -> String {
    let count =
        |has: fn(&super::Juror) -> bool| question.jurors.iter().filter(|juror| has(juror)).count();
    let (committed, revealed) = (
        count(|juror| juror.committed),
        count(|juror| juror.revealed),
    );
    let of = question.jurors.len();
    let what = match (question.stage, question.rejected) {
        (Stage::Drawing, _) => "its jury is to be drawn".to_owned(),
        (Stage::Committing, _) => format!("{committed} of {of} jurors committed"),
        (Stage::Revealing, _) => format!("{revealed} of {of} jurors revealed"),
        (Stage::Counting, _) => format!("{revealed} of {of} revealed, and are to be counted"),
        (Stage::Decided, _) => "decided, and to be acted on".to_owned(),
        (Stage::Undecided, _) => "without a verdict: its bond is to go back".to_owned(),
        (Stage::Answered, Some(true)) => "rejected".to_owned(),
        (Stage::Answered, Some(false)) => "found right".to_owned(),
        (Stage::Answered, None) => "ended without a verdict".to_owned(),
    };
    match question.until {
        Some(until) => format!(
            "{what}, {} left",
            duration(until.saturating_sub(question.time))
        ),
        None => what,
    }
}

/// An account's part in a question, if it has one.
fn part(question: &Question, account: Address) -> Option<&'static str> {
    if let Some(juror) = question.juror(account) {
        return Some(match (question.stage, juror.committed, juror.revealed) {
            (_, _, true) => "you are on its jury, and revealed",
            (Stage::Committing, false, _) => "you are on its jury: commit",
            (Stage::Committing, true, _) => "you are on its jury, and committed",
            (Stage::Revealing, true, _) => "you are on its jury: reveal",
            _ => "you are on its jury, and missed your vote",
        });
    }
    if question.asker == account {
        return Some("you asked");
    }
    (question.accused == Some(account)).then_some("what you answer for is asked about")
}

fn show(whole: &Whole, account: Option<Address>) {
    let Whole { question, evidence } = whole;
    say("question", question.question);
    say("about", about(question));
    say("stands", standing(question));
    if let Some(part) = account.and_then(|account| part(question, account)) {
        say("your part", part);
    }
    say("asked by", question.asker);
    if let Some(accused) = question.accused {
        say("accused", accused);
        say("bond", open(question.bond));
    }
    for juror in &question.jurors {
        let vote = match (juror.committed, juror.revealed) {
            (_, true) => "revealed",
            (true, false) => "committed",
            (false, false) => "nothing yet",
        };
        say("juror", format_args!("{}: {vote}", juror.juror));
    }
    if let Some(finding) = question.finding {
        say("finding", finding);
    }
    if let Some(evidence) = evidence {
        show_evidence(evidence);
    }
}

fn show_evidence(evidence: &Evidence) {
    let set = &evidence.set;
    say(
        "set",
        format_args!(
            "{} of {}, Datanet {}, data root {}",
            set.set, set.owner, set.datanet, set.data_root
        ),
    );
    say(
        "projection",
        format_args!(
            "openledger attribution sketch --raw {}",
            set.flags(evidence.row.is_some())
        ),
    );
    if let Some(row) = &evidence.row {
        say(
            "row",
            format_args!("{}, cluster {}, label {}", row.row, row.cluster, row.label),
        );
        if let Some(contribution) = &row.contribution {
            say(
                "data",
                format_args!(
                    "contribution {}, root {} at {:?}",
                    contribution.contribution,
                    contribution.data_root,
                    // Quoted: whoever wrote it chose its characters.
                    contribution.uri
                ),
            );
        }
        say("entries", hex::encode_prefixed(&row.entries));
    }
    if let Some(call) = &evidence.call {
        say(
            "call",
            format_args!("{}, {}", call.request_id, open(call.price)),
        );
        match call.content_hash {
            Some(hash) => say(
                "content",
                format_args!("prompt and output with hash {hash}"),
            ),
            None => say(
                "content",
                "prompt and output as the worker's published calls have their hashes",
            ),
        }
        say("sketch", hex::encode_prefixed(&call.sketch));
    }
}
