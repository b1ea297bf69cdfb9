//! Proposals, and what became of them.

use super::{Found, Place, events_from, topic};
use alloy_primitives::{Address, B256};
use openledger_client::View;
use openledger_contracts::EpochSettlement;
use openledger_primitives::predeploys::EPOCH_SETTLEMENT;
use std::collections::BTreeMap;

/// What ended a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Somebody showed that it was wrong.
    Refuted {
        /// Who.
        challenger: Address,
        /// By which transaction.
        transaction: B256,
    },
    /// A jury rejected a sketch of it; its bond went back.
    Voided {
        /// By which transaction.
        transaction: B256,
    },
    /// A better one took its place.
    Improved {
        /// By which transaction.
        transaction: B256,
    },
}

/// A proposal that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The epoch.
    pub epoch: u64,
    /// Whose.
    pub proposer: Address,
    /// Hash of its scores.
    pub scores_hash: B256,
    /// Hash of each set's result.
    pub results: Vec<B256>,
    /// Until when it could be challenged, as it was when it was made, seconds.
    pub deadline: u64,
    /// Where it was made.
    pub place: Place,
    /// By which transaction, which has its data.
    pub transaction: B256,
    /// What ended it; none if it stands, or was paid.
    pub ending: Option<Ending>,
}

/// The proposals for an adapter, in one epoch or in all, from block `first` on, by epoch, in order.
///
/// # Errors
/// A node that doesn't answer, or whose logs aren't what was asked for.
pub async fn proposals(
    view: &View,
    epoch: Option<u64>,
    adapter: u64,
    first: u64,
) -> anyhow::Result<BTreeMap<u64, Vec<Proposal>>> {
    let of_adapter = [epoch.and_then(topic), topic(adapter)];
    let proposed: Vec<Found<EpochSettlement::Proposed>> =
        events_from(view, EPOCH_SETTLEMENT, &of_adapter, first).await?;
    let refuted: Vec<Found<EpochSettlement::Refuted>> =
        events_from(view, EPOCH_SETTLEMENT, &of_adapter, first).await?;
    let voided: Vec<Found<EpochSettlement::Voided>> =
        events_from(view, EPOCH_SETTLEMENT, &of_adapter, first).await?;
    let mut all: BTreeMap<u64, Vec<Proposal>> = BTreeMap::new();
    for found in proposed {
        let event = found.event;
        let made = all.entry(event.epoch).or_default();
        made.push(Proposal {
            epoch: event.epoch,
            proposer: event.proposer,
            scores_hash: event.scoresHash,
            results: event.results,
            deadline: event.deadline.to(),
            place: found.place,
            transaction: found.transaction,
            ending: None,
        });
    }
    let endings = refuted
        .into_iter()
        .map(|found| {
            let ending = Ending::Refuted {
                challenger: found.event.challenger,
                transaction: found.transaction,
            };
            (found.event.epoch, found.place, ending)
        })
        .chain(voided.into_iter().map(|found| {
            let ending = Ending::Voided {
                transaction: found.transaction,
            };
            (found.event.epoch, found.place, ending)
        }));
    for (epoch, place, ending) in endings {
        // The last one before it.
        let made = all.get_mut(&epoch).into_iter().flatten();
        if let Some(proposal) = made.filter(|proposal| proposal.place < place).last() {
            proposal.ending = Some(ending);
        }
    }
    for made in all.values_mut() {
        let next: Vec<B256> = made.iter().skip(1).map(|later| later.transaction).collect();
        for (proposal, transaction) in made.iter_mut().zip(next) {
            proposal
                .ending
                .get_or_insert(Ending::Improved { transaction });
        }
    }
    Ok(all)
}
