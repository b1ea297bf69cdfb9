//! The L1, the chain on it, its users, and the two nodes.

use crate::{
    l1::{Included, L1},
    random,
    sequencer::Sequencer,
    verifier::Verifier,
};
use alloy_eips::BlockNumHash;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, ensure};
use openledger_batcher::BatcherConfig;
use openledger_chain::ChainFiles;
use openledger_cli::genesis::{GenesisParameters, LOCAL_CHAIN_ID, ProtocolSettings, chain_files};
use openledger_l1::{
    DeployConfig, L1Client, RequestConfig, TxSenderConfig,
    contracts::{OPEN, RollupPortal},
    deploy_contracts,
};
use openledger_primitives::{ForkTimes, GenesisId};
use openledger_testing::{
    fixture::jovian_upgrade,
    load::Random,
    simulated_l1::{Order, SimulatedL1},
    wallet::Wallet,
};
use std::{
    collections::BTreeMap,
    future::Future,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;

/// Keys: who deploys and owns, who posts batches, who does so after a rotation, and the users.
const KEYS: u64 = 0x01_0e;
/// Users with OPEN on both chains, and ETH; the first of them deposit, which takes nonces of theirs on L2, the
/// others send on L2.
const USERS: usize = 5;
const DEPOSITORS: usize = 2;
/// ETH of each account on the L1, wei.
pub(crate) const ETH: u128 = 1_000_000_000_000_000_000_000;
/// OPEN of each user on either chain, wei.
const TOKENS: u128 = 1_000_000_000_000_000_000_000;
/// L1 blocks within which what is sealed must be safe once the L1 works.
const SETTLE_BLOCKS_MAX: u64 = 60;

/// What differs between journeys.
#[derive(Clone, Copy)]
pub(crate) struct Tuning {
    /// Seconds between L1 blocks.
    pub(crate) l1_block_time: u64,
    /// Sequencing window, L1 blocks.
    pub(crate) window: u64,
    /// How far L1's finalized block is behind its newest.
    pub(crate) final_depth: u64,
    /// Seconds after genesis at which Jovian activates; never if `None`.
    pub(crate) jovian_after: Option<u64>,
    /// Changes the batcher's settings.
    pub(crate) batcher: fn(&mut BatcherConfig),
    /// Changes the L1 sender's settings.
    pub(crate) sender: fn(&mut TxSenderConfig),
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            l1_block_time: 3,
            window: 100,
            final_depth: 200,
            jovian_after: None,
            batcher: |_| {},
            sender: |_| {},
        }
    }
}

/// Where the nodes run: what they are told, and what they keep.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) l1_url: String,
    pub(crate) beacon_url: String,
    pub(crate) files: ChainFiles,
    pub(crate) directory: PathBuf,
    /// Milliseconds since the epoch on the sequencer's clock.
    pub(crate) clock: Arc<AtomicU64>,
    pub(crate) tuning: Tuning,
}

/// A deposit that a user made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deposited {
    /// Who gets it.
    pub(crate) to: Address,
    /// What is minted, wei.
    pub(crate) mint: u64,
}

pub(crate) struct World<L = SimulatedL1> {
    pub(crate) l1: L,
    pub(crate) files: ChainFiles,
    pub(crate) random: Random,
    pub(crate) tuning: Tuning,
    /// Milliseconds since the epoch on the sequencer's clock.
    pub(crate) clock: Arc<AtomicU64>,
    /// Deploys, and owns `SystemConfig`.
    pub(crate) owner: Wallet,
    /// Posts batches at first.
    pub(crate) batcher: Wallet,
    /// Posts them after a rotation.
    pub(crate) successor: Wallet,
    pub(crate) users: Vec<Wallet>,
    /// Nonces of the users on L2.
    nonces: Vec<u64>,
    /// What the sequencer acknowledged.
    pub(crate) acknowledged: Vec<B256>,
    pub(crate) sequencer: Option<Sequencer>,
    pub(crate) verifier: Option<Verifier>,
    directory: TempDir,
}

impl World {
    /// The same as [`World::start`] on the simulated L1.
    pub(crate) async fn new(tuning: Tuning) -> Result<Self> {
        let world = Self::start(tuning).await?;
        world.context("the simulated L1 is always there")
    }
}

impl<L: L1> World<L> {
    /// An L1 with the contracts, the chain's files, and both nodes at genesis; `None` where the operator
    /// asked for no such L1.
    pub(crate) async fn start(tuning: Tuning) -> Result<Option<Self>> {
        let random = random();
        let wallets = (0..3 + USERS)
            .map(|index| Wallet::from_seed(KEYS, index))
            .collect::<Result<Vec<_>>>()?;
        let funded: Vec<Address> = wallets.iter().map(Wallet::address).collect();
        let Some(l1) = L::run(&tuning, random.clone().next(), &funded).await? else {
            return Ok(None);
        };
        let [owner, batcher, successor, users @ ..] = wallets.as_slice() else {
            anyhow::bail!("too few wallets")
        };
        let users = users.to_vec();
        let mining = l1.mine_what_waits();
        let mut files = deploy(l1.url(), mining, owner, batcher, &users, tuning.window).await?;
        let genesis_time = files.rollup.genesis.l2_time;
        files.rollup.forks.jovian_time = tuning.jovian_after.map(|after| genesis_time + after);
        files.rollup.jovian_upgrade = Some(jovian_upgrade()?);
        let mut world = Self {
            clock: Arc::new(AtomicU64::new(files.rollup.genesis.l2_time * 1_000)),
            files,
            random,
            tuning,
            owner: owner.clone(),
            batcher: batcher.clone(),
            successor: successor.clone(),
            nonces: vec![0; users.len()],
            users,
            acknowledged: Vec::new(),
            sequencer: None,
            verifier: None,
            directory: tempfile::tempdir()?,
            l1,
        };
        let approve = OPEN::approveCall {
            spender: world.files.l1.contracts.portal,
            value: U256::MAX,
        };
        let approve = Order::call(world.files.l1.contracts.open, approve.abi_encode());
        for user in &world.users {
            world.l1.order(&approve, user).await?;
        }
        world.l1.mine().await?;
        world.pass_time().await?;
        world.start_sequencer().await?;
        world.start_verifier()?;
        Ok(Some(world))
    }

    /// Where its nodes run.
    pub(crate) fn site(&self) -> Site {
        Site {
            l1_url: self.l1.url(),
            beacon_url: self.l1.beacon_url(),
            files: self.files.clone(),
            directory: self.directory.path().to_owned(),
            clock: self.clock.clone(),
            tuning: self.tuning,
        }
    }

    /// Starts the sequencer, or starts it again where it was.
    pub(crate) async fn start_sequencer(&mut self) -> Result<()> {
        self.start_sequencer_as(&self.batcher.clone()).await
    }

    /// The same with another batcher key.
    pub(crate) async fn start_sequencer_as(&mut self, batcher: &Wallet) -> Result<()> {
        let sequencer = Sequencer::start(&self.site(), batcher).await?;
        self.sequencer = Some(sequencer);
        Ok(())
    }

    /// Cuts the sequencer off at whatever it is doing.
    pub(crate) async fn kill_sequencer(&mut self) -> Result<()> {
        let sequencer = self.sequencer.take().context("no sequencer runs")?;
        sequencer.kill().await
    }

    /// Starts the verifier, or starts it again where it was.
    pub(crate) fn start_verifier(&mut self) -> Result<()> {
        self.verifier = Some(Verifier::start(&self.site(), "verifier")?);
        Ok(())
    }

    pub(crate) fn sequencer(&mut self) -> Result<&mut Sequencer> {
        self.sequencer.as_mut().context("no sequencer runs")
    }

    pub(crate) fn verifier(&self) -> Result<&Verifier> {
        self.verifier.as_ref().context("no verifier runs")
    }

    /// The sequencer's clock comes to where the L1's is.
    async fn pass_time(&self) -> Result<()> {
        let now = self.l1.head().await?.timestamp;
        self.clock.fetch_max(now * 1_000, Ordering::AcqRel);
        Ok(())
    }

    /// An L1 block is mined with what waits, and the time until then passes on L2.
    pub(crate) async fn tick(&mut self) -> Result<()> {
        self.l1.mine().await?;
        self.catch_up().await
    }

    /// The sequencer sees the newest L1 block, and the time until then passes on L2.
    pub(crate) async fn catch_up(&mut self) -> Result<()> {
        self.be_seen().await?;
        self.pass_time().await?;
        let now = self.clock.load(Ordering::Acquire) / 1_000;
        let Some(sequencer) = &mut self.sequencer else {
            return Ok(());
        };
        let start = tokio::time::Instant::now();
        while sequencer.heads().await?.unsafe_time < now {
            ensure!(
                start.elapsed() < crate::PATIENCE,
                "the sequencer builds no blocks"
            );
            tokio::time::sleep(crate::LOOK).await;
        }
        Ok(())
    }

    /// Waits until the sequencer has seen the newest L1 block, if it can.
    pub(crate) async fn be_seen(&mut self) -> Result<()> {
        let head = self.l1.head().await?.hash;
        let is_readable = self.l1.is_readable();
        let Some(sequencer) = self.sequencer.as_mut().filter(|_| is_readable) else {
            return Ok(());
        };
        let start = tokio::time::Instant::now();
        while sequencer.heads().await?.l1 != head {
            ensure!(
                start.elapsed() < crate::PATIENCE,
                "the sequencer does not see the L1's head"
            );
            tokio::time::sleep(crate::LOOK).await;
        }
        Ok(())
    }

    pub(crate) async fn ticks(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            self.tick().await?;
        }
        Ok(())
    }

    /// A user sends OPEN to another on L2, with `ballast` bytes of incompressible calldata; the
    /// sequencer acknowledges it.
    pub(crate) async fn transfer(&mut self, ballast: usize) -> Result<B256> {
        let senders = (USERS - DEPOSITORS) as u64;
        let from = DEPOSITORS + usize::try_from(self.random.below(senders))?;
        let to = self.random.address();
        let input: Vec<u8> = (0..ballast).map(|_| self.random.next() as u8).collect();
        let value = 1 + self.random.below(1_000_000);
        let raw = self.sign_transfer(from, self.nonces[from], to, value, input.into());
        let hash = self.sequencer()?.submit(&raw).await?;
        self.nonces[from] += 1;
        self.acknowledged.push(hash);
        Ok(hash)
    }

    pub(crate) async fn transfers(&mut self, count: usize, ballast: usize) -> Result<()> {
        for _ in 0..count {
            self.transfer(ballast).await?;
        }
        Ok(())
    }

    /// A user's transfer on L2, signed.
    fn sign_transfer(
        &self,
        user: usize,
        nonce: u64,
        to: Address,
        value: u64,
        input: Bytes,
    ) -> Bytes {
        self.sign_as(&self.users[user], nonce, to, value, input)
    }

    /// Anybody's transfer on L2, signed.
    pub(crate) fn sign_as(
        &self,
        wallet: &Wallet,
        nonce: u64,
        to: Address,
        value: u64,
        input: Bytes,
    ) -> Bytes {
        transfer(wallet, nonce, to, value, input)
    }

    /// A user deposits OPEN: the transaction waits in the L1's pool.
    pub(crate) async fn deposit(&mut self) -> Result<Deposited> {
        let to = self.random.address();
        let mint = 1 + self.random.below(1_000_000);
        self.deposit_to(to, mint).await
    }

    /// The same with a recipient and an amount in wei.
    pub(crate) async fn deposit_to(&mut self, to: Address, mint: u64) -> Result<Deposited> {
        let user = usize::try_from(self.random.below(DEPOSITORS as u64))?;
        let call = RollupPortal::depositERC20TransactionCall {
            to,
            mint: U256::from(mint),
            value: U256::from(mint),
            gasLimit: 100_000,
            isCreation: false,
            data: Bytes::new(),
        };
        let order = Order::call(self.files.l1.contracts.portal, call.abi_encode());
        self.l1.order(&order, &self.users[user]).await?;
        Ok(Deposited { to, mint })
    }

    /// What the newest L1 block includes.
    pub(crate) async fn newest(&self) -> Result<Vec<Included>> {
        self.l1.block(self.l1.head().await?.number).await
    }

    /// What the L1's blocks include of an account, from block `from` on.
    pub(crate) async fn included_of(&self, account: Address, from: u64) -> Result<Vec<Included>> {
        let mut included = Vec::new();
        for number in from..=self.l1.head().await?.number {
            let block = self.l1.block(number).await?;
            included.extend(block.into_iter().filter(|tx| tx.sender == account));
        }
        Ok(included)
    }

    /// Number and hash of the sequencer's safe head.
    pub(crate) async fn safe(&mut self) -> Result<BlockNumHash> {
        Ok(self.sequencer()?.heads().await?.safe)
    }

    /// Mines L1 blocks, while time stands still on L2, until all that is sealed is safe on both nodes.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        let mut mined = 0;
        let mut looks = 0_u32;
        // What no block takes as it is: it is sent again with higher fees, or what it follows is.
        let mut stuck = 0;
        loop {
            let heads = self.sequencer()?.heads().await?;
            let verified = self.verifier()?.heads();
            if heads.safe == heads.unsafe_head
                && verified.safe == heads.safe
                && verified.unsafe_head == heads.safe
            {
                return Ok(());
            }
            looks += 1;
            // What is under way between the two arrives by itself; a block is mined when something waits
            // for one, or nothing has happened for long.
            let waiting = self.l1.waiting_count().await?;
            let patience = if waiting == 0 { 50 } else { 3 };
            if waiting != stuck || looks.is_multiple_of(patience) {
                ensure!(
                    mined < SETTLE_BLOCKS_MAX,
                    "{mined} L1 blocks later: sequencer {heads:?}, verifier {verified:?}, {waiting} wait on L1",
                );
                self.l1.mine().await?;
                mined += 1;
                stuck = self.l1.waiting_count().await?;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A transfer on L2, signed.
pub(crate) fn transfer(
    wallet: &Wallet,
    nonce: u64,
    to: Address,
    value: u64,
    input: Bytes,
) -> Bytes {
    let tx = alloy_consensus::TxEip1559 {
        chain_id: LOCAL_CHAIN_ID,
        nonce,
        gas_limit: 21_000 + 40 * input.len() as u64,
        max_fee_per_gas: 10_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to: to.into(),
        value: U256::from(value),
        access_list: Default::default(),
        input,
    };
    wallet.sign(&tx).encoded.into()
}

/// Deploys the contracts and makes the chain's files.
pub(crate) async fn deploy(
    l1_url: String,
    mining: impl Future<Output = Result<()>>,
    owner: &Wallet,
    batcher: &Wallet,
    users: &[Wallet],
    window: u64,
) -> Result<ChainFiles> {
    let client = L1Client::new(&[l1_url], RequestConfig::default())?;
    let l1_chain_id = client.chain_id().await?;
    let tokens: BTreeMap<Address, U256> = users
        .iter()
        .map(|user| (user.address(), U256::from(TOKENS)))
        .collect();
    let config = DeployConfig {
        grants: tokens.clone().into_iter().collect(),
        ..DeployConfig::new(owner.address(), batcher.address())
    };
    let signer: PrivateKeySigner = PrivateKeySigner::from_bytes(&owner.key())?;
    let contracts = tokio::select! {
        deployed = deploy_contracts(&client, signer, &config) => deployed?,
        mined = mining => {
            mined?;
            anyhow::bail!("mining never ends")
        }
    };
    let origin = client.latest().await?;
    let mut files = chain_files(&GenesisParameters {
        chain_id: LOCAL_CHAIN_ID,
        timestamp: origin.timestamp,
        block_time: 1,
        gas_limit: config.gas_limit,
        fee_recipient: owner.address(),
        funded: tokens,
        settled: true,
        l1_origin: GenesisId {
            hash: origin.hash(),
            number: origin.number,
        },
        l1_chain_id,
        l1_contracts: contracts,
        batcher: batcher.address(),
        settings: ProtocolSettings::new(),
        forks: ForkTimes::ISTHMUS,
    })?;
    files.rollup.seq_window_size = window;
    // What the contract was set up with.
    files.rollup.genesis.system_config = config.system_config();
    Ok(files)
}
