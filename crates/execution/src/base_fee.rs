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
        let (elasticity, denominator, min_base_fee) = if parent.extra_data.is_empty() {
            (0, 0, 0)
        } else {
            decode_jovian_extra_data(&parent.extra_data)?
        };
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
    use crate::test_config::config;
    use alloy_primitives::{Bytes, hex};

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
        // The larger of the two counts, not their sum.
        header.gas_used = 60_000_000;
        header.blob_gas_used = Some(30_000_000);
        assert_eq!(next_base_fee(&config, &header), Ok(1_020_000_000));
        // The floor lifts a fee that is below it at once.
        let low = Header {
            base_fee_per_gas: Some(7),
            ..parent(0, &hex!("01000000fa00000006000000003b9aca00"))
        };
        assert_eq!(next_base_fee(&config, &low), Ok(1_000_000_000));
        // Genesis without extra data has the chain's defaults and no floor.
        let genesis = next_base_fee(&config, &parent(60_000_000, &[]));
        assert_eq!(genesis, Ok(1_020_000_000));
        // Holocene's form is none of Jovian's.
        assert!(next_base_fee(&config, &parent(0, &hex!("00000000fa00000006"))).is_err());
    }

    #[test]
    fn the_parents_rules_decide_at_the_activation() {
        let mut config = config();
        config.forks.jovian_time = Some(10);
        let mut before = parent(0, &hex!("00000000fa00000006"));
        before.timestamp = 9;
        // Whatever the field says, before Jovian it counts nothing.
        before.blob_gas_used = Some(60_000_000);
        assert_eq!(next_base_fee(&config, &before), Ok(996_000_000));
        let mut first = parent(0, &hex!("01000000fa00000006000000003b9aca00"));
        first.timestamp = 10;
        assert_eq!(next_base_fee(&config, &first), Ok(1_000_000_000));
    }
}
