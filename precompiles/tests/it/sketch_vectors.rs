//! Every vector of `sketch.json`.

use crate::{
    vectors::{hex, int8s, integer, integers, sketch},
    world::{World, refused},
};
use alloy_primitives::{Address, B256, U256};
use openledger_precompiles::{
    SKETCH,
    sketch::{
        CertifiedQuery, IAttrSketch, Projection, Row, Signature, band_slots, commit_id, commitment,
        draw, influence, signature, space,
    },
};
use serde_json::Value;

fn cases(section: &str) -> Vec<Value> {
    sketch()[section].as_array().unwrap().clone()
}

fn word(value: &Value) -> B256 {
    B256::from_slice(&hex(value))
}

#[test]
fn sparse_projections() {
    let cases = cases("project_sparse");
    assert_eq!(cases.len(), 10);
    for case in &cases {
        let dim = integer(&case["D"]) as u16;
        let sparsity = integer(&case["sparsity"]) as u8;
        let seed = integer(&case["seed"]) as u64;
        let mut projection = Projection::new(dim, seed, sparsity).unwrap();
        projection.add(&integers::<i32>(&case["t"])).unwrap();
        let entries = projection.finish(integer(&case["shift"]) as u8);
        assert_eq!(entries, integers::<i8>(&case["out"]), "{dim} {sparsity}");
    }
}

#[test]
fn batches() {
    let cases = cases("batch");
    assert_eq!(cases.len(), 5);
    let (mut rejected, mut beyond) = (0, 0);
    for case in &cases {
        let dim = integer(&case["D"]) as usize;
        let vectors = int8s(&case["rows"]);
        let clusters: Vec<u32> = integers(&case["clusters"]);
        let rows = clusters
            .iter()
            .zip(vectors.chunks_exact(dim))
            .map(|(cluster, vector)| Row {
                cluster: *cluster,
                label: 0,
                vector,
            });
        let queries: Vec<_> = case["q"].as_array().unwrap().iter().map(int8s).collect();
        let witnesses = case["x"].as_array().unwrap().iter().map(integers::<i16>);
        let shifts: Vec<u8> = integers(&case["shift"]);
        beyond += shifts.iter().filter(|shift| **shift > 40).count();
        let batch: Vec<_> = queries
            .iter()
            .zip(witnesses)
            .zip(shifts)
            .map(|((query, witness), shift)| CertifiedQuery {
                query,
                witness,
                shift,
            })
            .collect();
        let expected = &case["result"];
        match influence(rows, integer(&case["lambda_"]) as u64, &batch) {
            Ok(scores) => {
                assert_eq!(scores.cluster, integers::<u32>(&expected["cluster"]));
                assert_eq!(scores.sum, integers::<i128>(&expected["sum"]));
                let squares: Vec<u128> = integers(&expected["sumSq"]);
                assert_eq!(scores.sum_sq, squares);
            }
            Err(error) => {
                assert_eq!(error.query as i128, integer(&expected["rejected"]));
                rejected += 1;
            }
        }
    }
    assert_eq!(rejected, 1);
    assert!(beyond > 0, "no case with a shift above 40");
}

#[test]
fn seeds() {
    let cases = cases("seed");
    assert_eq!(cases.len(), 3);
    for case in &cases {
        let seed = draw(word(&case["block_hash"]), integer(&case["set_id"]) as u64);
        assert_eq!(i128::from(seed), integer(&case["seed"]));
    }
}

#[test]
fn identifiers() {
    let vectors = sketch();
    let case = &vectors["space"];
    let id = space(
        Address::from_slice(&hex(&case["registry"])),
        word(&case["datanet"]),
    );
    assert_eq!(id, word(&case["space"]));
    let ids = case["commit_ids"].as_array().unwrap();
    assert_eq!(ids.len(), 3);
    for (expected, number) in ids.iter().zip([0, 1, u64::MAX]) {
        assert_eq!(commit_id(id, number), word(expected));
    }
    let mh = signature(&integers::<u32>(&case["tokens"]));
    assert_eq!(mh.to_vec(), integers::<u32>(&case["mh"]));
    assert_eq!(
        commitment(
            id,
            Address::from_slice(&hex(&case["contributor"])),
            &mh,
            word(&case["data_root"]),
            word(&case["salt"]),
        ),
        word(&case["commitment"])
    );
    let slots = case["band_slots"].as_array().unwrap();
    assert_eq!(slots.len(), 8);
    for (slot, expected) in band_slots(id, &mh).into_iter().zip(slots) {
        assert_eq!(slot, U256::from_be_bytes(word(expected).0));
    }
}

/// Commits in the vectors' order, revealed backwards, settled five at a time.
#[test]
fn clustering() {
    let vectors = sketch();
    let signatures: Vec<Option<Signature>> = vectors["clustering"]["signatures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| (!value.is_null()).then(|| integers::<u32>(value).try_into().unwrap()))
        .collect();
    let assigned = vectors["clustering"]["assigned"].as_array().unwrap();
    assert_eq!(signatures.len(), assigned.len());
    assert_eq!(signatures.len(), 31);

    let mut world = World::new();
    let (registry, datanet) = (Address::repeat_byte(7), B256::repeat_byte(8));
    let who = Address::repeat_byte(9);
    let space = space(registry, datanet);
    let absent: Signature = [1; 32];
    let commits: Vec<B256> = signatures
        .iter()
        .map(|mh| {
            let h = commitment(
                space,
                who,
                mh.as_ref().unwrap_or(&absent),
                B256::ZERO,
                B256::ZERO,
            );
            let call = IAttrSketch::commitContributionCall { datanet, h };
            world.call(SKETCH, registry, &call).unwrap()
        })
        .collect();
    world.skip_blocks(2);
    for (mh, commit) in signatures.iter().zip(&commits).rev() {
        let Some(mh) = mh else { continue };
        let call = IAttrSketch::revealCall {
            datanet,
            commitId: *commit,
            contributor: who,
            dataRoot: B256::ZERO,
            salt: B256::ZERO,
            mh: *mh,
        };
        world.call(SKETCH, registry, &call).unwrap();
    }
    world.skip_blocks(49);
    let mut events = Vec::new();
    loop {
        let call = IAttrSketch::settleCall { datanet, max: 5 };
        let done = world.call(SKETCH, registry, &call).unwrap();
        for log in &world.logs {
            let event =
                <IAttrSketch::Clustered as alloy_sol_types::SolEvent>::decode_log(log).unwrap();
            events.push((event.commitId, event.cluster, event.isNew));
        }
        if done == 0 {
            break;
        }
    }
    let expected: Vec<_> = commits
        .iter()
        .zip(assigned)
        .filter(|(_, assigned)| !assigned.is_null())
        .map(|(commit, assigned)| {
            let is_new = assigned[1].as_bool().unwrap();
            (*commit, integer(&assigned[0]) as u32, is_new)
        })
        .collect();
    assert_eq!(events, expected);
    // Nothing is left to settle, and nothing can be revealed any more.
    let call = IAttrSketch::revealCall {
        datanet,
        commitId: commits[27],
        contributor: who,
        dataRoot: B256::ZERO,
        salt: B256::ZERO,
        mh: absent,
    };
    refused(
        world.call(SKETCH, registry, &call),
        IAttrSketch::RevealWindow {
            first: 1_002,
            last: 1_050,
        },
    );
}
