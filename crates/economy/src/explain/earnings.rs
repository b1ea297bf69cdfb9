//! What a cluster earns by each adapter that was trained on it, epoch by epoch, from the draws to the wei.

use crate::epoch::{
    audit::{Agreement, Audit, Progress, Purpose},
    chain::{Found, events},
    judge::Judgement,
    pots::settlement,
    scoring::{Scored, UNITS, by_draw, divide},
};
use alloy_primitives::{B256, U256};
use anyhow::Context;
use openledger_client::{Node, View};
use openledger_precompiles::{LORA, lora::ILoraRegistry};
use serde::Serialize;
use std::collections::BTreeSet;

/// What an epoch comes to for a cluster, by one sketch set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Earning {
    /// The adapter.
    pub adapter: u64,
    /// The epoch.
    pub epoch: u64,
    /// How far its settlement is.
    pub progress: Progress,
    /// The sketch set.
    pub set: u64,
    /// Rows of the cluster in the set.
    pub rows: usize,
    /// The proposal that counts.
    pub proposal: Option<B256>,
    /// The draws that have a score, and the cluster's in each, times 2^40, as decimal text.
    pub draws: Vec<DrawScore>,
    /// Sum of these.
    pub sum: String,
    /// Whether the sum stands out of noise (`gate`).
    pub stands_out: bool,
    /// The cluster's share before the guard, of 10¹⁸.
    pub unguarded: String,
    /// Its share.
    pub share: String,
    /// The contributors' pool of the epoch, wei.
    pub pool: String,
    /// The set's part of it, basis points.
    pub weight_bps: u16,
    /// What its owner is paid, wei.
    pub paid: U256,
    /// What the Datanet's owner keeps of it, wei.
    pub datanet_part: U256,
    /// The transaction that paid, if it is paid.
    pub transaction: Option<B256>,
    /// Why it is less than the share, in words.
    pub less_because: Option<String>,
}

/// A draw's score of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DrawScore {
    /// Which draw.
    pub draw: usize,
    /// The drawn request.
    pub request: B256,
    /// The score, times 2^40, as decimal text.
    pub score: String,
}

/// What a cluster of a space earned and will earn by all adapters.
///
/// # Errors
/// A node that doesn't answer, or whose answers contradict each other.
pub async fn earnings(
    view: &View,
    trace: &Node,
    space: B256,
    cluster: u32,
) -> anyhow::Result<Vec<Earning>> {
    let trained: Vec<Found<ILoraRegistry::TrainedOn>> =
        events(view, LORA, &[None, Some(space)]).await?;
    let adapters: BTreeSet<u64> = trained.iter().map(|found| found.event.id).collect();
    let mut earnings = Vec::new();
    for adapter in adapters {
        let mut audit = Audit::read(view.clone(), trace.clone(), adapter, None).await?;
        earnings.extend(by_adapter(view, &mut audit, space, cluster).await?);
    }
    earnings.sort_by_key(|earning| (earning.epoch, earning.adapter));
    Ok(earnings)
}

async fn by_adapter(
    view: &View,
    audit: &mut Audit,
    space: B256,
    cluster: u32,
) -> anyhow::Result<Vec<Earning>> {
    let adapter = audit.adapter().clone();
    let reports = audit.settle(u64::MAX).await?;
    let mut earnings = Vec::new();
    for report in reports {
        if matches!(
            report.progress,
            Progress::Running | Progress::Open | Progress::Carried
        ) {
            continue;
        }
        let void = settlement(view, (report.epoch, report.adapter))
            .await?
            .voidDraws;
        let judgement = audit.judgement(report.epoch, void).await?;
        let draws = audit.fees().draws(report.epoch);
        let draws = draws.context("a proposed epoch has a seed")?;
        for (place, (trained, set)) in adapter.trained.iter().zip(&adapter.sets).enumerate() {
            let rows = set.rows().filter(|row| row.cluster == cluster).count();
            if trained.space != space || rows == 0 {
                continue;
            }
            // A wrong proposal that was paid has nothing to explain.
            let Ok(scored) = by_draw(&draws, void, &judgement.scores, place, set) else {
                continue;
            };
            let mut earning = Earning {
                adapter: report.adapter,
                epoch: report.epoch,
                progress: report.progress,
                set: set.id,
                rows,
                proposal: report.proposal,
                draws: Vec::new(),
                sum: "0".to_owned(),
                stands_out: false,
                unguarded: "0".to_owned(),
                share: "0".to_owned(),
                pool: report.pool.to_string(),
                weight_bps: trained.weight_bps,
                paid: U256::ZERO,
                datanet_part: U256::ZERO,
                transaction: None,
                less_because: None,
            };
            let share = earning.score(&scored, &judgement, cluster);
            for line in &report.lines {
                let of = |set, of| (set, of) == (earning.set, cluster);
                match line.purpose {
                    Purpose::Cluster { set, cluster: c } if of(set, c) => {
                        earning.paid += line.wei;
                        if line.agreement != Agreement::Expected {
                            earning.transaction = line.transaction;
                        }
                    }
                    Purpose::Datanet { set, cluster: c } if of(set, c) => {
                        earning.datanet_part += line.wei;
                    }
                    _ => {}
                }
            }
            earning.explain(share, report.pool);
            earnings.push(earning);
        }
    }
    Ok(earnings)
}

impl Earning {
    /// The steps from the draws to the share, which is returned.
    fn score(&mut self, scored: &Scored, judgement: &Judgement, cluster: u32) -> u64 {
        let Ok(c) = scored.clusters.binary_search(&cluster) else {
            return 0;
        };
        self.draws = scored
            .draws
            .iter()
            .zip(&scored.by_draw)
            .filter_map(|(draw, scores)| {
                Some(DrawScore {
                    draw: *draw,
                    request: judgement.scores.draws.get(*draw)?.request_id,
                    score: scores.get(c)?.to_string(),
                })
            })
            .collect();
        let steps = divide(&scored.by_draw, scored.clusters.len());
        let is_scored = scored.by_draw.len() >= crate::epoch::scoring::SCORED_MIN;
        let share = steps
            .shares
            .get(c)
            .copied()
            .filter(|_| is_scored)
            .unwrap_or_default();
        self.sum = steps.sums.get(c).copied().unwrap_or_default().to_string();
        self.stands_out = steps.weights.get(c).is_some_and(|weight| *weight > 0);
        self.unguarded = steps
            .unguarded
            .get(c)
            .copied()
            .unwrap_or_default()
            .to_string();
        self.share = share.to_string();
        if !is_scored {
            let fewest = crate::epoch::scoring::SCORED_MIN;
            self.less_because = Some(format!(
                "only {} draws have a score, and fewer than {fewest} pay nobody",
                scored.by_draw.len()
            ));
        }
        share
    }

    /// Why it is paid less than its share of the pool.
    fn explain(&mut self, share: u64, pool: u128) {
        let part = U256::from(crate::epoch::payment::portion(pool, self.weight_bps));
        let whole = part * U256::from(share) / U256::from(UNITS);
        let paid = self.paid + self.datanet_part;
        if paid >= whole || self.less_because.is_some() {
            return;
        }
        self.less_because = Some(if paid.is_zero() {
            format!(
                "of {whole} wei nothing: its running score isn't above its earlier maximum, or it may not earn \
                 (rejected or withdrawn)"
            )
        } else {
            format!(
                "of {whole} wei the part by which its running score rose above its earlier maximum"
            )
        });
    }

    pub(super) fn print(&self) {
        println!(
            "epoch {} of adapter {}, {}: rows in set {}: {}",
            self.epoch, self.adapter, self.progress, self.set, self.rows
        );
        for draw in &self.draws {
            println!(
                "  draw {:>2}      score {:>28} / 2^40  request {}",
                draw.draw, draw.score, draw.request
            );
        }
        let verdict = if self.stands_out {
            "stands out of noise"
        } else {
            "doesn't stand out of noise, or isn't positive: no share"
        };
        println!("  sum          {} / 2^40, {verdict}", self.sum);
        if self.unguarded == self.share {
            println!("  share        {} of 10^18", self.share);
        } else {
            println!(
                "  share        {} of 10^18, {} before the guard",
                self.share, self.unguarded
            );
        }
        println!(
            "  pool         {} wei, of which the set divides {} of 10000",
            self.pool, self.weight_bps
        );
        let how = match self.transaction {
            Some(transaction) => format!("in {transaction}"),
            None if (self.paid + self.datanet_part).is_zero() => "nothing is due".to_owned(),
            None => "due".to_owned(),
        };
        println!("  payment      {} wei, {how}", self.paid);
        if !self.datanet_part.is_zero() {
            println!(
                "  Datanet      {} wei, its owner's share",
                self.datanet_part
            );
        }
        if let Some(why) = &self.less_because {
            println!("  because      {why}");
        }
    }
}
