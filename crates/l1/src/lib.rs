//! The L1: reading it, watching it, and sending to it.
//!
//! This is the last step of a transaction's way to L1 (frames become calldata that is signed, sent
//! and confirmed: [`TxSender`]) and the first of the way back ([`L1Client`] gives verified blocks to
//! derivation, [`L1Watcher`] says which of them are canonical). Beside these it holds what is known
//! of the L1 contracts: [bindings](contracts), [deployment](deploy_contracts), the inbox's
//! [commitments](InboxReader), and lists of what was posted ([`list_batches`], [`list_channels`]).
//!
//! Invariants: a header, transaction or receipt leaves this crate only if it hashes to what commits
//! to it; trouble with the L1 is waited out, never a reason to stop; every queue and range is
//! bounded; no key and no URL's path is ever logged. Start reading at [`L1Client`].

#[cfg(feature = "anvil")]
pub mod anvil;
mod batches;
mod block;
mod client;
pub mod contracts;
mod deploy;
mod endpoints;
mod error;
mod inbox;
mod ring;
mod sender;
mod watcher;

pub use batches::{
    BatchSummary, BatchTx, ChannelDefect, ChannelSummary, CommitmentStatus, FrameSummary,
    SCAN_RANGE_MAX, ScanItem, list_batches, list_channels, scan_batches,
};
pub use block::{L1BlockData, L1Transaction};
pub use client::{L1Client, L1Tag};
pub use deploy::{DeployConfig, DeployError, deploy_contracts};
pub use endpoints::{ENDPOINTS_MAX, RequestConfig};
pub use error::{L1Error, Severity};
pub use inbox::{COMMITMENT_RANGE_MAX, Commitment, CommitmentChain, InboxReader, commitments_in};
pub use sender::{
    Confirmed, FEE_BUMP_PERCENT_MIN, Fees, KeyError, Market, Obstacle, Rejection, SendError,
    SendResult, SenderStatus, TxCandidate, TxSender, TxSenderConfig, key_from_env, key_from_file,
};
pub use watcher::{L1Event, L1Heads, L1Watcher, WatcherConfig};
