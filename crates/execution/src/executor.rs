use crate::{
    ExecutionError, StateDatabase, TransactionError,
    evm::{Evm, draft_header, evm_env, evm_factory},
};
use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};
use alloy_consensus::{TxReceipt, transaction::Recovered};
use alloy_evm::{
    Evm as _, EvmEnv, FromTxWithEncoded,
    block::{BlockExecutionError, BlockExecutor as _, BlockValidationError},
};
use alloy_op_evm::{
    OpBlockExecutionCtx, OpBlockExecutor, OpTx,
    block::{OpAlloyReceiptBuilder, OpBlockExecutionError},
};
use alloy_primitives::{Address, Bytes};
use op_revm::OpSpecId;
use openledger_primitives::{
    AccountChange, AccountInfo, BlockAttributes, ChainConfig, Header, OpHardforks, Receipt,
    SealedHeader, StateChanges, StateReader, Transaction,
};
use revm::{
    database::{BundleState, State, states::bundle_state::BundleRetention},
    state::EvmState,
};

type Inner<R> =
    OpBlockExecutor<Evm<State<StateDatabase<R>>>, OpAlloyReceiptBuilder, Arc<ChainConfig>>;

/// A block in the making: transactions are added one at a time, each seeing the state that those
/// before it left.
///
/// The parent's state is read from `R` and never written. A transaction that can't be included leaves
/// no trace.
pub struct BlockExecutor<R: StateReader + core::fmt::Debug> {
    inner: Inner<R>,
    config: Arc<ChainConfig>,
    header: Header,
    transactions: Vec<Transaction>,
    senders: Vec<Address>,
}

impl<R: StateReader + core::fmt::Debug> core::fmt::Debug for BlockExecutor<R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("BlockExecutor")
            .field("number", &self.header.number)
            .field("transactions", &self.transactions.len())
            .finish_non_exhaustive()
    }
}

/// What including a transaction did.
#[derive(Debug, Clone)]
pub struct TransactionOutcome {
    /// Its receipt; cumulative gas counts the block so far.
    pub receipt: Receipt,
    /// Gas used by this transaction alone.
    pub gas_used: u64,
}

/// An executed block that lacks its roots.
#[derive(Debug, Clone)]
pub struct ExecutedBlock {
    /// The header without state root, transactions root, receipts root, bloom and withdrawals root.
    pub header: Header,
    /// Transactions in order.
    pub transactions: Vec<Transaction>,
    /// Their senders.
    pub senders: Vec<Address>,
    /// Their receipts.
    pub receipts: Vec<Receipt>,
    /// What the block changed in its parent's state.
    pub changes: StateChanges,
}

impl<R: StateReader + core::fmt::Debug> BlockExecutor<R> {
    /// Opens the block after `parent`, whose post-state is `state`, and runs the system calls that
    /// precede its transactions (EIP-2935, EIP-4788). The attributes' transactions are *not* run.
    ///
    /// # Errors
    /// Attributes that no block can have, or a failed state read.
    pub fn begin(
        config: Arc<ChainConfig>,
        parent: &SealedHeader,
        attributes: &BlockAttributes,
        state: R,
    ) -> Result<Self, ExecutionError> {
        let header = draft_header(&config, parent, attributes)?;
        let env = evm_env(&config, &header);
        Self::begin_in(config, header, env, state)
    }

    fn begin_in(
        config: Arc<ChainConfig>,
        header: Header,
        env: EvmEnv<OpSpecId>,
        state: R,
    ) -> Result<Self, ExecutionError> {
        let db = State::builder()
            .with_database(StateDatabase(state))
            .with_bundle_update()
            .build();
        let evm = evm_factory().create(db, env);
        let context = OpBlockExecutionCtx {
            parent_hash: header.parent_hash,
            parent_beacon_block_root: header.parent_beacon_block_root,
            extra_data: header.extra_data.clone(),
        };
        let mut inner = OpBlockExecutor::new(
            evm,
            context,
            config.clone(),
            OpAlloyReceiptBuilder::default(),
        );
        inner
            .apply_pre_execution_changes()
            .map_err(|error| ExecutionError::Internal(Box::new(error)))?;
        Ok(Self {
            inner,
            config,
            header,
            transactions: Vec::new(),
            senders: Vec::new(),
        })
    }

    /// The draft header: everything but roots, bloom and gas used.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Gas that the transactions so far used.
    pub const fn gas_used(&self) -> u64 {
        self.inner.gas_used
    }

    /// DA footprint of the transactions so far, in gas; zero before Jovian. Bounded by the block's gas limit.
    pub const fn da_footprint_used(&self) -> u64 {
        self.inner.da_footprint_used
    }

    /// Transactions so far.
    pub fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    /// Runs a transaction and keeps it in the block. `observe` sees the accounts that it touched,
    /// system accounts and fee vaults included, before they are merged.
    ///
    /// # Errors
    /// [`TransactionError`]; the block is then as if the transaction had never been tried.
    pub fn execute(
        &mut self,
        transaction: &Transaction,
        sender: Address,
        encoded: Bytes,
        observe: impl FnOnce(&EvmState),
    ) -> Result<TransactionOutcome, TransactionError> {
        let env = OpTx::from_encoded_tx(transaction, sender, encoded);
        let before = self.inner.gas_used;
        let executed = self
            .inner
            .execute_transaction_without_commit((
                env,
                Recovered::new_unchecked(transaction, sender),
            ))
            .map_err(transaction_error)?;
        observe(&executed.inner.result.state);
        self.inner
            .commit_transaction(executed)
            .map_err(|error| TransactionError::Internal(Box::new(error)))?;
        self.transactions.push(transaction.clone());
        self.senders.push(sender);
        let Some(receipt) = self.inner.receipts.last().cloned() else {
            // commit_transaction pushes exactly one receipt; without it the node is broken.
            return Err(TransactionError::Internal(Box::new(
                BlockExecutionError::msg("no receipt after commit"),
            )));
        };
        Ok(TransactionOutcome {
            receipt,
            gas_used: self.inner.gas_used.saturating_sub(before),
        })
    }

    /// The EVM's database: the parent's state with what the block changed so far.
    pub fn state_mut(&mut self) -> &mut State<StateDatabase<R>> {
        self.inner.evm.db_mut()
    }

    /// Closes the block.
    ///
    /// # Errors
    /// A failed state read.
    pub fn finish(mut self) -> Result<ExecutedBlock, ExecutionError> {
        let internal = |error: BlockExecutionError| ExecutionError::Internal(Box::new(error));
        let da_footprint = self.inner.da_footprint_used;
        let (evm, result) = self.inner.finish().map_err(internal)?;
        let (mut state, _) = evm.finish();
        state.merge_transitions(BundleRetention::PlainState);
        let changes = state_changes(state.take_bundle());
        self.header.gas_used = result
            .receipts
            .last()
            .map_or(0, TxReceipt::cumulative_gas_used);
        if self
            .config
            .is_jovian_active_at_timestamp(self.header.timestamp)
        {
            self.header.blob_gas_used = Some(da_footprint);
        }
        Ok(ExecutedBlock {
            header: self.header,
            transactions: self.transactions,
            senders: self.senders,
            receipts: result.receipts,
            changes,
        })
    }
}

/// Sorts an executor's error by what follows from it for the transaction.
fn transaction_error(error: BlockExecutionError) -> TransactionError {
    match error {
        BlockExecutionError::Validation(
            BlockValidationError::TransactionGasLimitMoreThanAvailableBlockGas {
                transaction_gas_limit,
                block_available_gas,
            },
        ) => TransactionError::BlockGas {
            gas_limit: transaction_gas_limit,
            available: block_available_gas,
        },
        BlockExecutionError::Validation(BlockValidationError::Other(other))
            if other.downcast_ref::<OpBlockExecutionError>().is_some() =>
        {
            TransactionError::BlockData
        }
        error @ BlockExecutionError::Validation(_) => TransactionError::Invalid(Box::new(error)),
        error @ BlockExecutionError::Internal(_) => TransactionError::Internal(Box::new(error)),
    }
}

/// The difference between a block's pre- and post-state, in key order.
pub fn state_changes(bundle: BundleState) -> StateChanges {
    let mut accounts = BTreeMap::new();
    let mut code = BTreeMap::new();
    for (address, account) in bundle.state {
        if account.status.is_not_modified() {
            continue;
        }
        let storage_wiped = account.was_destroyed();
        let storage: BTreeMap<_, _> = account
            .storage
            .iter()
            .filter(|(_, slot)| {
                if storage_wiped {
                    !slot.present_value.is_zero()
                } else {
                    slot.is_changed()
                }
            })
            .map(|(slot, value)| (*slot, value.present_value))
            .collect();
        let info = account.info.as_ref().map(|info| AccountInfo {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
        });
        let original = account.original_info.as_ref().map(|info| AccountInfo {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
        });
        if info == original && storage.is_empty() && !storage_wiped {
            continue;
        }
        accounts.insert(
            address,
            AccountChange {
                info,
                storage_wiped,
                storage,
            },
        );
    }
    for (hash, bytecode) in bundle.contracts {
        code.insert(hash, bytecode.original_bytes());
    }
    StateChanges { accounts, code }
}
