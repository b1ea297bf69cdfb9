//! The L1 sender by itself on the simulated L1, whose pool has the rules of geth's.

use crate::{random, until};
use alloy_consensus::Transaction as _;
use alloy_eips::eip7840::BlobParams;
use alloy_primitives::{Address, Bytes, U256};
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context as _, Result};
use openledger_l1::{
    BlobSidecar, Carrier, CarrierGas, Confirmed, DataGas, L1Client, Pressure, RequestConfig,
    ResumedTx, SendError, SendResult, SenderJournal, SenderStatus, TxCandidate, TxSender,
    TxSenderConfig,
};
use openledger_testing::{
    simulated_l1::{Options, Pooled, SimulatedL1},
    wallet::Wallet,
};
use std::time::Duration;
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub(crate) const GWEI: u64 = 1_000_000_000;
pub(crate) const INBOX: Address = Address::repeat_byte(0x1b);
const KEYS: u64 = 0x0c_a2;

pub(crate) type Receiver = oneshot::Receiver<SendResult>;

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
pub(crate) struct Sending {
    pub(crate) l1: SimulatedL1,
    pub(crate) wallet: Wallet,
    config: TxSenderConfig,
    directory: TempDir,
    run: Option<(TxSender, JoinHandle<()>, CancellationToken)>,
}

impl Sending {
    pub(crate) async fn new() -> Result<Self> {
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
    pub(crate) fn start(&mut self) -> Result<Vec<ResumedTx>> {
        let client = L1Client::new(&[self.l1.url()], RequestConfig::default())?;
        let signer = PrivateKeySigner::from_bytes(&self.wallet.key())?;
        let journal = SenderJournal::open(self.directory.path())?;
        let stop = CancellationToken::new();
        let (sender, resumed, task) =
            TxSender::spawn_with_journal(client, signer, self.config, journal, stop.clone())?;
        self.run = Some((sender, task, stop));
        Ok(resumed)
    }

    pub(crate) async fn stop(&mut self) -> Result<()> {
        let (_, task, stop) = self.run.take().context("it runs")?;
        stop.cancel();
        Ok(task.await?)
    }

    pub(crate) fn sender(&self) -> Result<&TxSender> {
        Ok(&self.run.as_ref().context("it runs")?.0)
    }

    pub(crate) async fn send(&self, candidate: TxCandidate) -> Result<Receiver> {
        Ok(self.sender()?.send(candidate).await?)
    }

    /// Says what data would be carried in now.
    pub(crate) fn prefer(&self, carrier: Carrier) -> Result<()> {
        self.sender()?.set_pressure(Pressure {
            carrier: Some(carrier),
            ..Pressure::default()
        });
        Ok(())
    }

    /// Waits until so many transactions are in the pool.
    pub(crate) async fn until_waiting(&self, count: usize) -> Result<()> {
        until("transactions in the pool", || async {
            let waiting = self.l1.state().pool.of(self.wallet.address()).count();
            Ok((waiting == count).then_some(()))
        })
        .await
    }

    /// Waits until so many transactions wait, all of them empty: to the account itself.
    pub(crate) async fn until_emptied(&self, count: usize) -> Result<()> {
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

    pub(crate) async fn until_status(&self, is: impl Fn(&SenderStatus) -> bool) -> Result<()> {
        until("a status of the sender", || async {
            Ok(is(&self.sender()?.status().borrow()).then_some(()))
        })
        .await
    }

    /// Says that the deadline is near, so that the ceiling is at the maximum.
    pub(crate) fn hurry(&self) -> Result<()> {
        self.sender()?.set_pressure(Pressure {
            deadline_permille: 800,
            carrier: Some(Carrier::Calldata),
            ..Pressure::default()
        });
        Ok(())
    }

    /// Waits until every transaction that waits is one to `to` that offers so much for blob gas.
    pub(crate) async fn until_offered(&self, gwei: u128, to: Address) -> Result<()> {
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
    pub(crate) async fn mine(&self, count: usize) -> Result<()> {
        self.until_waiting(count).await?;
        self.l1.state().mine();
        Ok(())
    }

    /// Sends two transactions with three blobs each, whose data would be cheaper in calldata, and has
    /// blob gas rise to 60 gwei. The ceiling is 50, at which three blobs are worth what two cost then.
    pub(crate) async fn stuck_blobs(&self) -> Result<Stuck> {
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
    pub(crate) async fn until_journal_is_empty(&self) -> Result<()> {
        for _ in 0..=TxSenderConfig::default().retain_blocks {
            self.l1.state().mine();
        }
        until("an empty journal", || async {
            let is_empty = std::fs::read_dir(self.directory.path())?.next().is_none();
            Ok(is_empty.then_some(()))
        })
        .await
    }

    pub(crate) fn nonce(&self) -> u64 {
        self.l1.state().head().account(self.wallet.address()).nonce
    }
}

/// Two transactions that are stuck.
pub(crate) struct Stuck {
    pub(crate) results: [Receiver; 2],
    /// As they were before anything was put in their place, by nonce.
    pub(crate) raw: Vec<Bytes>,
}

/// Three blobs, whose data would be 4 kB of calldata.
pub(crate) fn in_blobs(tag: u8) -> Result<TxCandidate> {
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
pub(crate) fn in_calldata(tag: u8) -> TxCandidate {
    TxCandidate::call(INBOX, vec![tag; 40_000])
        .with_gas_limit(1_700_000)
        .with_tag(vec![tag])
        .with_data_gas(CarrierGas {
            present: gas(1_650_000, 0),
            other: gas(70_000, 1),
        })
}

pub(crate) const fn gas(gas: u64, blobs: u64) -> DataGas {
    let blob_gas = blobs * 131_072;
    DataGas { gas, blob_gas }
}

pub(crate) async fn result(receiver: Receiver) -> Result<SendResult> {
    Ok(tokio::time::timeout(crate::PATIENCE, receiver).await??)
}

/// What a cancellation cost.
pub(crate) async fn cancelled(receiver: Receiver) -> Result<u128> {
    match result(receiver).await? {
        Err(SendError::Cancelled { fee_wei }) => Ok(fee_wei),
        other => anyhow::bail!("{other:?}"),
    }
}

pub(crate) async fn confirmed(receiver: Receiver) -> Result<Confirmed> {
    Ok(result(receiver).await??)
}
