//! Blocks without their transactions, and these in pages.

use super::block_id;
use crate::{
    api::{Api, Found},
    block_id::BlockId,
    error::Failure,
    json::{BlockJson, Place, Receipts, TransactionJson},
    params::{Number, ParamError, Params},
    quantity::Hex,
    registry::Outcome,
    reply::Reply,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::U256;
use openledger_primitives::SealedBlock;
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Transactions of a page.
const PAGE_SIZE_MAX: usize = 1_000;
/// Characters of `0x` and a function's selector, which is all that a page shows of an input.
const SELECTOR_CHARS: usize = 10;

/// What the block brought to whoever built it: nothing is issued on this chain.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Issuance {
    block_reward: Hex<u64>,
    uncle_reward: Hex<u64>,
    issuance: Hex<u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    block: Map<String, Value>,
    issuance: Issuance,
    /// What its transactions paid for gas, wei; L1 and operator fees are not in it.
    total_fees: U256,
}

#[derive(Debug, Serialize)]
struct Page {
    fullblock: Map<String, Value>,
    receipts: Vec<Value>,
}

/// A sealed block; `None` if there is none.
fn sealed(api: &Api, id: BlockId) -> Result<Option<Arc<SealedBlock>>, Failure> {
    match api.find(id)? {
        Some(Found::Sealed(number)) => api.block(number),
        Some(Found::Pending(_)) | None => Ok(None),
    }
}

/// The block's fields, its transactions counted and not listed, without the bloom.
fn summary(block: &SealedBlock) -> Result<Map<String, Value>, Failure> {
    let json = serde_json::to_value(BlockJson::sealed(block, false)).map_err(Failure::internal)?;
    let Value::Object(mut fields) = json else {
        return Err(Failure::Unavailable("the block can't be shown"));
    };
    fields.remove("transactions");
    fields.insert("logsBloom".into(), Value::Null);
    let count = block.block.body.transactions.len();
    fields.insert("transactionCount".into(), count.into());
    Ok(fields)
}

fn total_fees(block: &SealedBlock) -> U256 {
    let base_fee = block.block.header.base_fee_per_gas;
    let mut before = 0;
    let mut total = U256::ZERO;
    for (transaction, receipt) in block.block.body.transactions.iter().zip(&block.receipts) {
        let gas_used = receipt.cumulative_gas_used().saturating_sub(before);
        before = receipt.cumulative_gas_used();
        if !transaction.is_deposit() {
            let price = U256::from(transaction.effective_gas_price(base_fee));
            total = total.saturating_add(price.saturating_mul(U256::from(gas_used)));
        }
    }
    total
}

fn details_of(api: &Api, id: BlockId) -> Outcome {
    let Some(block) = sealed(api, id)? else {
        return Ok(Reply::NULL);
    };
    api.reply(&Details {
        block: summary(&block)?,
        issuance: Issuance::default(),
        total_fees: total_fees(&block),
    })
}

pub(super) fn details(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["block"])?;
    details_of(api, block_id(&args, 0)?)
}

pub(super) fn details_by_hash(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["block hash"])?;
    details_of(api, BlockId::Hash(args.get(0)?))
}

/// A page of a block's transactions, of which page 0 holds the last, with their receipts.
pub(super) fn transactions(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["block", "page number", "page size"])?;
    let id = block_id(&args, 0)?;
    let Number(page) = args.get(1)?;
    let Number(size) = args.get(2)?;
    let page = usize::try_from(page).unwrap_or(usize::MAX);
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size > PAGE_SIZE_MAX {
        return Err(args.error(
            2,
            ParamError::TooMany {
                count: size,
                max: PAGE_SIZE_MAX,
            },
        ));
    }
    let Some(block) = sealed(api, id)? else {
        return Ok(Reply::NULL);
    };
    let count = block.block.body.transactions.len();
    let end = count.saturating_sub(page.saturating_mul(size));
    let start = end.saturating_sub(size);
    let receipts_of = Receipts::sealed(api.chain_config(), &block);
    let mut transactions = Vec::with_capacity(end - start);
    let mut receipts = Vec::with_capacity(end - start);
    for index in start..end {
        params.deadline.check()?;
        let Some(transaction) = transaction_json(&block, index)? else {
            break;
        };
        transactions.push(transaction);
        let receipt = receipts_of.at(&block, index);
        let mut receipt = serde_json::to_value(receipt).map_err(Failure::internal)?;
        if let Value::Object(fields) = &mut receipt {
            fields.insert("logs".into(), Value::Null);
            fields.insert("logsBloom".into(), Value::Null);
            let timestamp = Hex(block.block.header.timestamp);
            let timestamp = serde_json::to_value(timestamp).map_err(Failure::internal)?;
            fields.insert("timestamp".into(), timestamp);
        }
        receipts.push(receipt);
    }
    let mut fullblock = summary(&block)?;
    fullblock.insert("transactions".into(), transactions.into());
    api.reply(&Page {
        fullblock,
        receipts,
    })
}

/// A transaction with no more of its input than the selector.
fn transaction_json(block: &SealedBlock, index: usize) -> Result<Option<Value>, Failure> {
    let header = &block.block.header;
    let place = Place::Sealed {
        block_hash: block.hash,
        block_number: header.number,
        timestamp: header.timestamp,
        index: index as u64,
        base_fee: header.base_fee_per_gas.unwrap_or_default(),
    };
    let (Some(transaction), Some(sender)) = (
        block.block.body.transactions.get(index),
        block.senders.get(index),
    ) else {
        return Ok(None);
    };
    let json = TransactionJson::new(transaction, *sender, place, block.receipts.get(index));
    let mut json = serde_json::to_value(json).map_err(Failure::internal)?;
    if let Some(Value::String(input)) = json.get_mut("input") {
        // Hex: every character is a byte.
        input.truncate(SELECTOR_CHARS);
    }
    Ok(Some(json))
}
