use crate::CostAlarm;
use openledger_l1::{BLOBS_PER_TX_MAX, Carrier, DaThrottle, ThrottleConfig};
use openledger_primitives::{ChainConfig, L1ChainConfig};
use openledger_protocol::{BLOB_DATA_MAX, Compression, FRAME_OVERHEAD};
use std::{sync::Arc, time::Duration};

/// Calldata of one L1 transaction by default, bytes: below the 128 KiB that L1 nodes accept.
const TX_BYTES_TARGET: usize = 120_000;

/// Blobs of one L1 transaction by default: what the L1's forks up to Osaka all take.
const BLOBS_PER_TX: usize = 6;
/// Bytes of a batcher transaction's data beside its frames: the version.
pub(crate) const TX_OVERHEAD: usize = 1;

/// What batches are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BatchKind {
    /// Runs of blocks, stored by column: fewer bytes.
    #[default]
    Span,
    /// One block each.
    Singular,
}

/// What L1 transactions carry batches in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DataAvailability {
    /// What is cheaper by the L1's present fees.
    #[default]
    Auto,
    /// Blobs, whatever they cost.
    Blobs,
    /// Calldata, whatever it costs.
    Calldata,
}

/// How the batcher works.
#[derive(Debug, Clone)]
pub struct BatcherConfig {
    /// The chain.
    pub chain: Arc<ChainConfig>,
    /// The L1's blob schedule, by which the price of blobs is known; Prague's where it is `None`.
    pub l1_chain: Option<Arc<L1ChainConfig>>,
    /// What batches are made of.
    pub batch_kind: BatchKind,
    /// What L1 transactions carry batches in.
    pub data_availability: DataAvailability,
    /// By how much, in percent, the other carrier must be cheaper for a switch: a switch waits for
    /// what is pending.
    pub switch_percent: u32,
    /// Most calldata of one L1 transaction, bytes.
    pub tx_bytes_target: usize,
    /// Most blobs of one L1 transaction, from 1 to [`BLOBS_PER_TX_MAX`].
    pub blobs_per_tx: usize,
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
    /// Wait before starting over after the L1 refused a transaction for good, or after what was to be
    /// posted did not decode to the blocks.
    pub refused_pause: Duration,
    /// How much of a block's sequencing window may be over, in thousandths, before the alarm is
    /// raised.
    pub deadline_alarm_permille: u32,
    /// Compares what posting costs with the fees that pay for it; `None` does not.
    pub cost_alarm: Option<CostAlarm>,
    /// By how much blocks are limited when the backlog grows.
    pub throttle_limits: ThrottleConfig,
    /// Where that is told to whoever builds blocks.
    pub throttle: DaThrottle,
}

impl BatcherConfig {
    /// The defaults for a chain.
    pub fn new(chain: Arc<ChainConfig>) -> Self {
        Self {
            chain,
            l1_chain: None,
            batch_kind: BatchKind::Span,
            data_availability: DataAvailability::Auto,
            switch_percent: 20,
            tx_bytes_target: TX_BYTES_TARGET,
            blobs_per_tx: BLOBS_PER_TX,
            channel_txs_target: 1,
            channel_duration_max: 1,
            window_margin: 20,
            compression: Compression::Brotli(5),
            channels_in_flight_max: 4,
            txs_in_flight_max: 8,
            safe_lag_max: 30,
            blocks_per_step: 256,
            poll_interval: Duration::from_millis(500),
            refused_pause: Duration::from_secs(10),
            deadline_alarm_permille: 500,
            cost_alarm: None,
            throttle_limits: ThrottleConfig::default(),
            throttle: DaThrottle::default(),
        }
    }

    /// Most blobs of one L1 transaction, within what is possible.
    pub(crate) fn blobs_per_tx(&self) -> usize {
        self.blobs_per_tx.clamp(1, BLOBS_PER_TX_MAX)
    }

    /// Bytes of data that one calldata, or one blob, carries.
    pub(crate) const fn payload_bytes_max(&self, carrier: Carrier) -> usize {
        match carrier {
            Carrier::Calldata => self.tx_bytes_target,
            Carrier::Blobs => BLOB_DATA_MAX,
        }
    }

    /// Compressed bytes that fill a channel.
    pub(crate) fn channel_bytes_target(&self, carrier: Carrier) -> usize {
        let payload = self
            .payload_bytes_max(carrier)
            .saturating_sub(TX_OVERHEAD + FRAME_OVERHEAD);
        let payloads = match carrier {
            Carrier::Calldata => 1,
            Carrier::Blobs => self.blobs_per_tx(),
        };
        payload
            .saturating_mul(payloads)
            .saturating_mul(self.channel_txs_target.max(1))
    }
}
