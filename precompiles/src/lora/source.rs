//! The lineage in storage, read a slot at a time.

use super::{
    interface::LoraErrors,
    lineage::{LineageError, Node, NodeSource},
    price,
    storage::{self, Head, Kind},
};
use crate::{Context, Stop};
use alloc::{collections::BTreeMap, vec::Vec};

/// Reads nodes from storage. Each costs its head's slot and its parents', and, where the answer is a walk,
/// a price for each edge.
pub(super) struct Stored<'c, 'h> {
    pub(super) context: &'c mut Context<'h>,
    /// Whether edges are charged for.
    pub(super) charge_edges: bool,
    /// Heads of what was read.
    pub(super) heads: BTreeMap<u64, Head>,
}

impl<'c, 'h> Stored<'c, 'h> {
    pub(super) fn new(context: &'c mut Context<'h>, charge_edges: bool) -> Self {
        Self {
            context,
            charge_edges,
            heads: BTreeMap::new(),
        }
    }
}

impl NodeSource for Stored<'_, '_> {
    type Error = Stop;

    fn node(&mut self, id: u64) -> Result<Node, Stop> {
        let head = storage::load_head(self.context, id)?
            .ok_or_else(|| Stop::revert(LoraErrors::UnknownNode { id }))?;
        self.heads.insert(id, head);
        if self.charge_edges {
            let edges = u64::from(head.parents);
            self.context.charge(edges.saturating_mul(price::EDGE))?;
        }
        let (base, parents) = match head.kind {
            Kind::Base => (None, Vec::new()),
            Kind::Adapter => (
                Some(head.base),
                storage::load_parents(self.context, id, &head)?,
            ),
        };
        Ok(Node {
            abs_bps: head.abs_bps,
            base,
            parents,
        })
    }
}

impl From<LineageError<Self>> for Stop {
    fn from(error: LineageError<Self>) -> Self {
        match error {
            LineageError::TooManyAncestors => Self::revert(LoraErrors::TooManyAncestors {
                max: super::ANCESTORS_MAX as u16,
            }),
            // No registered node has one.
            LineageError::NotEarlier { parent, .. } => {
                Self::revert(LoraErrors::UnknownParent { id: parent })
            }
            LineageError::Source(stop) => stop,
        }
    }
}
