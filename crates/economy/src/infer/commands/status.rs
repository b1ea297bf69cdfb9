//! `infer status`.

use crate::{
    infer::{
        calls::CallsDirectory,
        chain::{self, ChannelView, Request, RequestStatus},
        client::WorkerClient,
    },
    output::print_json,
};
use alloy_primitives::{B256, U256};
use anyhow::bail;
use clap::Args;
use openledger_client::{NodeArgs, duration, open, say};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Flags of `openledger infer status`.
#[derive(Debug, Clone, Args)]
pub(super) struct StatusArgs {
    /// A request or a channel
    #[arg(value_name = "ID")]
    id: B256,
    /// A directory with the channel's file: a payer's, or the calls of a worker
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where the worker is, to ask which vouchers it has
    #[arg(long, value_name = "URL")]
    worker_url: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: NodeArgs,
}

/// Runs the command.
pub(super) async fn run(args: StatusArgs) -> anyhow::Result<ExitCode> {
    let node = args.node.connect().await?;
    let view = chain::channel_view(&node, args.id).await?;
    if view.exists() {
        return channel(&args, &view).await;
    }
    let request = chain::request(&node, args.id).await?;
    if RequestStatus::of(&request) == RequestStatus::None {
        bail!("the chain has neither a request nor a channel {}", args.id);
    }
    show_request(&args, &request, view.now)?;
    Ok(ExitCode::SUCCESS)
}

fn show_request(args: &StatusArgs, request: &Request, now: u64) -> anyhow::Result<()> {
    let status = RequestStatus::of(request);
    let deadline: u64 = request.deadline.to();
    if args.json {
        return print_json(&json!({
            "requestId": args.id,
            "status": status.word(),
            "payer": request.payer,
            "worker": request.worker,
            "adapter": request.adapter,
            "tokensIn": request.tokensIn,
            "tokensOutMax": request.tokensOutMax,
            "deadline": deadline,
            "escrow": U256::from(request.escrow),
            "platformFee": U256::from(request.platformFee),
            "contentHash": request.contentHash,
        }));
    }
    say("request", status.word());
    say("payer", request.payer);
    say("worker", request.worker);
    say("adapter", request.adapter);
    say(
        "tokens",
        format!(
            "{} in, up to {} out",
            request.tokensIn, request.tokensOutMax
        ),
    );
    say("escrow", open(U256::from(request.escrow)));
    if status == RequestStatus::Open {
        match deadline.checked_sub(now) {
            Some(left) => say("deadline", format!("in {}", duration(left))),
            None => say(
                "deadline",
                format!("over: `openledger infer refund {}`", args.id),
            ),
        }
    }
    Ok(())
}

async fn channel(args: &StatusArgs, view: &ChannelView) -> anyhow::Result<ExitCode> {
    let kept = match &args.data_dir {
        Some(directory) => CallsDirectory::open(directory)?.channel(args.id)?,
        None => None,
    };
    let kept = kept.map(|kept| kept.calls.len());
    let worker = match &args.worker_url {
        Some(url) => Some(WorkerClient::new(url)?.channel(args.id).await?.count),
        None => None,
    };
    let channel = &view.channel;
    if args.json {
        print_json(&json!({
            "channel": args.id,
            "payer": channel.payer,
            "payee": channel.payee,
            "adapter": channel.adapter,
            "platformFee": U256::from(channel.platformFee),
            "policyVersion": channel.policyVersion,
            "locked": U256::from(channel.locked),
            "paid": U256::from(channel.paid),
            "counted": channel.counted,
            "closesAt": channel.closesAt,
            "closed": channel.closed,
            "kept": kept,
            "worker": worker,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let state = match (channel.closed, channel.closesAt) {
        (true, _) => "closed".to_owned(),
        (false, 0) => "open".to_owned(),
        (false, closes_at) => match closes_at.checked_sub(view.now) {
            Some(left) if left > 0 => format!("leaving, can be closed in {}", duration(left)),
            _ => format!(
                "leaving, can be closed: `openledger infer close {}`",
                args.id
            ),
        },
    };
    say("channel", state);
    say("payer", channel.payer);
    say("worker", channel.payee);
    say("adapter", channel.adapter);
    say("locked", open(U256::from(channel.locked)));
    say(
        "settled",
        format!(
            "{} calls, {}",
            channel.counted,
            open(U256::from(channel.paid))
        ),
    );
    if let Some(kept) = kept {
        say("in the file", format!("{kept} paid calls"));
    }
    if let Some(worker) = worker {
        say("at the worker", format!("{worker} paid calls"));
    }
    Ok(ExitCode::SUCCESS)
}
