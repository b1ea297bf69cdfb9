//! What a Datanet has come to.

use super::{
    contribute::{datanet_at, space_of},
    outcome::{Outcome, ReviewStatus},
    review::contents_of,
};
use crate::contracts::{ClusterReview, DatanetRegistry};
use alloy_primitives::{Address, B256, U256};
use anyhow::{Context, bail};
use openledger_client::Node;
use openledger_precompiles::merkle;
use openledger_primitives::predeploys::{CLUSTER_REVIEW, DATANET_REGISTRY};
use serde::Serialize;

/// What a Datanet's contributions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum DataType {
    /// UTF-8 text.
    Text,
    /// CSV or TSV.
    Table,
    /// PNG.
    Image,
}

impl DataType {
    /// As the registry numbers it.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl TryFrom<u8> for DataType {
    type Error = anyhow::Error;

    fn try_from(number: u8) -> anyhow::Result<Self> {
        Ok(match number {
            0 => Self::Text,
            1 => Self::Table,
            2 => Self::Image,
            _ => bail!("the registry answers data type {number}"),
        })
    }
}

/// Who may contribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Access {
    /// Everybody.
    Public,
    /// Who is on a list.
    AllowList,
    /// Whom a contract lets.
    Checker,
}

impl Access {
    /// As the registry numbers it.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl TryFrom<u8> for Access {
    type Error = anyhow::Error;

    fn try_from(number: u8) -> anyhow::Result<Self> {
        Ok(match number {
            0 => Self::Public,
            1 => Self::AllowList,
            2 => Self::Checker,
            _ => bail!("the registry answers access rule {number}"),
        })
    }
}

/// A Datanet with its clusters.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatanetStatus {
    /// Its number.
    pub datanet: U256,
    /// How sketch sets and adapters name it.
    pub space: B256,
    /// Its owner.
    pub owner: Address,
    /// What its contributions are.
    pub data_type: DataType,
    /// Who may contribute.
    pub access: Access,
    /// The owner's share of what its clusters earn, basis points.
    pub owner_bps: u16,
    /// Whether it takes no more contributions.
    pub closed: bool,
    /// Hash of its licence.
    pub licence: B256,
    /// Wei for each contribution.
    pub contribution_bond: U256,
    /// Commitments made.
    pub contributions: u64,
    /// Of them, those that are settled.
    pub settled: u64,
    /// Clusters that share in dividends.
    pub accepted: u32,
    /// Clusters whose review isn't over.
    pub in_review: u32,
    /// Versions published.
    pub versions: U256,
    /// Its clusters, as far as they were asked for.
    pub clusters: Vec<ClusterStatus>,
}

/// A cluster.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// Its number.
    pub cluster: u32,
    /// The contribution that began it.
    pub contribution: u64,
    /// Who contributed that.
    pub contributor: Address,
    /// What its review came to.
    pub outcome: Outcome,
    /// Where its review is.
    pub review: ReviewStatus,
    /// The epoch from which on it earns nothing; 0: not withdrawn.
    pub withdrawn_from: u64,
    /// What it can take of dividends, wei.
    pub shares: U256,
}

/// Reads a Datanet with the last `clusters_max` of its clusters.
///
/// # Errors
/// A node that doesn't answer; a number that no Datanet has.
pub async fn status(
    node: &Node,
    datanet: U256,
    clusters_max: u32,
) -> anyhow::Result<DatanetStatus> {
    let info = datanet_at(node, datanet).await?;
    let versions = DatanetRegistry::versionCountCall { datanet };
    let first = info.clusters.saturating_sub(clusters_max);
    let mut clusters = Vec::new();
    for cluster in first..info.clusters {
        clusters.push(cluster_status(node, datanet, cluster).await?);
    }
    Ok(DatanetStatus {
        datanet,
        space: space_of(datanet),
        owner: info.owner,
        data_type: DataType::try_from(info.dataType)?,
        access: Access::try_from(info.access)?,
        owner_bps: info.ownerBps,
        closed: info.closed,
        licence: info.licence,
        contribution_bond: U256::from(info.contributionBond),
        contributions: info.contributions,
        settled: info.settled,
        accepted: info.accepted,
        in_review: info.inReview,
        versions: node.ask(DATANET_REGISTRY, versions).await?,
        clusters,
    })
}

async fn cluster_status(node: &Node, datanet: U256, cluster: u32) -> anyhow::Result<ClusterStatus> {
    let call = DatanetRegistry::clusterAtCall { datanet, cluster };
    let found = node.ask(DATANET_REGISTRY, call).await?;
    let call = DatanetRegistry::contributionAtCall {
        datanet,
        contribution: found.contribution,
    };
    let contribution = node.ask(DATANET_REGISTRY, call).await?;
    let call = ClusterReview::reviewOfCall { datanet, cluster };
    let review = node.ask(CLUSTER_REVIEW, call).await?;
    let call = DatanetRegistry::sharesOfCall { datanet, cluster };
    Ok(ClusterStatus {
        cluster,
        contribution: found.contribution,
        contributor: contribution.contributor,
        outcome: Outcome::try_from(found.outcome)?,
        review: ReviewStatus::try_from(review.status)?,
        withdrawn_from: found.withdrawnFrom,
        shares: node.ask(DATANET_REGISTRY, call).await?,
    })
}

/// The root of a version of the accepted clusters that aren't withdrawn: over the data roots of the contributions that
/// began them, in the order of clusters.
///
/// # Errors
/// A Datanet without such a cluster; a node that doesn't have a contribution's reveal.
pub async fn version_root(node: &Node, datanet: U256) -> anyhow::Result<B256> {
    let info = datanet_at(node, datanet).await?;
    let contents = contents_of(node, datanet).await?;
    let mut leaves = Vec::new();
    for cluster in 0..info.clusters {
        let call = DatanetRegistry::clusterAtCall { datanet, cluster };
        let found = node.ask(DATANET_REGISTRY, call).await?;
        if Outcome::try_from(found.outcome)? != Outcome::Accepted || found.withdrawnFrom != 0 {
            continue;
        }
        let content = contents.get(&found.contribution).with_context(|| {
            format!(
                "the node has no reveal of contribution {}",
                found.contribution
            )
        })?;
        leaves.push(merkle::leaf(
            leaves.len() as u64,
            content.dataRoot.as_slice(),
        ));
    }
    merkle::root(&leaves).with_context(|| {
        format!("Datanet {datanet} has no accepted cluster: name the version's root by --root")
    })
}
