//! `openledger explain`: the way of a contribution, from its upload to each payment.

mod earnings;
mod upload;

pub use earnings::{DrawScore, Earning, earnings};
pub use upload::{BadName, Name, Step, Upload, upload};

use crate::{
    epoch::chain::{Found, TraceArgs, ask, events, topic},
    output::print,
};
use alloy_primitives::{Address, B256, U256};
use clap::Args;
use openledger_client::{BlockArgs, Node, NodeArgs, View, open};
use openledger_contracts::{ClaimVault, DatanetRegistry};
use openledger_primitives::predeploys::{CLAIM_VAULT, DATANET_REGISTRY};
use serde::Serialize;
use std::process::ExitCode;

/// Flags of `openledger explain`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Prints what happened to a contribution (commit, reveal, settlement, review), how each draw scored its cluster, the \
gate, the share and the guard, and each payment with its transaction. Everything is computed again; what isn't paid yet \
is what will be as things stand.")]
pub struct ExplainArgs {
    /// DATANET/CLUSTER, as in 3/0, or the 32 bytes of a commitment
    #[arg(value_name = "CONTRIBUTION")]
    contribution: Name,
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

/// A sum with its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sum {
    /// Whose.
    pub account: Address,
    /// Wei.
    pub wei: U256,
    /// By which transaction.
    pub transaction: B256,
}

/// Everything about a contribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Its way to a cluster.
    pub upload: Upload,
    /// What the cluster earns by scores.
    pub earnings: Vec<Earning>,
    /// Parts of dividends that the cluster's owners were paid.
    pub dividends: Vec<Sum>,
    /// Dividends that wait to be taken, wei.
    pub dividends_due: U256,
    /// What the owner had paid out of the vault, for whatever it was credited.
    pub claims: Vec<Sum>,
    /// What the vault owes the owner now, wei.
    pub claimable: U256,
}

/// Runs the command.
///
/// # Errors
/// A node that doesn't answer, a contribution that there isn't.
pub async fn run(args: ExplainArgs) -> anyhow::Result<ExitCode> {
    let node = args.node.connect().await?;
    let trace = args.trace.connect(&args.node, &node).await?;
    let view = node.at(args.block.block).await?;
    let explanation = explain(&view, &trace, args.contribution).await?;
    print(args.json, &explanation, || explanation.print())?;
    Ok(ExitCode::SUCCESS)
}

/// Follows a contribution to each payment.
///
/// # Errors
/// A node that doesn't answer, or whose answers contradict each other; a contribution that there isn't.
pub async fn explain(view: &View, trace: &Node, name: Name) -> anyhow::Result<Explanation> {
    let upload = upload(view, name).await?;
    let mut explanation = Explanation {
        earnings: Vec::new(),
        dividends: Vec::new(),
        dividends_due: U256::ZERO,
        claims: Vec::new(),
        claimable: U256::ZERO,
        upload,
    };
    // A copy earns nothing of its own: what its cluster earns is the first one's.
    let Some(cluster) = explanation
        .upload
        .cluster
        .filter(|_| explanation.upload.is_first)
    else {
        return Ok(explanation);
    };
    explanation.earnings = earnings(view, trace, explanation.upload.space, cluster).await?;
    explanation.read_dividends(view, cluster).await?;
    if let Some(owner) = explanation.upload.owner {
        explanation.read_claims(view, owner).await?;
    }
    Ok(explanation)
}

impl Explanation {
    async fn read_dividends(&mut self, view: &View, cluster: u32) -> anyhow::Result<()> {
        let datanet = self.upload.datanet;
        let of_cluster = [topic(datanet), topic(cluster)];
        let taken: Vec<Found<DatanetRegistry::SharesTaken>> =
            events(view, DATANET_REGISTRY, &of_cluster).await?;
        self.dividends = taken
            .into_iter()
            .map(|found| Sum {
                account: found.event.owner,
                wei: found.event.amount,
                transaction: found.transaction,
            })
            .collect();
        let call = DatanetRegistry::sharesOfCall { datanet, cluster };
        self.dividends_due = ask(view, DATANET_REGISTRY, call).await?;
        Ok(())
    }

    async fn read_claims(&mut self, view: &View, owner: Address) -> anyhow::Result<()> {
        // Claims are the holder's of the owner's place.
        let call = ClaimVault::holderOfCall { account: owner };
        let holder = ask(view, CLAIM_VAULT, call).await?;
        let claimed: Vec<Found<ClaimVault::Claimed>> =
            events(view, CLAIM_VAULT, &[Some(holder.into_word())]).await?;
        self.claims = claimed
            .into_iter()
            .map(|found| Sum {
                account: holder,
                wei: found.event.amount,
                transaction: found.transaction,
            })
            .collect();
        let call = ClaimVault::claimableCall { payee: holder };
        self.claimable = ask(view, CLAIM_VAULT, call).await?;
        Ok(())
    }

    /// What its owner is paid by scores, wei.
    pub fn earned(&self) -> U256 {
        self.earnings.iter().map(|earning| earning.paid).sum()
    }

    fn print(&self) {
        let upload = &self.upload;
        println!(
            "contribution {} to Datanet {} by {}",
            upload.contribution, upload.datanet, upload.contributor
        );
        for step in &upload.steps {
            println!(
                "  block {:<8} {}  {}",
                step.place.block, step.transaction, step.what
            );
        }
        match (upload.cluster, upload.is_first) {
            (Some(cluster), true) => {
                let owner = upload.owner.unwrap_or_default();
                println!("cluster {cluster}, owned by {owner}");
            }
            (Some(cluster), false) => {
                println!(
                    "a copy: what the content earns is cluster {cluster}'s (openledger explain {}/{cluster})",
                    upload.datanet
                );
                return;
            }
            (None, _) => {
                println!("no cluster: it earns nothing");
                return;
            }
        }
        self.earnings.iter().for_each(Earning::print);
        if self.earnings.is_empty() {
            println!("no epoch was settled or proposed for an adapter that was trained on it");
        }
        for sum in &self.dividends {
            println!(
                "dividend       {} wei to {} in {}",
                sum.wei, sum.account, sum.transaction
            );
        }
        if !self.dividends_due.is_zero() {
            println!(
                "dividends due  {} wei (openledger claim takes them)",
                self.dividends_due
            );
        }
        for sum in &self.claims {
            println!(
                "claimed        {} wei by {} in {}",
                sum.wei, sum.account, sum.transaction
            );
        }
        println!(
            "by scores {}, to be claimed by its owner {}",
            open(self.earned()),
            open(self.claimable)
        );
    }
}
