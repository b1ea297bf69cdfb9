use crate::{Chain, ChainError};
use alloy_consensus::BlockHeader;
use alloy_primitives::Address;
use openledger_derive::{DeriveError, L1Input, Pipeline, Step};
use openledger_execution::extra_data;
use openledger_primitives::{BlockAttributes, BlockNumHash, SealedBlock};
use openledger_protocol::{BlockRefError, L2BlockRef};
use std::{collections::VecDeque, sync::Arc};

/// Times that a block is looked for, because the chain moved meanwhile, before derivation begins again.
const CONSOLIDATIONS_MAX: usize = 4;
/// Safe heads remembered until their L1 block is finalized.
const UNFINALIZED_MAX: usize = 16_384;

/// What the driver does when L1 says something else than the unsafe chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnContradiction {
    /// Unwinds the unsafe chain and follows L1: what a verifier does.
    Follow,
    /// Answers [`DriverError::Contradiction`] and changes nothing: what a sequencer does, whose own
    /// batches L1 should hold.
    Report,
}

/// Why derivation can't go on.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The pipeline.
    #[error("derivation: {0}")]
    Derive(#[from] DeriveError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A block of ours is malformed.
    #[error("block {number}: {source}")]
    Block {
        /// Its number.
        number: u64,
        /// Why.
        #[source]
        source: BlockRefError,
    },
    /// Derivation reaches back to a block that the store doesn't hold.
    #[error("block {number} is missing from the store")]
    MissingBlock {
        /// Its number.
        number: u64,
    },
    /// L1 holds another block than the unsafe chain.
    #[error("block {number} derived from L1 differs from the unsafe chain's in its {field}")]
    Contradiction {
        /// Number of the block.
        number: u64,
        /// The first field that differs.
        field: &'static str,
    },
    /// The chain's head moved while block `number` was derived: derivation must begin again.
    #[error("the chain changed while block {number} was derived")]
    Moved {
        /// Number of the block.
        number: u64,
    },
    /// Even the deposits alone can't be executed.
    #[error("the deposits of block {number} can't be executed")]
    Deposits {
        /// Number of the block.
        number: u64,
    },
}

/// What a step of the driver did or needs.
#[derive(Debug, Clone)]
pub enum Progress {
    /// L1 block `number` must be fed next.
    NeedL1 {
        /// Its number.
        number: u64,
    },
    /// A block is safe now.
    Safe {
        /// The block.
        block: Arc<SealedBlock>,
        /// The L1 block that completed it.
        l1: BlockNumHash,
        /// Whether it was executed from L1 data; otherwise the unsafe chain had it.
        executed: bool,
    },
}

/// Turns L1 blocks into safe blocks: feeds the pipeline's attributes to the chain, or finds that the
/// unsafe chain has that very block already.
///
/// Synchronous; the caller fetches L1 blocks and decides when to call.
pub struct Driver {
    chain: Arc<Chain>,
    pipeline: Pipeline,
    safe: L2BlockRef,
    policy: OnContradiction,
    unfinalized: VecDeque<(u64, BlockNumHash)>,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver")
            .field("safe", &self.safe)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl Driver {
    /// A driver whose pipeline stands at `safe`, a canonical block.
    pub const fn new(
        chain: Arc<Chain>,
        pipeline: Pipeline,
        safe: L2BlockRef,
        policy: OnContradiction,
    ) -> Self {
        Self {
            chain,
            pipeline,
            safe,
            policy,
            unfinalized: VecDeque::new(),
        }
    }

    /// The newest safe block.
    pub const fn safe(&self) -> &L2BlockRef {
        &self.safe
    }

    /// Who posts batches as of the last L1 block that was fed.
    pub fn batcher(&self) -> Address {
        self.pipeline.system_config().batcher_address
    }

    /// Gives the pipeline the L1 block that it needs.
    ///
    /// # Errors
    /// A block that does not continue the L1 chain fed so far: the L1 was reorganized.
    pub fn feed(&mut self, input: L1Input) -> Result<(), DriverError> {
        Ok(self.pipeline.feed(input)?)
    }

    /// Derives up to the next safe block or the next L1 block that is needed.
    ///
    /// # Errors
    /// [`DriverError`]; a [`DriverError::Contradiction`] recurs until the caller acts on it.
    pub fn advance(&mut self) -> Result<Progress, DriverError> {
        loop {
            match self.pipeline.step(&self.safe)? {
                Step::NeedL1 { number } => return Ok(Progress::NeedL1 { number }),
                Step::NeedL2 { number } => {
                    let block = self
                        .chain
                        .block(number)?
                        .ok_or(DriverError::MissingBlock { number })?;
                    let reference = L2BlockRef::from_sealed(&block, &self.chain.config().genesis)
                        .map_err(|source| DriverError::Block { number, source })?;
                    self.pipeline.feed_l2(reference);
                }
                Step::Attributes {
                    attributes, origin, ..
                } => {
                    if let Some((block, executed)) = self.consolidate(&attributes)? {
                        let safe = BlockNumHash {
                            number: block.number(),
                            hash: block.hash,
                        };
                        self.safe = L2BlockRef::from_sealed(&block, &self.chain.config().genesis)
                            .map_err(|source| DriverError::Block {
                            number: safe.number,
                            source,
                        })?;
                        self.chain.set_safe(safe, origin)?;
                        self.remember(origin.number, safe);
                        return Ok(Progress::Safe {
                            block,
                            l1: origin,
                            executed,
                        });
                    }
                    // The batch's block is invalid: its deposits alone come next (Holocene).
                    self.pipeline.invalid_payload();
                }
            }
        }
    }

    /// Finalizes every safe block that L1 blocks up to `l1_number` completed.
    ///
    /// # Errors
    /// Store errors.
    pub fn finalize(&mut self, l1_number: u64) -> Result<(), DriverError> {
        let mut newest = None;
        while let Some((_, block)) = self
            .unfinalized
            .front()
            .copied()
            .filter(|(l1, _)| *l1 <= l1_number)
        {
            newest = Some(block);
            self.unfinalized.pop_front();
        }
        if let Some(finalized) = newest.filter(|_| self.chain.heads().safe.number > 0) {
            self.chain.set_heads(self.chain.heads().safe, finalized)?;
        }
        Ok(())
    }

    fn remember(&mut self, l1_number: u64, safe: BlockNumHash) {
        // Of the blocks that one L1 block completed the last says it all.
        if self
            .unfinalized
            .back()
            .is_some_and(|(known, _)| *known == l1_number)
        {
            self.unfinalized.pop_back();
        }
        if self.unfinalized.len() >= UNFINALIZED_MAX {
            self.unfinalized.pop_front();
        }
        self.unfinalized.push_back((l1_number, safe));
    }

    /// The canonical block that `attributes` describe, executing it if need be; `None` if it can't be
    /// executed, and prescribed more than deposits.
    fn consolidate(
        &self,
        attributes: &BlockAttributes,
    ) -> Result<Option<(Arc<SealedBlock>, bool)>, DriverError> {
        let number = self.safe.number.saturating_add(1);
        for _ in 0..CONSOLIDATIONS_MAX {
            if let Some(block) = self.chain.block(number)? {
                if block.block.header.parent_hash != self.safe.hash {
                    // The chain left the safe block while it was looked at.
                    return Err(DriverError::Moved { number });
                }
                match difference(&self.chain, &block, attributes) {
                    None => return Ok(Some((block, false))),
                    Some(field) if self.policy == OnContradiction::Report => {
                        return Err(DriverError::Contradiction { number, field });
                    }
                    Some(_) => {
                        self.chain.unwind(self.safe.number)?;
                    }
                }
            }
            return match self.chain.execute_on(self.safe.hash, attributes) {
                // Somebody else was faster, and may have inserted this very block: look again.
                Err(ChainError::NotChild { .. }) => continue,
                Ok(block) => Ok(Some((block, true))),
                // Only what every node finds invalid may change what comes next.
                Err(ChainError::Execution(error)) if error.is_invalid_block() => {
                    if attributes.transactions.iter().any(|tx| !tx.is_deposit()) {
                        Ok(None)
                    } else {
                        Err(DriverError::Deposits { number })
                    }
                }
                Err(error) => Err(error.into()),
            };
        }
        Err(DriverError::Moved { number })
    }
}

/// The first field in which `block` is not what `attributes` prescribe.
fn difference(
    chain: &Chain,
    block: &SealedBlock,
    attributes: &BlockAttributes,
) -> Option<&'static str> {
    let header = &block.block.header;
    if header.timestamp != attributes.timestamp {
        return Some("timestamp");
    }
    if header.mix_hash != attributes.prev_randao {
        return Some("prevRandao");
    }
    if header.beneficiary != attributes.fee_recipient {
        return Some("fee recipient");
    }
    if header.parent_beacon_block_root() != Some(attributes.parent_beacon_block_root) {
        return Some("parent beacon block root");
    }
    if header.gas_limit != attributes.gas_limit {
        return Some("gas limit");
    }
    // Attributes that give no extra data describe no block; executing them says why.
    if extra_data(chain.config(), attributes).ok().as_ref() != Some(&header.extra_data) {
        return Some("extra data");
    }
    (block.block.body.transactions != attributes.transactions).then_some("transactions")
}
