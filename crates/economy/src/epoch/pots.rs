//! Which epochs of which adapters have something to settle.

use super::chain::{ask, listed, topic, visit_events};
use crate::epoch::audit::Settlement;
use anyhow::{Context, bail, ensure};
use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use openledger_client::{Progress, View};
use openledger_contracts::{EpochSettlement, InferenceRouter};
use openledger_primitives::predeploys::{EPOCH_SETTLEMENT, INFERENCE_ROUTER};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

/// Most epochs of adapters that are listed.
const POTS_MAX: usize = 1 << 20;
/// Adapters that a node is asked about at once.
const ASKED_AT_ONCE: usize = 16;

/// An epoch of an adapter.
pub type Key = (u64, u64);

/// Which epoch of which adapter a command is about.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct PotArgs {
    /// The epoch; without, the last one for which this can be done
    #[arg(value_name = "EPOCH")]
    pub epoch: Option<u64>,
    /// The adapter; needed where several were paid for in the epoch
    #[arg(long, value_name = "ID")]
    pub adapter: Option<u64>,
}

/// How far a settlement is: `IEpochSettlement.Stage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Proposals are taken.
    Open,
    /// One stands.
    Proposed,
    /// Clusters are being paid.
    Paying,
    /// It is over.
    Settled,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Open => "open for proposals",
            Self::Proposed => "proposed",
            Self::Paying => "being paid",
            Self::Settled => "settled",
        })
    }
}

impl Stage {
    /// As the settlement has it.
    ///
    /// # Errors
    /// A stage that this version doesn't know.
    pub fn of(settled: &Settlement) -> anyhow::Result<Self> {
        Ok(match settled.stage {
            0 => Self::Open,
            1 => Self::Proposed,
            2 => Self::Paying,
            3 => Self::Settled,
            other => bail!("the settlement is at stage {other}, which this version doesn't know"),
        })
    }
}

/// What was paid in (epoch, adapter), wei, without platform fees.
///
/// # Errors
/// A node that doesn't answer.
pub async fn fees_of(view: &View, (epoch, adapter): Key) -> anyhow::Result<u128> {
    let call = InferenceRouter::feesOfCall { epoch, adapter };
    ask(view, INFERENCE_ROUTER, call).await
}

/// The block in which an epoch was closed; `None` while it runs.
///
/// # Errors
/// A node that doesn't answer.
pub async fn closed_in(view: &View, epoch: u64) -> anyhow::Result<Option<u64>> {
    let call = InferenceRouter::closedAtCall { epoch };
    let closed = ask(view, INFERENCE_ROUTER, call).await?;
    Ok((closed.timestamp != 0).then_some(closed.blockNumber))
}

/// The blocks in which something may have been paid in an epoch: from the one that closed the epoch before, which may have payments of both,
/// to the one that closed it, or the view's.
///
/// # Errors
/// A node that doesn't answer.
pub async fn blocks_of(view: &View, epoch: u64) -> anyhow::Result<RangeInclusive<u64>> {
    // The first epoch began at genesis.
    let first = match epoch.checked_sub(1) {
        None | Some(0) => Some(0),
        Some(before) => closed_in(view, before).await?,
    };
    let last = closed_in(view, epoch).await?;
    let first = first.with_context(|| format!("epoch {epoch} hasn't begun"))?;
    Ok(first..=last.unwrap_or(view.block.number))
}

/// What was paid for which adapters in which epochs in these blocks, wei as it adds up in the epoch, without platform fees.
///
/// # Errors
/// A node that doesn't answer, or whose logs aren't what was asked for; more than 2^20 epochs of adapters.
pub async fn paid_in(
    view: &View,
    epoch: Option<u64>,
    adapter: Option<u64>,
    blocks: RangeInclusive<u64>,
) -> anyhow::Result<BTreeMap<Key, u128>> {
    let mut pots = BTreeMap::new();
    let arguments = [epoch.and_then(topic), adapter.and_then(topic)];
    visit_events(view, INFERENCE_ROUTER, &arguments, blocks, |found| {
        let event: InferenceRouter::FeeRecorded = found.event;
        if event.end > 0 {
            pots.insert((event.epoch, event.adapter), event.end);
        }
        ensure!(
            pots.len() <= POTS_MAX,
            "more than {POTS_MAX} epochs of adapters were paid for: name an adapter by --adapter"
        );
        Ok(())
    })
    .await?;
    Ok(pots)
}

/// Epochs of these adapters, or of all if none is named, that aren't settled, the one that runs among them, with what was paid in them.
///
/// By the contracts' state, which knows the next epoch of each adapter: neither what is settled nor the number of payments matters.
///
/// # Errors
/// A node that doesn't answer; more than 2^20.
pub async fn unsettled(
    view: &View,
    adapters: &BTreeSet<u64>,
) -> anyhow::Result<BTreeMap<Key, u128>> {
    let adapters = if adapters.is_empty() {
        listed(view).await?
    } else {
        adapters.clone()
    };
    let progress = Progress::new(adapters.len(), "adapters looked at");
    let mut pots = BTreeMap::new();
    let mut each = stream::iter(adapters)
        .map(|adapter| unsettled_of(view, adapter))
        .buffered(ASKED_AT_ONCE);
    while let Some(of_adapter) = each.try_next().await? {
        pots.extend(of_adapter);
        ensure!(
            pots.len() <= POTS_MAX,
            "more than {POTS_MAX} epochs aren't settled: name adapters by --adapter"
        );
        progress.step();
    }
    Ok(pots)
}

async fn unsettled_of(view: &View, adapter: u64) -> anyhow::Result<Vec<(Key, u128)>> {
    let call = EpochSettlement::nextOfCall { adapter };
    let next = ask(view, EPOCH_SETTLEMENT, call).await?;
    if next == 0 {
        return Ok(Vec::new());
    }
    let mut pots = Vec::new();
    for epoch in [next]
        .into_iter()
        .chain(paid_epochs(view, adapter, next).await?)
    {
        let key = (epoch, adapter);
        pots.push((key, fees_of(view, key).await?));
    }
    Ok(pots)
}

/// The epochs in which anything was paid for an adapter, in order: those after one of them, or after 0 all.
///
/// # Errors
/// A node that doesn't answer, or whose answers have no end.
pub async fn paid_epochs(view: &View, adapter: u64, after: u64) -> anyhow::Result<Vec<u64>> {
    let mut epochs = Vec::new();
    let mut epoch = after;
    loop {
        let call = InferenceRouter::nextPaidEpochCall { epoch, adapter };
        let next = ask(view, INFERENCE_ROUTER, call).await?;
        if next == 0 {
            return Ok(epochs);
        }
        ensure!(
            next > epoch && epochs.len() < POTS_MAX,
            "the node says that epoch {next} of adapter {adapter} follows epoch {epoch}"
        );
        epochs.push(next);
        epoch = next;
    }
}

/// What the settlement has of (epoch, adapter).
///
/// # Errors
/// A node that doesn't answer.
pub async fn settlement(view: &View, (epoch, adapter): Key) -> anyhow::Result<Settlement> {
    let call = EpochSettlement::settlementOfCall { epoch, adapter };
    ask(view, EPOCH_SETTLEMENT, call).await
}

/// A parameter of `EpochSettlement`.
///
/// # Errors
/// A node that doesn't answer.
pub async fn parameter(view: &View, name: &str) -> anyhow::Result<alloy_primitives::U256> {
    let name = crate::parameter_name(name);
    let call = EpochSettlement::parameterCall { name };
    ask(view, EPOCH_SETTLEMENT, call).await
}

/// The epoch that is open now.
///
/// # Errors
/// A node that doesn't answer.
pub async fn current_epoch(view: &View) -> anyhow::Result<u64> {
    ask(view, INFERENCE_ROUTER, InferenceRouter::currentEpochCall {}).await
}

/// The one epoch that is meant: of those that are closed and at one of these stages, none of which is the last, the last.
///
/// # Errors
/// If there is none, or it isn't clear which adapter is meant.
pub async fn choose(
    view: &View,
    args: PotArgs,
    stages: &[Stage],
) -> anyhow::Result<(Key, Settlement)> {
    let current = current_epoch(view).await?;
    let pots = match (args.epoch, args.adapter) {
        // It hasn't begun.
        (Some(epoch), _) if epoch > current => BTreeMap::new(),
        (Some(epoch), Some(adapter)) => {
            let key = (epoch, adapter);
            BTreeMap::from([(key, fees_of(view, key).await?)])
        }
        (Some(epoch), None) => {
            let blocks = blocks_of(view, epoch).await?;
            paid_in(view, Some(epoch), None, blocks).await?
        }
        (None, adapter) => unsettled(view, &adapter.into_iter().collect()).await?,
    };
    let is_meant = |((epoch, _), fees): &(&Key, &u128)| *epoch < current && **fees > 0;
    let mut fitting: Vec<(Key, Settlement)> = Vec::new();
    let mut others = Vec::new();
    for (key, _) in pots.iter().rev().filter(is_meant) {
        if fitting
            .first()
            .is_some_and(|((epoch, _), _)| *epoch != key.0)
        {
            break;
        }
        let settled = settlement(view, *key).await?;
        let stage = Stage::of(&settled)?;
        if stages.contains(&stage) {
            fitting.push((*key, settled));
        } else if others.len() < 3 {
            others.push(format!("epoch {} of adapter {} is {stage}", key.0, key.1));
        }
    }
    if fitting.len() > 1 {
        let adapters: Vec<String> = fitting.iter().map(|((_, id), _)| id.to_string()).collect();
        bail!(
            "several adapters were paid for: name one by --adapter ({})",
            adapters.join(", ")
        );
    }
    fitting.pop().with_context(|| {
        let wanted: Vec<String> = stages.iter().map(ToString::to_string).collect();
        let found = if !others.is_empty() {
            others.join(", ")
        } else if args.epoch.is_some() {
            format!("nothing was paid for in what is asked for (epoch {current} isn't over)")
        } else {
            format!("whatever was paid for is settled (epoch {current} isn't over)")
        };
        format!("no epoch is {}: {found}", wanted.join(" or "))
    })
}
