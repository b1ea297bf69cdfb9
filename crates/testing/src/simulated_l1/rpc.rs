//! JSON-RPC of the simulated L1, as far as a rollup asks.

use super::{
    block::Block,
    chain::State,
    execution::{Called, call, estimate},
};
use alloy_consensus::{BlockHeader as _, Transaction as _};
use alloy_eips::{BlockId, BlockNumberOrTag, eip7840::BlobParams};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types_eth::{FeeHistory, Filter, TransactionRequest};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::sync::Arc;

/// Blocks that a fee history or a query for logs may span.
const RANGE_MAX: u64 = 10_000;
/// The tip that is suggested, wei a gas.
const SUGGESTED_TIP: u64 = 1_000_000_000;

/// A JSON-RPC error.
#[derive(Debug)]
struct Error {
    code: i64,
    message: String,
    data: Option<Bytes>,
}

impl Error {
    fn new(code: i64, message: impl ToString) -> Self {
        Self {
            code,
            message: message.to_string(),
            data: None,
        }
    }

    fn params(error: impl ToString) -> Self {
        Self::new(-32602, error)
    }

    fn unknown_block() -> Self {
        Self::new(-32000, "unknown block")
    }
}

type Answer = Result<Value, Error>;

/// Answers a request or a batch of them.
pub(super) fn answer(state: &mut State, body: &[u8]) -> Vec<u8> {
    let response = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Array(requests)) => {
            let answers = requests.into_iter().map(|request| respond(state, &request));
            Value::Array(answers.collect())
        }
        Ok(request) => respond(state, &request),
        Err(error) => json!({
            "jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": error.to_string()},
        }),
    };
    response.to_string().into_bytes()
}

fn respond(state: &mut State, request: &Value) -> Value {
    let method = request["method"].as_str().unwrap_or_default();
    let id = request["id"].clone();
    match dispatch(state, method, &request["params"]) {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(error) => {
            let mut body = json!({"code": error.code, "message": error.message});
            if let Some(data) = error.data {
                body["data"] = json!(data);
            }
            json!({"jsonrpc": "2.0", "id": id, "error": body})
        }
    }
}

fn dispatch(state: &mut State, method: &str, params: &Value) -> Answer {
    match method {
        "eth_chainId" => value(U64::from(state.options().chain_id)),
        "eth_blockNumber" => value(U64::from(newest(state))),
        "eth_getBlockByNumber" => {
            let tag: BlockNumberOrTag = parameter(params, 0)?;
            let full = parameter(params, 1).unwrap_or(false);
            match tag {
                // geth answers by an error as long as there is none.
                BlockNumberOrTag::Safe if state.safe() == 0 => {
                    Err(Error::new(-32000, "safe block not found"))
                }
                BlockNumberOrTag::Finalized if state.finalized() == 0 => {
                    Err(Error::new(-32000, "finalized block not found"))
                }
                tag => value(at(state, tag.into()).map(|block| block.rpc(full))),
            }
        }
        "eth_getBlockByHash" => {
            let hash: B256 = parameter(params, 0)?;
            let full = parameter(params, 1).unwrap_or(false);
            value(at(state, hash.into()).map(|block| block.rpc(full)))
        }
        "eth_getBlockReceipts" => {
            if state.faults.receipts_withheld {
                return Ok(Value::Null);
            }
            value(at(state, parameter(params, 0)?).map(|block| block.rpc_receipts()))
        }
        "eth_getTransactionReceipt" => {
            let hash: B256 = parameter(params, 0)?;
            let found = state
                .find(hash)
                .filter(|(block, _)| block.header.number <= newest(state));
            value(found.map(|(block, index)| block.rpc_receipts().swap_remove(index)))
        }
        "eth_getTransactionCount" => {
            let (address, id): (Address, BlockId) = (parameter(params, 0)?, parameter(params, 1)?);
            let block = at(state, id).ok_or_else(Error::unknown_block)?;
            let mined = block.account(address).nonce;
            value(U64::from(if id == BlockId::pending() {
                state.pool.pending_nonce(address, mined)
            } else {
                mined
            }))
        }
        "eth_getBalance" => value(account_at(state, params)?.0.balance),
        "eth_getCode" => {
            let (_, address, block) = account_at(state, params)?;
            value(block.code(address))
        }
        "eth_call" => {
            let request: TransactionRequest = parameter(params, 0)?;
            let block = at(state, parameter(params, 1)?).ok_or_else(Error::unknown_block)?;
            match call(state.options().chain_id, &block, &request) {
                Called::Returned { output } => value(output),
                other => Err(failure(other)),
            }
        }
        "eth_estimateGas" => {
            let request: TransactionRequest = parameter(params, 0)?;
            let head = at(state, BlockId::latest()).ok_or_else(Error::unknown_block)?;
            let gas = estimate(state.options().chain_id, &head, &request).map_err(failure)?;
            value(U64::from(gas))
        }
        "eth_getLogs" => logs(state, &parameter(params, 0)?),
        "eth_sendRawTransaction" => {
            let raw: Bytes = parameter(params, 0)?;
            if state.faults.transactions_lost {
                let hash = super::pool::Pooled::decode(raw, state.sidecars).map(|tx| tx.hash());
                return value(hash.map_err(|error| Error::new(-32000, error))?);
            }
            value(
                state
                    .submit(raw)
                    .map_err(|error| Error::new(-32000, error))?,
            )
        }
        "eth_feeHistory" => fee_history(state, params),
        "eth_gasPrice" => value(U256::from(
            state.next_fees().0.saturating_add(SUGGESTED_TIP),
        )),
        "eth_maxPriorityFeePerGas" => value(U256::from(SUGGESTED_TIP)),
        "eth_blobBaseFee" => value(U256::from(
            BlobParams::prague().calc_blob_fee(state.next_fees().1),
        )),
        _ => Err(Error::new(
            -32601,
            format!("the method {method} does not exist/is not available"),
        )),
    }
}

/// Number of the newest block that is admitted to exist.
fn newest(state: &State) -> u64 {
    let head = state.head().header.number;
    head.saturating_sub(state.faults.lag)
}

fn at(state: &State, id: BlockId) -> Option<Arc<Block>> {
    let number = match id {
        BlockId::Hash(hash) => {
            let block = state.block_by_hash(hash.block_hash)?;
            return (block.header.number <= newest(state)).then(|| block.clone());
        }
        BlockId::Number(BlockNumberOrTag::Number(number)) => number,
        BlockId::Number(BlockNumberOrTag::Earliest) => 0,
        BlockId::Number(BlockNumberOrTag::Safe) => state.safe().min(newest(state)),
        BlockId::Number(BlockNumberOrTag::Finalized) => state.finalized().min(newest(state)),
        BlockId::Number(BlockNumberOrTag::Latest | BlockNumberOrTag::Pending) => newest(state),
    };
    (number <= newest(state))
        .then(|| state.block(number).cloned())
        .flatten()
}

fn account_at(
    state: &State,
    params: &Value,
) -> Result<(revm::state::AccountInfo, Address, Arc<Block>), Error> {
    let address: Address = parameter(params, 0)?;
    let block = at(state, parameter(params, 1)?).ok_or_else(Error::unknown_block)?;
    Ok((block.account(address), address, block))
}

fn failure(called: Called) -> Error {
    match called {
        Called::Returned { .. } => Error::new(-32603, "no failure"),
        Called::Reverted { data } => Error {
            code: 3,
            message: "execution reverted".to_owned(),
            data: Some(data),
        },
        Called::Refused { reason } => Error::new(-32000, reason),
    }
}

fn logs(state: &State, filter: &Filter) -> Answer {
    let blocks: Vec<Arc<Block>> = match filter.get_block_hash() {
        Some(hash) => vec![at(state, hash.into()).ok_or_else(Error::unknown_block)?],
        None => {
            let newest = newest(state);
            let from = filter.get_from_block().unwrap_or(newest);
            let to = filter.get_to_block().unwrap_or(newest).min(newest);
            if to.saturating_sub(from) >= RANGE_MAX {
                return Err(Error::new(-32005, "query exceeds max block range"));
            }
            (from..=to)
                .filter_map(|number| state.block(number).cloned())
                .collect()
        }
    };
    let found: Vec<_> = blocks
        .iter()
        .flat_map(|block| block.rpc_receipts())
        .flat_map(|receipt| receipt.inner.logs().to_vec())
        .filter(|log| filter.matches(&log.inner))
        .collect();
    value(found)
}

fn fee_history(state: &State, params: &Value) -> Answer {
    let count: U64 = parameter(params, 0)?;
    let last = at(state, parameter(params, 1)?).ok_or_else(Error::unknown_block)?;
    let percentiles: Vec<f64> = parameter(params, 2).unwrap_or_default();
    let number = last.header.number;
    let oldest = (number + 1).saturating_sub(count.to::<u64>().min(RANGE_MAX));
    let blocks: Vec<&Arc<Block>> = (oldest..=number).filter_map(|at| state.block(at)).collect();
    let (next_base_fee, next_excess) = state.next_fees();
    let next_blob_fee = BlobParams::prague().calc_blob_fee(next_excess);
    let rewards = blocks.iter().map(|block| {
        let mut tips: Vec<u128> = block
            .transactions
            .iter()
            .filter_map(|tx| tx.envelope.effective_tip_per_gas(block.base_fee()))
            .collect();
        tips.sort_unstable();
        percentiles
            .iter()
            .map(|percentile| {
                let place = (percentile / 100.0 * tips.len() as f64) as usize;
                let last = tips.len().saturating_sub(1);
                tips.get(place.min(last)).copied().unwrap_or_default()
            })
            .collect()
    });
    let header_ratio = |used: u64, limit: u64| used as f64 / limit.max(1) as f64;
    let blob_gas_max = BlobParams::prague().max_blob_gas_per_block();
    value(FeeHistory {
        base_fee_per_gas: blocks
            .iter()
            .map(|block| block.base_fee().into())
            .chain([next_base_fee.into()])
            .collect(),
        gas_used_ratio: blocks
            .iter()
            .map(|block| header_ratio(block.header.gas_used, block.header.gas_limit))
            .collect(),
        base_fee_per_blob_gas: blocks
            .iter()
            .map(|block| block.blob_base_fee())
            .chain([next_blob_fee])
            .collect(),
        blob_gas_used_ratio: blocks
            .iter()
            .map(|block| {
                header_ratio(
                    block.header.blob_gas_used().unwrap_or_default(),
                    blob_gas_max,
                )
            })
            .collect(),
        oldest_block: oldest,
        reward: Some(rewards.collect()),
    })
}

fn parameter<T: DeserializeOwned>(params: &Value, index: usize) -> Result<T, Error> {
    serde_json::from_value(params[index].clone()).map_err(Error::params)
}

fn value(answer: impl Serialize) -> Answer {
    serde_json::to_value(answer).map_err(|error| Error::new(-32603, error))
}
