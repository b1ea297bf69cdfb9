use crate::RecoveredTransaction;
use alloy_primitives::{Address, U256};
use std::{cmp::Reverse, ops::Deref, time::Instant};

/// The sequence number of the first arrival. Those below belong to reinjected transactions, which
/// come before everything that has arrived since.
pub(crate) const SEQUENCE_START: u64 = 1 << 63;

/// A transaction in the pool. Dereferences to [`RecoveredTransaction`].
#[derive(Debug)]
pub struct PooledTransaction {
    /// The transaction and its sender.
    pub recovered: RecoveredTransaction,
    /// The most that it can take from its sender, wei: gas limit × fee cap + value + `l1_fee`.
    pub cost: U256,
    /// L1 data fee and operator fee in `cost`, as of its arrival, wei.
    pub l1_fee: U256,
    /// Its place among all arrivals; ascending, unique.
    pub sequence: u64,
    /// When it came into the pool.
    pub received_at: Instant,
    /// Who delegates by it (EIP-7702): distinct, ascending.
    pub authorities: Box<[Address]>,
}

impl PooledTransaction {
    /// Whether it came back by an unwind. It was preconfirmed once, so nothing evicts it for money.
    pub const fn is_reinjected(&self) -> bool {
        self.sequence < SEQUENCE_START
    }

    /// What it claims of its sender's balance while it is pending, wei. A reinjected transaction
    /// claims nothing: it may live on funds that another reinjected one brings before its turn.
    pub(crate) const fn claim(&self) -> U256 {
        if self.is_reinjected() {
            U256::ZERO
        } else {
            self.cost
        }
    }

    /// Whether it pays the base fee, wei a gas.
    pub fn pays(&self, base_fee: u64) -> bool {
        self.max_fee_per_gas() >= u128::from(base_fee)
    }
}

impl Deref for PooledTransaction {
    type Target = RecoveredTransaction;
    fn deref(&self) -> &RecoveredTransaction {
        &self.recovered
    }
}

/// How much a transaction is worth to a full pool; the lowest leaves first.
///
/// Field order is comparison order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Worth {
    /// It was preconfirmed once.
    reinjected: bool,
    /// No gap or missing balance holds it up.
    pending: bool,
    /// It pays the base fee.
    paying: bool,
    /// The effective tip, wei; of those that don't pay the base fee the fee cap, so that the nearest
    /// to it stay.
    amount: u128,
}

impl Worth {
    pub(crate) fn of(
        tx: &RecoveredTransaction,
        reinjected: bool,
        pending: bool,
        base_fee: u64,
    ) -> Self {
        let tip = tx.effective_tip(base_fee);
        let amount = tip.unwrap_or_else(|| tx.max_fee_per_gas());
        Self {
            reinjected,
            pending,
            paying: tip.is_some(),
            amount,
        }
    }
}

/// [`Worth`], and of equals the later arrival leaves first. Unique by the sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub(crate) worth: Worth,
    pub(crate) sequence: Reverse<u64>,
}

impl Rank {
    pub(crate) fn of(tx: &PooledTransaction, pending: bool, base_fee: u64) -> Self {
        Self {
            worth: Worth::of(tx, tx.is_reinjected(), pending, base_fee),
            sequence: Reverse(tx.sequence),
        }
    }
}
