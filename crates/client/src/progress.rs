//! Lines of progress.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Time between lines of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

/// Lines of progress on standard error, from any thread; none for work that is done quickly.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    total: usize,
    done: AtomicUsize,
    next: Mutex<Instant>,
}

impl Progress {
    /// Of `total` pieces, called `what` (in the plural).
    pub fn new(total: usize, what: &'static str) -> Self {
        Self {
            what,
            total,
            done: AtomicUsize::new(0),
            next: Mutex::new(Instant::now() + PROGRESS_INTERVAL),
        }
    }

    /// One more is done.
    pub fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        // Whoever doesn't get the lock leaves the line to whoever has it.
        if let Ok(mut next) = self.next.try_lock()
            && Instant::now() >= *next
        {
            eprintln!("{done} of {} {}", self.total, self.what);
            *next = Instant::now() + PROGRESS_INTERVAL;
        }
    }
}
