//! A chain that activates Jovian on its way.

use crate::{
    Tuning, World,
    adversary::{calldata, frames},
    l1::L1,
};
use alloy_primitives::Bytes;
use anyhow::{Context as _, Result, ensure};
use openledger_primitives::{SealedBlock, Transaction};
use openledger_protocol::{
    Batch, L1Attributes, SingularBatch, encode_frames_tx, jovian_upgrade_deposits,
};
use openledger_testing::{fixture::jovian_upgrade, rpc::quantity};
use serde_json::{Value, json};
use std::sync::Arc;

/// Seconds after genesis at which Jovian is scheduled; L1 blocks come every 3.
const ACTIVATION: u64 = 13;
/// Gas per byte of DA footprint, which L1's `SystemConfig` doesn't set.
const DA_FOOTPRINT_GAS_SCALAR: u64 = 400;

on_each_l1!(
    the_activation_is_passed,
    a_batch_with_transactions_for_the_activation,
);

impl<L: L1> World<L> {
    /// The verifier's block so many seconds after genesis; blocks come every second.
    fn derived(&self, after: u64) -> Result<Arc<SealedBlock>> {
        self.verifier()?
            .chain
            .block(after)?
            .with_context(|| format!("no block {after}"))
    }

    async fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        let answers = self.sequencer()?.rpc.call_each(method, &[params]).await?;
        answers.into_iter().next().context("no answer")
    }
}

/// Users' transactions and deposits before, at and after the activation: a verifier comes to the sequencer's
/// chain, one that begins anew as well, and what receipts and blocks say changes as the fork has it.
async fn the_activation_is_passed<L: L1>() -> Result<()> {
    let tuning = Tuning {
        jovian_after: Some(ACTIVATION),
        ..Tuning::default()
    };
    let Some(mut world) = World::<L>::start(tuning).await? else {
        return Ok(());
    };
    let before = world.transfer(100).await?;
    for _ in 0..8 {
        world.transfers(2, 100).await?;
        world.deposit().await?;
        world.tick().await?;
    }
    let after = world.transfer(3_000).await?;
    world.finish().await?;

    // The activation block has the upgrades and nobody's transactions.
    let activation = world.derived(ACTIVATION)?;
    let transactions = &activation.block.body.transactions;
    let upgrades: Vec<Transaction> = jovian_upgrade_deposits(&jovian_upgrade()?)
        .into_iter()
        .map(Transaction::from)
        .collect();
    ensure!(transactions.iter().all(Transaction::is_deposit));
    ensure!(transactions.ends_with(&upgrades), "{transactions:?}");
    ensure!(activation.receipts.iter().all(|receipt| receipt.status()));
    for (number, extra_bytes, scalar) in [
        (ACTIVATION - 1, 9, None),
        (ACTIVATION, 17, None),
        (ACTIVATION + 1, 17, Some(400)),
    ] {
        let block = world.derived(number)?;
        ensure!(block.block.header.extra_data.len() == extra_bytes);
        let attributes = L1Attributes::from_deposit(&block.block.body.transactions[0])?;
        ensure!(
            attributes.da_footprint_gas_scalar == scalar,
            "{attributes:?}"
        );
    }

    let receipt = world
        .ask("eth_getTransactionReceipt", json!([before]))
        .await?;
    ensure!(quantity(&receipt["blockNumber"])? < ACTIVATION, "{receipt}");
    ensure!(receipt["blobGasUsed"].is_null() && receipt["daFootprintGasScalar"].is_null());
    let receipt = world
        .ask("eth_getTransactionReceipt", json!([after]))
        .await?;
    ensure!(quantity(&receipt["daFootprintGasScalar"])? == DA_FOOTPRINT_GAS_SCALAR);
    let footprint = quantity(&receipt["blobGasUsed"])?;
    // Bytes that don't compress, and what else a transaction has.
    ensure!(footprint > 2_000 * DA_FOOTPRINT_GAS_SCALAR, "{receipt}");
    let block = world
        .ask("eth_getBlockByHash", json!([receipt["blockHash"], false]))
        .await?;
    ensure!(quantity(&block["blobGasUsed"])? >= footprint, "{block}");
    let config = world.ask("eth_config", json!([])).await?;
    let time = world.files.rollup.forks.jovian_time;
    ensure!(
        config["current"]["activationTime"].as_u64() == time,
        "{config}"
    );

    // It goes on from there, and a verifier that was away catches up.
    world.verifier.take().context("it runs")?.stop().await?;
    world.transfers(2, 1_000).await?;
    world.ticks(2).await?;
    world.start_verifier()?;
    world.finish().await
}

/// A batch of the batcher's key with a transaction for the activation block has no effect: the sequencer's own
/// comes later and counts.
async fn a_batch_with_transactions_for_the_activation<L: L1>() -> Result<()> {
    let tuning = Tuning {
        jovian_after: Some(ACTIVATION),
        ..calldata()
    };
    let Some(mut world) = World::<L>::start(tuning).await? else {
        return Ok(());
    };
    world.transfers(2, 100).await?;
    while world.sequencer()?.heads().await?.unsafe_head.number < ACTIVATION - 1 {
        world.tick().await?;
    }
    world.settle().await?;
    ensure!(world.safe().await?.number == ACTIVATION - 1);
    let next = world.next_batch()?;
    // Sealed, and not posted.
    let batcher = world.batcher.address();
    world.l1.mine_only(batcher, 0).await?;
    world.catch_up().await?;
    let number = json!([format!("{ACTIVATION:#x}"), false]);
    let sealed = world.ask("eth_getBlockByNumber", number.clone()).await?;
    ensure!(sealed["hash"].is_string(), "{sealed}");
    let transaction = world.sign_as(&world.owner, 7, batcher, 1, Bytes::new());
    let batch = Batch::Singular(SingularBatch {
        transactions: vec![transaction],
        ..next
    });
    let data = Bytes::from(encode_frames_tx(&frames(1, &[batch], 10_000)?));
    world.mine_from_batcher(&[data], 5_000_000).await?;
    world.catch_up().await?;
    world.ticks(3).await?;
    world.transfers(2, 100).await?;
    world.finish().await?;
    let kept = world.ask("eth_getBlockByNumber", number).await?;
    ensure!(kept["hash"] == sealed["hash"], "the sequencer gave way");
    let derived = world.derived(ACTIVATION)?;
    let transactions = &derived.block.body.transactions;
    ensure!(transactions.iter().all(Transaction::is_deposit));
    Ok(())
}
