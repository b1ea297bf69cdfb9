//! A verifier beside a local chain.

use crate::{
    dev::{receipt, send, transfer},
    process::{Dev, Verifier, block_number, head, until},
};
use alloy_provider::{Provider, RootProvider};
use serde_json::{Value, json};
use std::time::Duration;

/// Seconds for a batch to reach the local L1 and to be derived, with a busy machine.
const SETTLE: Duration = Duration::from_secs(90);
const FLAGS: [&str; 2] = ["--l1.port", "0"];

/// A block's hash.
pub(crate) async fn hash_of(rpc: &RootProvider, number: u64) -> anyhow::Result<Value> {
    let block: Value = rpc
        .raw_request(
            "eth_getBlockByNumber".into(),
            json!([format!("{number:#x}"), false]),
        )
        .await?;
    Ok(block["hash"].clone())
}

/// A block's output root.
pub(crate) async fn output_at(rpc: &RootProvider, number: u64) -> anyhow::Result<Value> {
    let output: Value = rpc
        .raw_request(
            "optimism_outputAtBlock".into(),
            json!([format!("{number:#x}")]),
        )
        .await?;
    Ok(output["outputRoot"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_has_the_chain_from_l1_alone() -> anyhow::Result<()> {
    let (directory, data) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let dev = Dev::start(directory.path(), &FLAGS)?;
    let verifier = Verifier::start(&dev, data.path(), &[]).await?;
    let (sequencer, rpc) = (dev.rpc()?, verifier.rpc()?);
    let hash = send(&sequencer, &transfer(&dev, 0, 7)?).await?;
    let mined = receipt(&sequencer, &hash).await?;
    let number = u64::from_str_radix(
        mined["blockNumber"]
            .as_str()
            .unwrap_or_default()
            .trim_start_matches("0x"),
        16,
    )?;
    until(
        "the transaction on the verifier",
        SETTLE,
        || block_number(&rpc, "safe"),
        |safe| *safe >= number,
    )
    .await?;
    // Without a feed, what is known is what is safe.
    assert!(head(&rpc).await? >= number);
    for number in [1, number] {
        assert_eq!(
            hash_of(&rpc, number).await?,
            hash_of(&sequencer, number).await?
        );
        assert_eq!(
            output_at(&rpc, number).await?,
            output_at(&sequencer, number).await?
        );
    }
    let derived = receipt(&rpc, &hash).await?;
    assert_eq!(derived["blockHash"], mined["blockHash"]);
    // It takes no transactions.
    let refused = send(&rpc, &transfer(&dev, 1, 7)?).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("no sequencer")));
    // Killed at any instant, it goes on where it was.
    let before = block_number(&rpc, "finalized").await?;
    verifier.kill()?;
    let verifier = Verifier::start(&dev, data.path(), &[]).await?;
    let rpc = verifier.rpc()?;
    assert!(head(&rpc).await? >= before);
    until(
        "more of the chain",
        SETTLE,
        || block_number(&rpc, "safe"),
        |safe| *safe > number,
    )
    .await?;
    dev.stop()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_feed_a_verifier_is_at_the_sequencer_s_head() -> anyhow::Result<()> {
    let (directory, data) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let dev = Dev::start(directory.path(), &FLAGS)?;
    let verifier =
        Verifier::start(&dev, data.path(), &["--feed.url", dev.text("/rpcUrl")?]).await?;
    let (sequencer, rpc) = (dev.rpc()?, verifier.rpc()?);
    let hash = send(&sequencer, &transfer(&dev, 0, 7)?).await?;
    let mined = receipt(&sequencer, &hash).await?;
    // The block is there long before any batch could hold it.
    let told = until(
        "the block by the feed",
        Duration::from_secs(20),
        || async {
            let found: Value = rpc
                .raw_request("eth_getTransactionReceipt".into(), json!([hash]))
                .await?;
            Ok(found)
        },
        |found| !found.is_null(),
    )
    .await?;
    assert_eq!(told["blockHash"], mined["blockHash"]);
    // And the safe head follows from L1.
    let number = head(&sequencer).await?;
    until(
        "the safe head",
        SETTLE,
        || block_number(&rpc, "safe"),
        |safe| *safe >= number,
    )
    .await?;
    assert_eq!(
        hash_of(&rpc, number).await?,
        hash_of(&sequencer, number).await?
    );
    dev.stop()
}
