use openledger_primitives::{ChainConfig, OpHardforks};

use alloy_op_hardforks::OpHardfork;

/// Forks whose first block carries upgrade transactions, if it comes after genesis, that this version lacks.
/// Jovian's are in `upgrades.rs`; why Karst's aren't is decision record 0009.
const WITHOUT_TRANSACTIONS: [OpHardfork; 4] = [
    OpHardfork::Ecotone,
    OpHardfork::Fjord,
    OpHardfork::Isthmus,
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

/// Whether the L2 block at `timestamp` activates `fork` on a chain that began without it.
pub(crate) fn activates(config: &ChainConfig, fork: OpHardfork, timestamp: u64) -> bool {
    timestamp > config.genesis.l2_time && first_active_block(config, fork, timestamp)
}

/// The fork, if any, that activates with the L2 block at `timestamp` and needs upgrade transactions
/// there that aren't known. Genesis needs none: its state has what they would do.
pub fn upgrade_fork_without_transactions(
    config: &ChainConfig,
    timestamp: u64,
) -> Option<OpHardfork> {
    WITHOUT_TRANSACTIONS
        .into_iter()
        .find(|fork| activates(config, *fork, timestamp))
}

/// Whether the L2 block at `timestamp` may have nothing but deposits because it activates a fork: the
/// sequencer adds no transactions to it, and a batch that has some for it is dropped.
///
/// Source: OP specification, Jovian, "Activation block rules". Forks before Jovian have no such rule for
/// batches, and are active from genesis here.
pub fn has_no_sequencer_transactions(config: &ChainConfig, timestamp: u64) -> bool {
    [OpHardfork::Jovian, OpHardfork::Karst]
        .into_iter()
        .any(|fork| activates(config, fork, timestamp))
}

/// Whether the L2 block at `timestamp` runs with `fork` fully in force: active, and past the block
/// that activates it, whose L1 attributes still have the older form.
pub(crate) fn active_before(config: &ChainConfig, fork: OpHardfork, timestamp: u64) -> bool {
    config
        .op_fork_activation(fork)
        .active_at_timestamp(timestamp)
        && !first_active_block(config, fork, timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_config::config;
    use openledger_primitives::ForkTimes;

    #[test]
    fn a_fork_is_activated_by_the_first_block_at_or_after_its_time() {
        let mut config = config();
        config.block_time = 2;
        // Between the blocks at 1,004 and 1,006.
        config.forks.jovian_time = Some(1_005);
        config.forks.karst_time = Some(1_010);
        let empty: Vec<u64> = (1_002..1_016)
            .step_by(2)
            .filter(|time| has_no_sequencer_transactions(&config, *time))
            .collect();
        assert_eq!(empty, [1_006, 1_010]);
        assert_eq!(upgrade_fork_without_transactions(&config, 1_006), None);
        assert_eq!(
            upgrade_fork_without_transactions(&config, 1_010),
            Some(OpHardfork::Karst)
        );
    }

    #[test]
    fn a_fork_at_genesis_is_activated_by_no_block() {
        let mut config = config();
        for time in [0, 1_000] {
            config.forks = ForkTimes {
                jovian_time: Some(time),
                karst_time: Some(time),
                ..ForkTimes::ISTHMUS
            };
            for timestamp in 1_000..1_003 {
                assert!(!has_no_sequencer_transactions(&config, timestamp));
                assert_eq!(upgrade_fork_without_transactions(&config, timestamp), None);
            }
            assert!(active_before(&config, OpHardfork::Jovian, 1_001));
        }
    }
}
