//! What an epoch pays beside its clusters: royalties, the proposer, stakers; and what stays unpaid.

use super::{Agreement, Audit, EpochReport, Line, NOW, Progress, Purpose};
use crate::epoch::{
    chain::{EpochPayments, Place},
    payment::{Pool, Pot, royalties},
};
use alloy_primitives::{B256, U256};
use alloy_rpc_types_eth::Log;
use anyhow::Context;
use openledger_contracts::ClaimVault;
use openledger_primitives::predeploys::{CLAIM_VAULT, EPOCH_SETTLEMENT, VALIDATOR_STAKING};

impl Audit {
    /// The pot, computed from the prices, and compared with what was taken.
    pub(super) fn pot(
        &self,
        report: &mut EpochReport,
        paid: &EpochPayments,
    ) -> anyhow::Result<Pot> {
        let computed = self.fees.pot(report.epoch)?;
        if let Some((_, transaction, taken)) = paid.begun
            && taken != computed
        {
            report.differences.push(format!(
                "the pot that {transaction} took is {taken:?}, and {computed:?} follows from the prices"
            ));
        }
        Ok(computed)
    }

    pub(super) async fn pay_royalties(
        &self,
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
        let has_reward = match transaction {
            Some(transaction) if due.reward != 0 => {
                self.is_credited(transaction, U256::from(due.reward))
                    .await?
            }
            _ => true,
        };
        if !has_reward {
            let difference = format!(
                "the proposer's reward of {} wei wasn't credited",
                due.reward
            );
            report.differences.push(difference);
        }
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

    /// Whether the settlement credited somebody so much in a transaction: a payee's place may have gone to another address.
    async fn is_credited(&self, transaction: B256, amount: U256) -> anyhow::Result<bool> {
        let receipt = self.view.node().receipt(transaction).await?;
        let receipt =
            receipt.with_context(|| format!("the node has no receipt of {transaction}"))?;
        let is_it = |log: &Log| {
            log.address() == CLAIM_VAULT
                && log.log_decode::<ClaimVault::Credited>().is_ok_and(|log| {
                    log.inner.from == EPOCH_SETTLEMENT && log.inner.amount == amount
                })
        };
        Ok(receipt.logs.iter().any(is_it))
    }

    /// Ends an epoch: carries what is left, or makes it residue.
    pub(super) fn end(&mut self, report: &mut EpochReport, pool: &Pool, paid: &EpochPayments) {
        let is_over = matches!(report.progress, Progress::Settled | Progress::Carried);
        let at = paid.ended.map_or(NOW, |(place, ..)| place);
        self.divided_before(report, at);
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
    }

    /// Takes note of what was divided among Datanets before a place.
    pub(super) fn divided_before(&mut self, report: &mut EpochReport, at: Place) {
        while let Some((place, transaction, space, amount)) =
            self.payments.residues.get(self.residues_seen).copied()
            && place < at
        {
            self.residues_seen += 1;
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
        if self.dividing.is_empty() {
            self.account.residue = 0;
        }
    }
}

pub(super) const fn agreement(is_paid: bool, agrees: bool) -> Agreement {
    match (is_paid, agrees) {
        (false, _) => Agreement::Expected,
        (true, true) => Agreement::Paid,
        (true, false) => Agreement::Differs,
    }
}
