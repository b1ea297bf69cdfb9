//! Who is paid for registry ids, and parameters, each as it was at a place.

use super::{Adapter, Found, Place, ask, events, topic};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, B256, U256};
use openledger_client::View;
use openledger_contracts::{AdapterMarket, EpochSettlement, ModelRegistry};
use openledger_primitives::predeploys::{
    ADAPTER_MARKET, EPOCH_SETTLEMENT, MODEL_REGISTRY, TREASURY,
};
use std::collections::BTreeMap;

/// `IModelRegistry.Stage` of a model whose base pays its proposer.
const STAGE_LIVE: u8 = 5;
const STAGE_RETIRED: u8 = 6;

/// Who is paid for an adapter and its ancestors.
#[derive(Debug, Clone, Default)]
pub struct Payees {
    base: u64,
    /// What developers set, in order.
    set: BTreeMap<u64, Vec<(Place, Address)>>,
    developers: BTreeMap<u64, Address>,
    /// Proposer of the base's model, and its stages.
    proposer: Option<Address>,
    stages: Vec<(Place, u8)>,
}

impl Payees {
    /// Reads them.
    ///
    /// # Errors
    /// A node that doesn't answer, or whose logs aren't what was asked for.
    pub async fn read(view: &View, adapter: &Adapter) -> anyhow::Result<Self> {
        let mut payees = Self {
            base: adapter.base,
            developers: adapter.developers.clone(),
            ..Self::default()
        };
        for id in adapter.developers.keys().chain([&adapter.base]) {
            let found: Vec<Found<AdapterMarket::PayeeSet>> =
                events(view, ADAPTER_MARKET, &[topic(*id)]).await?;
            let set = found
                .into_iter()
                .map(|found| (found.place, found.event.payee));
            payees.set.insert(*id, set.collect());
        }
        let made: Vec<Found<ModelRegistry::ArtefactSubmitted>> =
            events(view, MODEL_REGISTRY, &[None, topic(adapter.base)]).await?;
        if let Some(model) = made.last().map(|found| found.event.model) {
            let of_model = [topic(model)];
            let proposed: Vec<Found<ModelRegistry::ModelProposed>> =
                events(view, MODEL_REGISTRY, &of_model).await?;
            payees.proposer = proposed.first().map(|found| found.event.proposer);
            let stages: Vec<Found<ModelRegistry::StageEntered>> =
                events(view, MODEL_REGISTRY, &of_model).await?;
            let stages = stages
                .into_iter()
                .map(|found| (found.place, found.event.stage));
            payees.stages = stages.collect();
        }
        Ok(payees)
    }

    /// Who is paid for an id at a place: whom the developer named; else the developer of an adapter, the proposer of a base's live or
    /// retired model; else the treasury.
    pub fn of(&self, id: u64, at: Place) -> Address {
        let set = self.set.get(&id).into_iter().flatten();
        let named = last_before(set.copied(), at).filter(|payee| *payee != Address::ZERO);
        let natural = if id == self.base {
            let stage = last_before(self.stages.iter().copied(), at);
            self.proposer
                .filter(|_| matches!(stage, Some(STAGE_LIVE | STAGE_RETIRED)))
        } else {
            self.developers.get(&id).copied()
        };
        named.or(natural).unwrap_or(TREASURY)
    }
}

/// A parameter of `EpochSettlement`, with its changes.
#[derive(Debug, Clone)]
pub struct Parameter {
    initial: U256,
    changes: Vec<(Place, U256)>,
}

impl Parameter {
    /// Reads it. What it was before its first change, genesis's state says.
    ///
    /// # Errors
    /// A node that doesn't answer, or doesn't have the first state any more where that is needed.
    pub async fn read(view: &View, name: &str) -> anyhow::Result<Self> {
        let mut padded = B256::ZERO;
        // Names have at most 31 characters.
        for (place, byte) in padded.iter_mut().zip(name.bytes()) {
            *place = byte;
        }
        let changes: Vec<Found<EpochSettlement::ParameterSet>> =
            events(view, EPOCH_SETTLEMENT, &[Some(padded)]).await?;
        let call = EpochSettlement::parameterCall { name: padded };
        let initial = if changes.is_empty() {
            ask(view, EPOCH_SETTLEMENT, call).await?
        } else {
            let genesis = BlockNumberOrTag::Number(0);
            view.node().ask_at(EPOCH_SETTLEMENT, call, genesis).await?
        };
        Ok(Self {
            initial,
            changes: changes
                .into_iter()
                .map(|found| (found.place, found.event.value))
                .collect(),
        })
    }

    /// Its value at a place.
    pub fn at(&self, at: Place) -> U256 {
        last_before(self.changes.iter().copied(), at).unwrap_or(self.initial)
    }
}

fn last_before<T>(said: impl DoubleEndedIterator<Item = (Place, T)>, at: Place) -> Option<T> {
    said.rev()
        .find(|(place, _)| *place < at)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(block: u64) -> Place {
        Place { block, index: 0 }
    }

    #[test]
    fn payees_are_those_of_the_moment() {
        let [developer, named, proposer] = [1, 2, 3].map(Address::repeat_byte);
        let payees = Payees {
            base: 1,
            set: BTreeMap::from([(2, vec![(at(5), named), (at(9), Address::ZERO)])]),
            developers: BTreeMap::from([(2, developer)]),
            proposer: Some(proposer),
            stages: vec![(at(3), 4), (at(6), STAGE_LIVE)],
        };
        let who = |id, block| payees.of(id, at(block));
        assert_eq!(
            [who(2, 5), who(2, 6), who(2, 10)],
            [developer, named, developer]
        );
        assert_eq!([who(1, 6), who(1, 7)], [TREASURY, proposer]);
        assert_eq!(who(7, 7), TREASURY);
        let parameter = Parameter {
            initial: U256::from(1),
            changes: vec![(at(4), U256::from(2))],
        };
        assert_eq!(
            [at(4), at(5)].map(|place| parameter.at(place)),
            [1, 2].map(U256::from)
        );
    }
}
