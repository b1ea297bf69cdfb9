//! `infer fulfil`.

use super::read_prompt;
use crate::{
    infer::{
        Prices,
        calls::{RequestCall, SKETCH_BYTES_MAX, VERSION},
        chain::{self, RequestStatus},
        message::OUTPUT_BYTES_MAX,
        worker,
    },
    output::print_json,
};
use alloy_primitives::{B256, Bytes, U256, keccak256};
use anyhow::{Context, bail, ensure};
use clap::Args;
use openledger_client::{SenderArgs, files, open, say};
use serde_json::json;
use std::{fs, path::PathBuf, process::ExitCode};

/// Flags of `openledger infer fulfil`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A sketch is the query's gradient, projected with the parameters and the seed of the set: one row of `openledger attribution sketch --raw`. \
Give one for each of the adapter's training sets that has a sketch set of kind 0, in their order.\n\n\
Keep prompt and output: a jury that asks about the request has to be shown them.")]
pub(super) struct FulfilArgs {
    /// The request
    #[arg(value_name = "REQUEST")]
    request: B256,
    /// File with the prompt
    #[arg(long, value_name = "FILE")]
    prompt: PathBuf,
    /// File with the output
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Tokens of the output
    #[arg(long, value_name = "N")]
    tokens_out: u32,
    /// File with a sketch of the query, int8 entries, a byte each
    #[arg(long = "sketch", value_name = "FILE")]
    sketches: Vec<PathBuf>,
    /// Directory in which the worker publishes what it served
    #[arg(long, value_name = "DIR")]
    calls: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Runs the command.
pub(super) async fn run(args: FulfilArgs) -> anyhow::Result<ExitCode> {
    let prompt = read_prompt(&args.prompt)?;
    let output = files::read(&args.output, OUTPUT_BYTES_MAX as u64)?;
    let mut sketches = Vec::new();
    for path in &args.sketches {
        sketches.push(Bytes::from(files::read(path, SKETCH_BYTES_MAX as u64)?));
    }
    let mut sender = args.sender.open().await?;
    let node = sender.node().clone();
    let request = chain::request(&node, args.request).await?;
    let status = RequestStatus::of(&request);
    ensure!(
        status == RequestStatus::Open,
        "request {} is {}",
        args.request,
        status.word()
    );
    let prompt_hash = keccak256(&prompt);
    ensure!(
        prompt_hash == request.contentHash,
        "the prompt's hash is {prompt_hash}, and the request is for {}",
        request.contentHash
    );
    ensure!(
        args.tokens_out <= request.tokensOutMax,
        "the request allows {} tokens of output",
        request.tokensOutMax
    );
    check_sketches(
        &sketches,
        &chain::sketch_dims(&node, request.adapter).await?,
    )?;
    let prices = Prices {
        price_in: request.priceIn,
        price_out: request.priceOut,
    };
    let price = prices.price(request.tokensIn, args.tokens_out);
    let call = RequestCall {
        version: VERSION,
        request_id: args.request,
        prompt_hash,
        output_hash: keccak256(&output),
        tokens_out: args.tokens_out,
        price: price.context("the price is beyond 128 bits")?,
        sketches,
    };
    fs::create_dir_all(&args.calls).with_context(|| format!("making {}", args.calls.display()))?;
    // First what the chain commits to: nobody could be paid by scores without it.
    worker::write_request(&args.calls, &call)?;
    let receipt = worker::fulfil(&mut sender, &call).await?;
    let back = request.escrow - request.platformFee - call.price;
    if args.json {
        print_json(&json!({
            "requestId": args.request,
            "transaction": receipt.transaction_hash,
            "price": U256::from(call.price),
            "platformFee": U256::from(request.platformFee),
            "credited": U256::from(back),
        }))?;
    } else {
        say("fulfilled", args.request);
        say("price", open(U256::from(call.price)));
        say("platform fee", open(U256::from(request.platformFee)));
        say("payer's again", open(U256::from(back)));
    }
    Ok(ExitCode::SUCCESS)
}

fn check_sketches(sketches: &[Bytes], dims: &[usize]) -> anyhow::Result<()> {
    ensure!(
        sketches.len() == dims.len(),
        "{} sketches are given, and the adapter has {} training sets that need one (--sketch)",
        sketches.len(),
        dims.len()
    );
    for (place, (sketch, dim)) in sketches.iter().zip(dims).enumerate() {
        ensure!(
            sketch.len() == *dim,
            "sketch {place} has {} entries, and its set has {dim}",
            sketch.len()
        );
        if sketch.contains(&0x80) {
            bail!("sketch {place} has the entry -128, which no sketch has");
        }
    }
    Ok(())
}
