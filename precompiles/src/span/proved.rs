//! Scoring against an index off chain: hits with proofs, and the proofs that a claim or an index is wrong.

use super::{
    CANDIDATES_MAX, DF_CAP_DEFAULT, Entry, HITS_MAX, MIN_SPAN_DEFAULT, SpanParameters, SpanScorer,
    SpanScores, TOKENS_MAX, fingerprint, gas,
    interface::IAttrSpan,
    kgram_hashes,
    native::read_scorable,
    require_tokens,
    storage::{self, Mode},
};
use crate::{Arguments, Context, MalformedAbi, Stop, merkle};
use alloc::vec::Vec;
use alloy_primitives::{B256, U256};

/// A leaf of a committed index, where the query has its fingerprint, and its Merkle proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedHit {
    /// Position in the query.
    pub position: u32,
    /// The leaf's entry.
    pub entry: Entry,
    /// The leaf's number.
    pub leaf: u32,
    /// Siblings from the leaf up.
    pub proof: Vec<B256>,
}

/// Words of a hit's head.
pub(super) const HIT_HEAD_WORDS: usize = 6;

impl ProvedHit {
    /// Reads the members of a `Hit`.
    pub(super) fn read(members: &mut Arguments<'_>) -> Result<Self, MalformedAbi> {
        let position = members.uint32()?;
        let entry = Entry {
            fingerprint: members.uint48()?,
            cluster: members.uint32()?,
            locus: members.uint48()?,
        };
        Ok(Self {
            position,
            entry,
            leaf: members.uint32()?,
            proof: members.bytes32_array()?,
        })
    }

    fn place(&self) -> (u32, u32) {
        (self.position, self.leaf)
    }

    /// Whether the query has the entry's fingerprint at the position.
    fn matches(&self, fingerprints: &[u64]) -> bool {
        fingerprints.get(self.position as usize) == Some(&self.entry.fingerprint)
    }

    /// Whether the proof shows that the entry is the leaf of its number.
    fn is_proved(&self, root: &B256, leaves: u32) -> bool {
        let leaf = merkle::leaf(u64::from(self.leaf), &self.entry.to_bytes());
        merkle::verify(
            root,
            u64::from(leaves),
            u64::from(self.leaf),
            leaf,
            &self.proof,
        )
    }
}

/// SPAN-1 over hits in order of (position, leaf).
pub(super) fn score_hits<'a>(
    tokens: usize,
    parameters: SpanParameters,
    hits: impl IntoIterator<Item = &'a ProvedHit>,
) -> SpanScores {
    let mut scorer = SpanScorer::new(u32::try_from(tokens).unwrap_or(u32::MAX), parameters);
    let mut at: Option<u32> = None;
    let mut candidates: Vec<Entry> = Vec::with_capacity(CANDIDATES_MAX);
    let mut settle = |position: Option<u32>, candidates: &mut Vec<Entry>| {
        if let Some(position) = position
            && scorer.admits(candidates)
        {
            candidates
                .iter()
                .for_each(|entry| scorer.add(position, entry));
        }
        candidates.clear();
    };
    for hit in hits {
        if at != Some(hit.position) {
            settle(at, &mut candidates);
            at = Some(hit.position);
        }
        if candidates.len() < CANDIDATES_MAX {
            candidates.push(hit.entry);
        }
    }
    settle(at, &mut candidates);
    scorer.finish()
}

fn fingerprints(tokens: &[u32], k: u8, salt: u64) -> Vec<u64> {
    let hashes = kgram_hashes(tokens, usize::from(k), salt);
    hashes.into_iter().map(fingerprint).collect()
}

/// `scoreSpansProved`. Slots read: the index's offsets 0 and 2.
pub(super) fn score_spans_proved(
    context: &mut Context<'_>,
    id: u64,
    tokens: &[u32],
    hits: &[ProvedHit],
    df_cap: u8,
    min_span: u16,
) -> Result<SpanScores, Stop> {
    let state = read_scorable(context, id, Mode::Proved)?;
    require_tokens(tokens.len())?;
    if hits.len() > HITS_MAX {
        return Err(Stop::revert(IAttrSpan::TooManyHits {
            hits: U256::from(hits.len()),
            max: U256::from(HITS_MAX),
        }));
    }
    let root = storage::read_tail(context, id)?;
    context.charge(gas::query(tokens.len(), state.k))?;
    context.charge(gas::hits(hits.len()))?;

    let fingerprints = fingerprints(tokens, state.k, state.salt);
    let mut previous: Option<(u32, u32)> = None;
    for (index, hit) in hits.iter().enumerate() {
        context.charge(gas::proof(hit.proof.len()))?;
        if previous.is_some_and(|previous| previous >= hit.place()) {
            return Err(Stop::revert(IAttrSpan::HitOrder {
                hit: U256::from(index),
            }));
        }
        previous = Some(hit.place());
        if !hit.matches(&fingerprints) || !hit.is_proved(&root, state.length) {
            return Err(Stop::revert(IAttrSpan::BadHit {
                hit: U256::from(index),
            }));
        }
    }
    let parameters = SpanParameters {
        k: state.k,
        w: state.w,
        df_cap,
        min_span,
    };
    Ok(score_hits(tokens.len(), parameters, hits))
}

/// What `provesOmission` is asked about.
#[derive(Debug)]
pub(super) struct Omission<'a> {
    pub(super) tokens: &'a [u32],
    pub(super) claimed_hash: B256,
    /// keccak256's input: `abi.encode(claimed)` but for its first word, which is 32.
    pub(super) claimed_bytes: &'a [u8],
    pub(super) claimed: &'a [ProvedHit],
    pub(super) missing: &'a ProvedHit,
}

/// `provesOmission`. Slots read: the index's offsets 0 and 2.
pub(super) fn proves_omission(
    context: &mut Context<'_>,
    id: u64,
    omission: &Omission<'_>,
) -> Result<bool, Stop> {
    let Omission {
        tokens,
        claimed,
        missing,
        ..
    } = omission;
    let state = storage::read_opened(context, id)?;
    let too_long = tokens.len() > TOKENS_MAX || claimed.len() > HITS_MAX;
    if state.mode != Mode::Proved || too_long {
        return Ok(false);
    }
    let root = storage::read_tail(context, id)?;

    let encoded_len = omission.claimed_bytes.len().saturating_add(32);
    context.charge(crate::gas::keccak(encoded_len as u64))?;
    let mut hasher = alloy_primitives::Keccak256::new();
    hasher.update(U256::from(32).to_be_bytes::<32>());
    hasher.update(omission.claimed_bytes);
    if hasher.finalize() != omission.claimed_hash {
        return Ok(false);
    }

    context.charge(gas::query(tokens.len(), state.k))?;
    let fingerprints = fingerprints(tokens, state.k, state.salt);
    let ascending = claimed.is_sorted_by(|a, b| a.place() < b.place());
    let well_formed = |hit: &ProvedHit| hit.leaf < state.length && hit.matches(&fingerprints);
    if !ascending || !claimed.iter().all(well_formed) || !missing.matches(&fingerprints) {
        return Ok(false);
    }
    let Err(at) = claimed.binary_search_by_key(&missing.place(), ProvedHit::place) else {
        return Ok(false);
    };
    context.charge(gas::proof(missing.proof.len()))?;
    if !missing.is_proved(&root, state.length) {
        return Ok(false);
    }

    let parameters = SpanParameters {
        k: state.k,
        w: state.w,
        df_cap: DF_CAP_DEFAULT,
        min_span: MIN_SPAN_DEFAULT,
    };
    // Once without, once with the missing one.
    let hits = claimed.len().saturating_mul(2).saturating_add(1);
    context.charge(gas::hits(hits))?;
    let (before, after) = claimed.split_at(at);
    let completed = before.iter().chain([*missing]).chain(after);
    Ok(score_hits(tokens.len(), parameters, *claimed)
        != score_hits(tokens.len(), parameters, completed))
}

/// `provesDisorder`. Slots read: the index's offsets 0 and 2.
pub(super) fn proves_disorder(
    context: &mut Context<'_>,
    id: u64,
    lower: &ProvedHit,
    upper: &ProvedHit,
) -> Result<bool, Stop> {
    let state = storage::read_opened(context, id)?;
    if state.mode != Mode::Proved || lower.leaf.checked_add(1) != Some(upper.leaf) {
        return Ok(false);
    }
    let root = storage::read_tail(context, id)?;
    for hit in [lower, upper] {
        context.charge(gas::proof(hit.proof.len()))?;
        if !hit.is_proved(&root, state.length) {
            return Ok(false);
        }
    }
    Ok(lower.entry >= upper.entry)
}
