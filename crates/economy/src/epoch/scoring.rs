//! From an epoch's queries and witnesses to each cluster's share, as `EpochScoring` and `EpochScores`
//! compute it: docs/spec/protocol.md, Settlement of an epoch, Results.

use super::{
    draw::{DRAWS, Draws, is_void},
    scores::{Scores, SetResult},
};
use openledger_precompiles::{
    sketch::{
        CertifiedQuery, Residual, Row, influence,
        limits::{SHIFT_MAX, SQUARE_MAX, WITNESS_MAX},
        residual, rows,
    },
    split::{gate, split},
};

/// What the shares of a set add up to at most.
pub const UNITS: u64 = 1_000_000_000_000_000_000;
/// Fewest draws with a score for which anybody earns.
pub const SCORED_MIN: usize = 8;
/// A cluster's share is at most so many times the median positive one.
pub const MEDIAN_MULTIPLE: u128 = 8;
/// Deviations by which a cluster's summed score must be above noise.
pub const SIGNIFICANCE: u8 = 1;

/// Scores from here on, in magnitude, count as [`SQUARE_MAX`] where they are squared.
const SQUARE_ROOT_MAX: u128 = 1 << 60;
/// Scores are shifted below this for `split`.
const WEIGHT_MAX: i128 = 1 << 62;
/// Bytes of a witness's entry.
pub(super) const WITNESS_BYTES: usize = 2;

/// A sealed sketch set of kind 0, with its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its number.
    pub id: u64,
    /// Entries of a row.
    pub dim: u16,
    /// Its ridge.
    pub lambda: u64,
    /// Records of its rows, one after the other.
    pub records: Vec<u8>,
}

impl Set {
    /// Its rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        rows(&self.records, self.dim)
    }

    /// Whether a sketch can be scored against it.
    fn is_query(&self, sketch: &[u8]) -> bool {
        sketch.len() == usize::from(self.dim) && sketch.iter().any(|byte| *byte != 0)
    }

    /// How far the witness of a draw is from the solution; `None` if there is nothing to compare.
    pub(super) fn residual(&self, scores: &Scores, set: usize, draw: usize) -> Option<Residual> {
        let query = self.query(scores, set, draw)?;
        // What no proposal can have isn't compared.
        let is_right = query.shift <= SHIFT_MAX
            && query
                .witness
                .iter()
                .all(|x| x.unsigned_abs() <= WITNESS_MAX.unsigned_abs());
        is_right.then(|| residual(self.rows(), self.lambda, &query))
    }

    fn query<'a>(&self, scores: &'a Scores, set: usize, draw: usize) -> Option<CertifiedQuery<'a>> {
        let sketch = scores.draws.get(draw)?.sketches.get(set)?;
        let witnesses = scores.witnesses.get(set)?;
        let x = witnesses.x.get(draw)?;
        if !self.is_query(sketch) || x.len() != WITNESS_BYTES * sketch.len() {
            return None;
        }
        let entries = x.as_chunks::<WITNESS_BYTES>().0.iter();
        Some(CertifiedQuery {
            query: sketch,
            witness: entries.map(|bytes| i16::from_be_bytes(*bytes)).collect(),
            shift: *witnesses.shift.get(draw)?,
        })
    }
}

/// Why scores are wrong, whatever results are named: a challenge of the set succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A shown draw isn't the request that covers its wei of the fee log.
    #[error("draw {draw} isn't the call that the fee log has at its wei")]
    NotDrawn {
        /// Which.
        draw: usize,
    },
    /// The residual is too large.
    #[error("the witness of draw {draw} for set {set} is too far from the solution")]
    Witness {
        /// Which.
        draw: usize,
        /// Of which sketch set.
        set: u64,
    },
    /// An entry is out of range.
    #[error("the witness of draw {draw} for set {set} has an entry beyond ±{WITNESS_MAX}")]
    WitnessRange {
        /// Which.
        draw: usize,
        /// Of which sketch set.
        set: u64,
    },
    /// The shift is out of range.
    #[error("draw {draw} has shift {shift} for set {set}, above {SHIFT_MAX}")]
    Shift {
        /// Which.
        draw: usize,
        /// Of which sketch set.
        set: u64,
        /// The shift.
        shift: u8,
    },
}

/// A set's result that follows from scores whose form is right, set `place` of the adapter's.
///
/// # Errors
/// [`Fault`]: the scores are wrong.
pub fn compute(
    draws: &Draws,
    void_draws: u16,
    scores: &Scores,
    place: usize,
    set: &Set,
) -> Result<SetResult, Fault> {
    let scored = by_draw(draws, void_draws, scores, place, set)?;
    Ok(result(scored.clusters, &scored.by_draw))
}

/// Scores by cluster of the draws that have one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scored {
    /// The set's clusters, ascending; none without a draw.
    pub clusters: Vec<u32>,
    /// Which draws they are.
    pub draws: Vec<usize>,
    /// Of each of them the clusters' scores, times 2^40.
    pub by_draw: Vec<Vec<i128>>,
}

/// The scores of a set's draws, as [`compute`] computes them.
///
/// # Errors
/// [`Fault`]: the scores are wrong.
pub fn by_draw(
    draws: &Draws,
    void_draws: u16,
    scores: &Scores,
    place: usize,
    set: &Set,
) -> Result<Scored, Fault> {
    let mut drawn = Vec::with_capacity(DRAWS);
    for (i, draw) in scores.draws.iter().enumerate() {
        if !draw.is_shown() {
            continue;
        }
        if !draws.is_drawn(i, draw) {
            return Err(Fault::NotDrawn { draw: i });
        }
        if is_void(void_draws, i) {
            continue;
        }
        if let Some(query) = set.query(scores, place, i) {
            drawn.push((i, query));
        }
    }
    let mut scored = Scored::default();
    for (draw, query) in drawn {
        let (clusters, sums) = score(set, draw, query)?;
        scored.clusters = clusters;
        scored.draws.push(draw);
        scored.by_draw.push(sums);
    }
    Ok(scored)
}

/// What follows from the scores by cluster of the draws that have one; empty if they are fewer than
/// [`SCORED_MIN`].
pub fn result(clusters: Vec<u32>, by_draw: &[Vec<i128>]) -> SetResult {
    if by_draw.len() < SCORED_MIN {
        return SetResult::default();
    }
    let divided = divide(by_draw, clusters.len());
    SetResult {
        clusters,
        sums: divided.sums,
        shares: divided.shares,
    }
}

/// The steps from scores to shares, by cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Divided {
    /// Signed sums over the draws.
    pub sums: Vec<i128>,
    /// Weights by `gate`: positive where the sum stands out of noise.
    pub weights: Vec<i64>,
    /// Shares before the guard, of 10¹⁸.
    pub unguarded: Vec<u128>,
    /// Shares.
    pub shares: Vec<u64>,
}

/// Takes the steps from the draws' scores of so many clusters to shares, however few draws they are.
pub fn divide(by_draw: &[Vec<i128>], clusters: usize) -> Divided {
    let (sums, weights) = stand_out(by_draw, clusters);
    let unguarded = means(by_draw, &weights);
    Divided {
        shares: capped(&unguarded),
        sums,
        weights,
        unguarded,
    }
}

/// A query's scores by cluster.
fn score(
    set: &Set,
    draw: usize,
    query: CertifiedQuery<'_>,
) -> Result<(Vec<u32>, Vec<i128>), Fault> {
    let (id, shift) = (set.id, query.shift);
    let limit = WITNESS_MAX.unsigned_abs();
    if query.witness.iter().any(|x| x.unsigned_abs() > limit) {
        return Err(Fault::WitnessRange { draw, set: id });
    }
    if shift > SHIFT_MAX {
        return Err(Fault::Shift {
            draw,
            set: id,
            shift,
        });
    }
    let scores = influence(set.rows(), set.lambda, &[query])
        .map_err(|_| Fault::Witness { draw, set: id })?;
    Ok((scores.cluster, scores.sum))
}

/// Sums over the draws, and the weights of the clusters whose sums stand out.
fn stand_out(by_draw: &[Vec<i128>], clusters: usize) -> (Vec<i128>, Vec<i64>) {
    let mut pairs = vec![(0i128, 0u128); clusters];
    for scores in by_draw {
        for ((sum, squares), score) in pairs.iter_mut().zip(scores) {
            // Scores are below 2^83 in magnitude, squares at most 2^120, and at most 16 are added.
            *sum += score;
            let magnitude = score.unsigned_abs();
            *squares += if magnitude < SQUARE_ROOT_MAX {
                magnitude * magnitude
            } else {
                SQUARE_MAX
            };
        }
    }
    let weights = gate(&pairs, SIGNIFICANCE);
    (pairs.into_iter().map(|(sum, _)| sum).collect(), weights)
}

/// Each draw divides its units by its own positive scores of the clusters that stand out; a share is the
/// mean over all draws of the epoch.
fn means(by_draw: &[Vec<i128>], weights: &[i64]) -> Vec<u128> {
    let mut shares = vec![0u128; weights.len()];
    for scores in by_draw {
        let parts = split(u128::from(UNITS), &positive(scores, weights), 0, 0);
        for (share, part) in shares.iter_mut().zip(parts) {
            *share += part;
        }
    }
    for share in &mut shares {
        *share /= DRAWS as u128;
    }
    shares
}

/// Positive scores of the clusters that stand out, all shifted by the least that brings them below 2^62;
/// else 0.
fn positive(scores: &[i128], weights: &[i64]) -> Vec<i64> {
    let counted = |(score, weight): (&i128, &i64)| if *weight > 0 { (*score).max(0) } else { 0 };
    let values: Vec<i128> = scores.iter().zip(weights).map(counted).collect();
    let max = values.iter().copied().max().unwrap_or_default();
    let mut shift = 0;
    while max >> shift >= WEIGHT_MAX {
        shift += 1;
    }
    // Below 2^62 after the shift.
    values.iter().map(|value| (value >> shift) as i64).collect()
}

/// Cuts shares at a multiple of the median positive one, the lower of two, and divides what was cut once
/// among those that were not.
fn capped(shares: &[u128]) -> Vec<u64> {
    // Shares are at most 10^18.
    let narrow = |share: u128| share as u64;
    let mut positive: Vec<u128> = shares.iter().copied().filter(|share| *share > 0).collect();
    positive.sort_unstable();
    let Some(median) = positive.get(positive.len().saturating_sub(1) / 2) else {
        return vec![0; shares.len()];
    };
    let cap = MEDIAN_MULTIPLE * median;
    let cut: u128 = shares.iter().map(|share| share.saturating_sub(cap)).sum();
    let kept = shares.iter().map(|share| narrow((*share).min(cap)));
    if cut == 0 {
        return kept.collect();
    }
    let others: Vec<i64> = shares
        .iter()
        .map(|share| if *share > cap { 0 } else { *share as i64 })
        .collect();
    kept.zip(split(cut, &others, 0, 0))
        .map(|(kept, part)| kept + narrow(part))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    #[test]
    fn a_share_is_cut_at_eight_times_the_median_and_what_was_cut_divided_once() {
        // Median 10 (the lower of two), cap 80; 20 is cut and divided 1 : 2 : 1 by remainders.
        assert_eq!(capped(&[100, 10, 0, 20, 10]), [80, 15, 0, 30, 15]);
        assert_eq!(capped(&[0, 0]), [0, 0]);
        assert_eq!(capped(&[]), [0u64; 0]);
        assert_eq!(capped(&[5, 5]), [5, 5]);
    }

    #[test]
    fn large_scores_are_shifted_alike() {
        let weights = [1, 1, 0, 1];
        assert_eq!(
            positive(&[1 << 63, (1 << 63) + 4, i128::MAX, -5], &weights),
            [1 << 61, (1 << 61) + 1, 0, 0]
        );
        assert_eq!(positive(&[3, 0, 9, 1], &weights), [3, 0, 0, 1]);
    }

    proptest! {
        /// Shares never exceed the whole, and only the guard moves units between clusters.
        #[test]
        fn shares_add_up_to_at_most_the_whole(
            by_draw in (1usize..9).prop_flat_map(|clusters| {
                let score = prop_oneof![-1_000i128..1_000, -(1i128 << 82)..1 << 82];
                vec(vec(score, clusters), 1..=DRAWS)
            }),
        ) {
            let clusters = by_draw[0].len();
            let (sums, weights) = stand_out(&by_draw, clusters);
            let shares = means(&by_draw, &weights);
            let total: u128 = shares.iter().sum();
            prop_assert!(total <= u128::from(UNITS));
            for ((share, weight), sum) in shares.iter().zip(&weights).zip(&sums) {
                prop_assert!(*share == 0 || (*weight > 0 && *sum > 0));
            }
            let cut: u128 = capped(&shares).into_iter().map(u128::from).sum();
            prop_assert_eq!(cut, total);
        }
    }
}
