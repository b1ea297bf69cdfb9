//! Paid inference against a node: requests with escrow, a channel of 300 calls whose worker is killed again and again, and an agent
//! that breaks its policy.

use crate::process::{Dev, command, until};
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
    infer::{
        CallsDirectory, FeeTree, PayerChannel, Voucher, WorkerClient, chain, channel,
        message::{OutputRequest, PromptMessage},
    },
};
use openledger_primitives::predeploys::{ADAPTER_MARKET, VALIDATOR_STAKING, VOUCHER_CHANNELS};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

/// How long anything may take on a machine that does other things as well.
const TIMEOUT: Duration = Duration::from_secs(120);
const DEVELOPER: u32 = 0;
const WORKER: u32 = 1;
const PAYER: u32 = 2;
const AGENT: u32 = 3;
/// Calls of the channel, one of them by the command.
const CALLS: u64 = 300;
const OPEN: u64 = 1_000_000_000_000_000_000;
/// A token in costs 0.001 OPEN, one out 0.002.
const PRICE_IN: u128 = OPEN as u128;
const PRICE_OUT: u128 = 2 * OPEN as u128;
/// Answers with the prompt, a token in a byte of it, three tokens out.
const MODEL: &str =
    r#"p=$(cat); printf '{"output":"re: %s","tokensIn":%d,"tokensOut":3}' "$p" "${#p}""#;

struct World {
    dev: Dev,
    files: tempfile::TempDir,
    _home: tempfile::TempDir,
    node: Node,
    adapter: u64,
}

/// A running `openledger infer serve`; killed when a test drops it.
struct Server {
    child: Child,
    client: WorkerClient,
    url: String,
}

impl World {
    /// A chain with an adapter on the market and a worker with stake.
    async fn start() -> anyhow::Result<Self> {
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
            role: 1.try_into()?,
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

    fn key(&self, account: u32) -> anyhow::Result<&str> {
        self.dev.text(&format!("/accounts/{account}/privateKey"))
    }

    fn address(&self, account: u32) -> anyhow::Result<Address> {
        Ok(self
            .dev
            .text(&format!("/accounts/{account}/address"))?
            .parse()?)
    }

    fn signer(&self, account: u32) -> anyhow::Result<PrivateKeySigner> {
        Ok(self.key(account)?.parse()?)
    }

    fn sender(&self, account: u32) -> anyhow::Result<Sender> {
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

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        Ok(fs::write(self.path(name), text)?)
    }

    /// `openledger GROUP …` in the files' directory, as an account.
    fn command(&self, group: &str, account: u32, arguments: &[&str]) -> anyhow::Result<Command> {
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
    fn ok(&self, account: u32, arguments: &[&str]) -> anyhow::Result<String> {
        good(
            self.command("infer", account, arguments)?.output()?,
            arguments,
        )
    }

    fn json(&self, account: u32, arguments: &[&str]) -> anyhow::Result<Value> {
        let arguments = [arguments, &["--json"]].concat();
        Ok(serde_json::from_str(&self.ok(account, &arguments)?)?)
    }

    /// What an `infer` command that exits with 1 says on standard error.
    fn fails(&self, account: u32, arguments: &[&str]) -> anyhow::Result<String> {
        bad(
            self.command("infer", account, arguments)?.output()?,
            arguments,
        )
    }

    fn serve(&self) -> anyhow::Result<Server> {
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
    async fn pass(&self, seconds: u64) -> anyhow::Result<()> {
        let rpc = self.dev.rpc()?;
        let _: Value = rpc
            .raw_request("evm_increaseTime".into(), [seconds])
            .await?;
        let _: Value = rpc.raw_request("evm_mine".into(), ()).await?;
        Ok(())
    }

    async fn counted(&self, id: B256) -> anyhow::Result<u64> {
        Ok(chain::channel_view(&self.node, id).await?.channel.counted)
    }
}

impl Server {
    /// Ends it by SIGKILL.
    fn kill(mut self) -> anyhow::Result<()> {
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

fn good(output: Output, arguments: &[&str]) -> anyhow::Result<String> {
    ensure!(
        output.status.success(),
        "{arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

fn bad(output: Output, arguments: &[&str]) -> anyhow::Result<String> {
    ensure!(
        output.status.code() == Some(1),
        "{arguments:?} must fail: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    Ok(String::from_utf8(output.stderr)?)
}

fn text<'a>(value: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    value[name]
        .as_str()
        .with_context(|| format!("no {name} in {value}"))
}

/// One call, as `infer call` does it.
async fn call(
    world: &World,
    worker: &WorkerClient,
    payer: &mut PayerChannel,
    prompt: String,
) -> anyhow::Result<String> {
    let id = payer.replay().header().channel;
    let request = payer.request(prompt, 3)?;
    let offer = worker.call(&request).await?;
    let view = chain::channel_view(&world.node, id).await?;
    let prices = chain::prices(&world.node, world.adapter).await?;
    let signed = payer.pay(
        &request,
        offer,
        &view,
        &prices,
        u128::MAX,
        view.now + 864_000,
    )?;
    Ok(worker.pay(&signed).await?.output)
}

#[tokio::test]
async fn requests_with_escrow_are_fulfilled_or_refunded() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (adapter, worker) = (
        world.adapter.to_string(),
        world.address(WORKER)?.to_string(),
    );
    world.write("prompt", "hello")?;
    let request = |more: &[&str]| -> Vec<String> {
        let common = [
            "request",
            "--adapter",
            &adapter,
            "--worker",
            &worker,
            "--prompt",
            "prompt",
            "--tokens-in",
            "5",
            "--tokens-out-max",
            "10",
        ];
        common
            .iter()
            .chain(more)
            .map(|part| (*part).to_owned())
            .collect()
    };

    // One that nobody answers; it waits while the others are served.
    let unanswered = request(&["--nonce", "1"]);
    let unanswered: Vec<&str> = unanswered.iter().map(String::as_str).collect();
    let mut waiting = world.command("infer", PAYER, &unanswered)?;
    let waiting = waiting
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let payer = world.address(PAYER)?;
    let id = openledger_economy::infer::request_id(world.node.chain_id(), payer, U256::from(1));
    until(
        "the request is made",
        TIMEOUT,
        || async { Ok(chain::request(&world.node, id).await?.payer) },
        |found| *found == payer,
    )
    .await?;
    let refused = world.fails(PAYER, &["refund", &id.to_string()])?;
    ensure!(refused.contains("may still answer"), "{refused}");

    let server = world.serve()?;
    let with_url = request(&["--nonce", "2", "--worker-url", &server.url]);
    let with_url: Vec<&str> = with_url.iter().map(String::as_str).collect();
    let answered = world.json(PAYER, &with_url)?;
    assert_eq!(text(&answered, "output")?, "re: hello");
    assert_eq!(text(&answered, "status")?, "fulfilled");
    // The same command again, and the same message again, give the same.
    assert_eq!(world.json(PAYER, &with_url)?["output"], answered["output"]);
    let id = text(&answered, "requestId")?;
    let message = PromptMessage {
        request_id: id.parse()?,
        prompt: "hello".to_owned(),
    };
    assert_eq!(server.client.request(&message).await?.output, "re: hello");
    let other = PromptMessage {
        prompt: "hallo".to_owned(),
        ..message
    };
    let refused = server.client.request(&other).await.unwrap_err().to_string();
    ensure!(refused.contains("notOpen"), "{refused}");
    let published = CallsDirectory::open(&world.path("worker/calls"))?.request(id.parse()?)?;
    // Five tokens in and three out.
    assert_eq!(
        published.context("published")?.price,
        PRICE_IN / 1_000 * 5 + PRICE_OUT / 1_000 * 3
    );

    // One by hand.
    world.write("output", "by hand")?;
    let dear = request(&["--nonce", "3", "--price-max", "0.02"]);
    let dear: Vec<&str> = dear.iter().map(String::as_str).collect();
    let refused = world.fails(PAYER, &dear)?;
    ensure!(refused.contains("--price-max"), "{refused}");
    let by_hand = request(&["--nonce", "3"]);
    let by_hand: Vec<&str> = by_hand.iter().map(String::as_str).collect();
    let child = world
        .command("infer", PAYER, &by_hand)?
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let id = openledger_economy::infer::request_id(world.node.chain_id(), payer, U256::from(3));
    until(
        "the request is made",
        TIMEOUT,
        || async { Ok(chain::request(&world.node, id).await?.payer) },
        |found| *found == payer,
    )
    .await?;
    let id = id.to_string();
    let fulfil = [
        "fulfil",
        &id,
        "--prompt",
        "prompt",
        "--output",
        "output",
        "--tokens-out",
        "2",
        "--calls",
        "by-hand",
    ];
    let done = world.json(WORKER, &fulfil)?;
    assert_eq!(
        text(&done, "credited")?.parse::<U256>()?,
        U256::from(PRICE_OUT / 1_000 * 8)
    );
    good(child.wait_with_output()?, &by_hand)?;
    let refused = world.fails(WORKER, &fulfil)?;
    ensure!(refused.contains("is fulfilled"), "{refused}");

    world.pass(300).await?;
    let output = waiting.wait_with_output()?;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout)?;
    ensure!(said.contains("refunded"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_channel_of_300_calls_outlives_its_worker_s_deaths() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (adapter, worker) = (
        world.adapter.to_string(),
        world.address(WORKER)?.to_string(),
    );
    let open = [
        "open",
        "--adapter",
        &adapter,
        "--worker",
        &worker,
        "--lock",
        "10",
        "--data-dir",
        "payer",
    ];
    let opened = world.json(PAYER, &open)?;
    let id: B256 = text(&opened, "channel")?.parse()?;
    let mut server = world.serve()?;

    // The first by the command, whose output alone is on standard output.
    world.write("prompt", "first")?;
    let by_command = |url: &str| -> Vec<String> {
        [
            "call",
            "--data-dir",
            "payer",
            "--prompt",
            "prompt",
            "--tokens-out-max",
            "3",
            "--worker-url",
            url,
        ]
        .map(ToOwned::to_owned)
        .to_vec()
    };
    let arguments = by_command(&server.url);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert_eq!(world.ok(PAYER, &arguments)?, "re: first\n");

    {
        let key = world.signer(PAYER)?;
        let (mut payer, _lock) = channel::payer_channel(&world.path("payer"), id, key)?;
        let refused = world.fails(PAYER, &arguments)?;
        ensure!(refused.contains("another process"), "{refused}");
        for number in 2..=CALLS {
            match number {
                // Between an offer and its voucher.
                100 => {
                    let request = payer.request(number.to_string(), 3)?;
                    let before = server.client.call(&request).await?;
                    server.kill()?;
                    server = world.serve()?;
                    assert_eq!(server.client.call(&request).await?, before);
                }
                // Between two calls.
                200 => {
                    server.kill()?;
                    server = world.serve()?;
                }
                _ => {}
            }
            let output = call(&world, &server.client, &mut payer, number.to_string()).await?;
            assert_eq!(output, format!("re: {number}"));
            // Between a voucher and its answer: the voucher again gives it.
            if number == 250 {
                server.kill()?;
                server = world.serve()?;
                let request = payer.output_request()?;
                assert_eq!(server.client.output(&request).await?.output, output);
                // Its voucher, which the chain will show to everybody, doesn't.
                let signed = payer.replay().voucher().context("a voucher")?;
                let refused = server.client.pay(&signed).await.unwrap_err().to_string();
                ensure!(refused.contains("alreadyPaid"), "{refused}");
                let by_other = OutputRequest::new(
                    &world.signer(DEVELOPER)?,
                    world.node.chain_id(),
                    id,
                    number,
                )?;
                let refused = server
                    .client
                    .output(&by_other)
                    .await
                    .unwrap_err()
                    .to_string();
                ensure!(refused.contains("notSigned"), "{refused}");
                // Signed again, good for longer, it is the payer's own.
                let view = chain::channel_view(&world.node, id).await?;
                let again = payer
                    .renew(&view, signed.voucher.expiry + 1)?
                    .context("a voucher")?;
                assert_eq!(server.client.pay(&again).await?.output, output);
            }
        }
        // A voucher of an earlier call, one for nothing, and one of somebody else's key.
        let newest = payer.replay().voucher().context("a voucher")?;
        let refusal = async |voucher: Voucher, account: u32| -> anyhow::Result<String> {
            let signed = voucher.sign(&world.signer(account)?, world.node.chain_id())?;
            Ok(server.client.pay(&signed).await.unwrap_err().to_string())
        };
        let mut other = newest.voucher;
        other.count -= 1;
        let refused = refusal(other, PAYER).await?;
        ensure!(refused.contains("nothingOffered"), "{refused}");
        let request = payer.request("more".to_owned(), 3)?;
        let offer = server.client.call(&request).await?;
        let voucher = payer
            .replay()
            .voucher_with(&offer.call, newest.voucher.expiry)?;
        let refused = refusal(voucher, WORKER).await?;
        ensure!(refused.contains("notSigned"), "{refused}");
        let mut less = voucher;
        less.cumulative -= U256::from(1);
        let refused = refusal(less, PAYER).await?;
        ensure!(refused.contains("otherVoucher"), "{refused}");
        let mut soon = voucher;
        soon.expiry = 1;
        let refused = refusal(soon, PAYER).await?;
        ensure!(refused.contains("expiresTooSoon"), "{refused}");
        // Of those nothing stayed.
        assert_eq!(server.client.channel(id).await?.count, newest.voucher.count);
    }

    // All of it in one transaction.
    assert_eq!(world.counted(id).await?, 0);
    let refused = world.fails(WORKER, &["settle", "--data-dir", "worker"])?;
    ensure!(refused.contains("another process"), "{refused}");
    server.kill()?;
    let settled = world.json(WORKER, &["settle", "--data-dir", "worker"])?;
    assert_eq!(settled.as_array().map(Vec::len), Some(1));
    assert_eq!(settled[0]["count"], json!(CALLS));
    assert_eq!(world.counted(id).await?, CALLS);
    let calls = CallsDirectory::open(&world.path("worker/calls"))?
        .channel(id)?
        .context("published")?;
    let root = FeeTree::new(&calls.leaves(CALLS).context("all calls")?)?
        .root()
        .context("a root")?;
    let view = chain::channel_view(&world.node, id).await?;
    let fees = view.channel.platformFee * u128::from(CALLS);
    assert_eq!(root.sum, view.channel.paid - fees);
    assert_eq!(
        world.json(WORKER, &["settle", "--data-dir", "worker"])?,
        json!([])
    );

    // What was settled isn't settled again.
    let newest = {
        let key = world.signer(PAYER)?;
        let (payer, _lock) = channel::payer_channel(&world.path("payer"), id, key)?;
        payer.replay().voucher().context("a voucher")?
    };
    assert_eq!(newest.voucher.leaves_root, root.hash);
    let step = Step::call("settle", VOUCHER_CHANNELS, &chain::settle_call(&newest));
    let refused = format!(
        "{:#}",
        world.sender(DEVELOPER)?.send(step).await.unwrap_err()
    );
    ensure!(refused.contains("CountNotRising"), "{refused}");

    // The payer leaves; what it owes by then is settled in time, without being asked for.
    let server = world.serve()?;
    let arguments = by_command(&server.url);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert_eq!(world.ok(PAYER, &arguments)?, "re: first\n");
    assert_eq!(world.counted(id).await?, CALLS);
    let name = id.to_string();
    world.ok(PAYER, &["exit", &name])?;
    until(
        "the late voucher is settled",
        TIMEOUT,
        || world.counted(id),
        |counted| *counted == CALLS + 1,
    )
    .await?;
    let refused = world.fails(PAYER, &arguments)?;
    ensure!(refused.contains("channelClosing"), "{refused}");
    let refused = world.fails(PAYER, &["close", &name])?;
    ensure!(refused.contains("may settle for another"), "{refused}");
    world.pass(300).await?;
    world.ok(PAYER, &["close", &name])?;
    let status = world.json(PAYER, &["status", &name, "--data-dir", "payer"])?;
    assert_eq!(status["closed"], json!(true));
    assert_eq!(status["kept"], json!(CALLS + 1));
    Ok(())
}

#[tokio::test]
async fn an_agent_is_held_to_its_policy() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (adapter, worker) = (
        world.adapter.to_string(),
        world.address(WORKER)?.to_string(),
    );
    let agent = |account: u32, arguments: &[&str]| -> anyhow::Result<Output> {
        Ok(world.command("agent", account, arguments)?.output()?)
    };
    // "hello" costs 0.012 OPEN with the platform fee.
    let register = [
        "register",
        "--stake",
        "5",
        "--call-max",
        "0.012",
        "--channel-max",
        "1",
        "--day-max",
        "1",
        "--payee",
        &worker,
    ];
    good(agent(AGENT, &register)?, &register)?;
    let address = world.address(AGENT)?.to_string();
    let status = good(agent(PAYER, &["status", &address, "--json"])?, &["status"])?;
    let status: Value = serde_json::from_str(&status)?;
    assert_eq!(status["version"], json!(1));

    let open = [
        "open",
        "--adapter",
        &adapter,
        "--worker",
        &worker,
        "--lock",
        "2",
        "--data-dir",
        "agent",
    ];
    let opened = world.json(AGENT, &open)?;
    assert_eq!(opened["policyVersion"], json!(1));
    let id: B256 = text(&opened, "channel")?.parse()?;
    let server = world.serve()?;
    world.write("prompt", "hello")?;
    let call = [
        "call",
        "--data-dir",
        "agent",
        "--prompt",
        "prompt",
        "--tokens-out-max",
        "3",
        "--worker-url",
        &server.url,
    ];
    assert_eq!(world.ok(AGENT, &call)?, "re: hello\n");
    // A byte more would raise the mean above the policy: the worker says so before the agent signs.
    world.write("prompt", "hello!")?;
    let refused = world.fails(AGENT, &call)?;
    ensure!(refused.contains("policy"), "{refused}");

    // One that it signs all the same is its stake's end. Its stake answers for no other voucher.
    let view = chain::channel_view(&world.node, id).await?;
    let within = Voucher {
        channel: id,
        payer: view.channel.payer,
        payee: view.channel.payee,
        cumulative: U256::from(OPEN / 1_000 * 12),
        count: 1,
        leaves_root: B256::ZERO,
        expiry: u64::MAX,
    };
    let above = Voucher {
        cumulative: within.cumulative + U256::from(1),
        ..within
    };
    let write = |name: &str, voucher: Voucher| -> anyhow::Result<()> {
        let signed = voucher.sign(&world.signer(AGENT)?, world.node.chain_id())?;
        world.write(name, &serde_json::to_string(&signed)?)
    };
    write("within.json", within)?;
    let refused = bad(agent(DEVELOPER, &["report", "within.json"])?, &["report"])?;
    ensure!(refused.contains("breaks nothing"), "{refused}");
    write("above.json", above)?;
    let said = good(agent(DEVELOPER, &["report", "above.json"])?, &["report"])?;
    ensure!(said.contains("2.5 OPEN"), "{said}");
    let refused = bad(agent(PAYER, &["status", &address])?, &["status"])?;
    ensure!(refused.contains("no registered agent"), "{refused}");

    // It begins anew, for somebody else this time, changes its policy and leaves.
    let key_file = world.path("agent.key");
    fs::write(&key_file, world.key(AGENT)?)?;
    restrict(&key_file)?;
    let again = [
        &register[..],
        &["--agent-key-file", "agent.key", "--signer", &worker],
    ]
    .concat();
    good(agent(PAYER, &again)?, &again)?;
    let policy = [
        "policy",
        &address,
        "--call-max",
        "1",
        "--channel-max",
        "1",
        "--day-max",
        "1",
    ];
    let refused = bad(agent(AGENT, &policy)?, &policy)?;
    ensure!(refused.contains("NotOwner"), "{refused}");
    good(agent(PAYER, &policy)?, &policy)?;
    good(agent(PAYER, &["exit", &address])?, &["exit"])?;
    let refused = bad(agent(PAYER, &["withdraw", &address])?, &["withdraw"])?;
    ensure!(refused.contains("can be withdrawn in"), "{refused}");
    world.pass(300).await?;
    good(agent(PAYER, &["withdraw", &address])?, &["withdraw"])?;
    Ok(())
}

/// A key's file is its owner's alone.
fn restrict(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o600),
    )?)
}
