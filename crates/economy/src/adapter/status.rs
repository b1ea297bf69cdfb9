//! What an adapter is, what it costs and whom it pays.

use super::{ListingStatus, last_uri, listing};
use crate::contracts::AdapterMarket;
use alloy_primitives::{Address, B256, U256};
use anyhow::Context;
use openledger_client::{Node, open, say};
use openledger_precompiles::{LORA, lora::ILoraRegistry};
use openledger_primitives::predeploys::ADAPTER_MARKET;
use serde::Serialize;

/// A registry id, as it is printed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AdapterStatus {
    pub(super) id: u64,
    /// Of a base, its own id.
    pub(super) base: u64,
    rank: u16,
    params: u64,
    developer: Address,
    licence: B256,
    pub(super) listing: ListingStatus,
    pub(super) offered: bool,
    pub(super) price_in: U256,
    pub(super) price_out: U256,
    payee: Address,
    /// Where its file and its description are, as its developer says.
    uri: String,
    parents: Vec<(u64, u16)>,
    train: Vec<TrainStatus>,
}

/// What an adapter was trained on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TrainStatus {
    space: B256,
    sketch_set: u64,
    span_index: u64,
    weight_bps: u16,
}

impl AdapterStatus {
    pub(super) async fn read(node: &Node, id: u64) -> anyhow::Result<Self> {
        let found = node
            .ask(LORA, ILoraRegistry::getCall { id })
            .await
            .with_context(|| format!("registry id {id}"))?;
        let listing = listing(node, id).await?;
        let offered = AdapterMarket::isOfferedCall { adapter: id };
        let payee = AdapterMarket::payeeOfCall { id };
        let adapter = found.adapter;
        Ok(Self {
            id,
            base: adapter.base,
            rank: adapter.rank,
            params: found.params,
            developer: adapter.developer,
            licence: adapter.licence,
            listing: ListingStatus::try_from(listing.status)?,
            offered: adapter.base != id && node.ask(ADAPTER_MARKET, offered).await?,
            price_in: U256::from(listing.priceIn),
            price_out: U256::from(listing.priceOut),
            payee: node.ask(ADAPTER_MARKET, payee).await?,
            uri: last_uri(node, id).await?,
            parents: adapter
                .parents
                .iter()
                .map(|parent| (parent.id, parent.relBps))
                .collect(),
            train: adapter
                .train
                .iter()
                .map(|train| TrainStatus {
                    space: train.datanet,
                    sketch_set: train.sketchSet,
                    span_index: train.spanIndex,
                    weight_bps: train.weightBps,
                })
                .collect(),
        })
    }

    pub(super) fn show(&self) {
        let is_base = self.base == self.id;
        if is_base {
            say("base", self.id);
        } else {
            say(
                "adapter",
                format_args!("{} of base {}, rank {}", self.id, self.base, self.rank),
            );
        }
        say("developer", self.developer);
        say("payee", self.payee);
        if is_base {
            return;
        }
        let served = if self.offered { "" } else { ", not offered" };
        say(
            "listing",
            format_args!(
                "{}{served}: {} for 1000 tokens in, {} for 1000 out",
                self.listing,
                open(self.price_in),
                open(self.price_out)
            ),
        );
        if !self.uri.is_empty() {
            // Quoted: whoever wrote it chose its characters.
            say("described at", format_args!("{:?}", self.uri));
        }
        for (parent, share) in &self.parents {
            say("parent", format_args!("{parent}, {share} bps"));
        }
        for train in &self.train {
            say(
                "trained on",
                format_args!(
                    "space {}, set {}, index {}, {} bps",
                    train.space, train.sketch_set, train.span_index, train.weight_bps
                ),
            );
        }
    }
}
