//! Nodes whose L1 can't be read when they start, and a feed that dies.

use crate::{
    dev::{receipt, send, transfer},
    process::{Dev, Verifier, block_number, command, until},
};
use alloy_provider::{Provider, RootProvider};
use serde_json::Value;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::net::{TcpListener, TcpStream};

/// Seconds for anything on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Stands before an endpoint, and ends each connection until it is opened.
struct Gate {
    url: String,
    is_open: Arc<AtomicBool>,
}

impl Gate {
    async fn before(upstream: &str) -> anyhow::Result<Self> {
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let is_open = Arc::new(AtomicBool::new(false));
        let opened = is_open.clone();
        tokio::spawn(async move {
            while let Ok((mut inside, _)) = listener.accept().await {
                if !opened.load(Ordering::Relaxed) {
                    continue;
                }
                let upstream = upstream.clone();
                tokio::spawn(async move {
                    let mut outside = TcpStream::connect(upstream).await?;
                    tokio::io::copy_bidirectional(&mut inside, &mut outside).await
                });
            }
        });
        Ok(Self { url, is_open })
    }

    fn open(&self) {
        self.is_open.store(true, Ordering::Relaxed);
    }
}

/// Waits until `/health` says `words`, by the right status.
async fn says(node: &Verifier, words: &str) -> anyhow::Result<Value> {
    let (_, health) = until(
        words,
        PATIENCE,
        || node.health(),
        |(status, health)| {
            let told = health["status"].as_str().unwrap_or_default();
            told.contains(words) && (*status == 200) == (told == "ok")
        },
    )
    .await
    .map_err(|error| error.context(node.log().unwrap_or_default()))?;
    Ok(health)
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_whose_l1_comes_late_serve_and_then_begin() -> anyhow::Result<()> {
    let home = tempfile::tempdir()?;
    let at = |name| home.path().join(name);
    // A chain that is on L1 in blobs, and that nobody has the data of; its first endpoint is dead.
    let l1 = Dev::start(&at("l1"), &["--l1.port", "0"])?;
    let l1_url = l1.text("/l1Url")?.to_owned();
    let dead = Gate::before(&l1_url).await?;
    let urls = format!("{},{l1_url}", dead.url);
    let flags = ["--l1.rpc-url", &urls, "--l1.beacon-url", &urls];
    let blobs = ["--data-availability", "blobs"];
    let made = Dev::start(&at("chain"), &[&flags[..], &blobs].concat())?;
    let rpc = made.rpc()?;
    let safe = || block_number(&rpc, "safe");
    let safe = until("the safe head", PATIENCE, safe, |safe| *safe > 0).await?;
    let key = made.text("/accounts/0/privateKey")?.to_owned();
    let raw = transfer(&made, 0, 1)?;
    made.stop()?;
    // What it still sent is in a block by then.
    let l1_rpc: RootProvider = RootProvider::new_http(l1_url.parse()?);
    let last = l1_rpc.get_block_number().await? + 2;
    let l1_head = || async { Ok(l1_rpc.get_block_number().await?) };
    until("L1 blocks", PATIENCE, l1_head, |head| *head >= last).await?;

    let (rpc_gate, beacon_gate) = (Gate::before(&l1_url).await?, Gate::before(&l1_url).await?);
    let mut sequencer = command();
    sequencer
        .args(["sequencer", "--l1.beacon-url", &beacon_gate.url])
        .env("OPENLEDGER_BATCHER_KEY", &key)
        .env("OPENLEDGER_FEED_KEY", &key);
    let spawn = async |command, name| {
        Verifier::spawn(command, &rpc_gate.url, &at("chain"), &at(name)).await
    };
    let sequencer = spawn(sequencer, "sequencer").await?;
    let mut verifier = command();
    verifier
        .args(["verifier", "--l1.beacon-url", &beacon_gate.url])
        .args(["--feed.url", &sequencer.url, "--health.head-age-max", "5"]);
    let verifier = spawn(verifier, "verifier").await?;

    // Without any L1.
    let rpc = sequencer.rpc()?;
    for node in [&sequencer, &verifier] {
        assert_eq!(node.rpc()?.get_chain_id().await?, 161_299);
        says(node, "starting: the L1 can't be read").await?;
        assert!(node.log()?.contains("trying again"));
        let metric = async |name| node.metric(name).await;
        assert_eq!(metric("starting").await?, 1);
        assert_eq!(metric("l1_reachable").await?, 0);
    }
    let hash = send(&rpc, &raw).await?;
    let health = says(&sequencer, "starting").await?;
    assert_eq!(
        (&health["sequencing"], &health["poolTransactions"]),
        (&Value::Bool(false), &Value::from(1))
    );

    // With an L1 whose blobs nobody gives.
    rpc_gate.open();
    for node in [&sequencer, &verifier] {
        says(node, "starting: a blob that the L1 commits to can't be got").await?;
        assert_eq!(block_number(&node.rpc()?, "safe").await?, 0);
    }

    // With all of it. The transaction that waited is in a block, on top of what L1 held.
    beacon_gate.open();
    says(&sequencer, "ok").await?;
    assert!(block_number(&rpc, "safe").await? >= safe);
    assert_eq!(sequencer.metric("starting").await?, 0);
    let mined = receipt(&rpc, &hash).await?;
    let told = until(
        "the block by the feed",
        PATIENCE,
        || async {
            let receipt = "eth_getTransactionReceipt";
            let found: Value = verifier.rpc()?.raw_request(receipt.into(), [&hash]).await?;
            Ok(found)
        },
        |found| !found.is_null(),
    )
    .await?;
    assert_eq!(told["blockHash"], mined["blockHash"]);
    says(&verifier, "ok").await?;

    // And without the feed.
    sequencer.kill()?;
    says(&verifier, "the feed can't be followed: it can't be").await?;
    l1.stop()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_l1_is_a_fatal_error_of_one_line() -> anyhow::Result<()> {
    let (chain, data) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let dev = Dev::start(chain.path(), &["--no-batcher"])?;
    let mut verifier = command();
    verifier.arg("verifier");
    // A node of another chain, and it has ended by itself before or after it was ready.
    let url = dev.text("/rpcUrl")?;
    let ended = match Verifier::spawn(verifier, url, chain.path(), data.path()).await {
        Ok(mut verifier) => verifier.ended().await?,
        Err(error) => format!("{error:#}"),
    };
    let errors: Vec<&str> = ended
        .lines()
        .filter(|line| line.contains("error: "))
        .collect();
    assert_eq!(errors.len(), 1, "{ended}");
    assert!(
        errors[0].contains("chain id 161299") && errors[0].contains("l1.rpc-url"),
        "{ended}"
    );
    dev.stop()
}
