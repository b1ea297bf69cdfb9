//! A real L1 for tests: an anvil that is started, asked and stopped.
//!
//! Behind the feature `anvil`, which only tests of this and other packages switch on.

use crate::{
    L1Error, RequestConfig,
    endpoints::{Endpoints, OnAbsence, OnRefusal},
};
use serde_json::Value;
use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};
use tokio::time::Instant;

/// Environment variable that names the anvil binary.
pub const ANVIL_VARIABLE: &str = "OPENLEDGER_ANVIL";
/// Environment variable that, set to `1`, skips the tests that need anvil.
pub const SKIP_VARIABLE: &str = "OPENLEDGER_SKIP_ANVIL";
/// Where the project's own install puts it, below the project's folder.
const INSTALLED: &str = "contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil";
/// How long anvil may take to answer.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long it may take to answer a request. It loads the KZG set-up with its first blob, and answers
/// nothing meanwhile.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
const START_POLL: Duration = Duration::from_millis(10);

/// Why anvil could not be started.
#[derive(Debug, thiserror::Error)]
pub enum AnvilError {
    /// There is none.
    #[error(
        "anvil is not installed: run contracts/tools/install.sh, or set {ANVIL_VARIABLE} to its path, \
         or skip the tests that need it by {SKIP_VARIABLE}=1"
    )]
    NotInstalled,
    /// It can't be run.
    #[error("{path} can't be run: {source}")]
    Spawn {
        /// The binary.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No port can be had.
    #[error("no free port: {0}")]
    NoPort(#[source] io::Error),
    /// It ended by itself.
    #[error("anvil ended while starting: {status}")]
    Ended {
        /// Its exit status.
        status: ExitStatus,
    },
    /// It does not answer.
    #[error("anvil did not answer on port {port} within {} s", START_TIMEOUT.as_secs())]
    NoAnswer {
        /// The port.
        port: u16,
    },
}

/// A running anvil, with Prague's rules, on a free port of the loopback interface. It is killed when
/// this is dropped.
#[derive(Debug)]
pub struct Anvil {
    child: Child,
    port: u16,
}

impl Anvil {
    /// Starts anvil with these arguments and waits until it answers. `None` where [`SKIP_VARIABLE`]
    /// asks for no such tests.
    ///
    /// # Errors
    /// If it is not installed, can't be run, ends, or doesn't answer.
    pub async fn start(arguments: &[&str]) -> Result<Option<Self>, AnvilError> {
        if std::env::var_os(SKIP_VARIABLE).is_some_and(|value| value == "1") {
            println!("skipped: {SKIP_VARIABLE}=1");
            return Ok(None);
        }
        let path = find().ok_or(AnvilError::NotInstalled)?;
        let port = free_port().map_err(AnvilError::NoPort)?;
        let child = Command::new(&path)
            .args(["--port", &port.to_string(), "--hardfork", "prague"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| AnvilError::Spawn { path, source })?;
        let mut anvil = Self { child, port };
        anvil.wait().await?;
        Ok(Some(anvil))
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Calls a method that the client has no use for, such as `evm_snapshot`.
    ///
    /// # Errors
    /// If anvil doesn't answer, or answers with an error.
    pub async fn request(&self, method: &'static str, params: Value) -> Result<Value, L1Error> {
        let config = RequestConfig {
            timeout: REQUEST_TIMEOUT,
            attempts: 1,
            ..Default::default()
        };
        Endpoints::new(&[self.url()], config)?
            .request(
                method,
                params,
                OnRefusal::Return,
                OnAbsence::Retry,
                |answer: Value| std::future::ready(Ok(answer)),
            )
            .await
    }

    async fn wait(&mut self) -> Result<(), AnvilError> {
        let start = Instant::now();
        while self
            .request("eth_chainId", Value::Array(vec![]))
            .await
            .is_err()
        {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(AnvilError::Ended { status });
            }
            if start.elapsed() > START_TIMEOUT {
                return Err(AnvilError::NoAnswer { port: self.port });
            }
            tokio::time::sleep(START_POLL).await;
        }
        Ok(())
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // Failures mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary that [`ANVIL_VARIABLE`] names, or the installed one, looked for from the working
/// directory and from this source's folder upwards.
fn find() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(ANVIL_VARIABLE) {
        return Some(path.into());
    }
    let working = std::env::current_dir().ok();
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let roots = working
        .iter()
        .flat_map(|path| path.ancestors())
        .chain(source.ancestors());
    roots
        .map(|root| root.join(INSTALLED))
        .find(|path| path.is_file())
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}
