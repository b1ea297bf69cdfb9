//! A running node: store, chain, sequencer, L1 roles and JSON-RPC, started in order and stopped in the
//! opposite one.
//!
//! `dev` and `sequencer` differ only in the [`NodeConfig`] that they make. Every long-running role is a
//! task of one set; the first that ends by itself ends the node. JSON-RPC, `/health` and `/metrics` are there at
//! once. What builds, posts and claims begins when `catch_up.rs` has done what comes first.

use crate::{
    batcher::{settle_carrier, start_batcher},
    catch_up::{CatchUp, Recovered},
    derivation::{client, with_blobs},
    l1_roles::{L1Roles, sender_config},
    metrics::{RoleStatus, SharedStatus},
    proposer::{ChallengerRole, ProposerRole, start_challenger, start_proposer},
    roles::{Roles, blocking},
    services::{client_version, open_chain, start_watchdog, tend_store},
    shutdown::Service,
    sync_status::l1_status,
    unsettled,
};
use alloy_signer_local::PrivateKeySigner;
use anyhow::anyhow;
use openledger_batcher::BatcherConfig;
use openledger_builder::{Builder, BuilderConfig, BuilderHandle, OriginFeed, follow};
use openledger_chain::{Chain, ChainFiles, GiveWay, Sequencer, track_beside};
use openledger_l1::{
    BlobSourceConfig, L1Client, L1Heads, L1Watcher, TxSenderConfig, TxSigner, WatcherConfig,
};
use openledger_mempool::{Mempool, MempoolConfig};
use openledger_node::WatchdogConfig;
use openledger_rpc::{RpcConfig, RpcContext, serve};
use openledger_store::StoreOptions;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// L1 blocks that the builder may read ahead.
const ORIGINS_MAX: usize = 64;
/// How long requests may go on when the node stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(6);

/// What a node does on its L1.
#[derive(Debug, Clone)]
pub struct L1Role {
    /// RPC URLs, in the order in which they are tried.
    pub urls: Vec<String>,
    /// Whether the one URL is the whole L1, as a local one that this program runs
    /// ([`L1Client::of_whole_l1`]).
    pub whole: bool,
    /// Where blobs are got from.
    pub blobs: BlobSourceConfig,
    /// Seconds between L1 blocks, for polling.
    pub block_time: Duration,
    /// Time between looks at the L1; follows from the block time where it is `None`.
    pub poll_interval: Option<Duration>,
    /// Who signs the transactions that post batches; `None` posts none.
    pub batcher_signer: Option<TxSigner>,
    /// How batches are made and posted.
    pub batcher: BatcherConfig,
    /// How transactions are sent. Chain id and resubmission follow from the chain and the block time.
    pub sender: TxSenderConfig,
    /// Who claims output roots; `None` claims none.
    pub proposer: Option<ProposerRole>,
    /// Who vetoes wrong ones; `None` vetoes none.
    pub challenger: Option<ChallengerRole>,
    /// What is taken for a stall of the L1, or of the heads that follow it.
    pub watchdog: WatchdogConfig,
}

/// What a node is started with.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// The chain.
    pub files: ChainFiles,
    /// Directory of the store.
    pub store_path: PathBuf,
    /// Settings of the store.
    pub store: StoreOptions,
    /// Settings of the pool.
    pub mempool: MempoolConfig,
    /// Settings of the block builder.
    pub builder: BuilderConfig,
    /// Settings of JSON-RPC.
    pub rpc: RpcConfig,
    /// The L1; `None` for an unsettled chain.
    pub l1: Option<L1Role>,
    /// The key that signs the feed of sealed blocks; `None` serves no feed.
    pub feed_key: Option<PrivateKeySigner>,
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    builder: Arc<BuilderHandle>,
    roles: Roles,
    /// Stops what serves and what follows.
    services: CancellationToken,
    /// Told when what comes first is done.
    begun: oneshot::Receiver<Option<Recovered>>,
    addresses: (SocketAddr, Option<SocketAddr>),
}

impl Node {
    /// Opens the store, serves, and starts every role. Those that need the L1 begin when it has been read, however
    /// long that takes.
    ///
    /// # Errors
    /// The first role that can't be started; those before it are then stopped.
    pub async fn start(config: NodeConfig) -> anyhow::Result<Self> {
        let services = CancellationToken::new();
        let stop_on_error = services.clone().drop_guard();
        let chain = open_chain(
            config.files.clone(),
            config.store_path.clone(),
            config.store.clone(),
        )
        .await?;
        let mempool = Arc::new(Mempool::new(config.mempool.clone()));
        let origins = Arc::new(OriginFeed::new(ORIGINS_MAX));
        let roles = Roles::default();

        let l1 = match config.l1 {
            Some(mut role) => {
                let mut client = with_blobs(client(&role.urls)?, role.blobs.clone())?;
                if role.whole {
                    client = client.of_whole_l1();
                }
                if role.batcher_signer.is_some() {
                    settle_carrier(&mut role.batcher, &client)?;
                }
                let mut polling = WatcherConfig::for_block_time(role.block_time);
                polling.poll_interval = role.poll_interval.unwrap_or(polling.poll_interval);
                let (watcher, task) = L1Watcher::spawn(client.clone(), polling, services.clone());
                roles.spawn("L1 watcher", async move { Ok(task.await?) });
                Some((role, client, watcher.heads()))
            }
            None => {
                let origin = unsettled::origin(chain.config().genesis.l2_time, chain.l1_config());
                if !origins.push(origin) {
                    return Err(anyhow!("the origin of an unsettled chain was refused"));
                }
                None
            }
        };

        let builder_config = BuilderConfig {
            // What the L1 holds of the chain comes first: whoever builds on an older head forks it.
            gives_way: l1.is_some(),
            ..config.builder
        };
        let (builder, thread) = {
            let (chain, mempool, origins) = (chain.clone(), mempool.clone(), origins.clone());
            blocking(move || Builder::start(builder_config, chain, mempool, origins)).await??
        };
        roles.spawn("block builder", async move {
            // Its error is logged where it happens.
            match blocking(move || thread.join()).await? {
                Ok(outcome) => Ok(outcome?),
                Err(_) => Err(anyhow!("its thread panicked")),
            }
        });

        let (begin, begun) = oneshot::channel();
        let status = SharedStatus::default();
        let mut troubles = Vec::new();
        let mut l1_heads = None;
        match l1 {
            None => {
                // Nobody waits yet.
                let _ = begin.send(None);
            }
            Some((role, client, heads)) => {
                let (catch_up, waits) =
                    CatchUp::new(chain.clone(), client.clone(), Some(builder.clone()));
                *status.write() = RoleStatus {
                    waits: Some(waits.clone()),
                    l1: Some(heads.clone()),
                    l1_client: Some(client.clone()),
                    blobs: client.blobs().map(|source| source.status()),
                    ..RoleStatus::default()
                };
                l1_heads = Some(heads.clone());
                let feed = None;
                let limits = role.watchdog;
                let stall = start_watchdog(&chain, heads.clone(), feed, limits, &services, &roles);
                troubles.extend([waits, stall]);
                let settled = Settled {
                    role,
                    client,
                    heads,
                    chain: chain.clone(),
                    builder: builder.clone(),
                    origins,
                    directory: directory_of(&config.store_path),
                    services: services.clone(),
                    roles: roles.clone(),
                    status: status.clone(),
                };
                roles.spawn("L1 follower", settled.run(catch_up, begin));
            }
        }
        tend_store(&chain, &services, &roles);

        let context = RpcContext {
            sequencer: Some(builder.clone()),
            troubles,
            l1_status: l1_heads.map(|heads| l1_status(heads, &services, &roles)),
            metrics: Some(RoleStatus::hook(status)),
            feed_key: config.feed_key,
            ..RpcContext::new(chain.clone(), client_version())
        };
        let server = serve(config.rpc, context, services.clone()).await?;
        let addresses = (server.http(), server.privileged());
        roles.spawn("JSON-RPC", async move { Ok(server.ended().await?) });
        stop_on_error.disarm();
        Ok(Self {
            builder,
            roles,
            services,
            begun,
            addresses,
        })
    }

    /// Waits until what comes first is done, and blocks are built unless the configuration says otherwise; answers
    /// what was undone, if anything. To be called once.
    ///
    /// # Errors
    /// A role that failed meanwhile.
    pub async fn begun(&mut self) -> anyhow::Result<Option<Recovered>> {
        tokio::select! {
            Ok(recovered) = &mut self.begun => Ok(recovered),
            failure = self.roles.failed() => Err(failure),
        }
    }

    /// Where the public and the privileged listener are bound.
    pub const fn addresses(&self) -> (SocketAddr, Option<SocketAddr>) {
        self.addresses
    }
}

impl Service for Node {
    async fn failed(&mut self) -> anyhow::Error {
        self.roles.failed().await
    }

    /// First stops what serves and follows, then the builder, whose open block stays in the journal.
    async fn stop(self) -> anyhow::Result<()> {
        self.services.cancel();
        let mut outcome = Ok(());
        // Requests that are under way still get the builder's answer, so that it ends last.
        let all_but_the_builder = self.roles.end_all_but(1, &mut outcome);
        let drained = tokio::time::timeout(DRAIN_TIMEOUT, all_but_the_builder).await;
        self.builder.shutdown();
        self.roles.end(&mut outcome).await;
        if drained.is_err() {
            warn!("requests were cut off");
        }
        outcome
    }
}

/// The directory beside the store.
fn directory_of(store: &Path) -> PathBuf {
    store.parent().unwrap_or(Path::new("")).to_owned()
}

/// What a chain that posts to L1 needs beside its builder.
struct Settled {
    role: L1Role,
    client: L1Client,
    heads: watch::Receiver<L1Heads>,
    chain: Arc<Chain>,
    builder: Arc<BuilderHandle>,
    origins: Arc<OriginFeed>,
    /// Where the senders' journals are.
    directory: PathBuf,
    services: CancellationToken,
    roles: Roles,
    status: SharedStatus,
}

impl Settled {
    /// Does what comes first, has blocks built, starts the roles that wait for that, and follows the L1.
    async fn run(
        self,
        catch_up: CatchUp,
        begin: oneshot::Sender<Option<Recovered>>,
    ) -> anyhow::Result<()> {
        let caught_up = self.services.run_until_cancelled(catch_up.run()).await;
        let Some(caught_up) = caught_up else {
            return Ok(());
        };
        let caught_up = caught_up?;
        self.origins.set_l1_head(caught_up.l1_head);
        self.builder.go_on();
        // The batcher goes on from the safe head, which is right by now.
        self.start_roles()?;
        catch_up.done();
        let building = self.builder.is_active();
        info!(
            block = self.chain.head().number,
            building, "the sequencer begins"
        );
        // Nobody may wait for it.
        let _ = begin.send(caught_up.recovered);
        follow(
            self.chain,
            self.client,
            self.heads,
            self.origins,
            self.builder,
            self.services,
        )
        .await;
        Ok(())
    }

    fn start_roles(&self) -> anyhow::Result<()> {
        self.roles.spawn("safe head", {
            let (chain, client) = (self.chain.clone(), self.client.clone());
            let (builder, heads) = (self.builder.clone(), self.heads.clone());
            let services = self.services.clone();
            async move {
                track_beside(chain, client, heads, builder, services).await;
                Ok(())
            }
        });
        let mut status = self.status.read().clone();
        let mut senders = L1Roles {
            chain: &self.chain,
            client: &self.client,
            sender: sender_config(self.role.sender, self.role.block_time, &self.chain),
            directory: &self.directory,
            services: &self.services,
            roles: &self.roles,
            status: &mut status,
        };
        if let Some(signer) = &self.role.batcher_signer {
            start_batcher(
                &mut senders,
                signer,
                self.role.batcher.clone(),
                &self.builder,
            )?;
        }
        if let Some(proposer) = &self.role.proposer {
            start_proposer(&mut senders, proposer)?;
        }
        if let Some(challenger) = &self.role.challenger {
            start_challenger(&mut senders, challenger)?;
        }
        *self.status.write() = status;
        Ok(())
    }
}
