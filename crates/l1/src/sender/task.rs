//! The loop behind a sender: takes candidates, hands them to the L1, and again while it must.

use super::{
    Fees, Market, Obstacle, Rejection, Request, SendError, SenderStatus, TxCandidate,
    TxSenderConfig,
    in_flight::{InFlight, Retained, deliver, sign},
};
use crate::{L1Client, L1Error};
use alloy_eips::BlockId;
use alloy_primitives::B256;
use alloy_rpc_types_eth::TransactionRequest;
use alloy_signer_local::PrivateKeySigner;
use std::{collections::VecDeque, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// How much longer the pause between looks is while only confirmed transactions are watched.
const IDLE_PAUSE_FACTOR: u32 = 8;
/// Wait after a refusal that may pass by itself, as a part of the resubmission time.
const REFUSED_PART: u32 = 4;

/// When an outage began and how often the L1 was tried since.
struct Outage {
    since: Instant,
    failures: u32,
}

/// What handing over a transaction led to, where that is not simply progress.
enum Handed {
    Done,
    /// The L1 will never take it, and never took it.
    Refused(L1Error),
    /// Its nonce was used before it was first sent.
    NonceUsed,
}

pub(super) struct Task {
    pub(super) client: L1Client,
    signer: PrivateKeySigner,
    pub(super) config: TxSenderConfig,
    requests: mpsc::Receiver<Request>,
    /// All handles are gone.
    closed: bool,
    /// Taken from the queue, but not to be sent yet.
    waiting: Option<Request>,
    /// By ascending, consecutive nonce.
    pub(super) in_flight: VecDeque<InFlight>,
    pub(super) retained: VecDeque<Retained>,
    chain_id: Option<u64>,
    pub(super) next_nonce: Option<u64>,
    /// Head and mined nonce at the last look: nothing is new until one changes.
    last_look: Option<(B256, u64)>,
    pub(super) gap_since: Option<Instant>,
    balance_due: Instant,
    outage: Option<Outage>,
    obstacle: Option<Obstacle>,
    status: watch::Sender<SenderStatus>,
}

impl Task {
    pub(super) fn new(
        client: L1Client,
        signer: PrivateKeySigner,
        config: TxSenderConfig,
        requests: mpsc::Receiver<Request>,
        status: watch::Sender<SenderStatus>,
    ) -> Self {
        Self {
            client,
            signer,
            config,
            requests,
            closed: false,
            waiting: None,
            in_flight: VecDeque::new(),
            retained: VecDeque::new(),
            chain_id: config.chain_id,
            next_nonce: None,
            last_look: None,
            gap_since: None,
            balance_due: Instant::now(),
            outage: None,
            obstacle: None,
            status,
        }
    }

    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = self.step() => {}
            }
            if self.closed && self.is_idle() {
                break;
            }
            let pause = self.pause();
            let open = !self.closed
                && self.waiting.is_none()
                && self.in_flight.len() < self.in_flight_max();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                request = self.requests.recv(), if open => match request {
                    Some(request) => self.waiting = Some(request),
                    None => self.closed = true,
                },
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.stop();
    }

    /// Answers whatever is left.
    fn stop(mut self) {
        self.requests.close();
        let queued =
            std::iter::from_fn(|| self.requests.try_recv().ok()).map(|request| request.result);
        let waiting = self.waiting.take().map(|request| request.result);
        let in_flight = self.in_flight.drain(..).filter_map(|tx| tx.result);
        for result in in_flight.chain(waiting).chain(queued) {
            let _ = result.send(Err(SendError::Stopped));
        }
    }

    fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.waiting.is_none()
    }

    fn in_flight_max(&self) -> usize {
        self.config.in_flight_max.max(1)
    }

    fn pause(&self) -> Duration {
        if let Some(outage) = &self.outage {
            let factor = 1_u32
                .checked_shl(outage.failures.min(16))
                .unwrap_or(u32::MAX);
            return self
                .config
                .poll_interval
                .saturating_mul(factor)
                .min(self.config.backoff_max);
        }
        if !self.is_idle() {
            self.config.poll_interval
        } else if self.retained.is_empty() {
            self.config.balance_interval
        } else {
            self.config
                .poll_interval
                .saturating_mul(IDLE_PAUSE_FACTOR)
                .min(self.config.balance_interval)
        }
    }

    async fn step(&mut self) {
        match self.advance().await {
            Ok(()) => {
                if let Some(outage) = self.outage.take() {
                    let outage_ms = outage.since.elapsed().as_millis();
                    tracing::info!(outage_ms, "l1 sender reaches the l1 again");
                }
            }
            Err(error) => {
                let outage = self.outage.get_or_insert_with(|| {
                    tracing::warn!(%error, "l1 sender can't reach the l1: transactions wait");
                    Outage {
                        since: Instant::now(),
                        failures: 0,
                    }
                });
                outage.failures = outage.failures.saturating_add(1);
            }
        }
        if self.is_idle() {
            self.set_obstacle(None);
        }
        self.publish();
    }

    /// One look at the L1, and everything that follows from it.
    async fn advance(&mut self) -> Result<(), L1Error> {
        if self.chain_id.is_none() {
            self.chain_id = Some(self.client.chain_id().await?);
        }
        self.look_at_balance().await?;
        if self.next_nonce.is_none() {
            self.next_nonce = Some(
                self.client
                    .nonce(self.account(), BlockId::pending())
                    .await?,
            );
        }
        if !self.in_flight.is_empty() || !self.retained.is_empty() {
            let head = self.client.latest().await?;
            let mined = self.client.nonce(self.account(), BlockId::latest()).await?;
            if self.last_look != Some((head.hash(), mined)) {
                self.restore_dropped(mined).await?;
                self.confirm(&head, mined).await?;
                self.last_look = Some((head.hash(), mined));
            }
            self.resubmit(mined).await?;
            self.retained.retain(|kept| {
                head.number.saturating_sub(kept.block_number) <= self.config.retain_blocks
            });
        }
        self.fill().await
    }

    pub(super) fn account(&self) -> alloy_primitives::Address {
        self.signer.address()
    }

    async fn look_at_balance(&mut self) -> Result<(), L1Error> {
        let now = Instant::now();
        if now < self.balance_due {
            return Ok(());
        }
        let account = self.account();
        let balance = self.client.balance(account, BlockId::latest()).await?;
        self.balance_due = now + self.config.balance_interval;
        let low = balance < self.config.balance_min_wei;
        let was_low = self.status.borrow().balance_low;
        if low && !was_low {
            let minimum_wei = self.config.balance_min_wei;
            tracing::error!(%account, balance_wei = %balance, %minimum_wei, "l1 account is low on funds");
        } else if was_low && !low {
            tracing::info!(%account, balance_wei = %balance, "l1 account has funds again");
        }
        self.status.send_modify(|status| {
            status.balance = Some(balance);
            status.balance_low = low;
        });
        Ok(())
    }

    /// Sends again what is due: with higher fees if it could be included now, or could not be at
    /// its price; as it is if it only waits for those before it.
    async fn resubmit(&mut self, mined: u64) -> Result<(), L1Error> {
        let mut market = None;
        for index in 0..self.in_flight.len() {
            let tx = &self.in_flight[index];
            if tx.nonce < mined || tx.seen_in.is_some() || Instant::now() < tx.due {
                continue;
            }
            if tx.accepted || tx.too_cheap {
                let market = match market {
                    Some(market) => market,
                    None => *market.insert(Market::now(&self.client).await?),
                };
                if tx.nonce == mined || tx.too_cheap || tx.fees.is_below(market.base_fee) {
                    self.raise_fees(index, market)?;
                }
            }
            if let Handed::Refused(error) = self.hand_over(index).await? {
                // It has not been sent before, so that it is the newest: its nonce is free again.
                self.withdraw_newest(SendError::Refused(error));
                break;
            }
        }
        Ok(())
    }

    fn raise_fees(&mut self, index: usize, market: Market) -> Result<(), L1Error> {
        let Some(tx) = self.in_flight.get_mut(index) else {
            return Ok(());
        };
        match tx.fees.bumped(market, &self.config) {
            Ok(fees) => {
                let (nonce, gas_limit) = (tx.nonce, tx.gas_limit);
                let Ok((raw, hash)) = sign(
                    &self.signer,
                    self.chain_id,
                    nonce,
                    gas_limit,
                    fees,
                    &tx.candidate,
                ) else {
                    return Ok(());
                };
                tracing::info!(
                    nonce,
                    tx_hash = %hash,
                    max_fee_wei = fees.max_fee,
                    tip_wei = fees.tip,
                    "l1 transaction is stuck: sending it with higher fees"
                );
                tx.fees = fees;
                tx.raw = raw;
                tx.hashes.push(hash);
                tx.too_cheap = false;
            }
            Err(needed_wei) => self.set_obstacle(Some(Obstacle::FeesTooHigh { needed_wei })),
        }
        Ok(())
    }

    /// Hands the newest form of a transaction to the L1.
    async fn hand_over(&mut self, index: usize) -> Result<Handed, L1Error> {
        let is_newest = index + 1 == self.in_flight.len();
        let Some(tx) = self.in_flight.get_mut(index) else {
            return Ok(Handed::Done);
        };
        tx.tries = tx.tries.saturating_add(1);
        let outcome = self.client.broadcast(tx.raw.clone()).await;
        let now = Instant::now();
        let soon = now + self.config.resubmit_after / REFUSED_PART;
        let error = match outcome {
            Ok(_) => {
                tx.accepted = true;
                tx.due = now + self.config.resubmit_after;
                if self.obstacle == Some(Obstacle::InsufficientFunds) {
                    self.set_obstacle(None);
                    self.balance_due = now;
                }
                return Ok(Handed::Done);
            }
            Err(error) => error,
        };
        let Some(rejection) = Rejection::of(&error) else {
            return Err(error);
        };
        tx.due = soon;
        match rejection {
            Rejection::AlreadyKnown => {
                tx.accepted = true;
                tx.due = now + self.config.resubmit_after;
            }
            Rejection::NonceTooLow if tx.tries == 1 && !tx.accepted => {
                return Ok(Handed::NonceUsed);
            }
            // One of its forms is in a block: the next look finds it.
            Rejection::NonceTooLow => {
                tx.accepted = true;
                self.last_look = None;
            }
            Rejection::Underpriced => tx.too_cheap = true,
            Rejection::InsufficientFunds => {
                self.balance_due = now;
                self.set_obstacle(Some(Obstacle::InsufficientFunds));
            }
            Rejection::Invalid if !tx.accepted && is_newest => {
                return Ok(Handed::Refused(error));
            }
            Rejection::Invalid | Rejection::Temporary => {
                tracing::debug!(nonce = tx.nonce, %error, "l1 refuses a transaction for now");
            }
        }
        Ok(Handed::Done)
    }

    /// Gives up the newest transaction, which the L1 never took.
    fn withdraw_newest(&mut self, error: SendError) {
        if let Some(tx) = self.in_flight.pop_back() {
            self.next_nonce = Some(tx.nonce);
            deliver(tx.result, Err(error));
        }
    }

    /// Sends candidates from the queue while there is room.
    async fn fill(&mut self) -> Result<(), L1Error> {
        let mut market = None;
        while self.in_flight.len() < self.in_flight_max() {
            // Order is by nonce: none is sent before the one before it has arrived.
            if self.in_flight.back().is_some_and(|tx| !tx.accepted) {
                break;
            }
            let request = match self.waiting.take() {
                Some(request) => request,
                None => match self.requests.try_recv() {
                    Ok(request) => request,
                    Err(_) => break,
                },
            };
            if request.result.is_closed() {
                continue;
            }
            let market = match market {
                Some(market) => market,
                None => match Market::now(&self.client).await {
                    Ok(now) => *market.insert(now),
                    Err(error) => {
                        self.waiting = Some(request);
                        return Err(error);
                    }
                },
            };
            let fees = match Fees::fresh(market, &self.config) {
                Ok(fees) => fees,
                Err(needed_wei) => {
                    self.waiting = Some(request);
                    self.set_obstacle(Some(Obstacle::FeesTooHigh { needed_wei }));
                    break;
                }
            };
            if matches!(self.obstacle, Some(Obstacle::FeesTooHigh { .. })) {
                self.set_obstacle(None);
            }
            if !self.send_first(request, fees).await? {
                break;
            }
        }
        Ok(())
    }

    /// Sends a candidate for the first time. Answers whether the next may follow.
    async fn send_first(&mut self, request: Request, fees: Fees) -> Result<bool, L1Error> {
        let Some(nonce) = self.next_nonce else {
            self.waiting = Some(request);
            return Ok(false);
        };
        let gas_limit = match self.gas_limit(&request.candidate).await {
            Ok(gas_limit) => gas_limit,
            Err(error) if would_fail(&error) => {
                deliver(Some(request.result), Err(SendError::WouldFail(error)));
                return Ok(true);
            }
            Err(error) => {
                self.waiting = Some(request);
                return match Rejection::of(&error) {
                    Some(Rejection::InsufficientFunds) => {
                        self.set_obstacle(Some(Obstacle::InsufficientFunds));
                        Ok(false)
                    }
                    _ => Err(error),
                };
            }
        };
        let (raw, hash) = match sign(
            &self.signer,
            self.chain_id,
            nonce,
            gas_limit,
            fees,
            &request.candidate,
        ) {
            Ok(signed) => signed,
            Err(error) => {
                deliver(Some(request.result), Err(error));
                return Ok(true);
            }
        };
        self.in_flight.push_back(InFlight {
            nonce,
            candidate: request.candidate,
            gas_limit,
            fees,
            raw,
            hashes: vec![hash],
            tries: 0,
            accepted: false,
            too_cheap: false,
            due: Instant::now(),
            seen_in: None,
            taken_since: None,
            result: Some(request.result),
        });
        self.next_nonce = Some(nonce.saturating_add(1));
        match self.hand_over(self.in_flight.len() - 1).await? {
            Handed::Done => Ok(true),
            Handed::Refused(error) => {
                self.withdraw_newest(SendError::Refused(error));
                Ok(true)
            }
            Handed::NonceUsed => {
                // Back to the front of the queue, with the nonce that the L1 says at the next look.
                if let Some(InFlight {
                    candidate,
                    result: Some(result),
                    ..
                }) = self.in_flight.pop_back()
                {
                    self.waiting = Some(Request { candidate, result });
                }
                self.next_nonce = None;
                Ok(false)
            }
        }
    }

    async fn gas_limit(&self, candidate: &TxCandidate) -> Result<u64, L1Error> {
        if let Some(gas_limit) = candidate.gas_limit {
            return Ok(gas_limit);
        }
        let mut request = TransactionRequest::default()
            .from(self.account())
            .input(candidate.data.clone().into());
        request.to = Some(candidate.to);
        let gas = self.client.estimate_gas(request).await?;
        let margin = gas.saturating_mul(u64::from(self.config.gas_margin_percent)) / 100;
        Ok(gas.saturating_add(margin))
    }

    /// Sets what keeps the sender from sending; logs it when it is new or gone.
    fn set_obstacle(&mut self, obstacle: Option<Obstacle>) {
        let same_kind = match (self.obstacle, obstacle) {
            (Some(old), Some(new)) => std::mem::discriminant(&old) == std::mem::discriminant(&new),
            (None, None) => true,
            _ => false,
        };
        if !same_kind {
            let account = self.account();
            match obstacle {
                Some(Obstacle::FeesTooHigh { needed_wei }) => {
                    let fee_max_wei = self.config.fee_max_wei;
                    tracing::warn!(
                        needed_wei,
                        fee_max_wei,
                        "l1 fees are above the maximum: waiting"
                    );
                }
                Some(Obstacle::InsufficientFunds) => {
                    tracing::error!(%account, "l1 account can't pay for transactions: waiting for funds");
                }
                Some(Obstacle::Unreachable) => {}
                None => tracing::info!(%account, "l1 sender is sending again"),
            }
        }
        self.obstacle = obstacle;
    }

    fn publish(&self) {
        let obstacle = if self.outage.is_some() {
            Some(Obstacle::Unreachable)
        } else {
            self.obstacle
        };
        self.status.send_if_modified(|status| {
            let next = SenderStatus {
                in_flight: self.in_flight.len(),
                next_nonce: self.next_nonce,
                obstacle,
                ..*status
            };
            let changed = *status != next;
            *status = next;
            changed
        });
    }
}

/// Whether a refused gas estimate says that the transaction itself would fail.
fn would_fail(error: &L1Error) -> bool {
    match error {
        L1Error::Refused {
            code,
            data,
            message,
            ..
        } => *code == 3 || data.is_some() || message.to_lowercase().contains("revert"),
        _ => false,
    }
}
