//! `txpool_`: what waits.

use crate::{
    api::Api,
    json::{Place, TransactionJson},
    params::Params,
    quantity::Hex,
    registry::{Methods, Outcome, Run},
    reply::Reply,
    workers::Work,
};
use alloy_primitives::Address;
use openledger_mempool::{PoolContent, PooledTransaction};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

pub(crate) const METHODS: Methods = &[
    ("txpool_status", Run::Light(status)),
    ("txpool_content", Run::Heavy(Work::Long, content)),
    ("txpool_contentFrom", Run::Heavy(Work::Call, content_from)),
    ("txpool_inspect", Run::Heavy(Work::Long, inspect)),
];

/// Transactions by nonce, as the pool has them.
type ByNonce = BTreeMap<u64, Arc<PooledTransaction>>;

#[derive(Serialize)]
struct Parts<T> {
    pending: T,
    queued: T,
}

fn status(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    let (pending, queued) = api.mempool().map_or((0, 0), |pool| pool.status());
    Reply::small(&Parts {
        pending: Hex(pending),
        queued: Hex(queued),
    })
}

fn full(transactions: &ByNonce) -> BTreeMap<u64, TransactionJson<'_>> {
    transactions
        .iter()
        .map(|(nonce, pooled)| {
            let json =
                TransactionJson::new(&pooled.transaction, pooled.sender, Place::Pending, None);
            (*nonce, json)
        })
        .collect()
}

fn content(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    let content = api
        .mempool()
        .map_or_else(PoolContent::default, |pool| pool.content());
    let pending: BTreeMap<_, _> = content
        .pending
        .iter()
        .map(|(address, of)| (*address, full(of)))
        .collect();
    let queued: BTreeMap<_, _> = content
        .queued
        .iter()
        .map(|(address, of)| (*address, full(of)))
        .collect();
    api.reply(&Parts { pending, queued })
}

fn content_from(api: &Api, params: &Params) -> Outcome {
    let address: Address = params.args(&["address"])?.get(0)?;
    let content = api
        .mempool()
        .map_or_else(PoolContent::default, |pool| pool.content_from(address));
    let none = ByNonce::new();
    api.reply(&Parts {
        pending: full(content.pending.get(&address).unwrap_or(&none)),
        queued: full(content.queued.get(&address).unwrap_or(&none)),
    })
}

/// A line of each transaction, in go-ethereum's words.
fn summaries(part: &BTreeMap<Address, ByNonce>) -> BTreeMap<Address, BTreeMap<u64, String>> {
    let summary = |pooled: &PooledTransaction| {
        let (value, gas, price) = (pooled.value(), pooled.gas_limit(), pooled.max_fee_per_gas());
        match pooled.kind().to() {
            Some(to) => format!("{to}: {value} wei + {gas} gas × {price} wei"),
            None => format!("contract creation: {value} wei + {gas} gas × {price} wei"),
        }
    };
    part.iter()
        .map(|(address, of)| {
            (
                *address,
                of.iter()
                    .map(|(nonce, pooled)| (*nonce, summary(pooled)))
                    .collect(),
            )
        })
        .collect()
}

fn inspect(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    let content = api
        .mempool()
        .map_or_else(PoolContent::default, |pool| pool.content());
    api.reply(&Parts {
        pending: summaries(&content.pending),
        queued: summaries(&content.queued),
    })
}
