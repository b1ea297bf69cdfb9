//! Committing blocks and reading state, with 100,000 accounts in the store and synced writes.

#![allow(missing_docs)] // criterion's macros make undocumented items

use alloy_primitives::{Address, B256, U256, keccak256};
use openledger_primitives::{
    AccountChange, AccountInfo, Block, BlockBody, EMPTY_CODE_HASH, EMPTY_ROOT_HASH, Header,
    NodeReader, SealedBlock, StateChanges, StateReader,
};
use openledger_store::{Store, StoreOptions};
use openledger_trie::{ResidentLimits, StateTrie, TrieUpdates, prove};
use std::collections::BTreeMap;

const ACCOUNTS: u64 = 100_000;

/// A chain of which only the head is kept beside the store.
struct Chain {
    store: Store,
    trie: StateTrie,
    head: Option<(u64, B256)>,
}

fn address(index: u64) -> Address {
    Address::from_slice(&keccak256(index.to_be_bytes())[12..])
}

fn changes(seed: u64, accounts: impl Iterator<Item = u64>, slots: u64) -> StateChanges {
    let change = |index: u64| AccountChange {
        info: Some(AccountInfo {
            nonce: seed,
            balance: U256::from(index) << 60,
            code_hash: EMPTY_CODE_HASH,
        }),
        storage_wiped: false,
        storage: (0..slots)
            .map(|n| (U256::from(n), U256::from(seed + n + 1)))
            .collect(),
    };
    StateChanges {
        accounts: accounts
            .map(|index| (address(index), change(index)))
            .collect(),
        code: BTreeMap::new(),
    }
}

impl Chain {
    fn new(path: &std::path::Path) -> Self {
        let store = Store::open(path, StoreOptions::default()).expect("a new store");
        let limits = ResidentLimits {
            nodes_max: 2_000_000,
            keys_max: 200_000,
        };
        Self {
            store,
            trie: StateTrie::new(EMPTY_ROOT_HASH, limits),
            head: None,
        }
    }

    fn next(&mut self, changes: &StateChanges) -> (SealedBlock, TrieUpdates) {
        let updates = match self.store.latest() {
            Ok(latest) => self.trie.update(changes, &latest, &latest),
            Err(_) => {
                let store = &self.store;
                let nothing = Nothing(store);
                self.trie.update(changes, &nothing, &nothing)
            }
        };
        let updates = updates.expect("a sound store");
        let header = Header {
            number: self.head.map_or(0, |(number, _)| number + 1),
            parent_hash: self.head.map_or(B256::ZERO, |(_, hash)| hash),
            state_root: updates.root,
            ..Header::default()
        };
        let hash = header.hash_slow();
        self.head = Some((header.number, hash));
        let block = Block {
            header,
            body: BlockBody::default(),
        };
        (
            SealedBlock {
                hash,
                block,
                senders: vec![],
                receipts: vec![],
            },
            updates,
        )
    }
}

/// The state before genesis: empty, and with no node to read.
struct Nothing<'a>(&'a Store);

impl StateReader for Nothing<'_> {
    type Error = openledger_store::StoreError;
    fn account(&self, _: Address) -> Result<Option<openledger_primitives::Account>, Self::Error> {
        Ok(None)
    }
    fn storage(&self, _: Address, _: U256) -> Result<U256, Self::Error> {
        Ok(U256::ZERO)
    }
    fn code(&self, _: B256) -> Result<Option<alloy_primitives::Bytes>, Self::Error> {
        Ok(None)
    }
    fn block_hash(&self, _: u64) -> Result<Option<B256>, Self::Error> {
        Ok(None)
    }
}

impl NodeReader for Nothing<'_> {
    type Error = openledger_store::StoreError;
    fn node(
        &self,
        account: Option<B256>,
        path: &[u8],
        hash: B256,
    ) -> Result<alloy_primitives::Bytes, Self::Error> {
        self.0.latest()?.node(account, path, hash)
    }
}

fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    s.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
}
fn proc_cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.split(' ').collect();
    (f[13].parse::<f64>().unwrap() + f[14].parse::<f64>().unwrap()) * 10.0
}
fn rss() -> String {
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    s.lines().find(|l| l.starts_with("VmRSS")).unwrap().to_string()
}
fn main() {
    let directory = tempfile::tempdir_in("/root").expect("a temporary directory");
    println!("{}", rss());
    let s = std::time::Instant::now();
    let store = Store::open(directory.path(), StoreOptions::default()).unwrap();
    println!("create {:?} {}", s.elapsed(), rss());
    drop(store);
    let s = std::time::Instant::now();
    let store = Store::open(directory.path(), StoreOptions::default()).unwrap();
    println!("reopen {:?} {}", s.elapsed(), rss());
    let mut v = vec![];
    for i in 0..2000 { let s = std::time::Instant::now(); store.journal_append(&[(1, i, &[7; 150])]).unwrap(); v.push(s.elapsed().as_secs_f64()*1e6); }
    v.sort_by(f64::total_cmp);
    println!("journal append p50 {:.0} us p99 {:.0} us", v[1000], v[1980]);
    drop(store);
    let mut chain = Chain::new(directory.path());
    let genesis = changes(0, 0..ACCOUNTS, 0);
    let (block, updates) = chain.next(&genesis);
    let s = std::time::Instant::now();
    chain.store.commit_genesis(&block, &genesis, &updates).expect("genesis");
    println!("genesis {:?} {}", s.elapsed(), rss());
    let spread = |seed: u64, n: u64| (seed * 7919 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15) % ACCOUNTS;
    for round in 0..3 {
        let (mut t, mut c, mut w, mut tw, mut nodes, mut pc) = (0.0, 0.0, 0.0, 0.0, 0, 0.0);
        const N: u64 = 40;
        for i in 0..N {
            let seed = round * 100 + i + 1;
            let ch = changes(seed, (0..1000).map(|n| spread(seed, n)), 0);
            let a = cpu();
            let p = proc_cpu();
            let s = std::time::Instant::now();
            let (block, updates) = chain.next(&ch);
            tw += s.elapsed().as_secs_f64() * 1e3;
            pc += proc_cpu() - p;
            let b = cpu();
            let s = std::time::Instant::now();
            chain.store.commit(&block, &ch, &updates).unwrap();
            w += s.elapsed().as_secs_f64() * 1e3;
            let d = cpu();
            t += b - a;
            c += d - b;
            nodes += updates.nodes.len();
        }
        let n = N as f64;
        println!("trie {:.2} ms cpu ({:.1} all threads), {:.2} wall; commit {:.2} ms cpu, {:.2} ms wall; nodes {} {}", t / n, pc / n, tw / n, c / n, w / n, nodes as u64 / N, rss());
    }
    let mut lat = vec![];
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|sc| {
        let store = chain.store.clone();
        let done = &done;
        let h = sc.spawn(move || { let mut lat = vec![]; let mut i = 0; while !done.load(std::sync::atomic::Ordering::Relaxed) { i += 1; let s = std::time::Instant::now(); store.journal_append(&[(u64::MAX-1, i, &[7; 150])]).unwrap(); lat.push(s.elapsed().as_secs_f64()*1e6); std::thread::sleep(std::time::Duration::from_micros(300)); } lat });
        for i in 0..20 { let seed = 1000 + i; let ch = changes(seed, (0..1000).map(|n| spread(seed, n)), 0); let (block, updates) = chain.next(&ch); chain.store.commit(&block, &ch, &updates).unwrap(); }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        lat = h.join().unwrap();
    });
    lat.sort_by(f64::total_cmp);
    println!("journal append under commits p50 {:.0} us p99 {:.0} us max {:.0} n {}", lat[lat.len()/2], lat[lat.len()*99/100], lat[lat.len()-1], lat.len());
    if std::env::args().len() > 1 { let s = std::time::Instant::now(); chain.store.flush().unwrap(); println!("flush {:?}", s.elapsed()); }
    drop(chain);
    let s = std::time::Instant::now();
    let _store = Store::open(directory.path(), StoreOptions::default()).unwrap();
    println!("reopen {:?} {}", s.elapsed(), rss());
}
