//! What every node has: its chain, the care of its store, its name.

use crate::roles::{Roles, blocking};
use anyhow::Context;
use openledger_chain::{Chain, ChainFiles, ChainOptions};
use openledger_l1::L1Heads;
use openledger_node::{FeedTrouble, WatchdogConfig, watch};
use openledger_store::{AddressIndexReport, Store, StoreOptions};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// The longest that a batcher usually waits before it posts, for a node that doesn't know its batcher's
/// setting: what is taken for a stall must not be a quiet hour.
pub(crate) const BATCH_INTERVAL: Duration = Duration::from_secs(3_600);
/// How often history beyond the window is pruned.
const PRUNE_INTERVAL: Duration = Duration::from_secs(600);
/// Blocks that one pruning step covers.
const PRUNE_STEP_BLOCKS: u64 = 10_000;
/// How often the address index looks for new blocks. It asks, rather than subscribes, since events tell
/// of every preconfirmation as well.
const INDEX_INTERVAL: Duration = Duration::from_millis(100);
/// Time between lines of progress while the address index catches up.
const INDEX_PROGRESS_INTERVAL: Duration = Duration::from_secs(10);
/// How far the address index may be behind before its progress is worth a line, blocks.
const INDEX_LAG_QUIET: u64 = 1_000;

/// Where a data directory has its store; the directory is made if it isn't there.
///
/// # Errors
/// A directory that can't be made.
pub(crate) fn store_path(data_dir: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(data_dir)
        .with_context(|| format!("data-dir {} can't be used", data_dir.display()))?;
    Ok(data_dir.join("db"))
}

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

/// Starts the roles that care for the store of every node: the pruning of history and, where it is asked
/// for, the index of transactions by address.
pub(crate) fn tend_store(chain: &Arc<Chain>, services: &CancellationToken, roles: &Roles) {
    roles.spawn("pruning", prune_regularly(chain.clone(), services.clone()));
    if chain.store().options().index_addresses {
        roles.spawn(
            "address index",
            index_addresses(chain.clone(), services.clone()),
        );
    }
}

/// Starts the role that watches over the heads, and over the feed where one is followed; answers what stands
/// still.
pub(crate) fn start_watchdog(
    chain: &Arc<Chain>,
    l1: watch::Receiver<L1Heads>,
    feed: Option<watch::Receiver<Option<FeedTrouble>>>,
    limits: WatchdogConfig,
    services: &CancellationToken,
    roles: &Roles,
) -> watch::Receiver<Option<Arc<str>>> {
    let (stall, watching) = watch(chain.clone(), l1, feed, limits, services.clone());
    roles.spawn("watchdog", async move {
        watching.await;
        Ok(())
    });
    stall
}

/// Keeps the index of transactions by address at the sealed head.
///
/// # Errors
/// A store that fails.
async fn index_addresses(chain: Arc<Chain>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut progress = IndexProgress::default();
    let mut indexed = None;
    loop {
        let head = chain.heads().unsafe_head;
        if indexed != Some(head) {
            let indexing = chain.clone();
            let report = blocking(move || {
                let store = indexing.store();
                store.extend_address_index(|number| indexing.recent_block(number))
            });
            let report = report.await?.context("the address index")?;
            progress.tell(&report);
            if !report.done {
                if shutdown.is_cancelled() {
                    return Ok(());
                }
                continue;
            }
            indexed = Some(report.indexed.newest);
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(INDEX_INTERVAL) => {}
        }
    }
}

/// What was told of the address index's progress.
#[derive(Debug, Default)]
struct IndexProgress {
    /// When the last line was written; `None` while the index is not behind.
    told: Option<Instant>,
}

impl IndexProgress {
    /// Tells how far the index is while it is far behind, and that it no longer is.
    fn tell(&mut self, report: &AddressIndexReport) {
        let block = report.indexed.newest.number;
        if report.done {
            if self.told.take().is_some() {
                info!(block, "the address index has caught up");
            }
            return;
        }
        let is_due = match self.told {
            None => report.lag() > INDEX_LAG_QUIET,
            Some(told) => told.elapsed() >= INDEX_PROGRESS_INTERVAL,
        };
        if is_due {
            self.told = Some(Instant::now());
            info!(block, head = report.head, "the address index catches up");
        }
    }
}

/// Prunes state history beyond the window.
async fn prune_regularly(chain: Arc<Chain>, shutdown: CancellationToken) -> anyhow::Result<()> {
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
