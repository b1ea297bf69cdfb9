//! `openledger epoch propose`: what an epoch's draws come to, by the calls that workers publish.

use super::{
    chain::{Adapter, Fees, ask},
    challenge::Standing,
    close::{close, draw_seeds},
    draw::Draws,
    gather::{Gathered, gather, improved, scores, shortened},
    judge::judge,
    pots::{Key, PotArgs, Stage, choose, current_epoch, parameter, settlement},
    scores::{SCORES_BYTES_MAX, Scores, SetResult},
};
use crate::infer::CallsDirectory;
use alloy_primitives::{B256, Bytes};
use anyhow::{Context, bail, ensure};
use clap::Args;
use openledger_client::{Sender, SenderArgs, Step, View, open, say};
use openledger_contracts::{EpochScoring, EpochSettlement};
use openledger_primitives::predeploys::{EPOCH_SCORING, EPOCH_SETTLEMENT};
use std::{path::PathBuf, process::ExitCode};

/// Most bytes of old and new scores together: what a transaction of 128 KiB has room for beside everything else.
const IMPROVEMENT_BYTES_MAX: usize = SCORES_BYTES_MAX;

/// Flags of `openledger epoch propose`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Draws that no directory has a call for are left out and count without a score. Fewer than 8 with a score pay \
contributors nothing, and others may add what is left out and take the proposer's place. If a proposal stands, this \
improves it: it adds the draws that are left out, and takes each witness with at most a quarter of the squared residual; \
nothing else is an improvement. A proposal that is wrong can't be improved: challenge it.")]
pub struct ProposeArgs {
    #[command(flatten)]
    which: PotArgs,
    /// Directory of calls that a worker publishes; repeatable
    #[arg(long, value_name = "DIR", required = true)]
    calls: Vec<PathBuf>,
    /// Close the current epoch first, waiting for its end
    #[arg(long)]
    close: bool,
    /// Compute and print what would be proposed, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Runs the command.
///
/// # Errors
/// A node that doesn't answer, an epoch that can't be proposed for, a transaction that the chain refuses.
pub async fn run(args: ProposeArgs) -> anyhow::Result<ExitCode> {
    let mut sender = args.sender.open().await?;
    if args.close && !args.dry_run {
        close(&mut sender, true).await?;
    }
    let stages = [Stage::Open, Stage::Proposed];
    let (key, _) = choose(&sender.view().await?, args.which, &stages).await?;
    if !args.dry_run {
        draw_seeds(&mut sender, Some(key.0)).await?;
    }
    let directories = args
        .calls
        .iter()
        .map(|path| CallsDirectory::open(path))
        .collect::<Result<Vec<_>, _>>()?;
    let Some(draft) = Draft::make(&sender.view().await?, key, &directories).await? else {
        say(
            "stands",
            "a proposal with every draw that the directories have, and witnesses as good as can be found; there is nothing to improve",
        );
        return Ok(ExitCode::SUCCESS);
    };
    if !args.json {
        draft.print();
    }
    if args.dry_run {
        if args.json {
            println!("{}", serde_json::to_string_pretty(&draft.json(None))?);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let transaction = draft.send(&mut sender).await?;
    if args.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&draft.json(Some(transaction)))?
        );
    } else {
        let settled = settlement(&sender.view().await?, key).await?;
        say("proposed", format!("by transaction {transaction}"));
        say(
            "deadline",
            format!(
                "{} (Unix time): until then it can be challenged",
                settled.deadline
            ),
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// A proposal to be, checked against the chain's own computation.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The epoch and the adapter.
    pub key: Key,
    /// The scores.
    pub scores: Scores,
    /// What follows from them.
    pub results: Vec<SetResult>,
    /// Draws that can't be shown, and why.
    pub missing: Vec<(usize, String)>,
    /// `abi.encode(Scores)` of the proposal that this one improves.
    pub old: Option<Bytes>,
}

impl Draft {
    /// Makes one for an epoch whose seed is drawn; `None` if a proposal stands that shows all that can be shown.
    ///
    /// # Errors
    /// A node that doesn't answer; an epoch that isn't closed or over; a chain that computes something else.
    pub async fn make(
        view: &View,
        key: Key,
        directories: &[CallsDirectory],
    ) -> anyhow::Result<Option<Self>> {
        let (epoch, id) = key;
        let adapter = Adapter::read(view, id).await?;
        ensure!(
            current_epoch(view).await? > epoch,
            "epoch {epoch} isn't over"
        );
        let fees = Fees::read(view, id, [epoch]).await?;
        let draws = fees.draws(epoch);
        let draws = draws.with_context(|| {
            format!(
                "epoch {epoch} has no fees of adapter {id}, or its seed isn't drawn (epoch close)"
            )
        })?;
        let settled = settlement(view, key).await?;
        let (void, sets) = (settled.voidDraws, &adapter.sets);
        let node = view.node();
        let gathered = gather(node, &fees, epoch, &draws, void, sets, directories).await?;
        let (ours, missing) = solve_all(gathered, &adapter).await?;
        let mut draft = Self {
            key,
            scores: ours,
            results: Vec::new(),
            missing,
            old: None,
        };
        match Stage::of(&settled)? {
            Stage::Open => {}
            Stage::Proposed => {
                let old = Standing::read(view, key, &settled).await?.scores;
                let Some(better) = improve(&old, draft.scores, void, &adapter).await? else {
                    return Ok(None);
                };
                draft.scores = better;
                draft.old = Some(old);
            }
            stage => bail!("epoch {epoch} of adapter {id} is {stage}: no proposal is taken"),
        }
        draft.results = draft.compute(&draws, void, &adapter)?;
        draft.compare(view, void).await?;
        Ok(Some(draft))
    }

    fn compute(
        &self,
        draws: &Draws,
        void: u16,
        adapter: &Adapter,
    ) -> anyhow::Result<Vec<SetResult>> {
        // Whatever hashes are named: what is wanted is what follows.
        let named = vec![B256::ZERO; adapter.sets.len()];
        let judged = judge(draws, void, &self.scores.encode(), &named, &adapter.sets)?;
        let computed = judged.computed.into_iter().collect::<Result<Vec<_>, _>>();
        computed.context(
            "the scores would be wrong; a standing proposal that is wrong must be challenged (epoch challenge)",
        )
    }

    /// Asks the chain for the same.
    async fn compare(&self, view: &View, void_draws: u16) -> anyhow::Result<()> {
        let (epoch, adapter) = self.key;
        let scores = self.scores.encode();
        for (place, result) in self.results.iter().enumerate() {
            let call = EpochScoring::computeCall {
                epoch,
                adapter,
                voidDraws: void_draws,
                encoded: scores.clone(),
                set: alloy_primitives::U256::from(place),
            };
            let found = ask(view, EPOCH_SCORING, call).await?;
            let chains = SetResult {
                clusters: found.result.clusters,
                sums: found.result.sums,
                shares: found.result.shares,
            };
            ensure!(
                found.isValid && chains == *result,
                "the chain computes another result for set number {place}: this is a defect, and nothing was sent"
            );
        }
        Ok(())
    }

    /// Sends it, with its bond. Returns the transaction.
    ///
    /// # Errors
    /// A transaction that the chain refuses.
    pub async fn send(&self, sender: &mut Sender) -> anyhow::Result<B256> {
        let (epoch, adapter) = self.key;
        let bond = parameter(&sender.view().await?, "proposalBond").await?;
        let (scores, results) = (self.scores.encode(), self.hashes());
        let step = match &self.old {
            None => Step::call(
                "propose",
                EPOCH_SETTLEMENT,
                &EpochSettlement::proposeCall {
                    epoch,
                    adapter,
                    scores,
                    results,
                },
            ),
            Some(old) => Step::call(
                "improve",
                EPOCH_SETTLEMENT,
                &EpochSettlement::improveCall {
                    epoch,
                    adapter,
                    old: old.clone(),
                    better: scores,
                    results,
                },
            ),
        };
        eprintln!("proposing with a bond of {}", open(bond));
        Ok(sender.send(step.paying(bond)).await?.transaction_hash)
    }

    /// Hashes of the results, by which a proposal names them.
    pub fn hashes(&self) -> Vec<B256> {
        self.results.iter().map(SetResult::hash).collect()
    }

    /// Draws that it shows.
    pub fn shown(&self) -> usize {
        self.scores
            .draws
            .iter()
            .filter(|draw| draw.is_shown())
            .count()
    }

    fn print(&self) {
        let (epoch, adapter) = self.key;
        say("epoch", format!("{epoch} of adapter {adapter}"));
        let way = if self.old.is_some() {
            " (improves the one that stands)"
        } else {
            ""
        };
        say(
            "draws",
            format!("{} of {} shown{way}", self.shown(), self.scores.draws.len()),
        );
        for (draw, why) in &self.missing {
            say("left out", format!("draw {draw}: {why}"));
        }
        for (place, result) in self.results.iter().enumerate() {
            let earning = result.shares.iter().filter(|share| **share > 0).count();
            let clusters = result.clusters.len();
            say(
                "result",
                format!("set number {place}: {earning} of {clusters} clusters earn"),
            );
        }
    }

    fn json(&self, transaction: Option<B256>) -> serde_json::Value {
        serde_json::json!({
            "epoch": self.key.0,
            "adapter": self.key.1,
            "shown": self.shown(),
            "missing": self.missing.iter().map(|(draw, why)| serde_json::json!({ "draw": draw, "why": why })).collect::<Vec<_>>(),
            "results": self.hashes(),
            "improves": self.old.is_some(),
            "transaction": transaction,
        })
    }
}

/// Witnesses take a while to find: not on the threads that wait for the node.
async fn solve_all(
    mut gathered: Gathered,
    adapter: &Adapter,
) -> anyhow::Result<(Scores, Vec<(usize, String)>)> {
    let sets = adapter.sets.clone();
    tokio::task::spawn_blocking(move || {
        let scores = scores(&mut gathered, &sets)?;
        anyhow::Ok((scores, gathered.missing))
    })
    .await?
}

/// What is better than the proposal that stands, and fits into a transaction with it. Residuals take a while to compute, too.
async fn improve(
    old: &Bytes,
    ours: Scores,
    void_draws: u16,
    adapter: &Adapter,
) -> anyhow::Result<Option<Scores>> {
    let standing = Scores::decode(old)?;
    let sets = adapter.sets.clone();
    let room = IMPROVEMENT_BYTES_MAX.saturating_sub(old.len());
    tokio::task::spawn_blocking(move || {
        let Some(better) = improved(&standing, &ours, void_draws, &sets) else {
            return Ok(None);
        };
        let bytes = better.encode().len();
        let better = shortened(&standing, better, room).with_context(|| {
            format!(
                "a better proposal has {bytes} bytes of scores, which a transaction has no room for beside those that stand ({room} are \
                 left): what stands can't be improved"
            )
        })?;
        Ok(Some(better))
    })
    .await?
}
