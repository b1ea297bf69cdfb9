use super::{
    kernel::{Weighted, dot_witness},
    limits::{LAMBDA_DIVISOR, RESIDUAL_DIVISOR, SCORE_BITS, SQUARE_MAX},
    row::Row,
};
use crate::integer::tdiv;
use alloc::{vec, vec::Vec};
use alloy_primitives::U256;

/// A query with its certificate: the claim that `witness` is close to `2^shift·(GᵀG + λI)⁻¹·query`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertifiedQuery<'a> {
    /// dim entries in two's complement.
    pub query: &'a [u8],
    /// dim entries of magnitude at most 16383.
    pub witness: Vec<i16>,
    /// At most 62.
    pub shift: u8,
}

/// Scores by cluster, in the rows' cluster order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InfluenceScores {
    /// Clusters, ascending.
    pub cluster: Vec<u32>,
    /// Sum over the batch of the cluster's scores, times 2^40.
    pub sum: Vec<i128>,
    /// Sum over the batch of the squares of the cluster's scores, each at most 2^120.
    pub sum_sq: Vec<u128>,
}

/// A query's witness is too far from the solution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the witness of query {query} is rejected")]
pub struct WitnessRejected {
    /// The first such query's place in the batch.
    pub query: usize,
}

/// λ of a set whose rows' squared norms add up to `sum_norm2`: `max(1, ⌈sumNorm2/1024⌉)`.
pub const fn lambda(sum_norm2: u64) -> u64 {
    let quotient = sum_norm2.div_ceil(LAMBDA_DIVISOR);
    if quotient == 0 { 1 } else { quotient }
}

/// Certified influence of every cluster on a batch of queries: checks each witness's residual against
/// the rows, and sums the scores that fall out of the check.
///
/// Rows come in nondecreasing cluster order, with as many entries as each query and witness (at most
/// 1024); at most 4096 rows and 16 queries; `lambda` below 2^27. Within these nothing overflows.
///
/// # Errors
/// [`WitnessRejected`] for the first query whose residual's norm exceeds 1/256 of its own.
pub fn influence<'a>(
    rows: impl IntoIterator<Item = Row<'a>>,
    lambda: u64,
    queries: &[CertifiedQuery<'_>],
) -> Result<InfluenceScores, WitnessRejected> {
    let rows: Vec<Row<'a>> = rows.into_iter().collect();
    let mut cluster: Vec<u32> = Vec::new();
    // Each row's cluster, by its place among the clusters.
    let places: Vec<usize> = rows
        .iter()
        .map(|row| {
            if cluster.last() != Some(&row.cluster) {
                cluster.push(row.cluster);
            }
            cluster.len().saturating_sub(1)
        })
        .collect();
    let mut batch: Vec<Partial> = queries
        .iter()
        .map(|query| Partial {
            weighted: Weighted::new(query.query.len()),
            sums: vec![0; cluster.len()],
        })
        .collect();
    // A block's rows and one query's partial sums fit the first-level cache together.
    for (block, places) in rows.chunks(BLOCK_ROWS).zip(places.chunks(BLOCK_ROWS)) {
        for (query, partial) in queries.iter().zip(&mut batch) {
            for (row, place) in block.iter().zip(places) {
                let a = dot_witness(row.vector, &query.witness);
                partial.weighted.add(row.vector, a);
                if let Some(sum) = partial.sums.get_mut(*place) {
                    *sum = sum.wrapping_add(scaled(a, query.shift));
                }
            }
        }
    }
    let mut scores = InfluenceScores {
        sum: vec![0; cluster.len()],
        sum_sq: vec![0; cluster.len()],
        cluster,
    };
    for (place, (query, partial)) in queries.iter().zip(batch).enumerate() {
        let residual = residual_of(query, &partial.weighted.finish(), lambda);
        if !residual.is_within(RESIDUAL_DIVISOR) {
            return Err(WitnessRejected { query: place });
        }
        // At most 16 sums below 2^83 each, and squares of at most 2^120.
        for ((sum, total), squares) in partial
            .sums
            .into_iter()
            .zip(&mut scores.sum)
            .zip(&mut scores.sum_sq)
        {
            *total = total.wrapping_add(sum);
            *squares = squares.wrapping_add(capped_square(sum));
        }
    }
    Ok(scores)
}

/// Rows that are scored for one query after the other.
const BLOCK_ROWS: usize = 16;

/// What a query has of the rows so far.
struct Partial {
    weighted: Weighted,
    /// By the cluster's place.
    sums: Vec<i128>,
}

/// a_k = Σ_d g_kd·x_d of every row: the scores before they are scaled.
///
/// Rows and witness as for [`influence`].
pub fn row_scores<'a>(rows: impl IntoIterator<Item = Row<'a>>, witness: &[i16]) -> Vec<i32> {
    rows.into_iter()
        .map(|row| dot_witness(row.vector, witness))
        .collect()
}

/// How far a witness is from the solution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Residual {
    /// Σ (2^shift·q − u − λx)², below 2^150.
    pub residual2: U256,
    /// Σ (2^shift·q)², below 2^150.
    pub query2: U256,
}

impl Residual {
    /// Whether the residual's norm is at most 1/`divisor` of the query's; the chain's divisor is
    /// [`RESIDUAL_DIVISOR`].
    pub fn is_within(&self, divisor: u32) -> bool {
        let divisor = U256::from(divisor);
        // Below 2^(150 + 64).
        let scaled = self.residual2.wrapping_mul(divisor).wrapping_mul(divisor);
        scaled <= self.query2
    }
}

/// The residual of a query's witness.
///
/// Rows, lambda and query as for [`influence`].
pub fn residual<'a>(
    rows: impl IntoIterator<Item = Row<'a>>,
    lambda: u64,
    query: &CertifiedQuery<'_>,
) -> Residual {
    let mut weighted = Weighted::new(query.query.len());
    for row in rows {
        weighted.add(row.vector, dot_witness(row.vector, &query.witness));
    }
    residual_of(query, &weighted.finish(), lambda)
}

/// `min(value², 2^120)`.
fn capped_square(value: i128) -> u128 {
    let magnitude = value.unsigned_abs();
    match magnitude.checked_mul(magnitude) {
        Some(square) if square < SQUARE_MAX => square,
        _ => SQUARE_MAX,
    }
}

/// `a·2^(40−shift)`, truncated toward zero.
fn scaled(a: i32, shift: u8) -> i128 {
    let a = i128::from(a);
    match SCORE_BITS.checked_sub(shift) {
        Some(up) => a << up,
        // An exponent of at most 22: the divisor is positive.
        None => tdiv(a, 1 << shift.wrapping_sub(SCORE_BITS)).unwrap_or_default(),
    }
}

/// The residual of a query, where `weighted` is u.
fn residual_of(query: &CertifiedQuery<'_>, weighted: &[i64], lambda: u64) -> Residual {
    let (mut residual, mut norm) = (SquareSum::default(), SquareSum::default());
    for ((q, x), u) in query.query.iter().zip(&query.witness).zip(weighted) {
        // |q·2^shift| ≤ 2^69, |u| < 2^51 and |λx| < 2^41.
        let target = i128::from(*q as i8) << query.shift;
        let regular = i128::from(lambda).wrapping_mul(i128::from(*x));
        residual.add(target.wrapping_sub(i128::from(*u)).wrapping_sub(regular));
        norm.add(target);
    }
    Residual {
        residual2: residual.total(),
        query2: norm.total(),
    }
}

/// A sum of squares of integers below 2^126, at most 1024 of them.
#[derive(Debug, Default)]
struct SquareSum {
    /// Squares below 2^116: 1024 of them fit.
    small: u128,
    large: U256,
}

impl SquareSum {
    fn add(&mut self, value: i128) {
        let magnitude = value.unsigned_abs();
        if magnitude < 1 << 58 {
            self.small = self.small.wrapping_add(magnitude.wrapping_mul(magnitude));
        } else {
            let wide = U256::from(magnitude);
            self.large = self.large.wrapping_add(wide.wrapping_mul(wide));
        }
    }

    fn total(&self) -> U256 {
        self.large.wrapping_add(U256::from(self.small))
    }
}
