use alloc::{vec, vec::Vec};
use alloy_primitives::U256;
use core::cmp::Reverse;

/// Basis points in a whole.
pub const BASIS_POINTS: u64 = 10_000;

/// Divides `total` wei in proportion to the positive `scores`.
///
/// A negative score counts as zero. Then scores below `min_bps` basis points of the sum drop out, and of
/// the rest all but the `top_k` largest (ties: the lowest index stays; 0: all stay). What stays is summed
/// afresh and divided by [`apportion`]. The amounts add up to `total`, unless no score is left (none is
/// positive, or every one is below `min_bps`): then all are zero and the caller must refund.
pub fn split(total: u128, scores: &[i64], min_bps: u16, top_k: u16) -> Vec<u128> {
    let mut weights = scores
        .iter()
        .map(|score| u64::try_from(*score).unwrap_or(0))
        .collect::<Vec<_>>();
    // Fewer than 2^48 scores of less than 2^63 fit in memory: neither product reaches 2^128.
    let threshold = u128::from(min_bps).saturating_mul(sum(&weights));
    for weight in &mut weights {
        if u128::from(*weight).saturating_mul(u128::from(BASIS_POINTS)) < threshold {
            *weight = 0;
        }
    }
    if top_k > 0 {
        keep_top(&mut weights, usize::from(top_k));
    }
    apportion(total, &weights)
}

/// Divides `total` in proportion to `weights` by largest remainder: each gets `⌊total · weight / sum⌋`,
/// and the units that are left go one each to the positive weights of the largest remainders (ties: the
/// lowest index). All zero if the weights are.
pub fn apportion(total: u128, weights: &[u64]) -> Vec<u128> {
    let sum = sum(weights);
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let mut amounts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::new();
    let mut left = total;
    for (index, weight) in weights.iter().enumerate() {
        let (amount, remainder) = divide(total, *weight, sum);
        amounts.push(amount);
        // The floors of shares of `total` never add up to more than it.
        left = left.saturating_sub(amount);
        if *weight > 0 {
            remainders.push((Reverse(remainder), index));
        }
    }
    remainders.sort_unstable();
    // `left` is the sum of the remainders over `sum`, each below 1: fewer units than positive weights.
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    for (_, index) in remainders.iter().take(left) {
        if let Some(amount) = amounts.get_mut(*index) {
            *amount = amount.saturating_add(1);
        }
    }
    amounts
}

fn sum(weights: &[u64]) -> u128 {
    weights.iter().map(|weight| u128::from(*weight)).sum()
}

/// Quotient and remainder of `total · weight / sum`, where `weight ≤ sum` and `sum > 0`.
fn divide(total: u128, weight: u64, sum: u128) -> (u128, u128) {
    match total.checked_mul(u128::from(weight)) {
        Some(product) => (
            product.checked_div(sum).unwrap_or_default(),
            product.checked_rem(sum).unwrap_or_default(),
        ),
        None => {
            // Below 2^128 · 2^64; the quotient is at most `total`, the remainder below `sum`.
            let product = U256::from(total).wrapping_mul(U256::from(weight));
            let (quotient, remainder) = product.div_rem(U256::from(sum));
            (quotient.saturating_to(), remainder.saturating_to())
        }
    }
}

/// Sets to zero all but the `count` largest weights; of equal ones the first stay.
fn keep_top(weights: &mut [u64], count: usize) {
    let mut order = weights
        .iter()
        .enumerate()
        .filter(|(_, weight)| **weight > 0)
        .map(|(index, weight)| (Reverse(*weight), index))
        .collect::<Vec<_>>();
    order.sort_unstable();
    for (_, index) in order.iter().skip(count) {
        if let Some(weight) = weights.get_mut(*index) {
            *weight = 0;
        }
    }
}
