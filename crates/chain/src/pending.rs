use alloy_primitives::{Address, B256, Bytes, U256, map::FbBuildHasher};
use openledger_primitives::{
    Account, AccountInfo, BlockAttributes, EMPTY_ROOT_HASH, Header, Receipt, StateReader,
    Transaction,
};
use openledger_store::{LatestState, StoreError};
use std::sync::Arc;

/// A transaction that was executed into the open block and journaled: it will be sealed at this
/// position unless the L1 reorganizes away the block's origin.
#[derive(Debug, Clone)]
pub struct PreconfirmedTransaction {
    /// The transaction.
    pub transaction: Transaction,
    /// Its hash.
    pub hash: B256,
    /// Its sender.
    pub sender: Address,
    /// Its receipt; cumulative gas and bloom are final.
    pub receipt: Receipt,
    /// Gas that it used alone.
    pub gas_used: u64,
    /// Number of the open block.
    pub block_number: u64,
    /// Position in the open block.
    pub index: u64,
    /// Index in the block of its first log.
    pub first_log_index: u64,
}

/// An immutable snapshot of the open block after some number of transactions. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct OpenBlock {
    /// The draft header: all fields but roots, bloom and hash; gas used so far.
    pub header: Header,
    /// The attributes that the block was opened with.
    pub attributes: Arc<BlockAttributes>,
    /// Transactions so far, in order.
    pub transactions: imbl::Vector<Arc<PreconfirmedTransaction>>,
    /// Positions by hash.
    pub positions:
        imbl::GenericHashMap<B256, usize, FbBuildHasher<32>, imbl::shared_ptr::DefaultSharedPtr>,
    /// State after those transactions.
    pub state: PendingState,
}

impl OpenBlock {
    /// A transaction of the open block by hash.
    pub fn transaction(&self, hash: &B256) -> Option<&Arc<PreconfirmedTransaction>> {
        self.positions
            .get(hash)
            .and_then(|index| self.transactions.get(*index))
    }
}

type Map<K, V, const N: usize> =
    imbl::GenericHashMap<K, V, FbBuildHasher<N>, imbl::shared_ptr::DefaultSharedPtr>;
type SlotMap = imbl::GenericHashMap<
    U256,
    U256,
    alloy_primitives::map::DefaultHashBuilder,
    imbl::shared_ptr::DefaultSharedPtr,
>;

/// The preconfirmed state: the head's post-state with what the open block changed so far.
///
/// A persistent map, so that each transaction's snapshot shares what it didn't change.
#[derive(Clone)]
pub struct PendingState {
    base: Arc<LatestState>,
    accounts: Map<Address, PendingAccount, 20>,
    code: Map<B256, Bytes, 32>,
}

impl std::fmt::Debug for PendingState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingState")
            .field("accounts", &self.accounts.len())
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
struct PendingAccount {
    /// `None`: destroyed in this block.
    info: Option<AccountInfo>,
    /// Storage of the base no longer counts.
    storage_wiped: bool,
    storage: SlotMap,
}

impl PendingState {
    /// The state of an open block without transactions.
    pub fn new(base: Arc<LatestState>) -> Self {
        Self {
            base,
            accounts: Map::default(),
            code: Map::default(),
        }
    }

    /// Sets an account as a transaction left it, with the slots that the transaction changed.
    pub fn set_account(
        &mut self,
        address: Address,
        info: Option<AccountInfo>,
        storage_wiped: bool,
        storage: impl IntoIterator<Item = (U256, U256)>,
    ) {
        let entry = self
            .accounts
            .entry(address)
            .or_insert_with(|| PendingAccount {
                info: None,
                storage_wiped: false,
                storage: SlotMap::default(),
            });
        entry.info = info;
        if storage_wiped {
            entry.storage_wiped = true;
            entry.storage = SlotMap::default();
        }
        for (slot, value) in storage {
            entry.storage.insert(slot, value);
        }
    }

    /// Adds code that a transaction deployed.
    pub fn set_code(&mut self, hash: B256, code: Bytes) {
        self.code.insert(hash, code);
    }
}

impl StateReader for PendingState {
    type Error = StoreError;

    /// The account; its storage root is the head's, since an open block has none.
    fn account(&self, address: Address) -> Result<Option<Account>, StoreError> {
        let Some(changed) = self.accounts.get(&address) else {
            return self.base.account(address);
        };
        Ok(changed.info.map(|info| Account {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
            storage_root: EMPTY_ROOT_HASH,
        }))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
        if let Some(changed) = self.accounts.get(&address) {
            if let Some(value) = changed.storage.get(&slot) {
                return Ok(*value);
            }
            if changed.storage_wiped {
                return Ok(U256::ZERO);
            }
        }
        self.base.storage(address, slot)
    }

    fn code(&self, code_hash: B256) -> Result<Option<Bytes>, StoreError> {
        match self.code.get(&code_hash) {
            Some(code) => Ok(Some(code.clone())),
            None => self.base.code(code_hash),
        }
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        self.base.block_hash(number)
    }
}
