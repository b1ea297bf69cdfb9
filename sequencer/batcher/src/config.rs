use openledger_primitives::ChainConfig;
use openledger_protocol::Compression;
use std::{sync::Arc, time::Duration};

/// Calldata of one L1 transaction by default, bytes: below the 128 KiB that L1 nodes accept.
const TX_BYTES_TARGET: usize = 120_000;

/// How the batcher works.
#[derive(Debug, Clone)]
pub struct BatcherConfig {
    /// The chain.
    pub chain: Arc<ChainConfig>,
    /// Most calldata of one L1 transaction, bytes.
    pub tx_bytes_target: usize,
    /// Transactions that a full channel fills; more compress better and take longer to fill.
    pub channel_txs_target: usize,
    /// L1 blocks after which a channel is closed, full or not; 0 closes it as soon as no block is
    /// left to add.
    pub channel_duration_max: u64,
    /// L1 blocks before the end of a block's sequencing window at which its channel is closed,
    /// whatever the duration.
    pub window_margin: u64,
    /// The compression.
    pub compression: Compression,
    /// Channels that are closed and not confirmed, at most. Beyond it blocks wait.
    pub channels_in_flight_max: usize,
    /// Transactions that are sent and not confirmed, at most.
    pub txs_in_flight_max: usize,
    /// L1 blocks after a channel's confirmation within which the safe head must have reached its
    /// last block. Doubles each time that it was not enough.
    pub safe_lag_max: u64,
    /// Blocks that are read in one step: bounds the time of a step.
    pub blocks_per_step: usize,
    /// Time between looks at the chain and at the L1.
    pub poll_interval: Duration,
    /// Wait before starting over after the L1 refused a transaction for good.
    pub refused_pause: Duration,
}

impl BatcherConfig {
    /// The defaults for a chain.
    pub const fn new(chain: Arc<ChainConfig>) -> Self {
        Self {
            chain,
            tx_bytes_target: TX_BYTES_TARGET,
            channel_txs_target: 1,
            channel_duration_max: 1,
            window_margin: 20,
            compression: Compression::Zlib(9),
            channels_in_flight_max: 4,
            txs_in_flight_max: 8,
            safe_lag_max: 30,
            blocks_per_step: 256,
            poll_interval: Duration::from_millis(500),
            refused_pause: Duration::from_secs(10),
        }
    }
}
