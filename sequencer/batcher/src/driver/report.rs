//! What the driver tells: how far the batcher is, how urgent it is, and whether fees pay for it.

use super::{BatcherError, Driver, L1Head, TxSubmit};
use crate::{BatcherStatus, cost_watch::collected, pipeline::Pipeline};
use openledger_l1::Pressure;
use std::time::Duration;
use tokio::time::Instant;

impl<L: L1Head, S: TxSubmit> Driver<L, S> {
    pub(super) fn publish(&self) {
        let Some(pipeline) = &self.pipeline else {
            return;
        };
        let head = self.source.unsafe_head().number;
        let backlog_blocks = head.saturating_sub(pipeline.cursor().number);
        let backlog_bytes = pipeline.backlog_bytes(head);
        self.config
            .throttle
            .set_backlog(backlog_bytes, &self.config.throttle_limits);
        let window_left = self.l1_head.and_then(|l1| pipeline.window_left(l1));
        let deadline_permille = self.deadline_permille(window_left);
        self.press(pipeline, deadline_permille);
        let deadline_near = deadline_permille >= self.config.deadline_alarm_permille;
        if deadline_near && !self.status.borrow().deadline_near {
            tracing::error!(
                window_left,
                block = pipeline.confirmed_to(),
                "the sequencing window of blocks that are not on l1 comes to its end"
            );
        }
        self.status.send_if_modified(|status| {
            let next = BatcherStatus {
                submitted_to: pipeline.submitted_to(),
                confirmed_to: pipeline.confirmed_to(),
                pending_txs: pipeline.pending_txs(),
                backlog_blocks,
                backlog_bytes,
                block_bytes_max: self.config.throttle_limits.block_bytes(backlog_bytes),
                carrier: pipeline.carrier(),
                window_left,
                deadline_near,
                ..status.clone()
            };
            let changed = *status != next;
            *status = next;
            changed
        });
    }

    /// Compares costs with fees at the end of each window.
    pub(super) async fn compare_costs(&mut self) -> Result<(), BatcherError> {
        let (Some(watch), Some(pipeline)) = (&mut self.cost_watch, &self.pipeline) else {
            return Ok(());
        };
        let now = Instant::now();
        let Some(due) = watch.due(now, pipeline.confirmed_to()) else {
            return Ok(());
        };
        let source = self.source.clone();
        let read = tokio::task::spawn_blocking(move || collected(source.as_ref(), due));
        let collected = match read.await.map_err(|_| BatcherError::Interrupted)? {
            Ok(collected) => collected,
            Err(error) => {
                tracing::debug!(%error, "what was paid for posting can't be read");
                None
            }
        };
        let rate = watch.rate();
        let Some(posting) = watch.settle(now, due, collected) else {
            tracing::warn!(
                block_from = due.after.saturating_add(1),
                block_to = due.to,
                "what was paid for posting is not known: costs are not compared"
            );
            return Ok(());
        };
        let (block_from, block_to) = posting.blocks;
        if posting.is_deficit() {
            tracing::warn!(
                block_from,
                block_to,
                cost_wei = posting.cost_wei,
                cost_open_wei = %posting.cost_open_wei,
                fees_open_wei = %posting.fees_open_wei,
                open_per_eth = %rate,
                "posting costs more than the fees that pay for it"
            );
        } else if self
            .status
            .borrow()
            .posting
            .is_some_and(|before| before.is_deficit())
        {
            tracing::info!(
                block_from,
                block_to,
                cost_open_wei = %posting.cost_open_wei,
                fees_open_wei = %posting.fees_open_wei,
                "fees pay for posting again"
            );
        }
        self.status
            .send_modify(|status| status.posting = Some(posting));
        Ok(())
    }

    /// How much of the oldest block's sequencing window is over, in thousandths.
    fn deadline_permille(&self, window_left: Option<u64>) -> u32 {
        let window = self.config.chain.seq_window_size.max(1);
        let over = window_left.map_or(0, |left| window.saturating_sub(left));
        u32::try_from(over.saturating_mul(1_000) / window).unwrap_or(u32::MAX)
    }

    /// Tells the sender how urgent the transactions are. A full channel is an ordinary amount.
    fn press(&self, pipeline: &Pipeline, deadline_permille: u32) {
        // What waits has the size of its own carrier's channels: a switch makes it no more urgent.
        let carrier = pipeline.oldest_carrier().unwrap_or_default();
        let ordinary = self.config.channel_bytes_target(carrier).max(1);
        let backlog = pipeline.closed_bytes().saturating_mul(1_000) / ordinary;
        let waited = self.l1_head.map_or(0, |l1| pipeline.waited(l1));
        self.sender.set_pressure(Pressure {
            backlog_permille: u32::try_from(backlog).unwrap_or(u32::MAX),
            waited: Duration::from_secs(waited),
            deadline_permille,
            carrier: self.l1_head.map(|l1| pipeline.better_carrier(l1)),
        });
    }
}
