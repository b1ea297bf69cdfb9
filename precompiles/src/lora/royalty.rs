//! How a payment for one adapter flows to everything that it descends from.

use super::lineage::Lineage;
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{B256, U256};

/// Shares are in 1/10,000.
pub const BPS: u16 = 10_000;
/// Most that the distinct ancestors' absolute shares may sum to, in 1/10,000: half.
pub const ABS_STACK_BPS_MAX: u32 = 5_000;
/// What [`flatten_datanets`] divides: parts per million.
pub const PPM: u32 = 1_000_000;

const _: () = assert!(ABS_STACK_BPS_MAX < BPS as u32);

/// Divides `total` among a node and its ancestors, ascending by number; the amounts sum to `total`.
///
/// First each distinct ancestor gets `⌊total · abs / 10⁴⌋`. The rest flows from the node by descending
/// number: of what flows into a node each parent gets `⌊inflow · rel / 10⁴⌋`, and the node keeps what
/// remains. A node is reached after all its descendants, so that its inflows have merged and every edge
/// is walked once. A base that nobody lists as a parent gets its absolute share alone.
///
/// `None` if shares sum to more than a whole, which no registered lineage's do: the ancestors'
/// `abs_bps`, or the `rel_bps` of one node's parents.
pub fn royalty_flow(lineage: &Lineage, total: U256) -> Option<Vec<(u64, U256)>> {
    let mut paid = BTreeMap::new();
    let mut rest = total;
    for (id, node) in lineage.descending() {
        if id != lineage.start() {
            let share = portion(total, node.abs_bps);
            rest = rest.checked_sub(share)?;
            paid.insert(id, share);
        }
    }
    let mut inflows = BTreeMap::from([(lineage.start(), rest)]);
    for (id, node) in lineage.descending() {
        // None for a base that nobody lists.
        let Some(inflow) = inflows.remove(&id) else {
            continue;
        };
        let mut kept = inflow;
        for parent in &node.parents {
            let share = portion(inflow, parent.rel_bps);
            kept = kept.checked_sub(share)?;
            let merged = inflows.entry(parent.id).or_insert(U256::ZERO);
            *merged = merged.checked_add(share)?;
        }
        let amount = paid.entry(id).or_insert(U256::ZERO);
        *amount = amount.checked_add(kept)?;
    }
    Some(paid.into_iter().collect())
}

/// `⌊amount · bps / 10⁴⌋`, without overflow for a `bps` up to 10⁴; saturating beyond.
fn portion(amount: U256, bps: u16) -> U256 {
    let (quotient, remainder) = amount.div_rem(U256::from(BPS));
    let bps = U256::from(bps);
    quotient
        .saturating_mul(bps)
        .saturating_add(remainder.saturating_mul(bps).wrapping_div(U256::from(BPS)))
}

/// A data set that an adapter declares to have been trained on, with its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// The datanet.
    pub datanet: B256,
    /// Its part, in 1/10,000; the parts of one adapter sum to 10,000, if it has any.
    pub weight_bps: u16,
}

/// Divides a million parts among the datanets behind a node, ascending by datanet, those with nothing
/// left out; the parts sum to a million.
///
/// `flow` is [`royalty_flow`] of [`PPM`]. What a node gets there, whether by absolute share or by flow, is
/// split by its declared weights with the largest remainders (ties: the earlier entry); what a node gets
/// that declares nothing is under datanet zero.
pub fn flatten_datanets(
    flow: &[(u64, U256)],
    weights: &BTreeMap<u64, Vec<Weight>>,
) -> Vec<(B256, u32)> {
    let mut parts = BTreeMap::new();
    let mut add = |datanet: B256, part: u32| {
        if part > 0 {
            let sum: &mut u32 = parts.entry(datanet).or_default();
            *sum = sum.saturating_add(part);
        }
    };
    for (id, amount) in flow {
        // The amounts sum to a million.
        let amount = amount.saturating_to::<u32>();
        match weights.get(id).map(Vec::as_slice) {
            None | Some([]) => add(B256::ZERO, amount),
            Some(weights) => {
                for (weight, part) in weights.iter().zip(largest_remainder(amount, weights)) {
                    add(weight.datanet, part);
                }
            }
        }
    }
    parts.into_iter().collect()
}

/// Splits `amount` by weights that sum to 10,000: `⌊amount · weight / 10⁴⌋` each, and one more for as many
/// as the rest says, those with the largest remainders, the earlier first.
fn largest_remainder(amount: u32, weights: &[Weight]) -> Vec<u32> {
    const WHOLE: u64 = BPS as u64;
    let mut parts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    let mut rest = amount;
    for (index, weight) in weights.iter().enumerate() {
        let product = u64::from(amount).saturating_mul(u64::from(weight.weight_bps));
        let part = u32::try_from(product.wrapping_div(WHOLE)).unwrap_or(u32::MAX);
        rest = rest.saturating_sub(part);
        parts.push(part);
        remainders.push((core::cmp::Reverse(product.wrapping_rem(WHOLE)), index));
    }
    remainders.sort_unstable();
    for (_, index) in remainders.into_iter().take(rest as usize) {
        if let Some(part) = parts.get_mut(index) {
            *part = part.saturating_add(1);
        }
    }
    parts
}

#[cfg(test)]
mod tests;
