//! Merkle roots over numbered items: of SPAN's index entries and of LORA's data chunks.
//!
//! A leaf is `keccak256(0x00 ‖ u64be index ‖ item)`, a node `keccak256(0x01 ‖ left ‖ right)`; the last
//! node of a level with an odd number of nodes rises to the next level unchanged.

use alloc::vec::Vec;
use alloy_primitives::{B256, Keccak256};

/// Most siblings that a proof among at most 2^64 leaves has.
pub const PROOF_LEN_MAX: usize = 64;

/// Hash of the item `index`.
pub fn leaf(index: u64, item: &[u8]) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update([0]);
    hasher.update(index.to_be_bytes());
    hasher.update(item);
    hasher.finalize()
}

/// Hash of two nodes.
pub fn node(left: &B256, right: &B256) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update([1]);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize()
}

/// Number of siblings in the proof of leaf `index` among `leaves`; `None` where there is no such leaf.
pub const fn proof_len(leaves: u64, index: u64) -> Option<usize> {
    if index >= leaves {
        return None;
    }
    let (mut width, mut position, mut len) = (leaves, index, 0usize);
    while width > 1 {
        if position ^ 1 < width {
            len = len.saturating_add(1);
        }
        position >>= 1;
        width = width.div_ceil(2);
    }
    Some(len)
}

/// Whether `proof` shows that the leaf of `index` among `leaves` under `root` has the hash `leaf`.
///
/// A proof with fewer or more siblings than the position needs is refused.
pub fn verify(root: &B256, leaves: u64, index: u64, leaf: B256, proof: &[B256]) -> bool {
    if proof_len(leaves, index) != Some(proof.len()) {
        return false;
    }
    let mut siblings = proof.iter();
    let (mut hash, mut width, mut position) = (leaf, leaves, index);
    while width > 1 {
        if position ^ 1 < width {
            let Some(sibling) = siblings.next() else {
                return false;
            };
            hash = if position & 1 == 0 {
                node(&hash, sibling)
            } else {
                node(sibling, &hash)
            };
        }
        position >>= 1;
        width = width.div_ceil(2);
    }
    hash == *root
}

/// The level above `level`.
fn parents(level: &[B256]) -> Vec<B256> {
    level
        .chunks(2)
        .map(|pair| match pair {
            [left, right] => node(left, right),
            [odd] => *odd,
            // `chunks(2)` yields one or two elements.
            _ => B256::ZERO,
        })
        .collect()
}

/// Root over leaf hashes; `None` if there are none.
pub fn root(leaves: &[B256]) -> Option<B256> {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = parents(&level);
    }
    level.first().copied()
}

/// Proof of leaf `index`; `None` where there is no such leaf.
pub fn proof(leaves: &[B256], index: usize) -> Option<Vec<B256>> {
    if index >= leaves.len() {
        return None;
    }
    let (mut level, mut position, mut siblings) = (leaves.to_vec(), index, Vec::new());
    while level.len() > 1 {
        siblings.extend(level.get(position ^ 1).copied());
        level = parents(&level);
        position >>= 1;
    }
    Some(siblings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaves(count: u64) -> Vec<B256> {
        (0..count)
            .map(|index| leaf(index, &[index as u8; 3]))
            .collect()
    }

    proptest! {
        #[test]
        fn proofs_hold_for_their_leaf_alone(count in 1u64..70, index in 0u64..70, other in 0u64..70) {
            let leaves = leaves(count);
            let root = root(&leaves).unwrap();
            match proof(&leaves, index as usize) {
                None => prop_assert!(index >= count),
                Some(siblings) => {
                    let hash = leaves[index as usize];
                    prop_assert!(verify(&root, count, index, hash, &siblings));
                    prop_assert_eq!(proof_len(count, index), Some(siblings.len()));
                    if other != index {
                        prop_assert!(!verify(&root, count, other, hash, &siblings));
                    }
                    let mut longer = siblings.clone();
                    longer.push(B256::ZERO);
                    prop_assert!(!verify(&root, count, index, hash, &longer));
                    if !siblings.is_empty() {
                        prop_assert!(!verify(&root, count, index, hash, &siblings[1..]));
                    }
                }
            }
        }
    }

    #[test]
    fn the_root_of_nothing_is_nothing() {
        assert_eq!(root(&[]), None);
        assert_eq!(proof(&[], 0), None);
        assert_eq!(proof_len(0, 0), None);
        assert!(proof_len(u64::MAX, u64::MAX - 1).unwrap() <= PROOF_LEN_MAX);
    }
}
