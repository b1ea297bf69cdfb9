//! Where a proposal is, as it is printed.

use super::{Operation, Proposal, ProposalState, state};
use crate::contracts::{Governor, ParamTimelock};
use alloy_primitives::{Address, B256, U256};
use openledger_client::{Node, decimal, duration, say};
use openledger_primitives::predeploys::GOVERNOR;
use serde::Serialize;

/// What timelocks answer in place of a time for an operation that is done.
const DONE: u64 = 1;

/// From when on all operations of a proposal can be carried out, seconds; 1 if they are; `None` while one isn't
/// scheduled.
///
/// # Errors
/// A node that doesn't answer; a proposal that schedules nothing.
pub async fn ready_at(node: &Node, proposal: &Proposal) -> anyhow::Result<Option<u64>> {
    let mut latest = 0;
    for operation in proposal.operations()? {
        let id = operation_id(node, &operation).await?;
        let call = ParamTimelock::getTimestampCall { id };
        let at: u64 = node.ask(operation.timelock, call).await?.saturating_to();
        if at == 0 {
            return Ok(None);
        }
        latest = latest.max(at);
    }
    Ok(Some(latest))
}

async fn operation_id(node: &Node, operation: &Operation) -> anyhow::Result<B256> {
    if let [(target, value, data)] = operation.calls.as_slice()
        && !operation.is_batch
    {
        let call = ParamTimelock::hashOperationCall {
            target: *target,
            value: *value,
            data: data.clone(),
            predecessor: operation.predecessor,
            salt: operation.salt,
        };
        return node.ask(operation.timelock, call).await;
    }
    let calls = &operation.calls;
    let call = ParamTimelock::hashOperationBatchCall {
        targets: calls.iter().map(|(target, ..)| *target).collect(),
        values: calls.iter().map(|(_, value, _)| *value).collect(),
        payloads: calls.iter().map(|(.., payload)| payload.clone()).collect(),
        predecessor: operation.predecessor,
        salt: operation.salt,
    };
    node.ask(operation.timelock, call).await
}

/// A proposal, as it is printed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProposalStatus {
    pub(super) proposal: U256,
    pub(super) state: ProposalState,
    proposer: Address,
    pub(super) description: String,
    vote_start: u64,
    vote_end: u64,
    /// Of the chain, when this was read, seconds.
    time: u64,
    in_favour: U256,
    against: U256,
    abstained: U256,
    /// From when on it can be carried out, seconds; none while it isn't scheduled, and when it is done.
    ready_at: Option<u64>,
    pub(super) carried_out: bool,
}

impl ProposalStatus {
    pub(super) async fn read(node: &Node, found: Proposal) -> anyhow::Result<Self> {
        let call = Governor::proposalVotesCall {
            proposalId: found.id,
        };
        let votes = node.ask(GOVERNOR, call).await?;
        let state = state(node, found.id).await?;
        let ready_at = match state {
            ProposalState::Executed => ready_at(node, &found).await?,
            _ => None,
        };
        Ok(Self {
            proposal: found.id,
            state,
            proposer: found.proposer,
            description: found.description,
            vote_start: found.vote_start,
            vote_end: found.vote_end,
            time: node.time().await?,
            in_favour: votes.forVotes,
            against: votes.againstVotes,
            abstained: votes.abstainVotes,
            ready_at: ready_at.filter(|at| *at != DONE),
            carried_out: ready_at == Some(DONE),
        })
    }

    pub(super) fn show(&self) {
        let until = match self.state {
            ProposalState::Pending => Some(self.vote_start),
            ProposalState::Active => Some(self.vote_end),
            ProposalState::Executed => self.ready_at,
            _ => None,
        };
        let left = until.map(|until| until.saturating_sub(self.time));
        let left = left.filter(|left| *left > 0);
        let left = left.map_or_else(String::new, |left| format!(", {} left", duration(left)));
        say("proposal", self.proposal);
        if self.carried_out {
            say("state", "carried out");
        } else {
            say("state", format_args!("{}{left}", self.state));
        }
        say("proposer", self.proposer);
        say(
            "votes",
            format_args!(
                "{} for, {} against, {} abstained",
                decimal(self.in_favour),
                decimal(self.against),
                decimal(self.abstained)
            ),
        );
        // Quoted: whoever wrote it chose its characters.
        say("description", format_args!("{:?}", self.description));
    }
}
