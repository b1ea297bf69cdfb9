//! Derives a chain up to the L1's head: what a starting node and `batch verify` share.

use anyhow::Context;
use openledger_chain::{Chain, Derivation, DerivedL1, OnContradiction, SafeBlock};
use openledger_l1::{
    BlobSource, BlobSourceConfig, L1Client, L1Error, L1Heads, L1Tag, RequestConfig,
};
use std::sync::Arc;
use tokio::sync::watch;

/// Derives from L1 up to its block `last_l1` and leaves the chain's safe and finalized heads where that
/// leads to. `on_safe` sees each block that L1 holds, on a worker thread, and ends the derivation by
/// answering `false`.
///
/// # Errors
/// An L1 that can't be read or is another one; an L1 that contradicts the chain, if `policy` is to report
/// that.
pub async fn derive(
    chain: &Arc<Chain>,
    client: &L1Client,
    policy: OnContradiction,
    last_l1: u64,
    on_safe: impl FnMut(SafeBlock) -> bool + Send + 'static,
) -> anyhow::Result<()> {
    // The end is fixed, and so is what counts as final.
    let (_told, heads) = watch::channel(L1Heads {
        latest: Some(client.existing_header(last_l1).await?),
        safe: None,
        finalized: client.header_by_tag(L1Tag::Finalized).await?,
        reachable: true,
    });
    let (chain, client) = (chain.clone(), client.clone());
    let mut derivation = Derivation::start(chain, client, heads, policy, on_safe).await?;
    while derivation.next_l1() <= last_l1 {
        let number = derivation.next_l1();
        let derived = derivation.next().await;
        match derived.with_context(|| format!("L1 block {number}"))? {
            Some(DerivedL1 { goes_on: true, .. }) => {}
            _ => break,
        }
    }
    Ok(())
}

/// The L1 client of a command that was given URLs.
///
/// # Errors
/// If a URL is invalid, no L1 answers, or it has another chain id than `expected`.
pub async fn connect(urls: &[String], expected: u64) -> anyhow::Result<L1Client> {
    let client = client(urls)?;
    require_chain(&client, expected).await?;
    Ok(client)
}

/// The L1 client for these URLs. Nothing is sent.
///
/// # Errors
/// If a URL is invalid, or there are too many.
pub(crate) fn client(urls: &[String]) -> anyhow::Result<L1Client> {
    L1Client::new(urls, RequestConfig::default()).context("l1.rpc-url")
}

/// Checks that the L1 is the chain's.
///
/// # Errors
/// If no L1 answers, or it has another chain id than `expected`.
pub(crate) async fn require_chain(client: &L1Client, expected: u64) -> anyhow::Result<()> {
    // The URL itself may hold a key, so that it is not repeated.
    let checked = client.require_chain_id(expected).await;
    checked.map_err(|error| {
        let what = match error {
            L1Error::WrongChain { .. } => "the URL of l1.rpc-url is of another L1 than the chain's",
            _ => "no L1 answers at the URL of l1.rpc-url",
        };
        anyhow::Error::from(error).context(what)
    })
}

/// The same client with its sources of blobs, if any are given.
///
/// # Errors
/// If a URL is invalid, or there are too many.
pub fn with_blobs(client: L1Client, config: BlobSourceConfig) -> anyhow::Result<L1Client> {
    if config.beacon_urls.is_empty() && config.archives.is_empty() {
        return Ok(client);
    }
    let source = BlobSource::new(config).context("l1.beacon-url")?;
    Ok(client.with_blobs(source))
}
