//! Settles an adapter's epochs again, from its first on, and compares with what the chain paid.
//!
//! An epoch's payments depend on the epochs before it: running scores, what was carried, what became residue.
//! So all of them are settled again in order. Nothing of the state is taken over but where a payment that
//! isn't over has stopped; what isn't paid yet is computed as things stand.

mod clusters;
mod report;
mod sums;

pub use report::{Agreement, ClusterReport, EpochReport, Line, Progress, Purpose, SetReport};

use super::{
    chain::{
        Adapter, DatanetFacts, EpochPayments, Fees, Holders, Parameter, Payees, Payments, Place,
        Proposal, Rejections, ask, paid_result, proposals, proposed_scores,
    },
    judge::{Judgement, judge},
    payment::{Account, Running},
    pots::{blocks_of, paid_epochs},
    scores::SetResult,
};
use alloy_primitives::B256;
use anyhow::{Context, ensure};
use clusters::Stopped;
use openledger_client::{Node, View};
use openledger_contracts::EpochSettlement;
use openledger_primitives::predeploys::EPOCH_SETTLEMENT;
use std::collections::{BTreeMap, BTreeSet};

/// After everything that has happened.
const NOW: Place = Place {
    block: u64::MAX,
    index: u64::MAX,
};

/// What `EpochSettlement` has of (epoch, adapter).
pub type Settlement = <EpochSettlement::settlementOfCall as alloy_sol_types::SolCall>::Return;

/// An adapter with the history of its epochs.
#[derive(Debug)]
pub struct Audit {
    view: View,
    /// Runs transactions again.
    trace: Node,
    adapter: Adapter,
    fees: Fees,
    payments: Payments,
    proposals: BTreeMap<u64, Vec<Proposal>>,
    datanets: BTreeMap<B256, DatanetFacts>,
    rejections: Rejections,
    payees: Payees,
    holders: Holders,
    proposer_bps: Parameter,
    carry_epochs: Parameter,
    // What the epochs so far leave.
    account: Account,
    running: BTreeMap<(u64, u32), Running>,
    /// Residues that are being divided: spaces with wei, in order.
    dividing: Vec<(B256, u128)>,
    residues_seen: usize,
    idle_seen: usize,
    /// The last epoch that was settled before.
    last_ended: u64,
    next: u64,
    /// Whether all epochs with fees were read.
    is_whole: bool,
}

impl Audit {
    /// Reads everything about an adapter up to the view's block, and its epochs up to and with `last`, if that is named. `trace` is a
    /// node that runs transactions again (`debug_traceTransaction`), where a contract paid by a wrong result.
    ///
    /// # Errors
    /// A node that doesn't answer, or whose answers contradict each other; an adapter that there isn't.
    pub async fn read(
        view: View,
        trace: Node,
        adapter: u64,
        last: Option<u64>,
    ) -> anyhow::Result<Self> {
        let mut epochs = paid_epochs(&view, adapter, 0).await?;
        let is_whole = last.is_none_or(|last| epochs.iter().all(|epoch| *epoch <= last));
        epochs.retain(|epoch| last.is_none_or(|last| *epoch <= last));
        let fees = Fees::read(&view, adapter, epochs).await?;
        let adapter = Adapter::read(&view, adapter).await?;
        // Nothing was proposed or paid before anything was paid for.
        let first = match fees.epochs().next() {
            Some(epoch) => *blocks_of(&view, epoch).await?.start(),
            None => view.block.number,
        };
        let mut datanets = BTreeMap::new();
        for space in adapter.spaces() {
            if let Some(facts) = DatanetFacts::read(&view, space).await? {
                datanets.insert(space, facts);
            }
        }
        let sets: BTreeSet<u64> = adapter.sets.iter().map(|set| set.id).collect();
        Ok(Self {
            payments: Payments::read(&view, adapter.id, first).await?,
            proposals: proposals(&view, None, adapter.id, first).await?,
            datanets,
            rejections: Rejections::read(&view, &sets).await?,
            payees: Payees::read(&view, &adapter).await?,
            holders: Holders::default(),
            proposer_bps: Parameter::read(&view, "proposerBps").await?,
            carry_epochs: Parameter::read(&view, "carryEpochs").await?,
            account: Account::default(),
            running: BTreeMap::new(),
            dividing: Vec::new(),
            residues_seen: 0,
            idle_seen: 0,
            last_ended: 0,
            next: 0,
            is_whole,
            fees,
            adapter,
            view,
            trace,
        })
    }

    /// The adapter.
    pub const fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// What was paid for it.
    pub const fn fees(&self) -> &Fees {
        &self.fees
    }

    /// The proposals of an epoch, in order.
    pub fn proposals(&self, epoch: u64) -> &[Proposal] {
        self.proposals.get(&epoch).map_or(&[], Vec::as_slice)
    }

    /// Epochs with fees, in order.
    pub fn epochs(&self) -> Vec<u64> {
        self.fees.epochs().collect()
    }

    /// Settles the next epochs with fees up to and with `last`. Each is reported once.
    ///
    /// # Errors
    /// A node that doesn't answer, or whose answers contradict each other. That the chain paid something else is none.
    pub async fn settle(&mut self, last: u64) -> anyhow::Result<Vec<EpochReport>> {
        let due: Vec<u64> = self
            .epochs()
            .into_iter()
            .filter(|epoch| (self.next..=last).contains(epoch))
            .collect();
        let mut reports = Vec::with_capacity(due.len());
        for epoch in due {
            let report = self.epoch(epoch).await;
            reports.push(report.with_context(|| format!("epoch {epoch}"))?);
            self.next = epoch + 1;
        }
        // What was divided after the adapter's last epoch.
        let is_last = |report: &&mut EpochReport| {
            self.is_whole && self.fees.epochs().next_back() == Some(report.epoch)
        };
        if let Some(report) = reports.last_mut().filter(is_last) {
            self.divided_before(report, NOW).await?;
        }
        Ok(reports)
    }

    async fn epoch(&mut self, epoch: u64) -> anyhow::Result<EpochReport> {
        let adapter = self.adapter.id;
        let call = EpochSettlement::settlementOfCall { epoch, adapter };
        let settled = ask(&self.view, EPOCH_SETTLEMENT, call).await?;
        let paid = self
            .payments
            .epochs
            .get(&epoch)
            .cloned()
            .unwrap_or_default();
        let mut report = self.begin(epoch, &settled, &paid)?;
        if report.progress == Progress::Running {
            return Ok(report);
        }
        let results = match report.progress {
            Progress::Open | Progress::Carried => Vec::new(),
            _ => self.results(&mut report, &settled, &paid).await?,
        };
        let is_paid = report.progress != Progress::Open;
        let pot = self.pot(&mut report, &paid);
        let began_at = paid.begun.map_or(NOW, |(place, ..)| place);
        let proposer_bps = if report.proposer.is_some() {
            self.proposer_bps.at(began_at).saturating_to::<u16>()
        } else {
            0
        };
        self.pay_royalties(&mut report, &pot, proposer_bps, &paid, began_at)
            .await?;
        self.divided_before(&mut report, began_at).await?;
        let mut pool = self.account.begin(pot.contributors);
        report.pool = pool.total;
        if is_paid {
            let stopped = Stopped::of(report.progress, &settled);
            self.pay_clusters(&mut report, &mut pool, &results, &paid, stopped);
        }
        self.end(&mut report, &pool, &paid).await?;
        Ok(report)
    }

    /// What is known without computing anything.
    fn begin(
        &self,
        epoch: u64,
        settled: &Settlement,
        paid: &EpochPayments,
    ) -> anyhow::Result<EpochReport> {
        let is_drawn = self.fees.is_drawn(epoch);
        let accepted = self.proposals(epoch).last();
        // Who stands at the end is the one who is paid; a carried epoch has nobody.
        let standing = accepted
            .filter(|proposal| proposal.ending.is_none() && proposal.proposer == settled.proposer);
        let progress = match (settled.stage, standing) {
            (0, _) if !is_drawn => Progress::Running,
            (0, _) => Progress::Open,
            (1, Some(_)) => Progress::Proposed,
            (2, Some(_)) => Progress::Paying,
            (3, Some(_)) => Progress::Settled,
            (3, None) => Progress::Carried,
            (stage, _) => anyhow::bail!(
                "the settlement is at stage {stage}, and the events show no proposal for that"
            ),
        };
        ensure!(
            (paid.begun.is_some(), paid.ended.is_some())
                == match progress {
                    Progress::Settled | Progress::Carried => (true, true),
                    Progress::Paying => (true, false),
                    _ => (false, false),
                },
            "the settlement is {progress}, and the events show another state of payment"
        );
        Ok(EpochReport {
            epoch,
            adapter: self.adapter.id,
            progress,
            fees: self.fees.total(epoch),
            proposer: standing.map(|proposal| proposal.proposer),
            proposal: standing.map(|proposal| proposal.transaction),
            shown: 0,
            void: settled.voidDraws.count_ones() as usize,
            sets: Vec::new(),
            pool: 0,
            lines: Vec::new(),
            differences: Vec::new(),
        })
    }

    /// The results of the proposal that counts: those that it is paid by, whether they are right or not.
    async fn results(
        &self,
        report: &mut EpochReport,
        settled: &Settlement,
        paid: &EpochPayments,
    ) -> anyhow::Result<Vec<SetResult>> {
        let judgement = self.judgement(report.epoch, settled.voidDraws).await?;
        report.shown = judgement
            .scores
            .draws
            .iter()
            .filter(|draw| draw.is_shown())
            .count();
        report.sets = judgement
            .computed
            .iter()
            .zip(&judgement.proposed)
            .zip(&self.adapter.sets)
            .map(|((computed, proposed), set)| {
                set_report(set.id, *proposed, computed.as_ref().ok())
            })
            .collect();
        if let Some(wrong) = judgement.wrong() {
            report.differences.push(wrong.to_string());
        }
        let mut results = Vec::with_capacity(judgement.computed.len());
        for (computed, proposed) in judgement.computed.into_iter().zip(&judgement.proposed) {
            match computed {
                Ok(result) if result.hash() == *proposed => results.push(result),
                // Nobody challenged it: later epochs follow from what was paid.
                _ => results.push(self.result_as_paid(paid, *proposed).await?),
            }
        }
        Ok(results)
    }

    /// What follows from the scores of the proposal that counts.
    ///
    /// # Errors
    /// If there is none, or its data can't be had.
    pub async fn judgement(&self, epoch: u64, void_draws: u16) -> anyhow::Result<Judgement> {
        let made = self.proposals(epoch).last();
        let made = made.with_context(|| format!("epoch {epoch} has no proposal"))?;
        let (node, hash) = (self.view.node(), made.scores_hash);
        let scores = proposed_scores(node, made.transaction, hash).await?;
        let draws = self.fees.draws(epoch);
        let draws = draws.with_context(|| format!("epoch {epoch} has no seed"))?;
        let sets = &self.adapter.sets;
        Ok(judge(&draws, void_draws, &scores, &made.results, sets)?)
    }

    async fn result_as_paid(&self, paid: &EpochPayments, hash: B256) -> anyhow::Result<SetResult> {
        let first = paid.begun.iter().map(|(_, transaction, _)| *transaction);
        let last = paid.ended.iter().map(|(_, transaction, ..)| *transaction);
        let between = paid.clusters.iter().map(|cluster| cluster.transaction);
        let transactions: BTreeSet<B256> = first.chain(between).chain(last).collect();
        let found = paid_result(self.view.node(), &self.trace, &transactions, hash).await?;
        // It isn't paid yet, or nobody knows what of the hash is.
        Ok(found.unwrap_or_default())
    }
}

fn set_report(set: u64, proposed: B256, computed: Option<&SetResult>) -> SetReport {
    let clusters = computed.into_iter().flat_map(|result| {
        let parts = result.shares.iter().zip(&result.sums);
        result
            .clusters
            .iter()
            .zip(parts)
            .map(|(cluster, (share, sum))| ClusterReport {
                cluster: *cluster,
                share: *share,
                sum: *sum,
            })
    });
    SetReport {
        set,
        proposed,
        computed: computed.map(SetResult::hash),
        clusters: clusters.collect(),
    }
}
