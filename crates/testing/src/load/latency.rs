//! From sending a transaction to its receipt, and to the block that seals it; idle or beside a steady load.

use super::{
    Accounts, Figures, Latencies, Plan,
    accounts::{PATIENCE, raw, transaction},
};
use crate::{
    http::{Connection, Request},
    rpc::{Client, check},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::{
    cell::Cell,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Every so many probes, one is followed until it is sealed.
const SEALED_EVERY: usize = 25;
/// How often a receipt is asked for.
const POLL: Duration = Duration::from_millis(1);
/// How often a sealed receipt is asked for.
const SEALED_POLL: Duration = Duration::from_millis(10);

/// How receipts were had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipts {
    /// By `eth_sendRawTransactionSync`.
    Sync,
    /// By `eth_sendRawTransaction` and polling, since the node lacks the former.
    Polled,
}

/// How long transactions took.
#[derive(Debug, Clone)]
pub struct Latency {
    /// How receipts were had.
    pub receipts: Receipts,
    /// From sending to the receipt.
    pub answered: Latencies,
    /// From sending to the receipt of the sealed block, of a sample.
    pub sealed: Latencies,
}

/// Sends `count` transfers from the first of `accounts`, one every `interval` if the one before is
/// answered. With `load`, sends a plan at its rate (transactions a second) meanwhile, and ends when either
/// ends.
///
/// # Errors
/// The node refuses a transaction, or nothing moves for a minute.
pub async fn latency(
    address: SocketAddr,
    accounts: &Accounts,
    count: usize,
    interval: Duration,
    load: Option<(&Plan, f64)>,
) -> Result<Latency> {
    let ended = Cell::new(false);
    let probing = async {
        let result = probe(address, accounts, count, interval, &ended).await;
        ended.set(true);
        result
    };
    let Some((plan, rate)) = load else {
        return probing.await;
    };
    let mut connections = Vec::with_capacity(plan.requests.len());
    for _ in &plan.requests {
        connections.push(Connection::open(address).await?);
    }
    let spacing = Duration::from_secs_f64((plan.batch * connections.len()) as f64 / rate);
    let count = connections.len() as u32;
    let loads = connections.iter_mut().zip(&plan.requests).zip(0u32..).map(
        |((connection, requests), index)| {
            // Spread evenly: the connections take turns.
            pace(
                connection,
                requests,
                spacing,
                spacing * index / count,
                &ended,
            )
        },
    );
    let loading = async {
        futures::future::try_join_all(loads).await?;
        ended.set(true);
        Ok(())
    };
    let (latency, ()) = futures::try_join!(probing, loading)?;
    Ok(latency)
}

/// Sends requests on a fixed schedule, behind which it may fall.
async fn pace(
    connection: &mut Connection,
    requests: &[(Request, usize)],
    spacing: Duration,
    offset: Duration,
    ended: &Cell<bool>,
) -> Result<()> {
    let mut due = tokio::time::Instant::now() + offset;
    for (request, _) in requests {
        tokio::time::sleep_until(due).await;
        if ended.get() {
            break;
        }
        check(connection.post(request).await?).context("a transaction was refused")?;
        due += spacing;
    }
    Ok(())
}

async fn probe(
    address: SocketAddr,
    accounts: &Accounts,
    count: usize,
    interval: Duration,
    ended: &Cell<bool>,
) -> Result<Latency> {
    let mut client = Client::open(address).await?;
    let wallet = accounts
        .senders
        .first()
        .context("no account to send from")?;
    let first = client.nonce(wallet.address(), "pending").await?;
    let to = TxKind::Call(Address::repeat_byte(0x77));
    let signed: Vec<_> = (first..)
        .take(count)
        .map(|nonce| {
            wallet.sign(&transaction(
                accounts.chain_id,
                nonce,
                to,
                U256::ONE,
                Bytes::new(),
                21_000,
            ))
        })
        .collect();
    // A call that can't succeed tells whether the method exists.
    let receipts = match client
        .try_call("eth_sendRawTransactionSync", json!(["0x"]))
        .await?
    {
        Err(refusal) if refusal.is_unknown_method() => Receipts::Polled,
        _ => Receipts::Sync,
    };
    let (sent, mut sent_receiver) = mpsc::unbounded_channel::<(B256, Instant)>();
    let sending = async {
        let mut answered = Latencies::default();
        let mut due = tokio::time::Instant::now();
        for (index, transaction) in signed.iter().enumerate() {
            tokio::time::sleep_until(due).await;
            if ended.get() {
                break;
            }
            due = tokio::time::Instant::now() + interval;
            let started = Instant::now();
            match receipts {
                Receipts::Sync => {
                    let receipt = client
                        .call("eth_sendRawTransactionSync", raw(&transaction.encoded))
                        .await?;
                    ensure!(
                        receipt["status"] == "0x1",
                        "a transfer's receipt is {receipt}"
                    );
                }
                Receipts::Polled => {
                    client
                        .call("eth_sendRawTransaction", raw(&transaction.encoded))
                        .await?;
                    wait_for_receipt(&mut client, transaction.hash, POLL).await?;
                }
            }
            answered.add(started.elapsed());
            if index % SEALED_EVERY == 0 {
                // The receiver lives as long as this.
                let _ = sent.send((transaction.hash, started));
            }
        }
        drop(sent);
        anyhow::Ok(answered)
    };
    let sealing = async {
        let mut client = Client::open(address).await?;
        let mut sealed = Latencies::default();
        while let Some((hash, started)) = sent_receiver.recv().await {
            wait_for_receipt(&mut client, hash, SEALED_POLL).await?;
            sealed.add(started.elapsed());
        }
        anyhow::Ok(sealed)
    };
    let (answered, sealed) = futures::try_join!(sending, sealing)?;
    Ok(Latency {
        receipts,
        answered,
        sealed,
    })
}

async fn wait_for_receipt(client: &mut Client, hash: B256, poll: Duration) -> Result<()> {
    let started = Instant::now();
    while client
        .call("eth_getTransactionReceipt", json!([hash]))
        .await?
        .is_null()
    {
        ensure!(
            started.elapsed() < PATIENCE,
            "{hash} has no receipt after {PATIENCE:?}"
        );
        tokio::time::sleep(poll).await;
    }
    Ok(())
}

impl Latency {
    /// The figures, under `name`.
    pub fn figures(&self, name: &str, figures: &mut Figures) {
        figures.latencies(&format!("{name}: send to receipt"), &self.answered);
        figures.latencies(&format!("{name}: send to sealed"), &self.sealed);
    }
}
