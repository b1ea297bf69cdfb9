//! A state held in full, and random changes of it.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{TrieAccount, root};
use openledger_primitives::{Account, AccountChange, AccountInfo, EMPTY_CODE_HASH, StateChanges};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Accounts and slots that random changes touch.
pub(crate) const ACCOUNTS: u8 = 12;
pub(crate) const SLOTS: u64 = 18;

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) accounts: BTreeMap<Address, (AccountInfo, BTreeMap<U256, U256>)>,
    pub(crate) code: BTreeMap<B256, Bytes>,
}

pub(crate) fn address(index: u8) -> Address {
    // Neighbours share all but the last byte.
    Address::with_last_byte(index)
}

fn storage_root(storage: &BTreeMap<U256, U256>) -> B256 {
    root::storage_root_unhashed(
        storage
            .iter()
            .map(|(slot, value)| (B256::from(*slot), *value)),
    )
}

impl Model {
    pub(crate) fn apply(&mut self, changes: &StateChanges) {
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
        self.code.extend(changes.code.clone());
    }

    pub(crate) fn account(&self, address: Address) -> Option<Account> {
        self.accounts.get(&address).map(|(info, storage)| Account {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
            storage_root: storage_root(storage),
        })
    }

    pub(crate) fn storage(&self, address: Address, slot: U256) -> U256 {
        let account = self.accounts.get(&address);
        account
            .and_then(|(_, storage)| storage.get(&slot))
            .copied()
            .unwrap_or_default()
    }

    /// The state root by alloy-trie.
    pub(crate) fn root(&self) -> B256 {
        root::state_root_unhashed(self.accounts.keys().map(|&address| {
            let account = self.account(address).unwrap();
            let account = TrieAccount {
                nonce: account.nonce,
                balance: account.balance,
                storage_root: account.storage_root,
                code_hash: account.code_hash,
            };
            (address, account)
        }))
    }
}

fn change() -> impl Strategy<Value = (AccountChange, Option<Bytes>)> {
    let value = prop_oneof![
        2 => Just(U256::ZERO),
        3 => any::<u64>().prop_map(U256::from),
        1 => any::<[u8; 32]>().prop_map(U256::from_be_bytes),
    ];
    let storage = prop::collection::btree_map((0..SLOTS).prop_map(U256::from), value, 0..10);
    (0_u8..12, any::<u64>(), storage, any::<u8>()).prop_map(|(kind, seed, storage, byte)| {
        let code = Bytes::from(vec![byte; usize::from(byte % 7) * 20]);
        let has_code = kind == 4 && !code.is_empty();
        let info = AccountInfo {
            nonce: seed % 1000,
            balance: U256::from(seed) << (seed % 190),
            code_hash: if has_code {
                keccak256(&code)
            } else {
                EMPTY_CODE_HASH
            },
        };
        let none = BTreeMap::new();
        let change = match kind {
            0 => AccountChange {
                info: None,
                storage_wiped: true,
                storage: none,
            },
            1 => AccountChange {
                info: None,
                storage_wiped: false,
                storage: none,
            },
            2 => AccountChange {
                info: Some(info),
                storage_wiped: true,
                storage,
            },
            3 | 4 => AccountChange {
                info: Some(info),
                storage_wiped: false,
                storage: none,
            },
            _ => AccountChange {
                info: Some(info),
                storage_wiped: false,
                storage,
            },
        };
        (change, has_code.then_some(code))
    })
}

pub(crate) fn changes() -> impl Strategy<Value = StateChanges> {
    prop::collection::btree_map((0..ACCOUNTS).prop_map(address), change(), 0..8).prop_map(
        |accounts| {
            let code = accounts.values().filter_map(|(_, code)| code.clone());
            StateChanges {
                code: code.map(|code| (keccak256(&code), code)).collect(),
                accounts: accounts
                    .into_iter()
                    .map(|(address, (change, _))| (address, change))
                    .collect(),
            }
        },
    )
}
