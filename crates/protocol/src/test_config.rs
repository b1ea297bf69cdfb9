//! A chain configuration for this package's unit tests.

use alloy_primitives::{Address, B64, B256, address};
use openledger_primitives::{
    ChainConfig, ChainGenesis, FeeConfig, ForkTimes, GenesisId, JovianUpgrade, SystemConfig,
};

pub(crate) fn system_config() -> SystemConfig {
    SystemConfig {
        batcher_address: address!("00000000000000000000000000000000000000bb"),
        overhead: B256::ZERO,
        scalar: SystemConfig::encode_scalar(1368, 810_949),
        gas_limit: 60_000_000,
        eip1559_params: B64::ZERO,
        operator_fee_params: B256::ZERO,
        min_base_fee: 0,
        da_footprint_gas_scalar: 0,
    }
}

/// Isthmus from genesis, which is block 0 at time 1,000 on L1 block 10; blocks every second.
pub(crate) fn config() -> ChainConfig {
    ChainConfig {
        genesis: ChainGenesis {
            l1: GenesisId {
                hash: B256::repeat_byte(0x10),
                number: 10,
            },
            l2: GenesisId {
                hash: B256::repeat_byte(0x20),
                number: 0,
            },
            l2_time: 1_000,
            system_config: system_config(),
        },
        block_time: 1,
        max_sequencer_drift: 600,
        seq_window_size: 20,
        channel_timeout: 300,
        l1_chain_id: 31_337,
        l2_chain_id: 161_299,
        forks: ForkTimes::ISTHMUS,
        batch_inbox_address: address!("00000000000000000000000000000000000000ff"),
        deposit_contract_address: address!("00000000000000000000000000000000000000dd"),
        l1_system_config_address: address!("00000000000000000000000000000000000000cc"),
        protocol_versions_address: Address::ZERO,
        chain_op_config: FeeConfig::default(),
        jovian_upgrade: None,
    }
}

/// Stands for what Jovian deploys.
pub(crate) fn upgrade() -> JovianUpgrade {
    JovianUpgrade {
        l1_block: vec![1; 40].into(),
        gas_price_oracle: vec![2; 50].into(),
    }
}
