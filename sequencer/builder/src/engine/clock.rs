//! When blocks are due, and which timestamps they carry.

use crate::{BuilderConfig, Mode, TimeSource};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Clock {
    time: TimeSource,
    settled: bool,
    /// Seconds between blocks, as the chain's files say.
    block_time: u64,
    mode: Mode,
    /// Time between blocks; `None` if only a command or a transaction seals them.
    interval: Option<Duration>,
    /// When the open block of an unsettled chain is due, if there is an interval.
    due_at: Instant,
    /// Seconds that local commands moved the clock forward.
    offset: u64,
    /// The next block's timestamp, if a local command set it.
    next_timestamp: Option<u64>,
}

impl Clock {
    pub(super) fn new(config: &BuilderConfig, block_time: u64) -> Self {
        let mut clock = Self {
            time: config.time.clone(),
            settled: config.settled,
            block_time,
            mode: config.mode,
            interval: (config.mode == Mode::Interval).then(|| Duration::from_secs(block_time)),
            due_at: Instant::now(),
            offset: 0,
            next_timestamp: None,
        };
        clock.begin_interval();
        clock
    }

    /// Time since the Unix epoch.
    pub(super) fn now(&self) -> Duration {
        self.time.now()
    }

    /// Whether the time may jump while the thread sleeps.
    pub(super) const fn is_simulated(&self) -> bool {
        self.time.is_simulated()
    }

    pub(super) const fn mode(&self) -> Mode {
        self.mode
    }

    /// Seals in this mode from now on (local chains only).
    pub(super) fn set_mode(&mut self, mode: Mode, interval: Option<Duration>) {
        self.mode = mode;
        self.interval = interval;
        self.begin_interval();
    }

    /// A block was sealed: the next one's time begins.
    pub(super) fn sealed(&mut self) {
        self.begin_interval();
        self.next_timestamp = None;
    }

    fn begin_interval(&mut self) {
        self.due_at = Instant::now() + self.interval.unwrap_or_default();
    }

    /// Goes on with a block that a crash interrupted: it is due when it was due before, or a node that
    /// is killed again and again within a block time would never seal.
    pub(super) fn resume(&mut self, timestamp: u64) {
        let interval = self.interval.unwrap_or_default();
        let left = Duration::from_secs(timestamp).saturating_sub(self.now());
        // A timestamp further away is of a clock that was moved forward: it says nothing of the time.
        let left = if left > interval {
            Duration::ZERO
        } else {
            left
        };
        self.due_at = Instant::now() + left;
    }

    /// Time until a block with this timestamp is due; `None` if only a command seals it.
    pub(super) fn due_in(&self, timestamp: u64) -> Option<Duration> {
        self.interval?;
        if self.settled {
            return Some(Duration::from_secs(timestamp).saturating_sub(self.now()));
        }
        Some(self.due_at.saturating_duration_since(Instant::now()))
    }

    /// The time since the epoch at which a block with this timestamp must be sealed; `None` if it may
    /// be late.
    pub(super) fn deadline(&self, timestamp: u64) -> Option<Duration> {
        (self.interval.is_some() && self.settled).then(|| Duration::from_secs(timestamp))
    }

    /// Timestamp of the block after one with timestamp `parent`, seconds.
    pub(super) fn timestamp(&self, parent: u64) -> u64 {
        if self.settled {
            return parent.saturating_add(self.block_time);
        }
        let earliest = parent.saturating_add(1);
        if let Some(timestamp) = self.next_timestamp {
            return timestamp.max(earliest);
        }
        let now = self.now().as_secs().saturating_add(self.offset);
        let interval = self.interval.map_or(0, |interval| interval.as_secs());
        now.saturating_add(interval).max(earliest)
    }

    /// Seconds that local commands moved the clock forward.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Moves the clock so far ahead of the real one.
    pub(super) const fn set_offset(&mut self, seconds: u64) {
        self.offset = seconds;
    }

    /// Gives the next block this timestamp, and moves the clock there.
    pub(super) fn jump(&mut self, timestamp: u64) {
        self.next_timestamp = Some(timestamp);
        self.offset = timestamp.saturating_sub(self.now().as_secs());
    }

    /// Gives the next block this timestamp; `None`: the clock's.
    pub(super) const fn set_next_timestamp(&mut self, timestamp: Option<u64>) {
        self.next_timestamp = timestamp;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    fn since_epoch() -> Duration {
        TimeSource::System.now()
    }

    fn clock(settled: bool, mode: Mode) -> Clock {
        let config = BuilderConfig {
            settled,
            mode,
            ..BuilderConfig::default()
        };
        Clock::new(&config, 10)
    }

    #[test]
    fn a_settled_chain_keeps_the_block_time_whatever_the_clock_says() {
        let clock = clock(true, Mode::Interval);
        assert_eq!(clock.timestamp(1_000), 1_010);
        assert_eq!(clock.due_in(1_000), Some(Duration::ZERO));
        assert_eq!(clock.deadline(1_000), Some(Duration::from_secs(1_000)));
        let future = since_epoch().as_secs() + 100;
        assert!(
            clock
                .due_in(future)
                .is_some_and(|due| due > Duration::from_secs(98))
        );
    }

    #[test]
    fn a_simulation_says_what_time_it_is() {
        let milliseconds = Arc::new(AtomicU64::new(5_000));
        let config = BuilderConfig {
            time: TimeSource::Simulated(milliseconds.clone()),
            ..BuilderConfig::default()
        };
        let clock = Clock::new(&config, 1);
        assert_eq!(clock.due_in(7), Some(Duration::from_secs(2)));
        milliseconds.store(6_500, Ordering::Release);
        assert_eq!(clock.due_in(7), Some(Duration::from_millis(500)));
        milliseconds.store(70_000, Ordering::Release);
        assert_eq!(clock.due_in(7), Some(Duration::ZERO));
    }

    #[test]
    fn an_unsettled_chain_follows_its_clock_and_never_goes_back() {
        let mut clock = clock(false, Mode::Manual);
        let now = since_epoch().as_secs();
        assert_eq!(clock.due_in(now), None);
        assert!((now..now + 5).contains(&clock.timestamp(0)));
        assert_eq!(clock.timestamp(now + 1_000), now + 1_001);
        clock.jump(now + 500);
        assert_eq!(clock.timestamp(now), now + 500);
        clock.sealed();
        assert!((now + 500..now + 505).contains(&clock.timestamp(now)));
    }

    #[test]
    fn an_interrupted_block_is_due_when_it_was_due_before() {
        let mut clock = clock(false, Mode::Interval);
        let now = since_epoch().as_secs();
        let due = clock.due_in(now + 10).expect("there is an interval");
        assert!(due > Duration::from_secs(8), "{due:?}");
        // Its time is over.
        clock.resume(now - 1);
        assert_eq!(clock.due_in(now - 1), Some(Duration::ZERO));
        // Some of it is left.
        clock.resume(now + 5);
        let due = clock.due_in(now + 5).expect("there is an interval");
        assert!(
            due > Duration::from_secs(3) && due <= Duration::from_secs(5),
            "{due:?}"
        );
        // It is of a clock that was moved.
        clock.resume(now + 1_000);
        assert_eq!(clock.due_in(now + 1_000), Some(Duration::ZERO));
    }
}
