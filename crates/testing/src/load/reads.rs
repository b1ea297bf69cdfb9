//! Requests a second of what wallets and explorers read most.

use super::{
    Accounts, Figures, Latencies, Random, Workload,
    accounts::{PATIENCE, raw, transaction},
    contracts::{call_data, word},
};
use crate::{
    http::{Connection, Request},
    process::usage,
    rpc::{Client, check, contains, count},
    wallet::Wallet,
};
use alloy_primitives::{Address, TxKind, U64, U256, keccak256};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Blocks, with a log each, that log queries search.
const BLOCKS: u64 = 1_000;
/// Different requests of a kind, taken in turns.
const VARIANTS: usize = 256;
/// Senders of the chain that is read.
const SENDERS: usize = 64;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// `eth_blockNumber`.
    BlockNumber,
    /// `eth_getBalance` of different accounts.
    Balance,
    /// `eth_call` of `balanceOf` of different accounts.
    Call,
    /// `eth_getLogs` of 1,000 blocks with 1,000 logs.
    Logs,
    /// `eth_getLogs` of 1,000 blocks by a topic that occurs once.
    LogsByTopic,
}

impl Read {
    /// All, in order.
    pub const ALL: [Self; 5] = [
        Self::BlockNumber,
        Self::Balance,
        Self::Call,
        Self::Logs,
        Self::LogsByTopic,
    ];

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BlockNumber => "eth_blockNumber",
            Self::Balance => "eth_getBalance",
            Self::Call => "eth_call balanceOf",
            Self::Logs => "eth_getLogs 1,000 logs",
            Self::LogsByTopic => "eth_getLogs one topic",
        }
    }
}

/// How fast a kind of request was answered.
#[derive(Debug, Clone)]
pub struct ReadRate {
    /// What was asked for.
    pub read: Read,
    /// Requests answered a second.
    pub per_second: f64,
    /// Time of each request.
    pub requests: Latencies,
    /// CPU time of the node a request.
    pub node_cpu: Option<Duration>,
}

/// Makes the chain that is read: a token, and 1,000 transfers of it in a block each. The node must seal a
/// block a transaction. Answers the number of the first of those blocks.
///
/// # Errors
/// As [`Accounts::prepare`]; a node that puts several transactions into one block.
pub async fn prepare_reads(
    address: SocketAddr,
    funders: &[Wallet],
    seed: u64,
) -> Result<(Accounts, u64)> {
    let accounts = Accounts::prepare(address, funders, seed, SENDERS, Workload::Erc20).await?;
    let token = accounts.token.context("no token")?;
    let mut client = Client::open(address).await?;
    let first = client.block_number().await? + 1;
    for index in 0..BLOCKS {
        let turn = index as usize % SENDERS;
        let nonce = accounts.first_nonce + index / SENDERS as u64;
        let input = call_data(
            "transfer(address,uint256)",
            &[word(recipient(index)), U256::from(index + 1)],
        );
        let call = transaction(
            accounts.chain_id,
            nonce,
            TxKind::Call(token),
            U256::ZERO,
            input,
            65_000,
        );
        let signed = accounts.senders[turn].sign(&call);
        client
            .call("eth_sendRawTransaction", raw(&signed.encoded))
            .await?;
        let waited = Instant::now();
        while client.block_number().await? < first + index {
            ensure!(
                waited.elapsed() < PATIENCE,
                "the node does not seal a block a transaction"
            );
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }
    let head = client.block_number().await?;
    ensure!(
        head + 1 - first == BLOCKS,
        "{BLOCKS} transfers are in blocks {first} to {head}"
    );
    Ok((accounts, first))
}

/// Whom the transfer in the block of this index goes to.
fn recipient(index: u64) -> Address {
    Random::new(!index).address()
}

/// Asks for everything in [`Read::ALL`], each for `duration` over `connections` connections.
///
/// # Errors
/// A wrong answer or a refusal.
pub async fn reads(
    address: SocketAddr,
    pid: Option<u32>,
    accounts: &Accounts,
    first_block: u64,
    connections: usize,
    duration: Duration,
) -> Result<Vec<ReadRate>> {
    let mut rates = Vec::new();
    for read in Read::ALL {
        let requests = render(read, accounts, first_block)?;
        verify(read, address, &requests[0]).await?;
        let mut open = Vec::with_capacity(connections);
        for _ in 0..connections {
            open.push(Connection::open(address).await?);
        }
        let before = pid.map(usage).transpose()?;
        let started = Instant::now();
        let until = started + duration;
        let loops = open
            .iter_mut()
            .enumerate()
            .map(|(index, connection)| ask(connection, &requests, index * 7, until));
        let mut latencies = Latencies::default();
        for part in futures::future::try_join_all(loops).await? {
            latencies.append(part);
        }
        let elapsed = started.elapsed();
        let node_cpu = match (pid, before) {
            (Some(pid), Some(before)) => {
                let cpu = usage(pid)?.cpu.saturating_sub(before.cpu);
                Some(cpu.div_f64(latencies.len().max(1) as f64))
            }
            _ => None,
        };
        let per_second = latencies.len() as f64 / elapsed.as_secs_f64();
        rates.push(ReadRate {
            read,
            per_second,
            requests: latencies,
            node_cpu,
        });
    }
    Ok(rates)
}

async fn ask(
    connection: &mut Connection,
    requests: &[Request],
    offset: usize,
    until: Instant,
) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    for request in requests.iter().cycle().skip(offset) {
        let started = Instant::now();
        if started >= until {
            break;
        }
        check_head(connection.post(request).await?)?;
        latencies.add(started.elapsed());
    }
    Ok(latencies)
}

/// An error stands near the beginning of a response, so that long answers need no search.
fn check_head(response: &[u8]) -> Result<()> {
    let head = &response[..response.len().min(200)];
    if contains(head, b"\"error\"") {
        check(response)
    } else {
        Ok(())
    }
}

fn render(read: Read, accounts: &Accounts, first_block: u64) -> Result<Vec<Request>> {
    let token = accounts.token.context("no token")?;
    let last_block = first_block + BLOCKS - 1;
    let topic = keccak256("Transfer(address,address,uint256)");
    let range = |topics: Value| {
        json!([{
            "address": token,
            "fromBlock": U64::from(first_block),
            "toBlock": U64::from(last_block),
            "topics": topics,
        }])
    };
    let variant = |index: usize| -> (&str, Value) {
        let account = accounts.senders[index % accounts.senders.len()].address();
        match read {
            Read::BlockNumber => ("eth_blockNumber", json!([])),
            Read::Balance => ("eth_getBalance", json!([account, "latest"])),
            Read::Call => {
                let data = call_data("balanceOf(address)", &[word(account)]);
                ("eth_call", json!([{ "to": token, "data": data }, "latest"]))
            }
            Read::Logs => ("eth_getLogs", range(json!([topic]))),
            Read::LogsByTopic => {
                let to = recipient(index as u64 % BLOCKS).into_word();
                ("eth_getLogs", range(json!([topic, null, to])))
            }
        }
    };
    (0..VARIANTS)
        .map(|index| {
            let (method, params) = variant(index);
            let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
            Ok(Request::json(&serde_json::to_vec(&body)?))
        })
        .collect()
}

/// The answer is what the chain that was made must answer.
async fn verify(read: Read, address: SocketAddr, request: &Request) -> Result<()> {
    let mut client = Client::open(address).await?;
    let response = client.post(request).await?;
    check(response)?;
    let logs = count(response, b"\"logIndex\"", usize::MAX);
    let expected = match read {
        Read::Logs => BLOCKS as usize,
        Read::LogsByTopic => 1,
        _ => 0,
    };
    ensure!(
        logs == expected,
        "{}: {logs} logs, {expected} were expected",
        read.name()
    );
    Ok(())
}

impl ReadRate {
    /// The figures.
    pub fn figures(&self, figures: &mut Figures) {
        let name = self.read.name();
        figures.higher(name, self.per_second, "requests/s");
        figures.latencies(&format!("{name}: request"), &self.requests);
        if let Some(cpu) = self.node_cpu {
            figures.lower(
                format!("{name}: node CPU"),
                cpu.as_secs_f64() * 1e6,
                "us/request",
            );
        }
    }
}
