use crate::{
    DeriveError, L1Input, L1InputError, L1Transaction, parse_l1_block,
    stages::{
        AttributesQueue, BatchDrop, BatchQueue, ChannelReaderStage, ChannelStage,
        DerivedAttributes, FrameQueue, L1Retrieval, L1Traversal, Next,
    },
};
use alloc::sync::Arc;
use alloy_consensus::{Header, ReceiptEnvelope};
use alloy_eips::BlockNumHash;
use openledger_primitives::{
    BlockAttributes, ChainConfig, L1ChainConfig, SystemConfig, Transaction,
};
use openledger_protocol::{L1Block, L2BlockRef};

/// What derivation has, or what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The L1 block with this number, by [`Pipeline::feed`]. If it doesn't exist yet, all that L1
    /// says so far is derived.
    NeedL1 {
        /// Its number.
        number: u64,
    },
    /// The L2 block with this number, on the chain that ends with the parent, by
    /// [`Pipeline::feed_l2`]: a span batch reaches back to it. Rare.
    NeedL2 {
        /// Its number.
        number: u64,
    },
    /// The next block's attributes. Execute them on the parent; then step with the block that came
    /// of it, or say [`Pipeline::invalid_payload`].
    Attributes {
        /// The attributes.
        attributes: BlockAttributes,
        /// The L1 block from which the block is derived: with it everything about it was on L1.
        origin: BlockNumHash,
        /// Whether no further block of the same span batch follows. True for a singular batch.
        is_last_in_span: bool,
    },
}

/// Derives L2 blocks from L1 blocks.
///
/// ```text
/// loop {
///     match pipeline.step(&parent)? {
///         NeedL1 { number } => pipeline.feed(read L1 block number)?,
///         NeedL2 { number } => pipeline.feed_l2(L2 block number),
///         Attributes { attributes, .. } => match execute(attributes) {
///             Ok(block) => parent = L2BlockRef::from_block(&block)?,
///             Err(invalid) => pipeline.invalid_payload(),
///         },
///     }
/// }
/// ```
///
/// An error leaves the pipeline usable only if its severity is transient. After a reset error, begin
/// a new pipeline at an L2 block that is known to have been the newest safe one after an L1 block which is
/// still canonical.
pub struct Pipeline {
    attributes: AttributesQueue,
    config: Arc<ChainConfig>,
    l1: Arc<L1ChainConfig>,
    /// The parent of the last step.
    parent: L2BlockRef,
    /// What the last step gave out, until its parent has a child.
    pending: Option<DerivedAttributes>,
    /// Whether `pending` was refused though it has nothing but deposits.
    refused: bool,
}

impl Pipeline {
    /// A pipeline that derives what follows `l2_safe`, whose own configuration is `l2_safe_config`
    /// ([`openledger_protocol::system_config_of`]) and which was the newest safe block after L1 block
    /// `derived_to` (for genesis, its L1 block), reading L1 from `l1_origin_start` on, whose number
    /// [`crate::l1_start_number`] gives and as of which `system_config` stands.
    ///
    /// It derives what a pipeline would that had read L1 from genesis on. `derived_to` is needed for that,
    /// because the rules drop a batch that comes before its parent's: one of the next block may be among the
    /// L1 blocks up to it, and counts no more. Another block in its place is an error of severity reset.
    ///
    /// Where `system_config` is that of a later block up to the safe one's origin, only batches that
    /// the block's batcher posted count from the start on; apart from a change of batcher within
    /// these blocks, the outcome is the same.
    pub fn new(
        config: Arc<ChainConfig>,
        l1: Arc<L1ChainConfig>,
        l2_safe: L2BlockRef,
        l2_safe_config: SystemConfig,
        derived_to: BlockNumHash,
        system_config: SystemConfig,
        l1_origin_start: L1Block,
    ) -> Self {
        let traversal = L1Traversal::new(l1_origin_start, derived_to, system_config);
        let retrieval = L1Retrieval::new(traversal);
        let frames = FrameQueue::new(retrieval);
        let channels = ChannelStage::new(frames, config.clone());
        let reader = ChannelReaderStage::new(channels, config.clone());
        let batches = BatchQueue::new(reader, config.clone());
        let attributes = AttributesQueue::new(batches, config.clone(), l2_safe_config);
        Self {
            attributes,
            config,
            l1,
            parent: l2_safe,
            pending: None,
            refused: false,
        }
    }

    fn traversal(&self) -> &L1Traversal {
        &self.attributes.prev.prev.prev.prev.prev.prev
    }

    /// The L1 block that the pipeline is at: what was derived follows from the blocks up to it.
    pub fn origin(&self) -> BlockNumHash {
        self.traversal().origin().id()
    }

    /// The system configuration as of [`Self::origin`], as L1 has it.
    pub fn system_config(&self) -> &SystemConfig {
        self.traversal().system_config()
    }

    /// Derives the block after `parent`, as far as the L1 blocks that were fed allow.
    ///
    /// `parent` is the safe block that the pipeline began with, and from then on a child of the last
    /// step's parent, or that parent again: attributes are repeated until there is a child.
    ///
    /// # Errors
    /// See [`DeriveError`]; what to do is its severity.
    pub fn step(&mut self, parent: &L2BlockRef) -> Result<Step, DeriveError> {
        self.follow(parent)?;
        if self.refused {
            return Err(DeriveError::DepositsInvalid {
                parent: parent.id(),
            });
        }
        let pending = loop {
            if let Some(pending) = &self.pending {
                break pending;
            }
            match self.attributes.next_attributes(parent)? {
                Next::Attributes(attributes) => self.pending = Some(attributes),
                Next::Again => {}
                Next::Empty => {
                    return Ok(Step::NeedL1 {
                        number: self.traversal().next_number(),
                    });
                }
                Next::NeedL2(number) => return Ok(Step::NeedL2 { number }),
            }
        };
        Ok(Step::Attributes {
            attributes: pending.attributes.clone(),
            origin: pending.origin,
            is_last_in_span: pending.is_last_in_span,
        })
    }

    /// Moves on to `parent` if it is new.
    fn follow(&mut self, parent: &L2BlockRef) -> Result<(), DeriveError> {
        if *parent == self.parent {
            return Ok(());
        }
        let is_child = self.parent.number.checked_add(1) == Some(parent.number)
            && parent.parent_hash == self.parent.hash;
        if !is_child || self.pending.is_none() {
            return Err(DeriveError::UnexpectedParent {
                last: self.parent.id(),
                found: parent.id(),
            });
        }
        self.parent = *parent;
        self.pending = None;
        self.refused = false;
        Ok(())
    }

    /// Takes in the L1 block that [`Step::NeedL1`] asked for.
    ///
    /// # Errors
    /// A block that doesn't follow the one before (L1 was reorganized), or that wasn't asked for.
    pub fn feed(&mut self, input: L1Input) -> Result<(), DeriveError> {
        if self.pending.is_some() {
            return Err(DeriveError::UnexpectedL1 {
                expected: None,
                found: input.block.number,
            });
        }
        self.attributes.prev.prev.prev.prev.prev.prev.advance(input)
    }

    /// Takes in the L2 block that [`Step::NeedL2`] asked for.
    pub fn feed_l2(&mut self, block: L2BlockRef) {
        self.attributes.prev.feed_l2(block);
    }

    /// Says that the attributes of the last step can't be executed. The next step gives the same
    /// block with its deposits alone, and what is left of the batch's channel is dropped (Holocene,
    /// "Engine queue"). If the attributes had deposits alone already, the next step is a fatal error.
    ///
    /// Without attributes from the last step this does nothing.
    pub fn invalid_payload(&mut self) {
        let Some(pending) = &mut self.pending else {
            return;
        };
        let before = pending.attributes.transactions.len();
        pending
            .attributes
            .transactions
            .retain(|tx| matches!(tx, Transaction::Deposit(_)));
        pending.is_last_in_span = true;
        self.refused = pending.attributes.transactions.len() == before;
        self.attributes.prev.flush();
    }

    /// Why the last invalid batch since the last call was dropped, for logs.
    pub const fn take_drop(&mut self) -> Option<BatchDrop> {
        self.attributes.prev.take_drop()
    }

    /// [`parse_l1_block`] with this pipeline's configuration.
    ///
    /// # Errors
    /// As there.
    pub fn parse(
        &self,
        header: &Header,
        transactions: &[L1Transaction],
        receipts: &[ReceiptEnvelope],
    ) -> Result<L1Input, L1InputError> {
        parse_l1_block(&self.config, &self.l1, header, transactions, receipts)
    }
}
