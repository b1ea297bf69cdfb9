//! A chain with a Datanet of three clusters, an adapter that was trained on a row of each, a worker and a payer.

use crate::process::{Dev, command};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_provider::Provider;
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context, ensure};
use openledger_attribution::submit::{
    adapter::{AdapterFile, AdapterTerms, BaseFile, register_adapter, register_base},
    rows::append_rows,
    set::open_set,
};
use openledger_client::{Node, Sender, SenderLimits, Step, View, event};
use openledger_economy::{
    contracts::{
        AdapterMarket, ClaimVault, DatanetRegistry, InferenceRouter, ValidatorStaking,
        datanet_registry::IDatanetRegistry,
    },
    datanet::space_of,
};
use openledger_precompiles::{
    lora::ILoraRegistry::Train,
    sketch::{IAttrSketch, commitment},
};
use openledger_primitives::predeploys::{
    ADAPTER_MARKET, CLAIM_VAULT, DATANET_REGISTRY, INFERENCE_ROUTER, VALIDATOR_STAKING,
};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::Value;
use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    process::{Child, Command},
};

/// Number of a local account.
pub(super) const DEVELOPER: u32 = 0;
pub(super) const WORKER: u32 = 1;
pub(super) const PAYER: u32 = 2;
pub(super) const PROPOSER: u32 = 3;
pub(super) const CHALLENGER: u32 = 4;
/// Owner of the Datanet; contributors are the three accounts behind it.
pub(super) const OWNER: u32 = 5;
pub(super) const CONTRIBUTORS: [u32; 3] = [6, 7, 8];

pub(super) const OPEN: u128 = 1_000_000_000_000_000_000;
/// Of a thousand tokens in: odd, so that nothing divides evenly.
pub(super) const PRICE: u128 = 7 * OPEN + 13;
pub(super) const PLATFORM_FEE: u128 = OPEN / 3;
const DIM: usize = 64;
/// What the Datanet's owner keeps of what clusters earn.
const OWNER_BPS: u16 = 1_000;
const LICENCE: B256 = B256::repeat_byte(0x11);

pub(super) struct World {
    pub(super) dev: Dev,
    pub(super) files: tempfile::TempDir,
    _home: tempfile::TempDir,
    pub(super) node: Node,
    pub(super) adapter: u64,
    pub(super) datanet: U256,
    pub(super) requests: u64,
    base: Option<BaseFile>,
}

/// A sketch: the weighted sum of the rows' patterns, which are orthogonal.
pub(super) fn query(weights: [i32; 3]) -> Bytes {
    let entry = |d: usize| -> i32 {
        let parts = weights.iter().enumerate();
        parts.map(|(k, weight)| 25 * weight * sign(k, d)).sum()
    };
    (0..DIM).map(|d| entry(d) as i8 as u8).collect()
}

fn sign(pattern: usize, d: usize) -> i32 {
    if (pattern & d).count_ones().is_multiple_of(2) {
        1
    } else {
        -1
    }
}

impl World {
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
            datanet: U256::ZERO,
            requests: 0,
            base: None,
        };
        fs::create_dir(world.calls())?;
        world.contribute().await?;
        world.register().await?;
        Ok(world)
    }

    /* THE CHAIN */

    /// A Datanet of the owner's.
    pub(super) async fn create(&self) -> anyhow::Result<DatanetRegistry::DatanetCreated> {
        let create = DatanetRegistry::createCall {
            terms: IDatanetRegistry::Terms {
                dataType: 0.try_into()?,
                access: 0.try_into()?,
                ownerBps: OWNER_BPS,
                contributionBond: OPEN / 100,
                licence: LICENCE,
                allowRoot: B256::ZERO,
                checker: Address::ZERO,
                adapterLicences: Vec::new(),
                reviewers: Vec::new(),
            },
            uri: "ipfs://datanet".to_owned(),
        };
        let bond = U256::from(OPEN);
        let step = Step::call("create", DATANET_REGISTRY, &create).paying(bond);
        event(&self.sender(OWNER)?.send(step).await?)
    }

    /// Clusters 0 to 2 are the contributors', in order.
    async fn contribute(&mut self) -> anyhow::Result<()> {
        let mut owner = self.sender(OWNER)?;
        let created = self.create().await?;
        self.datanet = created.datanet;
        for (number, account) in CONTRIBUTORS.into_iter().enumerate() {
            let mut sender = self.sender(account)?;
            let words = words(number);
            let hash = commitment(
                created.space,
                sender.account(),
                &words,
                B256::ZERO,
                B256::ZERO,
            );
            let commit = DatanetRegistry::commitCall {
                datanet: self.datanet,
                h: hash,
                permission: Bytes::new(),
            };
            let bond = U256::from(OPEN / 100);
            let step = Step::call("commit", DATANET_REGISTRY, &commit).paying(bond);
            sender.send(step).await?;
        }
        self.mine(2).await?;
        for (number, account) in CONTRIBUTORS.into_iter().enumerate() {
            let reveal = DatanetRegistry::revealCall {
                datanet: self.datanet,
                contribution: number as u64,
                content: IDatanetRegistry::Content {
                    dataRoot: B256::ZERO,
                    salt: B256::ZERO,
                    words: words(number),
                    size: 1_000,
                    tokens: 200,
                    uri: format!("ipfs://{number}"),
                },
            };
            let step = Step::call("reveal", DATANET_REGISTRY, &reveal);
            self.sender(account)?.send(step).await?;
        }
        self.mine(52).await?;
        let settle = DatanetRegistry::settleCall {
            datanet: self.datanet,
            max: 3,
        };
        owner
            .send(Step::call("settle", DATANET_REGISTRY, &settle))
            .await?;
        Ok(())
    }

    /// The adapter, trained on a row of each cluster, and a worker who serves it.
    async fn register(&mut self) -> anyhow::Result<()> {
        let set = self.train(0).await?;
        let train = Train {
            datanet: space_of(self.datanet),
            sketchSet: set,
            spanIndex: 0,
            weightBps: 10_000,
        };
        self.adapter = self.list(1, vec![train], Vec::new()).await?;
        let mut worker = self.sender(WORKER)?;
        let register = ValidatorStaking::registerCall {
            role: 1.try_into()?,
            commissionBps: 0,
        };
        let stake = U256::from(100 * OPEN);
        let fee = InferenceRouter::setPlatformFeeCall {
            worker: worker.account(),
            platformFee: PLATFORM_FEE,
        };
        worker
            .send_all(vec![
                Step::call("register", VALIDATOR_STAKING, &register).paying(stake),
                Step::call("fee", INFERENCE_ROUTER, &fee),
            ])
            .await?;
        Ok(())
    }

    /// A sketch set of a kind with a row of each cluster.
    pub(super) async fn train(&self, kind: u8) -> anyhow::Result<u64> {
        let mut developer = self.sender(DEVELOPER)?;
        let open = IAttrSketch::openSetCall {
            subject: space_of(self.datanet),
            dim: DIM as u16,
            kind,
            normCap2: (DIM * 10_000) as u32,
            fracBits: 0,
            shift: 0,
            sparsity: 0,
            dataRoot: B256::ZERO,
        };
        let set = open_set(&mut developer, &open).await?.id;
        let records: Vec<u8> = (0..3u32)
            .flat_map(|cluster| {
                let entries = (0..DIM).map(move |d| (100 * sign(cluster as usize, d)) as i8 as u8);
                let prefix = [&cluster.to_be_bytes()[..], &[0, 0]].concat();
                prefix.into_iter().chain(entries)
            })
            .collect();
        append_rows(&mut developer, set, &records, true).await?;
        Ok(set)
    }

    /// An adapter that was trained on these, and descends from those with these shares, listed. Adapters have different numbers.
    pub(super) async fn list(
        &mut self,
        number: u8,
        train: Vec<Train>,
        parents: Vec<(u64, u16)>,
    ) -> anyhow::Result<u64> {
        let mut developer = self.sender(DEVELOPER)?;
        let path = self.files.path().join(format!("{number}.safetensors"));
        let data = [number; 4 * 16];
        let names =
            ["lora_A", "lora_B"].map(|factor| format!("model.layers.0.mlp.{factor}.weight"));
        let tensors =
            [[2, 8], [8, 2]].map(|shape| TensorView::new(Dtype::F32, shape.to_vec(), &data));
        let [a, b] = tensors;
        let content =
            safetensors::serialize([(&names[0], a?), (&names[1], b?)], Some(HashMap::new()))?;
        fs::write(&path, content)?;
        let file = AdapterFile::read(&path)?;
        let base = match self.base.take() {
            Some(base) => base,
            None => {
                let base = file.base("base", b"{}", 1, B256::ZERO);
                register_base(&mut developer, AdapterFile::read(&path)?, base).await?
            }
        };
        let terms = AdapterTerms {
            alpha: Some(1),
            version: 1,
            licence: LICENCE,
            train,
            parents,
            ..AdapterTerms::default()
        };
        let adapter = terms.declare(&path, &file, &base, developer.account())?;
        self.base = Some(base);
        let adapter = register_adapter(&mut developer, &file, adapter).await?.id;
        let list = AdapterMarket::listCall {
            adapter,
            priceIn: PRICE,
            priceOut: 0,
            uri: String::new(),
        };
        developer
            .send(Step::call("list", ADAPTER_MARKET, &list))
            .await?;
        Ok(adapter)
    }

    /* THE REST */

    pub(super) fn calls(&self) -> PathBuf {
        self.files.path().join("calls")
    }

    pub(super) fn signer(&self, account: u32) -> anyhow::Result<PrivateKeySigner> {
        let key = self.dev.text(&format!("/accounts/{account}/privateKey"))?;
        Ok(key.parse()?)
    }

    pub(super) fn address(&self, account: u32) -> anyhow::Result<Address> {
        Ok(self.signer(account)?.address())
    }

    pub(super) fn sender(&self, account: u32) -> anyhow::Result<Sender> {
        let limits = SenderLimits {
            mine: true,
            gas_max: 30_000_000,
        };
        Ok(Sender::new(
            self.node.clone(),
            self.signer(account)?,
            limits,
        ))
    }

    /// The node's privileged listener, which runs transactions again.
    pub(super) async fn trace(&self) -> anyhow::Result<Node> {
        Node::connect(self.dev.text("/privilegedUrl")?, None).await
    }

    pub(super) async fn view(&self) -> anyhow::Result<View> {
        self.node.at(None).await
    }

    pub(super) async fn claimable(&self, payee: Address) -> anyhow::Result<U256> {
        let call = ClaimVault::claimableCall { payee };
        self.node.ask(CLAIM_VAULT, call).await
    }

    pub(super) async fn mine(&self, blocks: u64) -> anyhow::Result<()> {
        let rpc = self.dev.rpc()?;
        for _ in 0..blocks {
            let _: Value = rpc.raw_request("evm_mine".into(), ()).await?;
        }
        Ok(())
    }

    /// What the chain is now, to go back to.
    pub(super) async fn snapshot(&self) -> anyhow::Result<Value> {
        Ok(self
            .dev
            .rpc()?
            .raw_request("evm_snapshot".into(), ())
            .await?)
    }

    /// Goes back to a snapshot: blocks since are none of the chain's any more.
    pub(super) async fn revert(&self, snapshot: Value) -> anyhow::Result<()> {
        let rpc = self.dev.rpc()?;
        let went: bool = rpc.raw_request("evm_revert".into(), [snapshot]).await?;
        ensure!(went, "there is no such snapshot");
        Ok(())
    }

    /// Sends a call by a contract, whose code is away meanwhile: only accounts without any send transactions.
    pub(super) async fn call_as(
        &self,
        from: Address,
        to: Address,
        data: Bytes,
    ) -> anyhow::Result<()> {
        let rpc = self.dev.rpc()?;
        let code: Bytes = rpc
            .raw_request("eth_getCode".into(), (from, "latest"))
            .await?;
        let without = Bytes::new();
        let _: Value = rpc
            .raw_request("hardhat_setCode".into(), (from, without))
            .await?;
        let balance = U256::from(100 * OPEN);
        let _: Value = rpc
            .raw_request("hardhat_setBalance".into(), (from, balance))
            .await?;
        let _: Value = rpc
            .raw_request("hardhat_impersonateAccount".into(), [from])
            .await?;
        let call = serde_json::json!({ "from": from, "to": to, "input": data });
        let hash: B256 = rpc
            .raw_request("eth_sendTransaction".into(), [call])
            .await?;
        self.mine(1).await?;
        let receipt = self.node.receipt(hash).await?.context("a receipt")?;
        ensure!(receipt.is_success(), "{from}'s call of {to} failed");
        let _: Value = rpc
            .raw_request("hardhat_setCode".into(), (from, code))
            .await?;
        Ok(())
    }

    /// Lets so much of the chain's time pass, which runs ahead of the clock where blocks are sealed on demand.
    pub(super) async fn pass(&self, seconds: u64) -> anyhow::Result<()> {
        let next = self.node.time().await? + seconds;
        let rpc = self.dev.rpc()?;
        let _: Value = rpc
            .raw_request("evm_setNextBlockTimestamp".into(), [next])
            .await?;
        self.mine(1).await
    }

    /// `openledger …` in the files' directory, as an account.
    fn command(&self, account: Option<u32>, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = command();
        command
            .args(arguments)
            .current_dir(self.files.path())
            .env("OPENLEDGER_RPC_URL", self.dev.text("/rpcUrl")?)
            .env("OPENLEDGER_TRACE_URL", self.dev.text("/privilegedUrl")?)
            .env_remove("OPENLEDGER_KEY");
        if let Some(account) = account {
            let key = self.dev.text(&format!("/accounts/{account}/privateKey"))?;
            command.env("OPENLEDGER_KEY", key);
        }
        Ok(command)
    }

    /// Starts a command that goes on.
    pub(super) fn spawn(&self, account: u32, arguments: &[&str]) -> anyhow::Result<Running> {
        let log = self.files.path().join("running.log");
        let mut command = self.command(Some(account), arguments)?;
        let child = command.stderr(fs::File::create(&log)?).spawn()?;
        Ok(Running { child, log })
    }

    /// Standard output and error of a command that exits with that code.
    pub(super) fn exits(
        &self,
        code: i32,
        account: impl Into<Option<u32>>,
        arguments: &[&str],
    ) -> anyhow::Result<(String, String)> {
        let output = self.command(account.into(), arguments)?.output()?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        ensure!(
            output.status.code() == Some(code),
            "{arguments:?} ends with {}, not {code}: {out}{err}",
            output.status
        );
        Ok((out, err))
    }

    /// JSON that a command prints that ends well.
    pub(super) fn json(
        &self,
        account: impl Into<Option<u32>>,
        arguments: &[&str],
    ) -> anyhow::Result<Value> {
        let arguments = [arguments, &["--json"]].concat();
        let (out, _) = self.exits(0, account, &arguments)?;
        Ok(serde_json::from_str(&out)?)
    }
}

/// A command that goes on; killed when a test drops it.
pub(super) struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Waits until it ends; its exit code and its log.
    pub(super) fn wait(mut self) -> anyhow::Result<(Option<i32>, String)> {
        let status = self.child.wait()?;
        Ok((status.code(), fs::read_to_string(&self.log)?))
    }

    /// Ends it by SIGKILL; answers its log.
    pub(super) fn kill(mut self) -> anyhow::Result<String> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(fs::read_to_string(&self.log)?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Failures mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A signature of content that no other number's is near.
fn words(number: usize) -> [u32; 32] {
    std::array::from_fn(|word| {
        let hash = keccak256([number as u8, word as u8]);
        u32::from_be_bytes(*hash.first_chunk().unwrap_or(&[0; 4]))
    })
}
