//! One resident trie and the walks that change it.
//!
//! A change descends from the root, loading what isn't resident, and marks its path dirty; nothing is
//! hashed before [`Trie::seal`](crate::seal) visits the dirty nodes once. A path from which a node
//! vanishes is noted when it happens (see [`Walk::vacate`]); one that is written again before sealing
//! is dropped from the notes there.

use crate::{
    LeafValue,
    edge::{Branch, Edge, Extension, NO_OPERATION, Node},
    nibbles::{KEY_NIBBLES, common_prefix, unpack_key},
    node::{NodeDecodeError, NodeView, Reference},
    seal::Sealed,
    sync::{MaybeSend, MaybeSync},
};
use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::B256;
use core::mem;
use openledger_primitives::{EMPTY_ROOT_HASH, NodeReader};

/// A trie whose root is resident; all else may be known by hash alone.
#[derive(Debug)]
pub(crate) struct Trie {
    pub(crate) root: Edge,
    /// Edges held, the root's included.
    pub(crate) edges: usize,
}

/// Why a walk failed.
#[derive(Debug)]
pub(crate) enum WalkError<N> {
    Node(N),
    Malformed {
        path: Vec<u8>,
        source: NodeDecodeError,
    },
    /// A leaf's old value isn't what its writer expects.
    Value,
}

/// What a walk carries along.
#[derive(Debug)]
pub(crate) struct Walk<'a, N> {
    pub(crate) nodes: &'a N,
    /// Whose storage trie this is; `None` for the account trie.
    pub(crate) account: Option<B256>,
    /// The number of this update.
    pub(crate) tick: u32,
    /// Paths from which a stored node vanished.
    pub(crate) vacated: Vec<Vec<u8>>,
    /// Edges made, and edges dropped.
    pub(crate) made: usize,
    pub(crate) dropped: usize,
}

/// Gives a leaf its new value, seeing the old one.
pub(crate) trait WriteLeaf {
    /// The value for a leaf that held `old`; `None` as the result if `old` can't be right.
    fn value(&mut self, old: Option<&[u8]>) -> Option<LeafValue>;
}

/// A change of one leaf.
pub(crate) trait Operation: WriteLeaf {
    /// The leaf's key.
    fn key(&self) -> &B256;
    /// Whether the leaf goes.
    fn removes(&self) -> bool;
}

/// Operations on one trie from which its top subtries are walked on several threads.
#[cfg(feature = "parallel")]
const PARALLEL_OPERATIONS_MIN: usize = 64;

/// A leaf's parts. The RLP was checked when it was loaded or is our own encoding.
pub(crate) fn leaf_parts(rlp: &[u8]) -> Result<(crate::HexPrefix<'_>, &[u8]), NodeDecodeError> {
    match NodeView::decode(rlp)? {
        NodeView::Leaf { suffix, value } => Ok((suffix, value)),
        _ => Err(NodeDecodeError::Path),
    }
}

impl Trie {
    /// A trie of which the root hash is known.
    pub(crate) fn new(root: B256, tick: u32) -> Self {
        let root = if root == EMPTY_ROOT_HASH {
            Edge::empty(tick)
        } else {
            Edge::unloaded(Reference::hash(root), tick)
        };
        Self { root, edges: 1 }
    }

    /// The root hash, as of the last sealing.
    pub(crate) fn root_hash(&self) -> B256 {
        self.root.reference.as_hash().unwrap_or(EMPTY_ROOT_HASH)
    }

    /// Applies operations, which are sorted by key. On failure also returns which operation failed.
    pub(crate) fn apply<N, O>(
        &mut self,
        walk: &mut Walk<'_, N>,
        operations: &mut [O],
    ) -> Result<(), (usize, WalkError<N::Error>)>
    where
        N: NodeReader + MaybeSync,
        O: Operation + MaybeSend,
    {
        #[cfg(feature = "parallel")]
        if operations.len() >= PARALLEL_OPERATIONS_MIN
            && self.apply_in_parallel(walk, operations)?
        {
            return Ok(());
        }
        walk.apply(&mut self.root, 0, operations, 0).map(drop)
    }

    /// Applies operations to each of the root branch's subtries on its own thread. Returns `false`,
    /// having done nothing, if the root isn't a branch.
    #[cfg(feature = "parallel")]
    fn apply_in_parallel<N, O>(
        &mut self,
        walk: &mut Walk<'_, N>,
        operations: &mut [O],
    ) -> Result<bool, (usize, WalkError<N::Error>)>
    where
        N: NodeReader + Sync,
        O: Operation + Send,
    {
        use rayon::prelude::*;
        struct Part<'a, 'w, N, O> {
            nibble: u8,
            edge: Edge,
            operations: &'a mut [O],
            first: usize,
            walk: Walk<'w, N>,
            changed: bool,
        }
        walk.load(&mut self.root, &[]).map_err(|error| (0, error))?;
        let Node::Branch(branch) = &mut self.root.node else {
            return Ok(false);
        };
        let mut parts = Vec::new();
        let mut first = 0;
        for group in operations.chunk_by_mut(|a, b| a.key()[0] >> 4 == b.key()[0] >> 4) {
            let Some(nibble) = group.first().map(|operation| operation.key()[0] >> 4) else {
                continue;
            };
            let mut walk = walk.fork();
            let edge = branch.remove(nibble);
            walk.dropped += usize::from(edge.is_some());
            let edge = edge.unwrap_or_else(|| Edge::empty(walk.tick));
            let next = first + group.len();
            parts.push(Part {
                nibble,
                edge,
                operations: group,
                first,
                walk,
                changed: false,
            });
            first = next;
        }
        parts.par_iter_mut().try_for_each(|part| {
            let Part {
                edge,
                operations,
                first,
                walk,
                ..
            } = part;
            part.changed = walk.apply(edge, 1, operations, *first)?;
            Ok::<_, (usize, WalkError<N::Error>)>(())
        })?;
        for part in parts {
            self.root.dirty |= part.changed;
            walk.absorb(part.walk);
            if !matches!(part.edge.node, Node::Empty) {
                walk.made += 1;
                branch.insert(part.nibble, part.edge);
            }
        }
        walk.settle_branch(&mut self.root, &[])
            .map_err(|error| (0, error))?;
        Ok(true)
    }

    /// Ends the walks of an update: hashes what changed and returns it in path order.
    pub(crate) fn finish<N>(&mut self, walk: Walk<'_, N>) -> Vec<Sealed> {
        self.edges = (self.edges + walk.made).saturating_sub(walk.dropped);
        self.seal(walk.vacated)
    }

    /// The value at `key` if that can be told from resident nodes: `Some(None)` means that there is
    /// none, `None` that it isn't resident.
    pub(crate) fn resident_value(&self, key: &[u8; KEY_NIBBLES]) -> Option<Option<&[u8]>> {
        let mut edge = &self.root;
        let mut depth = 0;
        loop {
            match &edge.node {
                Node::Empty => return Some(None),
                Node::Unloaded => return None,
                Node::Leaf { rlp, .. } => {
                    let (suffix, value) = leaf_parts(rlp).ok()?;
                    let ends = suffix.common_prefix(&key[depth..]) == suffix.len();
                    return Some(ends.then_some(value));
                }
                Node::Extension(extension) => {
                    if !key[depth..].starts_with(&extension.path) {
                        return Some(None);
                    }
                    depth += extension.path.len();
                    edge = &extension.child;
                }
                Node::Branch(branch) => match branch.get(key[depth]) {
                    Some(child) => {
                        depth += 1;
                        edge = child;
                    }
                    None => return Some(None),
                },
            }
        }
    }
}

impl<'a, N: NodeReader> Walk<'a, N> {
    pub(crate) fn new(nodes: &'a N, account: Option<B256>, tick: u32) -> Self {
        Self {
            nodes,
            account,
            tick,
            vacated: Vec::new(),
            made: 0,
            dropped: 0,
        }
    }

    /// A walk over another part of the same trie, to be joined by [`Walk::absorb`].
    #[cfg(feature = "parallel")]
    pub(crate) fn fork(&self) -> Self {
        Self::new(self.nodes, self.account, self.tick)
    }

    /// Takes over what a forked walk noted.
    #[cfg(feature = "parallel")]
    pub(crate) fn absorb(&mut self, mut other: Self) {
        self.vacated.append(&mut other.vacated);
        self.made += other.made;
        self.dropped += other.dropped;
    }

    fn malformed(path: &[u8], source: NodeDecodeError) -> WalkError<N::Error> {
        WalkError::Malformed {
            path: path.to_vec(),
            source,
        }
    }

    /// Makes the node at `path` resident.
    pub(crate) fn load(&mut self, edge: &mut Edge, path: &[u8]) -> Result<(), WalkError<N::Error>> {
        edge.touched = self.tick;
        if !matches!(edge.node, Node::Unloaded) {
            return Ok(());
        }
        let node = match (edge.reference.as_hash(), edge.reference.as_inline()) {
            (Some(hash), _) => {
                let rlp = self
                    .nodes
                    .node(self.account, path, hash)
                    .map_err(WalkError::Node)?;
                Node::decode(&rlp, path.len(), self.tick)
            }
            (None, rlp) => Node::decode(rlp.unwrap_or_default(), path.len(), self.tick),
        };
        edge.node = node.map_err(|source| Self::malformed(path, source))?;
        self.made += edge.node.edges();
        Ok(())
    }

    /// Notes that nothing stands at `path` any more.
    fn vacate(&mut self, stored: bool, path: &[u8]) {
        if stored {
            self.vacated.push(path.to_vec());
        }
    }

    /// Applies operations, of which the first has the number `first`, below `edge`, which stands
    /// `depth` nibbles down. Returns whether anything changed; on failure also which failed.
    ///
    /// Writes come first: a branch that loses one child and gains another is never joined with the
    /// one between, which would have to be loaded.
    fn apply<O: Operation>(
        &mut self,
        edge: &mut Edge,
        depth: usize,
        operations: &mut [O],
        first: usize,
    ) -> Result<bool, (usize, WalkError<N::Error>)> {
        let mut changed = false;
        for (index, operation) in (first..).zip(operations.iter_mut()) {
            if !operation.removes() {
                let key = unpack_key(operation.key());
                // A block's changes are far below 2^32 - 1; past it leaves would go unattributed.
                let number = u32::try_from(index).unwrap_or(NO_OPERATION);
                changed |= self
                    .put(edge, &key, depth, operation, number)
                    .map_err(|error| (index, error))?;
            }
        }
        for (index, operation) in (first..).zip(operations.iter()) {
            if operation.removes() {
                let key = unpack_key(operation.key());
                changed |= self
                    .remove(edge, &key, depth)
                    .map_err(|error| (index, error))?;
            }
        }
        Ok(changed)
    }

    /// Writes the leaf at `key` below `edge`, which stands at `key[..depth]`. Returns whether
    /// anything changed.
    pub(crate) fn put<W: WriteLeaf>(
        &mut self,
        edge: &mut Edge,
        key: &[u8; KEY_NIBBLES],
        depth: usize,
        writer: &mut W,
        operation: u32,
    ) -> Result<bool, WalkError<N::Error>> {
        self.load(edge, &key[..depth])?;
        let rest = &key[depth..];
        let changed = match &mut edge.node {
            Node::Empty | Node::Unloaded => {
                let value = writer.value(None).ok_or(WalkError::Value)?;
                edge.node = Node::leaf(rest, value.as_slice(), operation);
                true
            }
            Node::Leaf { rlp, operation: by } => {
                let (suffix, old) =
                    leaf_parts(rlp).map_err(|source| Self::malformed(&key[..depth], source))?;
                let common = suffix.common_prefix(rest);
                if common == rest.len() {
                    let value = writer.value(Some(old)).ok_or(WalkError::Value)?;
                    if value.as_slice() == old {
                        false
                    } else {
                        let leaf = Node::leaf(rest, value.as_slice(), operation);
                        edge.node = leaf;
                        true
                    }
                } else {
                    let value = writer.value(None).ok_or(WalkError::Value)?;
                    let suffix = suffix.to_vec();
                    let moved = Node::leaf(&suffix[common + 1..], old, *by);
                    edge.node = self.split(
                        &suffix[..common],
                        (suffix[common], Edge::new(moved, self.tick)),
                        (
                            rest[common],
                            self.new_leaf(&rest[common + 1..], &value, operation),
                        ),
                    );
                    true
                }
            }
            Node::Extension(extension) => {
                let common = common_prefix(&extension.path, rest);
                if common == extension.path.len() {
                    self.put(&mut extension.child, key, depth + common, writer, operation)?
                } else {
                    let value = writer.value(None).ok_or(WalkError::Value)?;
                    let path = mem::take(&mut extension.path);
                    let child = mem::replace(&mut extension.child, Edge::empty(self.tick));
                    // The child keeps its place, and so its reference; only its parent changes.
                    let below = if common + 1 == path.len() {
                        self.dropped += 1;
                        child
                    } else {
                        let tail = Extension {
                            path: path[common + 1..].into(),
                            child,
                        };
                        Edge::new(Node::Extension(Box::new(tail)), self.tick)
                    };
                    edge.node = self.split(
                        &path[..common],
                        (path[common], below),
                        (
                            rest[common],
                            self.new_leaf(&rest[common + 1..], &value, operation),
                        ),
                    );
                    true
                }
            }
            Node::Branch(branch) => match branch.get_mut(rest[0]) {
                Some(child) => self.put(child, key, depth + 1, writer, operation)?,
                None => {
                    let value = writer.value(None).ok_or(WalkError::Value)?;
                    branch.insert(rest[0], self.new_leaf(&rest[1..], &value, operation));
                    self.made += 1;
                    true
                }
            },
        };
        edge.dirty |= changed;
        Ok(changed)
    }

    fn new_leaf(&self, suffix: &[u8], value: &LeafValue, operation: u32) -> Edge {
        Edge::new(Node::leaf(suffix, value.as_slice(), operation), self.tick)
    }

    /// A branch of two, below an extension if they share a path.
    fn split(&mut self, shared: &[u8], a: (u8, Edge), b: (u8, Edge)) -> Node {
        let mut branch = Branch::default();
        branch.insert(a.0, a.1);
        branch.insert(b.0, b.1);
        self.made += 2;
        let branch = Node::Branch(Box::new(branch));
        if shared.is_empty() {
            return branch;
        }
        self.made += 1;
        let child = Edge::new(branch, self.tick);
        Node::Extension(Box::new(Extension {
            path: shared.into(),
            child,
        }))
    }

    /// Removes the leaf at `key` below `edge`, which stands at `key[..depth]`. Returns whether there
    /// was one. The edge's node may become [`Node::Empty`]: the caller removes the edge then.
    pub(crate) fn remove(
        &mut self,
        edge: &mut Edge,
        key: &[u8; KEY_NIBBLES],
        depth: usize,
    ) -> Result<bool, WalkError<N::Error>> {
        let (path, rest) = key.split_at(depth);
        self.load(edge, path)?;
        let changed = match &mut edge.node {
            Node::Empty | Node::Unloaded => false,
            Node::Leaf { rlp, .. } => {
                let (suffix, _) =
                    leaf_parts(rlp).map_err(|source| Self::malformed(path, source))?;
                let found = suffix.common_prefix(rest) == rest.len();
                if found {
                    self.vacate(edge.stored, path);
                    edge.stored = false;
                    edge.node = Node::Empty;
                }
                found
            }
            Node::Extension(extension) => {
                let below = depth + extension.path.len();
                if rest.starts_with(&extension.path)
                    && self.remove(&mut extension.child, key, below)?
                {
                    self.settle_extension(edge, &key[..below])?;
                    true
                } else {
                    false
                }
            }
            Node::Branch(branch) => {
                let Some(child) = branch.get_mut(rest[0]) else {
                    return Ok(false);
                };
                let removed = self.remove(child, key, depth + 1)?;
                if removed && matches!(child.node, Node::Empty) {
                    branch.remove(rest[0]);
                    self.dropped += 1;
                    self.settle_branch(edge, path)?;
                }
                removed
            }
        };
        edge.dirty |= changed;
        Ok(changed)
    }

    /// Joins an extension with what its child became. `below` is the child's path.
    fn settle_extension(
        &mut self,
        edge: &mut Edge,
        below: &[u8],
    ) -> Result<(), WalkError<N::Error>> {
        let Node::Extension(extension) = &mut edge.node else {
            return Ok(());
        };
        if matches!(extension.child.node, Node::Branch(_) | Node::Unloaded) {
            return Ok(());
        }
        let stored = extension.child.stored;
        let child = mem::replace(&mut extension.child.node, Node::Empty);
        let path = mem::take(&mut extension.path);
        edge.node = self.join(&path, child, below)?;
        self.vacate(stored, below);
        self.dropped += 1;
        Ok(())
    }

    /// Gives a branch that lost children its due form: one that has a single child left joins it,
    /// which needs that child loaded. `path` is the branch's.
    pub(crate) fn settle_branch(
        &mut self,
        edge: &mut Edge,
        path: &[u8],
    ) -> Result<(), WalkError<N::Error>> {
        let Node::Branch(branch) = &mut edge.node else {
            return Ok(());
        };
        if branch.len() > 1 {
            return Ok(());
        }
        let Some((nibble, mut child)) = branch.take_first() else {
            self.vacate(edge.stored, path);
            edge.stored = false;
            edge.node = Node::Empty;
            return Ok(());
        };
        let mut below = path.to_vec();
        below.push(nibble);
        self.load(&mut child, &below)?;
        if matches!(child.node, Node::Branch(_)) {
            edge.node = Node::Extension(Box::new(Extension {
                path: [nibble].into(),
                child,
            }));
            return Ok(());
        }
        edge.node = self.join(&[nibble], child.node, &below)?;
        self.vacate(child.stored, &below);
        self.dropped += 1;
        Ok(())
    }

    /// A leaf or extension with `prefix` before its path. `path` is where it stood.
    fn join(&self, prefix: &[u8], node: Node, path: &[u8]) -> Result<Node, WalkError<N::Error>> {
        Ok(match node {
            Node::Leaf { rlp, operation } => {
                let (suffix, value) =
                    leaf_parts(&rlp).map_err(|source| Self::malformed(path, source))?;
                let joined: Vec<u8> = prefix.iter().copied().chain(suffix.iter()).collect();
                Node::leaf(&joined, value, operation)
            }
            Node::Extension(mut extension) => {
                extension.path = prefix.iter().chain(&extension.path).copied().collect();
                Node::Extension(extension)
            }
            other @ (Node::Empty | Node::Unloaded | Node::Branch(_)) => other,
        })
    }
}

/// Forgets which operation wrote a leaf.
pub(crate) const fn take_operation(operation: &mut u32) -> Option<u32> {
    match mem::replace(operation, NO_OPERATION) {
        NO_OPERATION => None,
        index => Some(index),
    }
}
