use crate::hash::{GOLD, mix64};
use alloc::vec::Vec;

/// Hash of a k-gram: from `salt`, each token folds in as `mix64(hash ^ (token + 1) · GOLD)`.
pub fn kgram_hash(tokens: &[u32], salt: u64) -> u64 {
    tokens.iter().fold(salt, |hash, token| {
        mix64(hash ^ u64::from(*token).wrapping_add(1).wrapping_mul(GOLD))
    })
}

/// Hashes of all k-grams of `tokens`, by position; none if there are fewer than `k` tokens or `k` is 0.
pub fn kgram_hashes(tokens: &[u32], k: usize, salt: u64) -> Vec<u64> {
    if k == 0 {
        return Vec::new();
    }
    tokens
        .windows(k)
        .map(|kgram| kgram_hash(kgram, salt))
        .collect()
}

/// The fingerprint of a k-gram's hash: its upper 48 bits.
pub const fn fingerprint(hash: u64) -> u64 {
    hash >> 16
}
