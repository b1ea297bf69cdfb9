use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, U256, b256};

/// keccak256 of no bytes: the code hash of an account without code.
pub const EMPTY_CODE_HASH: B256 =
    b256!("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
/// Root of an empty Merkle Patricia trie: keccak256(rlp("")).
pub const EMPTY_ROOT_HASH: B256 =
    b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");

/// An account as the state trie holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Balance in wei of OPEN.
    pub balance: U256,
    /// keccak256 of the code.
    pub code_hash: B256,
    /// Root of the account's storage trie.
    pub storage_root: B256,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: U256::ZERO,
            code_hash: EMPTY_CODE_HASH,
            storage_root: EMPTY_ROOT_HASH,
        }
    }
}

impl Account {
    /// Whether the account is empty as EIP-161 defines it.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == EMPTY_CODE_HASH
    }
}

/// Reads the state as of one block. Implementations answer from one consistent snapshot.
pub trait StateReader {
    /// Why a read failed (never "absent", which is an answer).
    type Error: core::error::Error + Send + Sync + 'static;

    /// The account, or `None` if it doesn't exist.
    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error>;
    /// The value of a storage slot; zero if it was never written.
    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error>;
    /// The code with this hash; `None` if unknown.
    fn code(&self, code_hash: B256) -> Result<Option<Bytes>, Self::Error>;
    /// The hash of canonical block `number`; `None` if unknown.
    fn block_hash(&self, number: u64) -> Result<Option<B256>, Self::Error>;
}

/// Reads trie nodes: the store answers by (account, path), a witness by hash.
pub trait NodeReader {
    /// Why a read failed.
    type Error: core::error::Error + Send + Sync + 'static;

    /// The RLP of the node of the account trie (`account` is `None`) or of the storage trie of the
    /// account whose hashed address is given.
    ///
    /// `path` holds one nibble (0–15) a byte, from the root; `hash` is keccak256 of the node.
    ///
    /// # Errors
    /// A node that is missing is an error: the caller only asks for nodes that a parent refers to.
    fn node(&self, account: Option<B256>, path: &[u8], hash: B256) -> Result<Bytes, Self::Error>;
}

impl<T: StateReader + ?Sized> StateReader for &T {
    type Error = T::Error;
    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        (**self).account(address)
    }
    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        (**self).storage(address, slot)
    }
    fn code(&self, code_hash: B256) -> Result<Option<Bytes>, Self::Error> {
        (**self).code(code_hash)
    }
    fn block_hash(&self, number: u64) -> Result<Option<B256>, Self::Error> {
        (**self).block_hash(number)
    }
}

impl<T: StateReader + ?Sized> StateReader for Arc<T> {
    type Error = T::Error;
    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        (**self).account(address)
    }
    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        (**self).storage(address, slot)
    }
    fn code(&self, code_hash: B256) -> Result<Option<Bytes>, Self::Error> {
        (**self).code(code_hash)
    }
    fn block_hash(&self, number: u64) -> Result<Option<B256>, Self::Error> {
        (**self).block_hash(number)
    }
}

impl<T: NodeReader + ?Sized> NodeReader for &T {
    type Error = T::Error;
    fn node(&self, account: Option<B256>, path: &[u8], hash: B256) -> Result<Bytes, Self::Error> {
        (**self).node(account, path, hash)
    }
}

impl<T: NodeReader + ?Sized> NodeReader for Arc<T> {
    type Error = T::Error;
    fn node(&self, account: Option<B256>, path: &[u8], hash: B256) -> Result<Bytes, Self::Error> {
        (**self).node(account, path, hash)
    }
}

/// What one block changed, in key order: the difference between two post-states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateChanges {
    /// Changed accounts.
    pub accounts: BTreeMap<Address, AccountChange>,
    /// Code that appeared, by hash.
    pub code: BTreeMap<B256, Bytes>,
}

/// The change of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountChange {
    /// The account after the block (nonce, balance, code hash); `None` if it no longer exists.
    pub info: Option<AccountInfo>,
    /// Whether all storage that existed before the block is gone (self-destruct): slots in
    /// `storage` are then the whole storage.
    pub storage_wiped: bool,
    /// Slots whose value differs from before the block, with the value after it; zero deletes.
    pub storage: BTreeMap<U256, U256>,
}

/// [`Account`] without its storage root, which only the trie knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountInfo {
    /// Nonce.
    pub nonce: u64,
    /// Balance in wei of OPEN.
    pub balance: U256,
    /// keccak256 of the code.
    pub code_hash: B256,
}

impl StateChanges {
    /// Addresses changed, in order.
    pub fn addresses(&self) -> Vec<Address> {
        self.accounts.keys().copied().collect()
    }
}
