use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_genesis::Genesis;
use alloy_primitives::{B256, Bytes, U256, keccak256};
use openledger_primitives::{
    Account, AccountChange, AccountInfo, Block, BlockBody, EMPTY_CODE_HASH, EMPTY_ROOT_HASH,
    Header, NodeReader, SealedBlock, StateChanges, StateReader, predeploys,
};
use openledger_trie::{ResidentLimits, StateTrie, TrieUpdates};
use std::convert::Infallible;

/// Why a genesis can't be used.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// A field that every chain of ours must have.
    #[error("genesis.json: {name} is missing")]
    Missing {
        /// The field.
        name: &'static str,
    },
    /// The state root could not be computed: it can't happen with an empty parent state.
    #[error("genesis state root: {0}")]
    Root(#[from] openledger_trie::TrieError<Infallible, MissingNode>),
}

/// A trie node was asked of the empty state.
#[derive(Debug, thiserror::Error)]
#[error("node {0} of an empty trie")]
pub struct MissingNode(B256);

/// The state before genesis.
struct EmptyState;

impl StateReader for EmptyState {
    type Error = Infallible;
    fn account(&self, _: alloy_primitives::Address) -> Result<Option<Account>, Infallible> {
        Ok(None)
    }
    fn storage(&self, _: alloy_primitives::Address, _: U256) -> Result<U256, Infallible> {
        Ok(U256::ZERO)
    }
    fn code(&self, _: B256) -> Result<Option<Bytes>, Infallible> {
        Ok(None)
    }
    fn block_hash(&self, _: u64) -> Result<Option<B256>, Infallible> {
        Ok(None)
    }
}

impl NodeReader for EmptyState {
    type Error = MissingNode;
    fn node(&self, _: Option<B256>, _: &[u8], hash: B256) -> Result<Bytes, MissingNode> {
        Err(MissingNode(hash))
    }
}

/// The genesis block (Isthmus form) of `genesis`, its state and its tries.
///
/// # Errors
/// [`GenesisError::Missing`] if the base fee is not given.
pub fn genesis_block(
    genesis: &Genesis,
) -> Result<(SealedBlock, StateChanges, TrieUpdates), GenesisError> {
    let mut changes = StateChanges::default();
    for (address, account) in &genesis.alloc {
        let code_hash = match &account.code {
            Some(code) if !code.is_empty() => {
                let hash = keccak256(code);
                changes.code.insert(hash, code.clone());
                hash
            }
            _ => EMPTY_CODE_HASH,
        };
        let storage = account
            .storage
            .iter()
            .flatten()
            .filter(|(_, value)| !value.is_zero())
            .map(|(slot, value)| (U256::from_be_bytes(slot.0), U256::from_be_bytes(value.0)))
            .collect();
        changes.accounts.insert(
            *address,
            AccountChange {
                info: Some(AccountInfo {
                    nonce: account.nonce.unwrap_or_default(),
                    balance: account.balance,
                    code_hash,
                }),
                storage_wiped: false,
                storage,
            },
        );
    }
    let mut trie = StateTrie::new(EMPTY_ROOT_HASH, ResidentLimits::default());
    let updates = trie.update(&changes, &EmptyState, &EmptyState)?;
    let base_fee = genesis
        .base_fee_per_gas
        .and_then(|fee| u64::try_from(fee).ok())
        .ok_or(GenesisError::Missing {
            name: "baseFeePerGas",
        })?;
    let header = Header {
        ommers_hash: alloy_consensus::EMPTY_OMMER_ROOT_HASH,
        beneficiary: genesis.coinbase,
        state_root: updates.root,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        withdrawals_root: Some(
            updates
                .storage_roots
                .get(&predeploys::L2_TO_L1_MESSAGE_PASSER)
                .copied()
                .unwrap_or(EMPTY_ROOT_HASH),
        ),
        gas_limit: genesis.gas_limit,
        timestamp: genesis.timestamp,
        extra_data: genesis.extra_data.clone(),
        mix_hash: genesis.mix_hash,
        nonce: genesis.nonce.to_be_bytes().into(),
        base_fee_per_gas: Some(base_fee),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Default::default()
    };
    let hash = header.hash_slow();
    let body = BlockBody {
        transactions: Vec::new(),
        ommers: Vec::new(),
        withdrawals: Some(Default::default()),
    };
    let block = SealedBlock {
        hash,
        block: Block { header, body },
        senders: Vec::new(),
        receipts: Vec::new(),
    };
    Ok((block, changes, updates))
}
