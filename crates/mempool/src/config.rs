use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Which executable transaction goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ordering {
    /// First come, first served. A transaction's place is the arrival that made it executable: its
    /// own, or that of a predecessor in nonce which came later. Nobody reserves places by gaps.
    #[default]
    Arrival,
    /// Highest tip above the base fee first, then by arrival. An account's transactions stay in
    /// nonce order, so a high tip behind a low one waits for it.
    PriorityFee,
}

/// The pool's limits and rules. Every count and size is a maximum that holds after each call. Reinjected
/// transactions come on top of the pool's and the accounts' caps: they were preconfirmed once, and none may be
/// lost. The unwound blocks, which whoever unwinds holds as a whole, are the bound of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MempoolConfig {
    /// Transactions in the pool, but for reinjected ones.
    pub transactions_max: usize,
    /// Their encoded bytes.
    pub bytes_max: usize,
    /// Transactions of one sender, pending and queued. Reinjected ones, and what replaces them, come
    /// on top.
    pub transactions_per_account_max: usize,
    /// Queued transactions of one sender. When pending ones become queued because one before them
    /// left, the highest nonces beyond this are dropped.
    pub queued_per_account_max: usize,
    /// How far a nonce may be ahead of the account's.
    pub nonce_gap_max: u64,
    /// How much more, in percent, both fee caps of a replacement must offer.
    pub price_bump_percent: u64,
    /// The least priority fee cap, wei a gas.
    pub min_tip_wei: u128,
    /// The least fee cap, wei a gas, whatever the base fee.
    pub min_fee_wei: u128,
    /// Whether a fee cap below the base fee is accepted, to wait until that falls. Otherwise it is
    /// refused.
    pub queue_below_base_fee: bool,
    /// Whether legacy transactions without a chain id (before EIP-155) are accepted. They can be
    /// replayed from other chains.
    pub allow_unprotected: bool,
    /// The most gas that one transaction may ask for, besides the block's limit, so that none can claim a
    /// block for itself. A rule of the pool: EIP-7825's 16,777,216 becomes the protocol's with Osaka.
    pub transaction_gas_max: u64,
    /// Authorizations in one EIP-7702 transaction: each costs a signature recovery at admission.
    pub authorizations_max: usize,
    /// How long a transaction may wait, seconds; see
    /// [`Mempool::remove_expired`](crate::Mempool::remove_expired).
    pub lifetime_secs: u64,
    /// Which executable transaction goes first.
    pub order: Ordering,
    /// Events that a subscriber may lag behind before it loses the oldest.
    pub subscription_capacity: usize,
}

/// Half of the default block: a transaction that asks for all of it leaves room for others.
const TRANSACTION_GAS_MAX: u64 = 30_000_000;

impl Default for MempoolConfig {
    fn default() -> Self {
        Self {
            transactions_max: 50_000,
            bytes_max: 64 << 20,
            transactions_per_account_max: 1_024,
            queued_per_account_max: 64,
            nonce_gap_max: 1_024,
            price_bump_percent: 10,
            min_tip_wei: 0,
            min_fee_wei: 1,
            queue_below_base_fee: true,
            allow_unprotected: false,
            transaction_gas_max: TRANSACTION_GAS_MAX,
            authorizations_max: 256,
            lifetime_secs: 3 * 60 * 60,
            order: Ordering::Arrival,
            subscription_capacity: 4_096,
        }
    }
}

impl MempoolConfig {
    /// How long a transaction may wait.
    pub const fn lifetime(&self) -> Duration {
        Duration::from_secs(self.lifetime_secs)
    }
}
