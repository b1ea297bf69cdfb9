//! Commands against real contracts: an L1 of a test's own, and a directory for their files.

use crate::{Cli, run};
use alloy_primitives::{Address, address};
use clap::Parser;
use openledger_l1::{L1Client, RequestConfig, anvil::Anvil};
use std::{fs, path::PathBuf, process::ExitCode};
use tempfile::TempDir;

/// The first account that anvil funds, and its key.
pub(crate) const DEPLOYER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
pub(crate) const DEPLOYER_KEY: &str =
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// A chain to deploy (`openledger l1 deploy`), whose roles are the accounts 1 to 8.
pub(crate) const CHAIN: &str = r#"
    [l1]
    chain-id = 31337
    confirmations = 1
    [l2]
    chain-id = 1612
    block-time = 1
    [roles]
    owner = "0x0000000000000000000000000000000000000001"
    batcher = "0x0000000000000000000000000000000000000002"
    proposer = "0x0000000000000000000000000000000000000003"
    challenger = "0x0000000000000000000000000000000000000004"
    guardian = "0x0000000000000000000000000000000000000005"
    unsafe-block-signer = "0x0000000000000000000000000000000000000006"
    treasury = "0x0000000000000000000000000000000000000007"
    fee-recipient = "0x0000000000000000000000000000000000000008"
    [fees]
    eip1559-denominator = 250
    eip1559-elasticity = 6
    [clocks]
    max-clock-seconds = 10
    [allocations]
    "0x000000000000000000000000000000000000000a" = "10000.5"
    [grants]
    "0x000000000000000000000000000000000000000b" = "3"
"#;

/// An L1, and a directory in which a chain's files come to be in `out`.
pub(crate) struct Site {
    pub(crate) anvil: Anvil,
    pub(crate) client: L1Client,
    directory: TempDir,
}

impl Site {
    /// Starts anvil with these arguments; `None` where it is not installed.
    pub(crate) async fn start(arguments: &[&str]) -> Option<Self> {
        let anvil = Anvil::start(arguments).await.expect("anvil")?;
        Some(Self {
            client: L1Client::new(&[anvil.url()], RequestConfig::default()).unwrap(),
            anvil,
            directory: tempfile::tempdir().unwrap(),
        })
    }

    /// The directory of the chain's files.
    pub(crate) fn out(&self) -> PathBuf {
        self.directory.path().join("out")
    }

    /// Writes a file and answers its path.
    fn write(&self, name: &str, content: &str) -> String {
        let path = self.directory.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs a command that is told where the L1 is, with an account's key; answers whether it ended well.
    async fn run(&self, arguments: &[&str], key: &str) -> anyhow::Result<bool> {
        let (url, key) = (self.anvil.url(), self.write("key", key));
        let common = ["--l1.rpc-url", &url, "--key-file", &key];
        let cli = Cli::try_parse_from([&["openledger"], arguments, &common].concat())?;
        Ok(is_success(run(cli.command).await?))
    }

    /// Deploys the chain of a file.
    pub(crate) async fn deploy(&self, file: &str) -> anyhow::Result<bool> {
        let (config, out) = (self.write("chain.toml", file), self.out());
        let out = out.to_str().unwrap();
        let arguments = ["l1", "deploy", "--config", &config, "--out", out];
        self.run(&arguments, DEPLOYER_KEY).await
    }

    /// `openledger l1 status`.
    pub(crate) async fn status(&self) -> anyhow::Result<bool> {
        let (url, out) = (self.anvil.url(), self.out());
        let chain = ["--chain", out.to_str().unwrap(), "--l1.rpc-url", &url];
        let arguments = [&["openledger", "l1", "status"], &chain[..]].concat();
        let cli = Cli::try_parse_from(arguments)?;
        Ok(is_success(run(cli.command).await?))
    }

    /// `openledger fees set` for a rate, with an account's key.
    pub(crate) async fn set_fees(
        &self,
        rate: &str,
        key: &str,
        more: &[&str],
    ) -> anyhow::Result<bool> {
        let out = self.out();
        let chain = ["--chain", out.to_str().unwrap(), "--open-per-eth", rate];
        let arguments = [&["fees", "set"], &chain[..], more].concat();
        self.run(&arguments, key).await
    }
}

/// Exit codes can't be compared.
fn is_success(code: ExitCode) -> bool {
    format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS)
}
