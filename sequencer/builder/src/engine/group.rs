//! Execution of what the pool has ready: a group into the open block, or each in a block of its own.

use super::Engine;
use crate::{BuilderConfig, BuilderError, Mode, handle::data_bytes};
use alloy_primitives::{Address, B256};
use openledger_chain::{ChainEvent, PreconfirmedTransaction};
use openledger_execution::TransactionError;
use openledger_mempool::AccountReader as _;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::error;

/// Longest that a group of transactions is executed before it is journaled and answered.
const GROUP_TIME_MAX: Duration = Duration::from_millis(8);

/// Of the time of a block, what has to be left for a transaction that may take longer than a block.
const ANY_TIME: Duration = Duration::from_millis(500);

/// Time that must be left of a block for a transaction with this gas limit to be begun.
fn time_for(config: &BuilderConfig, gas_limit: u64, is_first: bool) -> Duration {
    let nanoseconds =
        u128::from(gas_limit) * 1_000_000_000 / u128::from(config.gas_rate_min.max(1));
    let longest = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
    if is_first {
        longest.min(ANY_TIME)
    } else {
        longest
    }
}

/// What became of the transactions of a turn.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) included: Vec<Arc<PreconfirmedTransaction>>,
    pub(super) rejected: HashMap<B256, String>,
}

impl Outcome {
    fn reject(&mut self, hash: B256, error: &TransactionError) {
        if let TransactionError::Internal(source) = error {
            error!(%hash, error = %source, "transaction execution failed");
        }
        self.rejected.insert(hash, error.to_string());
    }
}

impl Engine {
    /// Executes what the pool has ready and answers everyone who waits.
    pub(super) fn execute_pool(&mut self) -> Result<(), BuilderError> {
        let mut outcome = Outcome::default();
        self.more = false;
        if self.builds() {
            if self.clock.mode() == Mode::Instant {
                self.execute_each(&mut outcome)?;
            } else {
                self.execute_group(&mut outcome)?;
            }
        }
        self.answer(&outcome)
    }

    /// Executes a group into the open block, journals it in one write, publishes the block, and only then
    /// tells the pool: whoever reads meanwhile finds each transaction in one place or the other.
    ///
    /// A sender whose next transaction can't be in this block is set aside until the next, and the others
    /// go on.
    fn execute_group(&mut self, outcome: &mut Outcome) -> Result<(), BuilderError> {
        let Some(draft) = &mut self.draft else {
            return Ok(());
        };
        if self.full || draft.view().attributes.no_tx_pool {
            return Ok(());
        }
        let deadline = self.clock.deadline(draft.view().header.timestamp);
        let ready = self
            .mempool
            .take_executable(draft.base_fee(), self.config.group_max);
        let started = Instant::now();
        // What follows on the nonce of these can't be executed either.
        let mut failed: HashSet<Address> = HashSet::new();
        let mut aside: HashSet<Address> = HashSet::new();
        let mut group = Vec::with_capacity(ready.len());
        let mut late = false;
        let limits = &self.shared.data_limits;
        let da_footprint_min = draft.da_footprint_min();
        for pooled in &ready {
            // What is left is not worth a search through the pool for something that small.
            let is_spent = draft.gas_left() < self.config.gas_left_min
                || draft.da_footprint_left() < da_footprint_min
                || limits.are_spent(draft.data_bytes);
            if is_spent && !draft.is_bare() {
                self.full = true;
                break;
            }
            // Late arrivals wait for the next block: this one must be sealed in time.
            late = deadline.is_some_and(|due| self.clock.now() + self.config.seal_reserve >= due);
            if late || started.elapsed() > GROUP_TIME_MAX {
                break;
            }
            let transaction = &pooled.recovered;
            let sender = transaction.sender;
            if failed.contains(&sender) || aside.contains(&sender) {
                continue;
            }
            let bytes = data_bytes(&transaction.encoded);
            // Alone in a block that is too small for it, execution says why.
            let has_gas = transaction.gas_limit() <= draft.gas_left() || draft.is_bare();
            let has_time = deadline.is_none_or(|due| {
                let left = due.saturating_sub(self.clock.now() + self.config.seal_reserve);
                time_for(&self.config, transaction.gas_limit(), draft.is_bare()) <= left
            });
            if !has_gas || !has_time || !limits.allow(bytes, draft.data_bytes) {
                aside.insert(sender);
                continue;
            }
            match draft.execute(transaction) {
                Ok(preconfirmed) => {
                    draft.data_bytes = draft.data_bytes.saturating_add(bytes);
                    group.push((sender, transaction.encoded.clone()));
                    outcome.included.push(preconfirmed);
                }
                Err(TransactionError::BlockGas { .. } | TransactionError::BlockData)
                    if !draft.is_bare() =>
                {
                    aside.insert(sender);
                }
                Err(TransactionError::Invalid(_))
                    if pooled.is_reinjected()
                        && self.held.keep(transaction.hash, draft.number()) =>
                {
                    aside.insert(sender);
                }
                Err(error) => {
                    failed.insert(sender);
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
        self.mempool.set_aside(&aside);
        self.review_touched()?;
        if !outcome.included.is_empty() {
            let preconfirmed = Arc::new(outcome.included.clone());
            self.chain.announce(ChainEvent::Preconfirmed(preconfirmed));
        }
        let progress =
            !outcome.included.is_empty() || !outcome.rejected.is_empty() || !aside.is_empty();
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
}
