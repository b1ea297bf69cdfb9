use crate::{DeriveError, InboxTransaction, L1Input};
use alloc::vec::Vec;
use alloy_eips::BlockNumHash;
use openledger_primitives::{SystemConfig, Transaction};
use openledger_protocol::{ConfigUpdate, L1Block};

/// An L1 block as the origin of L2 blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// The block.
    pub block: L1Block,
    /// What it changes in the system configuration, in log order.
    pub config_updates: Vec<ConfigUpdate>,
    /// The user deposits of its first L2 block.
    pub deposits: Vec<Transaction>,
}

/// Walks along L1 block by block, and keeps the system configuration.
#[derive(Debug)]
pub(crate) struct L1Traversal {
    origin: L1Block,
    /// The L1 block up to which all was derived before.
    derived_to: BlockNumHash,
    system_config: SystemConfig,
    /// Whether `origin` was fed; before the first feed it is only where to begin.
    started: bool,
    /// The inbox of `origin`, until retrieval takes it.
    inbox: Option<Vec<InboxTransaction>>,
    /// `origin` as an epoch, until the batch queue takes it.
    epoch: Option<Epoch>,
}

impl L1Traversal {
    /// Begins at `start`, as of which `system_config` stands, and goes on past `derived_to`.
    pub(crate) fn new(
        start: L1Block,
        derived_to: BlockNumHash,
        system_config: SystemConfig,
    ) -> Self {
        Self {
            origin: start,
            derived_to,
            system_config,
            started: false,
            inbox: None,
            epoch: None,
        }
    }

    /// The L1 block that the pipeline is at.
    pub(crate) const fn origin(&self) -> &L1Block {
        &self.origin
    }

    /// The L1 block up to which all was derived before.
    pub(crate) const fn derived_to(&self) -> BlockNumHash {
        self.derived_to
    }

    /// The system configuration as of [`Self::origin`], as L1 has it: who posts batches. Blocks are made with
    /// what their parents say.
    pub(crate) const fn system_config(&self) -> &SystemConfig {
        &self.system_config
    }

    /// Number of the L1 block that comes next.
    pub(crate) const fn next_number(&self) -> u64 {
        if self.started {
            self.origin.number.saturating_add(1)
        } else {
            self.origin.number
        }
    }

    /// Moves on to the next L1 block. On an error everything is as it was.
    pub(crate) fn advance(&mut self, input: L1Input) -> Result<(), DeriveError> {
        let block = input.block;
        if block.number != self.next_number() {
            return Err(DeriveError::UnexpectedL1 {
                expected: Some(self.next_number()),
                found: block.number,
            });
        }
        if !self.started && block.hash != self.origin.hash {
            return Err(DeriveError::L1Start {
                expected: self.origin.id(),
                found: block.id(),
            });
        }
        if self.started && block.parent_hash != self.origin.hash {
            return Err(DeriveError::L1Reorg {
                number: block.number,
                expected: self.origin.hash,
                found: block.parent_hash,
            });
        }
        // On another branch the block after which the safe head was known may never have been read.
        if block.number == self.derived_to.number && block.hash != self.derived_to.hash {
            return Err(DeriveError::L1Start {
                expected: self.derived_to,
                found: block.id(),
            });
        }
        for update in &input.config_updates {
            update.apply(&mut self.system_config);
        }
        self.origin = block;
        self.started = true;
        self.inbox = Some(input.inbox);
        self.epoch = Some(Epoch {
            block,
            config_updates: input.config_updates,
            deposits: input.deposits,
        });
        Ok(())
    }

    /// The inbox of the current L1 block, once.
    pub(crate) const fn take_inbox(&mut self) -> Option<Vec<InboxTransaction>> {
        self.inbox.take()
    }

    /// The current L1 block as an epoch, once.
    pub(crate) const fn take_epoch(&mut self) -> Option<Epoch> {
        self.epoch.take()
    }
}
