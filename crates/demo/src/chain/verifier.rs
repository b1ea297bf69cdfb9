//! A verifier that computes everything again.

use super::{Play, epochs, outcome::Outcome, path_text, process::Process};
use alloy_eips::BlockNumberOrTag;
use anyhow::{Context, ensure};
use openledger_client::Node;
use std::{
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

/// Longest that the verifier may take to follow the chain.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(120);

/// A port that nobody listens on.
fn free_port() -> anyhow::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port().to_string())
}

impl Play<'_> {
    /// A verifier that has nothing but L1 and the chain's files.
    pub(super) fn verifier(&self) -> anyhow::Result<(Process, String)> {
        let l1 = self
            .local
            .l1_url
            .as_deref()
            .context("the chain has an L1")?;
        let data = self.directory.join("verifier");
        let (port, privileged) = (free_port()?, free_port()?);
        let arguments = [
            "verifier",
            "--l1.rpc-url",
            l1,
            "--l1.beacon-url",
            l1,
            "--chain",
            self.chain,
            "--data-dir",
            path_text(&data)?,
            "--http.port",
            &port,
            "--privileged.port",
            &privileged,
        ];
        let process = self.binary.start("verifier", &arguments)?;
        Ok((process, format!("http://127.0.0.1:{port}")))
    }

    /// Waits until the verifier has what the chain has, and computes all payouts again from what it says.
    pub(super) async fn verify(
        &self,
        (mut verifier, url): (Process, String),
        outcome: &mut Outcome,
    ) -> anyhow::Result<()> {
        let (number, hash) = outcome.last_block;
        let chain_id = self.local.chain_id;
        let same = async || {
            let Ok(node) = Node::connect(&url, Some(chain_id)).await else {
                return anyhow::Ok(None);
            };
            let header = node.header(BlockNumberOrTag::Number(number)).await?;
            anyhow::Ok(header.map(|header| header.hash))
        };
        let derived = verifier
            .until(
                "the verifier has derived the chain from L1",
                FOLLOW_TIMEOUT,
                same,
            )
            .await?;
        ensure!(
            derived == hash,
            "the verifier derived block {number} {derived} from L1, the chain has {hash}"
        );
        outcome.verifier_hash = derived;
        self.progress.say(format!(
            "a verifier derived block {number} {derived} from L1 alone"
        ));
        let printed = epochs::verify(self.binary, &url).await?;
        outcome.verified = printed.lines().last().unwrap_or_default().to_owned();
        self.progress.say(format!(
            "epoch verify, asking the verifier: {}",
            outcome.verified
        ));
        verifier.stop().await
    }
}
