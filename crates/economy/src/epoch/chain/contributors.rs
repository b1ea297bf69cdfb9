//! Whom a cluster is paid to, and whether it may earn, by the events of its Datanet.

use super::{Found, Place, events, topic, visit_events};
use crate::{datanet::Outcome, epoch::payment::Owners};
use alloy_primitives::{Address, B256, U256};
use anyhow::ensure;
use openledger_client::View;
use openledger_contracts::{DatanetRegistry, EpochQuestions};
use openledger_primitives::predeploys::{DATANET_REGISTRY, EPOCH_QUESTIONS};
use std::collections::{BTreeMap, BTreeSet};

/// Most clusters of a Datanet, and most things that are said of them, that are looked at.
const CLUSTERS_MAX: usize = 1 << 22;
const SAID_MAX: usize = 1 << 23;

/// What the events say of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterFacts {
    /// Where it was created.
    pub created: Place,
    /// By which transaction.
    pub transaction: B256,
    /// The contribution that began it.
    pub contribution: u64,
    /// Its owners, each from an epoch on.
    pub owners: Vec<(u64, Address)>,
    /// From which epoch on it earns nothing.
    pub withdrawn_from: Option<u64>,
    /// What reviews said, in order.
    pub outcomes: Vec<(Place, Outcome)>,
    /// Where it was withdrawn.
    pub withdrawn_at: Place,
    /// By which transactions these things were said.
    transactions: BTreeMap<Place, B256>,
    /// Where it was reassigned, by the epoch from which on.
    reassigned: BTreeMap<u64, Place>,
}

impl ClusterFacts {
    /// Its owner in an epoch.
    pub fn owner(&self, epoch: u64) -> Option<Address> {
        let owner = self.owners.iter().rev().find(|(from, _)| *from <= epoch);
        owner.map(|(_, owner)| *owner)
    }

    /// The transaction in which something was said of it at a place; its creation's for any other place.
    pub fn transaction_of(&self, place: Place) -> B256 {
        let said = self.transactions.get(&place);
        said.copied().unwrap_or(self.transaction)
    }

    /// Where it was given to an owner from an epoch on.
    pub fn reassigned_at(&self, from: u64) -> Place {
        self.reassigned.get(&from).copied().unwrap_or(self.created)
    }

    /// Whether it could earn in an epoch, by what was said up to a place.
    fn is_eligible(&self, epoch: u64, at: Place) -> bool {
        let said = self.outcomes.iter().rev().find(|(place, _)| *place < at);
        let is_rejected = matches!(said, Some((_, Outcome::Rejected)));
        let is_withdrawn = self.withdrawn_from.is_some_and(|from| epoch >= from);
        self.created < at && !is_rejected && !is_withdrawn
    }
}

/// What the events say of a Datanet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatanetFacts {
    /// Its number.
    pub datanet: U256,
    /// Its owner.
    pub owner: Address,
    /// What the owner keeps of what clusters earn.
    pub owner_bps: u16,
    /// Its clusters.
    pub clusters: BTreeMap<u32, ClusterFacts>,
}

impl DatanetFacts {
    /// Reads the Datanet of a space; `None` if the registry doesn't know it.
    ///
    /// # Errors
    /// A node that doesn't answer, or whose logs aren't what was asked for.
    pub async fn read(view: &View, space: B256) -> anyhow::Result<Option<Self>> {
        let created: Vec<Found<DatanetRegistry::DatanetCreated>> =
            events(view, DATANET_REGISTRY, &[None, None, Some(space)]).await?;
        let Some(Found { event, .. }) = created.into_iter().next() else {
            return Ok(None);
        };
        let mut facts = Self {
            datanet: event.datanet,
            owner: event.owner,
            owner_bps: event.terms.ownerBps,
            clusters: BTreeMap::new(),
        };
        facts.read_clusters(view).await?;
        Ok(Some(facts))
    }

    async fn read_clusters(&mut self, view: &View) -> anyhow::Result<()> {
        let of_datanet = [topic(self.datanet)];
        let blocks = || 0..=u64::MAX;
        let mut said = 0;
        visit_events(view, DATANET_REGISTRY, &of_datanet, blocks(), |found| {
            let event: DatanetRegistry::ClusterCreated = found.event;
            let facts = self.facts_of(event.cluster, &mut said)?;
            facts.created = found.place;
            facts.transaction = found.transaction;
            facts.contribution = event.contribution;
            facts.owners.push((0, event.owner));
            Ok(())
        })
        .await?;
        visit_events(view, DATANET_REGISTRY, &of_datanet, blocks(), |found| {
            let event: DatanetRegistry::OutcomeRecorded = found.event;
            let facts = self.facts_of(event.cluster, &mut said)?;
            let outcome = Outcome::try_from(event.outcome)?;
            facts.outcomes.push((found.place, outcome));
            facts.transactions.insert(found.place, found.transaction);
            Ok(())
        })
        .await?;
        visit_events(view, DATANET_REGISTRY, &of_datanet, blocks(), |found| {
            let event: DatanetRegistry::ClusterWithdrawn = found.event;
            let facts = self.facts_of(event.cluster, &mut said)?;
            facts.withdrawn_from = Some(event.fromEpoch);
            facts.withdrawn_at = found.place;
            facts.transactions.insert(found.place, found.transaction);
            Ok(())
        })
        .await?;
        visit_events(view, DATANET_REGISTRY, &of_datanet, blocks(), |found| {
            let event: DatanetRegistry::ClusterReassigned = found.event;
            let facts = self.facts_of(event.cluster, &mut said)?;
            let (from, owner) = (event.fromEpoch, event.newOwner);
            facts.owners.push((from, owner));
            facts.reassigned.insert(from, found.place);
            facts.transactions.insert(found.place, found.transaction);
            Ok(())
        })
        .await
    }

    /// A cluster about which one more thing is said.
    fn facts_of(&mut self, cluster: u32, said: &mut usize) -> anyhow::Result<&mut ClusterFacts> {
        *said += 1;
        ensure!(
            *said <= SAID_MAX && self.clusters.len() <= CLUSTERS_MAX,
            "Datanet {} has more than {CLUSTERS_MAX} clusters, or too much was said of them",
            self.datanet
        );
        Ok(self.clusters.entry(cluster).or_default())
    }

    /// Who is paid for a cluster in an epoch, if it could earn by what was said up to a place.
    pub fn owners(&self, cluster: u32, epoch: u64, at: Place) -> Option<Owners> {
        let facts = self.clusters.get(&cluster)?;
        let owner = facts.owner(epoch)?;
        facts.is_eligible(epoch, at).then_some(Owners {
            owner,
            datanet_owner: self.owner,
            datanet_bps: self.owner_bps,
        })
    }
}

/// Clusters that juries rejected in sets, and where.
#[derive(Debug, Clone, Default)]
pub struct Rejections {
    first: BTreeMap<(u64, u32), Place>,
}

impl Rejections {
    /// Reads those of some sets.
    ///
    /// # Errors
    /// A node that doesn't answer, or whose logs aren't what was asked for.
    pub async fn read(view: &View, sets: &BTreeSet<u64>) -> anyhow::Result<Self> {
        let mut first = BTreeMap::new();
        for set in sets {
            let found: Vec<Found<EpochQuestions::ClusterRejected>> =
                events(view, EPOCH_QUESTIONS, &[topic(*set)]).await?;
            for rejected in found {
                first
                    .entry((*set, rejected.event.cluster))
                    .or_insert(rejected.place);
            }
        }
        Ok(Self { first })
    }

    /// Whether a cluster was rejected in a set before a place.
    pub fn is_rejected(&self, set: u64, cluster: u32, at: Place) -> bool {
        let first = self.first.get(&(set, cluster));
        first.is_some_and(|place| *place < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(block: u64) -> Place {
        Place { block, index: 3 }
    }

    #[test]
    fn a_cluster_is_whose_it_was_in_the_epoch_and_earns_by_what_was_known_then() {
        let [first, second] = [1, 2].map(Address::repeat_byte);
        let cluster = ClusterFacts {
            created: at(1),
            owners: vec![(0, first), (7, second)],
            withdrawn_from: Some(9),
            outcomes: vec![(at(4), Outcome::Rejected), (at(6), Outcome::Accepted)],
            ..ClusterFacts::default()
        };
        let datanet = DatanetFacts {
            datanet: U256::from(1),
            owner: Address::ZERO,
            owner_bps: 500,
            clusters: BTreeMap::from([(0, cluster)]),
        };
        let owner = |epoch, block| {
            let owners = datanet.owners(0, epoch, at(block));
            owners.map(|owners| owners.owner)
        };
        // Unknown before it is created, rejected for a while.
        assert_eq!(owner(6, 1), None);
        assert_eq!(owner(6, 2), Some(first));
        assert_eq!(owner(6, 5), None);
        assert_eq!(owner(6, 7), Some(first));
        assert_eq!(owner(7, 7), Some(second));
        assert_eq!(owner(9, 7), None);
        assert_eq!(datanet.owners(1, 6, at(7)), None);
    }
}
