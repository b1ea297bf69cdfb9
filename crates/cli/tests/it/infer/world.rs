//! A chain with an adapter on the market, a worker with stake, and the commands.

use crate::process::{Dev, command};
use alloy_primitives::{Address, B256, U256};
use alloy_provider::Provider;
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context, ensure};
use openledger_attribution::submit::adapter::{
    AdapterFile, AdapterTerms, register_adapter, register_base,
};
use openledger_client::{Node, Sender, SenderLimits, Step};
use openledger_economy::{
    contracts::{adapter_market::AdapterMarket, validator_staking::ValidatorStaking},
    infer::{WorkerClient, chain},
    stake::Role,
};
use openledger_primitives::predeploys::{ADAPTER_MARKET, VALIDATOR_STAKING};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::Value;
use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

/// How long anything may take on a machine that does other things as well.
pub(super) const TIMEOUT: Duration = Duration::from_secs(120);
pub(super) const DEVELOPER: u32 = 0;
pub(super) const WORKER: u32 = 1;
pub(super) const PAYER: u32 = 2;
pub(super) const AGENT: u32 = 3;
pub(super) const OPEN: u64 = 1_000_000_000_000_000_000;
/// A token in costs 0.001 OPEN, one out 0.002.
pub(super) const PRICE_IN: u128 = OPEN as u128;
pub(super) const PRICE_OUT: u128 = 2 * OPEN as u128;
/// Answers with the prompt, a token in a byte of it, three tokens out.
const MODEL: &str =
    r#"p=$(cat); printf '{"output":"re: %s","tokensIn":%d,"tokensOut":3}' "$p" "${#p}""#;

pub(super) struct World {
    dev: Dev,
    files: tempfile::TempDir,
    _home: tempfile::TempDir,
    pub(super) node: Node,
    pub(super) adapter: u64,
}

/// A running `openledger infer serve`; killed when a test drops it.
pub(super) struct Server {
    child: Child,
    pub(super) client: WorkerClient,
    pub(super) url: String,
}

impl World {
    /// A chain with an adapter on the market and a worker with stake.
    pub(super) async fn start() -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        let dev = Dev::start(home.path(), &["--instant"])?;
        let node = Node::connect(dev.text("/rpcUrl")?, None).await?;
        let mut world = Self {
            dev,
            files: tempfile::tempdir()?,
            _home: home,
            node,
            adapter: 0,
        };
        world.adapter = world.list_adapter().await?;
        let register = ValidatorStaking::registerCall {
            role: Role::Worker.number(),
            commissionBps: 0,
        };
        let stake = U256::from(100) * U256::from(OPEN);
        let step = Step::call("register", VALIDATOR_STAKING, &register).paying(stake);
        world.sender(WORKER)?.send(step).await?;
        world.ok(WORKER, &["fee", "0.001"])?;
        Ok(world)
    }

    async fn list_adapter(&self) -> anyhow::Result<u64> {
        let path = self.path("adapter.safetensors");
        let data = [0u8; 4 * 16];
        let names =
            ["lora_A", "lora_B"].map(|factor| format!("model.layers.0.mlp.{factor}.weight"));
        let tensors =
            [[2, 8], [8, 2]].map(|shape| TensorView::new(Dtype::F32, shape.to_vec(), &data));
        let [a, b] = tensors;
        let file =
            safetensors::serialize([(&names[0], a?), (&names[1], b?)], Some(HashMap::new()))?;
        fs::write(&path, file)?;
        let file = AdapterFile::read(&path)?;
        let mut sender = self.sender(DEVELOPER)?;
        let base = file.base("base", b"{}", 1, B256::ZERO);
        let base = register_base(&mut sender, AdapterFile::read(&path)?, base).await?;
        let terms = AdapterTerms {
            alpha: Some(1),
            version: 1,
            ..AdapterTerms::default()
        };
        let adapter = terms.declare(&path, &file, &base, sender.account())?;
        let id = register_adapter(&mut sender, &file, adapter).await?.id;
        let list = AdapterMarket::listCall {
            adapter: id,
            priceIn: PRICE_IN,
            priceOut: PRICE_OUT,
            uri: String::new(),
        };
        sender
            .send(Step::call("list", ADAPTER_MARKET, &list))
            .await?;
        Ok(id)
    }

    pub(super) fn key(&self, account: u32) -> anyhow::Result<&str> {
        self.dev.text(&format!("/accounts/{account}/privateKey"))
    }

    pub(super) fn address(&self, account: u32) -> anyhow::Result<Address> {
        Ok(self
            .dev
            .text(&format!("/accounts/{account}/address"))?
            .parse()?)
    }

    pub(super) fn signer(&self, account: u32) -> anyhow::Result<PrivateKeySigner> {
        Ok(self.key(account)?.parse()?)
    }

    pub(super) fn sender(&self, account: u32) -> anyhow::Result<Sender> {
        let limits = SenderLimits {
            mine: true,
            ..SenderLimits::default()
        };
        Ok(Sender::new(
            self.node.clone(),
            self.signer(account)?,
            limits,
        ))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        Ok(fs::write(self.path(name), text)?)
    }

    /// `openledger GROUP …` in the files' directory, as an account.
    pub(super) fn command(
        &self,
        group: &str,
        account: u32,
        arguments: &[&str],
    ) -> anyhow::Result<Command> {
        let mut command = command();
        command
            .arg(group)
            .args(arguments)
            .current_dir(self.files.path())
            .env("OPENLEDGER_RPC_URL", self.dev.text("/rpcUrl")?)
            .env("OPENLEDGER_KEY", self.key(account)?);
        Ok(command)
    }

    /// What an `infer` command that ends well prints.
    pub(super) fn ok(&self, account: u32, arguments: &[&str]) -> anyhow::Result<String> {
        good(
            self.command("infer", account, arguments)?.output()?,
            arguments,
        )
    }

    pub(super) fn json(&self, account: u32, arguments: &[&str]) -> anyhow::Result<Value> {
        let arguments = [arguments, &["--json"]].concat();
        Ok(serde_json::from_str(&self.ok(account, &arguments)?)?)
    }

    /// What an `infer` command that exits with 1 says on standard error.
    pub(super) fn fails(&self, account: u32, arguments: &[&str]) -> anyhow::Result<String> {
        bad(
            self.command("infer", account, arguments)?.output()?,
            arguments,
        )
    }

    pub(super) fn serve(&self) -> anyhow::Result<Server> {
        let adapter = self.adapter.to_string();
        let arguments = [
            "serve",
            "--data-dir",
            "worker",
            "--adapter",
            &adapter,
            "--model-command",
            MODEL,
            "--listen",
            "127.0.0.1:0",
            "--settle-seconds",
            "86400",
            "--poll-seconds",
            "1",
            "--unpaid-seconds",
            "0",
        ];
        let mut child = self
            .command("infer", WORKER, &arguments)?
            .stdout(Stdio::piped())
            .stderr(
                fs::File::options()
                    .create(true)
                    .append(true)
                    .open(self.path("serve.log"))?,
            )
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("a pipe")?).read_line(&mut line)?;
        let url = line
            .split_whitespace()
            .last()
            .unwrap_or_default()
            .to_owned();
        let client = WorkerClient::new(&url);
        let log = || fs::read_to_string(self.path("serve.log")).unwrap_or_default();
        Ok(Server {
            child,
            client: client.with_context(log)?,
            url,
        })
    }

    /// Lets time pass: more than is waited for, as a chain that seals on demand is ahead of the clock by a second for each block of one
    /// second.
    pub(super) async fn pass(&self, seconds: u64) -> anyhow::Result<()> {
        let rpc = self.dev.rpc()?;
        let _: Value = rpc
            .raw_request("evm_increaseTime".into(), [seconds])
            .await?;
        let _: Value = rpc.raw_request("evm_mine".into(), ()).await?;
        Ok(())
    }

    pub(super) async fn counted(&self, id: B256) -> anyhow::Result<u64> {
        Ok(chain::channel_view(&self.node, id).await?.channel.counted)
    }
}

impl Server {
    /// Ends it by SIGKILL.
    pub(super) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Failures mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn good(output: Output, arguments: &[&str]) -> anyhow::Result<String> {
    ensure!(
        output.status.success(),
        "{arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

pub(super) fn bad(output: Output, arguments: &[&str]) -> anyhow::Result<String> {
    ensure!(
        output.status.code() == Some(1),
        "{arguments:?} must fail: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    Ok(String::from_utf8(output.stderr)?)
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    value[name]
        .as_str()
        .with_context(|| format!("no {name} in {value}"))
}
