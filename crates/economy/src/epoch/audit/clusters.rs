//! The contributors' part of an epoch, cluster by cluster.

use super::{
    Agreement, Audit, EpochReport, Line, NOW, Progress, Purpose, Settlement, sums::agreement,
};
use crate::epoch::{
    chain::{EpochPayments, PaidCluster, Place},
    payment::{Due, Owners, Pool, Trained},
    scores::SetResult,
};
use alloy_primitives::U256;

/// Where a payment has stopped: results before `set` are paid, and clusters of it before `cluster`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopped {
    set: usize,
    cluster: usize,
}

impl Stopped {
    /// As the settlement has it.
    pub(super) fn of(progress: Progress, settled: &Settlement) -> Self {
        match progress {
            Progress::Paying | Progress::Settled => Self {
                set: usize::from(settled.set),
                cluster: settled.cluster as usize,
            },
            _ => Self { set: 0, cluster: 0 },
        }
    }

    fn is_paid(self, set: usize, cluster: usize) -> bool {
        (set, cluster) < (self.set, self.cluster)
    }
}

impl Audit {
    /// Pays the clusters of all results in their order, as the chain did so far and would as things stand.
    pub(super) fn pay_clusters(
        &mut self,
        report: &mut EpochReport,
        pool: &mut Pool,
        results: &[SetResult],
        paid: &EpochPayments,
        stopped: Stopped,
    ) {
        let mut actual = paid.clusters.iter().peekable();
        let mut before = paid.begun.map_or(NOW, |(place, ..)| place);
        let end = paid.ended.map_or(NOW, |(place, ..)| place);
        let trained = self.adapter.trained.clone();
        for (place, (trained, result)) in trained.iter().zip(results).enumerate() {
            for (c, cluster) in result.clusters.iter().enumerate() {
                // One that was given up half-way ends there.
                if report.progress == Progress::Settled && !stopped.is_paid(place, c) {
                    break;
                }
                let running = self.running.entry((trained.set, *cluster)).or_default();
                let due = pool.due(trained, result, c, running);
                let is_paid = stopped.is_paid(place, c);
                let found = actual.next_if(|found| {
                    is_paid && (found.set, found.cluster) == (trained.set, *cluster)
                });
                if let Some(found) = found {
                    before = found.place;
                    self.compare(report, pool, trained, &due, found);
                    continue;
                }
                if due.amount == 0 {
                    continue;
                }
                if is_paid {
                    // Somewhere between the payments around it the cluster was asked for.
                    let after = actual.peek().map_or(end, |next| next.place);
                    let places = [before, after];
                    if places
                        .iter()
                        .all(|at| self.owners(trained, *cluster, report.epoch, *at).is_some())
                    {
                        report.differences.push(format!(
                            "cluster {cluster} by set {} wasn't paid the {} wei that are due",
                            trained.set, due.amount
                        ));
                    }
                } else if let Some(owners) = self.owners(trained, *cluster, report.epoch, NOW) {
                    let payment = pool.pay(trained.set, *cluster, &due, &owners);
                    push(report, &payment, None, Agreement::Expected);
                }
            }
        }
        for extra in actual {
            report.differences.push(format!(
                "cluster {} by set {} was paid {} wei that aren't due",
                extra.cluster, extra.set, extra.paid
            ));
        }
    }

    /// Compares a payment with what is due, and takes it from the pool.
    fn compare(
        &self,
        report: &mut EpochReport,
        pool: &mut Pool,
        trained: &Trained,
        due: &Due,
        found: &PaidCluster,
    ) {
        let owners = self.owners(trained, found.cluster, report.epoch, found.place);
        let Some(owners) = owners.filter(|_| due.amount != 0) else {
            report.differences.push(format!(
                "cluster {} by set {} was paid {} wei, and may not earn or has nothing due",
                found.cluster, found.set, found.paid
            ));
            pool.left = pool.left.saturating_sub(found.paid.saturating_to());
            return;
        };
        let payment = pool.pay(trained.set, found.cluster, due, &owners);
        let agrees = (found.owner, found.earned) == (payment.owner, payment.earned)
            && found.paid == U256::from(payment.paid)
            && found.datanet_part == U256::from(payment.datanet_part);
        if !agrees {
            report
                .differences
                .push(format!("{found:?} was paid, and {payment:?} is due"));
        }
        push(report, &payment, Some(found), agreement(true, agrees));
    }

    /// Who is paid for a cluster, if it may earn by what was said up to a place.
    fn owners(&self, trained: &Trained, cluster: u32, epoch: u64, at: Place) -> Option<Owners> {
        if self.rejections.is_rejected(trained.set, cluster, at) {
            return None;
        }
        self.datanets
            .get(&trained.space)?
            .owners(cluster, epoch, at)
    }
}

fn push(
    report: &mut EpochReport,
    payment: &crate::epoch::payment::ClusterPayment,
    found: Option<&PaidCluster>,
    agreement: Agreement,
) {
    let (set, cluster) = (payment.set, payment.cluster);
    let parts = [
        (
            Purpose::Cluster { set, cluster },
            payment.owner,
            payment.paid - payment.datanet_part,
        ),
        (
            Purpose::Datanet { set, cluster },
            payment.datanet_owner,
            payment.datanet_part,
        ),
    ];
    for (purpose, payee, wei) in parts {
        if wei == 0 {
            continue;
        }
        report.lines.push(Line {
            payee: Some(payee),
            purpose,
            wei: U256::from(wei),
            transaction: found.map(|found| found.transaction),
            agreement,
        });
    }
}
