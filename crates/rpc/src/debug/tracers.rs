//! go-ethereum's built-in tracers, whose flat traces show calls to native precompiles.

use crate::{error::Failure, native_calls};
use alloy_rpc_types_trace::geth::{
    GethDebugBuiltInTracerType, GethDebugTracerType, GethDebugTracingOptions, GethTrace,
    mux::MuxConfig,
};
use revm::{
    DatabaseRef,
    context_interface::{
        Block, Transaction,
        result::{HaltReasonTr, ResultAndState},
    },
    inspector::NoOpInspector,
};
use revm_inspectors::tracing::{
    DebugInspector, DebugInspectorError, MuxInspector, TransactionContext,
};
use std::convert::Infallible;

const FLAT: GethDebugTracerType =
    GethDebugTracerType::BuiltInTracer(GethDebugBuiltInTracerType::FlatCallTracer);
const MUX: GethDebugTracerType =
    GethDebugTracerType::BuiltInTracer(GethDebugBuiltInTracerType::MuxTracer);

/// The tracer that is asked for, and beside it the flat part of a `muxTracer`: all parts of that record into one,
/// which leaves out of the others what flat traces leave out, and can't be completed.
pub(super) type Tracers = (DebugInspector, DebugInspector);

/// The tracers that the options ask for.
///
/// # Errors
/// Options that no tracer has.
pub(super) fn tracers(options: &GethDebugTracingOptions) -> Result<Tracers, Failure> {
    let none = DebugInspector::Noop(NoOpInspector);
    if options.tracer != Some(MUX) {
        return Ok((DebugInspector::new(options.clone()).map_err(failure)?, none));
    }
    let parts = options.tracer_config.clone().into_mux_config();
    let MuxConfig(mut parts) =
        parts.map_err(|_| failure(DebugInspectorError::<Infallible>::InvalidTracerConfig))?;
    let flat = match parts.remove(&FLAT) {
        Some(config) => DebugInspector::new(GethDebugTracingOptions {
            tracer: Some(FLAT),
            tracer_config: config.unwrap_or_default(),
            ..options.clone()
        })
        .map_err(failure)?,
        None => none,
    };
    let parts = MuxConfig(parts);
    let others = MuxInspector::try_from_config(parts.clone())
        .map_err(|error| failure(DebugInspectorError::<Infallible>::from(error)))?;
    Ok((DebugInspector::Mux(others, parts), flat))
}

/// Adds to flat traces what they lack: calls to native precompiles, and the gas that the transaction used, which
/// go-ethereum has in the first one's place.
pub(super) fn complete((asked, flat_part): &mut Tracers, gas_used: u64) {
    for tracer in [asked, flat_part] {
        let DebugInspector::FlatCallTracer(flat) = tracer else {
            continue;
        };
        native_calls::show(flat);
        if let Some(first) = flat.traces_mut().nodes_mut().first_mut() {
            first.trace.gas_used = gas_used;
        }
    }
}

/// What the tracers recorded of a transaction that came out as `result`.
///
/// # Errors
/// A failed read of the state.
pub(super) fn result_of<DB: DatabaseRef>(
    (asked, flat_part): &mut Tracers,
    context: Option<TransactionContext>,
    tx: &impl Transaction,
    block: &impl Block,
    result: &ResultAndState<impl HaltReasonTr>,
    db: &mut DB,
) -> Result<GethTrace, Failure>
where
    DB::Error: std::fmt::Display,
{
    let mut trace = asked
        .get_result(context, tx, block, result, db)
        .map_err(failure)?;
    if let (GethTrace::MuxTracer(parts), DebugInspector::FlatCallTracer(_)) =
        (&mut trace, &*flat_part)
    {
        let flat = flat_part
            .get_result(context, tx, block, result, db)
            .map_err(failure)?;
        parts.0.insert(FLAT, flat);
    }
    Ok(trace)
}

/// Makes the tracers ready for another transaction.
///
/// # Errors
/// None of tracers that [`tracers`] made.
pub(super) fn renew((asked, flat_part): &mut Tracers) -> Result<(), Failure> {
    asked.fuse().map_err(failure)?;
    flat_part.fuse().map_err(failure)
}

fn failure(error: impl std::fmt::Display) -> Failure {
    Failure::Tracer(error.to_string().into())
}
