//! The verifier of a journey: what `openledger verifier` does to follow L1, without its JSON-RPC.

use crate::Site;
use alloy_primitives::B256;
use anyhow::{Context as _, Result};
use openledger_chain::{Chain, ChainOptions, Heads, OnContradiction, track, unwind_lost_origins};
use openledger_cli::derivation::derive;
use openledger_l1::{
    BlobSource, BlobSourceConfig, L1Client, L1Watcher, RequestConfig, WatcherConfig,
};
use openledger_protocol::OutputRoot;
use openledger_store::{Store, StoreOptions};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How often it looks at the L1, and how soon it tries again.
const POLL: Duration = Duration::from_millis(50);

pub(crate) struct Verifier {
    pub(crate) chain: Arc<Chain>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Verifier {
    /// Starts a verifier on the store of this name, which may be new.
    pub(crate) fn start(site: &Site, name: &str) -> Result<Self> {
        let directory = site.directory.join(name);
        std::fs::create_dir_all(&directory)?;
        let store = Store::open(&directory.join("db"), StoreOptions::default())?;
        let chain = Chain::open(&site.files, store, ChainOptions::default())?;
        let chain = Arc::new(chain);
        let blobs = BlobSource::new(BlobSourceConfig {
            beacon_urls: vec![site.beacon_url.clone()],
            ..BlobSourceConfig::default()
        })?;
        let client = L1Client::new(std::slice::from_ref(&site.l1_url), RequestConfig::default())?
            .with_blobs(blobs);
        let stop = CancellationToken::new();
        let config = WatcherConfig {
            poll_interval: POLL,
            backoff_max: 4 * POLL,
            ..WatcherConfig::default()
        };
        let (watcher, watching) = L1Watcher::spawn(client.clone(), config, stop.clone());
        let following = tokio::spawn({
            let (chain, stop) = (chain.clone(), stop.clone());
            async move {
                // As the command does: what is there already in one go, then block by block.
                while catch_up(&chain, &client).await.is_err() {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(POLL) => {}
                    }
                }
                track(chain, client, watcher.heads(), stop).await;
            }
        });
        Ok(Self {
            chain,
            stop,
            tasks: vec![watching, following],
        })
    }

    pub(crate) fn heads(&self) -> Heads {
        self.chain.heads()
    }

    /// Output root of a block.
    pub(crate) fn output_root(&self, number: u64) -> Result<B256> {
        let block = self.chain.block(number)?.context("the block")?;
        let header = &block.block.header;
        let output = OutputRoot {
            state_root: header.state_root,
            message_passer_storage_root: header.withdrawals_root.context("since Isthmus")?,
            block_hash: block.hash,
        };
        Ok(output.hash())
    }

    /// Stops it; its store can be opened again then.
    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        for task in self.tasks {
            task.await?;
        }
        // What they left to other threads ends a little later.
        let chain = self.chain;
        crate::until("the end of the verifier's work", || async {
            Ok((Arc::strong_count(&chain) == 1).then_some(()))
        })
        .await
    }
}

async fn catch_up(chain: &Arc<Chain>, client: &L1Client) -> Result<()> {
    unwind_lost_origins(chain, client).await?;
    let latest = client.latest().await?.number;
    derive(chain, client, OnContradiction::Follow, latest, |_| true).await
}
