//! What the pool's lock guards: every transaction, and the indexes over them.

use crate::{
    AccountState, InsertError, MempoolConfig, PooledTransaction,
    admission::{Candidate, Plan, queued_max},
    eviction::{EvictionQueue, Ranked},
    expiry::Expiry,
    heads::{Head, HeadKey, Heads},
    pooled::{Rank, SEQUENCE_START},
    sender::{Moves, Sender},
};
use alloy_primitives::{
    Address, B256,
    map::{AddressMap, B256Map},
};
use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc, time::Instant};
use tokio::sync::broadcast;

/// Why a transaction left the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalReason {
    /// It is in the open block.
    Executed,
    /// It failed at execution, or its sender's account became a contract.
    Invalid,
    /// Another with its nonce pays more, or was reinjected.
    Replaced,
    /// The pool, or its sender's share of it, was full.
    Evicted,
    /// The account is past its nonce.
    NonceUsed,
    /// Too many of the sender's transactions are queued.
    QueueLimit,
    /// It waited too long.
    Expired,
    /// The pool was cleared.
    Cleared,
}

/// A transaction that left the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    /// Its hash.
    pub hash: B256,
    /// Why.
    pub reason: RemovalReason,
}

/// How many transactions, and how many encoded bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Size {
    pub(crate) len: usize,
    pub(crate) bytes: usize,
}

impl Size {
    pub(crate) const fn add(&mut self, bytes: usize) {
        self.len += 1;
        self.bytes += bytes;
    }

    /// One that was added must go.
    pub(crate) const fn remove(&mut self, bytes: usize) {
        self.len -= 1;
        self.bytes -= bytes;
    }
}

pub(crate) struct Pool {
    pub(crate) by_hash: B256Map<Arc<PooledTransaction>>,
    pub(crate) senders: AddressMap<Sender>,
    /// Transactions in the pool by which an account delegates (EIP-7702).
    pub(crate) delegations: AddressMap<usize>,
    pub(crate) heads: Heads,
    pub(crate) eviction: EvictionQueue,
    expiry: Expiry,
    pub(crate) bytes: usize,
    /// All but reinjected transactions: what the caps hold for.
    pub(crate) submitted: Size,
    pending: usize,
    queued: usize,
    sequence_next: u64,
    sequence_front: u64,
    /// What left during the call.
    pub(crate) left: Vec<Removal>,
    /// Kept for its capacity; empty between calls.
    moves: Moves,
    pub(crate) announcements: broadcast::Sender<B256>,
    pub(crate) removals: broadcast::Sender<Removal>,
}

impl Pool {
    pub(crate) fn new(config: &MempoolConfig) -> Self {
        let capacity = config.subscription_capacity.max(1);
        Self {
            by_hash: B256Map::default(),
            senders: AddressMap::default(),
            delegations: AddressMap::default(),
            heads: Heads::new(config.order),
            eviction: EvictionQueue::default(),
            expiry: Expiry::default(),
            bytes: 0,
            submitted: Size::default(),
            pending: 0,
            queued: 0,
            sequence_next: SEQUENCE_START,
            sequence_front: SEQUENCE_START,
            left: Vec::new(),
            moves: Moves::default(),
            announcements: broadcast::Sender::new(capacity),
            removals: broadcast::Sender::new(capacity),
        }
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<&Arc<PooledTransaction>> {
        self.by_hash.get(hash)
    }

    pub(crate) fn sender(&self, address: &Address) -> Option<&Sender> {
        self.senders.get(address)
    }

    pub(crate) fn senders(&self) -> impl Iterator<Item = (&Address, &Sender)> {
        self.senders.iter()
    }

    pub(crate) fn transactions(&self) -> impl Iterator<Item = &Arc<PooledTransaction>> {
        self.by_hash.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) const fn status(&self) -> (usize, usize) {
        (self.pending, self.queued)
    }

    /// Reserves places for reinjected transactions, before all others; answers the first.
    pub(crate) fn reserve_front(&mut self, count: usize) -> u64 {
        self.sequence_front = self.sequence_front.saturating_sub(count as u64);
        self.sequence_front
    }

    /// Files a transaction. `state` is the sender's account where the caller just read it; otherwise
    /// what the pool knows of it holds.
    ///
    /// Answers whether it is pending; what had to leave for it is in `left`.
    pub(crate) fn insert(
        &mut self,
        candidate: Candidate,
        state: Option<&AccountState>,
        config: &MempoolConfig,
    ) -> Result<bool, InsertError> {
        if self.by_hash.contains_key(&candidate.tx.hash) {
            return Err(InsertError::AlreadyKnown {
                hash: candidate.tx.hash,
            });
        }
        let address = candidate.tx.sender;
        if let Some(state) = state
            && self.senders.contains_key(&address)
        {
            let queued_max = queued_max(&candidate, config);
            self.update(address, queued_max, |sender, _| sender.set_state(state));
        }
        // The update may have emptied the sender and dropped it.
        let fresh;
        let sender = match self.senders.get(&address) {
            Some(sender) => sender,
            None => {
                fresh = Sender::new(&state.copied().unwrap_or_default());
                &fresh
            }
        };
        let account = AccountState {
            nonce: sender.nonce,
            balance: sender.balance,
            is_delegated: sender.is_delegated,
            ..AccountState::default()
        };
        self.admit(&candidate, sender, config)?;
        let plan = self.plan(&candidate, &account, config)?;
        self.commit(candidate, &account, plan, config)
    }

    fn commit(
        &mut self,
        candidate: Candidate,
        account: &AccountState,
        plan: Plan,
        config: &MempoolConfig,
    ) -> Result<bool, InsertError> {
        let queued_max = queued_max(&candidate, config);
        for victim in plan.victims {
            self.remove(&victim, RemovalReason::Evicted, queued_max);
        }
        let Candidate {
            tx,
            cost,
            l1_fee,
            authorities,
            reinjected,
        } = candidate;
        let sequence = reinjected.unwrap_or_else(|| {
            self.sequence_next = self.sequence_next.saturating_add(1);
            self.sequence_next
        });
        let tx = Arc::new(PooledTransaction {
            recovered: tx,
            cost,
            l1_fee,
            sequence,
            received_at: Instant::now(),
            authorities,
        });
        let (address, nonce, hash) = (tx.sender, tx.nonce(), tx.hash);
        for authority in &tx.authorities {
            *self.delegations.entry(*authority).or_default() += 1;
        }
        self.bytes += tx.size();
        if !tx.is_reinjected() {
            self.submitted.add(tx.size());
        }
        self.by_hash.insert(hash, tx.clone());
        let by_hash = &self.by_hash;
        self.expiry
            .push(tx.received_at, hash, by_hash.len(), |hash, received_at| {
                by_hash
                    .get(hash)
                    .is_some_and(|tx| tx.received_at == received_at)
            });
        self.senders
            .entry(address)
            .or_insert_with(|| Sender::new(account));
        self.update(address, queued_max, |sender, moves| {
            if let Some(nonce) = plan.dropped_nonce {
                sender.remove(nonce, RemovalReason::Evicted, moves);
            }
            sender.put(tx.clone(), moves);
        });
        let pending = self
            .senders
            .get(&address)
            .is_some_and(|sender| sender.is_pending(nonce));
        self.eviction.push(&tx, pending, self.by_hash.len());
        Ok(pending)
    }

    /// Takes a transaction out; those behind it become queued. Answers whether it was there.
    pub(crate) fn remove(&mut self, hash: &B256, reason: RemovalReason, queued_max: usize) -> bool {
        let Some(tx) = self.by_hash.get(hash) else {
            return false;
        };
        let (address, nonce) = (tx.sender, tx.nonce());
        self.update(address, queued_max, |sender, moves| {
            sender.remove(nonce, reason, moves)
        });
        true
    }

    /// A transaction is in the open block. Answers its sender, if it was here.
    pub(crate) fn executed(&mut self, hash: &B256, queued_max: usize) -> Option<Address> {
        let tx = self.by_hash.get(hash)?.clone();
        self.update(tx.sender, queued_max, |sender, moves| {
            sender.executed(&tx, moves)
        });
        Some(tx.sender)
    }

    /// An account changed.
    pub(crate) fn account_changed(
        &mut self,
        address: Address,
        state: &AccountState,
        queued_max: usize,
    ) {
        self.update(address, queued_max, |sender, moves| {
            sender.set_state(state);
            if state.is_contract() {
                sender.remove_all(RemovalReason::Invalid, moves);
            }
        });
    }

    /// Applies the queue's cap, which [`Pool::insert`] leaves alone for reinjected transactions.
    pub(crate) fn enforce_queue_cap(&mut self, address: Address, queued_max: usize) {
        self.update(address, queued_max, |_, _| {});
    }

    /// Takes out what was received before `deadline`.
    pub(crate) fn expire(&mut self, deadline: Instant, queued_max: usize) {
        while let Some((received_at, hash)) = self.expiry.pop_before(deadline) {
            // The same transaction may have left and come back since.
            if self
                .by_hash
                .get(&hash)
                .is_some_and(|tx| tx.received_at == received_at)
            {
                self.remove(&hash, RemovalReason::Expired, queued_max);
            }
        }
    }

    /// Takes everything out.
    pub(crate) fn clear(&mut self) {
        for (hash, _) in self.by_hash.drain() {
            note(&mut self.left, &self.removals, hash, RemovalReason::Cleared);
        }
        self.senders.clear();
        self.delegations.clear();
        self.heads.clear();
        self.eviction.clear();
        self.expiry.clear();
        (self.bytes, self.pending, self.queued) = (0, 0, 0);
        self.submitted = Size::default();
    }

    /// Passes a sender over until [`Pool::return_aside`], or until its first transaction is another.
    pub(crate) fn set_aside(&mut self, address: &Address) {
        if let Some(head) = self.senders.get(address).and_then(Sender::head) {
            self.heads.set_aside(head);
        }
    }

    /// Puts back who was set aside.
    pub(crate) fn return_aside(&mut self) {
        self.heads.return_aside();
    }

    /// The transaction to be executed first at this base fee.
    pub(crate) fn first(&mut self, base_fee: u64) -> Option<Arc<PooledTransaction>> {
        self.heads.set_base_fee(base_fee);
        self.heads.first().map(|head| head.tx.clone())
    }

    /// The first `max` transactions in the order in which they would be executed one after another.
    pub(crate) fn take(&mut self, base_fee: u64, max: usize) -> Vec<Arc<PooledTransaction>> {
        self.heads.set_base_fee(base_fee);
        let mut taken = Vec::with_capacity(max.min(self.pending));
        let mut unpaying: Vec<HeadKey> = Vec::new();
        // Successors of what is taken, by key, with the index of their predecessor.
        let mut successors: BinaryHeap<Reverse<(HeadKey, usize)>> = BinaryHeap::new();
        let mut heads = self.heads.ready().peekable();
        while taken.len() < max {
            while let Some((key, _)) = heads.next_if(|(_, head)| !head.tx.pays(base_fee)) {
                unpaying.push(*key);
            }
            let head_key = heads.peek().map(|(key, _)| **key);
            let successor_key = successors.peek().map(|Reverse((key, _))| *key);
            let (tx, place) = match (head_key, successor_key) {
                (None, None) => break,
                (Some(head), successor) if successor.is_none_or(|successor| head < successor) => {
                    let Some((_, head)) = heads.next() else { break };
                    (head.tx.clone(), head.place)
                }
                _ => {
                    let Some(Reverse(((_, place, _), predecessor))) = successors.pop() else {
                        break;
                    };
                    let predecessor: &Arc<PooledTransaction> = &taken[predecessor];
                    let Some(tx) = self.successor(predecessor) else {
                        continue;
                    };
                    (tx.clone(), place)
                }
            };
            if let Some(next) = self.successor(&tx)
                && let Some(key) = self.heads.key(next, next.sequence.max(place))
            {
                successors.push(Reverse((key, taken.len())));
            }
            taken.push(tx);
        }
        drop(heads);
        self.heads.relocate(&unpaying);
        taken
    }

    /// The pending transaction of the same sender with the next nonce.
    fn successor(&self, tx: &PooledTransaction) -> Option<&Arc<PooledTransaction>> {
        let sender = self.senders.get(&tx.sender)?;
        let next = tx.nonce().saturating_add(1);
        sender.get(next).filter(|_| sender.is_pending(next))
    }

    /// Changes a sender, settles it, and follows with the indexes.
    fn update(
        &mut self,
        address: Address,
        queued_max: usize,
        change: impl FnOnce(&mut Sender, &mut Moves),
    ) {
        let Some(sender) = self.senders.get_mut(&address) else {
            return;
        };
        let mut moves = std::mem::take(&mut self.moves);
        let head_before = sender.head();
        let (pending, queued) = (sender.pending().len(), sender.queued().len());
        change(sender, &mut moves);
        sender.settle(&mut moves);
        sender.truncate_queue(queued_max, &mut moves);
        self.pending = self.pending - pending + sender.pending().len();
        self.queued = self.queued - queued + sender.queued().len();
        let head_after = sender.head();
        if sender.is_empty() {
            self.senders.remove(&address);
        }
        self.follow_head(head_before, head_after);
        for (tx, reason) in moves.removed.drain(..) {
            self.forget(&tx, reason);
        }
        for tx in moves.demoted.drain(..) {
            self.eviction.push(&tx, false, self.by_hash.len());
        }
        for tx in moves.promoted.drain(..) {
            if self.announcements.receiver_count() > 0 {
                // Fails only if the last subscriber has just left.
                let _ = self.announcements.send(tx.hash);
            }
        }
        self.moves = moves;
    }

    fn follow_head(&mut self, before: Option<Head>, after: Option<Head>) {
        let key = |head: &Head| (head.place, head.tx.sequence);
        if before.as_ref().map(key) == after.as_ref().map(key) {
            return;
        }
        if let Some(before) = before {
            self.heads.remove(&before);
        }
        if let Some(after) = after {
            self.heads.insert(after);
        }
    }

    /// Drops what the pool holds of a transaction that its sender gave up.
    fn forget(&mut self, tx: &PooledTransaction, reason: RemovalReason) {
        if self.by_hash.remove(&tx.hash).is_none() {
            return;
        }
        self.bytes -= tx.size();
        if !tx.is_reinjected() {
            self.submitted.remove(tx.size());
        }
        for authority in &tx.authorities {
            if let Some(count) = self.delegations.get_mut(authority) {
                *count -= 1;
                if *count == 0 {
                    self.delegations.remove(authority);
                }
            }
        }
        note(&mut self.left, &self.removals, tx.hash, reason);
    }

    /// Checks that every index agrees with every other: for tests.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        let (mut pending, mut queued, mut bytes, mut heads) = (0, 0, 0, 0);
        let mut submitted = Size::default();
        let mut seen = std::collections::BTreeSet::new();
        for (address, sender) in &self.senders {
            assert!(!sender.is_empty(), "{address} is kept without transactions");
            pending += sender.pending().len();
            queued += sender.queued().len();
            let mut cost = alloy_primitives::U256::ZERO;
            for (position, tx) in sender.pending().iter().enumerate() {
                assert_eq!(
                    tx.nonce(),
                    sender.nonce + position as u64,
                    "pending is contiguous"
                );
                cost += tx.claim();
            }
            assert_eq!(cost, sender.pending_claim());
            assert!(cost <= sender.balance, "pending is affordable");
            for (nonce, tx) in sender.queued() {
                assert_eq!(*nonce, tx.nonce());
                assert!(*nonce >= sender.next_nonce());
                if *nonce == sender.next_nonce() {
                    assert!(
                        cost + tx.claim() > sender.balance,
                        "the next nonce waits for funds only"
                    );
                }
            }
            for tx in sender.pending().iter().chain(sender.queued().values()) {
                assert_eq!(tx.sender, *address);
                assert!(
                    self.by_hash
                        .get(&tx.hash)
                        .is_some_and(|known| Arc::ptr_eq(known, tx))
                );
                assert!(seen.insert(tx.hash));
                bytes += tx.size();
                if !tx.is_reinjected() {
                    submitted.add(tx.size());
                }
            }
            if let Some(head) = sender.head() {
                heads += 1;
                assert!(
                    self.heads.contains(&head),
                    "the head of {address} is indexed"
                );
            }
        }
        assert_eq!(seen.len(), self.by_hash.len());
        assert_eq!((pending, queued), (self.pending, self.queued));
        assert_eq!((bytes, submitted), (self.bytes, self.submitted));
        assert_eq!(heads, self.heads.len());
        assert!(self.moves.removed.is_empty() && self.moves.promoted.is_empty());
        let mut delegations = AddressMap::<usize>::default();
        for authority in self.by_hash.values().flat_map(|tx| tx.authorities.iter()) {
            *delegations.entry(*authority).or_default() += 1;
        }
        assert_eq!(delegations, self.delegations);
    }
}

impl Ranked for Pool {
    fn rank(&self, hash: &B256, base_fee: u64) -> Option<(Rank, &PooledTransaction)> {
        let tx = self.by_hash.get(hash)?;
        let pending = self
            .senders
            .get(&tx.sender)
            .is_some_and(|sender| sender.is_pending(tx.nonce()));
        Some((Rank::of(tx, pending, base_fee), tx))
    }

    fn ranks(&self, base_fee: u64) -> Vec<(Rank, B256)> {
        let mut ranks = Vec::with_capacity(self.by_hash.len());
        for sender in self.senders.values() {
            let pending = sender.pending().iter().map(|tx| (tx, true));
            let queued = sender.queued().values().map(|tx| (tx, false));
            ranks.extend(
                pending
                    .chain(queued)
                    .map(|(tx, is)| (Rank::of(tx, is, base_fee), tx.hash)),
            );
        }
        ranks
    }
}

/// Notes that a transaction left, for the caller and for subscribers.
fn note(
    left: &mut Vec<Removal>,
    removals: &broadcast::Sender<Removal>,
    hash: B256,
    reason: RemovalReason,
) {
    let removal = Removal { hash, reason };
    left.push(removal);
    if removals.receiver_count() > 0 {
        // Fails only if the last subscriber has just left.
        let _ = removals.send(removal);
    }
}
