//! Every vector of `golden.json` that is about SKETCH or the Merkle form.

use crate::vectors::{golden, hex, int8s, integer, integers};
use alloy_primitives::{B256, U256};
use openledger_precompiles::{
    integer::tdiv,
    merkle,
    sketch::{
        CertifiedQuery, Projection, Row, influence, knn_shapley, limits::RESIDUAL_DIVISOR,
        residual, row_scores, signature,
    },
};
use serde_json::Value;

fn cases(section: &str) -> Vec<Value> {
    golden()[section].as_array().unwrap().clone()
}

/// Rows of `dim` entries, each its own cluster.
fn matrix<'a>(
    bytes: &'a [u8],
    labels: &'a [u16],
    dim: usize,
) -> impl Iterator<Item = Row<'a>> + Clone {
    (0..)
        .zip(bytes.chunks_exact(dim))
        .map(move |(cluster, vector)| Row {
            cluster,
            label: labels.get(cluster as usize).copied().unwrap_or_default(),
            vector,
        })
}

#[test]
fn projections() {
    let cases = cases("project");
    assert_eq!(cases.len(), 3);
    for case in &cases {
        let dim = integer(&case["D"]) as u16;
        let seed = integer(&case["seed"]) as u64;
        let values: Vec<i32> = integers(&case["t"]);
        let expected: Vec<i8> = integers(&case["out"]);
        let mut projection = Projection::new(dim, seed, 0).unwrap();
        projection.add(&values).unwrap();
        assert_eq!(projection.finish(integer(&case["shift"]) as u8), expected);
        // In pieces it is the same.
        let mut projection = Projection::new(dim, seed, 0).unwrap();
        for piece in values.chunks(7) {
            projection.add(piece).unwrap();
        }
        assert_eq!(projection.finish(integer(&case["shift"]) as u8), expected);
    }
}

/// The vectors' tolerance is 64, the chain's 256: every accepted one meets both.
#[test]
fn certified_influence() {
    let cases = cases("ridge");
    assert_eq!(cases.len(), 13);
    let mut accepted = 0;
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let dim = integer(&case["D"]) as usize;
        let rows = int8s(&case["rows"]);
        let query = int8s(&case["q"]);
        let query = CertifiedQuery {
            query: &query,
            witness: integers(&case["x"]),
            shift: integer(&case["shift"]) as u8,
        };
        let lambda = integer(&case["lambda_"]) as u64;
        let scores: Vec<i32> = integers(&case["scores"]);
        let rows = matrix(&rows, &[], dim);
        assert_eq!(row_scores(rows.clone(), &query.witness), scores, "{name}");
        let measured = residual(rows.clone(), lambda, &query);
        let decimal = |value: &Value| value.as_str().unwrap().parse::<U256>().unwrap();
        assert_eq!(measured.residual2, decimal(&case["r2"]), "{name}");
        assert_eq!(measured.query2, decimal(&case["q2"]), "{name}");
        assert_eq!(integer(&case["tol_inv"]), 64);
        let ok = case["ok"].as_bool().unwrap();
        assert_eq!(measured.is_within(64), ok, "{name}");
        assert_eq!(measured.is_within(RESIDUAL_DIVISOR), ok, "{name}");
        match influence(rows, lambda, core::slice::from_ref(&query)) {
            Ok(sums) => {
                assert!(ok, "{name}");
                accepted += 1;
                for (sum, score) in sums.sum.iter().zip(&scores) {
                    let scaled = tdiv(i128::from(*score) << 40, 1 << query.shift).unwrap();
                    assert_eq!(*sum, scaled, "{name}");
                }
                assert_eq!(sums.cluster.len(), scores.len());
            }
            Err(rejected) => {
                assert!(!ok, "{name}");
                assert_eq!(rejected.query, 0);
            }
        }
    }
    assert!(accepted >= 3, "{accepted} accepted");
}

#[test]
fn knn_shapley_values() {
    let cases = cases("knn");
    assert_eq!(cases.len(), 5);
    for case in &cases {
        let rows = int8s(&case["rows"]);
        let labels: Vec<u16> = integers(&case["labels"]);
        let scores = knn_shapley(
            matrix(&rows, &labels, integer(&case["D"]) as usize),
            &int8s(&case["q"]),
            integer(&case["yq"]) as u16,
            integer(&case["K"]) as u8,
        );
        assert_eq!(scores, integers::<i64>(&case["out"]));
    }
}

#[test]
fn signatures() {
    let cases = cases("minhash");
    assert_eq!(cases.len(), 2);
    for case in &cases {
        assert_eq!((integer(&case["k"]), integer(&case["n"])), (5, 32));
        let tokens: Vec<u32> = integers(&case["tokens"]);
        assert_eq!(signature(&tokens).to_vec(), integers::<u32>(&case["out"]));
    }
}

#[test]
fn merkle_proofs() {
    let golden = golden();
    let vectors = &golden["merkle"];
    let proofs = vectors["proofs"].as_array().unwrap();
    assert_eq!(proofs.len(), 6);
    let leaves = integer(&vectors["n"]) as u64;
    let root = B256::from_slice(&hex(&vectors["root"]));
    let mut hashes = Vec::new();
    for case in proofs {
        let index = integer(&case["index"]) as u64;
        let leaf = merkle::leaf(index, &hex(&case["chunk"]));
        let proof: Vec<B256> = case["proof"]
            .as_array()
            .unwrap()
            .iter()
            .map(|sibling| B256::from_slice(&hex(sibling)))
            .collect();
        assert!(merkle::verify(&root, leaves, index, leaf, &proof));
        hashes.push(leaf);
    }
    assert_eq!(merkle::root(&hashes), Some(root));
}
