use super::{
    block::{Accounts, Block, Included, receipt},
    execution::{BLOBS_MAX, execute},
    pool::{Pool, Pooled, Refusal, SidecarRule},
};
use alloy_consensus::{
    EMPTY_OMMER_ROOT_HASH, Header, Transaction as _,
    constants::EMPTY_WITHDRAWALS,
    proofs::{calculate_receipt_root, calculate_transaction_root},
};
use alloy_eips::{
    eip1559::{BaseFeeParams, calc_next_block_base_fee},
    eip4844::DATA_GAS_PER_BLOB,
    eip7685::EMPTY_REQUESTS_HASH,
    eip7840::BlobParams,
};
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U256, keccak256};
use revm::{database::EmptyDB, state::AccountInfo};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Gas limit of a block.
pub const GAS_LIMIT: u64 = 36_000_000;

/// What a simulated L1 begins with, and how it goes on.
#[derive(Debug, Clone)]
pub struct Options {
    /// What block hashes are made of.
    pub seed: u64,
    /// Chain id.
    pub chain_id: u64,
    /// Timestamp of block 0, seconds.
    pub timestamp: u64,
    /// Seconds between blocks.
    pub block_time: u64,
    /// Base fee of block 0, wei.
    pub base_fee: u64,
    /// How far the safe block is behind the newest.
    pub safe_depth: u64,
    /// How far the finalized block is behind the newest.
    pub final_depth: u64,
    /// Accounts with ETH, wei.
    pub funded: BTreeMap<Address, U256>,
}

/// What answers what is not asked for, or not at all.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// JSON-RPC answers nothing but status 503.
    pub rpc_down: bool,
    /// JSON-RPC knows so many blocks less than there are.
    pub lag: u64,
    /// JSON-RPC answers `null` for the receipts of any block.
    pub receipts_withheld: bool,
    /// JSON-RPC takes transactions, says so, and forgets them.
    pub transactions_lost: bool,
    /// The beacon node answers nothing but status 503.
    pub beacon_down: bool,
    /// The beacon node has no blobs of blocks from this one on.
    pub blobs_withheld_from: Option<u64>,
}

/// Which of the waiting transactions a block may include.
pub type Filter<'a> = &'a dyn Fn(&Pooled) -> bool;

/// The simulated L1: its blocks, its pool, and what is wrong with it. What happens under one borrow is
/// seen from outside as one step.
#[derive(Debug)]
pub struct State {
    options: Options,
    /// From block 0 on.
    canonical: Vec<Arc<Block>>,
    by_hash: HashMap<B256, Arc<Block>>,
    /// What waits.
    pub pool: Pool,
    /// What is wrong at the moment.
    pub faults: Faults,
    /// How blobs must be proved.
    pub sidecars: SidecarRule,
    /// Base fee of the next blocks, wei, instead of what follows from the block before.
    pub base_fee: Option<u64>,
    /// Excess blob gas of the next blocks, instead of what follows from the block before.
    pub excess_blob_gas: Option<u64>,
    /// Seconds between the next blocks, instead of what the options say.
    pub block_time: Option<u64>,
    /// Finalized blocks don't leave the chain; a finality that goes on is kept here.
    finalized: u64,
    /// Reorganizations so far: makes blocks of the same height differ.
    forks: u64,
}

impl State {
    pub(super) fn new(options: Options) -> Self {
        let mut accounts = Accounts::new(EmptyDB::default());
        for (address, balance) in &options.funded {
            accounts.insert_account_info(
                *address,
                AccountInfo {
                    balance: *balance,
                    ..Default::default()
                },
            );
        }
        let header = Header {
            timestamp: options.timestamp,
            base_fee_per_gas: Some(options.base_fee),
            ..blank(&options, 0, 0)
        };
        let hash = header.hash_slow();
        let first = Arc::new(Block {
            header,
            hash,
            transactions: Vec::new(),
            blobs: BTreeMap::new(),
            accounts: Arc::new(accounts),
        });
        Self {
            options,
            by_hash: HashMap::from([(hash, first.clone())]),
            canonical: vec![first],
            pool: Pool::default(),
            faults: Faults::default(),
            sidecars: SidecarRule::BlobProofs,
            base_fee: None,
            excess_blob_gas: None,
            block_time: None,
            finalized: 0,
            forks: 0,
        }
    }

    /// What it began with.
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// The newest block.
    pub fn head(&self) -> &Arc<Block> {
        // Block 0 never leaves.
        &self.canonical[self.canonical.len() - 1]
    }

    /// The canonical block at a height.
    pub fn block(&self, number: u64) -> Option<&Arc<Block>> {
        self.canonical.get(usize::try_from(number).ok()?)
    }

    /// Any block that ever was, by its hash.
    pub fn block_by_hash(&self, hash: B256) -> Option<&Arc<Block>> {
        self.by_hash.get(&hash)
    }

    /// All canonical blocks.
    pub fn blocks(&self) -> &[Arc<Block>] {
        &self.canonical
    }

    /// The canonical block that includes a transaction, and its place there.
    pub fn find(&self, tx_hash: B256) -> Option<(&Arc<Block>, usize)> {
        self.canonical.iter().rev().find_map(|block| {
            let mut transactions = block.transactions.iter();
            let index = transactions.position(|tx| *tx.envelope.tx_hash() == tx_hash)?;
            Some((block, index))
        })
    }

    /// Number of the safe block.
    pub fn safe(&self) -> u64 {
        let head = self.head().header.number;
        head.saturating_sub(self.options.safe_depth)
            .max(self.finalized)
    }

    /// Number of the finalized block.
    pub const fn finalized(&self) -> u64 {
        self.finalized
    }

    /// Takes a raw transaction into the pool.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn submit(&mut self, raw: Bytes) -> Result<B256, Refusal> {
        let tx = Pooled::decode(raw, self.sidecars)?;
        let head = self.head().clone();
        self.pool.add(tx, self.options.chain_id, &head)
    }

    /// Fees of the next block: base fee, and excess blob gas.
    pub fn next_fees(&self) -> (u64, u64) {
        let header = &self.head().header;
        let base_fee = calc_next_block_base_fee(
            header.gas_used,
            header.gas_limit,
            header.base_fee_per_gas.unwrap_or_default(),
            BaseFeeParams::ethereum(),
        );
        let used = header.blob_gas_used.unwrap_or_default();
        let excess = header.excess_blob_gas.unwrap_or_default();
        let target = BlobParams::prague().target_blob_gas_per_block();
        (
            self.base_fee.unwrap_or(base_fee),
            self.excess_blob_gas
                .unwrap_or_else(|| (excess + used).saturating_sub(target)),
        )
    }

    /// Mines a block with what the pool has.
    pub fn mine(&mut self) -> Arc<Block> {
        self.mine_with(&[], &|_| true)
    }

    /// Mines a block that begins with these raw transactions, whatever the pool thinks of them, and goes
    /// on with what the filter admits of the pool. One of the first that can't be executed is left out.
    pub fn mine_with(&mut self, first: &[Bytes], admits: Filter<'_>) -> Arc<Block> {
        let parent = self.head().clone();
        let (base_fee, excess) = self.next_fees();
        let number = parent.header.number + 1;
        let mut header = Header {
            parent_hash: parent.hash,
            timestamp: parent.header.timestamp + self.block_time.unwrap_or(self.options.block_time),
            base_fee_per_gas: Some(base_fee),
            excess_blob_gas: Some(excess),
            ..blank(&self.options, number, self.forks)
        };
        let blob_base_fee = BlobParams::prague().calc_blob_fee(excess);
        let mut draft = Draft {
            chain_id: self.options.chain_id,
            accounts: parent.accounts.as_ref().clone(),
            transactions: Vec::new(),
            blobs: BTreeMap::new(),
            gas_used: 0,
            blob_count: 0,
        };
        for raw in first {
            if let Ok(tx) = Pooled::decode(raw.clone(), self.sidecars) {
                draft.include(&header, tx);
            }
        }
        let mut passed_over: Vec<B256> = Vec::new();
        loop {
            let next_nonce = |address| draft.nonce(address);
            let fits =
                |tx: &Pooled| draft.has_room(tx) && admits(tx) && !passed_over.contains(&tx.hash());
            let Some(tx) = self.pool.best(base_fee, blob_base_fee, next_nonce, fits) else {
                break;
            };
            let hash = tx.hash();
            if !draft.include(&header, tx) {
                passed_over.push(hash);
            }
        }
        header.gas_used = draft.gas_used;
        header.blob_gas_used = Some(draft.blob_count * DATA_GAS_PER_BLOB);
        let envelopes: Vec<_> = draft
            .transactions
            .iter()
            .map(|tx| tx.envelope.clone())
            .collect();
        let receipts: Vec<_> = draft
            .transactions
            .iter()
            .map(|tx| tx.receipt.clone())
            .collect();
        header.transactions_root = calculate_transaction_root(&envelopes);
        header.receipts_root = calculate_receipt_root(&receipts);
        header.logs_bloom = receipts
            .iter()
            .fold(Bloom::ZERO, |bloom, receipt| bloom | *receipt.logs_bloom());
        let hash = header.hash_slow();
        let block = Arc::new(Block {
            header,
            hash,
            transactions: draft.transactions,
            blobs: draft.blobs,
            accounts: Arc::new(draft.accounts),
        });
        self.by_hash.insert(hash, block.clone());
        self.canonical.push(block.clone());
        self.pool.settle(&block);
        let newly_final = number.saturating_sub(self.options.final_depth);
        self.finalized = self.finalized.max(newly_final);
        block
    }

    /// Takes the newest `depth` blocks out of the chain; what was in them waits again, as far as the
    /// pool takes it and `keeps` says so. Whoever asks must not see it like that: blocks of another
    /// branch belong into the same step. Answers the transactions that were in the orphaned blocks.
    pub fn orphan(&mut self, depth: u64, keeps: &dyn Fn(&Included) -> bool) -> Vec<Included> {
        let keep = self
            .canonical
            .len()
            .saturating_sub(usize::try_from(depth).unwrap_or(usize::MAX));
        let orphaned = self.canonical.split_off(keep.max(1));
        self.forks += 1;
        self.finalized = self.finalized.min(self.head().header.number);
        let transactions: Vec<Included> = orphaned
            .iter()
            .flat_map(|block| block.transactions.iter().cloned())
            .collect();
        // What came later than the orphaned waits behind them.
        let waiting = std::mem::take(&mut self.pool);
        for tx in transactions.iter().filter(|tx| keeps(tx)) {
            // Refused is what a node would have dropped, too.
            let _ = self.submit(tx.raw.clone());
        }
        for raw in waiting.into_raw() {
            let _ = self.submit(raw);
        }
        transactions
    }

    /// A reorganization: the newest `depth` blocks are replaced by `depth + 1` others, which include
    /// what was orphaned as soon as they can. Answers what was orphaned.
    pub fn reorganize(&mut self, depth: u64) -> Vec<Included> {
        let orphaned = self.orphan(depth, &|_| true);
        for _ in 0..=depth {
            self.mine();
        }
        orphaned
    }
}

/// A block that is being filled.
struct Draft {
    chain_id: u64,
    accounts: Accounts,
    transactions: Vec<Included>,
    blobs: BTreeMap<B256, Arc<super::block::StoredBlob>>,
    gas_used: u64,
    blob_count: u64,
}

impl Draft {
    fn nonce(&self, address: Address) -> u64 {
        let account = self.accounts.cache.accounts.get(&address);
        account
            .and_then(|account| account.info())
            .map_or(0, |info| info.nonce)
    }

    fn has_room(&self, tx: &Pooled) -> bool {
        self.gas_used + tx.envelope.gas_limit() <= GAS_LIMIT
            && self.blob_count + tx.blobs.len() as u64 <= BLOBS_MAX
    }

    /// Executes a transaction into the block; `false` if that is not possible.
    fn include(&mut self, header: &Header, tx: Pooled) -> bool {
        if !self.has_room(&tx) {
            return false;
        }
        let Some(executed) = execute(
            self.chain_id,
            header,
            &mut self.accounts,
            &tx.envelope,
            tx.sender,
        ) else {
            return false;
        };
        self.gas_used += executed.gas_used;
        self.blob_count += tx.blobs.len() as u64;
        self.blobs.extend(tx.blobs);
        let tx_type = tx.envelope.tx_type();
        self.transactions.push(Included {
            receipt: receipt(tx_type, executed.success, self.gas_used, executed.logs),
            gas_used: executed.gas_used,
            contract: executed.contract,
            envelope: tx.envelope,
            sender: tx.sender,
            raw: tx.raw,
        });
        true
    }
}

/// A header of a block without transactions. The state root is made up: nobody proves anything of this
/// L1's state.
fn blank(options: &Options, number: u64, forks: u64) -> Header {
    let made_up = |what: u8| {
        let words = [options.seed, number, forks];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.push(what);
        keccak256(bytes)
    };
    Header {
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: Address::repeat_byte(0xfe),
        state_root: made_up(0),
        transactions_root: alloy_consensus::EMPTY_ROOT_HASH,
        receipts_root: alloy_consensus::EMPTY_ROOT_HASH,
        number,
        gas_limit: GAS_LIMIT,
        mix_hash: made_up(1),
        nonce: B64::ZERO,
        withdrawals_root: Some(EMPTY_WITHDRAWALS),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(made_up(2)),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{simulated_l1::Order, wallet::Wallet};
    use alloy_consensus::TxEnvelope;
    use alloy_eips::Decodable2718 as _;

    const ETHER: u128 = 1_000_000_000_000_000_000;

    fn wallet(index: usize) -> Wallet {
        Wallet::from_seed(5, index).expect("a key")
    }

    fn l1() -> State {
        State::new(Options {
            seed: 1,
            chain_id: 900,
            timestamp: 1_000,
            block_time: 12,
            base_fee: 1_000_000_000,
            safe_depth: 2,
            final_depth: 4,
            funded: (0..3)
                .map(|index| (wallet(index).address(), U256::from(ETHER)))
                .collect(),
        })
    }

    fn cheap(to: Address) -> Order {
        Order {
            gas_limit: 30_000,
            max_fee: 3_000_000_000,
            tip: 1_000_000_000,
            max_blob_fee: 10,
            ..Order::call(to, Vec::new())
        }
    }

    #[test]
    fn blocks_hash_to_what_they_say_and_follow_from_the_seed() {
        let mut chains = [l1(), l1()];
        for chain in &mut chains {
            chain
                .order(&cheap(Address::ZERO), &wallet(0))
                .expect("taken");
            let block = chain.mine();
            assert_eq!(block.transactions.len(), 1);
            assert_eq!(block.header.hash_slow(), block.hash);
            assert_eq!(block.header.timestamp, 1_012);
            let raw = &block.transactions[0].raw;
            let tx = TxEnvelope::decode_2718_exact(raw).expect("a transaction");
            assert_eq!(tx, block.transactions[0].envelope);
            assert_eq!(block.account(wallet(0).address()).nonce, 1);
        }
        assert_eq!(chains[0].head().hash, chains[1].head().hash);
    }

    #[test]
    fn the_pool_has_the_rules_of_nodes() {
        let mut l1 = l1();
        let (from, to) = (wallet(0), Address::ZERO);
        let first = cheap(to);
        l1.order(&first, &from).expect("taken");
        let again = first.sign(900, &from, 0);
        assert_eq!(l1.submit(again), Err(Refusal::Known));
        let little_more = Order {
            max_fee: 3_100_000_000,
            ..first.clone()
        };
        let raw = little_more.sign(900, &from, 0);
        assert_eq!(l1.submit(raw), Err(Refusal::ReplacementUnderpriced));
        let more = Order {
            max_fee: 3_300_000_000,
            tip: 1_100_000_000,
            ..first.clone()
        };
        l1.submit(more.sign(900, &from, 0)).expect("replaces it");
        let with_blob = Order {
            blobs: vec![Default::default()],
            ..first.clone()
        };
        assert_eq!(l1.order(&with_blob, &from), Err(Refusal::Reserved));
        l1.order(&with_blob, &wallet(1)).expect("another account");
        let dear = Order {
            value: U256::from(2 * ETHER),
            ..first.clone()
        };
        assert!(matches!(
            l1.order(&dear, &wallet(2)),
            Err(Refusal::Funds { .. })
        ));
        let block = l1.mine();
        assert_eq!(block.transactions.len(), 2);
        assert_eq!(block.blobs.len(), 1);
        assert!(l1.pool.is_empty());
        let raw = first.sign(900, &from, 0);
        assert!(matches!(
            l1.submit(raw),
            Err(Refusal::NonceTooLow { next: 1, nonce: 0 })
        ));
    }

    #[test]
    fn what_is_orphaned_waits_again_and_heads_keep_their_order() {
        let mut l1 = l1();
        for _ in 0..6 {
            l1.mine();
        }
        assert_eq!((l1.safe(), l1.finalized()), (4, 2));
        l1.order(&cheap(Address::ZERO), &wallet(0)).expect("taken");
        let old = l1.mine();
        let orphaned = l1.reorganize(1);
        assert_eq!(orphaned.len(), 1);
        let replaced = l1.block(old.header.number).expect("a block").clone();
        assert_ne!(replaced.hash, old.hash);
        assert_eq!(replaced.transactions.len(), 1);
        assert_eq!(l1.head().header.number, old.header.number + 1);
        assert!(l1.block_by_hash(old.hash).is_some());
        assert!(l1.finalized() <= l1.safe() && l1.safe() <= l1.head().header.number);
        // Or it is lost.
        l1.orphan(2, &|_| false);
        l1.mine();
        assert!(l1.pool.is_empty() && l1.head().transactions.is_empty());
    }
}
