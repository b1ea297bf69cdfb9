//! What SPAN's functions cost besides slots, pages, logs and the base of a call.
//!
//! The compute terms were set for the M of [`crate::gas`] and move with it.

/// Per position of the query and token of a k-gram: folding the token into the hash.
pub(crate) const FOLD: u64 = 4;
/// Per token of the query: finding its position's candidates in the index, and assigning it.
pub(crate) const POSITION: u64 = 300;
/// Per hit: chaining it into spans.
pub(crate) const HIT: u64 = 120;
/// Per hit with a proof: its leaf's hash.
pub(crate) const PROVED_HIT: u64 = 60;
/// Per sibling of a proof: a node's hash.
pub(crate) const PROOF_NODE: u64 = 42;

/// Hashing a query of `tokens` tokens and looking up its positions.
pub(crate) const fn query(tokens: usize, k: u8) -> u64 {
    let per_token = FOLD.saturating_mul(k as u64).saturating_add(POSITION);
    per_token.saturating_mul(tokens as u64)
}

/// Chaining `hits` hits.
pub(crate) const fn hits(hits: usize) -> u64 {
    HIT.saturating_mul(hits as u64)
}

/// Verifying a hit whose proof has `proof_len` siblings.
pub(crate) const fn proof(proof_len: usize) -> u64 {
    PROOF_NODE
        .saturating_mul(proof_len as u64)
        .saturating_add(PROVED_HIT)
}
