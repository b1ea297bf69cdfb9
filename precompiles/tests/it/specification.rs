//! What `docs/spec/precompiles.md` states of the interface is what the code has.

use alloy_primitives::{hex, keccak256};
use alloy_sol_types::SolInterface;
use openledger_precompiles::{CommonErrors, IPausable, sketch::IAttrSketch};
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

/// Every error of all precompiles and of SKETCH, and every function of SKETCH, has its row.
#[test]
fn nothing_is_left_out() {
    let stated: BTreeSet<[u8; 4]> = rows().into_iter().map(|(_, selector)| selector).collect();
    let mut counted = 0;
    for selector in CommonErrors::CommonErrorsErrors::selectors()
        .chain(IAttrSketch::IAttrSketchErrors::selectors())
        .chain(IAttrSketch::IAttrSketchCalls::selectors())
    {
        assert!(stated.contains(&selector), "{}", hex::encode(selector));
        counted += 1;
    }
    assert_eq!(counted, 10 + 33 + 13);
    let [selector] = IPausable::IPausableCalls::selectors().collect::<Vec<_>>()[..] else {
        panic!("one function");
    };
    assert!(SPECIFICATION.contains(&hex::encode_prefixed(selector)));
}
