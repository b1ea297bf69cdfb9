//! `trace_`: traces in OpenEthereum's form.

use crate::{
    api::{Api, Found},
    block_id::BlockId,
    bounded::{Bounded, Steps},
    call::{CallRequest, call_env, overlay, transact_in},
    debug::Replay,
    error::Failure,
    eth::sealed_transaction,
    native_calls,
    params::{Args, Number, Object, ParamError, Params, Path},
    registry::{Methods, Outcome, Run},
    reply::Reply,
    workers::{Deadline, Work},
};
use alloy_consensus::transaction::TransactionInfo;
use alloy_primitives::{Address, B256, Bytes, map::HashSet};
use alloy_rpc_types_trace::{
    filter::{TraceFilter, TraceFilterMode},
    parity::{LocalizedTransactionTrace, TraceResults, TraceResultsWithTransactionHash, TraceType},
};
use op_revm::OpHaltReason;
use revm::context_interface::result::ResultAndState;
use revm_inspectors::tracing::{TracingInspector, TracingInspectorConfig};
use std::borrow::Cow;

pub(crate) const METHODS: Methods = &[
    ("trace_transaction", Run::Heavy(Work::Long, transaction)),
    ("trace_get", Run::Heavy(Work::Long, get)),
    ("trace_block", Run::Heavy(Work::Long, block)),
    ("trace_filter", Run::Heavy(Work::Long, filter)),
    ("trace_call", Run::Heavy(Work::Long, call)),
    (
        "trace_replayTransaction",
        Run::Heavy(Work::Long, replay_transaction),
    ),
    (
        "trace_replayBlockTransactions",
        Run::Heavy(Work::Long, replay_block),
    ),
];

/// Traces in one answer of `trace_filter` unless it asks for fewer.
const FILTER_COUNT_MAX: u64 = 10_000;

type Inspector = Bounded<TracingInspector>;

/// What is left of a request's time and room.
struct Allowance {
    deadline: Deadline,
    bytes: usize,
}

impl Allowance {
    const fn new(api: &Api, params: &Params) -> Self {
        Self {
            deadline: params.deadline,
            bytes: api.config.limits.trace_bytes_max,
        }
    }
}

fn inspector(types: &HashSet<TraceType>, allowance: &Allowance) -> Inspector {
    let steps = if types.contains(&TraceType::VmTrace) {
        Steps::WithMemory
    } else {
        Steps::Ignored
    };
    let config = TracingInspectorConfig::from_parity_config(types);
    Bounded::new(
        TracingInspector::new(config),
        steps,
        allowance.bytes,
        allowance.deadline,
    )
}

/// The plain traces.
fn calls_only() -> HashSet<TraceType> {
    HashSet::from_iter([TraceType::Trace])
}

/// The kinds of trace that a caller asks for.
fn types(args: &Args<'_>, index: usize) -> Result<HashSet<TraceType>, Failure> {
    const EXPECTED: &str = "trace, vmTrace or stateDiff";
    let names: Vec<Cow<'_, str>> = args.get(index)?;
    names
        .iter()
        .map(|name| match &**name {
            "trace" => Ok(TraceType::Trace),
            "vmTrace" => Ok(TraceType::VmTrace),
            "stateDiff" => Ok(TraceType::StateDiff),
            _ => Err(args.error(index, ParamError::Unknown { expected: EXPECTED })),
        })
        .collect()
}

/// Runs the next transaction of a block and answers its traces, localized.
fn localized(
    replay: &mut Replay,
    allowance: &mut Allowance,
) -> Result<Vec<LocalizedTransactionTrace>, Failure> {
    let info = TransactionInfo {
        hash: replay.next_hash(),
        index: Some(replay.position() as u64),
        block_hash: replay.hash(),
        block_number: Some(replay.header().number),
        ..TransactionInfo::default()
    };
    let (result, inspector) = run_next(replay, &calls_only(), allowance)?;
    let traces = inspector
        .inner
        .into_parity_builder()
        .with_transaction_gas_used(result.result.tx_gas_used())
        .into_localized_transaction_traces(info);
    replay.commit(result);
    Ok(traces)
}

fn run_next(
    replay: &mut Replay,
    types: &HashSet<TraceType>,
    allowance: &mut Allowance,
) -> Result<(ResultAndState<OpHaltReason>, Inspector), Failure> {
    allowance.deadline.check()?;
    let tx = replay
        .next_tx()
        .ok_or(Failure::Unavailable("the transaction is gone"))?;
    let (result, mut inspector) = replay.inspect(tx, inspector(types, allowance))?;
    inspector.check()?;
    native_calls::show(&mut inspector.inner);
    allowance.bytes = inspector.bytes_left();
    Ok((result, inspector))
}

/// The traces of a sealed transaction; `None` if there is none.
fn of_transaction(
    api: &Api,
    hash: B256,
    mut allowance: Allowance,
) -> Result<Option<Vec<LocalizedTransactionTrace>>, Failure> {
    let Some((block, index)) = sealed_transaction(api, hash)? else {
        return Ok(None);
    };
    let mut replay = Replay::sealed(api, block)?;
    replay.skip_to(index, allowance.deadline)?;
    localized(&mut replay, &mut allowance).map(Some)
}

fn transaction(api: &Api, params: &Params) -> Outcome {
    let hash: B256 = params.args(&["transaction hash"])?.get(0)?;
    api.reply(&of_transaction(api, hash, Allowance::new(api, params))?)
}

/// The trace at an address within a transaction's; of several indices, by their number, as others do.
fn get(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["transaction hash", "trace address"])?;
    let hash: B256 = args.get(0)?;
    let address: Vec<Number> = args.get(1)?;
    let traces = of_transaction(api, hash, Allowance::new(api, params))?;
    let found = traces.and_then(|traces| {
        traces.into_iter().find(|trace| {
            let found = trace.trace.trace_address.iter().map(|index| *index as u64);
            found.eq(address.iter().map(|index| index.0))
        })
    });
    api.reply(&found)
}

/// A sealed block to run again; `None` for genesis, which has no transactions, or if there is none.
fn sealed(api: &Api, id: BlockId) -> Result<Option<Option<Replay>>, Failure> {
    match api.find(id)? {
        Some(Found::Sealed(0)) => Ok(Some(None)),
        Some(Found::Sealed(number)) => {
            Ok(Some(Some(Replay::sealed(api, api.known_block(number)?)?)))
        }
        Some(Found::Pending(_)) | None => Ok(None),
    }
}

fn block(api: &Api, params: &Params) -> Outcome {
    let id: BlockId = params.args(&["block"])?.get(0)?;
    let mut allowance = Allowance::new(api, params);
    let mut traces = Vec::new();
    match sealed(api, id)? {
        None => return Ok(Reply::NULL),
        Some(None) => {}
        Some(Some(mut replay)) => {
            while replay.next_hash().is_some() {
                traces.extend(localized(&mut replay, &mut allowance)?);
            }
        }
    }
    api.reply(&traces)
}

fn filter(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["filter"])?;
    let object: Object<'_> = args.get(0)?;
    let path = Path::new("filter");
    let end = |name: &str| -> Result<u64, Failure> {
        match object
            .optional::<BlockId>(name, &path)?
            .unwrap_or(BlockId::Latest)
        {
            BlockId::Pending => Ok(api.chain.head().number),
            BlockId::Number(number) => Ok(number),
            id => api.number(id),
        }
    };
    let (from, to) = (end("fromBlock")?, end("toBlock")?);
    if from > to {
        return Err(Failure::BlockRange { from, to });
    }
    let max = api.config.limits.trace_blocks_max;
    if to - from >= max {
        return Err(Failure::Limit {
            what: "blocks in a trace filter",
            limit: "trace_blocks_max",
            max,
        });
    }
    let addresses = |name: &str| -> Result<Vec<Address>, Failure> {
        Ok(object.optional(name, &path)?.unwrap_or_default())
    };
    let mode = match object.optional::<Cow<'_, str>>("mode", &path)?.as_deref() {
        Some("union") => TraceFilterMode::Union,
        Some("intersection") | None => TraceFilterMode::Intersection,
        Some(_) => {
            let expected = "union or intersection";
            return Err(path.field("mode").error(ParamError::Unknown { expected }));
        }
    };
    let criteria = TraceFilter {
        from_address: addresses("fromAddress")?,
        to_address: addresses("toAddress")?,
        mode,
        ..TraceFilter::default()
    };
    let matcher = criteria.matcher();
    let Number(after) = object.optional("after", &path)?.unwrap_or(Number(0));
    let Number(count) = object
        .optional("count", &path)?
        .unwrap_or(Number(FILTER_COUNT_MAX));
    let count = count.min(FILTER_COUNT_MAX);
    let mut allowance = Allowance::new(api, params);
    let mut skipped = 0;
    let mut traces = Vec::new();
    for number in from.max(1)..=to.min(api.chain.head().number) {
        let mut replay = Replay::sealed(api, api.known_block(number)?)?;
        while replay.next_hash().is_some() {
            for trace in localized(&mut replay, &mut allowance)? {
                if !matcher.matches(&trace.trace) {
                    continue;
                }
                if skipped < after {
                    skipped += 1;
                } else if (traces.len() as u64) < count {
                    traces.push(trace);
                } else {
                    return api.reply(&traces);
                }
            }
        }
    }
    api.reply(&traces)
}

fn call(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["transaction", "trace types", "block"])?;
    let request: CallRequest = args.get(0)?;
    request.check_chain(api.chain_config().l2_chain_id, &Path::new("transaction"))?;
    let types = types(&args, 1)?;
    let at = api.at(args.or(2, BlockId::Latest)?)?;
    let env = call_env(api, &at, None);
    let mut db = overlay(api, &at, None, None)?;
    let max = api.config.limits.call_gas_max;
    let gas_limit = request.gas.unwrap_or(env.block_env.gas_limit).min(max);
    let tx = request.tx_env(env.cfg_env.chain_id, gas_limit, 0, Bytes::new());
    let inspector = inspector(&types, &Allowance::new(api, params));
    let (result, mut inspector) = transact_in(&mut db, env, tx, inspector, &[])?;
    inspector.check()?;
    native_calls::show(&mut inspector.inner);
    let traces = inspector
        .inner
        .into_parity_builder()
        .into_trace_results_with_state(&result, &types, &db)
        .map_err(Failure::from)?;
    api.reply(&traces)
}

/// Runs the next transaction of a block and answers what is asked for.
fn replayed(
    replay: &mut Replay,
    types: &HashSet<TraceType>,
    allowance: &mut Allowance,
) -> Result<TraceResults, Failure> {
    let (result, inspector) = run_next(replay, types, allowance)?;
    let traces = inspector
        .inner
        .into_parity_builder()
        .with_transaction_gas_used(result.result.tx_gas_used())
        .into_trace_results_with_state(&result, types, &*replay.db())
        .map_err(Failure::from)?;
    replay.commit(result);
    Ok(traces)
}

fn replay_transaction(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["transaction hash", "trace types"])?;
    let hash: B256 = args.get(0)?;
    let types = types(&args, 1)?;
    let (block, index) = sealed_transaction(api, hash)?.ok_or(Failure::UnknownTransaction(hash))?;
    let mut replay = Replay::sealed(api, block)?;
    replay.skip_to(index, params.deadline)?;
    api.reply(&replayed(
        &mut replay,
        &types,
        &mut Allowance::new(api, params),
    )?)
}

fn replay_block(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["block", "trace types"])?;
    let id: BlockId = args.get(0)?;
    let types = types(&args, 1)?;
    let mut allowance = Allowance::new(api, params);
    let mut all = Vec::new();
    match sealed(api, id)? {
        None => return Ok(Reply::NULL),
        Some(None) => {}
        Some(Some(mut replay)) => {
            while let Some(transaction_hash) = replay.next_hash() {
                let full_trace = replayed(&mut replay, &types, &mut allowance)?;
                all.push(TraceResultsWithTransactionHash {
                    full_trace,
                    transaction_hash,
                });
            }
        }
    }
    api.reply(&all)
}
