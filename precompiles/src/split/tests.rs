use super::*;
use crate::{CallInput, CommonErrors, MemoryHost, Outcome, call::call_precompile, gas};
use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolError;
use proptest::{collection::vec, prelude::*};

/// The definition, word for word, with 256-bit integers and no shortcut.
fn split_plain(total: u128, scores: &[i64], min_bps: u16, top_k: u16) -> Vec<u128> {
    let wide = |value: u128| U256::from(value);
    let mut s: Vec<u128> = scores.iter().map(|s| (*s).max(0) as u128).collect();
    let sum: u128 = s.iter().sum();
    if sum == 0 {
        return vec![0; s.len()];
    }
    for s in &mut s {
        if wide(*s) * U256::from(10_000) < U256::from(min_bps) * wide(sum) {
            *s = 0;
        }
    }
    if top_k > 0 {
        let better = |a: usize, b: usize| s[a] > s[b] || (s[a] == s[b] && a < b);
        let rank = |i: usize| (0..s.len()).filter(|j| better(*j, i)).count();
        let keep: Vec<bool> = (0..s.len()).map(|i| rank(i) < top_k as usize).collect();
        for (s, keep) in s.iter_mut().zip(keep) {
            *s = if keep { *s } else { 0 };
        }
    }
    let sum: u128 = s.iter().sum();
    if sum == 0 {
        return vec![0; s.len()];
    }
    let product = |i: usize| wide(total) * wide(s[i]);
    let mut amounts: Vec<u128> = (0..s.len())
        .map(|i| (product(i) / wide(sum)).to::<u128>())
        .collect();
    let left = total - amounts.iter().sum::<u128>();
    for _ in 0..left {
        // Each unit goes to the best that has none yet.
        let best = (0..s.len())
            .filter(|i| s[*i] > 0 && wide(amounts[*i]) == product(*i) / wide(sum))
            .max_by_key(|i| (product(*i) % wide(sum), core::cmp::Reverse(*i)))
            .unwrap();
        amounts[best] += 1;
    }
    amounts
}

fn gate_plain(sums: &[(i128, u128)], z: u8) -> Vec<i64> {
    let passes = |(sum, squares): &(i128, u128)| {
        *sum > 0 && {
            let sum = U256::from(*sum as u128);
            sum * sum >= U256::from(z) * U256::from(z) * U256::from(*squares)
        }
    };
    let mut weights: Vec<i128> = sums
        .iter()
        .map(|pair| if passes(pair) { pair.0 } else { 0 })
        .collect();
    while weights.iter().any(|weight| *weight >= 1 << 62) {
        weights.iter_mut().for_each(|weight| *weight >>= 1);
    }
    weights.into_iter().map(|weight| weight as i64).collect()
}

fn score() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), -3i64..12, Just(i64::MAX), 0i64..100_000]
}

fn total() -> impl Strategy<Value = u128> {
    prop_oneof![any::<u128>(), 0u128..40, Just(u128::MAX), 0u128..(1 << 70)]
}

/// Sums of every size, with squares near the threshold as often as not.
fn pair() -> impl Strategy<Value = (i128, u128)> {
    let sum = (any::<i128>(), 0u32..127).prop_map(|(sum, shift)| sum >> shift);
    (sum, any::<u128>(), 0u8..5, -2i128..3).prop_map(|(sum, any, kind, off)| {
        let near = sum.unsigned_abs().checked_mul(sum.unsigned_abs());
        match (kind, near) {
            (0, _) | (_, None) => (sum, any),
            (kind, Some(near)) => {
                let z = u128::from(kind) * u128::from(kind);
                (sum, (near / z).saturating_add_signed(off))
            }
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn split_is_its_definition(
        total in total(),
        scores in vec(score(), 0..24),
        min_bps in prop_oneof![Just(0u16), 0u16..2_000, any::<u16>()],
        top_k in prop_oneof![Just(0u16), 0u16..12],
    ) {
        prop_assert_eq!(
            split(total, &scores, min_bps, top_k),
            split_plain(total, &scores, min_bps, top_k)
        );
    }

    #[test]
    fn split_conserves_to_the_wei(total in total(), scores in vec(score(), 0..300), top_k in 0u16..50) {
        let amounts = split(total, &scores, 0, top_k);
        let paid = amounts.iter().fold(U256::ZERO, |sum, amount| sum + U256::from(*amount));
        if scores.iter().any(|score| *score > 0) {
            prop_assert_eq!(paid, U256::from(total));
        } else {
            prop_assert_eq!(paid, U256::ZERO);
        }
        for (amount, score) in amounts.iter().zip(&scores) {
            prop_assert!(*score > 0 || *amount == 0);
        }
    }

    /// Whatever the order of the scores, each gets the same, but for the wei that goes by order where
    /// remainders are equal; equal scores share their amounts, which differ by a wei at most.
    #[test]
    fn split_is_order_independent(
        total in total(),
        scores in vec(score(), 1..40).prop_shuffle(),
        order in any::<prop::sample::Index>(),
        min_bps in 0u16..800,
    ) {
        let by_score = |scores: &[i64]| {
            let amounts = split(total, scores, min_bps, 0);
            let mut pairs: Vec<_> = scores.iter().copied().zip(amounts).collect();
            pairs.sort_unstable();
            pairs
        };
        let mut turned = scores.clone();
        turned.rotate_left(order.index(scores.len()));
        turned.reverse();
        let pairs = by_score(&scores);
        for ((score, amount), (same, other)) in pairs.iter().zip(by_score(&turned)) {
            prop_assert_eq!(*score, same);
            prop_assert!(amount.abs_diff(other) <= 1, "{}: {} and {}", score, amount, other);
        }
        for pair in pairs.windows(2) {
            if pair[0].0 == pair[1].0 {
                prop_assert!(pair[1].1 - pair[0].1 <= 1);
            }
        }
    }

    /// With no two equal scores the tie rule is never needed: the amounts move with their scores.
    #[test]
    fn split_is_equivariant_without_ties(
        total in total(),
        scores in prop::collection::btree_set(score(), 1..40),
        at in any::<prop::sample::Index>(),
        top_k in 0u16..20,
    ) {
        let scores: Vec<i64> = scores.into_iter().collect();
        let mut turned = scores.clone();
        let at = at.index(scores.len());
        turned.rotate_left(at);
        let mut amounts = split(total, &scores, 0, top_k);
        let remainder = |score: i64| {
            let kept = turned.iter().filter(|s| **s > score).count() < top_k as usize || top_k == 0;
            (score > 0 && kept).then_some(score)
        };
        // Equal remainders of unequal scores still fall to the tie rule; leave those cases out.
        let sum: u128 = scores.iter().filter_map(|s| remainder(*s)).map(|s| s as u128).sum();
        let mut rests: Vec<_> = scores
            .iter()
            .filter_map(|s| remainder(*s))
            .map(|s| (U256::from(total) * U256::from(s)) % U256::from(sum))
            .collect();
        rests.sort_unstable();
        prop_assume!(rests.windows(2).all(|pair| pair[0] != pair[1]));
        amounts.rotate_left(at);
        prop_assert_eq!(amounts, split(total, &turned, 0, top_k));
    }

    #[test]
    fn gate_is_its_definition(pairs in vec(pair(), 0..12), z in 0u8..=8) {
        prop_assert_eq!(gate(&pairs, z), gate_plain(&pairs, z));
    }

    /// Any calldata and gas: the same answer twice, no panic, and never more gas than was given.
    #[test]
    fn any_calldata_is_answered(
        gate in any::<bool>(),
        words in vec(prop_oneof![0u64..200, any::<u64>()], 0..12),
        gas in 0u64..5_000,
    ) {
        let selector = if gate { IAttrSplit::gateCall::SELECTOR } else { IAttrSplit::splitCall::SELECTOR };
        let mut data = selector.to_vec();
        for word in words {
            data.extend_from_slice(&U256::from(word).to_be_bytes::<32>());
        }
        let outcome = call(&data, gas);
        prop_assert_eq!(&outcome, &call(&data, gas));
        if let Outcome::Success { gas_used, .. } | Outcome::Revert { gas_used, .. } = outcome {
            prop_assert!(gas_used <= gas);
        }
    }
}

fn call(data: &[u8], gas: u64) -> Outcome {
    let input = CallInput {
        code_address: SPLIT,
        target_address: SPLIT,
        caller: Address::repeat_byte(1),
        value: U256::ZERO,
        is_static: true,
        data,
        gas,
    };
    call_precompile(&PRECOMPILE, &input, &mut MemoryHost::new()).unwrap()
}

fn success(call: &impl SolCall, gas: u64) -> Bytes {
    match self::call(&call.abi_encode(), 10_000_000) {
        Outcome::Success { gas_used, output } => {
            assert_eq!(gas_used, gas);
            output
        }
        other => panic!("{other:?}"),
    }
}

fn refusal(call: &impl SolCall) -> Bytes {
    match self::call(&call.abi_encode(), 10_000_000) {
        Outcome::Revert { output, .. } => output,
        other => panic!("{other:?}"),
    }
}

fn split_call(total: U256, scores: Vec<i64>) -> IAttrSplit::splitCall {
    IAttrSplit::splitCall {
        total,
        s: scores,
        minBps: 0,
        topK: 0,
    }
}

#[test]
fn calls_return_what_the_functions_give_at_the_stated_gas() {
    let call = split_call(U256::from(100), vec![1, 1, 1]);
    let output = success(&call, gas::call(4 + 8 * 32) + 3 * 120);
    let amounts = IAttrSplit::splitCall::abi_decode_returns(&output).unwrap();
    assert_eq!(amounts, [34, 33, 33].map(U256::from));

    let call = IAttrSplit::gateCall {
        sum: vec![10, -4, 3],
        sumSq: vec![100, 0, 10],
        z: 1,
    };
    let output = success(&call, gas::call(4 + 11 * 32) + 3 * 40);
    assert_eq!(
        IAttrSplit::gateCall::abi_decode_returns(&output).unwrap(),
        [10, 0, 0]
    );

    let call = split_call(U256::from(7), vec![]);
    let output = success(&call, gas::call(4 + 5 * 32));
    assert!(
        IAttrSplit::splitCall::abi_decode_returns(&output)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn refusals_name_their_reason() {
    let total = U256::from(1) << 128;
    assert_eq!(
        refusal(&split_call(total, vec![1])),
        IAttrSplit::TotalTooLarge { total }.abi_encode()
    );
    let call = IAttrSplit::gateCall {
        sum: vec![1, 2],
        sumSq: vec![1],
        z: 1,
    };
    assert_eq!(
        refusal(&call),
        IAttrSplit::LengthMismatch {
            sums: U256::from(2),
            sumSqs: U256::from(1)
        }
        .abi_encode()
    );
    let call = IAttrSplit::gateCall {
        sum: vec![1],
        sumSq: vec![1],
        z: 9,
    };
    assert_eq!(refusal(&call), IAttrSplit::BadZ { z: 9 }.abi_encode());
    // The most scores that calldata can bring.
    let call = split_call(U256::from(1), vec![1; 4_090]);
    assert!(call.abi_encode().len() <= CALLDATA_LEN_MAX);
    success(
        &call,
        gas::call(call.abi_encode().len() as u64) + 120 * 4_090,
    );
    let call = split_call(U256::from(1), vec![1; 4_091]);
    assert_eq!(refusal(&call), CommonErrors::BadAbi {}.abi_encode());
    assert!(matches!(
        self::call(&[1, 2, 3, 4], 10_000),
        Outcome::Revert { output, .. } if output == CommonErrors::BadAbi {}.abi_encode()
    ));
    // Behind calldata's own limit stands the number of scores.
    assert!(matches!(require_scores(SCORES_MAX), Ok(())));
    assert!(matches!(
        require_scores(SCORES_MAX + 1),
        Err(Stop::Revert(_))
    ));
}

#[test]
fn gas_that_does_not_suffice_is_taken_before_the_work() {
    let data = split_call(U256::from(100), vec![1, 1, 1]).abi_encode();
    let needed = gas::call(data.len() as u64) + 3 * 120;
    assert_eq!(call(&data, needed - 1), Outcome::OutOfGas);
    assert!(matches!(call(&data, needed), Outcome::Success { gas_used, .. } if gas_used == needed));
}

#[test]
fn weights_are_cut_to_62_bits_together() {
    let top = i128::MAX;
    assert_eq!(
        gate(&[(top, 0), (1 << 65, 0), (1, 0)], 1),
        [(1 << 62) - 1, 1, 0]
    );
    assert_eq!(gate(&[((1 << 62) - 1, 0)], 8), [(1 << 62) - 1]);
    assert_eq!(gate(&[(1 << 62, 0), (3, 0)], 8), [1 << 61, 1]);
    assert_eq!(
        gate(&[(top, u128::MAX), (i128::MIN, 0)], 8),
        [(1 << 62) - 1, 0]
    );
    // A z of zero asks for a positive sum alone.
    assert_eq!(gate(&[(1, u128::MAX), (0, 0)], 0), [1, 0]);
}

#[test]
fn everything_below_the_threshold_leaves_nothing() {
    assert_eq!(split(100, &[1, 1, 1], 3_334, 0), [0, 0, 0]);
    assert_eq!(split(100, &[1, 1, 1], 3_333, 0), [34, 33, 33]);
    assert_eq!(split(100, &[5], 10_001, 0), [0]);
    assert_eq!(split(100, &[5], 10_000, 0), [100]);
}

/// Every vector of `split` and `gate`, in `vectors/` and in the file that `OPENLEDGER_VECTORS` names.
#[test]
fn vectors() {
    use crate::span::tests::vectors::{cases, files, number, numbers};
    let (mut splits, mut gates) = (0, 0);
    for file in &files() {
        for case in cases(file, "split") {
            let amounts = split(
                number(&case["total"]),
                &numbers::<i64>(&case["scores"]),
                number(&case["min_bps"]),
                number(&case["top_k"]),
            );
            assert_eq!(amounts, numbers::<u128>(&case["out"]), "{case}");
            splits += 1;
        }
        for case in cases(file, "gate") {
            let sums = numbers::<i128>(&case["sum"]).into_iter();
            let pairs: Vec<_> = sums.zip(numbers::<u128>(&case["sum_sq"])).collect();
            assert_eq!(
                gate(&pairs, number(&case["z"])),
                numbers::<i64>(&case["out"]),
                "{case}"
            );
            gates += 1;
        }
    }
    assert!(splits >= 9 + 32 && gates >= 35, "{splits} {gates}");
}
