//! Transactions that were in a block, were unwound, and can't be executed yet: the deposit that they live
//! on may come back with a later L1 block.

use alloy_primitives::B256;
use std::collections::HashMap;

/// Reinjected transactions that failed, each with the block from which on another failure drops it. No
/// more than the pool holds.
#[derive(Debug)]
pub(super) struct Held {
    blocks: u64,
    until: HashMap<B256, u64>,
}

impl Held {
    /// Holds each transaction for so many blocks.
    pub(super) fn new(blocks: u64) -> Self {
        Self {
            blocks,
            until: HashMap::new(),
        }
    }

    /// A reinjected transaction failed in block `number`: whether it is tried again in a later one.
    pub(super) fn keep(&mut self, hash: B256, number: u64) -> bool {
        let until = self
            .until
            .entry(hash)
            .or_insert_with(|| number.saturating_add(self.blocks));
        if number < *until {
            return true;
        }
        self.until.remove(&hash);
        false
    }

    /// Forgets those that are no longer in the pool.
    pub(super) fn retain(&mut self, is_pooled: impl Fn(&B256) -> bool) {
        self.until.retain(|hash, _| is_pooled(hash));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_held_for_so_many_blocks_after_its_first_failure() {
        let mut held = Held::new(3);
        let hash = B256::repeat_byte(1);
        assert!(held.keep(hash, 10) && held.keep(hash, 11) && held.keep(hash, 12));
        assert!(!held.keep(hash, 13));
        assert!(held.until.is_empty());
        assert!(held.keep(hash, 20));
        held.retain(|_| false);
        assert!(held.until.is_empty());
        assert!(!Held::new(0).keep(hash, 1));
    }
}
