//! Sending for the first time: what is taken from the queue, in which order, at which price.

use super::{
    Carrier, Fees, JournalError, Market, Obstacle, Rejection, Request, SendError, SenderJournal,
    TxCandidate, TxSenderConfig, TxSigner,
    in_flight::{InFlight, deliver, origin_of},
    resubmit::Handed,
    signed::{Place, sign},
    task::Task,
};
use crate::L1Error;
use alloy_rpc_types_eth::TransactionRequest;

/// What an earlier run sent, confirmed for long excepted, by ascending, consecutive nonces.
///
/// # Errors
/// If the journal can't be read.
pub(super) fn resumable(
    journal: &SenderJournal,
    signer: &TxSigner,
    config: &TxSenderConfig,
) -> Result<Vec<InFlight>, JournalError> {
    let mut in_flight: Vec<InFlight> = Vec::new();
    for (nonce, record) in journal.load()? {
        let (account, chain_id) = origin_of(&record.raw).unwrap_or_default();
        let is_ours = account == signer.address()
            && config
                .chain_id
                .is_none_or(|expected| chain_id == Some(expected));
        if !is_ours {
            tracing::warn!(nonce, %account, ?chain_id, "l1 sender's journal has a transaction of another account or L1: left alone");
            continue;
        }
        let Some(mut tx) = InFlight::restore(record).filter(|tx| tx.nonce == nonce) else {
            continue;
        };
        tx.is_resumed = true;
        let follows = in_flight
            .last()
            .is_none_or(|last| last.nonce.saturating_add(1) == nonce);
        if !follows {
            // What lies between is settled, so that what came before it is too.
            for settled in in_flight.drain(..) {
                journal.discard(settled.nonce);
            }
        }
        in_flight.push(tx);
    }
    if !in_flight.is_empty() {
        tracing::info!(
            transactions = in_flight.len(),
            nonce_from = in_flight.first().map(|tx| tx.nonce),
            "l1 sender takes up what an earlier run sent"
        );
    }
    Ok(in_flight)
}

impl Task {
    /// Sends candidates from the queue while there is room.
    pub(super) async fn fill(&mut self) -> Result<(), L1Error> {
        let mut market = None;
        while self.in_flight.len() < self.in_flight_max() {
            // Order is by nonce: none is sent before the one before it has arrived.
            if self.in_flight.back().is_some_and(|tx| !tx.accepted) {
                break;
            }
            if self.in_flight.iter().any(InFlight::is_cancelling) {
                // Fees that are too high for the cancellations are what it really waits for.
                if !self.waiting.is_empty() && !self.waits_for_fees() {
                    self.set_obstacle(Some(Obstacle::Cancelling));
                }
                break;
            }
            let request = match self.waiting.pop_front() {
                Some(request) => request,
                None => match self.requests.try_recv() {
                    Ok(request) => request,
                    Err(_) => break,
                },
            };
            if request.result.is_closed() {
                continue;
            }
            if self.gave_back && !request.candidate.begins {
                let cancelled = SendError::Cancelled { fee_wei: 0 };
                deliver(Some(request.result), Err(cancelled));
                continue;
            }
            self.gave_back = false;
            let carrier = request.candidate.carrier();
            if self.waits_with_other_carrier(carrier) {
                self.waiting.push_front(request);
                // Fees that are too high for those before it are what it really waits for.
                if !self.waits_for_fees() {
                    self.set_obstacle(Some(Obstacle::OtherCarrier));
                }
                break;
            }
            let market = match market {
                Some(market) => market,
                None => match Market::now(&self.client).await {
                    Ok(now) => *market.insert(now),
                    Err(error) => {
                        self.waiting.push_front(request);
                        return Err(error);
                    }
                },
            };
            let fees = match Fees::fresh(market, carrier, self.ceiling(), &self.config) {
                Ok(fees) => fees,
                Err(needed) => {
                    self.waiting.push_front(request);
                    self.too_expensive(needed, self.ceiling().of(carrier, &self.config));
                    break;
                }
            };
            if self.waits_for_fees()
                || matches!(
                    self.obstacle,
                    Some(Obstacle::OtherCarrier | Obstacle::Cancelling)
                )
            {
                self.set_obstacle(None);
            }
            if !self.send_first(request, fees).await? {
                break;
            }
        }
        Ok(())
    }

    /// Whether something that is in no block yet carries its data in another way: nodes keep an
    /// account's transactions in one pool at a time ("address already reserved").
    fn waits_with_other_carrier(&self, carrier: Carrier) -> bool {
        self.in_flight
            .iter()
            .any(|tx| tx.seen_in.is_none() && tx.candidate.carrier() != carrier)
    }

    /// Sends a candidate for the first time. Answers whether the next may follow.
    async fn send_first(&mut self, request: Request, fees: Fees) -> Result<bool, L1Error> {
        let Some(nonce) = self.next_nonce else {
            self.waiting.push_front(request);
            return Ok(false);
        };
        let gas_limit = match self.gas_limit(&request.candidate, fees).await {
            Ok(gas_limit) => gas_limit,
            Err(error) if error.is_revert() => {
                deliver(Some(request.result), Err(SendError::WouldFail(error)));
                return Ok(true);
            }
            Err(error) => {
                self.waiting.push_front(request);
                return match Rejection::of(&error) {
                    Some(Rejection::InsufficientFunds) => {
                        self.set_obstacle(Some(Obstacle::InsufficientFunds));
                        Ok(false)
                    }
                    _ => Err(error),
                };
            }
        };
        let place = Place {
            chain_id: self.chain_id,
            nonce,
            gas_limit,
        };
        let candidate = &request.candidate;
        let signed = sign(&self.signer, place, fees, candidate, self.sidecar_version).await;
        let signed = match signed {
            Ok(signed) => signed,
            Err(error) if error.is_transient() => {
                tracing::debug!(%error, "l1 transaction can't be signed");
                self.waiting.push_front(request);
                self.set_obstacle(Some(Obstacle::Signer));
                return Ok(false);
            }
            Err(error) => {
                deliver(Some(request.result), Err(error.into()));
                return Ok(true);
            }
        };
        let mut tx = InFlight::new(request.candidate, place, fees, signed);
        if let Some(journal) = &self.journal
            && let Err(error) = journal.save(nonce, tx.record()).await
        {
            self.waiting.push_front(Request {
                candidate: tx.candidate,
                result: request.result,
            });
            return Err(error.into());
        }
        if matches!(self.obstacle, Some(Obstacle::Journal | Obstacle::Signer)) {
            self.set_obstacle(None);
        }
        tx.result = Some(request.result);
        self.in_flight.push_back(tx);
        self.next_nonce = Some(nonce.saturating_add(1));
        match self.hand_over(self.in_flight.len() - 1).await? {
            Handed::Done => Ok(true),
            Handed::Refused(error) => {
                self.withdraw_newest(SendError::Refused(error)).await;
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
                    self.waiting.push_front(Request { candidate, result });
                }
                self.forget(nonce).await;
                self.next_nonce = None;
                Ok(false)
            }
        }
    }

    async fn gas_limit(&self, candidate: &TxCandidate, fees: Fees) -> Result<u64, L1Error> {
        if let Some(gas_limit) = candidate.gas_limit {
            return Ok(gas_limit);
        }
        let mut request = TransactionRequest::default()
            .from(self.account())
            .value(candidate.value)
            .input(candidate.data.clone().into());
        request.to = Some(candidate.to);
        if let Some(blobs) = &candidate.blobs {
            // The blobs themselves change nothing: code sees their hashes only.
            request.transaction_type = Some(3);
            request.blob_versioned_hashes = Some(blobs.versioned_hashes().to_vec());
            request.max_fee_per_blob_gas = Some(fees.blob_fee);
        }
        let gas = self.client.estimate_gas(request).await?;
        let margin = gas.saturating_mul(u64::from(self.config.gas_margin_percent)) / 100;
        Ok(gas.saturating_add(margin))
    }
}
