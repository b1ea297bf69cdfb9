//! What the tests compare with: a trie built naively from all its leaves, and a node store.

use crate::{NodeUpdate, Reference, encode_branch, encode_extension, encode_leaf, unpack_key};
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{HashBuilder, Nibbles};
use core::sync::atomic::{AtomicUsize, Ordering};
use openledger_primitives::{EMPTY_ROOT_HASH, NodeReader};

/// Nodes by (account, path).
pub(super) type Nodes = BTreeMap<(Option<B256>, Vec<u8>), Bytes>;

/// A path-keyed node store.
#[derive(Debug, Default)]
pub(super) struct NodeStore {
    pub(super) nodes: Nodes,
    pub(super) reads: AtomicUsize,
    /// Reads that may still succeed, where a test wants a failure.
    pub(super) reads_max: Option<usize>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no node {hash} at {path:?} of {account:?}")]
pub(super) struct MissingNode {
    account: Option<B256>,
    path: Vec<u8>,
    hash: B256,
}

impl NodeReader for NodeStore {
    type Error = MissingNode;

    fn node(&self, account: Option<B256>, path: &[u8], hash: B256) -> Result<Bytes, MissingNode> {
        let reads = self.reads.fetch_add(1, Ordering::Relaxed);
        let missing = || MissingNode {
            account,
            path: path.to_vec(),
            hash,
        };
        if self.reads_max.is_some_and(|max| reads >= max) {
            return Err(missing());
        }
        let node = self
            .nodes
            .get(&(account, path.to_vec()))
            .ok_or_else(missing)?;
        if keccak256(node) == hash {
            Ok(node.clone())
        } else {
            Err(missing())
        }
    }
}

impl NodeStore {
    /// Applies updates, checking that they are sorted, unique, and delete only what is there.
    pub(super) fn apply(&mut self, updates: &[NodeUpdate]) {
        assert!(
            updates
                .windows(2)
                .all(|w| (w[0].account, &w[0].path) < (w[1].account, &w[1].path)),
            "updates aren't sorted and unique"
        );
        for update in updates {
            let key = (update.account, update.path.clone());
            assert_eq!(
                update.hash,
                update.node.as_ref().map(keccak256).unwrap_or_default()
            );
            match &update.node {
                Some(node) => drop(self.nodes.insert(key, node.clone())),
                None => assert!(
                    self.nodes.remove(&key).is_some(),
                    "deletion of nothing: {key:?}"
                ),
            }
        }
    }

    pub(super) fn wipe(&mut self, account: B256) {
        let before = self.nodes.len();
        self.nodes.retain(|(owner, _), _| *owner != Some(account));
        assert!(self.nodes.len() < before, "wiped nothing");
    }
}

/// The root of a trie with these leaves, by alloy-trie.
pub(super) fn root(leaves: &BTreeMap<B256, Vec<u8>>) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in leaves {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    builder.root()
}

/// Adds every stored node of a trie with these leaves to `nodes` and returns the root.
pub(super) fn build(
    account: Option<B256>,
    leaves: &BTreeMap<B256, Vec<u8>>,
    nodes: &mut Nodes,
) -> B256 {
    let leaves: Vec<([u8; 64], &[u8])> = leaves
        .iter()
        .map(|(key, value)| (unpack_key(key), value.as_slice()))
        .collect();
    if leaves.is_empty() {
        return EMPTY_ROOT_HASH;
    }
    let rlp = build_node(account, &leaves, 0, nodes);
    let root = keccak256(&rlp);
    nodes.insert((account, Vec::new()), rlp.into());
    root
}

fn child(
    account: Option<B256>,
    leaves: &[([u8; 64], &[u8])],
    depth: usize,
    nodes: &mut Nodes,
) -> Reference {
    let rlp = build_node(account, leaves, depth, nodes);
    let reference = Reference::to_node(&rlp);
    if rlp.len() >= 32 {
        nodes.insert((account, leaves[0].0[..depth].to_vec()), rlp.into());
    }
    reference
}

fn build_node(
    account: Option<B256>,
    leaves: &[([u8; 64], &[u8])],
    depth: usize,
    nodes: &mut Nodes,
) -> Vec<u8> {
    let mut rlp = Vec::new();
    let (first, last) = (leaves[0], leaves[leaves.len() - 1]);
    if leaves.len() == 1 {
        encode_leaf(first.0[depth..].iter().copied(), first.1, &mut rlp);
        return rlp;
    }
    let shared = (depth..64)
        .take_while(|&at| first.0[at] == last.0[at])
        .count();
    if shared > 0 {
        let branch = child(account, leaves, depth + shared, nodes);
        encode_extension(
            first.0[depth..depth + shared].iter().copied(),
            &branch,
            &mut rlp,
        );
        return rlp;
    }
    let children: Vec<Option<Reference>> = (0..16)
        .map(|nibble| {
            let from = leaves.partition_point(|(key, _)| key[depth] < nibble);
            let to = leaves.partition_point(|(key, _)| key[depth] <= nibble);
            (from < to).then(|| child(account, &leaves[from..to], depth + 1, nodes))
        })
        .collect();
    encode_branch(|nibble| children[usize::from(nibble)].as_ref(), &mut rlp);
    rlp
}
