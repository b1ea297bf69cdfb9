//! Bytes as the chain hashes them.

use crate::{
    api::{Api, Found},
    block_id::BlockId,
    error::Failure,
    eth::raw_transaction,
    params::Params,
    registry::Outcome,
    reply::Reply,
};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{B256, Bytes};
use openledger_primitives::{SealedBlock, StateReader as _};
use std::sync::Arc;

/// A sealed block; the open one has no bytes yet.
fn sealed(api: &Api, id: BlockId) -> Result<Option<Arc<SealedBlock>>, Failure> {
    match api.find(id)? {
        Some(Found::Sealed(number)) => api.block(number),
        Some(Found::Pending(_)) | None => Ok(None),
    }
}

fn known(api: &Api, params: &Params) -> Result<Arc<SealedBlock>, Failure> {
    let id: BlockId = params.args(&["block"])?.get(0)?;
    sealed(api, id)?.ok_or(Api::unknown(id))
}

pub(super) fn header(api: &Api, params: &Params) -> Outcome {
    let block = known(api, params)?;
    api.reply(&Bytes::from(alloy_rlp::encode(&block.block.header)))
}

pub(super) fn block(api: &Api, params: &Params) -> Outcome {
    let block = known(api, params)?;
    api.reply(&Bytes::from(alloy_rlp::encode(&block.block)))
}

pub(super) fn receipts(api: &Api, params: &Params) -> Outcome {
    let block = known(api, params)?;
    let receipts: Vec<Bytes> = block
        .receipts
        .iter()
        .map(|receipt| receipt.encoded_2718().into())
        .collect();
    api.reply(&receipts)
}

pub(super) fn transaction(api: &Api, params: &Params) -> Outcome {
    let hash: B256 = params.args(&["transaction hash"])?.get(0)?;
    match raw_transaction(api, hash)? {
        Some(bytes) => api.reply(&bytes),
        None => Err(Failure::UnknownTransaction(hash)),
    }
}

pub(super) fn code_by_hash(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["code hash", "block"])?;
    let hash: B256 = args.get(0)?;
    let state = api.state(args.or(1, BlockId::Latest)?)?;
    match state.code(hash)? {
        Some(code) => api.reply(&code),
        None => Ok(Reply::NULL),
    }
}
