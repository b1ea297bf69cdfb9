use super::limits::{BAND_WORDS, BANDS, GRAM_TOKENS, MATCHES_MIN, SIGNATURE_WORDS};
use crate::hash::{GOLD, mix64};
use alloc::vec::Vec;
use alloy_primitives::{B256, Keccak256, U256};

/// A MinHash-32 signature.
pub type Signature = [u32; SIGNATURE_WORDS];

/// The signature of nothing: of content with fewer than five tokens.
pub const EMPTY_SIGNATURE: Signature = [u32::MAX; SIGNATURE_WORDS];

/// Signature of a token stream: over the hashes of its 5-grams, with salt 0.
pub fn signature(tokens: &[u32]) -> Signature {
    let grams: Vec<u64> = tokens
        .windows(GRAM_TOKENS)
        .map(|gram| {
            gram.iter().fold(0, |hash, token| {
                mix64(hash ^ u64::from(*token).wrapping_add(1).wrapping_mul(GOLD))
            })
        })
        .collect();
    signature_of_hashes(&grams)
}

/// Signature of a set of hashes: word j is the upper half of the least `mix64(h ^ mix64((j+1)·GOLD))`.
pub fn signature_of_hashes(hashes: &[u64]) -> Signature {
    let mut signature = EMPTY_SIGNATURE;
    for (j, word) in (1u64..).zip(&mut signature) {
        let salt = mix64(j.wrapping_mul(GOLD));
        if let Some(least) = hashes.iter().map(|hash| mix64(hash ^ salt)).min() {
            *word = (least >> 32) as u32;
        }
    }
    signature
}

/// Whether a signature's content was too short to have one.
pub(crate) fn is_empty(signature: &Signature) -> bool {
    *signature == EMPTY_SIGNATURE
}

/// Number of equal words.
pub fn matches(a: &Signature, b: &Signature) -> usize {
    a.iter().zip(b).filter(|(a, b)| a == b).count()
}

/// The candidate that `signature` joins, among clusters with their signatures: the one with the most
/// equal words, at least 16; the lowest id among equals.
pub fn closest<'a>(
    signature: &Signature,
    candidates: impl IntoIterator<Item = (u32, &'a Signature)>,
) -> Option<u32> {
    candidates
        .into_iter()
        .map(|(cluster, candidate)| (matches(signature, candidate), cluster))
        .filter(|(matches, _)| *matches >= MATCHES_MIN)
        .max_by_key(|(matches, cluster)| (*matches, core::cmp::Reverse(*cluster)))
        .map(|(_, cluster)| cluster)
}

/// Hash that a commitment binds a signature by: of its words as u32be.
pub fn signature_hash(signature: &Signature) -> B256 {
    let mut hasher = Keccak256::new();
    for word in signature {
        hasher.update(word.to_be_bytes());
    }
    hasher.finalize()
}

/// Slots of a signature's bands in `space`: `keccak256(space ‖ u64be j ‖ four words as u64be)`.
pub fn band_slots(space: B256, signature: &Signature) -> [U256; BANDS] {
    let mut slots = [U256::ZERO; BANDS];
    for ((j, slot), words) in (0u64..)
        .zip(&mut slots)
        .zip(signature.chunks_exact(BAND_WORDS))
    {
        let mut hasher = Keccak256::new();
        hasher.update(space);
        hasher.update(j.to_be_bytes());
        for word in words {
            hasher.update(u64::from(*word).to_be_bytes());
        }
        *slot = U256::from_be_bytes(hasher.finalize().0);
    }
    slots
}
