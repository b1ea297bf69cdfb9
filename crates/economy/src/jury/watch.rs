//! A juror's loop: votes by itself on every question on whose jury it sits.
//!
//! It keeps nothing but its votes: what has to be done shows on the chain, so that it can be killed and started again at any time.

use super::{
    advance,
    evidence::Evidence,
    opinion::Vector,
    question::{Question, Stage, open_questions},
    round::{Found, Steps},
    vote::{Turn, round_of, turn},
};
use crate::{infer::calls::SKETCH_BYTES_MAX, shell::Shell, votes::Votes};
use alloy_primitives::{B256, hex};
use anyhow::{Context, ensure};
use openledger_client::Sender;
use serde_json::json;
use std::collections::BTreeSet;
use tracing::{error, info, warn};

/// Longest answer of the command, bytes: a vector in hexadecimal, and what surrounds it.
const ANSWER_BYTES_MAX: usize = 2 * SKETCH_BYTES_MAX + 64;

/// Votes on juries.
#[derive(Debug)]
pub struct JuryWatcher {
    sender: Sender,
    votes: Votes<Vector>,
    /// Computes vectors.
    command: Shell,
    /// Questions that trouble was logged about.
    told: BTreeSet<B256>,
    is_troubled: bool,
}

impl JuryWatcher {
    /// As the sender, with its file of votes and the command that computes vectors.
    pub(crate) const fn new(sender: Sender, votes: Votes<Vector>, command: Shell) -> Self {
        Self {
            sender,
            votes,
            command,
            told: BTreeSet::new(),
            is_troubled: false,
        }
    }

    /// Whether the last round left something undone that needs a person.
    pub const fn is_troubled(&self) -> bool {
        self.is_troubled
    }

    /// Looks once at every open question, and does what has to be done.
    ///
    /// # Errors
    /// A node that doesn't answer.
    pub async fn round(&mut self) -> anyhow::Result<()> {
        self.is_troubled = false;
        let questions = open_questions(self.sender.node(), false).await?;
        let open: BTreeSet<B256> = questions.iter().map(|question| question.question).collect();
        self.told.retain(|question| open.contains(question));
        for question in questions {
            if let Err(error) = self.attend(&question).await {
                self.is_troubled = true;
                if self.told.insert(question.question) {
                    let question = question.question;
                    error!(%question, "a question needs somebody: {error:#}");
                }
            }
        }
        Ok(())
    }

    /// Does what can be done for a question now.
    async fn attend(&mut self, question: &Question) -> anyhow::Result<()> {
        let (id, account) = (question.question, self.sender.account());
        if question.jurors.is_empty() {
            // Whether this is one of its jurors shows when it is drawn; without a jury it ends.
            advance(&mut self.sender, id).await?;
        }
        loop {
            let found = Found::look(self.sender.node(), id).await?;
            let Some(ballot) = found.ballot(account).copied() else {
                return Ok(());
            };
            if ballot.has_revealed() || found.stage().is_voted() {
                break;
            }
            let is_asked = found.stage() == Stage::Committing && !ballot.has_committed();
            let vector = match self.votes.get(round_of(&found)) {
                None if is_asked => Some(self.compute(question).await?),
                _ => None,
            };
            match turn(&found, account, &mut self.votes, vector.as_ref())? {
                Turn::Send(step) => {
                    let what = step.name.clone();
                    Steps::new(&mut self.sender).send(step).await?;
                    info!(question = %id, "{what}");
                }
                Turn::Wait | Turn::Done => return Ok(()),
            }
        }
        if advance(&mut self.sender, id).await? {
            info!(question = %id, "the verdict is acted on");
        }
        Ok(())
    }

    /// Has the command compute what a question asks for.
    async fn compute(&self, question: &Question) -> anyhow::Result<Vector> {
        let view = self.sender.view().await?;
        let evidence = Evidence::read(&view, question).await?;
        let input = serde_json::to_vec(&json!({ "question": question, "evidence": evidence }))?;
        let environment = [("OPENLEDGER_QUESTION", question.question.to_string())];
        let answer = self
            .command
            .run(&environment, &input, ANSWER_BYTES_MAX)
            .await
            .context("computing the vector")?;
        let text = std::str::from_utf8(&answer).context("the command writes no text")?;
        let text = text.trim();
        if text.is_empty() {
            warn!(question = %question.question, "the command was shown nothing: the vote is zeros");
            return Ok(Vector::nothing_shown(question.dim));
        }
        ensure!(
            text.starts_with("0x"),
            "the command writes a vector in hexadecimal with 0x, or nothing"
        );
        let entries = hex::decode(text).context("the command's vector")?;
        Ok(Vector::new(entries.into(), question.dim)?)
    }
}
