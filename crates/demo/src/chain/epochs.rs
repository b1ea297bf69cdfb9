//! Settlement: a dishonest proposal that the watcher refutes, honest ones that it pays, claims, and everything computed again.

use super::{
    actor::Actor,
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
use openledger_contracts::{EpochSettlement, ValidatorStaking, claim_vault::ClaimVault};
use openledger_economy::{
    epoch::{
        close::draw_seeds,
        pots::{Key, Stage, settlement},
        propose::Draft,
    },
    infer::CallsDirectory,
};
use openledger_primitives::predeploys::{CLAIM_VAULT, EPOCH_SETTLEMENT, VALIDATOR_STAKING};
use std::{path::Path, time::Duration};

/// Longest that the watcher may take to refute, or an epoch to be paid.
const REFUTE_TIMEOUT: Duration = Duration::from_secs(60);
const PAY_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest that a seed's block may take, and a proposal may be refused because the chain isn't there yet.
const DRAFT_TIMEOUT: Duration = Duration::from_secs(60);
/// The role of a validator in the staking contract.
const VALIDATOR_ROLE: u8 = 0;

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

/// What an honest proposer would propose for an epoch.
pub(crate) async fn draft(
    sender: &mut Sender,
    key: Key,
    directories: &[CallsDirectory],
) -> anyhow::Result<Draft> {
    let work = async {
        draw_seeds(sender, Some(key.0)).await?;
        Draft::make(&sender.view().await?, sender.node(), key, directories).await
    };
    let draft = tokio::time::timeout(DRAFT_TIMEOUT, work).await;
    draft
        .context("the seed isn't drawn in time")??
        .with_context(|| {
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

/// Everybody claims what they are owed; answers who got how much, and the block behind which nothing more happens.
pub(crate) async fn claim(cast: &Cast) -> anyhow::Result<Vec<(Address, U256)>> {
    let claims = cast.everybody().map(|actor| async move {
        if cast.is_validator(actor.address()) {
            let call = ValidatorStaking::claimRewardsCall {
                role: VALIDATOR_ROLE,
                operator: actor.address(),
                account: actor.address(),
            };
            actor.call(VALIDATOR_STAKING, &call).await?;
        }
        let owed = owed(actor).await?;
        if !owed.is_zero() {
            actor.call(CLAIM_VAULT, &ClaimVault::claimCall {}).await?;
            let left = self::owed(actor).await?;
            ensure!(
                left.is_zero(),
                "{} is still owed {left} wei",
                cast.name(actor.address())
            );
        }
        anyhow::Ok((actor.address(), owed))
    });
    try_join_all(claims).await
}

async fn owed(actor: &Actor) -> anyhow::Result<U256> {
    let call = ClaimVault::claimableCall {
        payee: actor.address(),
    };
    let open = BlockNumberOrTag::Pending;
    actor.node().ask_at(CLAIM_VAULT, call, open).await
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
