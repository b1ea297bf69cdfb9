//! `GET /feed?from=N`: sealed blocks from number N on, signed, over a WebSocket.
//!
//! Messages are those of [`openledger_protocol::FeedMessage`], one a block, in order. A subscriber that
//! lost the connection, or was told of a block that doesn't follow its own, connects again with the
//! number that it wants. There is nothing to send to the server but answers to pings.
//!
//! The feed goes back a bounded number of blocks; what is older comes from L1. Blocks are read and signed
//! on threads beside the async runtime, a few at a time, so that neither a subscriber who wants hours of
//! them nor many of those hold up anything else. Who is at the head doesn't wait for those who catch up.

use crate::{api::Api, error::Failure, http::Endpoint};
use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, WebSocket, close_code},
};
use futures::StreamExt as _;
use openledger_chain::{Chain, ChainEvent};
use openledger_primitives::{Block, BlockNumHash};
use openledger_protocol::encode_feed_message;
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::sync::{Semaphore, broadcast::error::RecvError};

use alloy_primitives::B256;
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;

/// Subscribers at the same time.
const SUBSCRIBERS_MAX: usize = 256;
/// Newest messages that are kept, so that a block is signed once for all who are at the head.
const RECENT_MAX: usize = 16;
/// Blocks that are read and signed at a time for one subscriber, before they are sent.
const BATCH_BLOCKS_MAX: usize = 16;
/// Bytes of messages with which such a batch ends early.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// Threads that read the newest blocks: the first signs, the others find what it signed.
const HEAD_READERS: usize = 1;
/// Threads that read older blocks. Subscribers queue for them.
const HISTORY_READERS: usize = 2;
/// How often a subscriber is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// How long a message may take to be sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// A block, as subscribers are told of it.
#[derive(Debug, Clone)]
struct Told {
    block: BlockNumHash,
    parent: B256,
    message: Bytes,
}

/// The feed of one node.
pub(crate) struct Feed {
    key: PrivateKeySigner,
    chain: Arc<Chain>,
    /// Blocks below the head from which on it may be asked for.
    blocks_max: u64,
    recent: Mutex<VecDeque<Told>>,
    subscribers: Arc<Semaphore>,
    head_readers: Arc<Semaphore>,
    history_readers: Arc<Semaphore>,
}

impl Feed {
    /// A feed of `chain` that signs with `key` and goes back `blocks_max` blocks.
    pub(crate) fn new(chain: Arc<Chain>, key: PrivateKeySigner, blocks_max: u64) -> Self {
        Self {
            key,
            chain,
            blocks_max,
            recent: Mutex::default(),
            subscribers: Arc::new(Semaphore::new(SUBSCRIBERS_MAX)),
            head_readers: Arc::new(Semaphore::new(HEAD_READERS)),
            history_readers: Arc::new(Semaphore::new(HISTORY_READERS)),
        }
    }

    /// The first block that may be asked for. Block 0 is nobody's to tell: everybody has the genesis.
    pub(crate) fn oldest(&self) -> u64 {
        let head = self.chain.head().number;
        head.saturating_sub(self.blocks_max).max(1)
    }

    /// Whether a block is so new that its message is kept.
    fn is_recent(&self, number: u64) -> bool {
        number.saturating_add(RECENT_MAX as u64) > self.chain.head().number
    }

    /// A block that needs no reading and no signing any more.
    fn at_hand(&self, number: u64) -> Option<Told> {
        let hash = self.chain.recent_block(number)?.hash;
        let block = BlockNumHash { number, hash };
        let recent = self.recent.lock();
        recent.iter().find(|told| told.block == block).cloned()
    }

    /// Reads and signs a block; `None` if there is none. Not for an async worker.
    fn told(&self, number: u64) -> Result<Option<Told>, Failure> {
        if let Some(told) = self.at_hand(number) {
            return Ok(Some(told));
        }
        let told = if let Some(block) = self.chain.recent_block(number) {
            self.sign(&block.block, block.hash)?
        } else {
            // Neither senders nor receipts are needed, nor is the block again.
            let Some(block) = self.chain.store().block(number)? else {
                return Ok(None);
            };
            self.sign(&block, block.header.hash_slow())?
        };
        if self.is_recent(number) {
            let mut recent = self.recent.lock();
            if recent.len() >= RECENT_MAX {
                recent.pop_front();
            }
            recent.push_back(told.clone());
        }
        Ok(Some(told))
    }

    fn sign(&self, block: &Block, hash: B256) -> Result<Told, Failure> {
        let chain_id = self.chain.config().l2_chain_id;
        let message =
            encode_feed_message(chain_id, block, |digest| self.key.sign_hash_sync(&digest))
                .map_err(Failure::internal)?;
        Ok(Told {
            block: BlockNumHash {
                number: block.header.number,
                hash,
            },
            parent: block.header.parent_hash,
            message: message.into(),
        })
    }

    /// Some blocks from number `from` on; none if there is no such block. Not for an async worker.
    fn read(&self, from: u64) -> Result<Vec<Told>, Failure> {
        let mut batch = Vec::new();
        let mut bytes = 0_usize;
        for number in (from..=self.chain.head().number).take(BATCH_BLOCKS_MAX) {
            let Some(told) = self.told(number)? else {
                break;
            };
            bytes = bytes.saturating_add(told.message.len());
            batch.push(told);
            if bytes >= BATCH_BYTES_MAX {
                break;
            }
        }
        Ok(batch)
    }

    /// As [`Self::read`], on a thread of its own once it is this subscriber's turn.
    async fn next(self: &Arc<Self>, from: u64) -> Result<Vec<Told>, Failure> {
        if let Some(told) = self.at_hand(from) {
            return Ok(vec![told]);
        }
        let readers = if self.is_recent(from) {
            &self.head_readers
        } else {
            &self.history_readers
        };
        // Never closed.
        let reader = readers.clone().acquire_owned().await.ok();
        let feed = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let _reader = reader;
            feed.read(from)
        });
        reading.await.map_err(Failure::internal)?
    }
}

/// Why a subscriber is told no more.
enum End {
    /// It went, or doesn't read.
    Gone,
    /// The chain was reorganized below what it was told: it connects again.
    Reorganized,
    /// The node stops.
    Shutdown,
    /// The node can't read its own chain.
    Failed(Failure),
}

/// Serves one subscriber, who wants the blocks from number `from` on.
pub(crate) async fn run(endpoint: Arc<Endpoint>, mut socket: WebSocket, from: Option<u64>) {
    let api = &endpoint.api;
    let Some(feed) = &api.feed else { return };
    let Ok(_subscriber) = feed.subscribers.clone().try_acquire_owned() else {
        close(&mut socket, close_code::AGAIN, "too many subscribers").await;
        return;
    };
    let end = tokio::select! {
        end = send_all(api, feed, &mut socket, from) => end,
        () = endpoint.shutdown.cancelled() => End::Shutdown,
    };
    match end {
        End::Gone => {}
        End::Reorganized => close(&mut socket, close_code::RESTART, "reorganized").await,
        End::Shutdown => close(&mut socket, close_code::AWAY, "the node stops").await,
        End::Failed(failure) => {
            tracing::error!(%failure, ?failure, "feed");
            close(&mut socket, close_code::ERROR, "internal error").await;
        }
    }
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let _ = tokio::time::timeout(SEND_TIMEOUT, socket.send(Message::Close(Some(frame)))).await;
}

async fn send_all(api: &Api, feed: &Arc<Feed>, socket: &mut WebSocket, from: Option<u64>) -> End {
    let mut events = api.chain.subscribe();
    let mut next = from
        .unwrap_or_else(|| api.chain.head().number.saturating_add(1))
        .max(1);
    let mut last: Option<B256> = None;
    let mut ping = tokio::time::interval(PING_INTERVAL);
    loop {
        while next <= api.chain.head().number {
            let batch = match feed.next(next).await {
                // It left the chain since.
                Ok(batch) if batch.is_empty() => return End::Reorganized,
                Ok(batch) => batch,
                Err(failure) => return End::Failed(failure),
            };
            for told in batch {
                if last.is_some_and(|last| last != told.parent) {
                    return End::Reorganized;
                }
                let sent = socket.send(Message::Binary(told.message));
                match tokio::time::timeout(SEND_TIMEOUT, sent).await {
                    Ok(Ok(())) => {}
                    _ => return End::Gone,
                }
                last = Some(told.block.hash);
                next = told.block.number.saturating_add(1);
            }
        }
        tokio::select! {
            event = events.recv() => match event {
                Ok(ChainEvent::Unwound { to, .. }) if to.number.saturating_add(1) < next => {
                    return End::Reorganized;
                }
                // Whatever was missed is in the chain.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return End::Shutdown,
            },
            message = socket.next() => match message {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Gone,
                Some(Ok(_)) => {}
            },
            _ = ping.tick() => {
                let sent = socket.send(Message::Ping(Bytes::new()));
                if !matches!(tokio::time::timeout(SEND_TIMEOUT, sent).await, Ok(Ok(()))) {
                    return End::Gone;
                }
            }
        }
    }
}
