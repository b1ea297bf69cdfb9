use crate::process::{Dev, block_number, command, head, until};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, Bytes, TxKind, U256, address};
use alloy_provider::{Provider, RootProvider};
use alloy_signer_local::PrivateKeySigner;
use serde_json::Value;
use std::{net::TcpListener, time::Duration};

pub(crate) const RECIPIENT: Address = address!("00000000000000000000000000000000000000aa");
pub(crate) const WAIT: Duration = Duration::from_secs(30);

/// The first account's transfer with this nonce, signed.
pub(crate) fn transfer(dev: &Dev, nonce: u64, value: u64) -> anyhow::Result<Bytes> {
    use alloy_signer::SignerSync;
    let key: PrivateKeySigner = dev.text("/accounts/0/privateKey")?.parse()?;
    let transaction = TxEip1559 {
        chain_id: 161_299,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to: TxKind::Call(RECIPIENT),
        value: U256::from(value),
        ..Default::default()
    };
    let signature = key.sign_hash_sync(&transaction.signature_hash())?;
    Ok(TxEnvelope::from(transaction.into_signed(signature))
        .encoded_2718()
        .into())
}

/// Sends it and answers its hash.
pub(crate) async fn send(rpc: &RootProvider, raw: &Bytes) -> anyhow::Result<String> {
    Ok(rpc
        .raw_request("eth_sendRawTransaction".into(), [raw])
        .await?)
}

pub(crate) async fn receipt(rpc: &RootProvider, hash: &str) -> anyhow::Result<Value> {
    until(
        "a receipt",
        WAIT,
        || async {
            Ok(rpc
                .raw_request::<_, Value>("eth_getTransactionReceipt".into(), [hash])
                .await?)
        },
        |receipt| !receipt.is_null(),
    )
    .await
}

/// The first page of an address's transactions.
async fn transactions_of(rpc: &RootProvider, address: Address) -> anyhow::Result<Value> {
    let params = (address, 0, 25);
    Ok(rpc
        .raw_request("ots_searchTransactionsBefore".into(), params)
        .await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsettled_chain_runs_resumes_and_stops() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let flags = ["--no-batcher", "--index-addresses=false"];
    let dev = Dev::start(directory.path(), &flags)?;
    assert_eq!(dev.report["settled"], false);
    assert_eq!(dev.report["l1Url"], Value::Null);
    let rpc = dev.rpc()?;
    assert_eq!(rpc.get_chain_id().await?, 161_299);
    let first: Address = dev.text("/accounts/0/address")?.parse()?;
    assert_eq!(
        rpc.get_balance(first).await?,
        U256::from(10_000) * U256::from(10).pow(U256::from(18))
    );

    let hash = send(&rpc, &transfer(&dev, 0, 5)?).await?;
    let receipt = receipt(&rpc, &hash).await?;
    assert_eq!(receipt["status"], "0x1");
    assert_eq!(rpc.get_balance(RECIPIENT).await?, U256::from(5));
    assert_eq!(
        block_number(&rpc, "safe").await?,
        0,
        "an unsettled chain has no safe block but genesis"
    );
    assert_eq!(block_number(&rpc, "finalized").await?, 0);
    let banner = dev.banner()?;
    for expected in [
        "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "10000.000000000000000000 OPEN",
        "161299",
        "safe and finalized stay at genesis",
        dev.text("/rpcUrl")?,
    ] {
        assert!(
            banner.contains(expected),
            "{expected} is not in the banner:\n{banner}"
        );
    }
    let before = head(&rpc).await?;
    let refused = transactions_of(&rpc, RECIPIENT).await.unwrap_err();
    assert!(
        refused.to_string().contains("--index-addresses"),
        "{refused}"
    );
    dev.stop()?;

    let dev = Dev::start(directory.path(), &["--no-batcher"])?;
    let rpc = dev.rpc()?;
    assert!(head(&rpc).await? >= before);
    assert_eq!(rpc.get_balance(RECIPIENT).await?, U256::from(5));
    // Unless it is told otherwise it indexes, what was sealed before included.
    let found = until(
        "the transaction in the index",
        WAIT,
        // An error says that the index is behind.
        || async { Ok(transactions_of(&rpc, RECIPIENT).await.unwrap_or_default()) },
        |found| !found.is_null(),
    )
    .await?;
    assert_eq!(found["txs"][0]["hash"], hash);
    assert_eq!(found["txs"].as_array().map(Vec::len), Some(1));
    assert_eq!(rpc.get_transaction_count(first).await?, 1);
    dev.stop()
}

#[tokio::test(flavor = "multi_thread")]
async fn instant_mode_seals_a_block_a_transaction() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let dev = Dev::start(directory.path(), &["--instant", "--accounts", "2"])?;
    assert_eq!(dev.report["accounts"].as_array().map(Vec::len), Some(2));
    let rpc = dev.rpc()?;
    let before = head(&rpc).await?;
    for nonce in 0..3 {
        let hash = send(&rpc, &transfer(&dev, nonce, 1)?).await?;
        receipt(&rpc, &hash).await?;
    }
    assert_eq!(head(&rpc).await?, before + 3);
    dev.stop()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_chain_keeps_what_it_answered() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let mut dev = Dev::start(directory.path(), &["--no-batcher"])?;
    let rpc = dev.rpc()?;
    let mut hashes = Vec::new();
    for nonce in 0..5 {
        hashes.push(send(&rpc, &transfer(&dev, nonce, 1)?).await?);
    }
    dev.signal(libc::SIGKILL)?;
    dev.wait()?;

    let dev = Dev::start(directory.path(), &["--no-batcher"])?;
    let rpc = dev.rpc()?;
    for hash in &hashes {
        assert_eq!(receipt(&rpc, hash).await?["status"], "0x1");
    }
    dev.stop()
}

/// The one line that a failing command says.
fn failure(arguments: &[&str]) -> anyhow::Result<String> {
    let output = command().args(arguments).output()?;
    assert!(!output.status.success(), "{arguments:?} must fail");
    let text = String::from_utf8(output.stderr)?;
    let errors: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(errors.len(), 1, "{text}");
    Ok(errors[0].to_owned())
}

#[test]
fn a_port_in_use_is_one_line_that_names_the_flag() -> anyhow::Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().to_string();
    let error = failure(&["dev", "--no-batcher", "--http.port", &port])?;
    assert_eq!(
        error,
        format!("error: port {port} is in use: choose another one by --http.port")
    );
    Ok(())
}

/// The contracts would refuse it, when the L1 runs and half of them are there.
#[test]
fn a_block_time_that_no_settled_chain_has_is_refused_first() -> anyhow::Result<()> {
    let output = command()
        .args(["dev", "--http.port", "0", "--l1.port", "0"])
        .args(["--block-time", "61"])
        .env("OPENLEDGER_ANVIL", "/nonexistent/anvil")
        .output()?;
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr)?;
    assert!(
        text.starts_with("error: --block-time 61") && text.contains("1 to 60 s"),
        "{text}"
    );
    assert!(
        text.lines().count() == 1 && text.contains("--no-batcher"),
        "{text}"
    );
    Ok(())
}

#[test]
fn a_missing_anvil_is_one_line_that_says_how_to_install_it() -> anyhow::Result<()> {
    let output = command()
        .args(["dev", "--http.port", "0", "--l1.port", "0"])
        .env("OPENLEDGER_ANVIL", "/nonexistent/anvil")
        .output()?;
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr)?;
    assert!(
        text.starts_with("error: ") && text.lines().count() == 1,
        "{text}"
    );
    assert!(text.contains("OPENLEDGER_ANVIL"), "{text}");
    Ok(())
}

#[test]
fn a_corrupt_data_directory_is_one_line_that_says_what_to_do() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().to_str().expect("a path of ours");
    std::fs::create_dir(directory.path().join("db"))?;
    let error = failure(&[
        "dev",
        "--no-batcher",
        "--http.port",
        "0",
        "--data-dir",
        path,
    ])?;
    assert!(
        error.contains("--data-dir") && error.contains("missing"),
        "{error}"
    );
    Ok(())
}

#[test]
fn flags_that_do_not_fit_a_kept_chain_are_refused() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().to_str().expect("a path of ours");
    Dev::start(directory.path(), &["--no-batcher"])?.stop()?;
    let error = failure(&[
        "dev",
        "--http.port",
        "0",
        "--l1.port",
        "0",
        "--data-dir",
        path,
    ])?;
    assert!(
        error.contains("unsettled") && error.contains("--no-batcher"),
        "{error}"
    );
    let flags = [
        "dev",
        "--no-batcher",
        "--http.port",
        "0",
        "--gas-limit",
        "30000000",
        "--data-dir",
        path,
    ];
    let error = failure(&flags)?;
    assert!(error.contains("--gas-limit"), "{error}");
    Ok(())
}

#[test]
fn a_second_node_on_the_same_directory_is_refused() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let dev = Dev::start(directory.path(), &["--no-batcher"])?;
    let path = directory.path().to_str().expect("a path of ours");
    let error = failure(&[
        "dev",
        "--no-batcher",
        "--http.port",
        "0",
        "--data-dir",
        path,
    ])?;
    assert!(error.contains("in use by another process"), "{error}");
    let error = failure(&["db", "stats", "--data-dir", path])?;
    assert!(error.contains("in use by another process"), "{error}");
    dev.stop()
}

#[test]
fn the_database_commands_answer() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().to_str().expect("a path of ours");
    Dev::start(directory.path(), &["--instant"])?.stop()?;
    let stats = command()
        .args(["db", "stats", "--data-dir", path])
        .output()?;
    assert!(stats.status.success());
    assert!(String::from_utf8(stats.stdout)?.contains("bytes a block"));
    let verify = command()
        .args(["db", "verify", "--data-dir", path])
        .output()?;
    assert!(verify.status.success());
    assert!(String::from_utf8(verify.stdout)?.contains("the store is sound"));
    let missing = failure(&["db", "verify", "--data-dir", "/nonexistent"])?;
    assert!(missing.contains("/nonexistent"), "{missing}");
    Ok(())
}
