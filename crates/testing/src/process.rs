//! Nodes as processes of their own: started on a free port in a group of their own, measured by what the
//! kernel says about them, and stopped by their id.

use crate::rpc::Client;
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use std::{
    ffi::OsString,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// Ticks of the kernel's process clock a second: `USER_HZ`, 100 on every Linux that we know.
const TICKS_PER_SECOND: u64 = 100;
/// How long a node may take to end after it was asked to.
const STOP_PATIENCE: Duration = Duration::from_secs(20);
/// How often a starting node is asked whether it answers.
const START_TICK: Duration = Duration::from_millis(1);
/// Last lines of a node's output that an error shows.
const OUTPUT_LINES: usize = 15;

/// How to start a node.
#[derive(Debug, Clone)]
pub struct NodeCommand {
    /// The binary.
    pub program: PathBuf,
    /// Its arguments, the port included.
    pub arguments: Vec<OsString>,
    /// Where it will listen.
    pub address: SocketAddr,
    /// Where its output goes (appended).
    pub output: PathBuf,
}

/// A running node. It is killed when this is dropped.
#[derive(Debug)]
pub struct NodeProcess {
    child: Child,
    command: NodeCommand,
    spawned: Instant,
    /// From the start of the process to its first answer.
    start_time: Duration,
}

/// What a process used so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// CPU time of all its threads, those that ended included.
    pub cpu: Duration,
    /// Resident memory now, bytes.
    pub resident_bytes: u64,
    /// The most resident memory that it had, bytes.
    pub resident_peak_bytes: u64,
}

/// A loopback address that nobody listens on.
///
/// # Errors
/// No port is free.
pub fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a free port")?;
    Ok(listener.local_addr()?)
}

impl NodeCommand {
    /// Starts the node; it may not answer yet.
    ///
    /// # Errors
    /// It can't be started.
    pub fn spawn(&self) -> Result<NodeProcess> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(&self.output)
            .with_context(|| self.output.display().to_string())?;
        let spawned = Instant::now();
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))?;
        Ok(NodeProcess {
            child,
            command: self.clone(),
            spawned,
            start_time: Duration::ZERO,
        })
    }

    /// Starts the node and waits until it answers `eth_chainId`.
    ///
    /// # Errors
    /// It can't be started, ends, or does not answer within `patience`.
    pub async fn start(&self, patience: Duration) -> Result<NodeProcess> {
        let mut node = self.spawn()?;
        loop {
            if let Ok(mut client) = Client::open(self.address).await
                && client.call("eth_chainId", json!([])).await.is_ok()
            {
                node.start_time = node.spawned.elapsed();
                return Ok(node);
            }
            if let Some(status) = node.child.try_wait()? {
                bail!(
                    "{} ended with {status}:\n{}",
                    self.program.display(),
                    node.last_output()
                );
            }
            if node.spawned.elapsed() > patience {
                bail!(
                    "{} did not answer within {patience:?}:\n{}",
                    self.program.display(),
                    node.last_output()
                );
            }
            tokio::time::sleep(START_TICK).await;
        }
    }
}

impl NodeProcess {
    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.command.address
    }

    /// Its process id, which is its group's, too.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// From the start of the process to its first answer.
    pub const fn start_time(&self) -> Duration {
        self.start_time
    }

    /// What it used so far.
    ///
    /// # Errors
    /// It has ended.
    pub fn usage(&self) -> Result<Usage> {
        usage(self.pid())
    }

    /// Ends it by `SIGTERM` and waits.
    ///
    /// # Errors
    /// It does not end in time; it is then killed.
    pub async fn stop(mut self) -> Result<ExitStatus> {
        signal(&format!("{}", self.pid()), "TERM")?;
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(
                asked.elapsed() < STOP_PATIENCE,
                "{} did not end within {STOP_PATIENCE:?} of SIGTERM:\n{}",
                self.command.program.display(),
                self.last_output()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Kills the whole process group by `SIGKILL`, at once, and waits until it is gone.
    ///
    /// # Errors
    /// The signal can't be sent.
    pub fn kill(mut self) -> Result<()> {
        self.kill_group()
    }

    /// The end of its output.
    pub fn last_output(&self) -> String {
        last_lines(&self.command.output)
    }

    fn kill_group(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_none() {
            signal(&format!("-{}", self.child.id()), "KILL")?;
            self.child.wait()?;
        }
        Ok(())
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        // Nothing is left to tell the error to; the node is then gone already.
        let _ = self.kill_group();
    }
}

/// What a process used so far.
///
/// # Errors
/// There is no such process.
pub fn usage(pid: u32) -> Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(Usage {
        cpu: parse_cpu(&stat).context("/proc/PID/stat")?,
        resident_bytes: parse_kilobytes(&status, "VmRSS:").context("VmRSS")?,
        resident_peak_bytes: parse_kilobytes(&status, "VmHWM:").context("VmHWM")?,
    })
}

/// `utime` + `stime`, fields 14 and 15; the second field is a name in parentheses that may hold anything.
fn parse_cpu(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis(
        (user + system) * 1000 / TICKS_PER_SECOND,
    ))
}

fn parse_kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Sends a signal by the shell's own `kill`: the standard library has only SIGKILL, for one process.
fn signal(target: &str, name: &str) -> Result<()> {
    let status = Command::new("sh")
        .args(["-c", "kill -s \"$1\" -- \"$2\"", "sh", name, target])
        .stderr(Stdio::null())
        .status()
        .context("sh")?;
    ensure!(status.success(), "SIG{name} could not be sent to {target}");
    Ok(())
}

fn last_lines(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(OUTPUT_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_figures_are_parsed() {
        let stat = "42 (a) b) (c) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 100 0 0";
        assert_eq!(parse_cpu(stat), Some(Duration::from_secs(3)));
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(parse_kilobytes(status, "VmRSS:"), Some(1 << 20));
        assert_eq!(parse_kilobytes(status, "VmSwap:"), None);
    }

    #[test]
    fn this_process_uses_something() {
        let usage = usage(std::process::id()).unwrap();
        assert!(usage.resident_bytes > 0 && usage.resident_bytes <= usage.resident_peak_bytes);
    }
}
