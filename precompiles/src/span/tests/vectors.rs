//! Every vector of SPAN's sections, in `vectors/` and in the file that `OPENLEDGER_VECTORS` names.

use super::super::*;
use crate::merkle;
use alloy_primitives::{B256, hex};
use serde_json::Value;
use std::{path::Path, str::FromStr};

pub(crate) fn files() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    ["golden.json", "span_split.json"]
        .map(|name| folder.join(name))
        .into_iter()
        .chain(std::env::var_os("OPENLEDGER_VECTORS").map(Into::into))
        .map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
        .collect()
}

/// The cases of a section; a file needn't have it.
pub(crate) fn cases<'a>(file: &'a Value, section: &str) -> impl Iterator<Item = &'a Value> {
    file[section].as_array().into_iter().flatten()
}

/// A number, which may be in a string.
pub(crate) fn number<T: FromStr>(value: &Value) -> T {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    text.parse()
        .ok()
        .unwrap_or_else(|| panic!("not a number in range: {text}"))
}

pub(crate) fn numbers<T: FromStr>(value: &Value) -> Vec<T> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn entries(value: &Value) -> Vec<Entry> {
    let entry = |entry: &Value| Entry {
        fingerprint: number(&entry[0]),
        cluster: number(&entry[1]),
        locus: number(&entry[2]),
    };
    value.as_array().unwrap().iter().map(entry).collect()
}

/// The salt, which golden.json leaves out where it is zero.
fn salt(case: &Value) -> u64 {
    if case["salt"].is_null() {
        0
    } else {
        number(&case["salt"])
    }
}

#[test]
fn kgram_and_winnow_vectors() {
    let mut checked = 0;
    for file in &files() {
        for case in cases(file, "kgram") {
            let hashes = kgram_hashes(
                &numbers::<u32>(&case["tokens"]),
                number(&case["k"]),
                salt(case),
            );
            assert_eq!(hashes, numbers::<u64>(&case["hashes"]));
            assert_eq!(winnow(&hashes, 8), numbers::<usize>(&case["winnow8"]));
            checked += 1;
        }
        for case in cases(file, "winnow") {
            let hashes: Vec<u64> = numbers(&case["hashes"]);
            assert_eq!(
                winnow(&hashes, number(&case["w"])),
                numbers::<usize>(&case["out"])
            );
            checked += 1;
        }
    }
    assert!(checked >= 3 + 24 + 24, "{checked}");
}

#[test]
fn span_vectors() {
    let mut checked = 0;
    for file in &files() {
        for case in cases(file, "span") {
            let parameters = SpanParameters {
                k: number(&case["k"]),
                w: number(&case["w"]),
                df_cap: number(&case["df_cap"]),
                min_span: number(&case["min_span"]),
            };
            let tokens: Vec<u32> = numbers(&case["tokens"]);
            let scores = score_spans(&tokens, &entries(&case["index"]), salt(case), parameters);
            let mut expected: Vec<(u32, u32)> = case["scores"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(cluster, won)| (cluster.parse().unwrap(), number(won)))
                .collect();
            expected.sort_unstable();
            assert_eq!(scores.tokens_won, expected);
            assert_eq!(scores.covered, number::<u32>(&case["covered"]));
            checked += 1;
        }
    }
    assert!(checked >= 3 + 33, "{checked}");
}

#[test]
fn index_vectors() {
    let mut checked = 0;
    for file in &files() {
        for case in cases(file, "index") {
            let texts: Vec<(u32, u64, Vec<u32>)> = cases(case, "documents")
                .map(|text| {
                    (
                        number(&text["cluster"]),
                        number(&text["locus"]),
                        numbers(&text["tokens"]),
                    )
                })
                .collect();
            let documents: Vec<Document<'_>> = texts
                .iter()
                .map(|(cluster, locus, tokens)| Document {
                    cluster: *cluster,
                    locus: *locus,
                    tokens,
                })
                .collect();
            let (k, w, min_span) = (
                number(&case["k"]),
                number(&case["w"]),
                number(&case["min_span"]),
            );
            let built = build_index(&documents, k, w, salt(case), min_span).unwrap();
            assert_eq!(built, entries(&case["entries"]));
            checked += 1;
        }
    }
    assert!(checked >= 35, "{checked}");
}

#[test]
fn merkle_vectors() {
    let mut checked = 0;
    for file in &files() {
        let Some(section) = file.get("merkle") else {
            continue;
        };
        let root: B256 = section["root"].as_str().unwrap().parse().unwrap();
        let count: u64 = number(&section["n"]);
        let mut leaves = Vec::new();
        for case in cases(section, "proofs") {
            let index: u64 = number(&case["index"]);
            let leaf = merkle::leaf(
                index,
                &hex::decode(case["chunk"].as_str().unwrap()).unwrap(),
            );
            let proof: Vec<B256> = cases(case, "proof")
                .map(|node| node.as_str().unwrap().parse().unwrap())
                .collect();
            assert!(merkle::verify(&root, count, index, leaf, &proof));
            leaves.push((leaf, proof));
            checked += 1;
        }
        let hashes: Vec<B256> = leaves.iter().map(|(leaf, _)| *leaf).collect();
        assert_eq!(merkle::root(&hashes), Some(root));
        for (index, (_, proof)) in leaves.iter().enumerate() {
            assert_eq!(merkle::proof(&hashes, index).as_ref(), Some(proof));
        }
    }
    assert!(checked >= 6, "{checked}");
}
