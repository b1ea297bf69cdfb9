use super::{Access::Warm, Case, World};
use alloy_primitives::U256;
use openledger_precompiles::{SPLIT, hash::sm64, split::IAttrSplit as Split};

/// Most scores of `split` that fit in the calldata.
pub(super) const SPLIT_MAX: u64 = 4_090;
/// Most scores of `gate`.
const GATE_MAX: u64 = 2_045;

pub(super) const CASES: &[(&str, fn() -> Case)] = &[
    ("split of nothing", || split(0, 0, 0)),
    ("split of 16", || split(16, 0, u16::MAX)),
    ("split of 256", || split(256, 0, u16::MAX)),
    ("split of 4090", || split(SPLIT_MAX, 0, u16::MAX)),
    ("split of 4090, the upper half kept", || {
        split(SPLIT_MAX, 1, 2_045)
    }),
    ("gate of 1", || gate(1)),
    ("gate of 2045", || gate(GATE_MAX)),
];

/// Totals and scores as large as they come: every product has 192 bits.
pub(super) fn split_call(count: u64, min_bps: u16, top_k: u16) -> Split::splitCall {
    Split::splitCall {
        total: U256::from(u128::MAX),
        s: (0..count).map(|i| (sm64(1, i) >> 1) as i64).collect(),
        minBps: min_bps,
        topK: top_k,
    }
}

fn split(count: u64, min_bps: u16, top_k: u16) -> Case {
    let call = split_call(count, min_bps, top_k);
    Case::view(World::new(), SPLIT, &call, Warm)
}

fn gate(count: u64) -> Case {
    let call = Split::gateCall {
        sum: (0..count).map(|i| i128::from(sm64(2, i)) << 60).collect(),
        sumSq: (0..count).map(|i| u128::from(sm64(3, i)) << 60).collect(),
        z: 2,
    };
    Case::view(World::new(), SPLIT, &call, Warm)
}
