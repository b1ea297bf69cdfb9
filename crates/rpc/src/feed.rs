//! `GET /feed?from=N`: sealed blocks from number N on, signed, over a WebSocket.
//!
//! Messages are those of [`openledger_protocol::FeedMessage`], one a block, in order. A subscriber that
//! lost the connection, or was told of a block that doesn't follow its own, connects again with the
//! number that it wants. There is nothing to send to the server but answers to pings.

use crate::{api::Api, error::Failure, http::Endpoint};
use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, WebSocket, close_code},
};
use futures::StreamExt as _;
use openledger_chain::ChainEvent;
use openledger_primitives::{BlockNumHash, SealedBlock};
use openledger_protocol::encode_feed_message;
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::sync::{Semaphore, broadcast::error::RecvError};

use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;

/// Subscribers at the same time.
const SUBSCRIBERS_MAX: usize = 256;
/// Newest messages that are kept, so that every subscriber gets the same signature.
const RECENT_MAX: usize = 16;
/// How often a subscriber is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// How long a message may take to be sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// The feed of one node.
pub(crate) struct Feed {
    key: PrivateKeySigner,
    recent: Mutex<VecDeque<(BlockNumHash, Bytes)>>,
    subscribers: Arc<Semaphore>,
}

impl Feed {
    /// A feed that signs with `key`.
    pub(crate) fn new(key: PrivateKeySigner) -> Self {
        Self {
            key,
            recent: Mutex::default(),
            subscribers: Arc::new(Semaphore::new(SUBSCRIBERS_MAX)),
        }
    }

    fn message(&self, chain_id: u64, block: &SealedBlock) -> Result<Bytes, Failure> {
        let id = BlockNumHash {
            number: block.number(),
            hash: block.hash,
        };
        if let Some((_, message)) = self.recent.lock().iter().find(|(known, _)| *known == id) {
            return Ok(message.clone());
        }
        let message: Bytes = encode_feed_message(chain_id, &block.block, |digest| {
            self.key.sign_hash_sync(&digest)
        })
        .map_err(Failure::internal)?
        .into();
        let mut recent = self.recent.lock();
        if recent.len() >= RECENT_MAX {
            recent.pop_front();
        }
        recent.push_back((id, message.clone()));
        Ok(message)
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

async fn send_all(api: &Arc<Api>, feed: &Feed, socket: &mut WebSocket, from: Option<u64>) -> End {
    let mut events = api.chain.subscribe();
    // Block 0 is nobody's to tell: everybody has the genesis.
    let mut next = from
        .unwrap_or_else(|| api.chain.head().number.saturating_add(1))
        .max(1);
    let mut told = None;
    let mut ping = tokio::time::interval(PING_INTERVAL);
    loop {
        while next <= api.chain.head().number {
            let message = match next_message(api, feed, next, told) {
                Ok(Some((block, message))) => {
                    told = Some(block);
                    message
                }
                Ok(None) => return End::Reorganized,
                Err(failure) => return End::Failed(failure),
            };
            let sent = socket.send(Message::Binary(message));
            match tokio::time::timeout(SEND_TIMEOUT, sent).await {
                Ok(Ok(())) => next = next.saturating_add(1),
                _ => return End::Gone,
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

/// Block `number` as a message; `None` if it doesn't follow the one that was told before.
fn next_message(
    api: &Api,
    feed: &Feed,
    number: u64,
    told: Option<BlockNumHash>,
) -> Result<Option<(BlockNumHash, Bytes)>, Failure> {
    let Some(block) = api.block(number)? else {
        return Ok(None);
    };
    if told.is_some_and(|told| told.hash != block.block.header.parent_hash) {
        return Ok(None);
    }
    let message = feed.message(api.chain_config().l2_chain_id, &block)?;
    let id = BlockNumHash {
        number,
        hash: block.hash,
    };
    Ok(Some((id, message)))
}
