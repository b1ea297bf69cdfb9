//! Traces by go-ethereum's built-in tracers.

use super::{
    Replay,
    tracers::{Tracers, complete, renew, result_of, tracers},
};
use crate::{
    api::{Api, Found},
    block_id::BlockId,
    bounded::{Bounded, Steps},
    call::{
        BlockOverridesParam, CallRequest, Overlay, StateOverrides, call_env, overlay, transact_in,
    },
    error::Failure,
    eth::sealed_transaction,
    params::{FromJson, Object, ParamError, Params, Path, text},
    registry::Outcome,
    workers::Deadline,
};
use alloy_primitives::{B256, Bytes};
use alloy_rpc_types_trace::geth::{
    GethDebugTracerType, GethDebugTracingOptions, GethTrace, TraceResult,
};
use revm_inspectors::tracing::{DebugInspector, TransactionContext};
use serde_json::value::RawValue;

/// How to trace.
#[derive(Clone, Default)]
pub(crate) struct Options {
    tracing: GethDebugTracingOptions,
    state: Option<StateOverrides>,
    block: Option<BlockOverridesParam>,
}

impl FromJson<'_> for Options {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        let object = Object::from_json(raw, path)?;
        if let Some(timeout) = object.raw("timeout") {
            // Read for its form; the configuration says how long a trace may take.
            text(timeout, &path.field("timeout"), "a duration")?;
        }
        let tracing: GethDebugTracingOptions = serde_json::from_str(raw.get()).map_err(|_| {
            path.error(ParamError::Unknown {
                expected: "options of go-ethereum's tracers",
            })
        })?;
        if let Some(GethDebugTracerType::JsTracer(_)) = &tracing.tracer {
            return Err(path.field("tracer").error(ParamError::Unknown {
                expected: "callTracer, prestateTracer, 4byteTracer, noopTracer, muxTracer or \
                           flatCallTracer; tracers in JavaScript are not supported",
            }));
        }
        Ok(Self {
            tracing,
            state: object.optional("stateOverrides", path)?,
            block: object.optional("blockOverrides", path)?,
        })
    }
}

/// A tracer as the options say, bounded as the configuration says.
fn tracer(options: &Options, api: &Api, deadline: Deadline) -> Result<Bounded<Tracers>, Failure> {
    let inner = tracers(&options.tracing)?;
    let steps = match &inner.0 {
        DebugInspector::Default(..) if options.tracing.config.enable_memory.unwrap_or(false) => {
            Steps::WithMemory
        }
        DebugInspector::Default(..) => Steps::Recorded,
        _ => Steps::Ignored,
    };
    Ok(Bounded::new(
        inner,
        steps,
        api.config.limits.trace_bytes_max,
        deadline,
    ))
}

/// Traces the next transaction of a block and goes on to the one after it.
fn trace_next(
    replay: &mut Replay,
    mut inspector: Bounded<Tracers>,
) -> Result<(GethTrace, Bounded<Tracers>), Failure> {
    let index = replay.position();
    let tx = replay
        .next_tx()
        .ok_or(Failure::Unavailable("the transaction is gone"))?;
    let context = TransactionContext {
        block_hash: replay.hash(),
        tx_index: Some(index),
        tx_hash: replay.next_hash(),
    };
    let result;
    (result, inspector) = replay.inspect(tx.clone(), inspector)?;
    inspector.check()?;
    let tracers = &mut inspector.inner;
    complete(tracers, result.result.tx_gas_used());
    let block = replay.env().block_env.clone();
    let trace = result_of(tracers, Some(context), &tx, &block, &result, replay.db())?;
    replay.commit(result);
    renew(tracers)?;
    Ok((trace, inspector))
}

pub(super) fn trace_transaction(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["transaction hash", "options"])?;
    let hash: B256 = args.get(0)?;
    let options: Options = args.or(1, Options::default())?;
    let (mut replay, index) = find(api, hash)?;
    replay.skip_to(index, params.deadline)?;
    let inspector = tracer(&options, api, params.deadline)?;
    let (trace, _) = trace_next(&mut replay, inspector)?;
    api.reply(&trace)
}

/// The block of a transaction, and its position there.
fn find(api: &Api, hash: B256) -> Result<(Replay, usize), Failure> {
    if let Some((block, index)) = sealed_transaction(api, hash)? {
        return Ok((Replay::sealed(api, block)?, index));
    }
    if let Some(open) = api.open_block()
        && let Some(index) = open.positions.get(&hash).copied()
    {
        return Ok((Replay::open(api, open)?, index));
    }
    Err(Failure::UnknownTransaction(hash))
}

fn trace_block(api: &Api, id: BlockId, options: &Options, params: &Params) -> Outcome {
    let mut replay = match api.find(id)?.ok_or(Api::unknown(id))? {
        Found::Sealed(0) => return crate::reply::Reply::small::<[(); 0]>(&[]),
        Found::Sealed(number) => Replay::sealed(api, api.known_block(number)?)?,
        Found::Pending(Some(open)) => Replay::open(api, open)?,
        Found::Pending(None) => return Err(Failure::Unavailable("no block is being built")),
    };
    let mut inspector = tracer(options, api, params.deadline)?;
    let mut traces = Vec::with_capacity(replay.len());
    while let Some(hash) = replay.next_hash() {
        params.deadline.check()?;
        let result;
        (result, inspector) = trace_next(&mut replay, inspector)?;
        traces.push(TraceResult::new_success(result, Some(hash)));
    }
    api.reply(&traces)
}

pub(super) fn trace_block_by_number(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["block", "options"])?;
    trace_block(api, args.get(0)?, &args.or(1, Options::default())?, params)
}

pub(super) fn trace_block_by_hash(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["block hash", "options"])?;
    let id = BlockId::Hash(args.get(0)?);
    trace_block(api, id, &args.or(1, Options::default())?, params)
}

pub(super) fn trace_call(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["transaction", "block", "options"])?;
    let request: CallRequest = args.get(0)?;
    request.check_chain(api.chain_config().l2_chain_id, &Path::new("transaction"))?;
    let id = args.or(1, BlockId::Latest)?;
    let options: Options = args.or(2, Options::default())?;
    let at = api.at(id)?;
    let env = call_env(api, &at, options.block.as_ref());
    let mut db: Overlay = overlay(api, &at, options.state.as_ref(), options.block.as_ref())?;
    let moves = options
        .state
        .as_ref()
        .map(StateOverrides::moves)
        .unwrap_or_default();
    let max = api.config.limits.call_gas_max;
    let gas_limit = request.gas.unwrap_or(env.block_env.gas_limit).min(max);
    let tx = request.tx_env(env.cfg_env.chain_id, gas_limit, 0, Bytes::new());
    let inspector = tracer(&options, api, params.deadline)?;
    let (result, mut inspector) = transact_in(&mut db, env.clone(), tx.clone(), inspector, &moves)?;
    inspector.check()?;
    let tracers = &mut inspector.inner;
    complete(tracers, result.result.tx_gas_used());
    let trace = result_of(tracers, None, &tx, &env.block_env, &result, &mut db)?;
    api.reply(&trace)
}
