//! Hashing what changed: dirty nodes, children first, each once.

use crate::{
    edge::{Edge, Node},
    node::{INLINE_BYTES_MAX, Reference, encode_branch, encode_extension},
    trie::{Trie, take_operation},
};
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes, keccak256};

/// Dirty children of the root from which they are sealed on several threads.
#[cfg(feature = "parallel")]
const PARALLEL_CHILDREN_MIN: usize = 4;

/// A change of one path.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) path: Vec<u8>,
    /// The node's RLP; `None`: no node here any more.
    pub(crate) node: Option<Bytes>,
    /// keccak256 of the node; zero if there is none.
    pub(crate) hash: B256,
    /// The operation that wrote the node, if it is a leaf that one wrote.
    pub(crate) operation: Option<u32>,
}

impl Sealed {
    /// No node at `path` any more.
    const fn vacant(path: Vec<u8>) -> Self {
        Self {
            path,
            node: None,
            hash: B256::ZERO,
            operation: None,
        }
    }
}

/// Collects changes parent before child, which is path order: a parent's place is kept while its
/// children are sealed.
#[derive(Debug, Default)]
struct Sealing {
    out: Vec<Option<Sealed>>,
    scratch: Vec<u8>,
    path: Vec<u8>,
}

impl Sealing {
    fn seal(&mut self, edge: &mut Edge, is_root: bool) {
        if !edge.dirty {
            return;
        }
        let place = self.out.len();
        self.out.push(None);
        match &mut edge.node {
            Node::Empty | Node::Unloaded | Node::Leaf { .. } => {}
            Node::Extension(extension) => {
                let depth = self.path.len();
                self.path.extend_from_slice(&extension.path);
                self.seal(&mut extension.child, false);
                self.path.truncate(depth);
            }
            Node::Branch(branch) => {
                for (nibble, child) in branch.iter_mut() {
                    if child.dirty {
                        self.path.push(nibble);
                        self.seal(child, false);
                        self.path.pop();
                    }
                }
            }
        }
        self.out[place] = self.seal_node(edge, is_root);
    }

    /// Renews the reference of an edge whose children are sealed. Returns the change at its path.
    fn seal_node(&mut self, edge: &mut Edge, is_root: bool) -> Option<Sealed> {
        edge.dirty = false;
        let mut operation = None;
        self.scratch.clear();
        let rlp: &[u8] = match &mut edge.node {
            // Only a root is empty or still unloaded here; the former was noted when it happened.
            Node::Empty => {
                edge.reference = Reference::NONE;
                return None;
            }
            Node::Unloaded => return None,
            Node::Leaf { rlp, operation: by } => {
                operation = take_operation(by);
                rlp
            }
            Node::Extension(extension) => {
                let path = extension.path.iter().copied();
                encode_extension(path, &extension.child.reference, &mut self.scratch);
                &self.scratch
            }
            Node::Branch(branch) => {
                encode_branch(
                    |n| branch.get(n).map(|child| &child.reference),
                    &mut self.scratch,
                );
                &self.scratch
            }
        };
        if rlp.len() <= INLINE_BYTES_MAX && !is_root {
            edge.reference = Reference::to_node(rlp);
            // A stored node shrank into its parent.
            return core::mem::replace(&mut edge.stored, false)
                .then(|| Sealed::vacant(self.path.clone()));
        }
        let hash = keccak256(rlp);
        let reference = Reference::hash(hash);
        if edge.stored && edge.reference == reference {
            return None;
        }
        edge.reference = reference;
        edge.stored = true;
        let node = Some(Bytes::copy_from_slice(rlp));
        Some(Sealed {
            path: self.path.clone(),
            node,
            hash,
            operation,
        })
    }
}

impl Trie {
    /// Hashes what changed since the last sealing. `vacated` are the paths that walks noted since.
    /// Returns the changes in path order.
    pub(crate) fn seal(&mut self, vacated: Vec<Vec<u8>>) -> Vec<Sealed> {
        let mut sealing = Sealing::default();
        #[cfg(feature = "parallel")]
        self.seal_children_in_parallel(&mut sealing);
        sealing.seal(&mut self.root, true);
        merge(sealing.out, vacated)
    }

    /// Seals the root's children on several threads if enough of them changed. The root's own place
    /// comes first in path order, so their changes are put behind it by [`merge`]'s sorting check.
    #[cfg(feature = "parallel")]
    fn seal_children_in_parallel(&mut self, sealing: &mut Sealing) {
        use rayon::prelude::*;
        let Node::Branch(branch) = &mut self.root.node else {
            return;
        };
        let mut children: Vec<(u8, &mut Edge)> =
            branch.iter_mut().filter(|(_, child)| child.dirty).collect();
        if children.len() < PARALLEL_CHILDREN_MIN {
            return;
        }
        let parts: Vec<Vec<Option<Sealed>>> = children
            .par_iter_mut()
            .map(|(nibble, child)| {
                let mut part = Sealing {
                    path: alloc::vec![*nibble],
                    ..Sealing::default()
                };
                part.seal(child, false);
                part.out
            })
            .collect();
        sealing.out.extend(parts.into_iter().flatten());
    }
}

/// Joins what was sealed with deletions of the vacated paths that weren't written again.
fn merge(sealed: Vec<Option<Sealed>>, mut vacated: Vec<Vec<u8>>) -> Vec<Sealed> {
    let mut out: Vec<Sealed> = sealed.into_iter().flatten().collect();
    // The root is sealed after children that other threads sealed.
    if out.last().is_some_and(|last| last.path.is_empty()) {
        out.rotate_right(1);
    }
    vacated.sort_unstable();
    vacated.dedup();
    vacated.retain(|path| {
        out.binary_search_by(|sealed| sealed.path.cmp(path))
            .is_err()
    });
    if !vacated.is_empty() {
        out.extend(vacated.into_iter().map(Sealed::vacant));
        out.sort_by(|a, b| a.path.cmp(&b.path));
    }
    out
}
