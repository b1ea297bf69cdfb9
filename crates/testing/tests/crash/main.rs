//! The crash test: `openledger dev` under load is killed by `SIGKILL` at random instants, again and again, on
//! one data directory, and must lose nothing that it acknowledged.
//!
//! After each restart: every sealed block that was seen has the same hash; every transaction that was
//! preconfirmed is in the block and at the index that were answered, and succeeded; every transaction that
//! was accepted into the pool is known. The node comes back within five seconds by itself. At the end the
//! gaps in front of the pooled transactions are filled, all of them are included, and `openledger db verify`
//! finds nothing.
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
use std::{
    env,
    ffi::OsString,
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

struct Setting {
    binary: PathBuf,
    data: PathBuf,
    output: PathBuf,
}

impl Setting {
    fn command(&self) -> Result<NodeCommand> {
        let address = free_address()?;
        // A block that is never full: one that is takes no more transactions until it is sealed.
        let fixed = "dev --no-batcher --block-time 1 --gas-limit 1000000000 --privileged.port 0";
        let mut arguments: Vec<OsString> = fixed.split(' ').map(OsString::from).collect();
        arguments.extend(["--http.port".into(), address.port().to_string().into()]);
        arguments.extend(["--data-dir".into(), self.data.clone().into()]);
        let output = self.output.clone();
        Ok(NodeCommand {
            program: self.binary.clone(),
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

    fn verify(&self) -> Result<()> {
        let output = Command::new(&self.binary)
            .args(["db", "verify", "--data-dir"])
            .arg(&self.data)
            .output()?;
        ensure!(
            output.status.success(),
            "db verify: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}

#[tokio::test(flavor = "current_thread")]
#[ignore = "needs the openledger binary and 40 seconds without other load: scripts/crash.sh runs it"]
async fn nothing_acknowledged_is_lost_by_kill_9() -> Result<()> {
    let rounds = environment("OPENLEDGER_CRASH_ROUNDS")?.unwrap_or(ROUNDS);
    let seed = match environment("OPENLEDGER_CRASH_SEED")? {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64,
    };
    println!("OPENLEDGER_CRASH_SEED={seed} OPENLEDGER_CRASH_ROUNDS={rounds}");
    let directory = tempfile::TempDir::with_prefix("crash-")?;
    let setting = Setting {
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
    let senders = Senders::new(&accounts)?;
    for round in 1..=rounds {
        let work = Duration::from_millis(WORK_MS.0 + random.below(WORK_MS.1 - WORK_MS.0));
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
        let mut client = Client::open(node.address()).await?;
        checks::after_restart(&mut client, &mut record)
            .await
            .with_context(|| format!("after the kill of round {round}"))?;
    }
    let mut client = Client::open(node.address()).await?;
    senders.fill_gaps(&mut client, &mut record).await?;
    checks::at_the_end(&mut client, &record).await?;
    println!("in all: {}", record.counts());
    node.stop().await?;
    setting.verify()
}
