//! What recent batches cost, and what the blocks in them paid for it.

use super::price::TypicalTx;
use crate::{
    batcher::{FEE_VAULT_PROCESSED_SLOT, POSTING_FEE_VAULTS},
    bridge::{Connection, L2Node, ask},
};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::SolEvent;
use anyhow::Context;
use openledger_l1::{
    BatchTx, Carrier, ChannelSummary, ScanItem,
    contracts::{BatchInbox, SystemConfig},
    scan_batches,
};
use std::collections::{BTreeMap, BTreeSet};

/// L1 blocks of one log query: what public endpoints allow.
const LOG_QUERY_BLOCKS: u64 = 1_000;
/// Most L1 blocks in which batches are looked for: three days of blocks every 12 s.
const LOOK_BACK_BLOCKS: u64 = 21_600;
/// Most L1 blocks that are read whole.
const READ_BLOCKS: u64 = 1_000;
/// Most L2 blocks whose transactions are looked at for what is typical.
const TYPICAL_BLOCKS: usize = 100;
/// Gas that a byte of data counts in `l1GasUsed`.
const L1_GAS_A_BYTE: u64 = 16;

/// A channel: what it cost and what its blocks paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Posted {
    /// The L1 block that completed it.
    pub(super) l1_block: u64,
    /// Its first and last L2 block.
    pub(super) blocks: (u64, u64),
    /// L2 transactions in it, deposits left out.
    pub(super) transactions: usize,
    /// Bytes as posted.
    pub(super) bytes: usize,
    /// What its L1 transactions cost, wei of ETH.
    pub(super) cost_wei: U256,
    /// L1 fees and operator fees of its blocks, wei of OPEN.
    pub(super) fees_wei: U256,
}

/// What was posted of late.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The channels, oldest first.
    pub(super) posted: Vec<Posted>,
    /// What the newest of them was carried in.
    pub(super) carrier: Option<Carrier>,
    /// The mean transaction in them.
    pub(super) typical: Option<TypicalTx>,
}

impl Ledger {
    /// Reads the newest `batches` batch transactions, as far as they are not too old or too far apart.
    ///
    /// # Errors
    /// A layer that doesn't answer; batches in blobs that can't be had.
    pub(super) async fn read(
        connection: &Connection,
        l2: &L2Node,
        batches: usize,
    ) -> anyhow::Result<Self> {
        let head = connection.l1.latest().await?.number;
        let Some(from) = first_block(connection, head, batches).await? else {
            return Ok(Self::default());
        };
        let (mut transactions, mut channels) = (Vec::new(), Vec::new());
        let rollup = &connection.files.rollup;
        scan_batches(&connection.l1, rollup, from, head, |item| {
            match item {
                ScanItem::Transaction(tx) => transactions.push(tx),
                ScanItem::Channel(channel) => channels.push(channel),
            }
            true
        })
        .await?;
        let mut ledger = Self {
            carrier: transactions.last().map(carrier),
            ..Self::default()
        };
        let mut costs = costs(connection, &channels).await?;
        let mut collected = Collected::default();
        for channel in &channels {
            let Some((first, last)) = channel.block_range() else {
                continue;
            };
            let before = collected.up_to(l2, first.saturating_sub(1)).await?;
            let after = collected.up_to(l2, last).await?;
            // A transaction that carries parts of two counts with the first.
            let cost_wei = channel
                .transactions
                .iter()
                .filter_map(|tx| costs.remove(tx))
                .fold(U256::ZERO, U256::saturating_add);
            ledger.posted.push(Posted {
                l1_block: channel.closed.number,
                blocks: (first, last),
                transactions: channel.transaction_count(),
                bytes: channel.compressed_bytes,
                cost_wei,
                fees_wei: after.saturating_sub(before),
            });
        }
        ledger.typical = typical(l2, &channels).await?;
        Ok(ledger)
    }
}

/// The L1 block from which on there are about as many batch transactions as asked for; `None` if there
/// is no batch of late.
async fn first_block(
    connection: &Connection,
    head: u64,
    batches: usize,
) -> anyhow::Result<Option<u64>> {
    let contracts = connection.contracts();
    let batcher = SystemConfig::batcherHashCall {};
    let batcher = ask(&connection.l1, contracts.system_config, batcher).await?;
    let batcher = Address::from_word(batcher);
    let genesis = connection.files.rollup.genesis.l1.number;
    let earliest = head.saturating_sub(LOOK_BACK_BLOCKS).max(genesis);
    let mut found: BTreeSet<u64> = BTreeSet::new();
    let mut count = 0;
    let mut to = head;
    loop {
        let from = to.saturating_sub(LOG_QUERY_BLOCKS - 1).max(earliest);
        let filter = Filter::new()
            .address(contracts.batch_inbox)
            .event_signature(BatchInbox::BatchCommitted::SIGNATURE_HASH)
            .topic1(batcher.into_word())
            .from_block(from)
            .to_block(to);
        let mut numbers: Vec<u64> = connection
            .l1
            .logs(&filter)
            .await?
            .iter()
            .filter_map(|log| log.block_number)
            .collect();
        numbers.sort_unstable();
        for number in numbers.into_iter().rev() {
            let is_far = found
                .last()
                .is_some_and(|newest| number.saturating_add(READ_BLOCKS) < *newest);
            if count >= batches || is_far {
                return Ok(found.first().copied());
            }
            count += 1;
            found.insert(number);
        }
        if from <= earliest || count >= batches {
            return Ok(found.first().copied());
        }
        to = from - 1;
    }
}

const fn carrier(tx: &BatchTx) -> Carrier {
    match tx.blobs {
        0 => Carrier::Calldata,
        _ => Carrier::Blobs,
    }
}

/// What the channels' L1 transactions cost, wei of ETH.
async fn costs(
    connection: &Connection,
    channels: &[ChannelSummary],
) -> anyhow::Result<BTreeMap<B256, U256>> {
    let mut costs = BTreeMap::new();
    for tx in channels.iter().flat_map(|channel| &channel.transactions) {
        if costs.contains_key(tx) {
            continue;
        }
        let receipt = connection.l1.receipt(*tx).await?;
        let receipt = receipt.with_context(|| format!("the L1 no longer has transaction {tx}"))?;
        let gas =
            U256::from(receipt.gas_used).saturating_mul(U256::from(receipt.effective_gas_price));
        let blob_gas = U256::from(receipt.blob_gas_used.unwrap_or_default())
            .saturating_mul(U256::from(receipt.blob_gas_price.unwrap_or_default()));
        costs.insert(*tx, gas.saturating_add(blob_gas));
    }
    Ok(costs)
}

/// What the chain has collected up to a block: channels follow one another, so that most is asked twice.
#[derive(Debug, Default)]
struct Collected(BTreeMap<u64, U256>);

impl Collected {
    /// Wei of OPEN that L1 fees and operator fees up to this block, itself included, are.
    async fn up_to(&mut self, l2: &L2Node, block: u64) -> anyhow::Result<U256> {
        if let Some(known) = self.0.get(&block) {
            return Ok(*known);
        }
        let at = BlockNumberOrTag::Number(block);
        let mut sum = U256::ZERO;
        for vault in POSTING_FEE_VAULTS {
            // What it has, and what left it.
            sum = sum.saturating_add(l2.balance(vault, at).await?);
            sum = sum.saturating_add(l2.storage(vault, FEE_VAULT_PROCESSED_SLOT, at).await?);
        }
        self.0.insert(block, sum);
        Ok(sum)
    }
}

/// The mean of the transactions in the newest of the channels; `None` if there is none.
async fn typical(l2: &L2Node, channels: &[ChannelSummary]) -> anyhow::Result<Option<TypicalTx>> {
    let with_transactions = channels
        .iter()
        .rev()
        .flat_map(|channel| channel.batches.iter().rev())
        .filter(|batch| batch.transactions > 0)
        .filter_map(|batch| batch.block_number)
        .take(TYPICAL_BLOCKS);
    let (mut count, mut bytes, mut gas) = (0_u64, 0_u64, 0_u64);
    for block in with_transactions {
        for receipt in l2.receipts(block).await? {
            let l1_gas = receipt.l1_gas_used.unwrap_or_default();
            if l1_gas.is_zero() {
                continue;
            }
            count += 1;
            bytes = bytes.saturating_add(l1_gas.saturating_to::<u64>().div_ceil(L1_GAS_A_BYTE));
            gas = gas.saturating_add(receipt.gas_used.to());
        }
    }
    Ok((count > 0).then(|| TypicalTx {
        bytes: bytes.div_ceil(count),
        gas: gas / count,
    }))
}
