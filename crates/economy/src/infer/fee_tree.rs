//! Merkle sum trees over the calls of a channel, as `contracts/src/libraries/FeeTree.sol` has them.
//!
//! A leaf's sum is its call's price, a node's the sum of its children; an odd node at the end of a level rises as it is. So the
//! leaves cover the wei from 0 to the root's sum in order, and a proof shows which call covers a wei.
//!
//! [`FeeFrontier`] is all that is needed to append and to know the root; [`FeeTree`] keeps every node, for proofs.

use alloy_primitives::{B256, Keccak256, U256, keccak256};
use alloy_sol_types::SolValue;

/// Most siblings of a proof: a tree of more calls than any channel has.
pub const PROOF_MAX: usize = 40;

/// A call, as the tree commits to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// What names the call.
    pub request_id: B256,
    /// Its price in wei, without the platform fee. A call without a price covers no wei.
    pub price: u128,
    /// Hash of its query's sketches.
    pub query_sketch_hash: B256,
}

impl Leaf {
    /// `keccak256(0x00 ‖ abi.encode(requestId, price, querySketchHash))`.
    pub fn hash(&self) -> B256 {
        let encoded = (self.request_id, self.price, self.query_sketch_hash).abi_encode();
        keccak256([&[0u8][..], &encoded].concat())
    }

    fn node(&self) -> Node {
        Node {
            hash: self.hash(),
            sum: self.price,
        }
    }
}

/// A node, and with the highest one a tree: a hash and the sum of the prices below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// The hash, which binds both children's sums.
    pub hash: B256,
    /// Sum of the prices, wei.
    pub sum: u128,
}

impl Node {
    /// The node above two.
    fn above(left: &Self, right: &Self) -> Self {
        Self {
            hash: hash_node(
                left.hash,
                U256::from(left.sum),
                right.hash,
                U256::from(right.sum),
            ),
            // Both are parts of a sum that was checked when the later of their leaves was appended.
            sum: left.sum.saturating_add(right.sum),
        }
    }
}

/// What stands beside the way from a leaf to the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sibling {
    /// Its hash.
    pub hash: B256,
    /// Its sum, wei.
    pub sum: u128,
    /// Whether it is the left one.
    pub is_left: bool,
}

/// Why a leaf can't be appended: the prices are more than 128 bits together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a price of {price} wei on top of {sum} wei is beyond 128 bits")]
pub struct SumTooLarge {
    /// Sum of the leaves there are.
    pub sum: u128,
    /// The price that is too much.
    pub price: u128,
}

/// `keccak256(0x01 ‖ left ‖ u256be leftSum ‖ right ‖ u256be rightSum)`.
pub fn hash_node(left: B256, left_sum: U256, right: B256, right_sum: U256) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update([1]);
    hasher.update(left);
    hasher.update(left_sum.to_be_bytes::<32>());
    hasher.update(right);
    hasher.update(right_sum.to_be_bytes::<32>());
    hasher.finalize()
}

/// Whether `leaf` is the one that covers the wei at `offset` of the tree under `root`, whose sum is `sum`. A proof of more than
/// [`PROOF_MAX`] siblings shows nothing.
pub fn covers(root: B256, sum: U256, offset: U256, leaf: &Leaf, proof: &[Sibling]) -> bool {
    if proof.len() > PROOF_MAX {
        return false;
    }
    let mut hash = leaf.hash();
    let mut below = U256::from(leaf.price);
    let mut start = U256::ZERO;
    for sibling in proof {
        let beside = U256::from(sibling.sum);
        if sibling.is_left {
            hash = hash_node(sibling.hash, beside, hash, below);
            start += beside;
        } else {
            hash = hash_node(hash, below, sibling.hash, beside);
        }
        // At most 41 numbers below 2^128 are added.
        below += beside;
    }
    hash == root && below == sum && start <= offset && offset - start < U256::from(leaf.price)
}

/// The right edge of a tree: what appending and the root need, a node for each bit of the number of leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeeFrontier {
    /// At place k the last whole subtree of 2^k leaves, if it is nobody's left child yet.
    peaks: Vec<Option<Node>>,
    count: u64,
    sum: u128,
}

impl FeeFrontier {
    /// Number of leaves.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Sum of their prices, wei.
    pub const fn sum(&self) -> u128 {
        self.sum
    }

    /// Appends a leaf.
    ///
    /// # Errors
    /// If the prices were more than 128 bits together; then nothing has changed.
    pub fn append(&mut self, leaf: &Leaf) -> Result<(), SumTooLarge> {
        self.sum = checked_sum(self.sum, leaf)?;
        self.count += 1;
        let mut node = leaf.node();
        for peak in &mut self.peaks {
            match peak.take() {
                Some(left) => node = Node::above(&left, &node),
                None => {
                    *peak = Some(node);
                    return Ok(());
                }
            }
        }
        self.peaks.push(Some(node));
        Ok(())
    }

    /// The root; `None` of no leaves.
    pub fn root(&self) -> Option<Node> {
        self.peaks.iter().flatten().fold(None, rise)
    }
}

/// A tree with all its nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeeTree {
    /// At place k the whole subtrees of 2^k leaves, in order.
    levels: Vec<Vec<Node>>,
    /// For each leaf the wei before it and its own.
    ends: Vec<u128>,
}

impl FeeTree {
    /// The tree over leaves in their order.
    ///
    /// # Errors
    /// If the prices are more than 128 bits together.
    pub fn new<'a>(leaves: impl IntoIterator<Item = &'a Leaf>) -> Result<Self, SumTooLarge> {
        let mut tree = Self::default();
        for leaf in leaves {
            tree.append(leaf)?;
        }
        Ok(tree)
    }

    /// Appends a leaf.
    ///
    /// # Errors
    /// If the prices were more than 128 bits together; then nothing has changed.
    pub fn append(&mut self, leaf: &Leaf) -> Result<(), SumTooLarge> {
        self.ends.push(checked_sum(self.sum(), leaf)?);
        let mut node = leaf.node();
        for level in &mut self.levels {
            level.push(node);
            let [.., left, right] = level.as_slice() else {
                return Ok(());
            };
            if !level.len().is_multiple_of(2) {
                return Ok(());
            }
            node = Node::above(left, right);
        }
        self.levels.push(vec![node]);
        Ok(())
    }

    /// Number of leaves.
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no leaves.
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Sum of the prices, wei.
    pub fn sum(&self) -> u128 {
        self.ends.last().copied().unwrap_or_default()
    }

    /// The root; `None` of no leaves.
    pub fn root(&self) -> Option<Node> {
        self.levels
            .iter()
            .filter_map(|level| odd(level))
            .fold(None, rise)
    }

    /// Place of the leaf that covers the wei at `offset`; `None` beyond the sum.
    pub fn place_of(&self, offset: u128) -> Option<usize> {
        let place = self.ends.partition_point(|end| *end <= offset);
        (place < self.len()).then_some(place)
    }

    /// Siblings from the leaf at `place` up to the root; `None` if there is no such leaf.
    pub fn proof(&self, place: usize) -> Option<Vec<Sibling>> {
        if place >= self.len() {
            return None;
        }
        let mut proof = Vec::new();
        let mut position = place;
        // What rose from the levels below: the node behind the whole subtrees of a level.
        let mut edge: Option<Node> = None;
        for level in &self.levels {
            let beside = position ^ 1;
            let sibling = match level.get(beside) {
                Some(node) => Some(node),
                None if beside == level.len() => edge.as_ref(),
                None => None,
            };
            proof.extend(sibling.map(|node| Sibling {
                hash: node.hash,
                sum: node.sum,
                is_left: beside < position,
            }));
            if let Some(peak) = odd(level) {
                edge = rise(edge, peak);
            }
            position /= 2;
        }
        Some(proof)
    }
}

/// The last node of a level if it has no sibling.
fn odd(level: &[Node]) -> Option<&Node> {
    level.last().filter(|_| !level.len().is_multiple_of(2))
}

/// What rose from below, under or beside the next higher subtree.
fn rise(below: Option<Node>, peak: &Node) -> Option<Node> {
    Some(below.map_or(*peak, |below| Node::above(peak, &below)))
}

fn checked_sum(sum: u128, leaf: &Leaf) -> Result<u128, SumTooLarge> {
    sum.checked_add(leaf.price).ok_or(SumTooLarge {
        sum,
        price: leaf.price,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn leaf(number: u64, price: u128) -> Leaf {
        Leaf {
            request_id: keccak256(number.to_be_bytes()),
            price,
            query_sketch_hash: B256::with_last_byte(number as u8),
        }
    }

    /// The root level by level, as the contract's library computes it.
    fn model(leaves: &[Leaf]) -> Option<Node> {
        let mut level: Vec<Node> = leaves.iter().map(Leaf::node).collect();
        while level.len() > 1 {
            level = level
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => Node::above(left, right),
                    alone => alone[0],
                })
                .collect();
        }
        level.pop()
    }

    #[test]
    fn no_leaves_have_no_root() {
        assert_eq!(FeeFrontier::default().root(), None);
        assert_eq!(FeeTree::default().root(), None);
        assert_eq!(FeeTree::default().proof(0), None);
        assert_eq!(FeeTree::default().place_of(0), None);
    }

    #[test]
    fn sums_beyond_128_bits_are_refused_and_change_nothing() {
        let first = leaf(1, u128::MAX);
        let mut tree = FeeTree::new([&first]).unwrap();
        let mut frontier = FeeFrontier::default();
        frontier.append(&first).unwrap();
        let before = (tree.clone(), frontier.clone());
        let refused = SumTooLarge {
            sum: u128::MAX,
            price: 1,
        };
        assert_eq!(tree.append(&leaf(2, 1)), Err(refused));
        assert_eq!(frontier.append(&leaf(2, 1)), Err(refused));
        assert_eq!((tree, frontier), before);
    }

    #[test]
    fn a_proof_that_is_too_long_shows_nothing() {
        let first = leaf(1, 9);
        let sibling = Sibling {
            hash: B256::ZERO,
            sum: u128::MAX,
            is_left: true,
        };
        for length in [PROOF_MAX, PROOF_MAX + 1] {
            let (mut hash, mut sum) = (first.hash(), U256::from(9));
            for _ in 0..length {
                hash = hash_node(sibling.hash, U256::from(sibling.sum), hash, sum);
                sum += U256::from(sibling.sum);
            }
            let shown = covers(
                hash,
                sum,
                sum - U256::from(1),
                &first,
                &vec![sibling; length],
            );
            assert_eq!(shown, length == PROOF_MAX);
        }
    }

    proptest! {
        #[test]
        fn both_forms_have_the_contract_s_root(prices in vec(prop_oneof![Just(0), 0..5u128, 0..1u128 << 100], 1..40)) {
            let mut leaves = Vec::new();
            let (mut tree, mut frontier) = (FeeTree::default(), FeeFrontier::default());
            for (number, price) in prices.iter().enumerate() {
                leaves.push(leaf(number as u64, *price));
                tree.append(&leaves[number]).unwrap();
                frontier.append(&leaves[number]).unwrap();
                prop_assert_eq!(tree.root(), model(&leaves));
                prop_assert_eq!(frontier.root(), model(&leaves));
                prop_assert_eq!(frontier.count() as usize, tree.len());
            }
            prop_assert_eq!(tree.root().unwrap().sum, prices.iter().sum::<u128>());
            prop_assert_eq!(frontier.sum(), tree.sum());
        }

        #[test]
        fn exactly_the_leaf_that_the_sums_say_is_shown(
            prices in vec(prop_oneof![Just(0), 0..5u128, 0..1u128 << 100], 1..40),
            draw in any::<u128>(),
        ) {
            let leaves: Vec<Leaf> = prices
                .iter()
                .enumerate()
                .map(|(number, price)| leaf(number as u64, *price))
                .collect();
            let tree = FeeTree::new(&leaves).unwrap();
            let root = tree.root().unwrap();
            prop_assert_eq!(tree.place_of(root.sum), None);
            let Some(offset) = draw.checked_rem(root.sum) else { return Ok(()) };
            let place = tree.place_of(offset).unwrap();
            let before: u128 = prices[..place].iter().sum();
            prop_assert!(before <= offset && offset - before < prices[place]);
            for (number, leaf) in leaves.iter().enumerate() {
                let proof = tree.proof(number).unwrap();
                prop_assert!(proof.len() <= 6);
                let shown = covers(root.hash, U256::from(root.sum), U256::from(offset), leaf, &proof);
                prop_assert_eq!(shown, number == place);
            }
            let proof = tree.proof(place).unwrap();
            let wrong = U256::from(root.sum) + U256::from(1);
            prop_assert!(!covers(root.hash, wrong, U256::from(offset), &leaves[place], &proof));
        }
    }
}
