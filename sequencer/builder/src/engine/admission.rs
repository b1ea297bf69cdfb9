//! Submitted transactions enter the pool, checked against the preconfirmed state.

use super::Engine;
use crate::handle::{Command, SubmitReply};
use alloy_primitives::{Address, B256, U256};
use openledger_chain::{StateView, SubmitError};
use openledger_execution::transaction_gas_max;
use openledger_mempool::{
    AccountReader, AccountState, FeeContext, InsertError, RecoveredTransaction,
};
use openledger_primitives::{EMPTY_CODE_HASH, StateReader as _};
use openledger_protocol::L1_ATTRIBUTES_GAS;
use openledger_store::StoreError;
use std::time::Instant;

/// A submission that is not answered yet: what the pool said of each transaction, and who waits.
pub(super) type Waiting = (Vec<Result<B256, SubmitError>>, SubmitReply);

/// The pool's view of accounts: the preconfirmed state.
pub(super) struct PoolState(StateView);

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
    /// Adds transactions to the pool, with all others that are already waiting in the queue.
    pub(super) fn gather(&mut self, transactions: Vec<RecoveredTransaction>, reply: SubmitReply) {
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

    /// Adds a transaction to the pool.
    pub(super) fn insert(
        &mut self,
        transaction: RecoveredTransaction,
    ) -> Result<B256, SubmitError> {
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

    /// The preconfirmed state, and the base fee that goes with it.
    pub(super) fn preconfirmed(&self) -> (PoolState, u64) {
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
    pub(super) fn account_state(&self, address: Address) -> Result<AccountState, StoreError> {
        self.preconfirmed().0.account_state(address)
    }

    /// Runs `with` with the fees and limits that the pool checks against now.
    pub(super) fn with_fees<T>(&self, base_fee: u64, with: impl FnOnce(&FeeContext<'_>) -> T) -> T {
        let head = self.chain.head();
        let l1_cost = |encoded: &[u8], gas_limit: u64| {
            self.fees.as_ref().map_or(U256::ZERO, |fees| {
                fees.data_fee(encoded)
                    .saturating_add(fees.operator_fee(encoded, gas_limit))
            })
        };
        let config = self.chain.config();
        let l2_timestamp = head.timestamp.saturating_add(config.block_time);
        with(&FeeContext {
            chain_id: config.l2_chain_id,
            base_fee,
            // Every block begins with the L1 attributes.
            gas_limit_max: head
                .gas_limit
                .saturating_sub(L1_ATTRIBUTES_GAS)
                .min(transaction_gas_max(config, l2_timestamp)),
            l1_cost: &l1_cost,
            l2_timestamp,
        })
    }
}
