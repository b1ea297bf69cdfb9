//! Agents: programs that pay for inference, with a stake that answers for their spending policy.

mod commands;

pub use commands::{AgentArgs, run};

use crate::infer::{Policy, SignedVoucher};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolStruct, eip712_domain, sol};
use openledger_client::{Receipt, Sender, Step};
use openledger_contracts::agent_registry::AgentRegistry;
use openledger_primitives::predeploys::AGENT_REGISTRY;

sol! {
    /// What an agent signs to take somebody else as its owner.
    struct Register {
        address agent;
        address owner;
        uint256 deadline;
    }
}

/// What an agent is registered with.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The agent.
    pub agent: Address,
    /// What it promises to keep to.
    pub policy: Policy,
    /// Hash of the document that says what it is.
    pub manifest_hash: B256,
    /// Where that document is.
    pub manifest_uri: String,
    /// Last second in which the agent's signature counts.
    pub deadline: u64,
    /// The agent's signature ([`agree`]); empty if the owner is the agent itself.
    pub signature: Bytes,
}

/// An agent's agreement to an owner: EIP-712 `Register(address agent,address owner,uint256 deadline)` in the domain ("AgentRegistry",
/// "1", chain id, contract).
///
/// # Errors
/// If the key can't sign.
pub fn agree(
    agent: &PrivateKeySigner,
    owner: Address,
    deadline: u64,
    chain_id: u64,
) -> Result<Bytes, alloy_signer::Error> {
    let typed = Register {
        agent: agent.address(),
        owner,
        deadline: U256::from(deadline),
    };
    let domain = eip712_domain! {
        name: "AgentRegistry",
        version: "1",
        chain_id: chain_id,
        verifying_contract: AGENT_REGISTRY,
    };
    crate::infer::sign(agent, typed.eip712_signing_hash(&domain))
}

/// Registers an agent with so many wei of stake; the account is its owner.
///
/// # Errors
/// A chain that refuses.
pub async fn register(
    sender: &mut Sender,
    registration: &Registration,
    stake: U256,
) -> anyhow::Result<Receipt> {
    let call = AgentRegistry::registerCall {
        agent: registration.agent,
        policy: on_chain(&registration.policy),
        manifestHash: registration.manifest_hash,
        manifestUri: registration.manifest_uri.clone(),
        deadline: U256::from(registration.deadline),
        signature: registration.signature.clone(),
    };
    let step = Step::call("registering the agent", AGENT_REGISTRY, &call).paying(stake);
    sender.send(step).await
}

/// Changes an agent's policy; answers its version and from which second on it is in force.
///
/// # Errors
/// A chain that refuses.
pub async fn set_policy(
    sender: &mut Sender,
    agent: Address,
    policy: &Policy,
) -> anyhow::Result<(u32, u64)> {
    let call = AgentRegistry::setPolicyCall {
        agent,
        policy: on_chain(policy),
    };
    let step = Step::call("changing the policy", AGENT_REGISTRY, &call);
    let receipt = sender.send(step).await?;
    let event: AgentRegistry::PolicySet = openledger_client::event(&receipt)?;
    Ok((event.version, event.validFrom))
}

/// Ends an agent; answers from which second on its stake can be withdrawn.
///
/// # Errors
/// A chain that refuses.
pub async fn start_exit(sender: &mut Sender, agent: Address) -> anyhow::Result<u64> {
    let call = AgentRegistry::startExitCall { agent };
    let step = Step::call("ending the agent", AGENT_REGISTRY, &call);
    let receipt = sender.send(step).await?;
    let event: AgentRegistry::ExitStarted = openledger_client::event(&receipt)?;
    Ok(event.exitsAt)
}

/// Has an agent's owner credited its stake, after the exit; answers whom and how much, wei.
///
/// # Errors
/// A chain that refuses.
pub async fn withdraw(sender: &mut Sender, agent: Address) -> anyhow::Result<(Address, u128)> {
    let call = AgentRegistry::withdrawCall { agent };
    let step = Step::call("withdrawing the stake", AGENT_REGISTRY, &call);
    let receipt = sender.send(step).await?;
    let event: AgentRegistry::StakeWithdrawn = openledger_client::event(&receipt)?;
    Ok((event.owner, event.amount))
}

/// Reports a voucher that an agent signed above its policy; answers the stake that it forfeits, and how much of it is burnt, wei.
///
/// # Errors
/// A chain that refuses, [`Failure`](openledger_client::Failure) `WithinPolicy` if the voucher breaks nothing.
pub async fn report(sender: &mut Sender, signed: &SignedVoucher) -> anyhow::Result<(u128, u128)> {
    let call = AgentRegistry::reportCall {
        voucher: signed.voucher.into(),
        signature: signed.signature.clone(),
    };
    let step = Step::call("reporting the voucher", AGENT_REGISTRY, &call);
    let receipt = sender.send(step).await?;
    let event: AgentRegistry::StakeForfeited = openledger_client::event(&receipt)?;
    Ok((event.stake, event.burnt))
}

fn on_chain(policy: &Policy) -> AgentRegistry::Policy {
    AgentRegistry::Policy {
        callMax: policy.call_max,
        channelMax: policy.channel_max,
        dayMax: policy.day_max,
        signer: policy.signer,
        adapters: policy.adapters.clone(),
        payees: policy.payees.clone(),
    }
}
