//! `openledger epoch watch`: computes every proposal again, and challenges those that are wrong.
//!
//! It keeps nothing on disk: what has to be done shows on the chain, so that it can be killed and started again
//! at any time. Each round looks at all epochs that aren't settled; a fault in one holds up none of the others,
//! and everything is tried again in the next round.

use super::{
    audit::Settlement,
    chain::TraceArgs,
    challenge::{CHALLENGE_GAS_MAX, Outcome, Standing, Verdict},
    close::{close, draw_seeds, missing_seeds},
    finalize::{UnknownResults, carry, carry_from, finalize},
    judge::Wrong,
    pots::{Key, Stage, current_epoch, pots_from, settlement},
};
use alloy_primitives::B256;
use anyhow::{Context, ensure};
use clap::Args;
use openledger_client::{Node, Sender, SenderArgs, View};
use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
    time::Duration,
};
use tracing::{error, info, warn};

/// Most epochs of adapters that are watched at once.
const WATCHED_MAX: usize = 1 << 16;

/// Flags of `openledger epoch watch`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Without a key it challenges nothing, and logs an error for what should be challenged. It keeps no files: kill and start \
it as you like.")]
pub struct WatchArgs {
    /// Watch this adapter alone; repeatable
    #[arg(long = "adapter", value_name = "ID")]
    adapters: Vec<u64>,
    /// Also close epochs, draw seeds, pay what is right when its windows are over, and carry what nobody proposed for
    #[arg(long)]
    finalize: bool,
    /// Look once at everything and stop
    #[arg(long)]
    once: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    #[command(flatten)]
    sender: SenderArgs,
    #[command(flatten)]
    trace: TraceArgs,
}

/// Runs the command.
///
/// # Errors
/// A node that doesn't answer at the start, a key that isn't there where it is needed.
pub async fn run(mut args: WatchArgs) -> anyhow::Result<ExitCode> {
    let limits = &mut args.sender.limits;
    limits.gas_max = limits.gas_max.max(CHALLENGE_GAS_MAX);
    let local = args.sender.node.local()?;
    let key = args.sender.account.key_if_any(local.as_ref())?;
    ensure!(
        key.is_some() || !args.finalize,
        "--finalize sends transactions: name an account's key"
    );
    let node = args.sender.node.connect().await?;
    let sender = key.map(|key| Sender::new(node.clone(), key, args.sender.limits));
    let account = sender.as_ref().map(Sender::account);
    info!(chain_id = node.chain_id(), ?account, "watching epochs");
    let trace = args.trace.connect(&args.sender.node, &node).await?;
    let mut watcher = Watcher::new(
        node,
        trace,
        sender,
        args.adapters.into_iter().collect(),
        args.finalize,
    );
    loop {
        match watcher.round().await {
            Ok(()) if args.once => {
                return Ok(if watcher.is_troubled {
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

/// What a proposal is told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    scores: B256,
    results: B256,
    void_draws: u16,
}

impl Identity {
    const fn of(settled: &Settlement) -> Self {
        Self {
            scores: settled.scoresHash,
            results: settled.resultsHash,
            void_draws: settled.voidDraws,
        }
    }
}

/// Watches epochs.
#[derive(Debug)]
pub struct Watcher {
    node: Node,
    /// Runs transactions again.
    trace: Node,
    sender: Option<Sender>,
    /// Empty: all.
    adapters: BTreeSet<u64>,
    finalizes: bool,
    /// Blocks below it are looked through.
    next_block: u64,
    /// Epochs with fees that aren't settled, at most [`WATCHED_MAX`].
    open: BTreeSet<Key>,
    /// What was found of proposals that stand; of one that can't be checked, nothing.
    judged: BTreeMap<Key, (Identity, Option<Wrong>)>,
    /// Proposals that trouble was logged about.
    told: BTreeMap<Key, Identity>,
    is_troubled: bool,
}

impl Watcher {
    /// Of all adapters if none is named. Without a sender nothing is sent.
    pub const fn new(
        node: Node,
        trace: Node,
        sender: Option<Sender>,
        adapters: BTreeSet<u64>,
        finalizes: bool,
    ) -> Self {
        Self {
            node,
            trace,
            sender,
            adapters,
            finalizes,
            next_block: 0,
            open: BTreeSet::new(),
            judged: BTreeMap::new(),
            told: BTreeMap::new(),
            is_troubled: false,
        }
    }

    /// Looks once at every epoch that isn't settled, and does what has to be done.
    ///
    /// # Errors
    /// A node that doesn't answer; more epochs than can be watched.
    pub async fn round(&mut self) -> anyhow::Result<()> {
        self.is_troubled = false;
        let view = self.node.at(None).await?;
        if view.block.number.saturating_add(1) < self.next_block {
            // The chain went back.
            self.next_block = 0;
        }
        let watched = &self.adapters;
        let found = pots_from(&view, self.next_block).await?;
        self.open.extend(
            found
                .into_keys()
                .filter(|(_, adapter)| watched.is_empty() || watched.contains(adapter)),
        );
        ensure!(
            self.open.len() <= WATCHED_MAX,
            "more than {WATCHED_MAX} epochs aren't settled: name adapters by --adapter"
        );
        self.next_block = view.block.number + 1;
        if self.finalizes {
            self.begin(&view).await;
        }
        let current = current_epoch(&view).await?;
        let open: Vec<Key> = self.open.iter().copied().collect();
        for key in open.into_iter().filter(|(epoch, _)| *epoch < current) {
            if let Err(error) = self.look(key).await {
                let (epoch, adapter) = key;
                self.is_troubled = true;
                warn!(
                    epoch,
                    adapter, "an epoch can't be looked at, trying again: {error:#}"
                );
            }
        }
        Ok(())
    }

    /// Closes an epoch in which something was paid for, and draws seeds.
    async fn begin(&mut self, view: &View) {
        let Some(sender) = &mut self.sender else {
            return;
        };
        let begun = async {
            let current = current_epoch(view).await?;
            if self.open.iter().any(|(epoch, _)| *epoch == current)
                && let Some(epoch) = close(sender, false).await?
            {
                info!(epoch, "epoch closed");
            }
            for epoch in missing_seeds(&sender.view().await?).await? {
                if self.open.iter().any(|(open, _)| *open == epoch) {
                    for (epoch, seed) in draw_seeds(sender, Some(epoch)).await? {
                        info!(epoch, %seed, "seed drawn");
                    }
                }
            }
            anyhow::Ok(())
        };
        if let Err(error) = begun.await {
            warn!("epochs can't be closed or seeds drawn, trying again: {error:#}");
        }
    }

    async fn look(&mut self, key: Key) -> anyhow::Result<()> {
        let view = self.node.at(None).await?;
        let settled = settlement(&view, key).await?;
        match Stage::of(&settled)? {
            Stage::Settled => {
                self.open.remove(&key);
                self.judged.remove(&key);
                self.told.remove(&key);
                let (epoch, adapter) = key;
                info!(epoch, adapter, paid = settled.paid, "epoch settled");
                Ok(())
            }
            Stage::Open => {
                self.judged.remove(&key);
                self.settle_without_scores(&view, key).await
            }
            Stage::Proposed => self.check(&view, key, &settled).await,
            Stage::Paying => self.pay(&view, key).await,
        }
    }

    /// A proposal that stands: challenged if it is wrong, paid if it is right and its time has come.
    async fn check(&mut self, view: &View, key: Key, settled: &Settlement) -> anyhow::Result<()> {
        let identity = Identity::of(settled);
        let known = self.judged.get(&key);
        let known = known
            .filter(|(of, _)| *of == identity)
            .map(|(_, wrong)| *wrong);
        let wrong = match known {
            Some(wrong) => wrong,
            None => match self.judge(view, key, settled).await {
                Ok(wrong) => {
                    self.judged.insert(key, (identity, wrong));
                    wrong
                }
                Err(error) => {
                    self.trouble(key, identity, |epoch, adapter| {
                        error!(epoch, adapter, "a proposal can't be checked: {error:#}");
                    });
                    return Ok(());
                }
            },
        };
        let now = view.node().time().await?;
        let deadline: u64 = settled.deadline.to();
        match wrong {
            Some(wrong) if now > deadline => {
                self.trouble(key, identity, |epoch, adapter| {
                    error!(
                        epoch,
                        adapter, "a wrong proposal wasn't challenged in time: {wrong}"
                    );
                });
                Ok(())
            }
            Some(wrong) => self.challenge(view, key, settled, &wrong).await,
            None if now > deadline && settled.openQuestions == 0 => self.pay(view, key).await,
            None => Ok(()),
        }
    }

    /// What is wrong with a proposal, if anything is.
    async fn judge(
        &self,
        view: &View,
        key: Key,
        settled: &Settlement,
    ) -> anyhow::Result<Option<Wrong>> {
        let (epoch, adapter) = key;
        let standing = Standing::read(view, &self.trace, key, settled).await?;
        let proposer = standing.proposer;
        Ok(match standing.judge(view).await? {
            Verdict::Right(judgement) => {
                let shown = judgement
                    .scores
                    .draws
                    .iter()
                    .filter(|draw| draw.is_shown())
                    .count();
                info!(epoch, adapter, %proposer, shown, "proposal is right");
                None
            }
            Verdict::Wrong(wrong) => {
                warn!(epoch, adapter, %proposer, "proposal is wrong: {wrong}");
                Some(wrong)
            }
        })
    }

    async fn challenge(
        &mut self,
        view: &View,
        key: Key,
        settled: &Settlement,
        wrong: &Wrong,
    ) -> anyhow::Result<()> {
        let (epoch, adapter) = key;
        let identity = Identity::of(settled);
        let Some(sender) = &mut self.sender else {
            self.trouble(key, identity, |epoch, adapter| {
                error!(
                    epoch,
                    adapter,
                    "a wrong proposal stands, and there is no key to challenge it: {wrong}"
                );
            });
            return Ok(());
        };
        let standing = Standing::read(view, &self.trace, key, settled).await?;
        let paused = standing.paused_until(view, wrong.set).await?;
        if paused.is_some_and(|until| settled.deadline.to::<u64>() > until) {
            // The deadline is behind the pause already.
            return Ok(());
        }
        match standing.challenge(sender, wrong).await {
            Ok(Outcome::Refuted(transaction)) => {
                info!(epoch, adapter, %transaction, "proposal refuted");
                self.judged.remove(&key);
            }
            Ok(Outcome::Moved(transaction)) => {
                info!(epoch, adapter, %transaction, "scores are paused, deadline moved");
            }
            Err(error) => {
                // Somebody may have been faster.
                let now = settlement(&self.node.at(None).await?, key).await?;
                if Stage::of(&now)? == Stage::Proposed && Identity::of(&now) == identity {
                    self.trouble(key, identity, |epoch, adapter| {
                        error!(
                            epoch,
                            adapter, "a wrong proposal can't be challenged: {error:#}"
                        );
                    });
                }
            }
        }
        Ok(())
    }

    /// Pays what is due, if that is wanted.
    async fn pay(&mut self, view: &View, key: Key) -> anyhow::Result<()> {
        if self.waits_for_earlier(key) {
            return Ok(());
        }
        let (epoch, adapter) = key;
        let carry_from = carry_from(view, key).await?;
        let now = view.node().time().await?;
        let Some(sender) = self.sender.as_mut().filter(|_| self.finalizes) else {
            return Ok(());
        };
        match finalize(sender, &self.trace, key).await {
            Ok(transactions) => {
                let transactions = transactions.len();
                info!(epoch, adapter, transactions, "epoch finalized");
                Ok(())
            }
            // Whatever else went wrong may go right the next time: carrying can't be undone.
            Err(error) if now > carry_from && error.is::<UnknownResults>() => {
                self.settle_without_scores(view, key).await
            }
            Err(error) => Err(error),
        }
    }

    /// Carries what nobody proposed for in time, if that is wanted.
    async fn settle_without_scores(&mut self, view: &View, key: Key) -> anyhow::Result<()> {
        if !self.finalizes
            || self.waits_for_earlier(key)
            || view.node().time().await? <= carry_from(view, key).await?
        {
            return Ok(());
        }
        let sender = self.sender.as_mut().context("--finalize has a key")?;
        let transaction = carry(sender, key).await?;
        let (epoch, adapter) = key;
        info!(epoch, adapter, %transaction, "epoch carried");
        Ok(())
    }

    /// Whether an earlier epoch of the adapter comes first.
    fn waits_for_earlier(&self, (epoch, adapter): Key) -> bool {
        let earlier = self.open.range(..(epoch, 0));
        earlier.into_iter().any(|(_, id)| *id == adapter)
    }

    /// Takes note of trouble with a proposal, and logs it once.
    fn trouble(&mut self, key: Key, identity: Identity, log: impl FnOnce(u64, u64)) {
        self.is_troubled = true;
        if self.told.get(&key) != Some(&identity) {
            self.told.insert(key, identity);
            log(key.0, key.1);
        }
    }
}
