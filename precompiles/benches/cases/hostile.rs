//! Calldata that is found malformed only at its end.

use super::{Access::Warm, Case, World, span, split};
use alloc::vec::Vec;
use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall;
use openledger_precompiles::{
    CALLDATA_LEN_MAX, LORA, SKETCH, SPAN, SPLIT, lora::ILoraRegistry as Lora,
    sketch::IAttrSketch as Sketch,
};

pub(super) const CASES: &[(&str, fn() -> Case)] = &[
    ("an unknown selector", || malformed(SPLIT, Vec::new())),
    ("longer than calldata may be", || {
        malformed(SPLIT, alloc::vec![0; CALLDATA_LEN_MAX])
    }),
    ("split, 4090 scores, damaged", || {
        malformed(
            SPLIT,
            split::split_call(split::SPLIT_MAX, 0, 0).abi_encode(),
        )
    }),
    ("scoreSpansProved, 400 hits, damaged", || {
        malformed(SPAN, span::empty_hits(400).abi_encode())
    }),
    ("scoreInfluence, 1000 empty queries, damaged", || {
        let call = Sketch::scoreInfluenceCall {
            setId: 1,
            q: alloc::vec![Bytes::new(); 1_000],
            x: alloc::vec![Bytes::new(); 1_000],
            shift: alloc::vec![0; 20],
        };
        malformed(SKETCH, call.abi_encode())
    }),
    ("registerBase, 600 modules, damaged", || {
        let module = Lora::Module {
            path: Bytes::from_static(b"a"),
            inDim: 1,
            outDim: 1,
        };
        let mut base = super::lora::base("", 1, Vec::new());
        base.modules = alloc::vec![module; 600];
        malformed(LORA, Lora::registerBaseCall { base }.abi_encode())
    }),
];

/// A byte too many, which only the last of the checks sees.
fn malformed(to: Address, mut data: Vec<u8>) -> Case {
    data.push(0);
    Case {
        world: World::new(),
        to,
        data,
        access: Warm,
        refused: true,
    }
}
