//! Sends an account's transactions and waits for them.

use crate::{
    AccountArgs, Failure, Node, NodeArgs, POLL_INTERVAL, Receipt, View,
    journal::{Journal, Sent, Task},
    open,
};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::{BlockNumberOrTag, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U128, U256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use anyhow::{Context, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

/// Transactions that are under way at the same time: fewer than a pool keeps of one account.
pub const IN_FLIGHT_MAX: usize = 16;
/// Longest wait for a transaction to be in a block.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(180);
/// Time without a new block after which the person is told what to do.
const HINT_AFTER: Duration = Duration::from_secs(10);
/// What is added to an estimate, as a divisor: state may change before the transaction runs.
const ESTIMATE_MARGIN: u64 = 8;
/// Most gas of a transaction unless said otherwise (EIP-7825).
const GAS_MAX: u64 = 16_777_216;

/// Who sends, and how.
#[derive(Debug, Clone, Args)]
pub struct SenderArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub node: NodeArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub account: AccountArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub limits: SenderLimits,
}

/// How transactions are sent.
#[derive(Debug, Clone, Copy, Args)]
pub struct SenderLimits {
    /// Most gas of a transaction
    #[arg(
        long,
        value_name = "GAS",
        default_value_t = GAS_MAX,
        value_parser = clap::value_parser!(u64).range(100_000..=1_000_000_000)
    )]
    pub gas_max: u64,
    /// Mine the blocks that are waited for (evm_mine): on a local chain that seals on demand
    #[arg(long)]
    pub mine: bool,
}

impl Default for SenderLimits {
    fn default() -> Self {
        Self {
            gas_max: GAS_MAX,
            mine: false,
        }
    }
}

impl SenderArgs {
    /// Connects, without a journal: for commands of a single transaction, or whose steps the chain itself remembers.
    ///
    /// # Errors
    /// A node that doesn't answer, a key that isn't there.
    pub async fn open(&self) -> anyhow::Result<Sender> {
        let key = self.account.key(self.node.local()?.as_ref())?;
        Ok(Sender::new(self.node.connect().await?, key, self.limits))
    }

    /// Connects, and opens the journal of a command with these inputs, which is all that decides what is sent.
    ///
    /// # Errors
    /// As [`Self::open`], or a journal that is another submission's or in use.
    pub async fn open_with_journal(
        &self,
        journal: &Path,
        command: &str,
        inputs: &[u8],
    ) -> anyhow::Result<Sender> {
        self.open()
            .await?
            .with_journal(journal, command, inputs)
            .await
    }
}

/// A transaction to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does; with a journal, unique within the task.
    pub name: String,
    /// The contract or precompile.
    pub to: Address,
    /// Calldata.
    pub data: Bytes,
    /// OPEN that it pays, wei.
    pub value: U256,
}

impl Step {
    /// A transaction with this calldata that pays nothing.
    pub fn new(name: impl Into<String>, to: Address, data: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            to,
            data: data.into(),
            value: U256::ZERO,
        }
    }

    /// A call of a contract that pays nothing.
    pub fn call(name: impl Into<String>, to: Address, call: &impl SolCall) -> Self {
        Self::new(name, to, call.abi_encode())
    }

    /// The same, paying so many wei of OPEN.
    #[must_use]
    pub fn paying(self, value: U256) -> Self {
        Self { value, ..self }
    }
}

/// Sends an account's transactions, in the order of its steps. No other may send for the account meanwhile.
#[derive(Debug)]
pub struct Sender {
    node: Node,
    signer: PrivateKeySigner,
    /// What salts are derived from.
    secret: B256,
    journal: Option<Journal>,
    limits: SenderLimits,
    gas_used: u64,
    transactions: u64,
}

/// Gas that a transaction would need, beyond what it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the transaction needs {needed} gas, more than --gas-max {max}")]
pub struct TooMuchGas {
    needed: u64,
    max: u64,
}

impl Sender {
    /// Of an account, without a journal.
    pub fn new(node: Node, signer: PrivateKeySigner, limits: SenderLimits) -> Self {
        Self {
            node,
            signer,
            secret: B256::from(rand::random::<[u8; 32]>()),
            journal: None,
            limits,
            gas_used: 0,
            transactions: 0,
        }
    }

    /// The same with the journal of a task, so that a step that was sent isn't sent again. `inputs` is all that
    /// decides what is sent.
    ///
    /// # Errors
    /// A journal that is another submission's, or in use, or can't be read.
    pub async fn with_journal(
        self,
        path: &Path,
        command: &str,
        inputs: &[u8],
    ) -> anyhow::Result<Self> {
        let task = Task {
            chain_id: self.node.chain_id(),
            genesis: self.node.block_hash(0).await?,
            account: self.signer.address(),
            command: command.to_owned(),
            inputs: keccak256(inputs),
        };
        let journal = Journal::open(path, &task)?;
        Ok(Self {
            secret: journal.secret(),
            journal: Some(journal),
            ..self
        })
    }

    /// The node.
    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// The account's key.
    pub const fn signer(&self) -> &PrivateKeySigner {
        &self.signer
    }

    /// The account.
    pub fn account(&self) -> Address {
        self.signer.address()
    }

    /// Most gas of a transaction.
    pub const fn gas_max(&self) -> u64 {
        self.limits.gas_max
    }

    /// A salt that nobody else can guess, the same in every run with this journal; without one, in this run.
    pub fn salt(&self, number: u64) -> B256 {
        keccak256([self.secret.as_slice(), &number.to_be_bytes()].concat())
    }

    /// The state at the newest block.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn view(&self) -> anyhow::Result<View> {
        self.node.at(None).await
    }

    /// Whether a step was begun, in this run or an earlier one of the journal.
    pub fn is_begun(&self, step: &str) -> bool {
        self.sent(step).is_some()
    }

    /// Transactions that are done, and their gas.
    pub const fn spent(&self) -> (u64, u64) {
        (self.transactions, self.gas_used)
    }

    fn sent(&self, step: &str) -> Option<&Sent> {
        self.journal.as_ref()?.last(step)
    }

    /// One step's receipt, sent now or before.
    ///
    /// # Errors
    /// As [`Self::send_all`].
    pub async fn send(&mut self, step: Step) -> anyhow::Result<Receipt> {
        let mut receipts = self.send_all(vec![step]).await?;
        receipts.pop().context("a step has a receipt")
    }

    /// The receipts of steps, [`IN_FLIGHT_MAX`] under way at once: a step is sent when the state with the steps
    /// before it takes it. The first that fails is the last that is sent.
    ///
    /// # Errors
    /// A step that the chain refuses, by the error's name; one that needs more gas than it may use
    /// ([`TooMuchGas`]); one that doesn't get into a block in time.
    pub async fn send_all(&mut self, steps: Vec<Step>) -> anyhow::Result<Vec<Receipt>> {
        let mut receipts = Vec::with_capacity(steps.len());
        for wave in steps.chunks(IN_FLIGHT_MAX) {
            let sent = self.send_wave(wave, true).await?;
            receipts.extend(sent.into_iter().collect::<anyhow::Result<Vec<_>>>()?);
        }
        Ok(receipts)
    }

    /// What became of each of several steps, [`IN_FLIGHT_MAX`] under way at once: those that don't depend on each other,
    /// of which one that others did already must not keep the rest from being sent.
    ///
    /// # Errors
    /// A node that doesn't answer; a step's own failure is in its place.
    pub async fn send_each(
        &mut self,
        steps: Vec<Step>,
    ) -> anyhow::Result<Vec<anyhow::Result<Receipt>>> {
        let mut outcomes = Vec::with_capacity(steps.len());
        for wave in steps.chunks(IN_FLIGHT_MAX) {
            outcomes.extend(self.send_wave(wave, false).await?);
        }
        Ok(outcomes)
    }

    /// Signs and sends a transaction without waiting for it, and answers its hash.
    ///
    /// # Errors
    /// If the account can't pay for it, or it would fail.
    pub async fn post(&mut self, step: &Step) -> anyhow::Result<B256> {
        let nonce = self.nonce(BlockNumberOrTag::Pending).await?;
        self.send_new(step, nonce).await
    }

    /// What became of steps, in their order; with `is_chain` those behind one that can't be sent are left out.
    async fn send_wave(
        &mut self,
        steps: &[Step],
        is_chain: bool,
    ) -> anyhow::Result<Vec<anyhow::Result<Receipt>>> {
        let mut outcomes: BTreeMap<usize, anyhow::Result<Receipt>> = BTreeMap::new();
        let mut pending: BTreeMap<usize, B256> = BTreeMap::new();
        // What earlier runs sent comes first: its nonces are taken.
        for (place, step) in steps.iter().enumerate() {
            match self.resume(step).await? {
                Resumed::Done(receipt) => {
                    outcomes.insert(place, Ok(receipt));
                }
                Resumed::Pending(hash) => {
                    pending.insert(place, hash);
                }
                Resumed::New => {}
            }
        }
        let mut nonce: Option<u64> = None;
        for (place, step) in steps.iter().enumerate() {
            if outcomes.contains_key(&place) || pending.contains_key(&place) {
                continue;
            }
            let next = match nonce {
                Some(nonce) => nonce,
                None => self.nonce(BlockNumberOrTag::Pending).await?,
            };
            match self.send_new(step, next).await {
                Ok(hash) => {
                    pending.insert(place, hash);
                    nonce = Some(next + 1);
                }
                Err(error) => {
                    outcomes.insert(place, Err(error));
                    if is_chain {
                        break;
                    }
                }
            }
        }
        let started = Instant::now();
        for (place, hash) in pending {
            let step = steps.get(place).context("a step for each transaction")?;
            outcomes.insert(place, self.await_receipt(step, hash, started).await);
        }
        Ok(outcomes.into_values().collect())
    }

    /// What became of a step's transaction in the journal.
    async fn resume(&self, step: &Step) -> anyhow::Result<Resumed> {
        let Some(sent) = self.sent(&step.name).cloned() else {
            return Ok(Resumed::New);
        };
        if let Some(receipt) = self.node.receipt(sent.hash).await? {
            // One that failed is tried again.
            return Ok(if !receipt.is_success() {
                Resumed::New
            } else {
                Resumed::Done(receipt)
            });
        }
        if self.nonce(BlockNumberOrTag::Latest).await? > sent.nonce {
            // It may have got into a block since the first look.
            return Ok(match self.node.receipt(sent.hash).await? {
                Some(receipt) if receipt.is_success() => Resumed::Done(receipt),
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
        let gas_limit = self.estimate(step).await?;
        let (fee, tip) = self.fees().await?;
        let transaction = TxEip1559 {
            chain_id: self.node.chain_id(),
            nonce,
            gas_limit,
            max_fee_per_gas: fee,
            max_priority_fee_per_gas: tip,
            to: TxKind::Call(step.to),
            value: step.value,
            input: step.data.clone(),
            ..Default::default()
        };
        let signature = self.signer.sign_hash_sync(&transaction.signature_hash())?;
        let envelope = TxEnvelope::from(transaction.into_signed(signature));
        let hash = *envelope.tx_hash();
        let raw = Bytes::from(envelope.encoded_2718());
        if let Some(journal) = &mut self.journal {
            journal.record(Sent {
                step: step.name.clone(),
                nonce,
                hash,
                raw: raw.clone(),
            })?;
        }
        match self
            .node
            .attempt::<_, B256>("eth_sendRawTransaction", (raw,))
            .await
        {
            Ok(_) => Ok(hash),
            Err(failure) => {
                let cost = U256::from(fee).saturating_mul(U256::from(gas_limit));
                Err(self.refused(step, cost, failure).await)
            }
        }
    }

    /// The gas limit of a step's transaction.
    async fn estimate(&self, step: &Step) -> anyhow::Result<u64> {
        let call = json!({
            "from": self.signer.address(),
            "to": step.to,
            "value": step.value,
            "input": step.data,
        });
        // In the block to come: what some calls write, and whether they may, goes by its number.
        let estimate = self
            .node
            .attempt::<_, U64>("eth_estimateGas", (call, "pending"));
        let estimate: u64 = match estimate.await {
            Ok(estimate) => estimate.to(),
            Err(failure) => return Err(self.refused(step, U256::ZERO, failure).await),
        };
        let max = self.limits.gas_max;
        if estimate > max {
            return Err(anyhow::Error::from(TooMuchGas {
                needed: estimate,
                max,
            })
            .context(step.name.clone()));
        }
        Ok(estimate.saturating_add(estimate / ESTIMATE_MARGIN).min(max))
    }

    /// Why a step is refused that may cost so much gas, in wei: where the account can't pay, that comes first.
    async fn refused(&self, step: &Step, gas_cost: U256, failure: Failure) -> anyhow::Error {
        let account = self.account();
        let balance = match failure {
            Failure::Refused(_) => self.node.balance(account, BlockNumberOrTag::Pending).await,
            Failure::Reverted(_) | Failure::NoAnswer(_) => {
                return anyhow::Error::from(failure).context(step.name.clone());
            }
        };
        match balance {
            Ok(balance) if balance < step.value.saturating_add(gas_cost) || balance.is_zero() => {
                anyhow::Error::from(failure).context(format!(
                    "{}: {account} has {}, which {} and up to {} for gas are more than",
                    step.name,
                    open(balance),
                    open(step.value),
                    open(gas_cost)
                ))
            }
            _ => anyhow::Error::from(failure).context(step.name.clone()),
        }
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

    async fn nonce(&self, tag: BlockNumberOrTag) -> anyhow::Result<u64> {
        self.node.nonce(self.signer.address(), tag).await
    }

    /// The receipt of a step's transaction, for which is waited since `started`.
    async fn await_receipt(
        &mut self,
        step: &Step,
        hash: B256,
        started: Instant,
    ) -> anyhow::Result<Receipt> {
        let receipt = loop {
            if let Some(receipt) = self.node.receipt(hash).await? {
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
        if !receipt.is_success() {
            let reason = self.reason(step, receipt.block()).await;
            return Err(anyhow::Error::from(reason)
                .context(format!("{}: transaction {hash} failed", step.name)));
        }
        Ok(receipt)
    }

    /// Why a step's transaction failed, by making its call again in its block.
    async fn reason(&self, step: &Step, block: u64) -> Failure {
        let call = json!({
            "from": self.signer.address(),
            "to": step.to,
            "value": step.value,
            "input": step.data,
        });
        let answer = self
            .node
            .attempt::<_, Bytes>("eth_call", (call, format!("{block:#x}")));
        match answer.await {
            Err(failure @ (Failure::Reverted(_) | Failure::Refused(_))) => failure,
            Ok(_) | Err(Failure::NoAnswer(_)) => {
                Failure::Refused("out of gas, or the state is another now".to_owned())
            }
        }
    }

    /// Waits until the newest block is at least `number`; `why` is what begins then.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn await_block(&self, number: u64, why: &str) -> anyhow::Result<()> {
        let mut known = self.node.head().await?;
        let mut patience = Patience::new(known);
        if known < number {
            eprintln!("waiting for block {number} ({why}); the newest is {known}");
        }
        while known < number {
            self.pause().await?;
            known = self.node.head().await?;
            patience.look(known, &format!("block {known} of {number}"));
        }
        Ok(())
    }

    /// Waits until the newest block's timestamp is at least `seconds`; `why` is what begins then.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn await_time(&self, seconds: u64, why: &str) -> anyhow::Result<()> {
        let mut time = self.node.time().await?;
        if time < seconds {
            eprintln!("waiting {} ({why})", crate::duration(seconds - time));
        }
        let mut patience = Patience::new(time);
        while time < seconds {
            self.pause().await?;
            // A chain that is mined on demand gets a block for each look: not more of them than it has seconds.
            if self.limits.mine {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            time = self.node.time().await?;
            let left = crate::duration(seconds.saturating_sub(time));
            patience.look(time, &format!("{left} left"));
        }
        Ok(())
    }

    /// Lets time pass, or a block.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn pause(&self) -> anyhow::Result<()> {
        if self.limits.mine {
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

/// What a person is told who waits for a chain that moves on slowly, or not at all.
struct Patience {
    known: u64,
    changed: Instant,
    told: Instant,
    hinted: bool,
}

impl Patience {
    fn new(known: u64) -> Self {
        let now = Instant::now();
        Self {
            known,
            changed: now,
            told: now,
            hinted: false,
        }
    }

    /// After a look at the chain that found `known`; `line` says how far it is.
    fn look(&mut self, known: u64, line: &str) {
        if known != self.known {
            (self.known, self.changed) = (known, Instant::now());
        } else if !self.hinted && self.changed.elapsed() > HINT_AFTER {
            eprintln!(
                "the chain makes no blocks; if it is a local one that seals on demand, --mine makes them"
            );
            self.hinted = true;
        }
        if self.told.elapsed() > HINT_AFTER {
            eprintln!("{line}");
            self.told = Instant::now();
        }
    }
}
