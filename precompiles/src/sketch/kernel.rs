//! The inner loops. Each is a plain reduction of integers that can't overflow within the limits, so
//! that compilers vectorise it at any width and every order of summation gives the same value.
//!
//! Entries arrive as bytes in two's complement.

use alloc::{vec, vec::Vec};

/// Rows after which 32-bit partial sums are carried into 64-bit ones.
pub(crate) const FLUSH_ROWS: usize = 256;

/// Entry as an integer.
#[inline(always)]
const fn entry(byte: u8) -> i16 {
    byte as i8 as i16
}

/// Σ g·x for a row and a witness: exact for |x| ≤ 16383 and up to 1024 entries.
#[inline]
pub(crate) fn dot_witness(row: &[u8], witness: &[i16]) -> i32 {
    row.iter().zip(witness).fold(0i32, |sum, (g, x)| {
        sum.wrapping_add(i32::from(entry(*g)).wrapping_mul(i32::from(*x)))
    })
}

/// Σ a·b: exact for up to 1024 entries.
#[inline]
pub(crate) fn dot(a: &[u8], b: &[u8]) -> i32 {
    a.iter().zip(b).fold(0i32, |sum, (a, b)| {
        sum.wrapping_add(i32::from(entry(*a)).wrapping_mul(i32::from(entry(*b))))
    })
}

/// Σ a²: exact for up to 1024 entries.
#[inline]
pub(crate) fn norm2(a: &[u8]) -> u32 {
    dot(a, a).unsigned_abs()
}

/// Σ (a−b)²: exact for up to 1024 entries.
#[inline]
pub(crate) fn distance2(a: &[u8], b: &[u8]) -> u32 {
    let sum = a.iter().zip(b).fold(0i32, |sum, (a, b)| {
        // 255 at most: no wrap.
        let difference = i32::from(entry(*a).wrapping_sub(entry(*b)));
        sum.wrapping_add(difference.wrapping_mul(difference))
    });
    sum.unsigned_abs()
}

/// Σ_k g_kd·a_k for every d, row by row.
///
/// A 32-bit a is split into a signed low half and a high half, so that the products are of 16-bit
/// factors, which vector units multiply; halves are joined every [`FLUSH_ROWS`] rows.
#[derive(Debug, Clone)]
pub(crate) struct Weighted {
    low: Vec<i32>,
    high: Vec<i32>,
    sums: Vec<i64>,
    pending: usize,
}

impl Weighted {
    pub(crate) fn new(dim: usize) -> Self {
        Self {
            low: vec![0; dim],
            high: vec![0; dim],
            sums: vec![0; dim],
            pending: 0,
        }
    }

    /// Adds a row times `a`, where |a| < 2^31 − 2^15.
    #[inline]
    pub(crate) fn add(&mut self, row: &[u8], a: i32) {
        let low = a as i16;
        let high = (a.wrapping_sub(i32::from(low)) >> 16) as i16;
        for ((l, h), g) in self.low.iter_mut().zip(&mut self.high).zip(row) {
            let g = i32::from(entry(*g));
            *l = l.wrapping_add(g.wrapping_mul(i32::from(low)));
            *h = h.wrapping_add(g.wrapping_mul(i32::from(high)));
        }
        self.pending = self.pending.wrapping_add(1);
        if self.pending == FLUSH_ROWS {
            self.flush();
        }
    }

    fn flush(&mut self) {
        for ((sum, low), high) in self.sums.iter_mut().zip(&mut self.low).zip(&mut self.high) {
            *sum = sum
                .wrapping_add(i64::from(*low))
                .wrapping_add(i64::from(*high) << 16);
            *low = 0;
            *high = 0;
        }
        self.pending = 0;
    }

    pub(crate) fn finish(mut self) -> Vec<i64> {
        self.flush();
        self.sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn bytes(len: usize) -> impl Strategy<Value = Vec<u8>> {
        vec(any::<i8>().prop_map(|value| value as u8), len)
    }

    fn wide(byte: u8) -> i128 {
        i128::from(byte as i8)
    }

    proptest! {
        #[test]
        fn sums_equal_plain_ones(
            (a, b, x) in (0usize..200).prop_flat_map(|len| {
                (bytes(len), bytes(len), vec(-16_383i16..=16_383, len))
            }),
        ) {
            let pairs = || a.iter().zip(&b).map(|(a, b)| (wide(*a), wide(*b)));
            prop_assert_eq!(i128::from(dot(&a, &b)), pairs().map(|(a, b)| a * b).sum::<i128>());
            prop_assert_eq!(
                i128::from(distance2(&a, &b)),
                pairs().map(|(a, b)| (a - b) * (a - b)).sum::<i128>()
            );
            prop_assert_eq!(i128::from(norm2(&a)), pairs().map(|(a, _)| a * a).sum::<i128>());
            prop_assert_eq!(
                i128::from(dot_witness(&a, &x)),
                a.iter().zip(&x).map(|(a, x)| wide(*a) * i128::from(*x)).sum::<i128>()
            );
        }

        /// Vector units of any width, and any division among threads, add in another order: no order matters.
        #[test]
        fn sums_do_not_depend_on_order(
            (mut entries, order) in (0usize..200).prop_flat_map(|len| {
                let entry = (any::<i8>(), any::<i8>(), -16_383i16..=16_383);
                (vec(entry, len), Just((0..len).collect::<Vec<_>>()).prop_shuffle())
            }),
            cut in any::<prop::sample::Index>(),
        ) {
            let sums = |entries: &[(i8, i8, i16)]| {
                let a: Vec<u8> = entries.iter().map(|entry| entry.0 as u8).collect();
                let b: Vec<u8> = entries.iter().map(|entry| entry.1 as u8).collect();
                let x: Vec<i16> = entries.iter().map(|entry| entry.2).collect();
                [dot(&a, &b), dot_witness(&a, &x), distance2(&a, &b) as i32, norm2(&a) as i32]
            };
            let whole = sums(&entries);
            let (left, right) = entries.split_at(cut.index(entries.len().max(1)).min(entries.len()));
            let parts: Vec<i32> = sums(left).iter().zip(sums(right)).map(|(l, r)| l + r).collect();
            prop_assert_eq!(parts, whole);
            entries = order.iter().map(|index| entries[*index]).collect();
            prop_assert_eq!(sums(&entries), whole);
        }

        #[test]
        fn weighted_rows_equal_plain_ones(
            rows in vec((bytes(5), -2_147_352_576i32..=2_147_352_576), 0..600),
        ) {
            let mut weighted = Weighted::new(5);
            let mut expected = vec![0i128; 5];
            for (row, a) in &rows {
                weighted.add(row, *a);
                for (sum, g) in expected.iter_mut().zip(row) {
                    *sum += wide(*g) * i128::from(*a);
                }
            }
            let sums: Vec<_> = weighted.finish().into_iter().map(i128::from).collect();
            prop_assert_eq!(sums, expected);
        }
    }

    #[test]
    fn extremes_do_not_wrap() {
        let low = vec![0x80u8; 1024];
        let witness = vec![16_383i16; 1024];
        assert_eq!(dot_witness(&low, &witness), -2_147_352_576);
        assert_eq!(distance2(&low, &[0x7f; 1024]), 255 * 255 * 1024);
        let mut weighted = Weighted::new(1024);
        for _ in 0..4096 {
            weighted.add(&low, -2_147_352_576);
        }
        assert_eq!(weighted.finish()[7], 4096 * 128 * 2_147_352_576);
    }
}
