use crate::quantity::Hex;
use alloy_primitives::{Address, B256, Bytes, Log};
use serde::Serialize;

/// Where a log stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogPlace {
    pub(crate) block_hash: B256,
    pub(crate) block_number: u64,
    pub(crate) block_timestamp: u64,
    pub(crate) transaction_hash: B256,
    pub(crate) transaction_index: u64,
    pub(crate) log_index: u64,
    /// Whether its block left the chain.
    pub(crate) removed: bool,
}

/// A log.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogJson<'a> {
    address: Address,
    topics: &'a [B256],
    data: &'a Bytes,
    block_hash: B256,
    block_number: Hex<u64>,
    block_timestamp: Hex<u64>,
    transaction_hash: B256,
    transaction_index: Hex<u64>,
    log_index: Hex<u64>,
    removed: bool,
}

impl<'a> LogJson<'a> {
    /// A log at its place.
    pub(crate) fn new(log: &'a Log, place: &LogPlace) -> Self {
        Self {
            address: log.address,
            topics: log.data.topics(),
            data: &log.data.data,
            block_hash: place.block_hash,
            block_number: Hex(place.block_number),
            block_timestamp: Hex(place.block_timestamp),
            transaction_hash: place.transaction_hash,
            transaction_index: Hex(place.transaction_index),
            log_index: Hex(place.log_index),
            removed: place.removed,
        }
    }
}
