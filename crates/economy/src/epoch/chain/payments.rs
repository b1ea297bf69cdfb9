//! What the settlement says that it paid.

use super::{Found, Place, events_from, topic, visit_events};
use crate::epoch::payment::Pot;
use alloy_primitives::{Address, B256, U256};
use anyhow::ensure;
use openledger_client::View;
use openledger_contracts::{EpochSettlement, InferenceRouter};
use openledger_primitives::predeploys::{EPOCH_SETTLEMENT, INFERENCE_ROUTER};
use std::collections::BTreeMap;

/// Most payments of clusters that are looked at for an adapter.
const CLUSTERS_PAID_MAX: usize = 1 << 24;

/// A part of the royalties, as it was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaidRoyalty {
    /// The base or adapter.
    pub id: u64,
    /// Who was credited.
    pub payee: Address,
    /// Wei.
    pub amount: U256,
}

/// What a cluster was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaidCluster {
    /// Where.
    pub place: Place,
    /// By which transaction.
    pub transaction: B256,
    /// The sketch set.
    pub set: u64,
    /// The cluster.
    pub cluster: u32,
    /// Its owner.
    pub owner: Address,
    /// What its share came to, wei.
    pub earned: U256,
    /// What was paid of it, wei.
    pub paid: U256,
    /// What of that was the Datanet's owner's.
    pub datanet_part: U256,
}

/// What was paid for an epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EpochPayments {
    /// The pot that the settlement took, with its place and transaction: the payment's beginning.
    pub begun: Option<(Place, B256, Pot)>,
    /// What was said of the royalties as a whole: model, adapters, stakers.
    pub royalties_total: Option<[U256; 3]>,
    /// The parts, in order.
    pub royalties: Vec<PaidRoyalty>,
    /// Clusters, in order.
    pub clusters: Vec<PaidCluster>,
    /// The end: what was paid to contributors and what was left.
    pub ended: Option<(Place, B256, U256, U256)>,
    /// The residue that began with the end.
    pub residue: Option<U256>,
}

/// Everything that an adapter's epochs paid.
#[derive(Debug, Clone, Default)]
pub struct Payments {
    /// By epoch.
    pub epochs: BTreeMap<u64, EpochPayments>,
    /// Residues that began without an epoch's end, since nobody used the adapter any more, in order.
    pub idle: Vec<(Place, B256, U256)>,
    /// Parts of residues that were divided among Datanets, in order.
    pub residues: Vec<(Place, B256, B256, U256)>,
}

impl Payments {
    /// Reads them. Nothing was paid before block `first`.
    ///
    /// # Errors
    /// A node that doesn't answer, or whose logs aren't what was asked for.
    pub async fn read(view: &View, adapter: u64, first: u64) -> anyhow::Result<Self> {
        let mut payments = Self::default();
        let of_adapter = [None, topic(adapter)];
        let taken: Vec<Found<InferenceRouter::PotTaken>> =
            events_from(view, INFERENCE_ROUTER, &of_adapter, first).await?;
        for Found {
            place,
            transaction,
            event,
        } in taken
        {
            let pot = Pot {
                model: event.pot.model,
                adapters: event.pot.adapters,
                contributors: event.pot.contributors,
                stakers: event.pot.stakers,
            };
            payments.of(event.epoch).begun = Some((place, transaction, pot));
        }
        let totals: Vec<Found<EpochSettlement::RoyaltiesPaid>> =
            events_from(view, EPOCH_SETTLEMENT, &of_adapter, first).await?;
        for Found { event, .. } in totals {
            let total = [event.model, event.adapters, event.stakers];
            payments.of(event.epoch).royalties_total = Some(total);
        }
        let parts: Vec<Found<EpochSettlement::RoyaltyPaid>> =
            events_from(view, EPOCH_SETTLEMENT, &of_adapter, first).await?;
        for Found { event, .. } in parts {
            payments.of(event.epoch).royalties.push(PaidRoyalty {
                id: event.id,
                payee: event.payee,
                amount: event.amount,
            });
        }
        payments.read_clusters(view, &of_adapter, first).await?;
        let begun: Vec<Found<EpochSettlement::ResidueBegan>> =
            events_from(view, EPOCH_SETTLEMENT, &of_adapter[1..], first).await?;
        for found in begun {
            let is_its_end = |epoch: &&mut EpochPayments| {
                epoch.ended.is_some_and(|(place, ..)| {
                    // The event just before the end.
                    (place.block, place.index) == (found.place.block, found.place.index + 1)
                })
            };
            match payments.epochs.values_mut().find(is_its_end) {
                Some(epoch) => epoch.residue = Some(found.event.amount),
                None => payments
                    .idle
                    .push((found.place, found.transaction, found.event.amount)),
            }
        }
        let divided: Vec<Found<EpochSettlement::ResidueDistributed>> =
            events_from(view, EPOCH_SETTLEMENT, &of_adapter[1..], first).await?;
        for Found {
            place,
            transaction,
            event,
        } in divided
        {
            let part = (place, transaction, event.space, event.amount);
            payments.residues.push(part);
        }
        Ok(payments)
    }

    async fn read_clusters(
        &mut self,
        view: &View,
        of_adapter: &[Option<B256>],
        first: u64,
    ) -> anyhow::Result<()> {
        let mut count = 0;
        visit_events(
            view,
            EPOCH_SETTLEMENT,
            of_adapter,
            first..=u64::MAX,
            |found| {
                let event: EpochSettlement::ClusterPaid = found.event;
                count += 1;
                ensure!(
                    count <= CLUSTERS_PAID_MAX,
                    "more than {CLUSTERS_PAID_MAX} payments of clusters: name an earlier epoch"
                );
                self.of(event.epoch).clusters.push(PaidCluster {
                    place: found.place,
                    transaction: found.transaction,
                    set: event.sketchSet,
                    cluster: event.cluster,
                    owner: event.owner,
                    earned: event.earned,
                    paid: event.paid,
                    datanet_part: event.datanetPart,
                });
                Ok(())
            },
        )
        .await?;
        let ended: Vec<Found<EpochSettlement::Settled>> =
            events_from(view, EPOCH_SETTLEMENT, of_adapter, first).await?;
        for Found {
            place,
            transaction,
            event,
        } in ended
        {
            let end = (place, transaction, event.paid, event.carried);
            self.of(event.epoch).ended = Some(end);
        }
        Ok(())
    }

    fn of(&mut self, epoch: u64) -> &mut EpochPayments {
        self.epochs.entry(epoch).or_default()
    }
}
