//! Calls to the native precompiles in flat traces.
//!
//! Traces in OpenEthereum's form leave out calls to precompiles, which there have neither state nor logs. The
//! native ones of this chain have both, and are what most of its traces are about.

use openledger_precompiles::GENESIS_ADDRESSES;
use revm_inspectors::tracing::{
    TracingInspector,
    types::{CallTraceNode, TraceMemberOrder},
};
use std::collections::BTreeMap;

/// Makes the calls to native precompiles that an inspector recorded, and set aside as calls to precompiles,
/// part of the trace. Ethereum's own stay aside.
pub(crate) fn show(inspector: &mut TracingInspector) {
    let nodes = inspector.traces_mut().nodes_mut();
    let mut calls: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, node) in nodes.iter_mut().enumerate() {
        if !node.is_precompile() || !GENESIS_ADDRESSES.contains(&node.trace.address) {
            continue;
        }
        node.trace.maybe_precompile = Some(false);
        if let Some(parent) = node.parent {
            calls.entry(parent).or_default().push(index);
        }
    }
    for (parent, calls) in calls {
        if let Some(parent) = nodes.get_mut(parent) {
            attach(parent, &calls);
        }
    }
}

/// Puts calls, in the order in which they began, among those that their caller has already: all are numbered
/// anew in that order.
fn attach(parent: &mut CallTraceNode, calls: &[usize]) {
    let known = std::mem::take(&mut parent.children);
    let mut calls = calls.iter().copied().peekable();
    let mut ordering = Vec::with_capacity(parent.ordering.len() + calls.len());
    let children = &mut parent.children;
    let mut add = |index: usize, ordering: &mut Vec<TraceMemberOrder>| {
        ordering.push(TraceMemberOrder::Call(children.len()));
        children.push(index);
    };
    for member in &parent.ordering {
        let TraceMemberOrder::Call(number) = member else {
            ordering.push(*member);
            continue;
        };
        let Some(child) = known.get(*number) else {
            continue;
        };
        while let Some(call) = calls.next_if(|call| call < child) {
            add(call, &mut ordering);
        }
        add(*child, &mut ordering);
    }
    for call in calls {
        add(call, &mut ordering);
    }
    parent.ordering = ordering;
}

#[cfg(test)]
mod tests {
    use super::*;
    use TraceMemberOrder::{Call, Log};
    use alloy_primitives::Address;
    use openledger_precompiles::{SKETCH, SPLIT};
    use revm_inspectors::tracing::TracingInspectorConfig;

    /// A root that calls a contract, SKETCH, IDENTITY, the contract again and SPLIT, as it is recorded: with
    /// precompiles apart.
    #[test]
    fn native_calls_take_their_places() {
        let contract = Address::repeat_byte(7);
        let identity = Address::with_last_byte(4);
        let mut inspector = TracingInspector::new(TracingInspectorConfig::default_parity());
        let nodes = inspector.traces_mut().nodes_mut();
        for (index, (address, is_precompile)) in [
            (contract, false),
            (SKETCH, true),
            (identity, true),
            (contract, false),
            (SPLIT, true),
        ]
        .into_iter()
        .enumerate()
        {
            let mut node = CallTraceNode {
                parent: Some(0),
                idx: index + 1,
                ..Default::default()
            };
            node.trace.address = address;
            node.trace.maybe_precompile = Some(is_precompile);
            nodes.push(node);
        }
        nodes[0].children = vec![1, 4];
        nodes[0].ordering = vec![Call(0), Log(0), Call(1)];
        show(&mut inspector);
        let nodes = inspector.traces().nodes();
        assert_eq!(nodes[0].children, [1, 2, 4, 5]);
        assert_eq!(
            nodes[0].ordering,
            [Call(0), Log(0), Call(1), Call(2), Call(3)]
        );
        let aside: Vec<bool> = nodes.iter().map(CallTraceNode::is_precompile).collect();
        assert_eq!(aside, [false, false, false, true, false, false]);
        // Again: nothing is left to do.
        let before = nodes[0].clone();
        show(&mut inspector);
        assert_eq!(inspector.traces().nodes()[0], before);
    }
}
