//! Three of the journeys on anvil: an L1 that others wrote, mined by request so that time is the journey's
//! here, too.

use crate::{
    Site, Tuning, check, random,
    sequencer::Sequencer,
    until,
    verifier::Verifier,
    world::{deploy, transfer},
};
use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, ensure};
use openledger_batcher::DataAvailability;
use openledger_l1::{
    L1Client, RequestConfig,
    anvil::Anvil,
    contracts::{OPEN, RollupPortal},
};
use openledger_testing::{load::Random, rpc::quantity, simulated_l1::Order, wallet::Wallet};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;

/// Seconds between L1 blocks.
const L1_BLOCK_TIME: u64 = 3;
/// Anvil's chain id.
const L1_CHAIN_ID: u64 = 31_337;
/// L1 blocks within which everything must come to rest.
const SETTLE_BLOCKS_MAX: u64 = 60;

fn small_transactions() -> Tuning {
    Tuning {
        batcher: |config| {
            config.data_availability = DataAvailability::Calldata;
            config.tx_bytes_target = 1_200;
            config.channel_txs_target = 5;
        },
        sender: |config| {
            config.fee_target_wei = 20_000_000_000;
            config.fee_max_wei = 100_000_000_000;
        },
        ..Tuning::default()
    }
}

struct OnAnvil {
    anvil: Anvil,
    client: L1Client,
    site: Site,
    random: Random,
    batcher: Wallet,
    depositor: Wallet,
    user: Wallet,
    /// Nonce of the user on L2.
    nonce: u64,
    acknowledged: Vec<B256>,
    sequencer: Option<Sequencer>,
    verifier: Verifier,
    _directory: TempDir,
}

impl OnAnvil {
    /// `None` where the operator asked for no such tests.
    async fn start(tuning: Tuning) -> Result<Option<Self>> {
        let Some(anvil) = Anvil::start(&["--no-mining"]).await? else {
            return Ok(None);
        };
        let random = random();
        let interval = json!([L1_BLOCK_TIME]);
        anvil
            .request("anvil_setBlockTimestampInterval", interval)
            .await?;
        let [owner, batcher, depositor, user] = Wallet::development()?[..4]
            .to_vec()
            .try_into()
            .map_err(|_| anyhow::anyhow!("ten wallets"))?;
        let users = [depositor.clone(), user.clone()];
        let files = deploy(
            anvil.url(),
            mine_what_waits(&anvil),
            &owner,
            &batcher,
            &users,
            tuning.window,
        )
        .await?;
        let client = L1Client::new(&[anvil.url()], RequestConfig::default())?;
        let directory = tempfile::tempdir()?;
        let site = Site {
            l1_url: anvil.url(),
            clock: Arc::new(AtomicU64::new(files.rollup.genesis.l2_time * 1_000)),
            files,
            directory: directory.path().to_owned(),
            tuning,
        };
        let sequencer = Some(Sequencer::start(&site, &batcher).await?);
        let verifier = Verifier::start(&site, "verifier")?;
        let world = Self {
            anvil,
            client,
            site,
            random,
            batcher,
            depositor,
            user,
            nonce: 0,
            acknowledged: Vec::new(),
            sequencer,
            verifier,
            _directory: directory,
        };
        let approve = OPEN::approveCall {
            spender: world.site.files.l1.contracts.portal,
            value: U256::MAX,
        };
        world
            .order(world.site.files.l1.contracts.open, approve.abi_encode())
            .await?;
        Ok(Some(world))
    }

    /// The depositor calls a contract on L1.
    async fn order(&self, to: alloy_primitives::Address, input: Vec<u8>) -> Result<B256> {
        let nonce = self
            .client
            .nonce(self.depositor.address(), alloy_eips::BlockId::pending())
            .await?;
        let raw = Order::call(to, input).sign(L1_CHAIN_ID, &self.depositor, nonce);
        Ok(self.client.broadcast(raw).await?)
    }

    fn sequencer(&mut self) -> Result<&mut Sequencer> {
        self.sequencer.as_mut().context("no sequencer runs")
    }

    async fn mine(&self) -> Result<()> {
        self.anvil.request("evm_mine", json!([])).await?;
        Ok(())
    }

    async fn waiting(&self) -> Result<u64> {
        waiting(&self.anvil).await
    }

    /// Seconds pass on L2 while no L1 block comes.
    fn pass(&self, seconds: u64) {
        self.site.clock.fetch_add(seconds * 1_000, Ordering::AcqRel);
    }

    /// An L1 block is mined with what waits, and the time until then passes on L2.
    async fn tick(&mut self) -> Result<()> {
        self.mine().await?;
        self.catch_up().await
    }

    async fn catch_up(&mut self) -> Result<()> {
        let head = self.client.latest().await?;
        self.site
            .clock
            .fetch_max(head.timestamp * 1_000, Ordering::AcqRel);
        let now = self.site.clock.load(Ordering::Acquire) / 1_000;
        let Some(sequencer) = &mut self.sequencer else {
            return Ok(());
        };
        let start = tokio::time::Instant::now();
        loop {
            let heads = sequencer.heads().await?;
            if heads.l1 == head.hash() && heads.unsafe_time >= now {
                return Ok(());
            }
            ensure!(
                start.elapsed() < crate::PATIENCE,
                "the sequencer stands still"
            );
            tokio::time::sleep(crate::LOOK).await;
        }
    }

    async fn transfers(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            let to = self.random.address();
            let input: Vec<u8> = (0..300).map(|_| self.random.next() as u8).collect();
            let raw = transfer(&self.user, self.nonce, to, 1, input.into());
            let hash = self.sequencer()?.submit(&raw).await?;
            self.nonce += 1;
            self.acknowledged.push(hash);
        }
        Ok(())
    }

    /// Somebody deposits OPEN; answers the recipient.
    async fn deposit(&mut self) -> Result<alloy_primitives::Address> {
        let to = self.random.address();
        let call = RollupPortal::depositERC20TransactionCall {
            to,
            mint: U256::from(7),
            value: U256::from(7),
            gasLimit: 100_000,
            isCreation: false,
            data: Bytes::new(),
        };
        self.order(self.site.files.l1.contracts.portal, call.abi_encode())
            .await?;
        Ok(to)
    }

    /// Lets everything come to rest; then the two nodes and a new verifier have the same chain, with all
    /// that was acknowledged and each of these deposits once.
    async fn finish(mut self, deposits: &[alloy_primitives::Address]) -> Result<()> {
        self.tick().await?;
        self.tick().await?;
        let (mut mined, mut looks) = (0, 0_u32);
        let head = loop {
            let heads = self.sequencer()?.heads().await?;
            let verified = self.verifier.heads();
            if heads.safe == heads.unsafe_head && verified.safe == heads.safe {
                break heads.safe.number;
            }
            looks += 1;
            if self.waiting().await? > 0 || looks.is_multiple_of(50) {
                ensure!(mined < SETTLE_BLOCKS_MAX, "{heads:?} {verified:?}");
                self.mine().await?;
                mined += 1;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let sequencer = self.sequencer.as_mut().context("no sequencer runs")?;
        check::compare(sequencer, &self.verifier, head).await?;
        check::derive_anew(&self.site, &self.verifier, head).await?;
        let derived = check::derived(&self.verifier, head)?;
        for hash in &self.acknowledged {
            ensure!(derived.signed.contains(hash), "{hash} is lost");
        }
        let recipients = derived
            .deposits
            .iter()
            .filter_map(|(to, _)| to.to().copied());
        let mut found: Vec<_> = recipients.collect();
        let mut expected = deposits.to_vec();
        found.sort();
        expected.sort();
        ensure!(found == expected, "deposits {found:?}, not {expected:?}");
        Ok(())
    }
}

async fn waiting(anvil: &Anvil) -> Result<u64> {
    let status: Value = anvil.request("txpool_status", json!([])).await?;
    Ok(quantity(&status["pending"])? + quantity(&status["queued"])?)
}

async fn mine_what_waits(anvil: &Anvil) -> Result<()> {
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let waiting = waiting(anvil).await?;
        if waiting > 0 && waiting == before {
            anvil.request("evm_mine", json!([])).await?;
        }
        before = waiting;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_l1_reorg_on_anvil() -> Result<()> {
    let Some(mut world) = OnAnvil::start(small_transactions()).await? else {
        return Ok(());
    };
    world.tick().await?;
    world.transfers(2).await?;
    world.tick().await?;
    // Everything from here on is orphaned, a deposit and batches among it.
    let orphaned = 2 + world.random.below(4);
    for index in 0..orphaned {
        if index == 0 {
            world.deposit().await?;
        }
        world.transfers(1).await?;
        world.tick().await?;
    }
    world
        .anvil
        .request("anvil_reorg", json!([orphaned, []]))
        .await?;
    world.catch_up().await?;
    let kept = world.deposit().await?;
    world.transfers(2).await?;
    for _ in 0..3 {
        world.tick().await?;
    }
    world.finish(&[kept]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_batcher_on_anvil() -> Result<()> {
    let Some(mut world) = OnAnvil::start(small_transactions()).await? else {
        return Ok(());
    };
    world.tick().await?;
    // More than a channel holds, while no L1 block is mined: what the batcher sends waits.
    world.transfers(24).await?;
    world.pass(2);
    until("transactions of the batcher", || async {
        Ok((world.waiting().await? >= 2).then_some(()))
    })
    .await?;
    let killed = world.sequencer.take().context("a sequencer runs")?;
    killed.kill().await?;
    if world.random.below(2) == 0 {
        // What waited is forgotten; otherwise it is included while nobody is there.
        world
            .anvil
            .request("anvil_dropAllTransactions", json!([]))
            .await?;
    }
    world.mine().await?;
    world.sequencer = Some(Sequencer::start(&world.site, &world.batcher).await?);
    world.transfers(3).await?;
    world.tick().await?;
    world.tick().await?;
    world.finish(&[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fee_spike_on_anvil() -> Result<()> {
    let Some(mut world) = OnAnvil::start(small_transactions()).await? else {
        return Ok(());
    };
    world.tick().await?;
    world.transfers(3).await?;
    world.tick().await?;
    let gwei = 1_000_000_000_u64;
    let batcher = world.batcher.address();
    let latest = alloy_eips::BlockId::latest();
    let spike = U256::from((200 + world.random.below(1_000)) * gwei);
    let set = |fee: U256| json!([fee]);
    world
        .anvil
        .request("anvil_setNextBlockBaseFeePerGas", set(spike))
        .await?;
    world.tick().await?;
    let posted = world.client.nonce(batcher, latest).await?;
    for _ in 0..4 {
        world.transfers(2).await?;
        world
            .anvil
            .request("anvil_setNextBlockBaseFeePerGas", set(spike))
            .await?;
        world.tick().await?;
    }
    ensure!(
        world.client.nonce(batcher, latest).await? == posted,
        "it paid the spike"
    );
    world
        .anvil
        .request("anvil_setNextBlockBaseFeePerGas", set(U256::from(gwei)))
        .await?;
    world.tick().await?;
    world.finish(&[]).await
}
