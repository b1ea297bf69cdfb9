use crate::{L1Attributes, L1AttributesError};
use alloy_eips::BlockNumHash;
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
    let fee_params = if config.is_jovian_active_at_timestamp(header.timestamp) {
        decode_jovian_extra_data(&header.extra_data).map(|(e, d, _)| Some((e, d)))
    } else if config.is_holocene_active_at_timestamp(header.timestamp) {
        decode_holocene_extra_data(&header.extra_data).map(Some)
    } else {
        Ok(None)
    }
    .map_err(|source| BlockRefError::ExtraData { number, source })?;
    let eip1559_params = fee_params.map_or(B64::ZERO, |(elasticity, denominator)| {
        B64::from((u64::from(denominator) << 32) | u64::from(elasticity))
    });
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
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        L1Block,
        test_config::{config, system_config},
    };
    use alloy_primitives::Bytes;
    use openledger_primitives::{BlockBody, Header};

    fn block(system_config: &SystemConfig) -> Block {
        let origin = L1Block {
            number: 12,
            hash: B256::repeat_byte(0x12),
            ..Default::default()
        };
        let attributes = L1Attributes::new(&config(), system_config, &origin, 4, 1_009);
        let params = system_config.eip1559_params;
        Block {
            header: Header {
                number: 9,
                timestamp: 1_009,
                parent_hash: B256::repeat_byte(8),
                gas_limit: system_config.gas_limit,
                extra_data: [&[0][..], params.as_slice()].concat().into(),
                ..Default::default()
            },
            body: BlockBody {
                transactions: vec![attributes.deposit_tx(&config(), 1_009)],
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
}
