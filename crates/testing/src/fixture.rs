//! A chain in this process: the local chain's genesis (built by the CLI's own builder) with funded keys, a
//! made-up L1, a store in a temporary directory, and the real executor, chain, mempool and block builder on
//! top.
//!
//! Tests take blocks in two ways: [`Fixture::extend`] executes prescribed transactions through
//! [`Chain::execute`], as derivation does; [`Fixture::start_builder`] runs the sequencer's builder, to which
//! transactions are submitted.

use crate::wallet::{SignedTransaction, Wallet};
use alloy_consensus::TxEip1559;
use alloy_eips::Decodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, hex, keccak256, uint};
use anyhow::{Context as _, Result};
use openledger_builder::{Builder, BuilderConfig, BuilderError, BuilderHandle, OriginFeed};
use openledger_chain::{Chain, ChainFiles, ChainOptions};
use openledger_cli::genesis::{GenesisParameters, LOCAL_CHAIN_ID, ProtocolSettings, chain_files};
use openledger_derive::L1Input;
use openledger_mempool::{Mempool, MempoolConfig};
use openledger_primitives::{
    BlockAttributes, ForkTimes, GenesisId, JovianUpgrade, L1Contracts, SealedBlock,
    StateReader as _, SystemConfig, Transaction,
};
use openledger_protocol::{
    L1Block, L2BlockRef, check_jovian_upgrade, payload_attributes, system_config_of,
};
use openledger_store::{Store, StoreOptions};
use std::{collections::BTreeMap, path::Path, sync::Arc, thread::JoinHandle};
use tempfile::TempDir;

/// Seconds between the blocks of the made-up L1.
pub const L1_BLOCK_TIME: u64 = 12;
/// Chain id of the made-up L1.
pub const L1_CHAIN_ID: u64 = 900;
/// Timestamp of both genesis blocks unless said otherwise.
pub const GENESIS_TIMESTAMP: u64 = 1_700_000_000;
/// What each funded account has at genesis, wei.
pub const FUNDS: U256 = uint!(10_000_000_000_000_000_000_000_U256);
/// Seed of the funded accounts' keys.
const SEED: u64 = 0x0fe9;
/// The most that [`Fixture::sign`] pays for a gas, and its tip, wei.
pub const MAX_FEE_WEI: u128 = 100_000_000_000;
/// The tip that [`Fixture::sign`] offers, wei a gas.
pub const TIP_WEI: u128 = 1_000_000_000;

/// What may differ between two fixtures.
#[derive(Debug, Clone)]
pub struct FixtureOptions {
    /// Timestamp of both genesis blocks, seconds.
    pub timestamp: u64,
    /// Gas limit of a block.
    pub gas_limit: u64,
    /// Accounts with keys and [`FUNDS`] each.
    pub wallets: usize,
    /// Further accounts with a balance each and no key, as ballast of the state.
    pub ballast: usize,
    /// Scalar (millionths of a wei a gas) and constant (wei) of the operator fee.
    pub operator_fee: (u32, u64),
    /// Denominator and elasticity of EIP-1559; `None` for the chain's defaults.
    pub eip1559: Option<(u32, u32)>,
    /// Least base fee, wei a gas (Jovian).
    pub min_base_fee: u64,
    /// Gas per byte of DA footprint (Jovian); zero for the default.
    pub da_footprint_gas_scalar: u16,
    /// When forks activate.
    pub forks: ForkTimes,
    /// Settings of the store.
    pub store: StoreOptions,
}

impl Default for FixtureOptions {
    fn default() -> Self {
        Self {
            timestamp: GENESIS_TIMESTAMP,
            gas_limit: 60_000_000,
            wallets: 10,
            ballast: 0,
            operator_fee: (0, 0),
            eip1559: None,
            min_base_fee: 0,
            da_footprint_gas_scalar: 0,
            forks: ForkTimes::ISTHMUS,
            store: StoreOptions::default(),
        }
    }
}

/// A chain in a temporary directory.
#[derive(Debug)]
pub struct Fixture {
    /// The chain.
    pub chain: Arc<Chain>,
    /// Its files.
    pub files: ChainFiles,
    /// The funded accounts.
    pub wallets: Vec<Wallet>,
    /// Holds the store; deleted with this.
    directory: TempDir,
}

/// A running block builder.
#[derive(Debug)]
pub struct RunningBuilder {
    /// The sequencer's interface.
    pub handle: Arc<BuilderHandle>,
    /// The pool.
    pub mempool: Arc<Mempool>,
    /// The L1 blocks that it may take as origins; the genesis origin is in it.
    pub origins: Arc<OriginFeed>,
    thread: JoinHandle<Result<(), BuilderError>>,
}

/// The made-up L1 block of this number on the L1 that starts at `genesis_timestamp`: the same whenever it
/// is asked for, with fees that differ from block to block.
pub fn l1_block(genesis_timestamp: u64, number: u64) -> L1Block {
    let hash_of = |what: &str, number: u64| keccak256(format!("{what} {number}"));
    L1Block {
        number,
        hash: hash_of("L1 block", number),
        parent_hash: number
            .checked_sub(1)
            .map_or(B256::ZERO, |parent| hash_of("L1 block", parent)),
        timestamp: genesis_timestamp + number * L1_BLOCK_TIME,
        base_fee: 7_000_000_000 + number % 1_000,
        prev_randao: hash_of("randao", number),
        parent_beacon_block_root: Some(hash_of("beacon", number)),
        blob_base_fee: 3_000_000_000 + u128::from(number % 1_000),
    }
}

/// The account of the ballast with this index.
pub fn ballast_address(index: usize) -> Address {
    Address::from_word(keccak256(format!("ballast {index}")))
}

impl Fixture {
    /// A chain that holds its genesis block.
    ///
    /// # Errors
    /// The committed contract files or the store fail.
    pub fn new(options: FixtureOptions) -> Result<Self> {
        let wallets = (0..options.wallets)
            .map(|index| Wallet::from_seed(SEED, index))
            .collect::<Result<Vec<_>>>()?;
        let mut funded: BTreeMap<Address, U256> = wallets
            .iter()
            .map(|wallet| (wallet.address(), FUNDS))
            .collect();
        funded.extend(
            (0..options.ballast).map(|index| (ballast_address(index), U256::from(index + 1))),
        );
        let files = Self::files(&options, funded)?;
        let directory = tempfile::tempdir()?;
        let store = Store::open(&directory.path().join("store"), options.store)?;
        let chain = Arc::new(Chain::open(&files, store, ChainOptions::default())?);
        Ok(Self {
            chain,
            files,
            wallets,
            directory,
        })
    }

    /// A second chain of the same files with a store of its own.
    ///
    /// # Errors
    /// The store fails.
    pub fn twin(&self) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let store = Store::open(
            &directory.path().join("store"),
            self.store().options().clone(),
        )?;
        let chain = Arc::new(Chain::open(&self.files, store, ChainOptions::default())?);
        Ok(Self {
            chain,
            files: self.files.clone(),
            wallets: self.wallets.clone(),
            directory,
        })
    }

    /// Closes the store and opens it again, as a restart does. Nothing else may hold the chain.
    ///
    /// # Errors
    /// The store fails, or is still in use.
    pub fn reopen(self) -> Result<Self> {
        let Self {
            chain,
            files,
            wallets,
            directory,
        } = self;
        let options = chain.store().options().clone();
        drop(chain);
        let store = Store::open(&directory.path().join("store"), options)?;
        let chain = Arc::new(Chain::open(&files, store, ChainOptions::default())?);
        Ok(Self {
            chain,
            files,
            wallets,
            directory,
        })
    }

    fn files(options: &FixtureOptions, funded: BTreeMap<Address, U256>) -> Result<ChainFiles> {
        let origin = l1_block(options.timestamp, 0);
        let mut files = chain_files(&GenesisParameters {
            chain_id: LOCAL_CHAIN_ID,
            timestamp: options.timestamp,
            block_time: 1,
            gas_limit: options.gas_limit,
            fee_recipient: Address::repeat_byte(0xa2),
            funded,
            settled: true,
            l1_origin: GenesisId {
                hash: origin.hash,
                number: origin.number,
            },
            l1_chain_id: L1_CHAIN_ID,
            l1_contracts: L1Contracts {
                system_config: Address::repeat_byte(0xb1),
                portal: Address::repeat_byte(0xb2),
                batch_inbox: Address::repeat_byte(0xb3),
                proxy_admin: Address::repeat_byte(0xb4),
                ..Default::default()
            },
            batcher: Address::repeat_byte(0xb5),
            settings: ProtocolSettings::new(),
            forks: options.forks,
        })?;
        files.rollup.jovian_upgrade = Some(jovian_upgrade()?);
        // The genesis block does not depend on the system configuration.
        let system = &mut files.rollup.genesis.system_config;
        let (scalar, constant) = options.operator_fee;
        system.operator_fee_params = SystemConfig::encode_operator_fee(scalar, constant);
        system.min_base_fee = options.min_base_fee;
        system.da_footprint_gas_scalar = options.da_footprint_gas_scalar;
        if let Some((denominator, elasticity)) = options.eip1559 {
            system.eip1559_params.0[..4].copy_from_slice(&denominator.to_be_bytes());
            system.eip1559_params.0[4..].copy_from_slice(&elasticity.to_be_bytes());
        }
        Ok(files)
    }

    /// The directory of the store.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The store.
    pub fn store(&self) -> &Store {
        self.chain.store()
    }

    /// The made-up L1 block of this number.
    pub fn l1_block(&self, number: u64) -> L1Block {
        l1_block(self.files.rollup.genesis.l2_time, number)
    }

    /// The made-up L1 block of this number, with what an L2 block that takes it as origin needs.
    pub fn l1_input(&self, number: u64) -> L1Input {
        L1Input {
            block: self.l1_block(number),
            ..L1Input::default()
        }
    }

    /// Attributes of the next block, without transactions from a pool. It takes the next L1 block as its
    /// origin, with these deposits, as soon as it is old enough.
    ///
    /// # Errors
    /// The store fails.
    pub fn attributes(&self, deposits: &[Transaction]) -> Result<BlockAttributes> {
        let head = self.chain.head();
        let config = self.chain.config();
        let parent = self
            .chain
            .block(head.number)?
            .context("the head is missing")?;
        let reference = L2BlockRef::from_sealed(&parent, &config.genesis)?;
        let timestamp = head.timestamp + config.block_time;
        let next = self.l1_block(reference.l1_origin.number + 1);
        let origin = if next.timestamp <= timestamp {
            next
        } else {
            self.l1_block(reference.l1_origin.number)
        };
        let system = system_config_of(&parent.block, config)?;
        Ok(payload_attributes(
            config, &reference, &system, &origin, deposits, timestamp,
        )?)
    }

    /// Appends a block with these transactions after the prescribed ones.
    ///
    /// # Errors
    /// A transaction can't be included, or the store fails.
    pub fn extend(&self, transactions: Vec<Transaction>) -> Result<Arc<SealedBlock>> {
        let mut attributes = self.attributes(&[])?;
        attributes.transactions.extend(transactions);
        Ok(self.chain.execute(&attributes)?)
    }

    /// Appends empty blocks up to the next block that takes a new L1 origin, and that block with deposits.
    ///
    /// # Errors
    /// As [`Fixture::extend`].
    pub fn deposit(&self, deposits: Vec<Transaction>) -> Result<Arc<SealedBlock>> {
        loop {
            let attributes = self.attributes(&deposits)?;
            if attributes.transactions.len() > deposits.len() {
                return Ok(self.chain.execute(&attributes)?);
            }
            self.extend(Vec::new())?;
        }
    }

    /// An account's nonce at the head.
    ///
    /// # Errors
    /// The store fails.
    pub fn nonce(&self, address: Address) -> Result<u64> {
        let (_, state) = self.chain.latest();
        Ok(state.account(address)?.unwrap_or_default().nonce)
    }

    /// An account's balance at the head, wei.
    ///
    /// # Errors
    /// The store fails.
    pub fn balance(&self, address: Address) -> Result<U256> {
        let (_, state) = self.chain.latest();
        Ok(state.account(address)?.unwrap_or_default().balance)
    }

    /// Signs a transaction of the wallet with this index, with [`MAX_FEE_WEI`] and [`TIP_WEI`].
    pub fn sign(
        &self,
        wallet: usize,
        nonce: u64,
        to: TxKind,
        value: U256,
        input: Bytes,
        gas_limit: u64,
    ) -> SignedTransaction {
        self.wallets[wallet].sign(&TxEip1559 {
            chain_id: self.files.rollup.l2_chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: MAX_FEE_WEI,
            max_priority_fee_per_gas: TIP_WEI,
            to,
            value,
            access_list: Default::default(),
            input,
        })
    }

    /// A transfer of the native token, signed.
    ///
    /// # Errors
    /// None: what is signed here decodes.
    pub fn transfer(
        &self,
        wallet: usize,
        nonce: u64,
        to: Address,
        value: u64,
    ) -> Result<Transaction> {
        let value = U256::from(value);
        decode(&self.sign(wallet, nonce, TxKind::Call(to), value, Bytes::new(), 21_000))
    }

    /// Runs the block builder on this chain. The origin of genesis and `origins` L1 blocks after it are
    /// there from the start.
    ///
    /// # Errors
    /// The builder can't be started.
    pub fn start_builder(&self, config: BuilderConfig, origins: u64) -> Result<RunningBuilder> {
        let capacity = usize::try_from(origins)?.saturating_add(2);
        let feed = Arc::new(OriginFeed::new(capacity));
        for number in 0..=origins {
            anyhow::ensure!(
                feed.push(self.l1_input(number)),
                "L1 block {number} was refused"
            );
        }
        let mempool = Arc::new(Mempool::new(MempoolConfig::default()));
        let (handle, thread) =
            Builder::start(config, self.chain.clone(), mempool.clone(), feed.clone())?;
        Ok(RunningBuilder {
            handle,
            mempool,
            origins: feed,
            thread,
        })
    }
}

impl RunningBuilder {
    /// Stops the builder and waits for its thread.
    ///
    /// # Errors
    /// What stopped it before, if anything did.
    pub fn stop(self) -> Result<()> {
        self.handle.shutdown();
        match self.thread.join() {
            Ok(result) => Ok(result?),
            Err(_) => anyhow::bail!("the builder's thread panicked"),
        }
    }
}

/// What a chain of tests deploys when it activates Jovian: contracts that pass everything on to the
/// implementations of genesis, which know Jovian. With the files of the OP specification in the directory that
/// `OPENLEDGER_UPGRADES` names, it is what real chains deploy.
///
/// # Errors
/// The variable is set, and the files can't be read.
pub fn jovian_upgrade() -> Result<JovianUpgrade> {
    let Some(directory) = std::env::var_os("OPENLEDGER_UPGRADES") else {
        return Ok(JovianUpgrade {
            l1_block: forwarder(address!("c0d3C0D3C0D3c0D3C0D3C0d3C0D3c0D3c0d30015")),
            gas_price_oracle: forwarder(address!("c0d3C0D3C0d3c0D3C0D3C0d3C0D3C0D3C0D3000f")),
        });
    };
    let read = |name: &str| -> Result<Bytes> {
        let path = Path::new(&directory).join(name);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(hex::decode(text.trim())?.into())
    };
    let upgrade = JovianUpgrade {
        l1_block: read("jovian-l1-block-deployment.txt")?,
        gas_price_oracle: read("jovian-gas-price-oracle-deployment.txt")?,
    };
    check_jovian_upgrade(&upgrade)?;
    Ok(upgrade)
}

/// Init code of a contract that runs the code at `implementation` on its own storage, whatever it is called with.
fn forwarder(implementation: Address) -> Bytes {
    // CALLDATACOPY of all; DELEGATECALL with all gas; RETURNDATACOPY of all; RETURN or REVERT.
    let code = [
        &hex!("365f5f37 5f5f365f 73")[..],
        implementation.as_slice(),
        &hex!("5af4 3d5f5f3e 6029 57 3d5ffd 5b 3d5ff3")[..],
    ]
    .concat();
    // PUSH1 size, DUP1, PUSH1 9, PUSH0, CODECOPY, PUSH0, RETURN.
    let size = u8::try_from(code.len()).unwrap_or_default();
    [&[0x60, size][..], &hex!("80 6009 5f 39 5f f3"), &code]
        .concat()
        .into()
}

/// The transaction in signed bytes.
///
/// # Errors
/// The bytes are no transaction of this chain.
pub fn decode(signed: &SignedTransaction) -> Result<Transaction> {
    Ok(Transaction::decode_2718_exact(&signed.encoded)?)
}
