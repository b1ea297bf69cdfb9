//! The ridge system of a set: `H = GᵀG + λI`, exact, and its factor in floating point.

use anyhow::ensure;
use openledger_precompiles::sketch::Row;
use rayon::prelude::*;

/// Rows of H that one thread computes at a time.
const BLOCK: usize = 16;

/// `H` of a set's rows.
#[derive(Debug)]
pub struct System {
    pub(super) dim: usize,
    /// Row-major. Sums of at most 4,096 products of 127², and λ, which is below 2^27.
    h: Vec<i64>,
    factor: Cholesky,
}

/// `L` of `A = L·Lᵀ`, row-major, its upper triangle zero.
#[derive(Debug)]
pub(super) struct Cholesky {
    dim: usize,
    l: Vec<f64>,
}

impl System {
    /// Of rows with `dim` entries each.
    ///
    /// # Errors
    /// Rows and a ridge of which floating point makes no positive definite matrix.
    pub fn new<'a>(
        rows: impl IntoIterator<Item = Row<'a>>,
        dim: usize,
        lambda: u64,
    ) -> anyhow::Result<Self> {
        let rows: Vec<Vec<i32>> = rows
            .into_iter()
            .map(|row| {
                row.vector
                    .iter()
                    .map(|byte| i32::from(*byte as i8))
                    .collect()
            })
            .collect();
        let mut h = vec![0i64; dim * dim];
        h.par_chunks_mut(dim * BLOCK)
            .enumerate()
            .for_each(|(block, out)| {
                let first = block * BLOCK;
                // Sums of 4,096 products of 128² fit 32 bits.
                let mut sums = vec![0i32; out.len()];
                for row in &rows {
                    for (offset, sums) in sums.chunks_exact_mut(dim).enumerate() {
                        let factor = row.get(first + offset).copied().unwrap_or_default();
                        if factor != 0 {
                            for (sum, entry) in sums.iter_mut().zip(row) {
                                *sum += factor * entry;
                            }
                        }
                    }
                }
                for (offset, (line, sums)) in out
                    .chunks_exact_mut(dim)
                    .zip(sums.chunks_exact(dim))
                    .enumerate()
                {
                    for (value, sum) in line.iter_mut().zip(sums) {
                        *value = i64::from(*sum);
                    }
                    if let Some(diagonal) = line.get_mut(first + offset) {
                        *diagonal += lambda as i64;
                    }
                }
            });
        let factor = Cholesky::new(h.par_iter().map(|value| *value as f64).collect(), dim)?;
        Ok(Self { dim, h, factor })
    }

    /// Row, or column, `d` of H.
    pub(super) fn line(&self, d: usize) -> &[i64] {
        self.h
            .get(d * self.dim..(d + 1) * self.dim)
            .unwrap_or_default()
    }

    /// `H⁻¹·q`, close to it.
    pub(super) fn solve(&self, q: &[f64]) -> Vec<f64> {
        let mut x = self.factor.solve(q);
        // A step of refinement takes the solution to the last bits.
        let residual: Vec<f64> = (0..self.dim)
            .zip(q)
            .map(|(d, q)| q - dot(self.line(d), &x))
            .collect();
        for (x, correction) in x.iter_mut().zip(self.factor.solve(&residual)) {
            *x += correction;
        }
        x
    }

    /// `2^shift·q − H·x`, exact: below 2^70.
    pub(super) fn residual(&self, q: &[i8], shift: u8, x: &[i32]) -> Vec<i128> {
        (0..self.dim)
            .zip(q)
            .map(|(d, q)| {
                // At most 1,024 products of 2^27 and 2^14.
                let product: i64 = self
                    .line(d)
                    .iter()
                    .zip(x)
                    .map(|(h, x)| h * i64::from(*x))
                    .sum();
                (i128::from(*q) << shift) - i128::from(product)
            })
            .collect()
    }

    /// The factor of `H²`: its transpose is R of `H = Q·R`.
    pub(super) fn square_factor(&self) -> anyhow::Result<Cholesky> {
        let dim = self.dim;
        let h: Vec<f64> = self.h.par_iter().map(|value| *value as f64).collect();
        let mut square = vec![0.0; dim * dim];
        square.par_chunks_mut(dim).enumerate().for_each(|(i, out)| {
            let line = h.get(i * dim..(i + 1) * dim).unwrap_or_default();
            for (factor, other) in line.iter().zip(h.chunks_exact(dim)) {
                for (sum, entry) in out.iter_mut().zip(other) {
                    *sum += factor * entry;
                }
            }
        });
        Cholesky::new(square, dim)
    }
}

impl Cholesky {
    /// Factors a symmetric positive definite matrix.
    fn new(mut a: Vec<f64>, dim: usize) -> anyhow::Result<Self> {
        for j in 0..dim {
            let (_, rest) = a.split_at_mut(j * dim);
            let Some((line, below)) = rest.split_at_mut_checked(dim) else {
                break;
            };
            let pivot = line[j] - squares(&line[..j]);
            ensure!(
                pivot.is_finite() && pivot > 0.0,
                "the rows' system is not positive definite in floating point"
            );
            let pivot = pivot.sqrt();
            line[j] = pivot;
            line[j + 1..].fill(0.0);
            let head = &line[..j];
            below
                .par_chunks_exact_mut(dim)
                .with_min_len(64)
                .for_each(|row| {
                    let (known, open) = row.split_at_mut(j);
                    let sum: f64 = known.iter().zip(head).map(|(a, b)| a * b).sum();
                    open[0] = (open[0] - sum) / pivot;
                });
        }
        Ok(Self { dim, l: a })
    }

    pub(super) fn entry(&self, row: usize, column: usize) -> f64 {
        self.l
            .get(row * self.dim + column)
            .copied()
            .unwrap_or_default()
    }

    /// `L⁻¹·b`.
    pub(super) fn forward(&self, b: &[f64]) -> Vec<f64> {
        let mut y: Vec<f64> = Vec::with_capacity(self.dim);
        for (line, (d, b)) in self.l.chunks_exact(self.dim).zip(b.iter().enumerate()) {
            let sum: f64 = line.iter().zip(&y).map(|(l, y)| l * y).sum();
            y.push((b - sum) / line[d]);
        }
        y
    }

    /// `A⁻¹·b`.
    fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = self.forward(b);
        for (d, line) in self.l.chunks_exact(self.dim).enumerate().rev() {
            let (open, known) = x.split_at_mut(d);
            known[0] /= line[d];
            for (value, l) in open.iter_mut().zip(line) {
                *value -= l * known[0];
            }
        }
        x
    }
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

fn dot(line: &[i64], x: &[f64]) -> f64 {
    line.iter().zip(x).map(|(h, x)| *h as f64 * x).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use openledger_precompiles::sketch::lambda;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn solutions_solve(
            rows in prop::collection::vec(prop::collection::vec(-127i8..=127, 64), 1..40),
            q in prop::collection::vec(-127i8..=127, 64),
        ) {
            let bytes: Vec<Vec<u8>> = rows
                .iter()
                .map(|row| row.iter().map(|entry| *entry as u8).collect())
                .collect();
            let rows = bytes.iter().map(|vector| Row { cluster: 0, label: 0, vector });
            // A set's own λ bounds how stiff its system is.
            let entries = rows.clone().flat_map(|row| row.vector);
            let lambda = lambda(entries.map(|entry| i64::from(*entry as i8).pow(2) as u64).sum());
            let system = System::new(rows, 64, lambda).unwrap();
            let wanted: Vec<f64> = q.iter().map(|q| f64::from(*q)).collect();
            let x = system.solve(&wanted);
            for (d, wanted) in wanted.iter().enumerate() {
                prop_assert!((dot(system.line(d), &x) - wanted).abs() < 1e-6);
            }
            // The factor of the square gives the same solution: H²x = Hq.
            let right: Vec<f64> = (0..64).map(|d| dot(system.line(d), &wanted)).collect();
            let again = system.square_factor().unwrap().solve(&right);
            for (a, b) in x.iter().zip(again) {
                prop_assert!((a - b).abs() <= 1e-6 * (1.0 + a.abs()));
            }
            // Nothing subtracted: the residual of no witness is the query.
            let residual = system.residual(&q, 3, &[0; 64]);
            prop_assert!(residual.iter().zip(&q).all(|(r, q)| *r == i128::from(*q) << 3));
        }
    }
}
