//! The write side: one account's transactions, in order, until they are confirmed.
//!
//! [`TxSender`] is a handle, which takes a [`candidate`] and answers its [`outcome`]; [`task`] is the
//! loop behind it, [`send`] its part that hands transactions over, [`resubmit`] the one that does so
//! again, [`cancel`] the one that replaces them by empty ones where [`weigh`] says that it is worth it, and
//! [`confirm`] the one that looks for them in blocks. [`fees`] is the arithmetic, under a [`ceiling`]; [`journal`] is what outlives the
//! process; [`signer`] signs what is [`signed`]; [`rejection`] is what nodes say when they refuse a transaction.

mod cancel;
mod candidate;
mod ceiling;
mod confirm;
mod fees;
mod fuzz;
mod in_flight;
mod journal;
mod key;
mod outcome;
mod rejection;
mod resubmit;
mod send;
mod signed;
mod signer;
mod status;
mod task;
mod weigh;

pub use candidate::{Carrier, CarrierGas, DataGas, TxCandidate};
pub use ceiling::{FeeCeiling, Pressure};
pub use fees::{BLOB_FEE_BUMP_PERCENT_MIN, Fees, Market, TooExpensive};
pub use fuzz::sender_record;
pub use journal::{JournalError, SenderJournal, TAG_BYTES_MAX};
pub use key::{KeyError, key_from_env, key_from_file};
pub use outcome::{Confirmed, SendError, SendResult};
pub use rejection::Rejection;
pub use signer::{RemoteSigner, SignError, TxSigner};
pub use status::{Obstacle, SenderStatus};

use crate::L1Client;
use alloy_primitives::{Address, Bytes, U256};
use candidate::check;
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Smallest fee bump that L1 nodes accept for a replacement, percent.
pub const FEE_BUMP_PERCENT_MIN: u32 = 10;

/// How a [`TxSender`] works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxSenderConfig {
    /// The L1's chain id; asked for where it is `None`.
    pub chain_id: Option<u64>,
    /// Candidates that wait for their turn, at most.
    pub queue_max: usize,
    /// Transactions that are sent and not confirmed, at most.
    pub in_flight_max: usize,
    /// Blocks, its own included, after which a transaction is confirmed; at least 1.
    pub confirmations: u64,
    /// Blocks for which a confirmed transaction is kept, so that it can be sent again if a deeper
    /// reorg drops it, and that a later run knows of it.
    pub retain_blocks: u64,
    /// Time between looks at the L1 while something is in flight.
    pub poll_interval: Duration,
    /// Longest time between looks while the L1 can't be reached.
    pub backoff_max: Duration,
    /// Time after which a transaction that is not in a block is sent again with higher fees.
    pub resubmit_after: Duration,
    /// By how much fees rise then, percent; at least [`FEE_BUMP_PERCENT_MIN`].
    pub fee_bump_percent: u32,
    /// Fee per gas, wei, that is offered without hesitation. Under [`Pressure`] the ceiling rises
    /// from it ([`FeeCeiling::under`]); above the ceiling the sender waits.
    pub fee_target_wei: u128,
    /// Highest fee per gas that is ever offered, wei.
    pub fee_max_wei: u128,
    /// The same of blob gas: what is offered without hesitation.
    pub blob_fee_target_wei: u128,
    /// Highest fee per blob gas that is ever offered, wei.
    pub blob_fee_max_wei: u128,
    /// Lowest priority fee that is offered, wei a gas.
    pub tip_min_wei: u128,
    /// Gas above an estimate that a transaction gets, percent.
    pub gas_margin_percent: u32,
    /// Balance below which the account is reported as low, wei.
    pub balance_min_wei: U256,
    /// Time between looks at the balance.
    pub balance_interval: Duration,
}

impl Default for TxSenderConfig {
    fn default() -> Self {
        Self {
            chain_id: None,
            queue_max: 64,
            in_flight_max: 8,
            confirmations: 1,
            retain_blocks: 64,
            poll_interval: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
            resubmit_after: Duration::from_secs(48),
            fee_bump_percent: 15,
            // 100 and 300 gwei.
            fee_target_wei: 100_000_000_000,
            fee_max_wei: 300_000_000_000,
            // 50 and 500 gwei: a blob for 0.0066 and 0.066 ETH.
            blob_fee_target_wei: 50_000_000_000,
            blob_fee_max_wei: 500_000_000_000,
            // 0.01 gwei: enough to be above zero-tip transactions, and for a local L1.
            tip_min_wei: 10_000_000,
            gas_margin_percent: 20,
            // 0.1 ETH.
            balance_min_wei: U256::from_limbs([100_000_000_000_000_000, 0, 0, 0]),
            balance_interval: Duration::from_secs(60),
        }
    }
}

/// A transaction that an earlier run sent, and that had not been confirmed for
/// [`TxSenderConfig::retain_blocks`] when it ended: its result may be known at once.
#[derive(Debug)]
pub struct ResumedTx {
    /// The candidate's tag.
    pub tag: Bytes,
    /// Its nonce.
    pub nonce: u64,
    /// Where its result comes.
    pub result: oneshot::Receiver<SendResult>,
}

/// A candidate and where its result goes.
pub(crate) struct Request {
    pub(crate) candidate: TxCandidate,
    pub(crate) result: oneshot::Sender<SendResult>,
}

/// Sends one account's transactions to the L1. A handle; cheap to clone.
///
/// Candidates are sent in the order given, with consecutive nonces, and so are included in that
/// order. One that is stuck is sent again with higher fees; one that a reorg drops is sent again as
/// it is. Trouble with the L1 never loses a candidate: the sender waits. No other program may use
/// the account.
#[derive(Debug, Clone)]
pub struct TxSender {
    account: Address,
    queue: mpsc::Sender<Request>,
    status: watch::Receiver<SenderStatus>,
    pressure: Arc<Mutex<Pressure>>,
}

impl TxSender {
    /// Starts the task behind the handle; it runs until `shutdown` and then answers
    /// [`SendError::Stopped`] to whatever is left. What was sent stays with the L1.
    ///
    /// It begins at the account's pending nonce, so that it never competes with a transaction that
    /// an earlier run left in the L1's pool.
    pub fn spawn(
        client: L1Client,
        signer: impl Into<TxSigner>,
        config: TxSenderConfig,
        shutdown: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        Self::start(client, signer.into(), config, None, Vec::new(), shutdown)
    }

    /// [`Self::spawn`] with a journal: what an earlier run with the same journal sent is taken up
    /// again, what was confirmed for long excepted, and its results are delivered to the receivers
    /// returned, in order. Blocking for as long as the journal takes to be read.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub fn spawn_with_journal(
        client: L1Client,
        signer: impl Into<TxSigner>,
        config: TxSenderConfig,
        journal: SenderJournal,
        shutdown: CancellationToken,
    ) -> Result<(Self, Vec<ResumedTx>, JoinHandle<()>), JournalError> {
        let signer = signer.into();
        let mut resumed = Vec::new();
        let mut in_flight = Vec::new();
        for mut tx in send::resumable(&journal, &signer, &config)? {
            let (sender, result) = oneshot::channel();
            tx.result = Some(sender);
            resumed.push(ResumedTx {
                tag: tx.candidate.tag.clone(),
                nonce: tx.nonce,
                result,
            });
            in_flight.push(tx);
        }
        let (sender, task) =
            Self::start(client, signer, config, Some(journal), in_flight, shutdown);
        Ok((sender, resumed, task))
    }

    fn start(
        client: L1Client,
        signer: TxSigner,
        config: TxSenderConfig,
        journal: Option<SenderJournal>,
        in_flight: Vec<in_flight::InFlight>,
        shutdown: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let account = signer.address();
        let (queue, requests) = mpsc::channel(config.queue_max.max(1));
        let pressure = Arc::new(Mutex::new(Pressure::default()));
        let (status_sender, status) = watch::channel(SenderStatus {
            account,
            balance: None,
            balance_low: false,
            in_flight: in_flight.len(),
            cancelling: 0,
            next_nonce: None,
            obstacle: None,
            ceiling: FeeCeiling::under(Pressure::default(), &config),
        });
        let task = task::Task::new(
            client,
            signer,
            config,
            journal,
            in_flight.into(),
            requests,
            pressure.clone(),
            status_sender,
        );
        (
            Self {
                account,
                queue,
                status,
                pressure,
            },
            tokio::spawn(task.run(shutdown)),
        )
    }

    /// The account that sends.
    pub const fn account(&self) -> Address {
        self.account
    }

    /// How the sender is doing, and a signal when that changes.
    pub fn status(&self) -> watch::Receiver<SenderStatus> {
        self.status.clone()
    }

    /// Says how urgent the candidates are: what the sender is ready to pay follows from it.
    pub fn set_pressure(&self, pressure: Pressure) {
        *self.pressure.lock() = pressure;
    }

    /// Queues a candidate, waiting for a place in the queue. The result comes when the transaction
    /// is confirmed; dropping the receiver takes the candidate back if it was not sent yet.
    ///
    /// # Errors
    /// [`SendError::Stopped`] if the sender has stopped; [`SendError::TagTooLong`].
    pub async fn send(
        &self,
        candidate: TxCandidate,
    ) -> Result<oneshot::Receiver<SendResult>, SendError> {
        check(&candidate)?;
        let (result, receiver) = oneshot::channel();
        self.queue
            .send(Request { candidate, result })
            .await
            .map_err(|_| SendError::Stopped)?;
        Ok(receiver)
    }

    /// Queues a candidate if there is a place.
    ///
    /// # Errors
    /// [`SendError::QueueFull`] if there is none, [`SendError::Stopped`] if the sender has stopped,
    /// [`SendError::TagTooLong`].
    pub fn try_send(
        &self,
        candidate: TxCandidate,
    ) -> Result<oneshot::Receiver<SendResult>, SendError> {
        check(&candidate)?;
        let (result, receiver) = oneshot::channel();
        self.queue
            .try_send(Request { candidate, result })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => SendError::QueueFull {
                    waiting: self.queue.max_capacity(),
                },
                mpsc::error::TrySendError::Closed(_) => SendError::Stopped,
            })?;
        Ok(receiver)
    }

    /// Queues a candidate and waits until it is confirmed.
    ///
    /// # Errors
    /// What became of it, if not that.
    pub async fn send_and_confirm(&self, candidate: TxCandidate) -> SendResult {
        self.send(candidate)
            .await?
            .await
            .unwrap_or(Err(SendError::Stopped))
    }
}
