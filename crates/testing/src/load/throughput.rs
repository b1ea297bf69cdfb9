//! Transactions a second, from the first request to the inclusion of the last transaction.

use super::{Figures, Latencies, Plan, accounts::PATIENCE};
use crate::{
    http::{Connection, Request},
    process::{Usage, usage},
    rpc::{Client, check, count},
};
use alloy_primitives::U64;
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Receipts that are looked at after a run.
pub const RECEIPTS: usize = 200;

/// What a plan's execution took.
#[derive(Debug, Clone)]
pub struct Throughput {
    /// Transactions sent and included.
    pub transactions: usize,
    /// Blocks that they are in, empty ones among them included.
    pub blocks: u64,
    /// Until every request was answered.
    pub sent_in: Duration,
    /// Until every transaction was in a sealed block.
    pub included_in: Duration,
    /// Time of each request.
    pub requests: Latencies,
    /// What the node used for it, and has afterwards.
    pub node: Option<Usage>,
    /// CPU time of this process.
    pub client_cpu: Duration,
    /// Transactions that reverted, of a sample of [`RECEIPTS`].
    pub reverted: usize,
}

/// Sends a plan to the node at `address`, each connection's requests one after the other, and waits until
/// all is included. Afterwards, not measured, the blocks' transactions are counted and a sample of receipts is
/// looked at.
///
/// # Errors
/// The node refuses a transaction, loses one, or nothing moves for a minute.
pub async fn throughput(address: SocketAddr, pid: Option<u32>, plan: &Plan) -> Result<Throughput> {
    let mut client = Client::open(address).await?;
    let mut connections = Vec::with_capacity(plan.requests.len());
    for _ in &plan.requests {
        connections.push(Connection::open(address).await?);
    }
    let first_block = client.block_number().await? + 1;
    let node_before = pid.map(usage).transpose()?;
    let client_before = usage(std::process::id())?;
    let started = Instant::now();
    let sends = connections
        .iter_mut()
        .zip(&plan.requests)
        .map(|(connection, requests)| send(connection, requests));
    let mut requests = Latencies::default();
    for latencies in futures::future::try_join_all(sends).await? {
        requests.append(latencies);
    }
    let sent_in = started.elapsed();
    client
        .wait_for_nonces(plan.expected.clone(), PATIENCE)
        .await?;
    let included_in = started.elapsed();
    let client_cpu = usage(std::process::id())?
        .cpu
        .saturating_sub(client_before.cpu);
    let node = match (pid, node_before) {
        (Some(pid), Some(before)) => {
            let after = usage(pid)?;
            Some(Usage {
                cpu: after.cpu.saturating_sub(before.cpu),
                ..after
            })
        }
        _ => None,
    };
    let last_block = client.block_number().await?;
    let (included, reverted) = included(&mut client, first_block, last_block).await?;
    // Deposits stand in every block of a rollup, so there may be more.
    ensure!(
        included >= plan.transactions,
        "{included} transactions in blocks {first_block} to {last_block}, {} were sent",
        plan.transactions
    );
    Ok(Throughput {
        transactions: plan.transactions,
        blocks: last_block + 1 - first_block,
        sent_in,
        included_in,
        requests,
        node,
        client_cpu,
        reverted,
    })
}

async fn send(connection: &mut Connection, requests: &[(Request, usize)]) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    for (request, transactions) in requests {
        let started = Instant::now();
        let response = connection.post(request).await?;
        latencies.add(started.elapsed());
        check(response).context("a transaction was refused")?;
        let answers = count(response, b"\"result\"", usize::MAX);
        ensure!(
            answers == *transactions,
            "{answers} answers to {transactions} transactions"
        );
    }
    Ok(latencies)
}

/// How many transactions are in these blocks, and how many of a sample of them reverted.
///
/// Only a sample, because a node may look at a whole block for each receipt.
async fn included(client: &mut Client, first: u64, last: u64) -> Result<(usize, usize)> {
    let mut hashes = Vec::new();
    for number in first..=last {
        let block = client
            .call("eth_getBlockByNumber", json!([U64::from(number), false]))
            .await?;
        hashes.extend(
            block["transactions"]
                .as_array()
                .context("transactions")?
                .iter()
                .cloned(),
        );
    }
    let step = hashes.len().div_ceil(RECEIPTS).max(1);
    // From the end: a rollup's blocks begin with deposits.
    let sample: Vec<_> = hashes
        .iter()
        .rev()
        .step_by(step)
        .map(|hash| json!([hash]))
        .collect();
    let receipts = client
        .call_each("eth_getTransactionReceipt", &sample)
        .await?;
    let reverted = receipts
        .iter()
        .filter(|receipt| receipt["status"] != "0x1")
        .count();
    Ok((hashes.len(), reverted))
}

impl Throughput {
    /// Transactions a second, to inclusion.
    pub fn per_second(&self) -> f64 {
        self.transactions as f64 / self.included_in.as_secs_f64()
    }

    /// The figures, under `name`.
    pub fn figures(&self, name: &str, figures: &mut Figures) {
        let transactions = self.transactions as f64;
        figures.higher(format!("{name}: included"), self.per_second(), "tx/s");
        if let Some(node) = &self.node {
            let cpu = node.cpu.as_secs_f64() * 1e6 / transactions;
            figures.lower(format!("{name}: node CPU"), cpu, "us/tx");
            figures.lower(
                format!("{name}: memory after"),
                node.resident_bytes as f64 / f64::from(1 << 20),
                "MiB",
            );
        }
        let cpu = self.client_cpu.as_secs_f64() * 1e6 / transactions;
        figures.lower(format!("{name}: generator CPU"), cpu, "us/tx");
        figures.latencies(&format!("{name}: request"), &self.requests);
        figures.lower(format!("{name}: reverted"), self.reverted as f64, "of 200");
    }
}
