//! `openledger epoch close`: ends an epoch that is over, and draws the seeds that are missing.

use super::{
    chain::{Found, ask, events_from, topic},
    draw::SEED_DELAY,
    pots::{closed_in, current_epoch, unsettled},
};
use alloy_primitives::B256;
use anyhow::Context;
use clap::Args;
use openledger_client::{Sender, SenderArgs, Step, View, event, is_refusal, say};
use openledger_contracts::{EpochSettlement, InferenceRouter};
use openledger_primitives::predeploys::{EPOCH_SETTLEMENT, INFERENCE_ROUTER};
use std::{collections::BTreeSet, process::ExitCode};

/// Flags of `openledger epoch close`.
#[derive(Debug, Clone, Args)]
pub struct CloseArgs {
    /// Wait for the epoch's end if it isn't over
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Runs the command.
///
/// # Errors
/// A node that doesn't answer, a transaction that the chain refuses.
pub async fn run(args: CloseArgs) -> anyhow::Result<ExitCode> {
    let mut sender = args.sender.open().await?;
    let epoch = current_epoch(&sender.view().await?).await?;
    match close(&mut sender, args.wait).await? {
        Some(closed) => say("closed", format!("epoch {closed}")),
        None => say(
            "open",
            format!("epoch {epoch}: it isn't over (--wait waits for its end)"),
        ),
    }
    for (epoch, seed) in draw_seeds(&mut sender, None).await? {
        say("seed", format!("of epoch {epoch}: {seed}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Closes the current epoch if it is over, or waits until it is. Returns the number of the one that was closed.
///
/// # Errors
/// A node that doesn't answer, a transaction that the chain refuses.
pub async fn close(sender: &mut Sender, wait: bool) -> anyhow::Result<Option<u64>> {
    let view = sender.view().await?;
    let epoch = current_epoch(&view).await?;
    let ends = ask(
        &view,
        INFERENCE_ROUTER,
        InferenceRouter::endsAtCall { epoch },
    )
    .await?;
    if wait {
        sender.await_time(ends, "the epoch's end").await?;
    } else if sender.node().time().await? < ends {
        return Ok(None);
    }
    let call = InferenceRouter::closeEpochCall {};
    sender
        .send(Step::call("close", INFERENCE_ROUTER, &call))
        .await?;
    // Whatever appended first may have closed it.
    Ok(Some(epoch))
}

/// Draws the seeds of closed epochs in which anything was paid and that aren't settled, or of one, and waits for their blocks.
///
/// # Errors
/// A node that doesn't answer, a transaction that the chain refuses.
pub async fn draw_seeds(
    sender: &mut Sender,
    only: Option<u64>,
) -> anyhow::Result<Vec<(u64, B256)>> {
    let view = sender.view().await?;
    let missing = match only {
        Some(epoch) => unseeded(&view, [epoch]).await?,
        None => missing_seeds(&view).await?,
    };
    let mut drawn = Vec::new();
    for epoch in missing {
        drawn.push((epoch, draw_seed(sender, epoch).await?));
    }
    Ok(drawn)
}

/// Closed epochs with fees that aren't settled, and whose seed isn't drawn.
///
/// # Errors
/// A node that doesn't answer.
pub async fn missing_seeds(view: &View) -> anyhow::Result<BTreeSet<u64>> {
    let pots = unsettled(view, &BTreeSet::new()).await?;
    unseeded(view, pots.into_keys().map(|(epoch, _)| epoch)).await
}

/// Those of some epochs that are closed, and whose seed isn't drawn.
///
/// # Errors
/// A node that doesn't answer.
pub async fn unseeded(
    view: &View,
    epochs: impl IntoIterator<Item = u64>,
) -> anyhow::Result<BTreeSet<u64>> {
    let current = current_epoch(view).await?;
    let mut epochs: BTreeSet<u64> = epochs.into_iter().collect();
    epochs.retain(|epoch| *epoch < current);
    let mut missing = BTreeSet::new();
    for epoch in epochs {
        if seed_of(view, epoch).await?.is_none() {
            missing.insert(epoch);
        }
    }
    Ok(missing)
}

async fn seed_of(view: &View, epoch: u64) -> anyhow::Result<Option<B256>> {
    let call = EpochSettlement::seedOfCall { epoch };
    let seed = ask(view, EPOCH_SETTLEMENT, call).await?;
    Ok((seed != B256::ZERO).then_some(seed))
}

async fn draw_seed(sender: &mut Sender, epoch: u64) -> anyhow::Result<B256> {
    loop {
        let view = sender.view().await?;
        // Anybody may have drawn it meanwhile.
        if let Some(seed) = seed_of(&view, epoch).await? {
            return Ok(seed);
        }
        let from = seed_from(&view, epoch).await?;
        let ready = from + SEED_DELAY + 1;
        sender.await_block(ready, "the seed's block").await?;
        let call = EpochSettlement::drawSeedCall { epoch };
        let sent = sender
            .send(Step::call("seed", EPOCH_SETTLEMENT, &call))
            .await;
        let receipt = match sent {
            Ok(receipt) => receipt,
            Err(error) if is_refusal::<EpochSettlement::SeedAlreadyDrawn>(&error) => continue,
            Err(error) => return Err(error),
        };
        if let Ok(drawn) = event::<EpochSettlement::SeedDrawn>(&receipt) {
            return Ok(drawn.seed);
        }
        // The hash was lost: the block of this transaction counts now.
    }
}

/// The block from which the seed's block is counted: the one that closed the epoch, or that postponed it last.
async fn seed_from(view: &View, epoch: u64) -> anyhow::Result<u64> {
    let closed = closed_in(view, epoch).await?;
    let closed = closed.with_context(|| format!("epoch {epoch} isn't closed"))?;
    let postponed: Vec<Found<EpochSettlement::SeedPostponed>> =
        events_from(view, EPOCH_SETTLEMENT, &[topic(epoch)], closed).await?;
    Ok(postponed
        .last()
        .map_or(closed, |last| last.event.blockNumber))
}
