use super::{kernel, limits::SCORE_BITS, row::Row};
use alloc::{vec, vec::Vec};

/// Scores by cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterScores {
    /// Clusters, ascending.
    pub cluster: Vec<u32>,
    /// Sum of the scores of each cluster's rows.
    pub sum: Vec<i128>,
}

impl ClusterScores {
    /// Sums `scores` of rows whose clusters are nondecreasing.
    pub(crate) fn sum(scores: impl IntoIterator<Item = (u32, i128)>) -> Self {
        let mut sums = Self::default();
        for (cluster, score) in scores {
            match sums.sum.last_mut() {
                // At most 4096 scores below 2^53 each.
                Some(sum) if sums.cluster.last() == Some(&cluster) => {
                    *sum = sum.wrapping_add(score);
                }
                _ => {
                    sums.cluster.push(cluster);
                    sums.sum.push(score);
                }
            }
        }
        sums
    }
}

/// Σ_d g_kd·q_d of every row, summed by cluster: the cheap baseline. It ignores what rows have in
/// common.
///
/// Rows as for [`influence`](super::influence()).
pub fn dot_scores<'a>(rows: impl IntoIterator<Item = Row<'a>>, query: &[u8]) -> ClusterScores {
    ClusterScores::sum(
        rows.into_iter()
            .map(|row| (row.cluster, i128::from(kernel::dot(row.vector, query)))),
    )
}

/// KNN-Shapley values times 2^40 of each row, in row order, for a query of class `label`: ranks are by
/// (squared distance, row).
///
/// At most 4096 rows, 1 ≤ `neighbours` ≤ 64; rows as for [`influence`](super::influence()).
pub fn knn_shapley<'a>(
    rows: impl IntoIterator<Item = Row<'a>>,
    query: &[u8],
    label: u16,
    neighbours: u8,
) -> Vec<i64> {
    // The distance in the upper half, the row's number in the lower: one comparison orders by both.
    let mut order = Vec::new();
    let mut matches = Vec::new();
    for (number, row) in (0u32..).zip(rows) {
        let distance = kernel::distance2(row.vector, query);
        order.push(u64::from(distance) << 32 | u64::from(number));
        matches.push(i64::from(row.label == label));
    }
    order.sort_unstable();
    let number = |key: u64| (key & u64::from(u32::MAX)) as usize;
    let matched = |key: u64| matches.get(number(key)).copied().unwrap_or_default();

    let mut scores = vec![0; order.len()];
    let k = i64::from(neighbours.max(1));
    // The last rank's term is that of a pair whose farther half matches nothing; min(K,N)/(K·N) is the
    // same factor as of any other rank.
    let (mut score, mut farther) = (0i64, 0i64);
    for (place, key) in order.iter().enumerate().rev() {
        let rank = (place as i64).saturating_add(1);
        let matched = matched(*key);
        // The numerator is at most 2^46, the divisor between 1 and 2^18.
        let term = matched
            .wrapping_sub(farther)
            .wrapping_mul(k.min(rank) << SCORE_BITS)
            .checked_div(k.wrapping_mul(rank))
            .unwrap_or_default();
        score = score.wrapping_add(term);
        farther = matched;
        if let Some(slot) = scores.get_mut(number(*key)) {
            *slot = score;
        }
    }
    scores
}
