//! Rule 7: an adapter's parents and what descends to it.

use super::{
    ANCESTORS_MAX, DEPTH_MAX, PARENTS_MAX, STATUS_DISPUTED,
    interface::{ILoraRegistry::Adapter, LoraErrors},
    lineage::{Lineage, Node, Parent},
    royalty::{ABS_STACK_BPS_MAX, BPS},
    source::Stored,
    storage::{self, Kind},
};
use crate::{Context, Stop};
use alloc::vec::Vec;

/// What a registration records of its lineage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descent {
    pub(super) depth: u8,
    pub(super) ancestors: u16,
}

const _: () = assert!(DEPTH_MAX < u8::MAX && ANCESTORS_MAX <= u16::MAX as usize);

/// Checks, in this order: the number of parents; for each, that it is new to the list, exists, isn't
/// disputed (a slot each); the sum of their shares; for each, its base; the depth; then, walking all
/// ancestors, their number and the sum of their absolute shares.
pub(super) fn check(
    context: &mut Context<'_>,
    id: u64,
    adapter: &Adapter,
) -> Result<Descent, Stop> {
    if adapter.parents.len() > PARENTS_MAX {
        return Err(Stop::revert(LoraErrors::TooManyParents {
            count: adapter.parents.len() as u64,
        }));
    }
    let mut parents: Vec<Parent> = Vec::with_capacity(adapter.parents.len());
    let mut heads = Vec::with_capacity(adapter.parents.len());
    for share in &adapter.parents {
        if parents.iter().any(|parent| parent.id == share.id) {
            return Err(Stop::revert(LoraErrors::DuplicateParent { id: share.id }));
        }
        let unknown = || Stop::revert(LoraErrors::UnknownParent { id: share.id });
        if share.id >= id {
            return Err(unknown());
        }
        let head = storage::load_head(context, share.id)?.ok_or_else(unknown)?;
        if head.status == STATUS_DISPUTED {
            return Err(Stop::revert(LoraErrors::ParentDisputed { id: share.id }));
        }
        parents.push(Parent {
            id: share.id,
            rel_bps: share.relBps,
        });
        heads.push(head);
    }
    let sum = parents.iter().fold(0u32, |sum, parent| {
        sum.saturating_add(u32::from(parent.rel_bps))
    });
    if sum > u32::from(BPS) {
        return Err(Stop::revert(LoraErrors::ParentShares { sum }));
    }
    for (parent, head) in parents.iter().zip(&heads) {
        // A base's `base` is itself, so that no base but the adapter's own passes either.
        if head.base != adapter.base {
            return Err(Stop::revert(LoraErrors::ParentBaseMismatch {
                id: parent.id,
                base: head.base,
            }));
        }
    }
    let deepest = heads
        .iter()
        .filter(|head| head.kind == Kind::Adapter)
        .map(|head| head.depth)
        .max()
        .unwrap_or_default();
    let depth = deepest.saturating_add(1);
    if depth > DEPTH_MAX {
        return Err(Stop::revert(LoraErrors::TooDeep {
            depth: u16::from(depth),
        }));
    }
    let node = Node {
        abs_bps: adapter.absBps,
        base: Some(adapter.base),
        parents,
    };
    let lineage = Lineage::read(id, node, &mut Stored::new(context, false))?;
    let sum = lineage.abs_bps_sum();
    if sum > ABS_STACK_BPS_MAX {
        return Err(Stop::revert(LoraErrors::AbsStackTooHigh { sum }));
    }
    Ok(Descent {
        depth,
        // At most `ANCESTORS_MAX`.
        ancestors: lineage.ancestors().count() as u16,
    })
}
