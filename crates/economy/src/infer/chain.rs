//! What payer and worker ask of the chain.

use super::{Policy, Prices, SignedVoucher, Voucher};
use crate::{adapter::ListingStatus, stake::Role};
use alloy_primitives::{Address, B256};
use anyhow::ensure;
use openledger_client::Node;
use openledger_contracts::{
    adapter_market::AdapterMarket, agent_registry::AgentRegistry, claim_vault::ClaimVault,
    inference_router::InferenceRouter, validator_staking::ValidatorStaking,
    voucher_channels::VoucherChannels,
};
use openledger_precompiles::{
    LORA, SKETCH,
    lora::{ILoraRegistry, TRAINS_MAX},
    sketch::IAttrSketch,
};
use openledger_primitives::predeploys::{
    ADAPTER_MARKET, AGENT_REGISTRY, CLAIM_VAULT, INFERENCE_ROUTER, VALIDATOR_STAKING,
    VOUCHER_CHANNELS,
};

pub use openledger_contracts::{
    inference_router::InferenceRouter::Request, voucher_channels::VoucherChannels::Channel,
};

/// A channel as the chain has it now, with what its payer promised.
#[derive(Debug, Clone)]
pub struct ChannelView {
    /// The channel; all zero if there is none.
    pub channel: Channel,
    /// The policy that it is under, if its payer is an agent.
    pub policy: Option<Policy>,
    /// Timestamp of the newest block, seconds.
    pub now: u64,
}

impl ChannelView {
    /// Whether the chain has such a channel.
    pub const fn exists(&self) -> bool {
        self.channel.openedAt != 0
    }

    /// Whether a key's signature counts as the payer's.
    pub fn is_signer(&self, signer: Address) -> bool {
        let by_policy = self.policy.as_ref().map(|policy| policy.signer);
        signer == self.channel.payer
            || by_policy.is_some_and(|named| !named.is_zero() && named == signer)
    }

    /// What of the policy a voucher breaks; `None` if nothing, or there is no policy.
    pub fn breach(&self, voucher: &Voucher) -> Option<super::Breach> {
        let Channel {
            adapter, openedAt, ..
        } = self.channel;
        self.policy
            .as_ref()?
            .breach(adapter, openedAt, voucher, self.now)
    }
}

/// Reads a channel, its policy and the time.
///
/// # Errors
/// If the node doesn't answer.
pub async fn channel_view(node: &Node, channel: B256) -> anyhow::Result<ChannelView> {
    let now = node.time().await?;
    let channel = node
        .ask(VOUCHER_CHANNELS, VoucherChannels::channelOfCall { channel })
        .await?;
    let policy = match channel.policyVersion {
        0 => None,
        version => Some(policy(node, channel.payer, version).await?.0),
    };
    Ok(ChannelView {
        channel,
        policy,
        now,
    })
}

/// A version of an agent's policy, and from when on it is in force.
///
/// # Errors
/// If the node doesn't answer, or there is no such version.
pub async fn policy(node: &Node, agent: Address, version: u32) -> anyhow::Result<(Policy, u64)> {
    let call = AgentRegistry::policyOfCall {
        agent,
        number: version,
    };
    let answer = node.ask(AGENT_REGISTRY, call).await?;
    let policy = Policy {
        call_max: answer.policy.callMax,
        channel_max: answer.policy.channelMax,
        day_max: answer.policy.dayMax,
        signer: answer.policy.signer,
        adapters: answer.policy.adapters,
        payees: answer.policy.payees,
    };
    Ok((policy, answer.validFrom))
}

/// An adapter's prices.
///
/// # Errors
/// If the node doesn't answer, or the adapter isn't offered.
pub async fn prices(node: &Node, adapter: u64) -> anyhow::Result<Prices> {
    let is_offered = node
        .ask(ADAPTER_MARKET, AdapterMarket::isOfferedCall { adapter })
        .await?;
    let listing = node
        .ask(ADAPTER_MARKET, AdapterMarket::listingOfCall { adapter })
        .await?;
    ensure!(
        is_offered,
        "adapter {adapter} isn't offered: {}",
        if listing.status == ListingStatus::Active.number() {
            "LORA says that it is deprecated or disputed"
        } else {
            "it is not listed, paused or withdrawn (`openledger adapter status` says)"
        }
    );
    Ok(Prices {
        price_in: listing.priceIn,
        price_out: listing.priceOut,
    })
}

/// Dimensions of the sketches that an adapter's calls come with: one for each train entry with a sketch set of kind 0, in their order.
///
/// # Errors
/// If the node doesn't answer, or LORA has no such adapter.
pub async fn sketch_dims(node: &Node, adapter: u64) -> anyhow::Result<Vec<usize>> {
    let registered = node
        .ask(LORA, ILoraRegistry::getCall { id: adapter })
        .await?
        .adapter;
    ensure!(
        registered.base != adapter,
        "{adapter} is a base, and only adapters serve"
    );
    ensure!(
        registered.train.len() <= TRAINS_MAX,
        "the node says that adapter {adapter} has {} training sets",
        registered.train.len()
    );
    let mut dims = Vec::new();
    for train in registered.train {
        if train.sketchSet == 0 {
            continue;
        }
        let call = IAttrSketch::headerCall {
            setId: train.sketchSet,
        };
        let header = node.ask(SKETCH, call).await?;
        if header.kind == 0 {
            dims.push(usize::from(header.dim));
        }
    }
    Ok(dims)
}

/// Whether a worker has the stake to work with.
///
/// # Errors
/// If the node doesn't answer.
pub async fn is_active(node: &Node, worker: Address) -> anyhow::Result<bool> {
    let call = ValidatorStaking::isActiveCall {
        role: Role::Worker.number(),
        operator: worker,
    };
    node.ask(VALIDATOR_STAKING, call).await
}

/// Who holds an account's place.
///
/// # Errors
/// If the node doesn't answer.
pub async fn holder(node: &Node, account: Address) -> anyhow::Result<Address> {
    node.ask(CLAIM_VAULT, ClaimVault::holderOfCall { account })
        .await
}

/// What a worker asks for a request, wei.
///
/// # Errors
/// If the node doesn't answer, or the worker has published nothing.
pub async fn platform_fee(node: &Node, worker: Address) -> anyhow::Result<u128> {
    let call = InferenceRouter::platformFeeOfCall { worker };
    node.ask(INFERENCE_ROUTER, call).await
}

/// A request; all zero if there is none.
///
/// # Errors
/// If the node doesn't answer.
pub async fn request(node: &Node, request_id: B256) -> anyhow::Result<Request> {
    let call = InferenceRouter::requestOfCall {
        requestId: request_id,
    };
    node.ask(INFERENCE_ROUTER, call).await
}

/// A request's status, as the router counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestStatus {
    /// There is none.
    None,
    /// Its worker may fulfil it.
    Open,
    /// It was fulfilled.
    Fulfilled,
    /// Its payer has been credited.
    Refunded,
}

impl RequestStatus {
    /// Of a request.
    pub fn of(request: &Request) -> Self {
        match request.status {
            1 => Self::Open,
            2 => Self::Fulfilled,
            3 => Self::Refunded,
            _ => Self::None,
        }
    }

    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "unknown",
            Self::Open => "open",
            Self::Fulfilled => "fulfilled",
            Self::Refunded => "refunded",
        }
    }
}

impl From<Voucher> for openledger_contracts::voucher_channels::VoucherChannels::Voucher {
    fn from(voucher: Voucher) -> Self {
        Self {
            channel: voucher.channel,
            payer: voucher.payer,
            payee: voucher.payee,
            cumulative: voucher.cumulative,
            count: voucher.count,
            leavesRoot: voucher.leaves_root,
            expiry: voucher.expiry,
        }
    }
}

impl From<Voucher> for openledger_contracts::agent_registry::AgentRegistry::Voucher {
    fn from(voucher: Voucher) -> Self {
        Self {
            channel: voucher.channel,
            payer: voucher.payer,
            payee: voucher.payee,
            cumulative: voucher.cumulative,
            count: voucher.count,
            leavesRoot: voucher.leaves_root,
            expiry: voucher.expiry,
        }
    }
}

/// The call that settles a voucher.
pub fn settle_call(signed: &SignedVoucher) -> VoucherChannels::settleCall {
    VoucherChannels::settleCall {
        voucher: signed.voucher.into(),
        signature: signed.signature.clone(),
    }
}

/// The call that settles several vouchers, of which one that fails holds up no other.
pub fn settle_many_call(signed: &[SignedVoucher]) -> VoucherChannels::settleManyCall {
    VoucherChannels::settleManyCall {
        vouchers: signed.iter().map(|signed| signed.voucher.into()).collect(),
        signatures: signed
            .iter()
            .map(|signed| signed.signature.clone())
            .collect(),
    }
}
