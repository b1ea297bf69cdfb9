//! What the chain and the node are.

use crate::{
    api::Api,
    error::Failure,
    params::Params,
    quantity::Hex,
    registry::{Methods, Outcome, Run},
    reply::Reply,
};
use alloy_evm::{Evm as _, precompiles::Precompile as _};
use alloy_primitives::{Address, B256, hex};
use openledger_execution::{evm_env, evm_factory};
use openledger_primitives::{Header, predeploys};
use revm::database::EmptyDB;
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) const METHODS: Methods = &[
    ("eth_chainId", Run::Light(chain_id)),
    ("eth_blockNumber", Run::Light(block_number)),
    ("eth_syncing", Run::Light(syncing)),
    ("eth_accounts", Run::Light(accounts)),
    ("eth_coinbase", Run::Light(coinbase)),
    ("eth_config", Run::Light(config)),
    ("eth_capabilities", Run::Light(capabilities)),
];

fn chain_id(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    Ok(api.chain_id.clone())
}

fn block_number(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    Ok(Reply::quantity(api.chain.head().number))
}

/// A node's blocks are its own, or it derives them as they come: there is nothing to catch up with
/// that a client could wait for.
fn syncing(_: &Api, params: &Params) -> Outcome {
    params.none()?;
    Ok(Reply::FALSE)
}

fn accounts(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    let accounts: Vec<Address> = api
        .config
        .local_accounts
        .iter()
        .map(|signer| signer.address())
        .collect();
    Reply::small(&accounts)
}

fn coinbase(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    Reply::small(&api.chain.head().beneficiary)
}

/// A fork's configuration (EIP-7910).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ForkConfig {
    activation_time: u64,
    blob_schedule: BlobScheduleJson,
    chain_id: Hex<u64>,
    fork_id: String,
    precompiles: BTreeMap<String, Address>,
    system_contracts: BTreeMap<&'static str, Address>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlobScheduleJson {
    base_fee_update_fraction: u64,
    max: u64,
    target: u64,
}

#[derive(Serialize)]
struct Config {
    current: ForkConfig,
    next: Option<ForkConfig>,
    last: Option<ForkConfig>,
}

fn config(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    let forks = &api.chain_config().forks;
    let now = api.chain.head().timestamp;
    let mut times: Vec<u64> = [
        forks.regolith_time,
        forks.canyon_time,
        forks.delta_time,
        forks.ecotone_time,
        forks.fjord_time,
        forks.granite_time,
        forks.holocene_time,
        forks.isthmus_time,
        forks.jovian_time,
        forks.karst_time,
    ]
    .into_iter()
    .flatten()
    .collect();
    times.sort_unstable();
    times.dedup();
    let genesis = api.chain_config().genesis.l2.hash;
    let genesis_time = api.chain_config().genesis.l2_time;
    let fork = |time: u64| fork_config(api, time, fork_id(genesis, genesis_time, &times, time));
    let current = times
        .iter()
        .rev()
        .find(|time| **time <= now)
        .copied()
        .unwrap_or_default();
    let next = times.iter().find(|time| **time > now).copied();
    let last = times.last().copied().filter(|last| *last > now);
    api.reply(&Config {
        current: fork(current),
        next: next.map(fork),
        last: last.map(fork),
    })
}

fn fork_config(api: &Api, activation_time: u64, fork_id: String) -> ForkConfig {
    let config = api.chain_config();
    let header = Header {
        timestamp: activation_time,
        ..Header::default()
    };
    let mut evm = evm_factory().create(EmptyDB::new(), evm_env(config, &header));
    let map = evm.precompiles_mut();
    let addresses: Vec<Address> = map.addresses().copied().collect();
    let precompiles = addresses
        .into_iter()
        .filter_map(|address| {
            let precompile = map.get(&address)?;
            Some((precompile.precompile_id().name().to_owned(), address))
        })
        .collect();
    ForkConfig {
        activation_time,
        // Blobs exist on L1 only.
        blob_schedule: BlobScheduleJson {
            base_fee_update_fraction: 0,
            max: 0,
            target: 0,
        },
        chain_id: Hex(config.l2_chain_id),
        fork_id,
        precompiles,
        system_contracts: BTreeMap::from([
            ("BEACON_ROOTS_ADDRESS", predeploys::BEACON_ROOTS),
            ("HISTORY_STORAGE_ADDRESS", predeploys::HISTORY_STORAGE),
        ]),
    }
}

/// CRC-32 of the genesis hash and the times of the forks up to `time` (EIP-2124, EIP-6122).
fn fork_id(genesis: B256, genesis_time: u64, times: &[u64], time: u64) -> String {
    let mut bytes = genesis.to_vec();
    for fork in times
        .iter()
        .filter(|fork| **fork > genesis_time && **fork <= time)
    {
        bytes.extend_from_slice(&fork.to_be_bytes());
    }
    format!("0x{}", hex::encode(crc32(&bytes).to_be_bytes()))
}

/// CRC-32 (IEEE 802.3).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    })
}

#[derive(Serialize)]
struct Capabilities {
    head: HeadJson,
    state: Resource,
    tx: Resource,
    logs: Resource,
    receipts: Resource,
    blocks: Resource,
    stateproofs: Resource,
}

#[derive(Serialize)]
struct HeadJson {
    number: Hex<u64>,
    hash: B256,
}

#[derive(Serialize, Clone, Copy)]
#[serde(rename_all = "camelCase")]
struct Resource {
    disabled: bool,
    oldest_block: Hex<u64>,
}

fn capabilities(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    let head = api.chain.head();
    let all = Resource {
        disabled: false,
        oldest_block: Hex(0),
    };
    let oldest = api.chain.store().oldest_history().map_err(Failure::from)?;
    let state = Resource {
        disabled: false,
        oldest_block: Hex(oldest),
    };
    Reply::small(&Capabilities {
        head: HeadJson {
            number: Hex(head.number),
            hash: head.hash(),
        },
        state,
        tx: all,
        logs: all,
        receipts: all,
        blocks: all,
        stateproofs: state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::b256;

    #[test]
    fn fork_ids_are_those_of_eip_2124() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        // EIP-2124's first example: mainnet's genesis.
        let genesis = b256!("d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3");
        assert_eq!(fork_id(genesis, 0, &[], 0), "0xfc64ec04");
        assert_eq!(fork_id(genesis, 0, &[1_150_000], 1_150_000), "0x97c2c34c");
        assert_eq!(fork_id(genesis, 0, &[1_150_000], 0), "0xfc64ec04");
    }
}
