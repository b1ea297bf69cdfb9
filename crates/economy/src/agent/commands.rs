//! `openledger agent`.

use super::Registration;
use crate::{
    infer::{Policy, SignedVoucher, chain, message::parse},
    output::print_json,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use openledger_client::{Node, NodeArgs, OpenAmount, SenderArgs, duration, files, open, say};
use openledger_contracts::agent_registry::AgentRegistry;
use openledger_l1::key_from_file;
use openledger_primitives::predeploys::AGENT_REGISTRY;
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Longest file of a voucher, bytes.
const VOUCHER_BYTES_MAX: usize = 4_096;
/// Longest manifest, bytes.
const MANIFEST_BYTES_MAX: u64 = 16 << 20;
/// Seconds that an agent's agreement to its owner is good for.
const AGREEMENT_SECONDS: u64 = 600;

/// Flags of `openledger agent`.
#[derive(Debug, Clone, Args)]
pub struct AgentArgs {
    #[command(subcommand)]
    command: AgentCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum AgentCommand {
    /// Register an agent, with a stake and a spending policy
    Register(Box<RegisterArgs>),
    /// Change an agent's policy, for channels that are opened after a delay
    Policy(Box<SetPolicyArgs>),
    /// End an agent: its stake answers for a while, then it can be withdrawn
    Exit(OneAgentArgs),
    /// Have an agent's owner credited its stake, after the exit
    Withdraw(OneAgentArgs),
    /// Report a voucher that an agent signed above its policy: half of its stake is yours
    Report(ReportArgs),
    /// Say what an agent has promised, and with which stake
    Status(StatusArgs),
}

/// A spending policy. Sums include platform fees.
#[derive(Debug, Clone, Args)]
struct PolicyArgs {
    /// Most for a call, as the mean of a channel's calls
    #[arg(long, value_name = "OPEN")]
    call_max: OpenAmount,
    /// Most for a channel
    #[arg(long, value_name = "OPEN")]
    channel_max: OpenAmount,
    /// Most for a channel and a day (UTC)
    #[arg(long, value_name = "OPEN")]
    day_max: OpenAmount,
    /// Whose signature counts as the agent's beside its own
    #[arg(long, value_name = "ADDRESS")]
    signer: Option<Address>,
    /// An adapter that it pays for; none named: any
    #[arg(long = "adapter", value_name = "ID", value_delimiter = ',')]
    adapters: Vec<u64>,
    /// Whom it pays; nobody named: anybody
    #[arg(long = "payee", value_name = "ADDRESS", value_delimiter = ',')]
    payees: Vec<Address>,
}

impl PolicyArgs {
    fn policy(&self) -> anyhow::Result<Policy> {
        // There is far less OPEN than 128 bits of wei.
        let wei = |amount: OpenAmount| u128::try_from(amount.wei()).context("an amount of OPEN");
        Ok(Policy {
            call_max: wei(self.call_max)?,
            channel_max: wei(self.channel_max)?,
            day_max: wei(self.day_max)?,
            signer: self.signer.unwrap_or_default(),
            adapters: self.adapters.clone(),
            payees: self.payees.clone(),
        })
    }
}

/// Flags of `openledger agent register`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The account is the owner. The agent is the account itself, or the one whose key --agent-key-file holds.")]
struct RegisterArgs {
    /// File with the agent's key, if the agent isn't the account
    #[arg(long, value_name = "FILE")]
    agent_key_file: Option<PathBuf>,
    /// Its stake
    #[arg(long, value_name = "OPEN")]
    stake: OpenAmount,
    #[command(flatten)]
    policy: PolicyArgs,
    /// File that says what the agent is; its hash goes on chain
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Where others find that file
    #[arg(long, value_name = "URI", default_value = "")]
    manifest_uri: String,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Flags of `openledger agent policy`.
#[derive(Debug, Clone, Args)]
struct SetPolicyArgs {
    /// The agent [default: the account]
    #[arg(value_name = "AGENT")]
    agent: Option<Address>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Flags of `openledger agent exit` and `openledger agent withdraw`.
#[derive(Debug, Clone, Args)]
struct OneAgentArgs {
    /// The agent [default: the account]
    #[arg(value_name = "AGENT")]
    agent: Option<Address>,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Flags of `openledger agent report`.
#[derive(Debug, Clone, Args)]
struct ReportArgs {
    /// The signed voucher, as `infer pay` writes it
    #[arg(value_name = "VOUCHER")]
    voucher: PathBuf,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Flags of `openledger agent status`.
#[derive(Debug, Clone, Args)]
struct StatusArgs {
    /// The agent
    #[arg(value_name = "AGENT")]
    agent: Address,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: NodeArgs,
}

/// Runs one of the subcommands.
///
/// # Errors
/// Whatever keeps the command from doing what was asked, in words for the person who asked.
pub async fn run(args: AgentArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        AgentCommand::Register(args) => register(*args).await,
        AgentCommand::Policy(args) => set_policy(*args).await,
        AgentCommand::Exit(args) => exit(args).await,
        AgentCommand::Withdraw(args) => withdraw(args).await,
        AgentCommand::Report(args) => report(args).await,
        AgentCommand::Status(args) => status(args).await,
    }
}

async fn register(args: RegisterArgs) -> anyhow::Result<ExitCode> {
    let policy = args.policy.policy()?;
    let manifest_hash = match &args.manifest {
        Some(path) => keccak256(files::read(path, MANIFEST_BYTES_MAX)?),
        None => B256::ZERO,
    };
    let mut sender = args.sender.open().await?;
    let owner = sender.account();
    let deadline = sender
        .node()
        .time()
        .await?
        .saturating_add(AGREEMENT_SECONDS);
    let (agent, signature) = match &args.agent_key_file {
        Some(path) => {
            let key = key_from_file(path)?;
            let chain_id = sender.node().chain_id();
            (
                key.address(),
                super::agree(&key, owner, deadline, chain_id)?,
            )
        }
        None => (owner, Bytes::new()),
    };
    let registration = Registration {
        agent,
        policy,
        manifest_hash,
        manifest_uri: args.manifest_uri,
        deadline,
        signature,
    };
    super::register(&mut sender, &registration, args.stake.wei()).await?;
    say("agent", agent);
    say("owner", owner);
    say("stake", open(args.stake.wei()));
    say_policy(&registration.policy);
    Ok(ExitCode::SUCCESS)
}

async fn set_policy(args: SetPolicyArgs) -> anyhow::Result<ExitCode> {
    let policy = args.policy.policy()?;
    let mut sender = args.sender.open().await?;
    let agent = args.agent.unwrap_or_else(|| sender.account());
    let (version, valid_from) = super::set_policy(&mut sender, agent, &policy).await?;
    let now = sender.node().time().await?;
    say("version", version);
    say(
        "in force",
        format!(
            "in {}, for channels that are opened from then on",
            duration(valid_from.saturating_sub(now))
        ),
    );
    say_policy(&policy);
    Ok(ExitCode::SUCCESS)
}

async fn exit(args: OneAgentArgs) -> anyhow::Result<ExitCode> {
    let mut sender = args.sender.open().await?;
    let agent = args.agent.unwrap_or_else(|| sender.account());
    let exits_at = super::start_exit(&mut sender, agent).await?;
    let now = sender.node().time().await?;
    say(
        "stake",
        format!(
            "can be withdrawn in {}",
            duration(exits_at.saturating_sub(now))
        ),
    );
    Ok(ExitCode::SUCCESS)
}

async fn withdraw(args: OneAgentArgs) -> anyhow::Result<ExitCode> {
    let mut sender = args.sender.open().await?;
    let agent = args.agent.unwrap_or_else(|| sender.account());
    let registered = agent_of(sender.node(), agent).await?;
    let now = sender.node().pending_time().await?;
    match registered.exitsAt {
        0 => bail!("the agent isn't leaving: `openledger agent exit` comes first"),
        at if at > now => bail!("the stake can be withdrawn in {}", duration(at - now)),
        _ => {}
    }
    let (owner, amount) = super::withdraw(&mut sender, agent).await?;
    say(
        "credited",
        format!(
            "{} to {owner}, who claims it by `openledger claim`",
            open(U256::from(amount))
        ),
    );
    Ok(ExitCode::SUCCESS)
}

async fn report(args: ReportArgs) -> anyhow::Result<ExitCode> {
    let bytes = files::read(&args.voucher, VOUCHER_BYTES_MAX as u64)?;
    let signed: SignedVoucher = parse(&bytes, VOUCHER_BYTES_MAX)
        .with_context(|| format!("{} holds no voucher", args.voucher.display()))?;
    let mut sender = args.sender.open().await?;
    let view = chain::channel_view(sender.node(), signed.voucher.channel).await?;
    ensure!(
        view.exists(),
        "the chain has no channel {}",
        signed.voucher.channel
    );
    let Some(breach) = view.breach(&signed.voucher) else {
        bail!("the voucher breaks nothing of its payer's policy");
    };
    let (stake, burnt) = super::report(&mut sender, &signed).await?;
    say("breach", breach);
    say(
        "forfeited",
        format!(
            "{}, of which {} are burnt",
            open(U256::from(stake)),
            open(U256::from(burnt))
        ),
    );
    say(
        "credited",
        format!(
            "{}, yours by `openledger claim`",
            open(U256::from(stake - burnt))
        ),
    );
    Ok(ExitCode::SUCCESS)
}

async fn status(args: StatusArgs) -> anyhow::Result<ExitCode> {
    let node = args.node.connect().await?;
    let registered = agent_of(&node, args.agent).await?;
    let call = AgentRegistry::versionOfCall { agent: args.agent };
    let version = node.ask(AGENT_REGISTRY, call).await?;
    let policy = match version {
        0 => None,
        version => Some(chain::policy(&node, args.agent, version).await?),
    };
    if args.json {
        let value = json!({
            "agent": args.agent,
            "owner": registered.owner,
            "stake": U256::from(registered.stake),
            "exitsAt": registered.exitsAt,
            "version": version,
            "policy": policy.as_ref().map(|(policy, _)| policy),
        });
        print_json(&value)?;
        return Ok(ExitCode::SUCCESS);
    }
    say("agent", args.agent);
    say("owner", registered.owner);
    say("stake", open(U256::from(registered.stake)));
    if registered.exitsAt != 0 {
        let now = node.time().await?;
        say(
            "leaving",
            match registered.exitsAt.checked_sub(now) {
                Some(left) if left > 0 => {
                    format!("its stake can be withdrawn in {}", duration(left))
                }
                _ => "its stake can be withdrawn: `openledger agent withdraw`".to_owned(),
            },
        );
    }
    match &policy {
        Some((policy, _)) => {
            say("policy", format!("version {version}"));
            say_policy(policy);
        }
        None => say(
            "policy",
            "none: channels that it opens now are under no policy",
        ),
    }
    Ok(ExitCode::SUCCESS)
}

async fn agent_of(node: &Node, agent: Address) -> anyhow::Result<AgentRegistry::Agent> {
    let call = AgentRegistry::agentOfCall { agent };
    let registered = node.ask(AGENT_REGISTRY, call).await?;
    ensure!(
        !registered.owner.is_zero(),
        "{agent} is no registered agent"
    );
    Ok(registered)
}

fn say_policy(policy: &Policy) {
    say("most a call", open(U256::from(policy.call_max)));
    say("most a channel", open(U256::from(policy.channel_max)));
    say("most a day", open(U256::from(policy.day_max)));
    if !policy.signer.is_zero() {
        say("signer", policy.signer);
    }
    let list = |all: Vec<String>, none: &str| match all.is_empty() {
        true => none.to_owned(),
        false => all.join(", "),
    };
    let adapters = policy.adapters.iter().map(ToString::to_string).collect();
    say("adapters", list(adapters, "any"));
    let payees = policy.payees.iter().map(ToString::to_string).collect();
    say("payees", list(payees, "anybody"));
}
