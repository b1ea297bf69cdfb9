//! A witness that the chain accepts: a float solution, refined in integers.
//!
//! The certificate asks for integers x, |x_d| ≤ 16,383, and a shift with `256·‖2^shift·q − H·x‖ ≤
//! ‖2^shift·q‖`. The float solution, scaled by the largest power of two that keeps it in range and
//! rounded, mostly meets that. Where it doesn't, what is left is a residual of rounding alone, `H·e` with
//! |e_d| ≤ ½, which a direction that is a thousand times as stiff as the others blows up; then it is
//! shortened with exact residuals:
//!
//! 1. *descent*: each x_d in turn moves by the integer that shortens the residual most, until none does;
//! 2. *nearest plane* (Babai 1986): x is rounded from the last entry to the first, each entry making up
//!    for what rounding the ones behind it left in its direction; then descent again.

use super::system::System;
use alloy_primitives::{Bytes, U256};
use openledger_precompiles::sketch::{
    CertifiedQuery, Residual, Row,
    limits::{RESIDUAL_DIVISOR, SHIFT_MAX, WITNESS_MAX},
    residual,
};
use serde::{Deserialize, Serialize};

/// Most passes of descent over all entries.
const SWEEPS_MAX: usize = 64;
/// Largest magnitude of a witness's entry.
const LIMIT: i32 = WITNESS_MAX as i32;

/// What it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Method {
    /// Rounding the float solution was enough.
    Rounded,
    /// So was moving single entries.
    Descent,
    /// Babai's nearest plane was needed.
    NearestPlane,
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rounded => "rounded",
            Self::Descent => "descent",
            Self::NearestPlane => "nearest plane",
        })
    }
}

/// A query's witness, with what it was found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solution {
    /// Its entries, int8.
    pub query: Bytes,
    /// The witness's entries.
    pub witness: Vec<i16>,
    /// Power of two that the witness is scaled by.
    pub shift: u8,
    /// What it leaves, squared, as the chain computes it.
    pub residual: Residual,
    /// How it was found.
    pub method: Method,
}

/// Why a query has no witness.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SolveError {
    /// All entries are zero.
    #[error("the query is zero (ZeroQuery)")]
    Zero,
    /// No witness was found that meets the chain's bound.
    #[error(
        "the nearest witness leaves a residual of 1/{ratio:.1} of the query, and the chain asks for \
         1/{RESIDUAL_DIVISOR}: no integers of 15 bits are near enough for a query so far from what the rows span"
    )]
    TooFar {
        /// Norm of the query over that of the residual.
        ratio: f64,
    },
}

/// Finds a witness, or says by how much none was found.
///
/// `rows` and `lambda` are those that `system` was made of; the last word is the native check's.
///
/// # Errors
/// A query that is zero, or for which no witness was found.
pub fn solve<'a, R>(
    system: &System,
    rows: impl Fn() -> R,
    lambda: u64,
    query: &[u8],
) -> Result<Solution, SolveError>
where
    R: Iterator<Item = Row<'a>>,
{
    let q: Vec<i8> = query.iter().map(|byte| *byte as i8).collect();
    if q.iter().all(|entry| *entry == 0) {
        return Err(SolveError::Zero);
    }
    let exact = system.solve(&q.iter().map(|q| f64::from(*q)).collect::<Vec<_>>());
    let shift = largest_shift(&exact);
    let scale = f64::from(shift).exp2();
    let certified = |x: &[i32], method| {
        let certified = CertifiedQuery {
            query,
            witness: x.iter().map(|x| *x as i16).collect(),
            shift,
        };
        Solution {
            residual: residual(rows(), lambda, &certified),
            query: query.to_vec().into(),
            witness: certified.witness,
            shift,
            method,
        }
    };
    let mut x: Vec<i32> = exact.iter().map(|x| rounded(x * scale)).collect();
    let mut best = certified(&x, Method::Rounded);
    if best.residual.is_within(RESIDUAL_DIVISOR) {
        return Ok(best);
    }
    descend(system, &q, shift, &mut x);
    for method in [Method::Descent, Method::NearestPlane] {
        if method == Method::NearestPlane {
            let Some(plane) = nearest_plane(system, &q, scale) else {
                break;
            };
            x = plane;
            descend(system, &q, shift, &mut x);
        }
        let solution = certified(&x, method);
        if solution.residual.is_within(RESIDUAL_DIVISOR) {
            return Ok(solution);
        }
        if solution.residual.residual2 < best.residual.residual2 {
            best = solution;
        }
    }
    Err(SolveError::TooFar {
        ratio: ratio(&best.residual),
    })
}

/// Norm of the query over that of the residual.
pub(super) fn ratio(residual: &Residual) -> f64 {
    let float = |value: U256| f64::from(value);
    (float(residual.query2) / float(residual.residual2)).sqrt()
}

/// The largest shift that keeps a scaled solution in range.
fn largest_shift(x: &[f64]) -> u8 {
    let largest = x.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    (0..=SHIFT_MAX)
        .rev()
        .find(|shift| (largest * f64::from(*shift).exp2()).round() <= f64::from(LIMIT))
        .unwrap_or_default()
}

/// The nearest integer in range.
fn rounded(value: f64) -> i32 {
    // The conversion saturates, and makes 0 of what is no number.
    (value.round() as i32).clamp(-LIMIT, LIMIT)
}

/// Moves single entries of x while that shortens the residual.
fn descend(system: &System, q: &[i8], shift: u8, x: &mut [i32]) {
    let mut residual = system.residual(q, shift, x);
    let norms: Vec<f64> = (0..system.dim)
        .map(|d| system.line(d).iter().map(|h| (*h as f64).powi(2)).sum())
        .collect();
    for _ in 0..SWEEPS_MAX {
        let mut moved = false;
        for ((d, x), norm) in x.iter_mut().enumerate().zip(&norms) {
            let line = system.line(d);
            let product: f64 = line
                .iter()
                .zip(&residual)
                .map(|(h, r)| *h as f64 * *r as f64)
                .sum();
            let target = (*x).saturating_add((product / norm).round() as i32);
            let step = target.clamp(-LIMIT, LIMIT) - *x;
            if step != 0 {
                *x += step;
                moved = true;
                for (r, h) in residual.iter_mut().zip(line) {
                    *r -= i128::from(*h) * i128::from(step);
                }
            }
        }
        if !moved {
            break;
        }
    }
}

/// Babai's nearest plane for the lattice of H's columns; `None` where floating point can't factor H².
fn nearest_plane(system: &System, q: &[i8], scale: f64) -> Option<Vec<i32>> {
    let factor = system.square_factor().ok()?;
    // Qᵀ·2^shift·q = R⁻ᵀ·H·2^shift·q, R being the factor's transpose.
    let right: Vec<f64> = (0..system.dim)
        .map(|d| {
            let line = system.line(d).iter();
            scale
                * line
                    .zip(q)
                    .map(|(h, q)| *h as f64 * f64::from(*q))
                    .sum::<f64>()
        })
        .collect();
    let mut target = factor.forward(&right);
    let mut x = vec![0; system.dim];
    for d in (0..system.dim).rev() {
        let value = rounded(target.get(d)? / factor.entry(d, d));
        *x.get_mut(d)? = value;
        for (row, target) in target.iter_mut().enumerate().take(d) {
            *target -= factor.entry(d, row) * f64::from(value);
        }
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use openledger_precompiles::sketch::{influence, lambda};
    use proptest::prelude::*;

    fn bytes(vector: &[i8]) -> Vec<u8> {
        vector.iter().map(|entry| *entry as u8).collect()
    }

    fn solution(rows: &[Vec<u8>], query: &[u8]) -> Result<Solution, SolveError> {
        let rows = || {
            rows.iter().map(|vector| Row {
                cluster: 0,
                label: 0,
                vector,
            })
        };
        let sum_norm2 = rows()
            .flat_map(|row| row.vector)
            .map(|entry| u64::from((*entry as i8).unsigned_abs()).pow(2))
            .sum();
        let lambda = lambda(sum_norm2);
        let system = System::new(rows(), query.len(), lambda).unwrap();
        let solution = solve(&system, rows, lambda, query)?;
        let certified = CertifiedQuery {
            query,
            witness: solution.witness.clone(),
            shift: solution.shift,
        };
        influence(rows(), lambda, &[certified]).unwrap();
        Ok(solution)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Gradients of any shape and query: what is found, the chain accepts.
        #[test]
        fn honest_queries_get_a_witness(
            rows in prop::collection::vec(prop::collection::vec(-60i8..=60, 64), 1..80),
            q in prop::collection::vec(-127i8..=127, 64),
        ) {
            prop_assume!(q.iter().any(|q| *q != 0));
            let rows: Vec<_> = rows.iter().map(|row| bytes(row)).collect();
            prop_assert!(solution(&rows, &bytes(&q)).is_ok());
        }
    }

    /// One stiff direction and a query across it: rounding alone misses the bound.
    #[test]
    fn a_stiff_direction_is_refined() {
        let stiff: Vec<i8> = (0..64).map(|d| if d % 3 == 0 { 101 } else { 87 }).collect();
        let rows = vec![bytes(&stiff); 40];
        let query: Vec<i8> = (0..64)
            .map(|d| if d % 2 == 0 { 90 - (d % 5) as i8 } else { -91 })
            .collect();
        let found = solution(&rows, &bytes(&query)).unwrap();
        assert_ne!(found.method, Method::Rounded);
        assert!(ratio(&found.residual) >= 256.0);
    }

    #[test]
    fn what_can_not_be_solved_is_refused() {
        let rows = vec![bytes(&[5; 64])];
        assert_eq!(solution(&rows, &[0; 64]).unwrap_err(), SolveError::Zero);
        // Two entries alone, almost equal in every row: with nothing else to make up for what rounding them
        // leaves, some queries have no witness. Each refusal is right: no neighbour of the rounded entries fits.
        let mut pair = [0i8; 64];
        let rows: Vec<_> = [[127, 126], [126, 127]]
            .into_iter()
            .map(|entries| {
                pair[..2].copy_from_slice(&entries);
                bytes(&pair)
            })
            .collect();
        let mut refused = 0;
        for a in 1..100 {
            let mut query = [0i8; 64];
            query[..2].copy_from_slice(&[a, 0]);
            let Err(error) = solution(&rows, &bytes(&query)) else {
                continue;
            };
            refused += 1;
            let SolveError::TooFar { ratio } = error else {
                panic!("{error}")
            };
            assert!((1.0..256.0).contains(&ratio));
            assert!(error.to_string().contains("1/256"));
        }
        assert!(refused > 0);
    }

    /// Rounded from the last entry on, a witness is nearer than one that is rounded at once.
    #[test]
    fn the_nearest_plane_is_nearer() {
        let stiff: Vec<i8> = (0..64).map(|d| 60 + (d * d % 37) as i8).collect();
        let rows = vec![bytes(&stiff); 60];
        let rows = || {
            rows.iter().map(|vector| Row {
                cluster: 0,
                label: 0,
                vector,
            })
        };
        let system = System::new(rows(), 64, 300).unwrap();
        let q: Vec<i8> = (0..64).map(|d| if d % 2 == 0 { 77 } else { -70 }).collect();
        let exact = system.solve(&q.iter().map(|q| f64::from(*q)).collect::<Vec<_>>());
        let shift = largest_shift(&exact);
        let scale = f64::from(shift).exp2();
        let norm = |x: &[i32]| -> f64 {
            let residual = system.residual(&q, shift, x);
            residual.iter().map(|r| (*r as f64).powi(2)).sum()
        };
        let at_once: Vec<i32> = exact.iter().map(|x| rounded(x * scale)).collect();
        let plane = nearest_plane(&system, &q, scale).unwrap();
        assert!(norm(&plane) * 100.0 < norm(&at_once));
        let mut descended = at_once.clone();
        descend(&system, &q, shift, &mut descended);
        assert!(norm(&descended) < norm(&at_once));
    }

    #[test]
    fn the_shift_uses_the_range() {
        assert_eq!(largest_shift(&[1.0, -0.5]), 13);
        assert_eq!(largest_shift(&[16_383.4]), 0);
        assert_eq!(largest_shift(&[1e-30]), 62);
        assert_eq!(rounded(1e300), LIMIT);
        assert_eq!(rounded(-2.5), -3);
    }
}
