use crate::{
    dev::{receipt, send, transfer},
    process::{Dev, command},
};
use alloy_provider::{Provider, RootProvider};
use std::{fs, process::Stdio, time::Duration};

/// `openledger sequencer` on the chain that `openledger dev` made, against a given L1.
#[tokio::test(flavor = "multi_thread")]
async fn the_sequencer_runs_from_a_settings_file() -> anyhow::Result<()> {
    let (l1_home, directory) = (tempfile::tempdir()?, tempfile::tempdir()?);
    // A settled chain, only for its L1.
    let l1 = Dev::start(l1_home.path(), &["--l1.port", "0"])?;
    let url = l1.text("/l1Url")?.to_owned();
    // A second chain on that L1, whose files and key the sequencer gets.
    let made = Dev::start(directory.path(), &["--l1.rpc-url", &url])?;
    let key = made.text("/accounts/0/privateKey")?.to_owned();
    let raw = transfer(&made, 0, 1)?;
    made.stop()?;

    let port = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    let privileged = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    let settings = directory.path().join("openledger.toml");
    fs::write(
        &settings,
        format!(
            "chain = {chain:?}\ndata-dir = {chain:?}\n[l1]\nrpc-url = {url:?}\nblock-time = 2\n\
             [http]\nport = 1\n[privileged]\nport = {privileged}\n",
            chain = directory.path().display().to_string()
        ),
    )?;
    let mut child = command()
        .args(["sequencer", "--config"])
        .arg(&settings)
        // A flag wins over the file.
        .args(["--http.port", &port.to_string()])
        .env("OPENLEDGER_BATCHER_KEY", key)
        .stdout(Stdio::null())
        .stderr(fs::File::create(directory.path().join("sequencer.log"))?)
        .spawn()?;
    let rpc = RootProvider::new_http(format!("http://127.0.0.1:{port}").parse()?);
    let mut answered = false;
    for _ in 0..600 {
        if rpc.get_chain_id().await.is_ok() {
            answered = true;
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let log = || fs::read_to_string(directory.path().join("sequencer.log"));
    assert!(answered, "{}", log()?);
    let hash = send(&rpc, &raw).await?;
    assert_eq!(receipt(&rpc, &hash).await?["status"], "0x1");
    // SAFETY: a signal to a child that was not yet waited for.
    unsafe { libc::kill(i32::try_from(child.id())?, libc::SIGTERM) };
    assert!(child.wait()?.success(), "{}", log()?);
    l1.stop()
}

#[test]
fn settings_that_make_no_sense_are_one_line() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let settings = directory.path().join("openledger.toml");
    fs::write(&settings, "[http]\nports = 1\n")?;
    let output = command()
        .args(["sequencer", "--config"])
        .arg(&settings)
        .output()?;
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr)?;
    assert!(
        text.starts_with("error: ") && text.contains("ports"),
        "{text}"
    );
    Ok(())
}
