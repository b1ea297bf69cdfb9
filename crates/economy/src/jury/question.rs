//! Questions, as the chain has them now.

use super::round::Found;
use crate::contracts::EpochQuestions;
use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::SolEvent;
use anyhow::Context;
use openledger_client::Node;
use openledger_primitives::predeploys::EPOCH_QUESTIONS;
use serde::Serialize;
use std::collections::BTreeMap;

/// Most questions that are listed, the newest.
const LISTED_MAX: usize = 100;

/// How far a question is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Its jury is to be drawn.
    Drawing,
    /// Its jury commits.
    Committing,
    /// Its jury reveals.
    Revealing,
    /// Its jury is to be counted.
    Counting,
    /// There is a finding, which is to be acted on.
    Decided,
    /// There is none, and won't be: the bond is to go back.
    Undecided,
    /// It was acted on.
    Answered,
}

impl Stage {
    /// Whether nobody votes any more.
    pub const fn is_voted(self) -> bool {
        !matches!(self, Self::Drawing | Self::Committing | Self::Revealing)
    }
}

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind"
)]
pub enum Subject {
    /// A row of the set.
    Row {
        /// Which one.
        row: u32,
    },
    /// The sketch of a drawn call.
    Sketch {
        /// The draws that fall on the call.
        draws: Vec<u32>,
        /// Hash of the sketch.
        hash: B256,
    },
}

/// A validator on a jury.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Juror {
    /// Who.
    pub juror: Address,
    /// Whether it has committed.
    pub committed: bool,
    /// Whether it has revealed.
    pub revealed: bool,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// What names it.
    pub question: B256,
    /// The epoch that it delays.
    pub epoch: u64,
    /// The adapter of that epoch.
    pub adapter: u64,
    /// The sketch set.
    pub sketch_set: u64,
    /// Entries of the vector that is asked for.
    pub dim: u16,
    /// What it is about; none once it was acted on.
    pub subject: Option<Subject>,
    /// Who asked.
    pub asker: Address,
    /// The set's owner or the call's worker; none once it was acted on.
    pub accused: Option<Address>,
    /// What is held for it, wei.
    pub bond: U256,
    /// How far it is.
    pub stage: Stage,
    /// First second behind the stage, if time ends it.
    pub until: Option<u64>,
    /// The chain's time of all this, seconds.
    pub time: u64,
    /// The jury, in the order of the draw.
    pub jurors: Vec<Juror>,
    /// Hash of what the jury found.
    pub finding: Option<B256>,
    /// Whether the jury rejected what was asked about; none before it was acted on, and where it didn't decide.
    pub rejected: Option<bool>,
}

impl Question {
    /// The juror that an account is.
    pub fn juror(&self, account: Address) -> Option<&Juror> {
        self.jurors.iter().find(|juror| juror.juror == account)
    }

    /// From what the chain says of it.
    fn new(
        asked: &EpochQuestions::Asked,
        found: &Found,
        answered: Option<&EpochQuestions::Answered>,
    ) -> Self {
        let is_open = answered.is_none() && !found.asked.asker.is_zero();
        let held = &found.asked;
        let subject = match (is_open, held.isRow) {
            (false, _) => None,
            (true, true) => Some(Subject::Row { row: held.place }),
            (true, false) => Some(Subject::Sketch {
                draws: (0..u32::BITS)
                    .filter(|draw| (held.place >> draw) & 1 == 1)
                    .collect(),
                hash: held.subject,
            }),
        };
        Self {
            question: found.id,
            epoch: asked.epoch,
            adapter: asked.adapter,
            sketch_set: asked.sketchSet,
            dim: found.info.dim,
            subject,
            asker: asked.asker,
            accused: is_open.then_some(held.accused),
            bond: U256::from(held.bond),
            stage: found.stage(),
            until: found.until(),
            time: found.time,
            jurors: found.jurors(),
            finding: (!found.finding.is_zero()).then_some(found.finding),
            rejected: answered.and_then(|said| said.decided.then_some(said.rejected)),
        }
    }
}

/// A question by its name.
///
/// # Errors
/// A node that doesn't answer; a question that nobody asked.
pub async fn question(node: &Node, id: B256) -> anyhow::Result<Question> {
    let found = Found::look(node, id).await?;
    let asked = events::<EpochQuestions::Asked>(node, |filter| filter.topic3(id)).await?;
    let asked = asked
        .first()
        .with_context(|| format!("the node has no event of question {id}"))?;
    let answered = events::<EpochQuestions::Answered>(node, |filter| filter.topic1(id)).await?;
    Ok(Question::new(asked, &found, answered.last()))
}

/// The questions that weren't acted on, or with `all` every one; of more than 100 the newest.
///
/// # Errors
/// A node that doesn't answer.
pub async fn open_questions(node: &Node, all: bool) -> anyhow::Result<Vec<Question>> {
    let asked = events::<EpochQuestions::Asked>(node, |filter| filter).await?;
    let answered: BTreeMap<B256, EpochQuestions::Answered> =
        events::<EpochQuestions::Answered>(node, |filter| filter)
            .await?
            .into_iter()
            .map(|answered| (answered.question, answered))
            .collect();
    let wanted: Vec<&EpochQuestions::Asked> = asked
        .iter()
        .filter(|asked| all || !answered.contains_key(&asked.question))
        .collect();
    let first = wanted.len().saturating_sub(LISTED_MAX);
    let mut questions = Vec::new();
    for asked in wanted.into_iter().skip(first) {
        let found = Found::look(node, asked.question).await?;
        let answered = answered.get(&asked.question);
        questions.push(Question::new(asked, &found, answered));
    }
    Ok(questions)
}

/// What became of a question that was acted on; `None` while no sealed block says it.
///
/// # Errors
/// A node that doesn't answer.
pub(super) async fn answer_of(
    node: &Node,
    id: B256,
) -> anyhow::Result<Option<EpochQuestions::Answered>> {
    let answered = events::<EpochQuestions::Answered>(node, |filter| filter.topic1(id)).await?;
    Ok(answered.into_iter().next_back())
}

async fn events<E: SolEvent>(
    node: &Node,
    narrow: impl FnOnce(Filter) -> Filter,
) -> anyhow::Result<Vec<E>> {
    let filter = Filter::new()
        .address(EPOCH_QUESTIONS)
        .event_signature(E::SIGNATURE_HASH);
    let filter = narrow(filter);
    let logs = node.logs_between(&filter, 0, node.head().await?).await?;
    logs.iter()
        .map(|log| Ok(E::decode_log(&log.inner)?.data))
        .collect()
}
