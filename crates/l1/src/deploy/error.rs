use super::{Reading, Value};
use crate::{JournalError, L1Error, SendError};
use alloy_primitives::{Address, B256, U256};

/// Why the contracts could not be deployed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The L1 can't be read.
    #[error(transparent)]
    L1(Box<L1Error>),
    /// What was sent before can't be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A transaction was not confirmed.
    #[error("{step}: {source}")]
    Send {
        /// What it should have done.
        step: &'static str,
        /// Why.
        #[source]
        source: Box<SendError>,
    },
    /// A transaction reverted.
    #[error("{step}: transaction {tx_hash} reverted in L1 block {block}")]
    Reverted {
        /// What it should have done.
        step: &'static str,
        /// The transaction.
        tx_hash: B256,
        /// The block's number.
        block: u64,
    },
    /// A transaction has another nonce than its step.
    #[error(
        "{step}: sent with nonce {actual} in place of {expected}: the account is used elsewhere"
    )]
    Nonce {
        /// The step.
        step: &'static str,
        /// The nonce of the plan.
        expected: u64,
        /// Its nonce.
        actual: u64,
    },
    /// A value is out of its range.
    #[error("{name} is {given}: from {least} to {most} are possible")]
    OutOfRange {
        /// Its name in a deployment's file.
        name: &'static str,
        /// What was given.
        given: u64,
        /// The smallest that is possible.
        least: u64,
        /// The largest.
        most: u64,
    },
    /// A transaction was included, and its effect is not there: it reverted, or the account sent another
    /// in its place.
    #[error(
        "{step}: its transaction is on L1 without effect: {actual} in place of {expected}; begin anew with \
         another directory"
    )]
    NotDone {
        /// The step.
        step: &'static str,
        /// What the L1 says.
        actual: Value,
        /// What it would say if it had been done.
        expected: Value,
    },
    /// A timelock's constructor left no trace where it should be.
    #[error("{timelock} made no event of its roles in {blocks} L1 blocks before {before}")]
    NoRoles {
        /// The timelock.
        timelock: Address,
        /// Blocks that were looked through.
        blocks: u64,
        /// The block behind them.
        before: u64,
    },
    /// An earlier run's transaction did not make the contract that it should have made.
    #[error(
        "{step}: nothing is at {expected}: the account was used elsewhere, or the transaction failed; \
         begin anew with another directory"
    )]
    Missing {
        /// The contract.
        step: &'static str,
        /// Where it should be.
        expected: Address,
    },
    /// The account sent fewer transactions than the deployment had sent by then.
    #[error(
        "the L1 knows nonce {actual} of {deployer}, the deployment began at {first}: it is another L1"
    )]
    Behind {
        /// The account.
        deployer: Address,
        /// Its first nonce of the deployment.
        first: u64,
        /// What the L1 says.
        actual: u64,
    },
    /// More OPEN is given out than there is.
    #[error("genesis and grants give out more OPEN than {supply} wei, which is all there is")]
    Supply {
        /// All of it, wei.
        supply: U256,
    },
    /// A contract does not answer what those of this version answer.
    #[error(
        "{what}: no contract of this version is at {contract} ({source}): use the release of openledger with \
         which the contracts were deployed or upgraded last, or correct the address in l1.json"
    )]
    NotAnswered {
        /// What was asked.
        what: &'static str,
        /// Whom.
        contract: Address,
        /// What came of it.
        #[source]
        source: Box<L1Error>,
    },
    /// The contracts do not answer what they were set up with.
    #[error("read back: {0}")]
    Check(Reading),
    /// A compiled contract can't be read: the build is broken.
    #[error("contract artifact {name}: {source}")]
    Artifact {
        /// The contract.
        name: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl From<L1Error> for DeployError {
    fn from(error: L1Error) -> Self {
        Self::L1(Box::new(error))
    }
}
