//! Whether a proposal is right.

use super::{
    draw::Draws,
    form::{BadForm, check_form},
    scores::{NotScores, Scores, SetResult},
    scoring::{Fault, Set, compute},
};
use alloy_primitives::B256;
use std::fmt;

/// Why a proposal can't be judged: the chain refuses such ones, so that it is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoProposal {
    /// Its bytes aren't scores.
    #[error(transparent)]
    Scores(#[from] NotScores),
    /// Its lengths aren't the adapter's.
    #[error(transparent)]
    Form(#[from] BadForm),
}

/// What is computed from a proposal's scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The scores.
    pub scores: Scores,
    /// Hashes of the results that were proposed.
    pub proposed: Vec<B256>,
    /// Of each set of the adapter's what follows from the scores.
    pub computed: Vec<Result<SetResult, Fault>>,
}

/// What is wrong with a proposal: a challenge about that set succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong {
    /// Place of the set among the adapter's.
    pub set: usize,
    /// What.
    pub why: Why,
}

/// What is wrong about a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The scores themselves.
    Scores(Fault),
    /// Right scores, with another result than follows from them.
    Result {
        /// Hash of what was proposed.
        proposed: B256,
        /// Hash of what follows.
        computed: B256,
    },
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::Scores(fault) => write!(f, "{fault}"),
            Why::Result { proposed, computed } => write!(
                f,
                "the result of set number {} is {proposed}, and {computed} follows from the scores",
                self.set
            ),
        }
    }
}

/// Computes what follows from a proposal.
///
/// # Errors
/// [`NoProposal`].
pub fn judge(
    draws: &Draws,
    void_draws: u16,
    scores: &[u8],
    proposed: &[B256],
    sets: &[Set],
) -> Result<Judgement, NoProposal> {
    let scores = Scores::decode(scores)?;
    check_form(&scores, proposed.len(), sets)?;
    let computed = sets
        .iter()
        .enumerate()
        .map(|(place, set)| compute(draws, void_draws, &scores, place, set))
        .collect();
    Ok(Judgement {
        scores,
        proposed: proposed.to_vec(),
        computed,
    })
}

impl Judgement {
    /// The first thing that is wrong; `None` if the proposal is right.
    pub fn wrong(&self) -> Option<Wrong> {
        let pairs = self.computed.iter().zip(&self.proposed).enumerate();
        pairs.into_iter().find_map(|(set, (computed, proposed))| {
            let why = match computed {
                Err(fault) => Why::Scores(*fault),
                Ok(result) if result.hash() == *proposed => return None,
                Ok(result) => Why::Result {
                    proposed: *proposed,
                    computed: result.hash(),
                },
            };
            Some(Wrong { set, why })
        })
    }

    /// The results, if the proposal is right.
    pub fn results(&self) -> Option<Vec<SetResult>> {
        if self.wrong().is_some() {
            return None;
        }
        self.computed.iter().cloned().map(Result::ok).collect()
    }
}
