//! `openledger verifier`: a node that has the chain from L1, and serves it.

use crate::{
    catch_up::CatchUp,
    config::{SETTINGS_HELP, VerifierFlags, VerifierSettings},
    derivation::{client, with_blobs},
    l1_roles::{L1Roles, sender_config},
    metrics::{RoleStatus, SharedStatus},
    proposer::{ChallengerRole, start_challenger},
    roles::Roles,
    services::{client_version, open_chain, start_watchdog, store_path, tend_store},
    shutdown::{self, Service},
    sync_status::l1_status,
};
use clap::Args;
use openledger_chain::{Chain, ChainFiles, track};
use openledger_l1::{L1Client, L1Heads, L1Watcher, TxSenderConfig, WatcherConfig};
use openledger_node::{FeedConfig, FeedTrouble, follow_feed};
use openledger_rpc::{RpcConfig, RpcContext, serve};
use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::info;

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

    async fn stop(self) -> anyhow::Result<()> {
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
    let files = ChainFiles::read(&settings.node.chain)?;
    let challenger = settings.node.challenger_role(&files.l1.contracts)?;
    let limits = settings.health_limits(files.rollup.block_time)?;
    let node = settings.node;
    let options = node.store_options(files.rollup.block_time);
    let chain = open_chain(files, store_path(&node.data_dir)?, options).await?;
    let client = with_blobs(client(&node.l1_rpc_urls)?, node.blobs.clone())?;

    let roles = Roles::default();
    let polling = WatcherConfig::for_block_time(node.l1_block_time);
    let (watcher, task) = L1Watcher::spawn(client.clone(), polling, services.clone());
    roles.spawn("L1 watcher", async move { Ok(task.await?) });
    let heads = watcher.heads();
    let (feed, feed_trouble) = match settings.feed {
        Some(feed) => {
            let (trouble, told) = watch::channel(None);
            (Some((feed, trouble)), Some(told))
        }
        None => (None, None),
    };
    let (catch_up, waits) = CatchUp::new(chain.clone(), client.clone(), None);
    let status = RoleStatus {
        waits: Some(waits.clone()),
        l1: Some(heads.clone()),
        l1_client: Some(client.clone()),
        blobs: client.blobs().map(|source| source.status()),
        ..RoleStatus::default()
    };
    let status = SharedStatus::new(status.into());
    let stall = start_watchdog(
        &chain,
        heads.clone(),
        feed_trouble,
        limits.watchdog,
        &services,
        &roles,
    );
    let following = Following {
        chain: chain.clone(),
        client,
        heads: heads.clone(),
        l1_block_time: node.l1_block_time,
        feed,
        challenger,
        directory: node.data_dir,
        services: services.clone(),
        roles: roles.clone(),
        status: status.clone(),
    };
    roles.spawn("derivation", following.run(catch_up));
    tend_store(&chain, &services, &roles);

    let context = RpcContext {
        l1_status: Some(l1_status(heads, &services, &roles)),
        metrics: Some(RoleStatus::hook(status)),
        troubles: vec![waits, stall],
        ..RpcContext::new(chain, client_version())
    };
    let rpc = RpcConfig {
        settled: true,
        health_head_age_max: limits.head_age_max,
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

/// What a verifier does about its L1.
struct Following {
    chain: Arc<Chain>,
    client: L1Client,
    heads: watch::Receiver<L1Heads>,
    l1_block_time: Duration,
    /// The feed that is followed, and where is told what is wrong with it.
    feed: Option<(FeedConfig, watch::Sender<Option<FeedTrouble>>)>,
    challenger: Option<ChallengerRole>,
    /// Where the sender's journal is.
    directory: PathBuf,
    services: CancellationToken,
    roles: Roles,
    status: SharedStatus,
}

impl Following {
    /// Derives what L1 holds already, reading ahead; then starts the roles that wait for that, and follows L1.
    async fn run(mut self, catch_up: CatchUp) -> anyhow::Result<()> {
        let caught_up = self.services.run_until_cancelled(catch_up.run()).await;
        let Some(caught_up) = caught_up else {
            return Ok(());
        };
        caught_up?;
        // What L1 holds comes from L1: blocks of the feed belong on top of it.
        if let Some((feed, trouble)) = self.feed.take() {
            let (chain, client) = (self.chain.clone(), self.client.clone());
            let services = self.services.clone();
            self.roles.spawn("feed", async move {
                follow_feed(chain, client, feed, trouble, services).await;
                Ok(())
            });
        }
        if let Some(challenger) = &self.challenger {
            let mut status = self.status.read().clone();
            let mut senders = L1Roles {
                chain: &self.chain,
                client: &self.client,
                sender: sender_config(TxSenderConfig::default(), self.l1_block_time, &self.chain),
                directory: &self.directory,
                services: &self.services,
                roles: &self.roles,
                status: &mut status,
            };
            start_challenger(&mut senders, challenger)?;
            *self.status.write() = status;
        }
        catch_up.done();
        track(self.chain, self.client, self.heads, self.services).await;
        Ok(())
    }
}
