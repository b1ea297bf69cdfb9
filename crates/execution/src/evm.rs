use crate::{ExecutionError, next_base_fee, precompiles};
use alloy_evm::{Evm as _, EvmEnv, precompiles::PrecompilesMap};
use alloy_op_evm::{OpEvm, OpEvmContext, OpEvmFactory, OpTx, evm_env_for_op_block};
use alloy_primitives::Bytes;
use op_revm::OpSpecId;
use openledger_primitives::{BlockAttributes, ChainConfig, Header, OpHardforks as _};
use revm::{Inspector, inspector::NoOpInspector, primitives::eip7825::TX_GAS_LIMIT_CAP};

/// First byte of the extra data that has EIP-1559 parameters alone.
const HOLOCENE_VERSION: &u8 = &0;
/// First byte of the extra data that has a minimum base fee as well.
const JOVIAN_VERSION: u8 = 1;

/// The EVM that every part of the node runs: block execution, `eth_call`, estimation and tracing.
pub type Evm<DB, I = NoOpInspector> = OpEvm<DB, I, PrecompilesMap, OpTx>;

/// Makes the chain's EVM: the one seam where native precompiles join OP's.
///
/// Whoever runs a transaction asks this type for its EVM and never builds one from op-revm, so that a
/// precompile added here is there for the sequencer, the verifier, calls, estimates and traces alike.
#[derive(Debug, Clone, Copy, Default)]
pub struct EvmFactory;

/// The chain's EVM factory.
pub const fn evm_factory() -> EvmFactory {
    EvmFactory
}

impl EvmFactory {
    /// An EVM without inspection.
    pub fn create<DB: alloy_evm::Database>(&self, db: DB, env: EvmEnv<OpSpecId>) -> Evm<DB> {
        let fork = env.cfg_env.spec;
        let mut evm = alloy_evm::EvmFactory::create_evm(&OpEvmFactory::<OpTx>::default(), db, env);
        precompiles::install(evm.components_mut().2, fork);
        evm
    }

    /// An EVM with an inspector, which is on.
    pub fn create_with_inspector<DB: alloy_evm::Database, I: Inspector<OpEvmContext<DB>>>(
        &self,
        db: DB,
        env: EvmEnv<OpSpecId>,
        inspector: I,
    ) -> Evm<DB, I> {
        let fork = env.cfg_env.spec;
        let mut evm = alloy_evm::EvmFactory::create_evm_with_inspector(
            &OpEvmFactory::<OpTx>::default(),
            db,
            env,
            inspector,
        );
        precompiles::install(evm.components_mut().2, fork);
        evm
    }
}

/// Configuration and block environment in which the transactions of `header`'s block ran.
pub fn evm_env(config: &ChainConfig, header: &Header) -> EvmEnv<OpSpecId> {
    evm_env_for_op_block(header, config, config.l2_chain_id)
}

/// The most gas that the chain lets a transaction of a block at `timestamp` ask for, deposits excepted.
///
/// Source: OP specification, Karst, "Osaka": EIP-7825.
pub fn transaction_gas_max(config: &ChainConfig, timestamp: u64) -> u64 {
    if config.is_karst_active_at_timestamp(timestamp) {
        TX_GAS_LIMIT_CAP
    } else {
        u64::MAX
    }
}

/// The extra data of the block that `attributes` prescribe: the EIP-1559 parameters and, from Jovian on,
/// the minimum base fee.
///
/// # Errors
/// [`ExecutionError::ExtraData`]; [`ExecutionError::MinBaseFee`] if the attributes have a minimum base fee
/// where the fork has none, or have none where it has one.
pub fn extra_data(
    config: &ChainConfig,
    attributes: &BlockAttributes,
) -> Result<Bytes, ExecutionError> {
    let defaults = config.base_fee_params_default();
    let is_jovian = config.is_jovian_active_at_timestamp(attributes.timestamp);
    if attributes.min_base_fee.is_some() != is_jovian {
        return Err(ExecutionError::MinBaseFee {
            timestamp: attributes.timestamp,
            is_jovian,
        });
    }
    Ok(match attributes.min_base_fee {
        Some(min_base_fee) => op_alloy_consensus::encode_jovian_extra_data(
            attributes.eip1559_params,
            defaults,
            min_base_fee,
        )?,
        None => {
            op_alloy_consensus::encode_holocene_extra_data(attributes.eip1559_params, defaults)?
        }
    })
}

/// The extra data of a block at `timestamp` on `parent` that keeps its fee parameters, in the form of its own
/// fork: for blocks that nobody prescribes. The first with Jovian has no minimum base fee.
pub fn inherited_extra_data(config: &ChainConfig, parent: &Header, timestamp: u64) -> Bytes {
    let Some((HOLOCENE_VERSION, params)) = parent.extra_data.split_first() else {
        return parent.extra_data.clone();
    };
    if !config.is_jovian_active_at_timestamp(timestamp) {
        return parent.extra_data.clone();
    }
    [&[JOVIAN_VERSION][..], params, &0_u64.to_be_bytes()]
        .concat()
        .into()
}

/// The draft header of the block that follows `parent` with `attributes`: every field that is known
/// before execution; roots, bloom and gas used are empty.
///
/// # Errors
/// [`ExecutionError::Timestamp`], and as [`extra_data`].
pub fn draft_header(
    config: &ChainConfig,
    parent: &openledger_primitives::SealedHeader,
    attributes: &BlockAttributes,
) -> Result<Header, ExecutionError> {
    if attributes.timestamp <= parent.timestamp {
        return Err(ExecutionError::Timestamp {
            timestamp: attributes.timestamp,
            parent: parent.timestamp,
        });
    }
    let extra_data = extra_data(config, attributes)?;
    Ok(Header {
        parent_hash: parent.hash(),
        ommers_hash: alloy_consensus::EMPTY_OMMER_ROOT_HASH,
        beneficiary: attributes.fee_recipient,
        number: parent.number.saturating_add(1),
        gas_limit: attributes.gas_limit,
        timestamp: attributes.timestamp,
        mix_hash: attributes.prev_randao,
        base_fee_per_gas: Some(next_base_fee(config, parent)?),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(attributes.parent_beacon_block_root),
        extra_data,
        ..Default::default()
    })
}

/// The environment of the block that would follow `parent` at `timestamp`, for calls on `pending`
/// where no block is open.
///
/// # Errors
/// As [`next_base_fee`].
pub fn pending_env(
    config: &ChainConfig,
    parent: &Header,
    timestamp: u64,
) -> Result<EvmEnv<OpSpecId>, ExecutionError> {
    let mut header = parent.clone();
    header.base_fee_per_gas = Some(next_base_fee(config, parent)?);
    header.number = parent.number.saturating_add(1);
    header.timestamp = timestamp;
    Ok(evm_env(config, &header))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;
    use openledger_primitives::ForkTimes;

    #[test]
    fn extra_data_is_inherited_in_the_form_of_its_fork() {
        let config = ChainConfig {
            forks: ForkTimes {
                jovian_time: Some(10),
                ..ForkTimes::ISTHMUS
            },
            ..crate::test_config::config()
        };
        let of = |extra_data: &[u8], timestamp| {
            let parent = Header {
                extra_data: Bytes::copy_from_slice(extra_data),
                ..Default::default()
            };
            hex::encode(inherited_extra_data(&config, &parent, timestamp))
        };
        let (holocene, jovian) = (
            hex!("00000000fa00000006"),
            hex!("01000000fa000000060000000000000007"),
        );
        assert_eq!(of(&holocene, 9), "00000000fa00000006");
        assert_eq!(of(&holocene, 10), "01000000fa000000060000000000000000");
        assert_eq!(of(&jovian, 11), "01000000fa000000060000000000000007");
        assert_eq!(of(&[], 11), "");
    }

    #[test]
    fn a_transaction_may_ask_for_less_from_karst_on() {
        let mut config = crate::test_config::config();
        config.forks.karst_time = Some(10);
        assert_eq!(transaction_gas_max(&config, 9), u64::MAX);
        assert_eq!(transaction_gas_max(&config, 10), 1 << 24);
    }
}
