//! The builder's thread: it alone owns the open block.
//!
//! One turn of the loop: open a block if there is none, take what was asked since the last turn, execute
//! what the pool has, journal it in one write, publish and answer; then seal if the block is due. Each
//! step is a file below `engine/`.

mod admission;
mod answer;
mod attributes;
mod clock;
mod control;
mod group;
mod held;
mod local;
mod open;
mod pool_records;
mod recovery;
mod report;
mod seal;
mod unwind;

use crate::{
    BuilderConfig, BuilderError, OriginFeed,
    draft::Draft,
    handle::{Command, Shared},
};
use admission::Waiting;
use clock::Clock;
use held::Held;
use local::Snapshots;
use openledger_chain::Chain;
use openledger_execution::L1Fees;
use openledger_mempool::Mempool;
use pool_records::PoolRecords;
use report::Report;
use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};
use tracing::error;

/// Longest sleep of the thread: bounds how late a clock change is noticed.
const IDLE: Duration = Duration::from_millis(500);
/// How often an L1 block that the next block needs is looked for.
const L1_RETRY: Duration = Duration::from_millis(20);

pub(crate) struct Engine {
    config: BuilderConfig,
    chain: Arc<Chain>,
    mempool: Arc<Mempool>,
    origins: Arc<OriginFeed>,
    commands: Receiver<Command>,
    /// A command taken from the queue while a group was gathered.
    deferred: Option<Command>,
    shared: Arc<Shared>,
    draft: Option<Draft>,
    /// L1 fee parameters of the open block.
    fees: Option<L1Fees>,
    /// The open block takes no more transactions.
    full: bool,
    /// The pool may hold more that can be executed now.
    more: bool,
    /// Submissions that are not answered yet.
    waiting: Vec<Waiting>,
    /// When the group that arrives now is executed, if it is waited for.
    gather_until: Option<Instant>,
    records: PoolRecords,
    held: Held,
    clock: Clock,
    snapshots: Snapshots,
    report: Report,
}

impl Engine {
    pub(crate) fn new(
        config: BuilderConfig,
        chain: Arc<Chain>,
        mempool: Arc<Mempool>,
        origins: Arc<OriginFeed>,
        commands: Receiver<Command>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            records: PoolRecords::new(chain.store().clone(), mempool.subscribe_removals()),
            held: Held::new(config.reinjected_hold_blocks),
            clock: Clock::new(&config, chain.config().block_time),
            config,
            chain,
            mempool,
            origins,
            commands,
            deferred: None,
            shared,
            draft: None,
            fees: None,
            full: false,
            more: false,
            waiting: Vec::new(),
            gather_until: None,
            snapshots: Snapshots::default(),
            report: Report::default(),
        }
    }

    /// Builds blocks until it is told to end or can't go on.
    pub(crate) fn run(mut self) -> Result<(), BuilderError> {
        let result = self.turns();
        self.chain.set_open_block(None);
        self.shared.active.store(false, Ordering::Relaxed);
        if let Err(error) = &result {
            error!(%error, "the builder stopped");
        }
        result
    }

    fn turns(&mut self) -> Result<(), BuilderError> {
        while !self.is_stopping() {
            self.open_if_missing()?;
            if let Some(command) = self.next_command()
                && self.obey(command)?.is_break()
            {
                break;
            }
            self.execute_gathered()?;
            self.seal_if_due()?;
        }
        Ok(())
    }

    /// Whether the node is shutting down.
    fn is_stopping(&self) -> bool {
        self.shared.stopping.load(Ordering::Relaxed)
    }

    fn is_active(&self) -> bool {
        self.shared.active.load(Ordering::Relaxed)
    }

    fn gives_way(&self) -> bool {
        self.shared.gives_way.load(Ordering::Relaxed)
    }

    /// Whether blocks are opened, executed into and sealed now.
    fn builds(&self) -> bool {
        self.is_active() && !self.gives_way()
    }

    fn open_if_missing(&mut self) -> Result<(), BuilderError> {
        if self.builds() && self.draft.is_none() {
            self.open()?;
        }
        Ok(())
    }

    /// The next command, waited for as long as nothing else is to be done.
    fn next_command(&mut self) -> Option<Command> {
        if let Some(command) = self.deferred.take() {
            return Some(command);
        }
        match self.commands.recv_timeout(self.patience()) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => None,
            // Nobody can ask for anything any more.
            Err(RecvTimeoutError::Disconnected) => Some(Command::Shutdown),
        }
    }

    /// How long the thread may sleep.
    fn patience(&self) -> Duration {
        let mut patience = if self.is_active() && self.draft.is_none() || self.clock.is_simulated()
        {
            L1_RETRY
        } else {
            IDLE
        };
        if self.more && self.gather_until.is_none() {
            return Duration::ZERO;
        }
        if let Some(until) = self.gather_until {
            patience = patience.min(until.saturating_duration_since(Instant::now()));
        }
        if self.builds()
            && let Some(due) = self.due_in()
        {
            patience = patience.min(due);
        }
        patience
    }

    /// Does what a command asks. Breaks if the thread must end. A caller that went away needs no answer.
    fn obey(&mut self, command: Command) -> Result<ControlFlow<()>, BuilderError> {
        match command {
            Command::Shutdown => return Ok(ControlFlow::Break(())),
            Command::Submit(transactions, reply) => self.gather(transactions, reply),
            Command::Start(head, reply) => {
                let result = self.start(head);
                let _ = reply.send(result);
            }
            Command::Stop(reply) => {
                let result = self.stop()?;
                let _ = reply.send(result);
            }
            Command::Local(command, reply) => {
                self.execute_pool()?;
                let result = self.local(command)?;
                let _ = reply.send(result);
            }
            Command::Reorganize(ancestor, reply) => {
                // A refusal, such as an unwinding that is too long, is the caller's to act on.
                let _ = reply.send(self.reorganize(ancestor));
            }
            Command::GiveWay(number, reply) => {
                let _ = reply.send(self.give_way(number));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Executes what the pool has, unless more of a group is waited for.
    fn execute_gathered(&mut self) -> Result<(), BuilderError> {
        if self
            .gather_until
            .is_some_and(|until| Instant::now() < until)
        {
            return Ok(());
        }
        self.gather_until = None;
        self.execute_pool()
    }

    /// Time until the open block is due; `None` if only a command seals it.
    fn due_in(&self) -> Option<Duration> {
        let draft = self.draft.as_ref()?;
        self.clock.due_in(draft.view().header.timestamp)
    }

    fn seal_if_due(&mut self) -> Result<(), BuilderError> {
        if self.builds() && self.due_in().is_some_and(|due| due.is_zero()) {
            self.execute_pool()?;
            self.seal()?;
        }
        Ok(())
    }
}
