//! `debug_`: raw blocks, traces by go-ethereum's tracers, witnesses.

mod raw;
mod replay;
mod tracer;
mod tracers;

pub(crate) use replay::Replay;
pub(crate) use tracer::Options as TracerOptions;

use crate::{
    registry::{Methods, Run},
    workers::Work,
};

pub(crate) const METHODS: Methods = &[
    (
        "debug_traceTransaction",
        Run::Heavy(Work::Long, tracer::trace_transaction),
    ),
    (
        "debug_traceCall",
        Run::Heavy(Work::Long, tracer::trace_call),
    ),
    (
        "debug_traceBlockByNumber",
        Run::Heavy(Work::Long, tracer::trace_block_by_number),
    ),
    (
        "debug_traceBlockByHash",
        Run::Heavy(Work::Long, tracer::trace_block_by_hash),
    ),
    ("debug_getRawHeader", Run::Light(raw::header)),
    ("debug_getRawBlock", Run::Light(raw::block)),
    ("debug_getRawReceipts", Run::Light(raw::receipts)),
    ("debug_getRawTransaction", Run::Light(raw::transaction)),
    ("debug_codeByHash", Run::Light(raw::code_by_hash)),
    (
        "debug_executionWitness",
        Run::Heavy(Work::Long, crate::witness::execution_witness),
    ),
];
