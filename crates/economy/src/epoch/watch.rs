//! `openledger epoch watch`: computes every proposal again, and challenges those that are wrong.
//!
//! It keeps nothing on disk: what has to be done shows on the chain, so that it can be killed and started again
//! at any time, and several can run at once. It begins with what isn't settled by the contracts' state, and then follows
//! the payments of new blocks; when the last block that it looked at isn't the chain's any more, it begins anew. Each round
//! looks at all epochs that aren't settled; a fault in one holds up none of the others, and everything is tried again in
//! the next round.

mod replaced;
mod settle;

use super::{
    audit::Settlement,
    challenge::{CHALLENGE_GAS_MAX, Outcome, Standing, Verdict},
    judge::Wrong,
    pots::{Key, Stage, current_epoch, paid_in, settlement, unsettled},
};
use crate::infer::CallsDirectory;
use alloy_eips::BlockNumHash;
use alloy_primitives::B256;
use anyhow::ensure;
use clap::Args;
use openledger_client::{Node, Sender, SenderArgs, View};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};
use tracing::{error, info, warn};

/// Most epochs of adapters that are watched at once.
const WATCHED_MAX: usize = 1 << 16;

/// Time after which directories are looked at again for a proposal that stands.
const CALLS_INTERVAL: Duration = Duration::from_secs(30);

/// Flags of `openledger epoch watch`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Without a key it challenges nothing, and logs an error for what should be challenged. It keeps no files: kill and start \
it as you like.")]
pub struct WatchArgs {
    /// Watch this adapter alone; repeatable
    #[arg(long = "adapter", value_name = "ID")]
    adapters: Vec<u64>,
    /// Also close epochs, draw seeds, have juries drawn and counted and act on their verdicts, pay what is right when its windows are over,
    /// and carry what nobody proposed for
    #[arg(long)]
    finalize: bool,
    /// Look once at everything and stop
    #[arg(long)]
    once: bool,
    /// Directory of calls that a worker publishes: a right proposal that leaves some of them out is improved, with a bond; repeatable
    #[arg(long, value_name = "DIR")]
    calls: Vec<PathBuf>,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    #[command(flatten)]
    sender: SenderArgs,
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
        key.is_some() || (!args.finalize && args.calls.is_empty()),
        "--finalize and --calls send transactions: name an account's key"
    );
    let calls = args
        .calls
        .iter()
        .map(|path| CallsDirectory::open(path))
        .collect::<Result<Vec<_>, _>>()?;
    let node = args.sender.node.connect().await?;
    let sender = key.map(|key| Sender::new(node.clone(), key, args.sender.limits));
    let account = sender.as_ref().map(Sender::account);
    info!(chain_id = node.chain_id(), ?account, "watching epochs");
    let adapters = args.adapters.into_iter().collect();
    let mut watcher = Watcher::new(node, sender, adapters, args.finalize).improving_by(calls);
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
    sender: Option<Sender>,
    /// Empty: all.
    adapters: BTreeSet<u64>,
    finalizes: bool,
    /// The last block that was looked at.
    seen: Option<BlockNumHash>,
    /// Epochs with fees that aren't settled, at most [`WATCHED_MAX`].
    open: BTreeSet<Key>,
    /// What was found of proposals that stand; of one that can't be checked, nothing.
    judged: BTreeMap<Key, (Identity, Option<Wrong>)>,
    /// Where a better proposal's calls may be.
    calls: Vec<CallsDirectory>,
    /// Proposals that something better was looked for to, and when.
    searched: BTreeMap<Key, (Identity, Instant)>,
    /// Replaced proposals that are right, by their place, and those that trouble was logged about.
    right_replaced: BTreeSet<(Key, u64)>,
    told_replaced: BTreeSet<(Key, u64)>,
    /// Proposals that trouble was logged about.
    told: BTreeMap<Key, Identity>,
    is_troubled: bool,
}

impl Watcher {
    /// Of all adapters if none is named. Without a sender nothing is sent.
    pub const fn new(
        node: Node,
        sender: Option<Sender>,
        adapters: BTreeSet<u64>,
        finalizes: bool,
    ) -> Self {
        Self {
            node,
            sender,
            adapters,
            finalizes,
            seen: None,
            open: BTreeSet::new(),
            judged: BTreeMap::new(),
            calls: Vec::new(),
            searched: BTreeMap::new(),
            right_replaced: BTreeSet::new(),
            told_replaced: BTreeSet::new(),
            told: BTreeMap::new(),
            is_troubled: false,
        }
    }

    /// The same, which improves right proposals that leave out calls that these directories have. It needs a sender.
    pub fn improving_by(self, calls: Vec<CallsDirectory>) -> Self {
        Self { calls, ..self }
    }

    /// Looks once at every epoch that isn't settled, and does what has to be done.
    ///
    /// # Errors
    /// A node that doesn't answer; more epochs than can be watched.
    pub async fn round(&mut self) -> anyhow::Result<()> {
        self.is_troubled = false;
        let view = self.node.at(None).await?;
        self.follow(&view).await?;
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

    /// Whether the last round left something that needs a person, or to be tried again.
    pub const fn is_troubled(&self) -> bool {
        self.is_troubled
    }

    /// Epochs that are watched: those with fees that aren't settled, the one that runs among them.
    pub fn watched(&self) -> impl Iterator<Item = Key> {
        self.open.iter().copied()
    }

    /// Finds the epochs that are to be watched from the last block that was looked at to the view's; all of them, by the contracts' state,
    /// at first and after a reorganisation.
    async fn follow(&mut self, view: &View) -> anyhow::Result<()> {
        let goes_on = match self.seen {
            Some(seen) => {
                seen.number <= view.block.number && view.node().is_canonical(seen).await?
            }
            None => false,
        };
        let found = if let Some(seen) = self.seen.filter(|_| goes_on) {
            let mut found = paid_in(view, None, None, seen.number + 1..=u64::MAX).await?;
            let watched = &self.adapters;
            found.retain(|(_, adapter), _| watched.is_empty() || watched.contains(adapter));
            found
        } else {
            if let Some(seen) = self.seen {
                warn!(
                    number = seen.number,
                    hash = %seen.hash,
                    "block isn't the chain's any more, looking at everything again"
                );
            }
            let found = unsettled(view, &self.adapters).await?;
            // What was settled, or found of a proposal, may be otherwise now.
            self.open.clear();
            self.searched.clear();
            self.right_replaced.clear();
            self.told_replaced.clear();
            self.judged.clear();
            self.told.clear();
            found
        };
        self.open.extend(found.into_keys());
        ensure!(
            self.open.len() <= WATCHED_MAX,
            "more than {WATCHED_MAX} epochs aren't settled: name adapters by --adapter"
        );
        self.seen = Some(view.block);
        Ok(())
    }

    async fn look(&mut self, key: Key) -> anyhow::Result<()> {
        let view = self.node.at(None).await?;
        let settled = settlement(&view, key).await?;
        if settled.openQuestions != 0 {
            self.answer(key).await;
        }
        self.look_at_replaced(&view, key).await?;
        match Stage::of(&settled)? {
            Stage::Settled => {
                self.open.remove(&key);
                self.judged.remove(&key);
                self.told.remove(&key);
                self.searched.remove(&key);
                let (epoch, adapter) = key;
                info!(epoch, adapter, paid = settled.paid, "epoch settled");
                Ok(())
            }
            Stage::Open => {
                self.judged.remove(&key);
                self.settle_without_scores(&view, key).await
            }
            Stage::Proposed => self.check(&view, key, &settled).await,
            Stage::Paying => self.pay(&view, key, &settled).await,
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
                // Its proposer alone can have it paid: until then nothing else of the adapter's is.
                self.settle_without_scores(view, key).await
            }
            Some(wrong) => self.challenge(view, key, settled, &wrong).await,
            None if now > deadline && settled.openQuestions == 0 => {
                self.pay(view, key, settled).await
            }
            None if now <= settled.improveUntil.to::<u64>() => {
                self.improve(view, key, settled).await
            }
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
        let standing = Standing::read(view, key, settled).await?;
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
        let standing = Standing::read(view, key, settled).await?;
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
