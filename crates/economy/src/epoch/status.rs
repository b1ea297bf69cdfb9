//! `openledger epoch status`: what is to be settled, and until when.

use super::{
    chain::ask,
    close::unseeded,
    finalize::carry_from,
    pots::{Stage, current_epoch, paid_in, settlement, unsettled},
};
use alloy_primitives::{Address, U256};
use clap::Args;
use openledger_client::{NodeArgs, View, duration, open, say};
use openledger_contracts::InferenceRouter;
use openledger_primitives::predeploys::INFERENCE_ROUTER;
use serde::Serialize;
use std::process::ExitCode;

/// Flags of `openledger epoch status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Only this adapter
    #[arg(long, value_name = "ID")]
    adapter: Option<u64>,
    /// Settled epochs, too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The chain's epochs.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The epoch that is open.
    pub current: u64,
    /// When it can be closed, Unix seconds.
    pub ends_at: u64,
    /// The newest block's time.
    pub now: u64,
    /// What was paid for in which epoch.
    pub pots: Vec<PotStatus>,
}

/// An epoch of an adapter.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PotStatus {
    /// The epoch.
    pub epoch: u64,
    /// The adapter.
    pub adapter: u64,
    /// Prices, wei, as decimal text.
    pub fees: String,
    /// How far it is; none while the epoch runs.
    pub stage: Option<Stage>,
    /// Whether its draws are known.
    pub is_drawn: bool,
    /// Whose proposal stands.
    pub proposer: Option<Address>,
    /// Until when the stage lasts at least: proposals are taken, or a proposal can be challenged; Unix seconds.
    pub until: Option<u64>,
    /// Questions to juries that aren't answered.
    pub questions: u16,
}

/// Runs the command.
///
/// # Errors
/// A node that doesn't answer.
pub async fn run(args: StatusArgs) -> anyhow::Result<ExitCode> {
    let view = args.node.connect().await?.at(None).await?;
    let status = status(&view, args.adapter, args.all).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&status)?);
        return Ok(ExitCode::SUCCESS);
    }
    let left = status.ends_at.saturating_sub(status.now);
    let end = if left == 0 {
        "is over and can be closed".to_owned()
    } else {
        format!("ends in {}", duration(left))
    };
    say("epoch", format!("{} {end}", status.current));
    for pot in &status.pots {
        say("", pot.line(status.now));
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads it.
///
/// # Errors
/// A node that doesn't answer.
pub async fn status(view: &View, adapter: Option<u64>, all: bool) -> anyhow::Result<Status> {
    let current = current_epoch(view).await?;
    let call = InferenceRouter::endsAtCall { epoch: current };
    // What is settled only the events of the whole chain tell.
    let pots = if all {
        paid_in(view, None, adapter, 0..=u64::MAX).await?
    } else {
        unsettled(view, &adapter.into_iter().collect()).await?
    };
    let epochs = pots.keys().map(|(epoch, _)| *epoch);
    let missing = unseeded(view, epochs).await?;
    let mut found = Vec::new();
    for ((epoch, id), fees) in pots {
        let settled = settlement(view, (epoch, id)).await?;
        let stage = (epoch < current).then(|| Stage::of(&settled)).transpose()?;
        if stage == Some(Stage::Settled) && !all {
            continue;
        }
        let until = match stage {
            Some(Stage::Open) => Some(carry_from(view, (epoch, id)).await?),
            Some(Stage::Proposed) => Some(settled.deadline.to()),
            _ => None,
        };
        found.push(PotStatus {
            epoch,
            adapter: id,
            fees: fees.to_string(),
            stage,
            is_drawn: epoch < current && !missing.contains(&epoch),
            proposer: (settled.proposer != Address::ZERO).then_some(settled.proposer),
            until,
            questions: settled.openQuestions,
        });
    }
    Ok(Status {
        current,
        ends_at: ask(view, INFERENCE_ROUTER, call).await?,
        now: view.node().time().await?,
        pots: found,
    })
}

impl PotStatus {
    fn line(&self, now: u64) -> String {
        let fees = self.fees.parse().unwrap_or(U256::ZERO);
        let left = self.until.map(|until| until.saturating_sub(now));
        let stage = match (self.stage, left) {
            (None, _) => "running".to_owned(),
            (Some(Stage::Open), _) if !self.is_drawn => "closed, its seed isn't drawn".to_owned(),
            (Some(Stage::Open), Some(0)) => "nobody proposed in time: it can be carried".to_owned(),
            (Some(Stage::Open), Some(left)) => format!("open for proposals for {}", duration(left)),
            (Some(Stage::Proposed), Some(0)) if self.questions == 0 => {
                "can be finalized".to_owned()
            }
            (Some(Stage::Proposed), Some(0)) => {
                format!("waits for the answers to {} questions", self.questions)
            }
            (Some(Stage::Proposed), Some(left)) => {
                format!("proposed, can be challenged for {}", duration(left))
            }
            (Some(Stage::Paying), _) => "being paid".to_owned(),
            (Some(stage), _) => format!("{stage:?}").to_lowercase(),
        };
        let proposer = self.proposer.map(|proposer| format!(" by {proposer}"));
        format!(
            "epoch {} of adapter {}: {}, {stage}{}",
            self.epoch,
            self.adapter,
            open(fees),
            proposer.unwrap_or_default()
        )
    }
}
