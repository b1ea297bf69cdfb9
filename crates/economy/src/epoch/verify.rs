//! `openledger epoch verify`: settles epochs again and compares.

use super::{
    audit::{Audit, EpochReport},
    chain::TraceArgs,
    pots::{PotArgs, blocks_of, current_epoch, paid_in},
};
use clap::Args;
use openledger_client::{BlockArgs, Node, NodeArgs, View};
use std::{collections::BTreeSet, process::ExitCode};

/// Flags of `openledger epoch verify`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Everything is computed again from events, transactions and what never changes: seed, draws, scores, shares, and each \
payment to the wei. Fails if the chain did anything else.")]
pub struct VerifyArgs {
    #[command(flatten)]
    which: PotArgs,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    trace: TraceArgs,
    #[command(flatten)]
    block: BlockArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// A node that doesn't answer, or whose answers contradict each other.
pub async fn run(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let node = args.node.connect().await?;
    let trace = args.trace.connect(&args.node, &node).await?;
    let view = node.at(args.block.block).await?;
    let reports = verify(&view, &trace, args.which).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&reports)?);
    } else {
        reports.iter().for_each(EpochReport::print);
    }
    let differences: usize = reports.iter().map(|report| report.differences.len()).sum();
    if !args.json {
        println!(
            "epochs settled again at block {}: {}; differences: {differences}",
            view.block.number,
            reports.len()
        );
    }
    Ok(if differences == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Settles the epochs again that are meant; without an epoch all, without an adapter all.
///
/// # Errors
/// A node that doesn't answer, or whose answers contradict each other. That the chain did something else is
/// told in the reports.
pub async fn verify(view: &View, trace: &Node, which: PotArgs) -> anyhow::Result<Vec<EpochReport>> {
    let is_meant = |(epoch, adapter): &(u64, u64)| {
        which.epoch.is_none_or(|meant| meant == *epoch)
            && which.adapter.is_none_or(|meant| meant == *adapter)
    };
    let current = current_epoch(view).await?;
    let adapters: BTreeSet<u64> = match (which.epoch, which.adapter) {
        (_, Some(adapter)) => BTreeSet::from([adapter]),
        (Some(epoch), None) if epoch > current => BTreeSet::new(),
        (Some(epoch), None) => {
            let blocks = blocks_of(view, epoch).await?;
            let paid = paid_in(view, Some(epoch), None, blocks).await?;
            paid.into_keys().map(|(_, adapter)| adapter).collect()
        }
        (None, None) => {
            let paid = paid_in(view, None, None, 0..=u64::MAX).await?;
            paid.into_keys().map(|(_, adapter)| adapter).collect()
        }
    };
    let mut reports = Vec::new();
    for adapter in adapters {
        let mut audit = Audit::read(view.clone(), trace.clone(), adapter, which.epoch).await?;
        let settled = audit.settle(u64::MAX).await?;
        let meant = settled
            .into_iter()
            .filter(|report| is_meant(&(report.epoch, adapter)));
        reports.extend(meant);
    }
    anyhow::ensure!(
        !reports.is_empty() || (which.epoch, which.adapter) == (None, None),
        "nothing was paid for in that epoch"
    );
    reports.sort_by_key(|report| (report.epoch, report.adapter));
    Ok(reports)
}
