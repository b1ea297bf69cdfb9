//! A workload against a node that runs already.

use super::{Accounts, Figures, Plan, Workload, heavy, latency, prepare_reads, reads, throughput};
use crate::wallet::Wallet;
use alloy_primitives::B256;
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use std::{net::SocketAddr, time::Duration};

/// What `load run` does.
#[derive(Debug, Clone, Args)]
pub struct RunArguments {
    /// Where the node listens
    #[arg(long, default_value = "127.0.0.1:8545", value_name = "HOST:PORT")]
    pub address: String,
    /// The node's process, for CPU time and memory
    #[arg(long)]
    pub pid: Option<u32>,
    /// What to do
    #[arg(long, value_enum, default_value = "transfers")]
    pub kind: RunKind,
    /// Transactions, heavy calls, or probes of latency
    #[arg(long, default_value_t = 10_000)]
    pub transactions: usize,
    /// Accounts that send
    #[arg(long, default_value_t = 1_000)]
    pub senders: usize,
    /// Accounts that receive
    #[arg(long, default_value_t = 1_000)]
    pub recipients: usize,
    /// Transactions a request
    #[arg(long, default_value_t = 100)]
    pub batch: usize,
    /// Connections
    #[arg(long, default_value_t = 8)]
    pub connections: usize,
    /// Seed of accounts, recipients and amounts: another one for every run on the same chain
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Private keys of the accounts that pay (default: the ten development accounts)
    #[arg(long, value_delimiter = ',', env = "LOAD_KEYS", hide_env_values = true)]
    pub keys: Vec<B256>,
    /// Seconds for which each kind of read is asked for
    #[arg(long, default_value_t = 3)]
    pub read_seconds: u64,
}

/// One workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RunKind {
    /// Transfers of the native token
    Transfers,
    /// Transfers of an ERC-20
    Erc20,
    /// Swaps
    Swap,
    /// Send to receipt
    Latency,
    /// How late blocks are sealed while calls wait that take long; the chain must be settled
    Heavy,
    /// Reads; the node must seal a block a transaction
    Reads,
}

/// Runs a workload and prints its figures.
///
/// # Errors
/// As the measurements.
pub async fn run(arguments: &RunArguments) -> Result<()> {
    let address: SocketAddr = tokio::net::lookup_host(&arguments.address)
        .await
        .with_context(|| arguments.address.clone())?
        .next()
        .with_context(|| format!("{} has no address", arguments.address))?;
    let funders = match arguments.keys.as_slice() {
        [] => Wallet::development()?,
        keys => keys
            .iter()
            .map(|key| Wallet::new(*key))
            .collect::<Result<_>>()?,
    };
    let mut figures = Figures::default();
    let workload = match arguments.kind {
        RunKind::Transfers => Workload::Transfers,
        RunKind::Erc20 => Workload::Erc20,
        RunKind::Swap => Workload::Swap,
        RunKind::Latency => {
            let prober =
                Accounts::prepare(address, &funders, arguments.seed, 1, Workload::Transfers)
                    .await?;
            let interval = Duration::from_millis(8);
            latency(address, &prober, arguments.transactions, interval, None)
                .await?
                .figures("idle", &mut figures);
            print!("{figures}");
            return Ok(());
        }
        RunKind::Heavy => {
            let accounts = Accounts::prepare(
                address,
                &funders,
                arguments.seed,
                arguments.senders,
                Workload::Transfers,
            )
            .await?;
            heavy(address, &accounts, arguments.transactions)
                .await?
                .figures(&mut figures);
            print!("{figures}");
            return Ok(());
        }
        RunKind::Reads => {
            let (accounts, first) = prepare_reads(address, &funders, arguments.seed).await?;
            let duration = Duration::from_secs(arguments.read_seconds);
            for rate in reads(
                address,
                arguments.pid,
                &accounts,
                first,
                arguments.connections,
                duration,
            )
            .await?
            {
                rate.figures(&mut figures);
            }
            print!("{figures}");
            return Ok(());
        }
    };
    let accounts = Accounts::prepare(
        address,
        &funders,
        arguments.seed,
        arguments.senders,
        workload,
    )
    .await?;
    let plan = Plan::sign(
        &accounts,
        workload,
        arguments.transactions,
        arguments.recipients,
        arguments.batch,
        arguments.connections,
        arguments.seed,
    )?;
    let result = throughput(address, arguments.pid, &plan).await?;
    let name = match workload {
        Workload::Transfers => "transfers",
        Workload::Erc20 => "erc20",
        Workload::Swap => "swap",
    };
    result.figures(name, &mut figures);
    print!("{figures}");
    Ok(())
}
