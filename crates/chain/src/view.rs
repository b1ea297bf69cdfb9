use crate::PendingState;
use alloy_primitives::{Address, B256, Bytes, U256};
use openledger_primitives::{Account, NodeReader, StateReader};
use openledger_store::{HistoricalState, LatestState, StoreError};
use std::sync::Arc;

/// State as of any block that the node can answer for.
#[derive(Debug, Clone)]
pub enum StateView {
    /// The unsafe head's.
    Latest(Arc<LatestState>),
    /// An older block's.
    Historical(Arc<HistoricalState>),
    /// The open block's.
    Pending(PendingState),
}

macro_rules! each {
    ($self:ident, $state:ident => $call:expr) => {
        match $self {
            StateView::Latest($state) => $call,
            StateView::Historical($state) => $call,
            StateView::Pending($state) => $call,
        }
    };
}

impl StateReader for StateView {
    type Error = StoreError;

    fn account(&self, address: Address) -> Result<Option<Account>, StoreError> {
        each!(self, state => state.account(address))
    }
    fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
        each!(self, state => state.storage(address, slot))
    }
    fn code(&self, code_hash: B256) -> Result<Option<Bytes>, StoreError> {
        each!(self, state => state.code(code_hash))
    }
    fn block_hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        each!(self, state => state.block_hash(number))
    }
}

impl StateView {
    /// The trie nodes of this state; `None` for the open block, which has no root yet.
    pub fn nodes(&self) -> Option<&dyn NodeReader<Error = StoreError>> {
        match self {
            Self::Latest(state) => Some(&**state),
            Self::Historical(state) => Some(&**state),
            Self::Pending(_) => None,
        }
    }
}
