//! `openledger adapter`: adapters registered with what they were trained on, and offered at a price.

mod command;

pub use command::AdapterArgs;

pub(crate) use command::run;

use crate::contracts::{AdapterMarket, adapter_market::IAdapterMarket::Listing};
use alloy_primitives::Address;
use anyhow::bail;
use openledger_client::{Node, Sender, Step};
use openledger_primitives::predeploys::ADAPTER_MARKET;
use serde::Serialize;
use std::fmt;

/// What an adapter is offered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// Wei for a thousand tokens in.
    pub price_in: u128,
    /// Wei for a thousand tokens out.
    pub price_out: u128,
}

/// What the developer says of an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ListingStatus {
    /// It isn't listed.
    None,
    /// It serves.
    Active,
    /// It doesn't serve now.
    Paused,
    /// It never serves again.
    Withdrawn,
}

impl ListingStatus {
    /// As the market numbers it.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl TryFrom<u8> for ListingStatus {
    type Error = anyhow::Error;

    fn try_from(number: u8) -> anyhow::Result<Self> {
        Ok(match number {
            0 => Self::None,
            1 => Self::Active,
            2 => Self::Paused,
            3 => Self::Withdrawn,
            _ => bail!("the market answers status {number}"),
        })
    }
}

impl fmt::Display for ListingStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "not listed",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Withdrawn => "withdrawn",
        })
    }
}

/// Offers an adapter of the sender's, active.
///
/// # Errors
/// What the market refuses, such as a licence that a Datanet behind the adapter doesn't allow.
pub async fn list(
    sender: &mut Sender,
    adapter: u64,
    prices: Prices,
    uri: &str,
) -> anyhow::Result<()> {
    let call = AdapterMarket::listCall {
        adapter,
        priceIn: prices.price_in,
        priceOut: prices.price_out,
        uri: uri.to_owned(),
    };
    let step = Step::call("list the adapter", ADAPTER_MARKET, &call);
    sender.send(step).await.map(drop)
}

/// Changes prices, status or metadata of an adapter that is listed.
///
/// # Errors
/// What the market refuses.
pub async fn update(
    sender: &mut Sender,
    adapter: u64,
    status: ListingStatus,
    prices: Prices,
    uri: &str,
) -> anyhow::Result<()> {
    let call = AdapterMarket::updateCall {
        adapter,
        status: status.number(),
        priceIn: prices.price_in,
        priceOut: prices.price_out,
        uri: uri.to_owned(),
    };
    let step = Step::call("update the listing", ADAPTER_MARKET, &call);
    sender.send(step).await.map(drop)
}

/// Sets whom royalties of a registry id, adapter or base, go to; zero unsets it.
///
/// # Errors
/// What the market refuses.
pub async fn set_payee(sender: &mut Sender, id: u64, payee: Address) -> anyhow::Result<()> {
    let call = AdapterMarket::setPayeeCall { id, payee };
    let step = Step::call("set the payee", ADAPTER_MARKET, &call);
    sender.send(step).await.map(drop)
}

/// An adapter's listing.
///
/// # Errors
/// A node that doesn't answer.
pub async fn listing(node: &Node, adapter: u64) -> anyhow::Result<Listing> {
    node.ask(ADAPTER_MARKET, AdapterMarket::listingOfCall { adapter })
        .await
}
