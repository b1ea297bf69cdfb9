//! The builder's thread: it alone owns the open block.
//!
//! One turn of the loop: take what was asked since the last turn, execute what the pool has, journal it
//! in one write, publish and answer; then seal if the block is due.

use crate::{
    BuilderConfig, BuilderError, Following, Mode, OriginFeed,
    draft::Draft,
    handle::{Command, DataLimits, SubmitReply},
    journal,
};
use alloy_primitives::{Address, B256, U256};
use openledger_chain::{
    Chain, ChainEvent, PreconfirmedTransaction, SequencerError, StateView, Submission, SubmitError,
};
use openledger_execution::{L1Fees, TransactionError, evm_env};
use openledger_mempool::{
    AccountReader, AccountState, FeeContext, InsertError, Mempool, RecoveredTransaction, Removal,
};
use openledger_primitives::{
    BlockAttributes, BlockNumHash, EMPTY_CODE_HASH, SealedBlock, StateReader, Transaction,
};
use openledger_protocol::{
    L1_ATTRIBUTES_GAS, L1Attributes, L1Block, L2BlockRef, NextOrigin, next_origin,
    payload_attributes, system_config_of,
};
use openledger_store::StoreError;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::broadcast;
use tracing::{error, info, warn};

/// Longest sleep of the thread: bounds how late a clock change is noticed.
const IDLE: Duration = Duration::from_millis(500);
/// Longest that a group of transactions is executed before it is journaled and answered.
const GROUP_TIME_MAX: Duration = Duration::from_millis(8);
/// How often an L1 block that the next block needs is looked for.
const L1_RETRY: Duration = Duration::from_millis(20);
/// Blocks that may be behind the clock before catching up is announced.
const CATCH_UP_NOTICE_BLOCKS: u64 = 10;

pub(crate) struct Engine {
    pub(crate) config: BuilderConfig,
    pub(crate) chain: Arc<Chain>,
    pub(crate) mempool: Arc<Mempool>,
    origins: Arc<OriginFeed>,
    commands: Receiver<Command>,
    /// A command taken from the queue while a group was gathered.
    deferred: Option<Command>,
    active: Arc<AtomicBool>,
    stopping: Arc<AtomicBool>,
    data_limits: Arc<DataLimits>,
    pub(crate) draft: Option<Draft>,
    fees: Option<L1Fees>,
    /// The open block takes no more transactions.
    full: bool,
    /// The pool may hold more that can be executed now.
    more: bool,
    waiting: Vec<(Vec<Result<B256, SubmitError>>, SubmitReply)>,
    gather_until: Option<Instant>,
    /// Transactions in the store's pool family.
    persisted: HashSet<B256>,
    /// Number of the next record in it.
    pool_sequence: u64,
    /// What leaves the pool, so that the store forgets it too.
    removals: broadcast::Receiver<Removal>,
    pub(crate) sealed_at: Instant,
    /// Seconds that local commands moved the clock forward.
    pub(crate) clock_offset: u64,
    pub(crate) next_timestamp: Option<u64>,
    pub(crate) snapshots: Vec<(u64, u64)>,
    pub(crate) snapshot_next: u64,
    pub(crate) interval: Option<Duration>,
    pub(crate) mode: Mode,
    catching_up: bool,
    last_notice: Instant,
}

/// The pool's view of accounts: the preconfirmed state.
pub(crate) struct PoolState(StateView);

impl AccountReader for PoolState {
    type Error = StoreError;

    fn account_state(&self, address: Address) -> Result<AccountState, StoreError> {
        let account = self.0.account(address)?.unwrap_or_default();
        let is_delegated = account.code_hash != EMPTY_CODE_HASH
            && self
                .0
                .code(account.code_hash)?
                .is_some_and(|code| code.len() == 23 && code.starts_with(&[0xef, 0x01, 0x00]));
        Ok(AccountState {
            nonce: account.nonce,
            balance: account.balance,
            code_hash: account.code_hash,
            is_delegated,
        })
    }
}

impl Engine {
    pub(crate) fn new(
        config: BuilderConfig,
        chain: Arc<Chain>,
        mempool: Arc<Mempool>,
        origins: Arc<OriginFeed>,
        commands: Receiver<Command>,
        active: Arc<AtomicBool>,
        stopping: Arc<AtomicBool>,
        data_limits: Arc<DataLimits>,
    ) -> Self {
        let interval = Duration::from_secs(chain.config().block_time);
        Self {
            pool_sequence: 0,
            removals: mempool.subscribe_removals(),
            more: false,
            mode: config.mode,
            interval: (config.mode == Mode::Interval).then_some(interval),
            config,
            chain,
            mempool,
            origins,
            commands,
            deferred: None,
            active,
            stopping,
            data_limits,
            draft: None,
            fees: None,
            full: false,
            waiting: Vec::new(),
            gather_until: None,
            persisted: HashSet::new(),
            sealed_at: Instant::now(),
            clock_offset: 0,
            next_timestamp: None,
            snapshots: Vec::new(),
            snapshot_next: 1,
            catching_up: false,
            last_notice: Instant::now(),
        }
    }

    /// Reopens what a crash interrupted: the journaled block, then the pool.
    pub(crate) fn recover(&mut self) -> Result<(), BuilderError> {
        let number = self.chain.head().number + 1;
        if let Some(recorded) = journal::read(self.chain.store(), number)? {
            let count = recorded.transactions.len();
            let mut draft = Draft::open(&self.chain, recorded.attributes)?;
            for transaction in &recorded.transactions {
                if let Err(error) = draft.execute(transaction) {
                    error!(hash = %transaction.hash, %error, "journaled transaction failed on replay");
                }
            }
            draft.journaled = u32::try_from(count + 1).unwrap_or(u32::MAX);
            info!(block = number, transactions = count, "replayed the journal");
            self.adopt(draft);
        }
        let mut stored: Vec<(u64, B256, Option<RecoveredTransaction>)> = Vec::new();
        for (hash, record) in self.chain.store().pool_all()? {
            let (sequence, raw) = journal::decode_pooled(&record);
            self.pool_sequence = self.pool_sequence.max(sequence.saturating_add(1));
            stored.push((sequence, hash, RecoveredTransaction::decode(raw).ok()));
        }
        // In the order in which they came, so that nonces follow on each other.
        stored.sort_unstable_by_key(|(sequence, ..)| *sequence);
        let mut stale = Vec::new();
        for (_, hash, transaction) in stored {
            if transaction.is_some_and(|transaction| self.insert(transaction).is_ok()) {
                self.persisted.insert(hash);
            } else {
                stale.push(hash);
            }
        }
        if !stale.is_empty() {
            self.chain.store().pool_remove(&stale)?;
        }
        if !self.persisted.is_empty() {
            info!(transactions = self.persisted.len(), "restored the pool");
        }
        Ok(())
    }

    pub(crate) fn run(mut self) -> Result<(), BuilderError> {
        let result = self.turns();
        self.chain.set_open_block(None);
        self.active.store(false, Ordering::Relaxed);
        if let Err(error) = &result {
            error!(%error, "the builder stopped");
        }
        result
    }

    fn turns(&mut self) -> Result<(), BuilderError> {
        while !self.is_stopping() {
            if self.is_active() && self.draft.is_none() {
                self.open()?;
            }
            let command = match self.deferred.take() {
                Some(command) => Some(command),
                None => match self.commands.recv_timeout(self.patience()) {
                    Ok(command) => Some(command),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                },
            };
            match command {
                None => {}
                Some(Command::Shutdown) => return Ok(()),
                Some(Command::Submit(transactions, reply)) => self.gather(transactions, reply),
                Some(Command::Start(head, reply)) => {
                    let result = self.start(head);
                    let _ = reply.send(result);
                }
                Some(Command::Stop(reply)) => {
                    let result = self.stop()?;
                    let _ = reply.send(result);
                }
                Some(Command::Local(command, reply)) => {
                    self.execute_pool()?;
                    let result = self.local(command)?;
                    let _ = reply.send(result);
                }
                Some(Command::Reorganize(ancestor, reply)) => {
                    // A refusal, such as an unwinding that is too long, is the caller's to act on.
                    let _ = reply.send(self.reorganize(ancestor));
                }
            }
            if self
                .gather_until
                .is_none_or(|until| Instant::now() >= until)
            {
                self.gather_until = None;
                self.execute_pool()?;
            }
            if self.is_due() {
                self.execute_pool()?;
                self.seal()?;
            }
        }
        Ok(())
    }

    /// Whether the node is shutting down.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// How long the thread may sleep.
    fn patience(&self) -> Duration {
        let mut patience = if self.is_active() && self.draft.is_none() {
            L1_RETRY
        } else {
            IDLE
        };
        if self.more && self.gather_until.is_none() {
            return Duration::ZERO;
        }
        if let Some(until) = self.gather_until {
            patience = patience.min(until.saturating_duration_since(Instant::now()));
        }
        if let Some(due) = self.due_in() {
            patience = patience.min(due);
        }
        patience
    }

    /// Time until the open block is due; `None` if only a command seals it.
    fn due_in(&self) -> Option<Duration> {
        let draft = self.draft.as_ref()?;
        let interval = self.interval?;
        if self.config.settled {
            let due = Duration::from_secs(draft.view().header.timestamp);
            return Some(due.saturating_sub(since_epoch()));
        }
        Some((self.sealed_at + interval).saturating_duration_since(Instant::now()))
    }

    fn is_due(&self) -> bool {
        self.is_active() && self.due_in().is_some_and(|due| due.is_zero())
    }

    /// Adds transactions to the pool, with all others that are already waiting in the queue.
    fn gather(&mut self, transactions: Vec<RecoveredTransaction>, reply: SubmitReply) {
        let mut count = transactions.len();
        self.admit(transactions, reply);
        while count < self.config.group_max {
            match self.commands.try_recv() {
                Ok(Command::Submit(transactions, reply)) => {
                    count += transactions.len();
                    self.admit(transactions, reply);
                }
                Ok(other) => {
                    self.deferred = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        if self.config.gather_by_fee && self.gather_until.is_none() {
            self.gather_until = Some(Instant::now() + self.config.gather);
        }
    }

    fn admit(&mut self, transactions: Vec<RecoveredTransaction>, reply: SubmitReply) {
        let results = transactions
            .into_iter()
            .map(|transaction| self.insert(transaction))
            .collect();
        self.waiting.push((results, reply));
    }

    /// The preconfirmed state, and the base fee that goes with it.
    fn preconfirmed(&self) -> (PoolState, u64) {
        match &self.draft {
            Some(draft) => (
                PoolState(StateView::Pending(draft.view().state.clone())),
                draft.base_fee(),
            ),
            None => {
                let (header, state) = self.chain.latest();
                let base_fee = header.base_fee_per_gas.unwrap_or_default();
                (PoolState(StateView::Latest(state)), base_fee)
            }
        }
    }

    /// An account as the pool sees it.
    pub(crate) fn account_state(&self, address: Address) -> Result<AccountState, StoreError> {
        self.preconfirmed().0.account_state(address)
    }

    /// Runs `with` with the fees and limits that the pool checks against now.
    fn with_fees<T>(&self, base_fee: u64, with: impl FnOnce(&FeeContext<'_>) -> T) -> T {
        let head = self.chain.head();
        let l1_cost = |encoded: &[u8], gas_limit: u64| {
            self.fees.as_ref().map_or(U256::ZERO, |fees| {
                fees.data_fee(encoded)
                    .saturating_add(fees.operator_fee(encoded, gas_limit))
            })
        };
        with(&FeeContext {
            chain_id: self.chain.config().l2_chain_id,
            base_fee,
            // Every block begins with the L1 attributes.
            gas_limit_max: head.gas_limit.saturating_sub(L1_ATTRIBUTES_GAS),
            l1_cost: &l1_cost,
            l2_timestamp: head
                .timestamp
                .saturating_add(self.chain.config().block_time),
        })
    }

    fn insert(&mut self, transaction: RecoveredTransaction) -> Result<B256, SubmitError> {
        let (hash, (state, base_fee)) = (transaction.hash, self.preconfirmed());
        if self
            .draft
            .as_ref()
            .is_some_and(|draft| draft.view().positions.contains_key(&hash))
        {
            return Err(SubmitError::Pool(InsertError::AlreadyKnown { hash }));
        }
        let inserted = self.with_fees(base_fee, |fees| {
            self.mempool.insert(transaction, &state, fees)
        })?;
        Ok(inserted.hash)
    }

    /// Executes what the pool has ready and answers everyone who waits.
    pub(crate) fn execute_pool(&mut self) -> Result<(), BuilderError> {
        let mut outcome = Outcome::default();
        self.more = false;
        if self.is_active() {
            if self.mode == Mode::Instant {
                self.execute_each(&mut outcome)?;
            } else {
                self.execute_group(&mut outcome)?;
            }
        }
        self.answer(&outcome)
    }

    /// Executes a group into the open block, journals it in one write, publishes the block, and only then
    /// tells the pool: whoever reads meanwhile finds each transaction in one place or the other.
    fn execute_group(&mut self, outcome: &mut Outcome) -> Result<(), BuilderError> {
        let Some(draft) = &mut self.draft else {
            return Ok(());
        };
        if self.full || draft.view().attributes.no_tx_pool {
            return Ok(());
        }
        let due = (self.interval.is_some() && self.config.settled)
            .then(|| Duration::from_secs(draft.view().header.timestamp));
        let ready = self
            .mempool
            .take_executable(draft.base_fee(), self.config.group_max);
        let started = Instant::now();
        let mut failed: HashSet<Address> = HashSet::new();
        let mut group = Vec::with_capacity(ready.len());
        let mut late = false;
        for pooled in &ready {
            // Late arrivals wait for the next block: this one must be sealed in time.
            late = due.is_some_and(|due| since_epoch() + self.config.seal_reserve >= due);
            if late || started.elapsed() > GROUP_TIME_MAX {
                break;
            }
            let transaction = &pooled.recovered;
            // What follows on a failed transaction's nonce can't be executed either.
            if failed.contains(&transaction.sender) {
                continue;
            }
            let bytes = data_bytes(&transaction.encoded);
            if exceeds(&self.data_limits.transaction_bytes, bytes) {
                failed.insert(transaction.sender);
                continue;
            }
            if exceeds(
                &self.data_limits.block_bytes,
                draft.data_bytes.saturating_add(bytes),
            ) {
                self.full = true;
                break;
            }
            match draft.execute(transaction) {
                Ok(preconfirmed) => {
                    draft.data_bytes = draft.data_bytes.saturating_add(bytes);
                    group.push((transaction.sender, transaction.encoded.clone()));
                    outcome.included.push(preconfirmed);
                }
                Err(TransactionError::BlockGas { .. } | TransactionError::BlockData)
                    if draft.pooled_transactions() > 0 || draft.prescribed > 1 =>
                {
                    self.full = true;
                    break;
                }
                Err(error) => {
                    failed.insert(transaction.sender);
                    outcome.reject(transaction.hash, &error);
                }
            }
        }
        self.journal(&group)?;
        if !outcome.included.is_empty() {
            self.publish();
        }
        for transaction in &outcome.included {
            self.mempool.mark_executed(&transaction.hash);
        }
        for hash in outcome.rejected.keys() {
            self.mempool.mark_invalid(hash);
        }
        self.review_touched()?;
        if !outcome.included.is_empty() {
            let preconfirmed = Arc::new(outcome.included.clone());
            self.chain.announce(ChainEvent::Preconfirmed(preconfirmed));
        }
        let progress = !outcome.included.is_empty() || !outcome.rejected.is_empty();
        self.more = progress && !self.full && !late && !self.mempool.is_empty();
        Ok(())
    }

    /// Seals each transaction in a block of its own, which makes it durable without a journal.
    fn execute_each(&mut self, outcome: &mut Outcome) -> Result<(), BuilderError> {
        while !self.is_stopping() {
            let Some(draft) = &self.draft else { break };
            let Some(pooled) = self.mempool.next_executable(draft.base_fee()) else {
                break;
            };
            self.refresh()?;
            let Some(draft) = &mut self.draft else { break };
            let transaction = &pooled.recovered;
            match draft.execute(transaction) {
                Ok(preconfirmed) => {
                    let preconfirmed = Arc::new(vec![preconfirmed]);
                    outcome.included.extend(preconfirmed.iter().cloned());
                    self.chain.announce(ChainEvent::Preconfirmed(preconfirmed));
                    self.seal()?;
                    self.mempool.mark_executed(&transaction.hash);
                    self.open()?;
                    self.review_touched()?;
                }
                Err(error) => {
                    outcome.reject(transaction.hash, &error);
                    self.mempool.mark_invalid(&transaction.hash);
                }
            }
        }
        Ok(())
    }

    /// Has the pool look again at accounts that execution touched: a balance that rose may make queued
    /// transactions executable, and what was executed may have cost less than it could.
    fn review_touched(&mut self) -> Result<(), BuilderError> {
        let Some(draft) = &mut self.draft else {
            return Ok(());
        };
        let touched = draft.take_touched();
        if self.mempool.is_empty() {
            return Ok(());
        }
        let state = self.preconfirmed().0;
        for address in touched {
            self.mempool
                .account_changed(address, state.account_state(address)?);
        }
        Ok(())
    }

    /// Writes the transactions just executed to the journal, in one synced write.
    fn journal(
        &mut self,
        group: &[(Address, alloy_primitives::Bytes)],
    ) -> Result<(), BuilderError> {
        let Some(draft) = &mut self.draft else {
            return Ok(());
        };
        if group.is_empty() {
            return Ok(());
        }
        let number = draft.number();
        let mut records = Vec::with_capacity(group.len() + 1);
        if draft.journaled == 0 {
            records.push(journal::encode_attributes(&draft.view().attributes));
        }
        records.extend(
            group
                .iter()
                .map(|(sender, encoded)| journal::encode(*sender, encoded)),
        );
        let first = draft.journaled;
        let keyed: Vec<(u64, u32, &[u8])> = records
            .iter()
            .zip(first..)
            .map(|(record, index)| (number, index, record.as_slice()))
            .collect();
        self.chain.store().journal_append(&keyed)?;
        draft.journaled = first.saturating_add(u32::try_from(keyed.len()).unwrap_or(u32::MAX));
        Ok(())
    }

    /// Answers everyone who waits, after storing what stays in the pool.
    fn answer(&mut self, outcome: &Outcome) -> Result<(), BuilderError> {
        let Outcome { included, rejected } = outcome;
        let gone: Vec<B256> = included
            .iter()
            .map(|transaction| transaction.hash)
            .chain(rejected.keys().copied())
            .chain(std::iter::from_fn(|| next_removal(&mut self.removals)))
            .filter(|hash| self.persisted.remove(hash))
            .collect();
        if !gone.is_empty() {
            self.chain.store().pool_remove(&gone)?;
        }
        if self.waiting.is_empty() {
            return Ok(());
        }
        let included: HashMap<B256, &Arc<PreconfirmedTransaction>> = included
            .iter()
            .map(|transaction| (transaction.hash, transaction))
            .collect();
        let mut stored = Vec::new();
        let mut replies = Vec::with_capacity(self.waiting.len());
        for (results, reply) in std::mem::take(&mut self.waiting) {
            let results: Vec<_> = results
                .into_iter()
                .map(|result| {
                    let hash = result?;
                    if let Some(preconfirmed) = included.get(&hash) {
                        return Ok(Submission::Preconfirmed((*preconfirmed).clone()));
                    }
                    if let Some(reason) = rejected.get(&hash) {
                        return Err(SubmitError::Execution {
                            reason: reason.clone(),
                        });
                    }
                    if let Some(pooled) = self.mempool.get(&hash) {
                        stored.push((hash, pooled.encoded.clone()));
                    }
                    Ok(Submission::Pooled)
                })
                .collect();
            replies.push((results, reply));
        }
        self.persist(stored)?;
        for (results, reply) in replies {
            // A client that went away needs no answer.
            let _ = reply.send(results);
        }
        Ok(())
    }

    /// Stores transactions that wait in the pool, in order, unless they are stored already.
    fn persist(
        &mut self,
        transactions: impl IntoIterator<Item = (B256, alloy_primitives::Bytes)>,
    ) -> Result<(), BuilderError> {
        let mut records = Vec::new();
        for (hash, encoded) in transactions {
            if self.persisted.insert(hash) {
                records.push((hash, journal::encode_pooled(self.pool_sequence, &encoded)));
                self.pool_sequence += 1;
            }
        }
        if records.is_empty() {
            return Ok(());
        }
        let records: Vec<(B256, &[u8])> = records
            .iter()
            .map(|(hash, record)| (*hash, record.as_slice()))
            .collect();
        self.chain.store().pool_put(&records)?;
        Ok(())
    }

    fn publish(&self) {
        self.chain.set_open_block(
            self.draft
                .as_ref()
                .map(|draft| Arc::new(draft.view().clone())),
        );
    }

    fn adopt(&mut self, draft: Draft) {
        let env = evm_env(self.chain.config(), &draft.view().header);
        self.fees = match L1Fees::read(&draft.view().state, draft.number(), env.cfg_env.spec) {
            Ok(fees) => Some(fees),
            Err(error) => {
                warn!(%error, "L1 fee parameters can't be read");
                None
            }
        };
        self.full = false;
        self.more = !self.mempool.is_empty();
        self.draft = Some(draft);
        self.publish();
    }

    /// Opens the next block, unless an L1 block that it needs is unknown: then a later turn does.
    pub(crate) fn open(&mut self) -> Result<(), BuilderError> {
        if let Some(attributes) = self.next_attributes()? {
            let draft = Draft::open(&self.chain, attributes)?;
            self.adopt(draft);
        }
        Ok(())
    }

    /// Opens the block anew with the present time, its transactions executed again (local chains only).
    pub(crate) fn refresh(&mut self) -> Result<(), BuilderError> {
        let Some(draft) = self.draft.take() else {
            return Ok(());
        };
        let transactions = draft.pooled();
        self.open()?;
        let Some(draft) = &mut self.draft else {
            return Ok(());
        };
        let mut group = Vec::with_capacity(transactions.len());
        for transaction in &transactions {
            match draft.execute(transaction) {
                Ok(_) => group.push((transaction.sender, transaction.encoded.clone())),
                Err(error) => {
                    warn!(hash = %transaction.hash, %error, "transaction left the open block")
                }
            }
        }
        self.journal(&group)?;
        self.publish();
        Ok(())
    }

    /// Timestamp of the next block, seconds.
    fn timestamp(&self, parent: u64) -> u64 {
        let following = parent.saturating_add(self.chain.config().block_time);
        if self.config.settled {
            return following;
        }
        if let Some(timestamp) = self.next_timestamp {
            return timestamp.max(parent.saturating_add(1));
        }
        let now = since_epoch().as_secs().saturating_add(self.clock_offset);
        let due = match self.interval {
            Some(interval) => now.saturating_add(interval.as_secs()),
            None => now,
        };
        due.max(parent.saturating_add(1))
    }

    /// Attributes of the next block; `None` while the L1 block that it needs is unknown.
    fn next_attributes(&self) -> Result<Option<BlockAttributes>, BuilderError> {
        let head = self.chain.head();
        let number = head.number + 1;
        let fail = |source: Box<dyn std::error::Error + Send + Sync>| BuilderError::L1Attributes {
            number,
            source,
        };
        let Some(parent) = self.chain.block(head.number)? else {
            return Ok(None);
        };
        let config = self.chain.config();
        let reference = L2BlockRef::from_sealed(&parent, &config.genesis)
            .map_err(|error| fail(Box::new(error)))?;
        let mut system =
            system_config_of(&parent.block, config).map_err(|error| fail(Box::new(error)))?;
        let Some(current) = self.current_origin(&parent)? else {
            return Ok(None);
        };
        let following = match self.origins.next_after(reference.l1_origin) {
            Following::Known(origin) => Some(origin),
            Following::None => None,
            // The follower notices as well and has the chain unwound.
            Following::Reorganized => return Ok(None),
        };
        let next = following.as_ref().map(|origin| &origin.block);
        let (origin, empty) = match next_origin(config, &reference, &current, next) {
            NextOrigin::Take { origin, empty } => (origin, empty),
            // An unsettled chain has no L1 to wait for.
            NextOrigin::Wait { .. } if !self.config.settled => (current, false),
            NextOrigin::Wait { .. } => return Ok(None),
            NextOrigin::Conflict(violation) => return Err(fail(Box::new(violation))),
        };
        let mut deposits: &[Transaction] = &[];
        if let Some(following) = following
            .as_ref()
            .filter(|next| next.block.hash == origin.hash)
        {
            deposits = &following.deposits;
            for update in &following.config_updates {
                if let Err(error) = update.apply(&mut system) {
                    warn!(l1_block = origin.number, %error, "configuration update skipped");
                }
            }
        }
        let due = head.timestamp.saturating_add(config.block_time);
        let mut attributes =
            payload_attributes(config, &reference, &system, &origin, deposits, due)
                .map_err(|error| fail(Box::new(error)))?;
        attributes.timestamp = self.timestamp(head.timestamp);
        attributes.no_tx_pool = empty && self.config.settled;
        Ok(Some(attributes))
    }

    /// The L1 block that `parent` names as its origin.
    fn current_origin(&self, parent: &SealedBlock) -> Result<Option<L1Block>, BuilderError> {
        let genesis: BlockNumHash = self.chain.config().genesis.l1.into();
        let Some(first) = parent.block.body.transactions.first() else {
            return Ok(self.origins.get(genesis.number).map(|origin| origin.block));
        };
        let attributes =
            L1Attributes::from_deposit(first).map_err(|error| BuilderError::L1Attributes {
                number: parent.number(),
                source: Box::new(error),
            })?;
        Ok(Some(L1Block {
            number: attributes.number,
            hash: attributes.hash,
            // Not in the L1 attributes, and not needed for a block on the same origin.
            parent_hash: B256::ZERO,
            timestamp: attributes.timestamp,
            base_fee: attributes.base_fee,
            prev_randao: parent.block.header.mix_hash,
            parent_beacon_block_root: parent.block.header.parent_beacon_block_root,
            blob_base_fee: attributes.blob_base_fee,
        }))
    }

    /// Seals the open block.
    pub(crate) fn seal(&mut self) -> Result<(), BuilderError> {
        let Some(draft) = self.draft.take() else {
            return Ok(());
        };
        if draft.view().header.parent_hash != self.chain.head().hash() {
            // Derivation put another block there: what was preconfirmed goes into the next.
            let transactions = draft.pooled();
            self.chain.set_open_block(None);
            self.requeue(transactions)?;
            return Ok(());
        }
        let started = Instant::now();
        let pooled = draft.pooled_transactions();
        let executed = draft.finish()?;
        let block = self.chain.insert(executed)?;
        self.chain.set_open_block(None);
        self.mempool.remove_expired(Instant::now());
        self.sealed_at = Instant::now();
        self.next_timestamp = None;
        let late = since_epoch()
            .as_secs()
            .saturating_sub(block.block.header.timestamp)
            / self.chain.config().block_time;
        self.report(&block, pooled, started.elapsed(), late);
        Ok(())
    }

    /// A line a block; while catching up, a line a second.
    fn report(&mut self, block: &SealedBlock, pooled: usize, took: Duration, late: u64) {
        let was_catching_up = self.catching_up;
        self.catching_up = self.config.settled && late > CATCH_UP_NOTICE_BLOCKS;
        if self.catching_up {
            if !was_catching_up || self.last_notice.elapsed() > Duration::from_secs(1) {
                self.last_notice = Instant::now();
                info!(
                    block = block.number(),
                    behind = late,
                    "catching up with the clock"
                );
            }
            return;
        }
        let header = &block.block.header;
        info!(
            block = header.number,
            hash = %block.hash,
            transactions = pooled,
            gas_used = header.gas_used,
            base_fee = header.base_fee_per_gas.unwrap_or_default(),
            seal_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "sealed block"
        );
    }

    fn start(&mut self, head: B256) -> Result<(), SequencerError> {
        if self.is_active() {
            return Err(SequencerError::Already { state: "running" });
        }
        let unsafe_head = self.chain.head().hash();
        if !head.is_zero() && head != unsafe_head {
            return Err(SequencerError::WrongHead {
                head: unsafe_head,
                given: head,
            });
        }
        self.active.store(true, Ordering::Relaxed);
        info!("the sequencer was started");
        Ok(())
    }

    fn stop(&mut self) -> Result<Result<B256, SequencerError>, BuilderError> {
        if !self.is_active() {
            return Ok(Err(SequencerError::Already { state: "stopped" }));
        }
        if self
            .draft
            .as_ref()
            .is_some_and(|draft| draft.pooled_transactions() > 0)
        {
            self.seal()?;
        }
        self.draft = None;
        self.chain.set_open_block(None);
        self.active.store(false, Ordering::Relaxed);
        let head = self.chain.head().hash();
        info!(%head, "the sequencer was stopped");
        Ok(Ok(head))
    }

    /// Unwinds the blocks whose origin is above L1 block `ancestor` and queues their transactions.
    fn reorganize(&mut self, ancestor: u64) -> Result<usize, BuilderError> {
        let mut keep = self.chain.head().number;
        while keep > 0 {
            let Some(block) = self.chain.block(keep)? else {
                break;
            };
            let origin = self
                .current_origin(&block)?
                .map_or(0, |origin| origin.number);
            if origin <= ancestor {
                break;
            }
            keep -= 1;
        }
        let draft_origin = self.draft.as_ref().and_then(|draft| {
            L1Attributes::from_deposit(draft.view().attributes.transactions.first()?).ok()
        });
        if keep == self.chain.head().number
            && draft_origin.is_none_or(|attributes| attributes.number <= ancestor)
        {
            return Ok(0);
        }
        self.unwind(keep, true)
    }

    /// Unwinds to block `to`; with `requeue`, the transactions go back into the pool in order.
    pub(crate) fn unwind(&mut self, to: u64, requeue: bool) -> Result<usize, BuilderError> {
        let mut transactions = Vec::new();
        if requeue {
            for number in to.saturating_add(1)..=self.chain.head().number {
                let Some(block) = self.chain.block(number)? else {
                    break;
                };
                let signed = block.block.body.transactions.iter().zip(&block.senders);
                transactions.extend(
                    signed
                        .filter(|(transaction, _)| !transaction.is_deposit())
                        .map(|(transaction, sender)| {
                            RecoveredTransaction::new_unchecked(transaction.clone(), *sender)
                        }),
                );
            }
            transactions.extend(self.draft.as_ref().map(Draft::pooled).unwrap_or_default());
            // Before they leave the chain, so that a crash in between loses none.
            self.persist(transactions.iter().map(|tx| (tx.hash, tx.encoded.clone())))?;
        }
        let heads = self.chain.heads();
        if to < heads.finalized.number
            && let Some(block) = self.chain.block(to)?
        {
            warn!(
                to,
                finalized = heads.finalized.number,
                "the L1 reorganized finalized blocks away"
            );
            let head = BlockNumHash {
                number: to,
                hash: block.hash,
            };
            self.chain.set_heads(head, head)?;
        }
        self.draft = None;
        let removed = self.chain.unwind(to)?;
        self.chain.store().journal_clear()?;
        if requeue {
            warn!(
                to,
                blocks = removed.len(),
                transactions = transactions.len(),
                "unwound blocks, their transactions are queued again"
            );
            self.requeue(transactions)?;
        }
        Ok(removed.len())
    }

    /// Puts transactions that were in a block back into the pool, in front and in order.
    fn requeue(&mut self, transactions: Vec<RecoveredTransaction>) -> Result<(), BuilderError> {
        self.persist(transactions.iter().map(|tx| (tx.hash, tx.encoded.clone())))?;
        let (state, base_fee) = self.preconfirmed();
        let results = self.with_fees(base_fee, |fees| {
            self.mempool.reinject(transactions, &state, fees)
        });
        for error in results.into_iter().filter_map(Result::err) {
            warn!(%error, "unwound transaction was not queued again");
        }
        self.more = true;
        Ok(())
    }
}

/// What a transaction takes on L1, as Fjord estimates it for fees, bytes.
fn data_bytes(encoded: &[u8]) -> u64 {
    op_revm::estimate_tx_compressed_size(encoded) / 1_000_000
}

/// Whether `bytes` is above a limit, where zero is none.
fn exceeds(limit: &AtomicU64, bytes: u64) -> bool {
    let limit = limit.load(Ordering::Relaxed);
    limit > 0 && bytes > limit
}

/// What became of the transactions of a turn.
#[derive(Debug, Default)]
struct Outcome {
    included: Vec<Arc<PreconfirmedTransaction>>,
    rejected: HashMap<B256, String>,
}

impl Outcome {
    fn reject(&mut self, hash: B256, error: &TransactionError) {
        if let TransactionError::Internal(source) = error {
            error!(%hash, error = %source, "transaction execution failed");
        }
        self.rejected.insert(hash, error.to_string());
    }
}

/// The next transaction that left the pool; what a lagging receiver lost stays stored until a restart
/// finds it stale.
fn next_removal(removals: &mut broadcast::Receiver<Removal>) -> Option<B256> {
    loop {
        match removals.try_recv() {
            Ok(removal) => return Some(removal.hash),
            Err(broadcast::error::TryRecvError::Lagged(_)) => {}
            Err(_) => return None,
        }
    }
}

/// Time since the Unix epoch; zero for a clock before it.
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
