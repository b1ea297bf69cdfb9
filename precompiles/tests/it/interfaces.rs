//! The Solidity interfaces that contracts compile against declare what the native code answers.

use alloy_primitives::keccak256;
use alloy_sol_types::{SolEventInterface, SolInterface};
use openledger_precompiles::{CommonErrors, lora, sketch, span, split};

mod solidity {
    alloy_sol_types::sol!("../contracts/src/interfaces/precompiles/INativePrecompile.sol");
    alloy_sol_types::sol!("../contracts/src/interfaces/precompiles/IPausable.sol");
    alloy_sol_types::sol!("../contracts/src/interfaces/precompiles/IAttrSketch.sol");
    alloy_sol_types::sol!("../contracts/src/interfaces/precompiles/IAttrSpan.sol");
    alloy_sol_types::sol!("../contracts/src/interfaces/precompiles/IAttrSplit.sol");
    alloy_sol_types::sol!("../contracts/src/interfaces/precompiles/ILoraRegistry.sol");
}

fn selectors<T: SolInterface>() -> Vec<[u8; 4]> {
    let mut selectors: Vec<_> = T::selectors().collect();
    selectors.sort_unstable();
    selectors
}

#[test]
fn functions_have_the_same_selectors() {
    use lora::ILoraRegistry::ILoraRegistryCalls as Lora;
    use sketch::IAttrSketch::IAttrSketchCalls as Sketch;
    use span::IAttrSpan::IAttrSpanCalls as Span;
    use split::IAttrSplit::IAttrSplitCalls as Split;
    assert_eq!(
        selectors::<Sketch>(),
        selectors::<solidity::IAttrSketch::IAttrSketchCalls>()
    );
    assert_eq!(
        selectors::<Span>(),
        selectors::<solidity::IAttrSpan::IAttrSpanCalls>()
    );
    assert_eq!(
        selectors::<Split>(),
        selectors::<solidity::IAttrSplit::IAttrSplitCalls>()
    );
    assert_eq!(
        selectors::<Lora>(),
        selectors::<solidity::ILoraRegistry::ILoraRegistryCalls>()
    );
    assert_eq!(
        selectors::<solidity::IPausable::IPausableCalls>(),
        [*keccak256("setPaused(bytes4,uint64)")
            .first_chunk::<4>()
            .unwrap()]
    );
}

#[test]
fn errors_have_the_same_selectors() {
    use lora::LoraErrors::LoraErrorsErrors as Lora;
    use sketch::IAttrSketch::IAttrSketchErrors as Sketch;
    use span::IAttrSpan::IAttrSpanErrors as Span;
    use split::IAttrSplit::IAttrSplitErrors as Split;
    assert_eq!(
        selectors::<Sketch>(),
        selectors::<solidity::IAttrSketch::IAttrSketchErrors>()
    );
    assert_eq!(
        selectors::<Span>(),
        selectors::<solidity::IAttrSpan::IAttrSpanErrors>()
    );
    assert_eq!(
        selectors::<Split>(),
        selectors::<solidity::IAttrSplit::IAttrSplitErrors>()
    );
    assert_eq!(
        selectors::<Lora>(),
        selectors::<solidity::ILoraRegistry::ILoraRegistryErrors>()
    );
    let mut common = selectors::<solidity::INativePrecompile::INativePrecompileErrors>();
    common.extend(selectors::<solidity::IPausable::IPausableErrors>());
    common.sort_unstable();
    assert_eq!(selectors::<CommonErrors::CommonErrorsErrors>(), common);
}

#[test]
fn events_have_the_same_topics() {
    use lora::ILoraRegistry::ILoraRegistryEvents as Lora;
    use sketch::IAttrSketch::IAttrSketchEvents as Sketch;
    use span::IAttrSpan::IAttrSpanEvents as Span;
    assert_eq!(
        Sketch::SELECTORS,
        solidity::IAttrSketch::IAttrSketchEvents::SELECTORS
    );
    assert_eq!(
        Span::SELECTORS,
        solidity::IAttrSpan::IAttrSpanEvents::SELECTORS
    );
    assert_eq!(
        Lora::SELECTORS,
        solidity::ILoraRegistry::ILoraRegistryEvents::SELECTORS
    );
    assert_eq!([Sketch::COUNT, Span::COUNT, Lora::COUNT], [4, 5, 5]);
}
