//! Filters: what `eth_newFilter` and its kin install and `eth_getFilterChanges` polls.
//!
//! A filter of logs or blocks is little more than the number of the first block that its owner has
//! not seen: the chain itself is the queue. Only what an unwind took back is kept for it. Pending
//! transactions go through one ring, of which each filter remembers its place.

use crate::{
    api::Api,
    cache::block_logs,
    error::Failure,
    log_filter::{LogFilter, LogRange, LogsJson},
    workers::Deadline,
};
use alloy_primitives::{B256, map::HashMap};
use openledger_primitives::SealedBlock;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Hashes of pending transactions that are kept for filters.
const PENDING_MAX: usize = 16_384;
/// Blocks that one poll of a block filter answers.
const HASHES_MAX: u64 = 10_000;

/// What a filter tells.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Hashes of sealed blocks.
    Blocks,
    /// Logs.
    Logs(LogFilter, LogRange),
    /// Hashes of pending transactions, or all of each.
    Pending {
        /// All of each.
        full: bool,
    },
}

#[derive(Debug)]
struct Filter {
    kind: Kind,
    /// Number of the next block, or place in the ring.
    next: u64,
    /// Logs whose blocks left the chain, as JSON.
    removed: Vec<Vec<u8>>,
    polled: Instant,
}

/// The installed filters.
#[derive(Debug)]
pub(crate) struct Filters {
    max: usize,
    lifetime: Duration,
    filters: Mutex<HashMap<u128, Filter>>,
    pending: Mutex<Ring>,
}

/// The newest items of a sequence.
#[derive(Debug, Default)]
struct Ring {
    items: VecDeque<B256>,
    /// Place of the first item.
    first: u64,
}

impl Ring {
    fn next(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    fn push(&mut self, hash: B256) {
        self.items.push_back(hash);
        if self.items.len() > PENDING_MAX {
            self.items.pop_front();
            self.first += 1;
        }
    }

    fn since(&self, place: u64) -> Vec<B256> {
        let skip = place.saturating_sub(self.first);
        self.items
            .iter()
            .skip(usize::try_from(skip).unwrap_or(usize::MAX))
            .copied()
            .collect()
    }
}

/// What a poll found.
#[derive(Debug)]
pub(crate) enum Changes {
    /// Hashes of blocks or transactions.
    Hashes(Vec<B256>),
    /// Hashes of transactions of which the caller wants all.
    Transactions(Vec<B256>),
    /// Logs, as a JSON array.
    Logs(Vec<u8>),
}

impl Filters {
    /// No filters yet, and never more than `max`.
    pub(crate) fn new(max: usize, lifetime: Duration) -> Self {
        Self {
            max,
            lifetime,
            filters: Mutex::default(),
            pending: Mutex::default(),
        }
    }

    /// Installs a filter that tells what comes after block `head`.
    pub(crate) fn install(&self, kind: Kind, head: u64) -> Result<u128, Failure> {
        let next = match kind {
            Kind::Pending { .. } => self.pending.lock().next(),
            _ => head.saturating_add(1),
        };
        let now = Instant::now();
        let mut filters = self.filters.lock();
        if filters.len() >= self.max {
            let lifetime = self.lifetime;
            filters.retain(|_, filter| now.duration_since(filter.polled) < lifetime);
        }
        if filters.len() >= self.max {
            return Err(Failure::Limit {
                what: "filters",
                limit: "filters_max",
                max: self.max as u64,
            });
        }
        // Not guessable, since whoever knows a filter can drain it.
        let mut id = rand::random::<u128>();
        while filters.contains_key(&id) {
            id = rand::random();
        }
        filters.insert(
            id,
            Filter {
                kind,
                next,
                removed: Vec::new(),
                polled: now,
            },
        );
        Ok(id)
    }

    /// Removes a filter; whether it was there.
    pub(crate) fn uninstall(&self, id: u128) -> bool {
        let expired = |filter: &Filter| filter.polled.elapsed() >= self.lifetime;
        self.filters
            .lock()
            .remove(&id)
            .is_some_and(|filter| !expired(&filter))
    }

    /// Drops the filters that nobody polls.
    pub(crate) fn expire(&self) {
        let lifetime = self.lifetime;
        self.filters
            .lock()
            .retain(|_, filter| filter.polled.elapsed() < lifetime);
    }

    /// How many filters there are.
    pub(crate) fn len(&self) -> usize {
        self.filters.lock().len()
    }

    /// A transaction became pending.
    pub(crate) fn on_pending(&self, hash: B256) {
        self.pending.lock().push(hash);
    }

    /// Blocks left the chain, `to` is the head now. Logs that filters have told are told again, as
    /// removed, newest block first.
    pub(crate) fn on_unwound(
        &self,
        to: u64,
        removed: &[SealedBlock],
        logs_max: usize,
    ) -> Result<(), Failure> {
        let mut filters = self.filters.lock();
        let wanted =
            |filter: &Filter| matches!(filter.kind, Kind::Logs(..)) && filter.next > to + 1;
        if filters.values().any(wanted) {
            for block in removed.iter().rev() {
                let entries = block_logs(block)?;
                for filter in filters.values_mut() {
                    let Kind::Logs(criteria, _) = &filter.kind else {
                        continue;
                    };
                    if filter.next <= block.number() {
                        continue;
                    }
                    for entry in entries
                        .iter()
                        .rev()
                        .filter(|entry| criteria.matches(&entry.log))
                    {
                        if filter.removed.len() < logs_max {
                            filter.removed.push(entry.removed_json());
                        }
                    }
                }
            }
        }
        for filter in filters.values_mut() {
            if !matches!(filter.kind, Kind::Pending { .. }) {
                filter.next = filter.next.min(to + 1);
            }
        }
        Ok(())
    }

    /// The criteria of a log filter.
    pub(crate) fn logs(&self, id: u128) -> Result<(LogFilter, LogRange), Failure> {
        let mut filters = self.filters.lock();
        let filter = self.live(&mut filters, id)?;
        match &filter.kind {
            Kind::Logs(criteria, range) => Ok((criteria.clone(), *range)),
            _ => Err(Failure::UnknownFilter),
        }
    }

    fn live<'a>(
        &self,
        filters: &'a mut HashMap<u128, Filter>,
        id: u128,
    ) -> Result<&'a mut Filter, Failure> {
        let filter = filters.get_mut(&id).ok_or(Failure::UnknownFilter)?;
        if filter.polled.elapsed() >= self.lifetime {
            filters.remove(&id);
            return Err(Failure::UnknownFilter);
        }
        filter.polled = Instant::now();
        // Looked up again: the borrow checker can't see that the early return ended the first.
        filters.get_mut(&id).ok_or(Failure::UnknownFilter)
    }

    /// What a filter has not told yet.
    pub(crate) fn poll(&self, id: u128, api: &Api, deadline: Deadline) -> Result<Changes, Failure> {
        let (kind, next, removed) = {
            let mut filters = self.filters.lock();
            let filter = self.live(&mut filters, id)?;
            if let Kind::Pending { full } = filter.kind {
                let ring = self.pending.lock();
                let hashes = ring.since(filter.next);
                filter.next = ring.next();
                return Ok(if full {
                    Changes::Transactions(hashes)
                } else {
                    Changes::Hashes(hashes)
                });
            }
            (
                filter.kind.clone(),
                filter.next,
                std::mem::take(&mut filter.removed),
            )
        };
        let head = api.chain.head().number;
        let (changes, told) = match kind {
            Kind::Logs(criteria, range) => {
                let last = match range {
                    LogRange::Blocks {
                        to: Some(crate::block_id::BlockId::Number(to)),
                        ..
                    } => head.min(to),
                    _ => head,
                };
                let mut out = LogsJson::new(&api.config.limits);
                for json in &removed {
                    out.push(json)?;
                }
                let mut told = next;
                // Block by block, so that an answer that is full ends with a whole block.
                while told <= last && !out.is_full() {
                    let step = last.min(told.saturating_add(999));
                    let mut pushed = told;
                    let visited =
                        api.visit_logs(&criteria, told, step, deadline, |number, entry| {
                            pushed = number;
                            out.push(entry.json())
                        });
                    match visited {
                        Ok(()) => told = step + 1,
                        // The rest of the logs comes at the next poll, unless one block holds too many.
                        Err(Failure::Limit { .. }) if pushed > next => {
                            return self
                                .poll_until(id, api, &criteria, next, pushed, removed, deadline);
                        }
                        Err(failure) => return Err(failure),
                    }
                }
                (Changes::Logs(out.finish()), told)
            }
            Kind::Blocks | Kind::Pending { .. } => {
                let last = head.min(next.saturating_add(HASHES_MAX - 1));
                let mut hashes = Vec::new();
                for number in next..=last {
                    hashes.extend(api.chain.store().block_hash(number)?);
                }
                (Changes::Hashes(hashes), next.max(last + 1))
            }
        };
        self.told(id, next, told);
        Ok(changes)
    }

    /// The logs of the blocks from `from` to before `end`.
    fn poll_until(
        &self,
        id: u128,
        api: &Api,
        criteria: &LogFilter,
        from: u64,
        end: u64,
        removed: Vec<Vec<u8>>,
        deadline: Deadline,
    ) -> Result<Changes, Failure> {
        let mut out = LogsJson::new(&api.config.limits);
        for json in &removed {
            out.push(json)?;
        }
        if end > from {
            api.visit_logs(criteria, from, end - 1, deadline, |_, entry| {
                out.push(entry.json())
            })?;
        }
        self.told(id, from, end);
        Ok(Changes::Logs(out.finish()))
    }

    /// Remembers what was told, unless an unwind came between.
    fn told(&self, id: u128, from: u64, next: u64) {
        if let Some(filter) = self.filters.lock().get_mut(&id)
            && filter.next == from
        {
            filter.next = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_bounded_and_expire() {
        let filters = Filters::new(2, Duration::from_millis(40));
        let first = filters.install(Kind::Blocks, 0).unwrap();
        filters.install(Kind::Pending { full: false }, 0).unwrap();
        let failure = filters.install(Kind::Blocks, 0).unwrap_err();
        assert!(failure.to_string().contains("filters_max"));
        std::thread::sleep(Duration::from_millis(60));
        assert!(!filters.uninstall(first), "an expired filter is gone");
        let third = filters.install(Kind::Blocks, 0).unwrap();
        assert!(filters.uninstall(third));
        assert!(!filters.uninstall(third));
    }

    #[test]
    fn the_ring_keeps_the_newest() {
        let mut ring = Ring::default();
        for index in 0..PENDING_MAX + 10 {
            let mut hash = B256::ZERO;
            hash[..8].copy_from_slice(&(index as u64).to_be_bytes());
            ring.push(hash);
        }
        assert_eq!(ring.next(), (PENDING_MAX + 10) as u64);
        assert_eq!(ring.since(0).len(), PENDING_MAX);
        assert_eq!(ring.since(ring.next()).len(), 0);
        assert_eq!(ring.since(ring.next() - 1).len(), 1);
    }
}
