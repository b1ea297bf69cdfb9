//! Vouchers brought to the chain.

use super::{Channel, Model, Worker, hold};
use crate::infer::{ChannelView, SignedVoucher, chain};
use alloy_primitives::{B256, U256};
use openledger_client::{Step, describe};
use openledger_contracts::voucher_channels::VoucherChannels;
use openledger_primitives::predeploys::VOUCHER_CHANNELS;
use serde::Serialize;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Vouchers of one transaction: some 130,000 gas each, which keeps it well below what a transaction may use.
const BATCH_MAX: usize = 32;
/// Part of a lock from which on its voucher is settled, percent.
const LOCK_USED_PERCENT: u64 = 80;

/// Pause before settling is tried again after it failed: some tries within the shortest exit that there is.
const RETRY_INTERVAL: Duration = Duration::from_secs(3);

/// When vouchers are settled without being asked for.
#[derive(Debug, Clone, Copy)]
pub struct SettleTerms {
    /// Longest that a voucher waits.
    pub interval: Duration,
    /// Seconds before the end of a voucher in which it is settled.
    pub expiry_margin_seconds: u64,
}

/// A voucher that was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// The channel.
    pub channel: B256,
    /// Calls that are settled now.
    pub count: u64,
    /// What was paid for them altogether, wei.
    pub cumulative: U256,
    /// The transaction.
    pub transaction: B256,
}

/// A voucher that is to be settled.
struct Due {
    channel: Arc<Channel>,
    signed: SignedVoucher,
}

impl<M: Model> Worker<M> {
    /// Settles what is due by the terms; without terms, all that is owed. A voucher that can't be settled holds up no other: it is in
    /// the log, and tried again the next time.
    ///
    /// # Errors
    /// A node that doesn't answer.
    pub async fn settle(&self, terms: Option<&SettleTerms>) -> anyhow::Result<Vec<Settled>> {
        let due = self.due(terms).await?;
        let mut settled = Vec::new();
        for batch in due.chunks(BATCH_MAX) {
            // Unless it is done by then.
            let retry_at = Instant::now().checked_add(RETRY_INTERVAL);
            for due in batch {
                hold(&due.channel.owed).retry_at = retry_at;
            }
            match self.settle_batch(batch).await {
                Ok(done) => settled.extend(done),
                Err(error) => tracing::error!(
                    error = format!("{error:#}"),
                    channels = batch.len(),
                    "vouchers can't be settled, trying again"
                ),
            }
        }
        for done in &settled {
            tracing::info!(
                channel = %done.channel,
                count = done.count,
                cumulative = %done.cumulative,
                transaction = %done.transaction,
                "voucher settled"
            );
        }
        Ok(settled)
    }

    /// Channels whose newest voucher isn't settled.
    pub fn owing(&self) -> usize {
        let channels = hold(&self.channels);
        let owing = channels.values().filter(|channel| {
            let owed = hold(&channel.owed);
            owed.count() > owed.settled
        });
        owing.count()
    }

    async fn due(&self, terms: Option<&SettleTerms>) -> anyhow::Result<Vec<Due>> {
        let all: Vec<(B256, Arc<Channel>)> = hold(&self.channels)
            .iter()
            .map(|(id, channel)| (*id, channel.clone()))
            .collect();
        // A channel that owes nothing is looked at in its turn, to forget it once it is closed.
        let turn = self.turns.fetch_add(1, Relaxed).checked_rem(all.len());
        let mut due = Vec::new();
        for (place, (id, channel)) in all.into_iter().enumerate() {
            let owed = hold(&channel.owed).clone();
            let waited = owed.since.map_or(Duration::MAX, |since| since.elapsed());
            let newest = owed
                .voucher
                .filter(|signed| signed.voucher.count > owed.settled);
            if newest.is_none() && turn != Some(place) {
                continue;
            }
            let view = chain::channel_view(&self.node, id).await?;
            let counted = view.channel.counted;
            if view.channel.closed {
                if let Some(signed) = newest.filter(|signed| signed.voucher.count > counted) {
                    tracing::error!(
                        channel = %id,
                        calls = signed.voucher.count - counted,
                        "a channel was closed before its newest voucher was settled"
                    );
                }
                hold(&self.channels).remove(&id);
                continue;
            }
            mark_settled(&channel, counted);
            let is_waiting = owed.retry_at.is_some_and(|at| at > Instant::now());
            if let Some(signed) = newest
                && signed.voucher.count > counted
                && !is_waiting
                && terms.is_none_or(|terms| is_due(terms, &signed, &view, waited))
            {
                due.push(Due { channel, signed });
            }
        }
        Ok(due)
    }

    async fn settle_batch(&self, batch: &[Due]) -> anyhow::Result<Vec<Settled>> {
        let step = match batch {
            [alone] => Step::call(
                "settling a voucher",
                VOUCHER_CHANNELS,
                &chain::settle_call(&alone.signed),
            ),
            several => {
                // What is estimated suffices for all: the sender adds an eighth, and a voucher that fails is
                // tried again.
                let signed: Vec<_> = several.iter().map(|due| due.signed.clone()).collect();
                let call = chain::settle_many_call(&signed);
                Step::call("settling vouchers", VOUCHER_CHANNELS, &call)
            }
        };
        let receipt = self.sender.lock().await.send(step).await?;
        let mut settled = Vec::new();
        for log in receipt
            .logs
            .iter()
            .filter(|log| log.inner.address == VOUCHER_CHANNELS)
        {
            if let Ok(event) = log.log_decode::<VoucherChannels::SettlementFailed>() {
                let failed = event.inner.data;
                tracing::error!(
                    channel = %failed.channel,
                    error = describe(&failed.reason),
                    "vouchers can't be settled, trying again"
                );
            }
            let Ok(event) = log.log_decode::<VoucherChannels::Settled>() else {
                continue;
            };
            let event = event.inner.data;
            if let Some(due) = batch
                .iter()
                .find(|due| due.signed.voucher.channel == event.channel)
            {
                mark_settled(&due.channel, event.count);
            }
            settled.push(Settled {
                channel: event.channel,
                count: event.count,
                cumulative: event.cumulative,
                transaction: receipt.transaction_hash,
            });
        }
        Ok(settled)
    }
}

fn mark_settled(channel: &Channel, count: u64) {
    let mut owed = hold(&channel.owed);
    if count == owed.settled {
        return;
    }
    // Less than before where the chain's newest blocks have given way to others.
    owed.settled = count;
    owed.retry_at = None;
    // What came meanwhile waits from now on.
    owed.since = (owed.count() > count).then(Instant::now);
}

/// Whether a voucher is to be settled now: its payer leaves, it has waited, the lock is nearly used, or it ends soon.
fn is_due(
    terms: &SettleTerms,
    signed: &SignedVoucher,
    view: &ChannelView,
    waited: Duration,
) -> bool {
    let used = signed.voucher.cumulative.saturating_mul(U256::from(100));
    let locked = U256::from(view.channel.locked) * U256::from(LOCK_USED_PERCENT);
    let ends = signed.voucher.expiry;
    view.channel.closesAt != 0
        || waited >= terms.interval
        || used >= locked
        || view.now.saturating_add(terms.expiry_margin_seconds) >= ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::{Voucher, chain::Channel};
    use alloy_primitives::{Address, Bytes};

    #[test]
    fn a_voucher_is_due_when_waiting_longer_could_cost_it() {
        let terms = SettleTerms {
            interval: Duration::from_secs(3_600),
            expiry_margin_seconds: 100,
        };
        let due = |cumulative: u64, expiry: u64, closes_at: u64, waited: u64| {
            let signed = SignedVoucher {
                voucher: Voucher {
                    channel: B256::ZERO,
                    payer: Address::ZERO,
                    payee: Address::ZERO,
                    cumulative: U256::from(cumulative),
                    count: 1,
                    leaves_root: B256::ZERO,
                    expiry,
                },
                signature: Bytes::new(),
            };
            let view = ChannelView {
                channel: Channel {
                    payer: Address::ZERO,
                    adapter: 1,
                    policyVersion: 0,
                    payee: Address::ZERO,
                    counted: 0,
                    closed: false,
                    locked: 1_000,
                    paid: 0,
                    platformFee: 0,
                    openedAt: 1,
                    closesAt: closes_at,
                },
                policy: None,
                now: 500,
            };
            is_due(&terms, &signed, &view, Duration::from_secs(waited))
        };
        assert!(!due(799, 601, 0, 3_599));
        assert!(due(799, 601, 0, 3_600));
        assert!(due(800, 601, 0, 0));
        assert!(due(1, 600, 0, 0));
        assert!(due(1, 601, 510, 0));
    }
}
