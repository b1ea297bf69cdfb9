//! `infer request` and `infer refund`.

use super::{RefundArgs, give, read_prompt, wei};
use crate::{
    infer::{
        RequestTerms,
        chain::{self, RequestStatus},
        channel, check_cost,
        client::WorkerClient,
        content_hash,
        message::{Answer, PromptMessage},
        request_id,
    },
    output::print_json,
};
use alloy_primitives::{Address, B256, U256, keccak256};
use anyhow::{Context, bail, ensure};
use clap::Args;
use openledger_client::{Node, OpenAmount, SenderArgs, duration, open, say};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Pause between two looks at the request.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Flags of `openledger infer request`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The chain gets the prompt's hash alone. The worker gets the prompt by --worker-url, or in whatever way you agree on.\n\n\
The escrow is the price of all tokens that are allowed and the platform fee, at the prices of now; what isn't used is \
credited to you when the worker answers, and all of it after the deadline if it doesn't (`openledger claim` pays out).\n\n\
An interrupted command goes on when it is run again with the --nonce that it printed.")]
pub(super) struct RequestArgs {
    /// The adapter
    #[arg(long, value_name = "ID")]
    adapter: u64,
    /// Who is to serve it
    #[arg(long, value_name = "ADDRESS")]
    worker: Address,
    /// File with the prompt, UTF-8
    #[arg(long, value_name = "FILE")]
    prompt: PathBuf,
    /// Tokens of the prompt, as the worker counts them
    #[arg(long, value_name = "N")]
    tokens_in: u32,
    /// Most tokens of the output
    #[arg(long, value_name = "N")]
    tokens_out_max: u32,
    /// Most that it may cost, the platform fee included
    #[arg(long, value_name = "OPEN")]
    price_max: Option<OpenAmount>,
    /// Where the worker is
    #[arg(long, value_name = "URL")]
    worker_url: Option<String>,
    /// File for the output [default: it is printed]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Tells this request from others of the account [default: a random one]
    #[arg(long, value_name = "N")]
    nonce: Option<U256>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Runs `infer request`.
pub(super) async fn run(args: RequestArgs) -> anyhow::Result<ExitCode> {
    let prompt = read_prompt(&args.prompt)?;
    let worker = args
        .worker_url
        .as_deref()
        .map(WorkerClient::new)
        .transpose()?;
    let mut sender = args.sender.open().await?;
    let terms = RequestTerms {
        adapter: args.adapter,
        worker: args.worker,
        tokens_in: args.tokens_in,
        tokens_out_max: args.tokens_out_max,
        prompt_hash: keccak256(&prompt),
        nonce: args
            .nonce
            .unwrap_or_else(|| U256::from_be_bytes(rand::random::<[u8; 32]>())),
    };
    let node = sender.node().clone();
    let id = request_id(node.chain_id(), sender.account(), terms.nonce);
    let made = chain::request(&node, id).await?;
    if RequestStatus::of(&made) == RequestStatus::None {
        let quote = channel::quote(&node, &terms).await?;
        if !args.json {
            say("price", format!("up to {}", open(U256::from(quote.price))));
            say("platform fee", open(U256::from(quote.platform_fee)));
            say("escrow", open(quote.escrow()));
            say("request", id);
            say("nonce", terms.nonce);
        }
        check_cost(quote.escrow(), wei(args.price_max))?;
        channel::request(&mut sender, &terms, quote.escrow()).await?;
    } else {
        ensure!(
            made.payer == sender.account()
                && made.worker == terms.worker
                && made.adapter == terms.adapter
                && (made.contentHash == terms.prompt_hash
                    || RequestStatus::of(&made) != RequestStatus::Open),
            "request {id} was made for something else: take another --nonce"
        );
    }
    let outcome = wait(&node, id, worker, prompt, args.json).await?;
    let request = chain::request(&node, id).await?;
    match outcome {
        Some(answer) => {
            let output = answer.as_ref().map(|answer| answer.output.as_str());
            if args.json {
                print_json(&json!({
                    "requestId": id,
                    "status": "fulfilled",
                    "nonce": terms.nonce,
                    "tokensOut": answer.as_ref().map(|answer| answer.tokens_out),
                    "output": output,
                }))?;
            } else {
                say("fulfilled", format!("by {}", request.worker));
            }
            match output {
                Some(output) if !args.json || args.out.is_some() => {
                    give(output, args.out.as_deref())?;
                }
                None if !args.json => {
                    say("output", "from the worker, in the way that you agreed on")
                }
                _ => {}
            }
            Ok(ExitCode::SUCCESS)
        }
        None => {
            // Somebody else may have done it, or the worker was quicker after all.
            if RequestStatus::of(&request) == RequestStatus::Open
                && let Err(error) = channel::refund(&mut sender, id).await
            {
                let status = RequestStatus::of(&chain::request(&node, id).await?);
                if status != RequestStatus::Refunded {
                    return Err(error.context(format!(
                        "the request is {}: the same command with --nonce {} goes on",
                        status.word(),
                        terms.nonce
                    )));
                }
            }
            if args.json {
                print_json(
                    &json!({ "requestId": id, "status": "refunded", "nonce": terms.nonce }),
                )?;
            } else {
                say("not answered", "the deadline is over");
                say(
                    "refunded",
                    format!(
                        "{}, yours by `openledger claim`",
                        open(U256::from(request.escrow))
                    ),
                );
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Waits until a request is fulfilled, and for its output if there is a worker to give it; `None` if its deadline is over, or it is refunded.
async fn wait(
    node: &Node,
    id: B256,
    worker: Option<WorkerClient>,
    prompt: String,
    is_quiet: bool,
) -> anyhow::Result<Option<Option<Answer>>> {
    let message = PromptMessage {
        request_id: id,
        prompt,
    };
    let mut asking = worker.map(|worker| {
        let message = message.clone();
        tokio::spawn(async move { worker.request(&message).await })
    });
    let mut is_told = false;
    loop {
        let request = chain::request(node, id).await?;
        if let Some(asked) = asking.take_if(|asking| asking.is_finished()) {
            match asked.await? {
                Ok(answer) => {
                    let output_hash = keccak256(&answer.output);
                    let request = chain::request(node, id).await?;
                    let expected = content_hash(keccak256(&message.prompt), output_hash);
                    ensure!(
                        RequestStatus::of(&request) == RequestStatus::Fulfilled
                            && request.contentHash == expected,
                        "the worker gave another output than it told the chain"
                    );
                    return Ok(Some(Some(answer)));
                }
                Err(error) => eprintln!("{error:#}; the request stays open until its deadline"),
            }
        }
        match RequestStatus::of(&request) {
            // Its output is on the way.
            RequestStatus::Fulfilled if asking.is_some() => {}
            RequestStatus::Fulfilled => return Ok(Some(None)),
            RequestStatus::Refunded => return Ok(None),
            RequestStatus::None => bail!("the chain has no request {id} any more"),
            RequestStatus::Open => {
                let deadline: u64 = request.deadline.to();
                let now = node.pending_time().await?;
                if now > deadline {
                    return Ok(None);
                }
                if !is_told && !is_quiet {
                    say("waiting", format!("up to {}", duration(deadline - now)));
                    is_told = true;
                }
            }
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Runs `infer refund`.
pub(super) async fn refund(args: RefundArgs) -> anyhow::Result<ExitCode> {
    let mut sender = args.sender.open().await?;
    let request = chain::request(sender.node(), args.request).await?;
    let status = RequestStatus::of(&request);
    ensure!(
        status == RequestStatus::Open,
        "request {} is {}",
        args.request,
        status.word()
    );
    let deadline: u64 = request.deadline.to();
    let now = sender.node().pending_time().await?;
    if let Some(left) = deadline.checked_sub(now) {
        bail!(
            "the worker may still answer for {}: try again then",
            duration(left + 1)
        );
    }
    let amount = channel::refund(&mut sender, args.request)
        .await
        .context("the request stays open")?;
    say(
        "refunded",
        format!(
            "{} to {}, who claims it by `openledger claim`",
            open(U256::from(amount)),
            request.payer
        ),
    );
    Ok(ExitCode::SUCCESS)
}
