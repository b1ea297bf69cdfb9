//! What `docs/spec/precompiles.md` states of the interface is what the code has.

use alloy_primitives::{hex, keccak256};
use alloy_sol_types::SolInterface;
use openledger_precompiles::{CommonErrors, IPausable};
use std::collections::BTreeSet;

const SPECIFICATION: &str = include_str!("../../../docs/spec/precompiles.md");

/// `name(type name, …)` and selector of every table row that has both.
fn rows() -> Vec<(String, [u8; 4])> {
    SPECIFICATION
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|');
            let (signature, _) = cells.next()?.split_once('`')?;
            let selector = cells
                .next()?
                .trim()
                .strip_prefix("`0x")?
                .strip_suffix('`')?;
            let selector = hex::decode(selector).ok()?.try_into().ok()?;
            signature
                .ends_with(')')
                .then(|| (signature.to_owned(), selector))
        })
        .collect()
}

#[test]
fn selectors_are_those_of_the_signatures() {
    let rows = rows();
    assert!(rows.len() >= 56, "{} rows", rows.len());
    for (signature, selector) in &rows {
        let (name, arguments) = signature.trim_end_matches(')').split_once('(').unwrap();
        let types: Vec<_> = arguments
            .split(", ")
            .map(|argument| argument.split(' ').next().unwrap())
            .collect();
        // What a struct is made of stands in the interface, not in the table.
        if types
            .iter()
            .any(|name| name.starts_with(char::is_uppercase))
        {
            continue;
        }
        let canonical = format!("{name}({})", types.join(","));
        assert_eq!(keccak256(&canonical)[..4], selector[..], "{canonical}");
    }
}

/// Signatures in backquotes, anywhere: `Name(type indexed name, …)` as `Name(type,…)`.
fn signatures() -> BTreeSet<String> {
    SPECIFICATION
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|text| {
            let (name, arguments) = text.strip_suffix(')')?.split_once('(')?;
            let types: Vec<_> = arguments
                .split(", ")
                .map(|argument| argument.split(' ').next().unwrap_or_default())
                .collect();
            Some(format!("{name}({})", types.join(",")))
        })
        .collect()
}

/// Every function and every error of all precompiles has its row, and every event its signature.
#[test]
fn nothing_is_left_out() {
    use openledger_precompiles::{lora, sketch::IAttrSketch, span::IAttrSpan, split::IAttrSplit};
    let stated: BTreeSet<[u8; 4]> = rows().into_iter().map(|(_, selector)| selector).collect();
    for (counted, selectors) in [
        (10, selectors::<CommonErrors::CommonErrorsErrors>()),
        (33, selectors::<IAttrSketch::IAttrSketchErrors>()),
        (15, selectors::<IAttrSketch::IAttrSketchCalls>()),
        (19, selectors::<IAttrSpan::IAttrSpanErrors>()),
        (10, selectors::<IAttrSpan::IAttrSpanCalls>()),
        (4, selectors::<IAttrSplit::IAttrSplitErrors>()),
        (2, selectors::<IAttrSplit::IAttrSplitCalls>()),
        (76, selectors::<lora::LoraErrors::LoraErrorsErrors>()),
        (15, selectors::<lora::ILoraRegistry::ILoraRegistryCalls>()),
    ] {
        assert_eq!(selectors.len(), counted);
        for selector in selectors {
            assert!(stated.contains(&selector), "{}", hex::encode(selector));
        }
    }
    let [selector] = selectors::<IPausable::IPausableCalls>()[..] else {
        panic!("one function");
    };
    assert!(SPECIFICATION.contains(&hex::encode_prefixed(selector)));

    let signatures = signatures();
    let events = [
        IPausable::IPausableEvents::SIGNATURES,
        IAttrSketch::IAttrSketchEvents::SIGNATURES,
        IAttrSpan::IAttrSpanEvents::SIGNATURES,
        lora::ILoraRegistry::ILoraRegistryEvents::SIGNATURES,
    ];
    for event in events.concat() {
        assert!(signatures.contains(event), "{event}");
    }
}

fn selectors<T: SolInterface>() -> Vec<[u8; 4]> {
    T::selectors().collect()
}
