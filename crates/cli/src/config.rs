//! Settings of `openledger sequencer`: defaults < TOML file < environment < flags, one name throughout.
//!
//! `http.port` is `port` under `[http]` in the file, `OPENLEDGER_HTTP_PORT` in the environment and
//! `--http.port` on the command line. Flags and environment are clap's; [`Settings::resolve`] lays them
//! over the file and turns the outcome into checked values once. Consensus parameters are not settings:
//! they stand in the chain's files.

use crate::{dev::OrderingArg, node::L1Role};
use anyhow::{Context, anyhow, bail, ensure};
use clap::Args;
use openledger_batcher::BatcherConfig;
use openledger_builder::BuilderConfig;
use openledger_l1::{key_from_env, key_from_file};
use openledger_mempool::MempoolConfig;
use openledger_primitives::ChainConfig;
use openledger_rpc::{Namespace, RpcConfig};
use openledger_store::StoreOptions;
use serde::Deserialize;
use std::{
    collections::BTreeSet,
    env, fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Names the batcher's key where no file is given.
pub const BATCHER_KEY_VARIABLE: &str = "OPENLEDGER_BATCHER_KEY";
/// Longest settings file, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Longest token file, bytes.
const TOKEN_BYTES_MAX: u64 = 4096;
/// Shortest token, characters.
const TOKEN_CHARS_MIN: usize = 16;
const SECONDS_PER_DAY: u64 = 86_400;

/// Flags and environment of `openledger sequencer`. What is not given comes from the file.
#[derive(Debug, Clone, Default, Args)]
pub struct Overrides {
    /// Directory of the chain's files (genesis.json, rollup.json, l1.json)
    #[arg(long, env = "OPENLEDGER_CHAIN", value_name = "DIR")]
    pub chain: Option<PathBuf>,
    /// Directory of the node's data
    #[arg(long, env = "OPENLEDGER_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// L1 RPC URLs, tried in order
    #[arg(
        long = "l1.rpc-url",
        env = "OPENLEDGER_L1_RPC_URL",
        value_name = "URL",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub l1_rpc_url: Option<Vec<String>>,
    /// Seconds between L1 blocks
    #[arg(
        long = "l1.block-time",
        env = "OPENLEDGER_L1_BLOCK_TIME",
        value_name = "SECONDS"
    )]
    pub l1_block_time: Option<u64>,
    /// Address of the public listener
    #[arg(long = "http.addr", env = "OPENLEDGER_HTTP_ADDR", value_name = "IP")]
    pub http_addr: Option<IpAddr>,
    /// Port of the public listener (HTTP and WebSocket)
    #[arg(long = "http.port", env = "OPENLEDGER_HTTP_PORT", value_name = "PORT")]
    pub http_port: Option<u16>,
    /// Namespaces of the public listener
    #[arg(
        long = "http.api",
        env = "OPENLEDGER_HTTP_API",
        value_name = "NAMESPACES",
        value_delimiter = ','
    )]
    pub http_api: Option<Vec<String>>,
    /// Origins whose web pages may read answers; * means all
    #[arg(
        long = "http.cors",
        env = "OPENLEDGER_HTTP_CORS",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    pub http_cors: Option<Vec<String>>,
    /// Address of the privileged listener (every namespace, /metrics)
    #[arg(
        long = "privileged.addr",
        env = "OPENLEDGER_PRIVILEGED_ADDR",
        value_name = "IP"
    )]
    pub privileged_addr: Option<IpAddr>,
    /// Port of the privileged listener
    #[arg(
        long = "privileged.port",
        env = "OPENLEDGER_PRIVILEGED_PORT",
        value_name = "PORT"
    )]
    pub privileged_port: Option<u16>,
    /// File with the privileged listener's bearer token; needed unless it is on loopback
    #[arg(
        long = "privileged.token-file",
        env = "OPENLEDGER_PRIVILEGED_TOKEN_FILE",
        value_name = "FILE"
    )]
    pub privileged_token_file: Option<PathBuf>,
    /// Order in which waiting transactions are taken
    #[arg(
        long = "sequencer.ordering",
        env = "OPENLEDGER_SEQUENCER_ORDERING",
        value_enum
    )]
    pub sequencer_ordering: Option<OrderingArg>,
    /// Start without building blocks, until admin_startSequencer
    #[arg(
        long = "sequencer.stopped",
        env = "OPENLEDGER_SEQUENCER_STOPPED",
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    pub sequencer_stopped: Option<bool>,
    /// Whether batches are posted
    #[arg(
        long = "batcher.enabled",
        env = "OPENLEDGER_BATCHER_ENABLED",
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    pub batcher_enabled: Option<bool>,
    /// File with the batcher's private key; without, OPENLEDGER_BATCHER_KEY holds it
    #[arg(
        long = "batcher.key-file",
        env = "OPENLEDGER_BATCHER_KEY_FILE",
        value_name = "FILE"
    )]
    pub batcher_key_file: Option<PathBuf>,
    /// L1 blocks after which a channel is closed, full or not
    #[arg(
        long = "batcher.channel-duration",
        env = "OPENLEDGER_BATCHER_CHANNEL_DURATION",
        value_name = "L1_BLOCKS"
    )]
    pub batcher_channel_duration: Option<u64>,
    /// Days for which historical state is kept
    #[arg(
        long = "store.history-days",
        env = "OPENLEDGER_STORE_HISTORY_DAYS",
        value_name = "DAYS"
    )]
    pub store_history_days: Option<u64>,
    /// Keep historical state for ever
    #[arg(
        long = "store.archive",
        env = "OPENLEDGER_STORE_ARCHIVE",
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    pub store_archive: Option<bool>,
    /// Megabytes of database blocks kept in memory
    #[arg(
        long = "store.cache-mb",
        env = "OPENLEDGER_STORE_CACHE_MB",
        value_name = "MB"
    )]
    pub store_cache_mb: Option<usize>,
}

/// The settings file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    chain: Option<PathBuf>,
    data_dir: Option<PathBuf>,
    #[serde(default)]
    l1: L1Section,
    #[serde(default)]
    http: HttpSection,
    #[serde(default)]
    privileged: PrivilegedSection,
    #[serde(default)]
    sequencer: SequencerSection,
    #[serde(default)]
    batcher: BatcherSection,
    #[serde(default)]
    store: StoreSection,
    /// The pool's own settings, by its own names.
    mempool: Option<MempoolConfig>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct L1Section {
    rpc_url: Option<OneOrMany>,
    block_time: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Vec<String> {
    fn from(value: OneOrMany) -> Self {
        match value {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct HttpSection {
    addr: Option<IpAddr>,
    port: Option<u16>,
    api: Option<Vec<String>>,
    cors: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PrivilegedSection {
    addr: Option<IpAddr>,
    port: Option<u16>,
    token_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SequencerSection {
    ordering: Option<openledger_mempool::Ordering>,
    stopped: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct BatcherSection {
    enabled: Option<bool>,
    key_file: Option<PathBuf>,
    channel_duration: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct StoreSection {
    history_days: Option<u64>,
    archive: Option<bool>,
    cache_mb: Option<usize>,
}

/// Checked settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Directory of the chain's files.
    pub chain: PathBuf,
    /// Directory of the node's data.
    pub data_dir: PathBuf,
    /// L1 RPC URLs, in order.
    pub l1_rpc_urls: Vec<String>,
    /// Seconds between L1 blocks.
    pub l1_block_time: Duration,
    /// JSON-RPC.
    pub rpc: RpcConfig,
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
    /// Days of historical state.
    pub history_days: u64,
    /// Whether history is kept for ever.
    pub archive: bool,
    /// The store's cache in bytes; its default if `None`.
    pub cache_bytes: Option<usize>,
}

impl Settings {
    /// Reads the file, if one is given, and lays `overrides` over it.
    ///
    /// # Errors
    /// A file that can't be read or has an unknown or malformed setting; a setting that is missing or
    /// makes no sense.
    pub fn resolve(file: Option<&Path>, overrides: Overrides) -> anyhow::Result<Self> {
        let file = match file {
            Some(path) => read_file(path)?,
            None => File::default(),
        };
        let Overrides {
            chain,
            data_dir,
            l1_rpc_url,
            l1_block_time,
            http_addr,
            http_port,
            http_api,
            http_cors,
            privileged_addr,
            privileged_port,
            privileged_token_file,
            sequencer_ordering,
            sequencer_stopped,
            batcher_enabled,
            batcher_key_file,
            batcher_channel_duration,
            store_history_days,
            store_archive,
            store_cache_mb,
        } = overrides;

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
            .or(file.privileged.token_file)
            .map(|path| read_token(&path));
        let token = token.transpose()?;
        ensure!(
            privileged.ip().is_loopback() || token.is_some(),
            "privileged.addr {} is not loopback: set privileged.token-file",
            privileged.ip()
        );
        let public_namespaces = match http_api.or(file.http.api) {
            Some(names) => names
                .iter()
                .map(|name| name.parse::<Namespace>().context("http.api"))
                .collect::<anyhow::Result<BTreeSet<_>>>()?,
            None => Namespace::public(),
        };

        let mut mempool = file.mempool.unwrap_or_default();
        if let Some(order) = sequencer_ordering
            .map(Into::into)
            .or(file.sequencer.ordering)
        {
            mempool.order = order;
        }
        let history_days = store_history_days.or(file.store.history_days).unwrap_or(30);
        ensure!(history_days > 0, "store.history-days must be at least 1");
        let l1_block_time = l1_block_time.or(file.l1.block_time).unwrap_or(12);
        ensure!(l1_block_time > 0, "l1.block-time must be at least 1");
        let l1_rpc_urls = l1_rpc_url.or(file.l1.rpc_url.map(Into::into)).context(
            "l1.rpc-url is missing: name the L1 by --l1.rpc-url or in the settings file",
        )?;
        Ok(Self {
            chain: chain
                .or(file.chain)
                .context("chain is missing: name the directory of the chain's files by --chain")?,
            data_dir: data_dir
                .or(file.data_dir)
                .context("data-dir is missing: name the node's directory by --data-dir")?,
            l1_rpc_urls,
            l1_block_time: Duration::from_secs(l1_block_time),
            rpc: RpcConfig {
                http,
                privileged: Some(privileged),
                public_namespaces,
                cors_origins: http_cors.or(file.http.cors).unwrap_or_default(),
                token,
                ..RpcConfig::default()
            },
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
            history_days,
            archive: store_archive.or(file.store.archive).unwrap_or(false),
            cache_bytes: store_cache_mb
                .or(file.store.cache_mb)
                .map(|megabytes| megabytes << 20),
        })
    }

    /// The store's settings for a chain with this block time.
    pub fn store_options(&self, block_time: u64) -> StoreOptions {
        let defaults = StoreOptions::default();
        StoreOptions {
            archive: self.archive,
            history_blocks: self.history_days.saturating_mul(SECONDS_PER_DAY) / block_time.max(1),
            block_cache_bytes: self.cache_bytes.unwrap_or(defaults.block_cache_bytes),
            ..defaults
        }
    }

    /// The roles on the L1.
    ///
    /// # Errors
    /// A batcher's key that is missing or not the chain's.
    pub fn l1_role(&self, chain: &Arc<ChainConfig>) -> anyhow::Result<L1Role> {
        let mut batcher = BatcherConfig::new(chain.clone());
        if let Some(duration) = self.channel_duration {
            batcher.channel_duration_max = duration;
        }
        let batcher_key = if self.batcher_enabled {
            let key = match &self.batcher_key_file {
                Some(path) => key_from_file(path)?,
                None if env::var_os(BATCHER_KEY_VARIABLE).is_some() => {
                    key_from_env(BATCHER_KEY_VARIABLE)?
                }
                None => bail!(
                    "the batcher has no key: set batcher.key-file or {BATCHER_KEY_VARIABLE}, or \
                     batcher.enabled = false"
                ),
            };
            Some(key)
        } else {
            None
        };
        Ok(L1Role {
            urls: self.l1_rpc_urls.clone(),
            block_time: self.l1_block_time,
            batcher_key,
            batcher,
        })
    }
}

fn read_file(path: &Path) -> anyhow::Result<File> {
    let text = read_bounded(path, FILE_BYTES_MAX)?;
    toml::from_str(&text).map_err(|error| {
        let line = error
            .span()
            .map_or(1, |span| text[..span.start].lines().count().max(1));
        // toml's own text draws the line over several lines.
        anyhow!("{}: line {line}: {}", path.display(), error.message())
    })
}

fn read_token(path: &Path) -> anyhow::Result<String> {
    let token = read_bounded(path, TOKEN_BYTES_MAX)?.trim().to_owned();
    ensure!(
        token.chars().count() >= TOKEN_CHARS_MIN && token.chars().all(|c| c.is_ascii_graphic()),
        "{} holds no token: at least {TOKEN_CHARS_MIN} printable ASCII characters on one line",
        path.display()
    );
    Ok(token)
}

fn read_bounded(path: &Path, bytes_max: u64) -> anyhow::Result<String> {
    let context = || path.display().to_string();
    let bytes = fs::metadata(path).with_context(context)?.len();
    ensure!(
        bytes <= bytes_max,
        "{} has {bytes} bytes, more than {bytes_max}",
        path.display()
    );
    fs::read_to_string(path).with_context(context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cli, Command};
    use clap::Parser;

    const FULL: &str = r#"
        chain = "/chain"
        data-dir = "/data"

        [l1]
        rpc-url = ["http://one", "http://two"]
        block-time = 2

        [http]
        addr = "0.0.0.0"
        port = 9545
        api = ["eth", "net"]
        cors = ["*"]

        [privileged]
        port = 9547

        [sequencer]
        ordering = "priority-fee"
        stopped = true

        [batcher]
        enabled = false
        channel-duration = 5

        [store]
        history-days = 7
        archive = true
        cache-mb = 64

        [mempool]
        transactions_max = 7
    "#;

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("openledger.toml");
        fs::write(&path, text).unwrap();
        (directory, path)
    }

    fn flags(more: &[&str]) -> Overrides {
        let cli = Cli::try_parse_from([&["openledger", "sequencer"], more].concat()).unwrap();
        let Command::Sequencer(args) = cli.command else {
            panic!("not sequencer")
        };
        args.overrides
    }

    #[test]
    fn every_setting_of_the_file_is_used() {
        let (_directory, path) = written(FULL);
        let settings = Settings::resolve(Some(&path), Overrides::default()).unwrap();
        assert_eq!(settings.chain, Path::new("/chain"));
        assert_eq!(settings.data_dir, Path::new("/data"));
        assert_eq!(settings.l1_rpc_urls, ["http://one", "http://two"]);
        assert_eq!(settings.l1_block_time, Duration::from_secs(2));
        assert_eq!(settings.rpc.http.to_string(), "0.0.0.0:9545");
        assert_eq!(
            settings.rpc.privileged.unwrap().to_string(),
            "127.0.0.1:9547"
        );
        assert_eq!(
            settings.rpc.public_namespaces,
            [Namespace::Eth, Namespace::Net].into()
        );
        assert_eq!(settings.rpc.cors_origins, ["*"]);
        assert_eq!(
            settings.mempool.order,
            openledger_mempool::Ordering::PriorityFee
        );
        assert_eq!(settings.mempool.transactions_max, 7);
        assert!(settings.builder.gather_by_fee && !settings.builder.active);
        assert!(!settings.batcher_enabled);
        assert_eq!(settings.channel_duration, Some(5));
        let store = settings.store_options(2);
        assert!(store.archive);
        assert_eq!(
            (store.history_blocks, store.block_cache_bytes),
            (7 * 86_400 / 2, 64 << 20)
        );
    }

    #[test]
    fn flags_win_over_the_file() {
        let (_directory, path) = written(FULL);
        let overrides = flags(&[
            "--http.port",
            "1",
            "--l1.rpc-url",
            "http://three",
            "--sequencer.stopped=false",
            "--store.archive=false",
            "--sequencer.ordering",
            "arrival",
        ]);
        let settings = Settings::resolve(Some(&path), overrides).unwrap();
        assert_eq!(settings.rpc.http.to_string(), "0.0.0.0:1");
        assert_eq!(settings.l1_rpc_urls, ["http://three"]);
        assert!(settings.builder.active && !settings.archive);
        assert_eq!(
            settings.mempool.order,
            openledger_mempool::Ordering::Arrival
        );
    }

    #[test]
    fn nothing_is_needed_but_chain_data_and_l1() {
        let overrides = flags(&[
            "--chain",
            "c",
            "--data-dir",
            "d",
            "--l1.rpc-url",
            "http://l1",
        ]);
        let settings = Settings::resolve(None, overrides).unwrap();
        assert_eq!(settings.rpc.http.to_string(), "127.0.0.1:8545");
        assert_eq!(settings.rpc.public_namespaces, Namespace::public());
        assert_eq!(settings.store_options(1).history_blocks, 30 * 86_400);
        assert!(settings.batcher_enabled && settings.builder.active && settings.builder.settled);
    }

    fn refused(text: &str) -> String {
        let (_directory, path) = written(text);
        format!(
            "{:#}",
            Settings::resolve(Some(&path), Overrides::default()).unwrap_err()
        )
    }

    #[test]
    fn unknown_and_missing_settings_are_named() {
        assert!(refused("chains = \"x\"").contains("chains"));
        assert!(refused("[http]\nports = 1").contains("ports"));
        assert!(refused("[http]\nport = 70000").contains("line 2: "));
        assert!(refused("[mempool]\nnonsense = 1").contains("nonsense"));
        assert!(refused("chain = \"c\"").contains("l1.rpc-url is missing"));
        assert!(refused("[l1]\nrpc-url = \"http://x\"").contains("chain is missing"));
        assert!(refused(&FULL.replace("\"net\"", "\"engine\"")).contains("engine"));
        assert!(
            refused(&FULL.replace("history-days = 7", "history-days = 0")).contains("history-days")
        );
    }

    #[test]
    fn a_privileged_listener_off_loopback_needs_a_token() {
        let off_loopback = FULL.replace("port = 9547", "addr = \"10.0.0.1\"");
        assert!(refused(&off_loopback).contains("privileged.token-file"));
        let directory = tempfile::tempdir().unwrap();
        let token = directory.path().join("token");
        let with_token = off_loopback.replace(
            "[sequencer]",
            &format!(
                "token-file = {:?}\n[sequencer]",
                token.display().to_string()
            ),
        );
        fs::write(&token, "short").unwrap();
        assert!(refused(&with_token).contains("holds no token"));
        fs::write(&token, "0123456789abcdef\n").unwrap();
        let (_directory, path) = written(&with_token);
        let settings = Settings::resolve(Some(&path), Overrides::default()).unwrap();
        assert_eq!(settings.rpc.token.as_deref(), Some("0123456789abcdef"));
    }

    #[test]
    fn both_listeners_on_one_port_are_refused() {
        assert!(
            refused(&FULL.replace("9547", "9545").replace("0.0.0.0", "127.0.0.1")).contains("both")
        );
    }
}
