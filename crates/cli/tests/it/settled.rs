use crate::{
    dev::{WAIT, receipt, send, transfer},
    process::{Dev, Verifier, block_number, command, head, is_alive, until},
    verifier::{hash_of, output_at},
};
use serde_json::Value;
use std::{path::Path, process::Output, time::Duration};

/// Seconds for a batch to reach the local L1, with a busy machine.
const SETTLE: Duration = Duration::from_secs(60);
const FLAGS: [&str; 2] = ["--l1.port", "0"];

fn batch(subcommand: &[&str], dev: &Dev, directory: &Path) -> anyhow::Result<Output> {
    Ok(command()
        .arg("batch")
        .args(subcommand)
        .args(["--l1.rpc-url", dev.text("/l1Url")?])
        .arg("--chain")
        .arg(directory)
        .output()?)
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn l1_pid(dev: &Dev) -> u64 {
    dev.report["l1Pid"]
        .as_u64()
        .expect("a settled chain has an L1 process")
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_reach_l1_and_the_chain_is_derived_from_it() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let dev = Dev::start(directory.path(), &FLAGS)?;
    let rpc = dev.rpc()?;
    let hash = send(&rpc, &transfer(&dev, 0, 7)?).await?;
    let mined = receipt(&rpc, &hash).await?;
    let number = u64::from_str_radix(
        mined["blockNumber"]
            .as_str()
            .unwrap_or("0x0")
            .trim_start_matches("0x"),
        16,
    )?;
    until(
        "the safe head",
        SETTLE,
        || block_number(&rpc, "safe"),
        |safe| *safe >= number,
    )
    .await?;
    until(
        "the finalized head",
        SETTLE,
        || block_number(&rpc, "finalized"),
        |block| *block > 0,
    )
    .await?;

    let l2 = dev.text("/rpcUrl")?;
    let verified = batch(&["verify", "--l2.rpc-url", l2], &dev, directory.path())?;
    let text = stdout(&verified);
    assert!(
        verified.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&verified.stderr)
    );
    assert!(
        text.contains("with 1 transactions") && text.contains("equal: hash and output root"),
        "{text}"
    );
    assert!(!text.contains("NOT COMMITTED"), "{text}");

    let listed = stdout(&batch(&["list"], &dev, directory.path())?);
    assert!(listed.lines().count() > 2, "{listed}");
    let containing = (0..listed.lines().count()).find_map(|index| {
        let shown = stdout(&batch(&["show", &index.to_string()], &dev, directory.path()).ok()?);
        shown.contains(&hash).then_some(shown)
    });
    let shown = containing.expect("a batch holds the transaction");
    assert!(
        shown.contains("frame") && shown.contains(&format!("block {number}:")),
        "{shown}"
    );

    let error = batch(&["show", "100000"], &dev, directory.path())?;
    assert!(!error.status.success());
    dev.stop()
}

/// A local chain may post as one on a public L1 does, and what it posted so is still read when it posts in calldata
/// again, on an L1 that was started again: by a verifier as by `batch verify`.
#[tokio::test(flavor = "multi_thread")]
async fn batches_in_blobs_are_read_back_from_the_local_l1() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let flags = [&FLAGS[..], &["--data-availability", "blobs"]].concat();
    let dev = Dev::start(directory.path(), &flags)?;
    let safe_over = async |dev: &Dev, number| {
        let rpc = dev.rpc()?;
        let safe = || block_number(&rpc, "safe");
        until("the safe head", SETTLE, safe, |safe| *safe > number).await
    };
    let safe = safe_over(&dev, 1).await?;
    assert!(dev.metric("blobs_fetched_total").await? > 0);
    dev.stop()?;

    let dev = Dev::start(directory.path(), &FLAGS)?;
    let later = head(&dev.rpc()?).await?;
    assert!(later >= safe);
    let later = safe_over(&dev, later).await?;
    let beacon = ["--l1.beacon-url", dev.text("/l1BeaconUrl")?];
    let data = tempfile::tempdir()?;
    let verifier = Verifier::start(&dev, data.path(), &beacon).await?;
    let derived = verifier.rpc()?;
    let safe_there = || block_number(&derived, "safe");
    until("the verifier's head", SETTLE, safe_there, |safe| {
        *safe >= later
    })
    .await?;
    for number in [safe, later] {
        let (ours, theirs) = (dev.rpc()?, &derived);
        assert_eq!(
            hash_of(&ours, number).await?,
            hash_of(theirs, number).await?
        );
        assert_eq!(
            output_at(&ours, number).await?,
            output_at(theirs, number).await?
        );
    }
    let verify = ["verify", "--l2.rpc-url", dev.text("/rpcUrl")?];
    let verified = batch(&[&verify[..], &beacon].concat(), &dev, directory.path())?;
    assert!(
        stdout(&verified).contains("equal: hash and output root"),
        "{}{}",
        stdout(&verified),
        String::from_utf8_lossy(&verified.stderr)
    );
    dev.stop()
}

/// The local chain watches over itself: whoever tries a wrong claim there sees it vetoed.
#[tokio::test(flavor = "multi_thread")]
async fn claims_on_the_local_chain_are_watched() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let dev = Dev::start(directory.path(), &FLAGS)?;
    let watched = || dev.metric("challenger_watched_games");
    until("a claim", SETTLE, watched, |watched| *watched > 0).await?;
    for trouble in ["wrong_claims", "missed_claims", "failures", "obstacle"] {
        let count = dev.metric(&format!("challenger_{trouble}")).await?;
        assert_eq!(count, 0, "{trouble}");
    }
    dev.stop()
}

/// A verifier with other chain files must not agree.
#[tokio::test(flavor = "multi_thread")]
async fn a_difference_is_found() -> anyhow::Result<()> {
    let (settled, other) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let dev = Dev::start(settled.path(), &FLAGS)?;
    let rpc = dev.rpc()?;
    until(
        "the safe head",
        SETTLE,
        || block_number(&rpc, "safe"),
        |safe| *safe > 0,
    )
    .await?;
    let foreign = Dev::start(other.path(), &["--no-batcher"])?;
    until(
        "blocks",
        WAIT,
        || async { head(&foreign.rpc()?).await },
        |head| *head > 1,
    )
    .await?;
    let verified = batch(
        &["verify", "--l2.rpc-url", foreign.text("/rpcUrl")?],
        &dev,
        settled.path(),
    )?;
    assert_eq!(verified.status.code(), Some(1));
    assert!(
        stdout(&verified).contains("DIFFERENT after 0 equal blocks: block 1:"),
        "{}",
        stdout(&verified)
    );
    foreign.stop()?;
    dev.stop()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_started_outlives_the_command() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let dev = Dev::start(directory.path(), &FLAGS)?;
    let pid = l1_pid(&dev);
    assert!(is_alive(pid));
    dev.stop()?;
    assert!(!is_alive(pid), "SIGTERM stops the L1");

    let mut dev = Dev::start(directory.path(), &FLAGS)?;
    let pid = l1_pid(&dev);
    dev.signal(libc::SIGKILL)?;
    dev.wait()?;
    until(
        "the end of the L1",
        WAIT,
        || async { Ok(is_alive(pid)) },
        |alive| !alive,
    )
    .await?;
    Ok(())
}

/// Killed between two dumps of the L1's state, the chain goes on from what both layers have.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_whose_l1_went_back_goes_on() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let dev = Dev::start(directory.path(), &FLAGS)?;
    let rpc = dev.rpc()?;
    until("some blocks", WAIT, || head(&rpc), |head| *head >= 4).await?;
    dev.stop()?;
    let saved = std::fs::read(directory.path().join("l1-state.json"))?;

    // Long enough for the chain to take origins that the saved L1 does not have.
    let mut dev = Dev::start(directory.path(), &FLAGS)?;
    let rpc = dev.rpc()?;
    let start = head(&rpc).await?;
    let hash = send(&rpc, &transfer(&dev, 0, 3)?).await?;
    receipt(&rpc, &hash).await?;
    until(
        "more blocks",
        WAIT,
        || head(&rpc),
        |head| *head >= start + 8,
    )
    .await?;
    dev.signal(libc::SIGKILL)?;
    dev.wait()?;
    std::fs::write(directory.path().join("l1-state.json"), saved)?;

    let dev = Dev::start(directory.path(), &FLAGS)?;
    let rpc = dev.rpc()?;
    let banner = dev.banner()?;
    assert!(
        banner.contains("blocks were unwound"),
        "{banner}{}",
        dev.log()?
    );
    assert_eq!(
        receipt(&rpc, &hash).await?["status"],
        "0x1",
        "the transaction was queued again"
    );
    let number = head(&rpc).await?;
    until(
        "the safe head",
        SETTLE,
        || block_number(&rpc, "safe"),
        |safe| *safe >= number,
    )
    .await?;
    let verified = batch(
        &["verify", "--l2.rpc-url", dev.text("/rpcUrl")?],
        &dev,
        directory.path(),
    )?;
    assert!(verified.status.success(), "{}", stdout(&verified));
    dev.stop()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_chain_refuses_local_methods_by_naming_the_flag() -> anyhow::Result<()> {
    use alloy_provider::Provider;
    let directory = tempfile::tempdir()?;
    let dev = Dev::start(directory.path(), &FLAGS)?;
    let rpc = dev.rpc()?;
    let error = rpc
        .raw_request::<_, Value>("evm_mine".into(), ())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("--no-batcher"), "{error}");
    dev.stop()
}
