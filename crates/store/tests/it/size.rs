//! What an idle chain writes.

use crate::chain::{Nothing, options, seal};
use alloy_primitives::{Address, B256, U256, keccak256};
use openledger_primitives::{
    AccountChange, AccountInfo, EMPTY_CODE_HASH, EMPTY_ROOT_HASH, StateChanges, predeploys,
};
use openledger_store::{Store, StoreOptions};
use openledger_trie::{ResidentLimits, StateTrie};
use std::collections::BTreeMap;

/// Slots of the EIP-2935 ring, and of each of the two of EIP-4788.
const RING: u64 = 8191;
/// Other accounts in the state.
const ACCOUNTS: u64 = 50_000;
const BLOCKS: u64 = 20_000;
/// The most that an idle block may leave on disk.
const BYTES_PER_BLOCK_MAX: u64 = 3_000;

fn word(kind: u64, number: u64) -> U256 {
    U256::from_be_bytes(keccak256([kind.to_be_bytes(), number.to_be_bytes()].concat()).0)
}

fn contract(kind: u8, storage: BTreeMap<U256, U256>) -> AccountChange {
    let info = AccountInfo {
        nonce: 1,
        balance: U256::ZERO,
        code_hash: B256::repeat_byte(kind),
    };
    AccountChange {
        info: Some(info),
        storage_wiped: false,
        storage,
    }
}

/// The slots that block `number` writes into the beacon root ring: timestamp and root.
fn beacon_roots(number: u64) -> [(U256, U256); 2] {
    let timestamp = 1_700_000_000 + number;
    // The root is the L1 origin's, which changes every twelve blocks.
    [
        (U256::from(timestamp % RING), U256::from(timestamp)),
        (U256::from(timestamp % RING + RING), word(1, number / 12)),
    ]
}

/// What an empty block changes: the depositor's nonce, the L1 attributes and the two rings.
fn idle(number: u64) -> StateChanges {
    let depositor = AccountInfo {
        nonce: number,
        balance: U256::ZERO,
        code_hash: EMPTY_CODE_HASH,
    };
    let mut l1_block = BTreeMap::new();
    if number.is_multiple_of(12) {
        // Number and timestamp, base fee, hash, batcher: as the L1 origin advances.
        l1_block.insert(
            U256::from(0),
            U256::from(number / 12) << 64 | U256::from(number),
        );
        l1_block.insert(
            U256::from(1),
            U256::from(7 + u64::from(word(2, number).byte(0))),
        );
        l1_block.insert(U256::from(2), word(3, number / 12));
        l1_block.insert(
            U256::from(7),
            U256::from(1 + u64::from(word(4, number).byte(0))),
        );
    }
    // The sequence number within the epoch, packed with the fee scalars.
    l1_block.insert(U256::from(3), U256::from(number % 12 + 1) << 96);
    let hash_ring = [(U256::from((number + RING - 1) % RING), word(5, number))].into();
    StateChanges {
        accounts: [
            (
                predeploys::DEPOSITOR,
                AccountChange {
                    info: Some(depositor),
                    storage_wiped: false,
                    storage: BTreeMap::new(),
                },
            ),
            (predeploys::L1_BLOCK, contract(1, l1_block)),
            (predeploys::HISTORY_STORAGE, contract(2, hash_ring)),
            (
                predeploys::BEACON_ROOTS,
                contract(3, beacon_roots(number).into()),
            ),
        ]
        .into(),
        code: BTreeMap::new(),
    }
}

fn genesis() -> StateChanges {
    let mut changes = idle(0);
    let mut fill = |address, storage: BTreeMap<U256, U256>| {
        changes
            .accounts
            .get_mut(&address)
            .unwrap()
            .storage
            .extend(storage);
    };
    fill(
        predeploys::L1_BLOCK,
        (0..10).map(|n| (U256::from(n), word(6, n))).collect(),
    );
    fill(
        predeploys::HISTORY_STORAGE,
        (0..RING).map(|n| (U256::from(n), word(7, n))).collect(),
    );
    fill(
        predeploys::BEACON_ROOTS,
        (0..2 * RING).map(|n| (U256::from(n), word(8, n))).collect(),
    );
    for n in 0..ACCOUNTS {
        let info = AccountInfo {
            nonce: n,
            balance: U256::from(n) * U256::from(1_000_000_007),
            code_hash: EMPTY_CODE_HASH,
        };
        let change = AccountChange {
            info: Some(info),
            storage_wiped: false,
            storage: BTreeMap::new(),
        };
        changes.accounts.insert(
            Address::from_slice(&keccak256(n.to_be_bytes())[12..]),
            change,
        );
    }
    changes
}

#[test]
fn an_idle_chain_writes_little() {
    let directory = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        write_buffer_bytes: 64 << 20,
        ..options()
    };
    let store = Store::open(directory.path(), options).unwrap();
    let mut trie = StateTrie::new(EMPTY_ROOT_HASH, ResidentLimits::default());
    let changes = genesis();
    let updates = trie.update(&changes, &Nothing, &Nothing).unwrap();
    let mut block = seal(None, updates.root, &[]);
    store.commit_genesis(&block, &changes, &updates).unwrap();
    store.compact().unwrap();
    let before = store.stats(0).unwrap();
    for number in 1..=BLOCKS {
        let changes = idle(number);
        let latest = store.latest().unwrap();
        let updates = trie.update(&changes, &latest, &latest).unwrap();
        block = seal(Some(&block), updates.root, &[]);
        store.commit(&block, &changes, &updates).unwrap();
    }
    store.compact().unwrap();
    let after = store.stats(1000).unwrap();
    let grown = |name| {
        let bytes = |stats: &openledger_store::StoreStats| {
            stats
                .families
                .iter()
                .find(|family| family.name == name)
                .unwrap()
                .bytes_on_disk
        };
        bytes(&after).saturating_sub(bytes(&before)) / BLOCKS
    };
    for family in &after.families {
        let grown = grown(family.name);
        println!(
            "{:<16} {:>6} bytes a block on disk, {:>6} before compression",
            family.name, grown, family.bytes_per_block
        );
    }
    let per_block = (after.bytes_on_disk() - before.bytes_on_disk()) / BLOCKS;
    println!("an idle block leaves {per_block} bytes");
    assert!(
        per_block <= BYTES_PER_BLOCK_MAX,
        "{per_block} bytes a block"
    );

    // What was left out can be rebuilt.
    let state = store.at(BLOCKS / 2).unwrap();
    use openledger_primitives::StateReader;
    let root = store.header(BLOCKS / 2).unwrap().unwrap().state_root;
    for address in [
        predeploys::HISTORY_STORAGE,
        predeploys::BEACON_ROOTS,
        predeploys::L1_BLOCK,
    ] {
        let proof = openledger_trie::prove(root, None, keccak256(address), &state).unwrap();
        assert!(proof.len() > 2);
        let account = state.account(address).unwrap().unwrap();
        let slot = keccak256(U256::from(5).to_be_bytes::<32>());
        let proof =
            openledger_trie::prove(account.storage_root, Some(keccak256(address)), slot, &state);
        assert!(!proof.unwrap().is_empty());
    }
}
