//! `eth_simulateV1`: blocks that might follow, one upon the other.
//!
//! Source: execution-apis, "eth_simulateV1". Without validation nonces, base fee and code of the
//! sender don't matter; with it, a call that could not be a transaction fails the whole.

use super::{
    BlockOverridesParam, CallRequest, Overlay, StateOverrides, overlay,
    simulate_block::{Draft, run_block},
};
use crate::{
    api::{Api, At},
    error::{Failure, SimulationError},
    params::{FromJson, Object, Path},
    reply::Reply,
    workers::Deadline,
};
use alloy_primitives::B256;
use openledger_execution::{inherited_extra_data, next_base_fee};
use openledger_primitives::Header;
use serde_json::value::RawValue;

/// What is to be simulated.
#[derive(Debug)]
pub(crate) struct Simulation {
    blocks: Vec<Block>,
    pub(super) trace_transfers: bool,
    pub(super) validation: bool,
    pub(super) full_transactions: bool,
}

#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) overrides: BlockOverridesParam,
    pub(super) state: StateOverrides,
    pub(super) calls: Vec<CallRequest>,
}

impl FromJson<'_> for Block {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        let object = Object::from_json(raw, path)?;
        Ok(Self {
            overrides: object.optional("blockOverrides", path)?.unwrap_or_default(),
            state: object.optional("stateOverrides", path)?.unwrap_or_default(),
            calls: object.optional("calls", path)?.unwrap_or_default(),
        })
    }
}

impl FromJson<'_> for Simulation {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        let object = Object::from_json(raw, path)?;
        let flag = |name: &str| -> Result<bool, Failure> {
            Ok(object.optional(name, path)?.unwrap_or(false))
        };
        Ok(Self {
            blocks: object.get("blockStateCalls", path)?,
            trace_transfers: flag("traceTransfers")?,
            validation: flag("validation")?,
            full_transactions: flag("returnFullTransactions")?,
        })
    }
}

/// What goes on from block to block.
pub(super) struct Progress {
    pub(super) db: Overlay,
    /// Gas that the rest may use.
    pub(super) gas_left: u64,
    pub(super) parent: Header,
    pub(super) parent_hash: B256,
}

/// Runs a simulation on a block.
pub(crate) fn simulate(
    api: &Api,
    at: &At,
    simulation: Simulation,
    deadline: Deadline,
) -> Result<Reply, Failure> {
    let limits = &api.config.limits;
    let calls: usize = simulation
        .blocks
        .iter()
        .map(|block| block.calls.len())
        .sum();
    if calls > limits.simulate_calls_max {
        return Err(Failure::Limit {
            what: "calls in a simulation",
            limit: "simulate_calls_max",
            max: limits.simulate_calls_max as u64,
        });
    }
    let drafts = sequence(api, at, &simulation.blocks)?;
    let mut progress = Progress {
        db: overlay(api, at, None, None)?,
        gas_left: limits.call_gas_max,
        parent_hash: at.hash.unwrap_or_else(|| at.header.hash_slow()),
        parent: at.header.clone(),
    };
    let mut out = vec![b'['];
    let none = Block::default();
    for draft in drafts {
        deadline.check()?;
        let block = draft
            .given
            .and_then(|index| simulation.blocks.get(index))
            .unwrap_or(&none);
        let header = header(api, &progress, block, &draft, simulation.validation)?;
        let json = run_block(api, at, &mut progress, header, block, &simulation, deadline)?;
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(&json);
        if out.len() > limits.response_bytes_max {
            return Err(crate::reply::too_large(limits.response_bytes_max));
        }
    }
    out.push(b']');
    Ok(Reply::json(out))
}

/// Numbers and timestamps of all blocks, those included that fill gaps.
fn sequence(api: &Api, at: &At, blocks: &[Block]) -> Result<Vec<Draft>, Failure> {
    let max = api.config.limits.simulate_blocks_max;
    let too_many = Failure::Simulation(SimulationError::TooManyBlocks { max });
    if blocks.len() > max {
        return Err(too_many);
    }
    let step = api.chain_config().block_time;
    let mut drafts = Vec::new();
    let (mut number, mut timestamp) = (at.header.number, at.header.timestamp);
    // The order first: it is wrong whatever the limits are.
    let mut previous = number;
    let mut placed = Vec::with_capacity(blocks.len());
    for block in blocks {
        let wanted = block.overrides.number.unwrap_or(previous.saturating_add(1));
        if wanted <= previous {
            let error = SimulationError::NumberOrder {
                number: wanted,
                previous,
            };
            return Err(Failure::Simulation(error));
        }
        placed.push((wanted, wanted - previous - 1));
        previous = wanted;
    }
    let mut last = timestamp;
    for (block, (_, gap)) in blocks.iter().zip(&placed) {
        let filled = last.saturating_add(gap.saturating_mul(step));
        let wanted = block.overrides.time.unwrap_or(filled.saturating_add(step));
        if wanted <= filled {
            let error = SimulationError::TimeOrder {
                timestamp: wanted,
                previous: filled,
            };
            return Err(Failure::Simulation(error));
        }
        last = wanted;
    }
    let total = placed.iter().fold(blocks.len() as u64, |total, (_, gap)| {
        total.saturating_add(*gap)
    });
    if total > max as u64 {
        return Err(too_many);
    }
    for (index, (block, (wanted, _))) in blocks.iter().zip(placed).enumerate() {
        while number + 1 < wanted {
            number += 1;
            timestamp = timestamp.saturating_add(step);
            drafts.push(Draft {
                number,
                timestamp,
                given: None,
            });
        }
        number = wanted;
        timestamp = block
            .overrides
            .time
            .unwrap_or(timestamp.saturating_add(step));
        drafts.push(Draft {
            number,
            timestamp,
            given: Some(index),
        });
    }
    Ok(drafts)
}

fn header(
    api: &Api,
    progress: &Progress,
    block: &Block,
    draft: &Draft,
    validation: bool,
) -> Result<Header, Failure> {
    let parent = &progress.parent;
    let overrides = &block.overrides;
    let base_fee = match overrides.base_fee {
        Some(base_fee) => base_fee,
        None if validation => next_base_fee(api.chain_config(), parent)?,
        None => 0,
    };
    Ok(Header {
        parent_hash: progress.parent_hash,
        ommers_hash: alloy_consensus::EMPTY_OMMER_ROOT_HASH,
        beneficiary: overrides.fee_recipient.unwrap_or(parent.beneficiary),
        number: draft.number,
        timestamp: draft.timestamp,
        gas_limit: overrides.gas_limit.unwrap_or(parent.gas_limit),
        base_fee_per_gas: Some(base_fee),
        mix_hash: overrides.prev_randao.unwrap_or_default(),
        extra_data: inherited_extra_data(api.chain_config(), parent, draft.timestamp),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        ..Header::default()
    })
}
