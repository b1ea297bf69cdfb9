use alloc::vec::Vec;
use alloy_primitives::U256;

/// Bits of a weight: the largest is below `2^62`.
pub const WEIGHT_BITS: u32 = 62;

/// Turns pairs (sum of a cluster's scores over a batch, sum of their squares) into weights.
///
/// A weight is zero unless the sum is positive and significant: `sum² ≥ z² · sumSq`. The significant sums
/// are shifted right by the least amount, the same for all, that brings the largest below `2^62`. No
/// 256-bit product overflows for any `z` of eight bits: `sum² < 2^254`, `z² · sumSq < 2^144`.
pub fn gate(sums: &[(i128, u128)], z: u8) -> Vec<i64> {
    let z_squared = U256::from(u16::from(z).saturating_mul(u16::from(z)));
    let significant = |(sum, sum_squares): &(i128, u128)| -> u128 {
        let Ok(sum) = u128::try_from(*sum) else {
            return 0;
        };
        let wide = U256::from(sum);
        if wide.wrapping_mul(wide) >= z_squared.wrapping_mul(U256::from(*sum_squares)) {
            sum
        } else {
            0
        }
    };
    let weights = sums.iter().map(significant).collect::<Vec<_>>();
    let bits = weights
        .iter()
        .map(|weight| u128::BITS.saturating_sub(weight.leading_zeros()))
        .max()
        .unwrap_or(0);
    // At most 127 - 62.
    let shift = bits.saturating_sub(WEIGHT_BITS);
    weights
        .into_iter()
        .map(|weight| i64::try_from(weight.wrapping_shr(shift)).unwrap_or(i64::MAX))
        .collect()
}
