//! The rules that depend on what else is in the pool, and who must leave for a newcomer.

use crate::{
    AccountState, InsertError, MempoolConfig, PooledTransaction, RecoveredTransaction, Shortfall,
    eviction::Need,
    pool::{Pool, Size},
    pooled::Worth,
    sender::Sender,
};
use alloy_primitives::{Address, B256, U256};

/// A transaction that passed every check which needs no lock.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) tx: RecoveredTransaction,
    pub(crate) cost: U256,
    pub(crate) l1_fee: U256,
    pub(crate) authorities: Box<[Address]>,
    /// Its place, if it comes back by an unwind.
    pub(crate) reinjected: Option<u64>,
}

/// How an insertion goes, once nothing refuses it.
pub(crate) struct Plan {
    pub(crate) victims: Vec<B256>,
    /// The sender's highest queued nonce, if it makes room for this one.
    pub(crate) dropped_nonce: Option<u64>,
}

impl Pool {
    /// The rules that depend on the sender's other transactions.
    pub(crate) fn admit(
        &self,
        candidate: &Candidate,
        sender: &Sender,
        config: &MempoolConfig,
    ) -> Result<(), InsertError> {
        let (tx, nonce) = (&candidate.tx, candidate.tx.nonce());
        if nonce < sender.nonce {
            return Err(InsertError::NonceTooLow {
                next: sender.nonce,
                nonce,
            });
        }
        if candidate.reinjected.is_some() {
            return Ok(());
        }
        if candidate.cost > sender.balance {
            return Err(shortfall(candidate, sender, U256::ZERO));
        }
        if nonce - sender.nonce > config.nonce_gap_max {
            return Err(InsertError::NonceTooHigh {
                next: sender.nonce,
                nonce,
                limit: config.nonce_gap_max,
            });
        }
        if sender.is_delegated || self.delegations.contains_key(&tx.sender) {
            if sender.pending().is_empty() && nonce != sender.nonce {
                return Err(InsertError::DelegatedGap {
                    next: sender.nonce,
                    nonce,
                });
            }
            if !sender.pending().is_empty() && !sender.is_pending(nonce) {
                return Err(InsertError::DelegatedInFlight { sender: tx.sender });
            }
        }
        for authority in &candidate.authorities {
            let in_flight = self.senders.get(authority).map_or(0, Sender::len);
            if in_flight > 1 {
                return Err(InsertError::AuthorityReserved {
                    authority: *authority,
                    in_flight,
                });
            }
        }
        let old = sender.get(nonce);
        if let Some(old) = old {
            replaces(tx, old, config.price_bump_percent)?;
        }
        let old_cost = match old {
            Some(old) if sender.is_pending(nonce) => old.claim(),
            _ => U256::ZERO,
        };
        let queued_cost = sender.pending_claim().saturating_sub(old_cost);
        if queued_cost.saturating_add(candidate.cost) > sender.balance {
            return Err(shortfall(candidate, sender, queued_cost));
        }
        Ok(())
    }

    /// The caps, and who must leave for them.
    pub(crate) fn plan(
        &mut self,
        candidate: &Candidate,
        account: &AccountState,
        config: &MempoolConfig,
    ) -> Result<Plan, InsertError> {
        let (tx, nonce) = (&candidate.tx, candidate.tx.nonce());
        let mut leaving: Vec<&PooledTransaction> = Vec::new();
        let mut dropped_nonce = None;
        let mut pending = nonce == account.nonce;
        if let Some(sender) = self.senders.get(&tx.sender) {
            pending = nonce <= sender.next_nonce();
            if let Some(old) = sender.get(nonce) {
                leaving.push(old);
            } else if candidate.reinjected.is_none() {
                if !pending && sender.queued().len() >= config.queued_per_account_max {
                    return Err(InsertError::QueueLimit {
                        queued: sender.queued().len(),
                        limit: config.queued_per_account_max,
                    });
                }
                if sender.len() >= config.transactions_per_account_max {
                    let last = sender.queued().last_key_value().filter(|_| pending);
                    let Some((last_nonce, last)) = last else {
                        return Err(InsertError::AccountLimit {
                            pooled: sender.len(),
                            limit: config.transactions_per_account_max,
                        });
                    };
                    // Else those behind the gap could keep out what closes it.
                    leaving.push(last);
                    dropped_nonce = Some(*last_nonce);
                }
            }
        } else if candidate.reinjected.is_none() {
            if config.transactions_per_account_max == 0 {
                return Err(InsertError::AccountLimit {
                    pooled: 0,
                    limit: 0,
                });
            }
            if !pending && config.queued_per_account_max == 0 {
                return Err(InsertError::QueueLimit {
                    queued: 0,
                    limit: 0,
                });
            }
        }
        let mut submitted = self.submitted;
        for tx in leaving.iter().filter(|tx| !tx.is_reinjected()) {
            submitted.remove(tx.size());
        }
        let leaving: Vec<B256> = leaving.into_iter().map(|tx| tx.hash).collect();
        if candidate.reinjected.is_none() {
            submitted.add(tx.size());
        }
        let Size { len, bytes } = submitted;
        let mut victims = Vec::new();
        if candidate.reinjected.is_none()
            && (len > config.transactions_max || bytes > config.bytes_max)
        {
            let base_fee = self.heads.base_fee();
            let need = Need {
                transactions: len.saturating_sub(config.transactions_max),
                bytes: bytes.saturating_sub(config.bytes_max),
                worth: Worth::of(tx, false, pending, base_fee),
                sender: tx.sender,
                nonce,
                leaving: &leaving,
            };
            let mut eviction = std::mem::take(&mut self.eviction);
            let found = eviction.victims(self, base_fee, &need);
            self.eviction = eviction;
            victims = found.ok_or(InsertError::PoolFull {
                transactions: self.submitted.len,
                bytes: self.submitted.bytes,
            })?;
        } else if self.eviction.is_active() && len < config.transactions_max / 2 {
            self.eviction.clear();
        }
        Ok(Plan {
            victims,
            dropped_nonce,
        })
    }
}

fn shortfall(candidate: &Candidate, sender: &Sender, queued_cost: U256) -> InsertError {
    InsertError::InsufficientFunds(Box::new(Shortfall {
        balance: sender.balance,
        queued_cost,
        cost: candidate.cost,
        l1_fee: candidate.l1_fee,
    }))
}

/// While an unwind is put back, the queue holds what is about to become pending again.
pub(crate) const fn queued_max(candidate: &Candidate, config: &MempoolConfig) -> usize {
    if candidate.reinjected.is_some() {
        usize::MAX
    } else {
        config.queued_per_account_max
    }
}

/// Whether a transaction offers enough more than the one with its nonce: both caps must be higher,
/// by the configured percentage rounded down (go-ethereum's rule).
fn replaces(
    tx: &RecoveredTransaction,
    old: &PooledTransaction,
    percent: u64,
) -> Result<(), InsertError> {
    let needed = |old: u128| {
        let percent = u128::from(percent);
        // ⌊old × percent / 100⌋ without the product of the whole.
        let bump = (old / 100)
            .saturating_mul(percent)
            .saturating_add((old % 100).saturating_mul(percent) / 100);
        old.saturating_add(bump.max(1))
    };
    let fee_cap_needed = needed(old.max_fee_per_gas());
    let tip_needed = needed(old.max_priority_fee_per_gas());
    let at_ceiling = old.max_fee_per_gas() == u128::MAX;
    if at_ceiling
        || tx.max_fee_per_gas() < fee_cap_needed
        || tx.max_priority_fee_per_gas() < tip_needed
    {
        return Err(InsertError::ReplacementUnderpriced {
            fee_cap_needed,
            tip_needed,
        });
    }
    Ok(())
}
