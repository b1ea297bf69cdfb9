use crate::node::{NodeDecodeError, NodeView, Reference, encode_leaf};
use alloc::{boxed::Box, vec::Vec};

/// Marks a leaf that no operation of the current update wrote.
pub(crate) const NO_OPERATION: u32 = u32::MAX;

/// A place in a trie: the reference by which its parent knows what stands here, and the node if it is
/// resident.
///
/// References live in the parent's edges rather than in the nodes, so that hashing a branch reads one
/// stretch of memory.
#[derive(Debug)]
pub(crate) struct Edge {
    /// What the parent's RLP holds, as of the last sealing.
    pub(crate) reference: Reference,
    /// Whether the node changed since.
    pub(crate) dirty: bool,
    /// Whether the node store holds a node at this path, as of the last sealing. It belongs to the
    /// place, not to the node: what replaces the node here overwrites the stored one.
    pub(crate) stored: bool,
    /// The update that last walked through here; never older than below.
    pub(crate) touched: u32,
    /// The node.
    pub(crate) node: Node,
}

/// A node that is resident, or the reason why not.
#[derive(Debug)]
pub(crate) enum Node {
    /// There is none: an empty trie's root, or a place about to disappear.
    Empty,
    /// Known by its reference alone.
    Unloaded,
    /// A leaf's RLP, and the operation of this update that wrote it ([`NO_OPERATION`] if none).
    Leaf { rlp: Box<[u8]>, operation: u32 },
    /// An extension.
    Extension(Box<Extension>),
    /// A branch.
    Branch(Box<Branch>),
}

/// Shared nibbles and the branch below them.
#[derive(Debug)]
pub(crate) struct Extension {
    pub(crate) path: Box<[u8]>,
    pub(crate) child: Edge,
}

/// Two to sixteen children.
#[derive(Debug, Default)]
pub(crate) struct Branch {
    /// Bit n: there is a child at nibble n.
    mask: u16,
    /// The children, in nibble order.
    children: Vec<Edge>,
}

impl Edge {
    /// The root of an empty trie, or a place that a new node is about to take.
    pub(crate) const fn empty(touched: u32) -> Self {
        Self {
            reference: Reference::NONE,
            dirty: false,
            stored: false,
            touched,
            node: Node::Empty,
        }
    }

    /// A node known by reference.
    pub(crate) const fn unloaded(reference: Reference, touched: u32) -> Self {
        let stored = reference.is_hash();
        Self {
            reference,
            dirty: false,
            stored,
            touched,
            node: Node::Unloaded,
        }
    }

    /// A new node.
    pub(crate) const fn new(node: Node, touched: u32) -> Self {
        Self {
            reference: Reference::NONE,
            dirty: true,
            stored: false,
            touched,
            node,
        }
    }
}

impl Node {
    /// A leaf written by `operation`.
    pub(crate) fn leaf(suffix: &[u8], value: &[u8], operation: u32) -> Self {
        let mut rlp = Vec::new();
        encode_leaf(suffix.iter().copied(), value, &mut rlp);
        Self::Leaf {
            rlp: rlp.into_boxed_slice(),
            operation,
        }
    }

    /// Decodes a node that stands `depth` nibbles below the root. Its children are not resident.
    pub(crate) fn decode(rlp: &[u8], depth: usize, touched: u32) -> Result<Self, NodeDecodeError> {
        Ok(match NodeView::decode_at(rlp, depth)? {
            NodeView::Leaf { .. } => Self::Leaf {
                rlp: rlp.into(),
                operation: NO_OPERATION,
            },
            NodeView::Extension { path, child } => Self::Extension(Box::new(Extension {
                path: path.iter().collect(),
                child: Edge::unloaded(child.to_reference(), touched),
            })),
            NodeView::Branch { children } => {
                let mut branch = Branch {
                    mask: 0,
                    children: Vec::with_capacity(children.iter().flatten().count()),
                };
                for (nibble, child) in children.iter().enumerate() {
                    if let Some(child) = child {
                        branch.mask |= 1 << nibble;
                        branch
                            .children
                            .push(Edge::unloaded(child.to_reference(), touched));
                    }
                }
                Self::Branch(Box::new(branch))
            }
        })
    }

    /// Edges that this node owns directly.
    pub(crate) fn edges(&self) -> usize {
        match self {
            Self::Empty | Self::Unloaded | Self::Leaf { .. } => 0,
            Self::Extension(_) => 1,
            Self::Branch(branch) => branch.children.len(),
        }
    }
}

impl Branch {
    /// Position of `nibble`'s child among the children.
    fn position(&self, nibble: u8) -> usize {
        (self.mask & ((1 << nibble) - 1)).count_ones() as usize
    }

    const fn has(&self, nibble: u8) -> bool {
        self.mask & (1 << nibble) != 0
    }

    pub(crate) fn get(&self, nibble: u8) -> Option<&Edge> {
        if self.has(nibble) {
            self.children.get(self.position(nibble))
        } else {
            None
        }
    }

    pub(crate) fn get_mut(&mut self, nibble: u8) -> Option<&mut Edge> {
        if self.has(nibble) {
            let position = self.position(nibble);
            self.children.get_mut(position)
        } else {
            None
        }
    }

    /// Puts a child where none is.
    pub(crate) fn insert(&mut self, nibble: u8, child: Edge) {
        debug_assert!(!self.has(nibble));
        let position = self.position(nibble);
        self.children.insert(position, child);
        self.mask |= 1 << nibble;
    }

    pub(crate) fn remove(&mut self, nibble: u8) -> Option<Edge> {
        if !self.has(nibble) {
            return None;
        }
        let position = self.position(nibble);
        self.mask &= !(1 << nibble);
        Some(self.children.remove(position))
    }

    pub(crate) fn len(&self) -> usize {
        self.children.len()
    }

    /// Takes the first child out, with its nibble.
    pub(crate) fn take_first(&mut self) -> Option<(u8, Edge)> {
        // Below 16 if any bit is set.
        let nibble = (self.mask != 0).then(|| self.mask.trailing_zeros() as u8)?;
        self.remove(nibble).map(|child| (nibble, child))
    }

    /// The children, in nibble order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Edge> {
        self.children.iter()
    }

    /// Nibbles that have a child, ascending, with the child.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u8, &mut Edge)> {
        let mask = self.mask;
        (0..16)
            .filter(move |nibble| mask & (1 << nibble) != 0)
            .zip(&mut self.children)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::size_of;

    #[test]
    fn an_edge_is_a_cache_line() {
        assert_eq!(size_of::<Edge>(), 64);
    }

    #[test]
    fn a_branch_keeps_its_children_in_nibble_order() {
        let mut branch = Branch::default();
        for nibble in [9, 0, 15, 4] {
            branch.insert(nibble, Edge::empty(u32::from(nibble)));
        }
        assert_eq!(
            branch
                .iter_mut()
                .map(|(n, e)| (n, e.touched))
                .collect::<Vec<_>>(),
            [(0, 0), (4, 4), (9, 9), (15, 15)]
        );
        assert_eq!(branch.get(9).map(|edge| edge.touched), Some(9));
        assert!(branch.get(8).is_none() && branch.remove(8).is_none());
        assert_eq!(branch.remove(0).map(|edge| edge.touched), Some(0));
        assert_eq!(branch.len(), 3);
        let nibbles = core::iter::from_fn(|| branch.take_first()).map(|(nibble, _)| nibble);
        assert_eq!(nibbles.collect::<Vec<_>>(), [4, 9, 15]);
    }
}
