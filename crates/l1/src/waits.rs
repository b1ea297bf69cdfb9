//! Waiting for what the L1 is known to have and its endpoints don't give.
//!
//! An endpoint that lags behind answers `null` for a block that exists, and so does one whose provider
//! spreads requests over nodes of which some lag. Absence is therefore waited out, with growing pauses and an
//! alarm, and never taken for a reorganization of the L1.

use crate::{L1BlockData, L1Client, L1Error};
use alloy_eips::BlockNumberOrTag;
use openledger_primitives::SealedHeader;
use parking_lot::Mutex;
use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};
use tokio::time::Instant;

/// First and longest pause between two questions about the same block.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How long an absence is no cause for alarm: nodes behind one URL are seconds apart.
const ALARM_AFTER: Duration = Duration::from_secs(10);
/// Time between alarms.
const ALARM_INTERVAL: Duration = Duration::from_secs(60);

/// What the L1's endpoints lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LagStatus {
    /// The lowest block that exists and that no endpoint gives, if any: derivation waits for it.
    pub waiting: Option<AwaitedBlock>,
    /// Answers so far that lacked what another endpoint had, or what is known to exist.
    pub absences: u64,
}

/// A block that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AwaitedBlock {
    /// Its number.
    pub number: u64,
    /// When it was first asked for in vain.
    pub since: Instant,
}

/// Who waits for which block. Shared by the clones of a client.
#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// By number: since when, and how many wait.
    blocks: BTreeMap<u64, (Instant, usize)>,
    alarmed: Option<Instant>,
}

/// Counts as waiting while it lives, also if whoever waits is cancelled.
struct Waiting {
    waits: Arc<Waits>,
    number: u64,
}

impl Waits {
    fn enter(self: &Arc<Self>, number: u64) -> Waiting {
        let mut state = self.0.lock();
        let entry = state
            .blocks
            .entry(number)
            .or_insert_with(|| (Instant::now(), 0));
        entry.1 = entry.1.saturating_add(1);
        Waiting {
            waits: Arc::clone(self),
            number,
        }
    }

    fn first(&self) -> Option<AwaitedBlock> {
        let state = self.0.lock();
        let (number, (since, _)) = state.blocks.first_key_value()?;
        Some(AwaitedBlock {
            number: *number,
            since: *since,
        })
    }
}

impl Waiting {
    /// Says so in the log when it takes long.
    fn alarm(&self) {
        let now = Instant::now();
        let mut state = self.waits.0.lock();
        let Some((since, _)) = state.blocks.get(&self.number) else {
            return;
        };
        let waited = now.duration_since(*since);
        let quiet = state
            .alarmed
            .is_some_and(|last| now.duration_since(last) < ALARM_INTERVAL);
        if waited >= ALARM_AFTER && !quiet {
            state.alarmed = Some(now);
            tracing::error!(
                l1_block = self.number,
                waited_s = waited.as_secs(),
                "no l1 endpoint has a block that exists: waiting for it"
            );
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.waits.0.lock();
        if let Some((_, waiting)) = state.blocks.get_mut(&self.number) {
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0 {
                state.blocks.remove(&self.number);
            }
        }
        if state.blocks.is_empty() && state.alarmed.take().is_some() {
            tracing::info!(
                l1_block = self.number,
                "no l1 block is waited for any longer"
            );
        }
    }
}

impl L1Client {
    /// What endpoints lack now, and how often one lacked what exists.
    pub fn lag_status(&self) -> LagStatus {
        LagStatus {
            waiting: self.waits().first(),
            absences: self.endpoints().absences(),
        }
    }

    /// The canonical header at a height that the L1 is known to have reached; waits for an endpoint that
    /// has it.
    ///
    /// # Errors
    /// If no endpoint gives an answer that hashes to what it says; [`L1Error::BlockNotFound`] only from
    /// the [whole L1](Self::of_whole_l1).
    pub async fn existing_header(&self, number: u64) -> Result<SealedHeader, L1Error> {
        let id = BlockNumberOrTag::Number(number).into();
        self.present(number, || async {
            let header = self.header_by_number(number).await?;
            header.ok_or(L1Error::BlockNotFound { id })
        })
        .await
    }

    /// The canonical block at a height that the L1 is known to have reached, with transactions and
    /// receipts; waits for an endpoint that has it all.
    ///
    /// The block is asked for by number each time, so that one that is reorganized away meanwhile is not
    /// waited for.
    ///
    /// # Errors
    /// As [`Self::existing_header`].
    pub async fn existing_block(&self, number: u64) -> Result<L1BlockData, L1Error> {
        self.present(number, || {
            self.block_with_receipts(BlockNumberOrTag::Number(number))
        })
        .await
    }

    /// Repeats `read` until it finds something.
    async fn present<T, F>(&self, number: u64, mut read: impl FnMut() -> F) -> Result<T, L1Error>
    where
        F: Future<Output = Result<T, L1Error>>,
    {
        let mut waiting = None;
        let mut pause = PAUSE;
        loop {
            match read().await {
                Err(error) if error.is_absence() && !self.is_whole_l1() => {
                    self.endpoints().count_absences(1);
                    let waiting = waiting.get_or_insert_with(|| self.waits().enter(number));
                    waiting.alarm();
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                outcome => return outcome,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_block_that_is_waited_for_is_told() {
        let waits = Arc::new(Waits::default());
        let number = |waits: &Waits| waits.first().map(|first| first.number);
        assert_eq!(number(&waits), None);
        let five = waits.enter(5);
        let three = waits.enter(3);
        let again = waits.enter(3);
        assert_eq!(number(&waits), Some(3));
        drop(three);
        assert_eq!(number(&waits), Some(3));
        drop(again);
        assert_eq!(number(&waits), Some(5));
        drop(five);
        assert_eq!(number(&waits), None);
    }
}
