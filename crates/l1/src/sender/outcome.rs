//! What becomes of what is sent.

use super::{SignError, TAG_BYTES_MAX};
use crate::{L1Error, Severity};
use alloy_eips::BlockNumHash;
use alloy_primitives::{Address, B256};

/// A transaction that the L1 holds, as deep as the configuration asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmed {
    /// Its hash.
    pub tx_hash: B256,
    /// The L1 block that includes it.
    pub block: BlockNumHash,
    /// Gas used.
    pub gas_used: u64,
    /// What it cost, wei of ETH.
    pub fee_wei: u128,
    /// Whether it succeeded. One that reverted is confirmed all the same, and derivation reads it.
    pub success: bool,
    /// Its nonce.
    pub nonce: u64,
    /// The contract it created, if it did.
    pub contract: Option<Address>,
}

/// Why a candidate was not confirmed. Other candidates are not affected unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The queue is full.
    #[error("{waiting} L1 transactions wait already")]
    QueueFull {
        /// Candidates that wait.
        waiting: usize,
    },
    /// The L1 will not take it, whatever the fee.
    #[error("the L1 refuses the transaction: {0}")]
    Refused(#[source] L1Error),
    /// Its gas can't be estimated because it would fail.
    #[error("the transaction would fail: {0}")]
    WouldFail(#[source] L1Error),
    /// Its nonce was used by a transaction that this sender didn't make: the account is used
    /// elsewhere.
    #[error("nonce {nonce} of {account} was used elsewhere: the account must have one user")]
    NonceTaken {
        /// The account.
        account: Address,
        /// The nonce.
        nonce: u64,
    },
    /// An older transaction, which this sender doesn't have, vanished from the L1, so that this one
    /// and all others in flight can't be included.
    #[error("nonce {missing} of {account} vanished from the L1, nonce {nonce} waits behind it")]
    NonceGap {
        /// The account.
        account: Address,
        /// The nonce that vanished.
        missing: u64,
        /// The candidate's nonce.
        nonce: u64,
    },
    /// The transaction can't be signed.
    #[error("the transaction can't be signed: {0}")]
    Signer(#[from] SignError),
    /// Its data is to be given again: it was cancelled, because its data has become cheaper to carry
    /// in the other way, or it was given behind one that was and does not begin anew
    /// ([`TxCandidate::begins`](super::TxCandidate::begins)).
    #[error("the transaction was cancelled, since its data is cheaper to carry in another way")]
    Cancelled {
        /// What the cancellation cost, wei of ETH; 0 where the transaction was never sent.
        fee_wei: u128,
    },
    /// The candidate's tag is too long.
    #[error("a tag of {bytes} bytes is longer than {TAG_BYTES_MAX}")]
    TagTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The sender has stopped. A transaction that was sent may still be included.
    #[error("the L1 sender has stopped")]
    Stopped,
}

impl SendError {
    /// What a loop does about the error.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::QueueFull { .. } => Severity::Transient,
            // What was thought to be on its way is not: look at the L1 and begin from there.
            Self::NonceTaken { .. } | Self::NonceGap { .. } | Self::Cancelled { .. } => {
                Severity::Reset
            }
            Self::Refused(_)
            | Self::WouldFail(_)
            | Self::Signer(_)
            | Self::TagTooLong { .. }
            | Self::Stopped => Severity::Fatal,
        }
    }
}

/// What became of a candidate.
pub type SendResult = Result<Confirmed, SendError>;
