//! What the person sees while it runs.

use std::time::Instant;

/// Lines with the time since the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    started: Instant,
}

impl Progress {
    /// The clock starts.
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// Says what was done.
    pub(crate) fn say(&self, what: String) {
        println!("{:>6.1} s  {what}", self.seconds());
    }

    /// Seconds since the start.
    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}
