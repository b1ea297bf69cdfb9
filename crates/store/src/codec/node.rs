//! A trie node's version in `trie_history`.
//!
//! | first byte | rest | node |
//! |---|---|---|
//! | none | | none |
//! | `01` | address | the leaf of that account |
//! | `02` | address ‖ slot without leading zeros | the leaf of that slot |
//! | `03` | hash | the branch with that hash, whose children are all referred to by hash |
//! | `c0`–`ff` | | the node's RLP |
//!
//! A leaf is rebuilt from its account's or slot's own version at the same height, and a branch from
//! its children's.

use super::{trimmed, untrimmed};
use alloy_primitives::{Address, B256, Bytes, U256};
use openledger_trie::{LeafKey, NodeView, RefView};

const ACCOUNT_LEAF: u8 = 1;
const SLOT_LEAF: u8 = 2;
const BRANCH: u8 = 3;
/// First byte of an RLP list.
const RLP_LIST_MIN: u8 = 0xc0;

/// A version of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeRecord<'a> {
    None,
    AccountLeaf(Address),
    SlotLeaf(Address, U256),
    Branch(B256),
    Rlp(&'a [u8]),
}

impl<'a> NodeRecord<'a> {
    pub(crate) fn decode(record: &'a [u8]) -> Option<Self> {
        let Some((&tag, rest)) = record.split_first() else {
            return Some(Self::None);
        };
        match tag {
            ACCOUNT_LEAF => Some(Self::AccountLeaf(Address::try_from(rest).ok()?)),
            SLOT_LEAF => {
                let (address, slot) = rest.split_at_checked(20)?;
                Some(Self::SlotLeaf(
                    Address::from_slice(address),
                    untrimmed(slot)?,
                ))
            }
            BRANCH => Some(Self::Branch(B256::try_from(rest).ok()?)),
            RLP_LIST_MIN.. => Some(Self::Rlp(record)),
            _ => None,
        }
    }
}

/// The record of a node that a block wrote. `owner` is the account whose storage trie it is in.
pub(crate) fn encode(
    node: Option<&Bytes>,
    hash: B256,
    leaf: Option<LeafKey>,
    owner: Option<Address>,
) -> Vec<u8> {
    let Some(node) = node else { return Vec::new() };
    match (leaf, owner) {
        (Some(LeafKey::Account(address)), None) => {
            return [&[ACCOUNT_LEAF], address.as_slice()].concat();
        }
        (Some(LeafKey::Slot(slot)), Some(owner)) => {
            return [&[SLOT_LEAF], owner.as_slice(), &trimmed(slot)].concat();
        }
        _ => {}
    }
    if is_rebuildable_branch(node) {
        return [&[BRANCH], hash.as_slice()].concat();
    }
    node.to_vec()
}

/// Whether a node is a branch whose children all have records of their own.
fn is_rebuildable_branch(node: &[u8]) -> bool {
    match NodeView::decode(node) {
        Ok(NodeView::Branch { children }) => children
            .iter()
            .flatten()
            .all(|child| matches!(child, RefView::Hash(_))),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openledger_trie::{Reference, encode_branch, encode_leaf};

    #[test]
    fn records_round_trip() {
        let address = Address::repeat_byte(3);
        let mut leaf = Vec::new();
        encode_leaf([1; 20].into_iter(), &[9; 40], &mut leaf);
        let leaf = Bytes::from(leaf);
        let hash = B256::repeat_byte(5);
        let record = encode(Some(&leaf), hash, Some(LeafKey::Account(address)), None);
        assert_eq!(
            NodeRecord::decode(&record),
            Some(NodeRecord::AccountLeaf(address))
        );
        for slot in [U256::ZERO, U256::from(8190), U256::MAX] {
            let record = encode(Some(&leaf), hash, Some(LeafKey::Slot(slot)), Some(address));
            assert_eq!(
                NodeRecord::decode(&record),
                Some(NodeRecord::SlotLeaf(address, slot))
            );
        }
        let record = encode(Some(&leaf), hash, None, None);
        assert_eq!(NodeRecord::decode(&record), Some(NodeRecord::Rlp(&leaf)));
        assert_eq!(
            NodeRecord::decode(&encode(None, hash, None, None)),
            Some(NodeRecord::None)
        );

        let by_hash = Reference::hash(hash);
        let mut small = Vec::new();
        encode_leaf([1].into_iter(), &[9], &mut small);
        let embedded = Reference::to_node(&small);
        for (second, rebuildable) in [(by_hash, true), (embedded, false)] {
            let mut branch = Vec::new();
            let child = |n| match n {
                3 => Some(&by_hash),
                8 => Some(&second),
                _ => None,
            };
            encode_branch(child, &mut branch);
            let branch = Bytes::from(branch);
            let expected = if rebuildable {
                NodeRecord::Branch(hash)
            } else {
                NodeRecord::Rlp(&branch)
            };
            let record = encode(Some(&branch), hash, None, None);
            assert_eq!(NodeRecord::decode(&record), Some(expected));
        }
        for bad in [&[1, 2][..], &[2, 0], &[3], &[4], &[0x80]] {
            assert_eq!(NodeRecord::decode(bad), None);
        }
    }
}
