//! What every node is set up with.

use super::{
    CHALLENGER_KEY_VARIABLE,
    blobs::BlobFlags,
    factory,
    file::{File, read_token},
    flags::NodeFlags,
    health::HealthSettings,
    required_key,
};
use crate::proposer::ChallengerRole;
use anyhow::{Context, bail, ensure};
use openledger_l1::{BlobSourceConfig, VETO_GAME};
use openledger_primitives::L1Contracts;
use openledger_proposer::ChallengerConfig;
use openledger_rpc::{Namespace, RpcConfig};
use openledger_store::StoreOptions;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

const SECONDS_PER_DAY: u64 = 86_400;

/// Highest tip that may be suggested at the least, wei a gas.
const TIP_MIN_WEI_MAX: u64 = 1_000_000_000_000_000;

/// Checked settings of every node.
#[derive(Debug, Clone)]
pub struct NodeSettings {
    /// Directory of the chain's files.
    pub chain: PathBuf,
    /// Directory of the node's data.
    pub data_dir: PathBuf,
    /// L1 RPC URLs, in order.
    pub l1_rpc_urls: Vec<String>,
    /// Where blobs are got from.
    pub blobs: BlobSourceConfig,
    /// Seconds between L1 blocks.
    pub l1_block_time: Duration,
    /// From when on the node is not well.
    pub health: HealthSettings,
    /// JSON-RPC.
    pub rpc: RpcConfig,
    /// Days of historical state.
    pub history_days: u64,
    /// Whether history is kept for ever.
    pub archive: bool,
    /// Whether transactions are indexed by address.
    pub index_addresses: bool,
    /// The store's cache in bytes; its default if `None`.
    pub cache_bytes: Option<usize>,
    /// Whether wrong output roots are vetoed.
    pub challenger_enabled: bool,
    /// File of the challenger's key.
    pub challenger_key_file: Option<PathBuf>,
}

impl NodeSettings {
    /// Lays `flags` over the file.
    ///
    /// # Errors
    /// A setting that is missing or makes no sense.
    pub(super) fn resolve(file: &File, flags: NodeFlags) -> anyhow::Result<Self> {
        let NodeFlags {
            chain,
            data_dir,
            l1_rpc_url,
            blobs,
            l1_block_time,
            http_addr,
            http_port,
            http_api,
            http_cors,
            http_tip_min_wei,
            privileged_addr,
            privileged_port,
            privileged_token_file,
            store_history_days,
            store_archive,
            store_index_addresses,
            store_cache_mb,
            challenger_enabled,
            challenger_key_file,
            health,
        } = flags;

        let limits = file.rpc.clone().unwrap_or_default();
        if let Some(name) = limits.first_zero() {
            bail!("rpc.{name} must be at least 1");
        }
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let http = SocketAddr::new(
            http_addr.or(file.http.addr).unwrap_or(loopback),
            http_port.or(file.http.port).unwrap_or(8545),
        );
        let privileged = SocketAddr::new(
            privileged_addr.or(file.privileged.addr).unwrap_or(loopback),
            privileged_port.or(file.privileged.port).unwrap_or(8547),
        );
        ensure!(
            http != privileged || http.port() == 0,
            "http and privileged are both {http}: give one of them another port"
        );
        let token = privileged_token_file
            .or_else(|| file.privileged.token_file.clone())
            .map(|path| read_token(&path));
        let token = token.transpose()?;
        ensure!(
            privileged.ip().is_loopback() || token.is_some(),
            "privileged.addr {} is not loopback: set privileged.token-file",
            privileged.ip()
        );
        let public_namespaces = match http_api.as_ref().or(file.http.api.as_ref()) {
            Some(names) => names
                .iter()
                .map(|name| name.parse::<Namespace>().context("http.api"))
                .collect::<anyhow::Result<BTreeSet<_>>>()?,
            None => Namespace::public(),
        };
        let history_days = store_history_days.or(file.store.history_days).unwrap_or(30);
        ensure!(history_days > 0, "store.history-days must be at least 1");
        let l1_block_time = l1_block_time.or(file.l1.block_time).unwrap_or(12);
        ensure!(l1_block_time > 0, "l1.block-time must be at least 1");
        let l1_rpc_urls = l1_rpc_url
            .or_else(|| file.l1.rpc_url.clone().map(Into::into))
            .context(
                "l1.rpc-url is missing: name the L1 by --l1.rpc-url or in the settings file",
            )?;
        Ok(Self {
            chain: chain
                .or_else(|| file.chain.clone())
                .context("chain is missing: name the directory of the chain's files by --chain")?,
            data_dir: data_dir
                .or_else(|| file.data_dir.clone())
                .context("data-dir is missing: name the node's directory by --data-dir")?,
            l1_rpc_urls,
            blobs: BlobFlags {
                l1_beacon_url: blobs
                    .l1_beacon_url
                    .or_else(|| file.l1.beacon_url.clone().map(Into::into)),
                l1_blob_archive: blobs
                    .l1_blob_archive
                    .or_else(|| file.l1.blob_archive.clone().map(Into::into)),
            }
            .sources()?,
            l1_block_time: Duration::from_secs(l1_block_time),
            health: HealthSettings::resolve(&file.health, &health)?,
            rpc: RpcConfig {
                http,
                privileged: Some(privileged),
                public_namespaces,
                cors_origins: http_cors
                    .or_else(|| file.http.cors.clone())
                    .unwrap_or_default(),
                token,
                limits,
                tip_min_wei: tip_min_wei(file, http_tip_min_wei)?,
                ..RpcConfig::default()
            },
            history_days,
            archive: store_archive.or(file.store.archive).unwrap_or(false),
            index_addresses: store_index_addresses
                .or(file.store.index_addresses)
                .unwrap_or(false),
            cache_bytes: store_cache_mb
                .or(file.store.cache_mb)
                .map(|megabytes| megabytes << 20),
            challenger_enabled: challenger_enabled
                .or(file.challenger.enabled)
                .unwrap_or(false),
            challenger_key_file: challenger_key_file.or_else(|| file.challenger.key_file.clone()),
        })
    }

    /// Who vetoes wrong output roots, if this node does.
    ///
    /// # Errors
    /// A key that is missing; a chain that has no games.
    pub fn challenger_role(
        &self,
        contracts: &L1Contracts,
    ) -> anyhow::Result<Option<ChallengerRole>> {
        const ROLE: &str = "challenger";
        if !self.challenger_enabled {
            return Ok(None);
        }
        let factory = factory(ROLE, contracts)?;
        let key_file = self.challenger_key_file.as_deref();
        Ok(Some(ChallengerRole {
            signer: required_key(ROLE, key_file, CHALLENGER_KEY_VARIABLE)?.into(),
            config: ChallengerConfig {
                poll_interval: self.l1_block_time,
                ..ChallengerConfig::new(factory, VETO_GAME)
            },
        }))
    }

    /// The store's settings for a chain with this block time.
    pub fn store_options(&self, block_time: u64) -> StoreOptions {
        let defaults = StoreOptions::default();
        StoreOptions {
            archive: self.archive,
            index_addresses: self.index_addresses,
            history_blocks: self.history_days.saturating_mul(SECONDS_PER_DAY) / block_time.max(1),
            block_cache_bytes: self.cache_bytes.unwrap_or(defaults.block_cache_bytes),
            ..defaults
        }
    }
}

/// The least tip that is suggested, wei a gas: what the pool takes at the least, unless told otherwise.
fn tip_min_wei(file: &File, flag: Option<u64>) -> anyhow::Result<u128> {
    let pool = file.mempool.as_ref().map_or(0, |pool| pool.min_tip_wei);
    let Some(tip) = flag.or(file.http.tip_min_wei) else {
        return Ok(RpcConfig::default().tip_min_wei.max(pool));
    };
    ensure!(
        tip <= TIP_MIN_WEI_MAX,
        "http.tip-min-wei is {tip}: at most {TIP_MIN_WEI_MAX} is possible"
    );
    ensure!(
        u128::from(tip) >= pool,
        "http.tip-min-wei is {tip}, less than mempool.min_tip_wei {pool}: who takes the suggestion would be refused"
    );
    Ok(tip.into())
}
