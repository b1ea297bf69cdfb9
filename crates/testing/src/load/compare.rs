//! Our node and anvil in alternation, on the same workload, with what each used.

use super::{
    Accounts, Figures, Plan, Workload,
    figures::{Better, median, number},
    latency, prepare_reads, reads, throughput,
};
use crate::{
    process::{NodeCommand, NodeProcess, free_address},
    wallet::Wallet,
};
use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::json;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;

/// How long a node may take to start.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// Time between two latency probes.
const PROBE_INTERVAL: Duration = Duration::from_millis(8);
/// Transactions in a request of the load beside which latency is measured.
const LOAD_BATCH: usize = 20;
/// Connections over which reads are asked for.
const READ_CONNECTIONS: usize = 16;

/// What `load compare` does.
#[derive(Debug, Clone, Args, Serialize)]
pub struct CompareArguments {
    /// The `openledger` binary (release build)
    #[arg(long, value_name = "BINARY")]
    pub ours: PathBuf,
    /// The anvil binary; without it only our node is measured
    #[arg(long, value_name = "BINARY")]
    pub anvil: Option<PathBuf>,
    /// How often everything is measured, each time on fresh chains, our node first
    #[arg(long, default_value_t = 5)]
    pub pairs: usize,
    /// What is measured
    #[arg(long, value_delimiter = ',', default_values = ["transfers", "erc20", "swap", "single", "latency", "reads"])]
    pub measure: Vec<Measurement>,
    /// Transactions of each workload
    #[arg(long, default_value_t = 100_000)]
    pub transactions: usize,
    /// Transactions sent one a request
    #[arg(long, default_value_t = 20_000)]
    pub single_transactions: usize,
    /// Accounts that send
    #[arg(long, default_value_t = 1_000)]
    pub senders: usize,
    /// Accounts that receive
    #[arg(long, default_value_t = 1_000)]
    pub recipients: usize,
    /// Transactions a request
    #[arg(long, default_value_t = 100)]
    pub batch: usize,
    /// Connections that send batches
    #[arg(long, default_value_t = 8)]
    pub connections: usize,
    /// Connections that send single transactions
    #[arg(long, default_value_t = 32)]
    pub single_connections: usize,
    /// Transactions whose latency is measured, idle and beside a load
    #[arg(long, default_value_t = 500)]
    pub probes: usize,
    /// Seconds for which each kind of read is asked for
    #[arg(long, default_value_t = 3)]
    pub read_seconds: u64,
    /// Gas limit of a block, on both nodes
    #[arg(long, default_value_t = 600_000_000)]
    pub gas_limit: u64,
    /// Seconds between blocks, on both nodes
    #[arg(long, default_value_t = 1)]
    pub block_time: u64,
    /// Chain id of our node, which anvil is given, too
    #[arg(long, default_value_t = 161_299)]
    pub chain_id: u64,
    /// Seed of accounts, recipients and amounts
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// A further argument of `openledger dev` (repeat for more)
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub ours_argument: Vec<String>,
    /// A further argument of anvil (repeat for more)
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub anvil_argument: Vec<String>,
    /// Where the nodes' data goes, on the disk to be measured (default: the system's temporary directory)
    #[arg(long, value_name = "DIRECTORY")]
    pub directory: Option<PathBuf>,
    /// Also writes everything there, as JSON
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measurement {
    /// Transfers in batches
    Transfers,
    /// ERC-20 transfers in batches
    Erc20,
    /// Swaps in batches
    Swap,
    /// Transfers, one a request
    Single,
    /// Send to receipt, idle and (our node) at half of the transfers' rate
    Latency,
    /// Reads
    Reads,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Ours,
    Anvil,
}

#[derive(Debug, Serialize)]
struct Run {
    pair: usize,
    node: Kind,
    measurement: Measurement,
    figures: Figures,
}

struct Session<'a> {
    arguments: &'a CompareArguments,
    directory: TempDir,
    funders: Vec<Wallet>,
    /// Accounts and signed plans are the same on every fresh chain.
    signed: BTreeMap<Measurement, (u64, Plan)>,
    /// Our transfers a second, as last measured.
    rate: Option<f64>,
    /// The command lines, as last used.
    commands: BTreeMap<&'static str, String>,
    chains: usize,
}

/// Runs the comparison and prints it.
///
/// # Errors
/// A node that can't be started, refuses a transaction or answers wrongly.
pub async fn compare(arguments: &CompareArguments) -> Result<()> {
    ensure!(arguments.pairs > 0, "there must be a pair");
    let directory = match &arguments.directory {
        Some(directory) => {
            fs::create_dir_all(directory)?;
            TempDir::with_prefix_in("load-", directory)?
        }
        None => TempDir::with_prefix("load-")?,
    };
    let mut session = Session {
        arguments,
        directory,
        funders: Wallet::development()?,
        signed: BTreeMap::new(),
        rate: None,
        commands: BTreeMap::new(),
        chains: 0,
    };
    println!("{}", serde_json::to_string_pretty(arguments)?);
    println!("machine: {}", machine());
    let mut runs = Vec::new();
    for pair in 1..=arguments.pairs {
        for measurement in &arguments.measure {
            for kind in [Kind::Ours, Kind::Anvil] {
                if kind == Kind::Anvil && arguments.anvil.is_none() {
                    continue;
                }
                let figures = session
                    .measure(*measurement, kind)
                    .await
                    .with_context(|| format!("pair {pair}, {measurement:?} on {kind:?}"))?;
                println!("pair {pair}, {}:\n{figures}", label(kind));
                runs.push(Run {
                    pair,
                    node: kind,
                    measurement: *measurement,
                    figures,
                });
            }
        }
    }
    for command in session.commands.values() {
        println!("{command}");
    }
    let summary = summarise(&runs);
    print_summary(&summary);
    if let Some(path) = &arguments.output {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let report = json!({
            "time": seconds,
            "machine": machine(),
            "arguments": arguments,
            "commands": session.commands,
            "summary": summary,
            "runs": runs,
        });
        fs::write(path, serde_json::to_vec_pretty(&report)?)
            .with_context(|| path.display().to_string())?;
    }
    Ok(())
}

const fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::Ours => "openledger",
        Kind::Anvil => "anvil",
    }
}

impl Session<'_> {
    async fn measure(&mut self, measurement: Measurement, kind: Kind) -> Result<Figures> {
        // What a single transaction takes, and a block a transaction, need no interval.
        let instant = match measurement {
            Measurement::Reads => true,
            Measurement::Latency => kind == Kind::Anvil,
            _ => false,
        };
        let command = self.command(kind, instant)?;
        let node = command.start(START_PATIENCE).await?;
        let mut figures = Figures::default();
        figures.lower("start", node.start_time().as_secs_f64() * 1e3, "ms");
        let resident = node.usage()?.resident_bytes as f64 / f64::from(1 << 20);
        figures.lower("memory at start", resident, "MiB");
        match measurement {
            Measurement::Transfers => {
                self.batches(&node, measurement, Workload::Transfers, kind, &mut figures)
                    .await?;
            }
            Measurement::Erc20 => {
                self.batches(&node, measurement, Workload::Erc20, kind, &mut figures)
                    .await?;
            }
            Measurement::Swap => {
                self.batches(&node, measurement, Workload::Swap, kind, &mut figures)
                    .await?;
            }
            Measurement::Single => {
                self.batches(&node, measurement, Workload::Transfers, kind, &mut figures)
                    .await?;
            }
            Measurement::Latency => self.latency(&node, kind, &mut figures).await?,
            Measurement::Reads => self.reads(&node, &mut figures).await?,
        }
        node.stop().await?;
        if measurement == Measurement::Transfers && kind == Kind::Ours {
            let again = command.start(START_PATIENCE).await.context("restarting")?;
            let name = format!("restart at {} transactions", self.arguments.transactions);
            figures.lower(name, again.start_time().as_secs_f64() * 1e3, "ms");
            again.stop().await?;
        }
        Ok(figures)
    }

    async fn batches(
        &mut self,
        node: &NodeProcess,
        measurement: Measurement,
        workload: Workload,
        kind: Kind,
        figures: &mut Figures,
    ) -> Result<()> {
        let arguments = self.arguments;
        let single = measurement == Measurement::Single;
        let accounts = self.accounts(node, workload).await?;
        let (chain_id, plan) = match self.signed.entry(measurement) {
            Entry::Occupied(signed) => signed.into_mut(),
            Entry::Vacant(vacant) => {
                let (transactions, batch, connections) = if single {
                    let connections = arguments.single_connections;
                    (arguments.single_transactions, 1, connections)
                } else {
                    (
                        arguments.transactions,
                        arguments.batch,
                        arguments.connections,
                    )
                };
                let recipients = arguments.recipients;
                let plan = Plan::sign(
                    &accounts,
                    workload,
                    transactions,
                    recipients,
                    batch,
                    connections,
                    arguments.seed,
                )?;
                vacant.insert((accounts.chain_id, plan))
            }
        };
        ensure!(
            *chain_id == accounts.chain_id,
            "the nodes have different chain ids, {chain_id} and {}: see --chain-id",
            accounts.chain_id
        );
        let result = throughput(node.address(), Some(node.pid()), plan).await?;
        if measurement == Measurement::Transfers && kind == Kind::Ours {
            self.rate = Some(result.per_second());
        }
        let name = match measurement {
            Measurement::Single => "transfers one a request",
            Measurement::Erc20 => "erc20",
            Measurement::Swap => "swap",
            _ => "transfers",
        };
        result.figures(name, figures);
        Ok(())
    }

    async fn latency(
        &mut self,
        node: &NodeProcess,
        kind: Kind,
        figures: &mut Figures,
    ) -> Result<()> {
        let arguments = self.arguments;
        let address = node.address();
        let prober = Accounts::prepare(
            address,
            &self.funders,
            arguments.seed + 1,
            1,
            Workload::Transfers,
        )
        .await?;
        let idle = latency(address, &prober, arguments.probes, PROBE_INTERVAL, None).await?;
        idle.figures("idle", figures);
        println!("receipts of {}: {:?}", label(kind), idle.receipts);
        let Some(rate) = self.rate.map(|rate| rate / 2.0) else {
            return Ok(());
        };
        if kind == Kind::Anvil {
            return Ok(());
        }
        let accounts = self.accounts(node, Workload::Transfers).await?;
        // Probes may take twice their interval before the load runs dry.
        let seconds = 2.0 * PROBE_INTERVAL.as_secs_f64() * arguments.probes as f64 + 3.0;
        let plan = Plan::sign(
            &accounts,
            Workload::Transfers,
            (seconds * rate) as usize,
            arguments.recipients,
            LOAD_BATCH,
            arguments.connections,
            arguments.seed,
        )?;
        let loaded = latency(
            address,
            &prober,
            arguments.probes,
            PROBE_INTERVAL,
            Some((&plan, rate)),
        )
        .await?;
        figures.higher("half load: rate beside the probes", rate, "tx/s");
        loaded.figures("half load", figures);
        Ok(())
    }

    async fn reads(&mut self, node: &NodeProcess, figures: &mut Figures) -> Result<()> {
        let address = node.address();
        let (accounts, first) = prepare_reads(address, &self.funders, self.arguments.seed).await?;
        let duration = Duration::from_secs(self.arguments.read_seconds);
        let rates = reads(
            address,
            Some(node.pid()),
            &accounts,
            first,
            READ_CONNECTIONS,
            duration,
        )
        .await?;
        rates.iter().for_each(|rate| rate.figures(figures));
        Ok(())
    }

    async fn accounts(&self, node: &NodeProcess, workload: Workload) -> Result<Accounts> {
        let arguments = self.arguments;
        Accounts::prepare(
            node.address(),
            &self.funders,
            arguments.seed,
            arguments.senders,
            workload,
        )
        .await
    }

    fn command(&mut self, kind: Kind, instant: bool) -> Result<NodeCommand> {
        let arguments = self.arguments;
        self.chains += 1;
        let address = free_address()?;
        let name = format!("{}-{}", label(kind), self.chains);
        let directory = self.directory.path().join(&name);
        let mut list: Vec<OsString> = Vec::new();
        let mut add = |items: &[&str]| list.extend(items.iter().map(OsString::from));
        let (port, gas_limit) = (address.port().to_string(), arguments.gas_limit.to_string());
        let block_time = arguments.block_time.to_string();
        let program = match kind {
            Kind::Ours => {
                add(&[
                    "dev",
                    "--no-batcher",
                    "--http.port",
                    &port,
                    "--privileged.port",
                    "0",
                ]);
                add(&["--gas-limit", &gas_limit]);
                if instant {
                    add(&["--instant"]);
                } else {
                    add(&["--block-time", &block_time]);
                }
                list.extend(arguments.ours_argument.iter().map(OsString::from));
                list.extend(["--data-dir".into(), directory.into()]);
                arguments.ours.clone()
            }
            Kind::Anvil => {
                let chain_id = arguments.chain_id.to_string();
                add(&["--silent", "--port", &port, "--gas-limit", &gas_limit]);
                add(&["--chain-id", &chain_id]);
                if !instant {
                    add(&["--block-time", &block_time]);
                }
                list.extend(arguments.anvil_argument.iter().map(OsString::from));
                arguments.anvil.clone().context("--anvil")?
            }
        };
        let line: Vec<_> = list
            .iter()
            .map(|argument| argument.to_string_lossy())
            .collect();
        let title = match (kind, instant) {
            (Kind::Ours, false) => "openledger",
            (Kind::Ours, true) => "openledger, a block a transaction",
            (Kind::Anvil, false) => "anvil",
            (Kind::Anvil, true) => "anvil, a block a transaction",
        };
        self.commands.insert(
            title,
            format!("{title}: {} {}", program.display(), line.join(" ")),
        );
        Ok(NodeCommand {
            program,
            arguments: list,
            address,
            output: self.directory.path().join(format!("{name}.log")),
        })
    }
}

/// A figure over all pairs.
#[derive(Debug, Serialize)]
struct Summary {
    name: String,
    unit: &'static str,
    better: Better,
    ours: Vec<f64>,
    anvil: Vec<f64>,
    ours_median: f64,
    anvil_median: Option<f64>,
    /// Median over the pairs of ours by anvil's.
    ratio: Option<f64>,
}

fn summarise(runs: &[Run]) -> Vec<Summary> {
    let mut order: Vec<(String, &'static str, Better)> = Vec::new();
    let mut values: BTreeMap<(String, bool), Vec<f64>> = BTreeMap::new();
    for run in runs {
        for (name, figure) in &run.figures.0 {
            if !order.iter().any(|(known, _, _)| known == name) {
                order.push((name.clone(), figure.unit, figure.better));
            }
            values
                .entry((name.clone(), run.node == Kind::Ours))
                .or_default()
                .push(figure.value);
        }
    }
    order
        .into_iter()
        .map(|(name, unit, better)| {
            let of = |ours| {
                values
                    .get(&(name.clone(), ours))
                    .cloned()
                    .unwrap_or_default()
            };
            let (ours, anvil) = (of(true), of(false));
            let ratios: Vec<f64> = ours
                .iter()
                .zip(&anvil)
                .filter(|(_, anvil)| **anvil != 0.0)
                .map(|(ours, anvil)| ours / anvil)
                .collect();
            Summary {
                ours_median: median(&ours),
                anvil_median: (!anvil.is_empty()).then(|| median(&anvil)),
                ratio: (!ratios.is_empty()).then(|| median(&ratios)),
                name,
                unit,
                better,
                ours,
                anvil,
            }
        })
        .collect()
}

fn print_summary(summary: &[Summary]) {
    println!("\nmedians (ratio: median over the pairs of openledger's by anvil's)");
    println!(
        "{:<46} {:>12} {:>12} {:>8}  unit",
        "", "openledger", "anvil", "ratio"
    );
    for line in summary {
        let show = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), number);
        let better = match line.better {
            Better::Higher => "more is better",
            Better::Lower => "less is better",
        };
        println!(
            "{:<46} {:>12} {:>12} {:>8}  {}, {better}",
            line.name,
            if line.ours.is_empty() {
                "-".to_owned()
            } else {
                number(line.ours_median)
            },
            show(line.anvil_median),
            show(line.ratio),
            line.unit
        );
    }
}

/// Processor and kernel, for the report.
fn machine() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |rest| {
            rest.trim_start_matches([':', ' ', '\t'])
        });
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string(Path::new("/proc/sys/kernel/osrelease")).unwrap_or_default();
    format!("{model}, {cores} cores, Linux {}", kernel.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(node: Kind, value: f64) -> Run {
        let mut figures = Figures::default();
        figures.higher("rate", value, "tx/s");
        Run {
            pair: 1,
            node,
            measurement: Measurement::Transfers,
            figures,
        }
    }

    #[test]
    fn ratios_are_taken_pair_by_pair() {
        let runs = [
            run(Kind::Ours, 10.0),
            run(Kind::Anvil, 5.0),
            run(Kind::Ours, 40.0),
            run(Kind::Anvil, 10.0),
            run(Kind::Ours, 9.0),
            run(Kind::Anvil, 3.0),
        ];
        let summary = summarise(&runs);
        assert_eq!(summary.len(), 1);
        assert_eq!(summary[0].ours_median, 10.0);
        assert_eq!(summary[0].anvil_median, Some(5.0));
        assert_eq!(summary[0].ratio, Some(3.0));
    }
}
