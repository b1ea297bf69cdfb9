//! Starting and stopping at an operator's request.

use super::Engine;
use crate::BuilderError;
use alloy_primitives::B256;
use openledger_chain::SequencerError;
use std::sync::atomic::Ordering;
use tracing::info;

impl Engine {
    /// Begins to build, if `head` is the unsafe head or zero.
    pub(super) fn start(&mut self, head: B256) -> Result<(), SequencerError> {
        if self.is_active() {
            let state = if self.gives_way() {
                "started, and waits until all that the L1 holds is derived"
            } else {
                "running"
            };
            return Err(SequencerError::Already { state });
        }
        let unsafe_head = self.chain.head().hash();
        if !head.is_zero() && head != unsafe_head {
            return Err(SequencerError::WrongHead {
                head: unsafe_head,
                given: head,
            });
        }
        self.shared.active.store(true, Ordering::Relaxed);
        info!("the sequencer was started");
        Ok(())
    }

    /// Seals what is preconfirmed and stops building. Answers the unsafe head.
    ///
    /// What the journal brought back stays as it is while derivation has the chain to itself: nobody knows yet
    /// whether the L1 still has the origin of that block.
    pub(super) fn stop(&mut self) -> Result<Result<B256, SequencerError>, BuilderError> {
        if !self.is_active() {
            return Ok(Err(SequencerError::Already { state: "stopped" }));
        }
        if self.builds() {
            if self.has_pooled() {
                self.seal()?;
            }
            self.draft = None;
            self.chain.set_open_block(None);
        }
        self.shared.active.store(false, Ordering::Relaxed);
        let head = self.chain.head().hash();
        info!(%head, "the sequencer was stopped");
        Ok(Ok(head))
    }
}
