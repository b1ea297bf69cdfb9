use crate::{
    LeafValue, MaybeSync, TrieError,
    account::{account_leaf_value, leaf_storage_root, storage_leaf_value},
    evict::Ages,
    keys::KeyCache,
    nibbles::unpack_key,
    seal::Sealed,
    trie::{Operation, Trie, Walk, WalkError, WriteLeaf},
};
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, U256, map::B256Map};
use core::mem;
use openledger_primitives::{
    Account, AccountChange, EMPTY_ROOT_HASH, NodeReader, StateChanges, StateReader,
};

/// How much of the tries stays in memory between updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResidentLimits {
    /// Nodes held or referred to, over all tries: 64 bytes each, about 120 more for an account's leaf.
    /// Above it, the subtrees not touched for longest collapse until a quarter is free.
    pub nodes_max: usize,
    /// Hashed addresses remembered, and hashed slots; up to twice as many are. About 70 bytes each.
    pub keys_max: usize,
}

impl Default for ResidentLimits {
    fn default() -> Self {
        Self {
            nodes_max: 500_000,
            keys_max: 50_000,
        }
    }
}

/// The plain key of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafKey {
    /// An account's leaf in the account trie.
    Account(Address),
    /// A slot's leaf in a storage trie.
    Slot(U256),
}

/// What stands at one path after an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeUpdate {
    /// Hashed address of the storage trie's account; `None` for the account trie.
    pub account: Option<B256>,
    /// Path from the root, one nibble (0–15) a byte.
    pub path: Vec<u8>,
    /// The node's RLP; `None`: no node here any more.
    pub node: Option<Bytes>,
    /// keccak256 of the node; zero if there is none.
    pub hash: B256,
    /// The changed account or slot whose leaf the node is; `None` for an extension, a branch, or a
    /// leaf that only moved.
    pub leaf: Option<LeafKey>,
}

/// What an update changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrieUpdates {
    /// The new state root.
    pub root: B256,
    /// The storage root of every changed account that exists.
    pub storage_roots: BTreeMap<Address, B256>,
    /// Hashed addresses, ascending, whose storage trie was dropped whole (self-destruct): every node
    /// of it goes before `nodes` are applied.
    pub wiped: Vec<B256>,
    /// Changed paths, sorted by (account, path): only nodes of 32 bytes of RLP or more, which are
    /// referred to by hash, and roots.
    pub nodes: Vec<NodeUpdate>,
}

/// The account trie and the storage tries as of one block, the recently used part resident.
#[derive(Debug)]
pub struct StateTrie {
    accounts: Trie,
    /// Storage tries by hashed address; never an empty one. Only looked up by key, or walked where
    /// order can't show.
    storage: B256Map<Trie>,
    /// Edges in `storage`.
    storage_edges: usize,
    keys: KeyCache,
    limits: ResidentLimits,
    /// Number of this update.
    tick: u32,
}

/// The change of one account's leaf.
struct AccountOperation<'a> {
    key: B256,
    address: Address,
    change: &'a AccountChange,
    /// `None`: whatever the leaf says now. Known once the leaf is written.
    storage_root: Option<B256>,
}

impl WriteLeaf for AccountOperation<'_> {
    fn value(&mut self, old: Option<&[u8]>) -> Option<LeafValue> {
        let storage_root = match (self.storage_root, old) {
            (Some(root), _) => root,
            (None, Some(old)) => leaf_storage_root(old)?,
            (None, None) => EMPTY_ROOT_HASH,
        };
        self.storage_root = Some(storage_root);
        let info = self.change.info?;
        Some(account_leaf_value(&Account {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
            storage_root,
        }))
    }
}

impl Operation for AccountOperation<'_> {
    fn key(&self) -> &B256 {
        &self.key
    }

    fn removes(&self) -> bool {
        self.change.info.is_none()
    }
}

/// The change of one slot's leaf.
struct SlotOperation {
    key: B256,
    slot: U256,
    value: U256,
}

impl WriteLeaf for SlotOperation {
    fn value(&mut self, _old: Option<&[u8]>) -> Option<LeafValue> {
        Some(storage_leaf_value(self.value))
    }
}

impl Operation for SlotOperation {
    fn key(&self) -> &B256 {
        &self.key
    }

    fn removes(&self) -> bool {
        self.value.is_zero()
    }
}

/// The change of one account's storage trie.
struct StorageJob {
    key: B256,
    address: Address,
    /// Position of the account's operation.
    operation: usize,
    /// Whether the old trie is dropped.
    drop: bool,
    resident: Option<Trie>,
    slots: Vec<SlotOperation>,
}

/// What a [`StorageJob`] made.
struct StorageResult {
    key: B256,
    operation: usize,
    wiped: bool,
    trie: Trie,
    slots: Vec<SlotOperation>,
    sealed: Vec<Sealed>,
}

impl StateTrie {
    /// A trie of which nothing but the root hash is resident.
    pub fn new(root: B256, limits: ResidentLimits) -> Self {
        Self {
            accounts: Trie::new(root, 0),
            storage: B256Map::default(),
            storage_edges: 0,
            keys: KeyCache::new(limits.keys_max),
            limits,
            tick: 0,
        }
    }

    /// The state root.
    pub fn root(&self) -> B256 {
        self.accounts.root_hash()
    }

    /// Forgets everything resident and starts from `root`: after an unwind.
    pub fn reset(&mut self, root: B256) {
        self.accounts = Trie::new(root, self.tick);
        self.storage = B256Map::default();
        self.storage_edges = 0;
    }

    /// Nodes held in memory or referred to by those that are.
    pub const fn resident_nodes(&self) -> usize {
        self.accounts.edges + self.storage_edges
    }

    /// Applies a block's changes and returns the new root with every node that changed.
    ///
    /// `parent` is the state before the block, asked for the storage root of a changed account whose
    /// leaf isn't resident; `nodes` answers for the tries before the block. A changed account that
    /// exists is written as given, even if it is empty as EIP-161 defines it: the executor decides.
    ///
    /// # Errors
    /// [`TrieError`] if a reader fails or returns what isn't a node. Nothing has changed then, and
    /// nothing is resident any more.
    pub fn update<S, N>(
        &mut self,
        changes: &StateChanges,
        parent: &S,
        nodes: &N,
    ) -> Result<TrieUpdates, TrieError<S::Error, N::Error>>
    where
        S: StateReader + MaybeSync,
        N: NodeReader + MaybeSync,
    {
        let root = self.root();
        self.tick = self.tick.wrapping_add(1);
        let updates = self.apply(changes, parent, nodes);
        match updates {
            Ok(_) => self.evict(),
            // Half-applied changes must not stay.
            Err(_) => self.reset(root),
        }
        updates
    }

    fn apply<S, N>(
        &mut self,
        changes: &StateChanges,
        parent: &S,
        nodes: &N,
    ) -> Result<TrieUpdates, TrieError<S::Error, N::Error>>
    where
        S: StateReader + MaybeSync,
        N: NodeReader + MaybeSync,
    {
        let mut operations: Vec<AccountOperation<'_>> = changes
            .accounts
            .iter()
            .map(|(&address, change)| AccountOperation {
                key: self.keys.address(address),
                address,
                change,
                storage_root: None,
            })
            .collect();
        operations.sort_unstable_by_key(|operation| operation.key);

        let jobs = self.storage_jobs(&operations);
        let results = self.run_storage_jobs(jobs, parent, nodes)?;
        for result in &results {
            operations[result.operation].storage_root = Some(result.trie.root_hash());
        }

        let mut walk = Walk::new(nodes, None, self.tick);
        self.accounts
            .apply(&mut walk, &mut operations)
            .map_err(|(failed, error)| match error {
                WalkError::Node(source) => TrieError::Node(source),
                WalkError::Malformed { path, source } => TrieError::Malformed {
                    account: None,
                    path,
                    source,
                },
                WalkError::Value => TrieError::MalformedAccount {
                    address: operations[failed].address,
                },
            })?;
        let sealed = self.accounts.finish(walk);

        let mut updates = TrieUpdates {
            root: self.root(),
            ..TrieUpdates::default()
        };
        updates.nodes.extend(sealed.into_iter().map(|sealed| {
            let leaf = sealed
                .operation
                .and_then(|index| operations.get(index as usize));
            let leaf = leaf.map(|operation| LeafKey::Account(operation.address));
            NodeUpdate {
                account: None,
                path: sealed.path,
                node: sealed.node,
                hash: sealed.hash,
                leaf,
            }
        }));
        for operation in operations.iter().filter(|operation| !operation.removes()) {
            let root = operation.storage_root.unwrap_or(EMPTY_ROOT_HASH);
            updates.storage_roots.insert(operation.address, root);
        }
        for result in results {
            self.collect_storage(result, &mut updates);
        }
        Ok(updates)
    }

    /// The storage tries that change, in the order of `operations`, taken out of the resident ones.
    fn storage_jobs(&mut self, operations: &[AccountOperation<'_>]) -> Vec<StorageJob> {
        let mut jobs = Vec::new();
        for (index, operation) in operations.iter().enumerate() {
            let change = operation.change;
            let exists = change.info.is_some();
            if exists && !change.storage_wiped && change.storage.is_empty() {
                continue;
            }
            let resident = self.storage.remove(&operation.key);
            if let Some(trie) = &resident {
                self.storage_edges = self.storage_edges.saturating_sub(trie.edges);
            }
            let mut slots: Vec<SlotOperation> = Vec::new();
            if exists {
                slots.extend(change.storage.iter().map(|(&slot, &value)| SlotOperation {
                    key: self.keys.slot(slot),
                    slot,
                    value,
                }));
                slots.sort_unstable_by_key(|slot| slot.key);
            }
            jobs.push(StorageJob {
                key: operation.key,
                address: operation.address,
                operation: index,
                drop: !exists || change.storage_wiped,
                resident,
                slots,
            });
        }
        jobs
    }

    fn run_storage_jobs<S, N>(
        &self,
        jobs: Vec<StorageJob>,
        parent: &S,
        nodes: &N,
    ) -> Result<Vec<StorageResult>, TrieError<S::Error, N::Error>>
    where
        S: StateReader + MaybeSync,
        N: NodeReader + MaybeSync,
    {
        let run = |job| run_storage_job(job, &self.accounts, parent, nodes, self.tick);
        #[cfg(feature = "parallel")]
        {
            use rayon::prelude::*;
            // One trie can itself be split among threads, so a single job needs no detour.
            if jobs.len() > 1 {
                return jobs.into_par_iter().map(run).collect();
            }
        }
        jobs.into_iter().map(run).collect()
    }

    /// Keeps a storage trie resident and reports its changes.
    fn collect_storage(&mut self, result: StorageResult, updates: &mut TrieUpdates) {
        let StorageResult {
            key,
            wiped,
            trie,
            slots,
            sealed,
            ..
        } = result;
        if wiped {
            updates.wiped.push(key);
        }
        updates.nodes.extend(sealed.into_iter().map(|sealed| {
            let leaf = sealed.operation.and_then(|index| slots.get(index as usize));
            let leaf = leaf.map(|operation| LeafKey::Slot(operation.slot));
            NodeUpdate {
                account: Some(key),
                path: sealed.path,
                node: sealed.node,
                hash: sealed.hash,
                leaf,
            }
        }));
        if trie.root_hash() != EMPTY_ROOT_HASH {
            self.storage_edges += trie.edges;
            self.storage.insert(key, trie);
        }
    }

    /// Brings the resident part below its limit.
    fn evict(&mut self) {
        if self.resident_nodes() <= self.limits.nodes_max {
            return;
        }
        let mut ages = Ages::new(self.tick);
        ages.count(&self.accounts);
        self.storage.values().for_each(|trie| ages.count(trie));
        let cutoff = ages.cutoff(self.limits.nodes_max / 4 * 3);
        cutoff.collapse(&mut self.accounts);
        self.storage.retain(|_, trie| {
            let stays = !cutoff.takes_trie(trie);
            if stays {
                cutoff.collapse(trie);
            }
            stays
        });
        self.storage_edges = self.storage.values().map(|trie| trie.edges).sum();
    }
}

/// Updates one storage trie.
fn run_storage_job<S, N>(
    mut job: StorageJob,
    accounts: &Trie,
    parent: &S,
    nodes: &N,
    tick: u32,
) -> Result<StorageResult, TrieError<S::Error, N::Error>>
where
    S: StateReader + MaybeSync,
    N: NodeReader + MaybeSync,
{
    let malformed = || TrieError::MalformedAccount {
        address: job.address,
    };
    let old_root = match &job.resident {
        Some(trie) => trie.root_hash(),
        None => match accounts.resident_value(&unpack_key(&job.key)) {
            Some(Some(value)) => leaf_storage_root(value).ok_or_else(malformed)?,
            Some(None) => EMPTY_ROOT_HASH,
            None => parent
                .account(job.address)
                .map_err(TrieError::State)?
                .map_or(EMPTY_ROOT_HASH, |account| account.storage_root),
        },
    };
    let mut trie = match job.resident.take() {
        Some(trie) if !job.drop => trie,
        _ => Trie::new(if job.drop { EMPTY_ROOT_HASH } else { old_root }, tick),
    };
    let mut walk = Walk::new(nodes, Some(job.key), tick);
    trie.apply(&mut walk, &mut job.slots)
        .map_err(|(_, error)| match error {
            WalkError::Node(source) => TrieError::Node(source),
            WalkError::Malformed { path, source } => TrieError::Malformed {
                account: Some(job.key),
                path,
                source,
            },
            WalkError::Value => malformed(),
        })?;
    let sealed = trie.finish(walk);
    Ok(StorageResult {
        key: job.key,
        operation: job.operation,
        wiped: job.drop && old_root != EMPTY_ROOT_HASH,
        trie,
        slots: mem::take(&mut job.slots),
        sealed,
    })
}
