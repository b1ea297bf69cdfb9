//! Reviews of clusters: who is asked, and a validator's part from the draw to the outcome.

use super::{
    contribute::datanet_at,
    outcome::{Outcome, ReviewStatus},
    score::Score,
};
use crate::{
    contracts::{
        ClusterReview, DatanetRegistry,
        cluster_review::IClusterReview::{Ballot, Review},
    },
    votes::Votes,
};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::SolEvent;
use anyhow::{Context, ensure};
use openledger_client::{Node, Sender, Step, is_refusal};
use openledger_primitives::predeploys::{CLUSTER_REVIEW, DATANET_REGISTRY};
use serde::Serialize;
use std::collections::BTreeMap;

/// How often in a row a step may be refused because others were faster, or time went by.
const REFUSALS_MAX: u32 = 32;

/// A cluster whose review isn't over.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenReview {
    /// The cluster.
    pub cluster: u32,
    /// Where its review is.
    pub status: ReviewStatus,
    /// What it came to so far.
    pub outcome: Outcome,
    /// Its round, from 0.
    pub round: u8,
    /// Last second of what goes on: commitments, reveals, appeals or the decision; 0 while the panel is to be drawn.
    pub until: u64,
    /// Whether the reviewer is on the panel.
    pub on_panel: bool,
    /// Whether the reviewer has committed.
    pub committed: bool,
    /// Whether the reviewer has revealed.
    pub revealed: bool,
    /// The contribution that began the cluster.
    pub contribution: u64,
    /// Root over its chunks.
    pub data_root: B256,
    /// Its bytes, as its contributor says.
    pub size: u64,
    /// Its tokens, as its contributor says.
    pub tokens: u64,
    /// Where its contributor says that it is.
    pub uri: String,
}

/// The reviews of a Datanet that aren't over, as `reviewer` sees them.
///
/// # Errors
/// A node that doesn't answer.
pub async fn open_reviews(
    node: &Node,
    datanet: U256,
    reviewer: Address,
) -> anyhow::Result<Vec<OpenReview>> {
    let info = datanet_at(node, datanet).await?;
    let mut contents = None;
    let mut open = Vec::new();
    // The newest first: what is in review is mostly among them.
    for cluster in (0..info.clusters).rev() {
        if open.len() as u64 >= u64::from(info.inReview) {
            break;
        }
        let found = Found::look(node, datanet, cluster, reviewer).await?;
        if found.status == ReviewStatus::Final {
            continue;
        }
        let contents = match &mut contents {
            Some(contents) => contents,
            none => none.insert(contents_of(node, datanet).await?),
        };
        let call = DatanetRegistry::clusterAtCall { datanet, cluster };
        let contribution = node.ask(DATANET_REGISTRY, call).await?.contribution;
        let content = contents
            .remove(&contribution)
            .with_context(|| format!("the node has no reveal of contribution {contribution}"))?;
        let review = &found.review;
        open.push(OpenReview {
            cluster,
            status: found.status,
            outcome: Outcome::try_from(review.outcome)?,
            round: review.round,
            until: match found.status {
                ReviewStatus::Voting if review.commits < review.panel => found.commit_until(),
                ReviewStatus::Voting => found.reveal_until(),
                ReviewStatus::Decided | ReviewStatus::Appealed => found.until(),
                ReviewStatus::None | ReviewStatus::Waiting | ReviewStatus::Final => 0,
            },
            on_panel: found.ballot.drawn,
            committed: !found.ballot.choice.is_zero(),
            revealed: found.ballot.revealed,
            contribution,
            data_root: content.dataRoot,
            size: content.size,
            tokens: content.tokens,
            uri: content.uri,
        });
    }
    open.reverse();
    Ok(open)
}

/// What was revealed of a Datanet's contributions, by their numbers.
pub(crate) async fn contents_of(
    node: &Node,
    datanet: U256,
) -> anyhow::Result<BTreeMap<u64, DatanetRegistry::ContributionRevealed>> {
    let filter = Filter::new()
        .address(DATANET_REGISTRY)
        .event_signature(DatanetRegistry::ContributionRevealed::SIGNATURE_HASH)
        .topic1(B256::from(datanet));
    let head = node.head().await?;
    let logs = node.logs_between(&filter, 0, head).await?;
    logs.iter()
        .map(|log| {
            let event = DatanetRegistry::ContributionRevealed::decode_log(&log.inner)?;
            Ok((event.contribution, event.data))
        })
        .collect()
}

/// How far [`review`] goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// To the outcome, which can be appealed.
    Outcome,
    /// Through the time for appeals, to the end.
    Final,
}

/// What became of a cluster's review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reviewed {
    /// The cluster.
    pub cluster: u32,
    /// Where its review is.
    pub status: ReviewStatus,
    /// What it came to.
    pub outcome: Outcome,
    /// Whether the sender was on the last round's panel.
    pub on_panel: bool,
}

/// Reviews clusters with these scores: draws panels that are to be drawn, commits and reveals where the sender is on the
/// panel, and counts rounds when they are over. A vote is in the file before it is sent, so that this may be stopped at any time and
/// called again. Ends for a cluster at the goal, or when its panel was drawn without the sender.
///
/// # Errors
/// A cluster without a review; a vote whose salt isn't in the file; what the contract refuses again and again.
pub async fn review(
    sender: &mut Sender,
    votes: &mut Votes<Score>,
    datanet: U256,
    scores: &BTreeMap<u32, Score>,
    goal: Goal,
) -> anyhow::Result<Vec<Reviewed>> {
    let mut refusals = 0;
    loop {
        let moment = Moment::of(sender.node()).await?;
        let mut reviewed = Vec::with_capacity(scores.len());
        let mut steps = Vec::new();
        let mut done = true;
        for (cluster, score) in scores {
            let found = Found::look(sender.node(), datanet, *cluster, sender.account()).await?;
            ensure!(
                found.status != ReviewStatus::None,
                "Datanet {datanet} has no review of cluster {cluster}"
            );
            done &= found.is_at(goal);
            steps.extend(found.step(votes, *score, moment, goal)?);
            reviewed.push(Reviewed {
                cluster: *cluster,
                status: found.status,
                outcome: Outcome::try_from(found.review.outcome)?,
                on_panel: found.ballot.drawn,
            });
        }
        if done {
            return Ok(reviewed);
        }
        if steps.is_empty() {
            sender.pause().await?;
            continue;
        }
        let mut refused = false;
        for outcome in sender.send_each(steps).await? {
            match outcome {
                Ok(_) => {}
                Err(error) if was_faster(&error) && refusals < REFUSALS_MAX => refused = true,
                Err(error) => return Err(error),
            }
        }
        refusals = if refused { refusals + 1 } else { 0 };
    }
}

/// Whether a step was refused because somebody else took it, or its time is over.
fn was_faster(error: &anyhow::Error) -> bool {
    is_refusal::<ClusterReview::WrongStatus>(error)
        || is_refusal::<ClusterReview::NotDrawable>(error)
        || is_refusal::<ClusterReview::OutsideWindow>(error)
        || is_refusal::<ClusterReview::NotVoting>(error)
        || is_refusal::<ClusterReview::WrongReveal>(error)
}

/// The block that a transaction sent now is in at the earliest.
#[derive(Debug, Clone, Copy)]
struct Moment {
    block: u64,
    time: u64,
}

impl Moment {
    async fn of(node: &Node) -> anyhow::Result<Self> {
        Ok(Self {
            block: node.head().await? + 1,
            time: node.pending_time().await?,
        })
    }
}

/// A cluster's review, and the reviewer's place in its round.
struct Found {
    datanet: U256,
    cluster: u32,
    reviewer: Address,
    status: ReviewStatus,
    review: Review,
    round: B256,
    ballot: Ballot,
}

impl Found {
    async fn look(
        node: &Node,
        datanet: U256,
        cluster: u32,
        reviewer: Address,
    ) -> anyhow::Result<Self> {
        // In the pending state, so that what was sent just now isn't sent again.
        let at = BlockNumberOrTag::Pending;
        let call = ClusterReview::reviewOfCall { datanet, cluster };
        let review = node.ask_at(CLUSTER_REVIEW, call, at).await?;
        let call = ClusterReview::roundOfCall {
            datanet,
            cluster,
            round: review.round,
        };
        let round = node.ask_at(CLUSTER_REVIEW, call, at).await?;
        let call = ClusterReview::ballotOfCall { round, reviewer };
        let ballot = node.ask_at(CLUSTER_REVIEW, call, at).await?;
        Ok(Self {
            datanet,
            cluster,
            reviewer,
            status: ReviewStatus::try_from(review.status)?,
            review,
            round,
            ballot,
        })
    }

    fn commit_until(&self) -> u64 {
        self.review.commitUntil.to()
    }

    fn reveal_until(&self) -> u64 {
        self.review.revealUntil.to()
    }

    fn until(&self) -> u64 {
        self.review.until.to()
    }

    fn is_at(&self, goal: Goal) -> bool {
        match self.status {
            ReviewStatus::Final => true,
            ReviewStatus::Decided | ReviewStatus::Appealed => goal == Goal::Outcome,
            // Others are on the panel, and end the round.
            ReviewStatus::Voting => !self.ballot.drawn && goal == Goal::Outcome,
            ReviewStatus::None | ReviewStatus::Waiting => false,
        }
    }

    /// What can be done now, if anything.
    fn step(
        &self,
        votes: &mut Votes<Score>,
        score: Score,
        now: Moment,
        goal: Goal,
    ) -> anyhow::Result<Option<Step>> {
        let (datanet, cluster, reviewer) = (self.datanet, self.cluster, self.reviewer);
        let review = &self.review;
        Ok(match self.status {
            ReviewStatus::Waiting if now.block > review.drawBlock.to::<u64>() => {
                let call = ClusterReview::drawPanelCall { datanet, cluster };
                Some(self.named("draw the panel", &call))
            }
            ReviewStatus::Voting if self.may_commit(now) => {
                let choice = votes.cast(self.round, score)?;
                let call = ClusterReview::commitReviewCall {
                    datanet,
                    cluster,
                    reviewer,
                    choice,
                    signature: Bytes::new(),
                };
                Some(self.named("commit to a score", &call))
            }
            ReviewStatus::Voting if self.may_reveal(now) => {
                let vote = votes
                    .committed(self.round, self.ballot.choice)
                    .with_context(|| format!("cluster {cluster}"))?;
                let call = ClusterReview::revealReviewCall {
                    datanet,
                    cluster,
                    reviewer,
                    score: vote.opinion.number(),
                    salt: vote.salt,
                };
                Some(self.named("reveal the score", &call))
            }
            ReviewStatus::Voting
                if review.reveals == review.panel || now.time > self.reveal_until() =>
            {
                let call = ClusterReview::closeReviewCall { datanet, cluster };
                Some(self.named("count the round", &call))
            }
            ReviewStatus::Decided | ReviewStatus::Appealed
                if goal == Goal::Final && now.time > self.until() =>
            {
                let call = ClusterReview::finalizeReviewCall { datanet, cluster };
                Some(self.named("finish the review", &call))
            }
            _ => None,
        })
    }

    fn may_commit(&self, now: Moment) -> bool {
        self.ballot.drawn && self.ballot.choice.is_zero() && now.time <= self.commit_until()
    }

    fn may_reveal(&self, now: Moment) -> bool {
        let is_open = self.review.commits == self.review.panel || now.time > self.commit_until();
        let is_owed = !self.ballot.choice.is_zero() && !self.ballot.revealed;
        is_open && is_owed && now.time <= self.reveal_until()
    }

    fn named(&self, what: &str, call: &impl alloy_sol_types::SolCall) -> Step {
        let name = format!("{what} of cluster {}", self.cluster);
        Step::call(name, CLUSTER_REVIEW, call)
    }
}
