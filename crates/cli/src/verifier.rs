//! `openledger verifier`: a node that has the chain from L1, and serves it.

use crate::{
    config::{SETTINGS_HELP, VerifierFlags, VerifierSettings},
    derivation::{connect, derive, with_blobs},
    l1_roles::{L1Roles, sender_config},
    metrics::RoleStatus,
    one_line,
    proposer::start_challenger,
    roles::Roles,
    services::{client_version, open_chain, store_path, tend_store},
    shutdown::{self, Service},
    sync_status::l1_status,
};
use clap::Args;
use openledger_chain::{Chain, ChainFiles, OnContradiction, track, unwind_lost_origins};
use openledger_l1::{L1Client, L1Heads, L1Watcher, TxSenderConfig, WatcherConfig};
use openledger_node::{WatchdogConfig, follow_feed, watch};
use openledger_rpc::{RpcConfig, RpcContext, serve};
use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{info, warn};

/// Pause before the L1 is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// The longest that a batcher usually waits before it posts, for a node that doesn't know its batcher's
/// setting: what is taken for a stall must not be a quiet hour.
pub(crate) const BATCH_INTERVAL: Duration = Duration::from_secs(3_600);

/// Flags of `openledger verifier`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = SETTINGS_HELP)]
pub struct VerifierArgs {
    /// Settings file (TOML)
    #[arg(long, env = "OPENLEDGER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub flags: VerifierFlags,
}

/// Runs until Ctrl-C or SIGTERM, or until a role fails.
///
/// # Errors
/// Settings that can't be used, whatever keeps a role from starting, or the role that failed.
pub async fn run(args: VerifierArgs) -> anyhow::Result<ExitCode> {
    shutdown::run(start(args)).await
}

/// A running verifier.
struct Verifier {
    roles: Roles,
    /// Stops every role when it is dropped.
    services: DropGuard,
}

impl Service for Verifier {
    async fn failed(&mut self) -> anyhow::Error {
        self.roles.failed().await
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.services);
        let mut outcome = Ok(());
        self.roles.end(&mut outcome).await;
        outcome
    }
}

async fn start(args: VerifierArgs) -> anyhow::Result<Verifier> {
    let settings = VerifierSettings::resolve(args.config.as_deref(), args.flags)?;
    let services = CancellationToken::new();
    let guard = services.clone().drop_guard();
    let node = settings.node;
    let files = ChainFiles::read(&node.chain)?;
    let challenger = node.challenger_role(&files.l1.contracts)?;
    let options = node.store_options(files.rollup.block_time);
    let chain = open_chain(files, store_path(&node.data_dir)?, options).await?;
    let client = connect(&node.l1_rpc_urls, chain.config().l1_chain_id).await?;
    let client = with_blobs(client, node.blobs.clone())?;

    let mut roles = Roles::default();
    let polling = WatcherConfig::for_block_time(node.l1_block_time);
    let (watcher, task) = L1Watcher::spawn(client.clone(), polling, services.clone());
    roles.spawn("L1 watcher", async move { Ok(task.await?) });
    let caught_up = CancellationToken::new();
    roles.spawn("derivation", {
        let (chain, client, caught_up) = (chain.clone(), client.clone(), caught_up.clone());
        let (heads, services) = (watcher.heads(), services.clone());
        async move {
            follow_l1(chain, client, heads, caught_up, services).await;
            Ok(())
        }
    });
    if let Some(feed) = settings.feed {
        let (chain, client, services) = (chain.clone(), client.clone(), services.clone());
        roles.spawn("feed", async move {
            // What L1 holds comes from L1: blocks of the feed belong on top of it.
            tokio::select! {
                () = caught_up.cancelled() => {}
                () = services.cancelled() => return Ok(()),
            }
            follow_feed(chain, client, feed, services).await;
            Ok(())
        });
    }
    tend_store(&chain, &services, &mut roles);

    let mut status = RoleStatus {
        l1: Some(watcher.heads()),
        l1_client: Some(client.clone()),
        blobs: client.blobs().map(|source| source.status()),
        ..RoleStatus::default()
    };
    if let Some(challenger) = challenger {
        let mut senders = L1Roles {
            chain: &chain,
            client: &client,
            sender: sender_config(TxSenderConfig::default(), node.l1_block_time, &chain),
            directory: &node.data_dir,
            services: &services,
            roles: &mut roles,
            status: &mut status,
        };
        start_challenger(&mut senders, &challenger)?;
    }
    let limits = WatchdogConfig::for_intervals(node.l1_block_time, BATCH_INTERVAL);
    let (stall, watching) = watch(chain.clone(), watcher.heads(), limits, services.clone());
    roles.spawn("watchdog", async move {
        watching.await;
        Ok(())
    });
    let context = RpcContext {
        l1_status: Some(l1_status(watcher.heads(), &services, &mut roles)),
        metrics: Some(status.hook()),
        stall: Some(stall),
        ..RpcContext::new(chain, client_version())
    };
    let rpc = RpcConfig {
        settled: true,
        // The head of a verifier is as old as the last batch.
        health_head_age_max: limits.safe_silence_max,
        ..node.rpc
    };
    let server = serve(rpc, context, services.clone()).await?;
    info!(
        http = %server.http(),
        privileged = server.privileged().map(|address| address.to_string()),
        "ready"
    );
    roles.spawn("JSON-RPC", async move { Ok(server.ended().await?) });
    Ok(Verifier {
        roles,
        services: guard,
    })
}

/// Derives what L1 holds already, reading ahead, then follows L1; `caught_up` is cancelled in between.
async fn follow_l1(
    chain: Arc<Chain>,
    client: L1Client,
    heads: watch::Receiver<L1Heads>,
    caught_up: CancellationToken,
    shutdown: CancellationToken,
) {
    loop {
        let outcome = tokio::select! {
            () = shutdown.cancelled() => return,
            outcome = catch_up(&chain, &client) => outcome,
        };
        match outcome {
            Ok(()) => break,
            Err(error) => warn!(
                error = one_line(&error),
                "the L1 can't be derived, trying again"
            ),
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(RETRY) => {}
        }
    }
    let head = chain.heads().safe;
    info!(block = head.number, hash = %head.hash, "derived what the L1 holds");
    caught_up.cancel();
    track(chain, client, heads, shutdown).await;
}

async fn catch_up(chain: &Arc<Chain>, client: &L1Client) -> anyhow::Result<()> {
    unwind_lost_origins(chain, client).await?;
    let latest = client.latest().await?.number;
    derive(chain, client, OnContradiction::Follow, latest, |_| true).await
}
