use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// When blocks are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Every block time, to the second.
    #[default]
    Interval,
    /// A block a transaction. Local and unsettled only.
    Instant,
    /// On request only. Local and unsettled only.
    Manual,
}

/// Where the builder has the time from.
#[derive(Debug, Clone, Default)]
pub enum TimeSource {
    /// The machine's clock.
    #[default]
    System,
    /// What a simulation sets: milliseconds since the Unix epoch.
    Simulated(Arc<AtomicU64>),
}

impl TimeSource {
    /// Time since the Unix epoch; zero for a clock before it.
    pub fn now(&self) -> Duration {
        match self {
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            Self::Simulated(milliseconds) => {
                Duration::from_millis(milliseconds.load(Ordering::Acquire))
            }
        }
    }

    /// Whether time passes otherwise than a sleeping thread expects.
    pub(crate) const fn is_simulated(&self) -> bool {
        matches!(self, Self::Simulated(_))
    }
}

/// How the builder works.
#[derive(Debug, Clone)]
pub struct BuilderConfig {
    /// When blocks are sealed.
    pub mode: Mode,
    /// Whether the chain posts to L1; if so, local commands are refused.
    pub settled: bool,
    /// Commands that may wait for the builder's thread.
    pub queue_max: usize,
    /// Transactions executed between two journal writes at the most.
    pub group_max: usize,
    /// With ordering by fee: how long arrivals gather before the best-paying go first.
    pub gather: Duration,
    /// Time before a block is due at which execution stops, so that it is sealed in time.
    pub seal_reserve: Duration,
    /// Gas a second at which the costliest transactions run, at the least. A transaction whose gas limit may
    /// take longer than is left of the block waits for the next, so that one heavy transaction can't seal
    /// every block late; at the beginning of a block anything is tried.
    pub gas_rate_min: u64,
    /// Whether blocks are built, unless somebody stops that.
    pub active: bool,
    /// Whether derivation has the chain to itself at first: nothing is opened, executed or sealed before
    /// [`GiveWay::go_on`](openledger_chain::GiveWay::go_on), and what is submitted waits in the pool.
    pub gives_way: bool,
    /// Whether the pool orders by fee (it then gathers) or by arrival.
    pub gather_by_fee: bool,
    /// A block with less gas left than this takes no more transactions. While it has more, senders whose
    /// next transaction asks for too much are passed over and others are looked for.
    pub gas_left_min: u64,
    /// L1 blocks before the end of its L1 origin's sequencing window from which on a block takes no
    /// transactions; at most a quarter of the window counts. Its batch may come too late, and is then the
    /// block that derivation puts in its place: a sequencer that was away for longer than the window comes
    /// back that way.
    pub window_margin: u64,
    /// For how many blocks a transaction that was in an unwound block is tried again when it can't be
    /// executed: what it lives on, such as a deposit, comes back with a later L1 block.
    pub reinjected_hold_blocks: u64,
    /// The clock that says when blocks are due.
    pub time: TimeSource,
}

impl Default for BuilderConfig {
    fn default() -> Self {
        Self {
            mode: Mode::Interval,
            settled: true,
            queue_max: 16_384,
            group_max: 1_024,
            gather: Duration::from_millis(50),
            seal_reserve: Duration::from_millis(60),
            // Pairings ran at 42 to 60 million in a release build on a busy machine.
            gas_rate_min: 40_000_000,
            active: true,
            gives_way: false,
            gather_by_fee: false,
            gas_left_min: 50_000,
            window_margin: 64,
            reinjected_hold_blocks: 600,
            time: TimeSource::System,
        }
    }
}
