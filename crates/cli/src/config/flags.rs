//! Flags and environment.

use super::{batcher::BatcherFlags, blobs::BlobFlags, health::HealthFlags};
use crate::dev::OrderingArg;
use clap::Args;
use std::{net::IpAddr, path::PathBuf};

/// Flags and environment of every node. What is not given comes from the file.
#[derive(Debug, Clone, Default, Args)]
pub struct NodeFlags {
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
    #[command(flatten)]
    #[allow(missing_docs)]
    pub blobs: BlobFlags,
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
    /// Least tip, wei a gas, that eth_maxPriorityFeePerGas suggests [default: 1000000]
    #[arg(
        long = "http.tip-min-wei",
        env = "OPENLEDGER_HTTP_TIP_MIN_WEI",
        value_name = "WEI"
    )]
    pub http_tip_min_wei: Option<u64>,
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
    /// Index transactions by address, for ots_searchTransactionsBefore and …After
    #[arg(
        long = "store.index-addresses",
        visible_alias = "index-addresses",
        env = "OPENLEDGER_STORE_INDEX_ADDRESSES",
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    pub store_index_addresses: Option<bool>,
    /// Whether wrong output roots are vetoed
    #[arg(
        long = "challenger.enabled",
        env = "OPENLEDGER_CHALLENGER_ENABLED",
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    pub challenger_enabled: Option<bool>,
    /// File with the challenger's private key; without, OPENLEDGER_CHALLENGER_KEY holds it
    #[arg(
        long = "challenger.key-file",
        env = "OPENLEDGER_CHALLENGER_KEY_FILE",
        value_name = "FILE"
    )]
    pub challenger_key_file: Option<PathBuf>,
    /// Megabytes of database blocks kept in memory
    #[arg(
        long = "store.cache-mb",
        env = "OPENLEDGER_STORE_CACHE_MB",
        value_name = "MB"
    )]
    pub store_cache_mb: Option<usize>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub health: HealthFlags,
}

/// Flags and environment of `openledger sequencer`.
#[derive(Debug, Clone, Default, Args)]
pub struct SequencerFlags {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub node: NodeFlags,
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
    /// Milliseconds before a block is due from which on nothing more is executed into it [default: 60]
    #[arg(
        long = "sequencer.seal-reserve-ms",
        env = "OPENLEDGER_SEQUENCER_SEAL_RESERVE_MS",
        value_name = "MS"
    )]
    pub sequencer_seal_reserve_ms: Option<u64>,
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
    #[command(flatten)]
    #[allow(missing_docs)]
    pub batcher: BatcherFlags,
    /// Whether output roots are claimed
    #[arg(
        long = "proposer.enabled",
        env = "OPENLEDGER_PROPOSER_ENABLED",
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    pub proposer_enabled: Option<bool>,
    /// File with the proposer's private key; without, OPENLEDGER_PROPOSER_KEY holds it
    #[arg(
        long = "proposer.key-file",
        env = "OPENLEDGER_PROPOSER_KEY_FILE",
        value_name = "FILE"
    )]
    pub proposer_key_file: Option<PathBuf>,
    /// Seconds between claims
    #[arg(
        long = "proposer.interval",
        env = "OPENLEDGER_PROPOSER_INTERVAL",
        value_name = "SECONDS"
    )]
    pub proposer_interval: Option<u64>,
    /// Seconds between claims while a withdrawal waits for one
    #[arg(
        long = "proposer.withdrawal-interval",
        env = "OPENLEDGER_PROPOSER_WITHDRAWAL_INTERVAL",
        value_name = "SECONDS"
    )]
    pub proposer_withdrawal_interval: Option<u64>,
    /// OPEN that an ETH costs: whether fees pay for posting is told at this rate; without, it is not
    #[arg(
        long = "fees.open-per-eth",
        env = "OPENLEDGER_FEES_OPEN_PER_ETH",
        value_name = "OPEN"
    )]
    pub fees_open_per_eth: Option<openledger_batcher::OpenPerEth>,
    /// Seconds over which costs and fees are added up for that
    #[arg(
        long = "fees.alarm-interval",
        env = "OPENLEDGER_FEES_ALARM_INTERVAL",
        value_name = "SECONDS"
    )]
    pub fees_alarm_interval: Option<u64>,
    /// File with the key that signs the feed of sealed blocks; without, OPENLEDGER_FEED_KEY holds it, or
    /// there is no feed
    #[arg(
        long = "feed.key-file",
        env = "OPENLEDGER_FEED_KEY_FILE",
        value_name = "FILE"
    )]
    pub feed_key_file: Option<PathBuf>,
}

/// Flags and environment of `openledger verifier`.
#[derive(Debug, Clone, Default, Args)]
pub struct VerifierFlags {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub node: NodeFlags,
    /// Sequencer whose feed of sealed blocks is followed (ws:// or http://); without, only what L1 holds
    /// is known
    #[arg(long = "feed.url", env = "OPENLEDGER_FEED_URL", value_name = "URL")]
    pub feed_url: Option<String>,
}
