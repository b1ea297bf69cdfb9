use crate::{Chain, ChainError, extension::Ahead};
use alloy_consensus::BlockHeader;
use alloy_primitives::Address;
use openledger_derive::{DeriveError, L1Input, Pipeline, Step};
use openledger_execution::extra_data;
use openledger_primitives::{BlockAttributes, BlockNumHash, SealedBlock};
use openledger_protocol::{BlockRefError, L2BlockRef};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

/// Times in a row that the chain may move while a block is derived before derivation begins again.
const MOVES_MAX: usize = 4;
/// L1 blocks remembered until they are finalized.
const UNFINALIZED_MAX: usize = 16_384;
/// Blocks that the chain had already and that become safe in one step.
const CONSOLIDATED_MAX: usize = 64;
/// For how long the chain's write lock is held while blocks are executed.
const HOLD_MAX: Duration = Duration::from_millis(500);

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

/// A block that L1 holds.
#[derive(Debug, Clone)]
pub struct SafeBlock {
    /// The block.
    pub block: Arc<SealedBlock>,
    /// The L1 block that completed it.
    pub l1: BlockNumHash,
    /// Whether it was executed from L1 data; otherwise the chain had it already.
    pub executed: bool,
}

/// Why the driver came to a halt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// All that L1 said so far is derived: L1 block `number` must be fed next.
    NeedL1 {
        /// Its number.
        number: u64,
    },
    /// Whoever was told of the blocks wants no more.
    Stopped,
}

/// Turns L1 blocks into safe blocks: executes the pipeline's attributes on the chain, or finds that the
/// unsafe chain has that very block already.
///
/// Synchronous; the caller fetches L1 blocks and decides when to call. Blocks are executed ahead of those
/// that are written, and written in groups.
pub struct Driver {
    chain: Arc<Chain>,
    pipeline: Pipeline,
    /// The newest block that was derived.
    safe: L2BlockRef,
    policy: OnContradiction,
    /// The newest derived block as of the last L1 block that was remembered as complete.
    completed: u64,
    /// L1 blocks that were fed and are not final, oldest first.
    fed: VecDeque<BlockNumHash>,
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
    /// A driver whose pipeline begins after `safe`, the safe head.
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
            completed: safe.number,
            fed: VecDeque::new(),
        }
    }

    /// The newest safe block.
    pub const fn safe(&self) -> &L2BlockRef {
        &self.safe
    }

    /// The L1 block that was fed last; `None` before the first.
    pub fn l1(&self) -> Option<BlockNumHash> {
        self.fed.back().copied()
    }

    /// Who posts batches as of the last L1 block that was fed.
    pub fn batcher(&self) -> Address {
        self.pipeline.system_config().batcher_address
    }

    /// Number of the L1 block that must be fed next, unless more can be derived before.
    ///
    /// # Errors
    /// As [`Self::derive`].
    pub fn next_l1(&mut self) -> Result<Option<u64>, DriverError> {
        Ok(match self.pipeline.step(&self.safe)? {
            Step::NeedL1 { number } => Some(number),
            _ => None,
        })
    }

    /// Gives the pipeline the L1 block that it needs.
    ///
    /// # Errors
    /// A block that does not continue the L1 chain fed so far: the L1 was reorganized.
    pub fn feed(&mut self, input: L1Input) -> Result<(), DriverError> {
        let l1 = input.block.id();
        self.pipeline.feed(input)?;
        if self.fed.len() >= UNFINALIZED_MAX {
            self.fed.pop_front();
        }
        self.fed.push_back(l1);
        Ok(())
    }

    /// Derives all blocks that follow from the L1 blocks fed so far. `visit` sees each once it is on disk
    /// and ends the derivation by answering `false`.
    ///
    /// # Errors
    /// [`DriverError`]; a [`DriverError::Contradiction`] recurs until the caller acts on it. After any
    /// other the driver is of no more use.
    pub fn derive(
        &mut self,
        visit: &mut impl FnMut(SafeBlock) -> bool,
    ) -> Result<Progress, DriverError> {
        let mut moves = 0;
        loop {
            match self.pipeline.step(&self.safe)? {
                Step::NeedL1 { number } => {
                    self.complete()?;
                    return Ok(Progress::NeedL1 { number });
                }
                Step::NeedL2 { number } => self.feed_l2(number)?,
                Step::Attributes { .. } => {
                    let before = self.safe.number;
                    if !self.consolidate(visit)? || !self.execute(visit)? {
                        return Ok(Progress::Stopped);
                    }
                    moves = if self.safe.number == before {
                        moves + 1
                    } else {
                        0
                    };
                    if moves > MOVES_MAX {
                        return Err(DriverError::Moved {
                            number: before.saturating_add(1),
                        });
                    }
                }
            }
        }
    }

    /// Finalizes every safe block that L1 blocks up to `l1` completed, if that is the L1 block which was fed
    /// at its height: the L1 may have been reorganized since.
    ///
    /// # Errors
    /// Store errors.
    pub fn finalize(&mut self, l1: BlockNumHash) -> Result<(), DriverError> {
        let Ok(index) = self.fed.binary_search_by_key(&l1.number, |fed| fed.number) else {
            return Ok(());
        };
        if self.fed.get(index) != Some(&l1) {
            return Ok(());
        }
        // The newest stays: it is the L1 block that the next one must follow.
        self.fed.drain(..index);
        let heads = self.chain.heads();
        let store = self.chain.store();
        if let Some(known) = store.safe_head_at(l1.number).map_err(ChainError::from)?
            && known.safe.number > heads.finalized.number
            && known.safe.number <= heads.safe.number
            && store
                .block_hash(known.safe.number)
                .map_err(ChainError::from)?
                == Some(known.safe.hash)
        {
            self.chain.set_heads(heads.safe, known.safe)?;
        }
        Ok(())
    }

    /// Remembers what the L1 blocks fed so far came to, if they made blocks safe.
    fn complete(&mut self) -> Result<(), DriverError> {
        if self.safe.number > self.completed
            && let Some(l1) = self.l1()
        {
            self.chain.complete_l1(l1, self.safe_id())?;
            self.completed = self.safe.number;
        }
        Ok(())
    }

    fn safe_id(&self) -> BlockNumHash {
        BlockNumHash {
            number: self.safe.number,
            hash: self.safe.hash,
        }
    }

    fn feed_l2(&mut self, number: u64) -> Result<(), DriverError> {
        let block = self
            .chain
            .block(number)?
            .ok_or(DriverError::MissingBlock { number })?;
        self.pipeline.feed_l2(reference(&self.chain, &block)?);
        Ok(())
    }

    /// Takes the blocks that the unsafe chain has and that L1 prescribes, and unwinds what contradicts it;
    /// `false` if `visit` wants no more.
    fn consolidate(
        &mut self,
        visit: &mut impl FnMut(SafeBlock) -> bool,
    ) -> Result<bool, DriverError> {
        let mut newest: Option<BlockNumHash> = None;
        let mut goes_on = true;
        let mut count = 0;
        let outcome = loop {
            let Step::Attributes {
                attributes, origin, ..
            } = self.pipeline.step(&self.safe)?
            else {
                break Ok(());
            };
            let number = self.safe.number.saturating_add(1);
            let Some(block) = self.chain.block(number)? else {
                break Ok(());
            };
            if block.block.header.parent_hash != self.safe.hash {
                // The chain left the safe block while it was looked at.
                break Err(DriverError::Moved { number });
            }
            match difference(&self.chain, &block, &attributes) {
                None => {}
                Some(field) if self.policy == OnContradiction::Report => {
                    break Err(DriverError::Contradiction { number, field });
                }
                Some(_) => {
                    self.settle(newest.take())?;
                    self.chain.unwind(self.safe.number)?;
                    break Ok(());
                }
            }
            self.safe = reference(&self.chain, &block)?;
            newest = Some(self.safe_id());
            goes_on = visit(SafeBlock {
                block,
                l1: origin,
                executed: false,
            });
            count += 1;
            if count % CONSOLIDATED_MAX == 0 {
                self.settle(newest.take())?;
            }
            if !goes_on {
                break Ok(());
            }
        };
        self.settle(newest)?;
        outcome.map(|()| goes_on)
    }

    /// Moves the safe head to the block that the chain has.
    fn settle(&self, newest: Option<BlockNumHash>) -> Result<(), DriverError> {
        if let Some(safe) = newest {
            self.chain.set_safe(safe)?;
        }
        Ok(())
    }

    /// Executes what L1 prescribes on top of the chain, which ends with the safe block; `false` if `visit`
    /// wants no more.
    fn execute(&mut self, visit: &mut impl FnMut(SafeBlock) -> bool) -> Result<bool, DriverError> {
        let Self {
            chain,
            pipeline,
            safe,
            ..
        } = self;
        let Step::Attributes { origin, .. } = pipeline.step(safe)? else {
            return Ok(true);
        };
        let chain: &Chain = chain;
        let mut begun = None;
        let parent = BlockNumHash {
            number: safe.number,
            hash: safe.hash,
        };
        let mut goes_on = true;
        let outcome = chain.extend(
            parent,
            |ahead| {
                let begun = *begun.get_or_insert_with(Instant::now);
                while !ahead.is_full() {
                    let done = begun.elapsed() > HOLD_MAX;
                    if done || !execute_next(chain, pipeline, safe, ahead)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            },
            |blocks| {
                let Some(newest) = blocks.last() else {
                    return Ok(true);
                };
                let newest = BlockNumHash {
                    number: newest.number(),
                    hash: newest.hash,
                };
                chain.set_safe_locked(newest)?;
                goes_on = blocks.iter().all(|block| {
                    visit(SafeBlock {
                        block: block.clone(),
                        l1: origin,
                        executed: true,
                    })
                });
                Ok(goes_on)
            },
        );
        match outcome {
            Ok(()) => Ok(goes_on),
            // Somebody else was faster, and may have inserted this very block: look again.
            Err(DriverError::Chain(ChainError::NotChild { .. })) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// Executes the next block that the pipeline gives; `false` if something else has to be done first.
fn execute_next(
    chain: &Chain,
    pipeline: &mut Pipeline,
    safe: &mut L2BlockRef,
    ahead: &mut Ahead<'_>,
) -> Result<bool, DriverError> {
    let Step::Attributes { attributes, .. } = pipeline.step(safe)? else {
        return Ok(false);
    };
    let number = safe.number.saturating_add(1);
    match ahead.execute(&attributes) {
        Ok(block) => {
            *safe = reference(chain, block)?;
            Ok(true)
        }
        // Only what every node finds invalid may change what comes next.
        Err(ChainError::Execution(error)) if error.is_invalid_block() => {
            if attributes.transactions.iter().all(|tx| tx.is_deposit()) {
                return Err(DriverError::Deposits { number });
            }
            // The batch's block is invalid: its deposits alone come next (Holocene).
            pipeline.invalid_payload();
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}

fn reference(chain: &Chain, block: &SealedBlock) -> Result<L2BlockRef, DriverError> {
    L2BlockRef::from_sealed(block, &chain.config().genesis).map_err(|source| DriverError::Block {
        number: block.number(),
        source,
    })
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
