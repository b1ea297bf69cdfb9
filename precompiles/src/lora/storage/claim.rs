//! What is recorded of someone before, or apart from, a registration: commitments, weights, uploads,
//! nonces.

use super::Packed;
use crate::{Context, Stop, mapping_slot_bytes32};
use alloy_primitives::{Address, B256, U256, uint};

const COMMITMENTS_SLOT: U256 = uint!(6_U256);
const NONCES_SLOT: U256 = uint!(9_U256);
const UPLOADS_SLOT: U256 = uint!(8_U256);
const WEIGHTS_SLOT: U256 = uint!(7_U256);

/// A commitment: its number in the order of all, from 1, and its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lora) struct Commitment {
    pub(in crate::lora) number: u64,
    pub(in crate::lora) block_number: u64,
}

pub(in crate::lora) fn load_commitment(
    context: &mut Context<'_>,
    h: B256,
) -> Result<Option<Commitment>, Stop> {
    let mut word = Packed::of(context.sload(mapping_slot_bytes32(h, COMMITMENTS_SLOT))?);
    let (number, block_number) = (word.take_u64(), word.take_u64());
    Ok((number != 0).then_some(Commitment {
        number,
        block_number,
    }))
}

pub(in crate::lora) fn store_commitment(
    context: &mut Context<'_>,
    h: B256,
    commitment: Commitment,
) -> Result<(), Stop> {
    let word = Packed::default()
        .put_u64(commitment.number)
        .put_u64(commitment.block_number);
    context.sstore(mapping_slot_bytes32(h, COMMITMENTS_SLOT), word.word)
}

/// Whose weights they are: the adapter, and the number of the commitment under which it has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lora) struct Weights {
    pub(in crate::lora) id: u64,
    pub(in crate::lora) commitment: u64,
}

fn weights_slot(header_hash: B256, data_root: B256) -> U256 {
    mapping_slot_bytes32(data_root, mapping_slot_bytes32(header_hash, WEIGHTS_SLOT))
}

pub(in crate::lora) fn load_weights(
    context: &mut Context<'_>,
    header_hash: B256,
    data_root: B256,
) -> Result<Option<Weights>, Stop> {
    let mut word = Packed::of(context.sload(weights_slot(header_hash, data_root))?);
    let (id, commitment) = (word.take_u64(), word.take_u64());
    Ok((id != 0).then_some(Weights { id, commitment }))
}

pub(in crate::lora) fn store_weights(
    context: &mut Context<'_>,
    header_hash: B256,
    data_root: B256,
    weights: Weights,
) -> Result<(), Stop> {
    let word = Packed::default()
        .put_u64(weights.id)
        .put_u64(weights.commitment);
    context.sstore(weights_slot(header_hash, data_root), word.word)
}

/// An uploaded header: the page set, how many pages and how many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::lora) struct Upload {
    pub(in crate::lora) set_id: u64,
    pub(in crate::lora) parts: u32,
    pub(in crate::lora) length: u32,
}

fn upload_slot(uploader: Address, header_hash: B256) -> U256 {
    let slot = mapping_slot_bytes32(uploader.into_word(), UPLOADS_SLOT);
    mapping_slot_bytes32(header_hash, slot)
}

pub(in crate::lora) fn load_upload(
    context: &mut Context<'_>,
    uploader: Address,
    header_hash: B256,
) -> Result<Upload, Stop> {
    let mut word = Packed::of(context.sload(upload_slot(uploader, header_hash))?);
    Ok(Upload {
        set_id: word.take_u64(),
        parts: word.take_u32(),
        length: word.take_u32(),
    })
}

pub(in crate::lora) fn store_upload(
    context: &mut Context<'_>,
    uploader: Address,
    header_hash: B256,
    upload: Upload,
) -> Result<(), Stop> {
    let word = Packed::default()
        .put_u64(upload.set_id)
        .put_u32(upload.parts)
        .put_u32(upload.length);
    context.sstore(upload_slot(uploader, header_hash), word.word)
}

fn nonce_slot(developer: Address) -> U256 {
    mapping_slot_bytes32(developer.into_word(), NONCES_SLOT)
}

pub(in crate::lora) fn load_nonce(
    context: &mut Context<'_>,
    developer: Address,
) -> Result<U256, Stop> {
    context.sload(nonce_slot(developer))
}

pub(in crate::lora) fn store_nonce(
    context: &mut Context<'_>,
    developer: Address,
    nonce: U256,
) -> Result<(), Stop> {
    context.sstore(nonce_slot(developer), nonce)
}
