//! What must be true of a node that came back.

use crate::record::{Position, Record};
use alloy_primitives::{B256, U64};
use anyhow::{Context as _, Result, ensure};
use openledger_testing::rpc::{Client, quantity};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// How long the last acknowledged block may take until it is sealed.
const SEAL_PATIENCE: Duration = Duration::from_secs(10);

/// How long a sealed block may take until it is derived from L1.
const SAFE_PATIENCE: Duration = Duration::from_secs(60);

/// Sealed transactions: where, and whether they succeeded.
type Sealed = BTreeMap<B256, (Position, bool)>;

/// Blocks, nonces, and all transactions whose fate was open before the kill.
pub(crate) async fn after_restart(client: &mut Client, record: &mut Record) -> Result<()> {
    let head = client.block_number().await?;
    blocks(client, record, head).await?;
    for (sender, next) in &record.nonces {
        let nonce = client.nonce(*sender, "pending").await?;
        ensure!(
            nonce >= *next,
            "{sender} has the pending nonce {nonce}, {next} was acknowledged"
        );
    }
    let sealed = sealed(client, record.looked_at + 1, head).await?;
    let mut unsealed = Vec::new();
    for hash in std::mem::take(&mut record.open) {
        let preconfirmed = record.preconfirmed.get(&hash).copied();
        match sealed.get(&hash) {
            Some(found) => check(hash, preconfirmed, *found)?,
            None => {
                if let Some(position) = preconfirmed {
                    ensure!(
                        position.block > head,
                        "{hash} was preconfirmed at {position:?}, block {head} is sealed"
                    );
                }
                unsealed.push(hash);
            }
        }
    }
    record.looked_at = head;
    // In the open block or in the pool, or sealed just now.
    let params: Vec<Value> = unsealed.iter().map(|hash| json!([hash])).collect();
    let found = client
        .call_each("eth_getTransactionByHash", &params)
        .await?;
    for (hash, transaction) in unsealed.into_iter().zip(found) {
        ensure!(
            !transaction.is_null(),
            "{hash} was acknowledged and is unknown now"
        );
        record.open.insert(hash);
    }
    Ok(())
}

/// Waits until a node builds on its chain: it serves before, while it looks at what its L1 holds, and its blocks may go still.
pub(crate) async fn wait_until_begun(address: SocketAddr) -> Result<()> {
    const PATIENCE: Duration = Duration::from_secs(120);
    let asked = Instant::now();
    loop {
        let mut stream = TcpStream::connect(address).await?;
        let request =
            format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        ensure!(answer.contains("status"), "no health: {answer}");
        if !answer.contains("starting:") {
            return Ok(());
        }
        ensure!(asked.elapsed() < PATIENCE, "the node waits: {answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// As [`after_restart`], where the L1 may have come back older: blocks whose origin it lacks are gone, in
/// one piece at the end of the chain, and their transactions wait again.
pub(crate) async fn after_restart_with_older_l1(
    client: &mut Client,
    record: &mut Record,
) -> Result<()> {
    let seen = record
        .blocks
        .last_key_value()
        .map_or(0, |(number, _)| *number);
    let params: Vec<Value> = record
        .blocks
        .keys()
        .map(|number| json!([U64::from(*number), false]))
        .collect();
    let found = client.call_each("eth_getBlockByNumber", &params).await?;
    let changed = record
        .blocks
        .iter()
        .zip(&found)
        .find(|((_, hash), block)| block["hash"] != json!(hash))
        .map_or(seen + 1, |((number, _), _)| *number);
    let unwound = record.blocks.split_off(&changed);
    println!(
        "  blocks unwound: {} of {}",
        unwound.len(),
        unwound.len() + record.blocks.len()
    );
    // Their transactions, and those of the open block, may be sealed elsewhere now.
    let moved: Vec<B256> = record
        .preconfirmed
        .iter()
        .filter(|(_, position)| position.block >= changed)
        .map(|(hash, _)| *hash)
        .collect();
    for hash in moved {
        record.preconfirmed.remove(&hash);
        record.accepted(hash);
    }
    for (sender, next) in &record.nonces {
        let nonce = client.nonce(*sender, "pending").await?;
        ensure!(
            nonce >= *next,
            "{sender} has the pending nonce {nonce}, {next} was acknowledged"
        );
    }
    // What waits now may be sealed a moment later, so it is asked for first.
    let acknowledged: BTreeSet<B256> = record
        .preconfirmed
        .keys()
        .chain(&record.accepted)
        .copied()
        .collect();
    let head = client.block_number().await?;
    let before = sealed(client, 1, head).await?;
    let unsealed: Vec<B256> = acknowledged
        .into_iter()
        .filter(|hash| !before.contains_key(hash))
        .collect();
    let params: Vec<Value> = unsealed.iter().map(|hash| json!([hash])).collect();
    let found = client
        .call_each("eth_getTransactionByHash", &params)
        .await?;
    for (hash, transaction) in unsealed.iter().zip(found) {
        ensure!(
            !transaction.is_null(),
            "{hash} was acknowledged and is unknown now"
        );
    }
    for (hash, position) in &record.preconfirmed {
        let found = before
            .get(hash)
            .with_context(|| format!("{hash} is not sealed"))?;
        check(*hash, Some(*position), *found)?;
    }
    Ok(())
}

/// Waits until the newest block as of now is safe, and answers the safe block.
pub(crate) async fn wait_until_safe(client: &mut Client) -> Result<u64> {
    let head = client.block_number().await?;
    let started = Instant::now();
    loop {
        let block = client
            .call("eth_getBlockByNumber", json!(["safe", false]))
            .await?;
        let safe = quantity(&block["number"])?;
        if safe >= head {
            return Ok(safe);
        }
        ensure!(
            started.elapsed() < SAFE_PATIENCE,
            "block {head} is not safe, {safe} is"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Everything that was ever acknowledged, sealed.
pub(crate) async fn at_the_end(client: &mut Client, record: &Record) -> Result<()> {
    let last = record
        .preconfirmed
        .values()
        .map(|position| position.block)
        .max()
        .unwrap_or(0);
    let started = Instant::now();
    while client.block_number().await? < last {
        ensure!(
            started.elapsed() < SEAL_PATIENCE,
            "block {last} is not sealed"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let head = client.block_number().await?;
    blocks(client, record, head).await?;
    let sealed = sealed(client, 1, head).await?;
    for hash in record.preconfirmed.keys().chain(&record.accepted) {
        let found = sealed
            .get(hash)
            .with_context(|| format!("{hash} is not sealed"))?;
        check(*hash, record.preconfirmed.get(hash).copied(), *found)?;
    }
    Ok(())
}

/// Every sealed block that was seen is still there.
async fn blocks(client: &mut Client, record: &Record, head: u64) -> Result<()> {
    if let Some((seen, _)) = record.blocks.last_key_value() {
        ensure!(
            head >= *seen,
            "the head is {head}, but block {seen} was seen sealed"
        );
    }
    let params: Vec<Value> = record
        .blocks
        .keys()
        .map(|number| json!([U64::from(*number), false]))
        .collect();
    let found = client.call_each("eth_getBlockByNumber", &params).await?;
    for ((number, hash), block) in record.blocks.iter().zip(found) {
        ensure!(
            block["hash"] == json!(hash),
            "sealed block {number} was {hash} and is now {}",
            block["hash"]
        );
    }
    Ok(())
}

/// All transactions of these blocks.
async fn sealed(client: &mut Client, first: u64, last: u64) -> Result<Sealed> {
    let mut sealed = Sealed::new();
    for number in first..=last {
        let receipts = client
            .call("eth_getBlockReceipts", json!([U64::from(number)]))
            .await?;
        for receipt in receipts.as_array().context("receipts")? {
            let hash = serde_json::from_value(receipt["transactionHash"].clone())?;
            let position = Position {
                block: quantity(&receipt["blockNumber"])?,
                index: quantity(&receipt["transactionIndex"])?,
            };
            sealed.insert(hash, (position, receipt["status"] == "0x1"));
        }
    }
    Ok(sealed)
}

/// A sealed transaction succeeded, and is where it was preconfirmed.
fn check(
    hash: B256,
    preconfirmed: Option<Position>,
    (found, succeeded): (Position, bool),
) -> Result<()> {
    if let Some(position) = preconfirmed {
        ensure!(
            found == position,
            "{hash} was preconfirmed at {position:?} and is at {found:?}"
        );
    }
    ensure!(succeeded, "{hash} failed in block {}", found.block);
    Ok(())
}
