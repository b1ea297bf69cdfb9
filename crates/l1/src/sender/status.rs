//! How a sender is doing.

use super::FeeCeiling;
use alloy_primitives::{Address, U256};

/// What keeps a sender from sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The L1 can't be reached.
    Unreachable,
    /// The L1's fees are above the ceiling.
    FeesTooHigh {
        /// What a transaction would have to offer, wei a gas.
        needed_wei: u128,
    },
    /// The L1's fees of blob gas are above the ceiling.
    BlobFeesTooHigh {
        /// What a transaction would have to offer, wei a blob gas.
        needed_wei: u128,
    },
    /// The next transaction carries data in another way than those that wait for a block: nodes take
    /// it only after them.
    OtherCarrier,
    /// Nodes say that the account has transactions of another kind waiting, which this sender doesn't
    /// have. It replaces them by empty ones after a while.
    Reserved,
    /// Transactions are being cancelled: what was given behind them waits.
    Cancelling,
    /// The signer can't be reached.
    Signer,
    /// The journal can't be written.
    Journal,
    /// The account can't pay.
    InsufficientFunds,
}

/// How a sender is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderStatus {
    /// The account.
    pub account: Address,
    /// Its balance when last seen, wei.
    pub balance: Option<U256>,
    /// Whether that is below the configured minimum.
    pub balance_low: bool,
    /// Transactions sent and not confirmed.
    pub in_flight: usize,
    /// How many of them are being cancelled.
    pub cancelling: usize,
    /// The nonce that the next candidate gets, once known.
    pub next_nonce: Option<u64>,
    /// What keeps it from sending, if anything.
    pub obstacle: Option<Obstacle>,
    /// Most that it offers now, wei a gas and a blob gas.
    pub ceiling: FeeCeiling,
}
