//! `openledger infer serve`: a worker with an HTTP endpoint.

mod http;

use super::{
    chain,
    worker::{CommandModel, SettleTerms, Terms, Worker},
};
use alloy_primitives::{Address, U256};
use anyhow::{Context, ensure};
use clap::Args;
use openledger_client::{OpenAmount, Sender, SenderArgs, open};
use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::{MissedTickBehavior, interval},
};

/// Flags that say which worker it is, and what it serves.
#[derive(Debug, Clone, Args)]
pub(super) struct WorkerArgs {
    /// The worker's directory: calls that it publishes, contents that it keeps
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: PathBuf,
    /// The worker, whose place the account holds [default: the account]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) worker: Option<Address>,
    /// The adapter that is served
    #[arg(long, value_name = "ID")]
    pub(super) adapter: u64,
    /// Least platform fee of a channel, OPEN a call [default: what the router says that the worker asks for]
    #[arg(long, value_name = "OPEN")]
    pub(super) platform_fee: Option<PlatformFee>,
    /// What runs the model: a command for sh, with the prompt on its standard input, that writes
    /// {"output", "tokensIn", "tokensOut", "sketches"} as JSON
    #[arg(long, value_name = "COMMAND")]
    pub(super) model_command: String,
    /// Longest that it may take, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(super) model_seconds: u64,
    /// Calls that it serves at the same time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) parallel: u16,
    /// Most tokens out that a call may ask for
    #[arg(long, value_name = "N", default_value_t = 4_096)]
    pub(super) tokens_out_max: u32,
    /// How long a call that isn't paid keeps the channel's next one, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub(super) unpaid_seconds: u64,
    /// Longest that a voucher waits until it is settled, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = clap::value_parser!(u64).range(1..=2_592_000))]
    pub(super) settle_seconds: u64,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
}

/// A platform fee: an amount of OPEN, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlatformFee(pub(super) u128);

impl std::str::FromStr for PlatformFee {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        if text == "0" {
            return Ok(Self(0));
        }
        let amount: OpenAmount = text.parse()?;
        // There is far less OPEN than 128 bits of wei.
        Ok(Self(amount.wei().try_into()?))
    }
}

/// Flags of `openledger infer serve`.
#[derive(Debug, Clone, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    worker: WorkerArgs,
    /// Where it listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8560")]
    listen: SocketAddr,
    /// Pause between two looks at what is to be settled, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    poll_seconds: u64,
}

impl WorkerArgs {
    /// Opens the worker.
    pub(super) async fn open(&self) -> anyhow::Result<Worker<CommandModel>> {
        let sender = self.sender.open().await?;
        let terms = self.terms(&sender).await?;
        let model = CommandModel::new(
            self.model_command.clone(),
            Duration::from_secs(self.model_seconds),
        );
        Worker::open(&self.data_dir, terms, sender, model).await
    }

    async fn terms(&self, sender: &Sender) -> anyhow::Result<Terms> {
        let node = sender.node();
        let worker = self.worker.unwrap_or_else(|| sender.account());
        let holder = chain::holder(node, worker).await?;
        ensure!(
            holder == sender.account(),
            "{holder} holds the place of {worker}, and the account is {}",
            sender.account()
        );
        ensure!(
            chain::is_active(node, worker).await?,
            "{worker} has no stake to work with: `openledger stake register worker` puts it up"
        );
        let platform_fee = match self.platform_fee {
            Some(PlatformFee(fee)) => fee,
            None => chain::platform_fee(node, worker).await.context(
                "the worker hasn't published what it asks for: `openledger infer fee`, or --platform-fee for channels alone",
            )?,
        };
        // What isn't offered now may be later: it is asked for each call.
        let dims = chain::sketch_dims(node, self.adapter).await?;
        Ok(Terms {
            chain_id: node.chain_id(),
            worker,
            adapter: self.adapter,
            platform_fee,
            tokens_out_max: self.tokens_out_max,
            expiry_min_seconds: self.settle_seconds.saturating_mul(2),
            unpaid: Duration::from_secs(self.unpaid_seconds),
            parallel: usize::from(self.parallel),
            dims,
        })
    }

    fn settle_terms(&self) -> SettleTerms {
        SettleTerms {
            interval: Duration::from_secs(self.settle_seconds),
            expiry_margin_seconds: self.settle_seconds,
        }
    }
}

/// Runs the command until Ctrl-C or SIGTERM. It may be ended in any other way as well.
pub(super) async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let worker = Arc::new(args.worker.open().await?);
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("listening on {} (--listen)", args.listen))?;
    let address = listener.local_addr()?;
    let terms = worker.terms();
    println!(
        "worker {} serves adapter {} for at least {} a call at http://{address}",
        terms.worker,
        terms.adapter,
        open(U256::from(terms.platform_fee))
    );
    tracing::info!(%address, worker = %terms.worker, adapter = terms.adapter, "worker serves");
    let settle = args.worker.settle_terms();
    let settling = async {
        let mut ticks = interval(Duration::from_secs(args.poll_seconds));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = worker.settle(Some(&settle)).await {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "the chain can't be asked what is due, trying again"
                );
            }
        }
    };
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        () = http::serve(listener, worker.clone()) => {}
        () = settling => {}
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(ExitCode::SUCCESS)
}
