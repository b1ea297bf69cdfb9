//! `openledger epoch challenge`: a proposal computed again, and challenged if it is wrong.

use super::{
    audit::Settlement,
    chain::{Adapter, Proposal, draws, proposals, proposed_scores},
    judge::{Judgement, NoProposal, Wrong, judge},
    pots::{Key, PotArgs, Stage, choose, closed_in},
    scores::results_hash,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use anyhow::Context;
use clap::Args;
use openledger_client::{Answer, Sender, SenderArgs, Step, View, event, say};
use openledger_contracts::{EpochScoring, EpochSettlement};
use openledger_precompiles::CommonErrors;
use openledger_primitives::predeploys::{EPOCH_SCORING, EPOCH_SETTLEMENT};
use std::process::ExitCode;

/// Most gas that a challenge needs: what the contract leaves sets room for.
pub const CHALLENGE_GAS_MAX: u64 = 30_000_000;

/// Flags of `openledger epoch challenge`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Sends nothing if the proposal is right: a challenge would fail and cost its gas. Exits with 1 then.")]
pub struct ChallengeArgs {
    #[command(flatten)]
    which: PotArgs,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Runs the command.
///
/// # Errors
/// A node that doesn't answer, a transaction that the chain refuses.
pub async fn run(mut args: ChallengeArgs) -> anyhow::Result<ExitCode> {
    let gas_max = &mut args.sender.limits.gas_max;
    *gas_max = (*gas_max).max(CHALLENGE_GAS_MAX);
    let mut sender = args.sender.open().await?;
    let view = sender.view().await?;
    let (key, settled) = choose(&view, args.which, &[Stage::Proposed]).await?;
    let standing = Standing::read(&view, key, &settled).await?;
    say(
        "proposal",
        format!(
            "epoch {} of adapter {}, by {}",
            key.0, key.1, standing.proposer
        ),
    );
    match standing.judge(&view).await? {
        Verdict::Right(_) => {
            say("right", "a challenge would fail");
            Ok(ExitCode::FAILURE)
        }
        Verdict::Wrong(wrong) => {
            say("wrong", wrong);
            match standing.challenge(&mut sender, &wrong).await? {
                Outcome::Refuted(transaction) => {
                    say(
                        "refuted",
                        format!("by transaction {transaction}: half of its bond is yours to claim"),
                    );
                }
                Outcome::Moved(transaction) => say(
                    "paused",
                    format!(
                        "scores are paused; transaction {transaction} moved the deadline: challenge after the pause"
                    ),
                ),
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What the settlement keeps of a proposal that an improvement replaced.
pub type Replaced = <EpochSettlement::replacedOfCall as alloy_sol_types::SolCall>::Return;

/// A proposal that stands or stood, with its data.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The epoch and the adapter.
    pub key: Key,
    /// Whose.
    pub proposer: Address,
    /// The transaction that made it.
    pub transaction: B256,
    /// Draws that count without a score.
    pub void_draws: u16,
    /// `abi.encode(Scores)`.
    pub scores: Bytes,
    results: Vec<B256>,
}

/// What was found.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It is right.
    Right(Box<Judgement>),
    /// A challenge succeeds.
    Wrong(Wrong),
}

/// What a challenge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The proposal is gone, by this transaction.
    Refuted(B256),
    /// Scores are paused: there is more time, by this transaction.
    Moved(B256),
}

impl Standing {
    /// Reads the proposal that stands.
    ///
    /// # Errors
    /// A node that doesn't answer, or can't show the proposal's data.
    pub async fn read(view: &View, key: Key, settled: &Settlement) -> anyhow::Result<Self> {
        let hashes = (settled.scoresHash, settled.resultsHash);
        Self::find(view, key, settled.proposer, hashes, settled.voidDraws)
            .await?
            .context("the node has no event of the proposal that stands")
    }

    /// Reads one that an improvement replaced.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn replaced(view: &View, key: Key, replaced: &Replaced) -> anyhow::Result<Self> {
        let hashes = (replaced.scoresHash, replaced.resultsHash);
        Self::find(view, key, replaced.proposer, hashes, replaced.voidDraws)
            .await?
            .context("the node has no event of the proposal that was replaced")
    }

    async fn find(
        view: &View,
        key: Key,
        proposer: Address,
        (scores, results): (B256, B256),
        void_draws: u16,
    ) -> anyhow::Result<Option<Self>> {
        let (epoch, adapter) = key;
        let closed = closed_in(view, epoch).await?;
        let closed = closed.with_context(|| format!("epoch {epoch} isn't closed"))?;
        let made = proposals(view, Some(epoch), adapter, closed).await?;
        let is_it = |made: &&Proposal| {
            (made.proposer, made.scores_hash, results_hash(&made.results))
                == (proposer, scores, results)
        };
        let Some(made) = made
            .get(&epoch)
            .and_then(|made| made.iter().rev().find(is_it))
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            key,
            proposer,
            transaction: made.transaction,
            void_draws,
            scores: proposed_scores(view.node(), made.transaction, scores).await?,
            results: made.results.clone(),
        }))
    }

    /// Computes it again.
    ///
    /// # Errors
    /// A node that doesn't answer; data that the chain can't have taken.
    pub async fn judge(&self, view: &View) -> anyhow::Result<Verdict> {
        let (epoch, id) = self.key;
        let adapter = Adapter::read(view, id).await?;
        // What the chain would compute by: however much was paid, these are a few reads.
        let draws = draws(view, self.key).await?;
        let draws = draws.with_context(|| format!("epoch {epoch} has no seed"))?;
        let (void, scores, results) = (self.void_draws, self.scores.clone(), self.results.clone());
        // Seconds for the largest sets.
        let judged = tokio::task::spawn_blocking(move || {
            judge(&draws, void, &scores, &results, &adapter.sets)
        })
        .await?;
        let judgement = judged.map_err(|no: NoProposal| anyhow::Error::from(no))?;
        Ok(match judgement.wrong() {
            None => Verdict::Right(Box::new(judgement)),
            Some(wrong) => Verdict::Wrong(wrong),
        })
    }

    /// Until when scores are paused, seconds; `None` if they aren't.
    ///
    /// # Errors
    /// A node that doesn't answer.
    pub async fn paused_until(&self, view: &View, set: usize) -> anyhow::Result<Option<u64>> {
        let call = EpochScoring::computeCall {
            epoch: self.key.0,
            adapter: self.key.1,
            voidDraws: self.void_draws,
            encoded: self.scores.clone(),
            set: U256::from(set),
        };
        let data = alloy_sol_types::SolCall::abi_encode(&call);
        let Answer::Reverted(reason) = view.call(EPOCH_SCORING, data.into()).await? else {
            return Ok(None);
        };
        let paused = <CommonErrors::Paused as alloy_sol_types::SolError>::abi_decode(&reason);
        Ok(paused.ok().map(|paused| paused.until))
    }

    /// Challenges what is wrong with it.
    ///
    /// # Errors
    /// A transaction that the chain refuses: [`openledger_client::Failure`] says why, `WrongStage` if somebody was faster.
    pub async fn challenge(&self, sender: &mut Sender, wrong: &Wrong) -> anyhow::Result<Outcome> {
        let call = EpochSettlement::challengeCall {
            epoch: self.key.0,
            adapter: self.key.1,
            scores: self.scores.clone(),
            results: self.results.clone(),
            set: U256::from(wrong.set),
        };
        let receipt = sender
            .send(Step::call("challenge", EPOCH_SETTLEMENT, &call))
            .await?;
        let transaction = receipt.transaction_hash;
        Ok(match event::<EpochSettlement::Refuted>(&receipt) {
            Ok(_) => Outcome::Refuted(transaction),
            Err(_) => Outcome::Moved(transaction),
        })
    }

    /// Challenges what is wrong with one that was replaced, by its place.
    ///
    /// # Errors
    /// A transaction that the chain refuses: `NoBond` if somebody was faster.
    pub async fn challenge_replaced(
        &self,
        sender: &mut Sender,
        place: u64,
        wrong: &Wrong,
    ) -> anyhow::Result<Outcome> {
        let call = EpochSettlement::challengeReplacedCall {
            epoch: self.key.0,
            adapter: self.key.1,
            place: U256::from(place),
            scores: self.scores.clone(),
            results: self.results.clone(),
            set: U256::from(wrong.set),
        };
        let step = Step::call("challenge", EPOCH_SETTLEMENT, &call);
        let receipt = sender.send(step).await?;
        let transaction = receipt.transaction_hash;
        Ok(match event::<EpochSettlement::ReplacedRefuted>(&receipt) {
            Ok(_) => Outcome::Refuted(transaction),
            Err(_) => Outcome::Moved(transaction),
        })
    }
}
