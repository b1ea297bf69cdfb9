use crate::{
    ChainError, ChainEvent, ChainFiles, OpenBlock, StateView, genesis_block, recent::RecentBlocks,
};
use alloy_primitives::B256;
use openledger_execution::{ExecutedBlock, SealError, SealedExecution, execute_block};
use openledger_primitives::{
    Block, BlockAttributes, BlockNumHash, ChainConfig, L1ChainConfig, OpHardforks as _,
    SealedBlock, SealedHeader,
};
use openledger_store::{LatestState, Store, StoreError};
use openledger_trie::{ResidentLimits, StateTrie};
use parking_lot::{Mutex, MutexGuard, RwLock};
use std::sync::Arc;
use tokio::sync::broadcast;

/// First byte of the extra data of blocks with Jovian.
const JOVIAN_EXTRA_DATA_VERSION: u8 = 1;

/// Limits of what the chain keeps in memory.
#[derive(Debug, Clone)]
pub struct ChainOptions {
    /// Trie nodes that stay resident.
    pub resident: ResidentLimits,
    /// Newest sealed blocks kept decoded.
    pub recent_blocks: usize,
    /// Bytes that these may take, about; the newest is kept whatever its size.
    pub recent_bytes: usize,
    /// Events that a slow subscriber may lag behind before it loses some.
    pub event_capacity: usize,
}

impl Default for ChainOptions {
    fn default() -> Self {
        Self {
            resident: ResidentLimits::default(),
            recent_blocks: 64,
            recent_bytes: 48 << 20,
            event_capacity: 4096,
        }
    }
}

/// The three heads. Always finalized ≤ safe ≤ unsafe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// The newest sealed block.
    pub unsafe_head: BlockNumHash,
    /// The newest block whose batch is on L1.
    pub safe: BlockNumHash,
    /// The newest block whose batch is in a finalized L1 block.
    pub finalized: BlockNumHash,
}

/// The canonical chain. Cheap to share; every method may be called from any thread, but those that
/// write (`insert`, `execute`, `unwind`) do disk work and must not run on an async worker.
#[derive(Debug)]
pub struct Chain {
    config: Arc<ChainConfig>,
    l1: Arc<L1ChainConfig>,
    store: Store,
    /// The resident trie stands at the unsafe head; its lock is the write lock of the chain.
    trie: Mutex<StateTrie>,
    tip: RwLock<Tip>,
    open: RwLock<Option<Arc<OpenBlock>>>,
    events: broadcast::Sender<ChainEvent>,
}

#[derive(Debug)]
struct Tip {
    header: Arc<SealedHeader>,
    state: Arc<LatestState>,
    safe: BlockNumHash,
    finalized: BlockNumHash,
    recent: RecentBlocks,
}

/// Whether `head` has the form that the forks prescribe: who schedules one too late, or takes it back, would
/// build on blocks that nobody else has.
fn check_forks(config: &ChainConfig, head: &SealedHeader) -> Result<(), ChainError> {
    let is_jovian = config.is_jovian_active_at_timestamp(head.timestamp);
    let has_jovian = head.extra_data.first() == Some(&JOVIAN_EXTRA_DATA_VERSION);
    // Genesis may have none.
    if head.extra_data.is_empty() || has_jovian == is_jovian {
        return Ok(());
    }
    Err(ChainError::OtherForks {
        number: head.number,
        timestamp: head.timestamp,
        is_jovian,
    })
}

impl Chain {
    /// Opens the chain of `files` in `store`, writing its genesis if the store is empty.
    ///
    /// # Errors
    /// [`ChainError::OtherGenesis`] if the store holds another chain, [`ChainError::OtherForks`] if its newest
    /// block was made by another schedule of forks; store errors.
    pub fn open(
        files: &ChainFiles,
        store: Store,
        options: ChainOptions,
    ) -> Result<Self, ChainError> {
        let (genesis, changes, updates) = genesis_block(&files.genesis)?;
        if genesis.hash != files.rollup.genesis.l2.hash {
            return Err(ChainError::OtherGenesis {
                found: genesis.hash,
                expected: files.rollup.genesis.l2.hash,
            });
        }
        if store.head().is_none() {
            store.commit_genesis(&genesis, &changes, &updates)?;
        }
        match store.block_hash(0)? {
            Some(hash) if hash == genesis.hash => {}
            found => {
                return Err(ChainError::OtherGenesis {
                    found: found.unwrap_or_default(),
                    expected: genesis.hash,
                });
            }
        }
        let tip = Self::load_tip(&store, genesis.block.header.clone(), &options)?;
        check_forks(&files.rollup, &tip.header)?;
        let trie = StateTrie::new(tip.header.state_root, options.resident);
        let (events, _) = broadcast::channel(options.event_capacity);
        Ok(Self {
            config: Arc::new(files.rollup.clone()),
            l1: Arc::new(files.l1.clone()),
            store,
            trie: Mutex::new(trie),
            tip: RwLock::new(tip),
            open: RwLock::new(None),
            events,
        })
    }

    fn load_tip(
        store: &Store,
        genesis: openledger_primitives::Header,
        options: &ChainOptions,
    ) -> Result<Tip, ChainError> {
        let genesis = BlockNumHash {
            number: 0,
            hash: genesis.hash_slow(),
        };
        let head = store.head().unwrap_or(genesis);
        let header = store.header(head.number)?.ok_or(ChainError::HeadOrder {
            head: "unsafe",
            number: head.number,
            hash: head.hash,
        })?;
        let (safe, finalized) = store.heads()?.unwrap_or((genesis, genesis));
        let mut recent = RecentBlocks::new(options.recent_blocks, options.recent_bytes);
        recent.load(store, head.number)?;
        Ok(Tip {
            header: Arc::new(header),
            state: Arc::new(store.latest()?),
            safe,
            finalized,
            recent,
        })
    }

    /// Consensus parameters.
    pub const fn config(&self) -> &Arc<ChainConfig> {
        &self.config
    }

    /// What the chain knows of its L1.
    pub const fn l1_config(&self) -> &Arc<L1ChainConfig> {
        &self.l1
    }

    /// The store, for reads.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The three heads.
    pub fn heads(&self) -> Heads {
        let tip = self.tip.read();
        Heads {
            unsafe_head: BlockNumHash {
                number: tip.header.number,
                hash: tip.header.hash(),
            },
            safe: tip.safe,
            finalized: tip.finalized,
        }
    }

    /// Header of the unsafe head.
    pub fn head(&self) -> Arc<SealedHeader> {
        self.tip.read().header.clone()
    }

    /// The unsafe head's state, in one consistent snapshot with its header.
    pub fn latest(&self) -> (Arc<SealedHeader>, Arc<LatestState>) {
        let tip = self.tip.read();
        (tip.header.clone(), tip.state.clone())
    }

    /// The state after block `number`.
    ///
    /// # Errors
    /// A block that is unknown or whose history was pruned.
    pub fn state_at(&self, number: u64) -> Result<StateView, ChainError> {
        let (header, latest) = self.latest();
        if header.number == number {
            return Ok(StateView::Latest(latest));
        }
        Ok(StateView::Historical(Arc::new(self.store.at(number)?)))
    }

    /// A sealed block of the canonical chain; `None` if there is none with this number.
    ///
    /// # Errors
    /// Store errors.
    pub fn block(&self, number: u64) -> Result<Option<Arc<SealedBlock>>, ChainError> {
        {
            let tip = self.tip.read();
            if number > tip.header.number {
                return Ok(None);
            }
            if let Some(block) = tip.recent.get(number) {
                return Ok(Some(block.clone()));
            }
        }
        Ok(self.store.sealed_block(number)?.map(Arc::new))
    }

    /// A sealed block that is kept decoded, as the newest are.
    pub fn recent_block(&self, number: u64) -> Option<Arc<SealedBlock>> {
        self.tip.read().recent.get(number).cloned()
    }

    /// Events from now on. A subscriber that lags by more than the capacity is told so.
    pub fn subscribe(&self) -> broadcast::Receiver<ChainEvent> {
        self.events.subscribe()
    }

    /// The open block, if one is being built.
    pub fn open_block(&self) -> Option<Arc<OpenBlock>> {
        self.open.read().clone()
    }

    /// Publishes the open block (the sequencer's call).
    pub fn set_open_block(&self, block: Option<Arc<OpenBlock>>) {
        *self.open.write() = block;
    }

    /// Announces preconfirmations (the sequencer's call, after journaling).
    pub fn announce(&self, event: ChainEvent) {
        // No subscriber is not an error.
        let _ = self.events.send(event);
    }

    /// Seals an executed child of the unsafe head and makes it durable and canonical.
    ///
    /// # Errors
    /// [`ChainError::NotChild`]; failures of the trie and the store, after which the chain is as before.
    pub fn insert(&self, executed: ExecutedBlock) -> Result<Arc<SealedBlock>, ChainError> {
        let mut trie = self.trie.lock();
        let (parent, state) = self.latest();
        Self::check_child(
            &executed.header.parent_hash,
            executed.header.number,
            &parent,
        )?;
        let sealed = executed.seal(&self.config, &mut trie, &*state, &*state);
        self.commit(&mut trie, &parent, sealed)
    }

    /// Executes the block that `attributes` prescribe in full on the unsafe head and inserts it.
    ///
    /// # Errors
    /// As [`Chain::insert`]; [`ChainError::Execution`] if a prescribed transaction can't be included.
    pub fn execute(&self, attributes: &BlockAttributes) -> Result<Arc<SealedBlock>, ChainError> {
        self.execute_on(self.head().hash(), attributes)
    }

    /// [`Chain::execute`], if the unsafe head is `parent`.
    ///
    /// # Errors
    /// [`ChainError::NotChild`] if it is another block.
    pub fn execute_on(
        &self,
        parent: B256,
        attributes: &BlockAttributes,
    ) -> Result<Arc<SealedBlock>, ChainError> {
        let mut trie = self.trie.lock();
        let (head, state) = self.latest();
        Self::check_child(&parent, head.number.saturating_add(1), &head)?;
        let parent = head;
        let sealed = match execute_block(
            &self.config,
            &parent,
            attributes,
            &mut trie,
            &*state,
            &*state,
        ) {
            Ok(Ok(sealed)) => Ok(sealed),
            Ok(Err(error)) => return Err(error.into()),
            Err(error) => Err(error),
        };
        self.commit(&mut trie, &parent, sealed)
    }

    /// Executes `block`, which somebody else built on the unsafe head, and inserts it if that gives the
    /// very same block.
    ///
    /// # Errors
    /// [`ChainError::NotChild`] if the head is another block, [`ChainError::Execution`] if a transaction
    /// can't be included, [`ChainError::Differs`] if the outcome has another hash: then nothing changed.
    pub fn import(&self, block: &Block) -> Result<Arc<SealedBlock>, ChainError> {
        let expected = block.header.hash_slow();
        let differs = |found| ChainError::Differs {
            number: block.header.number,
            expected,
            found,
        };
        let attributes = BlockAttributes::of_block(block).ok_or(differs(B256::ZERO))?;
        let mut trie = self.trie.lock();
        let (parent, state) = self.latest();
        Self::check_child(&block.header.parent_hash, block.header.number, &parent)?;
        let sealed = execute_block(
            &self.config,
            &parent,
            &attributes,
            &mut trie,
            &*state,
            &*state,
        );
        let sealed = match sealed {
            Ok(Ok(sealed)) if sealed.block.hash != expected => {
                trie.reset(parent.state_root);
                return Err(differs(sealed.block.hash));
            }
            Ok(Ok(sealed)) => Ok(sealed),
            Ok(Err(error)) => return Err(error.into()),
            Err(error) => Err(error),
        };
        self.commit(&mut trie, &parent, sealed)
    }

    /// The write lock of the chain.
    pub(crate) fn lock_trie(&self) -> MutexGuard<'_, StateTrie> {
        self.trie.lock()
    }

    pub(crate) fn check_child(
        parent_hash: &B256,
        number: u64,
        head: &SealedHeader,
    ) -> Result<(), ChainError> {
        if *parent_hash == head.hash() && number == head.number.saturating_add(1) {
            return Ok(());
        }
        Err(ChainError::NotChild {
            number,
            parent: *parent_hash,
            head: head.hash(),
        })
    }

    fn commit<E: std::error::Error + Send + Sync + 'static>(
        &self,
        trie: &mut StateTrie,
        parent: &SealedHeader,
        sealed: Result<SealedExecution, SealError<E>>,
    ) -> Result<Arc<SealedBlock>, ChainError> {
        let committed = match sealed {
            Ok(sealed) => self
                .store
                .commit(&sealed.block, &sealed.changes, &sealed.trie)
                .map(|()| sealed.block)
                .map_err(ChainError::from),
            Err(SealError::Trie(error)) => Err(ChainError::Root {
                source: Box::new(error),
            }),
        };
        let block = match committed {
            Ok(block) => Arc::new(block),
            Err(error) => {
                // The resident trie may have moved past the state that is stored.
                trie.reset(parent.state_root);
                return Err(error);
            }
        };
        self.publish(std::slice::from_ref(&block))?;
        Ok(block)
    }

    /// Makes blocks that were written on the unsafe head canonical and announces them; answers the state
    /// after them. The caller holds the write lock.
    pub(crate) fn publish(
        &self,
        blocks: &[Arc<SealedBlock>],
    ) -> Result<Arc<LatestState>, ChainError> {
        let state = Arc::new(self.store.latest()?);
        {
            let mut tip = self.tip.write();
            tip.state = state.clone();
            for block in blocks {
                tip.header = Arc::new(block.sealed_header());
                tip.recent.push(block.clone());
            }
        }
        for block in blocks {
            // Whoever hears of the block must not find it open still.
            {
                let mut open = self.open.write();
                if open
                    .as_ref()
                    .is_some_and(|open| open.header.number <= block.number())
                {
                    *open = None;
                }
            }
            self.announce(ChainEvent::Sealed(block.clone()));
        }
        Ok(state)
    }

    /// Removes the blocks after `to`. Answers them in ascending order. As many as the store's options allow
    /// go in one atomic write; more go in several, from the head down, so that however far a chain is from
    /// what L1 says, it can be taken back.
    ///
    /// # Errors
    /// [`ChainError::UnwindTooDeep`] below the finalized head; store errors, of which
    /// [`StoreError::HistoryPruned`] says that the state after `to` is gone: nothing was removed then.
    pub fn unwind(&self, to: u64) -> Result<Arc<Vec<SealedBlock>>, ChainError> {
        self.unwind_above(to, |heads| heads.finalized.number)
    }

    /// [`Self::unwind`] of unsafe blocks alone.
    ///
    /// # Errors
    /// [`ChainError::UnwindTooDeep`] below the safe head, also one that has just moved; store errors.
    pub fn unwind_unsafe(&self, to: u64) -> Result<Arc<Vec<SealedBlock>>, ChainError> {
        self.unwind_above(to, |heads| heads.safe.number)
    }

    fn unwind_above(
        &self,
        to: u64,
        floor: impl FnOnce(&Heads) -> u64,
    ) -> Result<Arc<Vec<SealedBlock>>, ChainError> {
        let mut trie = self.trie.lock();
        let heads = self.heads();
        if to < floor(&heads) || to > heads.unsafe_head.number {
            return Err(ChainError::UnwindTooDeep {
                to,
                finalized: heads.finalized.number,
            });
        }
        // Else the first of several steps would be taken before the last is refused.
        let oldest = self.store.oldest_history()?;
        if to < oldest {
            return Err(StoreError::HistoryPruned { number: to, oldest }.into());
        }
        self.set_open_block(None);
        let (removed, failure) = self.unwind_in_steps(heads.unsafe_head.number, to)?;
        // How far it came, if the database failed in between.
        let to = heads
            .unsafe_head
            .number
            .saturating_sub(removed.len() as u64);
        let removed = Arc::new(removed);
        let header = self.store.header(to)?.ok_or(ChainError::UnwindTooDeep {
            to,
            finalized: heads.finalized.number,
        })?;
        let head = BlockNumHash {
            number: to,
            hash: header.hash(),
        };
        trie.reset(header.state_root);
        let state = Arc::new(self.store.latest()?);
        let safe = if heads.safe.number > to {
            head
        } else {
            heads.safe
        };
        if safe != heads.safe {
            self.store.set_heads(safe, heads.finalized)?;
            self.store.truncate_safe_heads(safe.number)?;
        }
        {
            let mut tip = self.tip.write();
            tip.header = Arc::new(header);
            tip.state = state;
            tip.safe = safe;
            tip.recent.truncate(to);
        }
        self.announce(ChainEvent::Unwound {
            to: head,
            removed: removed.clone(),
        });
        if safe != heads.safe {
            self.announce(ChainEvent::HeadsMoved);
        }
        failure.map_or(Ok(removed), |error| Err(error.into()))
    }

    /// Removes the blocks above `to` from the store, the newest first. An error of a later step comes with
    /// what the steps before it removed.
    fn unwind_in_steps(
        &self,
        head: u64,
        to: u64,
    ) -> Result<(Vec<SealedBlock>, Option<StoreError>), ChainError> {
        let step = self.store.options().unwind_blocks_max.max(1);
        let mut reached = to.max(head.saturating_sub(step));
        let mut removed = vec![self.store.unwind(reached)?];
        let mut failure = None;
        while reached > to && failure.is_none() {
            let next = to.max(reached.saturating_sub(step));
            match self.store.unwind(next) {
                Ok(blocks) => {
                    removed.push(blocks);
                    reached = next;
                }
                Err(error) => failure = Some(error),
            }
        }
        Ok((removed.into_iter().rev().flatten().collect(), failure))
    }

    /// Moves the safe and finalized heads.
    ///
    /// # Errors
    /// [`ChainError::HeadOrder`] unless both are canonical and finalized ≤ safe ≤ unsafe.
    pub fn set_heads(&self, safe: BlockNumHash, finalized: BlockNumHash) -> Result<(), ChainError> {
        let _writing = self.trie.lock();
        self.set_heads_locked(safe, finalized)
    }

    /// Moves the safe head.
    ///
    /// # Errors
    /// As [`Chain::set_heads`].
    pub fn set_safe(&self, safe: BlockNumHash) -> Result<(), ChainError> {
        let _writing = self.trie.lock();
        self.set_safe_locked(safe)
    }

    /// [`Self::set_safe`] for a caller that holds the write lock.
    pub(crate) fn set_safe_locked(&self, safe: BlockNumHash) -> Result<(), ChainError> {
        self.set_heads_locked(safe, self.heads().finalized)
    }

    /// Remembers that all is derived that L1 blocks up to `l1` say, and that it ends with `safe`: derivation
    /// can begin again there. Nothing is remembered if `safe` is not the safe head any more.
    ///
    /// # Errors
    /// Store errors.
    pub fn complete_l1(&self, l1: BlockNumHash, safe: BlockNumHash) -> Result<(), ChainError> {
        let _writing = self.trie.lock();
        if self.heads().safe == safe {
            self.store.record_safe_head(l1, safe)?;
        }
        Ok(())
    }

    fn set_heads_locked(
        &self,
        safe: BlockNumHash,
        finalized: BlockNumHash,
    ) -> Result<(), ChainError> {
        let heads = self.heads();
        let head = heads.unsafe_head;
        for (name, block, limit) in [
            ("safe", safe, head.number),
            ("finalized", finalized, safe.number),
        ] {
            if block.number > limit || self.store.block_hash(block.number)? != Some(block.hash) {
                return Err(ChainError::HeadOrder {
                    head: name,
                    number: block.number,
                    hash: block.hash,
                });
            }
        }
        self.store.set_heads(safe, finalized)?;
        if safe.number < heads.safe.number {
            self.store.truncate_safe_heads(safe.number)?;
        }
        {
            let mut tip = self.tip.write();
            tip.safe = safe;
            tip.finalized = finalized;
        }
        self.announce(ChainEvent::HeadsMoved);
        Ok(())
    }
}
