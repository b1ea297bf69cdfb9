//! What an epoch pays beside its clusters: royalties, the proposer, stakers; and what stays unpaid.

use super::{Agreement, Audit, EpochReport, Line, NOW, Progress, Purpose};
use crate::epoch::{
    chain::{EpochPayments, Place},
    payment::{Account, Pool, Pot, Royalties, royalties},
    pots::{Key, closed_in},
};
use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types_eth::Log;
use anyhow::Context;
use openledger_contracts::{ClaimVault, EpochSettlement};
use openledger_primitives::predeploys::{CLAIM_VAULT, EPOCH_SETTLEMENT, VALIDATOR_STAKING};

impl Audit {
    /// The pot, computed from the prices, and compared with what was taken.
    pub(super) fn pot(&self, report: &mut EpochReport, paid: &EpochPayments) -> Pot {
        let computed = self.fees.pot(report.epoch);
        if let Some((_, transaction, taken)) = paid.begun
            && taken != computed
        {
            report.differences.push(format!(
                "the pot that {transaction} took is {taken:?}, and {computed:?} follows from the prices"
            ));
        }
        computed
    }

    pub(super) async fn pay_royalties(
        &mut self,
        report: &mut EpochReport,
        pot: &Pot,
        proposer_bps: u16,
        paid: &EpochPayments,
        at: Place,
    ) -> anyhow::Result<()> {
        let due = royalties(pot, self.adapter.base, &self.adapter.lineage, proposer_bps)?;
        let transaction = paid.begun.map(|(_, transaction, _)| transaction);
        let mut actual = paid.royalties.iter();
        // The model's part comes first.
        let has_model = pot.model != 0;
        for (place, part) in due.parts.iter().enumerate() {
            let payee = self.payees.of(part.id, at);
            let wei = U256::from(part.amount);
            let purpose = if has_model && place == 0 {
                Purpose::Model { base: part.id }
            } else {
                Purpose::Adapter { id: part.id }
            };
            let found = transaction.and_then(|_| actual.next());
            let agrees = found.is_some_and(|found| {
                (found.id, found.payee, found.amount) == (part.id, payee, wei)
            });
            if transaction.is_some() && !agrees {
                let difference =
                    format!("{purpose}: {wei} wei for {payee} are due, {found:?} was paid");
                report.differences.push(difference);
            }
            report.lines.push(Line {
                payee: Some(payee),
                purpose,
                wei,
                transaction,
                agreement: agreement(transaction.is_some(), agrees),
            });
        }
        if transaction.is_some() && actual.next().is_some() {
            report
                .differences
                .push("more royalties were paid than are due".to_owned());
        }
        let total = [pot.model, pot.adapters, pot.stakers].map(U256::from);
        if transaction.is_some() && paid.royalties_total != Some(total) {
            let difference = format!("royalties of {:?} wei were paid", paid.royalties_total);
            report.differences.push(difference);
        }
        let has_reward = self.check_credits(report, &due, paid, at).await?;
        if let Some(proposer) = report.proposer.filter(|_| due.reward != 0) {
            report.lines.push(Line {
                payee: Some(proposer),
                purpose: Purpose::Proposer,
                wei: U256::from(due.reward),
                transaction,
                agreement: agreement(transaction.is_some(), has_reward),
            });
        }
        if due.stakers != 0 {
            report.lines.push(Line {
                payee: Some(VALIDATOR_STAKING),
                purpose: Purpose::Stakers,
                wei: U256::from(due.stakers),
                transaction,
                agreement: agreement(transaction.is_some(), paid.royalties_total == Some(total)),
            });
        }
        Ok(())
    }

    /// Whether the settlement credited the proposer his reward, and whom royalties are due to theirs, nobody else, in this order; answers that of
    /// the reward. A payee's place may have gone to another address, which is credited then.
    async fn check_credits(
        &mut self,
        report: &mut EpochReport,
        due: &Royalties,
        paid: &EpochPayments,
        at: Place,
    ) -> anyhow::Result<bool> {
        let Some((begun, transaction, _)) = paid.begun else {
            return Ok(true);
        };
        let reward = report
            .proposer
            .filter(|_| due.reward != 0)
            .map(|proposer| (proposer, due.reward));
        let parts = due.parts.iter();
        let parts = parts.map(|part| (self.payees.of(part.id, at), part.amount));
        let payees: Vec<(Address, u128)> = reward.into_iter().chain(parts).collect();
        let mut expected = Vec::with_capacity(payees.len());
        for (payee, wei) in payees {
            self.holders.read(&self.view, payee).await?;
            expected.push((self.holders.at(payee, begun), U256::from(wei)));
        }
        let receipt = self.view.node().receipt(transaction).await?;
        let receipt =
            receipt.with_context(|| format!("the node has no receipt of {transaction}"))?;
        let key = (report.epoch, report.adapter);
        let found = credits(&receipt.logs, begun, key);
        if found == expected {
            return Ok(true);
        }
        report.differences.push(format!(
            "{transaction} credited {found:?} of the royalties, and {expected:?} are due{}",
            if reward.is_some() {
                ", the proposer's reward first"
            } else {
                ""
            }
        ));
        Ok(reward.is_none() || found.first() == expected.first())
    }

    /// Ends an epoch: carries what is left, or makes it residue.
    pub(super) async fn end(
        &mut self,
        report: &mut EpochReport,
        pool: &Pool,
        paid: &EpochPayments,
    ) -> anyhow::Result<()> {
        let is_over = matches!(report.progress, Progress::Settled | Progress::Carried);
        let at = paid.ended.map_or(NOW, |(place, ..)| place);
        self.divided_before(report, at).await?;
        let ended = self
            .account
            .end(pool, self.carry_epochs.at(at).saturating_to::<u32>());
        let mut agrees = true;
        if let Some((_, transaction, contributors, left)) = paid.ended {
            agrees = contributors == U256::from(pool.paid()) && left == U256::from(ended.left);
            if !agrees {
                report.differences.push(format!(
                    "{transaction} ends with {contributors} wei paid to contributors and {left} left; {} and {} are computed",
                    pool.paid(),
                    ended.left
                ));
            }
        }
        let residue = ended.is_residue.then(|| U256::from(ended.left));
        if is_over && paid.residue != residue {
            agrees = false;
            report.differences.push(format!(
                "a residue of {:?} wei began with the epoch's end, and of {residue:?} is computed",
                paid.residue
            ));
        }
        if is_over {
            self.last_ended = report.epoch;
        }
        if ended.is_residue {
            let mut parts = self.adapter.residue_parts(ended.left);
            parts.retain(|(_, amount)| *amount != 0);
            self.dividing = parts;
        }
        report.lines.push(Line {
            payee: None,
            purpose: if ended.is_residue {
                Purpose::Residue
            } else {
                Purpose::Carried
            },
            wei: U256::from(ended.left),
            transaction: paid.ended.map(|(_, transaction, ..)| transaction),
            agreement: agreement(is_over, agrees),
        });
        Ok(())
    }

    /// Takes note of what was divided among Datanets before a place, and of residues that began meanwhile without an epoch's end.
    pub(super) async fn divided_before(
        &mut self,
        report: &mut EpochReport,
        at: Place,
    ) -> anyhow::Result<()> {
        loop {
            let idle = self.payments.idle.get(self.idle_seen).copied();
            let idle = idle.filter(|(place, ..)| *place < at);
            let part = self.payments.residues.get(self.residues_seen).copied();
            let part = part.filter(|(place, ..)| *place < at);
            match (idle, part) {
                (Some(idle), part) if part.is_none_or(|part| idle.0 < part.0) => {
                    self.idle_seen += 1;
                    self.begin_idle(report, idle).await?;
                }
                (_, Some(part)) => {
                    self.residues_seen += 1;
                    self.divide(report, part);
                }
                (_, None) => break,
            }
        }
        if self.dividing.is_empty() {
            self.account.residue = 0;
        }
        Ok(())
    }

    /// What was carried for an adapter that nobody used for `carryEpochs` epochs becomes residue.
    async fn begin_idle(
        &mut self,
        report: &mut EpochReport,
        (place, transaction, amount): (Place, B256, U256),
    ) -> anyhow::Result<()> {
        let epochs = self.carry_epochs.at(place).saturating_to::<u64>();
        let last = self.last_ended.saturating_add(epochs);
        let closed = closed_in(&self.view, last).await?;
        let next = (report.epoch > self.last_ended).then(|| self.fees.first(report.epoch));
        let is_idle = closed.is_some_and(|block| block <= place.block)
            && next.flatten().is_none_or(|first| place < first);
        let (carried, is_free) = (self.account.carried, self.dividing.is_empty());
        let agrees = is_idle && is_free && carried != 0 && amount == U256::from(carried);
        if !agrees {
            report.differences.push(format!(
                "{transaction} begins a residue of {amount} wei; {carried} are carried, the last epoch is {}, and the next payment is at {next:?}",
                self.last_ended
            ));
        }
        let residue = amount.saturating_to();
        self.account = Account {
            residue,
            ..Account::default()
        };
        self.dividing = self.adapter.residue_parts(residue);
        self.dividing.retain(|(_, amount)| *amount != 0);
        report.lines.push(Line {
            payee: None,
            purpose: Purpose::Residue,
            wei: amount,
            transaction: Some(transaction),
            agreement: agreement(true, agrees),
        });
        Ok(())
    }

    fn divide(
        &mut self,
        report: &mut EpochReport,
        (_, transaction, space, amount): (Place, B256, B256, U256),
    ) {
        let expected = (!self.dividing.is_empty()).then(|| self.dividing.remove(0));
        let agrees = expected.is_some_and(|(to, wei)| (to, U256::from(wei)) == (space, amount));
        if !agrees {
            report.differences.push(format!(
                "{amount} wei of a residue went to space {space}, and {expected:?} was due"
            ));
        }
        report.lines.push(Line {
            payee: None,
            purpose: Purpose::DatanetResidue { space },
            wei: amount,
            transaction: Some(transaction),
            agreement: agreement(true, agrees),
        });
    }
}

pub(super) const fn agreement(is_paid: bool, agrees: bool) -> Agreement {
    match (is_paid, agrees) {
        (false, _) => Agreement::Expected,
        (true, true) => Agreement::Paid,
        (true, false) => Agreement::Differs,
    }
}

/// What the settlement credited to whom between taking an epoch's pot and having paid its royalties, in order. The transaction may
/// settle other epochs as well.
fn credits(logs: &[Log], begun: Place, (epoch, adapter): Key) -> Vec<(Address, U256)> {
    let is_end = |log: &Log| {
        log.address() == EPOCH_SETTLEMENT
            && log
                .log_decode::<EpochSettlement::RoyaltiesPaid>()
                .is_ok_and(|log| (log.inner.epoch, log.inner.adapter) == (epoch, adapter))
    };
    let after = logs.iter().filter(|log| {
        log.log_index
            .is_some_and(|index| index > begun.index && log.block_number == Some(begun.block))
    });
    after
        .take_while(|log| !is_end(log))
        .filter(|log| log.address() == CLAIM_VAULT)
        .filter_map(|log| log.log_decode::<ClaimVault::Credited>().ok())
        .filter(|log| log.inner.from == EPOCH_SETTLEMENT)
        .map(|log| (log.inner.payee, log.inner.amount))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Log as Logged;
    use alloy_sol_types::SolEvent;

    fn log<E: SolEvent>(index: u64, address: Address, event: &E) -> Log {
        Log {
            inner: Logged {
                address,
                data: event.encode_log_data(),
            },
            block_number: Some(7),
            log_index: Some(index),
            ..Log::default()
        }
    }

    #[test]
    fn credits_are_those_of_the_epoch_to_whom_they_went() {
        let [proposer, payee, other] = [1, 2, 3].map(Address::repeat_byte);
        let credited = |index, payee, from, wei: u64| {
            let amount = U256::from(wei);
            log(
                index,
                CLAIM_VAULT,
                &ClaimVault::Credited {
                    payee,
                    from,
                    amount,
                },
            )
        };
        let end = |index, epoch| {
            let [model, adapters, stakers] = [U256::ZERO; 3];
            let event = EpochSettlement::RoyaltiesPaid {
                epoch,
                adapter: 2,
                model,
                adapters,
                stakers,
            };
            log(index, EPOCH_SETTLEMENT, &event)
        };
        let logs = [
            // The bond, before the pot is taken at 5.
            credited(4, proposer, EPOCH_SETTLEMENT, 10),
            credited(6, proposer, EPOCH_SETTLEMENT, 10),
            // Somebody else's affair.
            credited(7, other, other, 10),
            credited(8, payee, EPOCH_SETTLEMENT, 20),
            end(9, 3),
            credited(12, other, EPOCH_SETTLEMENT, 10),
            end(13, 4),
        ];
        let found = |index, epoch| {
            let begun = Place { block: 7, index };
            credits(&logs, begun, (epoch, 2))
        };
        let wei = U256::from::<u64>;
        assert_eq!(found(5, 3), [(proposer, wei(10)), (payee, wei(20))]);
        // The same sum to anybody else is no reward of the proposer's.
        assert_eq!(found(11, 4), [(other, wei(10))]);
    }
}
