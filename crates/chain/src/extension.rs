//! Executing many blocks without waiting for the disk after each.

use crate::{Chain, ChainError};
use alloy_primitives::{Address, B256, Bytes, U256, map::HashMap};
use openledger_execution::{SealError, SealedExecution, execute_block_from};
use openledger_mempool::recover_senders;
use openledger_primitives::{
    Account, BlockAttributes, BlockNumHash, NodeReader, SealedBlock, SealedHeader, StateReader,
};
use openledger_store::{BlockWrite, LatestState, StoreError};
use openledger_trie::{NodeUpdate, StateTrie};
use parking_lot::MutexGuard;
use std::{mem, sync::Arc, thread};

/// Most blocks of a group: a look for a trie node that is not resident goes through all of them.
const GROUP_BLOCKS_MAX: usize = 64;
/// Most changed accounts and trie nodes of a group, its last block's apart; about 300 bytes each.
const GROUP_CHANGES_MAX: usize = 32_768;

/// Blocks that are executed and not written, and the state that they lead to.
#[derive(Debug, Default)]
pub(crate) struct Group {
    blocks: Vec<SealedExecution>,
    accounts: HashMap<Address, Option<Account>>,
    storage: HashMap<(Address, U256), U256>,
    /// Accounts whose storage from before the group is gone.
    wiped: Vec<Address>,
    code: HashMap<B256, Bytes>,
    changes: usize,
}

impl Group {
    fn is_full(&self) -> bool {
        self.blocks.len() >= GROUP_BLOCKS_MAX || self.changes >= GROUP_CHANGES_MAX
    }

    fn push(&mut self, executed: SealedExecution) -> Result<(), ChainError> {
        let number = executed.block.number();
        let SealedExecution { changes, trie, .. } = &executed;
        for (&address, change) in &changes.accounts {
            if change.storage_wiped || change.info.is_none() {
                self.wiped.push(address);
                self.storage.retain(|(owner, _), _| *owner != address);
            }
            let account = match change.info {
                None => None,
                Some(info) => Some(Account {
                    nonce: info.nonce,
                    balance: info.balance,
                    code_hash: info.code_hash,
                    storage_root: *trie
                        .storage_roots
                        .get(&address)
                        .ok_or(StoreError::ForeignUpdates { number })?,
                }),
            };
            self.accounts.insert(address, account);
            let slots = change.storage.iter();
            self.storage
                .extend(slots.map(|(slot, value)| ((address, *slot), *value)));
        }
        let code = changes.code.iter();
        self.code
            .extend(code.map(|(hash, code)| (*hash, code.clone())));
        self.changes = self
            .changes
            .saturating_add(changes.accounts.len())
            .saturating_add(trie.nodes.len());
        self.blocks.push(executed);
        Ok(())
    }

    fn storage(&self, address: Address, slot: U256) -> Option<U256> {
        let written = self.storage.get(&(address, slot)).copied();
        written.or_else(|| self.wiped.contains(&address).then_some(U256::ZERO))
    }

    fn block_hash(&self, number: u64) -> Option<B256> {
        let first = self.blocks.first()?.block.number();
        let index = usize::try_from(number.checked_sub(first)?).ok()?;
        self.blocks.get(index).map(|executed| executed.block.hash)
    }

    /// What the newest block that changed a path left there.
    fn node(&self, account: Option<B256>, path: &[u8]) -> Option<Option<Bytes>> {
        let key = (account, path);
        let order = |node: &NodeUpdate| (node.account, node.path.as_slice()).cmp(&key);
        self.blocks.iter().rev().find_map(|executed| {
            let nodes = &executed.trie.nodes;
            match nodes.binary_search_by(order) {
                Ok(index) => nodes.get(index).map(|node| node.node.clone()),
                Err(_) => {
                    let dropped =
                        account.is_some_and(|account| executed.trie.wiped.contains(&account));
                    dropped.then_some(None)
                }
            }
        })
    }
}

/// The state after the blocks of two groups on what is written.
#[derive(Debug, Clone, Copy)]
struct Layers<'a> {
    newer: &'a Group,
    older: &'a Group,
    base: &'a LatestState,
}

impl Layers<'_> {
    fn find<T>(&self, look: impl Fn(&Group) -> Option<T>) -> Option<T> {
        look(self.newer).or_else(|| look(self.older))
    }
}

impl StateReader for Layers<'_> {
    type Error = StoreError;

    fn account(&self, address: Address) -> Result<Option<Account>, StoreError> {
        match self.find(|group| group.accounts.get(&address).copied()) {
            Some(account) => Ok(account),
            None => self.base.account(address),
        }
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
        match self.find(|group| group.storage(address, slot)) {
            Some(value) => Ok(value),
            None => self.base.storage(address, slot),
        }
    }

    fn code(&self, code_hash: B256) -> Result<Option<Bytes>, StoreError> {
        match self.find(|group| group.code.get(&code_hash).cloned()) {
            Some(code) => Ok(Some(code)),
            None => self.base.code(code_hash),
        }
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        match self.find(|group| group.block_hash(number)) {
            Some(hash) => Ok(Some(hash)),
            None => self.base.block_hash(number),
        }
    }
}

impl NodeReader for Layers<'_> {
    type Error = StoreError;

    fn node(&self, account: Option<B256>, path: &[u8], hash: B256) -> Result<Bytes, StoreError> {
        match self.find(|group| group.node(account, path)) {
            Some(Some(node)) => Ok(node),
            Some(None) => Err(StoreError::MissingNode {
                account,
                path: path.to_vec(),
                hash,
            }),
            None => self.base.node(account, path, hash),
        }
    }
}

/// Where blocks are executed: on the newest one, in memory.
#[derive(Debug)]
pub(crate) struct Ahead<'a> {
    chain: &'a Chain,
    trie: &'a mut StateTrie,
    head: &'a mut Arc<SealedHeader>,
    group: &'a mut Group,
    older: &'a Group,
    base: &'a LatestState,
}

impl Ahead<'_> {
    /// Whether the group should be written before more is executed.
    pub(crate) fn is_full(&self) -> bool {
        self.group.is_full()
    }

    /// Executes the block that `attributes` prescribe in full on the newest one.
    ///
    /// # Errors
    /// [`ChainError::Execution`] if a prescribed transaction can't be included: nothing has changed then.
    /// After any other error nothing more may be executed.
    pub(crate) fn execute(
        &mut self,
        attributes: &BlockAttributes,
    ) -> Result<&SealedBlock, ChainError> {
        let senders = recover_senders(&attributes.transactions);
        let state = Layers {
            newer: self.group,
            older: self.older,
            base: self.base,
        };
        let executed = execute_block_from(
            self.chain.config(),
            self.head,
            attributes,
            &senders,
            self.trie,
            &state,
            &state,
        );
        let executed = match executed {
            Ok(Ok(executed)) => executed,
            Ok(Err(error)) => return Err(error.into()),
            Err(SealError::Trie(error)) => {
                return Err(ChainError::Root {
                    source: Box::new(error),
                });
            }
        };
        *self.head = Arc::new(executed.block.sealed_header());
        self.group.push(executed)?;
        self.group
            .blocks
            .last()
            .map(|executed| &executed.block)
            .ok_or(ChainError::Interrupted)
    }
}

impl Chain {
    /// Extends the unsafe chain, which must end with `parent`, by groups of blocks, of which each is written
    /// in one atomic batch while the next is executed. It holds the chain's write lock.
    ///
    /// `fill` executes blocks until the group is full or something else has to be done; it answers whether
    /// it is to be called again. `written` is told the blocks of each group once they are canonical and
    /// announced, with the write lock held; if it answers `false`, what was executed beyond is forgotten.
    /// A crash leaves a beginning of the blocks.
    ///
    /// # Errors
    /// [`ChainError::NotChild`] if the chain ends otherwise; what `fill` answers, once all that was executed
    /// before is written; what `written` answers; store errors, after which the chain ends with the last
    /// blocks that were told.
    pub(crate) fn extend<E: From<ChainError>>(
        &self,
        parent: BlockNumHash,
        mut fill: impl FnMut(&mut Ahead<'_>) -> Result<bool, E>,
        mut written: impl FnMut(&[Arc<SealedBlock>]) -> Result<bool, E>,
    ) -> Result<(), E> {
        let mut trie = self.lock_trie();
        let (mut head, mut base) = self.latest();
        Self::check_child(&parent.hash, parent.number.saturating_add(1), &head)?;
        let mut older = Group::default();
        let outcome = loop {
            let mut group = Group::default();
            // The thread that writes and this one share what both only read.
            let (stored, filled) = thread::scope(|scope| {
                let older = &older;
                let stored = (!older.blocks.is_empty())
                    .then(|| scope.spawn(move || self.store_group(older)));
                let filled = fill(&mut Ahead {
                    chain: self,
                    trie: &mut trie,
                    head: &mut head,
                    group: &mut group,
                    older,
                    base: &base,
                });
                let stored = stored.map_or(Ok(()), |thread| {
                    thread.join().unwrap_or(Err(ChainError::Interrupted))
                });
                (stored, filled)
            });
            let mut told = stored
                .map_err(E::from)
                .and_then(|()| self.publish_group(mem::take(&mut older), &mut base, &mut written));
            older = group;
            if !matches!(filled, Ok(true)) && matches!(told, Ok(true)) {
                let stored = self.store_group(&older).map_err(E::from);
                told = stored
                    .and_then(|()| {
                        self.publish_group(mem::take(&mut older), &mut base, &mut written)
                    })
                    .and_then(|goes_on| filled.map(|more| goes_on && more));
            }
            match told {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let canonical = self.head();
        if outcome.is_err() || canonical.hash() != head.hash() {
            // The resident trie may stand past what is written.
            trie.reset(canonical.state_root);
        }
        MutexGuard::unlock_fair(trie);
        outcome
    }

    fn store_group(&self, group: &Group) -> Result<(), ChainError> {
        let writes: Vec<_> = group
            .blocks
            .iter()
            .map(|executed| BlockWrite {
                block: &executed.block,
                changes: &executed.changes,
                trie: &executed.trie,
            })
            .collect();
        Ok(self.store().commit_all(&writes)?)
    }

    /// Makes a written group canonical; answers what `written` does.
    fn publish_group<E: From<ChainError>>(
        &self,
        group: Group,
        base: &mut Arc<LatestState>,
        written: &mut impl FnMut(&[Arc<SealedBlock>]) -> Result<bool, E>,
    ) -> Result<bool, E> {
        if group.blocks.is_empty() {
            return Ok(true);
        }
        let blocks: Vec<_> = group
            .blocks
            .into_iter()
            .map(|executed| Arc::new(executed.block))
            .collect();
        *base = self.publish(&blocks)?;
        written(&blocks)
    }
}
