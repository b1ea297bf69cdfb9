//! The loop around the pipeline: clock, L1 and threads.

mod ports;
mod report;
mod results;

pub use ports::{BatcherError, L1Head, TxSubmit};

use results::Awaited;

use crate::{
    BatcherConfig, BatcherStatus, BlockSource, L1Point, RestartReason,
    blobs::{Building, build},
    cost_watch::CostWatch,
    costs,
    pipeline::{Advance, Pipeline, PipelineError},
    tag::ChannelTag,
};
use alloy_eips::BlockNumHash;
use alloy_primitives::B256;
use futures::{StreamExt, stream::FuturesUnordered};
use openledger_l1::{Carrier, L1Client, ResumedTx, SendError, TxCandidate, TxSender};
use std::sync::Arc;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

/// A running batcher. Cheap to clone; the batcher runs on without it.
#[derive(Debug, Clone)]
pub struct Batcher {
    status: watch::Receiver<BatcherStatus>,
}

impl Batcher {
    /// Starts a batcher, which runs until `shutdown` or until it meets a block that can't be posted.
    ///
    /// At shutdown nothing is sent any more; what was sent stays with the L1. `resumed` is what the
    /// sender's journal has of an earlier run ([`TxSender::spawn_with_journal`]): channels of it that
    /// are on their way as a whole are not posted again. Everything else begins from the safe head.
    pub fn run(
        config: BatcherConfig,
        source: Arc<dyn BlockSource>,
        l1: L1Client,
        sender: TxSender,
        resumed: Vec<ResumedTx>,
        shutdown: CancellationToken,
    ) -> (Self, JoinHandle<Result<(), BatcherError>>) {
        Self::run_with(config, source, l1, sender, resumed, shutdown)
    }

    /// [`Self::run`] over any view of the L1.
    pub fn run_with(
        config: BatcherConfig,
        source: Arc<dyn BlockSource>,
        l1: impl L1Head,
        sender: impl TxSubmit,
        resumed: Vec<ResumedTx>,
        shutdown: CancellationToken,
    ) -> (Self, JoinHandle<Result<(), BatcherError>>) {
        let safe = source.safe_head();
        let (status_sender, status) = watch::channel(BatcherStatus {
            submitted_to: safe.number,
            confirmed_to: safe.number,
            backlog_blocks: source.unsafe_head().number.saturating_sub(safe.number),
            ..BatcherStatus::default()
        });
        let seed = B256::from(rand::random::<[u8; 32]>());
        let driver = Driver {
            pipeline: Some(Pipeline::new(config.clone(), safe, seed)),
            cost_watch: config.cost_alarm.map(CostWatch::new),
            config,
            source,
            l1,
            sender,
            l1_head: None,
            l1_down: false,
            results: FuturesUnordered::new(),
            resumed,
            building: None,
            begins: false,
            paused_until: None,
            source_down: false,
            status: status_sender,
        };
        (Self { status }, tokio::spawn(driver.run(shutdown)))
    }

    /// How far the batcher is, and a signal when that changes.
    pub fn status(&self) -> watch::Receiver<BatcherStatus> {
        self.status.clone()
    }
}

struct Driver<L, S> {
    /// Away while a step runs on another thread.
    pipeline: Option<Pipeline>,
    config: BatcherConfig,
    source: Arc<dyn BlockSource>,
    l1: L,
    sender: S,
    l1_head: Option<L1Point>,
    l1_down: bool,
    results: FuturesUnordered<Awaited>,
    /// What an earlier run sent, until it was looked at.
    resumed: Vec<ResumedTx>,
    /// The blobs of the next transaction.
    building: Option<Building>,
    /// What is submitted next doesn't rely on what was submitted before.
    begins: bool,
    /// No step is taken before.
    paused_until: Option<Instant>,
    source_down: bool,
    /// Whether fees pay for posting, if anybody wants to know.
    cost_watch: Option<CostWatch>,
    status: watch::Sender<BatcherStatus>,
}

impl<L: L1Head, S: TxSubmit> Driver<L, S> {
    async fn run(mut self, shutdown: CancellationToken) -> Result<(), BatcherError> {
        let stopped = shutdown.clone();
        tokio::select! {
            biased;
            () = stopped.cancelled() => Ok(()),
            ended = self.work() => {
                // The root stops its parts together: the sender's end is then no failure.
                if shutdown.is_cancelled() { Ok(()) } else { ended }
            }
        }
    }

    async fn work(&mut self) -> Result<(), BatcherError> {
        let mut ticks = tokio::time::interval(self.config.poll_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let building = self
                .building
                .as_mut()
                .filter(|building| !building.is_done());
            tokio::select! {
                biased;
                Some((info, result)) = self.results.next() => self.on_result(info, result)?,
                () = Building::finish(building) => {}
                _ = ticks.tick() => self.look_at_l1().await,
            }
            self.take_up_resumed().await?;
            self.advance().await?;
            self.submit()?;
            self.publish();
            self.compare_costs().await?;
        }
    }

    /// Goes on with what an earlier run sent, once the L1's head is known.
    async fn take_up_resumed(&mut self) -> Result<(), BatcherError> {
        let Some(l1) = self.l1_head else {
            return Ok(());
        };
        if self.resumed.is_empty() {
            return Ok(());
        }
        let resumed = std::mem::take(&mut self.resumed);
        let tags: Vec<_> = resumed
            .iter()
            .map(|tx| ChannelTag::decode(&tx.tag))
            .collect();
        let Some(mut pipeline) = self.pipeline.take() else {
            return Err(BatcherError::Interrupted);
        };
        let source = self.source.clone();
        let step = tokio::task::spawn_blocking(move || {
            let infos = pipeline.resume(&tags, source.as_ref(), l1.timestamp);
            (pipeline, infos)
        });
        let (pipeline, infos) = step.await.map_err(|_| BatcherError::Interrupted)?;
        let cursor = pipeline.cursor().number;
        self.pipeline = Some(pipeline);
        let infos = match infos {
            Ok(infos) => infos,
            Err(error) => {
                tracing::warn!(%error, "what an earlier run posted can't be taken up: it is posted again");
                return Ok(());
            }
        };
        let mut taken_up = 0_usize;
        for (tx, info) in resumed.into_iter().zip(infos) {
            let Some(info) = info else { continue };
            taken_up += 1;
            self.results.push(Awaited {
                info,
                result: tx.result,
            });
        }
        if taken_up > 0 {
            tracing::info!(
                transactions = taken_up,
                block_to = cursor,
                "batcher takes up what an earlier run posted"
            );
        }
        Ok(())
    }

    async fn look_at_l1(&mut self) {
        match self.l1.head().await {
            Ok(head) => {
                if std::mem::replace(&mut self.l1_down, false) {
                    tracing::info!(l1_block = head.number, "batcher sees the l1 again");
                }
                self.l1_head = Some(head);
            }
            Err(error) => {
                if !std::mem::replace(&mut self.l1_down, true) {
                    tracing::warn!(%error, "batcher can't see the l1: channels wait");
                }
            }
        }
    }

    /// Reads blocks on a thread that may block, until there is nothing left to do.
    async fn advance(&mut self) -> Result<(), BatcherError> {
        if self
            .paused_until
            .is_some_and(|until| Instant::now() < until)
        {
            return Ok(());
        }
        self.paused_until = None;
        let Some(l1) = self.l1_head else {
            return Ok(());
        };
        loop {
            let Some(mut pipeline) = self.pipeline.take() else {
                return Err(BatcherError::Interrupted);
            };
            let source = self.source.clone();
            let step = tokio::task::spawn_blocking(move || {
                let outcome = pipeline.advance(source.as_ref(), l1);
                (pipeline, outcome)
            });
            let (pipeline, outcome) = step.await.map_err(|_| BatcherError::Interrupted)?;
            self.pipeline = Some(pipeline);
            match outcome {
                Ok(Advance::More) => self.submit()?,
                Ok(Advance::Idle) => {
                    self.source_down = false;
                    return Ok(());
                }
                Ok(Advance::Unwound { posted }) => return self.go_back(posted),
                Ok(Advance::Restart(reason)) => {
                    if matches!(reason, RestartReason::NotRederived { .. }) {
                        tracing::error!(%reason, "batch is not posted");
                        self.refuse();
                    }
                    self.restart(&reason);
                    return Ok(());
                }
                Err(error @ PipelineError::Source { .. }) => {
                    if !std::mem::replace(&mut self.source_down, true) {
                        tracing::error!(%error, "batcher can't read blocks");
                    }
                    self.fail(error.to_string());
                    return Ok(());
                }
                Err(error) => {
                    return Err(BatcherError::Block {
                        source: Box::new(error),
                    });
                }
            }
        }
    }

    /// Hands over as many transactions as may be on their way. Blobs are built first, on a thread of
    /// their own, one transaction's at a time.
    fn submit(&mut self) -> Result<(), BatcherError> {
        loop {
            let Some(pipeline) = &mut self.pipeline else {
                return Err(BatcherError::Interrupted);
            };
            let Some(tx) = pipeline.next_tx() else {
                return Ok(());
            };
            let info = tx.info;
            let data_gas = costs::carrier_gas(&self.config, tx.carrier, &tx.payloads);
            let candidate = match tx.carrier {
                Carrier::Calldata => {
                    TxCandidate::call(tx.to, tx.payloads.into_iter().next().unwrap_or_default())
                }
                Carrier::Blobs => {
                    let building = match &mut self.building {
                        Some(building) if building.info() == info => building,
                        other => {
                            *other = Some(build(info, tx.payloads));
                            return Ok(());
                        }
                    };
                    match building.result() {
                        None => return Ok(()),
                        Some(Ok(sidecar)) => TxCandidate::blobs(tx.to, sidecar.clone()),
                        Some(Err(error)) => {
                            let reason = RestartReason::Blobs(error.clone());
                            tracing::error!(%reason, "batch is not posted");
                            self.refuse();
                            self.restart(&reason);
                            return Ok(());
                        }
                    }
                }
            };
            let candidate = candidate
                .with_tag(tx.tag.encode())
                .with_data_gas(data_gas)
                .with_begins(self.begins);
            match self.sender.submit(candidate) {
                Ok(result) => {
                    pipeline.mark_sent();
                    self.begins = false;
                    if tx.carrier == Carrier::Blobs {
                        self.building = None;
                    }
                    self.results.push(Awaited { info, result });
                }
                Err(SendError::Stopped) => return Err(BatcherError::SenderStopped),
                // The queue is full: the next tick tries again.
                Err(_) => return Ok(()),
            }
        }
    }

    /// Notes that a channel would have come out wrong. Trying at once again could be in vain.
    fn refuse(&mut self) {
        self.paused_until = Some(Instant::now() + self.config.refused_pause);
        self.status.send_modify(|status| {
            status.refused_channels = status.refused_channels.saturating_add(1);
        });
    }

    /// Goes on behind what is still canonical, to which the pipeline went back.
    fn go_back(&mut self, posted: BlockNumHash) -> Result<(), BatcherError> {
        let Some(pipeline) = &self.pipeline else {
            return Err(BatcherError::Interrupted);
        };
        let reason = RestartReason::Unwound { posted };
        tracing::warn!(
            block_after = pipeline.cursor().number,
            %reason,
            "batcher goes on behind the last channel that is still canonical"
        );
        // Dropping the other receivers takes back what is not sent yet.
        self.results = std::mem::take(&mut self.results)
            .into_iter()
            .filter(|awaited| pipeline.channel(awaited.info).is_some())
            .collect();
        self.begins = self.results.is_empty();
        self.count_restart(&reason);
        Ok(())
    }

    fn restart(&mut self, reason: &RestartReason) {
        let safe = self.source.safe_head();
        match reason {
            RestartReason::SafeHeadAhead { .. } => {
                tracing::info!(safe = safe.number, %reason, "batcher starts over from the safe head");
            }
            _ => {
                tracing::warn!(safe = safe.number, %reason, "batcher starts over from the safe head")
            }
        }
        // Dropping the receivers takes back what is not sent yet.
        self.results.clear();
        self.begins = true;
        if let Some(pipeline) = &mut self.pipeline {
            pipeline.restart(safe);
        }
        self.count_restart(reason);
    }

    fn count_restart(&mut self, reason: &RestartReason) {
        self.building = None;
        self.status
            .send_modify(|status| status.restarts = status.restarts.saturating_add(1));
        self.fail(reason.to_string());
    }

    fn fail(&self, error: String) {
        self.status.send_if_modified(|status| {
            let changed = status.last_error.as_ref() != Some(&error);
            status.last_error = Some(error);
            changed
        });
    }
}

#[cfg(test)]
#[path = "driver_tests/mod.rs"]
mod tests;
