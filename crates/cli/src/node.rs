//! A running node: store, chain, sequencer, L1 roles and JSON-RPC, started in order and stopped in the
//! opposite one.
//!
//! `dev` and `sequencer` differ only in the [`NodeConfig`] that they make. Every long-running role is a
//! task of one set; the first that ends by itself ends the node.

use crate::{
    batcher::start_batcher,
    derivation::{connect, derive, with_blobs},
    l1_roles::{L1Roles, sender_config},
    metrics::RoleStatus,
    one_line,
    proposer::{ChallengerRole, ProposerRole, start_challenger, start_proposer},
    roles::{Roles, blocking},
    services::{client_version, open_chain, tend_store},
    shutdown::Service,
    sync_status::l1_status,
    unsettled,
    verifier::BATCH_INTERVAL,
};
use alloy_primitives::B256;
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context, anyhow};
use openledger_batcher::BatcherConfig;
use openledger_builder::{Builder, BuilderConfig, BuilderHandle, OriginFeed, follow};
use openledger_chain::{
    Chain, ChainEvent, ChainFiles, GiveWay, OnContradiction, Sequencer, TrackError, l1_holds,
    newest_with_origin, track_beside,
};
use openledger_l1::{
    BlobSourceConfig, L1Client, L1Error, L1Watcher, TxSenderConfig, TxSigner, WatcherConfig,
};
use openledger_mempool::{Mempool, MempoolConfig};
use openledger_node::{WatchdogConfig, watch};
use openledger_protocol::L1Attributes;
use openledger_rpc::{RpcConfig, RpcContext, serve};
use openledger_store::StoreOptions;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// L1 blocks that the builder may read ahead.
const ORIGINS_MAX: usize = 64;
/// Pause before the L1 is tried again.
const RETRY: Duration = Duration::from_secs(2);
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
}

impl L1Role {
    /// What is taken for a stall of the L1, or of the heads that follow it.
    fn watchdog_limits(&self) -> WatchdogConfig {
        let channel = u32::try_from(self.batcher.channel_duration_max).unwrap_or(u32::MAX);
        let batch_interval = match self.batcher_signer {
            Some(_) => self.block_time.saturating_mul(channel),
            None => BATCH_INTERVAL,
        };
        WatchdogConfig::for_intervals(self.block_time, batch_interval)
    }
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

/// What was undone at the start because the L1 is older than the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovered {
    /// Blocks unwound.
    pub blocks: usize,
    /// Their transactions, which are queued again.
    pub transactions: usize,
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    builder: Arc<BuilderHandle>,
    roles: Roles,
    /// Stops what serves and what follows.
    services: CancellationToken,
    recovered: Option<Recovered>,
    addresses: (SocketAddr, Option<SocketAddr>),
}

impl Node {
    /// Opens the store and starts every role.
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
        let mut roles = Roles::default();

        let l1 = match &config.l1 {
            Some(role) => {
                let client = connect(&role.urls, chain.config().l1_chain_id).await?;
                let mut client = with_blobs(client, role.blobs.clone())?;
                if role.whole {
                    client = client.of_whole_l1();
                }
                let mut polling = WatcherConfig::for_block_time(role.block_time);
                polling.poll_interval = role.poll_interval.unwrap_or(polling.poll_interval);
                let (watcher, task) = L1Watcher::spawn(client.clone(), polling, services.clone());
                roles.spawn("L1 watcher", async move { Ok(task.await?) });
                Some((role, client, watcher))
            }
            None => {
                let origin = unsettled::origin(chain.config().genesis.l2_time, chain.l1_config());
                if !origins.push(origin) {
                    return Err(anyhow!("the origin of an unsettled chain was refused"));
                }
                None
            }
        };

        // Blocks are built only once it is known that the L1 has the origins of those that exist.
        let active = config.builder.active;
        let builder_config = BuilderConfig {
            active: active && l1.is_none(),
            ..config.builder.clone()
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

        let mut recovered = None;
        let mut status = RoleStatus::default();
        if let Some((role, client, watcher)) = &l1 {
            recovered = unwind_lost_origins(&chain, client, &builder).await?;
            // What the L1 holds of the chain comes first: whoever builds on an older head forks it. The
            // batcher goes on from the safe head, so that has to be right as well.
            let l1_head = derive_all(&chain, client, &builder)
                .await
                .context("what the L1 holds of the chain can't be derived")?;
            origins.set_l1_head(l1_head);
            if active {
                builder
                    .start(B256::ZERO)
                    .await
                    .context("the sequencer could not be started")?;
            }
            roles.spawn("L1 follower", {
                let (chain, client, origins, builder) = (
                    chain.clone(),
                    client.clone(),
                    origins.clone(),
                    builder.clone(),
                );
                let (heads, services) = (watcher.heads(), services.clone());
                async move {
                    follow(chain, client, heads, origins, builder, services).await;
                    Ok(())
                }
            });
            roles.spawn("safe head", {
                let (chain, client, builder) = (chain.clone(), client.clone(), builder.clone());
                let (heads, services) = (watcher.heads(), services.clone());
                async move {
                    track_beside(chain, client, heads, builder, services).await;
                    Ok(())
                }
            });
            status.l1 = Some(watcher.heads());
            status.l1_client = Some(client.clone());
            status.blobs = client.blobs().map(|source| source.status());
            let mut senders = L1Roles {
                chain: &chain,
                client,
                sender: sender_config(role.sender, role.block_time, &chain),
                directory: config.store_path.parent().unwrap_or(Path::new("")),
                services: &services,
                roles: &mut roles,
                status: &mut status,
            };
            if let Some(signer) = &role.batcher_signer {
                start_batcher(&mut senders, signer, role.batcher.clone(), &builder)?;
            }
            if let Some(proposer) = &role.proposer {
                start_proposer(&mut senders, proposer)?;
            }
            if let Some(challenger) = &role.challenger {
                start_challenger(&mut senders, challenger)?;
            }
        }
        tend_store(&chain, &services, &mut roles);
        let stall = l1.as_ref().map(|(role, _, watcher)| {
            let limits = role.watchdog_limits();
            let (stall, watching) = watch(chain.clone(), watcher.heads(), limits, services.clone());
            roles.spawn("watchdog", async move {
                watching.await;
                Ok(())
            });
            stall
        });

        let context = RpcContext {
            sequencer: Some(builder.clone()),
            stall,
            l1_status: status
                .l1
                .clone()
                .map(|heads| l1_status(heads, &services, &mut roles)),
            metrics: Some(status.hook()),
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
            recovered,
            addresses,
        })
    }

    /// What was undone at the start, if anything.
    pub const fn recovered(&self) -> Option<Recovered> {
        self.recovered
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
    async fn stop(mut self) -> anyhow::Result<()> {
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

/// Derives what the L1 holds of the chain, and answers the number of its newest block. Blocks that contradict it, such as those of a sequencer that was
/// away for longer than the sequencing window, give way.
async fn derive_all(
    chain: &Arc<Chain>,
    client: &L1Client,
    builder: &BuilderHandle,
) -> anyhow::Result<u64> {
    let mut policy = OnContradiction::Report;
    loop {
        let l1_head = client.latest().await?.number;
        let Err(error) = derive(chain, client, policy, l1_head, |_| true).await else {
            builder.go_on();
            return Ok(l1_head);
        };
        let cause = error.downcast_ref::<TrackError>();
        let is_passing = |cause: &TrackError| cause.is_reading() || cause.is_reset();
        if cause.is_some_and(is_passing) || error.is::<L1Error>() {
            warn!(
                error = one_line(&error),
                "what the L1 holds of the chain can't be read, trying again"
            );
            tokio::time::sleep(RETRY).await;
            continue;
        }
        let Some(number) = cause.and_then(TrackError::contradiction) else {
            return Err(error);
        };
        warn!(
            error = one_line(&error),
            "L1 holds other blocks than this chain: giving way"
        );
        let unwound = builder.give_way(number).await;
        unwound.map_err(|source| anyhow!("block {number} can't be unwound: {source}"))?;
        policy = OnContradiction::Follow;
    }
}

/// Unwinds blocks whose origin the L1 does not have: its state may have been saved before the chain's.
async fn unwind_lost_origins(
    chain: &Arc<Chain>,
    client: &L1Client,
    builder: &BuilderHandle,
) -> anyhow::Result<Option<Recovered>> {
    let head = chain.head().number;
    let newest = newest_with_origin(chain, client, head).await?;
    if newest.number == head && open_origin_exists(chain, client).await? {
        return Ok(None);
    }
    let mut events = chain.subscribe();
    let mut transactions = chain.open_block().map_or(0, |open| {
        open.transactions
            .iter()
            .filter(|entry| !entry.transaction.is_deposit())
            .count()
    });
    let blocks = builder.reorganize(newest.l1_origin.number).await?;
    while let Ok(event) = events.try_recv() {
        if let ChainEvent::Unwound { removed, .. } = event {
            let bodies = removed
                .iter()
                .flat_map(|block| &block.block.body.transactions);
            transactions += bodies
                .filter(|transaction| !transaction.is_deposit())
                .count();
        }
    }
    Ok(Some(Recovered {
        blocks,
        transactions,
    }))
}

/// Whether the L1 has the origin of the open block, which the journal brought back; true if none is open.
async fn open_origin_exists(chain: &Chain, client: &L1Client) -> anyhow::Result<bool> {
    let Some(open) = chain.open_block() else {
        return Ok(true);
    };
    let Some(first) = open.attributes.transactions.first() else {
        return Ok(true);
    };
    let attributes =
        L1Attributes::from_deposit(first).context("the open block's first transaction")?;
    Ok(l1_holds(client, (attributes.number, attributes.hash).into()).await?)
}
