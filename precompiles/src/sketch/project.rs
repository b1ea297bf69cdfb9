use crate::{hash::sm64, integer::rdiv};
use alloc::{vec, vec::Vec};

/// Most coordinates of a projection: with values of 32 bits, its 64-bit sums can't overflow.
pub const COORDINATES_MAX: u64 = 1 << 31;

/// Largest magnitude of a projected entry.
const ENTRY_MAX: i64 = 127;

/// Why a projection isn't defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// The dimension isn't a positive multiple of 64 up to 1024.
    #[error("dimension {dim} is not one of 64, 128, 256, 512 and 1024")]
    Dimension {
        /// What was given.
        dim: u16,
    },
    /// The sparsity isn't 0, 4 or 8.
    #[error("sparsity {sparsity} is not 0, 4 or 8")]
    Sparsity {
        /// What was given.
        sparsity: u8,
    },
    /// More coordinates than 2^31.
    #[error("more than {COORDINATES_MAX} coordinates")]
    TooLong,
}

/// A random projection of a fixed-point vector onto int8, which the seed determines; off chain.
///
/// Coordinates are added in order, a tensor after another in byte-sorted name order, each row-major.
/// Dense (sparsity 0): the sign of coordinate i in output j is bit j mod 64 of
/// `sm64(seed, i·⌈dim/64⌉ + ⌊j/64⌋)`, set for −1. Sparse (sparsity s of 4 or 8): coordinate i goes to s
/// buckets, `r·(dim/s) + h mod (dim/s)` for `h = sm64(seed, i·s + r)`, with the sign of bit 63.
#[derive(Debug, Clone)]
pub struct Projection {
    seed: u64,
    sparsity: u8,
    sums: Vec<i64>,
    next: u64,
}

impl Projection {
    /// An empty projection onto `dim` entries.
    ///
    /// # Errors
    /// A dimension or sparsity that no set can have.
    pub fn new(dim: u16, seed: u64, sparsity: u8) -> Result<Self, ProjectionError> {
        if !super::limits::DIMENSIONS.contains(&dim) {
            return Err(ProjectionError::Dimension { dim });
        }
        if !matches!(sparsity, 0 | 4 | 8) {
            return Err(ProjectionError::Sparsity { sparsity });
        }
        Ok(Self {
            seed,
            sparsity,
            sums: vec![0; dim as usize],
            next: 0,
        })
    }

    /// Adds the next coordinates.
    ///
    /// # Errors
    /// [`ProjectionError::TooLong`].
    pub fn add(&mut self, values: &[i32]) -> Result<(), ProjectionError> {
        let end = self.next.saturating_add(values.len() as u64);
        if end > COORDINATES_MAX {
            return Err(ProjectionError::TooLong);
        }
        for (coordinate, value) in (self.next..end).zip(values) {
            match self.sparsity {
                _ if *value == 0 => {}
                0 => self.add_dense(coordinate, i64::from(*value)),
                sparsity => self.add_sparse(coordinate, i64::from(*value), u64::from(sparsity)),
            }
        }
        self.next = end;
        Ok(())
    }

    fn add_dense(&mut self, coordinate: u64, value: i64) {
        let words = self.sums.len().div_ceil(64) as u64;
        let first = coordinate.wrapping_mul(words);
        for (word, sums) in (first..).zip(self.sums.chunks_mut(64)) {
            let signs = sm64(self.seed, word);
            for (bit, sum) in (0u32..).zip(sums) {
                // All ones for a set bit: (v ^ −1) − (−1) = −v.
                let mask = ((signs >> bit & 1) as i64).wrapping_neg();
                *sum = sum.wrapping_add((value ^ mask).wrapping_sub(mask));
            }
        }
    }

    fn add_sparse(&mut self, coordinate: u64, value: i64, sparsity: u64) {
        let buckets = (self.sums.len() as u64)
            .checked_div(sparsity)
            .unwrap_or_default();
        for r in 0..sparsity {
            let hash = sm64(self.seed, coordinate.wrapping_mul(sparsity).wrapping_add(r));
            let bucket = r
                .wrapping_mul(buckets)
                .wrapping_add(hash.checked_rem(buckets).unwrap_or_default());
            let signed = if hash >> 63 == 1 {
                value.wrapping_neg()
            } else {
                value
            };
            if let Some(sum) = self.sums.get_mut(bucket as usize) {
                *sum = sum.wrapping_add(signed);
            }
        }
    }

    /// The entries: `clamp(rdiv(Σ, 2^shift), ±127)`.
    pub fn finish(&self, shift: u8) -> Vec<i8> {
        self.sums.iter().map(|sum| reduced(*sum, shift)).collect()
    }
}

fn reduced(sum: i64, shift: u8) -> i8 {
    // |sum| < 2^63: a larger divisor than 2^64 rounds to zero.
    let divisor = 1i128 << shift.min(65);
    let rounded = rdiv(i128::from(sum), divisor).unwrap_or_default();
    rounded.clamp(i128::from(ENTRY_MAX.wrapping_neg()), i128::from(ENTRY_MAX)) as i8
}
