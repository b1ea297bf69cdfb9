//! Which epochs of which adapters have something to settle.

use super::chain::{Found, ask, events_from};
use crate::epoch::audit::Settlement;
use anyhow::{Context, bail};
use clap::Args;
use openledger_client::View;
use openledger_contracts::{EpochSettlement, InferenceRouter};
use openledger_primitives::predeploys::{EPOCH_SETTLEMENT, INFERENCE_ROUTER};
use std::collections::BTreeMap;

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

/// What was paid for each adapter in each epoch up to the view's block, wei, without platform fees.
///
/// # Errors
/// A node that doesn't answer, or whose logs aren't what was asked for.
pub async fn pots(view: &View) -> anyhow::Result<BTreeMap<Key, u128>> {
    pots_from(view, 0).await
}

/// The same of what was paid for from a block on.
///
/// # Errors
/// As [`pots`].
pub async fn pots_from(view: &View, first: u64) -> anyhow::Result<BTreeMap<Key, u128>> {
    let recorded: Vec<Found<InferenceRouter::FeeRecorded>> =
        events_from(view, INFERENCE_ROUTER, &[], first).await?;
    let mut pots = BTreeMap::new();
    for Found { event, .. } in recorded {
        pots.insert((event.epoch, event.adapter), event.end);
    }
    pots.retain(|_, fees| *fees > 0);
    Ok(pots)
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
    let mut padded = alloy_primitives::B256::ZERO;
    // Names have at most 31 characters.
    for (place, byte) in padded.iter_mut().zip(name.bytes()) {
        *place = byte;
    }
    let call = EpochSettlement::parameterCall { name: padded };
    ask(view, EPOCH_SETTLEMENT, call).await
}

/// The epoch that is open now.
///
/// # Errors
/// A node that doesn't answer.
pub async fn current_epoch(view: &View) -> anyhow::Result<u64> {
    ask(view, INFERENCE_ROUTER, InferenceRouter::currentEpochCall {}).await
}

/// The one epoch that is meant: of those that are closed and at one of these stages the last.
///
/// # Errors
/// If there is none, or it isn't clear which adapter is meant.
pub async fn choose(
    view: &View,
    args: PotArgs,
    stages: &[Stage],
) -> anyhow::Result<(Key, Settlement)> {
    let current = current_epoch(view).await?;
    let pots = pots(view).await?;
    let is_meant = |(epoch, adapter): &Key| {
        *epoch < current
            && args.epoch.is_none_or(|meant| meant == *epoch)
            && args.adapter.is_none_or(|meant| meant == *adapter)
    };
    let mut fitting: Vec<(Key, Settlement)> = Vec::new();
    let mut others = Vec::new();
    for key in pots.keys().rev().filter(|key| is_meant(key)) {
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
        let found = if others.is_empty() {
            format!("nothing was paid for in what is asked for (epoch {current} isn't over)")
        } else {
            others.join(", ")
        };
        format!("no epoch is {}: {found}", wanted.join(" or "))
    })
}
