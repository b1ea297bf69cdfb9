//! Bases in storage.

use super::{Packed, WORD};
use crate::{
    Context, Stop,
    lora::{
        MODULES_MAX, PATH_LEN_MAX,
        interface::ILoraRegistry::{Base, Module},
    },
    mapping_slot, offset_slot,
};
use alloc::vec::Vec;
use alloy_primitives::{Address, B256, U256, uint};

const BASES_SLOT: U256 = uint!(3_U256);
// Members of `Base`, as slots from its first.
const BASE_NAME: u64 = 1;
const BASE_CONFIG: u64 = 2;
const BASE_LICENCE: u64 = 3;
const BASE_PREFIX: u64 = 4;
const BASE_MODULES: u64 = 6;
/// Slots of a `Module`.
const MODULE_SLOTS: u64 = 3;
/// Bytes of a path in a module's first slot.
const PATH_HEAD: usize = 23;
/// Bytes of a path in a module's third slot.
const PATH_TAIL: usize = PATH_LEN_MAX - PATH_HEAD - WORD;

const _: () = assert!(
    PATH_HEAD + WORD < PATH_LEN_MAX
        && PATH_LEN_MAX <= PATH_HEAD + 2 * WORD
        && PATH_LEN_MAX <= 2 * WORD
        && BASE_PREFIX + 2 == BASE_MODULES
        && PATH_LEN_MAX <= u8::MAX as usize
        && MODULES_MAX <= u8::MAX as usize
);

fn base_slot(id: u64) -> U256 {
    mapping_slot(U256::from(id), BASES_SLOT)
}

fn module_slot(base: U256, module: u8) -> U256 {
    let offset = u64::from(module).saturating_mul(MODULE_SLOTS);
    offset_slot(base, BASE_MODULES.saturating_add(offset))
}

/// A base's first slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lora) struct BaseFacts {
    pub(in crate::lora) payee: Address,
    pub(in crate::lora) layers: u16,
    pub(in crate::lora) modules: u8,
    prefix_len: u8,
}

pub(in crate::lora) fn load_base_facts(
    context: &mut Context<'_>,
    id: u64,
) -> Result<BaseFacts, Stop> {
    let mut word = Packed::of(context.sload(base_slot(id))?);
    Ok(BaseFacts {
        payee: word.take_address(),
        layers: word.take_u16(),
        modules: word.take_u8(),
        prefix_len: word.take_u8(),
    })
}

/// A base's licence. One slot.
pub(in crate::lora) fn load_base_licence(context: &mut Context<'_>, id: u64) -> Result<B256, Stop> {
    let slot = offset_slot(base_slot(id), BASE_LICENCE);
    context.sload(slot).map(B256::from)
}

/// What precedes a layer's number in the names of a base's tensors. As many slots as its length needs.
pub(in crate::lora) fn load_prefix(
    context: &mut Context<'_>,
    id: u64,
    facts: &BaseFacts,
) -> Result<Vec<u8>, Stop> {
    let slot = offset_slot(base_slot(id), BASE_PREFIX);
    let len = usize::from(facts.prefix_len);
    let mut prefix = Vec::with_capacity(PATH_LEN_MAX);
    for index in 0..len.div_ceil(WORD) {
        let word = context.sload(offset_slot(slot, index as u64))?;
        prefix.extend_from_slice(&word.to_be_bytes::<WORD>());
    }
    prefix.truncate(len);
    Ok(prefix)
}

/// A module of a base: one slot, and another for every part of a long path.
pub(in crate::lora) fn load_module(
    context: &mut Context<'_>,
    base: u64,
    module: u8,
) -> Result<Module, Stop> {
    let slot = module_slot(base_slot(base), module);
    let word = context.sload(slot)?;
    let mut packed = Packed::of(word);
    // `bytes23` lies in the low 23 bytes, its first byte highest.
    packed.bit = PATH_HEAD.saturating_mul(8);
    let len = usize::from(packed.take_u8());
    let (in_dim, out_dim) = (packed.take_u32(), packed.take_u32());
    let mut path = Vec::with_capacity(PATH_LEN_MAX);
    path.extend_from_slice(
        word.to_be_bytes::<WORD>()
            .last_chunk::<PATH_HEAD>()
            .map_or(&[], |head| head),
    );
    if len > PATH_HEAD {
        let middle = context.sload(offset_slot(slot, 1))?;
        path.extend_from_slice(&middle.to_be_bytes::<WORD>());
    }
    if len > PATH_HEAD.saturating_add(WORD) {
        // `bytes9` lies in the low 9 bytes.
        let tail = context.sload(offset_slot(slot, 2))?;
        let tail = tail.to_be_bytes::<WORD>();
        path.extend_from_slice(tail.last_chunk::<PATH_TAIL>().map_or(&[], |tail| tail));
    }
    path.truncate(len);
    Ok(Module {
        path: path.into(),
        inDim: in_dim,
        outDim: out_dim,
    })
}

/// Stores a base whose lengths are checked.
pub(in crate::lora) fn store_base(
    context: &mut Context<'_>,
    id: u64,
    base: &Base,
    payee: Address,
) -> Result<(), Stop> {
    let slot = base_slot(id);
    let facts = Packed::default()
        .put_address(payee)
        .put_u16(base.layers)
        .put_u8(base.modules.len() as u8)
        .put_u8(base.namePrefix.len() as u8);
    context.sstore(slot, facts.word)?;
    context.sstore(offset_slot(slot, BASE_NAME), base.nameHash.into())?;
    context.sstore(offset_slot(slot, BASE_CONFIG), base.configHash.into())?;
    context.sstore(offset_slot(slot, BASE_LICENCE), base.licence.into())?;
    for (index, part) in (BASE_PREFIX..).zip(base.namePrefix.chunks(WORD)) {
        context.sstore(offset_slot(slot, index), left_aligned(part))?;
    }
    for (index, module) in (0u8..).zip(&base.modules) {
        store_module(context, module_slot(slot, index), module)?;
    }
    Ok(())
}

fn store_module(context: &mut Context<'_>, slot: U256, module: &Module) -> Result<(), Stop> {
    let (head, rest) = split_at_most(&module.path, PATH_HEAD);
    let (middle, tail) = split_at_most(rest, WORD);
    let word = Packed::default()
        .put(fixed_bytes(head, PATH_HEAD), PATH_HEAD.saturating_mul(8))
        .put_u8(module.path.len() as u8)
        .put_u32(module.inDim)
        .put_u32(module.outDim);
    context.sstore(slot, word.word)?;
    if !middle.is_empty() {
        context.sstore(offset_slot(slot, 1), left_aligned(middle))?;
    }
    if !tail.is_empty() {
        context.sstore(offset_slot(slot, 2), fixed_bytes(tail, PATH_TAIL))?;
    }
    Ok(())
}

fn split_at_most(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

/// At most 32 bytes in a word's high bytes.
fn left_aligned(bytes: &[u8]) -> U256 {
    B256::right_padding_from(bytes).into()
}

/// `bytesN` in a word's low `len` bytes.
fn fixed_bytes(bytes: &[u8], len: usize) -> U256 {
    left_aligned(bytes).wrapping_shr(WORD.saturating_sub(len).saturating_mul(8))
}
