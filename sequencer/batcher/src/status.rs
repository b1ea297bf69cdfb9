use alloy_eips::BlockNumHash;

/// How far the batcher is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatcherStatus {
    /// The last L2 block whose channel was handed to the L1 sender as a whole.
    pub submitted_to: u64,
    /// The last L2 block whose channel, and all before it since the safe head that the batcher
    /// started from, is confirmed on L1 in time.
    pub confirmed_to: u64,
    /// The L1 block that completed that channel.
    pub l1_inclusion: BlockNumHash,
    /// L1 transactions that are sent and not confirmed.
    pub pending_txs: usize,
    /// Sealed L2 blocks that are in no channel yet.
    pub backlog_blocks: u64,
    /// Times that the batcher had to start over from the safe head.
    pub restarts: u64,
    /// What went wrong last, until something is confirmed again.
    pub last_error: Option<String>,
}
