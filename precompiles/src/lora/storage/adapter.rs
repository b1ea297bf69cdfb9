//! Adapters in storage.

use super::{Head, Packed, WORD};
use crate::{
    Context, Stop,
    lora::{
        PARENTS_MAX, TRAINS_MAX,
        interface::ILoraRegistry::{Adapter, Share, Train},
        lineage::Parent,
    },
    mapping_slot, offset_slot,
};
use alloc::vec::Vec;
use alloy_primitives::{Address, B256, U256, keccak256, uint};

const BY_BASE_SLOT: U256 = uint!(5_U256);
const ADAPTERS_SLOT: U256 = uint!(4_U256);
// Members of `Adapter`, as slots from its first.
const ADAPTER_OWNER: u64 = 1;
const ADAPTER_HEADER: u64 = 2;
const ADAPTER_ROOT: u64 = 3;
const ADAPTER_LICENCE: u64 = 4;
const ADAPTER_PARENTS: u64 = 5;
const ADAPTER_TRAINS: u64 = 8;
/// Elements of `parents` in a slot.
const PARENTS_PER_SLOT: usize = 3;
/// Slots of a `Train`.
const TRAIN_SLOTS: u64 = 2;
/// Elements of a `uint64[]` in a slot.
const IDS_PER_SLOT: u64 = 4;

const _: () = assert!(
    ADAPTER_PARENTS + PARENTS_MAX.div_ceil(PARENTS_PER_SLOT) as u64 == ADAPTER_TRAINS
        && PARENTS_MAX <= u8::MAX as usize
        && TRAINS_MAX <= u8::MAX as usize
);

fn adapter_slot(id: u64) -> U256 {
    mapping_slot(U256::from(id), ADAPTERS_SLOT)
}

/// An adapter's developer, version and what it supersedes. One slot.
pub(in crate::lora) fn load_owner_facts(
    context: &mut Context<'_>,
    id: u64,
) -> Result<(Address, u32, u64), Stop> {
    let slot = offset_slot(adapter_slot(id), ADAPTER_OWNER);
    let mut word = Packed::of(context.sload(slot)?);
    Ok((word.take_address(), word.take_u32(), word.take_u64()))
}

/// An adapter's first slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lora) struct AdapterFacts {
    rank: u16,
    alpha: u32,
    module_mask: u32,
    layer_from: u16,
    layer_to: u16,
    dtype: u8,
    pub(in crate::lora) chunk_log2: u8,
    pub(in crate::lora) data_len: u64,
    params: u64,
}

pub(in crate::lora) fn load_adapter_facts(
    context: &mut Context<'_>,
    id: u64,
) -> Result<AdapterFacts, Stop> {
    let mut word = Packed::of(context.sload(adapter_slot(id))?);
    Ok(AdapterFacts {
        rank: word.take_u16(),
        alpha: word.take_u32(),
        module_mask: word.take_u32(),
        layer_from: word.take_u16(),
        layer_to: word.take_u16(),
        dtype: word.take_u8(),
        chunk_log2: word.take_u8(),
        data_len: word.take_u64(),
        params: word.take_u64(),
    })
}

/// The root over an adapter's data. One slot.
pub(in crate::lora) fn load_data_root(context: &mut Context<'_>, id: u64) -> Result<B256, Stop> {
    let slot = offset_slot(adapter_slot(id), ADAPTER_ROOT);
    context.sload(slot).map(B256::from)
}

/// An adapter's listed parents, in their order. A slot for three.
pub(in crate::lora) fn load_parents(
    context: &mut Context<'_>,
    id: u64,
    head: &Head,
) -> Result<Vec<Parent>, Stop> {
    let count = usize::from(head.parents);
    let mut parents = Vec::with_capacity(count);
    if count == 0 {
        return Ok(parents);
    }
    let slot = offset_slot(adapter_slot(id), ADAPTER_PARENTS);
    for index in 0..count.div_ceil(PARENTS_PER_SLOT) {
        let mut word = Packed::of(context.sload(offset_slot(slot, index as u64))?);
        for _ in 0..PARENTS_PER_SLOT {
            let (rel_bps, id) = (word.take_u16(), word.take_u64());
            parents.push(Parent { id, rel_bps });
        }
    }
    parents.truncate(count);
    Ok(parents)
}

/// An adapter's declared training sets, in their order. Two slots each.
pub(in crate::lora) fn load_trains(
    context: &mut Context<'_>,
    id: u64,
    head: &Head,
) -> Result<Vec<Train>, Stop> {
    let mut trains = Vec::with_capacity(usize::from(head.trains));
    for index in 0..u64::from(head.trains) {
        let slot = train_slot(adapter_slot(id), index);
        let datanet = context.sload(slot)?;
        let mut word = Packed::of(context.sload(offset_slot(slot, 1))?);
        trains.push(Train {
            datanet: datanet.into(),
            sketchSet: word.take_u64(),
            spanIndex: word.take_u64(),
            weightBps: word.take_u16(),
        });
    }
    Ok(trains)
}

fn train_slot(adapter: U256, index: u64) -> U256 {
    let offset = index.saturating_mul(TRAIN_SLOTS);
    offset_slot(adapter, ADAPTER_TRAINS.saturating_add(offset))
}

/// A whole adapter with its number of parameters: five slots, its parents' and its training sets'.
pub(in crate::lora) fn load_adapter(
    context: &mut Context<'_>,
    id: u64,
    head: &Head,
) -> Result<(Adapter, u64), Stop> {
    let slot = adapter_slot(id);
    let facts = load_adapter_facts(context, id)?;
    let (developer, version, supersedes) = load_owner_facts(context, id)?;
    let header_hash = context.sload(offset_slot(slot, ADAPTER_HEADER))?;
    let data_root = context.sload(offset_slot(slot, ADAPTER_ROOT))?;
    let licence = context.sload(offset_slot(slot, ADAPTER_LICENCE))?;
    let parents = load_parents(context, id, head)?;
    let train = load_trains(context, id, head)?;
    let adapter = Adapter {
        base: head.base,
        rank: facts.rank,
        alpha: facts.alpha,
        moduleMask: facts.module_mask,
        layerFrom: facts.layer_from,
        layerTo: facts.layer_to,
        dtype: facts.dtype,
        headerHash: header_hash.into(),
        dataRoot: data_root.into(),
        dataLen: facts.data_len,
        chunkLog2: facts.chunk_log2,
        train,
        parents: parents
            .iter()
            .map(|parent| Share {
                id: parent.id,
                relBps: parent.rel_bps,
            })
            .collect(),
        licence: licence.into(),
        absBps: head.abs_bps,
        developer,
        version,
        supersedes,
    };
    Ok((adapter, facts.params))
}

/// Stores an adapter whose lengths are checked, without its head.
pub(in crate::lora) fn store_adapter(
    context: &mut Context<'_>,
    id: u64,
    adapter: &Adapter,
    params: u64,
) -> Result<(), Stop> {
    let slot = adapter_slot(id);
    let facts = Packed::default()
        .put_u16(adapter.rank)
        .put_u32(adapter.alpha)
        .put_u32(adapter.moduleMask)
        .put_u16(adapter.layerFrom)
        .put_u16(adapter.layerTo)
        .put_u8(adapter.dtype)
        .put_u8(adapter.chunkLog2)
        .put_u64(adapter.dataLen)
        .put_u64(params);
    context.sstore(slot, facts.word)?;
    let owner = Packed::default()
        .put_address(adapter.developer)
        .put_u32(adapter.version)
        .put_u64(adapter.supersedes);
    context.sstore(offset_slot(slot, ADAPTER_OWNER), owner.word)?;
    for (offset, value) in [
        (ADAPTER_HEADER, adapter.headerHash),
        (ADAPTER_ROOT, adapter.dataRoot),
        (ADAPTER_LICENCE, adapter.licence),
    ] {
        context.sstore(offset_slot(slot, offset), value.into())?;
    }
    for (offset, parents) in (ADAPTER_PARENTS..).zip(adapter.parents.chunks(PARENTS_PER_SLOT)) {
        let word = parents.iter().fold(Packed::default(), |word, parent| {
            word.put_u16(parent.relBps).put_u64(parent.id)
        });
        context.sstore(offset_slot(slot, offset), word.word)?;
    }
    for (index, train) in (0..).zip(&adapter.train) {
        let slot = train_slot(slot, index);
        let word = Packed::default()
            .put_u64(train.sketchSet)
            .put_u64(train.spanIndex)
            .put_u16(train.weightBps);
        context.sstore(slot, train.datanet.into())?;
        context.sstore(offset_slot(slot, 1), word.word)?;
    }
    Ok(())
}

// ---- Adapters of a base

/// Number of a base's adapters. One slot.
pub(in crate::lora) fn load_by_base_len(context: &mut Context<'_>, base: u64) -> Result<u64, Stop> {
    let [len, ..] = *context.sload(by_base_slot(base))?.as_limbs();
    Ok(len)
}

/// The `range` of a base's adapters, in the order of registration; all of it must exist. A slot for
/// four.
pub(in crate::lora) fn load_by_base(
    context: &mut Context<'_>,
    base: u64,
    range: core::ops::Range<u64>,
) -> Result<Vec<u64>, Stop> {
    let mut ids = Vec::new();
    if range.is_empty() {
        return Ok(ids);
    }
    let first = by_base_elements(base);
    let words = range.start.wrapping_div(IDS_PER_SLOT)..range.end.div_ceil(IDS_PER_SLOT);
    for number in words {
        let word = context.sload(offset_slot(first, number))?;
        for (index, id) in (number.saturating_mul(IDS_PER_SLOT)..).zip(word.as_limbs()) {
            if range.contains(&index) {
                ids.push(*id);
            }
        }
    }
    Ok(ids)
}

/// Appends an adapter to its base's. Reads and writes the length's slot and the element's.
pub(in crate::lora) fn push_by_base(
    context: &mut Context<'_>,
    base: u64,
    id: u64,
) -> Result<(), Stop> {
    let len = load_by_base_len(context, base)?;
    let slot = offset_slot(by_base_elements(base), len.wrapping_div(IDS_PER_SLOT));
    let mut limbs = *context.sload(slot)?.as_limbs();
    if let Some(limb) = limbs.get_mut(len.wrapping_rem(IDS_PER_SLOT) as usize) {
        *limb = id;
    }
    context.sstore(slot, U256::from_limbs(limbs))?;
    context.sstore(by_base_slot(base), U256::from(len.saturating_add(1)))
}

fn by_base_slot(base: u64) -> U256 {
    mapping_slot(U256::from(base), BY_BASE_SLOT)
}

fn by_base_elements(base: u64) -> U256 {
    keccak256(by_base_slot(base).to_be_bytes::<WORD>()).into()
}
