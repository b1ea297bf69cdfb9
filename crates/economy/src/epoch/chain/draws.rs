//! An epoch's draws by the contracts' state: what a proposal is judged by on the chain.

use super::ask;
use crate::epoch::{
    draw::{DRAWS, Draws, FeeEntry, FeeLog, offset},
    pots::{Key, fees_of},
};
use alloy_primitives::B256;
use anyhow::{Context, ensure};
use openledger_client::View;
use openledger_contracts::{EpochSettlement, InferenceRouter};
use openledger_primitives::predeploys::{EPOCH_SETTLEMENT, INFERENCE_ROUTER};

/// The draws of (epoch, adapter), with the entries of the fee log that they fall on; `None` before the seed is drawn, or without fees.
///
/// However long the log is, these are a few reads of what `EpochScoring.compute` reads.
///
/// # Errors
/// A node that doesn't answer, or an entry that can't be of a fee log.
pub(crate) async fn draws(view: &View, key: Key) -> anyhow::Result<Option<Draws>> {
    let (epoch, adapter) = key;
    let seed = ask(
        view,
        EPOCH_SETTLEMENT,
        EpochSettlement::seedOfCall { epoch },
    )
    .await?;
    let total = fees_of(view, key).await?;
    if seed == B256::ZERO || total == 0 {
        return Ok(None);
    }
    let mut entries = Vec::with_capacity(DRAWS);
    for i in 0..DRAWS {
        let offset = offset(seed, adapter, i, total).context("the log isn't empty")?;
        let call = InferenceRouter::entryAtCall {
            epoch,
            adapter,
            offset,
        };
        let found = ask(view, INFERENCE_ROUTER, call).await?;
        let entry = FeeEntry {
            start: found.start,
            end: found.entry.end,
            root: found.entry.root,
            root_sum: found.entry.rootSum,
            worker: found.entry.worker,
        };
        ensure!(
            entry.is_possible() && entry.covers(offset),
            "the node gives {entry:?} for wei {offset} of the fee log of epoch {epoch}"
        );
        entries.push(entry);
    }
    let log = FeeLog::of_entries(entries, total).with_context(|| {
        format!("the node's entries of the fee log of epoch {epoch} contradict each other")
    })?;
    Ok(Some(Draws { seed, adapter, log }))
}
