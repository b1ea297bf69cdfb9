use crate::{
    AccountReader, AccountState, FeeContext, InsertError, MempoolConfig, PooledTransaction,
    RecoveredTransaction, Shortfall,
    admission::Candidate,
    pool::{Pool, Removal, RemovalReason},
    recover,
    sender::Sender,
    validate,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, U256};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};
use tokio::sync::broadcast;

/// Slots of [`Versions`]. Accounts that share one cost each other a second state read now and then.
const VERSION_SLOTS: usize = 1_024;
/// How often an account is read again because it changed meanwhile.
const READ_ATTEMPTS: usize = 4;

/// What became of an insertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inserted {
    /// The transaction's hash.
    pub hash: B256,
    /// The transaction that it replaced.
    pub replaced: Option<B256>,
    /// Others that left: evicted for it, or found used up.
    pub evicted: Vec<B256>,
    /// Whether it can be executed in its turn: no nonce gap before it, the balance covers it, and it
    /// pays the base fee.
    pub executable: bool,
}

/// The pool's content, by sender and nonce.
#[derive(Debug, Clone, Default)]
pub struct PoolContent {
    /// What follows on the accounts' nonces and is covered by their balances, whether or not it pays
    /// the base fee now.
    pub pending: BTreeMap<Address, BTreeMap<u64, Arc<PooledTransaction>>>,
    /// What waits for an earlier nonce or for funds.
    pub queued: BTreeMap<Address, BTreeMap<u64, Arc<PooledTransaction>>>,
}

/// Counters that change whenever the pool learns of an account's change, so that an insertion
/// notices that what it read outside the lock is old.
struct Versions(Box<[AtomicU64]>);

impl Versions {
    fn slot(&self, address: Address) -> &AtomicU64 {
        // The last bytes of an address are as good as random.
        let index = usize::from(u16::from_be_bytes([address[18], address[19]])) % VERSION_SLOTS;
        &self.0[index]
    }

    // The lock orders everything: relaxed suffices.
    fn get(&self, address: Address) -> u64 {
        self.slot(address).load(Relaxed)
    }

    fn bump(&self, address: Address) {
        self.slot(address).fetch_add(1, Relaxed);
    }
}

/// The transaction pool. Shared by reference; every method locks for about a microsecond.
pub struct Mempool {
    config: MempoolConfig,
    pool: Mutex<Pool>,
    versions: Versions,
}

impl std::fmt::Debug for Mempool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (pending, queued) = self.status();
        f.debug_struct("Mempool")
            .field("pending", &pending)
            .field("queued", &queued)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Mempool {
    /// An empty pool.
    pub fn new(config: MempoolConfig) -> Self {
        let versions = (0..VERSION_SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self {
            pool: Mutex::new(Pool::new(&config)),
            config,
            versions: Versions(versions),
        }
    }

    #[cfg(test)]
    pub(crate) fn lock(&self) -> parking_lot::MutexGuard<'_, Pool> {
        self.pool.lock()
    }

    /// The limits and rules.
    pub const fn config(&self) -> &MempoolConfig {
        &self.config
    }

    /// Admits a transaction.
    ///
    /// Reads the sender's account once, and again if the pool learns of a change meanwhile; a type 4
    /// transaction costs a signature recovery for each authorization.
    ///
    /// EIP-7702, by go-ethereum's rules: an account that is delegated, or that a pooled transaction
    /// delegates, may have one transaction in flight (replaceable, without gap), since its code can
    /// move its balance at any time; and nobody may delegate an account with two or more
    /// transactions here.
    ///
    /// # Errors
    /// [`InsertError`] says why not; the pool is then unchanged, except that it may have learnt the
    /// sender's new nonce and balance.
    pub fn insert<A: AccountReader>(
        &self,
        tx: RecoveredTransaction,
        accounts: &A,
        fees: &FeeContext<'_>,
    ) -> Result<Inserted, InsertError> {
        if self.contains(&tx.hash) {
            return Err(InsertError::AlreadyKnown { hash: tx.hash });
        }
        self.admit(tx, accounts, fees, None)
    }

    /// Puts back transactions of unwound blocks, in their old order and before everything else.
    ///
    /// They were executed once, so the limits of a transaction and of an account, the price rules of
    /// replacements and the rules of delegated accounts don't apply: such a transaction takes the place
    /// of whatever has its nonce. Nor does the balance: what they live on may come with one that is
    /// reinjected before them, so execution decides. Nor do the pool's caps: nothing leaves for them either.
    /// `accounts` must answer from the state after the unwinding. One result for each transaction, in order.
    pub fn reinject<A: AccountReader>(
        &self,
        txs: Vec<RecoveredTransaction>,
        accounts: &A,
        fees: &FeeContext<'_>,
    ) -> Vec<Result<Inserted, InsertError>> {
        let first = self.pool.lock().reserve_front(txs.len());
        let mut senders: Vec<Address> = txs.iter().map(|tx| tx.sender).collect();
        let results = (first..)
            .zip(txs)
            .map(|(sequence, tx)| self.admit(tx, accounts, fees, Some(sequence)))
            .collect();
        senders.sort_unstable();
        senders.dedup();
        let mut pool = self.pool.lock();
        pool.left.clear();
        for sender in senders {
            pool.enforce_queue_cap(sender, self.config.queued_per_account_max);
        }
        results
    }

    fn admit<A: AccountReader>(
        &self,
        tx: RecoveredTransaction,
        accounts: &A,
        fees: &FeeContext<'_>,
        reinjected: Option<u64>,
    ) -> Result<Inserted, InsertError> {
        validate::stateless(&tx, fees, &self.config, reinjected.is_some())?;
        let (cost, l1_fee) = validate::cost(&tx, fees);
        let (sender, hash) = (tx.sender, tx.hash);
        let mut version = self.versions.get(sender);
        let mut state = read(accounts, sender)?;
        self.check_account(&tx, &state, reinjected.is_some())?;
        if cost > state.balance && reinjected.is_none() {
            return Err(InsertError::InsufficientFunds(Box::new(Shortfall {
                balance: state.balance,
                queued_cost: U256::ZERO,
                cost,
                l1_fee,
            })));
        }
        // The dear check comes last, so that it can't be had for nothing.
        let authorities = match tx.transaction.authorization_list() {
            Some(list) => recover::authorities(list, fees.chain_id).into_boxed_slice(),
            None => Box::default(),
        };
        let pays = tx.max_fee_per_gas() >= u128::from(fees.base_fee);
        let candidate = Candidate {
            tx,
            cost,
            l1_fee,
            authorities,
            reinjected,
        };
        let mut attempt = 1;
        let mut pool = loop {
            let pool = self.pool.lock();
            if self.versions.get(sender) == version {
                break pool;
            }
            drop(pool);
            if attempt == READ_ATTEMPTS {
                // It changes faster than it is read. What the pool knows is as good, if it knows it.
                version = u64::MAX;
                break self.pool.lock();
            }
            attempt += 1;
            version = self.versions.get(sender);
            state = read(accounts, sender)?;
            self.check_account(&candidate.tx, &state, reinjected.is_some())?;
        };
        let is_current = version != u64::MAX || pool.sender(&sender).is_none();
        if is_current && self.is_news(&pool, sender, &state) {
            self.versions.bump(sender);
        }
        pool.left.clear();
        let pending = pool.insert(candidate, is_current.then_some(&state), &self.config)?;
        let mut inserted = Inserted {
            hash,
            replaced: None,
            evicted: Vec::new(),
            executable: pending && pays,
        };
        for removal in &pool.left {
            match removal.reason {
                RemovalReason::Replaced => inserted.replaced = Some(removal.hash),
                _ => inserted.evicted.push(removal.hash),
            }
        }
        Ok(inserted)
    }

    /// The rules that depend on nothing but the sender's account.
    fn check_account(
        &self,
        tx: &RecoveredTransaction,
        state: &AccountState,
        reinjected: bool,
    ) -> Result<(), InsertError> {
        let (next, nonce) = (state.nonce, tx.nonce());
        if state.is_contract() {
            return Err(InsertError::SenderNotEoa {
                sender: tx.sender,
                code_hash: state.code_hash,
            });
        }
        if nonce < next {
            return Err(InsertError::NonceTooLow { next, nonce });
        }
        if nonce - next > self.config.nonce_gap_max && !reinjected {
            return Err(InsertError::NonceTooHigh {
                next,
                nonce,
                limit: self.config.nonce_gap_max,
            });
        }
        Ok(())
    }

    /// Whether the pool knows the account otherwise.
    fn is_news(&self, pool: &Pool, address: Address, state: &AccountState) -> bool {
        pool.sender(&address).is_some_and(|known| {
            (known.nonce, known.balance, known.is_delegated)
                != (state.nonce, state.balance, state.is_delegated)
        })
    }

    /// The transaction to be executed next at this base fee: pending, paying, first by the
    /// configured order. Marks nothing: asked again, it answers the same.
    pub fn next_executable(&self, base_fee: u64) -> Option<Arc<PooledTransaction>> {
        self.pool.lock().first(base_fee)
    }

    /// The first `max` transactions in the order in which [`Mempool::next_executable`] would answer
    /// them, were each executed in turn. They stay in the pool until they are marked.
    pub fn take_executable(&self, base_fee: u64, max: usize) -> Vec<Arc<PooledTransaction>> {
        self.pool.lock().take(base_fee, max)
    }

    /// Passes these senders over, whose next transaction can't be in the open block, until
    /// [`Mempool::return_aside`]. One whose next transaction becomes another, such as by replacement, is
    /// asked again.
    pub fn set_aside<'a>(&self, senders: impl IntoIterator<Item = &'a Address>) {
        let mut senders = senders.into_iter().peekable();
        if senders.peek().is_none() {
            return;
        }
        let mut pool = self.pool.lock();
        for sender in senders {
            pool.set_aside(sender);
        }
    }

    /// Lets everyone whom [`Mempool::set_aside`] passed over take part again: the next block is open.
    pub fn return_aside(&self) {
        self.pool.lock().return_aside();
    }

    /// The transaction is in the open block: it leaves the pool, and its sender's next nonce is one
    /// more. The preconfirmed state must show it already. Nothing happens if it is not here.
    ///
    /// Until the account is read again, the pool takes the transaction to have cost all that it
    /// could; say [`Mempool::account_changed`] for senders with more to come if that matters.
    pub fn mark_executed(&self, hash: &B256) {
        let mut pool = self.pool.lock();
        pool.left.clear();
        if let Some(sender) = pool.executed(hash, self.config.queued_per_account_max) {
            self.versions.bump(sender);
        }
    }

    /// The transaction can't be executed: it leaves the pool, and those behind it become queued.
    /// Nothing happens if it is not here.
    pub fn mark_invalid(&self, hash: &B256) {
        let mut pool = self.pool.lock();
        pool.left.clear();
        pool.remove(
            hash,
            RemovalReason::Invalid,
            self.config.queued_per_account_max,
        );
    }

    /// An account changed in another way than by [`Mempool::mark_executed`]: its transactions are
    /// looked at again. Those whose nonce is used leave; others become pending or queued.
    pub fn account_changed(&self, address: Address, state: AccountState) {
        let mut pool = self.pool.lock();
        pool.left.clear();
        self.versions.bump(address);
        pool.account_changed(address, &state, self.config.queued_per_account_max);
    }

    /// Drops what has waited longer than the configured lifetime at `now`, executable or not, and
    /// answers its hashes. To be called now and then, such as at each block.
    pub fn remove_expired(&self, now: Instant) -> Vec<B256> {
        let Some(deadline) = now.checked_sub(self.config.lifetime()) else {
            return Vec::new();
        };
        let mut pool = self.pool.lock();
        pool.left.clear();
        pool.expire(deadline, self.config.queued_per_account_max);
        pool.left.iter().map(|removal| removal.hash).collect()
    }

    /// Drops everything, as when a local chain is reset.
    pub fn clear(&self) {
        let mut pool = self.pool.lock();
        pool.left.clear();
        pool.clear();
    }

    /// A transaction in the pool.
    pub fn get(&self, hash: &B256) -> Option<Arc<PooledTransaction>> {
        self.pool.lock().get(hash).cloned()
    }

    /// Whether a transaction is in the pool.
    pub fn contains(&self, hash: &B256) -> bool {
        self.pool.lock().get(hash).is_some()
    }

    /// Transactions in the pool.
    pub fn len(&self) -> usize {
        self.pool.lock().len()
    }

    /// Whether the pool is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Encoded bytes in the pool.
    pub fn bytes(&self) -> usize {
        self.pool.lock().bytes()
    }

    /// How many transactions are pending and how many queued.
    pub fn status(&self) -> (usize, usize) {
        self.pool.lock().status()
    }

    /// The nonce after a sender's pending transactions, for `eth_getTransactionCount` of `pending`;
    /// `None` if none is pending, so that the account's own nonce is the next.
    pub fn next_nonce(&self, sender: Address) -> Option<u64> {
        let pool = self.pool.lock();
        let sender = pool.sender(&sender)?;
        (!sender.pending().is_empty()).then(|| sender.next_nonce())
    }

    /// Everything in the pool.
    pub fn content(&self) -> PoolContent {
        // Sorted outside the lock.
        let pool = self.pool.lock();
        let mut pending = Vec::with_capacity(pool.status().0);
        let mut queued = Vec::with_capacity(pool.status().1);
        for (_, sender) in pool.senders() {
            pending.extend(sender.pending().iter().cloned());
            queued.extend(sender.queued().values().cloned());
        }
        drop(pool);
        PoolContent {
            pending: by_sender(pending),
            queued: by_sender(queued),
        }
    }

    /// What one sender has in the pool.
    pub fn content_from(&self, address: Address) -> PoolContent {
        let pool = self.pool.lock();
        let of = |of: fn(&Sender) -> Vec<Arc<PooledTransaction>>| {
            by_sender(pool.sender(&address).map(of).unwrap_or_default())
        };
        PoolContent {
            pending: of(|sender| sender.pending().iter().cloned().collect()),
            queued: of(|sender| sender.queued().values().cloned().collect()),
        }
    }

    /// Every transaction's hash, EIP-2718 bytes and sequence number, in the order of arrival: what a
    /// node stores to survive a restart, by decoding and inserting them in this order.
    pub fn all_encoded(&self) -> Vec<(B256, Bytes, u64)> {
        let mut all: Vec<_> = {
            let pool = self.pool.lock();
            pool.transactions()
                .map(|tx| (tx.hash, tx.encoded.clone(), tx.sequence))
                .collect()
        };
        all.sort_unstable_by_key(|(_, _, sequence)| *sequence);
        all
    }

    /// The hashes of transactions as they become pending. A subscriber that lags behind by more than
    /// the configured capacity loses the oldest and is told how many.
    pub fn subscribe(&self) -> broadcast::Receiver<B256> {
        self.pool.lock().announcements.subscribe()
    }

    /// What leaves the pool, and why; bounded as [`Mempool::subscribe`] is.
    pub fn subscribe_removals(&self) -> broadcast::Receiver<Removal> {
        self.pool.lock().removals.subscribe()
    }
}

fn read<A: AccountReader>(accounts: &A, address: Address) -> Result<AccountState, InsertError> {
    accounts
        .account_state(address)
        .map_err(|error| InsertError::State(Box::new(error)))
}

fn by_sender(
    transactions: Vec<Arc<PooledTransaction>>,
) -> BTreeMap<Address, BTreeMap<u64, Arc<PooledTransaction>>> {
    let mut senders: BTreeMap<Address, BTreeMap<u64, Arc<PooledTransaction>>> = BTreeMap::new();
    for tx in transactions {
        senders.entry(tx.sender).or_default().insert(tx.nonce(), tx);
    }
    senders
}
