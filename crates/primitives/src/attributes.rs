use crate::{Block, Transaction};
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

impl BlockAttributes {
    /// The attributes that make `block` again when they are executed in full on its parent; `None` if
    /// its extra data is older than Holocene.
    pub fn of_block(block: &Block) -> Option<Self> {
        let header = &block.header;
        // Holocene: version byte, then denominator and elasticity; Jovian adds the minimum base fee.
        let extra = header.extra_data.as_ref();
        let eip1559_params: [u8; 8] = extra.get(1..9)?.try_into().ok()?;
        let min_base_fee = extra
            .get(9..17)
            .and_then(|fee| fee.try_into().ok())
            .map(u64::from_be_bytes);
        Some(Self {
            timestamp: header.timestamp,
            prev_randao: header.mix_hash,
            fee_recipient: header.beneficiary,
            parent_beacon_block_root: header.parent_beacon_block_root.unwrap_or_default(),
            gas_limit: header.gas_limit,
            eip1559_params: eip1559_params.into(),
            min_base_fee,
            transactions: block.body.transactions.clone(),
            no_tx_pool: true,
        })
    }
}
