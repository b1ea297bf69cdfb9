use openledger_primitives::ChainConfig;
use openledger_protocol::L2BlockRef;

/// Number of the L1 block from which a pipeline must read to derive what follows `l2_safe`.
///
/// A channel that was opened before the safe block's origin may still bring its successor, so that
/// reading begins a channel timeout before that origin, but never before the L1 block of genesis.
/// The system configuration that the pipeline wants is as of this L1 block: that of any L2 block
/// whose origin it is (each L1 block since genesis is the origin of one at least). `origin_timestamp`
/// is that of the safe block's origin.
///
/// Source: OP specification, "Resetting the pipeline".
pub fn l1_start_number(config: &ChainConfig, l2_safe: &L2BlockRef, origin_timestamp: u64) -> u64 {
    l2_safe
        .l1_origin
        .number
        .saturating_sub(config.channel_timeout(origin_timestamp))
        .max(config.genesis.l1.number)
}
