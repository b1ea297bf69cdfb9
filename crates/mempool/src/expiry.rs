use alloy_primitives::B256;
use std::{collections::VecDeque, time::Instant};

/// Entries of transactions that left are swept when there are more of them than of the others, plus
/// this.
const STALE_MAX: usize = 1_024;

/// Transactions in the order of their reception. Those that left stay until swept, so that the usual
/// short visit costs two pushes and no search.
#[derive(Debug, Default)]
pub(crate) struct Expiry {
    queue: VecDeque<(Instant, B256)>,
}

impl Expiry {
    /// Notes a transaction. `len` is how many the pool holds, and `is_live` whether an entry is one
    /// of them.
    pub(crate) fn push(
        &mut self,
        received_at: Instant,
        hash: B256,
        len: usize,
        is_live: impl Fn(&B256, Instant) -> bool,
    ) {
        if self.queue.len() > len.saturating_mul(2).saturating_add(STALE_MAX) {
            self.queue
                .retain(|(received_at, hash)| is_live(hash, *received_at));
        }
        self.queue.push_back((received_at, hash));
    }

    /// Takes the oldest entry if it was received before `deadline`.
    pub(crate) fn pop_before(&mut self, deadline: Instant) -> Option<(Instant, B256)> {
        self.queue
            .pop_front_if(|(received_at, _)| *received_at < deadline)
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }
}
