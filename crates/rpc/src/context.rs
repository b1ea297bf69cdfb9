use alloy_primitives::B256;
use alloy_signer_local::PrivateKeySigner;
use openledger_chain::{Chain, Sequencer};
use serde::Serialize;
use std::{fmt, sync::Arc};
use tokio::sync::watch;

/// An L1 block, in the form of `optimism_syncStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct L1BlockRef {
    /// Hash.
    pub hash: B256,
    /// Number.
    pub number: u64,
    /// Hash of its parent.
    pub parent_hash: B256,
    /// Timestamp, seconds.
    pub timestamp: u64,
}

/// What the node knows of its L1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct L1Status {
    /// The L1 block up to which the node has worked.
    pub current: L1BlockRef,
    /// The newest L1 block.
    pub head: L1BlockRef,
    /// The newest safe L1 block.
    pub safe: L1BlockRef,
    /// The newest finalized L1 block.
    pub finalized: L1BlockRef,
}

/// Appends metrics of other parts of the node to `/metrics`, as Prometheus text.
pub type MetricsHook = Arc<dyn Fn(&mut String) + Send + Sync>;

/// What the server answers from.
#[derive(Clone)]
pub struct RpcContext {
    /// The chain.
    pub chain: Arc<Chain>,
    /// Who builds blocks and has the pool; `None` on a verifier, which refuses transactions.
    pub sequencer: Option<Arc<dyn Sequencer>>,
    /// For `web3_clientVersion`: name/version/platform.
    pub client_version: String,
    /// The L1's heads; `None` without L1.
    pub l1_status: Option<watch::Receiver<L1Status>>,
    /// More metrics.
    pub metrics: Option<MetricsHook>,
    /// The key that signs the feed of sealed blocks; `None` serves no feed.
    pub feed_key: Option<PrivateKeySigner>,
    /// What keeps the node from being well, in words for an operator, as each that watches over a part of it
    /// sees it; `None` while that part is well. `/health` tells the first.
    pub troubles: Vec<watch::Receiver<Option<Arc<str>>>>,
}

impl RpcContext {
    /// A server for `chain` alone: no sequencer, no L1, no feed.
    pub const fn new(chain: Arc<Chain>, client_version: String) -> Self {
        Self {
            chain,
            sequencer: None,
            client_version,
            l1_status: None,
            metrics: None,
            feed_key: None,
            troubles: Vec::new(),
        }
    }
}

impl fmt::Debug for RpcContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcContext")
            .field("sequencer", &self.sequencer.is_some())
            .field("client_version", &self.client_version)
            .field("l1_status", &self.l1_status.is_some())
            .field("feed", &self.feed_key.is_some())
            .finish_non_exhaustive()
    }
}
