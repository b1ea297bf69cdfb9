//! `infer fee`, `infer answer` and `infer settle`.

use crate::{
    infer::{
        SignedVoucher, chain, channel,
        message::{BODY_BYTES_MAX, CallRequest, OutputRequest, PromptMessage, parse},
        serve::{PlatformFee, WorkerArgs},
        worker::{Model, ModelAnswer, ModelError, Task, Terms, Worker},
    },
    output::print_json,
};
use alloy_primitives::{Address, U256};
use anyhow::{Context, bail};
use clap::{ArgGroup, Args};
use openledger_client::{SenderArgs, files, open, say};
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Flags of `openledger infer fee`.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub(super) struct FeeArgs {
    /// What the worker asks for a call beside its price; 0 is possible
    #[arg(value_name = "OPEN", group = "what")]
    amount: Option<PlatformFee>,
    /// Take no requests any more
    #[arg(long, group = "what")]
    unset: bool,
    /// The worker, whose place the account holds [default: the account]
    #[arg(long, value_name = "ADDRESS")]
    worker: Option<Address>,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Flags of `openledger infer answer`.
#[derive(Debug, Clone, Args)]
pub(super) struct AnswerArgs {
    /// The payer's message: a call, a voucher or a request's prompt
    #[arg(value_name = "MESSAGE")]
    message: PathBuf,
    /// File for the answer [default: it is printed]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    worker: WorkerArgs,
}

/// Flags of `openledger infer settle`.
#[derive(Debug, Clone, Args)]
pub(super) struct SettleArgs {
    /// The worker's directory
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The worker [default: the account]
    #[arg(long, value_name = "ADDRESS")]
    worker: Option<Address>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Runs `infer fee`.
pub(super) async fn fee(args: FeeArgs) -> anyhow::Result<ExitCode> {
    let mut sender = args.sender.open().await?;
    let worker = args.worker.unwrap_or_else(|| sender.account());
    let fee = args.amount.map(|PlatformFee(fee)| fee);
    channel::set_platform_fee(&mut sender, worker, fee).await?;
    match fee {
        Some(fee) => say("asks for", format!("{} a call", open(U256::from(fee)))),
        None => say("takes", "no requests any more"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `infer answer`.
pub(super) async fn answer(args: AnswerArgs) -> anyhow::Result<ExitCode> {
    let bytes = files::read(&args.message, BODY_BYTES_MAX as u64)?;
    let worker = args.worker.open().await?;
    let text = if let Ok(request) = parse::<CallRequest>(&bytes, BODY_BYTES_MAX) {
        serde_json::to_vec_pretty(&worker.offer(request).await?)?
    } else if let Ok(signed) = parse::<SignedVoucher>(&bytes, BODY_BYTES_MAX) {
        serde_json::to_vec_pretty(&worker.accept(signed).await?)?
    } else if let Ok(output) = parse::<OutputRequest>(&bytes, BODY_BYTES_MAX) {
        serde_json::to_vec_pretty(&worker.output(output).await?)?
    } else if let Ok(prompt) = parse::<PromptMessage>(&bytes, BODY_BYTES_MAX) {
        serde_json::to_vec_pretty(&worker.serve_request(prompt).await?)?
    } else {
        bail!(
            "{} is neither a call nor a voucher nor a request's prompt",
            args.message.display()
        );
    };
    match &args.out {
        Some(path) => files::write(path, &text)?,
        None => println!("{}", String::from_utf8(text)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `infer settle`.
pub(super) async fn settle(args: SettleArgs) -> anyhow::Result<ExitCode> {
    let sender = args.sender.open().await?;
    let node = sender.node().clone();
    let worker = args.worker.unwrap_or_else(|| sender.account());
    let is_active = chain::is_active(&node, worker).await?;
    anyhow::ensure!(
        is_active,
        "{worker} has no stake to work with, and vouchers are settled while it has: `openledger stake status`"
    );
    let terms = Terms {
        chain_id: node.chain_id(),
        worker,
        adapter: 0,
        platform_fee: 0,
        tokens_out_max: 0,
        expiry_min_seconds: 0,
        unpaid: Duration::ZERO,
        parallel: 1,
        dims: Vec::new(),
    };
    let worker = Worker::open(&args.data_dir, terms, sender, NoModel)
        .await
        .context("a server that runs settles by itself")?;
    let settled = worker.settle(None).await?;
    if args.json {
        print_json(&settled)?;
    } else if settled.is_empty() {
        say("settled", "nothing");
    } else {
        for done in &settled {
            say(
                "settled",
                format!(
                    "channel {}: {} calls, {} altogether",
                    done.channel,
                    done.count,
                    open(done.cumulative)
                ),
            );
        }
    }
    match worker.owing() {
        0 => Ok(ExitCode::SUCCESS),
        owing => {
            eprintln!("{owing} channels are still owed for; the log says why");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// A worker that settles alone serves nothing.
struct NoModel;

impl Model for NoModel {
    async fn run(&self, _task: Task) -> Result<ModelAnswer, ModelError> {
        Err(ModelError::Io(std::io::Error::other("there is none")))
    }
}
