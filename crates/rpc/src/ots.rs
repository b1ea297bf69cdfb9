//! `ots_`: what the Otterscan explorer asks, at its API level 8.
//!
//! `ots_searchTransactionsBefore` and `ots_searchTransactionsAfter` need the store's index of transactions
//! by address; on a node that doesn't keep one they are -32601.

mod block;
mod history;
mod search;
mod trace;

use crate::{
    api::Api,
    block_id::BlockId,
    error::Failure,
    params::{Args, Number, Params},
    registry::{Methods, Outcome, Run},
    reply::Reply,
    workers::Work,
};
use alloy_primitives::Address;
use openledger_primitives::{EMPTY_CODE_HASH, StateReader as _};
use serde_json::value::RawValue;

/// The level of Otterscan's API that this is.
const API_LEVEL: u64 = 8;

pub(crate) const METHODS: Methods = &[
    ("ots_getApiLevel", Run::Light(api_level)),
    ("ots_hasCode", Run::Light(has_code)),
    (
        "ots_getBlockDetails",
        Run::Heavy(Work::Call, block::details),
    ),
    (
        "ots_getBlockDetailsByHash",
        Run::Heavy(Work::Call, block::details_by_hash),
    ),
    (
        "ots_getBlockTransactions",
        Run::Heavy(Work::Call, block::transactions),
    ),
    (
        "ots_getInternalOperations",
        Run::Heavy(Work::Long, trace::internal_operations),
    ),
    (
        "ots_traceTransaction",
        Run::Heavy(Work::Long, trace::transaction),
    ),
    (
        "ots_getTransactionError",
        Run::Heavy(Work::Long, trace::error),
    ),
    (
        "ots_getTransactionBySenderAndNonce",
        Run::Heavy(Work::Long, history::by_sender_and_nonce),
    ),
    (
        "ots_getContractCreator",
        Run::Heavy(Work::Long, history::contract_creator),
    ),
    (
        "ots_searchTransactionsBefore",
        Run::Heavy(Work::Long, search::before),
    ),
    (
        "ots_searchTransactionsAfter",
        Run::Heavy(Work::Long, search::after),
    ),
];

fn api_level(_: &Api, params: &Params) -> Outcome {
    params.none()?;
    Reply::small(&API_LEVEL)
}

/// A block by number, which the explorer writes as a JSON number, or as every other method takes it.
fn block_id(args: &Args<'_>, index: usize) -> Result<BlockId, Failure> {
    let raw: &RawValue = args.get(index)?;
    if raw.get().starts_with(|first: char| first.is_ascii_digit()) {
        let Number(number) = args.get(index)?;
        return Ok(BlockId::Number(number));
    }
    args.get(index)
}

fn has_code(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["address", "block"])?;
    let address: Address = args.get(0)?;
    let id = match args.optional::<&RawValue>(1)? {
        Some(_) => block_id(&args, 1)?,
        None => BlockId::Latest,
    };
    let state = api.state(id)?;
    let account = state.account(address)?;
    Ok(Reply::boolean(account.is_some_and(|account| {
        account.code_hash != EMPTY_CODE_HASH
    })))
}
