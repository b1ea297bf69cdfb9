//! Appeals to governance against what a review came to.

use super::outcome::ReviewStatus;
use crate::{contracts::ClusterReview, parameter::parameter};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::U256;
use anyhow::ensure;
use openledger_client::{Sender, Step, event};
use openledger_primitives::predeploys::CLUSTER_REVIEW;

/// Appeals against the outcome of a cluster's review, with the bond that the parameter asks for. Answers the bond, wei, and the
/// last second in which governance can decide.
///
/// # Errors
/// A review without an outcome, or whose outcome can't be appealed any more; what the contract refuses.
pub async fn appeal(
    sender: &mut Sender,
    datanet: U256,
    cluster: u32,
    uri: &str,
) -> anyhow::Result<(U256, u64)> {
    let node = sender.node();
    let call = ClusterReview::reviewOfCall { datanet, cluster };
    // In the pending state: the window may be short.
    let at = BlockNumberOrTag::Pending;
    let review = node.ask_at(CLUSTER_REVIEW, call, at).await?;
    let status = ReviewStatus::try_from(review.status)?;
    let why = match status {
        ReviewStatus::None => "it has no review",
        ReviewStatus::Waiting | ReviewStatus::Voting => {
            "its review has no outcome yet (`openledger datanet validate` says how far it is)"
        }
        ReviewStatus::Decided => "",
        ReviewStatus::Appealed => "it was appealed already, and governance decides",
        ReviewStatus::Final => "its outcome is final",
    };
    ensure!(
        status == ReviewStatus::Decided,
        "cluster {cluster} of Datanet {datanet} can't be appealed: {why}"
    );
    ensure!(
        node.pending_time().await? <= review.until.to::<u64>(),
        "cluster {cluster} of Datanet {datanet} can't be appealed: the time for it is over (OutsideWindow)"
    );
    let bond = parameter(node, CLUSTER_REVIEW, "appealBond").await?;
    let call = ClusterReview::appealCall {
        datanet,
        cluster,
        uri: uri.to_owned(),
    };
    let step = Step::call("appeal", CLUSTER_REVIEW, &call).paying(bond);
    let appealed: ClusterReview::Appealed = event(&sender.send(step).await?)?;
    Ok((bond, appealed.until.saturating_to()))
}
