//! Every vector of `golden.json` and `lora.json` that is about LORA.

use crate::vectors::{golden, hex, integer, lora};
use alloy_primitives::{B256, U256, keccak256};
use openledger_precompiles::{
    Stop,
    lora::{
        lineage::{Lineage, Node, Parent},
        royalty::{PPM, Weight, flatten_datanets, royalty_flow},
        safetensors::{Dtype, parse},
        signature::digest,
        tensors::{Expected, Target, check},
    },
};
use serde_json::Value;
use std::collections::BTreeMap;

fn unsigned<T: TryFrom<i128>>(value: &Value) -> T {
    T::try_from(integer(value)).unwrap_or_else(|_| panic!("out of range"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn word(value: &Value) -> B256 {
    B256::from_slice(&hex(value))
}

fn uint256(value: &Value) -> U256 {
    U256::from_str_radix(value.as_str().unwrap(), 10).unwrap()
}

fn graph(dag: &Value) -> BTreeMap<u64, Node> {
    let node = |value: &Value| Node {
        abs_bps: unsigned(&value["abs"]),
        base: value
            .get("base")
            .map(unsigned::<u64>)
            .filter(|base| *base != 0),
        parents: list(&value["parents"])
            .iter()
            .map(|pair| Parent {
                id: unsigned(&pair[0]),
                rel_bps: unsigned(&pair[1]),
            })
            .collect(),
    };
    let nodes = dag.as_object().unwrap().iter();
    nodes
        .map(|(id, value)| (id.parse().unwrap(), node(value)))
        .collect()
}

fn lineage_of(graph: &mut BTreeMap<u64, Node>, start: u64) -> Lineage {
    let node = graph[&start].clone();
    Lineage::read(start, node, graph).unwrap()
}

fn check_flow(graph: &mut BTreeMap<u64, Node>, case: &Value) {
    let lineage = lineage_of(graph, unsigned(&case["start"]));
    let flow = royalty_flow(&lineage, uint256(&case["total"])).unwrap();
    let pay = case["pay"].as_object().unwrap();
    assert_eq!(flow.len(), pay.len());
    for (id, amount) in flow {
        assert_eq!(uint256(&pay[&id.to_string()]), amount, "{id}");
    }
}

#[test]
fn royalties() {
    let golden = golden();
    let section = &golden["royalty"];
    let mut graph = graph(&section["dag"]);
    let cases = list(&section["cases"]);
    assert_eq!(cases.len(), 5);
    for case in cases {
        check_flow(&mut graph, case);
    }
}

#[test]
fn lineages() {
    let lora = lora();
    let cases = list(&lora["lineage"]);
    assert_eq!(cases.len(), 40);
    for case in cases {
        let mut graph = graph(&case["dag"]);
        check_flow(&mut graph, case);
        let lineage = lineage_of(&mut graph, unsigned(&case["start"]));
        let flow = royalty_flow(&lineage, U256::from(PPM)).unwrap();
        let weights: BTreeMap<u64, Vec<Weight>> = case["dag"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(id, node)| {
                let weights = list(&node["weights"]).iter().map(|pair| Weight {
                    datanet: word(&pair[0]),
                    weight_bps: unsigned(&pair[1]),
                });
                (id.parse().unwrap(), weights.collect())
            })
            .collect();
        let expected: Vec<(B256, u32)> = list(&case["datanets"])
            .iter()
            .map(|pair| (word(&pair[0]), unsigned(&pair[1])))
            .collect();
        assert_eq!(flatten_datanets(&flow, &weights), expected);
    }
}

fn revert_data(error: impl Into<Stop>) -> Vec<u8> {
    match error.into() {
        Stop::Revert(data) => data,
        other => panic!("{other:?}"),
    }
}

#[test]
fn headers() {
    let lora = lora();
    let cases = list(&lora["header"]);
    assert_eq!(cases.len(), 42);
    let mut refused = 0;
    for case in cases {
        let header = hex(&case["header_hex"]);
        match parse(&header) {
            Ok(tensors) => assert_eq!(tensors.len(), unsigned::<usize>(&case["tensors"])),
            Err(error) => {
                assert_eq!(revert_data(error), hex(&case["revert"]), "{error}");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 38);
}

#[test]
fn the_golden_header() {
    let golden = golden();
    let case = &golden["safetensors"];
    let header = hex(&case["header_hex"]);
    assert_eq!(keccak256(&header), word(&case["header_keccak"]));
    let tensors = parse(&header).unwrap();
    assert_eq!(tensors.len(), unsigned::<usize>(&case["tensors"]));
    let targets =
        [("self_attn.q_proj", 16), ("self_attn.v_proj", 8)].map(|(path, out_dim)| Target {
            module: 0,
            path: path.into(),
            in_dim: 16,
            out_dim,
        });
    let expected = Expected {
        prefix: b"base_model.model.model.layers.",
        layer_from: 0,
        layer_to: 2,
        targets: &targets,
        rank: 4,
        dtype: Dtype::Bf16,
        data_len: unsigned(&case["data_len"]),
    };
    assert_eq!(check(&tensors, &expected), Ok(()));
    let params: u64 = tensors
        .iter()
        .map(|tensor| tensor.shape.dimensions().iter().product::<u64>())
        .sum();
    assert_eq!(params, unsigned::<u64>(&case["params"]));
}

#[test]
fn adapters() {
    let lora = lora();
    let cases = list(&lora["adapter"]);
    assert_eq!(cases.len(), 40);
    let mut accepted = 0;
    for case in cases {
        let mask: u32 = unsigned(&case["mask"]);
        let targets: Vec<Target> = (0u8..)
            .zip(list(&case["modules"]))
            .filter(|(module, _)| mask >> module & 1 == 1)
            .map(|(module, value)| Target {
                module,
                path: value[0].as_str().unwrap().into(),
                in_dim: unsigned(&value[1]),
                out_dim: unsigned(&value[2]),
            })
            .collect();
        let expected = Expected {
            prefix: case["prefix"].as_str().unwrap().as_bytes(),
            layer_from: unsigned(&case["layer_from"]),
            layer_to: unsigned(&case["layer_to"]),
            targets: &targets,
            rank: unsigned(&case["rank"]),
            dtype: Dtype::from_number(unsigned(&case["dtype"])).unwrap(),
            data_len: unsigned(&case["data_len"]),
        };
        let header = hex(&case["header_hex"]);
        let tensors = parse(&header).unwrap();
        match check(&tensors, &expected) {
            Ok(()) => {
                assert!(case["revert"].is_null(), "{}", case["kind"]);
                let size = expected.dtype.size_bytes();
                assert_eq!(expected.data_len, unsigned::<u64>(&case["params"]) * size);
                accepted += 1;
            }
            Err(error) => assert_eq!(
                revert_data(error),
                hex(&case["revert"]),
                "{} {error}",
                case["kind"]
            ),
        }
    }
    assert_eq!(accepted, 7);
}

#[test]
fn signatures() {
    let lora = lora();
    let cases = list(&lora["signature"]);
    assert_eq!(cases.len(), 4);
    for case in cases {
        let digest = digest(
            unsigned(&case["chain_id"]),
            word(&case["adapter_hash"]),
            word(&case["header_hash"]),
            uint256(&case["nonce"]),
            uint256(&case["deadline"]),
        );
        assert_eq!(digest, word(&case["digest"]));
    }
}
