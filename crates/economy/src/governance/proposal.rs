//! Proposals, and the operations that they schedule.

use crate::contracts::{Governor, ParamTimelock};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::{SolCall, SolEvent};
use anyhow::{Context, bail, ensure};
use openledger_client::Node;
use openledger_primitives::predeploys::{CODE_TIMELOCK, GOVERNOR, PARAMETER_TIMELOCK};
use serde::Serialize;
use std::fmt;

/// Which timelock carries out what is voted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Timelock {
    /// Parameters, and what else belongs to `ParamTimelock`.
    Parameters,
    /// Code and owners, after 30 days.
    Code,
}

impl Timelock {
    /// Where it is.
    pub const fn address(self) -> Address {
        match self {
            Self::Parameters => PARAMETER_TIMELOCK,
            Self::Code => CODE_TIMELOCK,
        }
    }
}

/// Where a proposal is, as the governor numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ProposalState {
    /// The vote isn't open yet.
    Pending,
    /// The vote is open.
    Active,
    /// It was withdrawn.
    Canceled,
    /// The vote was lost.
    Defeated,
    /// The vote was won: it can be scheduled.
    Succeeded,
    /// It is queued.
    Queued,
    /// It expired.
    Expired,
    /// It is scheduled at its timelock.
    Executed,
}

impl TryFrom<u8> for ProposalState {
    type Error = anyhow::Error;

    fn try_from(number: u8) -> anyhow::Result<Self> {
        Ok(match number {
            0 => Self::Pending,
            1 => Self::Active,
            2 => Self::Canceled,
            3 => Self::Defeated,
            4 => Self::Succeeded,
            5 => Self::Queued,
            6 => Self::Expired,
            7 => Self::Executed,
            _ => bail!("the governor answers state {number}"),
        })
    }
}

impl fmt::Display for ProposalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "the vote begins soon",
            Self::Active => "the vote is open",
            Self::Canceled => "canceled",
            Self::Defeated => "defeated",
            Self::Succeeded => "the vote is won: schedule it by `openledger governance queue`",
            Self::Queued => "queued",
            Self::Expired => "expired",
            Self::Executed => "scheduled at its timelock",
        })
    }
}

/// A proposal, as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Its number.
    pub id: U256,
    /// Who made it.
    pub proposer: Address,
    /// The timelocks that it calls.
    pub targets: Vec<Address>,
    /// Zeros.
    pub values: Vec<U256>,
    /// What it schedules there.
    pub calldatas: Vec<Bytes>,
    /// From when on votes count, seconds.
    pub vote_start: u64,
    /// Until when, seconds.
    pub vote_end: u64,
    /// What it says of itself.
    pub description: String,
}

/// What a timelock is to carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The timelock.
    pub timelock: Address,
    /// Target, wei and calldata of each call.
    pub calls: Vec<(Address, U256, Bytes)>,
    /// Whether it was scheduled as a batch.
    pub is_batch: bool,
    /// The operation that must be done before.
    pub predecessor: B256,
    /// What tells it from others with the same calls.
    pub salt: B256,
}

impl Proposal {
    /// The operations that it schedules.
    ///
    /// # Errors
    /// A call of something else, such as one that cancels an operation.
    pub fn operations(&self) -> anyhow::Result<Vec<Operation>> {
        let calls = self.targets.iter().zip(&self.calldatas);
        calls
            .map(|(timelock, data)| {
                if let Ok(call) = ParamTimelock::scheduleCall::abi_decode(data) {
                    return Ok(Operation {
                        timelock: *timelock,
                        calls: vec![(call.target, call.value, call.data)],
                        is_batch: false,
                        predecessor: call.predecessor,
                        salt: call.salt,
                    });
                }
                let call = ParamTimelock::scheduleBatchCall::abi_decode(data)
                    .context("the proposal schedules nothing: there is nothing to carry out")?;
                ensure!(
                    call.targets.len() == call.values.len()
                        && call.targets.len() == call.payloads.len(),
                    "the proposal schedules a malformed batch"
                );
                let calls = call.targets.into_iter().zip(call.values).zip(call.payloads);
                Ok(Operation {
                    timelock: *timelock,
                    calls: calls
                        .map(|((target, value), payload)| (target, value, payload))
                        .collect(),
                    is_batch: true,
                    predecessor: call.predecessor,
                    salt: call.salt,
                })
            })
            .collect()
    }
}

/// The proposals that were made, the oldest first.
///
/// # Errors
/// A node that doesn't answer.
pub async fn proposals(node: &Node) -> anyhow::Result<Vec<Proposal>> {
    let filter = Filter::new()
        .address(GOVERNOR)
        .event_signature(Governor::ProposalCreated::SIGNATURE_HASH);
    let head = node.head().await?;
    let logs = node.logs_between(&filter, 0, head).await?;
    logs.iter()
        .map(|log| {
            let event = Governor::ProposalCreated::decode_log(&log.inner)?.data;
            Ok(Proposal {
                id: event.proposalId,
                proposer: event.proposer,
                targets: event.targets,
                values: event.values,
                calldatas: event.calldatas,
                vote_start: event.voteStart.saturating_to(),
                vote_end: event.voteEnd.saturating_to(),
                description: event.description,
            })
        })
        .collect()
}

/// A proposal by its number.
///
/// # Errors
/// A number that no proposal has.
pub async fn proposal(node: &Node, id: U256) -> anyhow::Result<Proposal> {
    let mut all = proposals(node).await?.into_iter();
    all.find(|proposal| proposal.id == id)
        .with_context(|| format!("there is no proposal {id}"))
}

/// Where a proposal is.
///
/// # Errors
/// A number that no proposal has.
pub async fn state(node: &Node, id: U256) -> anyhow::Result<ProposalState> {
    let call = Governor::stateCall { proposalId: id };
    ProposalState::try_from(node.ask(GOVERNOR, call).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_what_was_scheduled() {
        let (target, salt) = (Address::repeat_byte(1), B256::repeat_byte(2));
        let data = Bytes::from(vec![1, 2, 3]);
        let single = ParamTimelock::scheduleCall {
            target,
            value: U256::ZERO,
            data: data.clone(),
            predecessor: B256::ZERO,
            salt,
            delay: U256::from(9),
        };
        let batch = ParamTimelock::scheduleBatchCall {
            targets: vec![target, target],
            values: vec![U256::ZERO; 2],
            payloads: vec![data.clone(), data.clone()],
            predecessor: salt,
            salt,
            delay: U256::from(9),
        };
        let mut proposal = Proposal {
            id: U256::ONE,
            proposer: target,
            targets: vec![PARAMETER_TIMELOCK, CODE_TIMELOCK],
            values: vec![U256::ZERO; 2],
            calldatas: vec![single.abi_encode().into(), batch.abi_encode().into()],
            vote_start: 0,
            vote_end: 0,
            description: String::new(),
        };
        let operations = proposal.operations().unwrap();
        assert_eq!(operations[0].calls, [(target, U256::ZERO, data)]);
        assert_eq!(
            (operations[0].timelock, operations[0].salt),
            (PARAMETER_TIMELOCK, salt)
        );
        assert!(operations[1].is_batch && operations[1].calls.len() == 2);
        assert_eq!(
            (operations[1].timelock, operations[1].predecessor),
            (CODE_TIMELOCK, salt)
        );
        let uneven = ParamTimelock::scheduleBatchCall {
            values: Vec::new(),
            ..batch
        };
        proposal.calldatas[1] = uneven.abi_encode().into();
        assert!(proposal.operations().is_err());
        proposal.calldatas[1] = ParamTimelock::cancelCall { id: salt }.abi_encode().into();
        assert!(proposal.operations().is_err());
    }
}
