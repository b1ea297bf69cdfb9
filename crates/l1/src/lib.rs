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
mod batch_blobs;
mod batches;
mod blobs;
mod block;
mod client;
pub mod contracts;
mod deploy;
mod endpoints;
mod error;
mod fuzz;
mod inbox;
mod read_ahead;
mod ring;
mod sender;
mod throttle;
mod waits;
mod watcher;

pub use batch_blobs::{BatchBlobs, batcher_in};
pub use batches::{
    BatchSummary, BatchTx, ChannelDefect, ChannelSummary, CommitmentStatus, FrameSummary,
    SCAN_RANGE_MAX, ScanItem, list_batches, list_channels, scan_batches,
};
pub use blobs::{
    ArchiveLocation, BLOBS_PER_TX_MAX, BlobBlock, BlobSidecar, BlobSource, BlobSourceConfig,
    BlobSourceError, BlobStatus, KzgError, MissingBlob, SidecarVersion, versioned_hash,
};
pub use block::{L1BlockData, L1Transaction};
pub use client::{L1Client, L1Tag};
pub use deploy::{
    DeployConfig, DeployError, DeployOptions, Deployment, Expectations, GameClocks, GenesisAnchor,
    Reading, Standing, TimelockConfig, VETO_GAME, Value, deploy_contracts, inspect,
};
pub use endpoints::{ENDPOINTS_MAX, RequestConfig};
pub use error::{L1Error, Severity};
pub use fuzz::{beacon_answer, l1_answer};
pub use inbox::{COMMITMENT_RANGE_MAX, Commitment, CommitmentChain, InboxReader, commitments_in};
pub use read_ahead::{ReadAhead, ReadBlock};
pub use sender::{
    BLOB_FEE_BUMP_PERCENT_MIN, Carrier, CarrierGas, Confirmed, DataGas, FEE_BUMP_PERCENT_MIN,
    FeeCeiling, Fees, JournalError, KeyError, Market, Obstacle, Pressure, Rejection, RemoteSigner,
    ResumedTx, SendError, SendResult, SenderJournal, SenderStatus, SignError, TAG_BYTES_MAX,
    TooExpensive, TxCandidate, TxSender, TxSenderConfig, TxSigner, key_from_env, key_from_file,
    sender_record,
};
pub use throttle::{DaThrottle, ThrottleConfig};
pub use waits::{AwaitedBlock, LagStatus};
pub use watcher::{L1Event, L1Heads, L1Watcher, WatcherConfig};
