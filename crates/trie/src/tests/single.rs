//! One trie with chosen keys, so that long shared paths and embedded nodes are common.

use super::reference::{NodeStore, Nodes, build, root};
use crate::{
    LeafValue, NodeUpdate,
    evict::{Ages, below},
    storage_leaf_value,
    trie::{Operation, Trie, Walk, WriteLeaf},
};
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{B256, U256};
use proptest::prelude::*;

struct Write {
    key: B256,
    value: U256,
}

impl WriteLeaf for Write {
    fn value(&mut self, _old: Option<&[u8]>) -> Option<LeafValue> {
        Some(storage_leaf_value(self.value))
    }
}

impl Operation for Write {
    fn key(&self) -> &B256 {
        &self.key
    }

    fn removes(&self) -> bool {
        self.value.is_zero()
    }
}

/// Keys that differ in few places, so that they share prefixes of all lengths.
fn key() -> impl Strategy<Value = B256> {
    let places = prop::collection::vec(
        (
            prop::sample::select(&[0_usize, 1, 5, 15, 16, 29, 30, 31][..]),
            prop::sample::select(&[0_u8, 1, 0x10, 0x11, 0xf3][..]),
        ),
        0..4,
    );
    places.prop_map(|places| {
        let mut key = B256::ZERO;
        for (at, byte) in places {
            key.0[at] = byte;
        }
        key
    })
}

/// Zero removes.
fn value() -> impl Strategy<Value = U256> {
    prop_oneof![
        3 => Just(U256::ZERO),
        4 => (1_u64..300).prop_map(U256::from),
        2 => any::<[u8; 32]>().prop_map(U256::from_be_bytes),
    ]
}

/// Applies one round to a trie, its store and its model, and compares all of them.
fn round(
    trie: &mut Trie,
    store: &mut NodeStore,
    model: &mut BTreeMap<B256, Vec<u8>>,
    changes: &BTreeMap<B256, U256>,
    tick: u32,
) {
    let mut operations: Vec<Write> = changes
        .iter()
        .map(|(&key, &value)| Write { key, value })
        .collect();
    let mut walk = Walk::new(&*store, None, tick);
    trie.apply(&mut walk, &mut operations).unwrap();
    let sealed = trie.finish(walk);
    for (&key, &value) in changes {
        if value.is_zero() {
            model.remove(&key);
        } else {
            model.insert(key, storage_leaf_value(value).as_slice().to_vec());
        }
    }
    assert_eq!(trie.root_hash(), root(model));
    assert_eq!(trie.edges, 1 + below(&trie.root));
    for sealed in &sealed {
        // A leaf written in this round names its operation; none other does.
        if let Some(operation) = sealed.operation {
            let node = sealed.node.as_ref().unwrap();
            let crate::NodeView::Leaf { suffix, value } = crate::NodeView::decode(node).unwrap()
            else {
                panic!("only a leaf is written by an operation")
            };
            let write = &operations[operation as usize];
            assert_eq!(crate::pack_key(&sealed.path, suffix), Some(write.key));
            assert_eq!(value, storage_leaf_value(write.value).as_slice());
        }
    }
    let updates: Vec<NodeUpdate> = sealed
        .into_iter()
        .map(|s| NodeUpdate {
            account: None,
            path: s.path,
            node: s.node,
            hash: s.hash,
            leaf: None,
        })
        .collect();
    store.apply(&updates);
    let mut expected = Nodes::new();
    assert_eq!(build(None, model, &mut expected), trie.root_hash());
    assert_eq!(store.nodes, expected);
}

fn evict(trie: &mut Trie, tick: u32, target: usize) {
    let mut ages = Ages::new(tick);
    ages.count(trie);
    let cutoff = ages.cutoff(target);
    cutoff.collapse(trie);
    assert_eq!(trie.edges, 1 + below(&trie.root));
    assert!(trie.edges <= target.max(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn emitted_nodes_are_exactly_the_tries(
        rounds in prop::collection::vec(
            (prop::collection::btree_map(key(), value(), 0..24), 0_usize..40), 1..16),
    ) {
        let mut trie = Trie::new(root(&BTreeMap::new()), 0);
        let (mut store, mut model) = (NodeStore::default(), BTreeMap::new());
        for (tick, (changes, target)) in (1..).zip(rounds) {
            round(&mut trie, &mut store, &mut model, &changes, tick);
            evict(&mut trie, tick, target);
        }
    }

    /// Large rounds, so that subtries are walked and sealed on several threads where that is on.
    #[test]
    fn large_rounds_are_exact(
        seeds in prop::collection::vec((any::<u64>(), 64_usize..200, 0_usize..400), 2..5),
    ) {
        let mut trie = Trie::new(root(&BTreeMap::new()), 0);
        let (mut store, mut model) = (NodeStore::default(), BTreeMap::new());
        for (tick, (seed, count, target)) in (1..).zip(seeds) {
            let mut changes = BTreeMap::new();
            for index in 0..count as u64 {
                let mut key = alloy_primitives::keccak256((seed % 3 + index * 7 % 260).to_be_bytes());
                // Leave some first nibbles empty, and some with a single subtrie.
                key.0[0] &= if seed % 2 == 0 { 0x3f } else { 0xff };
                changes.insert(key, U256::from((seed >> (index % 60)) % 3));
            }
            // Sometimes clear whole subtries.
            if seed % 5 == 0 {
                changes.extend(model.keys().filter(|key: &&B256| key[0] >= 0x20).map(|key| (*key, U256::ZERO)));
            }
            round(&mut trie, &mut store, &mut model, &changes, tick);
            evict(&mut trie, tick, target);
        }
    }
}

#[test]
fn a_trie_can_be_emptied_and_refilled() {
    let mut trie = Trie::new(root(&BTreeMap::new()), 0);
    let (mut store, mut model) = (NodeStore::default(), BTreeMap::new());
    let keys: Vec<B256> = (0..200_u64)
        .map(|n| alloy_primitives::keccak256(n.to_be_bytes()))
        .collect();
    for tick in [1, 3, 5] {
        let fill = keys.iter().map(|key| (*key, U256::from(tick))).collect();
        round(&mut trie, &mut store, &mut model, &fill, tick);
        let clear = keys.iter().map(|key| (*key, U256::ZERO)).collect();
        round(&mut trie, &mut store, &mut model, &clear, tick + 1);
        assert!(store.nodes.is_empty() && trie.edges == 1);
    }
}

#[test]
fn no_sibling_is_loaded_that_stays_apart() {
    let mut trie = Trie::new(root(&BTreeMap::new()), 0);
    let (mut store, mut model) = (NodeStore::default(), BTreeMap::new());
    let key = |byte| B256::repeat_byte(byte);
    let start = [(key(0x10), U256::MAX), (key(0x20), U256::MAX)].into();
    round(&mut trie, &mut store, &mut model, &start, 1);
    evict(&mut trie, 1, 0);
    store.reads = 0.into();
    // One child leaves and another comes: the third is not touched.
    let swap = [(key(0x10), U256::ZERO), (key(0x30), U256::MAX)].into();
    round(&mut trie, &mut store, &mut model, &swap, 2);
    assert_eq!(*store.reads.get_mut(), 2);
}
