//! A chain configuration for this package's unit tests.

use openledger_primitives::{
    ChainConfig, ChainGenesis, FeeConfig, ForkTimes, GenesisId, SystemConfig,
};

/// Isthmus from genesis.
pub(crate) fn config() -> ChainConfig {
    ChainConfig {
        genesis: ChainGenesis {
            l1: GenesisId::default(),
            l2: GenesisId::default(),
            l2_time: 0,
            system_config: SystemConfig {
                batcher_address: Default::default(),
                overhead: Default::default(),
                scalar: Default::default(),
                gas_limit: 60_000_000,
                eip1559_params: Default::default(),
                operator_fee_params: Default::default(),
                min_base_fee: 0,
                da_footprint_gas_scalar: 0,
            },
        },
        block_time: 1,
        max_sequencer_drift: 600,
        seq_window_size: 3600,
        channel_timeout: 300,
        l1_chain_id: 900,
        l2_chain_id: 161_299,
        forks: ForkTimes::ISTHMUS,
        batch_inbox_address: Default::default(),
        deposit_contract_address: Default::default(),
        l1_system_config_address: Default::default(),
        protocol_versions_address: Default::default(),
        chain_op_config: FeeConfig::default(),
        jovian_upgrade: None,
    }
}
