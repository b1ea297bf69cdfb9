//! The subcommands of `openledger` that are the protocol's.

use crate::{
    adapter::{self, AdapterArgs},
    agent::{self, AgentArgs},
    claim::{self, ClaimArgs},
    datanet::{self, DatanetArgs},
    epoch::{self, EpochArgs},
    explain::{self, ExplainArgs},
    governance::{self, GovernanceArgs},
    infer::{self, InferArgs},
    jury::{self, JuryArgs},
    model::{self, ModelArgs},
    stake::{self, StakeArgs},
};
use clap::Subcommand;
use std::process::ExitCode;

/// What the command can do with the protocol's contracts.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Create Datanets, contribute to them and review what others contribute
    Datanet(Box<DatanetArgs>),
    /// Stake as a validator or worker, or with one
    Stake(Box<StakeArgs>),
    /// Lead a model from its proposal to its retirement
    Model(Box<ModelArgs>),
    /// Register adapters, and offer them at a price
    Adapter(Box<AdapterArgs>),
    /// Wrap OPEN for votes, propose, vote, and carry out what was voted for
    Governance(Box<GovernanceArgs>),
    /// Collect what the protocol owes, and have it paid
    Claim(Box<ClaimArgs>),
    /// Pay for inference, or serve it
    Infer(Box<InferArgs>),
    /// Settle what was paid for: propose, verify and challenge scores
    Epoch(Box<EpochArgs>),
    /// Ask juries what only data can answer, vote on them, and act on their verdicts
    Jury(Box<JuryArgs>),
    /// Follow a contribution from its upload to each payment
    Explain(Box<ExplainArgs>),
    /// Register agents, and hold them to their spending policy
    Agent(Box<AgentArgs>),
}

impl Command {
    /// Runs a subcommand to its end.
    ///
    /// # Errors
    /// Whatever keeps the command from doing what was asked, in words for the person who asked.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Datanet(args) => datanet::run(*args).await,
            Self::Stake(args) => stake::run(*args).await,
            Self::Model(args) => model::run(*args).await,
            Self::Adapter(args) => adapter::run(*args).await,
            Self::Governance(args) => governance::run(*args).await,
            Self::Claim(args) => claim::run(*args).await,
            Self::Infer(args) => infer::run(*args).await,
            Self::Epoch(args) => epoch::run(*args).await,
            Self::Jury(args) => jury::run(*args).await,
            Self::Explain(args) => explain::run(*args).await,
            Self::Agent(args) => agent::run(*args).await,
        }
    }
}
