//! A worker: serves calls of channels against vouchers, and requests with escrow, and settles what it is owed.
//!
//! It is crash-only. Whatever it promised or was paid is on disk before it answers, so that it may be killed at any time and
//! goes on where it was; a message that was answered is answered again in the same way.
//!
//! Its data directory holds `calls/`, which it publishes (the form is [`crate::infer::calls`]'s), `content/`, the prompts and outputs that
//! juries may ask for, and `lock`.

mod call;
mod check;
mod content;
mod model;
mod refusal;
mod request;
mod settle;

pub use model::{CommandModel, Model, ModelAnswer, ModelError, Task, check_answer};
pub use refusal::Refusal;
pub use request::{fulfil, write_request};
pub use settle::{SettleTerms, Settled};

use super::{
    ChannelJournal, ChannelView, Prices, SignedVoucher,
    calls::{Call, channel_of},
    chain,
    message::{ChannelStatus, PROMPT_BYTES_MAX, WorkerStatus},
};
use crate::FileLock;
use alloy_primitives::{Address, B256};
use anyhow::{Context, ensure};
use content::{Content, Contents};
use openledger_client::{Node, Sender};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicUsize},
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// Most channels that are kept at the same time: those that aren't closed.
const CHANNELS_MAX: usize = 4_096;
/// Most files that are looked at when a worker starts.
const FILES_MAX: usize = 1 << 20;
/// Calls that wait for the model, for each that it serves at the same time.
const WAITING_PER_MODEL: usize = 16;

/// What a worker serves, and for what.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The chain's id.
    pub chain_id: u64,
    /// The worker: the payee of channels, and whose stake answers.
    pub worker: Address,
    /// The adapter.
    pub adapter: u64,
    /// Least platform fee of a channel, wei.
    pub platform_fee: u128,
    /// Most tokens out that a call may ask for.
    pub tokens_out_max: u32,
    /// Seconds that a voucher must be good for at least.
    pub expiry_min_seconds: u64,
    /// How long a call that isn't paid keeps the channel's next one.
    pub unpaid: Duration,
    /// Calls that the model serves at the same time.
    pub parallel: usize,
    /// Dimensions of the sketches that a call comes with.
    pub dims: Vec<usize>,
}

/// A channel's file, and what this process knows beside it.
#[derive(Debug)]
struct Slot {
    journal: ChannelJournal,
    /// When the call was offered that waits to be paid; `None` if that was before this process began.
    offered_at: Option<Instant>,
    /// The call that the newest voucher pays for, once this process knows it.
    last_paid: Option<Call>,
}

/// What a channel's worker is owed.
#[derive(Debug, Clone)]
struct Owed {
    /// The newest voucher.
    voucher: Option<SignedVoucher>,
    /// Calls that the chain has settled.
    settled: u64,
    /// When the first voucher came that isn't settled.
    since: Option<Instant>,
    /// Until when settling isn't tried again, after it failed.
    retry_at: Option<Instant>,
}

impl Owed {
    /// Calls that are paid.
    fn count(&self) -> u64 {
        self.voucher
            .as_ref()
            .map_or(0, |signed| signed.voucher.count)
    }
}

/// A channel that is being served. Whoever serves a call holds the slot; settling needs what is owed alone.
#[derive(Debug)]
struct Channel {
    slot: Arc<tokio::sync::Mutex<Slot>>,
    owed: Mutex<Owed>,
}

impl Channel {
    fn new(journal: ChannelJournal, settled: u64) -> Self {
        let voucher = journal.replay().voucher();
        let is_owed = journal.replay().count() > settled;
        Self {
            slot: Arc::new(tokio::sync::Mutex::new(Slot {
                journal,
                offered_at: None,
                last_paid: None,
            })),
            owed: Mutex::new(Owed {
                voucher,
                settled,
                since: is_owed.then(Instant::now),
                retry_at: None,
            }),
        }
    }
}

/// A worker.
#[derive(Debug)]
pub struct Worker<M> {
    terms: Terms,
    node: Node,
    sender: tokio::sync::Mutex<Sender>,
    model: M,
    calls: PathBuf,
    contents: Contents,
    channels: Mutex<BTreeMap<B256, Arc<Channel>>>,
    /// Whoever adds a channel holds this.
    adding: tokio::sync::Mutex<()>,
    /// Requests with escrow that are under way.
    requests: Mutex<BTreeSet<B256>>,
    /// How often what is due was looked for.
    turns: AtomicUsize,
    running: Semaphore,
    waiting: Semaphore,
    _lock: FileLock,
}

impl<M: Model> Worker<M> {
    /// Opens a worker's directory, or begins it, and reads what it holds. `sender` settles and fulfils.
    ///
    /// # Errors
    /// A directory that another process uses, that can't be written or holds something else; a node that doesn't answer.
    pub async fn open(
        directory: &Path,
        terms: Terms,
        sender: Sender,
        model: M,
    ) -> anyhow::Result<Self> {
        let calls = directory.join("calls");
        fs::create_dir_all(&calls).with_context(|| format!("making {}", calls.display()))?;
        let lock = FileLock::take(&directory.join("lock"))
            .with_context(|| format!("locking {}", directory.display()))?;
        let lock = lock.with_context(|| {
            format!(
                "another process serves from {}: stop it first",
                directory.display()
            )
        })?;
        let worker = Self {
            contents: Contents::open(directory.join("content"))?,
            node: sender.node().clone(),
            sender: tokio::sync::Mutex::new(sender),
            model,
            running: Semaphore::new(terms.parallel),
            waiting: Semaphore::new(terms.parallel * (WAITING_PER_MODEL + 1)),
            terms,
            calls,
            channels: Mutex::default(),
            adding: tokio::sync::Mutex::default(),
            requests: Mutex::default(),
            turns: AtomicUsize::new(0),
            _lock: lock,
        };
        for id in channels_in(&worker.calls)? {
            let view = chain::channel_view(&worker.node, id).await?;
            if view.channel.closed {
                continue;
            }
            let Some(journal) = ChannelJournal::open(&worker.calls, id)? else {
                continue;
            };
            let header = *journal.replay().header();
            ensure!(
                header.payee == worker.terms.worker && header.chain_id == worker.terms.chain_id,
                "{} is worker {}'s on chain {}: each worker has a directory of its own",
                directory.display(),
                header.payee,
                header.chain_id
            );
            let mut channels = hold(&worker.channels);
            ensure!(
                channels.len() < CHANNELS_MAX,
                "there are more than {CHANNELS_MAX} open channels: close some by `openledger infer close`"
            );
            channels.insert(id, Arc::new(Channel::new(journal, view.channel.counted)));
        }
        Ok(worker)
    }

    /// What it serves.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What it tells payers of itself.
    pub fn status(&self) -> WorkerStatus {
        WorkerStatus {
            chain_id: self.terms.chain_id,
            worker: self.terms.worker,
            adapter: self.terms.adapter,
            platform_fee: self.terms.platform_fee,
            tokens_out_max: self.terms.tokens_out_max,
            prompt_bytes_max: PROMPT_BYTES_MAX as u64,
            expiry_min_seconds: self.terms.expiry_min_seconds,
        }
    }

    /// Where a channel stands. One that isn't served has no calls.
    pub fn channel_status(&self, id: B256) -> ChannelStatus {
        let channel = self.channel_if_any(id);
        ChannelStatus {
            channel: id,
            count: channel.map_or(0, |channel| hold(&channel.owed).count()),
        }
    }

    fn channel_if_any(&self, id: B256) -> Option<Arc<Channel>> {
        hold(&self.channels).get(&id).cloned()
    }

    /// Runs the model when it is free, and checks what it gives.
    async fn run(
        &self,
        task: Task,
        tokens_in_max: usize,
    ) -> Result<(Content, ModelAnswer), Refusal> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Refusal::Busy)?;
        let _running = self.running.acquire().await.map_err(|_| Refusal::Failed)?;
        let outcome = self.model.run(task.clone()).await.and_then(|answer| {
            check_answer(&answer, &task, tokens_in_max, &self.terms.dims)?;
            Ok(answer)
        });
        let answer = outcome.inspect_err(|error| {
            let stderr = match error {
                ModelError::Status { stderr, .. } => stderr.as_str(),
                _ => "",
            };
            tracing::warn!(%error, stderr, "the model failed");
        })?;
        let content = Content {
            prompt: task.prompt,
            output: answer.output.clone(),
        };
        Ok((content, answer))
    }

    async fn view(&self, channel: B256) -> Result<ChannelView, Refusal> {
        let view = chain::channel_view(&self.node, channel).await;
        view.map_err(Refusal::Chain)
    }

    /// Whether the chain would pay the worker now.
    async fn check_active(&self) -> Result<(), Refusal> {
        let is_active = chain::is_active(&self.node, self.terms.worker).await;
        if is_active.map_err(Refusal::Chain)? {
            Ok(())
        } else {
            Err(Refusal::NotActive)
        }
    }

    async fn prices(&self) -> Result<Prices, Refusal> {
        let prices = chain::prices(&self.node, self.terms.adapter).await;
        prices.map_err(Refusal::Chain)
    }
}

/// Work with files, beside the runtime's threads.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Refusal::Failed)
}

/// The channels that have a file.
fn channels_in(calls: &Path) -> anyhow::Result<Vec<B256>> {
    let mut channels = Vec::new();
    for (number, entry) in fs::read_dir(calls)?.enumerate() {
        ensure!(
            number < FILES_MAX,
            "{} holds more than {FILES_MAX} files: move those of closed channels elsewhere",
            calls.display()
        );
        channels.extend(channel_of(&entry?.path()));
    }
    channels.sort_unstable();
    Ok(channels)
}

/// Locks what no holder leaves half done.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
