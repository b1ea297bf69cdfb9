//! One task that follows the chain and the pool for all subscribers: each notice is serialized once,
//! and only if somebody wants it.

use crate::{
    api::Api,
    cache::{LogEntry, block_logs},
    error::Failure,
    json::HeaderJson,
};
use alloy_primitives::B256;
use openledger_chain::{ChainEvent, PreconfirmedTransaction};
use openledger_primitives::{BlockNumHash, SealedBlock};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::sync::CancellationToken;

/// How often filters that nobody polls are looked for.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(30);
/// Blocks that are told again after the task lagged behind the chain's events.
const CATCH_UP_MAX: u64 = 1_024;

/// What a subscriber may be told.
#[derive(Debug, Clone)]
pub(crate) enum Notice {
    /// A block was sealed: its header as JSON.
    Head(Arc<[u8]>),
    /// The logs of a block that was sealed, or that left the chain.
    Logs {
        /// In order.
        entries: Arc<[LogEntry]>,
        /// Whether the block left.
        removed: bool,
    },
    /// A transaction became pending.
    Pending(B256),
    /// Transactions were executed: their receipts as JSON.
    Preconfirmed(Arc<[Vec<u8>]>),
}

/// What can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// Sealed headers.
    Heads,
    /// Logs of sealed blocks.
    Logs,
    /// Pending transactions.
    Pending,
    /// Preconfirmed receipts.
    Preconfirmations,
    /// Whether the node is syncing: it tells so once.
    Syncing,
}

/// Where notices come from.
#[derive(Debug)]
pub(crate) struct Hub {
    notices: broadcast::Sender<Notice>,
    /// Subscriptions by topic.
    wanted: [AtomicUsize; 5],
}

impl Hub {
    /// A hub whose subscribers may lag behind by so many notices.
    pub(crate) fn new(capacity: usize) -> Self {
        let (notices, _) = broadcast::channel(capacity.max(1));
        Self {
            notices,
            wanted: Default::default(),
        }
    }

    /// Notices from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// Counts a subscription.
    pub(crate) fn add(&self, topic: Topic) {
        self.wanted[topic as usize].fetch_add(1, Relaxed);
    }

    /// Counts a subscription no more.
    pub(crate) fn remove(&self, topic: Topic) {
        self.wanted[topic as usize].fetch_sub(1, Relaxed);
    }

    fn is_wanted(&self, topic: Topic) -> bool {
        self.wanted[topic as usize].load(Relaxed) > 0
    }

    fn send(&self, notice: Notice) {
        // No subscriber is not an error.
        let _ = self.notices.send(notice);
    }
}

/// Follows the chain and the pool until `shutdown`.
pub(crate) async fn run(api: Arc<Api>, shutdown: CancellationToken) {
    let mut events = api.chain.subscribe();
    let mut pending = api.mempool().map(|pool| pool.subscribe());
    let mut told = api.chain.heads().unsafe_head;
    let mut expiry = tokio::time::interval(EXPIRY_INTERVAL);
    loop {
        let next_pending = async {
            match &mut pending {
                Some(pending) => pending.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = expiry.tick() => api.filters.expire(),
            event = events.recv() => match event {
                Ok(event) => {
                    if let Err(failure) = on_event(&api, event, &mut told) {
                        tracing::error!(%failure, ?failure, "chain event not told to subscribers");
                    }
                }
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "subscriptions lag behind the chain");
                    if let Err(failure) = catch_up(&api, &mut told) {
                        tracing::error!(%failure, ?failure, "missed blocks not told to subscribers");
                    }
                }
                // The chain is gone: the node is shutting down.
                Err(RecvError::Closed) => return,
            },
            hash = next_pending => match hash {
                Ok(hash) => {
                    api.filters.on_pending(hash);
                    if api.hub.is_wanted(Topic::Pending) {
                        api.hub.send(Notice::Pending(hash));
                    }
                }
                Err(RecvError::Lagged(missed)) => {
                    tracing::debug!(missed, "pending transactions not told to subscribers");
                }
                Err(RecvError::Closed) => pending = None,
            },
        }
    }
}

fn on_event(api: &Api, event: ChainEvent, told: &mut BlockNumHash) -> Result<(), Failure> {
    match event {
        ChainEvent::Sealed(block) => {
            // After a catch-up, events of blocks that were told already are still in the queue.
            let is_next = block.block.header.parent_hash == told.hash;
            if !is_next && block.number() <= told.number {
                return Ok(());
            }
            if !is_next {
                return catch_up(api, told);
            }
            sealed(api, &block)?;
            *told = BlockNumHash {
                number: block.number(),
                hash: block.hash,
            };
        }
        ChainEvent::Unwound { to, removed } => {
            api.filters
                .on_unwound(to.number, &removed, api.config.limits.logs_max)?;
            if api.hub.is_wanted(Topic::Logs) {
                for block in removed.iter().rev() {
                    let entries: Arc<[LogEntry]> = block_logs(block)?.into();
                    if !entries.is_empty() {
                        api.hub.send(Notice::Logs {
                            entries,
                            removed: true,
                        });
                    }
                }
            }
            if to.number < told.number {
                *told = to;
            }
        }
        ChainEvent::Preconfirmed(transactions) => {
            if api.hub.is_wanted(Topic::Preconfirmations) {
                let receipts: Vec<Vec<u8>> = transactions
                    .iter()
                    .map(|transaction| preconfirmed(api, transaction))
                    .collect::<Result<_, _>>()?;
                api.hub.send(Notice::Preconfirmed(receipts.into()));
            }
        }
        ChainEvent::HeadsMoved => {}
    }
    Ok(())
}

fn preconfirmed(api: &Api, transaction: &PreconfirmedTransaction) -> Result<Vec<u8>, Failure> {
    Ok(api.preconfirmed_receipt(transaction)?.as_json().to_vec())
}

/// Tells the blocks that came since the last that was told.
fn catch_up(api: &Api, told: &mut BlockNumHash) -> Result<(), Failure> {
    let head = api.chain.heads().unsafe_head;
    if api.chain.store().block_hash(told.number)? != Some(told.hash) {
        // It was unwound, and the event that said so is lost: begin anew.
        *told = head;
        return Ok(());
    }
    let first = told
        .number
        .saturating_add(1)
        .max(head.number.saturating_sub(CATCH_UP_MAX));
    for number in first..=head.number {
        let Some(block) = api.chain.block(number)? else {
            break;
        };
        sealed(api, &block)?;
        *told = BlockNumHash {
            number,
            hash: block.hash,
        };
    }
    Ok(())
}

fn sealed(api: &Api, block: &SealedBlock) -> Result<(), Failure> {
    if api.hub.is_wanted(Topic::Heads) {
        let json = serde_json::to_vec(&HeaderJson::new(&block.block.header, Some(block.hash)))
            .map_err(Failure::internal)?;
        api.hub.send(Notice::Head(json.into()));
    }
    if api.hub.is_wanted(Topic::Logs) {
        let entries: Arc<[LogEntry]> = block_logs(block)?.into();
        if !entries.is_empty() {
            api.hub.send(Notice::Logs {
                entries,
                removed: false,
            });
        }
    }
    Ok(())
}
