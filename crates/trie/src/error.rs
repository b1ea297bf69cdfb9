use crate::node::NodeDecodeError;
use alloc::vec::Vec;
use alloy_primitives::{Address, B256};

/// Why an update of the state trie failed; `S` and `N` are the readers' errors.
///
/// Every one of them means that a reader or what stands behind it is broken: the changes themselves
/// can't be wrong.
#[derive(Debug, thiserror::Error)]
pub enum TrieError<S, N>
where
    S: core::error::Error + 'static,
    N: core::error::Error + 'static,
{
    /// The parent state couldn't be read.
    #[error("cannot read the parent state")]
    State(#[source] S),
    /// A node couldn't be read.
    #[error("cannot read a trie node")]
    Node(#[source] N),
    /// A node isn't one.
    #[error("malformed node at {path:?} of {account:?}")]
    Malformed {
        /// Hashed address of the storage trie's account; `None` for the account trie.
        account: Option<B256>,
        /// Path of the node, one nibble a byte.
        path: Vec<u8>,
        /// What is wrong with it.
        #[source]
        source: NodeDecodeError,
    },
    /// An account's leaf isn't an account.
    #[error("the leaf of account {address} isn't an account")]
    MalformedAccount {
        /// The account.
        address: Address,
    },
}

/// Why no proof could be made; `N` is the reader's error.
#[derive(Debug, thiserror::Error)]
pub enum ProofError<N: core::error::Error + 'static> {
    /// A node couldn't be read.
    #[error("cannot read a trie node")]
    Node(#[source] N),
    /// A node isn't one.
    #[error("malformed node at {path:?} of {account:?}")]
    Malformed {
        /// Hashed address of the storage trie's account; `None` for the account trie.
        account: Option<B256>,
        /// Path of the node, one nibble a byte.
        path: Vec<u8>,
        /// What is wrong with it.
        #[source]
        source: NodeDecodeError,
    },
}
