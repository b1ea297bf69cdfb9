//! Who takes part, and which account of the local chain each has.

use super::actor::Actor;
use crate::world::{COPIER, COPIER_ACCOUNTS, FLOODER, HONEST, name};
use alloy_primitives::Address;
use openledger_client::{LocalChain, Node};
use std::collections::BTreeMap;

/// Validators that review and share the stakers' part.
pub(crate) const VALIDATORS: u32 = 7;
/// Applications that pay for inference.
pub(crate) const PAYERS: u32 = 3;

/// Account numbers.
const COUNCIL: u32 = 0;
const MODEL_DEVELOPER: u32 = 1;
const ADAPTER_DEVELOPER: u32 = 2;
const DERIVED_DEVELOPER: u32 = 3;
const WORKER: u32 = 4;
const LIAR: u32 = 5;
const DERIVED_WORKER: u32 = 6;
const DATANET_OWNER: u32 = 7;
const FIRST_PAYER: u32 = 8;
const FIRST_VALIDATOR: u32 = FIRST_PAYER + PAYERS;
/// The watcher's account.
pub(crate) const WATCHER: u32 = FIRST_VALIDATOR + VALIDATORS;
const PROPOSER: u32 = WATCHER + 1;
const FIRST_CONTRIBUTOR: u32 = PROPOSER + 1;
/// Accounts that a chain needs for all of them.
pub(crate) const ACCOUNTS: u32 = FIRST_CONTRIBUTOR + HONEST as u32 + COPIER_ACCOUNTS as u32 + 1;

/// Account number of a contributor's `account`-th account.
fn contributor(contributor: usize, account: usize) -> u32 {
    let place = match contributor {
        FLOODER => HONEST + COPIER_ACCOUNTS,
        COPIER => HONEST + account,
        honest => honest,
    };
    FIRST_CONTRIBUTOR + place as u32
}

/// Everybody who takes part.
#[derive(Debug)]
pub(crate) struct Cast {
    /// Decides on models; the chain's parameters name it.
    pub(crate) council: Actor,
    /// Proposes the model, and is paid its part.
    pub(crate) model_developer: Actor,
    /// Of the adapter.
    pub(crate) adapter_developer: Actor,
    /// Of the adapter that is derived from it.
    pub(crate) derived_developer: Actor,
    /// Serves the model.
    pub(crate) worker: Actor,
    /// Proposes an epoch's settlement in favour of one cluster.
    pub(crate) liar: Actor,
    /// Serves the derived adapter.
    pub(crate) derived_worker: Actor,
    /// Proposes what is right.
    pub(crate) proposer: Actor,
    /// The watcher's, which a process of its own sends for while it runs.
    pub(crate) watcher: Actor,
    /// Owns the Datanets.
    pub(crate) datanet_owner: Actor,
    /// Applications.
    pub(crate) payers: Vec<Actor>,
    /// Validators.
    pub(crate) validators: Vec<Actor>,
    /// By contributor and account.
    pub(crate) contributors: BTreeMap<(usize, usize), Actor>,
    names: BTreeMap<Address, String>,
}

impl Cast {
    /// The accounts of a fresh local chain.
    pub(crate) fn new(node: &Node, chain: &LocalChain) -> anyhow::Result<Self> {
        let actor = |number| anyhow::Ok(Actor::new(node, chain.key(number)?));
        let several = |first: u32, count: u32| -> anyhow::Result<Vec<Actor>> {
            (first..first + count).map(actor).collect()
        };
        let mut contributors = BTreeMap::new();
        let honest = (0..HONEST).map(|honest| (honest, 0));
        let copies = (0..COPIER_ACCOUNTS).map(|account| (COPIER, account));
        for (who, account) in honest.chain(copies).chain([(FLOODER, 0)]) {
            contributors.insert((who, account), actor(contributor(who, account))?);
        }
        let mut cast = Self {
            council: actor(COUNCIL)?,
            model_developer: actor(MODEL_DEVELOPER)?,
            adapter_developer: actor(ADAPTER_DEVELOPER)?,
            derived_developer: actor(DERIVED_DEVELOPER)?,
            worker: actor(WORKER)?,
            liar: actor(LIAR)?,
            derived_worker: actor(DERIVED_WORKER)?,
            proposer: actor(PROPOSER)?,
            watcher: actor(WATCHER)?,
            datanet_owner: actor(DATANET_OWNER)?,
            payers: several(FIRST_PAYER, PAYERS)?,
            validators: several(FIRST_VALIDATOR, VALIDATORS)?,
            contributors,
            names: BTreeMap::new(),
        };
        cast.names = cast.all_names();
        Ok(cast)
    }

    /// What an account is called; its address where it is nobody's.
    pub(crate) fn name(&self, address: Address) -> String {
        let known = self.names.get(&address);
        known.cloned().unwrap_or_else(|| address.to_string())
    }

    /// Whose account it is, if it is a contributor's.
    pub(crate) fn contributor(&self, address: Address) -> Option<usize> {
        let mut accounts = self.contributors.iter();
        accounts.find_map(|((who, _), actor)| (actor.address() == address).then_some(*who))
    }

    /// Everybody.
    pub(crate) fn everybody(&self) -> impl Iterator<Item = &Actor> {
        let single = [
            &self.council,
            &self.model_developer,
            &self.adapter_developer,
            &self.derived_developer,
            &self.worker,
            &self.derived_worker,
            &self.liar,
            &self.proposer,
            &self.watcher,
            &self.datanet_owner,
        ];
        let several = self.payers.iter().chain(&self.validators);
        single
            .into_iter()
            .chain(several)
            .chain(self.contributors.values())
    }

    fn all_names(&self) -> BTreeMap<Address, String> {
        let mut names = BTreeMap::from([
            (self.model_developer.address(), "model developer".to_owned()),
            (
                self.adapter_developer.address(),
                "adapter developer".to_owned(),
            ),
            (
                self.derived_developer.address(),
                "derived adapter's developer".to_owned(),
            ),
            (self.worker.address(), "worker".to_owned()),
            (
                self.derived_worker.address(),
                "derived adapter's worker".to_owned(),
            ),
            (self.liar.address(), "dishonest proposer".to_owned()),
            (
                self.datanet_owner.address(),
                "owner of the Datanets".to_owned(),
            ),
            (self.watcher.address(), "watcher".to_owned()),
            (self.proposer.address(), "honest proposer".to_owned()),
            (self.council.address(), "council".to_owned()),
        ]);
        for ((who, _), actor) in &self.contributors {
            names.insert(actor.address(), name(*who).to_owned());
        }
        for (number, validator) in self.validators.iter().enumerate() {
            names.insert(validator.address(), format!("validator {}", number + 1));
        }
        names
    }
}
