//! `infer exit` and `infer close`.

use crate::infer::{chain, channel};
use alloy_primitives::{B256, U256};
use anyhow::{bail, ensure};
use clap::Args;
use openledger_client::{SenderArgs, duration, open, say};
use std::process::ExitCode;

/// Flags of `openledger infer exit` and `openledger infer close`.
#[derive(Debug, Clone, Args)]
pub(super) struct ChannelArgs {
    /// The channel
    #[arg(value_name = "CHANNEL")]
    channel: B256,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Runs `infer exit`.
pub(super) async fn exit(args: ChannelArgs) -> anyhow::Result<ExitCode> {
    let mut sender = args.sender.open().await?;
    let closes_at = channel::start_exit(&mut sender, args.channel).await?;
    let now = sender.node().time().await?;
    say(
        "closes",
        format!(
            "in {}, by `openledger infer close {}`",
            duration(closes_at.saturating_sub(now)),
            args.channel
        ),
    );
    Ok(ExitCode::SUCCESS)
}

/// Runs `infer close`.
pub(super) async fn close(args: ChannelArgs) -> anyhow::Result<ExitCode> {
    let mut sender = args.sender.open().await?;
    let view = chain::channel_view(sender.node(), args.channel).await?;
    ensure!(view.exists(), "the chain has no channel {}", args.channel);
    ensure!(!view.channel.closed, "the channel is closed already");
    let is_payee = chain::holder(sender.node(), view.channel.payee).await? == sender.account();
    let closes_at = view.channel.closesAt;
    if !is_payee && closes_at == 0 {
        bail!(
            "the channel's exit hasn't begun: `openledger infer exit {}` comes first",
            args.channel
        );
    }
    let now = sender.node().pending_time().await?;
    if !is_payee && now < closes_at {
        bail!(
            "the worker may settle for another {}: close it then",
            duration(closes_at - now)
        );
    }
    let rest = channel::close(&mut sender, args.channel).await?;
    say("paid", open(U256::from(view.channel.paid)));
    say(
        "credited",
        format!(
            "{} to {}, who claims it by `openledger claim`",
            open(U256::from(rest)),
            view.channel.payer
        ),
    );
    Ok(ExitCode::SUCCESS)
}
