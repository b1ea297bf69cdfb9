//! The command: flags, calls, lines.

use super::{
    Role, SignedVote, claim_rewards, delegate, exit, leaving, pool, position, register,
    report_votes, undelegate, withdraw,
};
use crate::{contracts::ValidatorStaking, output::print};
use alloy_primitives::{Address, B256, U256};
use anyhow::Context;
use clap::{Args, Subcommand};
use openledger_client::{AccountArgs, Node, NodeArgs, OpenAmount, SenderArgs, duration, open, say};
use openledger_primitives::predeploys::VALIDATOR_STAKING;
use serde::Serialize;
use std::process::ExitCode;

/// Flags of `openledger stake`.
#[derive(Debug, Clone, Args)]
pub struct StakeArgs {
    #[command(subcommand)]
    command: StakeCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum StakeCommand {
    /// Become a validator or a worker
    Register(RegisterArgs),
    /// Add stake to an operator's pool
    Delegate(DelegateArgs),
    /// Let stake leave an operator's pool
    Undelegate(UndelegateArgs),
    /// Have stake whose unbonding is over credited at the vault, from where `openledger claim` pays it
    Withdraw(PositionArgs),
    /// Have rewards and commission credited at the vault, from where `openledger claim` pays them
    Rewards(PositionArgs),
    /// End an operator's work; its own stake begins to leave
    Exit(ExitArgs),
    /// Show two signed votes of a validator for one round, which cost it 10 % of the stake
    Report(ReportArgs),
    /// Say what an operator's pool and an account's part of it are, or list the validators
    Status(StatusArgs),
}

#[derive(Debug, Clone, Args)]
struct RegisterArgs {
    /// What the stake is for
    #[arg(value_enum, value_name = "ROLE")]
    role: Role,
    /// OPEN to add to the account's own stake
    #[arg(long, value_name = "OPEN")]
    amount: Option<OpenAmount>,
    /// The operator's part of the pool's rewards, basis points
    #[arg(long, value_name = "BPS", default_value_t = 0)]
    commission_bps: u16,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct DelegateArgs {
    /// The operator's role
    #[arg(value_enum, value_name = "ROLE")]
    role: Role,
    /// The operator
    #[arg(value_name = "OPERATOR")]
    operator: Address,
    /// OPEN to delegate
    #[arg(long, value_name = "OPEN")]
    amount: OpenAmount,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct UndelegateArgs {
    /// The operator's role
    #[arg(value_enum, value_name = "ROLE")]
    role: Role,
    /// The operator
    #[arg(value_name = "OPERATOR")]
    operator: Address,
    /// OPEN that leaves [default: all that the account has there]
    #[arg(long, value_name = "OPEN")]
    amount: Option<OpenAmount>,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct PositionArgs {
    /// The operator's role
    #[arg(value_enum, value_name = "ROLE")]
    role: Role,
    /// The operator [default: the account that sends]
    #[arg(value_name = "OPERATOR")]
    operator: Option<Address>,
    /// Whose stake it is [default: the account that sends]
    #[arg(long = "for", value_name = "ADDRESS")]
    account_for: Option<Address>,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct ExitArgs {
    /// The operator's role
    #[arg(value_enum, value_name = "ROLE")]
    role: Role,
    /// The operator, whose place the account that sends holds [default: that account]
    #[arg(value_name = "OPERATOR")]
    operator: Option<Address>,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A vote is signed where somebody else brings it (commitReview and commitFor): its choice and signature are in that transaction. The \
round is roundOf of ClusterReview or Jury. Half of what is forfeited is burnt, the rest is the account's that reports.")]
struct ReportArgs {
    /// The validator
    #[arg(value_name = "VALIDATOR")]
    validator: Address,
    /// What the votes are for
    #[arg(value_name = "ROUND")]
    round: B256,
    /// A vote; both are given
    #[arg(
        long = "vote",
        value_name = "CHOICE:SIGNATURE",
        num_args = 1,
        required = true
    )]
    votes: Vec<SignedVote>,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct StatusArgs {
    /// The operator [default: the account that is named by its key; without one, all validators]
    #[arg(value_name = "OPERATOR")]
    operator: Option<Address>,
    /// Whose stake is shown [default: the operator's own]
    #[arg(long = "for", value_name = "ADDRESS", requires = "operator")]
    account_for: Option<Address>,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    account: AccountArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: StakeArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        StakeCommand::Register(args) => {
            let mut sender = args.sender.open().await?;
            let amount = args.amount.map(OpenAmount::wei).unwrap_or_default();
            register(&mut sender, args.role, args.commission_bps, amount).await?;
            let operator = sender.account();
            let pool = pool(sender.node(), args.role, operator).await?;
            say(
                "registered",
                format_args!("{operator} as {:?} with {}", args.role, open(pool.stake)),
            );
        }
        StakeCommand::Delegate(args) => {
            let mut sender = args.sender.open().await?;
            let amount = args.amount.wei();
            let shares = delegate(&mut sender, args.role, args.operator, amount).await?;
            say(
                "delegated",
                format_args!("{} to {}, {shares} shares", open(amount), args.operator),
            );
        }
        StakeCommand::Undelegate(args) => {
            let mut sender = args.sender.open().await?;
            let amount = args.amount.map(OpenAmount::wei);
            let (amount, release_at) =
                undelegate(&mut sender, args.role, args.operator, amount).await?;
            let left = release_at.saturating_to::<u64>();
            let left = left.saturating_sub(sender.node().time().await?);
            say(
                "leaving",
                format_args!("{}, {} left", open(amount), duration(left)),
            );
        }
        StakeCommand::Withdraw(args) => {
            let mut sender = args.sender.open().await?;
            let (operator, account) = args.position(sender.account());
            let amount = withdraw(&mut sender, args.role, operator, account).await?;
            say(
                "withdrawn",
                format_args!(
                    "{} to the vault, for {account}: `openledger claim` pays it",
                    open(amount)
                ),
            );
        }
        StakeCommand::Rewards(args) => {
            let mut sender = args.sender.open().await?;
            let (operator, account) = args.position(sender.account());
            let amount = claim_rewards(&mut sender, args.role, operator, account).await?;
            say(
                "rewards",
                format_args!(
                    "{} to the vault, for {account}: `openledger claim` pays it",
                    open(amount)
                ),
            );
        }
        StakeCommand::Exit(args) => {
            let mut sender = args.sender.open().await?;
            let operator = args.operator.unwrap_or(sender.account());
            exit(&mut sender, args.role, operator).await?;
            say("exited", operator);
        }
        StakeCommand::Report(args) => run_report(args).await?,
        StakeCommand::Status(args) => run_status(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

impl PositionArgs {
    /// The operator, and whose stake it is.
    fn position(&self, sender: Address) -> (Address, Address) {
        (
            self.operator.unwrap_or(sender),
            self.account_for.unwrap_or(sender),
        )
    }
}

async fn run_report(args: ReportArgs) -> anyhow::Result<()> {
    let count = args.votes.len();
    let votes = args.votes.try_into();
    let votes = votes
        .ok()
        .with_context(|| format!("{count} votes are given by --vote, and two conflict"))?;
    let mut sender = args.sender.open().await?;
    let forfeited = report_votes(&mut sender, args.validator, args.round, votes).await?;
    say(
        "forfeited",
        format_args!("{} by {}", open(forfeited), args.validator),
    );
    say(
        "credited",
        format_args!(
            "{}, yours by `openledger claim`",
            open(forfeited / U256::from(2))
        ),
    );
    Ok(())
}

/// An operator's pool, and an account's part of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PositionStatus {
    role: Role,
    operator: Address,
    registered: bool,
    active: bool,
    commission_bps: u16,
    pool: U256,
    account: Address,
    shares: U256,
    stake: U256,
    rewards: U256,
    leaving: Vec<LeavingStatus>,
}

/// Stake that leaves.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LeavingStatus {
    amount: U256,
    release_at: U256,
}

/// A working validator.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Seat {
    operator: Address,
    stake: U256,
}

async fn run_status(args: StatusArgs) -> anyhow::Result<()> {
    let node = args.node.connect().await?;
    let key = args.account.key_if_any(args.node.local()?.as_ref())?;
    let operator = args.operator.or(key.map(|key| key.address()));
    let Some(operator) = operator else {
        let found = node
            .ask(VALIDATOR_STAKING, ValidatorStaking::validatorsCall {})
            .await?;
        let seats: Vec<Seat> = found
            .operators
            .into_iter()
            .zip(found.stakes)
            .map(|(operator, stake)| Seat { operator, stake })
            .collect();
        return print(args.json, &seats, || {
            for seat in &seats {
                println!("{}: {}", seat.operator, open(seat.stake));
            }
        });
    };
    let account = args.account_for.unwrap_or(operator);
    let mut found = Vec::new();
    for role in [Role::Validator, Role::Worker] {
        found.push(position_status(&node, role, operator, account).await?);
    }
    let now = node.time().await?;
    print(args.json, &found, || {
        for one in &found {
            show(one, now);
        }
    })
}

async fn position_status(
    node: &Node,
    role: Role,
    operator: Address,
    account: Address,
) -> anyhow::Result<PositionStatus> {
    let pool = pool(node, role, operator).await?;
    let position = position(node, role, operator, account).await?;
    let active = ValidatorStaking::isActiveCall {
        role: role.number(),
        operator,
    };
    let leaving = leaving(node, role, operator, account).await?;
    Ok(PositionStatus {
        role,
        operator,
        registered: pool.registered,
        active: node
            .ask(VALIDATOR_STAKING, active)
            .await
            .context("whether the operator is active")?,
        commission_bps: pool.commissionBps,
        pool: pool.stake,
        account,
        shares: position.shares,
        stake: position.stake,
        rewards: position.rewards,
        leaving: leaving
            .into_iter()
            .map(|part| LeavingStatus {
                amount: part.amount,
                release_at: part.releaseAt,
            })
            .collect(),
    })
}

fn show(status: &PositionStatus, now: u64) {
    let state = match (status.active, status.registered) {
        (true, _) => "active",
        (false, true) => "below the least stake",
        (false, false) => "doesn't work",
    };
    println!(
        "{:?} {}: {state}, {} in its pool, commission {} bps",
        status.role,
        status.operator,
        open(status.pool),
        status.commission_bps
    );
    println!(
        "  {}: {} at work, {} of rewards",
        status.account,
        open(status.stake),
        open(status.rewards)
    );
    for part in &status.leaving {
        let left = part.release_at.saturating_to::<u64>().saturating_sub(now);
        println!("  {} leaving, {} left", open(part.amount), duration(left));
    }
}
