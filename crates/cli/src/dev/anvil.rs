//! The local L1: an anvil process that lives and dies with this one.
//!
//! It runs in a process group of its own, so that Ctrl-C reaches us first and its state can be dumped;
//! the kernel ends it if we are killed. Its state is dumped over RPC into a file that is replaced whole:
//! anvil's own `--state` writes in place, and a crash in the middle would leave half a file.

use alloy_primitives::{Address, Bytes, U64, U256};
use alloy_provider::{Provider, RootProvider};
use anyhow::{Context, bail, ensure};
use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command as StdCommand, Stdio},
    time::{Duration, Instant},
};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Names the anvil binary.
const ANVIL_VARIABLE: &str = "OPENLEDGER_ANVIL";
/// Oldest anvil that behaves as this code expects (`--hardfork prague`, `finalized`, state dumps).
const VERSION_MIN: (u64, u64) = (1, 7);
/// Where npm puts the native binary, below the repository.
const NPM_PATH: &str = "contracts/node_modules/@foundry-rs";
/// Chain id of the local L1.
pub(crate) const CHAIN_ID: u64 = 900;
/// Seconds between L1 blocks.
pub(crate) const BLOCK_TIME: u64 = 2;
/// Slots an epoch: a block is safe after one epoch and finalized after two.
const SLOTS_IN_AN_EPOCH: u64 = 2;
/// How long anvil may take to answer.
const START_TIMEOUT: Duration = Duration::from_secs(10);
const START_POLL: Duration = Duration::from_millis(5);
/// How long it may take to end before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Time between dumps of its state, unless a dump takes long.
const DUMP_INTERVAL: Duration = Duration::from_secs(4);
/// A dump may take one part in so many of the time.
const DUMP_SHARE: u32 = 20;
/// Largest state, uncompressed.
const STATE_BYTES_MAX: usize = 4 << 30;
/// ETH of each role's account on the local L1.
const ROLE_ETH: u64 = 1_000_000;

/// How anvil is started.
#[derive(Debug, Clone)]
pub(crate) struct AnvilOptions {
    pub(crate) port: u16,
    pub(crate) accounts: u32,
    /// File of its state: loaded if it exists.
    pub(crate) state: PathBuf,
    /// What it prints, kept for the case that it doesn't start.
    pub(crate) log: PathBuf,
}

/// A running anvil.
#[derive(Debug)]
pub(crate) struct Anvil {
    child: Child,
    provider: RootProvider,
    url: String,
    state: PathBuf,
}

/// What `txpool_status` answers, as far as it is of use.
#[derive(Debug, serde::Deserialize)]
struct PoolStatus {
    pending: U64,
}

/// The anvil binary to run.
///
/// # Errors
/// If there is none of a sufficient version; says how to install one.
pub(crate) fn locate() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os(ANVIL_VARIABLE).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let version =
            version(&path).with_context(|| format!("{ANVIL_VARIABLE} names {}", path.display()))?;
        ensure!(
            version >= VERSION_MIN,
            "{ANVIL_VARIABLE} names anvil {}.{}, but {}.{} or later is needed",
            version.0,
            version.1,
            VERSION_MIN.0,
            VERSION_MIN.1
        );
        return Ok(path);
    }
    let candidates = npm_candidates().into_iter().chain(path_candidates());
    candidates
        .into_iter()
        .find(|path| path.is_file() && version(path).is_ok_and(|version| version >= VERSION_MIN))
        .with_context(|| {
            format!(
                "anvil {}.{} or later, the local L1, is not installed: run scripts/install.sh in the \
                 repository (npm package @foundry-rs/anvil), or name a binary by {ANVIL_VARIABLE}; \
                 --no-batcher needs no L1",
                VERSION_MIN.0, VERSION_MIN.1
            )
        })
}

/// The pinned binary below the folders in which the repository may be: this one and its parents, and
/// those of the executable.
fn npm_candidates() -> Vec<PathBuf> {
    let os = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        "linux"
    };
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    let binary = Path::new(NPM_PATH).join(format!("anvil-{os}-{arch}/bin/anvil"));
    let mut roots: Vec<PathBuf> = Vec::new();
    let starts = [env::current_dir().ok(), env::current_exe().ok()];
    for start in starts.into_iter().flatten() {
        roots.extend(start.ancestors().map(Path::to_owned));
    }
    // Cargo's target folder may lie outside of the repository that it was built from.
    roots.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    roots.into_iter().map(|root| root.join(&binary)).collect()
}

fn path_candidates() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join("anvil"))
        .collect()
}

/// Major and minor version of an anvil binary.
fn version(path: &Path) -> anyhow::Result<(u64, u64)> {
    let output = StdCommand::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't run {}", path.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse_version(&text)
        .with_context(|| format!("{} --version answered no version of anvil", path.display()))
}

/// From "anvil Version: 1.7.1-stable" or "anvil 1.7.1".
fn parse_version(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().find(|line| line.starts_with("anvil"))?;
    let number = line
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut parts = number.split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

impl Anvil {
    /// Starts anvil and waits until it answers.
    ///
    /// Must be called on the process's main thread: the death signal belongs to the thread that starts
    /// the child.
    ///
    /// # Errors
    /// If it doesn't start or doesn't answer; with the error that it printed.
    pub(crate) async fn start(options: AnvilOptions) -> anyhow::Result<Self> {
        let binary = locate()?;
        let log = fs::File::create(&options.log)
            .with_context(|| format!("can't write {}", options.log.display()))?;
        let mut command = Command::new(&binary);
        command
            .args([
                "--host",
                "127.0.0.1",
                "--hardfork",
                "prague",
                "--no-request-size-limit",
                "--quiet",
            ])
            .args(["--port", &options.port.to_string()])
            .args(["--chain-id", &CHAIN_ID.to_string()])
            .args(["--block-time", &BLOCK_TIME.to_string()])
            .args(["--slots-in-an-epoch", &SLOTS_IN_AN_EPOCH.to_string()])
            .args(["--accounts", &options.accounts.to_string()])
            .args(["--mnemonic", super::accounts::MNEMONIC])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true);
        if options.state.exists() {
            command.arg("--load-state").arg(&options.state);
        }
        die_with_parent(&mut command);
        let child = command
            .spawn()
            .with_context(|| format!("can't start {}", binary.display()))?;
        let url = format!("http://127.0.0.1:{}", options.port);
        let provider = RootProvider::new_http(url.parse()?);
        let mut anvil = Self {
            child,
            provider,
            url,
            state: options.state,
        };
        anvil.wait_until_ready(&options.log).await?;
        Ok(anvil)
    }

    async fn wait_until_ready(&mut self, log: &Path) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            if self
                .provider
                .get_chain_id()
                .await
                .is_ok_and(|id| id == CHAIN_ID)
            {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                let printed = fs::read_to_string(log).unwrap_or_default();
                let mut lines = printed
                    .lines()
                    .map(str::trim)
                    .filter(|line| !line.is_empty());
                let said = lines
                    .find(|line| line.contains("rror"))
                    .unwrap_or("nothing of use");
                if self.state.exists() {
                    bail!(
                        "anvil can't load the local L1's state from {} ({status}; it printed: {said}): use \
                         another --data-dir, or delete it",
                        self.state.display()
                    );
                }
                bail!("anvil ended at once ({status}); it printed: {said}");
            }
            if started.elapsed() > START_TIMEOUT {
                bail!(
                    "anvil did not answer at {} within {START_TIMEOUT:?}",
                    self.url
                );
            }
            tokio::time::sleep(START_POLL).await;
        }
    }

    /// Its RPC URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Gives the account of a role ETH.
    ///
    /// # Errors
    /// If anvil doesn't answer.
    pub(crate) async fn fund(&self, account: Address) -> anyhow::Result<()> {
        let balance = U256::from(ROLE_ETH) * U256::from(10).pow(U256::from(18));
        self.request::<_, Option<serde_json::Value>>("anvil_setBalance", (account, balance))
            .await?;
        Ok(())
    }

    /// Puts code at an address.
    ///
    /// # Errors
    /// If anvil doesn't answer.
    pub(crate) async fn set_code(&self, address: Address, code: &Bytes) -> anyhow::Result<()> {
        self.request::<_, Option<serde_json::Value>>("anvil_setCode", (address, code))
            .await?;
        Ok(())
    }

    /// Mines a block now.
    ///
    /// # Errors
    /// If anvil doesn't answer.
    pub(crate) async fn mine(&self) -> anyhow::Result<()> {
        self.request::<_, serde_json::Value>("evm_mine", ()).await?;
        Ok(())
    }

    /// How many transactions wait for a block.
    ///
    /// # Errors
    /// If anvil doesn't answer.
    pub(crate) async fn waiting(&self) -> anyhow::Result<u64> {
        let status: PoolStatus = self.request("txpool_status", ()).await?;
        Ok(status.pending.to())
    }

    /// Writes its state to the state file, whole or not at all.
    ///
    /// # Errors
    /// If anvil doesn't answer, or the file can't be written.
    pub(crate) async fn dump(&self) -> anyhow::Result<()> {
        dump(&self.provider, &self.state).await
    }

    /// Dumps its state until `shutdown`, at a short interval that grows with the time that a dump takes.
    pub(crate) fn dump_regularly(
        &self,
        shutdown: CancellationToken,
    ) -> tokio::task::JoinHandle<()> {
        let provider = self.provider.clone();
        let state = self.state.clone();
        tokio::spawn(async move {
            let mut pause = DUMP_INTERVAL;
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                let started = Instant::now();
                if let Err(error) = dump(&provider, &state).await {
                    warn!(
                        error = crate::one_line(&error),
                        "the local L1's state was not saved"
                    );
                }
                pause = DUMP_INTERVAL.max(started.elapsed() * DUMP_SHARE);
            }
        })
    }

    /// Completes when the process has ended by itself.
    ///
    /// # Errors
    /// If it can't be waited for.
    pub(crate) async fn ended(&mut self) -> io::Result<std::process::ExitStatus> {
        self.child.wait().await
    }

    /// Dumps the state if `keep` says so, and ends the process.
    pub(crate) async fn stop(mut self, keep: bool) {
        if keep && let Err(error) = self.dump().await {
            warn!(
                error = crate::one_line(&error),
                "the local L1's state was not saved"
            );
        }
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            // SAFETY: a signal to a child that was not yet waited for, so that its id is still its own.
            unsafe { libc::kill(pid, libc::SIGTERM) };
        }
        if tokio::time::timeout(STOP_TIMEOUT, self.child.wait())
            .await
            .is_err()
        {
            warn!("anvil did not end by itself and is killed");
            // It has ended if this fails.
            let _ = self.child.kill().await;
        }
    }

    async fn request<P, R>(&self, method: &'static str, params: P) -> anyhow::Result<R>
    where
        P: Parameters,
        R: Answer,
    {
        request(&self.provider, method, params).await
    }
}

/// Parameters of a call.
trait Parameters: serde::Serialize + Clone + std::fmt::Debug + Send + Sync + Unpin {}
impl<T: serde::Serialize + Clone + std::fmt::Debug + Send + Sync + Unpin> Parameters for T {}

/// What a call answers.
trait Answer: serde::de::DeserializeOwned + std::fmt::Debug + Send + Sync + Unpin + 'static {}
impl<T: serde::de::DeserializeOwned + std::fmt::Debug + Send + Sync + Unpin + 'static> Answer
    for T
{
}

async fn dump(provider: &RootProvider, path: &Path) -> anyhow::Result<()> {
    let packed: Bytes = request(provider, "anvil_dumpState", ()).await?;
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || {
        let state = gunzip(&packed).context("anvil_dumpState answered no gzip data")?;
        let partial = path.with_extension("partial");
        let mut file = fs::File::create(&partial)?;
        file.write_all(&state)?;
        file.sync_data()?;
        fs::rename(&partial, &path)?;
        anyhow::Ok(())
    })
    .await?
    .context("saving the local L1's state")
}

/// The content of a gzip file (RFC 1952) without optional fields, as anvil writes it.
fn gunzip(packed: &[u8]) -> Option<Vec<u8>> {
    const HEADER_BYTES: usize = 10;
    const TRAILER_BYTES: usize = 8;
    let (header, rest) = packed.split_at_checked(HEADER_BYTES)?;
    let (deflated, _) = rest.split_at_checked(rest.len().checked_sub(TRAILER_BYTES)?)?;
    if header[..4] != [0x1f, 0x8b, 8, 0] {
        return None;
    }
    miniz_oxide::inflate::decompress_to_vec_with_limit(deflated, STATE_BYTES_MAX).ok()
}

/// Has the kernel end the child when the thread that starts it ends.
#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    // SAFETY: the closure runs in the child between fork and exec and makes two system calls that are
    // safe there (prctl, getppid); it allocates nothing.
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

async fn request<P, R>(
    provider: &RootProvider,
    method: &'static str,
    params: P,
) -> anyhow::Result<R>
where
    P: Parameters,
    R: Answer,
{
    provider
        .raw_request(method.into(), params)
        .await
        .with_context(|| format!("{method} on the local L1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_in_both_forms() {
        assert_eq!(
            parse_version("anvil Version: 1.7.1-stable\nCommit SHA: 12"),
            Some((1, 7))
        );
        assert_eq!(parse_version("anvil 1.10.0 (abc 2026)"), Some((1, 10)));
        assert_eq!(parse_version("forge 1.7.1"), None);
        assert_eq!(parse_version(""), None);
    }

    #[test]
    fn gzip_data_is_unpacked_and_anything_else_refused() {
        let deflated = miniz_oxide::deflate::compress_to_vec(b"state", 6);
        let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        let packed = [&header[..], &deflated, &[0; 8]].concat();
        assert_eq!(gunzip(&packed).as_deref(), Some(&b"state"[..]));
        assert_eq!(gunzip(&packed[1..]), None);
        assert_eq!(gunzip(&packed[..packed.len() - 10]), None);
        assert_eq!(gunzip(b"{}"), None);
    }
}
