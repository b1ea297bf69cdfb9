//! Receipts, as far as commands use them.

use alloy_primitives::{B256, U64, U256};
use alloy_rpc_types_eth::Log;
use alloy_sol_types::SolEvent;
use anyhow::Context;
use serde::Deserialize;

/// A transaction's place, outcome and logs. Deposits have more fields than Ethereum's receipts.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The transaction.
    pub transaction_hash: B256,
    /// Its block.
    pub block_number: U64,
    /// 1 if it succeeded, 0 if it failed.
    pub status: U64,
    /// What it logged.
    pub logs: Vec<Log>,
    /// Gas that the transaction took.
    pub gas_used: U64,
    /// 16 for each byte that its data is estimated to take on L1; deposits have none.
    #[serde(default)]
    pub l1_gas_used: Option<U256>,
}

impl Receipt {
    /// Number of its block.
    pub fn block(&self) -> u64 {
        self.block_number.to()
    }

    /// Whether the transaction succeeded.
    pub fn is_success(&self) -> bool {
        self.status == U64::ONE
    }
}

/// The first log of an event, by the account's transaction.
///
/// # Errors
/// A transaction without such a log.
pub fn event<E: SolEvent>(receipt: &Receipt) -> anyhow::Result<E> {
    let found = receipt
        .logs
        .iter()
        .find_map(|log| E::decode_log(&log.inner).ok());
    let event = found.with_context(|| {
        format!(
            "transaction {} has no event {}",
            receipt.transaction_hash,
            E::SIGNATURE
        )
    })?;
    Ok(event.data)
}
