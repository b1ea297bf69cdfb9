//! `openledger infer`.

mod call;
mod close;
mod fulfil;
mod open;
mod request;
mod status;
mod worker;

use super::{message::PROMPT_BYTES_MAX, serve};
use alloy_primitives::B256;
use clap::{Args, Subcommand};
use openledger_client::{OpenAmount, SenderArgs, files};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Flags of `openledger infer`.
#[derive(Debug, Clone, Args)]
pub struct InferArgs {
    #[command(subcommand)]
    command: InferCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum InferCommand {
    /// Pay a worker for one call: the escrow is refunded unless it answers in time
    Request(Box<request::RequestArgs>),
    /// Have a request refunded after its deadline
    Refund(RefundArgs),
    /// Open a channel: lock a sum for many calls of one worker
    Open(Box<open::OpenArgs>),
    /// Lock more in a channel
    TopUp(open::TopUpArgs),
    /// Call by a channel: ask its worker, pay by the next voucher, get the output
    Call(Box<call::CallArgs>),
    /// Sign the voucher for an offer that came as a file
    Pay(Box<call::PayArgs>),
    /// Start a channel's exit: its worker may settle for a while, then it can be closed
    Exit(close::ChannelArgs),
    /// Close a channel, and have its payer credited what wasn't paid
    Close(close::ChannelArgs),
    /// Say how a request or a channel stands
    Status(status::StatusArgs),
    /// Say what a worker asks for a call, so that it takes requests
    Fee(worker::FeeArgs),
    /// Serve calls against vouchers over HTTP, and requests with escrow, and settle what is owed
    Serve(Box<serve::ServeArgs>),
    /// Answer a payer's message that came as a file, as `serve` does
    Answer(Box<worker::AnswerArgs>),
    /// Settle every voucher of a worker's directory
    Settle(Box<worker::SettleArgs>),
    /// Fulfil a request with an output that was made by hand
    Fulfil(Box<fulfil::FulfilArgs>),
}

/// Flags of `openledger infer refund`.
#[derive(Debug, Clone, Args)]
struct RefundArgs {
    /// The request
    #[arg(value_name = "REQUEST")]
    request: B256,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Which channel of a payer's directory.
#[derive(Debug, Clone, Args)]
struct PayerArgs {
    /// The payer's directory, with a file for each channel
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The channel [default: the only one of the directory]
    #[arg(long, value_name = "ID")]
    channel: Option<B256>,
}

impl PayerArgs {
    fn channel(&self) -> anyhow::Result<B256> {
        self.channel
            .map_or_else(|| super::only_channel(&self.data_dir), Ok)
    }
}

/// Runs one of the subcommands.
///
/// # Errors
/// Whatever keeps the command from doing what was asked, in words for the person who asked.
pub async fn run(args: InferArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        InferCommand::Request(args) => request::run(*args).await,
        InferCommand::Refund(args) => request::refund(args).await,
        InferCommand::Open(args) => open::run(*args).await,
        InferCommand::TopUp(args) => open::top_up(args).await,
        InferCommand::Call(args) => call::run(*args).await,
        InferCommand::Pay(args) => call::pay(*args).await,
        InferCommand::Exit(args) => close::exit(args).await,
        InferCommand::Close(args) => close::close(args).await,
        InferCommand::Status(args) => status::run(args).await,
        InferCommand::Fee(args) => worker::fee(args).await,
        InferCommand::Serve(args) => serve::run(*args).await,
        InferCommand::Answer(args) => worker::answer(*args).await,
        InferCommand::Settle(args) => worker::settle(*args).await,
        InferCommand::Fulfil(args) => fulfil::run(*args).await,
    }
}

/// What of OPEN is the most, wei.
fn wei(amount: Option<OpenAmount>) -> Option<alloy_primitives::U256> {
    amount.map(OpenAmount::wei)
}

/// Reads a prompt.
fn read_prompt(path: &Path) -> anyhow::Result<String> {
    files::read_text(path, PROMPT_BYTES_MAX as u64)
}

/// Writes an output to a file, or prints it.
fn give(output: &str, out: Option<&Path>) -> anyhow::Result<()> {
    match out {
        Some(path) => files::write(path, output.as_bytes()),
        None => {
            println!("{output}");
            Ok(())
        }
    }
}
