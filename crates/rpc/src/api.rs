//! What every handler answers from: the chain, the pool, the configuration and the server's own state.

use crate::{
    block_id::BlockId,
    cache::{BlockCache, CallCaches, LogCache},
    config::RpcConfig,
    context::{L1Status, MetricsHook, RpcContext},
    error::Failure,
    feed::Feed,
    filters::Filters,
    hub::Hub,
    metrics::ServerMetrics,
    registry::Registry,
    reply::Reply,
    workers::Workers,
};
use alloy_primitives::{Address, B256};
use alloy_signer_local::PrivateKeySigner;
use openledger_chain::{Chain, OpenBlock, Sequencer, StateView};
use openledger_execution::{inherited_extra_data, next_base_fee};
use openledger_mempool::Mempool;
use openledger_primitives::{ChainConfig, Header, SealedBlock, SealedHeader};
use parking_lot::RwLock;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::sync::watch;

/// Accounts that may be impersonated at the same time.
const IMPERSONATED_MAX: usize = 1_024;

/// The server's shared state.
pub(crate) struct Api {
    pub(crate) chain: Arc<Chain>,
    pub(crate) sequencer: Option<Arc<dyn Sequencer>>,
    pub(crate) config: RpcConfig,
    pub(crate) client_version: String,
    pub(crate) l1_status: Option<watch::Receiver<L1Status>>,
    pub(crate) metrics_hook: Option<MetricsHook>,
    pub(crate) feed: Option<Arc<Feed>>,
    pub(crate) troubles: Vec<watch::Receiver<Option<Arc<str>>>>,
    pub(crate) registry: Registry,
    pub(crate) metrics: ServerMetrics,
    pub(crate) workers: Workers,
    pub(crate) filters: Filters,
    pub(crate) hub: Hub,
    pub(crate) blocks: BlockCache,
    pub(crate) logs: LogCache,
    pub(crate) call_caches: Arc<CallCaches>,
    /// Keys that the node signs with.
    pub(crate) signers: BTreeMap<Address, PrivateKeySigner>,
    /// Accounts for which the node takes transactions without a signature.
    impersonated: RwLock<BTreeSet<Address>>,
    /// `eth_chainId`'s answer.
    pub(crate) chain_id: Reply,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// A block as of which state is read or code is run.
#[derive(Debug)]
pub(crate) struct At {
    /// Its header; a draft of the pending block.
    pub(crate) header: Header,
    /// Its hash; `None` of the pending block.
    pub(crate) hash: Option<B256>,
    /// The state after it; of the pending block, after what it holds so far.
    pub(crate) state: StateView,
}

/// A block that was found.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// A sealed block's number.
    Sealed(u64),
    /// The open block, or nothing if none is being built.
    Pending(Option<Arc<OpenBlock>>),
}

impl Api {
    /// The state of a server.
    pub(crate) fn new(config: RpcConfig, context: RpcContext) -> Self {
        let RpcContext {
            chain,
            sequencer,
            client_version,
            l1_status,
            metrics,
            feed_key,
            troubles,
        } = context;
        let limits = &config.limits;
        let feed =
            feed_key.map(|key| Arc::new(Feed::new(chain.clone(), key, limits.feed_blocks_max)));
        let signers = config
            .local_accounts
            .iter()
            .map(|key| (key.address(), key.clone()))
            .collect();
        Self {
            registry: Registry::new(),
            metrics: ServerMetrics::default(),
            workers: Workers::new(limits.blocking_workers, limits.blocking_queue_max),
            filters: Filters::new(limits.filters_max, limits.filter_lifetime),
            hub: Hub::new(limits.connection_queue_max),
            blocks: BlockCache::default(),
            logs: LogCache::default(),
            call_caches: Arc::default(),
            signers,
            impersonated: RwLock::default(),
            chain_id: Reply::quantity(chain.config().l2_chain_id),
            chain,
            sequencer,
            config,
            client_version,
            l1_status,
            metrics_hook: metrics,
            feed,
            troubles,
        }
    }

    /// Serializes an answer, bounded by the configuration.
    pub(crate) fn reply<T: Serialize + ?Sized>(&self, value: &T) -> Result<Reply, Failure> {
        Reply::new(value, self.config.limits.response_bytes_max)
    }

    /// Consensus parameters.
    pub(crate) fn chain_config(&self) -> &Arc<ChainConfig> {
        self.chain.config()
    }

    /// The pool; `None` on a node that takes no transactions.
    pub(crate) fn mempool(&self) -> Option<&Mempool> {
        self.sequencer.as_ref().map(|sequencer| sequencer.mempool())
    }

    /// Who builds blocks.
    pub(crate) fn sequencer(&self) -> Result<&Arc<dyn Sequencer>, Failure> {
        self.sequencer.as_ref().ok_or(Failure::NoSequencer)
    }

    /// The block that an identifier names; `None` if there is none.
    pub(crate) fn find(&self, id: BlockId) -> Result<Option<Found>, Failure> {
        let number = match id {
            BlockId::Number(number) if number > self.chain.head().number => return Ok(None),
            BlockId::Number(number) => number,
            BlockId::Hash(hash) => match self.chain.store().block_number(hash)? {
                Some(number) => number,
                None => return Ok(None),
            },
            BlockId::Latest => self.chain.head().number,
            BlockId::Safe => self.chain.heads().safe.number,
            BlockId::Finalized => self.chain.heads().finalized.number,
            BlockId::Earliest => 0,
            BlockId::Pending => return Ok(Some(Found::Pending(self.open_block()))),
        };
        Ok(Some(Found::Sealed(number)))
    }

    /// The failure that there is no such block.
    pub(crate) const fn unknown(id: BlockId) -> Failure {
        match id {
            BlockId::Hash(hash) => Failure::UnknownBlockHash(hash),
            BlockId::Number(number) => Failure::UnknownBlock(number),
            _ => Failure::UnknownBlock(0),
        }
    }

    /// The number of a block that must be there; of the open block the number that it will have.
    pub(crate) fn number(&self, id: BlockId) -> Result<u64, Failure> {
        Ok(match self.find(id)?.ok_or(Self::unknown(id))? {
            Found::Sealed(number) => number,
            Found::Pending(Some(open)) => open.header.number,
            Found::Pending(None) => self.chain.head().number.saturating_add(1),
        })
    }

    /// The open block, unless it is that of a head that has moved on.
    pub(crate) fn open_block(&self) -> Option<Arc<OpenBlock>> {
        self.chain.open_block()
    }

    /// A sealed block; `None` if there is none. Blocks that were asked for stay decoded for a while.
    pub(crate) fn block(&self, number: u64) -> Result<Option<Arc<SealedBlock>>, Failure> {
        if number > self.chain.head().number {
            return Ok(None);
        }
        self.blocks.get(number, &self.chain)
    }

    /// A sealed block that must be there.
    pub(crate) fn known_block(&self, number: u64) -> Result<Arc<SealedBlock>, Failure> {
        self.block(number)?.ok_or(Failure::UnknownBlock(number))
    }

    /// A sealed header that must be there.
    pub(crate) fn header(&self, number: u64) -> Result<Arc<SealedHeader>, Failure> {
        let head = self.chain.head();
        if head.number == number {
            return Ok(head);
        }
        let header = self.chain.store().header(number)?;
        header.map(Arc::new).ok_or(Failure::UnknownBlock(number))
    }

    /// The state as of a block, which must be there.
    pub(crate) fn state(&self, id: BlockId) -> Result<StateView, Failure> {
        if id == BlockId::Latest {
            return Ok(StateView::Latest(self.chain.latest().1));
        }
        Ok(match self.find(id)?.ok_or(Self::unknown(id))? {
            Found::Sealed(number) => self.chain.state_at(number)?,
            Found::Pending(Some(open)) => StateView::Pending(open.state.clone()),
            Found::Pending(None) => StateView::Latest(self.chain.latest().1),
        })
    }

    /// A block, which must be there, with its header and state.
    pub(crate) fn at(&self, id: BlockId) -> Result<At, Failure> {
        let (head, latest) = self.chain.latest();
        let number = match self.find(id)?.ok_or(Self::unknown(id))? {
            Found::Pending(Some(open)) => {
                let state = StateView::Pending(open.state.clone());
                return Ok(At {
                    header: open.header.clone(),
                    hash: None,
                    state,
                });
            }
            Found::Pending(None) => {
                let header = self.draft(&head)?;
                return Ok(At {
                    header,
                    hash: None,
                    state: StateView::Latest(latest),
                });
            }
            Found::Sealed(number) => number,
        };
        if number == head.number {
            return Ok(At {
                header: head.inner().clone(),
                hash: Some(head.hash()),
                state: StateView::Latest(latest),
            });
        }
        let header = self.header(number)?;
        let state = self.chain.state_at(number)?;
        Ok(At {
            header: header.inner().clone(),
            hash: Some(header.hash()),
            state,
        })
    }

    /// The header of the block that would follow `parent`, where none is being built.
    pub(crate) fn draft(&self, parent: &SealedHeader) -> Result<Header, Failure> {
        let config = self.chain_config();
        let timestamp = now().max(parent.timestamp.saturating_add(config.block_time));
        Ok(Header {
            parent_hash: parent.hash(),
            ommers_hash: parent.ommers_hash,
            beneficiary: parent.beneficiary,
            number: parent.number.saturating_add(1),
            gas_limit: parent.gas_limit,
            timestamp,
            mix_hash: parent.mix_hash,
            base_fee_per_gas: Some(next_base_fee(config, parent)?),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: parent.parent_beacon_block_root,
            extra_data: inherited_extra_data(config, parent, timestamp),
            ..Header::default()
        })
    }

    /// Lets transactions of `address` pass without a signature, or no longer.
    pub(crate) fn impersonate(&self, address: Address, on: bool) -> Result<(), Failure> {
        let mut impersonated = self.impersonated.write();
        if !on {
            impersonated.remove(&address);
        } else if impersonated.len() < IMPERSONATED_MAX || impersonated.contains(&address) {
            impersonated.insert(address);
        } else {
            return Err(Failure::Limit {
                what: "impersonated accounts",
                limit: "impersonated_max",
                max: IMPERSONATED_MAX as u64,
            });
        }
        Ok(())
    }

    /// Whether transactions of `address` need no signature.
    pub(crate) fn is_impersonated(&self, address: &Address) -> bool {
        self.impersonated.read().contains(address)
    }
}

/// Seconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
