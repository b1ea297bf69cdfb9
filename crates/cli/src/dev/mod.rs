//! `openledger dev`: a local chain with a local L1, in one command.
//!
//! Two kinds of chain. A *settled* one (the default) takes its origins from an L1, posts its batches
//! there and can be verified from it. An *unsettled* one (`--no-batcher`, `--instant`, `--manual`) has
//! no L1 at all: its origin is a made-up block, and in return state and time can be changed at will.
//!
//! Start reading at [`run`]; `anvil.rs` is the L1 process, `chain.rs` makes or finds the chain,
//! `report.rs` is what the person sees.

mod accounts;
mod anvil;
mod chain;
mod directory;
mod ports;
mod report;

use crate::{
    catch_up::Recovered,
    config::{DataAvailabilityArg, default_head_age_max},
    genesis::GAS_LIMIT_RANGE,
    node::{L1Role, Node, NodeConfig},
    shutdown::{self, Service},
};
use accounts::DevAccounts;
use anvil::{Anvil, AnvilOptions};
use anyhow::{anyhow, ensure};
use chain::{DevChain, L1Access};
use clap::{Args, ValueEnum};
use directory::DataDirectory;
use openledger_batcher::BatcherConfig;
use openledger_builder::{BuilderConfig, Mode};
use openledger_l1::{BlobSourceConfig, DeployConfig, TxSenderConfig};
use openledger_mempool::{MempoolConfig, Ordering};
use openledger_node::WatchdogConfig;
use openledger_rpc::{Namespace, RpcConfig};
use openledger_store::StoreOptions;
use ports::Ports;
use report::Report;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// L1 blocks for which a channel is open.
const CHANNEL_DURATION: u32 = 1;

/// In which order waiting transactions are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OrderingArg {
    /// First come, first served
    #[default]
    Arrival,
    /// Highest priority fee first
    PriorityFee,
}

impl From<OrderingArg> for Ordering {
    fn from(argument: OrderingArg) -> Self {
        match argument {
            OrderingArg::Arrival => Self::Arrival,
            OrderingArg::PriorityFee => Self::PriorityFee,
        }
    }
}

/// Flags of `openledger dev`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A settled chain (the default) posts batches to its L1. With --no-batcher, --instant or --manual the chain
is unsettled: it has no L1, its safe and finalized heads stay at genesis, and the evm_, hardhat_ and anvil_
methods that change state or time work.

OPENLEDGER_ANVIL names the anvil binary. OPENLEDGER_L1_KEY is the key that deploys to and posts on the L1 of
--l1.rpc-url (the first test account's if unset), OPENLEDGER_L1_PROPOSER_KEY the one that claims output roots there.")]
pub struct DevArgs {
    /// Keep the chain here and resume it; without, it is deleted at exit
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Port of JSON-RPC over HTTP and WebSocket; 0 takes a free one
    #[arg(long = "http.port", value_name = "PORT", default_value_t = 8545)]
    pub http_port: u16,
    /// Port of the privileged listener (all namespaces and /metrics); by default two above --http.port
    #[arg(long = "privileged.port", value_name = "PORT")]
    pub privileged_port: Option<u16>,
    /// Port of the local L1; 0 takes a free one
    #[arg(long = "l1.port", value_name = "PORT", default_value_t = 8546)]
    pub l1_port: u16,
    /// Use the L1 at this URL instead of starting one; several are tried in order
    #[arg(
        long = "l1.rpc-url",
        value_name = "URL",
        value_delimiter = ',',
        conflicts_with_all = ["no_batcher", "instant", "manual", "l1_port"]
    )]
    pub l1_rpc_url: Option<Vec<String>>,
    /// Beacon nodes of that L1, from which blobs are read back, tried in order
    #[arg(
        long = "l1.beacon-url",
        value_name = "URL",
        value_delimiter = ',',
        requires = "l1_rpc_url"
    )]
    pub l1_beacon_url: Option<Vec<String>>,
    /// Seconds between blocks: 1 to 60, and to 3600 with --no-batcher [default: 1]
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=3600),
        conflicts_with_all = ["instant", "manual"]
    )]
    pub block_time: Option<u64>,
    /// Seal a block for each transaction (unsettled)
    #[arg(long, conflicts_with = "manual")]
    pub instant: bool,
    /// Seal blocks on evm_mine only (unsettled)
    #[arg(long)]
    pub manual: bool,
    /// Run without L1 and batcher (unsettled)
    #[arg(long)]
    pub no_batcher: bool,
    /// What batches are carried in [default: calldata]
    ///
    /// On the L1 of --l1.rpc-url, blobs need --l1.beacon-url, and auto takes calldata without.
    ///
    /// The local L1 keeps each blob for ever, 128 KiB in memory and about 300 kB in its state's file, and the chain
    /// fills one every L1 block: post in blobs for an hour, not for days.
    #[arg(
        long,
        value_enum,
        conflicts_with_all = ["no_batcher", "instant", "manual"]
    )]
    pub data_availability: Option<DataAvailabilityArg>,
    /// Funded accounts [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub accounts: Option<u32>,
    /// Gas limit of a block [default: 60000000]
    #[arg(
        long,
        value_name = "GAS",
        value_parser = clap::value_parser!(u64).range(*GAS_LIMIT_RANGE.start()..=*GAS_LIMIT_RANGE.end())
    )]
    pub gas_limit: Option<u64>,
    /// Order in which waiting transactions are taken
    #[arg(long, value_enum, default_value_t)]
    pub ordering: OrderingArg,
    /// Keep the state of every block for ever instead of 30 days
    #[arg(long)]
    pub archive: bool,
    /// Index transactions by address, for ots_searchTransactionsBefore and …After
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        default_value_t = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    pub index_addresses: bool,
}

impl DevArgs {
    /// Whether the chain posts to L1.
    pub(crate) const fn settled(&self) -> bool {
        !(self.no_batcher || self.instant || self.manual)
    }

    /// Refuses what only an L1 that was deployed to could refuse otherwise.
    fn check(&self) -> anyhow::Result<()> {
        if !self.settled() {
            return Ok(());
        }
        if let Some(seconds) = self.block_time {
            let possible = DeployConfig::BLOCK_TIME;
            ensure!(
                possible.contains(&seconds),
                "--block-time {seconds}: the blocks of a settled chain are {} to {} s apart; add --no-batcher, or \
                 leave it out",
                possible.start(),
                possible.end()
            );
        }
        ensure!(
            self.data_availability != Some(DataAvailabilityArg::Blobs)
                || self.l1_rpc_url.is_none()
                || self.l1_beacon_url.is_some(),
            "--data-availability blobs: name the beacon node that they are read back from by --l1.beacon-url"
        );
        Ok(())
    }

    pub(crate) const fn mode(&self) -> Mode {
        match (self.instant, self.manual) {
            (true, _) => Mode::Instant,
            (_, true) => Mode::Manual,
            _ => Mode::Interval,
        }
    }
}

/// Runs until Ctrl-C or SIGTERM, or until a role fails.
///
/// # Errors
/// Whatever keeps the chain from starting, or the role that failed.
pub async fn run(args: DevArgs) -> anyhow::Result<ExitCode> {
    let directory = DataDirectory::open(args.data_dir.as_deref())?;
    shutdown::run(start(&args, &directory)).await
}

/// A local chain with all that was started for it.
struct Running<'a> {
    directory: &'a DataDirectory,
    node: Node,
    anvil: Option<Anvil>,
    dumps: Option<JoinHandle<()>>,
    dumping: CancellationToken,
}

impl Service for Running<'_> {
    async fn failed(&mut self) -> anyhow::Error {
        tokio::select! {
            failure = self.node.failed() => failure,
            status = l1_ended(&mut self.anvil) => {
                let log = self.directory.l1_log();
                anyhow!("the local L1 ended ({status}): see {}", log.display())
            }
        }
    }

    /// Stops the chain before its L1, so that no batch is lost between them.
    async fn stop(self) -> anyhow::Result<()> {
        let stopped = self.node.stop().await;
        self.dumping.cancel();
        if let Some(dumps) = self.dumps {
            dumps.await?;
        }
        if let Some(anvil) = self.anvil {
            anvil.stop(self.directory.is_kept()).await;
        }
        stopped
    }
}

/// How the local L1 ended; never, if there is none.
async fn l1_ended(anvil: &mut Option<Anvil>) -> String {
    match anvil {
        Some(anvil) => anvil
            .ended()
            .await
            .map_or_else(|error| error.to_string(), |status| status.to_string()),
        None => std::future::pending().await,
    }
}

/// Starts the L1, makes the chain or finds it, starts the node, and says so.
async fn start<'a>(args: &DevArgs, directory: &'a DataDirectory) -> anyhow::Result<Running<'a>> {
    let started = Instant::now();
    args.check()?;
    let ports = ports::reserve(args)?;
    let kept = directory.chain_files()?;
    if let Some(files) = &kept {
        chain::check_flags(args, files, directory.path())?;
    }
    let accounts = DevAccounts::derive(chain::account_count(args, kept.as_ref()))?;
    let (l1, anvil) = start_l1(args, directory, &ports, &accounts, kept.is_some()).await?;

    let chain = match kept {
        Some(files) => chain::resume(files, l1.as_ref()).await?,
        None => {
            let chain = chain::create(args, &accounts, l1.as_ref(), anvil.as_ref()).await?;
            // The L1 first: chain files without their L1 would be of no use.
            if let Some(anvil) = anvil.as_ref().filter(|_| directory.is_kept()) {
                anvil.dump().await?;
            }
            chain.files.write(directory.path())?;
            chain
        }
    };
    let config = node_config(args, &chain, directory, &ports, l1.as_ref(), &accounts);
    let (node, recovered) = begun(config).await?;
    let dumping = CancellationToken::new();
    let dumps = anvil
        .as_ref()
        .filter(|_| directory.is_kept())
        .map(|anvil| anvil.dump_regularly(dumping.clone()));

    let report = Report::new(args, &chain, &accounts, &ports, l1.as_ref(), anvil.as_ref());
    report.write(directory.path())?;
    println!(
        "{}",
        report.banner(started.elapsed(), recovered, directory.path())
    );
    Ok(Running {
        directory,
        node,
        anvil,
        dumps,
        dumping,
    })
}

/// Starts the node and waits until it builds blocks; answers what was undone before.
async fn begun(config: NodeConfig) -> anyhow::Result<(Node, Option<Recovered>)> {
    let mut node = Node::start(config).await?;
    match node.begun().await {
        Ok(recovered) => Ok((node, recovered)),
        Err(failure) => {
            // Whatever fails now follows from that.
            let _ = node.stop().await;
            Err(failure)
        }
    }
}

/// The L1 of a settled chain, and its process if it is ours.
async fn start_l1(
    args: &DevArgs,
    directory: &DataDirectory,
    ports: &Ports,
    accounts: &DevAccounts,
    resumes: bool,
) -> anyhow::Result<(Option<L1Access>, Option<Anvil>)> {
    if !args.settled() {
        return Ok((None, None));
    }
    if let Some(urls) = &args.l1_rpc_url {
        let access = L1Access {
            urls: urls.clone(),
            // One node may be all of its L1.
            whole: urls.len() == 1,
            operator: chain::operator_key()?,
            proposer: chain::proposer_key()?,
            guardian: accounts.guardian.address(),
            // It has no ETH there.
            challenger: None,
            beacon_urls: args.l1_beacon_url.clone().unwrap_or_default(),
        };
        return Ok((Some(access), None));
    }
    directory.check_l1_state(resumes)?;
    let anvil = Anvil::start(AnvilOptions {
        port: ports.l1,
        accounts: u32::try_from(accounts.accounts.len())?,
        state: directory.l1_state(),
        log: directory.l1_log(),
    })
    .await?;
    let access = L1Access {
        urls: vec![anvil.url().to_owned()],
        whole: true,
        operator: accounts.operator.clone(),
        proposer: Some(accounts.proposer.clone()),
        guardian: accounts.guardian.address(),
        challenger: Some(accounts.guardian.clone()),
        // anvil answers the beacon node's routes itself.
        beacon_urls: vec![anvil.url().to_owned()],
    };
    Ok((Some(access), Some(anvil)))
}

/// What the roles of a local chain are started with.
fn node_config(
    args: &DevArgs,
    chain: &DevChain,
    directory: &DataDirectory,
    ports: &Ports,
    l1: Option<&L1Access>,
    accounts: &DevAccounts,
) -> NodeConfig {
    let files = chain.files.clone();
    let settled = args.settled();
    let defaults = StoreOptions::default();
    let block_time = Duration::from_secs(files.rollup.block_time);
    let l1_block_time = Duration::from_secs(anvil::BLOCK_TIME);
    let feed_key = l1.map(|l1| l1.operator.clone());
    let l1 = l1.map(|l1| L1Role {
        urls: l1.urls.clone(),
        whole: l1.whole,
        // Read wherever batches may be in blobs: the chain may have been run with other flags before.
        blobs: BlobSourceConfig {
            beacon_urls: l1.beacon_urls.clone(),
            ..BlobSourceConfig::default()
        },
        block_time: l1_block_time,
        poll_interval: None,
        batcher_signer: Some(l1.operator.clone().into()),
        batcher: BatcherConfig {
            data_availability: args
                .data_availability
                .unwrap_or(DataAvailabilityArg::Calldata)
                .into(),
            // The local L1 costs nothing, and who runs it waits for its safe head.
            channel_duration_max: CHANNEL_DURATION.into(),
            ..BatcherConfig::new(Arc::new(files.rollup.clone()))
        },
        sender: TxSenderConfig::default(),
        proposer: l1.proposer_role(&files),
        challenger: l1.challenger_role(&files),
        watchdog: WatchdogConfig::for_intervals(
            l1_block_time,
            l1_block_time.saturating_mul(CHANNEL_DURATION),
        ),
    });
    NodeConfig {
        store_path: directory.store(),
        store: StoreOptions {
            archive: args.archive,
            index_addresses: args.index_addresses,
            history_blocks: defaults.history_blocks / files.rollup.block_time.max(1),
            ..defaults
        },
        mempool: MempoolConfig {
            order: args.ordering.into(),
            // Its users are its owner's scripts, which may send all they have at once.
            transactions_max: 200_000,
            bytes_max: 256 << 20,
            ..MempoolConfig::default()
        },
        builder: BuilderConfig {
            mode: args.mode(),
            settled,
            gather_by_fee: args.ordering == OrderingArg::PriorityFee,
            ..BuilderConfig::default()
        },
        rpc: RpcConfig {
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, ports.http)),
            privileged: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, ports.privileged))),
            // On loopback only, and for one person: nothing is kept from the public port.
            public_namespaces: Namespace::ALL.into(),
            cors_origins: vec!["*".to_owned()],
            local_accounts: accounts.signers.clone(),
            settled,
            health_head_age_max: match args.mode() {
                Mode::Interval => default_head_age_max(block_time),
                // Blocks come when somebody asks for them.
                Mode::Instant | Mode::Manual => Duration::MAX,
            },
            ..RpcConfig::default()
        },
        l1,
        feed_key,
        files,
    }
}
