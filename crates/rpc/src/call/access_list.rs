//! `eth_createAccessList`: the accounts and slots that a call touches.

use super::{
    CallRequest, StateOverrides, call_env, overlay,
    run::{balance, gas_limit, transact_in},
};
use crate::{
    api::{Api, At},
    error::Failure,
    quantity::Hex,
    revert,
};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::Bytes;
use revm::context_interface::result::ExecutionResult;
use revm_inspectors::access_list::AccessListInspector;
use serde::Serialize;

/// Rounds until the list stays as it is: each may change what code sees by gas left alone.
const ROUNDS_MAX: usize = 8;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessListJson {
    access_list: AccessList,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    gas_used: Hex<u64>,
}

/// Runs the call until it touches no more than its own list says.
pub(crate) fn create_access_list(
    api: &Api,
    at: &At,
    request: &CallRequest,
    state: Option<&StateOverrides>,
) -> Result<AccessListJson, Failure> {
    let env = call_env(api, at, None);
    let chain_id = env.cfg_env.chain_id;
    let mut db = overlay(api, at, state, None)?;
    let gas_limit = gas_limit(api, request, |address| balance(&db, address))?;
    let moves = state.map(StateOverrides::moves).unwrap_or_default();
    let mut request = request.clone();
    let mut list = request.access_list.clone().unwrap_or_default();
    for round in 1.. {
        request.access_list = Some(list.clone());
        let tx = request.tx_env(chain_id, gas_limit, 0, Bytes::new());
        let inspector = AccessListInspector::new(list.clone());
        let (result, inspector) = transact_in(&mut db, env.clone(), tx, inspector, &moves)?;
        let touched = sorted(inspector.into_access_list());
        if touched == list || round >= ROUNDS_MAX {
            let gas_used = result.result.tx_gas_used();
            let error = match &result.result {
                ExecutionResult::Success { .. } => None,
                ExecutionResult::Revert { output, .. } => Some(revert::message(output)),
                ExecutionResult::Halt { reason, .. } => Some(Failure::halted(reason).to_string()),
            };
            return Ok(AccessListJson {
                access_list: touched,
                error,
                gas_used: Hex(gas_used),
            });
        }
        list = touched;
    }
    // The loop returns in its last round.
    Err(Failure::Unavailable("the access list does not settle"))
}

/// In a fixed order: the inspector's is that of a hash map.
fn sorted(list: AccessList) -> AccessList {
    let mut items: Vec<AccessListItem> = list.0;
    items.sort_unstable_by_key(|item| item.address);
    for item in &mut items {
        item.storage_keys.sort_unstable();
    }
    AccessList(items)
}
