//! Waiting for blocks and times.

use super::Sender;
use crate::{POLL_INTERVAL, duration};
use std::time::{Duration, Instant};

/// Time without a new block after which the person is told what to do.
const HINT_AFTER: Duration = Duration::from_secs(10);

impl Sender {
    /// Waits until the newest block is at least `number`; `why` is what begins then.
    ///
    /// # Errors
    /// [`crate::Failure`].
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
    /// [`crate::Failure`].
    pub async fn await_time(&self, seconds: u64, why: &str) -> anyhow::Result<()> {
        let mut time = self.node.time().await?;
        if time < seconds {
            eprintln!("waiting {} ({why})", duration(seconds - time));
        }
        let mut patience = Patience::new(time);
        while time < seconds {
            self.pause().await?;
            // A chain that is mined on demand gets a block for each look: not more of them than it has seconds.
            if self.limits.mine {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            time = self.node.time().await?;
            let left = duration(seconds.saturating_sub(time));
            patience.look(time, &format!("{left} left"));
        }
        Ok(())
    }

    /// Lets time pass, or a block.
    ///
    /// # Errors
    /// [`crate::Failure`].
    pub async fn pause(&self) -> anyhow::Result<()> {
        if self.limits.mine {
            let _: serde_json::Value = self.node.request("evm_mine", ()).await?;
        } else {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }
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
