use crate::HostFailure;
use alloy_primitives::{Address, Bytes, Log, U256};

/// The world as a precompile sees it: the journal of the transaction that runs, and its block.
///
/// Nothing here charges gas; [`Context`](crate::Context) does. Whatever is written must be undone when
/// the call, or a call around it, reverts. The `skip_cold` arguments let the context refuse work that the
/// caller can't pay for: where one is set and the access would be cold, the host answers
/// [`HostError::ColdSkipped`] without loading anything.
pub trait Host {
    /// Loads a storage slot and marks it warm.
    ///
    /// # Errors
    /// [`HostError`].
    fn slot(
        &mut self,
        address: Address,
        slot: U256,
        skip_cold: bool,
    ) -> Result<SlotLoad, HostError>;

    /// Writes a storage slot.
    ///
    /// # Errors
    /// A failure of the database.
    fn set_slot(&mut self, address: Address, slot: U256, value: U256) -> Result<(), HostFailure>;

    /// Loads an account, without its code, and marks it warm.
    ///
    /// # Errors
    /// [`HostError`].
    fn account(&mut self, address: Address, skip_cold: bool) -> Result<AccountLoad, HostError>;

    /// An account's code; empty if it has none.
    ///
    /// # Errors
    /// A failure of the database.
    fn code(&mut self, address: Address) -> Result<Bytes, HostFailure>;

    /// Gives an account that has neither a nonce and code.
    ///
    /// # Errors
    /// A failure of the database.
    fn create(&mut self, address: Address, nonce: u64, code: Bytes) -> Result<(), HostFailure>;

    /// Emits a log.
    fn log(&mut self, log: Log);

    /// Number of the block that runs.
    fn block_number(&self) -> u64;

    /// Its timestamp, seconds.
    fn timestamp(&self) -> u64;

    /// The chain's id.
    fn chain_id(&self) -> u64;
}

/// A storage slot as a transaction sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotLoad {
    /// Value before the transaction.
    pub original: U256,
    /// Value now.
    pub present: U256,
    /// Whether this was the transaction's first access to it.
    pub is_cold: bool,
}

/// An account as a transaction sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountLoad {
    /// Nonce.
    pub nonce: u64,
    /// Whether it has code.
    pub has_code: bool,
    /// Whether this was the transaction's first access to it.
    pub is_cold: bool,
}

/// Why a host didn't load something.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The access would have been cold, and the caller asked not to make it then.
    #[error("cold access skipped")]
    ColdSkipped,
    /// The database failed.
    #[error(transparent)]
    Failure(#[from] HostFailure),
}
