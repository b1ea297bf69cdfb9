//! Sends an account's transactions and waits for them.
//!
//! `args.rs` are the flags, `step.rs` what is sent, `transaction.rs` a step's way into a block, `wait.rs` what is waited for.

mod args;
mod step;
mod transaction;
mod wait;

pub use args::{SenderArgs, SenderLimits};
pub use step::{Step, TooMuchGas};

use crate::{
    Failure, Node, Receipt, View,
    journal::{Journal, Sent, Task},
};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, B256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use anyhow::Context;
use std::{collections::BTreeMap, path::Path, time::Instant};

/// Transactions that are under way at the same time: fewer than a pool keeps of one account.
pub const IN_FLIGHT_MAX: usize = 16;

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
}

/// What became of a step that was begun.
enum Resumed {
    Done(Receipt),
    Pending(B256),
    New,
}
