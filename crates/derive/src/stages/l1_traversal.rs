use crate::{DeriveError, InboxTransaction, L1Input};
use alloc::{sync::Arc, vec::Vec};
use alloy_eips::BlockNumHash;
use openledger_primitives::{ChainConfig, SystemConfig, Transaction};
use openledger_protocol::{ConfigUpdate, ConfigUpdateError, L1Block};

/// An L1 block as the origin of L2 blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// The block.
    pub block: L1Block,
    /// The system configuration as of the block, its own updates included.
    pub system_config: SystemConfig,
    /// Whether the block's own updates set the EIP-1559 parameters.
    pub sets_fee_params: bool,
    /// The user deposits of its first L2 block.
    pub deposits: Vec<Transaction>,
}

/// Walks along L1 block by block, and keeps the system configuration.
#[derive(Debug)]
pub(crate) struct L1Traversal {
    config: Arc<ChainConfig>,
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
        config: Arc<ChainConfig>,
        start: L1Block,
        derived_to: BlockNumHash,
        system_config: SystemConfig,
    ) -> Self {
        Self {
            config,
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

    /// The system configuration as of [`Self::origin`].
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
        let mut system_config = self.system_config;
        let sets_fee_params = input
            .config_updates
            .iter()
            .any(|update| matches!(update, ConfigUpdate::Eip1559Params(_)));
        for update in input.config_updates {
            match update.apply(&mut system_config) {
                Ok(()) => {}
                // Before Jovian is scheduled its parameters mean nothing.
                Err(ConfigUpdateError::NeedsJovian { .. })
                    if self.config.forks.jovian_time.is_none() => {}
                Err(source) => {
                    return Err(DeriveError::ConfigUpdate {
                        l1_number: block.number,
                        source,
                    });
                }
            }
        }
        self.system_config = system_config;
        self.origin = block;
        self.started = true;
        self.inbox = Some(input.inbox);
        self.epoch = Some(Epoch {
            block,
            system_config,
            sets_fee_params,
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
