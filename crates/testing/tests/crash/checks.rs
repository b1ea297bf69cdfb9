//! What must be true of a node that came back.

use crate::record::{Position, Record};
use alloy_primitives::{B256, U64};
use anyhow::{Result, ensure};
use openledger_testing::rpc::{Client, quantity};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long the last acknowledged block may take until it is sealed.
const SEAL_PATIENCE: Duration = Duration::from_secs(10);

/// Blocks, nonces, and all transactions whose fate was open before the kill.
pub(crate) async fn after_restart(client: &mut Client, record: &mut Record) -> Result<()> {
    blocks(client, record).await?;
    let head = client.block_number().await?;
    if let Some((seen, _)) = record.blocks.last_key_value() {
        ensure!(
            head >= *seen,
            "the head is {head}, but block {seen} was seen sealed"
        );
    }
    for (sender, next) in &record.nonces {
        let nonce = client.nonce(*sender, "pending").await?;
        ensure!(
            nonce >= *next,
            "{sender} has the pending nonce {nonce}, {next} was acknowledged"
        );
    }
    let open: Vec<B256> = record.unchecked.iter().copied().collect();
    known(client, &open).await?;
    let accepted: Vec<B256> = record.accepted.iter().copied().collect();
    known(client, &accepted).await?;
    // The head may have moved since it was asked for, never back.
    let sealed: Vec<_> = open
        .into_iter()
        .filter_map(|hash| Some((hash, *record.preconfirmed.get(&hash)?)))
        .filter(|(_, position)| position.block <= head)
        .collect();
    positions(client, &sealed).await?;
    for (hash, _) in sealed {
        record.unchecked.remove(&hash);
    }
    Ok(())
}

/// Everything that was ever acknowledged, sealed.
pub(crate) async fn at_the_end(client: &mut Client, record: &mut Record) -> Result<()> {
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
    blocks(client, record).await?;
    let all: Vec<_> = record
        .preconfirmed
        .iter()
        .map(|(hash, position)| (*hash, *position))
        .collect();
    positions(client, &all).await?;
    record.unchecked.clear();
    let accepted: Vec<Value> = record.accepted.iter().map(|hash| json!([hash])).collect();
    let receipts = client
        .call_each("eth_getTransactionReceipt", &accepted)
        .await?;
    for (hash, receipt) in record.accepted.iter().zip(receipts) {
        ensure!(
            receipt["status"] == "0x1",
            "{hash} was accepted, its receipt is {receipt}"
        );
    }
    Ok(())
}

/// Every sealed block that was seen is still there.
async fn blocks(client: &mut Client, record: &Record) -> Result<()> {
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

/// The node knows these transactions: sealed, in the open block or in the pool.
async fn known(client: &mut Client, hashes: &[B256]) -> Result<()> {
    let params: Vec<Value> = hashes.iter().map(|hash| json!([hash])).collect();
    let found = client
        .call_each("eth_getTransactionByHash", &params)
        .await?;
    for (hash, transaction) in hashes.iter().zip(found) {
        ensure!(
            !transaction.is_null(),
            "{hash} was acknowledged and is unknown now"
        );
    }
    Ok(())
}

/// These transactions are sealed where they were preconfirmed, and succeeded.
async fn positions(client: &mut Client, expected: &[(B256, Position)]) -> Result<()> {
    let params: Vec<Value> = expected.iter().map(|(hash, _)| json!([hash])).collect();
    let receipts = client
        .call_each("eth_getTransactionReceipt", &params)
        .await?;
    for ((hash, position), receipt) in expected.iter().zip(receipts) {
        ensure!(
            !receipt.is_null(),
            "{hash} was preconfirmed at {position:?} and is not sealed"
        );
        let found = Position {
            block: quantity(&receipt["blockNumber"])?,
            index: quantity(&receipt["transactionIndex"])?,
        };
        ensure!(
            found == *position,
            "{hash} was preconfirmed at {position:?} and is at {found:?}"
        );
        ensure!(
            receipt["status"] == "0x1",
            "{hash} succeeded when it was preconfirmed, not when sealed"
        );
    }
    Ok(())
}
