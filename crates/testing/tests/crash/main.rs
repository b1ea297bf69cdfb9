//! The crash test: `openledger dev` under load is killed by `SIGKILL` at random instants, again and again, on
//! one data directory, and must lose nothing that it acknowledged.
//!
//! After each restart: every sealed block that was seen has the same hash; every transaction that was
//! preconfirmed is in the block and at the index that were answered, and succeeded; every transaction that
//! was accepted into the pool is known. The node comes back within five seconds by itself. At the end the
//! gaps in front of the pooled transactions are filled, all of them are included, and `openledger db verify`
//! finds nothing.
//!
//! The second test does the same to a chain with an L1, which is killed as well and restored as of its last
//! dump. Blocks whose origin is lost are then unwound, so positions may change; no transaction is lost, and
//! at the end `openledger batch verify` derives the chain from L1.
//!
//! Environment: `OPENLEDGER_BIN` (the binary; default: the one in cargo's target folder),
//! `OPENLEDGER_CRASH_ROUNDS` (kills; default 8), `OPENLEDGER_CRASH_SEED` (printed at every run).

mod checks;
mod record;
mod senders;

use anyhow::{Context as _, Result, ensure};
use openledger_testing::{
    load::{Accounts, Random, Workload},
    process::{NodeCommand, NodeProcess, free_address},
    rpc::Client,
    wallet::Wallet,
};
use record::Record;
use senders::Senders;
use serde_json::Value;
use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Kills unless the environment says otherwise: what fits into 40 seconds.
const ROUNDS: usize = 8;
/// How long a restart may take.
const RESTART_MAX: Duration = Duration::from_secs(5);
/// How long the node works before it is killed, milliseconds, at the least and at the most.
const WORK_MS: (u64, u64) = (100, 2_600);
/// The same with an L1, whose blocks take two seconds.
const SETTLED_WORK_MS: (u64, u64) = (1_000, 6_000);
/// Time between two transactions of an account: less to post and to derive, but more than any block lacks.
const SETTLED_PAUSE: Duration = Duration::from_millis(10);
/// With an L1 one kill for so many without: its rounds take longer.
const SETTLED_PART: usize = 3;
/// The latest instant at which a start is killed, milliseconds.
const START_KILL_MS: u64 = 400;
/// One start in so many is killed itself.
const START_KILLS: u64 = 3;

fn environment<T: std::str::FromStr>(name: &str) -> Result<Option<T>> {
    let Ok(text) = env::var(name) else {
        return Ok(None);
    };
    let value = text
        .parse()
        .ok()
        .with_context(|| format!("{name}={text}"))?;
    Ok(Some(value))
}

/// The node's binary.
fn binary() -> Result<PathBuf> {
    let path = match env::var_os("OPENLEDGER_BIN") {
        Some(path) => path.into(),
        None => {
            // target/<profile>/deps/crash-<hash>
            let test = env::current_exe()?;
            let profile = test
                .parent()
                .and_then(Path::parent)
                .context("cargo's target folder")?;
            profile.join("openledger")
        }
    };
    ensure!(
        path.is_file(),
        "{} does not exist: build it by `cargo build -p openledger-cli`, or name another by OPENLEDGER_BIN",
        path.display()
    );
    Ok(path)
}

/// Whether the chain posts to an L1.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Without L1: nothing may change but by the sequencer.
    Unsettled,
    /// With an L1, which is killed as well and comes back older than it was.
    Settled,
}

struct Setting {
    kind: Kind,
    binary: PathBuf,
    data: PathBuf,
    output: PathBuf,
}

impl Setting {
    fn command(&self) -> Result<NodeCommand> {
        let address = free_address()?;
        // A block that is never full: one that is takes no more transactions until it is sealed.
        let fixed = "dev --block-time 1 --gas-limit 1000000000 --privileged.port 0";
        let mut arguments: Vec<OsString> = fixed.split(' ').map(OsString::from).collect();
        match self.kind {
            Kind::Unsettled => arguments.push("--no-batcher".into()),
            Kind::Settled => arguments.extend(["--l1.port".into(), "0".into()]),
        }
        arguments.extend(["--http.port".into(), address.port().to_string().into()]);
        arguments.extend(["--data-dir".into(), self.data.clone().into()]);
        let (program, output) = (self.binary.clone(), self.output.clone());
        Ok(NodeCommand {
            program,
            arguments,
            address,
            output,
        })
    }

    async fn start(&self) -> Result<NodeProcess> {
        let node = self.command()?.start(RESTART_MAX).await?;
        println!("  ready after {:?}", node.start_time());
        Ok(node)
    }

    /// Runs the binary to its end.
    fn run(&self, arguments: &[&str]) -> Result<()> {
        let output = Command::new(&self.binary).args(arguments).output()?;
        ensure!(
            output.status.success(),
            "openledger {}: {}\n{}{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// The data directory, as an argument.
    fn data(&self) -> Result<&str> {
        self.data.to_str().context("a path that is no text")
    }

    /// Derives the chain from the L1 that the node started and compares it with the node's.
    fn verify_batches(&self, node: &NodeProcess) -> Result<()> {
        let urls: Value = serde_json::from_slice(&fs::read(self.data.join("dev.json"))?)?;
        let l1 = urls["l1Url"].as_str().context("l1Url in dev.json")?;
        let l2 = format!("http://{}", node.address());
        let chain = self.data()?;
        self.run(&[
            "batch",
            "verify",
            "--l1.rpc-url",
            l1,
            "--chain",
            chain,
            "--l2.rpc-url",
            &l2,
        ])
    }
}

/// No preconfirmation is broken.
#[tokio::test(flavor = "current_thread")]
#[ignore = "needs the openledger binary and half a minute without other load: scripts/crash.sh runs it"]
async fn nothing_acknowledged_is_lost_by_kill_9() -> Result<()> {
    run(Kind::Unsettled).await
}

/// The local L1 comes back older than it was, and the chain is unwound to what it knows of: no transaction
/// is lost by that, and what is on L1 in the end is the chain.
#[tokio::test(flavor = "current_thread")]
#[ignore = "needs the openledger binary and half a minute without other load: scripts/crash.sh runs it"]
async fn no_transaction_is_lost_when_the_l1_is_killed_as_well() -> Result<()> {
    run(Kind::Settled).await
}

async fn run(kind: Kind) -> Result<()> {
    let rounds = environment("OPENLEDGER_CRASH_ROUNDS")?.unwrap_or(ROUNDS);
    let rounds = if kind == Kind::Settled {
        rounds.div_ceil(SETTLED_PART)
    } else {
        rounds
    };
    let seed = match environment("OPENLEDGER_CRASH_SEED")? {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64,
    };
    println!("OPENLEDGER_CRASH_SEED={seed}, {rounds} kills");
    let directory = tempfile::TempDir::with_prefix("crash-")?;
    let setting = Setting {
        kind,
        binary: binary()?,
        data: directory.path().join("data"),
        output: directory.path().join("openledger.log"),
    };
    let result = crash_loop(&setting, rounds, seed).await;
    if result.is_err() {
        println!(
            "the node's data and log stay in {}",
            directory.keep().display()
        );
    }
    result
}

async fn crash_loop(setting: &Setting, rounds: usize, seed: u64) -> Result<()> {
    let mut random = Random::new(seed);
    let mut record = Record::default();
    let mut node = setting.start().await?;
    let accounts = Accounts::prepare(
        node.address(),
        &Wallet::development()?,
        seed,
        senders::COUNT,
        Workload::Erc20,
    )
    .await?;
    let ((least, most), pause) = match setting.kind {
        Kind::Unsettled => (WORK_MS, Duration::ZERO),
        Kind::Settled => (SETTLED_WORK_MS, SETTLED_PAUSE),
    };
    let senders = Senders::new(&accounts, pause)?;
    for round in 1..=rounds {
        let work = Duration::from_millis(least + random.below(most - least));
        println!("round {round}: SIGKILL after {work:?}");
        let before = record.counts();
        senders
            .work_until_killed(node, work, random.next(), &mut record)
            .await?;
        println!("  acknowledged: {}", record.counts().since(&before));
        while random.below(START_KILLS) == 0 {
            let after = Duration::from_millis(random.below(START_KILL_MS));
            println!("  SIGKILL {after:?} after the next start");
            let starting = setting.command()?.spawn()?;
            tokio::time::sleep(after).await;
            starting.kill()?;
        }
        node = setting.start().await?;
        checks::wait_until_begun(node.address()).await?;
        let mut client = Client::open(node.address()).await?;
        let checked = match setting.kind {
            Kind::Unsettled => checks::after_restart(&mut client, &mut record).await,
            Kind::Settled => checks::after_restart_with_older_l1(&mut client, &mut record).await,
        };
        checked.with_context(|| format!("after the kill of round {round}"))?;
    }
    let mut client = Client::open(node.address()).await?;
    senders.fill_gaps(&mut client, &mut record).await?;
    checks::at_the_end(&mut client, &record).await?;
    println!("in all: {}", record.counts());
    if setting.kind == Kind::Settled {
        let safe = checks::wait_until_safe(&mut client).await?;
        setting.verify_batches(&node)?;
        println!("  safe at block {safe}, verified from L1");
    }
    node.stop().await?;
    setting.run(&["db", "verify", "--data-dir", setting.data()?])
}
