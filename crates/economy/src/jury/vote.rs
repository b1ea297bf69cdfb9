//! A juror's part.

use super::{
    opinion::Vector,
    question::Stage,
    round::{Found, Steps},
};
use crate::{contracts::Jury, votes::Votes};
use alloy_primitives::{Address, B256, keccak256};
use alloy_sol_types::SolValue;
use anyhow::{Context, bail};
use openledger_client::{Sender, Step, duration};
use openledger_primitives::predeploys::JURY;

/// Votes on a question as the sender: has the jury drawn if nobody did, commits to the vector, and reveals it once all have committed or
/// the time for it is over. The vote is in the file before it is sent, so that this may be stopped at any time and called again;
/// without a vector it goes on with the vote that the file has.
///
/// # Errors
/// A sender who isn't on the jury, or comes too late; a vote whose salt isn't in the file; what the contract refuses.
pub async fn vote(
    sender: &mut Sender,
    votes: &mut Votes<Vector>,
    question: B256,
    vector: Option<&Vector>,
) -> anyhow::Result<()> {
    let account = sender.account();
    let mut steps = Steps::new(sender);
    let mut told = None;
    loop {
        let found = Found::look(steps.sender().node(), question).await?;
        let stage = found.stage();
        match turn(&found, account, votes, vector)? {
            Turn::Send(step) => {
                steps.send(step).await?;
                continue;
            }
            Turn::Done => return Ok(()),
            Turn::Wait if told.replace(stage) == Some(stage) => {}
            Turn::Wait => match stage {
                Stage::Drawing => eprintln!("waiting for the block that draws the jury"),
                _ => eprintln!(
                    "committed; waiting for the other jurors to commit, at most {}",
                    duration(found.left())
                ),
            },
        }
        steps.sender().pause().await?;
    }
}

/// What a juror does next.
#[derive(Debug)]
pub(super) enum Turn {
    /// Sends this.
    Send(Step),
    /// Waits for others, or a block.
    Wait,
    /// Nothing: the vote is revealed.
    Done,
}

/// What an account does next as a juror.
///
/// # Errors
/// An account that isn't on the jury, or comes too late; no vector where one is asked for; a vote whose salt isn't in the file.
pub(super) fn turn(
    found: &Found,
    account: Address,
    votes: &mut Votes<Vector>,
    vector: Option<&Vector>,
) -> anyhow::Result<Turn> {
    let question = found.id;
    let ballot = match found.ballot(account) {
        Some(ballot) if ballot.has_revealed() => return Ok(Turn::Done),
        Some(ballot) => *ballot,
        None if found.stage() == Stage::Drawing => {
            return Ok(found.draw().map_or(Turn::Wait, Turn::Send));
        }
        None if found.votes.is_empty() => bail!(
            "question {question} ended without a jury: nobody drew it in time, or there were too few validators"
        ),
        None => {
            let jurors = found.votes.iter().map(|vote| vote.juror.to_string());
            let jurors: Vec<String> = jurors.collect();
            bail!(
                "{account} isn't on the jury of question {question}: {}",
                jurors.join(", ")
            );
        }
    };
    match found.stage() {
        Stage::Committing if ballot.has_committed() => Ok(Turn::Wait),
        Stage::Committing => {
            let call = Jury::commitCall {
                question,
                choice: votes.cast(round_of(found), opinion(found, votes, vector)?)?,
            };
            Ok(Turn::Send(Step::call("commit to the vote", JURY, &call)))
        }
        Stage::Revealing if ballot.has_committed() => {
            let vote = votes.committed(round_of(found), ballot.choice)?;
            let call = Jury::revealCall {
                question,
                juror: account,
                sketch: vote.opinion.entries().clone(),
                salt: vote.salt,
            };
            Ok(Turn::Send(Step::call("reveal the vote", JURY, &call)))
        }
        _ => {
            let (what, condition) = if ballot.has_committed() {
                ("reveal", "")
            } else {
                ("commit", " if anybody reveals")
            };
            bail!(
                "the time to {what} is over: {account}, who is on the jury of question {question} and didn't, loses 1 % of the \
                 stake when it is counted{condition}"
            );
        }
    }
}

/// The vector that a juror commits to: the one that is given, or the file's.
fn opinion(
    found: &Found,
    votes: &Votes<Vector>,
    vector: Option<&Vector>,
) -> anyhow::Result<Vector> {
    let kept = || votes.get(round_of(found)).map(|vote| &vote.opinion);
    vector.or_else(kept).cloned().context(
        "say what you computed, by --sketch FILE, or --nothing-shown where nobody showed you the data",
    )
}

/// What the question is called in votes: `IJury.roundOf`.
pub(super) fn round_of(found: &Found) -> B256 {
    keccak256((JURY, found.id).abi_encode())
}
