//! The flags.

use super::Timelock;
use crate::{contracts::native_function, datanet::ClusterArgs};
use alloy_primitives::{Address, Bytes, U256};
use clap::{ArgGroup, Args, Subcommand};
use openledger_client::{AccountArgs, NodeArgs, OpenAmount, SenderArgs};

/// Flags of `openledger governance`.
#[derive(Debug, Clone, Args)]
pub struct GovernanceArgs {
    #[command(subcommand)]
    pub(super) command: GovernanceCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum GovernanceCommand {
    /// Wrap OPEN for votes, and say whose votes they are
    Wrap(WrapArgs),
    /// Give gOPEN back for OPEN
    Unwrap(UnwrapArgs),
    /// Propose a parameter's value
    Parameter(ParameterArgs),
    /// Propose that a cluster belongs to somebody else
    Reassign(ReassignArgs),
    /// Propose what an appeal against a review comes to
    Appeal(AppealArgs),
    /// Propose that a native precompile's function is paused
    Pause(PauseArgs),
    /// Propose that a timelock calls a contract
    Propose(ProposeArgs),
    /// Vote
    Vote(VoteArgs),
    /// Schedule a proposal whose vote is won
    Queue(ProposalArgs),
    /// Carry out a proposal whose delay is over
    Execute(ExecuteArgs),
    /// Say where a proposal is, or list all
    Status(StatusArgs),
}

#[derive(Debug, Clone, Args)]
pub(super) struct WrapArgs {
    /// OPEN to wrap
    #[arg(long, value_name = "OPEN")]
    pub(super) amount: Option<OpenAmount>,
    /// Whose votes the account's gOPEN is [default: its own]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) delegate: Option<Address>,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
pub(super) struct UnwrapArgs {
    /// gOPEN to give back
    #[arg(long, value_name = "OPEN")]
    pub(super) amount: OpenAmount,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ParameterArgs {
    /// The contract, by its name or address
    #[arg(value_name = "CONTRACT")]
    pub(super) contract: String,
    /// The parameter
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// Its value: a number in the parameter's unit, wei for OPEN
    #[arg(value_name = "VALUE")]
    pub(super) value: U256,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(super) description: String,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ProposeArgs {
    /// Which timelock
    #[arg(value_enum, value_name = "TIMELOCK")]
    pub(super) timelock: Timelock,
    /// What it calls
    #[arg(value_name = "TARGET")]
    pub(super) target: Address,
    /// Calldata
    #[arg(value_name = "BYTES")]
    pub(super) data: Bytes,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(super) description: String,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
From the next epoch on the cluster is the new owner's; what it earned before stays with whom it belonged to. For a cluster whose \
contributor copied what another one had first.")]
pub(super) struct ReassignArgs {
    #[command(flatten)]
    pub(super) which: ClusterArgs,
    /// Whose it is to be
    #[arg(value_name = "OWNER")]
    pub(super) owner: Address,
    #[command(flatten)]
    pub(super) why: WhyArgs,
}

#[derive(Debug, Clone, Args)]
#[command(group(ArgGroup::new("outcome").args(["accept", "reject"]).required(true)))]
pub(super) struct AppealArgs {
    #[command(flatten)]
    pub(super) which: ClusterArgs,
    /// The cluster is to be accepted
    #[arg(long)]
    pub(super) accept: bool,
    /// The cluster is to be rejected
    #[arg(long)]
    pub(super) reject: bool,
    #[command(flatten)]
    pub(super) why: WhyArgs,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A pause lasts at most 14 days from when it is carried out, and a function isn't paused again within 30 days. A time that isn't ahead \
lifts the pause. What settles, pays or challenges can't be paused.")]
pub(super) struct PauseArgs {
    /// The function, as in SKETCH.scoreInfluence: of SKETCH, SPAN or LORA
    #[arg(value_name = "FUNCTION", value_parser = native)]
    pub(super) function: (Address, [u8; 4]),
    /// Until when, Unix seconds
    #[arg(long, value_name = "SECONDS")]
    pub(super) until: u64,
    #[command(flatten)]
    pub(super) why: WhyArgs,
}

/// What every proposal has.
#[derive(Debug, Clone, Args)]
pub(super) struct WhyArgs {
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(super) description: String,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
}

/// What is no function.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("not PRECOMPILE.function of SKETCH, SPAN or LORA, as in SKETCH.scoreInfluence")]
struct BadFunction;

fn native(text: &str) -> Result<(Address, [u8; 4]), BadFunction> {
    let (precompile, function) = text.split_once('.').ok_or(BadFunction)?;
    native_function(precompile, function).ok_or(BadFunction)
}

#[derive(Debug, Clone, Args)]
#[command(group(ArgGroup::new("choice").args(["in_favour", "against", "abstain"]).required(true)))]
pub(super) struct VoteArgs {
    /// The proposal's number
    #[arg(value_name = "PROPOSAL")]
    pub(super) proposal: U256,
    /// Vote for it
    #[arg(long = "for")]
    pub(super) in_favour: bool,
    /// Vote against it
    #[arg(long)]
    pub(super) against: bool,
    /// Count for the quorum alone
    #[arg(long)]
    pub(super) abstain: bool,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(super) reason: String,
    /// Wait until the vote is open
    #[arg(long)]
    pub(super) wait: bool,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ProposalArgs {
    /// The proposal's number
    #[arg(value_name = "PROPOSAL")]
    pub(super) proposal: U256,
    /// Wait until the vote is over
    #[arg(long)]
    pub(super) wait: bool,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ExecuteArgs {
    /// The proposal's number
    #[arg(value_name = "PROPOSAL")]
    pub(super) proposal: U256,
    /// Wait until the timelock's delay is over
    #[arg(long)]
    pub(super) wait: bool,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
pub(super) struct StatusArgs {
    /// The proposal's number [default: all of them, and the account's gOPEN]
    #[arg(value_name = "PROPOSAL")]
    pub(super) proposal: Option<U256>,
    #[command(flatten)]
    pub(super) node: NodeArgs,
    #[command(flatten)]
    pub(super) account: AccountArgs,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}
