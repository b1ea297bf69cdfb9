//! What is fuzzed of the node's own packages: plain functions, shared by the fuzz targets and the test
//! that replays the corpora.

use alloy_consensus::Transaction as _;
use alloy_eips::{Decodable2718 as _, Encodable2718 as _};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use openledger_mempool::{RecoveredTransaction, TRANSACTION_SIZE_MAX, decode_all};
use openledger_primitives::{
    Account, AccountChange, AccountInfo, EMPTY_CODE_HASH, EMPTY_ROOT_HASH, NodeReader,
    StateChanges, StateReader, Transaction,
};
use openledger_trie::{
    NodeView, Reference, ResidentLimits, StateTrie, account_leaf_value, decode_account_leaf_value,
    encode_branch, encode_extension, encode_leaf, prove,
};
use std::collections::BTreeMap;

/// A raw transaction: what is accepted is canonical, and is what the reference decoder reads.
pub(crate) fn transaction(data: &[u8]) {
    let mut all = decode_all(&[Bytes::copy_from_slice(data)]);
    let same = all.remove(0);
    match RecoveredTransaction::decode(data) {
        Ok(tx) => {
            let same = same.expect("accepted as well");
            assert_eq!((tx.sender, tx.hash), (same.sender, same.hash));
            assert!(data.len() <= TRANSACTION_SIZE_MAX);
            assert_eq!(tx.encoded[..], *data);
            assert_eq!(tx.hash, keccak256(data));
            assert_eq!(tx.transaction.encoded_2718(), data);
            let reference = Transaction::decode_2718_exact(data).expect("the reference decodes it");
            assert_eq!(reference, tx.transaction);
            assert_eq!(
                (tx.nonce(), tx.value()),
                (reference.nonce(), reference.value())
            );
            assert!(tx.effective_tip(0) <= Some(tx.max_fee_per_gas()));
        }
        Err(error) => assert_eq!(same.err(), Some(error)),
    }
}

/// Nodes of tries by hash, as in a witness.
struct Nodes(BTreeMap<B256, Bytes>);

/// A node that a witness lacks.
#[derive(Debug)]
struct Missing;

impl core::fmt::Display for Missing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no such node")
    }
}

impl core::error::Error for Missing {}

impl NodeReader for Nodes {
    type Error = Missing;

    fn node(&self, _: Option<B256>, _: &[u8], hash: B256) -> Result<Bytes, Missing> {
        self.0.get(&hash).cloned().ok_or(Missing)
    }
}

/// Accounts that all have the same storage root.
struct Accounts(B256);

impl StateReader for Accounts {
    type Error = Missing;

    fn account(&self, _: Address) -> Result<Option<Account>, Missing> {
        Ok(Some(Account {
            storage_root: self.0,
            ..Account::default()
        }))
    }

    fn storage(&self, _: Address, _: U256) -> Result<U256, Missing> {
        Ok(U256::ZERO)
    }

    fn code(&self, _: B256) -> Result<Option<Bytes>, Missing> {
        Ok(None)
    }

    fn block_hash(&self, _: u64) -> Result<Option<B256>, Missing> {
        Ok(None)
    }
}

/// What begins the 32 bytes that stand for the hash of an earlier node, whose number follows.
const HASH_OF: [u8; 2] = [0xa0, 0xee];
/// Accounts, and slots of each, that are changed and proved.
pub(crate) const KEYS: u8 = 6;

/// Nodes of a witness, each after its length (1 byte; 255: up to the end). In a node, `a0 ee n` and 30
/// more bytes stand for a hash: that of node `n`. The last node is the state's root and the first is
/// the root of each account's storage. Whatever the nodes are, proofs and updates are answered.
/// Returns how many updates of two succeeded.
pub(crate) fn trie_node(data: &[u8]) -> usize {
    check_node(data);
    let mut succeeded = 0;
    let mut nodes = Nodes(BTreeMap::new());
    let mut hashes: Vec<B256> = Vec::new();
    let mut rest = data;
    while let Some((&len, after)) = rest.split_first() {
        let len = if len == u8::MAX {
            after.len()
        } else {
            usize::from(len)
        };
        let (node, after) = after.split_at(len.min(after.len()));
        let mut node = node.to_vec();
        for at in 0..node.len().saturating_sub(HASH_OF.len() + 30) {
            if node[at..].starts_with(&HASH_OF)
                && let Some(hash) = hashes.get(usize::from(node[at + 2]))
            {
                node[at + 1..at + 33].copy_from_slice(hash.as_slice());
            }
        }
        check_node(&node);
        let hash = keccak256(&node);
        nodes.0.insert(hash, node.into());
        hashes.push(hash);
        rest = after;
    }
    let (Some(&first), Some(&root)) = (hashes.first(), hashes.last()) else {
        return succeeded;
    };
    for key in 0..KEYS {
        let hashed = keccak256(Address::repeat_byte(key));
        let _ = prove(root, None, hashed, &nodes);
        let _ = prove(
            first,
            Some(hashed),
            keccak256(B256::with_last_byte(key)),
            &nodes,
        );
    }
    let mut trie = StateTrie::new(root, ResidentLimits::default());
    for removes in [false, true] {
        let changes = changes(removes);
        // Where it works, the changes undone and done again come to the same.
        if let Ok(updates) = trie.update(&changes, &Accounts(first), &nodes) {
            succeeded += 1;
            assert_eq!(trie.root(), updates.root);
            for update in &updates.nodes {
                if let Some(node) = &update.node {
                    assert_eq!(keccak256(node), update.hash);
                    nodes.0.insert(update.hash, node.clone());
                }
            }
            let mut again = StateTrie::new(updates.root, ResidentLimits::default());
            let accounts = Accounts(EMPTY_ROOT_HASH);
            if let Ok(same) = again.update(&rewrites(&changes), &accounts, &nodes) {
                assert_eq!(same.root, updates.root);
            }
        }
    }
    succeeded
}

/// Changes of all accounts: every other one is removed if `removes`, the others and their slots are
/// written.
pub(crate) fn changes(removes: bool) -> StateChanges {
    let accounts = (0..KEYS).map(|key| {
        let gone = removes && key % 2 == 0;
        let info = AccountInfo {
            nonce: key.into(),
            balance: U256::from(5),
            code_hash: EMPTY_CODE_HASH,
        };
        let change = AccountChange {
            info: (!gone).then_some(info),
            storage_wiped: gone,
            storage: (0..if gone { 0 } else { KEYS })
                .map(|slot| {
                    let deletes = removes && slot % 3 == 0;
                    (U256::from(slot), U256::from(if deletes { 0 } else { 9 }))
                })
                .collect(),
        };
        (Address::repeat_byte(key), change)
    });
    StateChanges {
        accounts: accounts.collect(),
        ..StateChanges::default()
    }
}

/// The part of changes that can be written once more to the same effect: the accounts themselves.
fn rewrites(changes: &StateChanges) -> StateChanges {
    let mut changes = changes.clone();
    for change in changes.accounts.values_mut() {
        change.storage.clear();
        change.storage_wiped = false;
    }
    changes.accounts.retain(|_, change| change.info.is_some());
    changes
}

/// Whatever is decoded as a node, or as an account's leaf, is canonical.
fn check_node(rlp: &[u8]) {
    if let Some(account) = decode_account_leaf_value(rlp) {
        assert_eq!(account_leaf_value(&account).as_slice(), rlp);
    }
    let Ok(node) = NodeView::decode(rlp) else {
        return;
    };
    let mut again = Vec::new();
    match node {
        NodeView::Leaf { suffix, value } => {
            encode_leaf(suffix.to_vec().into_iter(), value, &mut again);
        }
        NodeView::Extension { path, child } => {
            encode_extension(path.to_vec().into_iter(), &child.to_reference(), &mut again);
        }
        NodeView::Branch { children } => {
            let children: Vec<Option<Reference>> = children
                .iter()
                .map(|child| child.map(|child| child.to_reference()))
                .collect();
            encode_branch(|nibble| children[usize::from(nibble)].as_ref(), &mut again);
        }
    }
    assert_eq!(again, rlp);
}
