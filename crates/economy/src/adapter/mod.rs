//! `openledger adapter`: adapters registered with what they were trained on, and offered at a price.

mod command;
mod prices;
mod status;

pub use command::AdapterArgs;
pub use prices::Prices;

pub(crate) use command::run;

use crate::contracts::{AdapterMarket, adapter_market::IAdapterMarket::Listing};
use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::SolEvent;
use anyhow::bail;
use openledger_client::{Node, Sender, Step};
use openledger_primitives::predeploys::ADAPTER_MARKET;
use serde::Serialize;
use std::fmt;

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

/// Where an adapter's file and description are, by what its developer told the market last; empty for one that isn't
/// listed.
///
/// # Errors
/// A node that doesn't answer.
pub async fn last_uri(node: &Node, adapter: u64) -> anyhow::Result<String> {
    let topic = B256::from(U256::from(adapter));
    let filter = |event| {
        Filter::new()
            .address(ADAPTER_MARKET)
            .event_signature(event)
            .topic1(topic)
    };
    let head = node.head().await?;
    let updated = filter(AdapterMarket::ListingUpdated::SIGNATURE_HASH);
    if let Some(log) = node.logs_between(&updated, 0, head).await?.last() {
        return Ok(AdapterMarket::ListingUpdated::decode_log(&log.inner)?
            .data
            .uri);
    }
    let listed = filter(AdapterMarket::Listed::SIGNATURE_HASH);
    Ok(match node.logs_between(&listed, 0, head).await?.last() {
        Some(log) => AdapterMarket::Listed::decode_log(&log.inner)?.data.uri,
        None => String::new(),
    })
}
