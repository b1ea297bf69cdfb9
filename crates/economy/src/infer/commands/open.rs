//! `infer open` and `infer top-up`.

use crate::{
    infer::{ChannelTerms, chain, channel, serve::PlatformFee},
    output::print_json,
};
use alloy_primitives::{Address, B256, U256};
use clap::Args;
use openledger_client::{OpenAmount, SenderArgs, open, say};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Flags of `openledger infer open`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The directory gets a file of the channel: every call and voucher is in it, and no call can be paid without it. Keep it until the \
channel is closed.")]
pub(super) struct OpenArgs {
    /// The worker
    #[arg(long, value_name = "ADDRESS")]
    worker: Address,
    /// The adapter
    #[arg(long, value_name = "ID")]
    adapter: u64,
    /// What is locked for its calls
    #[arg(long, value_name = "OPEN")]
    lock: OpenAmount,
    /// What the worker gets for each call beside its price, OPEN [default: what it asks for on chain]
    #[arg(long, value_name = "OPEN")]
    platform_fee: Option<PlatformFee>,
    /// Tells this channel from others on the same terms [default: a random one]
    #[arg(long, value_name = "BYTES32")]
    salt: Option<B256>,
    /// The payer's directory
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Flags of `openledger infer top-up`.
#[derive(Debug, Clone, Args)]
pub(super) struct TopUpArgs {
    /// The channel
    #[arg(value_name = "CHANNEL")]
    channel: B256,
    /// What is locked beside what is
    #[arg(value_name = "OPEN")]
    amount: OpenAmount,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Runs `infer open`.
pub(super) async fn run(args: OpenArgs) -> anyhow::Result<ExitCode> {
    let mut sender = args.sender.open().await?;
    let platform_fee = match args.platform_fee {
        Some(PlatformFee(fee)) => fee,
        None => chain::platform_fee(sender.node(), args.worker).await?,
    };
    let prices = chain::prices(sender.node(), args.adapter).await?;
    let terms = ChannelTerms {
        payee: args.worker,
        adapter: args.adapter,
        platform_fee,
        salt: args
            .salt
            .unwrap_or_else(|| B256::from(rand::random::<[u8; 32]>())),
    };
    let id = channel::open_channel(&mut sender, &args.data_dir, &terms, args.lock.wei()).await?;
    let view = chain::channel_view(sender.node(), id).await?;
    if args.json {
        print_json(&json!({
            "channel": id,
            "payer": view.channel.payer,
            "payee": view.channel.payee,
            "adapter": view.channel.adapter,
            "platformFee": U256::from(platform_fee),
            "locked": U256::from(view.channel.locked),
            "policyVersion": view.channel.policyVersion,
        }))?;
    } else {
        say("channel", id);
        say("locked", open(U256::from(view.channel.locked)));
        say(
            "platform fee",
            format!("{} a call", open(U256::from(platform_fee))),
        );
        say(
            "prices",
            format!(
                "{} for a thousand tokens in, {} out, at present",
                open(U256::from(prices.price_in)),
                open(U256::from(prices.price_out))
            ),
        );
        if view.policy.is_some() {
            say(
                "policy",
                format!("version {} of the agent's", view.channel.policyVersion),
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `infer top-up`.
pub(super) async fn top_up(args: TopUpArgs) -> anyhow::Result<ExitCode> {
    let mut sender = args.sender.open().await?;
    channel::top_up(&mut sender, args.channel, args.amount.wei()).await?;
    let view = chain::channel_view(sender.node(), args.channel).await?;
    say("locked", open(U256::from(view.channel.locked)));
    Ok(ExitCode::SUCCESS)
}
