//! `verify claim`.

use super::super::score::{Claim, RECOMPUTED, against_chain, recompute, verdict};
use anyhow::ensure;
use clap::Args;
use openledger_client::{BlockName, NodeArgs, files};
use std::{path::PathBuf, process::ExitCode};

/// Flags of `openledger attribution verify claim`.
#[derive(Debug, Clone, Args)]
pub(super) struct ClaimArgs {
    /// The claim
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
}

/// Runs the command.
pub(super) async fn run(args: ClaimArgs) -> anyhow::Result<ExitCode> {
    let claim: Claim = files::read_json(&args.file)?;
    let node = args.node.connect().await?;
    ensure!(
        node.chain_id() == claim.chain_id,
        "the claim is about chain {}, the node is of {}",
        claim.chain_id,
        node.chain_id()
    );
    let view = node.at(Some(BlockName::Hash(claim.block_hash))).await?;
    ensure!(
        view.block.number == claim.block_number,
        "block {} has number {}, not {}",
        claim.block_hash,
        view.block.number,
        claim.block_number
    );
    let recomputed = recompute(&view, &claim.question).await?;
    let difference = match claim.answer.difference("claimed", &recomputed, RECOMPUTED) {
        Some(difference) => Some(difference),
        None => against_chain(&view, &claim.question, &recomputed).await?,
    };
    Ok(verdict(
        difference,
        &format!(
            "equal: {} clusters, as claimed, as recomputed, and as the chain answers at block {} {}",
            recomputed.clusters.len(),
            view.block.number,
            view.block.hash
        ),
    ))
}
