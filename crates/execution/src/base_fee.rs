use crate::ExecutionError;
use alloy_eips::eip1559::{BaseFeeParams, calc_next_block_base_fee};
use op_alloy_consensus::{decode_holocene_extra_data, decode_jovian_extra_data};
use openledger_primitives::{ChainConfig, Header, OpHardforks};

/// Base fee, in wei a gas, of the block after `parent`.
///
/// The EIP-1559 parameters are those in the parent's `extraData` (Holocene), and since Jovian the
/// parent's minimum base fee applies and gas used counts at least the DA footprint (`blobGasUsed`).
/// A genesis block without extra data means the chain's defaults.
///
/// Source: OP specification, "Holocene execution engine", "Jovian execution engine".
///
/// # Errors
/// [`ExecutionError::ExtraData`] if the parent's extra data is not of its fork's form.
pub fn next_base_fee(config: &ChainConfig, parent: &Header) -> Result<u64, ExecutionError> {
    let base_fee = parent.base_fee_per_gas.unwrap_or_default();
    let params = |elasticity: u32, denominator: u32| {
        if elasticity == 0 && denominator == 0 {
            config.base_fee_params_default()
        } else {
            BaseFeeParams::new(u128::from(denominator), u128::from(elasticity))
        }
    };
    if config.is_jovian_active_at_timestamp(parent.timestamp) {
        let (elasticity, denominator, min_base_fee) = decode_jovian_extra_data(&parent.extra_data)?;
        let gas_used = parent
            .gas_used
            .max(parent.blob_gas_used.unwrap_or_default());
        let next = calc_next_block_base_fee(
            gas_used,
            parent.gas_limit,
            base_fee,
            params(elasticity, denominator),
        );
        return Ok(next.max(min_base_fee));
    }
    let (elasticity, denominator) = if parent.extra_data.is_empty() {
        (0, 0)
    } else {
        decode_holocene_extra_data(&parent.extra_data)?
    };
    Ok(calc_next_block_base_fee(
        parent.gas_used,
        parent.gas_limit,
        base_fee,
        params(elasticity, denominator),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Bytes, hex};
    use openledger_primitives::{ChainGenesis, FeeConfig, ForkTimes, GenesisId, SystemConfig};

    fn config() -> ChainConfig {
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
        }
    }

    fn parent(gas_used: u64, extra_data: &[u8]) -> Header {
        Header {
            gas_limit: 60_000_000,
            gas_used,
            base_fee_per_gas: Some(1_000_000_000),
            extra_data: Bytes::copy_from_slice(extra_data),
            ..Default::default()
        }
    }

    #[test]
    fn holocene_parameters_come_from_the_parents_extra_data() {
        // Denominator 50, elasticity 2: a full block raises the fee by 1/50.
        let full = parent(60_000_000, &hex!("000000003200000002"));
        assert_eq!(next_base_fee(&config(), &full), Ok(1_020_000_000));
        // The chain's defaults, 250 and 6: a full block raises it by 5/250.
        let full = parent(60_000_000, &hex!("00000000fa00000006"));
        assert_eq!(next_base_fee(&config(), &full), Ok(1_020_000_000));
        let empty = parent(0, &hex!("00000000fa00000006"));
        assert_eq!(next_base_fee(&config(), &empty), Ok(996_000_000));
    }

    #[test]
    fn malformed_extra_data_is_refused() {
        assert!(next_base_fee(&config(), &parent(0, &[0; 8])).is_err());
        assert!(next_base_fee(&config(), &parent(0, &[1; 9])).is_err());
    }

    #[test]
    fn jovian_has_a_floor_and_counts_the_data_footprint() {
        let mut config = config();
        config.forks.jovian_time = Some(0);
        let mut header = parent(0, &hex!("01000000fa00000006000000003b9aca00"));
        assert_eq!(next_base_fee(&config, &header), Ok(1_000_000_000));
        header.blob_gas_used = Some(60_000_000);
        assert_eq!(next_base_fee(&config, &header), Ok(1_020_000_000));
    }
}
