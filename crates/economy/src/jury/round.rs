//! A question in the block to come: how far it is, and what can be done about it.

use super::question::{Juror, Stage};
use crate::contracts::{EpochQuestions, Jury};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::{SolCall, SolEvent};
use anyhow::{bail, ensure};
use openledger_client::{Node, Sender, Step, is_refusal};
use openledger_primitives::predeploys::{EPOCH_QUESTIONS, JURY};
use std::collections::BTreeMap;

/// Most jurors: `IJury.JURORS`.
const JURORS_MAX: usize = 7;
/// How often in a row a step may be refused because others were faster, or time went by.
const REFUSALS_MAX: u32 = 32;

/// What `EpochQuestions` has of a question; zeros once it is answered.
pub(super) type Asked = <EpochQuestions::questionOfCall as SolCall>::Return;
/// What `Jury` has of it.
pub(super) type Info = <Jury::questionOfCall as SolCall>::Return;

/// `IJury.Verdict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Open,
    Decided,
    Undecided,
}

/// A question, with its jurors' votes.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) id: B256,
    pub(super) asked: Asked,
    pub(super) info: Info,
    verdict: Verdict,
    /// Hash of the finding; zero without.
    pub(super) finding: B256,
    /// In the order of the draw.
    pub(super) votes: Vec<Ballot>,
    /// Number of the block to come, which a transaction sent now is in at the earliest, and its timestamp.
    block: u64,
    pub(super) time: u64,
}

/// A juror's vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ballot {
    pub(super) juror: Address,
    /// What it committed to; zero before.
    pub(super) choice: B256,
    /// Hash of what it revealed; zero before.
    pub(super) sketch_hash: B256,
}

impl Ballot {
    pub(super) fn has_committed(&self) -> bool {
        !self.choice.is_zero()
    }

    pub(super) fn has_revealed(&self) -> bool {
        !self.sketch_hash.is_zero()
    }
}

impl Found {
    /// Looks in the pending state, so that what was sent just now isn't sent again.
    ///
    /// # Errors
    /// A node that doesn't answer; a question that nobody asked.
    pub(super) async fn look(node: &Node, id: B256) -> anyhow::Result<Self> {
        let at = BlockNumberOrTag::Pending;
        let call = Jury::questionOfCall { question: id };
        let info = node.ask_at(JURY, call, at).await?;
        ensure!(
            !info.askedAt.is_zero(),
            "nobody asked question {id}: `openledger jury status` lists those that are open (UnknownQuestion)"
        );
        ensure!(
            info.jurors.len() <= JURORS_MAX,
            "the node says that question {id} has {} jurors",
            info.jurors.len()
        );
        let call = EpochQuestions::questionOfCall { question: id };
        let asked = node.ask_at(EPOCH_QUESTIONS, call, at).await?;
        let call = Jury::verdictOfCall { question: id };
        let found = node.ask_at(JURY, call, at).await?;
        let verdict = match found._0 {
            1 => Verdict::Open,
            2 => Verdict::Decided,
            3 => Verdict::Undecided,
            other => bail!("the jury answers verdict {other}"),
        };
        let mut votes = Vec::with_capacity(info.jurors.len());
        for juror in &info.jurors {
            let call = Jury::voteOfCall {
                question: id,
                juror: *juror,
            };
            let vote = node.ask_at(JURY, call, at).await?;
            votes.push(Ballot {
                juror: *juror,
                choice: vote.choice,
                sketch_hash: vote.sketchHash,
            });
        }
        Ok(Self {
            id,
            asked,
            info,
            verdict,
            finding: found._1,
            votes,
            block: node.head().await? + 1,
            time: node.pending_time().await?,
        })
    }

    /// How far it is.
    pub(super) fn stage(&self) -> Stage {
        if self.asked.asker.is_zero() {
            return Stage::Answered;
        }
        match self.verdict {
            Verdict::Decided => Stage::Decided,
            Verdict::Undecided => Stage::Undecided,
            Verdict::Open if self.votes.is_empty() => Stage::Drawing,
            Verdict::Open => {
                let all = |has: fn(&Ballot) -> bool| self.votes.iter().all(has);
                if all(Ballot::has_revealed) || self.time >= self.info.revealEnd.to::<u64>() {
                    Stage::Counting
                } else if all(Ballot::has_committed) || self.time >= self.info.commitEnd.to::<u64>()
                {
                    Stage::Revealing
                } else {
                    Stage::Committing
                }
            }
        }
    }

    /// First second behind the stage, if time ends it.
    pub(super) fn until(&self) -> Option<u64> {
        let end = match self.stage() {
            Stage::Drawing => self.info.drawEnd,
            Stage::Committing => self.info.commitEnd,
            Stage::Revealing => self.info.revealEnd,
            Stage::Counting => self.info.tallyEnd,
            Stage::Decided | Stage::Undecided | Stage::Answered => return None,
        };
        Some(end.to())
    }

    /// Seconds until the stage's end.
    pub(super) fn left(&self) -> u64 {
        self.until().unwrap_or_default().saturating_sub(self.time)
    }

    /// An account's vote, if it is on the jury.
    pub(super) fn ballot(&self, account: Address) -> Option<&Ballot> {
        self.votes.iter().find(|vote| vote.juror == account)
    }

    pub(super) fn jurors(&self) -> Vec<Juror> {
        let jurors = self.votes.iter().map(|vote| Juror {
            juror: vote.juror,
            committed: vote.has_committed(),
            revealed: vote.has_revealed(),
        });
        jurors.collect()
    }

    /// What draws the jury, once the block whose hash it takes is there.
    pub(super) fn draw(&self) -> Option<Step> {
        let call = Jury::drawCall { question: self.id };
        (self.block > self.info.drawBlock).then(|| Step::call("draw the jury", JURY, &call))
    }

    /// What was revealed, in the order of the draw, empty for who didn't; `None` while the node hasn't all of it in sealed blocks.
    ///
    /// # Errors
    /// A node that doesn't answer.
    pub(super) async fn reveals(&self, node: &Node) -> anyhow::Result<Option<Vec<Bytes>>> {
        let logs = self.logs::<Jury::Revealed>(node).await?;
        let by_juror: BTreeMap<Address, Bytes> = logs
            .into_iter()
            .map(|revealed| (revealed.juror, revealed.sketch))
            .collect();
        let reveals = self.votes.iter().map(|vote| {
            if !vote.has_revealed() {
                return Some(Bytes::new());
            }
            let sketch = by_juror.get(&vote.juror)?;
            (keccak256(sketch) == vote.sketch_hash).then(|| sketch.clone())
        });
        Ok(reveals.collect())
    }

    /// Whether the jury was counted.
    ///
    /// # Errors
    /// A node that doesn't answer.
    pub(super) async fn is_counted(&self, node: &Node) -> anyhow::Result<bool> {
        Ok(!self.logs::<Jury::Tallied>(node).await?.is_empty())
    }

    async fn logs<E: SolEvent>(&self, node: &Node) -> anyhow::Result<Vec<E>> {
        let filter = Filter::new()
            .address(JURY)
            .event_signature(E::SIGNATURE_HASH)
            .topic1(self.id);
        // Whatever is said of a question comes after the block in which it was asked, the second before this one.
        let first = self.info.drawBlock.saturating_sub(2);
        let logs = node
            .logs_between(&filter, first, node.head().await?)
            .await?;
        logs.iter()
            .map(|log| Ok(E::decode_log(&log.inner)?.data))
            .collect()
    }
}

/// Sends the steps of a question, of which others may be faster.
pub(super) struct Steps<'a> {
    sender: &'a mut Sender,
    refusals: u32,
}

impl<'a> Steps<'a> {
    pub(super) const fn new(sender: &'a mut Sender) -> Self {
        Self {
            sender,
            refusals: 0,
        }
    }

    pub(super) const fn sender(&self) -> &Sender {
        self.sender
    }

    /// Sends a step. That somebody else was faster, or its time went by, shows when the question is looked at again.
    ///
    /// # Errors
    /// What the chain refuses for another reason, or again and again.
    pub(super) async fn send(&mut self, step: Step) -> anyhow::Result<()> {
        match self.sender.send(step).await {
            Ok(_) => {
                self.refusals = 0;
                Ok(())
            }
            Err(error) if was_faster(&error) && self.refusals < REFUSALS_MAX => {
                self.refusals += 1;
                self.sender.pause().await
            }
            Err(error) => Err(error),
        }
    }
}

fn was_faster(error: &anyhow::Error) -> bool {
    is_refusal::<Jury::AlreadyDrawn>(error)
        || is_refusal::<Jury::DrawTooEarly>(error)
        || is_refusal::<Jury::DrawTooLate>(error)
        || is_refusal::<Jury::AlreadyVoted>(error)
        || is_refusal::<Jury::CommitTooLate>(error)
        || is_refusal::<Jury::RevealTooEarly>(error)
        || is_refusal::<Jury::RevealTooLate>(error)
        || is_refusal::<Jury::TallyTooEarly>(error)
        || is_refusal::<Jury::NothingToTally>(error)
        || is_refusal::<EpochQuestions::UnknownQuestion>(error)
        || is_refusal::<EpochQuestions::QuestionOpen>(error)
}
