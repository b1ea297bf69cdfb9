//! An `openledger dev` of its own for each test, on free ports.

use alloy_provider::{Provider, RootProvider};
use anyhow::{Context, bail, ensure};
use serde_json::Value;
use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How long a chain may take to be ready, on a machine that does other things as well.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_openledger"));
    command.env_remove("RUST_LOG");
    command
}

/// A running `openledger dev`; killed if a test drops it without stopping it.
pub(crate) struct Dev {
    child: Child,
    directory: PathBuf,
    pub(crate) report: Value,
}

impl Dev {
    /// Starts it in a directory and waits for `dev.json`.
    pub(crate) fn start(directory: &Path, flags: &[&str]) -> anyhow::Result<Self> {
        let report = directory.join("dev.json");
        if report.exists() {
            fs::remove_file(&report)?;
        }
        fs::create_dir_all(directory)?;
        let stdout = File::create(directory.join("stdout.log"))?;
        let stderr = File::create(directory.join("stderr.log"))?;
        let mut command = command();
        command
            .args(["dev", "--http.port", "0", "--data-dir"])
            .arg(directory)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0);
        let mut child = command.spawn()?;
        let started = Instant::now();
        while !report.exists() {
            if let Some(status) = child.try_wait()? {
                bail!(
                    "ended with {status}: {}",
                    fs::read_to_string(directory.join("stderr.log"))?
                );
            }
            if started.elapsed() > START_TIMEOUT {
                child.kill()?;
                bail!(
                    "not ready in time: {}",
                    fs::read_to_string(directory.join("stderr.log"))?
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let report = serde_json::from_slice(&fs::read(&report)?)?;
        Ok(Self {
            child,
            directory: directory.to_owned(),
            report,
        })
    }

    /// A string of `dev.json`.
    pub(crate) fn text(&self, pointer: &str) -> anyhow::Result<&str> {
        self.report
            .pointer(pointer)
            .and_then(Value::as_str)
            .with_context(|| format!("dev.json has no {pointer}"))
    }

    pub(crate) fn rpc(&self) -> anyhow::Result<RootProvider> {
        Ok(RootProvider::new_http(self.text("/rpcUrl")?.parse()?))
    }

    /// Sends a signal to the process alone, as `kill` does.
    pub(crate) fn signal(&self, signal: i32) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id())?;
        // SAFETY: a signal to a child that was not yet waited for.
        ensure!(
            unsafe { libc::kill(pid, signal) } == 0,
            "kill: {}",
            std::io::Error::last_os_error()
        );
        Ok(())
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(
                started.elapsed() < STOP_TIMEOUT,
                "did not stop in time: {}",
                self.log()?
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it by SIGTERM; it must end well.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.signal(libc::SIGTERM)?;
        let status = self.wait()?;
        ensure!(status.success(), "ended with {status}: {}", self.log()?);
        Ok(())
    }

    /// The value of a metric, without its `openledger_`.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<u64> {
        metric(self.text("/privilegedUrl")?, name).await
    }

    pub(crate) fn log(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.directory.join("stderr.log"))?)
    }

    pub(crate) fn banner(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.directory.join("stdout.log"))?)
    }
}

/// What a listener answers to a GET: status and body.
async fn get(url: &str, path: &str) -> anyhow::Result<(u16, String)> {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await?;
    let request = format!("GET {path} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, body.to_owned()))
}

async fn metric(url: &str, name: &str) -> anyhow::Result<u64> {
    let (_, text) = get(url, "/metrics").await?;
    let line = format!("openledger_{name} ");
    let value = text.lines().find_map(|text| text.strip_prefix(&line));
    Ok(value.with_context(|| format!("no {name}"))?.parse()?)
}

/// A running `openledger verifier` or `openledger sequencer`; killed when a test drops it.
pub(crate) struct Verifier {
    child: Child,
    pub(crate) url: String,
    privileged_url: String,
    log: PathBuf,
}

impl Verifier {
    /// Starts a verifier of the chain of `dev`, with its data in `directory`.
    pub(crate) async fn start(dev: &Dev, directory: &Path, flags: &[&str]) -> anyhow::Result<Self> {
        let mut command = command();
        command.arg("verifier").args(flags);
        Self::spawn(command, dev.text("/l1Url")?, &dev.directory, directory).await
    }

    /// Starts a node by a command that names its role, for the chain whose files are in `chain`, with its
    /// data in `directory`.
    pub(crate) async fn spawn(
        mut command: Command,
        l1_url: &str,
        chain: &Path,
        directory: &Path,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(directory)?;
        let log = directory.join("stderr.log");
        let child = command
            .args(["--http.port", "0", "--privileged.port", "0"])
            .args(["--l1.block-time", "1", "--l1.rpc-url", l1_url])
            .arg("--chain")
            .arg(chain)
            .arg("--data-dir")
            .arg(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .process_group(0)
            .spawn()?;
        let mut verifier = Self {
            child,
            url: String::new(),
            privileged_url: String::new(),
            log: log.clone(),
        };
        let started = Instant::now();
        loop {
            let text = fs::read_to_string(&log)?;
            // The addresses are fields of the line that says so.
            let line = text
                .split_inclusive('\n')
                .find(|line| line.contains("ready http=") && line.ends_with('\n'));
            let url = |field: &str| {
                let address = line?.split(field).nth(1)?.split_whitespace().next()?;
                Some(format!("http://{}", address.trim_matches('"')))
            };
            if let (Some(public), Some(privileged)) = (url("http="), url("privileged=")) {
                verifier.url = public;
                verifier.privileged_url = privileged;
                return Ok(verifier);
            }
            if let Some(status) = verifier.child.try_wait()? {
                bail!("ended with {status}: {}", verifier.log()?);
            }
            ensure!(
                started.elapsed() < START_TIMEOUT,
                "not ready in time: {text}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn rpc(&self) -> anyhow::Result<RootProvider> {
        Ok(RootProvider::new_http(self.url.parse()?))
    }

    /// What `/health` answers, and its status.
    pub(crate) async fn health(&self) -> anyhow::Result<(u16, Value)> {
        let (status, text) = get(&self.url, "/health").await?;
        Ok((status, serde_json::from_str(&text)?))
    }

    /// The value of a metric, without its `openledger_`.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<u64> {
        metric(&self.privileged_url, name).await
    }

    pub(crate) fn log(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(&self.log)?)
    }

    /// Waits until it has failed by itself; answers its log.
    pub(crate) async fn ended(&mut self) -> anyhow::Result<String> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(!status.success(), "ended with {status}");
                return self.log();
            }
            ensure!(
                started.elapsed() < START_TIMEOUT,
                "did not end: {}",
                self.log()?
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends it by SIGKILL.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        // Failures mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // Failures mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process exists and is not a zombie.
pub(crate) fn is_alive(pid: u64) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('Z'))
    })
}

/// Asks until `condition` holds of the answer.
pub(crate) async fn until<T, F>(
    what: &str,
    timeout: Duration,
    mut ask: impl FnMut() -> F,
    condition: impl Fn(&T) -> bool,
) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let started = Instant::now();
    loop {
        let answer = ask().await;
        match answer {
            Ok(answer) if condition(&answer) => return Ok(answer),
            _ if started.elapsed() > timeout => bail!("{what}: not within {timeout:?}"),
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Number of a block tag.
pub(crate) async fn block_number(rpc: &RootProvider, tag: &'static str) -> anyhow::Result<u64> {
    let block: Option<Value> = rpc
        .raw_request("eth_getBlockByNumber".into(), (tag, false))
        .await?;
    let number = block
        .as_ref()
        .and_then(|block| block["number"].as_str())
        .context("no number")?;
    Ok(u64::from_str_radix(number.trim_start_matches("0x"), 16)?)
}

/// The latest block's number.
pub(crate) async fn head(rpc: &RootProvider) -> anyhow::Result<u64> {
    Ok(rpc.get_block_number().await?)
}
