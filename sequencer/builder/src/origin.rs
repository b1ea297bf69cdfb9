use openledger_derive::L1Input;
use openledger_primitives::BlockNumHash;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What follows an L1 origin.
#[derive(Debug, Clone)]
pub enum Following {
    /// The L1 has no known next block.
    None,
    /// The next block.
    Known(Arc<L1Input>),
    /// The origin itself is no longer in the L1 chain.
    Reorganized,
}

/// The L1 blocks that the builder may take as next origins: a bounded window that an L1 follower fills
/// and the builder reads. It never blocks either.
#[derive(Debug)]
pub struct OriginFeed {
    window: Mutex<VecDeque<Arc<L1Input>>>,
    capacity: usize,
    /// Number of the L1's newest block, which the window may be far from; 0 before it is known.
    l1_head: AtomicU64,
}

impl OriginFeed {
    /// An empty feed that holds at most `capacity` blocks.
    pub fn new(capacity: usize) -> Self {
        Self {
            window: Mutex::default(),
            capacity: capacity.max(2),
            l1_head: AtomicU64::new(0),
        }
    }

    /// Number of the L1's newest block; 0 before it is known.
    pub fn l1_head(&self) -> u64 {
        self.l1_head.load(Ordering::Relaxed)
    }

    /// Notes the number of the L1's newest block.
    pub fn set_l1_head(&self, number: u64) {
        self.l1_head.store(number, Ordering::Relaxed);
    }

    /// Number and hash of the newest block.
    pub fn newest(&self) -> Option<BlockNumHash> {
        self.window.lock().back().map(|origin| origin.block.id())
    }

    /// Whether the window is full: the follower then waits until the builder has moved on.
    pub fn is_full(&self) -> bool {
        self.window.lock().len() >= self.capacity
    }

    /// Whether it holds what follows L1 block `number`, or will: it is empty, or doesn't begin beyond.
    pub fn serves(&self, number: u64) -> bool {
        let window = self.window.lock();
        window
            .front()
            .is_none_or(|first| first.block.number <= number.saturating_add(1))
    }

    /// Adds the child of the newest block; answers whether it is one. An empty feed takes any block.
    #[must_use]
    pub fn push(&self, origin: L1Input) -> bool {
        let mut window = self.window.lock();
        if let Some(newest) = window.back()
            && (newest.block.hash != origin.block.parent_hash
                || newest.block.number + 1 != origin.block.number)
        {
            return false;
        }
        window.push_back(Arc::new(origin));
        true
    }

    /// Forgets blocks above `number`: the L1 reorganized.
    pub fn truncate(&self, number: u64) {
        self.window
            .lock()
            .retain(|origin| origin.block.number <= number);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.window.lock().clear();
    }

    /// What follows `current`; forgets what lies before it.
    pub fn next_after(&self, current: BlockNumHash) -> Following {
        let mut window = self.window.lock();
        while window
            .front()
            .is_some_and(|origin| origin.block.number < current.number)
        {
            window.pop_front();
        }
        let Some(front) = window.front() else {
            return Following::None;
        };
        if front.block.number == current.number {
            if front.block.hash != current.hash {
                return Following::Reorganized;
            }
            return window
                .get(1)
                .map_or(Following::None, |next| Following::Known(next.clone()));
        }
        if front.block.number == current.number + 1 {
            return if front.block.parent_hash == current.hash {
                Following::Known(front.clone())
            } else {
                Following::Reorganized
            };
        }
        Following::None
    }

    /// The block with this number, if it is in the window.
    pub fn get(&self, number: u64) -> Option<Arc<L1Input>> {
        self.window
            .lock()
            .iter()
            .find(|origin| origin.block.number == number)
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;
    use openledger_protocol::L1Block;

    fn block(number: u64, fork: u8) -> L1Input {
        let hash = |number: u64, fork: u8| {
            let mut hash = B256::with_last_byte(fork);
            hash.0[..8].copy_from_slice(&number.to_be_bytes());
            hash
        };
        L1Input {
            block: L1Block {
                number,
                hash: hash(number, fork),
                parent_hash: hash(number.wrapping_sub(1), fork),
                ..Default::default()
            },
            ..Default::default()
        }
    }

    fn feed(numbers: std::ops::Range<u64>) -> OriginFeed {
        let feed = OriginFeed::new(8);
        for number in numbers {
            assert!(feed.push(block(number, 0)));
        }
        feed
    }

    #[test]
    fn the_child_of_the_current_origin_follows() {
        let feed = feed(5..8);
        let Following::Known(next) = feed.next_after(block(5, 0).block.id()) else {
            panic!("block 6 is known");
        };
        assert_eq!(next.block.number, 6);
        // Reading moved the window to the current origin; the newest has no child yet.
        assert!(matches!(
            feed.next_after(block(7, 0).block.id()),
            Following::None
        ));
        assert!(feed.get(6).is_none());
        // Blocks that lie before are gone from it.
        assert!(feed.serves(6) && !feed.serves(5));
    }

    #[test]
    fn a_window_that_starts_at_the_child_serves_as_well() {
        let feed = feed(6..8);
        assert!(
            matches!(feed.next_after(block(5, 0).block.id()), Following::Known(next)
            if next.block.number == 6)
        );
    }

    #[test]
    fn another_block_at_the_origins_height_is_a_reorganization() {
        let feed = feed(5..8);
        assert!(matches!(
            feed.next_after(block(5, 1).block.id()),
            Following::Reorganized
        ));
        assert!(matches!(
            feed.next_after(block(4, 1).block.id()),
            Following::Reorganized
        ));
    }

    #[test]
    fn only_a_child_of_the_newest_is_taken() {
        let feed = feed(5..7);
        assert!(!feed.push(block(8, 0)));
        assert!(!feed.push(block(7, 1)));
        assert!(feed.push(block(7, 0)));
        feed.truncate(5);
        assert_eq!(feed.newest(), Some(block(5, 0).block.id()));
        assert!(!feed.is_full());
    }
}
