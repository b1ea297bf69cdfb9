//! Calls, estimates and simulations.

use super::state::next_nonce;
use crate::{
    api::Api,
    block_id::BlockId,
    call::{
        BlockOverridesParam, CallRequest, Simulation, StateOverrides, call_env, create_access_list,
        estimate_gas, output, overlay, run, run_short, simulate, transact_commit,
    },
    error::{ErrorData, Failure},
    json::{Place, TransactionJson},
    params::{FromJson, Number, Object, ParamError, Params, Path},
    registry::{Methods, Outcome, Run},
    reply::Reply,
    workers::Work,
};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{Bytes, Signature, U256};
use serde::Serialize;
use serde_json::value::RawValue;

pub(super) const METHODS: Methods = &[
    ("eth_call", Run::Brief(short_call, Work::Call, call)),
    ("eth_callMany", Run::Heavy(Work::Long, call_many)),
    ("eth_estimateGas", Run::Heavy(Work::Call, estimate)),
    ("eth_createAccessList", Run::Heavy(Work::Call, access_list)),
    ("eth_simulateV1", Run::Heavy(Work::Long, simulate_v1)),
    (
        "eth_fillTransaction",
        Run::Heavy(Work::Call, fill_transaction),
    ),
];

const NAMES: &[&str] = &["transaction", "block", "state overrides", "block overrides"];

fn call(api: &Api, params: &Params) -> Outcome {
    let args = params.args(NAMES)?;
    let request: CallRequest = args.get(0)?;
    request.check_chain(api.chain_config().l2_chain_id, &Path::new("transaction"))?;
    let id = args.or(1, BlockId::Latest)?;
    let state: Option<StateOverrides> = args.optional(2)?;
    let block: Option<BlockOverridesParam> = args.optional(3)?;
    let at = api.at(id)?;
    let result = run(api, &at, &request, state.as_ref(), block.as_ref())?;
    api.reply(&output(result)?)
}

/// Most calls read a few slots: changing threads and back would cost more than they do.
fn short_call(api: &Api, params: &Params) -> Option<Outcome> {
    let args = params.args(NAMES).ok()?;
    let request: CallRequest = args.get(0).ok()?;
    let id = args.or(1, BlockId::Latest).ok()?;
    let is_plain = matches!(id, BlockId::Latest | BlockId::Pending)
        && matches!(args.optional::<&RawValue>(2), Ok(None))
        && matches!(args.optional::<&RawValue>(3), Ok(None))
        && request
            .check_chain(api.chain_config().l2_chain_id, &Path::new("transaction"))
            .is_ok();
    if !is_plain {
        // Whatever is wrong is told by the long way.
        return None;
    }
    let at = api.at(id).ok()?;
    let result = run_short(api, &at, &request)?;
    Some(
        result
            .and_then(output)
            .and_then(|output| api.reply(&output)),
    )
}

fn estimate(api: &Api, params: &Params) -> Outcome {
    let args = params.args(NAMES)?;
    let request: CallRequest = args.get(0)?;
    request.check_chain(api.chain_config().l2_chain_id, &Path::new("transaction"))?;
    let id = args.or(1, BlockId::Latest)?;
    let state: Option<StateOverrides> = args.optional(2)?;
    let block: Option<BlockOverridesParam> = args.optional(3)?;
    let at = api.at(id)?;
    let gas = estimate_gas(
        api,
        &at,
        &request,
        state.as_ref(),
        block.as_ref(),
        params.deadline,
    )?;
    Ok(Reply::quantity(gas))
}

fn access_list(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["transaction", "block", "state overrides"])?;
    let request: CallRequest = args.get(0)?;
    request.check_chain(api.chain_config().l2_chain_id, &Path::new("transaction"))?;
    let id = args.or(1, BlockId::Latest)?;
    let state: Option<StateOverrides> = args.optional(2)?;
    let at = api.at(id)?;
    api.reply(&create_access_list(api, &at, &request, state.as_ref())?)
}

fn simulate_v1(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["payload", "block"])?;
    let simulation: Simulation = args.get(0)?;
    let at = api.at(args.or(1, BlockId::Latest)?)?;
    simulate(api, &at, simulation, params.deadline)
}

/// Calls that run one after another in one block's environment.
pub(crate) struct Bundle {
    transactions: Vec<CallRequest>,
    overrides: Option<BlockOverridesParam>,
}

impl FromJson<'_> for Bundle {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        let object = Object::from_json(raw, path)?;
        Ok(Self {
            transactions: object.get("transactions", path)?,
            overrides: object.optional("blockOverride", path)?,
        })
    }
}

/// Where bundles run: after a block, all of it.
pub(crate) struct Context(BlockId);

impl FromJson<'_> for Context {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        if !raw.get().starts_with('{') {
            return BlockId::from_json(raw, path).map(Self);
        }
        let object = Object::from_json(raw, path)?;
        if let Some(index) = object.raw("transactionIndex")
            && index.get() != "-1"
        {
            let path = path.field("transactionIndex");
            // Named so that a caller who counts on it is not misled.
            Number::from_json(index, &path)?;
            return Err(path.error(ParamError::Unknown {
                expected: "-1, for after the whole block",
            }));
        }
        if object.raw("blockNumber").is_none() && object.raw("blockHash").is_none() {
            return Ok(Self(BlockId::Latest));
        }
        // `blockNumber` may be a hash there, too.
        match object.optional("blockNumber", path)? {
            Some(id) => Ok(Self(id)),
            None => BlockId::from_json(raw, path).map(Self),
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum CallManyJson {
    Value { value: Bytes },
    Error { error: ErrorJson },
}

#[derive(Serialize)]
struct ErrorJson {
    code: i64,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Bytes>,
}

impl From<Failure> for ErrorJson {
    fn from(failure: Failure) -> Self {
        let data = match failure.data() {
            Some(ErrorData::Bytes(data)) => Some(data),
            _ => None,
        };
        Self {
            code: failure.code(),
            message: failure.to_string(),
            data,
        }
    }
}

fn call_many(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["bundles", "context", "state overrides", "timeout"])?;
    let bundles: Vec<Bundle> = args.get(0)?;
    let Context(id) = args.or(1, Context(BlockId::Latest))?;
    let state: Option<StateOverrides> = args.optional(2)?;
    let max = api.config.limits.simulate_calls_max;
    let calls: usize = bundles.iter().map(|bundle| bundle.transactions.len()).sum();
    if calls > max {
        return Err(Failure::Limit {
            what: "calls of eth_callMany",
            limit: "simulate_calls_max",
            max: max as u64,
        });
    }
    let at = api.at(id)?;
    let mut db = overlay(api, &at, state.as_ref(), None)?;
    let moves = state
        .as_ref()
        .map(StateOverrides::moves)
        .unwrap_or_default();
    let mut gas_left = api.config.limits.call_gas_max;
    let mut answers = Vec::with_capacity(bundles.len());
    for bundle in bundles {
        let env = call_env(api, &at, bundle.overrides.as_ref());
        if let Some(overrides) = &bundle.overrides {
            overrides.apply_hashes(&mut db);
        }
        let mut results = Vec::with_capacity(bundle.transactions.len());
        for request in bundle.transactions {
            params.deadline.check()?;
            let gas_limit = request.gas.unwrap_or(u64::MAX).min(gas_left);
            let tx = request.tx_env(env.cfg_env.chain_id, gas_limit, 0, Bytes::new());
            let result = transact_commit(&mut db, env.clone(), tx, &moves).and_then(|result| {
                gas_left = gas_left.saturating_sub(result.tx_gas_used());
                output(result)
            });
            results.push(match result {
                Ok(value) => CallManyJson::Value { value },
                Err(failure) if failure.is_internal() => return Err(failure),
                Err(failure) => CallManyJson::Error {
                    error: failure.into(),
                },
            });
        }
        answers.push(results);
    }
    api.reply(&answers)
}

impl Api {
    /// Fills in what a transaction request leaves out: nonce, gas, fees, type.
    pub(crate) fn fill(&self, request: &mut CallRequest, params: &Params) -> Result<(), Failure> {
        let at = self.at(BlockId::Pending)?;
        let sender = request.from.unwrap_or_default();
        if request.nonce.is_none() {
            request.nonce = Some(next_nonce(self, sender, &at.state)?);
        }
        if request.gas_price.is_none() {
            let base_fee = u128::from(at.header.base_fee_per_gas.unwrap_or_default());
            if request.ty == Some(1) || request.ty == Some(0) {
                request.gas_price = Some(base_fee + self.suggested_tip()?);
            } else {
                let tip = match (request.max_priority_fee_per_gas, request.max_fee_per_gas) {
                    (Some(tip), _) => tip,
                    (None, Some(cap)) => self.suggested_tip()?.min(cap),
                    (None, None) => self.suggested_tip()?,
                };
                request.max_priority_fee_per_gas = Some(tip);
                // Twice the base fee outlasts a few full blocks.
                request.max_fee_per_gas.get_or_insert(2 * base_fee + tip);
            }
        }
        if request.gas.is_none() {
            let gas = estimate_gas(self, &at, request, None, None, params.deadline)?;
            request.gas = Some(gas);
        }
        request.value.get_or_insert(U256::ZERO);
        request.chain_id = Some(self.chain_config().l2_chain_id);
        Ok(())
    }
}

#[derive(Serialize)]
struct FilledJson<'a> {
    raw: Bytes,
    tx: TransactionJson<'a>,
}

fn fill_transaction(api: &Api, params: &Params) -> Outcome {
    let mut request: CallRequest = params.args(&["transaction"])?.get(0)?;
    let chain_id = api.chain_config().l2_chain_id;
    request.check_chain(chain_id, &Path::new("transaction"))?;
    api.fill(&mut request, params)?;
    let unsigned = Signature::new(U256::ZERO, U256::ZERO, false);
    let transaction = request.to_transaction(
        chain_id,
        request.gas.unwrap_or_default(),
        request.nonce.unwrap_or_default(),
        unsigned,
    );
    let sender = request.from.unwrap_or_default();
    let raw = transaction.encoded_2718().into();
    api.reply(&FilledJson {
        raw,
        tx: TransactionJson::new(&transaction, sender, Place::Unsent, None),
    })
}
