use openledger_primitives::{ChainConfig, OpHardforks};

use alloy_op_hardforks::OpHardfork;

/// Forks whose activation block carries upgrade transactions if they activate after genesis.
const WITH_UPGRADE_TRANSACTIONS: [OpHardfork; 5] = [
    OpHardfork::Ecotone,
    OpHardfork::Fjord,
    OpHardfork::Isthmus,
    OpHardfork::Jovian,
    OpHardfork::Karst,
];

/// Whether the L2 block at `timestamp` is the first with `fork` active. The genesis block is such a
/// block for the forks that it has, but no later one then is.
pub fn first_active_block(config: &ChainConfig, fork: OpHardfork, timestamp: u64) -> bool {
    let activation = config.op_fork_activation(fork);
    if !activation.active_at_timestamp(timestamp) {
        return false;
    }
    timestamp <= config.genesis.l2_time
        || !activation.active_at_timestamp(timestamp.saturating_sub(config.block_time))
}

/// The fork, if any, that activates with the L2 block at `timestamp` and needs upgrade transactions
/// there. Genesis needs none: its state has what they would do.
pub fn upgrade_fork(config: &ChainConfig, timestamp: u64) -> Option<OpHardfork> {
    if timestamp <= config.genesis.l2_time {
        return None;
    }
    WITH_UPGRADE_TRANSACTIONS
        .into_iter()
        .find(|fork| first_active_block(config, *fork, timestamp))
}

/// Whether the L2 block at `timestamp` runs with `fork` fully in force: active, and past the block
/// that activates it, whose L1 attributes still have the older form.
pub(crate) fn active_before(config: &ChainConfig, fork: OpHardfork, timestamp: u64) -> bool {
    config
        .op_fork_activation(fork)
        .active_at_timestamp(timestamp)
        && !first_active_block(config, fork, timestamp)
}
