//! What became of contributions.

use super::contribute::space_of;
use crate::contracts::{
    DatanetRegistry, datanet_registry::IDatanetRegistry::Contribution as Recorded,
};
use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::SolEvent;
use anyhow::{Context, bail};
use openledger_client::Node;
use openledger_precompiles::{
    SKETCH,
    sketch::{IAttrSketch, commit_id},
};
use openledger_primitives::predeploys::DATANET_REGISTRY;
use serde::Serialize;
use std::collections::BTreeMap;

/// What became of a contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "status"
)]
pub enum Fate {
    /// It isn't settled yet.
    Pending,
    /// It began a cluster, which its contributor owns.
    Clustered {
        /// The cluster.
        cluster: u32,
    },
    /// It is a near-duplicate of an earlier one, and owns nothing.
    Duplicate {
        /// The cluster that it belongs to.
        cluster: u32,
        /// The contribution that began the cluster.
        of: u64,
        /// Who contributed that.
        contributor: Address,
    },
    /// It was not revealed in time.
    Unrevealed,
}

/// What became of contributions. `first_block` is one before which none of them was settled.
///
/// # Errors
/// A node that doesn't answer; a duplicate that no cluster is recorded for.
pub async fn fates(
    node: &Node,
    datanet: U256,
    contributions: &[u64],
    first_block: u64,
) -> anyhow::Result<Vec<Fate>> {
    let mut fates = Vec::with_capacity(contributions.len());
    let mut clusters: Option<BTreeMap<B256, u32>> = None;
    for contribution in contributions {
        let recorded = contribution_at(node, datanet, *contribution).await?;
        fates.push(match Status::of(&recorded)? {
            Status::None | Status::Committed | Status::Revealed | Status::Excused => Fate::Pending,
            Status::Unrevealed => Fate::Unrevealed,
            Status::Clustered => Fate::Clustered {
                cluster: recorded.cluster,
            },
            Status::Duplicate => {
                let clusters = match &mut clusters {
                    Some(clusters) => clusters,
                    none => none.insert(clusters_since(node, datanet, first_block).await?),
                };
                let id = commit_id(space_of(datanet), *contribution);
                let cluster = *clusters.get(&id).with_context(|| {
                    format!("the node has no record of the cluster of contribution {contribution}")
                })?;
                let call = DatanetRegistry::clusterAtCall { datanet, cluster };
                let of = node.ask(DATANET_REGISTRY, call).await?.contribution;
                Fate::Duplicate {
                    cluster,
                    of,
                    contributor: contribution_at(node, datanet, of).await?.contributor,
                }
            }
        });
    }
    Ok(fates)
}

pub(super) async fn contribution_at(
    node: &Node,
    datanet: U256,
    contribution: u64,
) -> anyhow::Result<Recorded> {
    let call = DatanetRegistry::contributionAtCall {
        datanet,
        contribution,
    };
    node.ask(DATANET_REGISTRY, call).await
}

/// The clusters that SKETCH assigned to a Datanet's commitments from a block on.
async fn clusters_since(
    node: &Node,
    datanet: U256,
    first_block: u64,
) -> anyhow::Result<BTreeMap<B256, u32>> {
    let filter = Filter::new()
        .address(SKETCH)
        .event_signature(IAttrSketch::Clustered::SIGNATURE_HASH)
        .topic1(B256::from(datanet));
    let head = node.head().await?;
    let logs = node.logs_between(&filter, first_block, head).await?;
    logs.iter()
        .map(|log| {
            let event = IAttrSketch::Clustered::decode_log(&log.inner)?;
            Ok((event.commitId, event.cluster))
        })
        .collect()
}

/// Where a contribution is, as the registry numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    None,
    Committed,
    Revealed,
    Excused,
    Clustered,
    Duplicate,
    Unrevealed,
}

impl Status {
    pub(super) fn of(recorded: &Recorded) -> anyhow::Result<Self> {
        Ok(match recorded.status {
            0 => Self::None,
            1 => Self::Committed,
            2 => Self::Revealed,
            3 => Self::Excused,
            4 => Self::Clustered,
            5 => Self::Duplicate,
            6 => Self::Unrevealed,
            other => bail!("the registry answers status {other} of a contribution"),
        })
    }
}
