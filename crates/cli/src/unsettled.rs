//! The L1 origin of an unsettled chain, which has no L1: one made-up block, that of genesis.

use alloy_eips::eip1559::INITIAL_BASE_FEE;
use openledger_derive::L1Input;
use openledger_primitives::{GenesisId, Header, L1ChainConfig};
use openledger_protocol::L1Block;

/// The chain id that an unsettled chain says its L1 has: the local L1's.
pub const L1_CHAIN_ID: u64 = 900;

/// Header of the made-up L1 block of a chain that starts at `timestamp`: the same whenever it is asked
/// for, so that nothing needs to be stored.
pub fn origin_header(timestamp: u64) -> Header {
    Header {
        timestamp,
        gas_limit: 30_000_000,
        base_fee_per_gas: Some(INITIAL_BASE_FEE),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(Default::default()),
        mix_hash: alloy_primitives::keccak256("openledger unsettled chain"),
        ..Default::default()
    }
}

/// Its hash and number.
pub fn origin_id(timestamp: u64) -> GenesisId {
    let header = origin_header(timestamp);
    GenesisId {
        hash: header.hash_slow(),
        number: header.number,
    }
}

/// What the builder needs of it.
pub fn origin(timestamp: u64, l1: &L1ChainConfig) -> L1Input {
    let header = origin_header(timestamp);
    let block = L1Block::from_header(&header, header.hash_slow(), l1);
    L1Input {
        block,
        ..L1Input::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_is_a_function_of_the_start_time() {
        assert_eq!(origin_id(5), origin_id(5));
        assert_ne!(origin_id(5).hash, origin_id(6).hash);
        let l1 = L1ChainConfig {
            chain_id: L1_CHAIN_ID,
            blob_schedule: L1ChainConfig::prague_schedule(),
            contracts: openledger_primitives::L1Contracts::default(),
            roles: None,
        };
        let origin = origin(5, &l1);
        assert_eq!(
            (origin.block.hash, origin.block.timestamp),
            (origin_id(5).hash, 5)
        );
        assert_eq!(
            (origin.block.base_fee, origin.block.blob_base_fee),
            (INITIAL_BASE_FEE, 1)
        );
    }
}
