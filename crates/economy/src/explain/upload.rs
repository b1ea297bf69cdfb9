//! From a commitment to a cluster: what the Datanet registry did with a contribution.

use crate::{
    datanet::Outcome,
    epoch::chain::{ClusterFacts, DatanetFacts, Found, Place, events, topic},
};
use alloy_primitives::{Address, B256, U256};
use anyhow::{Context, bail};
use openledger_client::View;
use openledger_contracts::DatanetRegistry;
use openledger_precompiles::{
    SKETCH,
    sketch::{IAttrSketch, commit_id, space},
};
use openledger_primitives::predeploys::DATANET_REGISTRY;
use serde::Serialize;
use std::str::FromStr;

/// What names a contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// The one that began a cluster of a Datanet.
    Cluster {
        /// The Datanet.
        datanet: U256,
        /// The cluster.
        cluster: u32,
    },
    /// By what was committed to, or by the commitment's own name.
    Commitment(B256),
}

/// What names no contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a contribution is named by DATANET/CLUSTER, as in 3/0, or by the 32 bytes of its commitment, as in 0x12…"
)]
pub struct BadName;

impl FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        if let Some((datanet, cluster)) = text.split_once('/') {
            return Ok(Self::Cluster {
                datanet: U256::from(datanet.parse::<u64>().map_err(|_| BadName)?),
                cluster: cluster.parse().map_err(|_| BadName)?,
            });
        }
        text.parse().map(Self::Commitment).map_err(|_| BadName)
    }
}

/// A step of a contribution's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What happened, in words.
    pub what: String,
    /// Where.
    pub place: Place,
    /// By which transaction.
    pub transaction: B256,
}

/// A contribution's way to its cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// The Datanet.
    pub datanet: U256,
    /// Its space, which adapters and sketch sets name.
    pub space: B256,
    /// Number of the contribution in the Datanet.
    pub contribution: u64,
    /// Who contributed.
    pub contributor: Address,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// The cluster that it began, or is a copy of.
    pub cluster: Option<u32>,
    /// Whether it began it.
    pub is_first: bool,
    /// Who owns the cluster now.
    pub owner: Option<Address>,
}

/// Finds a contribution and follows it to its cluster.
///
/// # Errors
/// A node that doesn't answer; a contribution that there isn't.
pub async fn upload(view: &View, name: Name) -> anyhow::Result<Upload> {
    let (datanet, number) = find(view, name).await?;
    let space = space(DATANET_REGISTRY, B256::from(datanet));
    let facts = DatanetFacts::read(view, space).await?;
    let facts = facts.with_context(|| format!("there is no Datanet {datanet}"))?;
    let of_it = [topic(datanet), topic(number)];
    let mut found = Upload {
        datanet,
        space,
        contribution: number,
        contributor: Address::ZERO,
        steps: Vec::new(),
        cluster: None,
        is_first: false,
        owner: None,
    };
    let committed: Vec<Found<DatanetRegistry::ContributionCommitted>> =
        events(view, DATANET_REGISTRY, &of_it).await?;
    let committed = committed.into_iter().next();
    let committed =
        committed.with_context(|| format!("Datanet {datanet} has no contribution {number}"))?;
    found.contributor = committed.event.contributor;
    found.step(
        &committed,
        format!("{} commits to {}", found.contributor, committed.event.h),
    );
    let revealed: Vec<Found<DatanetRegistry::ContributionRevealed>> =
        events(view, DATANET_REGISTRY, &of_it).await?;
    for reveal in &revealed {
        let event = &reveal.event;
        let what = format!(
            "revealed: {} bytes, {} tokens, data root {}, at {:?}",
            event.size, event.tokens, event.dataRoot, event.uri
        );
        found.step(reveal, what);
    }
    found.settle(view, &of_it).await?;
    if let Some(cluster) = found.cluster
        && let Some(facts) = facts.clusters.get(&cluster)
    {
        found.owner = facts.owner(u64::MAX);
        if found.is_first {
            found.review(facts);
        }
    }
    found.steps.sort_by_key(|step| step.place);
    Ok(found)
}

impl Upload {
    fn step<E>(&mut self, found: &Found<E>, what: String) {
        self.steps.push(Step {
            what,
            place: found.place,
            transaction: found.transaction,
        });
    }

    /// What the precompile made of it.
    async fn settle(&mut self, view: &View, of_it: &[Option<B256>]) -> anyhow::Result<()> {
        let settled: Vec<Found<DatanetRegistry::ContributionSettled>> =
            events(view, DATANET_REGISTRY, of_it).await?;
        let Some(settled) = settled.into_iter().next() else {
            return Ok(());
        };
        let id = commit_id(self.space, self.contribution);
        let datanet = Some(B256::from(self.datanet));
        let clustered: Vec<Found<IAttrSketch::Clustered>> =
            events(view, SKETCH, &[datanet]).await?;
        let clustered = clustered
            .into_iter()
            .find(|found| found.event.commitId == id);
        let what = match &clustered {
            Some(found) if found.event.isNew => {
                format!("settled: begins cluster {}", found.event.cluster)
            }
            Some(found) => format!(
                "settled: a copy of cluster {}, which earns for both",
                found.event.cluster
            ),
            None => "settled without having been revealed: it has no cluster".to_owned(),
        };
        if let Some(found) = clustered {
            self.cluster = Some(found.event.cluster);
            self.is_first = found.event.isNew;
        }
        self.step(&settled, what);
        Ok(())
    }

    fn review(&mut self, facts: &ClusterFacts) {
        for (place, outcome) in &facts.outcomes {
            let what = match outcome {
                Outcome::Accepted => "accepted by its reviewers",
                Outcome::Rejected => "rejected by its reviewers: it earns nothing",
                Outcome::Unreviewed => {
                    "unreviewed: it earns by scores, and has no part in dividends"
                }
                Outcome::None => "review begun anew",
            };
            self.steps.push(Step {
                what: what.to_owned(),
                place: *place,
                transaction: facts.transaction_of(*place),
            });
        }
        for (from, owner) in facts.owners.iter().skip(1) {
            self.steps.push(Step {
                what: format!("reassigned to {owner} from epoch {from} on"),
                place: facts.reassigned_at(*from),
                transaction: facts.transaction_of(facts.reassigned_at(*from)),
            });
        }
        if let Some(from) = facts.withdrawn_from {
            self.steps.push(Step {
                what: format!("withdrawn: earns nothing from epoch {from} on"),
                place: facts.withdrawn_at,
                transaction: facts.transaction_of(facts.withdrawn_at),
            });
        }
    }
}

/// Datanet and number of a contribution.
async fn find(view: &View, name: Name) -> anyhow::Result<(U256, u64)> {
    match name {
        Name::Cluster { datanet, cluster } => {
            let created: Vec<Found<DatanetRegistry::ClusterCreated>> =
                events(view, DATANET_REGISTRY, &[topic(datanet), topic(cluster)]).await?;
            let created = created.first().map(|found| found.event.contribution);
            let number =
                created.with_context(|| format!("Datanet {datanet} has no cluster {cluster}"))?;
            Ok((datanet, number))
        }
        Name::Commitment(wanted) => {
            let committed: Vec<Found<DatanetRegistry::ContributionCommitted>> =
                events(view, DATANET_REGISTRY, &[]).await?;
            for Found { event, .. } in committed {
                let space = space(DATANET_REGISTRY, B256::from(event.datanet));
                if event.h == wanted || commit_id(space, event.contribution) == wanted {
                    return Ok((event.datanet, event.contribution));
                }
            }
            bail!("no contribution was committed to by {wanted}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contributions_have_two_kinds_of_names() {
        let cluster = Name::Cluster {
            datanet: U256::from(3),
            cluster: 7,
        };
        assert_eq!("3/7".parse(), Ok(cluster));
        let hash = B256::repeat_byte(0xab);
        assert_eq!(hash.to_string().parse(), Ok(Name::Commitment(hash)));
        for wrong in ["", "3", "3/", "/7", "3/7/1", "-1/0", "3/4294967296", "0x12"] {
            assert_eq!(wrong.parse::<Name>(), Err(BadName), "{wrong}");
        }
    }
}
