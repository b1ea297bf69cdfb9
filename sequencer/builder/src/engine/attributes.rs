//! The next block's attributes: which L1 block it takes as its origin, and what that prescribes.

use super::Engine;
use crate::{BuilderError, Following};
use alloy_primitives::B256;
use openledger_primitives::{BlockAttributes, BlockNumHash, SealedBlock, Transaction};
use openledger_protocol::{
    L1Attributes, L1Block, L2BlockRef, NextOrigin, has_no_sequencer_transactions, next_origin,
    payload_attributes, system_config_of,
};

impl Engine {
    /// Attributes of the next block; `None` while the L1 block that it needs is unknown.
    pub(super) fn next_attributes(&self) -> Result<Option<BlockAttributes>, BuilderError> {
        let head = self.chain.head();
        let number = head.number + 1;
        let fail = |source: Box<dyn std::error::Error + Send + Sync>| BuilderError::L1Attributes {
            number,
            source,
        };
        let Some(parent) = self.chain.block(head.number)? else {
            return Ok(None);
        };
        let config = self.chain.config();
        let reference = L2BlockRef::from_sealed(&parent, &config.genesis)
            .map_err(|error| fail(Box::new(error)))?;
        let mut system =
            system_config_of(&parent.block, config).map_err(|error| fail(Box::new(error)))?;
        let Some(current) = self.current_origin(&parent)? else {
            return Ok(None);
        };
        let following = match self.origins.next_after(reference.l1_origin) {
            Following::Known(origin) => Some(origin),
            Following::None => None,
            // The follower notices as well and has the chain unwound.
            Following::Reorganized => return Ok(None),
        };
        if following.is_none() && self.is_late(reference.l1_origin.number) {
            // There is a next L1 block, and derivation would take it as soon as it may.
            return Ok(None);
        }
        let next = following.as_ref().map(|origin| &origin.block);
        let (origin, empty) = match next_origin(config, &reference, &current, next) {
            NextOrigin::Take { origin, empty } => (origin, empty),
            // An unsettled chain has no L1 to wait for.
            NextOrigin::Wait { .. } if !self.config.settled => (current, false),
            NextOrigin::Wait { .. } => return Ok(None),
            NextOrigin::Conflict(violation) => return Err(fail(Box::new(violation))),
        };
        let mut deposits: &[Transaction] = &[];
        if let Some(following) = following
            .as_ref()
            .filter(|next| next.block.hash == origin.hash)
        {
            deposits = &following.deposits;
            for update in &following.config_updates {
                update.apply(&mut system);
            }
        }
        let due = head.timestamp.saturating_add(config.block_time);
        let mut attributes =
            payload_attributes(config, &reference, &system, &origin, deposits, due)
                .map_err(|error| fail(Box::new(error)))?;
        attributes.timestamp = self.clock.timestamp(head.timestamp);
        attributes.no_tx_pool = (empty && self.config.settled)
            || self.is_late(origin.number)
            || has_no_sequencer_transactions(config, due);
        Ok(Some(attributes))
    }

    /// Whether the sequencing window of a block with this L1 origin may end before its batch is on L1.
    fn is_late(&self, origin: u64) -> bool {
        let window = self.chain.config().seq_window_size;
        let margin = self.config.window_margin.min(window / 4);
        let end = origin.saturating_add(window);
        self.config.settled && end <= self.origins.l1_head().saturating_add(margin)
    }

    /// The L1 block that `parent` names as its origin.
    pub(super) fn current_origin(
        &self,
        parent: &SealedBlock,
    ) -> Result<Option<L1Block>, BuilderError> {
        let genesis: BlockNumHash = self.chain.config().genesis.l1.into();
        let Some(first) = parent.block.body.transactions.first() else {
            return Ok(self.origins.get(genesis.number).map(|origin| origin.block));
        };
        let attributes =
            L1Attributes::from_deposit(first).map_err(|error| BuilderError::L1Attributes {
                number: parent.number(),
                source: Box::new(error),
            })?;
        Ok(Some(L1Block {
            number: attributes.number,
            hash: attributes.hash,
            // Not in the L1 attributes, and not needed for a block on the same origin.
            parent_hash: B256::ZERO,
            timestamp: attributes.timestamp,
            base_fee: attributes.base_fee,
            prev_randao: parent.block.header.mix_hash,
            parent_beacon_block_root: parent.block.header.parent_beacon_block_root,
            blob_base_fee: attributes.blob_base_fee,
        }))
    }
}
