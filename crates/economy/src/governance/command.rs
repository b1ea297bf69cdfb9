//! The command: flags, calls, lines.

use super::{
    Support, Timelock, execute, proposal, proposals, propose, queue,
    status::{ProposalStatus, ready_at},
    unwrap, vote, wrap,
};
use crate::{
    contracts::{GOpen, Governor, PROTOCOL},
    output::print,
    parameter::{parameter, parameter_name},
};
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;
use anyhow::{Context, ensure};
use clap::{ArgGroup, Args, Subcommand};
use openledger_client::{AccountArgs, Node, NodeArgs, OpenAmount, SenderArgs, decimal, open, say};
use openledger_primitives::predeploys::GOPEN;
use std::process::ExitCode;

/// Most proposals that are listed.
const LISTED_MAX: usize = 100;

/// Flags of `openledger governance`.
#[derive(Debug, Clone, Args)]
pub struct GovernanceArgs {
    #[command(subcommand)]
    command: GovernanceCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum GovernanceCommand {
    /// Wrap OPEN for votes, and say whose votes they are
    Wrap(WrapArgs),
    /// Give gOPEN back for OPEN
    Unwrap(UnwrapArgs),
    /// Propose a parameter's value
    Parameter(ParameterArgs),
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
struct WrapArgs {
    /// OPEN to wrap
    #[arg(long, value_name = "OPEN")]
    amount: Option<OpenAmount>,
    /// Whose votes the account's gOPEN is [default: its own]
    #[arg(long, value_name = "ADDRESS")]
    delegate: Option<Address>,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct UnwrapArgs {
    /// gOPEN to give back
    #[arg(long, value_name = "OPEN")]
    amount: OpenAmount,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct ParameterArgs {
    /// The contract, by its name or address
    #[arg(value_name = "CONTRACT")]
    contract: String,
    /// The parameter
    #[arg(value_name = "NAME")]
    name: String,
    /// Its value: a number in the parameter's unit, wei for OPEN
    #[arg(value_name = "VALUE")]
    value: U256,
    /// Why
    #[arg(long, value_name = "TEXT")]
    description: String,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct ProposeArgs {
    /// Which timelock
    #[arg(value_enum, value_name = "TIMELOCK")]
    timelock: Timelock,
    /// What it calls
    #[arg(value_name = "TARGET")]
    target: Address,
    /// Calldata
    #[arg(value_name = "BYTES")]
    data: Bytes,
    /// Why
    #[arg(long, value_name = "TEXT")]
    description: String,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
#[command(group(ArgGroup::new("choice").args(["in_favour", "against", "abstain"]).required(true)))]
struct VoteArgs {
    /// The proposal's number
    #[arg(value_name = "PROPOSAL")]
    proposal: U256,
    /// Vote for it
    #[arg(long = "for")]
    in_favour: bool,
    /// Vote against it
    #[arg(long)]
    against: bool,
    /// Count for the quorum alone
    #[arg(long)]
    abstain: bool,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Wait until the vote is open
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct ProposalArgs {
    /// The proposal's number
    #[arg(value_name = "PROPOSAL")]
    proposal: U256,
    /// Wait until the vote is over
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct ExecuteArgs {
    /// The proposal's number
    #[arg(value_name = "PROPOSAL")]
    proposal: U256,
    /// Wait until the timelock's delay is over
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct StatusArgs {
    /// The proposal's number [default: all of them, and the account's gOPEN]
    #[arg(value_name = "PROPOSAL")]
    proposal: Option<U256>,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    account: AccountArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: GovernanceArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        GovernanceCommand::Wrap(args) => {
            let mut sender = args.sender.open().await?;
            let account = sender.account();
            let delegate = args.delegate.unwrap_or(account);
            let amount = args.amount.map(OpenAmount::wei).unwrap_or_default();
            wrap(&mut sender, amount, delegate).await?;
            tell_votes(sender.node(), account).await?;
        }
        GovernanceCommand::Unwrap(args) => {
            let mut sender = args.sender.open().await?;
            unwrap(&mut sender, args.amount.wei()).await?;
            tell_votes(sender.node(), sender.account()).await?;
        }
        GovernanceCommand::Parameter(args) => run_parameter(args).await?,
        GovernanceCommand::Propose(args) => {
            let mut sender = args.sender.open().await?;
            let id = propose(
                &mut sender,
                args.timelock,
                args.target,
                args.data,
                &args.description,
            )
            .await?;
            tell(sender.node(), id).await?;
        }
        GovernanceCommand::Vote(args) => {
            let mut sender = args.sender.open().await?;
            if args.wait {
                let start = proposal(sender.node(), args.proposal).await?.vote_start;
                sender.await_time(start + 1, "the vote is open").await?;
            }
            let support = match (args.in_favour, args.against) {
                (true, _) => Support::For,
                (_, true) => Support::Against,
                _ => Support::Abstain,
            };
            let weight = vote(&mut sender, args.proposal, support, &args.reason).await?;
            say(
                "voted",
                format_args!("{} gOPEN, {support:?}", decimal(weight)),
            );
        }
        GovernanceCommand::Queue(args) => {
            let mut sender = args.sender.open().await?;
            let found = proposal(sender.node(), args.proposal).await?;
            if args.wait {
                sender
                    .await_time(found.vote_end + 1, "the vote is over")
                    .await?;
            }
            queue(&mut sender, &found).await?;
            tell(sender.node(), args.proposal).await?;
        }
        GovernanceCommand::Execute(args) => run_execute(args).await?,
        GovernanceCommand::Status(args) => run_status(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_parameter(args: ParameterArgs) -> anyhow::Result<()> {
    let mut sender = args.sender.open().await?;
    let named = PROTOCOL.iter().find(|(name, _)| *name == args.contract);
    let contract = match named {
        Some((_, address)) => *address,
        None => args.contract.parse().with_context(|| {
            format!(
                "{} is neither a contract's name nor an address",
                args.contract
            )
        })?,
    };
    ensure!(
        args.name.len() <= 32,
        "{} is no parameter's name",
        args.name
    );
    // Refuses what the contract doesn't have, before anybody votes.
    let now = parameter(sender.node(), contract, &args.name).await?;
    say("now", now);
    let set = Governor::setParameterCall {
        name: parameter_name(&args.name),
        value: args.value,
    };
    let payload = set.abi_encode().into();
    let timelock = Timelock::Parameters;
    let id = propose(&mut sender, timelock, contract, payload, &args.description).await?;
    tell(sender.node(), id).await
}

async fn run_execute(args: ExecuteArgs) -> anyhow::Result<()> {
    let mut sender = args.sender.open().await?;
    let found = proposal(sender.node(), args.proposal).await?;
    if args.wait {
        let at = ready_at(sender.node(), &found).await?;
        let at =
            at.context("the proposal isn't scheduled: `openledger governance queue` does that")?;
        sender.await_time(at, "the delay is over").await?;
    }
    execute(&mut sender, &found).await?;
    say("carried out", args.proposal);
    Ok(())
}

async fn tell(node: &Node, id: U256) -> anyhow::Result<()> {
    let found = proposal(node, id).await?;
    ProposalStatus::read(node, found).await?.show();
    Ok(())
}

async fn tell_votes(node: &Node, account: Address) -> anyhow::Result<()> {
    let balance = node.ask(GOPEN, GOpen::balanceOfCall { account }).await?;
    let votes = node.ask(GOPEN, GOpen::getVotesCall { account }).await?;
    let delegate = node.ask(GOPEN, GOpen::delegatesCall { account }).await?;
    say("gOPEN", format_args!("{} of {account}", decimal(balance)));
    say("votes", decimal(votes));
    say("delegate", delegate);
    Ok(())
}

async fn run_status(args: StatusArgs) -> anyhow::Result<()> {
    let node = args.node.connect().await?;
    if let Some(id) = args.proposal {
        let status = ProposalStatus::read(&node, proposal(&node, id).await?).await?;
        return print(args.json, &status, || status.show());
    }
    let key = args.account.key_if_any(args.node.local()?.as_ref())?;
    let mut all = Vec::new();
    let mut found = proposals(&node).await?;
    let first = found.len().saturating_sub(LISTED_MAX);
    for proposal in found.drain(first..) {
        all.push(ProposalStatus::read(&node, proposal).await?);
    }
    if let Some(key) = key.filter(|_| !args.json) {
        tell_votes(&node, key.address()).await?;
        let balance = node
            .balance(key.address(), alloy_eips::BlockNumberOrTag::Latest)
            .await?;
        say("OPEN", open(balance));
    }
    print(args.json, &all, || {
        for one in &all {
            let state = match one.carried_out {
                true => "carried out".to_owned(),
                false => one.state.to_string(),
            };
            println!("proposal {}: {state}: {:?}", one.proposal, one.description);
        }
    })
}
