use crate::{BlockExecutor, ExecutedBlock, ExecutionError, SealError};
use alloc::{sync::Arc, vec::Vec};
use alloy_consensus::{
    TxReceipt, proofs::calculate_receipt_root, proofs::calculate_transaction_root,
};
use alloy_eips::{Encodable2718, eip7685::EMPTY_REQUESTS_HASH};
use alloy_primitives::{Address, B256, Bloom};
use openledger_primitives::{
    Block, BlockAttributes, BlockBody, ChainConfig, EMPTY_ROOT_HASH, NodeReader, OpHardforks,
    SealedBlock, SealedHeader, StateChanges, StateReader, Transaction, deposit_sender, predeploys,
};
use openledger_trie::{MaybeSync, StateTrie, TrieError, TrieUpdates};

/// A sealed block with what its execution wrote.
#[derive(Debug, Clone)]
pub struct SealedExecution {
    /// The block.
    pub block: SealedBlock,
    /// Flat changes to its parent's state.
    pub changes: StateChanges,
    /// Changes to its parent's tries.
    pub trie: TrieUpdates,
}

impl ExecutedBlock {
    /// Computes the roots and seals the header (Isthmus form).
    ///
    /// `trie` must stand at the parent's state root and moves to this block's; `state` and `nodes` read
    /// the parent's post-state.
    ///
    /// # Errors
    /// A failed read. `trie` must then be reset.
    pub fn seal<S, N>(
        self,
        config: &ChainConfig,
        trie: &mut StateTrie,
        state: &S,
        nodes: &N,
    ) -> Result<SealedExecution, SealError<TrieError<S::Error, N::Error>>>
    where
        S: StateReader + MaybeSync,
        N: NodeReader + MaybeSync,
    {
        let Self {
            mut header,
            transactions,
            senders,
            receipts,
            changes,
        } = self;
        let trie = trie
            .update(&changes, state, nodes)
            .map_err(SealError::Trie)?;
        header.state_root = trie.root;
        header.transactions_root = calculate_transaction_root(&transactions);
        header.receipts_root = calculate_receipt_root(&receipts);
        header.logs_bloom = receipts
            .iter()
            .fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.bloom());
        header.withdrawals_root =
            Some(if config.is_isthmus_active_at_timestamp(header.timestamp) {
                message_passer_root(&trie, state)?
            } else {
                EMPTY_ROOT_HASH
            });
        if config.is_isthmus_active_at_timestamp(header.timestamp) {
            header.requests_hash = Some(EMPTY_REQUESTS_HASH);
        }
        let hash = header.hash_slow();
        let block = Block {
            header,
            body: BlockBody {
                transactions,
                ommers: Vec::new(),
                withdrawals: Some(Default::default()),
            },
        };
        Ok(SealedExecution {
            block: SealedBlock {
                hash,
                block,
                senders,
                receipts,
            },
            changes,
            trie,
        })
    }
}

/// Storage root of the message passer after the block (OP specification, "Isthmus: withdrawals root").
fn message_passer_root<S: StateReader, N: core::error::Error + 'static>(
    trie: &TrieUpdates,
    state: &S,
) -> Result<B256, SealError<TrieError<S::Error, N>>> {
    if let Some(root) = trie.storage_roots.get(&predeploys::L2_TO_L1_MESSAGE_PASSER) {
        return Ok(*root);
    }
    let account = state
        .account(predeploys::L2_TO_L1_MESSAGE_PASSER)
        .map_err(|error| SealError::Trie(TrieError::State(error)))?;
    Ok(account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root))
}

/// Executes and seals the block that `attributes` prescribe in full: what a verifier and the
/// fault-proof program do.
///
/// # Errors
/// [`ExecutionError`] if a prescribed transaction can't be included (the caller then applies the
/// Holocene rule: deposits only), inside the outer `Ok`; a failed state root outside it.
pub fn execute_block<S, N>(
    config: &Arc<ChainConfig>,
    parent: &SealedHeader,
    attributes: &BlockAttributes,
    trie: &mut StateTrie,
    state: &S,
    nodes: &N,
) -> Result<Result<SealedExecution, ExecutionError>, SealError<TrieError<S::Error, N::Error>>>
where
    S: StateReader + MaybeSync + core::fmt::Debug,
    N: NodeReader + MaybeSync,
{
    let executed = match run(config, parent, attributes, None, state) {
        Ok(executed) => executed,
        Err(error) => return Ok(Err(error)),
    };
    executed.seal(config, trie, state, nodes).map(Ok)
}

/// [`execute_block`] with senders that the caller has recovered, which costs more than all the rest:
/// `senders[i]` is [`sender`] of transaction `i`.
///
/// # Errors
/// As [`execute_block`].
pub fn execute_block_from<S, N>(
    config: &Arc<ChainConfig>,
    parent: &SealedHeader,
    attributes: &BlockAttributes,
    senders: &[Option<Address>],
    trie: &mut StateTrie,
    state: &S,
    nodes: &N,
) -> Result<Result<SealedExecution, ExecutionError>, SealError<TrieError<S::Error, N::Error>>>
where
    S: StateReader + MaybeSync + core::fmt::Debug,
    N: NodeReader + MaybeSync,
{
    let executed = match run(config, parent, attributes, Some(senders), state) {
        Ok(executed) => executed,
        Err(error) => return Ok(Err(error)),
    };
    executed.seal(config, trie, state, nodes).map(Ok)
}

fn run<S: StateReader + core::fmt::Debug>(
    config: &Arc<ChainConfig>,
    parent: &SealedHeader,
    attributes: &BlockAttributes,
    senders: Option<&[Option<Address>]>,
    state: &S,
) -> Result<ExecutedBlock, ExecutionError> {
    let mut executor = BlockExecutor::begin(config.clone(), parent, attributes, state)?;
    for (index, transaction) in attributes.transactions.iter().enumerate() {
        let hash = transaction.tx_hash();
        let sender = match senders {
            Some(senders) => senders.get(index).copied().flatten(),
            None => sender(transaction),
        }
        .ok_or(ExecutionError::Signature { index, hash })?;
        executor
            .execute(
                transaction,
                sender,
                transaction.encoded_2718().into(),
                |_| (),
            )
            .map_err(|source| ExecutionError::Transaction {
                index,
                hash,
                source,
            })?;
    }
    executor.finish()
}

/// The sender of any transaction that a block may hold; `None` if its signature is invalid.
pub fn sender(transaction: &Transaction) -> Option<Address> {
    use alloy_consensus::transaction::SignerRecoverable;
    deposit_sender(transaction).or_else(|| transaction.recover_signer().ok())
}
