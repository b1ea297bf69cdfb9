//! The open block: the executor, and the snapshots of it that the rest of the node sees.

use crate::BuilderError;
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, map::HashSet};
use openledger_chain::{Chain, OpenBlock, PendingState, PreconfirmedTransaction};
use openledger_execution::{BlockExecutor, ExecutedBlock, StateDatabase, TransactionError, sender};
use openledger_mempool::RecoveredTransaction;
use openledger_primitives::{AccountInfo, BlockAttributes, SealedHeader};
use openledger_protocol::L1Attributes;
use openledger_store::LatestState;
use revm::{DatabaseCommit, database::State, state::EvmState};
use std::sync::Arc;

/// The least that a transaction is estimated to take on L1, bytes (OP specification, Fjord).
const TRANSACTION_DATA_MIN: u64 = 100;

pub(crate) struct Draft {
    executor: BlockExecutor<Arc<LatestState>>,
    view: OpenBlock,
    log_index: u64,
    /// How many of the transactions the attributes prescribed.
    pub(crate) prescribed: usize,
    /// Transactions journaled so far, the attributes' record included.
    pub(crate) journaled: u32,
    /// Bytes that the pool's transactions take on L1, estimated.
    pub(crate) data_bytes: u64,
    /// Accounts touched since [`Draft::take_touched`]: the pool looks at those that it knows again.
    touched: HashSet<Address>,
}

impl Draft {
    /// Opens the block after the unsafe head and runs the transactions that `attributes` prescribe.
    pub(crate) fn open(chain: &Chain, attributes: BlockAttributes) -> Result<Self, BuilderError> {
        let (parent, state): (Arc<SealedHeader>, Arc<LatestState>) = chain.latest();
        let number = parent.number + 1;
        let mut executor =
            BlockExecutor::begin(chain.config().clone(), &parent, &attributes, state.clone())?;
        let mut pending = PendingState::new(state);
        apply_system_calls(&mut pending, executor.state_mut());
        let view = OpenBlock {
            header: executor.header().clone(),
            attributes: Arc::new(attributes),
            transactions: imbl::Vector::new(),
            positions: Default::default(),
            state: pending,
        };
        let mut draft = Self {
            executor,
            view,
            log_index: 0,
            prescribed: 0,
            journaled: 0,
            data_bytes: 0,
            touched: HashSet::default(),
        };
        let attributes = draft.view.attributes.clone();
        for (index, transaction) in attributes.transactions.iter().enumerate() {
            let sender = sender(transaction).unwrap_or_default();
            let recovered = RecoveredTransaction {
                transaction: transaction.clone(),
                sender,
                hash: transaction.tx_hash(),
                encoded: transaction.encoded_2718().into(),
            };
            draft
                .execute(&recovered)
                .map_err(|source| BuilderError::Attributes {
                    number,
                    index,
                    source,
                })?;
        }
        draft.prescribed = attributes.transactions.len();
        Ok(draft)
    }

    pub(crate) const fn number(&self) -> u64 {
        self.view.header.number
    }

    pub(crate) const fn base_fee(&self) -> u64 {
        match self.view.header.base_fee_per_gas {
            Some(fee) => fee,
            None => 0,
        }
    }

    /// Transactions beyond those prescribed.
    pub(crate) fn pooled_transactions(&self) -> usize {
        self.view.transactions.len().saturating_sub(self.prescribed)
    }

    /// Whether it holds nothing but what every block must: there will be no emptier one.
    pub(crate) fn is_bare(&self) -> bool {
        self.pooled_transactions() == 0 && self.prescribed <= 1
    }

    /// Gas that transactions may still ask for.
    pub(crate) const fn gas_left(&self) -> u64 {
        let header = &self.view.header;
        header.gas_limit.saturating_sub(header.gas_used)
    }

    /// DA footprint that transactions may still have, in gas (Jovian); before it all of the block's gas.
    pub(crate) const fn da_footprint_left(&self) -> u64 {
        let used = self.executor.da_footprint_used();
        self.view.header.gas_limit.saturating_sub(used)
    }

    /// The least DA footprint of a transaction, in gas; zero before Jovian.
    pub(crate) fn da_footprint_min(&self) -> u64 {
        let first = self.view.attributes.transactions.first();
        first
            .and_then(|first| L1Attributes::from_deposit(first).ok())
            .and_then(|attributes| attributes.da_footprint_gas_scalar)
            .map_or(0, |scalar| {
                u64::from(scalar).saturating_mul(TRANSACTION_DATA_MIN)
            })
    }

    /// The transactions beyond those prescribed.
    pub(crate) fn pooled(&self) -> Vec<RecoveredTransaction> {
        let transactions = self.view.transactions.iter().skip(self.prescribed);
        transactions
            .map(|tx| RecoveredTransaction::new_unchecked(tx.transaction.clone(), tx.sender))
            .collect()
    }

    pub(crate) fn view(&self) -> &OpenBlock {
        &self.view
    }

    /// Executes a transaction into the block.
    pub(crate) fn execute(
        &mut self,
        recovered: &RecoveredTransaction,
    ) -> Result<Arc<PreconfirmedTransaction>, TransactionError> {
        let (state, touched) = (&mut self.view.state, &mut self.touched);
        let outcome = self.executor.execute(
            &recovered.transaction,
            recovered.sender,
            recovered.encoded.clone(),
            |changes| {
                apply(state, changes);
                touched.extend(changes.keys().copied());
            },
        )?;
        let index = self.view.transactions.len();
        let logs = outcome.receipt.logs().len() as u64;
        let preconfirmed = Arc::new(PreconfirmedTransaction {
            transaction: recovered.transaction.clone(),
            hash: recovered.hash,
            sender: recovered.sender,
            receipt: outcome.receipt,
            gas_used: outcome.gas_used,
            block_number: self.view.header.number,
            index: index as u64,
            first_log_index: self.log_index,
        });
        self.log_index += logs;
        self.view.header.gas_used = self.executor.gas_used();
        // Zero before Jovian, as the field is.
        self.view.header.blob_gas_used = Some(self.executor.da_footprint_used());
        self.view.transactions.push_back(preconfirmed.clone());
        self.view.positions.insert(recovered.hash, index);
        Ok(preconfirmed)
    }

    /// Accounts touched since the last call.
    pub(crate) fn take_touched(&mut self) -> HashSet<Address> {
        std::mem::take(&mut self.touched)
    }

    /// Changes accounts outside any transaction (local chains only).
    pub(crate) fn change(&mut self, changes: EvmState) {
        apply(&mut self.view.state, &changes);
        self.executor.state_mut().commit(changes);
    }

    /// The executor's database.
    pub(crate) fn state_mut(&mut self) -> &mut State<StateDatabase<Arc<LatestState>>> {
        self.executor.state_mut()
    }

    pub(crate) fn finish(self) -> Result<ExecutedBlock, BuilderError> {
        Ok(self.executor.finish()?)
    }
}

/// Merges what the system calls before the first transaction wrote.
fn apply_system_calls(pending: &mut PendingState, state: &State<StateDatabase<Arc<LatestState>>>) {
    let Some(transitions) = &state.transition_state else {
        return;
    };
    for (address, account) in &transitions.transitions {
        let info = account.info.as_ref().map(|info| AccountInfo {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
        });
        let changed = account
            .storage
            .iter()
            .map(|(slot, value)| (*slot, value.present_value));
        pending.set_account(*address, info, false, changed);
    }
}

/// Merges what a transaction touched into the pending state.
fn apply(state: &mut PendingState, changes: &EvmState) {
    for (address, account) in changes {
        if !account.is_touched() {
            continue;
        }
        if account.is_selfdestructed() {
            state.set_account(*address, None, true, []);
            continue;
        }
        // EIP-161: an account that is touched and empty does not exist.
        let info = (!account.info.is_empty()).then_some(AccountInfo {
            nonce: account.info.nonce,
            balance: account.info.balance,
            code_hash: account.info.code_hash,
        });
        // Code appears by creation or by an EIP-7702 delegation; any other account's is stored.
        if let Some(code) = &account.info.code
            && !code.is_empty()
            && (account.is_created() || code.is_eip7702())
        {
            state.set_code(account.info.code_hash, code.original_bytes());
        }
        let changed = account
            .storage
            .iter()
            .filter(|(_, slot)| slot.is_changed())
            .map(|(slot, value)| (*slot, value.present_value));
        state.set_account(*address, info, account.is_created(), changed);
    }
}
