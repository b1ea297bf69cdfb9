//! [`StateTrie`] over rounds of account and storage changes.

use super::reference::{MissingNode, NodeStore, Nodes, build};
use crate::{
    LeafKey, ResidentLimits, StateTrie, TrieError, TrieUpdates, account_leaf_value,
    storage_leaf_value,
};
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{TrieAccount, root};
use core::convert::Infallible;
use openledger_primitives::{
    Account, AccountChange, AccountInfo, EMPTY_CODE_HASH, EMPTY_ROOT_HASH, NodeReader,
    StateChanges, StateReader,
};
use proptest::prelude::*;

/// A state held in full.
#[derive(Debug, Default, Clone)]
pub(super) struct Model {
    pub(super) accounts: BTreeMap<Address, (AccountInfo, BTreeMap<U256, U256>)>,
}

impl StateReader for Model {
    type Error = Infallible;

    fn account(&self, address: Address) -> Result<Option<Account>, Infallible> {
        Ok(self.accounts.get(&address).map(|(info, storage)| Account {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
            storage_root: storage_root(storage),
        }))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Infallible> {
        let account = self.accounts.get(&address);
        Ok(account
            .and_then(|(_, storage)| storage.get(&slot))
            .copied()
            .unwrap_or_default())
    }

    fn code(&self, _code_hash: B256) -> Result<Option<Bytes>, Infallible> {
        Ok(None)
    }

    fn block_hash(&self, _number: u64) -> Result<Option<B256>, Infallible> {
        Ok(None)
    }
}

fn storage_root(storage: &BTreeMap<U256, U256>) -> B256 {
    root::storage_root_unhashed(
        storage
            .iter()
            .map(|(slot, value)| (B256::from(*slot), *value)),
    )
}

impl Model {
    pub(super) fn apply(&mut self, changes: &StateChanges) {
        for (&address, change) in &changes.accounts {
            let Some(info) = change.info else {
                self.accounts.remove(&address);
                continue;
            };
            let (old, storage) = self
                .accounts
                .entry(address)
                .or_insert((info, BTreeMap::new()));
            *old = info;
            if change.storage_wiped {
                storage.clear();
            }
            storage.extend(&change.storage);
            storage.retain(|_, value| !value.is_zero());
        }
    }

    /// The state root by alloy-trie.
    fn state_root(&self) -> B256 {
        root::state_root_unhashed(self.accounts.iter().map(|(address, (info, storage))| {
            let account = TrieAccount {
                nonce: info.nonce,
                balance: info.balance,
                storage_root: storage_root(storage),
                code_hash: info.code_hash,
            };
            (*address, account)
        }))
    }

    /// All nodes of all tries.
    pub(super) fn nodes(&self) -> Nodes {
        let mut nodes = Nodes::new();
        let mut accounts = BTreeMap::new();
        for (&address, (_, storage)) in &self.accounts {
            let account = self.account(address).unwrap().unwrap();
            accounts.insert(
                keccak256(address),
                account_leaf_value(&account).as_slice().to_vec(),
            );
            let slots = storage
                .iter()
                .map(|(slot, value)| {
                    (
                        keccak256(B256::from(*slot)),
                        storage_leaf_value(*value).as_slice().to_vec(),
                    )
                })
                .collect();
            build(Some(keccak256(address)), &slots, &mut nodes);
        }
        build(None, &accounts, &mut nodes);
        nodes
    }
}

fn address(index: u8) -> Address {
    Address::with_last_byte(index)
}

fn info(nonce: u64) -> AccountInfo {
    AccountInfo {
        nonce,
        balance: U256::from(nonce) << (nonce % 200),
        code_hash: EMPTY_CODE_HASH,
    }
}

pub(super) fn change() -> impl Strategy<Value = AccountChange> {
    let storage = prop::collection::btree_map(
        (0_u64..40).prop_map(U256::from),
        prop_oneof![
            Just(U256::ZERO),
            any::<u64>().prop_map(U256::from),
            Just(U256::MAX)
        ],
        0..12,
    );
    (0_u8..10, 0_u64..1000, storage).prop_map(|(kind, nonce, storage)| match kind {
        0 => AccountChange {
            info: None,
            storage_wiped: true,
            storage: BTreeMap::new(),
        },
        1 => AccountChange {
            info: None,
            storage_wiped: false,
            storage: BTreeMap::new(),
        },
        2 => AccountChange {
            info: Some(info(nonce)),
            storage_wiped: true,
            storage,
        },
        3 => AccountChange {
            info: Some(info(0)),
            storage_wiped: false,
            storage,
        },
        4..=6 => AccountChange {
            info: Some(info(nonce)),
            storage_wiped: false,
            storage: BTreeMap::new(),
        },
        _ => AccountChange {
            info: Some(info(nonce)),
            storage_wiped: false,
            storage,
        },
    })
}

pub(super) fn changes() -> impl Strategy<Value = StateChanges> {
    prop::collection::btree_map((0_u8..60).prop_map(address), change(), 0..30).prop_map(
        |accounts| StateChanges {
            accounts,
            code: BTreeMap::new(),
        },
    )
}

/// Applies updates to a store and compares everything with the model after the changes.
fn check(store: &mut NodeStore, model: &Model, changes: &StateChanges, updates: &TrieUpdates) {
    assert_eq!(updates.root, model.state_root());
    let expected: BTreeMap<Address, B256> = changes
        .accounts
        .iter()
        .filter(|(_, change)| change.info.is_some())
        .map(|(&address, _)| {
            (
                address,
                model.account(address).unwrap().unwrap().storage_root,
            )
        })
        .collect();
    assert_eq!(updates.storage_roots, expected);
    assert!(updates.wiped.is_sorted());
    for &account in &updates.wiped {
        store.wipe(account);
    }
    store.apply(&updates.nodes);
    assert_eq!(store.nodes, model.nodes());
    for update in &updates.nodes {
        match update.leaf {
            Some(LeafKey::Account(address)) => {
                assert!(update.account.is_none() && changes.accounts.contains_key(&address));
            }
            Some(LeafKey::Slot(slot)) => {
                let owner = changes
                    .accounts
                    .iter()
                    .find(|(a, _)| Some(keccak256(a)) == update.account);
                assert!(owner.unwrap().1.storage.contains_key(&slot));
            }
            None => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn updates_match_the_model(
        rounds in prop::collection::vec(changes(), 1..12),
        nodes_max in prop_oneof![Just(0_usize), 1_usize..60, Just(100_000)],
        keys_max in 1_usize..20,
    ) {
        let mut trie = StateTrie::new(EMPTY_ROOT_HASH, ResidentLimits { nodes_max, keys_max });
        let (mut store, mut model) = (NodeStore::default(), Model::default());
        for changes in rounds {
            let updates = trie.update(&changes, &model, &store).unwrap();
            model.apply(&changes);
            check(&mut store, &model, &changes, &updates);
            prop_assert_eq!(trie.root(), updates.root);
            prop_assert!(trie.resident_nodes() <= nodes_max.max(1), "{}", trie.resident_nodes());

            // The same again changes nothing: not a slot that exists, not an account that stays.
            let again = StateChanges {
                accounts: changes
                    .accounts
                    .iter()
                    .filter(|(_, change)| change.info.is_some() && !change.storage_wiped)
                    .map(|(address, change)| (*address, change.clone()))
                    .collect(),
                code: BTreeMap::new(),
            };
            let updates = trie.update(&again, &model, &store).unwrap();
            prop_assert_eq!((updates.nodes, updates.wiped), (Vec::new(), Vec::new()));
        }
    }

    /// Whatever read fails, the trie goes on from the old root.
    #[test]
    fn a_failed_update_changes_nothing(
        first in changes(), second in changes(), reads_max in 0_usize..6,
    ) {
        let mut trie = StateTrie::new(EMPTY_ROOT_HASH, ResidentLimits { nodes_max: 0, keys_max: 8 });
        let (mut store, mut model) = (NodeStore::default(), Model::default());
        let updates = trie.update(&first, &model, &store).unwrap();
        model.apply(&first);
        check(&mut store, &model, &first, &updates);

        store.reads = 0.into();
        store.reads_max = Some(reads_max);
        let failed = trie.update(&second, &model, &store);
        let reads = *store.reads.get_mut();
        prop_assert_eq!(failed.is_err(), reads > reads_max);
        if let Err(error) = failed {
            prop_assert!(matches!(error, TrieError::Node(_)));
            prop_assert_eq!((trie.root(), trie.resident_nodes()), (updates.root, 1));
            store.reads_max = None;
            let updates = trie.update(&second, &model, &store).unwrap();
            model.apply(&second);
            check(&mut store, &model, &second, &updates);
        }
    }
}

/// Answers by path, whatever the hash: what a careless reader would do.
struct Unchecked<'a>(&'a NodeStore);

impl NodeReader for Unchecked<'_> {
    type Error = MissingNode;

    fn node(&self, account: Option<B256>, path: &[u8], hash: B256) -> Result<Bytes, MissingNode> {
        match self.0.nodes.get(&(account, path.to_vec())) {
            Some(node) => Ok(node.clone()),
            None => self.0.node(account, path, hash),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Nodes that aren't what they should be make an error or a wrong root, never a panic.
    #[test]
    fn damaged_nodes_never_panic(
        first in changes(),
        second in changes(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut model = Model::default();
        model.apply(&first);
        let root = model.state_root();
        let mut store = NodeStore { nodes: model.nodes(), ..NodeStore::default() };
        let keys: Vec<_> = store.nodes.keys().cloned().collect();
        prop_assume!(!keys.is_empty());
        for (node, at, byte) in damage {
            // Most damage moves a node to another path or changes one byte of it.
            let key = node.get(&keys).clone();
            let mut bytes = store.nodes[at.get(&keys)].to_vec();
            if byte % 3 != 0 {
                bytes = store.nodes[&key].to_vec();
                let at = at.index(bytes.len());
                bytes[at] ^= byte | 1;
            }
            store.nodes.insert(key, bytes.into());
        }
        let mut trie = StateTrie::new(root, ResidentLimits { nodes_max: 0, keys_max: 8 });
        if trie.update(&second, &model, &Unchecked(&store)).is_err() {
            prop_assert_eq!(trie.root(), root);
        }
        for index in 0..20 {
            drop(crate::prove(root, None, keccak256(address(index)), &Unchecked(&store)));
        }
    }
}

#[test]
fn a_malformed_account_leaf_is_an_error() {
    let mut leaf = Vec::new();
    let key = keccak256(address(1));
    crate::encode_leaf(crate::unpack_key(&key).into_iter(), &[7; 40], &mut leaf);
    let root = keccak256(&leaf);
    let mut store = NodeStore::default();
    store.nodes.insert((None, Vec::new()), leaf.into());
    let mut trie = StateTrie::new(root, ResidentLimits::default());
    let change = AccountChange {
        info: Some(info(1)),
        storage_wiped: false,
        storage: BTreeMap::new(),
    };
    let changes = StateChanges {
        accounts: [(address(1), change)].into(),
        code: BTreeMap::new(),
    };
    let error = trie
        .update(&changes, &Model::default(), &store)
        .unwrap_err();
    assert!(matches!(error, TrieError::MalformedAccount { address: at } if at == address(1)));
}

#[test]
fn a_malformed_node_is_an_error() {
    let rlp = alloc::vec![0xc1, 0x80];
    let root = keccak256(&rlp);
    let mut store = NodeStore::default();
    store.nodes.insert((None, Vec::new()), rlp.into());
    let mut trie = StateTrie::new(root, ResidentLimits::default());
    let change = AccountChange {
        info: Some(info(1)),
        storage_wiped: false,
        storage: BTreeMap::new(),
    };
    let changes = StateChanges {
        accounts: [(address(1), change)].into(),
        code: BTreeMap::new(),
    };
    let error = trie
        .update(&changes, &Model::default(), &store)
        .unwrap_err();
    assert!(
        matches!(error, TrieError::Malformed { account: None, ref path, .. } if path.is_empty())
    );
    assert_eq!(trie.root(), root);
}
