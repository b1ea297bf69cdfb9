use crate::{L1Attributes, L1AttributesError, forks::active_before};
use alloy_eips::BlockNumHash;
use alloy_op_hardforks::OpHardfork;
use alloy_primitives::{B64, B256};
use op_alloy_consensus::{EIP1559ParamError, decode_holocene_extra_data, decode_jovian_extra_data};
use openledger_primitives::{
    Block, ChainConfig, ChainGenesis, OpHardforks, SealedBlock, SystemConfig, Transaction,
};

/// An L2 block and where it stands between L1 and L2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct L2BlockRef {
    /// Block number.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Timestamp, seconds.
    pub timestamp: u64,
    /// The L1 block that it takes its attributes from.
    pub l1_origin: BlockNumHash,
    /// Blocks since the first one with this origin.
    pub sequence_number: u64,
}

/// Why a block doesn't fit into the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlockRefError {
    /// A block with the genesis block's number is another one.
    #[error("genesis block is {found}, not {expected}")]
    Genesis {
        /// Hash by the chain configuration.
        expected: B256,
        /// Hash of the block.
        found: B256,
    },
    /// The block has no transaction, though each has at least the L1 attributes.
    #[error("block {number} has no L1 attributes transaction")]
    NoAttributes {
        /// Its number.
        number: u64,
    },
    /// The first transaction is no L1 attributes transaction.
    #[error("block {number} begins with no L1 attributes transaction")]
    Attributes {
        /// Its number.
        number: u64,
        /// What is wrong.
        source: L1AttributesError,
    },
    /// The header's extra data doesn't hold the fee parameters that the fork prescribes.
    #[error("block {number} has no fee parameters in its extra data")]
    ExtraData {
        /// Its number.
        number: u64,
        /// What is wrong.
        source: EIP1559ParamError,
    },
}

impl L2BlockRef {
    /// The genesis block.
    pub fn genesis(genesis: &ChainGenesis) -> Self {
        Self {
            number: genesis.l2.number,
            hash: genesis.l2.hash,
            // Nothing stands before genesis: its header says zero.
            parent_hash: B256::ZERO,
            timestamp: genesis.l2_time,
            l1_origin: genesis.l1.into(),
            sequence_number: 0,
        }
    }

    /// From a block, whose header is hashed.
    ///
    /// # Errors
    /// A foreign genesis block, or a block without valid L1 attributes.
    pub fn from_block(block: &Block, genesis: &ChainGenesis) -> Result<Self, BlockRefError> {
        Self::from_hashed(block, block.header.hash_slow(), genesis)
    }

    /// From a sealed block.
    ///
    /// # Errors
    /// As [`Self::from_block`].
    pub fn from_sealed(block: &SealedBlock, genesis: &ChainGenesis) -> Result<Self, BlockRefError> {
        Self::from_hashed(&block.block, block.hash, genesis)
    }

    /// From a block whose header has the hash `hash`.
    ///
    /// # Errors
    /// As [`Self::from_block`].
    pub fn from_hashed(
        block: &Block,
        hash: B256,
        genesis: &ChainGenesis,
    ) -> Result<Self, BlockRefError> {
        let header = &block.header;
        let (l1_origin, sequence_number) = if header.number == genesis.l2.number {
            check_genesis(hash, genesis)?;
            (genesis.l1.into(), 0)
        } else {
            let attributes = attributes_of(block)?;
            (
                BlockNumHash {
                    number: attributes.number,
                    hash: attributes.hash,
                },
                attributes.sequence_number,
            )
        };
        Ok(Self {
            number: header.number,
            hash,
            parent_hash: header.parent_hash,
            timestamp: header.timestamp,
            l1_origin,
            sequence_number,
        })
    }

    /// Number and hash.
    pub const fn id(&self) -> BlockNumHash {
        BlockNumHash {
            number: self.number,
            hash: self.hash,
        }
    }
}

fn check_genesis(found: B256, genesis: &ChainGenesis) -> Result<(), BlockRefError> {
    if found != genesis.l2.hash {
        return Err(BlockRefError::Genesis {
            expected: genesis.l2.hash,
            found,
        });
    }
    Ok(())
}

fn attributes_of(block: &Block) -> Result<L1Attributes, BlockRefError> {
    let number = block.header.number;
    let first: &Transaction = block
        .body
        .transactions
        .first()
        .ok_or(BlockRefError::NoAttributes { number })?;
    L1Attributes::from_deposit(first).map_err(|source| BlockRefError::Attributes { number, source })
}

/// The system configuration as of an L2 block's L1 origin, recovered from the block alone: its L1
/// attributes, gas limit and extra data.
///
/// Where the configuration says zero for the EIP-1559 parameters, the block names the chain's
/// defaults, and so does the answer: the blocks that follow are the same.
///
/// # Errors
/// A foreign genesis block, or a block without valid L1 attributes or fee parameters.
pub fn system_config_of(
    block: &Block,
    config: &ChainConfig,
) -> Result<SystemConfig, BlockRefError> {
    let header = &block.header;
    let number = header.number;
    if number == config.genesis.l2.number {
        check_genesis(header.hash_slow(), &config.genesis)?;
        return Ok(config.genesis.system_config);
    }
    let attributes = attributes_of(block)?;
    let (elasticity, denominator, min_base_fee) =
        if config.is_jovian_active_at_timestamp(header.timestamp) {
            decode_jovian_extra_data(&header.extra_data)
        } else if config.is_holocene_active_at_timestamp(header.timestamp) {
            decode_holocene_extra_data(&header.extra_data)
                .map(|(elasticity, denominator)| (elasticity, denominator, 0))
        } else {
            Ok((0, 0, 0))
        }
        .map_err(|source| BlockRefError::ExtraData { number, source })?;
    let eip1559_params = B64::from((u64::from(denominator) << 32) | u64::from(elasticity));
    Ok(SystemConfig {
        batcher_address: attributes.batcher_address,
        overhead: B256::ZERO,
        scalar: SystemConfig::encode_scalar(
            attributes.base_fee_scalar,
            attributes.blob_base_fee_scalar,
        ),
        gas_limit: header.gas_limit,
        eip1559_params,
        operator_fee_params: SystemConfig::encode_operator_fee(
            attributes.operator_fee_scalar,
            attributes.operator_fee_constant,
        ),
        min_base_fee,
        // None in the block that activates Jovian: what L1 set before is forgotten there.
        da_footprint_gas_scalar: attributes.da_footprint_gas_scalar.unwrap_or_default(),
    })
}

/// What [`system_config_of`] answers for the block at `timestamp` that was made with `system_config`,
/// without looking at the block: what the blocks after it begin with.
///
/// A block has no room for everything. Zero EIP-1559 parameters and a zero DA footprint scalar come back
/// as the defaults; the minimum base fee comes back as zero from a block before Jovian, and the scalar
/// from one up to Jovian's first. So does what L1 set for them: it must be set again afterwards.
///
/// Source: OP specification, "Deriving payload attributes": the system configuration is the parent's,
/// with the updates of the L1 origin where that is a new one.
pub fn system_config_after(
    config: &ChainConfig,
    system_config: &SystemConfig,
    timestamp: u64,
) -> SystemConfig {
    let (base_fee_scalar, blob_base_fee_scalar) = system_config.fee_scalars();
    let has_operator_fee = active_before(config, OpHardfork::Isthmus, timestamp);
    let has_min_base_fee = config.is_jovian_active_at_timestamp(timestamp);
    let has_da_footprint = active_before(config, OpHardfork::Jovian, timestamp);
    SystemConfig {
        batcher_address: system_config.batcher_address,
        overhead: B256::ZERO,
        scalar: SystemConfig::encode_scalar(base_fee_scalar, blob_base_fee_scalar),
        gas_limit: system_config.gas_limit,
        eip1559_params: if system_config.eip1559_params.is_zero() {
            config.eip1559_params_default()
        } else {
            system_config.eip1559_params
        },
        operator_fee_params: if has_operator_fee {
            let (scalar, constant) = system_config.operator_fee();
            SystemConfig::encode_operator_fee(scalar, constant)
        } else {
            B256::ZERO
        },
        min_base_fee: if has_min_base_fee {
            system_config.min_base_fee
        } else {
            0
        },
        da_footprint_gas_scalar: if has_da_footprint {
            system_config.da_footprint_gas_scalar_or_default()
        } else {
            0
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        L1Block,
        test_config::{config, system_config},
    };
    use alloy_primitives::Bytes;
    use op_alloy_consensus::{encode_holocene_extra_data, encode_jovian_extra_data};
    use openledger_primitives::{BlockBody, Header};
    use proptest::prelude::*;

    fn block(system_config: &SystemConfig) -> Block {
        block_of(&config(), system_config)
    }

    /// A block at 1,009.
    fn block_of(config: &ChainConfig, system_config: &SystemConfig) -> Block {
        let origin = L1Block {
            number: 12,
            hash: B256::repeat_byte(0x12),
            ..Default::default()
        };
        let attributes = L1Attributes::new(config, system_config, &origin, 4, 1_009);
        let (params, defaults) = (
            system_config.eip1559_params,
            config.base_fee_params_default(),
        );
        let extra_data = if config.is_jovian_active_at_timestamp(1_009) {
            encode_jovian_extra_data(params, defaults, system_config.min_base_fee)
        } else {
            encode_holocene_extra_data(params, defaults)
        };
        Block {
            header: Header {
                number: 9,
                timestamp: 1_009,
                parent_hash: B256::repeat_byte(8),
                gas_limit: system_config.gas_limit,
                extra_data: extra_data.expect("32 bits each"),
                ..Default::default()
            },
            body: BlockBody {
                transactions: vec![attributes.deposit_tx(config, 1_009)],
                ..Default::default()
            },
        }
    }

    #[test]
    fn a_block_names_its_origin_and_configuration() {
        let system_config = SystemConfig {
            eip1559_params: B64::from((250_u64 << 32) | 6),
            operator_fee_params: SystemConfig::encode_operator_fee(3, 4),
            ..system_config()
        };
        let block = block(&system_config);
        let reference = L2BlockRef::from_block(&block, &config().genesis).expect("valid");
        assert_eq!(
            reference,
            L2BlockRef {
                number: 9,
                hash: block.header.hash_slow(),
                parent_hash: B256::repeat_byte(8),
                timestamp: 1_009,
                l1_origin: BlockNumHash {
                    number: 12,
                    hash: B256::repeat_byte(0x12)
                },
                sequence_number: 4,
            }
        );
        assert_eq!(system_config_of(&block, &config()), Ok(system_config));
    }

    #[test]
    fn genesis_is_known_by_its_hash() {
        let mut config = config();
        let mut genesis = block(&system_config());
        genesis.header.number = 0;
        genesis.body.transactions.clear();
        assert!(matches!(
            L2BlockRef::from_block(&genesis, &config.genesis),
            Err(BlockRefError::Genesis { .. })
        ));
        assert!(matches!(
            system_config_of(&genesis, &config),
            Err(BlockRefError::Genesis { .. })
        ));
        config.genesis.l2.hash = genesis.header.hash_slow();
        let reference = L2BlockRef::from_block(&genesis, &config.genesis).expect("genesis");
        assert_eq!(reference.l1_origin, config.genesis.l1.into());
        assert_eq!(system_config_of(&genesis, &config), Ok(system_config()));
    }

    #[test]
    fn blocks_without_attributes_or_fee_parameters_are_refused() {
        let mut empty = block(&system_config());
        empty.body.transactions.clear();
        assert_eq!(
            L2BlockRef::from_block(&empty, &config().genesis),
            Err(BlockRefError::NoAttributes { number: 9 })
        );
        let mut extra = block(&system_config());
        extra.header.extra_data = Bytes::from_static(&[0; 8]);
        assert!(matches!(
            system_config_of(&extra, &config()),
            Err(BlockRefError::ExtraData { number: 9, .. })
        ));
    }

    #[test]
    fn what_jovian_adds_is_forgotten_before_its_first_block_and_the_scalar_in_it() {
        let set = SystemConfig {
            min_base_fee: 7,
            da_footprint_gas_scalar: 9,
            ..system_config()
        };
        // The block is at 1,009, the one before at 1,008.
        for (jovian_time, expected) in [
            (None, (0, 0)),
            (Some(1_010), (0, 0)),
            (Some(1_009), (7, 0)),
            (Some(1_008), (7, 9)),
            (Some(0), (7, 9)),
        ] {
            let mut config = config();
            config.forks.jovian_time = jovian_time;
            let read = system_config_of(&block_of(&config, &set), &config).expect("valid");
            assert_eq!(
                (read.min_base_fee, read.da_footprint_gas_scalar),
                expected,
                "{jovian_time:?}"
            );
        }
        let mut jovian = config();
        jovian.forks.jovian_time = Some(0);
        let read = system_config_of(&block_of(&jovian, &system_config()), &jovian);
        assert_eq!(read.map(|read| read.da_footprint_gas_scalar), Ok(400));
    }

    proptest! {
        #[test]
        fn a_configuration_comes_back_as_said(
            words in (any::<[u8; 20]>(), any::<(u32, u32)>(), any::<u64>(), any::<(u32, u64)>()),
            params in prop_oneof![Just(0), any::<u64>()],
            min_base_fee in any::<u64>(),
            da_footprint_gas_scalar in prop_oneof![Just(0), any::<u16>()],
            jovian_time in proptest::option::of(1_007..1_011_u64),
        ) {
            let (batcher, (base, blob), gas_limit, (scalar, constant)) = words;
            let set = SystemConfig {
                batcher_address: batcher.into(),
                overhead: B256::ZERO,
                scalar: SystemConfig::encode_scalar(base, blob),
                gas_limit,
                eip1559_params: B64::from(params),
                operator_fee_params: SystemConfig::encode_operator_fee(scalar, constant),
                min_base_fee,
                da_footprint_gas_scalar,
            };
            let mut config = config();
            config.forks.jovian_time = jovian_time;
            let read = system_config_of(&block_of(&config, &set), &config);
            prop_assert_eq!(read, Ok(system_config_after(&config, &set, 1_009)));
        }
    }
}
