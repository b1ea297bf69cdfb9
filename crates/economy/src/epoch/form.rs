//! Whether scores can be proposed at all: the lengths that `EpochScoring.checkForm` asks for.

use super::{
    draw::DRAWS,
    scores::{Draw, Scores, Witnesses},
    scoring::{Set, WITNESS_BYTES},
};
use crate::infer::PROOF_MAX;

/// Gas of a challenge for each cluster, of which a set has no more than rows, and each entry of a row.
const CLUSTER_GAS: u64 = 30_500;
const CLUSTERS_MAX: u64 = 1024;
const ENTRY_GAS: u64 = 4;
/// Most gas of a set that a proposal may be about.
const GAS_MAX: u64 = 24_000_000;

impl Set {
    /// What a challenge about it may cost, gas, beside what is the same for all sets.
    pub fn gas(&self) -> u64 {
        let rows = self.rows().count() as u64;
        // At most 4,096 rows of 1,024 entries.
        CLUSTER_GAS * rows.min(CLUSTERS_MAX) + ENTRY_GAS * rows * u64::from(self.dim)
    }

    /// Whether a proposal may be about it at all.
    pub fn is_settled_by_scores(&self) -> bool {
        self.gas() <= GAS_MAX
    }
}

/// Why scores can't be proposed at all (`EpochScoring.checkForm`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadForm {
    /// Draws, witnesses, shifts, results or bytes aren't as many as they must be.
    #[error("{what}: {given} where {expected} are asked for (WrongLength)")]
    Length {
        /// Of what.
        what: &'static str,
        /// How many there are.
        given: usize,
        /// How many there must be; of siblings of a proof, may be at most.
        expected: usize,
    },
    /// A set is too large to refute a wrong proposal in a transaction.
    #[error("a challenge about set {set} would take {gas} gas, more than {GAS_MAX} (SetTooLarge)")]
    SetTooLarge {
        /// The set.
        set: u64,
        /// What it would take.
        gas: u64,
    },
}

fn require_length(what: &'static str, given: usize, expected: usize) -> Result<(), BadForm> {
    if given == expected {
        return Ok(());
    }
    Err(BadForm::Length {
        what,
        given,
        expected,
    })
}

/// Whether scores and their results have the lengths that the adapter's sets ask for.
///
/// # Errors
/// [`BadForm`].
pub fn check_form(scores: &Scores, results: usize, sets: &[Set]) -> Result<(), BadForm> {
    require_length("results", results, sets.len())?;
    require_length("draws", scores.draws.len(), DRAWS)?;
    require_length("sets of witnesses", scores.witnesses.len(), sets.len())?;
    for draw in &scores.draws {
        if draw.is_shown() {
            require_length("sketches of a draw", draw.sketches.len(), sets.len())?;
        }
        let expected = if draw.is_shown() { PROOF_MAX } else { 0 };
        if draw.proof.len() > expected {
            return Err(BadForm::Length {
                what: "siblings of a proof",
                given: draw.proof.len(),
                expected,
            });
        }
    }
    for (place, (set, witnesses)) in sets.iter().zip(&scores.witnesses).enumerate() {
        if !set.is_settled_by_scores() {
            let (set, gas) = (set.id, set.gas());
            return Err(BadForm::SetTooLarge { set, gas });
        }
        check_witnesses(&scores.draws, place, usize::from(set.dim), witnesses)?;
    }
    Ok(())
}

fn check_witnesses(
    draws: &[Draw],
    set: usize,
    dim: usize,
    witnesses: &Witnesses,
) -> Result<(), BadForm> {
    require_length("witnesses", witnesses.x.len(), DRAWS)?;
    require_length("shifts", witnesses.shift.len(), DRAWS)?;
    for (draw, x) in draws.iter().zip(&witnesses.x) {
        let sketch = draw.sketches.get(set);
        if let Some(sketch) = sketch {
            require_length("bytes of a sketch", sketch.len(), dim)?;
        }
        let bytes = if sketch.is_some() {
            WITNESS_BYTES * dim
        } else {
            0
        };
        require_length("bytes of a witness", x.len(), bytes)?;
    }
    Ok(())
}
