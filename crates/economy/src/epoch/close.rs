//! `openledger epoch close`: ends an epoch that is over, and draws the seeds that are missing.

use super::{
    chain::{Found, ask, events},
    draw::SEED_DELAY,
    pots::{current_epoch, pots},
};
use alloy_primitives::B256;
use clap::Args;
use openledger_client::{Sender, SenderArgs, Step, View, event, say};
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

/// Draws the seeds of closed epochs in which anything was paid, or of one, and waits for their blocks.
///
/// # Errors
/// A node that doesn't answer, a transaction that the chain refuses.
pub async fn draw_seeds(
    sender: &mut Sender,
    only: Option<u64>,
) -> anyhow::Result<Vec<(u64, B256)>> {
    let mut drawn = Vec::new();
    for epoch in missing_seeds(&sender.view().await?).await? {
        if only.is_some_and(|only| only != epoch) {
            continue;
        }
        drawn.push((epoch, draw_seed(sender, epoch).await?));
    }
    Ok(drawn)
}

/// Closed epochs with fees whose seed isn't drawn.
///
/// # Errors
/// A node that doesn't answer.
pub async fn missing_seeds(view: &View) -> anyhow::Result<BTreeSet<u64>> {
    let current = current_epoch(view).await?;
    let mut epochs: BTreeSet<u64> = pots(view)
        .await?
        .into_keys()
        .map(|(epoch, _)| epoch)
        .collect();
    let drawn: Vec<Found<EpochSettlement::SeedDrawn>> = events(view, EPOCH_SETTLEMENT, &[]).await?;
    for Found { event, .. } in drawn {
        epochs.remove(&event.epoch);
    }
    epochs.retain(|epoch| *epoch < current);
    Ok(epochs)
}

async fn draw_seed(sender: &mut Sender, epoch: u64) -> anyhow::Result<B256> {
    loop {
        let view = sender.view().await?;
        let from = seed_from(&view, epoch).await?;
        let ready = from + SEED_DELAY + 1;
        sender.await_block(ready, "the seed's block").await?;
        let call = EpochSettlement::drawSeedCall { epoch };
        let receipt = sender
            .send(Step::call("seed", EPOCH_SETTLEMENT, &call))
            .await?;
        if let Ok(drawn) = event::<EpochSettlement::SeedDrawn>(&receipt) {
            return Ok(drawn.seed);
        }
        // The hash was lost: the block of this transaction counts now.
    }
}

/// The block from which the seed's block is counted: the one that closed the epoch, or that postponed it last.
async fn seed_from(view: &View, epoch: u64) -> anyhow::Result<u64> {
    let postponed: Vec<Found<EpochSettlement::SeedPostponed>> =
        events(view, EPOCH_SETTLEMENT, &[super::chain::topic(epoch)]).await?;
    if let Some(last) = postponed.last() {
        return Ok(last.event.blockNumber);
    }
    let closed = ask(
        view,
        INFERENCE_ROUTER,
        InferenceRouter::closedAtCall { epoch },
    )
    .await?;
    Ok(closed.blockNumber)
}
