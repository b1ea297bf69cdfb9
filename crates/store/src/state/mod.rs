//! The state after a block, read from one snapshot.

mod historical;
mod latest;

pub use historical::HistoricalState;
pub use latest::LatestState;

pub(crate) use historical::VersionReader;

use crate::{codec, column::Column, error::StoreError};
use alloy_primitives::{B256, Bytes, U256, keccak256};
use openledger_primitives::Account;

pub(crate) fn decode_account(record: &[u8], column: Column) -> Result<Account, StoreError> {
    codec::account::decode(record).ok_or(StoreError::MalformedRecord {
        column: column.name(),
    })
}

pub(crate) fn decode_word(record: &[u8], column: Column) -> Result<U256, StoreError> {
    codec::untrimmed(record).ok_or(StoreError::MalformedRecord {
        column: column.name(),
    })
}

/// Checks that a node is the one asked for.
fn check_node(
    account: Option<B256>,
    path: &[u8],
    expected: B256,
    node: Bytes,
) -> Result<Bytes, StoreError> {
    let found = keccak256(&node);
    if found == expected {
        Ok(node)
    } else {
        Err(StoreError::NodeMismatch {
            account,
            path: path.to_vec(),
            expected,
            found,
        })
    }
}
