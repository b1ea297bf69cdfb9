//! LORA: the registry of base models and LoRA adapters, their lineage and the royalties along it.
//!
//! An adapter is registered with the header of its safetensors file, which the registry reads in full:
//! shape, data type and place of every tensor are checked against the base's modules. The data itself
//! stays off chain under a Merkle root. What is shown is the shape and who committed first to the bytes;
//! *not* that the weights were trained on anything.
//!
//! Invariants: numbers are given in order to bases and adapters alike, and a parent's is below its
//! child's; each adapter's ancestors, at most [`ANCESTORS_MAX`] distinct ones, leave at least half of a
//! payment to flow by relative shares; the exact bytes of one adapter have one undisputed registration,
//! the one that was committed to first.
//!
//! Start reading at `register` with its nine rules, then `royalty`. Storage stands in
//! `storage`, the pure parts in [`safetensors`], [`tensors`], [`lineage`], [`royalty`] and [`signature`].

mod base;
mod error;
mod header;
mod interface;
pub mod lineage;
mod parents;
mod query;
mod register;
pub mod royalty;
pub mod safetensors;
pub mod signature;
mod source;
mod status;
mod storage;
pub mod tensors;
mod train;

pub use interface::{ILoraRegistry, LoraErrors};

use crate::{Context, LORA, PAGE_PAYLOAD_MAX, Precompile, Stop};
use alloc::vec::Vec;
use alloy_sol_types::SolCall;

/// Most modules of a base.
pub const MODULES_MAX: usize = 32;
/// Most bytes of a module's path or of a base's prefix.
pub const PATH_LEN_MAX: usize = 64;
/// Most layers of a base.
pub const LAYERS_MAX: u16 = 512;
/// Largest rank of an adapter.
pub const RANK_MAX: u16 = 1_024;
/// Largest alpha of an adapter.
pub const ALPHA_MAX: u32 = 65_535;
/// Most bytes of a header in calldata.
pub const HEADER_LEN_MAX: usize = 96 * 1_024;
/// Most bytes of a header that is uploaded before.
pub const UPLOAD_LEN_MAX: usize = 384 * 1_024;
/// Most pages of an uploaded header.
pub const UPLOAD_PARTS_MAX: usize = UPLOAD_LEN_MAX.div_ceil(PAGE_PAYLOAD_MAX);
/// Most listed parents of an adapter.
pub const PARENTS_MAX: usize = 8;
/// Most declared training sets of an adapter.
pub const TRAINS_MAX: usize = 16;
/// Largest depth of an adapter; a base has 0.
pub const DEPTH_MAX: u8 = 16;
/// Most distinct ancestors of an adapter, its base among them.
pub const ANCESTORS_MAX: usize = 256;
/// Smallest base-2 logarithm of the size of a data chunk.
pub const CHUNK_LOG2_MIN: u8 = 12;
/// Largest.
pub const CHUNK_LOG2_MAX: u8 = 20;
/// Blocks from a commitment to the first in which its adapter can be registered.
pub const COMMITMENT_AGE_MIN: u64 = 2;

// A mask has a bit for every module; a header in calldata leaves room for the adapter around it; numbers
// fit the storage's fields; no header that can be registered overflows a count.
const _: () = assert!(
    MODULES_MAX == u32::BITS as usize
        && HEADER_LEN_MAX < crate::CALLDATA_LEN_MAX
        && HEADER_LEN_MAX < UPLOAD_LEN_MAX
        && UPLOAD_LEN_MAX <= u32::MAX as usize
        && UPLOAD_PARTS_MAX == 17
        && ANCESTORS_MAX <= u16::MAX as usize
        && CHUNK_LOG2_MIN < CHUNK_LOG2_MAX
        && CHUNK_LOG2_MAX < u64::BITS as u8
);
// The largest adapter's parameters, in bytes of four each, don't overflow: layers, modules, rank and both
// dimensions of a module.
const _: () = assert!(
    (LAYERS_MAX as u128) * (MODULES_MAX as u128) * (RANK_MAX as u128) * 2 * (u32::MAX as u128) * 4
        <= u64::MAX as u128
);

/// Prices of what only the registry does.
pub mod price {
    /// Per byte of a header that is read: parsing and checking.
    pub const HEADER_BYTE: u64 = 12;
    /// Per word that is hashed.
    pub const HASH_WORD: u64 = 6;
    /// Recovery of a signature's signer.
    pub const SIGNATURE: u64 = 3_000;
    /// Per edge of a lineage that is walked for an answer, and per training set behind a node.
    pub const EDGE: u64 = 150;
    /// Per sibling of a Merkle proof.
    pub const PROOF_NODE: u64 = 42;
}

/// Status of an adapter that its developer stands by.
pub const STATUS_ACTIVE: u8 = 0;
/// Status of an adapter that its developer advises against.
pub const STATUS_DEPRECATED: u8 = 1;
/// Status of an adapter whose ownership or content is disputed: it can't become a parent.
pub const STATUS_DISPUTED: u8 = 2;

use ILoraRegistry::{
    byBaseCall, commitAdapterCall, flattenDatanetsCall, getCall, isAncestorCall, lineageCall,
    noncesCall, registerAdapterCall, registerAdapterForCall, registerBaseCall, royaltyFlowCall,
    setStatusCall, statusOfCall, uploadHeaderCall, verifyChunkCall,
};

/// The registry, for the table of precompiles.
pub(crate) const PRECOMPILE: Precompile = Precompile {
    address: LORA,
    pausable: &[
        registerBaseCall::SELECTOR,
        commitAdapterCall::SELECTOR,
        uploadHeaderCall::SELECTOR,
        registerAdapterCall::SELECTOR,
        registerAdapterForCall::SELECTOR,
        setStatusCall::SELECTOR,
    ],
    run,
};

fn run(context: &mut Context<'_>, selector: [u8; 4], arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    match selector {
        registerBaseCall::SELECTOR => base::register_base(context, arguments),
        commitAdapterCall::SELECTOR => register::commit_adapter(context, arguments),
        uploadHeaderCall::SELECTOR => header::upload_header(context, arguments),
        registerAdapterCall::SELECTOR => register::register_adapter(context, arguments),
        registerAdapterForCall::SELECTOR => register::register_adapter_for(context, arguments),
        noncesCall::SELECTOR => query::nonces(context, arguments),
        verifyChunkCall::SELECTOR => query::verify_chunk(context, arguments),
        getCall::SELECTOR => query::get(context, arguments),
        isAncestorCall::SELECTOR => query::is_ancestor(context, arguments),
        lineageCall::SELECTOR => query::lineage(context, arguments),
        byBaseCall::SELECTOR => query::by_base(context, arguments),
        flattenDatanetsCall::SELECTOR => query::flatten_datanets(context, arguments),
        royaltyFlowCall::SELECTOR => query::royalty_flow(context, arguments),
        setStatusCall::SELECTOR => status::set_status(context, arguments),
        statusOfCall::SELECTOR => query::status_of(context, arguments),
        _ => Err(Stop::bad_abi()),
    }
}

#[cfg(test)]
mod tests;
