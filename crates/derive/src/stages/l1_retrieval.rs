use crate::stages::{L1Traversal, Pull};
use alloc::collections::VecDeque;
use alloy_primitives::Bytes;

/// Picks from an L1 block what the batcher sent to the inbox.
#[derive(Debug)]
pub(crate) struct L1Retrieval {
    pub(crate) prev: L1Traversal,
    data: VecDeque<Bytes>,
}

impl L1Retrieval {
    pub(crate) const fn new(prev: L1Traversal) -> Self {
        Self {
            prev,
            data: VecDeque::new(),
        }
    }

    /// The data of the next batcher transaction, or of the next blob.
    pub(crate) fn next_data(&mut self) -> Pull<Bytes> {
        if let Some(inbox) = self.prev.take_inbox() {
            // The batcher as of this very block, whose own updates count already.
            let batcher = self.prev.system_config().batcher_address;
            self.data.extend(
                inbox
                    .into_iter()
                    .filter(|tx| tx.sender == batcher)
                    .flat_map(|tx| tx.data),
            );
        }
        self.data.pop_front().map_or(Pull::Empty, Pull::Ready)
    }
}
