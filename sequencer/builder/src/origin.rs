use openledger_primitives::{BlockNumHash, Transaction};
use openledger_protocol::{ConfigUpdate, L1Block};
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc};

/// An L1 block with all that an L2 block that takes it as origin needs.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The block.
    pub block: L1Block,
    /// User deposits in it, in log order.
    pub deposits: Vec<Transaction>,
    /// Configuration updates in it, in log order.
    pub config_updates: Vec<ConfigUpdate>,
}

/// What follows an L1 origin.
#[derive(Debug, Clone)]
pub enum Following {
    /// The L1 has no known next block.
    None,
    /// The next block.
    Known(Arc<Origin>),
    /// The origin itself is no longer in the L1 chain.
    Reorganized,
}

/// The L1 blocks that the builder may take as next origins: a bounded window that an L1 follower fills
/// and the builder reads. It never blocks either.
#[derive(Debug)]
pub struct OriginFeed {
    window: Mutex<VecDeque<Arc<Origin>>>,
    capacity: usize,
}

impl OriginFeed {
    /// An empty feed that holds at most `capacity` blocks.
    pub fn new(capacity: usize) -> Self {
        Self { window: Mutex::default(), capacity: capacity.max(2) }
    }

    /// Number and hash of the newest block.
    pub fn newest(&self) -> Option<BlockNumHash> {
        self.window.lock().back().map(|origin| origin.block.id())
    }

    /// Whether the window is full: the follower then waits until the builder has moved on.
    pub fn is_full(&self) -> bool {
        self.window.lock().len() >= self.capacity
    }

    /// Adds the child of the newest block; answers whether it is one. An empty feed takes any block.
    #[must_use]
    pub fn push(&self, origin: Origin) -> bool {
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
        self.window.lock().retain(|origin| origin.block.number <= number);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.window.lock().clear();
    }

    /// What follows `current`; forgets what lies before it.
    pub fn next_after(&self, current: BlockNumHash) -> Following {
        let mut window = self.window.lock();
        while window.front().is_some_and(|origin| origin.block.number < current.number) {
            window.pop_front();
        }
        let Some(front) = window.front() else { return Following::None };
        if front.block.number == current.number {
            if front.block.hash != current.hash {
                return Following::Reorganized;
            }
            return window.get(1).map_or(Following::None, |next| Following::Known(next.clone()));
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
    pub fn get(&self, number: u64) -> Option<Arc<Origin>> {
        self.window.lock().iter().find(|origin| origin.block.number == number).cloned()
    }
}
