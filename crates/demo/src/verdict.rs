//! The conditions that the demonstration ends with.

use crate::{
    statistics::mean,
    study::{Study, part},
    world::{COPIED, COPIER, FLOODER, RARE},
};

/// What junk may take of what contributors are paid.
const JUNK_MAX: f64 = 0.10;
/// How many times their part of the rows the rare class's contributor must have.
const RARE_MULTIPLE_MIN: f64 = 1.5;
/// By how much that class's accuracy must fall without them.
const RARE_ACCURACY_MIN: f64 = 0.10;
/// Least rank correlation of payouts with worth, the mean over the seeds.
const SPEARMAN_MIN: f64 = 0.6;
/// What a payer of a hundredth of the fees may move, part of the pool.
const STEERING_MAX: f64 = 0.02;

/// A condition, and whether it holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    /// What was looked at and came out.
    pub(crate) what: String,
    /// What must be.
    pub(crate) bound: String,
    /// Whether it is so.
    pub(crate) holds: bool,
}

impl Condition {
    /// A condition.
    pub(crate) const fn new(what: String, bound: String, holds: bool) -> Self {
        Self { what, bound, holds }
    }
}

/// What the seeds that no chain ran, and the one that a chain ran, come to.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    /// Paid to each contributor of the first Datanet.
    pub(crate) paid: &'a [u128],
    /// What would have been paid without copies, in the same units.
    pub(crate) without_copies: &'a [u128],
    /// Splits that the payouts were divided by: a wei each may be elsewhere.
    pub(crate) splits: u128,
    /// The study of the same seed: what contributors are worth.
    pub(crate) study: &'a Study,
    /// Correlations of other seeds.
    pub(crate) other_spearmans: &'a [f64],
    /// What a payer who steers moves of the pool, on average over draws.
    pub(crate) steering: f64,
}

/// The conditions of the demonstration.
pub(crate) fn conditions(evidence: &Evidence<'_>) -> Vec<Condition> {
    let Evidence {
        paid,
        without_copies,
        study,
        ..
    } = evidence;
    let of = |paid: &[u128], who: usize| paid.get(who).copied().unwrap_or_default();
    let copied = of(paid, COPIED) + of(paid, COPIER);
    let alone = of(without_copies, COPIED);
    let gain = copied as f64 / (alone as f64).max(1.0);
    let junk = part(paid, FLOODER);
    let multiple = part(paid, RARE) / study.row_shares.get(RARE).copied().unwrap_or(1.0);
    let (with, without) = study.worth.rare_accuracy;
    let correlations: Vec<f64> = [study.worth.spearman(paid)]
        .into_iter()
        .chain(evidence.other_spearmans.iter().copied())
        .collect();
    let shown: Vec<String> = correlations
        .iter()
        .map(|value| format!("{value:.2}"))
        .collect();
    vec![
        Condition::new(
            format!(
                "copies under eight accounts: owner and copies earn {gain:.4} times what the owner earns alone"
            ),
            "at most 1.00, within a wei a split".to_owned(),
            copied <= alone + evidence.splits && of(paid, COPIER) == 0,
        ),
        Condition::new(
            format!("junk, a fifth of the rows, takes {junk:.3} of what contributors are paid"),
            format!("at most {JUNK_MAX:.2}"),
            junk <= JUNK_MAX,
        ),
        Condition::new(
            format!(
                "the rare class's contributor earns {multiple:.2} times the part of rows that is theirs"
            ),
            format!("at least {RARE_MULTIPLE_MIN}"),
            multiple >= RARE_MULTIPLE_MIN,
        ),
        Condition::new(
            format!(
                "without them that class's accuracy is {:.1} % instead of {:.1} %",
                without * 100.0,
                with * 100.0
            ),
            format!("at least {:.0} points less", RARE_ACCURACY_MIN * 100.0),
            with - without >= RARE_ACCURACY_MIN,
        ),
        Condition::new(
            format!(
                "rank correlation of payouts with the loss of a model without the contributor: {} (seeds: {})",
                format_args!("{:.2}", mean(&correlations)),
                shown.join(", ")
            ),
            format!("at least {SPEARMAN_MIN} over {} seeds", correlations.len()),
            mean(&correlations) >= SPEARMAN_MIN,
        ),
        Condition::new(
            format!(
                "a payer of 1 % of the fees who steers for one cluster moves it by {:.2} % of the pool",
                evidence.steering * 100.0
            ),
            format!("at most {:.0} %", STEERING_MAX * 100.0),
            evidence.steering <= STEERING_MAX,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{study::Worth, world::CONTRIBUTORS};

    fn study() -> Study {
        Study {
            paid: Vec::new(),
            drawn: Vec::new(),
            worth: Worth {
                losses: (0..CONTRIBUTORS).map(|who| (who, -(who as f64))).collect(),
                rare_accuracy: (0.9, 0.7),
                accuracy: 0.9,
            },
            row_shares: vec![0.1; CONTRIBUTORS],
            steering: 0.01,
        }
    }

    /// Each condition fails by itself where its own number is wrong.
    #[test]
    fn each_condition_can_fail() {
        let study = study();
        let mut right = vec![10_000u128; CONTRIBUTORS];
        for (who, paid) in right.iter_mut().enumerate() {
            *paid -= 100 * who as u128;
        }
        right[COPIER] = 0;
        right[FLOODER] = 5;
        right[RARE] = 30_000;
        let outcomes = |paid: &[u128], study: &Study, steering: f64| -> Vec<bool> {
            let evidence = Evidence {
                paid,
                without_copies: &right,
                splits: 32,
                study,
                other_spearmans: &[0.9, 0.9],
                steering,
            };
            conditions(&evidence).into_iter().map(|c| c.holds).collect()
        };
        assert_eq!(outcomes(&right, &study, 0.01), [true; 6]);
        let mut copies = right.clone();
        copies[COPIED] += 33;
        assert!(!outcomes(&copies, &study, 0.01)[0]);
        let mut junk = right.clone();
        junk[FLOODER] = 20_000;
        assert!(!outcomes(&junk, &study, 0.01)[1]);
        let mut poor = right.clone();
        poor[RARE] = 10;
        assert!(!outcomes(&poor, &study, 0.01)[2]);
        let mut useless = study.clone();
        useless.worth.rare_accuracy = (0.9, 0.81);
        assert!(!outcomes(&right, &useless, 0.01)[3]);
        let mut reversed = study.clone();
        for (_, loss) in &mut reversed.worth.losses {
            *loss = -*loss;
        }
        reversed.worth.losses[RARE].1 = -100.0;
        let worth = reversed.worth.spearman(&right);
        assert!(worth < 0.0);
        assert_eq!(
            outcomes(&right, &reversed, 0.01)[4],
            (worth + 1.8) / 3.0 >= SPEARMAN_MIN
        );
        assert!(!outcomes(&right, &study, 0.021)[5]);
    }
}
