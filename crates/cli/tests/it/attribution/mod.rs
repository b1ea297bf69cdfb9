//! The off-chain side of attribution against a node: made, submitted, scored, verified; and what is
//! tampered with is found.

mod lying;
mod sets;
mod spans;
mod tampering;

use crate::process::{Dev, command};
use alloy_primitives::Address;
use alloy_provider::{Provider, RootProvider};
use anyhow::ensure;
use serde_json::Value;
use std::{
    fs,
    process::{Command, Output},
};

const DATANET: &str = "0x00000000000000000000000000000000000000000000000000000000000000d1";
const SEAL_ON_DEMAND: [&str; 1] = ["--instant"];

/// A chain and a directory for the files of a test.
struct World {
    dev: Dev,
    files: tempfile::TempDir,
    _home: tempfile::TempDir,
}

impl World {
    fn start() -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        Ok(Self {
            dev: Dev::start(home.path(), &SEAL_ON_DEMAND)?,
            files: tempfile::tempdir()?,
            _home: home,
        })
    }

    /// `openledger attribution …` in the files' directory, as the first account.
    fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = command();
        command
            .arg("attribution")
            .args(arguments)
            .current_dir(self.files.path())
            .env("OPENLEDGER_RPC_URL", self.dev.text("/rpcUrl")?)
            .env("OPENLEDGER_KEY", self.dev.text("/accounts/0/privateKey")?);
        Ok(command)
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        Ok(self.command(arguments)?.output()?)
    }

    /// What a command that ends well prints.
    fn ok(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.run(arguments)?;
        ensure!(
            output.status.success(),
            "{arguments:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What a command that exits with 1 says on standard error.
    fn fails(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.run(arguments)?;
        ensure!(
            output.status.code() == Some(1),
            "{arguments:?} must fail: {}",
            String::from_utf8_lossy(&output.stdout)
        );
        Ok(String::from_utf8(output.stderr)?)
    }

    fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.ok(arguments)?)?)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
        Ok(fs::write(self.files.path().join(name), content)?)
    }

    fn read(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        Ok(fs::read(self.files.path().join(name))?)
    }

    fn account(&self) -> anyhow::Result<Address> {
        Ok(self.dev.text("/accounts/0/address")?.parse()?)
    }
}

/// A text of words that no other number has.
fn text(number: usize, words: usize) -> String {
    let words: Vec<String> = (0..words)
        .map(|word| format!("w{}", (word * word * 31 + number * 7_919) % 10_007))
        .collect();
    words.join(" ")
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

fn mine(world: &World) -> anyhow::Result<()> {
    let rpc: RootProvider = world.dev.rpc()?;
    block_on(async {
        let _: Value = rpc.raw_request("evm_mine".into(), ()).await?;
        Ok(())
    })
}
