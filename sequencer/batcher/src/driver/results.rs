//! What becomes of the transactions that were handed over.

use super::{BatcherError, Driver, L1Head, TxSubmit};
use crate::{RestartReason, channel::ChannelTxInfo};
use alloy_primitives::hex;
use openledger_l1::{Confirmed, SendError, SendResult, Severity};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{sync::oneshot, time::Instant};

/// A transaction whose result is awaited.
pub(super) struct Awaited {
    pub(super) info: ChannelTxInfo,
    pub(super) result: oneshot::Receiver<SendResult>,
}

impl Future for Awaited {
    type Output = (ChannelTxInfo, Result<SendResult, oneshot::error::RecvError>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let info = self.info;
        Pin::new(&mut self.result)
            .poll(context)
            .map(|result| (info, result))
    }
}

impl<L: L1Head, S: TxSubmit> Driver<L, S> {
    pub(super) fn on_result(
        &mut self,
        info: ChannelTxInfo,
        result: Result<SendResult, oneshot::error::RecvError>,
    ) -> Result<(), BatcherError> {
        let error = match result {
            Ok(Ok(confirmed)) => {
                self.on_confirmed(info, confirmed);
                return Ok(());
            }
            Err(_) | Ok(Err(SendError::Stopped)) => return Err(BatcherError::SenderStopped),
            Ok(Err(SendError::Cancelled { fee_wei })) => {
                self.on_cancelled(info, fee_wei);
                return Ok(());
            }
            Ok(Err(error)) => error,
        };
        if error.severity() == Severity::Fatal {
            // Sending the same again at once would not help.
            self.paused_until = Some(Instant::now() + self.config.refused_pause);
        }
        tracing::error!(%error, "batch transaction is lost");
        self.restart(&RestartReason::TransactionLost);
        self.fail(error.to_string());
        Ok(())
    }

    fn on_confirmed(&mut self, info: ChannelTxInfo, confirmed: Confirmed) {
        let Some(pipeline) = &mut self.pipeline else {
            return;
        };
        if let Some(channel) = pipeline.channel(info) {
            let ratio = channel.compressed_bytes as f64 / channel.rlp_bytes.max(1) as f64;
            tracing::info!(
                channel = %hex::encode(channel.id),
                carrier = ?channel.carrier,
                transaction = info.index,
                transactions = channel.txs_total,
                block_from = channel.range.from,
                block_to = channel.range.to.number,
                bytes = channel.compressed_bytes,
                ratio = format_args!("{ratio:.3}"),
                tx_hash = %confirmed.tx_hash,
                l1_block = confirmed.block.number,
                fee_wei = confirmed.fee_wei,
                "batch submitted"
            );
        }
        if !confirmed.success {
            tracing::warn!(
                tx_hash = %confirmed.tx_hash,
                "batch transaction reverted: derivation reads it, but the inbox did not record it"
            );
        }
        let l1_timestamp = self.l1_head.map_or(u64::MAX, |head| head.timestamp);
        let posted = pipeline
            .channel(info)
            .filter(|channel| info.index.saturating_add(1) == channel.txs_total)
            .map_or(0, |channel| channel.compressed_bytes);
        if let Some(watch) = &mut self.cost_watch {
            watch.add(confirmed.fee_wei);
        }
        self.status.send_modify(|status| {
            status.posted_bytes = status.posted_bytes.saturating_add(posted as u64);
            status.fee_wei = status.fee_wei.saturating_add(confirmed.fee_wei);
        });
        match pipeline.confirm(info, confirmed.block, l1_timestamp) {
            Ok(channels) => {
                if let Some(last) = channels.last() {
                    let inclusion = last.inclusion;
                    self.status.send_modify(|status| {
                        status.l1_inclusion = inclusion;
                        status.last_error = None;
                    });
                }
            }
            Err(reason) => self.restart(&reason),
        }
    }

    /// Goes back to before what was cancelled: it is posted again, in what is cheaper now.
    fn on_cancelled(&mut self, info: ChannelTxInfo, fee_wei: u128) {
        let Some(pipeline) = &mut self.pipeline else {
            return;
        };
        // What is submitted next relies on nothing, unless that was submitted already.
        if pipeline.cancel(info) {
            self.building = None;
            self.begins = true;
        }
        tracing::info!(
            transaction = info.index,
            fee_wei,
            block_after = pipeline.cursor().number,
            "batch transaction was cancelled: its blocks are posted again"
        );
        if let Some(watch) = &mut self.cost_watch {
            watch.add(fee_wei);
        }
        self.status.send_modify(|status| {
            status.fee_wei = status.fee_wei.saturating_add(fee_wei);
            status.cancelled_txs = status.cancelled_txs.saturating_add(1);
        });
    }
}
