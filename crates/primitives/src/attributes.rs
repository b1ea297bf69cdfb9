use crate::Transaction;
use alloc::vec::Vec;
use alloy_primitives::{Address, B64, B256};
use serde::{Deserialize, Serialize};

/// What the rollup node prescribes for a block: the OP specification's payload attributes, less the
/// parent, which the caller knows.
///
/// Source: OP Stack specification, "Extended PayloadAttributesV3" (Isthmus; `min_base_fee` Jovian).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockAttributes {
    /// Block timestamp, seconds since the Unix epoch; parent + block time.
    pub timestamp: u64,
    /// `prevRandao` of the L1 origin.
    pub prev_randao: B256,
    /// Receives priority fees: the sequencer fee vault.
    pub fee_recipient: Address,
    /// Parent beacon block root of the L1 origin (zero where the L1 has none).
    pub parent_beacon_block_root: B256,
    /// Gas limit of the block, from the system configuration.
    pub gas_limit: u64,
    /// EIP-1559 denominator and elasticity (big-endian u32 each); zero means the chain's defaults.
    pub eip1559_params: B64,
    /// Minimum base fee in wei (Jovian; `None` before).
    pub min_base_fee: Option<u64>,
    /// Transactions that the block must begin with: the L1 attributes deposit, user deposits and,
    /// for derived blocks, the batch's transactions.
    pub transactions: Vec<Transaction>,
    /// Whether the block may contain nothing but `transactions`.
    pub no_tx_pool: bool,
}
