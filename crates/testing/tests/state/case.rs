//! The fixture format (`GeneralStateTests`).

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) env: Env,
    pub(crate) pre: BTreeMap<Address, Account>,
    pub(crate) post: BTreeMap<String, Vec<Post>>,
    pub(crate) transaction: Transaction,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Env {
    pub(crate) current_coinbase: Address,
    #[serde(default, deserialize_with = "number")]
    pub(crate) current_difficulty: U256,
    #[serde(deserialize_with = "number")]
    pub(crate) current_gas_limit: U256,
    #[serde(deserialize_with = "number")]
    pub(crate) current_number: U256,
    #[serde(deserialize_with = "number")]
    pub(crate) current_timestamp: U256,
    #[serde(default, deserialize_with = "some_number")]
    pub(crate) current_base_fee: Option<U256>,
    pub(crate) current_random: Option<B256>,
    #[serde(default, deserialize_with = "some_number")]
    pub(crate) current_excess_blob_gas: Option<U256>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Account {
    #[serde(deserialize_with = "number")]
    pub(crate) balance: U256,
    pub(crate) code: Bytes,
    #[serde(deserialize_with = "number")]
    pub(crate) nonce: U256,
    #[serde(deserialize_with = "numbers")]
    pub(crate) storage: BTreeMap<U256, U256>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Post {
    pub(crate) hash: B256,
    pub(crate) logs: B256,
    pub(crate) indexes: Indexes,
    pub(crate) expect_exception: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Indexes {
    pub(crate) data: usize,
    pub(crate) gas: usize,
    pub(crate) value: usize,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Transaction {
    pub(crate) data: Vec<Bytes>,
    #[serde(deserialize_with = "list")]
    pub(crate) gas_limit: Vec<U256>,
    #[serde(default, deserialize_with = "some_number")]
    pub(crate) gas_price: Option<U256>,
    #[serde(deserialize_with = "number")]
    pub(crate) nonce: U256,
    pub(crate) sender: Option<Address>,
    pub(crate) secret_key: B256,
    pub(crate) to: String,
    #[serde(deserialize_with = "list")]
    pub(crate) value: Vec<U256>,
    #[serde(default, deserialize_with = "some_number")]
    pub(crate) max_fee_per_gas: Option<U256>,
    #[serde(default, deserialize_with = "some_number")]
    pub(crate) max_priority_fee_per_gas: Option<U256>,
    #[serde(default)]
    pub(crate) access_lists: Vec<Option<Vec<AccessItem>>>,
    #[serde(default)]
    pub(crate) blob_versioned_hashes: Vec<B256>,
    #[serde(default, deserialize_with = "some_number")]
    pub(crate) max_fee_per_blob_gas: Option<U256>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessItem {
    pub(crate) address: Address,
    pub(crate) storage_keys: Vec<B256>,
}

fn parse(text: &str) -> Result<U256, String> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some("") => return Ok(U256::ZERO),
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    U256::from_str_radix(digits, radix).map_err(|error| format!("{text}: {error}"))
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<U256, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn some_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<U256>, D::Error> {
    number(deserializer).map(Some)
}

fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<U256>, D::Error> {
    Vec::<String>::deserialize(deserializer)?
        .iter()
        .map(|text| parse(text).map_err(D::Error::custom))
        .collect()
}

fn numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<U256, U256>, D::Error> {
    BTreeMap::<String, String>::deserialize(deserializer)?
        .iter()
        .map(|(key, value)| Ok((parse(key)?, parse(value)?)))
        .collect::<Result<_, String>>()
        .map_err(D::Error::custom)
}
