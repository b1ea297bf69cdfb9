use alloy_primitives::{Address, B256, U256};
use openledger_primitives::StateReader;
use revm::{
    Database, DatabaseRef, bytecode::Bytecode, database_interface::DBErrorMarker,
    state::AccountInfo,
};

/// Serves a [`StateReader`] to revm.
#[derive(Debug, Clone)]
pub struct StateDatabase<R>(pub R);

/// A failed read, as revm's database interface wants it.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError<E: core::error::Error + Send + Sync + 'static> {
    /// The reader failed.
    #[error("state read failed")]
    Read(#[source] E),
    /// An account names code that the state doesn't hold.
    #[error("code {0} is missing from the state")]
    MissingCode(B256),
}

impl<E: core::error::Error + Send + Sync + 'static> DBErrorMarker for DatabaseError<E> {}

impl<R: StateReader> DatabaseRef for StateDatabase<R> {
    type Error = DatabaseError<R::Error>;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        let account = self.0.account(address).map_err(DatabaseError::Read)?;
        Ok(account.map(|account| {
            AccountInfo {
                balance: account.balance,
                nonce: account.nonce,
                code_hash: account.code_hash,
                ..Default::default()
            }
            .without_code()
        }))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if code_hash == openledger_primitives::EMPTY_CODE_HASH || code_hash.is_zero() {
            return Ok(Bytecode::default());
        }
        let code = self
            .0
            .code(code_hash)
            .map_err(DatabaseError::Read)?
            .ok_or(DatabaseError::MissingCode(code_hash))?;
        Ok(Bytecode::new_raw(code))
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, Self::Error> {
        self.0.storage(address, index).map_err(DatabaseError::Read)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
        Ok(self
            .0
            .block_hash(number)
            .map_err(DatabaseError::Read)?
            .unwrap_or_default())
    }
}

impl<R: StateReader> Database for StateDatabase<R> {
    type Error = DatabaseError<R::Error>;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        self.basic_ref(address)
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        self.code_by_hash_ref(code_hash)
    }

    fn storage(&mut self, address: Address, index: U256) -> Result<U256, Self::Error> {
        self.storage_ref(address, index)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Self::Error> {
        self.block_hash_ref(number)
    }
}
