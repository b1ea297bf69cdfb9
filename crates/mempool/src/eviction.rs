use crate::{
    PooledTransaction,
    pooled::{Rank, Worth},
};
use alloy_primitives::{Address, B256};
use std::{cmp::Reverse, collections::BinaryHeap};

/// The most that one insertion evicts: more would let one large transaction cost too much.
const VICTIMS_MAX: usize = 256;
/// Outdated entries beyond which the heap is dropped, to be built anew when it is next needed.
const STALE_MAX: usize = 1_024;

/// The order in which a full pool gives transactions up.
///
/// A pool that isn't full pays nothing for it: the heap is built when the first transaction must go,
/// kept up by [`EvictionQueue::push`] while base fee and fullness last, and dropped afterwards.
/// Entries of transactions that left or rose in rank since are corrected when they are met; a
/// transaction that falls in rank must be pushed again.
#[derive(Debug, Default)]
pub(crate) struct EvictionQueue {
    heap: Option<BinaryHeap<Reverse<(Rank, B256)>>>,
    base_fee: u64,
}

/// What a newcomer needs.
#[derive(Debug)]
pub(crate) struct Need<'a> {
    /// Transactions that must go, at least.
    pub(crate) transactions: usize,
    /// Bytes that must go, at least.
    pub(crate) bytes: usize,
    /// The newcomer's own worth: only less than that goes.
    pub(crate) worth: Worth,
    /// The newcomer's sender and nonce: its predecessors don't go for it, since it would be queued
    /// without them.
    pub(crate) sender: Address,
    pub(crate) nonce: u64,
    /// What goes anyway.
    pub(crate) leaving: &'a [B256],
}

/// What the queue asks of the pool.
pub(crate) trait Ranked {
    /// A transaction and its rank at this base fee, if it is in the pool.
    fn rank(&self, hash: &B256, base_fee: u64) -> Option<(Rank, &PooledTransaction)>;
    /// All transactions with their ranks.
    fn ranks(&self, base_fee: u64) -> Vec<(Rank, B256)>;
}

impl EvictionQueue {
    pub(crate) const fn is_active(&self) -> bool {
        self.heap.is_some()
    }

    /// Notes a transaction that came, or fell in rank. `len` is how many the pool holds.
    pub(crate) fn push(&mut self, tx: &PooledTransaction, pending: bool, len: usize) {
        if let Some(heap) = &mut self.heap {
            heap.push(Reverse((Rank::of(tx, pending, self.base_fee), tx.hash)));
            if heap.len() > len.saturating_mul(2).saturating_add(STALE_MAX) {
                self.heap = None;
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.heap = None;
    }

    /// The least worthy transactions that make room, lowest first; `None` if there is no room to be
    /// made from less than the newcomer's worth. Changes nothing in the pool.
    pub(crate) fn victims(
        &mut self,
        pool: &impl Ranked,
        base_fee: u64,
        need: &Need<'_>,
    ) -> Option<Vec<B256>> {
        if base_fee != self.base_fee {
            self.heap = None;
            self.base_fee = base_fee;
        }
        let heap = self
            .heap
            .get_or_insert_with(|| pool.ranks(base_fee).into_iter().map(Reverse).collect());
        let mut victims = Vec::new();
        let mut met = Vec::new();
        let mut freed_bytes = 0;
        let mut enough = false;
        while victims.len() < VICTIMS_MAX
            && let Some(Reverse((rank, hash))) = heap.pop()
        {
            let Some((rank_now, tx)) = pool.rank(&hash, base_fee) else {
                continue;
            };
            if rank_now != rank {
                // Exact from now on, so it is met once more at most. If it fell in rank, its lower
                // entry was pushed then and this is a duplicate: nothing is lost by dropping it.
                if rank_now > rank {
                    heap.push(Reverse((rank_now, hash)));
                }
                continue;
            }
            if met.last().is_some_and(|(_, last)| *last == hash) {
                continue;
            }
            met.push((rank, hash));
            if need.leaving.contains(&hash) {
                continue;
            }
            let predecessor = tx.sender == need.sender && tx.nonce() < need.nonce;
            if rank.worth >= need.worth || predecessor {
                break;
            }
            victims.push(hash);
            freed_bytes += tx.size();
            if victims.len() >= need.transactions && freed_bytes >= need.bytes {
                enough = true;
                break;
            }
        }
        heap.extend(met.into_iter().map(Reverse));
        enough.then_some(victims)
    }
}
