//! Where a model is, as it is printed.

use super::{Stage, gathered, model_at};
use alloy_primitives::{Address, B256, U256};
use anyhow::{Context, ensure};
use openledger_client::{Node, decimal, duration, open, say};
use serde::Serialize;

/// A model, as it is printed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModelStatus {
    pub(super) model: U256,
    pub(super) stage: Stage,
    proposer: Address,
    /// Last second of the stage; 0 without a deadline.
    until: u64,
    /// Of the chain, when this was read, seconds.
    time: u64,
    stake: U256,
    datanets: Vec<U256>,
    /// Accepted clusters that these have.
    clusters: u64,
    clusters_wanted: u32,
    /// Base id in LORA; 0 before tuning is over.
    pub(super) base: u64,
    artefact: B256,
    /// Sum of the weights of the feedback, wei of gOPEN.
    weight: U256,
    /// Weighted mean of the feedback; none without any.
    score: Option<U256>,
}

impl ModelStatus {
    pub(super) async fn read(node: &Node, model: U256) -> anyhow::Result<Self> {
        let found = model_at(node, model).await?;
        let stage = Stage::try_from(found.stage)?;
        ensure!(stage != Stage::None, "there is no model {model}");
        let weight = U256::from(found.weight);
        Ok(Self {
            model,
            stage,
            proposer: found.proposer,
            until: found.until.to(),
            time: node.time().await?,
            stake: U256::from(found.stake),
            clusters: gathered(node, &found.proposal)
                .await
                .context("the model's Datanets")?,
            clusters_wanted: found.proposal.clusters,
            datanets: found.proposal.datanets,
            base: found.base,
            artefact: found.artefact,
            weight,
            score: found.weightedScore.checked_div(weight),
        })
    }

    pub(super) fn show(&self) {
        let left = match self.stage.has_deadline() {
            true => format!(", {} left", duration(self.until.saturating_sub(self.time))),
            false => String::new(),
        };
        say(
            "model",
            format_args!("{}: {}{left}", self.model, self.stage),
        );
        say("proposer", self.proposer);
        say("stake", open(self.stake));
        let datanets: Vec<String> = self.datanets.iter().map(U256::to_string).collect();
        say(
            "Datanets",
            format_args!(
                "{}: {} of {} accepted clusters",
                datanets.join(", "),
                self.clusters,
                self.clusters_wanted
            ),
        );
        if self.base != 0 {
            say("base", self.base);
            say("artefact", self.artefact);
        }
        if let Some(score) = self.score {
            say(
                "feedback",
                format_args!("{score} of 100, weight {} gOPEN", decimal(self.weight)),
            );
        }
    }
}
