//! What is governance's alone to decide: who owns a cluster, what an appeal comes to, which functions are paused.

use super::{Timelock, propose};
use crate::contracts::{ClusterReview, DatanetRegistry};
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;
use anyhow::Context;
use openledger_client::{Failure, Node, Sender};
use openledger_precompiles::IPausable;
use openledger_primitives::predeploys::{CLUSTER_REVIEW, DATANET_REGISTRY};
use serde_json::json;

/// What `ParamTimelock` is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    target: Address,
    payload: Bytes,
}

impl Decision {
    /// Gives a cluster to another owner, from the next epoch on.
    pub fn reassign(datanet: U256, cluster: u32, owner: Address) -> Self {
        let call = DatanetRegistry::reassignClusterCall {
            datanet,
            cluster,
            newOwner: owner,
        };
        Self::new(DATANET_REGISTRY, &call)
    }

    /// Accepts or rejects a cluster whose review was appealed.
    pub fn appeal(datanet: U256, cluster: u32, accepted: bool) -> Self {
        let call = ClusterReview::decideAppealCall {
            datanet,
            cluster,
            accepted,
        };
        Self::new(CLUSTER_REVIEW, &call)
    }

    /// Pauses a native precompile's function until a time, Unix seconds; one that isn't ahead lifts its pause.
    pub fn pause(precompile: Address, selector: [u8; 4], until: u64) -> Self {
        let call = IPausable::setPausedCall {
            selector: selector.into(),
            untilTimestamp: until,
        };
        Self::new(precompile, &call)
    }

    fn new(target: Address, call: &impl SolCall) -> Self {
        Self {
            target,
            payload: call.abi_encode().into(),
        }
    }

    /// Proposes it. Answers the proposal's number.
    ///
    /// # Errors
    /// What would be refused if it were done now; what the governor refuses.
    pub async fn propose(self, sender: &mut Sender, description: &str) -> anyhow::Result<U256> {
        self.rehearse(sender.node()).await?;
        let timelock = Timelock::Parameters;
        propose(sender, timelock, self.target, self.payload, description).await
    }

    /// Makes the call as the timelock would, without effect: nobody has to vote for what can't be done.
    async fn rehearse(&self, node: &Node) -> anyhow::Result<()> {
        let call = json!({
            "from": Timelock::Parameters.address(),
            "to": self.target,
            "input": self.payload,
        });
        let answer: Result<Bytes, Failure> = node.attempt("eth_call", (call, "pending")).await;
        answer
            .map(drop)
            .map_err(anyhow::Error::from)
            .context("it can't be done as things stand, and isn't proposed")
    }
}
