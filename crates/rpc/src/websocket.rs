//! WebSocket connections: requests as over HTTP, and subscriptions.
//!
//! A connection has a reader, which starts requests, and a writer, before which messages wait in a
//! bounded queue. Answers wait for room in it, and so the reader does, too; notices don't: a
//! subscriber that doesn't keep up is told so and disconnected.

use crate::{
    api::Api,
    config::Limits,
    dispatch::{Looked, Started, answer, finish, look_up, start},
    envelope::{Body, Parsed, write_answer},
    error::Failure,
    http::Endpoint,
    hub::{Notice, Topic},
    json::{Place, TransactionJson},
    log_filter::LogFilter,
    metrics::Gauge,
    params::{FromJson as _, Object, ParamError, Params, Path},
    registry::{Outcome, Run},
    reply::Reply,
};
use alloy_primitives::{B256, Bytes as Data, hex};
use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code},
};
use futures::{SinkExt as _, StreamExt as _, stream::SplitSink};
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast::error::RecvError, mpsc};

/// How often an idle peer is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long a peer may stay silent.
const SILENCE_MAX: Duration = Duration::from_secs(90);
/// How long a message may take to be sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// What a subscription wants.
#[derive(Debug)]
pub(crate) enum Subscription {
    Heads,
    Logs(LogFilter),
    Pending { full: bool },
    Preconfirmations,
    Syncing,
}

impl Subscription {
    const fn topic(&self) -> Topic {
        match self {
            Self::Heads => Topic::Heads,
            Self::Logs(_) => Topic::Logs,
            Self::Pending { .. } => Topic::Pending,
            Self::Preconfirmations => Topic::Preconfirmations,
            Self::Syncing => Topic::Syncing,
        }
    }

    /// Reads the parameters of `eth_subscribe`.
    pub(crate) fn parse(params: &Params, limits: &Limits) -> Result<Self, Failure> {
        const EXPECTED: &str =
            "newHeads, logs, newPendingTransactions, preconfirmations or syncing";
        let args = params.args(&["subscription", "options"])?;
        let kind: Cow<'_, str> = args.get(0)?;
        Ok(match &*kind {
            "newHeads" => Self::Heads,
            "logs" => {
                let filter = match args.optional::<Object<'_>>(1)? {
                    Some(object) => LogFilter::from_object(&object, &Path::new("options"), limits)?,
                    None => LogFilter::default(),
                };
                Self::Logs(filter)
            }
            "newPendingTransactions" => {
                // go-ethereum takes `true`; others an object.
                let full = match args.optional::<&RawValue>(1)? {
                    Some(raw) if raw.get().starts_with('{') => false,
                    Some(raw) => bool::from_json(raw, &Path::new("options"))?,
                    None => false,
                };
                Self::Pending { full }
            }
            "preconfirmations" => Self::Preconfirmations,
            "syncing" => Self::Syncing,
            _ => return Err(args.error(0, ParamError::Unknown { expected: EXPECTED })),
        })
    }
}

/// Subscriptions of one connection; those that are left when it ends are counted off.
struct Subscriptions<'a> {
    api: &'a Api,
    by_id: BTreeMap<u128, Subscription>,
}

impl Subscriptions<'_> {
    fn add(&mut self, subscription: Subscription) -> Result<u128, Failure> {
        let max = self.api.config.limits.subscriptions_per_connection_max;
        if self.by_id.len() >= max {
            return Err(Failure::Limit {
                what: "subscriptions of a connection",
                limit: "subscriptions_per_connection_max",
                max: max as u64,
            });
        }
        let id = rand::random();
        self.api.hub.add(subscription.topic());
        self.api.metrics.subscriptions.fetch_add(1, Relaxed);
        if let Some(old) = self.by_id.insert(id, subscription) {
            self.forget(&old);
        }
        Ok(id)
    }

    fn remove(&mut self, id: u128) -> bool {
        let removed = self.by_id.remove(&id);
        if let Some(subscription) = &removed {
            self.forget(subscription);
        }
        removed.is_some()
    }

    fn forget(&self, subscription: &Subscription) {
        self.api.hub.remove(subscription.topic());
        self.api.metrics.subscriptions.fetch_sub(1, Relaxed);
    }
}

impl Drop for Subscriptions<'_> {
    fn drop(&mut self) {
        for subscription in self.by_id.values() {
            self.forget(subscription);
        }
    }
}

/// Why a connection is closed by the node.
#[derive(Debug, Clone, Copy)]
enum Close {
    Lagged,
    Silent,
    Shutdown,
    TooLarge,
}

impl Close {
    const fn frame(self) -> CloseFrame {
        let (code, reason) = match self {
            Self::Lagged => (
                close_code::POLICY,
                "subscriber lagged: notices came faster than they were read (connection_queue_max)",
            ),
            Self::Silent => (close_code::POLICY, "no answer to pings"),
            Self::Shutdown => (close_code::AWAY, "the node is shutting down"),
            Self::TooLarge => (close_code::SIZE, "message too large (body_bytes_max)"),
        };
        CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        }
    }
}

/// What waits for the writer, with the room that it takes.
enum Outgoing {
    Text(Vec<u8>, OwnedSemaphorePermit),
    Ping,
}

/// The way to the writer: bounded in messages and in bytes.
#[derive(Clone)]
struct Queue {
    sender: mpsc::Sender<Outgoing>,
    /// Room in KiB.
    room: Arc<Semaphore>,
    room_max: u32,
}

/// The connection is gone, or its queue is full where that is the end of it.
#[derive(Debug)]
struct Gone;

impl Queue {
    fn new(limits: &Limits) -> (Self, mpsc::Receiver<Outgoing>) {
        let (sender, outgoing) = mpsc::channel(limits.connection_queue_max.max(1));
        // Two answers of the largest size.
        let room_max = u32::try_from(limits.response_bytes_max / 512).unwrap_or(u32::MAX);
        let room_max = room_max.clamp(64, Semaphore::MAX_PERMITS as u32);
        let room = Arc::new(Semaphore::new(room_max as usize));
        (
            Self {
                sender,
                room,
                room_max,
            },
            outgoing,
        )
    }

    fn size(&self, text: &[u8]) -> u32 {
        u32::try_from(text.len() / 1024 + 1)
            .unwrap_or(u32::MAX)
            .min(self.room_max)
    }

    /// Waits for room: for answers, whose asker waits with it.
    async fn send(&self, text: Vec<u8>) -> Result<(), Gone> {
        if text.is_empty() {
            return Ok(());
        }
        let size = self.size(&text);
        let room = self
            .room
            .clone()
            .acquire_many_owned(size)
            .await
            .map_err(|_| Gone)?;
        self.sender
            .send(Outgoing::Text(text, room))
            .await
            .map_err(|_| Gone)
    }

    /// Fails if there is no room: for notices.
    fn push(&self, text: Vec<u8>) -> Result<(), Gone> {
        let size = self.size(&text);
        let room = self
            .room
            .clone()
            .try_acquire_many_owned(size)
            .map_err(|_| Gone)?;
        self.sender
            .try_send(Outgoing::Text(text, room))
            .map_err(|_| Gone)
    }
}

/// Serves one connection.
pub(crate) async fn run(endpoint: Arc<Endpoint>, socket: WebSocket) {
    let api = endpoint.api.clone();
    let _open = Gauge::enter(&api.metrics.sockets);
    let (sink, mut stream) = socket.split();
    let (queue, outgoing) = Queue::new(&api.config.limits);
    let (close, closing) = tokio::sync::oneshot::channel();
    let writer = tokio::spawn(write(sink, outgoing, closing));

    let mut notices = api.hub.subscribe();
    let mut subscriptions = Subscriptions {
        api: &api,
        by_id: BTreeMap::new(),
    };
    let in_flight = Arc::new(Semaphore::new(
        api.config.limits.concurrent_requests_max.max(1),
    ));
    let mut ping = tokio::time::interval(PING_INTERVAL);
    let mut heard = Instant::now();
    let reason = loop {
        tokio::select! {
            () = endpoint.shutdown.cancelled() => break Some(Close::Shutdown),
            () = queue.sender.closed() => break None,
            _ = ping.tick() => {
                if heard.elapsed() > SILENCE_MAX {
                    break Some(Close::Silent);
                }
                // If the queue is full, the peer will hear from us anyway.
                let _ = queue.sender.try_send(Outgoing::Ping);
            }
            notice = notices.recv() => {
                let told = match notice {
                    Ok(notice) => tell(&subscriptions, &notice, &queue),
                    Err(RecvError::Lagged(_)) if subscriptions.by_id.is_empty() => Ok(()),
                    Err(RecvError::Lagged(_)) => Err(Gone),
                    Err(RecvError::Closed) => break Some(Close::Shutdown),
                };
                if told.is_err() {
                    api.metrics.lagged.fetch_add(1, Relaxed);
                    break Some(Close::Lagged);
                }
            }
            message = stream.next() => {
                heard = Instant::now();
                match message {
                    Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                        // Some clients send their text as bytes.
                        let body = message.into_data();
                        if request(&endpoint, body, &mut subscriptions, &queue, &in_flight).await.is_err() {
                            break None;
                        }
                    }
                    // Pings are answered by the protocol's implementation.
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_))) | None => break None,
                    Some(Err(error)) => {
                        let too_large = error.to_string().contains("too long")
                            || error.to_string().contains("too big");
                        break too_large.then_some(Close::TooLarge);
                    }
                }
            }
        }
    };
    drop(subscriptions);
    drop(queue);
    if let Some(reason) = reason {
        let _ = close.send(reason.frame());
    }
    let _ = writer.await;
}

/// Sends what is in the queue, until it is closed or a reason to close comes.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    mut closing: tokio::sync::oneshot::Receiver<CloseFrame>,
) {
    let mut closed = false;
    loop {
        let message = tokio::select! {
            biased;
            frame = &mut closing, if !closed => match frame {
                Ok(frame) => {
                    let _ = tokio::time::timeout(
                        Duration::from_secs(1),
                        sink.send(Message::Close(Some(frame))),
                    )
                    .await;
                    return;
                }
                Err(_) => {
                    closed = true;
                    continue;
                }
            },
            message = outgoing.recv() => message,
        };
        // The room is free again when the message is sent.
        let (message, _room) = match message {
            // Answers are JSON, which is UTF-8.
            Some(Outgoing::Text(text, room)) => match Utf8Bytes::try_from(text) {
                Ok(text) => (Message::Text(text), Some(room)),
                Err(_) => continue,
            },
            Some(Outgoing::Ping) => (Message::Ping(Bytes::new()), None),
            None => break,
        };
        let sent = tokio::time::timeout(SEND_TIMEOUT, sink.send(message)).await;
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
    let _ = sink.close().await;
}

/// Starts a request. Fails if the connection is gone.
async fn request(
    endpoint: &Arc<Endpoint>,
    body: Bytes,
    subscriptions: &mut Subscriptions<'_>,
    queue: &Queue,
    in_flight: &Arc<Semaphore>,
) -> Result<(), Gone> {
    let api = &endpoint.api;
    let (id, call) = match Body::parse(&body, api.config.limits.batch_requests_max) {
        Ok(Body::Single(Parsed { id, call })) => (id, call),
        // Batches and bodies that are none: as over HTTP, where there are no subscriptions.
        _ => {
            let permit = in_flight.clone().acquire_owned().await.map_err(|_| Gone)?;
            let (endpoint, queue) = (endpoint.clone(), queue.clone());
            tokio::spawn(async move {
                let out = answer(&endpoint.api, &endpoint.listener, &body).await;
                // Sent before the next may be begun: what is answered but not read is bounded, too.
                let _ = queue.send(out).await;
                drop(permit);
            });
            return Ok(());
        }
    };
    let mut out = Vec::new();
    let outcome: Outcome = match call.map(|call| look_up(api, &endpoint.listener, call)) {
        Err(failure) | Ok(Looked::Refused(failure)) => Err(failure),
        Ok(Looked::Method(method, params)) if matches!(method.run, Run::Socket) => {
            let started = Instant::now();
            let (outcome, first) = if method.name == "eth_subscribe" {
                subscribe(subscriptions, &params)
            } else {
                (unsubscribe(subscriptions, &params), None)
            };
            finish(api, &method, started, &outcome);
            write_answer(&mut out, &id, &outcome);
            queue.send(out).await?;
            return match first {
                Some(first) => queue.send(first).await,
                None => Ok(()),
            };
        }
        Ok(Looked::Method(method, params)) => match start(api, &method, params) {
            Started::Done(outcome) => outcome,
            Started::Running(running) => {
                let permit = in_flight.clone().acquire_owned().await.map_err(|_| Gone)?;
                let queue = queue.clone();
                tokio::spawn(async move {
                    let mut out = Vec::new();
                    write_answer(&mut out, &id, &running.await);
                    let _ = queue.send(out).await;
                    drop(permit);
                });
                return Ok(());
            }
        },
    };
    write_answer(&mut out, &id, &outcome);
    queue.send(out).await
}

/// Subscribes; the second part is a notice that follows the answer at once.
fn subscribe(subscriptions: &mut Subscriptions<'_>, params: &Params) -> (Outcome, Option<Vec<u8>>) {
    let limits = &subscriptions.api.config.limits;
    let subscribed = Subscription::parse(params, limits).and_then(|subscription| {
        let topic = subscription.topic();
        subscriptions.add(subscription).map(|id| (id, topic))
    });
    match subscribed {
        Ok((id, topic)) => {
            let first = (topic == Topic::Syncing).then(|| notification(id, b"false"));
            (
                Reply::small(&format!("0x{}", hex::encode(id.to_be_bytes()))),
                first,
            )
        }
        Err(failure) => (Err(failure), None),
    }
}

fn unsubscribe(subscriptions: &mut Subscriptions<'_>, params: &Params) -> Outcome {
    let id: Data = params.args(&["subscription"])?.get(0)?;
    let id = <[u8; 16]>::try_from(&id[..]).map(u128::from_be_bytes);
    Ok(Reply::boolean(id.is_ok_and(|id| subscriptions.remove(id))))
}

/// Puts a notice into the queue for each subscription that wants it. Fails if there is no room.
fn tell(subscriptions: &Subscriptions<'_>, notice: &Notice, queue: &Queue) -> Result<(), Gone> {
    let push = |id: u128, json: &[u8]| queue.push(notification(id, json));
    // Made once for all subscriptions of this connection, and only if one wants it.
    let mut full: Option<Vec<u8>> = None;
    for (id, subscription) in &subscriptions.by_id {
        match (subscription, notice) {
            (Subscription::Heads, Notice::Head(json)) => push(*id, json)?,
            (Subscription::Logs(filter), Notice::Logs { entries, removed }) => {
                for entry in entries.iter().filter(|entry| filter.matches(&entry.log)) {
                    if *removed {
                        push(*id, &entry.removed_json())?;
                    } else {
                        push(*id, entry.json())?;
                    }
                }
            }
            (Subscription::Pending { full: false }, Notice::Pending(hash)) => {
                push(*id, format!("\"{hash}\"").as_bytes())?;
            }
            (Subscription::Pending { full: true }, Notice::Pending(hash)) => {
                if full.is_none() {
                    full = pending_transaction(subscriptions.api, hash);
                }
                if let Some(json) = &full {
                    push(*id, json)?;
                }
            }
            (Subscription::Preconfirmations, Notice::Preconfirmed(receipts)) => {
                for receipt in receipts.iter() {
                    push(*id, receipt)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A transaction of the pool or the open block, as JSON; `None` if it has gone on since.
fn pending_transaction(api: &Api, hash: &B256) -> Option<Vec<u8>> {
    let json = |transaction: &openledger_primitives::Transaction, sender| {
        serde_json::to_vec(&TransactionJson::new(
            transaction,
            sender,
            Place::Pending,
            None,
        ))
        .ok()
    };
    if let Some(open) = api.open_block()
        && let Some(found) = open.transaction(hash)
    {
        return json(&found.transaction, found.sender);
    }
    let pooled = api.mempool()?.get(hash)?;
    json(&pooled.transaction, pooled.sender)
}

fn notification(id: u128, json: &[u8]) -> Vec<u8> {
    const HEAD: &[u8] =
        b"{\"jsonrpc\":\"2.0\",\"method\":\"eth_subscription\",\"params\":{\"subscription\":\"0x";
    const MIDDLE: &[u8] = b"\",\"result\":";
    let mut out = Vec::with_capacity(HEAD.len() + 32 + MIDDLE.len() + json.len() + 2);
    out.extend_from_slice(HEAD);
    out.extend_from_slice(hex::encode(id.to_be_bytes()).as_bytes());
    out.extend_from_slice(MIDDLE);
    out.extend_from_slice(json);
    out.extend_from_slice(b"}}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_are_json() {
        let json: serde_json::Value =
            serde_json::from_slice(&notification(255, b"{\"a\":1}")).unwrap();
        assert_eq!(json["method"], "eth_subscription");
        assert_eq!(
            json["params"]["subscription"],
            "0x000000000000000000000000000000ff"
        );
        assert_eq!(json["params"]["result"]["a"], 1);
    }
}
