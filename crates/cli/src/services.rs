//! What every node has: its chain, the pruning of history, its name.

use crate::roles::blocking;
use openledger_chain::{Chain, ChainFiles, ChainOptions};
use openledger_store::{Store, StoreOptions};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often history beyond the window is pruned.
const PRUNE_INTERVAL: Duration = Duration::from_secs(600);
/// Blocks that one pruning step covers.
const PRUNE_STEP_BLOCKS: u64 = 10_000;

/// Opens the chain of `files` in the store at `path`.
///
/// # Errors
/// A store that can't be opened or holds another chain.
pub(crate) async fn open_chain(
    files: ChainFiles,
    path: PathBuf,
    options: StoreOptions,
) -> anyhow::Result<Arc<Chain>> {
    let chain = blocking(move || {
        let store = Store::open(&path, options)?;
        anyhow::Ok(Chain::open(&files, store, ChainOptions::default())?)
    })
    .await??;
    Ok(Arc::new(chain))
}

/// Name, version and platform, as `web3_clientVersion` answers them.
pub(crate) fn client_version() -> String {
    format!(
        "openledger/v{}/{}-{}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}

/// Prunes state history beyond the window.
pub(crate) async fn prune_regularly(
    chain: Arc<Chain>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(PRUNE_INTERVAL) => {}
        }
        let options = chain.store().options();
        let boundary = chain.head().number.saturating_sub(options.history_blocks);
        if options.archive || boundary == 0 {
            continue;
        }
        loop {
            let pruned = chain.clone();
            match blocking(move || pruned.store().prune(boundary, PRUNE_STEP_BLOCKS)).await? {
                Ok(report) => {
                    if report.blocks > 0 {
                        info!(
                            blocks = report.blocks,
                            oldest = report.oldest,
                            "pruned history"
                        );
                    }
                    if report.done || shutdown.is_cancelled() {
                        break;
                    }
                }
                Err(error) => {
                    warn!(%error, "history was not pruned");
                    break;
                }
            }
        }
    }
}
