use crate::{AccountState, PooledTransaction, heads::Head, pool::RemovalReason};
use alloy_primitives::U256;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// What a change of a sender did to its transactions, for the pool's indexes to follow.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    /// Became pending.
    pub(crate) promoted: Vec<Arc<PooledTransaction>>,
    /// Became queued.
    pub(crate) demoted: Vec<Arc<PooledTransaction>>,
    /// Left the pool.
    pub(crate) removed: Vec<(Arc<PooledTransaction>, RemovalReason)>,
}

/// One account's transactions in the pool.
///
/// After [`Sender::settle`]: `pending` holds the nonces `nonce..nonce + pending.len()`, their summed
/// claim is at most `balance`, `queued` holds higher nonces only, and if it holds the next nonce, the
/// balance doesn't cover it.
#[derive(Debug, Default)]
pub(crate) struct Sender {
    /// The account's nonce, as last known.
    pub(crate) nonce: u64,
    /// The account's balance, as last known; after executions at least what must be left.
    pub(crate) balance: U256,
    /// The account's code is an EIP-7702 delegation.
    pub(crate) is_delegated: bool,
    /// The place of the last executed transaction: none of the sender's comes before it.
    place_floor: u64,
    pending: VecDeque<Arc<PooledTransaction>>,
    pending_claim: U256,
    queued: BTreeMap<u64, Arc<PooledTransaction>>,
}

impl Sender {
    pub(crate) fn new(state: &AccountState) -> Self {
        Self {
            nonce: state.nonce,
            balance: state.balance,
            is_delegated: state.is_delegated,
            ..Self::default()
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len() + self.queued.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.queued.is_empty()
    }

    pub(crate) const fn pending(&self) -> &VecDeque<Arc<PooledTransaction>> {
        &self.pending
    }

    pub(crate) const fn queued(&self) -> &BTreeMap<u64, Arc<PooledTransaction>> {
        &self.queued
    }

    pub(crate) const fn pending_claim(&self) -> U256 {
        self.pending_claim
    }

    /// The nonce after the pending ones. Pending nonces are below [`u64::MAX`], so this can't
    /// overflow once settled.
    pub(crate) fn next_nonce(&self) -> u64 {
        self.nonce.saturating_add(self.pending.len() as u64)
    }

    /// Where in `pending` a nonce is.
    fn position(&self, nonce: u64) -> Option<usize> {
        let first = self.pending.front()?.nonce();
        let position = usize::try_from(nonce.checked_sub(first)?).ok()?;
        (position < self.pending.len()).then_some(position)
    }

    pub(crate) fn is_pending(&self, nonce: u64) -> bool {
        self.position(nonce).is_some()
    }

    pub(crate) fn get(&self, nonce: u64) -> Option<&Arc<PooledTransaction>> {
        match self.position(nonce) {
            Some(position) => self.pending.get(position),
            None => self.queued.get(&nonce),
        }
    }

    /// A transaction's place in the order of arrival, if its predecessors were executed before it.
    pub(crate) fn place(&self, tx: &PooledTransaction) -> u64 {
        tx.sequence.max(self.place_floor)
    }

    pub(crate) fn head(&self) -> Option<Head> {
        let tx = self.pending.front()?;
        Some(Head {
            place: self.place(tx),
            tx: tx.clone(),
        })
    }

    /// Takes over the account's state. Not settled afterwards.
    pub(crate) const fn set_state(&mut self, state: &AccountState) {
        if state.nonce < self.nonce {
            // What set the floor was unwound.
            self.place_floor = 0;
        }
        self.nonce = state.nonce;
        self.balance = state.balance;
        self.is_delegated = state.is_delegated;
    }

    /// Adds a transaction, in place of another with its nonce. Not settled afterwards.
    pub(crate) fn put(&mut self, tx: Arc<PooledTransaction>, moves: &mut Moves) {
        let nonce = tx.nonce();
        let position = self.position(nonce);
        if let Some(old) = position.and_then(|position| self.pending.get_mut(position)) {
            self.pending_claim = self
                .pending_claim
                .saturating_sub(old.claim())
                .saturating_add(tx.claim());
            moves.promoted.push(tx.clone());
            moves
                .removed
                .push((std::mem::replace(old, tx), RemovalReason::Replaced));
        } else if nonce == self.next_nonce()
            && self.affords(&tx)
            && !self.queued.contains_key(&nonce)
        {
            // The usual case, spared the way through the queue.
            self.push_pending(tx, moves);
        } else if let Some(old) = self.queued.insert(nonce, tx) {
            moves.removed.push((old, RemovalReason::Replaced));
        }
    }

    /// Takes a transaction out. Not settled afterwards.
    pub(crate) fn remove(&mut self, nonce: u64, reason: RemovalReason, moves: &mut Moves) {
        if let Some(position) = self.position(nonce) {
            self.demote_from(position.saturating_add(1), moves);
            if let Some(tx) = self.pending.pop_back() {
                self.pending_claim = self.pending_claim.saturating_sub(tx.claim());
                moves.removed.push((tx, reason));
            }
        } else if let Some(tx) = self.queued.remove(&nonce) {
            moves.removed.push((tx, reason));
        }
    }

    /// Takes the highest nonce out of the queue.
    pub(crate) fn remove_last_queued(&mut self, reason: RemovalReason, moves: &mut Moves) {
        if let Some((_, tx)) = self.queued.pop_last() {
            moves.removed.push((tx, reason));
        }
    }

    /// Takes everything out.
    pub(crate) fn remove_all(&mut self, reason: RemovalReason, moves: &mut Moves) {
        let pending = self.pending.drain(..);
        let queued = std::mem::take(&mut self.queued).into_values();
        moves
            .removed
            .extend(pending.chain(queued).map(|tx| (tx, reason)));
        self.pending_claim = U256::ZERO;
    }

    /// A transaction is in the open block: the account is past its nonce, and has paid its full cost
    /// at worst. Not settled afterwards.
    pub(crate) fn executed(&mut self, tx: &PooledTransaction, moves: &mut Moves) {
        let nonce = tx.nonce();
        self.place_floor = self.place(tx);
        if self.position(nonce) == Some(0) {
            if let Some(tx) = self.pending.pop_front() {
                self.pending_claim = self.pending_claim.saturating_sub(tx.claim());
                moves.removed.push((tx, RemovalReason::Executed));
            }
        } else {
            self.remove(nonce, RemovalReason::Executed, moves);
        }
        self.nonce = nonce.saturating_add(1);
        self.balance = self.balance.saturating_sub(tx.cost);
    }

    /// Restores what the type promises, after the account or its transactions changed. Costs as much
    /// as there are transactions that move.
    pub(crate) fn settle(&mut self, moves: &mut Moves) {
        while let Some(tx) = self.pending.pop_front_if(|tx| tx.nonce() < self.nonce) {
            self.pending_claim = self.pending_claim.saturating_sub(tx.claim());
            moves.removed.push((tx, RemovalReason::NonceUsed));
        }
        while let Some(entry) = self.queued.first_entry()
            && *entry.key() < self.nonce
        {
            moves
                .removed
                .push((entry.remove(), RemovalReason::NonceUsed));
        }
        if self
            .pending
            .front()
            .is_some_and(|tx| tx.nonce() > self.nonce)
        {
            self.demote_from(0, moves);
        }
        while self.pending_claim > self.balance && !self.pending.is_empty() {
            self.demote_from(self.pending.len() - 1, moves);
        }
        while let Some(entry) = self.queued.first_entry()
            && *entry.key() == self.nonce.saturating_add(self.pending.len() as u64)
        {
            let cost = self.pending_claim.saturating_add(entry.get().claim());
            if cost > self.balance {
                break;
            }
            let tx = entry.remove();
            self.push_pending(tx, moves);
        }
    }

    /// Drops the highest queued nonces beyond `max`.
    pub(crate) fn truncate_queue(&mut self, max: usize, moves: &mut Moves) {
        while self.queued.len() > max {
            self.remove_last_queued(RemovalReason::QueueLimit, moves);
        }
    }

    fn affords(&self, tx: &PooledTransaction) -> bool {
        self.pending_claim.saturating_add(tx.claim()) <= self.balance
    }

    fn push_pending(&mut self, tx: Arc<PooledTransaction>, moves: &mut Moves) {
        self.pending_claim = self.pending_claim.saturating_add(tx.claim());
        moves.promoted.push(tx.clone());
        self.pending.push_back(tx);
    }

    /// Queues the pending ones from a position on.
    fn demote_from(&mut self, position: usize, moves: &mut Moves) {
        for tx in self.pending.drain(position.min(self.pending.len())..) {
            self.pending_claim = self.pending_claim.saturating_sub(tx.claim());
            moves.demoted.push(tx.clone());
            self.queued.insert(tx.nonce(), tx);
        }
    }
}
