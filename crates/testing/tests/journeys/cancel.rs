//! What is stuck in one kind of transaction is cancelled where its data is cheaper to carry in the other: the
//! L1 sender by itself on the simulated L1, whose pool takes a replacement under geth's rules only.

use crate::{random, until};
use alloy_consensus::Transaction as _;
use alloy_eips::eip7840::BlobParams;
use alloy_primitives::{Address, Bytes, U256};
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context as _, Result, ensure};
use openledger_l1::{
    BlobSidecar, Carrier, CarrierGas, Confirmed, DataGas, L1Client, Obstacle, Pressure,
    RequestConfig, ResumedTx, SendError, SendResult, SenderJournal, SenderStatus, TxCandidate,
    TxSender, TxSenderConfig,
};
use openledger_testing::{
    simulated_l1::{Options, Order, Pooled, SimulatedL1},
    wallet::Wallet,
};
use std::time::Duration;
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};
use tokio_util::sync::CancellationToken;

const GWEI: u64 = 1_000_000_000;
const INBOX: Address = Address::repeat_byte(0x1b);
const KEYS: u64 = 0x0c_a2;

type Receiver = oneshot::Receiver<SendResult>;

/// Excess blob gas at which blob gas costs at least this much.
pub(crate) fn excess_at(gwei: u64) -> u64 {
    let params = BlobParams::prague();
    let price = u128::from(gwei) * u128::from(GWEI);
    (0..)
        .step_by(50_000)
        .find(|excess| params.calc_blob_fee(*excess) >= price)
        .unwrap_or(u64::MAX)
}

/// An L1, an account on it and the sender of that account.
struct Sending {
    l1: SimulatedL1,
    wallet: Wallet,
    config: TxSenderConfig,
    directory: TempDir,
    run: Option<(TxSender, JoinHandle<()>, CancellationToken)>,
}

impl Sending {
    async fn new() -> Result<Self> {
        let wallet = Wallet::from_seed(KEYS, 0)?;
        let l1 = SimulatedL1::start(Options {
            seed: random().next(),
            chain_id: 900,
            timestamp: 1_800_000_000,
            block_time: 12,
            base_fee: GWEI,
            safe_depth: 4,
            final_depth: 200,
            funded: [(wallet.address(), U256::from(u64::MAX))].into(),
        })
        .await?;
        l1.state().base_fee = Some(GWEI);
        l1.state().excess_blob_gas = Some(0);
        Ok(Self {
            l1,
            wallet,
            config: TxSenderConfig {
                poll_interval: Duration::from_millis(10),
                resubmit_after: Duration::from_millis(400),
                ..TxSenderConfig::default()
            },
            directory: tempfile::tempdir()?,
            run: None,
        })
    }

    /// Starts the sender, or starts it again where it was.
    fn start(&mut self) -> Result<Vec<ResumedTx>> {
        let client = L1Client::new(&[self.l1.url()], RequestConfig::default())?;
        let signer = PrivateKeySigner::from_bytes(&self.wallet.key())?;
        let journal = SenderJournal::open(self.directory.path())?;
        let stop = CancellationToken::new();
        let (sender, resumed, task) =
            TxSender::spawn_with_journal(client, signer, self.config, journal, stop.clone())?;
        self.run = Some((sender, task, stop));
        Ok(resumed)
    }

    async fn stop(&mut self) -> Result<()> {
        let (_, task, stop) = self.run.take().context("it runs")?;
        stop.cancel();
        Ok(task.await?)
    }

    fn sender(&self) -> Result<&TxSender> {
        Ok(&self.run.as_ref().context("it runs")?.0)
    }

    async fn send(&self, candidate: TxCandidate) -> Result<Receiver> {
        Ok(self.sender()?.send(candidate).await?)
    }

    /// Says what data would be carried in now.
    fn prefer(&self, carrier: Carrier) -> Result<()> {
        self.sender()?.set_pressure(Pressure {
            carrier: Some(carrier),
            ..Pressure::default()
        });
        Ok(())
    }

    /// Waits until so many transactions are in the pool.
    async fn until_waiting(&self, count: usize) -> Result<()> {
        until("transactions in the pool", || async {
            let waiting = self.l1.state().pool.of(self.wallet.address()).count();
            Ok((waiting == count).then_some(()))
        })
        .await
    }

    /// Waits until so many transactions wait, all of them empty: to the account itself.
    async fn until_emptied(&self, count: usize) -> Result<()> {
        let account = self.wallet.address();
        let empty =
            |tx: &Pooled| tx.envelope.to() == Some(account) && tx.envelope.input().is_empty();
        until("empty transactions in the pool", || async {
            let l1 = self.l1.state();
            let emptied = l1.pool.of(account).filter(|tx| empty(tx)).count();
            Ok((emptied == count && l1.pool.of(account).count() == count).then_some(()))
        })
        .await
    }

    async fn until_status(&self, is: impl Fn(&SenderStatus) -> bool) -> Result<()> {
        until("a status of the sender", || async {
            Ok(is(&self.sender()?.status().borrow()).then_some(()))
        })
        .await
    }

    /// Says that the deadline is near, so that the ceiling is at the maximum.
    fn hurry(&self) -> Result<()> {
        self.sender()?.set_pressure(Pressure {
            deadline_permille: 800,
            carrier: Some(Carrier::Calldata),
            ..Pressure::default()
        });
        Ok(())
    }

    /// Waits until every transaction that waits is one to `to` that offers so much for blob gas.
    async fn until_offered(&self, gwei: u128, to: Address) -> Result<()> {
        until("it offers enough", || async {
            let l1 = self.l1.state();
            let offers = |tx: &Pooled| {
                tx.envelope.max_fee_per_blob_gas() >= Some(gwei * u128::from(GWEI))
                    && tx.envelope.to() == Some(to)
            };
            let mut waiting = l1.pool.of(self.wallet.address());
            Ok(waiting.all(offers).then_some(()))
        })
        .await
    }

    /// Mines as soon as so many transactions wait.
    async fn mine(&self, count: usize) -> Result<()> {
        self.until_waiting(count).await?;
        self.l1.state().mine();
        Ok(())
    }

    /// Sends two transactions with three blobs each, whose data would be cheaper in calldata, and has
    /// blob gas rise to 60 gwei. The ceiling is 50, at which three blobs are worth what two cost then.
    async fn stuck_blobs(&self) -> Result<Stuck> {
        self.prefer(Carrier::Calldata)?;
        let results = [
            self.send(in_blobs(1)?).await?,
            self.send(in_blobs(2)?).await?,
        ];
        self.until_waiting(2).await?;
        let account = self.wallet.address();
        let mut l1 = self.l1.state();
        let raw = l1.pool.of(account).map(|tx| tx.raw.clone()).collect();
        l1.excess_blob_gas = Some(excess_at(60));
        Ok(Stuck { results, raw })
    }

    /// Lets L1 grow until what was confirmed needn't be kept, and waits until nothing is.
    async fn until_journal_is_empty(&self) -> Result<()> {
        for _ in 0..=TxSenderConfig::default().retain_blocks {
            self.l1.state().mine();
        }
        until("an empty journal", || async {
            let is_empty = std::fs::read_dir(self.directory.path())?.next().is_none();
            Ok(is_empty.then_some(()))
        })
        .await
    }

    fn nonce(&self) -> u64 {
        self.l1.state().head().account(self.wallet.address()).nonce
    }
}

/// Two transactions that are stuck.
struct Stuck {
    results: [Receiver; 2],
    /// As they were before anything was put in their place, by nonce.
    raw: Vec<Bytes>,
}

/// Three blobs, whose data would be 4 kB of calldata.
fn in_blobs(tag: u8) -> Result<TxCandidate> {
    let sidecar = BlobSidecar::build(&[[tag, 1], [tag, 2], [tag, 3]])?;
    Ok(TxCandidate::blobs(INBOX, sidecar)
        .with_gas_limit(100_000)
        .with_tag(vec![tag])
        .with_data_gas(CarrierGas {
            present: gas(66_000, 3),
            other: gas(200_000, 0),
        }))
}

/// 40 kB of calldata, which would be a blob.
fn in_calldata(tag: u8) -> TxCandidate {
    TxCandidate::call(INBOX, vec![tag; 40_000])
        .with_gas_limit(1_700_000)
        .with_tag(vec![tag])
        .with_data_gas(CarrierGas {
            present: gas(1_650_000, 0),
            other: gas(70_000, 1),
        })
}

const fn gas(gas: u64, blobs: u64) -> DataGas {
    let blob_gas = blobs * 131_072;
    DataGas { gas, blob_gas }
}

async fn result(receiver: Receiver) -> Result<SendResult> {
    Ok(tokio::time::timeout(crate::PATIENCE, receiver).await??)
}

/// What a cancellation cost.
async fn cancelled(receiver: Receiver) -> Result<u128> {
    match result(receiver).await? {
        Err(SendError::Cancelled { fee_wei }) => Ok(fee_wei),
        other => anyhow::bail!("{other:?}"),
    }
}

async fn confirmed(receiver: Receiver) -> Result<Confirmed> {
    Ok(result(receiver).await??)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_that_are_stuck_are_cancelled() -> Result<()> {
    let mut sending = Sending::new().await?;
    sending.start()?;
    let stuck = sending.stuck_blobs().await?;
    let behind = sending.send(in_calldata(3)).await?;
    sending.until_emptied(2).await?;
    sending
        .until_status(|status| {
            status.cancelling == 2 && status.obstacle == Some(Obstacle::Cancelling)
        })
        .await?;
    sending.l1.state().mine();
    // A blob at 60 gwei, and nothing for what was not sent.
    for receiver in stuck.results {
        let fee_wei = cancelled(receiver).await?;
        ensure!(fee_wei > 60 * 131_072 * u128::from(GWEI), "{fee_wei}");
    }
    ensure!(cancelled(behind).await? == 0);
    // What relies on it is given back until something begins anew.
    ensure!(cancelled(sending.send(in_calldata(4)).await?).await? == 0);
    let anew = in_calldata(1).with_begins(true);
    let (anew, next) = (
        sending.send(anew).await?,
        sending.send(in_calldata(2)).await?,
    );
    sending.mine(2).await?;
    ensure!(confirmed(anew).await?.nonce == 2 && confirmed(next).await?.nonce == 3);
    sending.until_journal_is_empty().await?;
    sending
        .until_status(|status| status.cancelling == 0)
        .await?;
    sending.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calldata_that_is_stuck_is_cancelled() -> Result<()> {
    let mut sending = Sending::new().await?;
    sending.start()?;
    sending.prefer(Carrier::Blobs)?;
    let stuck = sending.send(in_calldata(1)).await?;
    sending.until_waiting(1).await?;
    // Below the ceiling, so that it could be replaced by itself as well, for twenty times as much.
    sending.l1.state().base_fee = Some(40 * GWEI);
    let behind = sending.send(in_blobs(2)?).await?;
    sending.until_emptied(1).await?;
    sending.l1.state().mine();
    let fee_wei = cancelled(stuck).await?;
    ensure!(fee_wei < 21_001 * 50 * u128::from(GWEI), "{fee_wei}");
    cancelled(behind).await?;
    sending.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_that_becomes_too_dear_waits_for_the_ceiling() -> Result<()> {
    let mut sending = Sending::new().await?;
    sending.start()?;
    let stuck = sending.stuck_blobs().await?;
    sending.until_emptied(2).await?;
    // More than the empty ones offer, and than is saved by them; after a restart it knows that still.
    sending.l1.state().excess_blob_gas = Some(excess_at(130));
    let mut receivers = Vec::from(stuck.results);
    let restarts = random().below(2) == 0;
    println!("restarts: {restarts}");
    if restarts {
        sending.stop().await?;
        let resumed = sending.start()?.into_iter();
        receivers = resumed.map(|tx| tx.result).collect();
        sending.prefer(Carrier::Calldata)?;
    }
    let too_dear = |obstacle| match obstacle {
        Some(Obstacle::BlobFeesTooHigh { needed_wei }) => needed_wei > 200 * u128::from(GWEI),
        _ => false,
    };
    sending
        .until_status(|status| status.cancelling == 2 && too_dear(status.obstacle))
        .await?;
    sending.hurry()?;
    sending.until_offered(130, sending.wallet.address()).await?;
    sending.mine(2).await?;
    ensure!(receivers.len() == 2);
    for receiver in receivers {
        cancelled(receiver).await?;
    }
    sending.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_outlives_a_restart() -> Result<()> {
    let mut sending = Sending::new().await?;
    let mut random = random();
    sending.start()?;
    let _stuck = sending.stuck_blobs().await?;
    sending.until_emptied(2).await?;
    sending.stop().await?;
    let mines_away = random.below(2) == 0;
    let forgets = random.below(2) == 0;
    println!("mined while away: {mines_away}, forgotten: {forgets}");
    if mines_away {
        sending.l1.state().mine();
    } else if forgets {
        let account = sending.wallet.address();
        sending.l1.state().pool.forget(Some(account));
    }
    let resumed = sending.start()?;
    let tags: Vec<_> = resumed.iter().map(|tx| tx.tag.to_vec()).collect();
    ensure!(tags == [vec![1], vec![2]], "{tags:?}");
    if !mines_away {
        sending.until_emptied(2).await?;
        sending.l1.state().mine();
    }
    for tx in resumed {
        ensure!(cancelled(tx.result).await? > 0);
    }
    ensure!(sending.nonce() == 2);
    // A reorganization drops them: their nonces are filled again, with nothing.
    sending.l1.state().orphan(1, &|_| false);
    sending.l1.state().mine_with(&[], &|_| false);
    sending.until_emptied(2).await?;
    sending.l1.state().mine();
    let anew = sending.send(in_calldata(1).with_begins(true)).await?;
    sending.mine(1).await?;
    ensure!(confirmed(anew).await?.nonce == 2);
    sending.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_included_after_all_is_confirmed() -> Result<()> {
    let mut sending = Sending::new().await?;
    sending.start()?;
    let Stuck { results, mut raw } = sending.stuck_blobs().await?;
    let [first, second] = results;
    let original = raw.swap_remove(0);
    sending.until_emptied(2).await?;
    // A block builder had kept the first, and blob gas is cheap again.
    {
        let mut l1 = sending.l1.state();
        l1.excess_blob_gas = Some(0);
        l1.mine_with(&[original], &|tx| tx.envelope.nonce() == 1);
    }
    ensure!(confirmed(first).await?.nonce == 0);
    ensure!(cancelled(second).await? > 0);
    sending.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_costs_as_much_to_cancel_waits() -> Result<()> {
    let mut sending = Sending::new().await?;
    sending.start()?;
    sending.prefer(Carrier::Calldata)?;
    let one_blob = TxCandidate {
        blobs: Some(BlobSidecar::build(&[[1]])?),
        ..in_blobs(1)?
    }
    .with_data_gas(CarrierGas {
        present: gas(66_000, 1),
        other: gas(200_000, 0),
    });
    let stuck = sending.send(one_blob).await?;
    sending.until_waiting(1).await?;
    sending.l1.state().excess_blob_gas = Some(excess_at(60));
    let behind = sending.send(in_calldata(2)).await?;
    let too_dear = |obstacle| matches!(obstacle, Some(Obstacle::BlobFeesTooHigh { .. }));
    sending
        .until_status(|status| status.cancelling == 0 && too_dear(status.obstacle))
        .await?;
    // It goes itself as soon as it is worth it.
    sending.hurry()?;
    sending.until_offered(60, INBOX).await?;
    sending.l1.state().mine();
    ensure!(confirmed(stuck).await?.nonce == 0);
    sending.mine(1).await?;
    ensure!(confirmed(behind).await?.nonce == 1);
    sending.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_left_is_replaced() -> Result<()> {
    let mut sending = Sending::new().await?;
    let left = Order {
        blobs: vec![Default::default()],
        max_fee: 3 * u128::from(GWEI),
        max_blob_fee: 1,
        tip: 1,
        ..Order::call(INBOX, Vec::new())
    };
    // Before the sender starts, which then begins behind it, or while it runs, in its next place.
    let runs = random().below(2) == 0;
    println!("left while it runs: {runs}");
    if runs {
        sending.start()?;
        let before = sending.send(in_calldata(0)).await?;
        sending.until_waiting(1).await?;
        sending.l1.state().mine();
        confirmed(before).await?;
    }
    sending.l1.state().excess_blob_gas = Some(excess_at(1));
    let wallet = sending.wallet.clone();
    sending.l1.state().order(&left, &wallet)?;
    if !runs {
        sending.l1.state().order(&left, &wallet)?;
        sending.start()?;
    }
    let count = if runs { 1 } else { 2 };
    let ours = sending.send(in_calldata(1)).await?;
    sending.until_emptied(count).await?;
    sending.l1.state().mine();
    sending.mine(1).await?;
    confirmed(ours).await?;
    ensure!(sending.nonce() == 3);
    sending.until_journal_is_empty().await?;
    sending.stop().await
}
