//! Bindings of the protocol's contracts on L2, made from the artifacts that genesis places
//! (`contracts/artifacts`), and what their refusals say.
//!
//! A module a contract: `datanet_registry::DatanetRegistry::createCall` is the call, `…::Created` the
//! event, `…::DatanetRegistryErrors` the refusals. NatSpec in `contracts/src/interfaces` documents every
//! item. Where each contract is, `openledger_primitives::predeploys` says; [`PROTOCOL`] puts both together.
//!
//! This is a package of its own because the bindings take long to compile and change with the contracts alone.

mod bindings;
mod native;
mod refusal;

pub use bindings::*;
pub use native::native_function;
pub use refusal::describe;

use alloy_primitives::Address;
use openledger_primitives::predeploys;

/// The protocol's contracts by name, in the order of their addresses.
pub const PROTOCOL: [(&str, Address); 19] = [
    ("GOpen", predeploys::GOPEN),
    ("Governor", predeploys::GOVERNOR),
    ("ParamTimelock", predeploys::PARAMETER_TIMELOCK),
    ("CodeTimelock", predeploys::CODE_TIMELOCK),
    ("Reputation", predeploys::REPUTATION),
    ("DatanetRegistry", predeploys::DATANET_REGISTRY),
    ("ValidatorStaking", predeploys::VALIDATOR_STAKING),
    ("ModelRegistry", predeploys::MODEL_REGISTRY),
    ("AdapterMarket", predeploys::ADAPTER_MARKET),
    ("InferenceRouter", predeploys::INFERENCE_ROUTER),
    ("VoucherChannels", predeploys::VOUCHER_CHANNELS),
    ("EpochSettlement", predeploys::EPOCH_SETTLEMENT),
    ("ClaimVault", predeploys::CLAIM_VAULT),
    ("AgentRegistry", predeploys::AGENT_REGISTRY),
    ("Treasury", predeploys::TREASURY),
    ("Jury", predeploys::JURY),
    ("ClusterReview", predeploys::CLUSTER_REVIEW),
    ("EpochScoring", predeploys::EPOCH_SCORING),
    ("EpochQuestions", predeploys::EPOCH_QUESTIONS),
];

/// Name of a contract of the protocol; `None` for any other address.
pub fn protocol_name(address: Address) -> Option<&'static str> {
    PROTOCOL
        .into_iter()
        .find_map(|(name, at)| (at == address).then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;

    #[test]
    fn addresses_follow_the_order_of_the_specification() {
        let first = U256::from_be_slice(predeploys::GOPEN.as_slice());
        for (place, (name, address)) in PROTOCOL.into_iter().enumerate() {
            let number = U256::from_be_slice(address.as_slice());
            assert_eq!(number, first + U256::from(place), "{name}");
            assert_eq!(protocol_name(address), Some(name));
        }
        assert_eq!(protocol_name(Address::ZERO), None);
    }
}
