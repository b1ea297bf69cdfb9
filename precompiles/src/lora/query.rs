//! The getters, the lineage's walks and the Merkle check. None of them can be paused.

use super::{
    interface::{
        ILoraRegistry::{
            Adapter, byBaseCall, flattenDatanetsCall, flattenDatanetsReturn, getCall, getReturn,
            isAncestorCall, lineageCall, noncesCall, royaltyFlowCall, royaltyFlowReturn,
            statusOfCall, verifyChunkCall,
        },
        LoraErrors,
    },
    lineage::{self, Lineage, NodeSource},
    price,
    royalty::{self, PPM, Weight},
    source::Stored,
    storage::{self, Head, Kind},
};
use crate::{Arguments, Context, Stop, gas, merkle};
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{B256, U256};
use alloy_sol_types::SolCall;

/// `nonces`: one slot.
pub(super) fn nonces(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut members = Arguments::new(arguments, 1)?;
    let developer = members.address()?;
    members.finish()?;
    let nonce = storage::load_nonce(context, developer)?;
    Ok(noncesCall::abi_encode_returns(&nonce))
}

/// `verifyChunk`: whether `chunk`, whole, is the one at `idx` of an adapter's data. A number, a length or
/// a proof that can't be right answers false.
pub(super) fn verify_chunk(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut members = Arguments::new(arguments, 4)?;
    let (id, index) = (members.uint64()?, members.uint64()?);
    let (chunk, proof) = (members.bytes()?, members.bytes32_array()?);
    members.finish()?;
    if require_node(context, id)?.kind != Kind::Adapter {
        return Err(Stop::revert(LoraErrors::NotAdapter { id }));
    }
    let facts = storage::load_adapter_facts(context, id)?;
    let root = storage::load_data_root(context, id)?;
    context.charge(gas::words(chunk.len() as u64).saturating_mul(price::HASH_WORD))?;
    context.charge((proof.len() as u64).saturating_mul(price::PROOF_NODE))?;
    let size = 1u64.wrapping_shl(u32::from(facts.chunk_log2));
    let chunks = facts.data_len.div_ceil(size);
    let begin = index.checked_mul(size);
    let expected_len = begin.map(|begin| facts.data_len.saturating_sub(begin).min(size));
    let holds = index < chunks
        && expected_len == Some(chunk.len() as u64)
        && merkle::proof_len(chunks, index) == Some(proof.len())
        && merkle::verify(&root, chunks, index, merkle::leaf(index, chunk), &proof);
    Ok(verifyChunkCall::abi_encode_returns(&holds))
}

/// `get`. A base answers with its own number as `base`, its payee as `developer`, its licence and share,
/// and nothing else.
pub(super) fn get(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let id = read_id(arguments)?;
    let head = require_node(context, id)?;
    let (adapter, params) = match head.kind {
        Kind::Base => {
            let facts = storage::load_base_facts(context, id)?;
            (base_as_adapter(context, id, &head, facts.payee)?, 0)
        }
        Kind::Adapter => storage::load_adapter(context, id, &head)?,
    };
    Ok(getCall::abi_encode_returns(&getReturn {
        adapter,
        params,
        depth: head.depth,
        ancestors: head.ancestors,
    }))
}

/// `statusOf`: of an adapter or a base. One slot.
pub(super) fn status_of(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let id = read_id(arguments)?;
    let head = require_node(context, id)?;
    Ok(statusOfCall::abi_encode_returns(&head.status))
}

fn base_as_adapter(
    context: &mut Context<'_>,
    id: u64,
    head: &Head,
    payee: alloy_primitives::Address,
) -> Result<Adapter, Stop> {
    Ok(Adapter {
        base: id,
        rank: 0,
        alpha: 0,
        moduleMask: 0,
        layerFrom: 0,
        layerTo: 0,
        dtype: 0,
        headerHash: B256::ZERO,
        dataRoot: B256::ZERO,
        dataLen: 0,
        chunkLog2: 0,
        train: Vec::new(),
        parents: Vec::new(),
        licence: storage::load_base_licence(context, id)?,
        absBps: head.abs_bps,
        developer: payee,
        version: 0,
        supersedes: 0,
    })
}

/// `isAncestor`: whether `anc` is a proper ancestor of `node`. Reads by descending number, and nothing
/// below `anc`.
pub(super) fn is_ancestor(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut members = Arguments::new(arguments, 2)?;
    let (id, ancestor) = (members.uint64()?, members.uint64()?);
    members.finish()?;
    let mut source = Stored::new(context, true);
    let node = source.node(id)?;
    let is_ancestor = lineage::is_ancestor(id, &node, ancestor, &mut source)?;
    Ok(isAncestorCall::abi_encode_returns(&is_ancestor))
}

/// `lineage`: the distinct ancestors, ascending.
pub(super) fn lineage(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let id = read_id(arguments)?;
    let lineage = read_lineage(&mut Stored::new(context, true), id)?;
    let ids: Vec<u64> = lineage.ancestors().collect();
    Ok(lineageCall::abi_encode_returns(&ids))
}

/// `byBase`: at most `n` adapters of a base from the `cursor`-th on, in the order of registration.
pub(super) fn by_base(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut members = Arguments::new(arguments, 3)?;
    let (base, cursor, n) = (members.uint64()?, members.uint64()?, members.uint16()?);
    members.finish()?;
    if require_node(context, base)?.kind != Kind::Base {
        return Err(Stop::revert(LoraErrors::UnknownBase { id: base }));
    }
    let len = storage::load_by_base_len(context, base)?;
    let end = cursor.saturating_add(u64::from(n)).min(len);
    let ids = storage::load_by_base(context, base, cursor..end)?;
    Ok(byBaseCall::abi_encode_returns(&ids))
}

/// `royaltyFlow`: the node and its distinct ancestors, ascending, with what each gets.
pub(super) fn royalty_flow(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut members = Arguments::new(arguments, 2)?;
    let (id, amount) = (members.uint64()?, members.uint256()?);
    members.finish()?;
    let lineage = read_lineage(&mut Stored::new(context, true), id)?;
    let (ids, amounts) = flow(&lineage, amount)?.into_iter().unzip();
    Ok(royaltyFlowCall::abi_encode_returns(&royaltyFlowReturn {
        ids,
        amounts,
    }))
}

/// `flattenDatanets`: the datanets behind a node, ascending, with their parts of a million.
pub(super) fn flatten_datanets(
    context: &mut Context<'_>,
    arguments: &[u8],
) -> Result<Vec<u8>, Stop> {
    let id = read_id(arguments)?;
    let mut source = Stored::new(context, true);
    let lineage = read_lineage(&mut source, id)?;
    let heads = core::mem::take(&mut source.heads);
    let mut weights = BTreeMap::new();
    for (id, head) in heads.iter().rev() {
        if head.kind == Kind::Adapter && head.trains > 0 {
            context.charge(u64::from(head.trains).saturating_mul(price::EDGE))?;
            let of_node = storage::load_trains(context, *id, head)?
                .iter()
                .map(|train| Weight {
                    datanet: train.datanet,
                    weight_bps: train.weightBps,
                })
                .collect();
            weights.insert(*id, of_node);
        }
    }
    let flow = flow(&lineage, U256::from(PPM))?;
    let (datanets, ppm) = royalty::flatten_datanets(&flow, &weights)
        .into_iter()
        .unzip();
    Ok(flattenDatanetsCall::abi_encode_returns(
        &flattenDatanetsReturn { datanets, ppm },
    ))
}

/// The flow through a registered lineage, whose shares are checked.
fn flow(lineage: &Lineage, amount: U256) -> Result<Vec<(u64, U256)>, Stop> {
    royalty::royalty_flow(lineage, amount).ok_or_else(|| {
        Stop::revert(LoraErrors::AbsStackTooHigh {
            sum: lineage.abs_bps_sum(),
        })
    })
}

fn read_lineage(source: &mut Stored<'_, '_>, id: u64) -> Result<Lineage, Stop> {
    let node = source.node(id)?;
    Ok(Lineage::read(id, node, source)?)
}

fn require_node(context: &mut Context<'_>, id: u64) -> Result<Head, Stop> {
    storage::load_head(context, id)?.ok_or_else(|| Stop::revert(LoraErrors::UnknownNode { id }))
}

fn read_id(arguments: &[u8]) -> Result<u64, Stop> {
    let mut members = Arguments::new(arguments, 1)?;
    let id = members.uint64()?;
    members.finish()?;
    Ok(id)
}
