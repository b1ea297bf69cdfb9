use alloy_primitives::{Address, B256, U256};
use openledger_primitives::EMPTY_CODE_HASH;

/// What admission needs to know of an account, as of the preconfirmed (pending) state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountState {
    /// Nonce of the next transaction.
    pub nonce: u64,
    /// Balance, wei of OPEN.
    pub balance: U256,
    /// keccak256 of the code.
    pub code_hash: B256,
    /// Whether the code is an EIP-7702 delegation (`0xef0100 ‖ address`).
    pub is_delegated: bool,
}

impl AccountState {
    /// Whether the account has code that is no delegation, so that it can't send (EIP-3607).
    pub fn is_contract(&self) -> bool {
        // Some state layers say "no code" by the zero hash.
        !self.is_delegated && self.code_hash != EMPTY_CODE_HASH && !self.code_hash.is_zero()
    }
}

impl Default for AccountState {
    /// An account that doesn't exist.
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: U256::ZERO,
            code_hash: EMPTY_CODE_HASH,
            is_delegated: false,
        }
    }
}

/// Reads accounts of the preconfirmed state: sealed blocks and the open block's transactions so far.
///
/// The builder must publish the state after a transaction before it calls
/// [`Mempool::mark_executed`](crate::Mempool::mark_executed), or an insertion in between would see
/// the old nonce.
pub trait AccountReader {
    /// Why a read failed (never "absent", which is the default account).
    type Error: std::error::Error + Send + Sync + 'static;

    /// The account's state now.
    ///
    /// # Errors
    /// A failed state read.
    fn account_state(&self, address: Address) -> Result<AccountState, Self::Error>;
}

impl<T: AccountReader + ?Sized> AccountReader for &T {
    type Error = T::Error;
    fn account_state(&self, address: Address) -> Result<AccountState, Self::Error> {
        (**self).account_state(address)
    }
}

/// The open block's rules and prices, as far as admission depends on them.
#[derive(Clone, Copy)]
pub struct FeeContext<'a> {
    /// This chain's id.
    pub chain_id: u64,
    /// Base fee of the open block, wei a gas.
    pub base_fee: u64,
    /// Gas limit of a block: the most that a transaction may ask for.
    pub gas_limit_max: u64,
    /// What L1 adds to a transaction's price, wei: the L1 data fee of its EIP-2718 bytes plus the
    /// operator fee of its gas limit.
    pub l1_cost: &'a dyn Fn(&[u8], u64) -> U256,
    /// Timestamp of the open block, seconds.
    pub l2_timestamp: u64,
}

impl std::fmt::Debug for FeeContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FeeContext")
            .field("chain_id", &self.chain_id)
            .field("base_fee", &self.base_fee)
            .field("gas_limit_max", &self.gas_limit_max)
            .field("l2_timestamp", &self.l2_timestamp)
            .finish_non_exhaustive()
    }
}
