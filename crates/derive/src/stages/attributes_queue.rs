use crate::{
    DeriveError,
    stages::{BatchQueue, batch_queue::NextBatch},
};
use alloc::{sync::Arc, vec::Vec};
use alloy_eips::{BlockNumHash, eip2718::Decodable2718};
use alloy_primitives::Bytes;
use openledger_primitives::{BlockAttributes, ChainConfig, SystemConfig, Transaction};
use openledger_protocol::{L2BlockRef, SingularBatch, payload_attributes, system_config_after};

/// The attributes of a block and where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DerivedAttributes {
    pub(crate) attributes: BlockAttributes,
    /// The L1 block with which the block became derivable.
    pub(crate) origin: BlockNumHash,
    pub(crate) is_last_in_span: bool,
}

/// What the attributes queue has to give.
pub(crate) enum Next {
    Attributes(DerivedAttributes),
    Again,
    Empty,
    NeedL2(u64),
}

/// Turns batches into attributes.
pub(crate) struct AttributesQueue {
    pub(crate) prev: BatchQueue,
    config: Arc<ChainConfig>,
    /// The configuration by the newest block.
    system_config: SystemConfig,
}

impl AttributesQueue {
    /// Goes on with what a block with the configuration `system_config` is the parent of.
    pub(crate) const fn new(
        prev: BatchQueue,
        config: Arc<ChainConfig>,
        system_config: SystemConfig,
    ) -> Self {
        Self {
            prev,
            config,
            system_config,
        }
    }

    /// The attributes of the block after `parent`, once: the next are those of the block that has them.
    pub(crate) fn next_attributes(&mut self, parent: &L2BlockRef) -> Result<Next, DeriveError> {
        let (batch, is_last_in_span) = match self.prev.next_batch(parent)? {
            NextBatch::Batch(batch, is_last) => (batch, is_last),
            NextBatch::Again => return Ok(Next::Again),
            NextBatch::Empty => return Ok(Next::Empty),
            NextBatch::NeedL2(number) => return Ok(Next::NeedL2(number)),
        };
        let attributes = self.attributes(parent, &batch)?;
        let origin = self.prev.prev.prev.prev.prev.prev.origin().id();
        Ok(Next::Attributes(DerivedAttributes {
            attributes,
            origin,
            is_last_in_span,
        }))
    }

    fn attributes(
        &mut self,
        parent: &L2BlockRef,
        batch: &SingularBatch,
    ) -> Result<BlockAttributes, DeriveError> {
        let epoch = self
            .prev
            .epoch(batch.epoch_num)
            .ok_or(DeriveError::MissingOrigin {
                number: batch.epoch_num,
            })?;
        let mut system_config = self.system_config;
        if epoch.block.number != parent.l1_origin.number {
            for update in &epoch.config_updates {
                update.apply(&mut system_config);
            }
        }
        let mut attributes = payload_attributes(
            &self.config,
            parent,
            &system_config,
            &epoch.block,
            &epoch.deposits,
            batch.timestamp,
        )?;
        self.system_config = system_config_after(&self.config, &system_config, batch.timestamp);
        match decode_transactions(&batch.transactions) {
            Some(transactions) => attributes.transactions.extend(transactions),
            // Such a block can't be valid: it has its deposits alone, and nothing more of its channel
            // counts, as if it had been tried (Holocene, "Engine queue").
            None => self.prev.flush(),
        }
        Ok(attributes)
    }
}

/// A batch's transactions, if each is one that a sequencer may include.
fn decode_transactions(transactions: &[Bytes]) -> Option<Vec<Transaction>> {
    transactions
        .iter()
        .map(|bytes| match Transaction::decode_2718_exact(bytes) {
            Ok(
                tx @ (Transaction::Legacy(_)
                | Transaction::Eip2930(_)
                | Transaction::Eip1559(_)
                | Transaction::Eip7702(_)),
            ) => Some(tx),
            _ => None,
        })
        .collect()
}
