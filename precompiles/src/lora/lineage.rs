//! The graph that a node descends from: bases and adapters, each adapter with its parents and its base.
//!
//! A parent's number is below its child's, so that the graph has no cycle and a walk by descending
//! numbers sees every child of a node before the node.

use super::{ANCESTORS_MAX, PARENTS_MAX};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

/// A parent of a node, with its share in what the node receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// The parent's number, below its child's.
    pub id: u64,
    /// Its share, in 1/10,000 of what flows into the child.
    pub rel_bps: u16,
}

/// A node of the graph, as far as payments concern it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// Its share in what any descendant receives, in 1/10,000.
    pub abs_bps: u16,
    /// The base that it is an adapter of, below its own number; `None` for a base.
    pub base: Option<u64>,
    /// Its listed parents, at most [`PARENTS_MAX`], each once.
    pub parents: Vec<Parent>,
}

/// Where nodes are read from.
pub trait NodeSource {
    /// Why a node can't be had.
    type Error;

    /// Reads a node.
    ///
    /// # Errors
    /// Whatever keeps the source from reading it; also if there is none.
    fn node(&mut self, id: u64) -> Result<Node, Self::Error>;
}

/// A graph in memory, for whoever recomputes a flow off chain.
impl NodeSource for BTreeMap<u64, Node> {
    type Error = NoNode;

    fn node(&mut self, id: u64) -> Result<Node, NoNode> {
        self.get(&id).cloned().ok_or(NoNode { id })
    }
}

/// A graph in memory has no such node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no node {id}")]
pub struct NoNode {
    /// Its number.
    pub id: u64,
}

/// Why a graph can't be walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineageError<E> {
    /// More than [`ANCESTORS_MAX`] distinct ancestors.
    #[error("more than {ANCESTORS_MAX} distinct ancestors")]
    TooManyAncestors,
    /// A parent or base whose number isn't below its child's.
    #[error("{parent} is no earlier than its child {child}")]
    NotEarlier {
        /// The child.
        child: u64,
        /// Its parent or base.
        parent: u64,
    },
    /// The source failed.
    #[error(transparent)]
    Source(E),
}

/// A node with all its distinct ancestors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    start: u64,
    nodes: BTreeMap<u64, Node>,
}

const _: () = assert!(PARENTS_MAX < ANCESTORS_MAX);

impl Lineage {
    /// Reads the ancestors of `node`, whose number is `start`, by descending number, each once.
    ///
    /// # Errors
    /// [`LineageError`]; the ancestor that is one too many isn't read.
    pub fn read<S: NodeSource>(
        start: u64,
        node: Node,
        source: &mut S,
    ) -> Result<Self, LineageError<S::Error>> {
        let mut pending = BTreeSet::new();
        enqueue(&mut pending, start, &node)?;
        let mut nodes = BTreeMap::from([(start, node)]);
        while let Some(id) = pending.pop_last() {
            // `nodes` holds the start too.
            if nodes.len() > ANCESTORS_MAX {
                return Err(LineageError::TooManyAncestors);
            }
            let node = source.node(id).map_err(LineageError::Source)?;
            enqueue(&mut pending, id, &node)?;
            nodes.insert(id, node);
        }
        Ok(Self { start, nodes })
    }

    /// The node whose lineage it is.
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// Numbers of the distinct ancestors, ascending.
    pub fn ancestors(&self) -> impl Iterator<Item = u64> + '_ {
        let start = self.start;
        self.nodes.keys().copied().filter(move |id| *id != start)
    }

    /// The node with its ancestors, by descending number: children before parents.
    pub fn descending(&self) -> impl Iterator<Item = (u64, &Node)> {
        self.nodes.iter().rev().map(|(id, node)| (*id, node))
    }

    /// How many nodes there are, the start included; at most [`ANCESTORS_MAX`] + 1.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Never: the start is among the nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Sum of the distinct ancestors' `abs_bps`, the start's not among them.
    pub fn abs_bps_sum(&self) -> u32 {
        self.nodes
            .iter()
            .filter(|(id, _)| **id != self.start)
            .fold(0, |sum, (_, node)| {
                sum.saturating_add(u32::from(node.abs_bps))
            })
    }
}

/// Whether `ancestor` is an ancestor of `node`, whose number is `start`; reads no node below it.
///
/// # Errors
/// [`LineageError`].
pub fn is_ancestor<S: NodeSource>(
    start: u64,
    node: &Node,
    ancestor: u64,
    source: &mut S,
) -> Result<bool, LineageError<S::Error>> {
    let mut pending = BTreeSet::new();
    enqueue(&mut pending, start, node)?;
    let mut read = 0usize;
    while let Some(id) = pending.pop_last() {
        if id <= ancestor {
            return Ok(id == ancestor);
        }
        if read >= ANCESTORS_MAX {
            return Err(LineageError::TooManyAncestors);
        }
        read = read.saturating_add(1);
        let node = source.node(id).map_err(LineageError::Source)?;
        enqueue(&mut pending, id, &node)?;
    }
    Ok(false)
}

/// Adds a node's parents and base to what is still to be read.
fn enqueue<E>(pending: &mut BTreeSet<u64>, child: u64, node: &Node) -> Result<(), LineageError<E>> {
    let parents = node.parents.iter().map(|parent| parent.id);
    for parent in parents.chain(node.base) {
        if parent >= child {
            return Err(LineageError::NotEarlier { child, parent });
        }
        pending.insert(parent);
    }
    Ok(())
}
