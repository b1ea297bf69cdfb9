use alloc::{boxed::Box, vec::Vec};
use alloy_sol_types::{SolError, sol};

sol! {
    /// Errors that every precompile can answer.
    #[derive(Debug, PartialEq, Eq)]
    interface CommonErrors {
        /// DELEGATECALL or CALLCODE.
        error BadCallScheme();
        /// The call brings value.
        error NoValue();
        /// Calldata too long, an unknown selector, or not what `abi.encode` gives.
        error BadAbi();
        /// A function that writes state, under STATICCALL.
        error StaticWrite();
        /// The function is paused until that timestamp, seconds.
        error Paused(bytes4 selector, uint64 until);
        /// The caller may not do this.
        error Unauthorized(address caller);
        /// The function can't be paused.
        error NotPausable(bytes4 selector);
        /// The pause would end after `latest`, seconds.
        error PauseTooLong(uint64 until, uint64 latest);
        /// The function was paused lately; not again before that timestamp, seconds.
        error PauseTooSoon(uint64 notBefore);
        /// The page's address has code or a nonce already.
        error PageOccupied(address page);
    }
}

/// What ends a call before its result: every node agrees on the first two; the third means that this
/// node is broken.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// A refusal: ABI-encoded custom error; unused gas is returned.
    #[error("reverted")]
    Revert(Vec<u8>),
    /// A charge above the remaining gas; all of it is taken.
    #[error("out of gas")]
    OutOfGas,
    /// The database failed.
    #[error(transparent)]
    Fatal(#[from] HostFailure),
}

impl Stop {
    /// A refusal with `error` as revert data.
    pub fn revert<E: SolError>(error: E) -> Self {
        Self::Revert(error.abi_encode())
    }

    /// [`CommonErrors::BadAbi`].
    pub fn bad_abi() -> Self {
        Self::revert(CommonErrors::BadAbi {})
    }
}

/// A failure of the state's database.
#[derive(Debug, thiserror::Error)]
#[error("state access failed: {0}")]
pub struct HostFailure(#[source] Box<dyn core::error::Error + Send + Sync>);

impl HostFailure {
    /// Wraps the database's error.
    pub fn new(source: impl core::error::Error + Send + Sync + 'static) -> Self {
        Self(Box::new(source))
    }

    /// The database's error.
    pub fn into_inner(self) -> Box<dyn core::error::Error + Send + Sync> {
        self.0
    }
}
