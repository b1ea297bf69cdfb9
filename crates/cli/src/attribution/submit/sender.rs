//! Sends a submission's transactions and waits for them.

use super::{
    super::chain::{Failure, Node, NodeArgs, View, describe},
    journal::{Journal, Sent, Task},
};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U128, keccak256};
use alloy_rpc_types_eth::Log;
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context, bail, ensure};
use clap::Args;
use openledger_l1::{key_from_env, key_from_file};
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Names the key of the account that sends.
const KEY_VARIABLE: &str = "OPENLEDGER_KEY";
/// Transactions that are under way at the same time: fewer than a pool keeps of one account.
pub(super) const IN_FLIGHT_MAX: usize = 16;
/// Pause between two looks for receipts or blocks.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Longest wait for a transaction to be in a block.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(180);
/// Time without a new block after which the person is told what to do.
const HINT_AFTER: Duration = Duration::from_secs(10);
/// What is added to an estimate, as a divisor: state may change before the transaction runs.
const ESTIMATE_MARGIN: u64 = 8;

/// Who sends, and how.
#[derive(Debug, Clone, Args)]
pub(super) struct AccountArgs {
    #[command(flatten)]
    pub(super) node: NodeArgs,
    /// File with the account's private key; without, OPENLEDGER_KEY holds it
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// What was sent, so that the same command goes on after an interruption; keep it until all is done
    #[arg(long, value_name = "FILE")]
    journal: PathBuf,
    /// Most gas of a transaction
    #[arg(
        long,
        value_name = "GAS",
        default_value_t = 16_777_216,
        value_parser = clap::value_parser!(u64).range(100_000..=1_000_000_000)
    )]
    pub(super) gas_max: u64,
    /// Mine the blocks that are waited for (evm_mine): on a local chain that seals on demand
    #[arg(long)]
    mine: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A transaction to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// What it does, unique within the task.
    pub(super) name: String,
    /// The precompile.
    pub(super) to: Address,
    /// Calldata.
    pub(super) data: Bytes,
}

/// A transaction's place and logs.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Receipt {
    status: U64,
    block_number: U64,
    gas_used: U64,
    pub(super) logs: Vec<Log>,
}

impl Receipt {
    /// Its block.
    pub(super) fn block(&self) -> u64 {
        self.block_number.to()
    }
}

/// Sends a task's transactions, in the order of its steps.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) node: Node,
    signer: PrivateKeySigner,
    journal: Journal,
    mine: bool,
    pub(super) gas_max: u64,
    gas_used: u64,
    transactions: u64,
}

/// Gas that a transaction would need, beyond what it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the transaction needs {needed} gas, more than --gas-max {max}")]
pub(super) struct TooMuchGas {
    needed: u64,
    max: u64,
}

/// The account that sends.
pub(super) fn signer(args: &AccountArgs) -> anyhow::Result<PrivateKeySigner> {
    match &args.key_file {
        Some(path) => Ok(key_from_file(path)?),
        None => key_from_env(KEY_VARIABLE)
            .with_context(|| format!("name the account's key by --key-file or {KEY_VARIABLE}")),
    }
}

impl Sender {
    /// Connects and opens the journal. `inputs` is all that decides what is sent.
    pub(super) async fn new(
        args: &AccountArgs,
        node: Node,
        signer: PrivateKeySigner,
        command: &str,
        inputs: &[u8],
    ) -> anyhow::Result<Self> {
        let task = Task {
            chain_id: node.chain_id,
            genesis: node.block_hash(0).await?,
            account: signer.address(),
            command: command.to_owned(),
            inputs: keccak256(inputs),
        };
        Ok(Self {
            journal: Journal::open(&args.journal, &task)?,
            node,
            signer,
            mine: args.mine,
            gas_max: args.gas_max,
            gas_used: 0,
            transactions: 0,
        })
    }

    /// The account.
    pub(super) fn account(&self) -> Address {
        self.signer.address()
    }

    /// A salt that nobody else can guess, the same in every run with this journal.
    pub(super) fn salt(&self, number: u64) -> B256 {
        let preimage = [&self.journal.secret()[..], &number.to_be_bytes()].concat();
        keccak256(preimage)
    }

    /// The state at the newest block.
    pub(super) async fn view(&self) -> anyhow::Result<View> {
        self.node.at(None).await
    }

    /// Whether a step was begun, in this run or an earlier one.
    pub(super) fn is_begun(&self, step: &str) -> bool {
        self.journal.last(step).is_some()
    }

    /// Transactions that are done, and their gas.
    pub(super) const fn spent(&self) -> (u64, u64) {
        (self.transactions, self.gas_used)
    }

    /// One step's receipt, sent now or before.
    pub(super) async fn send(&mut self, step: Step) -> anyhow::Result<Receipt> {
        let mut receipts = self.send_all(vec![step]).await?;
        receipts.pop().context("a step has a receipt")
    }

    /// The receipts of steps that don't depend on each other, at most [`IN_FLIGHT_MAX`].
    ///
    /// # Errors
    /// A step that the chain refuses, by the error's name; one that needs more gas than it may use
    /// ([`TooMuchGas`]); one that doesn't get into a block in time.
    pub(super) async fn send_all(&mut self, steps: Vec<Step>) -> anyhow::Result<Vec<Receipt>> {
        ensure!(
            steps.len() <= IN_FLIGHT_MAX,
            "{} transactions at once",
            steps.len()
        );
        let mut receipts: BTreeMap<usize, Receipt> = BTreeMap::new();
        let mut pending: BTreeMap<usize, B256> = BTreeMap::new();
        // What earlier runs sent comes first: its nonces are taken.
        for (place, step) in steps.iter().enumerate() {
            match self.resume(step).await? {
                Resumed::Done(receipt) => {
                    receipts.insert(place, receipt);
                }
                Resumed::Pending(hash) => {
                    pending.insert(place, hash);
                }
                Resumed::New => {}
            }
        }
        let mut nonce: Option<u64> = None;
        for (place, step) in steps.iter().enumerate() {
            if receipts.contains_key(&place) || pending.contains_key(&place) {
                continue;
            }
            let next = match nonce {
                Some(nonce) => nonce,
                None => self.nonce("pending").await?,
            };
            pending.insert(place, self.send_new(step, next).await?);
            nonce = Some(next + 1);
        }
        self.await_receipts(&steps, &pending, &mut receipts).await?;
        Ok(receipts.into_values().collect())
    }

    /// What became of a step's transaction in the journal.
    async fn resume(&self, step: &Step) -> anyhow::Result<Resumed> {
        let Some(sent) = self.journal.last(&step.name) else {
            return Ok(Resumed::New);
        };
        if let Some(receipt) = self.receipt(sent.hash).await? {
            // One that failed is tried again.
            return Ok(if receipt.status.is_zero() {
                Resumed::New
            } else {
                Resumed::Done(receipt)
            });
        }
        if self.nonce("latest").await? > sent.nonce {
            // It may have got into a block since the first look.
            return Ok(match self.receipt(sent.hash).await? {
                Some(receipt) if !receipt.status.is_zero() => Resumed::Done(receipt),
                _ => Resumed::New,
            });
        }
        let sending = self
            .node
            .attempt::<_, B256>("eth_sendRawTransaction", (sent.raw.clone(),));
        match sending.await {
            Ok(_) => Ok(Resumed::Pending(sent.hash)),
            Err(Failure::Refused(message)) if message.contains("already known") => {
                Ok(Resumed::Pending(sent.hash))
            }
            // Its fee may have become too low: it is signed again.
            Err(Failure::Refused(_) | Failure::Reverted(_)) => Ok(Resumed::New),
            Err(Failure::NoAnswer(error)) => Err(error),
        }
    }

    /// Signs, records and sends.
    async fn send_new(&mut self, step: &Step, nonce: u64) -> anyhow::Result<B256> {
        let gas_limit = self
            .estimate(step)
            .await
            .with_context(|| step.name.clone())?;
        let (fee, tip) = self.fees().await?;
        let transaction = TxEip1559 {
            chain_id: self.node.chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fee,
            max_priority_fee_per_gas: tip,
            to: TxKind::Call(step.to),
            input: step.data.clone(),
            ..Default::default()
        };
        let signature = {
            use alloy_signer::SignerSync;
            self.signer.sign_hash_sync(&transaction.signature_hash())?
        };
        let envelope = TxEnvelope::from(transaction.into_signed(signature));
        let hash = *envelope.tx_hash();
        let raw = Bytes::from(envelope.encoded_2718());
        self.journal.record(Sent {
            step: step.name.clone(),
            nonce,
            hash,
            raw: raw.clone(),
        })?;
        let _: B256 = self
            .node
            .request("eth_sendRawTransaction", (raw,))
            .await
            .with_context(|| step.name.clone())?;
        Ok(hash)
    }

    /// The gas limit of a step's transaction.
    async fn estimate(&self, step: &Step) -> anyhow::Result<u64> {
        let call = json!({
            "from": self.signer.address(),
            "to": step.to,
            "input": step.data,
        });
        // In the block to come: what some calls write, and whether they may, goes by its number.
        let estimate: U64 = self
            .node
            .request("eth_estimateGas", (call, "pending"))
            .await?;
        let estimate: u64 = estimate.to();
        if estimate > self.gas_max {
            return Err(TooMuchGas {
                needed: estimate,
                max: self.gas_max,
            }
            .into());
        }
        Ok(estimate
            .saturating_add(estimate / ESTIMATE_MARGIN)
            .min(self.gas_max))
    }

    /// The most that gas may cost, and the tip: twice the base fee, so that it holds for some blocks.
    async fn fees(&self) -> anyhow::Result<(u128, u128)> {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct BaseFee {
            base_fee_per_gas: U128,
        }
        let block: BaseFee = self
            .node
            .request("eth_getBlockByNumber", ("latest", false))
            .await?;
        let tip: U128 = self.node.request("eth_maxPriorityFeePerGas", ()).await?;
        let tip: u128 = tip.to();
        let base: u128 = block.base_fee_per_gas.to();
        Ok((base.saturating_mul(2).saturating_add(tip), tip))
    }

    async fn nonce(&self, tag: &'static str) -> anyhow::Result<u64> {
        let nonce: U64 = self
            .node
            .request("eth_getTransactionCount", (self.signer.address(), tag))
            .await?;
        Ok(nonce.to())
    }

    async fn receipt(&self, hash: B256) -> anyhow::Result<Option<Receipt>> {
        self.node
            .request("eth_getTransactionReceipt", (hash,))
            .await
    }

    async fn await_receipts(
        &mut self,
        steps: &[Step],
        pending: &BTreeMap<usize, B256>,
        receipts: &mut BTreeMap<usize, Receipt>,
    ) -> anyhow::Result<()> {
        let started = Instant::now();
        for (place, hash) in pending {
            let step = steps.get(*place).context("a step for each transaction")?;
            let receipt = loop {
                if let Some(receipt) = self.receipt(*hash).await? {
                    break receipt;
                }
                ensure!(
                    started.elapsed() < RECEIPT_TIMEOUT,
                    "{}: transaction {hash} is in no block after {} s: run the same command again to go on",
                    step.name,
                    RECEIPT_TIMEOUT.as_secs()
                );
                self.pause().await?;
            };
            self.transactions += 1;
            self.gas_used = self.gas_used.saturating_add(receipt.gas_used.to());
            if receipt.status.is_zero() {
                let reason = self.reason(step, receipt.block()).await;
                bail!("{}: transaction {hash} failed: {reason}", step.name);
            }
            receipts.insert(*place, receipt);
        }
        Ok(())
    }

    /// Why a step's transaction failed, by making its call again in its block.
    async fn reason(&self, step: &Step, block: u64) -> String {
        let call = json!({ "from": self.signer.address(), "to": step.to, "input": step.data });
        let answer = self
            .node
            .attempt::<_, Bytes>("eth_call", (call, format!("{block:#x}")));
        match answer.await {
            Err(Failure::Reverted(data)) => describe(&data),
            Err(Failure::Refused(message)) => message,
            _ => "out of gas, or the state is another now".to_owned(),
        }
    }

    /// Waits until the newest block is at least `number`.
    pub(super) async fn await_block(&self, number: u64, why: &str) -> anyhow::Result<()> {
        let mut known = self.node.head().await?;
        let mut changed = Instant::now();
        let mut told = Instant::now();
        let mut hinted = false;
        if known < number {
            eprintln!("waiting for block {number} ({why}); the newest is {known}");
        }
        while known < number {
            self.pause().await?;
            let head = self.node.head().await?;
            if head != known {
                (known, changed) = (head, Instant::now());
            } else if !hinted && changed.elapsed() > HINT_AFTER {
                eprintln!(
                    "the chain stays at block {known}; if it is a local one that seals on demand, --mine makes \
                     the blocks"
                );
                hinted = true;
            }
            if told.elapsed() > HINT_AFTER && known < number {
                eprintln!("block {known} of {number}");
                told = Instant::now();
            }
        }
        Ok(())
    }

    /// Lets time pass, or a block.
    async fn pause(&self) -> anyhow::Result<()> {
        if self.mine {
            let _: serde_json::Value = self.node.request("evm_mine", ()).await?;
        } else {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }
}

/// What became of a step that was begun.
enum Resumed {
    Done(Receipt),
    Pending(B256),
    New,
}

/// The first log of an event, by the account's transaction.
pub(super) fn event<E: alloy_sol_types::SolEvent>(receipt: &Receipt) -> anyhow::Result<E> {
    let found = receipt
        .logs
        .iter()
        .find_map(|log| E::decode_log(&log.inner).ok());
    let event = found.with_context(|| format!("the transaction has no event {}", E::SIGNATURE))?;
    Ok(event.data)
}
