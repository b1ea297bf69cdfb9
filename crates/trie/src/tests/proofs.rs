//! Proofs of what is there and of what isn't, checked by alloy-trie.

use super::{
    reference::{NodeStore, build},
    state::{Model, changes},
};
use crate::{account_leaf_value, prove, storage_leaf_value};
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::{Nibbles, proof::verify_proof};
use openledger_primitives::{EMPTY_ROOT_HASH, StateReader};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn proofs_verify(rounds in prop::collection::vec(changes(), 1..4)) {
        let mut model = Model::default();
        rounds.iter().for_each(|changes| model.apply(changes));
        let mut store = NodeStore { nodes: model.nodes(), ..NodeStore::default() };
        let root = store.nodes.get(&(None, Vec::new())).map_or(EMPTY_ROOT_HASH, keccak256);
        for index in 0..80 {
            let address = Address::with_last_byte(index);
            let key = keccak256(address);
            let proof = prove(root, None, key, &store).unwrap();
            let account = model.account(address).unwrap();
            let value = account.map(|account| account_leaf_value(&account).as_slice().to_vec());
            verify_proof(root, Nibbles::unpack(key), value, &proof).unwrap();
            let Some(account) = account else { continue };
            for slot in (0..50).map(U256::from) {
                let key = keccak256(B256::from(slot));
                let proof = prove(account.storage_root, Some(keccak256(address)), key, &store).unwrap();
                let value = model.storage(address, slot).unwrap();
                let value = (!value.is_zero()).then(|| storage_leaf_value(value).as_slice().to_vec());
                verify_proof(account.storage_root, Nibbles::unpack(key), value, &proof).unwrap();
            }
        }
        store.nodes.clear();
        prop_assert!(root == EMPTY_ROOT_HASH || prove(root, None, B256::ZERO, &store).is_err());
    }
}

/// Keys that end alike make embedded leaves and branches, which no proof lists.
#[test]
fn embedded_nodes_stand_in_their_parents() {
    let mut leaves = BTreeMap::new();
    for tail in [0x00_u8, 0x01, 0x10, 0x17, 0xff] {
        for head in [0, 0x80] {
            let mut key = B256::repeat_byte(0x33);
            (key.0[0], key.0[31]) = (head, tail);
            leaves.insert(
                key,
                storage_leaf_value(U256::from(u16::from(tail) + 1))
                    .as_slice()
                    .to_vec(),
            );
        }
    }
    let mut store = NodeStore::default();
    let root = build(None, &leaves, &mut store.nodes);
    for tail in 0..=255 {
        let mut key = B256::repeat_byte(0x33);
        (key.0[0], key.0[31]) = (0x80, tail);
        let proof = prove(root, None, key, &store).unwrap();
        assert!(proof.iter().skip(1).all(|node| node.len() >= 32));
        verify_proof(
            root,
            Nibbles::unpack(key),
            leaves.get(&key).cloned(),
            &proof,
        )
        .unwrap();
        // Keys that leave the path early.
        key.0[9] = tail;
        let proof = prove(root, None, key, &store).unwrap();
        verify_proof(
            root,
            Nibbles::unpack(key),
            leaves.get(&key).cloned(),
            &proof,
        )
        .unwrap();
    }
}
