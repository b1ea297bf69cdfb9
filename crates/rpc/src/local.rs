//! `evm_`, `anvil_`, `hardhat_`, `personal_`: what tools do with a local chain.
//!
//! On a chain that is settled on L1, state and time change by transactions only: there these methods
//! answer an error that names the flag for one where they work.

use crate::{
    api::Api,
    error::Failure,
    eth,
    params::{FromJson as _, Number, Object, Params, Path, Slot},
    quantity::Hex,
    registry::{Methods, Outcome, Run},
    reply::Reply,
};
use alloy_primitives::{Address, B256, Bytes};
use futures::future::BoxFuture;
use openledger_chain::{LocalCommand, LocalError, LocalReply};
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;

pub(crate) const METHODS: Methods = &[
    ("evm_snapshot", Run::Async(snapshot)),
    ("evm_revert", Run::Async(revert)),
    ("evm_mine", Run::Async(evm_mine)),
    ("evm_increaseTime", Run::Async(increase_time)),
    (
        "evm_setNextBlockTimestamp",
        Run::Async(set_next_block_timestamp),
    ),
    ("evm_setAutomine", Run::Async(set_automine)),
    ("evm_setIntervalMining", Run::Async(set_interval_mining)),
    ("hardhat_setBalance", Run::Async(set_balance)),
    ("hardhat_setCode", Run::Async(set_code)),
    ("hardhat_setNonce", Run::Async(set_nonce)),
    ("hardhat_setStorageAt", Run::Async(set_storage_at)),
    ("hardhat_impersonateAccount", Run::Light(impersonate)),
    (
        "hardhat_stopImpersonatingAccount",
        Run::Light(stop_impersonating),
    ),
    ("hardhat_mine", Run::Async(mine)),
    ("hardhat_reset", Run::Async(reset)),
    ("hardhat_metadata", Run::Light(metadata)),
    ("anvil_setBalance", Run::Async(set_balance)),
    ("anvil_setCode", Run::Async(set_code)),
    ("anvil_setNonce", Run::Async(set_nonce)),
    ("anvil_setStorageAt", Run::Async(set_storage_at)),
    ("anvil_impersonateAccount", Run::Light(impersonate)),
    (
        "anvil_stopImpersonatingAccount",
        Run::Light(stop_impersonating),
    ),
    ("anvil_mine", Run::Async(mine)),
    ("anvil_reset", Run::Async(reset)),
    ("anvil_nodeInfo", Run::Light(node_info)),
    ("personal_sign", Run::Light(eth::personal_sign)),
];

/// Refuses before the parameters are looked at: what they are doesn't matter.
const fn unsettled(api: &Api) -> Result<(), Failure> {
    if api.config.settled {
        Err(Failure::Settled(LocalError::Settled))
    } else {
        Ok(())
    }
}

async fn command(api: &Api, command: LocalCommand) -> Result<LocalReply, Failure> {
    Ok(api.sequencer()?.local(command).await?)
}

fn reply(reply: &LocalReply) -> Reply {
    match reply {
        LocalReply::Done => Reply::TRUE,
        LocalReply::Number(number) => Reply::quantity(*number),
        LocalReply::Bool(value) => Reply::boolean(*value),
    }
}

/// Reads parameters, then runs the command that they make.
fn run(
    api: Arc<Api>,
    params: Params,
    parse: fn(&Params) -> Result<LocalCommand, Failure>,
) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        unsettled(&api)?;
        let parsed = parse(&params)?;
        Ok(reply(&command(&api, parsed).await?))
    })
}

fn snapshot(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    run(api, params, |params| {
        params.none()?;
        Ok(LocalCommand::Snapshot)
    })
}

fn revert(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    run(api, params, |params| {
        let Number(id) = params.args(&["snapshot"])?.get(0)?;
        Ok(LocalCommand::Revert(id))
    })
}

/// Seals a block, perhaps at a time that is given as a number or as `{timestamp}`; anvil's
/// `{blocks}`, too.
fn evm_mine(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        unsettled(&api)?;
        let args = params.args(&["options"])?;
        let mut blocks = 1;
        let mut timestamp = None;
        let path = Path::new("options");
        match args.optional::<&RawValue>(0)? {
            Some(raw) if raw.get().starts_with('{') => {
                let object = Object::from_json(raw, &path)?;
                timestamp = object.optional::<Number>("timestamp", &path)?;
                if let Some(Number(count)) = object.optional("blocks", &path)? {
                    blocks = count;
                }
            }
            Some(raw) => timestamp = Some(Number::from_json(raw, &path)?),
            None => {}
        }
        if let Some(Number(timestamp)) = timestamp {
            command(&api, LocalCommand::SetNextBlockTimestamp(timestamp)).await?;
        }
        command(
            &api,
            LocalCommand::Mine {
                blocks,
                interval: 0,
            },
        )
        .await?;
        Ok(Reply::quantity(0_u64))
    })
}

fn mine(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    run(api, params, |params| {
        let args = params.args(&["blocks", "interval"])?;
        let Number(blocks) = args.or(0, Number(1))?;
        let Number(interval) = args.or(1, Number(0))?;
        Ok(LocalCommand::Mine { blocks, interval })
    })
}

fn increase_time(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    run(api, params, |params| {
        let Number(seconds) = params.args(&["seconds"])?.get(0)?;
        Ok(LocalCommand::IncreaseTime(seconds))
    })
}

fn set_next_block_timestamp(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    run(api, params, |params| {
        let Number(timestamp) = params.args(&["timestamp"])?.get(0)?;
        Ok(LocalCommand::SetNextBlockTimestamp(timestamp))
    })
}

fn set_automine(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    run(api, params, |params| {
        Ok(LocalCommand::SetAutomine(
            params.args(&["enabled"])?.get(0)?,
        ))
    })
}

/// Seconds, as anvil has it. Hardhat gives milliseconds: a thousand or more, which no chain of ours
/// waits in seconds.
fn set_interval_mining(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    run(api, params, |params| {
        let Number(interval) = params.args(&["interval"])?.get(0)?;
        let seconds = if interval >= 1_000 {
            interval / 1_000
        } else {
            interval
        };
        Ok(LocalCommand::SetIntervalMining(seconds))
    })
}

fn set_balance(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    run(api, params, |params| {
        let args = params.args(&["address", "balance"])?;
        let balance: Slot = args.get(1)?;
        Ok(LocalCommand::SetBalance(args.get(0)?, balance.value))
    })
}

fn set_code(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    run(api, params, |params| {
        let args = params.args(&["address", "code"])?;
        let code: Bytes = args.get(1)?;
        Ok(LocalCommand::SetCode(args.get(0)?, code))
    })
}

fn set_nonce(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    run(api, params, |params| {
        let args = params.args(&["address", "nonce"])?;
        let Number(nonce) = args.get(1)?;
        Ok(LocalCommand::SetNonce(args.get(0)?, nonce))
    })
}

fn set_storage_at(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    run(api, params, |params| {
        let args = params.args(&["address", "storage slot", "value"])?;
        let (slot, value): (Slot, Slot) = (args.get(1)?, args.get(2)?);
        Ok(LocalCommand::SetStorageAt(
            args.get(0)?,
            slot.value,
            value.value,
        ))
    })
}

/// Back to genesis. A chain to fork from, which others' `reset` takes, there is not.
fn reset(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    run(api, params, |params| {
        params.args(&["fork"])?;
        Ok(LocalCommand::Reset)
    })
}

fn set_impersonated(api: &Api, params: &Params, on: bool) -> Outcome {
    unsettled(api)?;
    api.impersonate(params.args(&["address"])?.get::<Address>(0)?, on)?;
    Ok(Reply::TRUE)
}

fn impersonate(api: &Api, params: &Params) -> Outcome {
    set_impersonated(api, params, true)
}

fn stop_impersonating(api: &Api, params: &Params) -> Outcome {
    set_impersonated(api, params, false)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeInfo {
    current_block_number: Hex<u64>,
    current_block_timestamp: u64,
    current_block_hash: B256,
    hard_fork: &'static str,
    transaction_order: &'static str,
    environment: Environment,
    fork_config: Empty,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Environment {
    base_fee: Hex<u64>,
    chain_id: u64,
    gas_limit: Hex<u64>,
    gas_price: Hex<u128>,
}

#[derive(Serialize)]
struct Empty {}

fn node_info(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    let head = api.chain.head();
    let base_fee = head.base_fee_per_gas.unwrap_or_default();
    Reply::small(&NodeInfo {
        current_block_number: Hex(head.number),
        current_block_timestamp: head.timestamp,
        current_block_hash: head.hash(),
        hard_fork: "isthmus",
        transaction_order: "fifo",
        environment: Environment {
            base_fee: Hex(base_fee),
            chain_id: api.chain_config().l2_chain_id,
            gas_limit: Hex(head.gas_limit),
            gas_price: Hex(u128::from(base_fee) + api.suggested_tip()?),
        },
        fork_config: Empty {},
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    client_version: &'a str,
    chain_id: u64,
    instance_id: B256,
    latest_block_number: u64,
    latest_block_hash: B256,
}

fn metadata(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    let head = api.chain.head();
    Reply::small(&Metadata {
        client_version: &api.client_version,
        chain_id: api.chain_config().l2_chain_id,
        // The same for as long as the chain is the same: what tools compare it for.
        instance_id: api.chain_config().genesis.l2.hash,
        latest_block_number: head.number,
        latest_block_hash: head.hash(),
    })
}
