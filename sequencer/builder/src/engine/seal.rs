//! Sealing the open block.

use super::Engine;
use crate::BuilderError;
use openledger_chain::ChainError;
use std::time::Instant;

impl Engine {
    /// Seals the open block: durable and announced when this returns.
    pub(super) fn seal(&mut self) -> Result<(), BuilderError> {
        let Some(draft) = self.draft.take() else {
            return Ok(());
        };
        if draft.view().header.parent_hash != self.chain.head().hash() {
            // Derivation put another block there: what was preconfirmed goes into the next.
            let transactions = draft.pooled();
            self.chain.set_open_block(None);
            return self.requeue(transactions);
        }
        let started = Instant::now();
        let pooled = draft.pooled_transactions();
        let transactions = draft.pooled();
        let executed = draft.finish()?;
        let block = match self.chain.insert(executed) {
            // Derivation was faster by a moment.
            Err(ChainError::NotChild { .. }) => {
                self.chain.set_open_block(None);
                return self.requeue(transactions);
            }
            inserted => inserted?,
        };
        self.chain.set_open_block(None);
        self.mempool.remove_expired(Instant::now());
        self.held.retain(|hash| self.mempool.contains(hash));
        self.clock.sealed();
        let behind = if self.config.settled {
            self.clock
                .now()
                .as_secs()
                .saturating_sub(block.block.header.timestamp)
                / self.chain.config().block_time
        } else {
            0
        };
        self.report
            .sealed(&block, pooled, started.elapsed(), behind);
        Ok(())
    }
}
