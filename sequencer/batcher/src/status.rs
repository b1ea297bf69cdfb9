use crate::PostingBalance;
use alloy_eips::BlockNumHash;
use openledger_l1::Carrier;

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
    /// Bytes of transactions that are sealed and not on L1, about.
    pub backlog_bytes: u64,
    /// Most bytes that a block may hold because of it; `None` if there is no limit.
    pub block_bytes_max: Option<u64>,
    /// What carried the last channel; `None` before the first, and once the last was cancelled.
    pub carrier: Option<Carrier>,
    /// L1 blocks that are left of the sequencing window of the oldest block that is in a channel and
    /// not on L1.
    pub window_left: Option<u64>,
    /// Whether that is less than it should be: posting is urgent.
    pub deadline_near: bool,
    /// Compressed bytes posted and confirmed since the start.
    pub posted_bytes: u64,
    /// What that cost, wei of ETH.
    pub fee_wei: u128,
    /// The last comparison of costs and fees; `None` before the first, or where none is asked for.
    pub posting: Option<PostingBalance>,
    /// Channels that were not posted because they would not have come out as the blocks that went in.
    pub refused_channels: u64,
    /// Transactions that were cancelled, or given back behind one that was.
    pub cancelled_txs: u64,
    /// Times that the batcher had to start over.
    pub restarts: u64,
    /// What went wrong last, until something is confirmed again.
    pub last_error: Option<String>,
}
