//! Settings of `openledger sequencer` and `openledger verifier`: defaults < TOML file < environment <
//! flags, one name throughout.
//!
//! `http.port` is `port` under `[http]` in the file, `OPENLEDGER_HTTP_PORT` in the environment and
//! `--http.port` on the command line. Flags and environment are clap's; [`SequencerSettings::resolve`]
//! and [`VerifierSettings::resolve`] lay them over the file and turn the outcome into checked values
//! once. Consensus parameters are not settings: they stand in the chain's files.

mod batcher;
mod file;
mod flags;
#[cfg(test)]
mod tests;

pub(crate) use batcher::blob_sources;
pub use batcher::{BatchKindArg, BatcherFlags, BatcherSettings, DataAvailabilityArg};
pub use flags::{NodeFlags, SequencerFlags, VerifierFlags};

use crate::{
    node::L1Role,
    proposer::{ChallengerRole, ProposerRole},
};
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context, bail, ensure};
use file::{FeesSection, File, read_file, read_token};
use openledger_batcher::{BatcherConfig, CostAlarm, OpenPerEth};
use openledger_builder::BuilderConfig;
use openledger_l1::{BlobSourceConfig, TxSenderConfig, VETO_GAME, key_from_env, key_from_file};
use openledger_mempool::MempoolConfig;
use openledger_node::FeedConfig;
use openledger_primitives::{ChainConfig, L1Contracts};
use openledger_proposer::{ChallengerConfig, ProposerConfig};
use openledger_rpc::{Namespace, RpcConfig};
use openledger_store::StoreOptions;
use std::{
    collections::BTreeSet,
    env,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Names the batcher's key where no file is given.
pub const BATCHER_KEY_VARIABLE: &str = "OPENLEDGER_BATCHER_KEY";
/// Names the proposer's key where no file is given.
pub const PROPOSER_KEY_VARIABLE: &str = "OPENLEDGER_PROPOSER_KEY";
/// Names the challenger's key where no file is given.
pub const CHALLENGER_KEY_VARIABLE: &str = "OPENLEDGER_CHALLENGER_KEY";
/// Names the feed's key where no file is given.
pub const FEED_KEY_VARIABLE: &str = "OPENLEDGER_FEED_KEY";
const SECONDS_PER_DAY: u64 = 86_400;

/// What the help of a command with settings says of them.
pub(crate) const SETTINGS_HELP: &str = "\
Settings come from the file, then the environment, then flags; the last one wins. A setting has one name: \
http.port is `port` under [http] in the file, OPENLEDGER_HTTP_PORT and --http.port.";

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

/// Checked settings of a sequencer.
#[derive(Debug, Clone)]
pub struct SequencerSettings {
    /// What every node has.
    pub node: NodeSettings,
    /// The block builder.
    pub builder: BuilderConfig,
    /// The pool.
    pub mempool: MempoolConfig,
    /// Whether batches are posted.
    pub batcher_enabled: bool,
    /// File of the batcher's key.
    pub batcher_key_file: Option<PathBuf>,
    /// L1 blocks after which a channel is closed; the batcher's default if `None`.
    pub channel_duration: Option<u64>,
    /// How batches are made, signed and paid for.
    pub batcher: BatcherSettings,
    /// Whether output roots are claimed.
    pub proposer_enabled: bool,
    /// File of the proposer's key.
    pub proposer_key_file: Option<PathBuf>,
    /// Seconds between claims; the proposer's default if `None`.
    pub proposer_interval: Option<u64>,
    /// The same while a withdrawal waits.
    pub proposer_withdrawal_interval: Option<u64>,
    /// When and at which rate costs of posting are compared with fees; `None` compares nothing.
    pub cost_alarm: Option<CostAlarm>,
    /// File of the feed's key.
    pub feed_key_file: Option<PathBuf>,
}

/// Checked settings of a verifier.
#[derive(Debug, Clone)]
pub struct VerifierSettings {
    /// What every node has.
    pub node: NodeSettings,
    /// The feed that is followed.
    pub feed: Option<FeedConfig>,
}

impl NodeSettings {
    fn resolve(file: &File, flags: NodeFlags) -> anyhow::Result<Self> {
        let NodeFlags {
            chain,
            data_dir,
            l1_rpc_url,
            l1_beacon_url,
            l1_blob_archive,
            l1_block_time,
            http_addr,
            http_port,
            http_api,
            http_cors,
            privileged_addr,
            privileged_port,
            privileged_token_file,
            store_history_days,
            store_archive,
            store_index_addresses,
            store_cache_mb,
            challenger_enabled,
            challenger_key_file,
        } = flags;

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
            blobs: blob_sources(
                l1_beacon_url.or_else(|| file.l1.beacon_url.clone().map(Into::into)),
                l1_blob_archive.or_else(|| file.l1.blob_archive.clone().map(Into::into)),
            )?,
            l1_block_time: Duration::from_secs(l1_block_time),
            rpc: RpcConfig {
                http,
                privileged: Some(privileged),
                public_namespaces,
                cors_origins: http_cors
                    .or_else(|| file.http.cors.clone())
                    .unwrap_or_default(),
                token,
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
        if !self.challenger_enabled {
            return Ok(None);
        }
        ensure!(
            !contracts.dispute_game_factory.is_zero(),
            "challenger.enabled, but l1.json names no disputeGameFactory"
        );
        let key = key(self.challenger_key_file.as_deref(), CHALLENGER_KEY_VARIABLE)?;
        let Some(key) = key else {
            bail!(
                "the challenger has no key: set challenger.key-file or {CHALLENGER_KEY_VARIABLE}, or \
                 challenger.enabled = false"
            )
        };
        Ok(Some(ChallengerRole {
            signer: key.into(),
            config: ChallengerConfig {
                poll_interval: self.l1_block_time,
                ..ChallengerConfig::new(contracts.dispute_game_factory, VETO_GAME)
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

impl SequencerSettings {
    /// Reads the file, if one is given, and lays `flags` over it.
    ///
    /// # Errors
    /// A file that can't be read or has an unknown or malformed setting; a setting that is missing or
    /// makes no sense.
    pub fn resolve(file: Option<&Path>, flags: SequencerFlags) -> anyhow::Result<Self> {
        let file = read(file)?;
        let SequencerFlags {
            node,
            sequencer_ordering,
            sequencer_stopped,
            batcher_enabled,
            batcher_key_file,
            batcher_channel_duration,
            batcher,
            proposer_enabled,
            proposer_key_file,
            proposer_interval,
            proposer_withdrawal_interval,
            fees_open_per_eth,
            fees_alarm_interval,
            feed_key_file,
        } = flags;
        let node = NodeSettings::resolve(&file, node)?;
        ensure!(
            file.feed.url.is_none(),
            "feed.url is a verifier's setting: a sequencer signs its own feed, with feed.key-file"
        );
        let batcher = BatcherSettings::resolve(&file.batcher, batcher)?;
        let mut mempool = file.mempool.unwrap_or_default();
        if let Some(order) = sequencer_ordering
            .map(Into::into)
            .or(file.sequencer.ordering)
        {
            mempool.order = order;
        }
        Ok(Self {
            node,
            builder: BuilderConfig {
                active: !sequencer_stopped
                    .or(file.sequencer.stopped)
                    .unwrap_or(false),
                gather_by_fee: mempool.order == openledger_mempool::Ordering::PriorityFee,
                ..BuilderConfig::default()
            },
            mempool,
            batcher_enabled: batcher_enabled.or(file.batcher.enabled).unwrap_or(true),
            batcher_key_file: batcher_key_file.or(file.batcher.key_file),
            channel_duration: batcher_channel_duration.or(file.batcher.channel_duration),
            batcher,
            proposer_enabled: proposer_enabled.or(file.proposer.enabled).unwrap_or(false),
            proposer_key_file: proposer_key_file.or(file.proposer.key_file),
            proposer_interval: proposer_interval.or(file.proposer.interval),
            proposer_withdrawal_interval: proposer_withdrawal_interval
                .or(file.proposer.withdrawal_interval),
            cost_alarm: cost_alarm(&file.fees, fees_open_per_eth, fees_alarm_interval)?,
            feed_key_file: feed_key_file.or(file.feed.key_file),
        })
    }

    /// The roles on the L1.
    ///
    /// # Errors
    /// A batcher's or proposer's key that is missing; a proposer on a chain that has no games.
    pub fn l1_role(
        &self,
        chain: &Arc<ChainConfig>,
        contracts: &L1Contracts,
    ) -> anyhow::Result<L1Role> {
        let mut batcher = BatcherConfig::new(chain.clone());
        if let Some(duration) = self.channel_duration {
            batcher.channel_duration_max = duration;
        }
        self.batcher.apply(&mut batcher);
        batcher.cost_alarm = self.cost_alarm;
        let batcher_signer = if !self.batcher_enabled {
            None
        } else if let Some(remote) = &self.batcher.signer {
            Some(remote.clone())
        } else {
            let key = key(self.batcher_key_file.as_deref(), BATCHER_KEY_VARIABLE)?;
            let Some(key) = key else {
                bail!(
                    "the batcher has no key: set batcher.key-file or {BATCHER_KEY_VARIABLE}, or \
                     batcher.signer-url, or batcher.enabled = false"
                )
            };
            Some(key.into())
        };
        Ok(L1Role {
            urls: self.node.l1_rpc_urls.clone(),
            whole: false,
            blobs: self.node.blobs.clone(),
            block_time: self.node.l1_block_time,
            poll_interval: None,
            batcher_signer,
            batcher,
            sender: TxSenderConfig {
                ..self.batcher.sender
            },
            proposer: self.proposer_role(contracts)?,
            challenger: self.node.challenger_role(contracts)?,
        })
    }

    fn proposer_role(&self, contracts: &L1Contracts) -> anyhow::Result<Option<ProposerRole>> {
        if !self.proposer_enabled {
            return Ok(None);
        }
        ensure!(
            !contracts.dispute_game_factory.is_zero(),
            "proposer.enabled, but l1.json names no disputeGameFactory"
        );
        let key = key(self.proposer_key_file.as_deref(), PROPOSER_KEY_VARIABLE)?;
        let Some(key) = key else {
            bail!(
                "the proposer has no key: set proposer.key-file or {PROPOSER_KEY_VARIABLE}, or \
                 proposer.enabled = false"
            )
        };
        let mut config = ProposerConfig::new(contracts.dispute_game_factory, VETO_GAME);
        config.poll_interval = self.node.l1_block_time / 2;
        for (setting, target) in [
            (self.proposer_interval, &mut config.interval),
            (
                self.proposer_withdrawal_interval,
                &mut config.withdrawal_interval,
            ),
        ] {
            if let Some(seconds) = setting {
                ensure!(seconds > 0, "proposer intervals must be at least 1");
                *target = Duration::from_secs(seconds);
            }
        }
        Ok(Some(ProposerRole {
            signer: key.into(),
            config,
        }))
    }

    /// The key that signs the feed; `None` serves none.
    ///
    /// # Errors
    /// A key that can't be read.
    pub fn feed_key(&self) -> anyhow::Result<Option<PrivateKeySigner>> {
        key(self.feed_key_file.as_deref(), FEED_KEY_VARIABLE)
    }
}

impl VerifierSettings {
    /// Reads the file, if one is given, and lays `flags` over it.
    ///
    /// # Errors
    /// As [`SequencerSettings::resolve`], and a section that only a sequencer has.
    pub fn resolve(file: Option<&Path>, flags: VerifierFlags) -> anyhow::Result<Self> {
        let file = read(file)?;
        let defaults = File::default();
        for (name, is_set) in [
            ("sequencer", file.sequencer != defaults.sequencer),
            ("batcher", file.batcher != defaults.batcher),
            ("proposer", file.proposer != defaults.proposer),
            ("fees", file.fees != defaults.fees),
            ("mempool", file.mempool.is_some()),
            ("feed.key-file", file.feed.key_file.is_some()),
        ] {
            ensure!(!is_set, "{name} is a sequencer's setting, not a verifier's");
        }
        let feed = match flags.feed_url.as_ref().or(file.feed.url.as_ref()) {
            Some(url) => Some(FeedConfig::new(url).context("feed.url")?),
            None => None,
        };
        Ok(Self {
            node: NodeSettings::resolve(&file, flags.node)?,
            feed,
        })
    }
}

/// When costs of posting are compared with fees.
fn cost_alarm(
    file: &FeesSection,
    open_per_eth: Option<OpenPerEth>,
    interval: Option<u64>,
) -> anyhow::Result<Option<CostAlarm>> {
    let open_per_eth = match (open_per_eth, &file.open_per_eth) {
        (Some(rate), _) => Some(rate),
        (None, Some(rate)) => {
            let rate = rate.text();
            Some(
                rate.parse()
                    .with_context(|| format!("fees.open-per-eth is {rate}"))?,
            )
        }
        (None, None) => None,
    };
    let interval = interval.or(file.alarm_interval);
    ensure!(
        open_per_eth.is_some() || interval.is_none(),
        "fees.alarm-interval needs fees.open-per-eth"
    );
    ensure!(
        interval != Some(0),
        "fees.alarm-interval must be at least 1"
    );
    Ok(open_per_eth.map(|rate| {
        let alarm = CostAlarm::at(rate);
        CostAlarm {
            interval: interval.map_or(alarm.interval, Duration::from_secs),
            ..alarm
        }
    }))
}

fn read(file: Option<&Path>) -> anyhow::Result<File> {
    match file {
        Some(path) => read_file(path),
        None => Ok(File::default()),
    }
}

/// The key in a file, or else in the environment; `None` if neither is given.
fn key(file: Option<&Path>, variable: &'static str) -> anyhow::Result<Option<PrivateKeySigner>> {
    Ok(match file {
        Some(path) => Some(key_from_file(path)?),
        None if env::var_os(variable).is_some() => Some(key_from_env(variable)?),
        None => None,
    })
}
