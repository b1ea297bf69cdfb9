//! What a Datanet's owner does: create it, publish versions, close it, replace an allow-list.

use crate::{
    contracts::{DatanetRegistry, datanet_registry::IDatanetRegistry::Terms},
    parameter::parameter,
};
use alloy_primitives::{B256, U256};
use openledger_client::{Sender, Step, event};
use openledger_primitives::predeploys::DATANET_REGISTRY;

/// Creates a Datanet with the bond that its parameter asks for; the sender is its owner. Answers its number.
///
/// # Errors
/// What the registry refuses.
pub async fn create(sender: &mut Sender, terms: Terms, uri: &str) -> anyhow::Result<U256> {
    let bond = parameter(sender.node(), DATANET_REGISTRY, "datanetBond").await?;
    let call = DatanetRegistry::createCall {
        terms,
        uri: uri.to_owned(),
    };
    let step = Step::call("create the Datanet", DATANET_REGISTRY, &call).paying(bond);
    let receipt = sender.send(step).await?;
    Ok(event::<DatanetRegistry::DatanetCreated>(&receipt)?.datanet)
}

/// Closes a Datanet for new contributions. Called again once nothing in it is pending, it gives its bond back.
///
/// # Errors
/// What the registry refuses.
pub async fn close(sender: &mut Sender, datanet: U256) -> anyhow::Result<()> {
    let call = DatanetRegistry::closeCall { datanet };
    let step = Step::call("close the Datanet", DATANET_REGISTRY, &call);
    sender.send(step).await.map(drop)
}

/// Replaces the root of a Datanet's allow-list.
///
/// # Errors
/// What the registry refuses.
pub async fn set_allow_root(sender: &mut Sender, datanet: U256, root: B256) -> anyhow::Result<()> {
    let call = DatanetRegistry::setAllowRootCall { datanet, root };
    let step = Step::call("replace the allow-list", DATANET_REGISTRY, &call);
    sender.send(step).await.map(drop)
}

/// Publishes a version: the root over the data roots that belong to it. Answers its number.
///
/// # Errors
/// What the registry refuses.
pub async fn publish_version(
    sender: &mut Sender,
    datanet: U256,
    root: B256,
    uri: &str,
) -> anyhow::Result<U256> {
    let call = DatanetRegistry::publishVersionCall {
        datanet,
        root,
        uri: uri.to_owned(),
    };
    let step = Step::call("publish the version", DATANET_REGISTRY, &call);
    let receipt = sender.send(step).await?;
    Ok(event::<DatanetRegistry::VersionPublished>(&receipt)?.number)
}

/// Withdraws a cluster of the sender's: it earns nothing from the next epoch on, whose number is answered.
///
/// # Errors
/// What the registry refuses.
pub async fn withdraw(sender: &mut Sender, datanet: U256, cluster: u32) -> anyhow::Result<u64> {
    let call = DatanetRegistry::withdrawCall { datanet, cluster };
    let step = Step::call("withdraw the cluster", DATANET_REGISTRY, &call);
    let receipt = sender.send(step).await?;
    Ok(event::<DatanetRegistry::ClusterWithdrawn>(&receipt)?.fromEpoch)
}
