//! The processes that the demonstration runs beside itself: the chain with its L1, the watcher, the verifier.

use anyhow::{Context, bail, ensure};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::process::{Child, Command};

/// How long a process may take to end after it was asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a condition is looked at that nothing tells of.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// Most of a log that is repeated where something failed, bytes.
const TAIL_BYTES_MAX: usize = 2_000;

/// The `openledger` command.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    path: PathBuf,
    /// Where logs are written.
    directory: PathBuf,
}

impl Binary {
    /// The command at a path; its processes' logs go into a directory.
    pub(crate) fn new(path: &Path, directory: &Path) -> anyhow::Result<Self> {
        ensure!(
            path.is_file(),
            "there is no openledger command at {}: build it, or name another by --openledger",
            path.display()
        );
        Ok(Self {
            path: path.to_owned(),
            directory: directory.to_owned(),
        })
    }

    /// Starts it with these arguments. It is killed if it isn't stopped before it is dropped.
    pub(crate) fn start(&self, name: &'static str, arguments: &[&str]) -> anyhow::Result<Process> {
        let log = self.directory.join(format!("{name}.log"));
        let out = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let mut command = Command::new(&self.path);
        // What is set for other chains isn't meant here.
        for (variable, _) in std::env::vars_os() {
            let is_setting = variable.to_string_lossy().starts_with("OPENLEDGER_");
            if is_setting && variable != "OPENLEDGER_ANVIL" {
                command.env_remove(variable);
            }
        }
        die_with_parent(&mut command);
        let child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", self.path.display()))?;
        Ok(Process { name, child, log })
    }

    /// Runs it to its end; what it printed.
    pub(crate) async fn run(
        &self,
        name: &'static str,
        arguments: &[&str],
    ) -> anyhow::Result<String> {
        let mut process = self.start(name, arguments)?;
        let status = process.child.wait().await?;
        ensure!(
            status.success(),
            "openledger {} ended with {status}:\n{}",
            arguments.join(" "),
            process.tail()
        );
        Ok(fs::read_to_string(&process.log)?)
    }
}

/// Has the kernel ask the child to end when the thread that starts it ends, so that nothing is left behind when the
/// demonstration is killed. All children are started by the main thread, which lives as long as the process does.
#[cfg(target_os = "linux")]
#[allow(
    unsafe_code,
    reason = "two system calls between fork and exec, where both are safe"
)]
fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    // SAFETY: the closure runs in the child between fork and exec and makes two system calls that are safe there (prctl,
    // getppid); it allocates nothing.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died before the signal was set.
            if u32::try_from(libc::getppid()).ok() != Some(parent) {
                return Err(io::Error::from(io::ErrorKind::BrokenPipe));
            }
            Ok(())
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command) {}

/// A process of the command.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Waits until `found` finds something.
    ///
    /// # Errors
    /// The process ended, or it takes longer than `timeout`; with the end of its log.
    pub(crate) async fn until<T>(
        &mut self,
        what: &str,
        timeout: Duration,
        mut found: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let started = Instant::now();
        loop {
            if let Some(found) = found().await? {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "{} ended with {status} before {what}:\n{}",
                    self.name,
                    self.tail()
                );
            }
            ensure!(
                started.elapsed() < timeout,
                "{what} took longer than {} s:\n{}",
                timeout.as_secs(),
                self.tail()
            );
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            #[allow(unsafe_code, reason = "a signal to a child that isn't waited for yet")]
            // SAFETY: the child isn't reaped, so the id is its own.
            unsafe {
                libc::kill(pid, libc::SIGTERM);
            }
        }
        match tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await {
            Ok(status) => {
                status?;
                Ok(())
            }
            Err(_) => bail!(
                "{} didn't end within {} s",
                self.name,
                STOP_TIMEOUT.as_secs()
            ),
        }
    }

    /// The end of its log.
    fn tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let from = text.len().saturating_sub(TAIL_BYTES_MAX);
        String::from_utf8_lossy(text.get(from..).unwrap_or_default()).into_owned()
    }
}
