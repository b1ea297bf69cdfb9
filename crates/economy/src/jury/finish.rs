//! What anybody may do for a question: have its jury drawn and counted, and its verdict acted on.

use super::{
    evidence::shown,
    question::{Question, Stage, answer_of, question},
    round::{Ballot, Found, Steps},
};
use crate::{
    contracts::{EpochQuestions, Jury},
    jury::Subject,
};
use alloy_primitives::{B256, Bytes, keccak256};
use anyhow::{Context, ensure};
use openledger_client::{Node, Sender, Step, View, duration};
use openledger_primitives::predeploys::{EPOCH_QUESTIONS, JURY};
use serde::Serialize;

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finished {
    /// The question, as it was before its verdict was acted on; after it, if somebody else was faster.
    #[serde(flatten)]
    pub question: Question,
    /// Whether the jury came to a verdict.
    pub decided: bool,
    /// Whether it rejected what was asked about.
    pub is_rejected: bool,
}

/// Brings a question to its end: has its jury drawn and counted, and its verdict acted on, as far as others haven't. With `wait` it
/// waits for the jury's votes.
///
/// # Errors
/// Without `wait`, a jury that isn't done; a node that doesn't have what was revealed; what the contracts refuse.
pub async fn finish(sender: &mut Sender, id: B256, wait: bool) -> anyhow::Result<Finished> {
    let mut before = question(sender.node(), id).await?;
    let mut steps = Steps::new(sender);
    let mut told = None;
    loop {
        let view = steps.sender().view().await?;
        let found = Found::look(view.node(), id).await?;
        let stage = found.stage();
        match next(&view, &found, &before).await? {
            Next::Send(step) => {
                steps.send(step).await?;
                before = refreshed(view.node(), before).await?;
                continue;
            }
            Next::Answered(answered) => {
                return Ok(Finished {
                    question: before,
                    decided: answered.decided,
                    is_rejected: answered.rejected,
                });
            }
            Next::Wait => {}
        }
        let jury_votes = matches!(stage, Stage::Committing | Stage::Revealing);
        ensure!(
            wait || !jury_votes,
            "{}, and there are {} left for it: --wait waits",
            votes_of(&found),
            duration(found.left())
        );
        if told.replace(stage) != Some(stage) {
            if jury_votes {
                let left = duration(found.left());
                eprintln!(
                    "{}; waiting for the others, at most {left}",
                    votes_of(&found)
                );
            } else {
                eprintln!("waiting for a block");
            }
        }
        steps.sender().pause().await?;
    }
}

/// Does for a question what anybody can do now, and waits for nothing: has its jury drawn or counted, or the verdict acted on.
/// Answers whether the question is done with.
///
/// # Errors
/// As [`finish`].
pub async fn advance(sender: &mut Sender, id: B256) -> anyhow::Result<bool> {
    let before = question(sender.node(), id).await?;
    let mut steps = Steps::new(sender);
    loop {
        let view = steps.sender().view().await?;
        let found = Found::look(view.node(), id).await?;
        match next(&view, &found, &before).await? {
            Next::Send(step) => steps.send(step).await?,
            Next::Wait => return Ok(false),
            Next::Answered(_) => return Ok(true),
        }
    }
}

/// What anybody can do for a question.
enum Next {
    /// Send this.
    Send(Step),
    /// Nothing yet.
    Wait,
    /// Nothing any more.
    Answered(EpochQuestions::Answered),
}

async fn next(view: &View, found: &Found, before: &Question) -> anyhow::Result<Next> {
    let (node, id) = (view.node(), found.id);
    let step = match found.stage() {
        // In a sealed block, where its event is.
        Stage::Answered => {
            return Ok(answer_of(node, id)
                .await?
                .map_or(Next::Wait, Next::Answered));
        }
        Stage::Drawing => found.draw(),
        Stage::Committing | Stage::Revealing => None,
        Stage::Counting => match found.reveals(node).await? {
            None => None,
            Some(mut sketches) => {
                // Of a sketch, the one in question comes last.
                if let Some(Subject::Sketch { .. }) = before.subject {
                    sketches.push(shown(view, before).await?.1);
                }
                Some(tally(id, sketches))
            }
        },
        // Nobody counted in time: who owed a vote still pays for it.
        Stage::Undecided if !found.votes.is_empty() && !found.is_counted(node).await? => {
            Some(tally(id, Vec::new()))
        }
        Stage::Undecided => Some(answer(id, Bytes::new(), Bytes::new())),
        Stage::Decided => match found.reveals(node).await? {
            None => None,
            Some(reveals) => {
                let mut reveals = reveals.into_iter();
                let finding = reveals
                    .find(|sketch| keccak256(sketch) == found.finding)
                    .context("no juror revealed what the jury found")?;
                let sketch = match before.subject {
                    Some(Subject::Sketch { .. }) => shown(view, before).await?.1,
                    _ => Bytes::new(),
                };
                Some(answer(id, finding, sketch))
            }
        },
    };
    Ok(step.map_or(Next::Wait, Next::Send))
}

/// How many jurors have voted, in words.
fn votes_of(found: &Found) -> String {
    let (what, has): (_, fn(&Ballot) -> bool) = match found.stage() {
        Stage::Committing => ("committed", Ballot::has_committed),
        _ => ("revealed", Ballot::has_revealed),
    };
    let done = found.votes.iter().filter(|vote| has(vote)).count();
    format!("{done} of {} jurors have {what}", found.votes.len())
}

/// The question with its jury and finding, as long as it isn't acted on.
async fn refreshed(node: &Node, before: Question) -> anyhow::Result<Question> {
    let now = question(node, before.question).await?;
    Ok(if now.subject.is_some() { now } else { before })
}

fn tally(question: B256, sketches: Vec<Bytes>) -> Step {
    let call = Jury::tallyCall { question, sketches };
    Step::call("count the jury", JURY, &call)
}

fn answer(id: B256, finding: Bytes, sketch: Bytes) -> Step {
    let call = EpochQuestions::answerCall {
        id,
        finding,
        sketch,
    };
    Step::call("act on the verdict", EPOCH_QUESTIONS, &call)
}
