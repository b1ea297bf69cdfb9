use alloy_eips::BlockId;
use alloy_primitives::B256;
use alloy_transport::TransportError;
use std::time::Duration;

/// What a caller does about an error; loops match on this, never on text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Try again later: nothing is lost.
    Transient,
    /// What was read so far no longer holds: rewind and read it again.
    Reset,
    /// Trying again can't help: an operator must act.
    Fatal,
}

/// Why the L1 gave no answer that can be used.
///
/// Endpoints are named by host and port only: the rest of a URL may hold a key.
#[derive(Debug, thiserror::Error)]
pub enum L1Error {
    /// A URL can't be parsed.
    #[error("L1 RPC URL number {index} is not valid: {source}")]
    InvalidUrl {
        /// Its position in the list, from 0.
        index: usize,
        /// Why.
        #[source]
        source: <reqwest::Url as std::str::FromStr>::Err,
    },
    /// The list of URLs is empty, or longer than allowed.
    #[error("{given} L1 RPC URLs given; from 1 to {limit} are possible")]
    EndpointCount {
        /// URLs given.
        given: usize,
        /// Most URLs.
        limit: usize,
    },
    /// An endpoint can't be reached or gives no JSON-RPC answer.
    #[error("{method} at L1 endpoint {endpoint}: {source}")]
    Transport {
        /// The method called.
        method: &'static str,
        /// The endpoint.
        endpoint: String,
        /// Why.
        #[source]
        source: Box<TransportError>,
    },
    /// An endpoint's answer has not the form that the method's answers have.
    #[error("{method} at L1 endpoint {endpoint}: {source}")]
    Malformed {
        /// The method called.
        method: &'static str,
        /// The endpoint.
        endpoint: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// An endpoint did not answer in time.
    #[error("{method} at L1 endpoint {endpoint}: no answer within {} ms", after.as_millis())]
    Timeout {
        /// The method called.
        method: &'static str,
        /// The endpoint.
        endpoint: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// An endpoint answered with a JSON-RPC error.
    #[error("{method} at L1 endpoint {endpoint}: error {code}: {message}")]
    Refused {
        /// The method called.
        method: &'static str,
        /// The endpoint.
        endpoint: String,
        /// JSON-RPC error code.
        code: i64,
        /// The endpoint's words.
        message: String,
        /// Revert data, where the error carries any.
        data: Option<alloy_primitives::Bytes>,
    },
    /// A header does not have the hash that the endpoint gave with it, or that was asked for.
    #[error("L1 header {number} hashes to {computed}, but {claimed} was expected")]
    HeaderHash {
        /// The header's number.
        number: u64,
        /// The hash given or asked for.
        claimed: B256,
        /// Its real hash.
        computed: B256,
    },
    /// Another height was answered than asked for.
    #[error("L1 header {returned} was answered where {requested} was asked for")]
    HeaderNumber {
        /// The number asked for.
        requested: u64,
        /// The number in the answer.
        returned: u64,
    },
    /// Transactions are not the ones that the header commits to.
    #[error("L1 block {number}: transactions have root {computed}, the header says {header}")]
    TransactionsRoot {
        /// The block's number.
        number: u64,
        /// The root in the header.
        header: B256,
        /// The root of the transactions in the answer.
        computed: B256,
    },
    /// Receipts are not the ones that the header commits to.
    #[error("L1 block {number}: receipts have root {computed}, the header says {header}")]
    ReceiptsRoot {
        /// The block's number.
        number: u64,
        /// The root in the header.
        header: B256,
        /// The root of the receipts in the answer.
        computed: B256,
    },
    /// A block was answered with transaction hashes in place of transactions.
    #[error("L1 block {number} was answered without its transactions")]
    TransactionsMissing {
        /// The block's number.
        number: u64,
    },
    /// A transaction can't be encoded in the form that its root commits to.
    #[error("L1 block {number}: transaction {index} can't be decoded again: {source}")]
    TransactionEncoding {
        /// The block's number.
        number: u64,
        /// The transaction's index.
        index: usize,
        /// Why.
        #[source]
        source: alloy_eips::eip2718::Eip2718Error,
    },
    /// No endpoint has the block, or its receipts, now. That proves nothing: endpoints lag.
    #[error("no L1 endpoint has block {id:?} now")]
    BlockNotFound {
        /// The block asked for.
        id: BlockId,
    },
    /// No endpoint has come as far as the L1 is known to be.
    #[error("L1 endpoints are at block {answered}, behind block {known}, which was seen before")]
    Behind {
        /// The newest block that was answered now.
        answered: u64,
        /// The newest block that was seen.
        known: u64,
    },
    /// Blocks read one after the other are not of one chain: the L1 was reorganised meanwhile.
    #[error("L1 block {number} has parent {parent}, but block {} has hash {expected}", number.saturating_sub(1))]
    Reorganised {
        /// The block's number.
        number: u64,
        /// Its parent.
        parent: B256,
        /// The block that was read before it.
        expected: B256,
    },
    /// The L1 is another chain than the configured one.
    #[error("the L1 has chain id {actual}, but {expected} is configured")]
    WrongChain {
        /// The configured chain id.
        expected: u64,
        /// The L1's answer.
        actual: u64,
    },
    /// A range of blocks is empty or longer than one call may read.
    #[error("L1 blocks {from} to {to} are not a range of 1 to {limit} blocks")]
    Range {
        /// First block.
        from: u64,
        /// Last block.
        to: u64,
        /// Most blocks.
        limit: u64,
    },
    /// A contract's answer is not what its interface promises.
    #[error("{function} of the L1 contract: {source}")]
    Abi {
        /// The function or event.
        function: &'static str,
        /// Why.
        #[source]
        source: alloy_sol_types::Error,
    },
    /// Blobs can't be had.
    #[error(transparent)]
    Blobs(#[from] crate::BlobSourceError),
    /// A batch is in blobs, and no source of blobs is configured.
    #[error(
        "L1 transaction {tx_hash} in block {number} carries blobs: name a beacon node (l1.beacon-url) or an \
         archive (l1.blob-archive)"
    )]
    NoBlobSource {
        /// The block's number.
        number: u64,
        /// The transaction.
        tx_hash: B256,
    },
    /// A record of the sender's journal can't be written.
    #[error("the L1 sender's journal: {0}")]
    Journal(#[from] crate::JournalError),
    /// KZG failed.
    #[error(transparent)]
    Kzg(#[from] crate::KzgError),
    /// Work on another thread ended without a result.
    #[error("verification of L1 block data was interrupted")]
    Interrupted,
}

impl L1Error {
    /// What a loop does about the error.
    ///
    /// An answer that fails verification is transient: another endpoint, or the same one a moment
    /// later, may give the right one, and the node keeps its last verified view until then.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::InvalidUrl { .. }
            | Self::EndpointCount { .. }
            | Self::WrongChain { .. }
            | Self::Range { .. } => Severity::Fatal,
            Self::Reorganised { .. } => Severity::Reset,
            Self::Blobs(error) => error.severity(),
            _ => Severity::Transient,
        }
    }

    /// Whether all that is wrong is that no endpoint has what was asked for.
    ///
    /// An endpoint that lags behind says the same as one whose chain lost a block, so that this is never
    /// proof of an L1 reorganization: another header in the block's place is.
    pub const fn is_absence(&self) -> bool {
        matches!(self, Self::BlockNotFound { .. } | Self::Behind { .. })
    }

    /// Whether a call, or the transaction whose gas was asked for, reverts.
    pub(crate) fn is_revert(&self) -> bool {
        match self {
            Self::Refused {
                code,
                data,
                message,
                ..
            } => *code == 3 || data.is_some() || message.to_lowercase().contains("revert"),
            _ => false,
        }
    }

    /// Whether an endpoint answered something that does not match its hashes.
    pub const fn is_mismatch(&self) -> bool {
        matches!(
            self,
            Self::HeaderHash { .. }
                | Self::HeaderNumber { .. }
                | Self::TransactionsRoot { .. }
                | Self::ReceiptsRoot { .. }
        )
    }
}
