use crate::{
    L1Attributes, L1Block, L2BlockRef, forks::activates, jovian_upgrade_deposits,
    upgrade_fork_without_transactions,
};
use alloc::vec::Vec;
use alloy_eips::BlockNumHash;
use alloy_op_hardforks::OpHardfork;
use openledger_primitives::{
    BlockAttributes, ChainConfig, OpHardforks, SystemConfig, Transaction,
    predeploys::SEQUENCER_FEE_VAULT,
};

/// Why no block can follow with these inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttributesError {
    /// The timestamp isn't one block time after the parent's.
    #[error("block at {timestamp} does not follow its parent, next is {expected}")]
    Timestamp {
        /// The parent's timestamp plus the block time.
        expected: u64,
        /// The timestamp asked for.
        timestamp: u64,
    },
    /// The origin is neither the parent's nor the L1 block after it: L1 was reorganized.
    #[error("origin {} {} does not continue the parent's, {} {}", found.number, found.hash, parent.number, parent.hash)]
    Origin {
        /// The parent's origin.
        parent: BlockNumHash,
        /// The origin asked for.
        found: BlockNumHash,
    },
    /// The block is older than its origin.
    #[error("block at {timestamp} is older than its origin at {origin_timestamp}")]
    OlderThanOrigin {
        /// The timestamp asked for.
        timestamp: u64,
        /// The origin's timestamp.
        origin_timestamp: u64,
    },
    /// A fork activates with this block and its upgrade transactions aren't known: this version lacks them, or
    /// the chain's files the code that they deploy.
    #[error("{fork:?} activates at {timestamp}, and its upgrade transactions aren't known")]
    Upgrade {
        /// The fork.
        fork: OpHardfork,
        /// The timestamp asked for.
        timestamp: u64,
    },
}

/// What the block at `l2_timestamp` on `l2_parent` with the L1 origin `origin` must contain: the
/// start from which the sequencer adds pool transactions (setting `no_tx_pool` to false) and
/// derivation those of a batch.
///
/// `system_config` is the configuration as of `origin`: what the parent says
/// ([`system_config_of`](crate::system_config_of)), and the updates of `origin` if the parent has an
/// earlier one. `deposits` are the user deposits of `origin` in log order; they are in the first block of
/// an epoch only, and ignored for any other. Upgrade transactions follow them in the block that activates
/// a fork.
///
/// Source: OP specification, "Deriving payload attributes".
///
/// # Errors
/// Inputs that don't follow from each other, or a fork that this version can't activate.
pub fn payload_attributes(
    config: &ChainConfig,
    l2_parent: &L2BlockRef,
    system_config: &SystemConfig,
    origin: &L1Block,
    deposits: &[Transaction],
    l2_timestamp: u64,
) -> Result<BlockAttributes, AttributesError> {
    let expected = l2_parent.timestamp.saturating_add(config.block_time);
    if l2_timestamp != expected {
        return Err(AttributesError::Timestamp {
            expected,
            timestamp: l2_timestamp,
        });
    }
    let conflict = AttributesError::Origin {
        parent: l2_parent.l1_origin,
        found: origin.id(),
    };
    let (sequence_number, deposits) = if origin.number == l2_parent.l1_origin.number {
        if origin.hash != l2_parent.l1_origin.hash {
            return Err(conflict);
        }
        (l2_parent.sequence_number.saturating_add(1), [].as_slice())
    } else {
        let next = l2_parent.l1_origin.number.checked_add(1) == Some(origin.number);
        if !next || origin.parent_hash != l2_parent.l1_origin.hash {
            return Err(conflict);
        }
        (0, deposits)
    };
    if l2_timestamp < origin.timestamp {
        return Err(AttributesError::OlderThanOrigin {
            timestamp: l2_timestamp,
            origin_timestamp: origin.timestamp,
        });
    }
    if let Some(fork) = upgrade_fork_without_transactions(config, l2_timestamp) {
        return Err(AttributesError::Upgrade {
            fork,
            timestamp: l2_timestamp,
        });
    }
    let attributes =
        L1Attributes::new(config, system_config, origin, sequence_number, l2_timestamp);
    let mut transactions = Vec::with_capacity(deposits.len().saturating_add(1));
    transactions.push(attributes.deposit_tx(config, l2_timestamp));
    transactions.extend_from_slice(deposits);
    if activates(config, OpHardfork::Jovian, l2_timestamp) {
        let upgrade = config
            .jovian_upgrade
            .as_ref()
            .ok_or(AttributesError::Upgrade {
                fork: OpHardfork::Jovian,
                timestamp: l2_timestamp,
            })?;
        let deposits = jovian_upgrade_deposits(upgrade).into_iter();
        transactions.extend(deposits.map(Transaction::from));
    }
    Ok(BlockAttributes {
        timestamp: l2_timestamp,
        prev_randao: origin.prev_randao,
        fee_recipient: SEQUENCER_FEE_VAULT,
        parent_beacon_block_root: origin.parent_beacon_block_root.unwrap_or_default(),
        gas_limit: system_config.gas_limit,
        eip1559_params: system_config.eip1559_params,
        min_base_fee: config
            .is_jovian_active_at_timestamp(l2_timestamp)
            .then_some(system_config.min_base_fee),
        transactions,
        no_tx_pool: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_config::{config, system_config, upgrade};
    use alloy_primitives::B256;
    use op_alloy_consensus::TxDeposit;

    fn origin(number: u64) -> L1Block {
        L1Block {
            number,
            hash: B256::with_last_byte(number as u8),
            parent_hash: B256::with_last_byte(number as u8 - 1),
            timestamp: 1_000,
            prev_randao: B256::repeat_byte(0x44),
            parent_beacon_block_root: None,
            ..Default::default()
        }
    }

    fn parent() -> L2BlockRef {
        L2BlockRef {
            number: 7,
            timestamp: 1_007,
            l1_origin: origin(12).id(),
            sequence_number: 5,
            ..Default::default()
        }
    }

    fn attributes(number: u64, timestamp: u64) -> Result<BlockAttributes, AttributesError> {
        let deposit = Transaction::from(TxDeposit::default());
        payload_attributes(
            &config(),
            &parent(),
            &system_config(),
            &origin(number),
            &[deposit],
            timestamp,
        )
    }

    #[test]
    fn an_epoch_counts_its_blocks_and_brings_deposits_once() {
        let same = attributes(12, 1_008).expect("valid");
        assert_eq!(same.transactions.len(), 1);
        let info = L1Attributes::from_deposit(&same.transactions[0]).expect("attributes");
        assert_eq!((info.number, info.sequence_number), (12, 6));
        assert_eq!(
            (same.gas_limit, same.prev_randao),
            (60_000_000, B256::repeat_byte(0x44))
        );
        assert_eq!(same.parent_beacon_block_root, B256::ZERO);
        assert_eq!((same.min_base_fee, same.no_tx_pool), (None, true));

        let next = attributes(13, 1_008).expect("valid");
        assert_eq!(next.transactions.len(), 2);
        let info = L1Attributes::from_deposit(&next.transactions[0]).expect("attributes");
        assert_eq!((info.number, info.sequence_number), (13, 0));
    }

    #[test]
    fn inconsistent_inputs_are_refused() {
        assert!(matches!(
            attributes(12, 1_009),
            Err(AttributesError::Timestamp { .. })
        ));
        assert!(matches!(
            attributes(14, 1_008),
            Err(AttributesError::Origin { .. })
        ));
        assert!(matches!(
            attributes(11, 1_008),
            Err(AttributesError::Origin { .. })
        ));
        let old = L1Block {
            timestamp: 1_009,
            ..origin(13)
        };
        assert!(matches!(
            payload_attributes(&config(), &parent(), &system_config(), &old, &[], 1_008),
            Err(AttributesError::OlderThanOrigin { .. })
        ));
    }

    #[test]
    fn jovian_is_activated_behind_the_deposits_and_in_force_one_block_later() {
        let mut config = config();
        config.forks.jovian_time = Some(1_008);
        config.jovian_upgrade = Some(upgrade());
        let system = SystemConfig {
            min_base_fee: 7,
            da_footprint_gas_scalar: 9,
            ..system_config()
        };
        let deposit = Transaction::from(TxDeposit::default());
        let block = |parent: &L2BlockRef, number: u64| {
            let time = parent.timestamp + 1;
            let deposits = [deposit.clone()];
            payload_attributes(&config, parent, &system, &origin(number), &deposits, time)
                .expect("valid")
        };
        let at = |timestamp| L2BlockRef {
            timestamp,
            ..parent()
        };
        let info = |block: &BlockAttributes| {
            L1Attributes::from_deposit(&block.transactions[0]).expect("attributes")
        };
        let before = block(&at(1_006), 12);
        assert_eq!((before.min_base_fee, before.transactions.len()), (None, 1));

        let activation = block(&at(1_007), 13);
        assert_eq!(activation.min_base_fee, Some(7));
        assert_eq!(info(&activation).da_footprint_gas_scalar, None);
        assert_eq!(activation.transactions.len(), 7);
        assert_eq!(activation.transactions[1], deposit);
        let upgrades: Vec<Transaction> = jovian_upgrade_deposits(&upgrade())
            .into_iter()
            .map(Transaction::from)
            .collect();
        assert_eq!(activation.transactions[2..], upgrades);

        let after = block(&at(1_008), 13);
        assert_eq!((after.min_base_fee, after.transactions.len()), (Some(7), 2));
        assert_eq!(info(&after).da_footprint_gas_scalar, Some(9));
    }

    #[test]
    fn jovian_at_genesis_needs_no_upgrade_transactions() {
        let mut config = config();
        config.forks.jovian_time = Some(1_000);
        let genesis = L2BlockRef {
            number: 0,
            timestamp: 1_000,
            ..parent()
        };
        let first =
            payload_attributes(&config, &genesis, &system_config(), &origin(12), &[], 1_001)
                .expect("valid");
        assert_eq!((first.min_base_fee, first.transactions.len()), (Some(0), 1));
        let info = L1Attributes::from_deposit(&first.transactions[0]).expect("attributes");
        assert_eq!(info.da_footprint_gas_scalar, Some(400));
    }

    #[test]
    fn a_fork_whose_upgrade_transactions_are_unknown_is_named() {
        let mut config = config();
        let system = system_config();
        for (fork, jovian_time, karst_time) in [
            // The code that Jovian deploys isn't there.
            (OpHardfork::Jovian, 1_008, None),
            (OpHardfork::Karst, 0, Some(1_008)),
        ] {
            config.forks.jovian_time = Some(jovian_time);
            config.forks.karst_time = karst_time;
            assert_eq!(
                payload_attributes(&config, &parent(), &system, &origin(12), &[], 1_008),
                Err(AttributesError::Upgrade {
                    fork,
                    timestamp: 1_008
                })
            );
        }
    }
}
