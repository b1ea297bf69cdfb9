use alloy_signer_local::PrivateKeySigner;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{
    collections::BTreeSet,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    str::FromStr,
    time::Duration,
};

/// A group of methods, by the prefix of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// `eth_`: chain, state, transactions, logs, subscriptions.
    Eth,
    /// `net_`: chain id and peers.
    Net,
    /// `web3_`: client version and hashing.
    Web3,
    /// `rpc_`: which namespaces there are.
    Rpc,
    /// `txpool_`: the pool's content.
    Txpool,
    /// `optimism_`: the rollup node's view.
    Optimism,
    /// `debug_`: raw blocks and traces.
    Debug,
    /// `trace_`: traces in OpenEthereum's form.
    Trace,
    /// `admin_`: the sequencer's control.
    Admin,
    /// `miner_`: block building limits.
    Miner,
    /// `ots_`: what the Otterscan explorer asks.
    Ots,
    /// `evm_`, `anvil_`, `hardhat_`, `personal_`: for local chains only.
    Local,
}

impl Namespace {
    /// All namespaces.
    pub const ALL: [Self; 12] = [
        Self::Eth,
        Self::Net,
        Self::Web3,
        Self::Rpc,
        Self::Txpool,
        Self::Optimism,
        Self::Debug,
        Self::Trace,
        Self::Admin,
        Self::Miner,
        Self::Ots,
        Self::Local,
    ];

    /// Those that the public listener serves unless it is told otherwise.
    pub fn public() -> BTreeSet<Self> {
        [
            Self::Eth,
            Self::Net,
            Self::Web3,
            Self::Rpc,
            Self::Txpool,
            Self::Optimism,
        ]
        .into()
    }

    /// Its name, as in `--http.api`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eth => "eth",
            Self::Net => "net",
            Self::Web3 => "web3",
            Self::Rpc => "rpc",
            Self::Txpool => "txpool",
            Self::Optimism => "optimism",
            Self::Debug => "debug",
            Self::Trace => "trace",
            Self::Admin => "admin",
            Self::Miner => "miner",
            Self::Ots => "ots",
            Self::Local => "local",
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A namespace that doesn't exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no namespace {name:?}: choose from eth, net, web3, rpc, txpool, optimism, debug, \
     trace, admin, miner, ots, local"
)]
pub struct UnknownNamespace {
    /// What was given.
    pub name: Box<str>,
}

impl FromStr for Namespace {
    type Err = UnknownNamespace;

    fn from_str(name: &str) -> Result<Self, UnknownNamespace> {
        Self::ALL
            .into_iter()
            .find(|namespace| namespace.name() == name)
            .ok_or_else(|| UnknownNamespace { name: name.into() })
    }
}

/// What a request, a connection and the server as a whole may ask for. Going over one is an error that
/// names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a request's body, or of a WebSocket message.
    pub body_bytes_max: usize,
    /// Requests in a batch.
    pub batch_requests_max: usize,
    /// Bytes of an answer, a batch's answers together.
    pub response_bytes_max: usize,
    /// Open connections of a listener, WebSockets included.
    pub connections_max: usize,
    /// Subscriptions of a WebSocket connection.
    pub subscriptions_per_connection_max: usize,
    /// Messages that wait to be sent on a WebSocket connection; one that falls behind is closed.
    pub connection_queue_max: usize,
    /// Requests of one WebSocket connection or one batch that are worked on at the same time.
    pub concurrent_requests_max: usize,
    /// Installed filters.
    pub filters_max: usize,
    /// After how long without a poll a filter is dropped.
    #[serde(deserialize_with = "seconds")]
    pub filter_lifetime: Duration,
    /// Blocks that one `eth_getLogs` may span.
    pub logs_block_range_max: u64,
    /// Logs in one answer.
    pub logs_max: usize,
    /// Addresses, and alternatives of a topic, in a log filter.
    pub filter_terms_max: usize,
    /// Gas of a call, an estimate or a simulation.
    pub call_gas_max: u64,
    /// How long a request may take.
    #[serde(deserialize_with = "seconds")]
    pub request_timeout: Duration,
    /// How long a trace may take.
    #[serde(deserialize_with = "seconds")]
    pub trace_timeout: Duration,
    /// Bytes that one trace may record.
    pub trace_bytes_max: usize,
    /// Storage keys in one `eth_getProof` or `eth_getStorageValues`.
    pub proofs_keys_max: usize,
    /// Blocks in one `eth_simulateV1`.
    pub simulate_blocks_max: usize,
    /// Calls in one `eth_simulateV1` or `eth_callMany`.
    pub simulate_calls_max: usize,
    /// Blocks in one `eth_feeHistory`.
    pub fee_history_blocks_max: u64,
    /// Blocks that one `trace_filter` may walk.
    pub trace_blocks_max: u64,
    /// Blocks below the head from which on a subscriber may ask for the feed: as many as a chain may have
    /// before they are on L1, at one a second. What is older comes from L1.
    pub feed_blocks_max: u64,
    /// Calls and other costly requests that run at the same time. Traces, logs, proofs and simulations
    /// may use half of them, at least one.
    pub blocking_workers: usize,
    /// Costly requests that may wait for a worker.
    pub blocking_queue_max: usize,
    /// How long `eth_sendRawTransactionSync` waits if the caller doesn't say.
    #[serde(deserialize_with = "seconds")]
    pub sync_timeout: Duration,
    /// How long `eth_sendRawTransactionSync` waits at most.
    #[serde(deserialize_with = "seconds")]
    pub sync_timeout_max: Duration,
}

/// A duration as seconds, which may be a fraction.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(seconds).map_err(D::Error::custom)
}

impl Limits {
    /// The first limit that is zero, under which nothing would be answered.
    pub fn first_zero(&self) -> Option<&'static str> {
        let no_time = |duration: Duration| usize::from(!duration.is_zero());
        [
            ("body_bytes_max", self.body_bytes_max),
            ("batch_requests_max", self.batch_requests_max),
            ("response_bytes_max", self.response_bytes_max),
            ("connections_max", self.connections_max),
            ("connection_queue_max", self.connection_queue_max),
            ("concurrent_requests_max", self.concurrent_requests_max),
            ("blocking_workers", self.blocking_workers),
            ("blocking_queue_max", self.blocking_queue_max),
            ("request_timeout", no_time(self.request_timeout)),
        ]
        .into_iter()
        .find_map(|(name, limit)| (limit == 0).then_some(name))
    }
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            body_bytes_max: 15 << 20,
            batch_requests_max: 1_000,
            response_bytes_max: 64 << 20,
            connections_max: 1_024,
            subscriptions_per_connection_max: 64,
            connection_queue_max: 1_024,
            concurrent_requests_max: 64,
            filters_max: 4_096,
            filter_lifetime: Duration::from_secs(5 * 60),
            logs_block_range_max: 100_000,
            logs_max: 20_000,
            filter_terms_max: 1_000,
            call_gas_max: 100_000_000,
            request_timeout: Duration::from_secs(30),
            trace_timeout: Duration::from_secs(30),
            trace_bytes_max: 128 << 20,
            proofs_keys_max: 1_024,
            simulate_blocks_max: 256,
            simulate_calls_max: 4_096,
            fee_history_blocks_max: 1_024,
            trace_blocks_max: 100,
            feed_blocks_max: 12 * 3_600,
            blocking_workers: cores.max(2),
            blocking_queue_max: 4_096,
            sync_timeout: Duration::from_secs(2),
            sync_timeout_max: Duration::from_secs(30),
        }
    }
}

/// How the node serves JSON-RPC.
#[derive(Clone)]
pub struct RpcConfig {
    /// Where the public listener binds: HTTP and WebSocket on one port.
    pub http: SocketAddr,
    /// Where the privileged listener binds, which serves every namespace and `/metrics`.
    pub privileged: Option<SocketAddr>,
    /// Namespaces of the public listener.
    pub public_namespaces: BTreeSet<Namespace>,
    /// Origins whose web pages may read answers; `*` means all. The privileged listener refuses pages
    /// of any other origin altogether.
    pub cors_origins: Vec<String>,
    /// Limits.
    pub limits: Limits,
    /// Accounts for which the node signs: those of a local chain.
    pub local_accounts: Vec<PrivateKeySigner>,
    /// Whether the chain posts to L1, so that its state changes by transactions only.
    pub settled: bool,
    /// Bearer token that the privileged listener asks for. Needed unless it binds to loopback.
    pub token: Option<String>,
    /// Age of the head, seconds, from which on `/health` says that the node is not well.
    pub health_head_age_max: Duration,
    /// The least tip, wei a gas, that `eth_maxPriorityFeePerGas` suggests.
    pub tip_min_wei: u128,
}

impl Default for RpcConfig {
    fn default() -> Self {
        Self {
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, 8545)),
            privileged: None,
            public_namespaces: Namespace::public(),
            cors_origins: Vec::new(),
            limits: Limits::default(),
            local_accounts: Vec::new(),
            settled: true,
            token: None,
            health_head_age_max: Duration::from_secs(60),
            tip_min_wei: 1_000_000,
        }
    }
}

impl fmt::Debug for RpcConfig {
    /// Shows neither the token nor any key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcConfig")
            .field("http", &self.http)
            .field("privileged", &self.privileged)
            .field("public_namespaces", &self.public_namespaces)
            .field("cors_origins", &self.cors_origins)
            .field("limits", &self.limits)
            .field("local_accounts", &self.local_accounts.len())
            .field("settled", &self.settled)
            .field("token", &self.token.as_ref().map(|_| "set"))
            .field("health_head_age_max", &self.health_head_age_max)
            .field("tip_min_wei", &self.tip_min_wei)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_back() {
        for namespace in Namespace::ALL {
            assert_eq!(namespace.name().parse(), Ok(namespace));
        }
        assert!("engine".parse::<Namespace>().is_err());
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = RpcConfig {
            token: Some("hunter2".into()),
            local_accounts: vec![PrivateKeySigner::random()],
            ..RpcConfig::default()
        };
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
