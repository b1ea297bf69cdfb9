//! Handing transactions over, and again while they are in no block.

use super::{
    Market, Obstacle, Rejection, SendError, TxCandidate,
    fees::Fees,
    in_flight::deliver,
    signed::{Place, SignedForm, sign},
    task::Task,
};
use crate::L1Error;
use tokio::time::Instant;

/// Wait after a refusal that may pass by itself, as a part of the resubmission time.
const REFUSED_PART: u32 = 4;

/// What handing over a transaction led to, where that is not simply progress.
pub(super) enum Handed {
    Done,
    /// The L1 will never take it, and never took it.
    Refused(L1Error),
    /// Its nonce was used before it was first sent.
    NonceUsed,
}

impl Task {
    /// Sends again what is due: with higher fees if it could be included now, or could not be at
    /// its price; as it is if it only waits for those before it.
    pub(super) async fn resubmit(&mut self, mined: u64) -> Result<(), L1Error> {
        let mut market = None;
        for index in 0..self.in_flight.len() {
            let tx = &self.in_flight[index];
            if tx.nonce < mined || tx.seen_in.is_some() || Instant::now() < tx.due {
                continue;
            }
            if tx.wrong_sidecar {
                self.sign_again(index, tx.fees, None).await?;
            } else if tx.accepted || tx.too_cheap {
                let market = match market {
                    Some(market) => market,
                    None => *market.insert(Market::now(&self.client).await?),
                };
                if tx.nonce == mined || tx.too_cheap || tx.fees.is_below(market) {
                    let ceiling = self.ceiling();
                    let is_cancelling = tx.is_cancelling();
                    let bumped = if is_cancelling {
                        self.raised_cancellation(tx, market)
                    } else {
                        tx.fees.bumped(market, ceiling, &self.config)
                    };
                    let carrier = tx.candidate.carrier();
                    match bumped {
                        Ok(fees) => {
                            self.sign_again(index, fees, None).await?;
                            if is_cancelling && self.waits_for_fees() {
                                self.set_obstacle(Some(Obstacle::Cancelling));
                            }
                        }
                        Err(needed) => {
                            self.too_expensive(needed, ceiling.of(carrier, &self.config));
                        }
                    }
                }
            }
            if let Handed::Refused(error) = self.hand_over(index).await? {
                // It has not been sent before, so that it is the newest: its nonce is free again.
                self.withdraw_newest(SendError::Refused(error)).await;
                break;
            }
        }
        Ok(())
    }

    /// Gives a transaction a new signed form, which is on disk before it is sent: at other fees, or as an
    /// empty transaction that takes its place from now on. Answers whether it could be signed.
    ///
    /// # Errors
    /// If the journal can't be written.
    pub(super) async fn sign_again(
        &mut self,
        index: usize,
        fees: Fees,
        empty: Option<TxCandidate>,
    ) -> Result<bool, L1Error> {
        let Some(tx) = self.in_flight.get(index) else {
            return Ok(false);
        };
        let candidate = empty.as_ref().unwrap_or(&tx.candidate);
        let given = empty.as_ref().and_then(|empty| empty.gas_limit);
        let gas_limit = given.unwrap_or(tx.gas_limit);
        let place = Place {
            chain_id: self.chain_id,
            nonce: tx.nonce,
            gas_limit,
        };
        let signed = sign(&self.signer, place, fees, candidate, self.sidecar_version).await;
        let SignedForm { raw, hash, version } = match signed {
            Ok(signed) => signed,
            Err(error) => {
                tracing::debug!(nonce = tx.nonce, %error, "l1 transaction can't be signed again");
                self.set_obstacle(Some(Obstacle::Signer));
                return Ok(false);
            }
        };
        let mut record = tx.record();
        record.raw = raw;
        if !record.hashes.contains(&hash) {
            record.hashes.push(hash);
            if empty.is_some() || tx.is_cancelling() {
                record.cancellations = record.cancellations.saturating_add(1);
            }
        }
        if let Some(journal) = &self.journal {
            journal.save(tx.nonce, record.clone()).await?;
        }
        if fees != tx.fees && empty.is_none() {
            tracing::info!(
                nonce = tx.nonce,
                tx_hash = %hash,
                max_fee_wei = fees.max_fee,
                tip_wei = fees.tip,
                blob_fee_wei = fees.blob_fee,
                "l1 transaction is stuck: sending it with higher fees"
            );
        }
        if let Some(tx) = self.in_flight.get_mut(index) {
            tx.fees = fees;
            tx.raw = record.raw;
            tx.hashes = record.hashes;
            tx.cancellations = record.cancellations;
            tx.gas_limit = gas_limit;
            if let Some(empty) = empty {
                tx.candidate = empty;
            }
            tx.too_cheap = false;
            tx.sidecar_version = version;
            tx.wrong_sidecar = false;
        }
        Ok(true)
    }

    /// Hands the newest form of a transaction to the L1.
    pub(super) async fn hand_over(&mut self, index: usize) -> Result<Handed, L1Error> {
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
                tx.refusal_told = false;
                tx.reserved_since = None;
                tx.due = now + self.config.resubmit_after;
                if matches!(
                    self.obstacle,
                    Some(Obstacle::InsufficientFunds | Obstacle::Reserved)
                ) {
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
            Rejection::SidecarVersion if tx.candidate.blobs.is_some() => {
                tx.wrong_sidecar = true;
                let wanted = tx.sidecar_version.other();
                if std::mem::replace(&mut self.sidecar_version, wanted) != wanted {
                    tracing::info!(version = ?wanted, "l1 wants blobs to be proved in another way");
                }
            }
            Rejection::Reserved => {
                tx.reserved_since.get_or_insert(now);
                self.set_obstacle(Some(Obstacle::Reserved));
            }
            Rejection::Invalid if !tx.accepted && is_newest => {
                return Ok(Handed::Refused(error));
            }
            Rejection::Invalid | Rejection::Temporary | Rejection::SidecarVersion => {
                let nonce = tx.nonce;
                if std::mem::replace(&mut tx.refusal_told, true) {
                    tracing::debug!(nonce, %error, "l1 still refuses a transaction");
                } else {
                    tracing::warn!(nonce, %error, "l1 refuses a transaction for now, trying again");
                }
            }
        }
        Ok(Handed::Done)
    }

    /// Gives up the newest transaction, which the L1 never took.
    pub(super) async fn withdraw_newest(&mut self, error: SendError) {
        if let Some(tx) = self.in_flight.pop_back() {
            self.forget(tx.nonce).await;
            self.next_nonce = Some(tx.nonce);
            deliver(tx.result, Err(error));
        }
    }
}
