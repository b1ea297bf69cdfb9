//! `openledger governance`: gOPEN, proposals, votes, and what the timelocks carry out.
//!
//! A proposal's call schedules an operation at a timelock and does nothing else. So what is voted for happens in two
//! steps that anyone may take: [`queue`], when the vote is won, schedules it; [`execute`], when the timelock's delay is over,
//! carries it out.

mod args;
mod command;
mod decision;
mod proposal;
mod status;

pub use args::GovernanceArgs;
pub use decision::Decision;
pub use proposal::{Operation, Proposal, ProposalState, Timelock, proposal, proposals, state};
pub use status::ready_at;

pub(crate) use command::run;

use crate::contracts::{GOpen, Governor, ParamTimelock};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::SolCall;
use openledger_client::{Sender, Step, event};
use openledger_primitives::predeploys::{GOPEN, GOVERNOR};

/// A voter's choice, as the governor numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// No.
    Against,
    /// Yes.
    For,
    /// Neither, but counted for the quorum.
    Abstain,
}

/// Wraps so many wei of OPEN, and has the account's gOPEN vote by `delegate`, if that is another than now.
///
/// # Errors
/// What the contract refuses.
pub async fn wrap(sender: &mut Sender, amount: U256, delegate: Address) -> anyhow::Result<()> {
    let account = sender.account();
    let mut steps = Vec::new();
    if !amount.is_zero() {
        let step = Step::call("wrap OPEN", GOPEN, &GOpen::depositCall {});
        steps.push(step.paying(amount));
    }
    let now = sender
        .node()
        .ask(GOPEN, GOpen::delegatesCall { account })
        .await?;
    if now != delegate {
        let call = GOpen::delegateCall {
            delegatee: delegate,
        };
        steps.push(Step::call("delegate votes", GOPEN, &call));
    }
    sender.send_all(steps).await.map(drop)
}

/// Gives so many wei of gOPEN back for OPEN.
///
/// # Errors
/// What the contract refuses.
pub async fn unwrap(sender: &mut Sender, amount: U256) -> anyhow::Result<()> {
    let call = GOpen::withdrawCall { amount };
    sender
        .send(Step::call("unwrap gOPEN", GOPEN, &call))
        .await
        .map(drop)
}

/// Proposes that a timelock calls a contract, after its least delay. Answers the proposal's number.
///
/// # Errors
/// What the governor refuses, such as too few votes.
pub async fn propose(
    sender: &mut Sender,
    timelock: Timelock,
    target: Address,
    payload: Bytes,
    description: &str,
) -> anyhow::Result<U256> {
    let delay = sender
        .node()
        .ask(timelock.address(), ParamTimelock::getMinDelayCall {})
        .await?;
    let schedule = ParamTimelock::scheduleCall {
        target,
        value: U256::ZERO,
        data: payload,
        predecessor: B256::ZERO,
        // So that the same call can be voted for again.
        salt: keccak256(description),
        delay,
    };
    let call = Governor::proposeCall {
        targets: vec![timelock.address()],
        values: vec![U256::ZERO],
        calldatas: vec![schedule.abi_encode().into()],
        description: description.to_owned(),
    };
    let receipt = sender.send(Step::call("propose", GOVERNOR, &call)).await?;
    Ok(event::<Governor::ProposalCreated>(&receipt)?.proposalId)
}

/// Votes. Answers the weight, wei of gOPEN.
///
/// # Errors
/// What the governor refuses, such as a vote that isn't open.
pub async fn vote(
    sender: &mut Sender,
    proposal: U256,
    support: Support,
    reason: &str,
) -> anyhow::Result<U256> {
    let call = Governor::castVoteWithReasonCall {
        proposalId: proposal,
        support: support as u8,
        reason: reason.to_owned(),
    };
    let receipt = sender.send(Step::call("vote", GOVERNOR, &call)).await?;
    Ok(event::<Governor::VoteCast>(&receipt)?.weight)
}

/// Schedules what a won proposal says at its timelocks.
///
/// # Errors
/// What the governor refuses, such as a vote that isn't won.
pub async fn queue(sender: &mut Sender, proposal: &Proposal) -> anyhow::Result<()> {
    let call = Governor::executeCall {
        targets: proposal.targets.clone(),
        values: proposal.values.clone(),
        calldatas: proposal.calldatas.clone(),
        descriptionHash: keccak256(&proposal.description),
    };
    let step = Step::call("schedule the proposal", GOVERNOR, &call);
    sender.send(step).await.map(drop)
}

/// Carries out what a proposal scheduled, once the delay is over.
///
/// # Errors
/// What the timelock refuses, such as a delay that isn't over; what the called contract refuses.
pub async fn execute(sender: &mut Sender, proposal: &Proposal) -> anyhow::Result<()> {
    let mut steps = Vec::new();
    for operation in proposal.operations()? {
        let step = match operation.calls.as_slice() {
            [(target, value, payload)] if !operation.is_batch => {
                let call = ParamTimelock::executeCall {
                    target: *target,
                    value: *value,
                    payload: payload.clone(),
                    predecessor: operation.predecessor,
                    salt: operation.salt,
                };
                Step::call("carry out the proposal", operation.timelock, &call)
            }
            calls => {
                let call = ParamTimelock::executeBatchCall {
                    targets: calls.iter().map(|(target, ..)| *target).collect(),
                    values: calls.iter().map(|(_, value, _)| *value).collect(),
                    payloads: calls.iter().map(|(.., payload)| payload.clone()).collect(),
                    predecessor: operation.predecessor,
                    salt: operation.salt,
                };
                Step::call("carry out the proposal", operation.timelock, &call)
            }
        };
        steps.push(step);
    }
    sender.send_all(steps).await.map(drop)
}
