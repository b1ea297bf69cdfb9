//! The sequencer of a journey: the node that `openledger sequencer` runs, in a runtime of its own, so that
//! it can be cut off in the middle of everything.

use crate::{PATIENCE, Site};
use alloy_eips::BlockNumHash;
use alloy_primitives::{B256, Bytes};
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context as _, Result};
use openledger_batcher::BatcherConfig;
use openledger_builder::{BuilderConfig, TimeSource};
use openledger_cli::node::{L1Role, Node, NodeConfig};
use openledger_l1::{BlobSourceConfig, TxSenderConfig};
use openledger_mempool::MempoolConfig;
use openledger_node::WatchdogConfig;
use openledger_rpc::{Namespace, RpcConfig};
use openledger_store::{StoreError, StoreOptions};
use openledger_testing::{http::Connection, rpc::Client, wallet::Wallet};
use serde_json::{Value, json};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// A quarter of the real time after which a transaction that is in no L1 block is sent again.
const L1_PACE: Duration = Duration::from_millis(100);
/// How often everything that looks at the L1 does so.
const POLL: Duration = Duration::from_millis(20);
/// JSON-RPC's code for a block that does not exist.
const NOT_FOUND: i64 = -32_001;
/// How long a cut-off may take: threads end what they are doing.
const KILL_TIMEOUT: Duration = Duration::from_secs(30);

/// What the sequencer says of its heads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heads {
    pub(crate) unsafe_head: BlockNumHash,
    pub(crate) unsafe_time: u64,
    pub(crate) safe: BlockNumHash,
    /// The newest L1 block that it has seen.
    pub(crate) l1: B256,
}

pub(crate) struct Sequencer {
    runtime: Option<Runtime>,
    node: Option<Node>,
    address: SocketAddr,
    /// Where `/metrics` is.
    privileged: SocketAddr,
    pub(crate) rpc: Client,
}

impl Sequencer {
    pub(crate) async fn start(site: &Site, batcher: &Wallet) -> Result<Self> {
        let files = site.files.clone();
        let mut batcher_config = BatcherConfig {
            poll_interval: POLL,
            window_margin: site.tuning.window / 4,
            refused_pause: POLL,
            ..BatcherConfig::new(Arc::new(files.rollup.clone()))
        };
        (site.tuning.batcher)(&mut batcher_config);
        let mut sender = TxSenderConfig {
            poll_interval: POLL,
            backoff_max: Duration::from_millis(500),
            balance_interval: Duration::from_millis(200),
            ..TxSenderConfig::default()
        };
        (site.tuning.sender)(&mut sender);
        let config = NodeConfig {
            store_path: site.directory.join("sequencer").join("db"),
            store: StoreOptions::default(),
            mempool: MempoolConfig::default(),
            builder: BuilderConfig {
                time: TimeSource::Simulated(site.clock.clone()),
                ..BuilderConfig::default()
            },
            rpc: RpcConfig {
                http: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                privileged: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
                public_namespaces: Namespace::ALL.into(),
                ..RpcConfig::default()
            },
            l1: Some(L1Role {
                urls: vec![site.l1_url.clone()],
                whole: false,
                blobs: BlobSourceConfig {
                    beacon_urls: vec![site.beacon_url.clone()],
                    ..BlobSourceConfig::default()
                },
                block_time: L1_PACE,
                poll_interval: Some(POLL),
                batcher_signer: Some(PrivateKeySigner::from_bytes(&batcher.key())?.into()),
                batcher: batcher_config,
                sender,
                proposer: None,
                challenger: None,
                watchdog: WatchdogConfig::for_intervals(L1_PACE, L1_PACE),
            }),
            feed_key: None,
            files,
        };
        std::fs::create_dir_all(site.directory.join("sequencer"))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("sequencer")
            .enable_all()
            .build()?;
        let started = tokio::time::Instant::now();
        let node = loop {
            match runtime.spawn(Node::start(config.clone())).await? {
                Ok(node) => break node,
                // Threads of a run that was cut off may end a little later.
                Err(error) if is_store_in_use(&error) && started.elapsed() < KILL_TIMEOUT => {
                    tokio::time::sleep(POLL).await;
                }
                Err(error) => {
                    runtime.shutdown_background();
                    return Err(error.context("the sequencer does not start"));
                }
            }
        };
        let begins = runtime.spawn(async move {
            let mut node = node;
            node.begun().await.map(|_| node)
        });
        let node = match begins.await? {
            Ok(node) => node,
            Err(error) => {
                runtime.shutdown_background();
                return Err(error.context("the sequencer does not begin"));
            }
        };
        let (address, privileged) = node.addresses();
        let rpc = Client::open(address).await?;
        Ok(Self {
            runtime: Some(runtime),
            node: Some(node),
            address,
            privileged: privileged.context("a privileged listener")?,
            rpc,
        })
    }

    /// Where its JSON-RPC is.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A metric, without `openledger_` in front of its name.
    pub(crate) async fn metric(&self, name: &str) -> Result<u64> {
        let mut connection = Connection::open(self.privileged).await?;
        let text = std::str::from_utf8(connection.get("/metrics").await?)?;
        let prefix = format!("openledger_{name} ");
        let mut values = text.lines().filter_map(|line| line.strip_prefix(&prefix));
        let value = values.next().with_context(|| name.to_owned())?;
        Ok(value.parse()?)
    }

    pub(crate) async fn heads(&mut self) -> Result<Heads> {
        let began = Instant::now();
        let status = loop {
            match self.rpc.try_call("optimism_syncStatus", json!([])).await? {
                Ok(status) => break status,
                // A head was unwound between the look at it and the one at its block.
                Err(refusal) if refusal.code == NOT_FOUND && began.elapsed() < PATIENCE => {
                    tokio::time::sleep(POLL).await;
                }
                Err(refusal) => return Err(refusal.into()),
            }
        };
        let id = |head: &Value| -> Result<BlockNumHash> {
            Ok(BlockNumHash {
                number: head["number"].as_u64().context("a number")?,
                hash: serde_json::from_value(head["hash"].clone())?,
            })
        };
        let head = &status["unsafe_l2"];
        Ok(Heads {
            unsafe_head: id(head)?,
            unsafe_time: head["timestamp"].as_u64().context("a timestamp")?,
            safe: id(&status["safe_l2"])?,
            l1: serde_json::from_value(status["head_l1"]["hash"].clone())?,
        })
    }

    /// Hands in a transaction; answers its hash once it is acknowledged.
    pub(crate) async fn submit(&mut self, raw: &Bytes) -> Result<B256> {
        let hash = self
            .rpc
            .call("eth_sendRawTransaction", json!([raw]))
            .await?;
        Ok(serde_json::from_value(hash)?)
    }

    /// Cuts it off: every task ends where it waits, and nothing is said to anybody.
    pub(crate) async fn kill(mut self) -> Result<()> {
        let (runtime, node) = (self.runtime.take(), self.node.take());
        tokio::task::spawn_blocking(move || {
            // The builder's thread ends with the last handle to it.
            drop(node);
            if let Some(runtime) = runtime {
                runtime.shutdown_timeout(KILL_TIMEOUT);
            }
        })
        .await?;
        Ok(())
    }
}

/// Whether the store is still open elsewhere.
fn is_store_in_use(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(StoreError::Locked { .. }))
}

impl Drop for Sequencer {
    fn drop(&mut self) {
        // A runtime can't be waited for where others run.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
