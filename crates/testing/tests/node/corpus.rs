//! The corpora of the fuzz targets `transaction` and `trie_node`, replayed; and the seeds in them,
//! made.

#[path = "../../fuzz/node.rs"]
mod targets;

use alloy_consensus::{
    SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy,
    crypto::secp256k1::sign_message, transaction::RlpEcdsaEncodableTx,
};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::Authorization,
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex, keccak256};
use openledger_mempool::RecoveredTransaction;
use openledger_primitives::{EMPTY_ROOT_HASH, NodeReader, StateReader};
use openledger_trie::{NodeView, ResidentLimits, StateTrie};
use std::{collections::BTreeMap, fs, path::PathBuf};

const TARGETS: [(&str, fn(&[u8])); 2] = [
    ("transaction", targets::transaction),
    ("trie_node", |data| {
        targets::trie_node(data);
    }),
];
const CHAIN_ID: u64 = 161_299;
const KEY: B256 = B256::repeat_byte(7);

fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target)
}

fn signed<T: SignableTransaction<Signature> + RlpEcdsaEncodableTx>(tx: &T) -> Vec<u8> {
    let signature = sign_message(KEY, tx.signature_hash()).expect("a valid key");
    let mut out = Vec::new();
    tx.eip2718_encode(&signature, &mut out);
    out
}

fn transactions() -> Vec<Vec<u8>> {
    let to = Address::repeat_byte(1);
    let access_list = AccessList(vec![AccessListItem {
        address: to,
        storage_keys: vec![B256::repeat_byte(2)],
    }]);
    let legacy = |chain_id| TxLegacy {
        chain_id,
        nonce: 3,
        gas_price: 9,
        gas_limit: 21_000,
        to: TxKind::Call(to),
        value: U256::from(1),
        input: Bytes::new(),
    };
    let authorization = Authorization {
        chain_id: U256::from(CHAIN_ID),
        address: to,
        nonce: 1,
    };
    let signature = sign_message(KEY, authorization.signature_hash()).expect("a valid key");
    vec![
        signed(&legacy(Some(CHAIN_ID))),
        signed(&legacy(None)),
        signed(&TxEip2930 {
            chain_id: CHAIN_ID,
            gas_limit: 30_000,
            gas_price: 9,
            access_list: access_list.clone(),
            ..TxEip2930::default()
        }),
        signed(&TxEip1559 {
            chain_id: CHAIN_ID,
            gas_limit: 100_000,
            max_fee_per_gas: 9,
            to: TxKind::Create,
            input: Bytes::from_static(&[0x60, 0, 0x60, 0, 0xf3]),
            access_list,
            ..TxEip1559::default()
        }),
        signed(&TxEip7702 {
            chain_id: CHAIN_ID,
            gas_limit: 100_000,
            max_fee_per_gas: 9,
            to,
            authorization_list: vec![authorization.into_signed(signature)],
            ..TxEip7702::default()
        }),
        vec![3, 0xc0],
        vec![0x7e, 0xc0],
        vec![0xc0],
    ]
}

/// Readers of the empty state.
struct Empty;

#[derive(Debug, thiserror::Error)]
#[error("nothing is here")]
struct Nothing;

impl NodeReader for Empty {
    type Error = Nothing;
    fn node(&self, _: Option<B256>, _: &[u8], _: B256) -> Result<Bytes, Nothing> {
        Err(Nothing)
    }
}

impl StateReader for Empty {
    type Error = Nothing;
    fn account(&self, _: Address) -> Result<Option<openledger_primitives::Account>, Nothing> {
        Ok(None)
    }
    fn storage(&self, _: Address, _: U256) -> Result<U256, Nothing> {
        Ok(U256::ZERO)
    }
    fn code(&self, _: B256) -> Result<Option<Bytes>, Nothing> {
        Ok(None)
    }
    fn block_hash(&self, _: u64) -> Result<Option<B256>, Nothing> {
        Ok(None)
    }
}

/// The witness of a state with the target's accounts and slots: storage tries first, children before
/// their parents.
fn witness() -> Vec<u8> {
    let mut trie = StateTrie::new(EMPTY_ROOT_HASH, ResidentLimits::default());
    let updates = trie
        .update(&targets::changes(false), &Empty, &Empty)
        .expect("a new state");
    let mut nodes: Vec<_> = updates.nodes.iter().collect();
    // All accounts have the same storage. Its root must be the first node, so that it comes twice.
    let storage = nodes.iter().find_map(|update| update.account);
    nodes.retain(|update| update.account.is_none() || update.account == storage);
    nodes.sort_by_key(|update| (update.account.is_none(), usize::MAX - update.path.len()));
    let root = nodes
        .iter()
        .position(|update| update.account.is_some() && update.path.is_empty())
        .expect("storage has a root");
    nodes.insert(0, nodes[root]);

    let mut out = Vec::new();
    let mut hashes: BTreeMap<B256, u8> = BTreeMap::new();
    for (index, update) in nodes.iter().enumerate() {
        let mut node = update.node.as_ref().expect("a new node").to_vec();
        if index > 0 {
            for at in 1..node.len().saturating_sub(31) {
                let hash = B256::from_slice(&node[at..at + 32]);
                if let (0xa0, Some(number)) = (node[at - 1], hashes.get(&hash)) {
                    node[at] = 0xee;
                    node[at + 1] = *number;
                    node[at + 2..at + 32].fill(0);
                }
            }
            hashes.insert(update.hash, u8::try_from(index).expect("few nodes"));
        }
        if node.len() < usize::from(u8::MAX) {
            out.push(u8::try_from(node.len()).expect("short"));
            out.extend(node);
        } else {
            // A long node would be taken for the last.
            assert_eq!(index + 1, nodes.len());
            out.push(u8::MAX);
            out.extend(node);
        }
    }
    out
}

fn nodes() -> Vec<Vec<u8>> {
    let mut trie = StateTrie::new(EMPTY_ROOT_HASH, ResidentLimits::default());
    let updates = trie
        .update(&targets::changes(false), &Empty, &Empty)
        .expect("a new state");
    let nodes = updates
        .nodes
        .iter()
        .filter(|update| update.account.is_none());
    let mut nodes: Vec<Vec<u8>> = nodes
        .filter_map(|update| update.node.as_ref().map(|node| node.to_vec()))
        .take(3)
        .collect();
    let mut extension = Vec::new();
    let child = openledger_trie::Reference::hash(keccak256(b"child"));
    openledger_trie::encode_extension([1, 2, 3].into_iter(), &child, &mut extension);
    nodes.push(extension);
    nodes.push(witness());
    nodes
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "transaction" => transactions(),
        _ => nodes(),
    }
}

#[test]
fn seeds_are_as_they_are_made() {
    let write = std::env::var_os("OPENLEDGER_WRITE_SEEDS").is_some();
    for (target, _) in TARGETS {
        for (index, seed) in seeds(target).into_iter().enumerate() {
            let path = corpus(target).join(format!("seed-{index:02}"));
            if write {
                fs::create_dir_all(corpus(target)).expect("a writable folder");
                fs::write(&path, &seed).expect("a writable file");
            }
            let found = fs::read(&path).expect("a readable file");
            assert_eq!(hex::encode(found), hex::encode(seed), "{}", path.display());
        }
    }
}

#[test]
fn seeds_reach_what_lies_behind_the_decoder() {
    for raw in &transactions()[..5] {
        assert!(RecoveredTransaction::decode(raw).is_ok());
    }
    let nodes = nodes();
    for node in &nodes[..nodes.len() - 1] {
        assert!(NodeView::decode(node).is_ok());
    }
    assert_eq!(targets::trie_node(&witness()), 2, "updates of the witness");
}

#[test]
fn corpora_replay() {
    for (target, run) in TARGETS {
        let mut files = 0;
        for entry in fs::read_dir(corpus(target)).expect("a corpus") {
            let data = fs::read(entry.expect("an entry").path()).expect("a readable file");
            run(&data);
            // Cut off in many places, too.
            (0..data.len())
                .step_by(7)
                .for_each(|length| run(&data[..length]));
            files += 1;
        }
        assert!(files >= seeds(target).len(), "{target} has {files} files");
    }
}
