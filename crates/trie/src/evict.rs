//! Keeping the resident part bounded: subtrees not touched for longest collapse to their hash.

use crate::{
    edge::{Edge, Node},
    trie::Trie,
};
use alloc::vec::Vec;

/// Ages told apart, in updates; anything older counts as this old.
const AGES: usize = 1024;

/// How many edges each age holds.
#[derive(Debug)]
pub(crate) struct Ages {
    edges: Vec<usize>,
    now: u32,
}

impl Ages {
    pub(crate) fn new(now: u32) -> Self {
        Self {
            edges: alloc::vec![0; AGES],
            now,
        }
    }

    const fn age(now: u32, touched: u32) -> usize {
        let age = now.wrapping_sub(touched) as usize;
        if age < AGES { age } else { AGES - 1 }
    }

    /// Counts what collapsing each node of a trie would free.
    pub(crate) fn count(&mut self, trie: &Trie) {
        // The trie itself counts as an edge of its root's age: a storage trie can go as a whole.
        self.edges[Self::age(self.now, trie.root.touched)] += 1;
        self.count_edge(&trie.root);
    }

    fn count_edge(&mut self, edge: &Edge) {
        self.edges[Self::age(self.now, edge.touched)] += edge.node.edges();
        match &edge.node {
            Node::Empty | Node::Unloaded | Node::Leaf { .. } => {}
            Node::Extension(extension) => self.count_edge(&extension.child),
            Node::Branch(branch) => branch.iter().for_each(|child| self.count_edge(child)),
        }
    }

    /// The lowest age that has to go for at most `target` edges to stay.
    pub(crate) fn cutoff(&self, target: usize) -> Cutoff {
        let mut kept = 0;
        for (age, edges) in self.edges.iter().enumerate() {
            kept += edges;
            if kept > target {
                return Cutoff { age, now: self.now };
            }
        }
        Cutoff {
            age: AGES,
            now: self.now,
        }
    }
}

/// From which age on nodes go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cutoff {
    age: usize,
    now: u32,
}

impl Cutoff {
    fn takes(self, edge: &Edge) -> bool {
        Ages::age(self.now, edge.touched) >= self.age
    }

    /// Whether the whole trie goes.
    pub(crate) fn takes_trie(self, trie: &Trie) -> bool {
        self.takes(&trie.root)
    }

    /// Collapses what is too old in a sealed trie.
    pub(crate) fn collapse(self, trie: &mut Trie) {
        let freed = self.collapse_edge(&mut trie.root);
        trie.edges = trie.edges.saturating_sub(freed);
    }

    /// Returns the number of edges freed.
    fn collapse_edge(self, edge: &mut Edge) -> usize {
        if matches!(edge.node, Node::Empty | Node::Unloaded) {
            return 0;
        }
        if self.takes(edge) {
            let freed = below(edge);
            edge.node = Node::Unloaded;
            return freed;
        }
        match &mut edge.node {
            Node::Empty | Node::Unloaded | Node::Leaf { .. } => 0,
            Node::Extension(extension) => self.collapse_edge(&mut extension.child),
            Node::Branch(branch) => branch
                .iter_mut()
                .map(|(_, child)| self.collapse_edge(child))
                .sum(),
        }
    }
}

/// Edges below an edge.
pub(crate) fn below(edge: &Edge) -> usize {
    let direct = edge.node.edges();
    direct
        + match &edge.node {
            Node::Empty | Node::Unloaded | Node::Leaf { .. } => 0,
            Node::Extension(extension) => below(&extension.child),
            Node::Branch(branch) => branch.iter().map(below).sum(),
        }
}
