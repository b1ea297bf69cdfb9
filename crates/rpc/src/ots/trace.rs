//! What happened within a transaction, found by running its block again up to it.

use crate::{
    api::Api,
    bounded::{Bounded, Steps},
    debug::Replay,
    error::Failure,
    eth::sealed_transaction,
    params::Params,
    registry::Outcome,
    workers::Deadline,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use op_revm::OpHaltReason;
use revm::context_interface::result::{ExecutionResult, ResultAndState};
use revm_inspectors::tracing::{
    TracingInspector, TracingInspectorConfig,
    types::{CallKind, CallTraceNode},
};
use serde::{Serialize, Serializer};

/// A call, creation or self-destruction, in the order in which they began.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    depth: usize,
    from: Address,
    to: Address,
    /// `None` where none can be sent along.
    value: Option<U256>,
    input: &'a Bytes,
    output: &'a Bytes,
}

/// What moves value or makes and ends contracts without being a transaction.
#[derive(Debug, Clone, Copy)]
enum OperationKind {
    Transfer,
    SelfDestruct,
    Create,
    Create2,
}

impl Serialize for OperationKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(match self {
            Self::Transfer => 0,
            Self::SelfDestruct => 1,
            Self::Create => 2,
            Self::Create2 => 3,
        })
    }
}

#[derive(Debug, Serialize)]
struct Operation {
    #[serde(rename = "type")]
    kind: OperationKind,
    from: Address,
    to: Address,
    value: U256,
}

/// A self-destruction: who, to whom, and how much.
fn self_destruction(node: &CallTraceNode) -> Option<(Address, Address, U256)> {
    let trace = &node.trace;
    let from = trace.selfdestruct_address?;
    Some((
        from,
        trace.selfdestruct_refund_target.unwrap_or_default(),
        trace.selfdestruct_transferred_value.unwrap_or_default(),
    ))
}

/// What a visit of [`walk`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// A call or creation began.
    Begin,
    /// It ended, after all that it called.
    End,
}

/// Visits all calls in order. `lasting` says whether what a call did was not undone, by its own failure
/// or by a caller's.
pub(super) fn walk<'a>(
    nodes: &'a [CallTraceNode],
    mut visit: impl FnMut(Moment, &'a CallTraceNode, bool),
) {
    // Calls nest a thousand deep: no recursion.
    let mut stack: Vec<(usize, usize, bool)> = Vec::new();
    if let Some(root) = nodes.first() {
        visit(Moment::Begin, root, root.trace.success);
        stack.push((0, 0, root.trace.success));
    }
    while let Some((index, child, lasting)) = stack.pop() {
        let Some(node) = nodes.get(index) else {
            continue;
        };
        let Some(next) = node.children.get(child) else {
            visit(Moment::End, node, lasting);
            continue;
        };
        stack.push((index, child + 1, lasting));
        if let Some(called) = nodes.get(*next) {
            let lasting = lasting && called.trace.success;
            visit(Moment::Begin, called, lasting);
            stack.push((*next, 0, lasting));
        }
    }
}

/// Runs the next transaction of a block and answers its calls, those to precompiles included, and its
/// result.
pub(super) fn run_next(
    replay: &mut Replay,
    bytes: &mut usize,
    deadline: Deadline,
) -> Result<(Vec<CallTraceNode>, ResultAndState<OpHaltReason>), Failure> {
    deadline.check()?;
    let tx = replay
        .next_tx()
        .ok_or(Failure::Unavailable("the transaction is gone"))?;
    let config = TracingInspectorConfig::default_parity().set_exclude_precompile_calls(false);
    let inspector = Bounded::new(
        TracingInspector::new(config),
        Steps::Ignored,
        *bytes,
        deadline,
    );
    let (result, inspector) = replay.inspect(tx, inspector)?;
    inspector.check()?;
    *bytes = inspector.bytes_left();
    Ok((inspector.inner.into_traces().into_nodes(), result))
}

/// Runs a sealed transaction again.
fn run(
    api: &Api,
    params: &Params,
    hash: B256,
) -> Result<(Vec<CallTraceNode>, ExecutionResult<OpHaltReason>), Failure> {
    let (block, index) = sealed_transaction(api, hash)?.ok_or(Failure::UnknownTransaction(hash))?;
    let mut replay = Replay::sealed(api, block)?;
    replay.skip_to(index, params.deadline)?;
    let mut bytes = api.config.limits.trace_bytes_max;
    let (nodes, result) = run_next(&mut replay, &mut bytes, params.deadline)?;
    Ok((nodes, result.result))
}

pub(super) fn transaction(api: &Api, params: &Params) -> Outcome {
    let hash: B256 = params.args(&["transaction hash"])?.get(0)?;
    let (nodes, _) = run(api, params, hash)?;
    let mut entries = Vec::with_capacity(nodes.len());
    let none = Bytes::new();
    walk(&nodes, |moment, node, _| {
        let trace = &node.trace;
        match moment {
            Moment::Begin => entries.push(Entry {
                kind: trace.kind.to_str(),
                depth: trace.depth,
                from: trace.caller,
                to: trace.address,
                value: match trace.kind {
                    CallKind::DelegateCall | CallKind::StaticCall => None,
                    _ => Some(trace.value),
                },
                input: &trace.data,
                output: &trace.output,
            }),
            Moment::End => {
                if let Some((from, to, value)) = self_destruction(node) {
                    entries.push(Entry {
                        kind: "SELFDESTRUCT",
                        depth: trace.depth.saturating_add(1),
                        from,
                        to,
                        value: Some(value),
                        input: &none,
                        output: &none,
                    });
                }
            }
        }
    });
    api.reply(&entries)
}

/// What within the transaction moved value or made and ended contracts, and was not undone.
pub(super) fn internal_operations(api: &Api, params: &Params) -> Outcome {
    let hash: B256 = params.args(&["transaction hash"])?.get(0)?;
    let (nodes, _) = run(api, params, hash)?;
    let mut operations = Vec::new();
    walk(&nodes, |moment, node, lasting| {
        let trace = &node.trace;
        if !lasting {
            return;
        }
        if moment == Moment::End {
            if let Some((from, to, value)) = self_destruction(node) {
                operations.push(Operation {
                    kind: OperationKind::SelfDestruct,
                    from,
                    to,
                    value,
                });
            }
            return;
        }
        let kind = match trace.kind {
            CallKind::Create => OperationKind::Create,
            CallKind::Create2 => OperationKind::Create2,
            CallKind::Call if !trace.value.is_zero() => OperationKind::Transfer,
            _ => return,
        };
        // The transaction itself is no internal operation.
        if trace.depth > 0 {
            operations.push(Operation {
                kind,
                from: trace.caller,
                to: trace.address,
                value: trace.value,
            });
        }
    });
    api.reply(&operations)
}

/// The data with which a transaction reverted; empty if it did not.
pub(super) fn error(api: &Api, params: &Params) -> Outcome {
    let hash: B256 = params.args(&["transaction hash"])?.get(0)?;
    let (block, index) = sealed_transaction(api, hash)?.ok_or(Failure::UnknownTransaction(hash))?;
    if block
        .receipts
        .get(index)
        .is_some_and(|receipt| receipt.status())
    {
        return api.reply(&Bytes::new());
    }
    let data = match run(api, params, hash)?.1 {
        ExecutionResult::Revert { output, .. } => output,
        _ => Bytes::new(),
    };
    api.reply(&data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(idx: usize, children: &[usize], success: bool) -> CallTraceNode {
        let mut node = CallTraceNode {
            idx,
            children: children.to_vec(),
            ..CallTraceNode::default()
        };
        node.trace.success = success;
        node
    }

    #[test]
    fn calls_are_visited_in_order_and_what_was_undone_is_known() {
        let nodes = [
            node(0, &[1, 4], true),
            node(1, &[2, 3], false),
            node(2, &[], true),
            node(3, &[], true),
            node(4, &[], true),
        ];
        let (mut began, mut ended) = (Vec::new(), Vec::new());
        walk(&nodes, |moment, node, lasting| match moment {
            Moment::Begin => began.push((node.idx, lasting)),
            Moment::End => ended.push(node.idx),
        });
        let undone = false;
        assert_eq!(
            began,
            [(0, true), (1, undone), (2, undone), (3, undone), (4, true)]
        );
        assert_eq!(ended, [2, 3, 1, 4, 0]);
        walk(&[], |_, _, _| unreachable!("there are no calls"));
    }
}
