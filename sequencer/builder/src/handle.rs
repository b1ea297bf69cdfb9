use crate::{BuilderConfig, BuilderError, OriginFeed, engine::Engine};
use alloy_primitives::B256;
use openledger_chain::{
    BoxFuture, Chain, GiveWay, GiveWayError, LocalCommand, LocalError, LocalReply, Sequencer,
    SequencerError, Submission, SubmitError,
};
use openledger_mempool::{Mempool, RecoveredTransaction};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::oneshot;
use tracing::info;

/// Pause before a command that found the queue full is sent again.
const RETRY: Duration = Duration::from_millis(20);

/// Answers a submission, one result a transaction.
pub(crate) type SubmitReply = oneshot::Sender<Vec<Result<Submission, SubmitError>>>;

/// What the builder's thread is asked.
pub(crate) enum Command {
    Submit(Vec<RecoveredTransaction>, SubmitReply),
    Start(B256, oneshot::Sender<Result<(), SequencerError>>),
    Stop(oneshot::Sender<Result<B256, SequencerError>>),
    Local(
        LocalCommand,
        oneshot::Sender<Result<LocalReply, LocalError>>,
    ),
    /// L1 blocks above this number left the L1's chain.
    Reorganize(u64, oneshot::Sender<Result<usize, BuilderError>>),
    /// L1 holds another block of this number.
    GiveWay(u64, oneshot::Sender<Result<usize, BuilderError>>),
    /// Wakes the thread so that it sees that it must end.
    Shutdown,
}

/// Starts the builder.
#[derive(Debug)]
pub struct Builder;

/// The running builder: the node's [`Sequencer`].
#[derive(Debug)]
pub struct BuilderHandle {
    commands: SyncSender<Command>,
    mempool: Arc<Mempool>,
    shared: Arc<Shared>,
    queue_max: usize,
}

/// What the handle and the thread see of each other without a command.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Blocks are to be built.
    pub(crate) active: AtomicBool,
    /// Derivation has the chain to itself: no block is opened.
    pub(crate) gives_way: AtomicBool,
    /// The node is shutting down.
    pub(crate) stopping: AtomicBool,
    pub(crate) data_limits: DataLimits,
}

/// The most that a transaction and a block may take on L1, bytes after estimated compression; zero is
/// no limit.
#[derive(Debug, Default)]
pub(crate) struct DataLimits {
    pub(crate) transaction_bytes: AtomicU64,
    pub(crate) block_bytes: AtomicU64,
}

/// The least that a transaction is estimated to take on L1, bytes (Fjord).
const DATA_BYTES_MIN: u64 = 100;

impl DataLimits {
    /// Whether a transaction of so many bytes may enter a block whose transactions take `in_block`.
    pub(crate) fn allow(&self, bytes: u64, in_block: u64) -> bool {
        let within = |limit: &AtomicU64, bytes: u64| {
            let limit = limit.load(Ordering::Relaxed);
            limit == 0 || bytes <= limit
        };
        within(&self.transaction_bytes, bytes)
            && within(&self.block_bytes, in_block.saturating_add(bytes))
    }

    /// Whether nothing fits a block any more whose transactions take `in_block`.
    pub(crate) fn are_spent(&self, in_block: u64) -> bool {
        let limit = self.block_bytes.load(Ordering::Relaxed);
        limit > 0 && in_block.saturating_add(DATA_BYTES_MIN) > limit
    }
}

/// What a transaction takes on L1, as Fjord estimates it for fees, bytes.
pub(crate) fn data_bytes(encoded: &[u8]) -> u64 {
    op_revm::estimate_tx_compressed_size(encoded) / 1_000_000
}

impl Builder {
    /// Replays the journal, restores the pool, opens a block and starts the builder's thread.
    ///
    /// The thread ends, with its error if any, after [`BuilderHandle::shutdown`] or when it can't go on.
    ///
    /// # Errors
    /// A journal that can't be read or replayed, or a block that can't be opened.
    pub fn start(
        config: BuilderConfig,
        chain: Arc<Chain>,
        mempool: Arc<Mempool>,
        origins: Arc<OriginFeed>,
    ) -> Result<(Arc<BuilderHandle>, JoinHandle<Result<(), BuilderError>>), BuilderError> {
        let (commands, receiver) = sync_channel(config.queue_max);
        let shared = Arc::new(Shared {
            active: AtomicBool::new(config.active),
            gives_way: AtomicBool::new(config.gives_way),
            stopping: AtomicBool::new(false),
            data_limits: DataLimits::default(),
        });
        let handle = Arc::new(BuilderHandle {
            commands,
            mempool: mempool.clone(),
            shared: shared.clone(),
            queue_max: config.queue_max,
        });
        // The EVM can't move between threads, so the engine is made where it runs.
        let (ready, recovered) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("builder".into())
            .spawn(move || {
                let mut engine = Engine::new(config, chain, mempool, origins, receiver, shared);
                let result = engine.recover();
                let usable = result.is_ok();
                // The caller waits for this and can't be gone.
                let _ = ready.send(result);
                if usable { engine.run() } else { Ok(()) }
            })
            .map_err(BuilderError::Thread)?;
        // A thread that panicked has dropped its end.
        recovered.recv().unwrap_or(Err(BuilderError::Panicked))?;
        Ok((handle, thread))
    }
}

impl BuilderHandle {
    /// Asks the thread to end. What is preconfirmed stays in the journal.
    pub fn shutdown(&self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        // A queue that is full wakes the thread as well.
        let _ = self.commands.try_send(Command::Shutdown);
    }

    /// Tells that L1 blocks above `common_ancestor` were reorganized away: the L2 blocks that name them
    /// are unwound and their transactions queued again. Answers how many blocks left the chain.
    ///
    /// # Errors
    /// An unwinding that the chain refuses, or in which the store fails; it may have gone part of the way then.
    pub async fn reorganize(&self, common_ancestor: u64) -> Result<usize, BuilderError> {
        self.insist(|reply| Command::Reorganize(common_ancestor, reply))
            .await
    }

    /// Sends `make(reply)` to the thread, however many transactions wait there, and waits.
    async fn insist(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<usize, BuilderError>>) -> Command,
    ) -> Result<usize, BuilderError> {
        let (reply, answer) = oneshot::channel();
        let mut command = make(reply);
        loop {
            match self.commands.try_send(command) {
                Ok(()) => break,
                // It must not be lost among transactions.
                Err(TrySendError::Full(returned)) => {
                    command = returned;
                    tokio::time::sleep(RETRY).await;
                }
                Err(TrySendError::Disconnected(_)) => return Err(BuilderError::Stopped),
            }
        }
        answer.await.unwrap_or(Err(BuilderError::Stopped))
    }

    /// Sends `make(reply)` to the thread and waits; `None` if the thread is gone or its queue is full.
    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.try_send(make(reply)).ok()?;
        answer.await.ok()
    }
}

impl GiveWay for BuilderHandle {
    fn give_way(&self, number: u64) -> BoxFuture<'_, Result<usize, GiveWayError>> {
        Box::pin(async move {
            let unwound = self.insist(|reply| Command::GiveWay(number, reply)).await;
            Ok(unwound?)
        })
    }

    fn go_on(&self) {
        // The thread looks at it at its next turn.
        self.shared.gives_way.store(false, Ordering::Relaxed);
    }
}

impl Sequencer for BuilderHandle {
    fn submit(
        &self,
        transaction: RecoveredTransaction,
    ) -> BoxFuture<'_, Result<Submission, SubmitError>> {
        Box::pin(async move {
            self.submit_many(vec![transaction])
                .await
                .pop()
                .unwrap_or(Err(SubmitError::Stopped))
        })
    }

    fn submit_many(
        &self,
        transactions: Vec<RecoveredTransaction>,
    ) -> BoxFuture<'_, Vec<Result<Submission, SubmitError>>> {
        let count = transactions.len();
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let error = match self.commands.try_send(Command::Submit(transactions, reply)) {
                Ok(()) => match answer.await {
                    Ok(results) => return results,
                    Err(_) => None,
                },
                Err(TrySendError::Full(_)) => Some(self.queue_max),
                Err(TrySendError::Disconnected(_)) => None,
            };
            (0..count)
                .map(|_| {
                    Err(match error {
                        Some(waiting) => SubmitError::Busy { waiting },
                        None => SubmitError::Stopped,
                    })
                })
                .collect()
        })
    }

    fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    fn is_active(&self) -> bool {
        self.shared.active.load(Ordering::Relaxed) && !self.shared.gives_way.load(Ordering::Relaxed)
    }

    fn start(&self, head: B256) -> BoxFuture<'_, Result<(), SequencerError>> {
        Box::pin(async move {
            self.ask(|reply| Command::Start(head, reply))
                .await
                .unwrap_or(Err(SequencerError::Stopped))
        })
    }

    fn stop(&self) -> BoxFuture<'_, Result<B256, SequencerError>> {
        Box::pin(async move {
            self.ask(Command::Stop)
                .await
                .unwrap_or(Err(SequencerError::Stopped))
        })
    }

    fn set_data_limits(&self, transaction_bytes: u64, block_bytes: u64) -> bool {
        let limits = &self.shared.data_limits;
        limits
            .transaction_bytes
            .store(transaction_bytes, Ordering::Relaxed);
        limits.block_bytes.store(block_bytes, Ordering::Relaxed);
        info!(transaction_bytes, block_bytes, "data limits were set");
        true
    }

    fn local(&self, command: LocalCommand) -> BoxFuture<'_, Result<LocalReply, LocalError>> {
        Box::pin(async move {
            self.ask(|reply| Command::Local(command, reply))
                .await
                .unwrap_or(Err(LocalError::Stopped))
        })
    }
}
