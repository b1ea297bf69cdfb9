//! Random operations against a pool, each followed by every invariant and a naive model's answer.

use crate::{
    AccountReader, AccountState, FeeContext, InsertError, Mempool, MempoolConfig, Ordering,
    PooledTransaction, RecoveredTransaction, pooled::Worth,
};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Signature, TxKind, U256};
use proptest::prelude::*;
use std::{
    cell::RefCell,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

const CHAIN_ID: u64 = 161_299;
const GAS_LIMIT: u64 = 30_000;
const L1_FEE: u64 = 5;

#[derive(Debug, Clone)]
enum Operation {
    Insert {
        sender: u8,
        ahead: u64,
        fee: u128,
        tip: u128,
        value: u64,
        input: usize,
    },
    /// Executes so many, one by one, or taken at once.
    Execute {
        count: usize,
        at_once: bool,
    },
    Invalid(prop::sample::Index),
    Account {
        sender: u8,
        nonce_change: i8,
        balance: u64,
        delegated: bool,
    },
    BaseFee(u64),
    /// Unwinds the last so many executed.
    Unwind(usize),
    Expire,
    /// Passes a sender over.
    Aside(u8),
    ReturnAside,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        12 => (0..5u8, 0..6u64, 1..40u128, 0..40u128, 0..1_000u64, 0..300usize).prop_map(
            |(sender, ahead, fee, tip, value, input)| Operation::Insert {
                sender, ahead, fee, tip: tip.min(fee), value, input,
            }
        ),
        3 => (1..6usize, any::<bool>())
            .prop_map(|(count, at_once)| Operation::Execute { count, at_once }),
        2 => any::<prop::sample::Index>().prop_map(Operation::Invalid),
        2 => (0..5u8, -2..3i8, 0..8_000_000u64, prop::bool::weighted(0.1)).prop_map(
            |(sender, nonce_change, balance, delegated)| Operation::Account {
                sender, nonce_change, balance, delegated,
            }
        ),
        2 => (1..30u64).prop_map(Operation::BaseFee),
        1 => (1..5usize).prop_map(Operation::Unwind),
        1 => Just(Operation::Expire),
        2 => (0..5u8).prop_map(Operation::Aside),
        1 => Just(Operation::ReturnAside),
    ]
}

fn config() -> impl Strategy<Value = MempoolConfig> {
    let order = prop_oneof![Just(Ordering::Arrival), Just(Ordering::PriorityFee)];
    (order, 3..20usize, 600..6_000usize, 1..8usize, 1..5usize).prop_map(
        |(order, transactions_max, bytes_max, transactions_per_account_max, queued)| {
            MempoolConfig {
                order,
                transactions_max,
                bytes_max,
                transactions_per_account_max,
                queued_per_account_max: queued.min(transactions_per_account_max),
                nonce_gap_max: 5,
                lifetime_secs: 60,
                ..MempoolConfig::default()
            }
        },
    )
}

#[derive(Default)]
struct Accounts(RefCell<BTreeMap<Address, AccountState>>);

impl Accounts {
    fn get(&self, address: Address) -> AccountState {
        let rich = AccountState {
            balance: U256::from(5_000_000),
            ..AccountState::default()
        };
        self.0.borrow().get(&address).copied().unwrap_or(rich)
    }

    fn change(&self, address: Address, change: impl FnOnce(&mut AccountState)) {
        let mut state = self.get(address);
        change(&mut state);
        self.0.borrow_mut().insert(address, state);
    }
}

impl AccountReader for Accounts {
    type Error = Infallible;
    fn account_state(&self, address: Address) -> Result<AccountState, Infallible> {
        Ok(self.get(address))
    }
}

struct Model {
    pool: Mempool,
    accounts: Accounts,
    base_fee: u64,
    executed: Vec<RecoveredTransaction>,
    /// The place of each sender's last executed transaction, while it has others here.
    floors: BTreeMap<Address, u64>,
    /// Senders that had more put back than an account may have.
    unwound: BTreeSet<Address>,
    /// Makes transactions differ.
    counter: u64,
}

impl Model {
    fn new(config: MempoolConfig) -> Self {
        let pool = Mempool::new(config);
        assert!(pool.next_executable(10).is_none());
        Self {
            pool,
            accounts: Accounts::default(),
            base_fee: 10,
            executed: Vec::new(),
            floors: BTreeMap::new(),
            unwound: BTreeSet::new(),
            counter: 0,
        }
    }

    fn fees(&self) -> FeeContext<'static> {
        FeeContext {
            chain_id: CHAIN_ID,
            base_fee: self.base_fee,
            gas_limit_max: 60_000_000,
            l1_cost: &|_, _| U256::from(L1_FEE),
            l2_timestamp: 0,
        }
    }

    fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Insert {
                sender,
                ahead,
                fee,
                tip,
                value,
                input,
            } => {
                self.counter += 1;
                let sender = Address::repeat_byte(sender);
                let tx = TxEip1559 {
                    chain_id: CHAIN_ID,
                    nonce: self.accounts.get(sender).nonce + ahead,
                    gas_limit: GAS_LIMIT,
                    max_fee_per_gas: fee,
                    max_priority_fee_per_gas: tip,
                    to: TxKind::Call(Address::ZERO),
                    value: U256::from(value),
                    input: vec![0; input].into(),
                    ..TxEip1559::default()
                };
                let signature = Signature::new(U256::from(self.counter), U256::ONE, false);
                let tx = tx.into_signed(signature).into();
                self.insert(RecoveredTransaction::new_unchecked(tx, sender));
            }
            Operation::Execute {
                count,
                at_once: false,
            } => {
                for _ in 0..count {
                    let Some(tx) = self.pool.next_executable(self.base_fee) else {
                        break;
                    };
                    self.execute(&tx);
                }
            }
            Operation::Execute {
                count,
                at_once: true,
            } => {
                for tx in self.pool.take_executable(self.base_fee, count) {
                    self.execute(&tx);
                }
            }
            Operation::Invalid(index) => {
                let all = self.pool.all_encoded();
                if !all.is_empty() {
                    self.pool.mark_invalid(&index.get(&all).0);
                }
            }
            Operation::Account {
                sender,
                nonce_change,
                balance,
                delegated,
            } => {
                let sender = Address::repeat_byte(sender);
                self.accounts.change(sender, |state| {
                    state.nonce = state.nonce.saturating_add_signed(nonce_change.into());
                    state.balance = U256::from(balance);
                    state.is_delegated = delegated;
                });
                self.forget_floor(sender);
                self.pool.account_changed(sender, self.accounts.get(sender));
            }
            Operation::BaseFee(base_fee) => {
                self.base_fee = base_fee;
                self.pool.next_executable(base_fee);
            }
            Operation::Unwind(count) => {
                let from = self.executed.len().saturating_sub(count);
                let unwound = self.executed.split_off(from);
                self.unwound.extend(unwound.iter().map(|tx| tx.sender));
                for tx in unwound.iter().rev() {
                    self.accounts
                        .change(tx.sender, |state| state.nonce = tx.nonce());
                }
                unwound.iter().for_each(|tx| self.forget_floor(tx.sender));
                let before = self
                    .pool
                    .all_encoded()
                    .first()
                    .map_or(u64::MAX, |first| first.2);
                let hashes: Vec<B256> = unwound.iter().map(|tx| tx.hash).collect();
                let results = self.pool.reinject(unwound, &self.accounts, &self.fees());
                assert_eq!(results.len(), hashes.len());
                for result in results {
                    let full = matches!(result, Err(InsertError::PoolFull { .. }));
                    assert!(!full, "unwound transactions come on top");
                }
                let sequences: Vec<u64> = hashes
                    .iter()
                    .filter_map(|hash| self.pool.get(hash))
                    .map(|tx| tx.sequence)
                    .collect();
                assert!(sequences.is_sorted() && sequences.iter().all(|place| *place < before));
            }
            Operation::Expire => {
                let now = Instant::now();
                assert!(
                    self.pool
                        .remove_expired(now + Duration::from_secs(50))
                        .is_empty()
                );
                let len = self.pool.len();
                let expired = self.pool.remove_expired(now + Duration::from_secs(70));
                assert_eq!(expired.len(), len);
                assert!(self.pool.is_empty());
            }
            Operation::Aside(sender) => {
                let sender = Address::repeat_byte(sender);
                self.pool.set_aside([&sender]);
                let has_head = self.pool.next_nonce(sender).is_some();
                assert_eq!(self.aside().contains(&sender), has_head);
            }
            Operation::ReturnAside => {
                self.pool.return_aside();
                assert!(self.aside().is_empty());
            }
        }
    }

    /// Who is passed over: what becomes of the sender's first transaction may end it at any time.
    fn aside(&self) -> BTreeSet<Address> {
        let pool = self.pool.lock();
        pool.heads.aside().map(|head| head.tx.sender).collect()
    }

    /// An account whose nonce goes back has unwound what set its floor.
    fn forget_floor(&mut self, address: Address) {
        let known = self.pool.lock().sender(&address).map(|sender| sender.nonce);
        if known.is_some_and(|known| self.accounts.get(address).nonce < known) {
            self.floors.remove(&address);
        }
    }

    fn execute(&mut self, tx: &PooledTransaction) {
        let place = tx
            .sequence
            .max(self.floors.get(&tx.sender).copied().unwrap_or_default());
        self.floors.insert(tx.sender, place);
        self.accounts.change(tx.sender, |state| {
            assert_eq!(state.nonce, tx.nonce(), "executable is what follows on");
            state.nonce += 1;
            state.balance = state.balance.saturating_sub(tx.cost / U256::from(2));
        });
        assert!(tx.pays(self.base_fee));
        self.pool.mark_executed(&tx.hash);
        self.executed.push(tx.recovered.clone());
    }

    /// Inserts, and holds the outcome against what was there before.
    fn insert(&mut self, tx: RecoveredTransaction) {
        let before: Vec<(Arc<PooledTransaction>, bool)> = self.classified();
        let state = self.accounts.get(tx.sender);
        // What the pool learns with the insertion changes more than the insertion itself.
        let news = before.iter().any(|(other, _)| other.sender == tx.sender) && {
            let pool = self.pool.lock();
            pool.sender(&tx.sender)
                .is_some_and(|known| (known.nonce, known.balance) != (state.nonce, state.balance))
        };
        let result = self.pool.insert(tx.clone(), &self.accounts, &self.fees());
        if news {
            return;
        }
        let worth = |tx: &PooledTransaction, pending| {
            Worth::of(tx, tx.is_reinjected(), pending, self.base_fee)
        };
        let old = before
            .iter()
            .find(|(other, _)| (other.sender, other.nonce()) == (tx.sender, tx.nonce()));
        let next = before
            .iter()
            .filter(|(other, pending)| *pending && other.sender == tx.sender)
            .count() as u64
            + state.nonce;
        let mine = Worth::of(&tx, false, tx.nonce() <= next, self.base_fee);
        match result {
            Ok(inserted) => {
                assert_eq!(inserted.replaced, old.map(|(old, _)| old.hash));
                if let Some((old, _)) = old {
                    assert!(tx.max_fee_per_gas() * 10 >= old.max_fee_per_gas() * 11 - 9);
                    assert!(tx.max_fee_per_gas() > old.max_fee_per_gas());
                    assert!(tx.max_priority_fee_per_gas() > old.max_priority_fee_per_gas());
                }
                let after: Vec<B256> = self
                    .pool
                    .all_encoded()
                    .iter()
                    .map(|entry| entry.0)
                    .collect();
                let is_gone = |hash: &B256| !after.contains(hash);
                for hash in &inserted.evicted {
                    assert!(is_gone(hash));
                }
                // By the pool's caps only: a sender's own shares are dropped by nonce.
                let evicted: Vec<Worth> = before
                    .iter()
                    .filter(|(other, _)| inserted.evicted.contains(&other.hash))
                    .filter(|(other, _)| {
                        !before.iter().any(|(lower, _)| {
                            lower.sender == other.sender
                                && lower.nonce() < other.nonce()
                                && inserted.evicted.contains(&lower.hash)
                        }) && other.sender != tx.sender
                    })
                    .map(|(other, pending)| worth(other, *pending))
                    .collect();
                let stays = before
                    .iter()
                    .filter(|(other, _)| !is_gone(&other.hash))
                    .map(|(other, pending)| worth(other, *pending));
                let lowest_staying = stays.min();
                for evicted in evicted {
                    assert!(evicted < mine, "{evicted:?} went for {mine:?}");
                    assert!(
                        lowest_staying.is_none_or(|lowest| evicted <= lowest),
                        "{evicted:?} went though {lowest_staying:?} stays"
                    );
                }
            }
            Err(error) => {
                let after = self.classified();
                let hashes = |all: &[(Arc<PooledTransaction>, bool)]| {
                    all.iter()
                        .map(|(tx, pending)| (tx.hash, *pending))
                        .collect::<Vec<_>>()
                };
                assert_eq!(hashes(&before), hashes(&after), "{error}");
                if matches!(error, InsertError::PoolFull { .. }) {
                    let config = self.pool.config();
                    let submitted = self.pool.lock().submitted;
                    assert!(
                        submitted.len >= config.transactions_max
                            || submitted.bytes + tx.size() > config.bytes_max
                    );
                    // With room for one there would have been a victim, had any been worth less.
                    let lowest = before.iter().min_by_key(|(other, pending)| {
                        (worth(other, *pending), Reverse(other.sequence))
                    });
                    if let Some((lowest, pending)) = lowest
                        && tx.size() <= lowest.size()
                        && old.is_none()
                    {
                        assert!(
                            worth(lowest, *pending) >= mine
                                || (lowest.sender == tx.sender && lowest.nonce() < tx.nonce())
                        );
                    }
                }
            }
        }
    }

    /// Every transaction, by hash, with whether it is pending.
    fn classified(&self) -> Vec<(Arc<PooledTransaction>, bool)> {
        let content = self.pool.content();
        let of = |map: &BTreeMap<Address, BTreeMap<u64, Arc<PooledTransaction>>>, pending: bool| {
            map.values()
                .flat_map(BTreeMap::values)
                .map(|tx| (tx.clone(), pending))
                .collect::<Vec<_>>()
        };
        let mut all = of(&content.pending, true);
        all.extend(of(&content.queued, false));
        all.sort_by_key(|(tx, _)| tx.hash);
        all
    }

    /// The order of execution, found by looking at every sender for every step.
    fn naive_order(&self) -> Vec<B256> {
        let content = self.pool.content();
        let aside = self.aside();
        let mut rest: BTreeMap<Address, Vec<Arc<PooledTransaction>>> = content
            .pending
            .into_iter()
            .filter(|(sender, _)| !aside.contains(sender))
            .map(|(sender, txs)| (sender, txs.into_values().rev().collect()))
            .collect();
        let mut floors = self.floors.clone();
        let mut order = Vec::new();
        loop {
            let first = rest
                .iter()
                .filter_map(|(sender, txs)| {
                    let tx = txs.last()?;
                    let tip = tx.effective_tip(self.base_fee)?;
                    let tip = match self.pool.config().order {
                        Ordering::Arrival => 0,
                        Ordering::PriorityFee => tip,
                    };
                    let floor = floors.get(sender).copied().unwrap_or_default();
                    Some((Reverse(tip), tx.sequence.max(floor), *sender))
                })
                .min();
            let Some((_, place, sender)) = first else {
                return order;
            };
            floors.insert(sender, place);
            let tx = rest.get_mut(&sender).and_then(Vec::pop).unwrap();
            order.push(tx.hash);
        }
    }

    fn check(&mut self) {
        self.pool.lock().check();
        let config = self.pool.config();
        let all = self.classified();
        let submitted = self.pool.lock().submitted;
        assert!(submitted.len <= config.transactions_max);
        assert!(submitted.bytes <= config.bytes_max);
        assert_eq!(self.pool.len(), all.len());
        let mut counts: BTreeMap<Address, (usize, usize)> = BTreeMap::new();
        for (tx, pending) in &all {
            let count = counts.entry(tx.sender).or_default();
            count.0 += 1;
            count.1 += usize::from(!pending);
        }
        for (sender, (count, queued)) in &counts {
            let is_limited = !self.unwound.contains(sender);
            assert!(!is_limited || *count <= config.transactions_per_account_max);
            assert!(*queued <= config.queued_per_account_max);
        }
        // The pool forgets a sender that has nothing here.
        self.floors.retain(|sender, _| counts.contains_key(sender));
        self.unwound.retain(|sender| counts.contains_key(sender));
        let order: Vec<B256> = self
            .pool
            .take_executable(self.base_fee, usize::MAX)
            .iter()
            .map(|tx| tx.hash)
            .collect();
        assert_eq!(order, self.naive_order());
        let next = self.pool.next_executable(self.base_fee).map(|tx| tx.hash);
        assert_eq!(next, order.first().copied());
        let half = order.len().div_ceil(2);
        let taken = self.pool.take_executable(self.base_fee, half);
        assert!(
            taken
                .iter()
                .map(|tx| tx.hash)
                .eq(order[..half].iter().copied())
        );
        self.pool.lock().check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_operations_break_no_invariant(
        config in config(),
        operations in prop::collection::vec(operation(), 1..120),
    ) {
        let mut model = Model::new(config);
        for operation in operations {
            model.apply(operation);
            model.check();
        }
    }
}
