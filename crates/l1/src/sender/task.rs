//! The loop behind a sender: looks at the L1, and does what follows from it.

use super::{
    Carrier, FeeCeiling, Obstacle, Pressure, Request, SendError, SenderJournal, SenderStatus,
    TooExpensive, TxSenderConfig, TxSigner,
    in_flight::{InFlight, Retained},
};
use crate::{L1Client, L1Error, SidecarVersion};
use alloy_eips::BlockId;
use alloy_primitives::B256;
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// How much longer the pause between looks is while only confirmed transactions are watched.
const IDLE_PAUSE_FACTOR: u32 = 8;

/// When an outage began and how often the L1 was tried since.
struct Outage {
    since: Instant,
    failures: u32,
}

pub(super) struct Task {
    pub(super) client: L1Client,
    pub(super) signer: TxSigner,
    pub(super) config: TxSenderConfig,
    pub(super) journal: Option<SenderJournal>,
    pub(super) requests: mpsc::Receiver<Request>,
    /// All handles are gone.
    closed: bool,
    /// Taken from the queue, but not to be sent yet: one, and one that was refused for long.
    pub(super) waiting: VecDeque<Request>,
    /// A candidate was given back because another was cancelled: those behind it are too, until one
    /// begins anew.
    pub(super) gave_back: bool,
    /// By ascending, consecutive nonce.
    pub(super) in_flight: VecDeque<InFlight>,
    pub(super) retained: VecDeque<Retained>,
    pub(super) chain_id: Option<u64>,
    pub(super) next_nonce: Option<u64>,
    /// Head and mined nonce at the last look: nothing is new until one changes.
    pub(super) last_look: Option<(B256, u64)>,
    pub(super) gap_since: Option<Instant>,
    pub(super) balance_due: Instant,
    /// How the L1 wants blobs to be proved, as far as is known.
    pub(super) sidecar_version: SidecarVersion,
    pressure: Arc<Mutex<Pressure>>,
    outage: Option<Outage>,
    pub(super) obstacle: Option<Obstacle>,
    status: watch::Sender<SenderStatus>,
}

impl Task {
    pub(super) fn new(
        client: L1Client,
        signer: TxSigner,
        config: TxSenderConfig,
        journal: Option<SenderJournal>,
        in_flight: VecDeque<InFlight>,
        requests: mpsc::Receiver<Request>,
        pressure: Arc<Mutex<Pressure>>,
        status: watch::Sender<SenderStatus>,
    ) -> Self {
        Self {
            client,
            signer,
            config,
            journal,
            requests,
            closed: false,
            waiting: VecDeque::new(),
            gave_back: false,
            in_flight,
            retained: VecDeque::new(),
            chain_id: config.chain_id,
            next_nonce: None,
            last_look: None,
            gap_since: None,
            balance_due: Instant::now(),
            sidecar_version: SidecarVersion::V0,
            pressure,
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
                && self.waiting.is_empty()
                && self.in_flight.len() < self.in_flight_max();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                request = self.requests.recv(), if open => match request {
                    Some(request) => self.waiting.push_back(request),
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
        let waiting = self.waiting.drain(..).map(|request| request.result);
        let in_flight = self.in_flight.drain(..).filter_map(|tx| tx.result);
        for result in in_flight.chain(waiting).chain(queued) {
            let _ = result.send(Err(SendError::Stopped));
        }
    }

    fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.waiting.is_empty()
    }

    pub(super) fn in_flight_max(&self) -> usize {
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
            // Not the L1's fault: it is logged where it is noticed.
            Err(L1Error::Journal(error)) => self.journal_failed(&error),
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
            let pending = self
                .client
                .nonce(self.account(), BlockId::pending())
                .await?;
            // What an earlier run sent may have left the pool: its nonces are ours all the same.
            let last = self.in_flight.back().map(|tx| tx.nonce);
            let behind = last.map_or(0, |last| last.saturating_add(1));
            self.next_nonce = Some(pending.max(behind));
        }
        if !self.in_flight.is_empty() || !self.retained.is_empty() {
            let head = self.client.latest().await?;
            let mined = self.client.nonce(self.account(), BlockId::latest()).await?;
            if self.last_look != Some((head.hash(), mined)) {
                self.restore_dropped(mined).await?;
                self.confirm(&head, mined).await?;
                self.last_look = Some((head.hash(), mined));
            }
            self.cancel_what_is_stuck(mined).await?;
            self.free_reserved(mined).await?;
            self.resubmit(mined).await?;
            let retain_blocks = self.config.retain_blocks;
            self.forget_retained(|kept| {
                head.number.saturating_sub(kept.block_number) <= retain_blocks
            })
            .await;
        }
        self.fill().await
    }

    pub(super) fn account(&self) -> alloy_primitives::Address {
        self.signer.address()
    }

    /// Most that may be offered now.
    pub(super) fn ceiling(&self) -> FeeCeiling {
        FeeCeiling::under(*self.pressure.lock(), &self.config)
    }

    /// What data would be carried in now, if that makes a difference.
    pub(super) fn better_carrier(&self) -> Option<Carrier> {
        self.pressure.lock().carrier
    }

    /// Whether fees above the ceiling are what is waited for.
    pub(super) const fn waits_for_fees(&self) -> bool {
        matches!(
            self.obstacle,
            Some(Obstacle::FeesTooHigh { .. } | Obstacle::BlobFeesTooHigh { .. })
        )
    }

    /// Forgets the confirmed transactions that are not to be kept.
    pub(super) async fn forget_retained(&mut self, keep: impl Fn(&Retained) -> bool) {
        let mut settled = Vec::new();
        self.retained.retain(|kept| {
            let stays = keep(kept);
            if !stays {
                settled.push(kept.nonce);
            }
            stays
        });
        for nonce in settled {
            self.forget(nonce).await;
        }
    }

    /// Forgets a transaction that is settled.
    pub(super) async fn forget(&self, nonce: u64) {
        if let Some(journal) = &self.journal {
            journal.remove(nonce).await;
        }
    }

    pub(super) fn journal_failed(&mut self, error: &super::JournalError) {
        if self.obstacle != Some(Obstacle::Journal) {
            tracing::error!(%error, "l1 sender's journal can't be written: transactions wait");
        }
        self.set_obstacle(Some(Obstacle::Journal));
    }

    /// Notes that more would have to be offered than this ceiling.
    pub(super) fn too_expensive(&mut self, needed: TooExpensive, ceiling: FeeCeiling) {
        let obstacle = match needed {
            TooExpensive::Gas(needed_wei) => Obstacle::FeesTooHigh { needed_wei },
            TooExpensive::BlobGas(needed_wei) => Obstacle::BlobFeesTooHigh { needed_wei },
        };
        if !self.is_kind_of_obstacle(Some(obstacle)) {
            match needed {
                TooExpensive::Gas(needed_wei) => tracing::warn!(
                    needed_wei,
                    ceiling_wei = ceiling.fee_wei,
                    "l1 fees are above the ceiling: waiting"
                ),
                TooExpensive::BlobGas(needed_wei) => tracing::warn!(
                    needed_wei,
                    ceiling_wei = ceiling.blob_fee_wei,
                    "l1 fees of blob gas are above the ceiling: waiting"
                ),
            }
        }
        self.set_obstacle(Some(obstacle));
    }

    /// Whether this is what is in the way already, whatever its figures.
    fn is_kind_of_obstacle(&self, obstacle: Option<Obstacle>) -> bool {
        let kind = |obstacle: Option<Obstacle>| obstacle.map(|some| std::mem::discriminant(&some));
        kind(self.obstacle) == kind(obstacle)
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

    /// Sets what keeps the sender from sending; logs it when it is new or gone.
    pub(super) fn set_obstacle(&mut self, obstacle: Option<Obstacle>) {
        if !self.is_kind_of_obstacle(obstacle) {
            let account = self.account();
            match obstacle {
                // Logged where it is noticed.
                Some(
                    Obstacle::FeesTooHigh { .. }
                    | Obstacle::BlobFeesTooHigh { .. }
                    | Obstacle::Journal
                    | Obstacle::Unreachable
                    | Obstacle::Cancelling,
                ) => {}
                Some(Obstacle::OtherCarrier) => {
                    tracing::info!(%account, "l1 sender waits for its transactions of another kind");
                }
                Some(Obstacle::Reserved) => {
                    tracing::error!(%account, "l1 account has transactions of another kind that are not ours: waiting");
                }
                Some(Obstacle::Signer) => {
                    tracing::error!(%account, "l1 transactions can't be signed: waiting for the signer");
                }
                Some(Obstacle::InsufficientFunds) => {
                    tracing::error!(%account, "l1 account can't pay for transactions: waiting for funds");
                }
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
                cancelling: self
                    .in_flight
                    .iter()
                    .filter(|tx| tx.is_cancelling())
                    .count(),
                next_nonce: self.next_nonce,
                obstacle,
                ceiling: self.ceiling(),
                ..*status
            };
            let changed = *status != next;
            *status = next;
            changed
        });
    }
}
