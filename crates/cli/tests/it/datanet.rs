//! The commands of Datanets, stake and claims against a node: from files on disk to what their contributor is paid.

use crate::process::{Dev, command};
use alloy_primitives::{Address, U256};
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context, ensure};
use openledger_client::{Node, Sender, SenderLimits, Step};
use openledger_economy::{contracts::DatanetRegistry, datanet::space_of};
use openledger_primitives::predeploys::DATANET_REGISTRY;
use safetensors::{Dtype, tensor::TensorView};
use serde_json::Value;
use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

const OPEN: u64 = 1_000_000_000_000_000_000;
/// How long a condition may take on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(120);

// Numbers of local accounts.
pub(crate) const OWNER: &str = "0";
pub(crate) const ALICE: &str = "1";
pub(crate) const BOB: &str = "2";
pub(crate) const VALIDATORS: [&str; 2] = ["3", "4"];

pub(crate) struct World {
    pub(crate) dev: Dev,
    pub(crate) files: tempfile::TempDir,
    home: tempfile::TempDir,
}

impl World {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        Ok(Self {
            dev: Dev::start(home.path(), &["--no-batcher"])?,
            files: tempfile::tempdir()?,
            home,
        })
    }

    /// A command as an account of the chain, in the files' directory.
    fn command(&self, account: &str, arguments: &[&str]) -> Command {
        let mut command = command();
        command
            .args(arguments)
            .args(["--account", account])
            .current_dir(self.files.path())
            .env_remove("OPENLEDGER_KEY")
            .env("OPENLEDGER_CHAIN", self.home.path());
        command
    }

    pub(crate) fn ok(&self, account: &str, arguments: &[&str]) -> anyhow::Result<String> {
        succeeded(arguments, self.command(account, arguments).output()?)
    }

    fn json(&self, account: &str, arguments: &[&str]) -> anyhow::Result<Value> {
        let arguments = [arguments, &["--json"]].concat();
        Ok(serde_json::from_str(&self.ok(account, &arguments)?)?)
    }

    /// What a command that exits with 1 says on standard error.
    pub(crate) fn fails(&self, account: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command(account, arguments).output()?;
        ensure!(
            output.status.code() == Some(1),
            "{arguments:?} must fail: {}",
            String::from_utf8_lossy(&output.stdout)
        );
        Ok(String::from_utf8(output.stderr)?)
    }

    fn begin(&self, account: &str, arguments: &[&str]) -> anyhow::Result<Child> {
        Ok(self
            .command(account, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?)
    }

    /// A file of words that no other number has.
    pub(crate) fn write(&self, name: &str, number: usize) -> anyhow::Result<PathBuf> {
        let words: Vec<String> = (0..300)
            .map(|word| format!("w{}", (word * word * 31 + number * 7_919) % 10_007))
            .collect();
        let path = self.files.path().join(name);
        fs::write(&path, words.join(" "))?;
        Ok(path)
    }

    pub(crate) fn address(&self, account: &str) -> anyhow::Result<Address> {
        let pointer = format!("/accounts/{account}/address");
        Ok(self.dev.text(&pointer)?.parse()?)
    }

    pub(crate) async fn sender(&self, account: &str) -> anyhow::Result<Sender> {
        let pointer = format!("/accounts/{account}/privateKey");
        let key: PrivateKeySigner = self.dev.text(&pointer)?.parse()?;
        let node = Node::connect(self.dev.text("/rpcUrl")?, None).await?;
        Ok(Sender::new(node, key, SenderLimits::default()))
    }

    /// What a command's claim paid in all, wei.
    fn paid(claimed: &Value) -> anyhow::Result<Vec<(Address, U256)>> {
        let paid = claimed["paid"].as_array().context("no payments")?;
        paid.iter()
            .map(|one| {
                let payee = one["payee"].as_str().context("no payee")?.parse()?;
                let amount = one["amount"].as_str().context("no amount")?.parse()?;
                Ok((payee, amount))
            })
            .collect()
    }
}

fn succeeded(arguments: &[&str], output: Output) -> anyhow::Result<String> {
    ensure!(
        output.status.success(),
        "{arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// Waits until a file that is made elsewhere holds so many lines.
fn await_lines(path: &std::path::Path, lines: usize) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.lines().count() >= lines {
            return Ok(());
        }
        ensure!(started.elapsed() < PATIENCE, "{}: {text}", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn files_become_accepted_clusters_that_are_paid() -> anyhow::Result<()> {
    let world = World::start()?;
    for validator in VALIDATORS {
        let register = ["stake", "register", "validator", "--amount", "100"];
        let text = world.ok(validator, &register)?;
        ensure!(text.contains("100 OPEN"), "{text}");
    }
    let created = world.json(
        OWNER,
        &["datanet", "create", "--type", "text", "--licence", "MIT"],
    )?;
    ensure!(created["datanet"] == "0x1", "{created}");

    // A person who is interrupted in the middle goes on with the same command.
    for (name, number) in [("a.txt", 1), ("b.txt", 2)] {
        world.write(name, number)?;
    }
    world.write("copy.txt", 1)?;
    let contribute = [
        "datanet",
        "contribute",
        "1",
        "a.txt",
        "b.txt",
        "--uri-base",
        "ipfs://x/",
        "--journal",
        "journal",
        "--mine",
    ];
    let mut killed = world.begin(ALICE, &contribute)?;
    await_lines(&world.files.path().join("journal"), 2)?;
    killed.kill()?;
    killed.wait()?;
    let contributed = world.json(ALICE, &contribute)?;
    for (place, one) in contributed.as_array().context("a list")?.iter().enumerate() {
        ensure!(
            one["status"] == "clustered" && one["cluster"] == place && one["contribution"] == place,
            "{contributed}"
        );
    }
    // Whoever copies owns nothing, and is told whom he copied.
    let copied = world.ok(BOB, &["datanet", "contribute", "1", "copy.txt", "--mine"])?;
    let alice = world.address(ALICE)?;
    ensure!(
        copied.contains("near-duplicate of contribution 0") && copied.contains(&alice.to_string()),
        "{copied}"
    );
    let status = world.json(OWNER, &["datanet", "validate", "1"])?;
    ensure!(
        status.as_array().map(Vec::len) == Some(2) && status[1]["uri"] == "ipfs://x/b.txt",
        "{status}"
    );

    // Two validators, each by himself.
    let validate = |votes| {
        [
            "datanet",
            "validate",
            "1",
            "--score-all",
            "80",
            "--finish",
            "--json",
            "--votes",
            votes,
        ]
    };
    let mut others = Vec::new();
    for (validator, votes) in VALIDATORS.into_iter().zip(["votes-a", "votes-b"]) {
        others.push(world.begin(validator, &validate(votes))?);
    }
    for other in others {
        let reviewed = succeeded(&["validate"], other.wait_with_output()?)?;
        let reviewed: Value = serde_json::from_str(&reviewed)?;
        for one in reviewed.as_array().context("a list")? {
            ensure!(
                one["status"] == "final" && one["outcome"] == "accepted" && one["onPanel"] == true,
                "{reviewed}"
            );
        }
    }

    // Dividends of an odd sum over two clusters: what doesn't divide waits.
    let mut sender = world.sender(OWNER).await?;
    let distribute = DatanetRegistry::distributeCall {
        space: space_of(U256::ONE),
    };
    let step = Step::call("distribute", DATANET_REGISTRY, &distribute);
    sender.send(step.paying(U256::from(OPEN + 1))).await?;
    let dry = world.json(ALICE, &["claim", "--dry-run"])?;
    ensure!(
        dry["owed"][0]["shares"].as_array().map(Vec::len) == Some(2),
        "{dry}"
    );

    // Bob claims for both: two bonds of 0.01 and the dividends for Alice, his own bond for himself.
    let bob = world.address(BOB)?;
    let (alice_text, bob_text) = (alice.to_string(), bob.to_string());
    let claimed = world.json(BOB, &["claim", "--for", &alice_text, &bob_text])?;
    let paid = World::paid(&claimed)?;
    let expected = [
        (alice, U256::from(OPEN + 2 * OPEN / 100)),
        (bob, U256::from(OPEN / 100)),
    ];
    ensure!(paid == expected, "{claimed}");
    let again = world.ok(BOB, &["claim", "--for", &alice_text])?;
    ensure!(again.contains("nothing was paid"), "{again}");

    leads_to_an_adapter(&world)?;

    // Only who owns a cluster withdraws it.
    let refused = world.fails(BOB, &["datanet", "withdraw", "1", "0"])?;
    ensure!(refused.contains("NotHolder"), "{refused}");
    let withdrawn = world.ok(ALICE, &["datanet", "withdraw", "1", "0"])?;
    ensure!(withdrawn.contains("from epoch"), "{withdrawn}");
    world.ok(OWNER, &["datanet", "version", "1"])?;
    let closed = world.ok(OWNER, &["datanet", "close", "1"])?;
    ensure!(!closed.contains("bond"), "{closed}");
    world.dev.stop()
}

/// A model on the Datanet, from its proposal to an adapter that is offered.
fn leads_to_an_adapter(world: &World) -> anyhow::Result<()> {
    world.ok(BOB, &["governance", "wrap", "--amount", "20"])?;
    let files = world.files.path();
    fs::write(files.join("config.json"), "{}")?;
    fs::write(files.join("adapter.safetensors"), adapter_file()?)?;
    let proposed = world.json(
        ALICE,
        &[
            "model",
            "propose",
            "--purpose",
            "answers",
            "--architecture",
            "@config.json",
            "--base",
            "weights",
            "--use-case",
            "questions",
            "--datanet",
            "1",
            "--clusters",
            "2",
            "--gather-seconds",
            "3600",
            "--tune-seconds",
            "3600",
            "--feedback-seconds",
            "20",
        ],
    )?;
    ensure!(
        proposed["stage"] == "proposed" && proposed["model"] == "0x1",
        "{proposed}"
    );
    let refused = world.fails(BOB, &["model", "decide", "1", "--approve"])?;
    ensure!(refused.contains("NotDecider"), "{refused}");
    world.ok(OWNER, &["model", "decide", "1", "--approve"])?;
    let tuning = world.ok(ALICE, &["model", "gather", "1"])?;
    ensure!(tuning.contains("tuning"), "{tuning}");
    let tune = [
        "model",
        "tune",
        "1",
        "--artefact",
        "tuned",
        "--adapter",
        "adapter.safetensors",
        "--name",
        "base",
        "--config",
        "config.json",
        "--layers",
        "1",
        "--out",
        "base.json",
    ];
    world.ok(ALICE, &tune)?;
    // Bob signs, and somebody else brings it.
    let signed = world.ok(BOB, &["model", "feedback", "1", "--score", "90", "--sign"])?;
    let signature = signed
        .lines()
        .find_map(|line| line.strip_prefix("signature"))
        .context("no signature")?;
    let bob = world.address(BOB)?.to_string();
    world.ok(
        OWNER,
        &[
            "model",
            "feedback",
            "1",
            "--score",
            "90",
            "--voter",
            &bob,
            "--signature",
            signature.trim(),
        ],
    )?;
    let live = world.ok(OWNER, &["model", "finish", "1", "--wait"])?;
    ensure!(
        live.contains("live") && live.contains("90 of 100"),
        "{live}"
    );

    let register = |licence| {
        [
            "adapter",
            "register",
            "adapter.safetensors",
            "--base",
            "base.json",
            "--alpha",
            "1",
            "--licence",
            licence,
            "--price-in",
            "0.5",
            "--price-out",
            "1",
        ]
    };
    let train = ["--train", "1:1:10000", "--journal", "other"];
    let refused = world.fails(BOB, &[&register("other")[..], &train].concat())?;
    ensure!(refused.contains("LicenceNotAllowed"), "{refused}");
    let registered = world.json(BOB, &register("MIT"))?;
    let id = registered["id"].to_string();
    // The same command again does nothing again.
    let again = world.json(BOB, &register("MIT"))?;
    ensure!(again == registered, "{again}");
    let paused = world.ok(BOB, &["adapter", "pause", &id])?;
    ensure!(paused.contains("paused, not offered"), "{paused}");
    let resumed = world.ok(BOB, &["adapter", "resume", &id])?;
    ensure!(
        resumed.contains("active: 0.5 OPEN for 1000 tokens in, 1 OPEN for 1000 out"),
        "{resumed}"
    );
    Ok(())
}

/// An adapter with one module in one layer.
fn adapter_file() -> anyhow::Result<Vec<u8>> {
    let data = [0u8; 4 * 16];
    let names = ["lora_A", "lora_B"].map(|factor| format!("model.layers.0.mlp.{factor}.weight"));
    let tensor = |shape: [usize; 2]| TensorView::new(Dtype::F32, shape.to_vec(), &data);
    let tensors = [(&names[0], tensor([2, 8])?), (&names[1], tensor([8, 2])?)];
    Ok(safetensors::serialize(tensors, None)?)
}
