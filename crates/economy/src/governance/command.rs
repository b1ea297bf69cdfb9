//! The command: flags, calls, lines.

use super::{
    Decision, Support, Timelock,
    args::{ExecuteArgs, GovernanceArgs, GovernanceCommand, ParameterArgs, StatusArgs, WhyArgs},
    execute, proposal, proposals, propose, queue,
    status::{ProposalStatus, ready_at},
    unwrap, vote, wrap,
};
use crate::{
    contracts::{GOpen, Governor, PROTOCOL},
    datanet::ClusterArgs,
    output::print,
    parameter::{parameter, parameter_name},
};
use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use anyhow::{Context, ensure};
use openledger_client::{Node, OpenAmount, decimal, open, say};
use openledger_primitives::predeploys::GOPEN;
use std::process::ExitCode;

/// Most proposals that are listed.
const LISTED_MAX: usize = 100;

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
        GovernanceCommand::Reassign(args) => {
            let ClusterArgs { datanet, cluster } = args.which;
            let decision = Decision::reassign(datanet.number, cluster, args.owner);
            run_decision(decision, args.why).await?;
        }
        GovernanceCommand::Appeal(args) => {
            let ClusterArgs { datanet, cluster } = args.which;
            let decision = Decision::appeal(datanet.number, cluster, args.accept);
            run_decision(decision, args.why).await?;
        }
        GovernanceCommand::Pause(args) => {
            let (precompile, selector) = args.function;
            let decision = Decision::pause(precompile, selector, args.until);
            run_decision(decision, args.why).await?;
        }
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

async fn run_decision(decision: Decision, why: WhyArgs) -> anyhow::Result<()> {
    let mut sender = why.sender.open().await?;
    let id = decision.propose(&mut sender, &why.description).await?;
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
