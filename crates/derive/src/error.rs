use crate::L1InputError;
use alloy_eips::BlockNumHash;
use alloy_primitives::B256;
use openledger_protocol::AttributesError;

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Try again: the pipeline is as it was.
    Transient,
    /// Find the last L2 block whose origin is still on L1 and begin a new pipeline there.
    Reset,
    /// Stop: going on would leave the chain that others derive.
    Fatal,
}

/// Why derivation can't take its next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeriveError {
    /// An L1 block doesn't follow the one before: L1 was reorganized.
    #[error("L1 block {number} builds on {found}, not on {expected}")]
    L1Reorg {
        /// Number of the block that was fed.
        number: u64,
        /// Hash of the block before.
        expected: B256,
        /// Parent hash of the block that was fed.
        found: B256,
    },
    /// The L1 block to start from is another one than the pipeline was made for.
    #[error("L1 block {} is {}, not {}", expected.number, found.hash, expected.hash)]
    L1Start {
        /// The block the pipeline was made for.
        expected: BlockNumHash,
        /// The block that was fed.
        found: BlockNumHash,
    },
    /// An L1 block was fed that wasn't asked for.
    #[error("L1 block {found} was fed, not {expected:?}")]
    UnexpectedL1 {
        /// The number that was asked for, if any was.
        expected: Option<u64>,
        /// Number of the block that was fed.
        found: u64,
    },
    /// The parent is neither the one of the step before nor a child of it.
    #[error("block {} {} does not follow {} {}", found.number, found.hash, last.number, last.hash)]
    UnexpectedParent {
        /// The parent of the step before.
        last: BlockNumHash,
        /// The parent of this step.
        found: BlockNumHash,
    },
    /// The parent's origin isn't the L1 block of that number.
    #[error("origin {} {} is not L1 block {} {}", origin.number, origin.hash, l1.number, l1.hash)]
    Origin {
        /// The parent's origin.
        origin: BlockNumHash,
        /// The oldest L1 block that is at hand.
        l1: BlockNumHash,
    },
    /// The L1 block of the parent's origin was never seen: the pipeline began too late.
    #[error("L1 block {number} is needed and was never fed")]
    MissingOrigin {
        /// Its number.
        number: u64,
    },
    /// No attributes follow from the batch and its origin.
    #[error("no attributes for the next block")]
    Attributes(#[from] AttributesError),
    /// A block with nothing but deposits can't be executed.
    #[error("block after {} {} is invalid with deposits alone", parent.number, parent.hash)]
    DepositsInvalid {
        /// The block's parent.
        parent: BlockNumHash,
    },
    /// An L1 block's data is wrong.
    #[error("L1 data is wrong")]
    L1Input(#[from] L1InputError),
}

impl DeriveError {
    /// What to do about it.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::L1Reorg { .. }
            | Self::L1Start { .. }
            | Self::UnexpectedL1 { .. }
            | Self::UnexpectedParent { .. }
            | Self::Origin { .. }
            | Self::MissingOrigin { .. } => Severity::Reset,
            Self::Attributes(AttributesError::Upgrade { .. }) | Self::DepositsInvalid { .. } => {
                Severity::Fatal
            }
            Self::Attributes(_) => Severity::Reset,
            Self::L1Input(error) => error.severity(),
        }
    }
}
