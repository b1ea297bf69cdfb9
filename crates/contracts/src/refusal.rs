//! Revert data in the specification's words.

use crate::{native::function_name, *};
use alloy_primitives::hex;
use alloy_sol_types::{Panic, Revert, SolError, SolInterface};
use openledger_precompiles::{
    CommonErrors::{self, CommonErrorsErrors},
    lora::LoraErrors::LoraErrorsErrors,
    sketch::IAttrSketch::IAttrSketchErrors,
    span::IAttrSpan::IAttrSpanErrors,
    split::IAttrSplit::IAttrSplitErrors,
};
use std::fmt::Debug;

/// Most bytes of unknown revert data that are shown.
const SHOWN_BYTES_MAX: usize = 68;

/// The error that revert data holds, with its arguments, as `docs/spec/precompiles.md` or the contract's
/// interface names it; data that neither the precompiles nor the protocol's contracts make is shown in
/// hexadecimal.
pub fn describe(data: &[u8]) -> String {
    if data.is_empty() {
        return "reverted without a reason".to_owned();
    }
    paused(data)
        .or_else(|| {
            let mut known = PRECOMPILES.iter().chain(&CONTRACTS);
            known.find_map(|named| named(data))
        })
        .or_else(|| Revert::abi_decode(data).ok().map(|revert| revert.reason))
        .or_else(|| Panic::abi_decode(data).ok().map(|panic| panic.to_string()))
        .unwrap_or_else(|| {
            let shown = data.get(..SHOWN_BYTES_MAX).unwrap_or(data);
            format!("unknown error {}", hex::encode_prefixed(shown))
        })
}

/// That a function is paused, by its name, and what to do.
fn paused(data: &[u8]) -> Option<String> {
    let CommonErrors::Paused { selector, until } = CommonErrors::Paused::abi_decode(data).ok()?;
    let function =
        function_name(selector.0).map_or_else(|| selector.to_string(), ToOwned::to_owned);
    Some(format!(
        "Paused {{ function: {function}, until: {until} }}: governance paused it until then (Unix time); try again afterwards"
    ))
}

/// The words for an error of one interface; `None` for any other data.
type Named = fn(&[u8]) -> Option<String>;

/// The native precompiles'.
const PRECOMPILES: [Named; 5] = [
    named::<CommonErrorsErrors>,
    named::<IAttrSketchErrors>,
    named::<IAttrSpanErrors>,
    named::<IAttrSplitErrors>,
    named::<LoraErrorsErrors>,
];

/// The protocol's contracts', in the order of their addresses. An error that several have is the same in all.
const CONTRACTS: [Named; 19] = [
    named::<gopen::GOpen::GOpenErrors>,
    named::<governor::Governor::GovernorErrors>,
    named::<param_timelock::ParamTimelock::ParamTimelockErrors>,
    named::<code_timelock::CodeTimelock::CodeTimelockErrors>,
    named::<reputation::Reputation::ReputationErrors>,
    named::<datanet_registry::DatanetRegistry::DatanetRegistryErrors>,
    named::<validator_staking::ValidatorStaking::ValidatorStakingErrors>,
    named::<model_registry::ModelRegistry::ModelRegistryErrors>,
    named::<adapter_market::AdapterMarket::AdapterMarketErrors>,
    named::<inference_router::InferenceRouter::InferenceRouterErrors>,
    named::<voucher_channels::VoucherChannels::VoucherChannelsErrors>,
    named::<epoch_settlement::EpochSettlement::EpochSettlementErrors>,
    named::<claim_vault::ClaimVault::ClaimVaultErrors>,
    named::<agent_registry::AgentRegistry::AgentRegistryErrors>,
    named::<treasury::Treasury::TreasuryErrors>,
    named::<jury::Jury::JuryErrors>,
    named::<cluster_review::ClusterReview::ClusterReviewErrors>,
    named::<epoch_scoring::EpochScoring::EpochScoringErrors>,
    named::<epoch_questions::EpochQuestions::EpochQuestionsErrors>,
];

/// `Name { argument: value, … }`, if the data is one of an interface's errors.
fn named<E: SolInterface + Debug>(data: &[u8]) -> Option<String> {
    let error = E::abi_decode(data).ok()?;
    // The enum's variant has the error's name and holds the error of that name.
    let text = format!("{error:?}");
    let (_, inner) = text.split_once('(')?;
    Some(inner.strip_suffix(')')?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_sol_types::SolCall;
    use openledger_precompiles::{sketch::IAttrSketch, span::IAttrSpan};

    #[test]
    fn errors_have_their_names_and_values() {
        let window = IAttrSketch::SeedWindow {
            first: 3,
            last: 251,
        };
        assert_eq!(
            describe(&window.abi_encode()),
            "SeedWindow { first: 3, last: 251 }"
        );
        let page = IAttrSpan::EntryOrder { entry: 7 };
        assert_eq!(describe(&page.abi_encode()), "EntryOrder { entry: 7 }");
        assert_eq!(describe(&CommonErrors::BadAbi {}.abi_encode()), "BadAbi");
        let mut paused = CommonErrors::Paused {
            selector: IAttrSketch::revealCall::SELECTOR.into(),
            until: 99,
        };
        let words = describe(&paused.abi_encode());
        assert!(
            words.starts_with("Paused { function: reveal, until: 99 }: governance"),
            "{words}"
        );
        paused.selector = [1, 2, 3, 4].into();
        assert!(describe(&paused.abi_encode()).contains("0x01020304"));
        let revert = Revert::from("no such thing").abi_encode();
        assert_eq!(describe(&revert), "no such thing");
        assert_eq!(describe(&[]), "reverted without a reason");
        assert_eq!(describe(&[1, 2, 3, 4]), "unknown error 0x01020304");
        // A known selector whose arguments are missing is no known error.
        assert!(describe(&window.abi_encode()[..10]).starts_with("unknown error"));
    }
}
