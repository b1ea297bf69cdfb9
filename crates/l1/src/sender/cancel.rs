//! Putting empty transactions in the place of others: of our own, which are stuck and whose data has
//! become cheaper to carry in the other way; and of those that somebody else left in the pools.
//!
//! Nodes keep an account's transactions with blobs apart from its others and take one kind at a time, so
//! that what is stuck in one kind keeps everything of the other kind from L1. An empty transaction
//! takes a nonce's place for 21,000 gas and, among those with blobs, one blob: only such a one replaces
//! another, at twice its fees. It is an ordinary transaction and costs what the market asks, so that it is
//! sent only where that, and what it costs to carry the data in the other way, is well below what the
//! sender is ready to pay for carrying it as it is; and that is asked again whenever it has to offer more.

use super::{
    Carrier, CarrierGas, Confirmed, Fees, Market, Obstacle, Request, SendError, TooExpensive,
    TxCandidate,
    in_flight::{InFlight, deliver},
    signed::{Place, sign},
    task::Task,
    weigh::{EMPTY_GAS, is_worth_cancelling},
};
use crate::{BlobSidecar, L1Error};
use alloy_eips::BlockId;
use alloy_primitives::Bytes;
use std::collections::VecDeque;
use tokio::time::Instant;

/// Nonces of others' transactions that are freed at a time.
const FREED_MAX: u64 = 16;

impl Task {
    /// Cancels what is stuck in one carrier if the other is wanted, could be sent, and is cheaper even so.
    pub(super) async fn cancel_what_is_stuck(&mut self, mined: u64) -> Result<(), L1Error> {
        let Some(better) = self.better_carrier() else {
            return Ok(());
        };
        let first = self.in_flight.iter().position(|tx| tx.seen_in.is_none());
        let Some(first) = first else {
            return Ok(());
        };
        let may_be_stuck = self.in_flight.get(first).is_some_and(|tx| {
            tx.nonce == mined && tx.accepted && !tx.is_cancelling() && Instant::now() >= tx.due
        });
        let is_ours_to_cancel = |tx: &InFlight| {
            let other = tx.candidate.carrier() != better;
            // One that a reorg brought back was confirmed to its giver, who could not be told.
            let can_be_told = tx.result.is_some();
            other && tx.seen_in.is_none() && tx.candidate.data_gas.is_some() && can_be_told
        };
        if !may_be_stuck || !self.in_flight.range(first..).all(is_ours_to_cancel) {
            return Ok(());
        }
        let market = Market::now(&self.client).await?;
        let Some(fees) = self.worth_cancelling(first, better, market) else {
            return Ok(());
        };
        tracing::warn!(
            transactions = fees.len(),
            nonce_from = mined,
            base_fee_wei = market.base_fee,
            blob_base_fee_wei = market.blob_base_fee,
            ?better,
            "l1 transactions are stuck and their data is cheaper to carry in another way: cancelling them"
        );
        let empty = self.empty(better.other()).await?;
        self.set_obstacle(Some(Obstacle::Cancelling));
        for (index, fees) in (first..).zip(fees) {
            let Some(tx) = self.in_flight.get(index) else {
                break;
            };
            let empty = TxCandidate {
                tag: tx.candidate.tag.clone(),
                data_gas: tx.candidate.data_gas,
                ..empty.clone()
            };
            if !self.sign_again(index, fees, Some(empty)).await? {
                break;
            }
            self.hand_over(index).await?;
        }
        Ok(())
    }

    /// The fees of the cancellations of all from `first` on, if they are worth it.
    fn worth_cancelling(&self, first: usize, better: Carrier, market: Market) -> Option<Vec<Fees>> {
        if !self.in_flight.get(first)?.fees.is_below(market) {
            return None;
        }
        let mut txs = Vec::with_capacity(self.in_flight.len());
        for tx in self.in_flight.range(first..) {
            let fees = tx.fees.cancelling(market, &self.config).ok()?;
            txs.push((tx.candidate.data_gas?, fees));
        }
        let fees = txs.iter().map(|(_, fees)| *fees).collect();
        self.is_worth_cancelling(txs, better.other(), market)
            .then_some(fees)
    }

    /// The fees at which a cancellation is sent again: without a ceiling as long as all that are in no
    /// block are still worth it, and else under the ceiling of any transaction, for there is no way
    /// back to the data.
    ///
    /// # Errors
    /// The fee that would be needed, where that is above what may be offered.
    pub(super) fn raised_cancellation(
        &self,
        tx: &InFlight,
        market: Market,
    ) -> Result<Fees, TooExpensive> {
        let cancelling = self
            .in_flight
            .iter()
            .filter(|tx| tx.is_cancelling() && tx.seen_in.is_none());
        let txs: Option<Vec<_>> = cancelling
            .map(|tx| {
                let raised = tx.fees.cancelling(market, &self.config);
                Some((tx.candidate.data_gas?, raised.unwrap_or(tx.fees)))
            })
            .collect();
        let is_worth_it = |txs| self.is_worth_cancelling(txs, tx.candidate.carrier(), market);
        if txs.is_some_and(is_worth_it) {
            return tx.fees.cancelling(market, &self.config);
        }
        tx.fees.bumped(market, self.ceiling(), &self.config)
    }

    fn is_worth_cancelling(
        &self,
        txs: Vec<(CarrierGas, Fees)>,
        carrier: Carrier,
        market: Market,
    ) -> bool {
        is_worth_cancelling(txs, carrier, market, self.ceiling(), &self.config)
    }

    /// Puts empty transactions in the place of those of another kind that this sender doesn't have and
    /// for which nodes refuse its own.
    pub(super) async fn free_reserved(&mut self, mined: u64) -> Result<(), L1Error> {
        let Some(tx) = self.in_flight.front().filter(|_| self.in_flight.len() == 1) else {
            return Ok(());
        };
        let waited = tx.reserved_since.map(|since| since.elapsed());
        let is_refused = waited.is_some_and(|waited| waited >= self.config.resubmit_after);
        if !is_refused || tx.accepted || tx.is_cancelling() || Instant::now() < tx.due {
            return Ok(());
        }
        let carrier = tx.candidate.carrier().other();
        let market = Market::now(&self.client).await?;
        // The alarm that something is there stays.
        let Ok(fees) = Fees::fresh(market, carrier, self.ceiling(), &self.config) else {
            return Ok(());
        };
        let pending = self
            .client
            .nonce(self.account(), BlockId::pending())
            .await?;
        let behind = pending.clamp(mined.saturating_add(1), mined.saturating_add(FREED_MAX));
        let empty = self.empty(carrier).await?;
        let mut freeing = VecDeque::new();
        for nonce in mined..behind {
            let place = Place {
                chain_id: self.chain_id,
                nonce,
                gas_limit: EMPTY_GAS,
            };
            let signed = sign(&self.signer, place, fees, &empty, self.sidecar_version).await;
            let Ok(signed) = signed else { return Ok(()) };
            let mut tx = InFlight::new(empty.clone(), place, fees, signed);
            tx.cancellations = 1;
            // A refusal for its nonce is that of a transaction that was sent before.
            tx.tries = 1;
            if let Some(journal) = &self.journal {
                journal.save(nonce, tx.record()).await?;
            }
            freeing.push_back(tx);
        }
        // Ours was never taken: it is sent behind them, with another nonce.
        for ours in std::mem::replace(&mut self.in_flight, freeing) {
            if ours.nonce >= behind {
                self.forget(ours.nonce).await;
            }
            let candidate = ours.candidate;
            if let Some(result) = ours.result {
                self.waiting.push_front(Request { candidate, result });
            }
        }
        self.next_nonce = Some(behind);
        tracing::warn!(
            account = %self.account(),
            nonce_from = mined,
            nonce_to = behind.saturating_sub(1),
            "l1 account's transactions of another kind that are not ours: replacing them by empty ones"
        );
        Ok(())
    }

    /// A transaction to ourselves that carries nothing, of this kind.
    async fn empty(&self, carrier: Carrier) -> Result<TxCandidate, L1Error> {
        let call = TxCandidate::call(self.account(), Bytes::new()).with_gas_limit(EMPTY_GAS);
        if carrier == Carrier::Calldata {
            return Ok(call);
        }
        let blobs = tokio::task::spawn_blocking(|| BlobSidecar::build(&[[]]))
            .await
            .map_err(|_| L1Error::Interrupted)?;
        Ok(TxCandidate {
            blobs: Some(blobs?),
            ..call
        })
    }

    /// Answers a transaction in whose place an empty one is in a block, and what was given behind it.
    pub(super) fn give_back(&mut self, tx: InFlight, confirmation: Confirmed) {
        let Confirmed {
            nonce,
            tx_hash,
            fee_wei,
            ..
        } = confirmation;
        tracing::info!(nonce, %tx_hash, fee_wei, "l1 transaction is cancelled");
        // Who is gone, or gave it up, relies on nothing of it.
        let Some(result) = tx.result.filter(|result| !result.is_closed()) else {
            return;
        };
        deliver(Some(result), Err(SendError::Cancelled { fee_wei }));
        // What begins anew was given by who knows of it.
        let begins = |request: &Request| request.candidate.begins;
        if self.waiting.front().is_some_and(begins) {
            return;
        }
        self.gave_back = true;
        for request in self.waiting.drain(..) {
            let cancelled = SendError::Cancelled { fee_wei: 0 };
            deliver(Some(request.result), Err(cancelled));
        }
    }
}
