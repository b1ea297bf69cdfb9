//! The native precompiles' functions by their names.

use alloy_primitives::Address;
use openledger_precompiles::{
    LORA, SKETCH, SPAN, lora::ILoraRegistry::ILoraRegistryCalls,
    sketch::IAttrSketch::IAttrSketchCalls, span::IAttrSpan::IAttrSpanCalls,
};

/// A precompile's name, its address, its functions' selectors, and the name of a selector's function.
type Native = (
    &'static str,
    Address,
    &'static [[u8; 4]],
    fn([u8; 4]) -> Option<&'static str>,
);

/// The precompiles that have functions that can be paused.
const NATIVE: [Native; 3] = [
    (
        "SKETCH",
        SKETCH,
        IAttrSketchCalls::SELECTORS,
        IAttrSketchCalls::name_by_selector,
    ),
    (
        "SPAN",
        SPAN,
        IAttrSpanCalls::SELECTORS,
        IAttrSpanCalls::name_by_selector,
    ),
    (
        "LORA",
        LORA,
        ILoraRegistryCalls::SELECTORS,
        ILoraRegistryCalls::name_by_selector,
    ),
];

/// Where the function with this name of SKETCH, SPAN or LORA is, and its selector.
pub fn native_function(precompile: &str, function: &str) -> Option<(Address, [u8; 4])> {
    let (_, address, selectors, name) = NATIVE.iter().find(|(name, ..)| *name == precompile)?;
    let mut selectors = selectors.iter().copied();
    let selector = selectors.find(|selector| name(*selector) == Some(function))?;
    Some((*address, selector))
}

/// The name of the function with this selector. Two precompiles may have functions of the same name and selector.
pub(crate) fn function_name(selector: [u8; 4]) -> Option<&'static str> {
    NATIVE.iter().find_map(|(.., name)| name(selector))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_sol_types::SolCall;
    use openledger_precompiles::{lora::ILoraRegistry, sketch::IAttrSketch, span::IAttrSpan};

    #[test]
    fn functions_are_found_by_their_names() {
        let found = [
            (
                "SKETCH",
                "scoreInfluence",
                SKETCH,
                IAttrSketch::scoreInfluenceCall::SELECTOR,
            ),
            ("SPAN", "seal", SPAN, IAttrSpan::sealCall::SELECTOR),
            (
                "LORA",
                "registerBase",
                LORA,
                ILoraRegistry::registerBaseCall::SELECTOR,
            ),
        ];
        for (precompile, function, address, selector) in found {
            assert_eq!(
                native_function(precompile, function),
                Some((address, selector))
            );
            assert_eq!(function_name(selector), Some(function));
        }
        assert_eq!(native_function("SPLIT", "split"), None);
        assert_eq!(native_function("SKETCH", "nothing"), None);
    }
}
