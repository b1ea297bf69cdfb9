//! A chain in a temporary directory, a made-up L1, and the builder on them.

use alloy_consensus::{SignableTransaction as _, TxEip1559};
use alloy_genesis::{ChainConfig as GenesisConfig, Genesis, GenesisAccount};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, bytes, keccak256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use op_alloy_consensus::TxDeposit;
use openledger_builder::{Builder, BuilderConfig, BuilderError, BuilderHandle, Mode, OriginFeed};
use openledger_chain::{
    Chain, ChainFiles, ChainOptions, LocalCommand, Sequencer as _, Submission, SubmitError,
    genesis_block,
};
use openledger_derive::L1Input;
use openledger_mempool::{Mempool, MempoolConfig, RecoveredTransaction};
use openledger_primitives::{
    ChainConfig, ChainGenesis, FeeConfig, ForkTimes, GenesisId, L1ChainConfig, L1Contracts,
    SystemConfig, Transaction, predeploys,
};
use openledger_protocol::L1Block;
use openledger_store::{Store, StoreOptions};
use std::{
    collections::BTreeMap,
    sync::Arc,
    thread::JoinHandle,
    time::{SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;

const CHAIN_ID: u64 = 161_299;
/// Seconds between L1 blocks.
const L1_BLOCK_TIME: u64 = 12;
/// How long ago both chains began, seconds.
const AGE: u64 = 1_200;
/// Burns all the gas that it gets.
pub(crate) const BURNER: Address = address!("00000000000000000000000000000000000c0003");
/// Takes transfers.
pub(crate) const SINK: Address = Address::repeat_byte(0x51);

/// The key with this number. Those from 1 to 3 are funded.
pub(crate) fn key(number: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::with_last_byte(number)).unwrap()
}

/// A transaction of [`key`] `number`.
pub(crate) fn transaction(number: u8, nonce: u64, to: Address, gas: u64) -> RecoveredTransaction {
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: gas,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1_000,
        to: TxKind::Call(to),
        value: U256::from(1),
        access_list: Default::default(),
        input: Bytes::new(),
    };
    let signature = key(number).sign_hash_sync(&tx.signature_hash()).unwrap();
    let transaction = Transaction::Eip1559(tx.into_signed(signature));
    RecoveredTransaction::new_unchecked(transaction, key(number).address())
}

pub(crate) fn transfer(number: u8, nonce: u64) -> RecoveredTransaction {
    transaction(number, nonce, SINK, 21_000)
}

/// What an account is given on L1, by another one.
pub(crate) fn deposit(to: Address) -> Transaction {
    let amount = 10_u64.pow(18);
    TxDeposit {
        source_hash: keccak256(to),
        from: Address::repeat_byte(0xd0),
        to: TxKind::Call(to),
        mint: amount.into(),
        value: U256::from(amount),
        gas_limit: 50_000,
        is_system_transaction: false,
        input: Bytes::new(),
    }
    .into()
}

pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

pub(crate) struct Fixture {
    pub(crate) chain: Arc<Chain>,
    pub(crate) genesis_time: u64,
    _directory: TempDir,
}

/// What may differ between two fixtures.
pub(crate) struct Options {
    pub(crate) gas_limit: u64,
    pub(crate) block_time: u64,
    /// Jovian from genesis on, with this gas per byte of DA footprint.
    pub(crate) jovian: Option<u16>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            gas_limit: 60_000_000,
            block_time: 1,
            jovian: None,
        }
    }
}

impl Fixture {
    pub(crate) fn new(options: &Options) -> Self {
        let genesis_time = now() - AGE;
        let directory = TempDir::new().unwrap();
        let store = Store::open(&directory.path().join("store"), StoreOptions::default()).unwrap();
        let files = files(options, genesis_time);
        let chain = Arc::new(Chain::open(&files, store, ChainOptions::default()).unwrap());
        Self {
            chain,
            genesis_time,
            _directory: directory,
        }
    }

    /// L1 block `number` of a branch of the L1; all branches share block 0.
    pub(crate) fn l1(&self, number: u64, branch: u8, deposits: Vec<Transaction>) -> L1Input {
        L1Input {
            block: l1_block(self.genesis_time, number, branch),
            deposits,
            ..L1Input::default()
        }
    }

    /// Starts a builder that seals on request, on a feed of these L1 blocks.
    pub(crate) fn build(&self, config: BuilderConfig, origins: Vec<L1Input>) -> Node {
        let feed = Arc::new(OriginFeed::new(64));
        for origin in origins {
            assert!(feed.push(origin));
        }
        let mempool = Arc::new(Mempool::new(MempoolConfig::default()));
        let (handle, thread) =
            Builder::start(config, self.chain.clone(), mempool.clone(), feed.clone()).unwrap();
        Node {
            chain: self.chain.clone(),
            handle,
            mempool,
            feed,
            thread,
        }
    }
}

/// A configuration for tests: blocks are sealed by [`Node::mine`].
pub(crate) fn manual() -> BuilderConfig {
    BuilderConfig {
        mode: Mode::Manual,
        settled: false,
        ..BuilderConfig::default()
    }
}

/// A running builder.
pub(crate) struct Node {
    pub(crate) chain: Arc<Chain>,
    pub(crate) handle: Arc<BuilderHandle>,
    pub(crate) mempool: Arc<Mempool>,
    pub(crate) feed: Arc<OriginFeed>,
    thread: JoinHandle<Result<(), BuilderError>>,
}

impl Node {
    pub(crate) async fn submit(
        &self,
        transaction: RecoveredTransaction,
    ) -> Result<Submission, SubmitError> {
        self.handle.submit(transaction).await
    }

    /// Submits what must be executed at once.
    pub(crate) async fn execute(&self, transaction: RecoveredTransaction) {
        let submitted = self.submit(transaction).await.unwrap();
        assert!(
            matches!(submitted, Submission::Preconfirmed(_)),
            "{submitted:?}"
        );
    }

    /// Submits what must wait in the pool.
    pub(crate) async fn wait(&self, transaction: RecoveredTransaction) {
        let submitted = self.submit(transaction).await.unwrap();
        assert!(matches!(submitted, Submission::Pooled), "{submitted:?}");
    }

    /// Seals the open block and opens the next; answers the signed transactions of the sealed one.
    pub(crate) async fn mine(&self) -> Vec<B256> {
        let number = self.chain.head().number + 1;
        let mine = LocalCommand::Mine {
            blocks: 1,
            interval: 0,
        };
        self.handle.local(mine).await.unwrap();
        let block = self.chain.block(number).unwrap().expect("it was sealed");
        let transactions = block.block.body.transactions.iter();
        transactions
            .filter(|tx| !tx.is_deposit())
            .map(|tx| tx.tx_hash())
            .collect()
    }

    /// Puts another branch of the L1 from block 1 on in place of this one.
    pub(crate) async fn reorganize(&self, branch: Vec<L1Input>) -> usize {
        self.feed.clear();
        for origin in branch {
            assert!(self.feed.push(origin));
        }
        self.handle.reorganize(0).await.unwrap()
    }

    pub(crate) fn stop(self) {
        self.handle.shutdown();
        self.thread.join().unwrap().unwrap();
    }
}

fn l1_block(genesis_time: u64, number: u64, branch: u8) -> L1Block {
    let hash = |number: u64| {
        let branch = if number == 0 { 0 } else { branch };
        keccak256([&[branch], &number.to_be_bytes()[..]].concat())
    };
    L1Block {
        number,
        hash: hash(number),
        parent_hash: number.checked_sub(1).map_or(B256::ZERO, hash),
        timestamp: genesis_time + number * L1_BLOCK_TIME,
        base_fee: 1_000_000_000,
        prev_randao: B256::repeat_byte(branch),
        parent_beacon_block_root: Some(B256::ZERO),
        blob_base_fee: 1,
    }
}

/// The contract does nothing: what it would have been told of the DA footprint is there from the start.
fn l1_block_account(options: &Options) -> GenesisAccount {
    let mut slot = B256::ZERO;
    let scalar = options.jovian.unwrap_or_default();
    slot.0[18..20].copy_from_slice(&scalar.to_be_bytes());
    GenesisAccount {
        nonce: Some(1),
        code: Some(bytes!("00")),
        storage: Some(BTreeMap::from([(B256::with_last_byte(8), slot)])),
        ..GenesisAccount::default()
    }
}

fn files(options: &Options, genesis_time: u64) -> ChainFiles {
    let code = |code: Bytes| GenesisAccount {
        nonce: Some(1),
        code: Some(code),
        ..GenesisAccount::default()
    };
    let mut alloc = BTreeMap::from([
        // JUMPDEST PUSH0 JUMP
        (BURNER, code(bytes!("5b5f56"))),
        (predeploys::L1_BLOCK, l1_block_account(options)),
        (predeploys::L2_TO_L1_MESSAGE_PASSER, code(bytes!("00"))),
    ]);
    for number in 1..=3 {
        let balance = U256::from(10_u64.pow(18)) * U256::from(10_000);
        let account = GenesisAccount {
            balance,
            ..GenesisAccount::default()
        };
        alloc.insert(key(number).address(), account);
    }
    let genesis = Genesis {
        config: GenesisConfig {
            chain_id: CHAIN_ID,
            ..GenesisConfig::default()
        },
        timestamp: genesis_time,
        gas_limit: options.gas_limit,
        base_fee_per_gas: Some(1_000_000),
        extra_data: match options.jovian {
            Some(_) => bytes!("01000000fa000000060000000000000000"),
            None => bytes!("00000000fa00000006"),
        },
        coinbase: predeploys::SEQUENCER_FEE_VAULT,
        alloc,
        ..Genesis::default()
    };
    let hash = genesis_block(&genesis).unwrap().0.hash;
    let rollup = ChainConfig {
        genesis: ChainGenesis {
            l1: GenesisId {
                hash: l1_block(genesis_time, 0, 0).hash,
                number: 0,
            },
            l2: GenesisId { hash, number: 0 },
            l2_time: genesis_time,
            system_config: SystemConfig {
                batcher_address: Address::ZERO,
                overhead: B256::ZERO,
                scalar: SystemConfig::encode_scalar(1_368, 810_949),
                gas_limit: options.gas_limit,
                eip1559_params: Default::default(),
                operator_fee_params: B256::ZERO,
                min_base_fee: 0,
                da_footprint_gas_scalar: options.jovian.unwrap_or_default(),
            },
        },
        block_time: options.block_time,
        max_sequencer_drift: 600,
        seq_window_size: 3_600,
        channel_timeout: 300,
        l1_chain_id: 900,
        l2_chain_id: CHAIN_ID,
        forks: ForkTimes {
            jovian_time: options.jovian.map(|_| 0),
            ..ForkTimes::ISTHMUS
        },
        batch_inbox_address: Address::ZERO,
        deposit_contract_address: Address::ZERO,
        l1_system_config_address: Address::ZERO,
        protocol_versions_address: Address::ZERO,
        chain_op_config: FeeConfig::default(),
        jovian_upgrade: None,
    };
    let l1 = L1ChainConfig {
        chain_id: 900,
        blob_schedule: L1ChainConfig::prague_schedule(),
        contracts: L1Contracts::default(),
        roles: None,
    };
    ChainFiles {
        genesis,
        rollup,
        l1,
    }
}
