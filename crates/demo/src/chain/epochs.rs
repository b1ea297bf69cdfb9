//! Settlement: a dishonest proposal that the watcher refutes, honest ones that it pays, claims, and everything computed again.

use super::{
    cast::{Cast, WATCHER},
    process::{Binary, Process},
};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, U256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::SolEvent;
use anyhow::{Context, ensure};
use futures::future::try_join_all;
use openledger_client::{Node, Sender};
use openledger_contracts::{EpochSettlement, claim_vault::ClaimVault};
use openledger_economy::{
    claim,
    epoch::{
        close::missing_seeds,
        pots::{Key, Stage, settlement},
        propose::Draft,
    },
    infer::CallsDirectory,
};
use openledger_primitives::predeploys::{CLAIM_VAULT, EPOCH_SETTLEMENT};
use std::{path::Path, time::Duration};

/// Longest that the watcher may take to refute, or an epoch to be paid.
const REFUTE_TIMEOUT: Duration = Duration::from_secs(60);
const PAY_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest that a seed may take: its block, and the watcher's turn.
const SEED_TIMEOUT: Duration = Duration::from_secs(60);

/// Starts the watcher: it refutes what is wrong, and pays what is right once its windows are over.
pub(crate) fn watch(binary: &Binary, chain: &str) -> anyhow::Result<Process> {
    let account = WATCHER.to_string();
    let arguments = [
        "epoch",
        "watch",
        "--finalize",
        "--interval",
        "1",
        "--chain",
        chain,
        "--account",
        &account,
    ];
    binary.start("watcher", &arguments)
}

/// Waits until the watcher has drawn the seeds of epochs that are closed.
pub(crate) async fn seeds(
    node: &Node,
    epochs: &[u64],
    watcher: &mut Process,
) -> anyhow::Result<()> {
    let drawn = async || {
        let missing = missing_seeds(&node.at(None).await?).await?;
        let is_drawn = epochs.iter().all(|epoch| !missing.contains(epoch));
        anyhow::Ok(is_drawn.then_some(()))
    };
    watcher
        .until("the epochs' seeds are drawn", SEED_TIMEOUT, drawn)
        .await
}

/// What an honest proposer would propose for an epoch whose seed is drawn.
pub(crate) async fn draft(
    node: &Node,
    key: Key,
    directories: &[CallsDirectory],
) -> anyhow::Result<Draft> {
    let draft = Draft::make(&node.at(None).await?, key, directories).await?;
    draft.with_context(|| {
        format!(
            "epoch {} of adapter {} has a proposal already",
            key.0, key.1
        )
    })
}

/// Proposes everything for one cluster of the first set, and waits until the watcher has refuted it. Answers who did.
pub(crate) async fn lie(
    sender: &mut Sender,
    honest: &Draft,
    cluster: u32,
    watcher: &mut Process,
) -> anyhow::Result<Address> {
    let mut lie = honest.clone();
    let result = lie.results.first_mut().context("the adapter has a set")?;
    let total = result.shares.iter().sum();
    let place = result.clusters.iter().position(|of| *of == cluster);
    let place = place.with_context(|| format!("cluster {cluster} isn't in the set"))?;
    result.shares.fill(0);
    result.shares[place] = total;
    lie.send(sender).await?;
    let node = sender.node().clone();
    let refuted = async || {
        let all: Vec<EpochSettlement::Refuted> = events(&node, EPOCH_SETTLEMENT).await?;
        let found = all
            .iter()
            .find(|refuted| (refuted.epoch, refuted.adapter) == honest.key);
        anyhow::Ok(found.map(|refuted| refuted.challenger))
    };
    watcher
        .until("the dishonest proposal is refuted", REFUTE_TIMEOUT, refuted)
        .await
}

/// Waits until the watcher has paid these.
pub(crate) async fn paid(node: &Node, keys: &[Key], watcher: &mut Process) -> anyhow::Result<()> {
    for key in keys {
        let settled = async || {
            let settled = settlement(&node.at(None).await?, *key).await?;
            anyhow::Ok((Stage::of(&settled)? == Stage::Settled).then_some(()))
        };
        let what = format!("epoch {} of adapter {} is paid", key.0, key.1);
        watcher.until(&what, PAY_TIMEOUT, settled).await?;
    }
    Ok(())
}

/// All events of a kind that a contract logged.
pub(crate) async fn events<E: SolEvent>(node: &Node, contract: Address) -> anyhow::Result<Vec<E>> {
    let filter = Filter::new()
        .address(contract)
        .event_signature(E::SIGNATURE_HASH)
        .from_block(BlockNumberOrTag::Earliest);
    let logs = node.logs(&filter).await?;
    logs.iter()
        .map(|log| Ok(E::decode_log(&log.inner)?.data))
        .collect()
}

/// Everybody has what they earned credited, and claims it; answers who got how much.
pub(crate) async fn claim(cast: &Cast) -> anyhow::Result<Vec<(Address, U256)>> {
    let claims = cast.everybody().map(|actor| async move {
        let (node, account) = (actor.node(), actor.address());
        let mut sender = actor.sender();
        let earned = claim::owed(node, account).await?;
        claim::collect(&mut sender, &[earned]).await?;
        if claimable(node, account).await?.is_zero() {
            return Ok((account, U256::ZERO));
        }
        let paid = claim::claim(&mut sender, &[account]).await?;
        let left = claimable(node, account).await?;
        ensure!(
            left.is_zero(),
            "{} is still owed {left} wei",
            cast.name(account)
        );
        anyhow::Ok((account, paid.iter().map(|paid| paid.amount).sum()))
    });
    try_join_all(claims).await
}

async fn claimable(node: &Node, payee: Address) -> anyhow::Result<U256> {
    node.ask(CLAIM_VAULT, ClaimVault::claimableCall { payee })
        .await
}

/// `openledger epoch verify` by a node.
pub(crate) async fn verify(binary: &Binary, url: &str) -> anyhow::Result<String> {
    binary
        .run("verify", &["epoch", "verify", "--rpc-url", url])
        .await
}

/// Directories of calls.
pub(crate) fn directories(paths: &[&Path]) -> anyhow::Result<Vec<CallsDirectory>> {
    let opened = paths.iter().map(|path| CallsDirectory::open(path));
    Ok(opened.collect::<Result<Vec<_>, _>>()?)
}
