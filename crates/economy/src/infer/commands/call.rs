//! `infer call` and `infer pay`.

use super::{PayerArgs, give, read_prompt, wei};
use crate::{
    infer::{
        CallsDirectory, ChannelView, PayerChannel, Prices, SignedVoucher, TOKENS_IN_EXTRA,
        calls::Header,
        chain, channel,
        client::WorkerClient,
        message::{Answer, BODY_BYTES_MAX, CallRequest, Offer, parse},
    },
    output::print_json,
};
use alloy_primitives::{B256, U256, keccak256};
use anyhow::{Context, bail, ensure};
use clap::Args;
use openledger_client::{AccountArgs, Node, NodeArgs, OpenAmount, files, open, say};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Seconds that a voucher is good for, unless said otherwise: 30 days.
const EXPIRY_SECONDS: u64 = 2_592_000;

/// What both commands need.
#[derive(Debug, Clone, Args)]
struct SpendingArgs {
    #[command(flatten)]
    payer: PayerArgs,
    /// Most that the call may cost, the platform fee included
    #[arg(long, value_name = "OPEN")]
    price_max: Option<OpenAmount>,
    /// How long the voucher is good for, seconds; the worker asks for some
    #[arg(long, value_name = "SECONDS", default_value_t = EXPIRY_SECONDS)]
    expiry_seconds: u64,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    account: AccountArgs,
}

/// Flags of `openledger infer call`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The worker offers the call for its price, by hashes of the output; the voucher is signed if the offer is for this prompt and at the \
market's price; then the worker gives the output, which has to have that hash. A voucher is on disk before it leaves.\n\n\
--again asks for the output of the call that was paid last, which did not arrive.")]
pub(super) struct CallArgs {
    /// File with the prompt, UTF-8
    #[arg(long, value_name = "FILE", required_unless_present = "again")]
    prompt: Option<PathBuf>,
    /// Most tokens of the output
    #[arg(long, value_name = "N", default_value_t = 1_024)]
    tokens_out_max: u32,
    /// Where the worker is
    #[arg(long, value_name = "URL", required_unless_present = "request_file")]
    worker_url: Option<String>,
    /// Write the message to a file instead, for a worker that is reached in another way
    #[arg(long, value_name = "FILE", conflicts_with = "worker_url")]
    request_file: Option<PathBuf>,
    /// Ask again for the output of the last call that was paid
    #[arg(long, conflicts_with = "prompt")]
    again: bool,
    /// File for the output [default: it is printed]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    spending: SpendingArgs,
}

/// Flags of `openledger infer pay`.
#[derive(Debug, Clone, Args)]
pub(super) struct PayArgs {
    /// The worker's offer
    #[arg(value_name = "OFFER")]
    offer: PathBuf,
    /// The message that it answers, as `infer call --request-file` wrote it
    #[arg(long, value_name = "FILE")]
    request_file: PathBuf,
    /// File for the voucher
    #[arg(long, value_name = "FILE")]
    voucher: PathBuf,
    #[command(flatten)]
    spending: SpendingArgs,
}

/// What a call may cost, by prices that were read before the worker was asked.
struct Budget {
    prices: Prices,
    /// Most for the call, the platform fee included, wei.
    cost_max: u128,
}

impl SpendingArgs {
    async fn node(&self, header: &Header) -> anyhow::Result<Node> {
        let node = self.node.connect().await?;
        ensure!(
            node.chain_id() == header.chain_id,
            "the node's chain has id {}, the channel's {}",
            node.chain_id(),
            header.chain_id
        );
        Ok(node)
    }

    /// At most what a token in for each byte of the prompt and some, and all tokens out, cost by the market now.
    async fn budget(
        &self,
        node: &Node,
        header: &Header,
        request: &CallRequest,
    ) -> anyhow::Result<Budget> {
        let prices = chain::prices(node, header.adapter).await?;
        let tokens_in = request.prompt.len().saturating_add(TOKENS_IN_EXTRA);
        let tokens_in = u32::try_from(tokens_in).unwrap_or(u32::MAX);
        let most = prices.price(tokens_in, request.tokens_out_max);
        let most = U256::from(most.unwrap_or(u128::MAX)) + U256::from(header.platform_fee);
        let cost_max = wei(self.price_max).map_or(most, |max| max.min(most));
        Ok(Budget {
            prices,
            cost_max: u128::try_from(cost_max).unwrap_or(u128::MAX),
        })
    }

    async fn pay(
        &self,
        node: &Node,
        payer: &mut PayerChannel,
        request: &CallRequest,
        offer: Offer,
        budget: &Budget,
    ) -> anyhow::Result<SignedVoucher> {
        let view = self.view(node, payer).await?;
        let expiry = view.now.saturating_add(self.expiry_seconds);
        let Budget { prices, cost_max } = budget;
        Ok(payer.pay(request, offer, &view, prices, *cost_max, expiry)?)
    }

    async fn view(&self, node: &Node, payer: &PayerChannel) -> anyhow::Result<ChannelView> {
        let id = payer.replay().header().channel;
        let view = chain::channel_view(node, id).await?;
        ensure!(view.exists(), "the chain has no channel {id}");
        Ok(view)
    }
}

/// Runs `infer call`.
pub(super) async fn run(args: CallArgs) -> anyhow::Result<ExitCode> {
    let spending = &args.spending;
    let id = spending.payer.channel()?;
    let key = spending.account.key(spending.node.local()?.as_ref())?;
    let (mut payer, _lock) = channel::payer_channel(&spending.payer.data_dir, id, key)?;
    if let (Some(path), true) = (&args.request_file, args.again) {
        let request = payer.output_request()?;
        files::write_json(path, &request)?;
        say("output of", format!("call {}", request.number));
        say("message", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = &args.request_file {
        let prompt = args.prompt.as_deref().context("name a --prompt")?;
        let request = payer.request(read_prompt(prompt)?, args.tokens_out_max)?;
        files::write_json(path, &request)?;
        say("call", request.number);
        say("message", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    let url = args.worker_url.as_deref().context("name a --worker-url")?;
    let worker = WorkerClient::new(url)?;
    let paid = payer.replay().count();
    let known = worker.channel(id).await?.count;
    if args.again {
        let answer = again(spending, &worker, &mut payer, known).await?;
        let signed = payer.replay().voucher();
        let signed = signed.context("no call of the channel was paid yet")?;
        let kept = CallsDirectory::open(&spending.payer.data_dir)?.channel(id)?;
        let last = kept.and_then(|mut kept| kept.calls.pop());
        check_output(
            &answer,
            last.context("the file has no such call")?.output_hash,
        )?;
        return finish(&args, &signed, &answer);
    }
    if known < paid {
        bail!(
            "call {paid} was paid, and the worker doesn't have its voucher: `openledger infer call --again` hands it over and \
             asks for the output"
        );
    }
    ensure!(
        known == paid,
        "the worker has vouchers for {known} calls, and the file has {paid}: it isn't the channel's newest"
    );
    let prompt = args.prompt.as_deref().context("name a --prompt")?;
    let request = payer.request(read_prompt(prompt)?, args.tokens_out_max)?;
    let header = *payer.replay().header();
    let node = spending.node(&header).await?;
    let budget = spending.budget(&node, &header, &request).await?;
    let offer = worker.call(&request).await?;
    let output_hash = offer.call.output_hash;
    let signed = spending
        .pay(&node, &mut payer, &request, offer, &budget)
        .await?;
    let answer = worker.pay(&signed).await.with_context(|| {
        format!(
            "call {} is paid: `openledger infer call --again` asks for its output",
            signed.voucher.count
        )
    })?;
    check_output(&answer, output_hash)?;
    finish(&args, &signed, &answer)
}

fn check_output(answer: &Answer, output_hash: B256) -> anyhow::Result<()> {
    ensure!(
        keccak256(&answer.output) == output_hash,
        "the worker gave another output than it was paid for: leave the channel by `openledger infer exit`"
    );
    Ok(())
}

/// The output of the call that was paid last, by its voucher if the worker hasn't got that: then it is signed again if it isn't good
/// for long enough by now.
async fn again(
    spending: &SpendingArgs,
    worker: &WorkerClient,
    payer: &mut PayerChannel,
    known: u64,
) -> anyhow::Result<Answer> {
    if known >= payer.replay().count() {
        return worker.output(&payer.output_request()?).await;
    }
    let node = spending.node(payer.replay().header()).await?;
    let view = spending.view(&node, payer).await?;
    let min = view
        .now
        .saturating_add(worker.status().await?.expiry_min_seconds);
    let newest = payer.replay().voucher();
    let signed = match newest {
        Some(signed) if signed.voucher.expiry >= min => Some(signed),
        _ => payer.renew(&view, view.now.saturating_add(spending.expiry_seconds))?,
    };
    let signed = signed.context("no call of the channel was paid yet")?;
    worker.pay(&signed).await
}

fn finish(args: &CallArgs, signed: &SignedVoucher, answer: &Answer) -> anyhow::Result<ExitCode> {
    if args.json {
        print_json(&json!({
            "channel": signed.voucher.channel,
            "number": signed.voucher.count,
            "requestId": answer.request_id,
            "cumulative": signed.voucher.cumulative,
            "tokensOut": answer.tokens_out,
            "output": answer.output,
        }))?;
        return match &args.out {
            Some(path) => give(&answer.output, Some(path)).map(|()| ExitCode::SUCCESS),
            None => Ok(ExitCode::SUCCESS),
        };
    }
    // The output alone goes to standard output, for what reads it.
    eprintln!(
        "call {}: {} tokens, {} owed for all calls",
        signed.voucher.count,
        answer.tokens_out,
        open(signed.voucher.cumulative)
    );
    give(&answer.output, args.out.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `infer pay`.
pub(super) async fn pay(args: PayArgs) -> anyhow::Result<ExitCode> {
    let spending = &args.spending;
    let offer: Offer = read_message(&args.offer)?;
    let request: CallRequest = read_message(&args.request_file)?;
    let key = spending.account.key(spending.node.local()?.as_ref())?;
    let id = offer.channel;
    let (mut payer, _lock) = channel::payer_channel(&spending.payer.data_dir, id, key)?;
    let is_paid = payer.replay().voucher().filter(|signed| {
        // Written before, and perhaps not to the file.
        signed.voucher.count == offer.call.number
    });
    let signed = match is_paid {
        Some(signed) => signed,
        None => {
            // Nobody knows when the worker looked the prices up.
            ensure!(
                spending.price_max.is_some(),
                "say how much the call may cost: --price-max"
            );
            let header = *payer.replay().header();
            let node = spending.node(&header).await?;
            let budget = spending.budget(&node, &header, &request).await?;
            spending
                .pay(&node, &mut payer, &request, offer, &budget)
                .await?
        }
    };
    files::write_json(&args.voucher, &signed)?;
    say("call", signed.voucher.count);
    say(
        "owed",
        format!("{} for all calls", open(signed.voucher.cumulative)),
    );
    say("voucher", args.voucher.display());
    Ok(ExitCode::SUCCESS)
}

fn read_message<T: serde::de::DeserializeOwned>(path: &std::path::Path) -> anyhow::Result<T> {
    let bytes = files::read(path, BODY_BYTES_MAX as u64)?;
    parse(&bytes, BODY_BYTES_MAX)
        .with_context(|| format!("{} isn't what it should be", path.display()))
}
