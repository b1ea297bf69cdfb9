//! A node on a chain of its own: a store in a temporary directory, the real block builder sealing on
//! request, and the server on free ports.

use alloy_consensus::{SignableTransaction as _, TxEip1559};
use alloy_eips::Encodable2718 as _;
use alloy_genesis::{ChainConfig as GenesisConfig, Genesis, GenesisAccount};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, b256, bytes, hex};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use openledger_builder::{Builder, BuilderConfig, BuilderHandle, Mode, OriginFeed};
use openledger_chain::{Chain, ChainFiles, ChainOptions, genesis_block};
use openledger_derive::L1Input;
use openledger_mempool::{Mempool, MempoolConfig};
use openledger_primitives::{
    ChainConfig, ChainGenesis, FeeConfig, ForkTimes, GenesisId, Header, L1ChainConfig, L1Contracts,
    SystemConfig, Transaction, predeploys,
};
use openledger_protocol::L1Block;
use openledger_rpc::{Namespace, RpcConfig, RpcContext, RpcHandle, serve};
use openledger_store::{Store, StoreOptions};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub(crate) const CHAIN_ID: u64 = 161_299;
/// Emitted by [`COUNTER`].
pub(crate) const TOPIC: B256 =
    b256!("00000000000000000000000000000000000000000000000000000000000c0ffe");
/// Adds one to slot 0, logs and returns the sum.
pub(crate) const COUNTER: Address = address!("00000000000000000000000000000000000c0001");
/// Reverts with `Error("no")`.
pub(crate) const REVERTER: Address = address!("00000000000000000000000000000000000c0002");
/// Burns all its gas.
pub(crate) const BURNER: Address = address!("00000000000000000000000000000000000c0003");
/// Returns slot 0, which is 100 at genesis.
pub(crate) const READER: Address = address!("00000000000000000000000000000000000c0004");

/// Returns the gas that is left.
pub(crate) const GAS_TELLER: Address = address!("00000000000000000000000000000000000c0005");

/// The well-known accounts of local chains.
pub(crate) const KEYS: [B256; 2] = [
    b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
    b256!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
];

pub(crate) struct Node {
    pub(crate) url: String,
    pub(crate) privileged: Option<String>,
    pub(crate) ws: String,
    pub(crate) chain: Arc<Chain>,
    pub(crate) builder: Arc<BuilderHandle>,
    pub(crate) signers: Vec<PrivateKeySigner>,
    client: reqwest::Client,
    shutdown: CancellationToken,
    server: Option<RpcHandle>,
    _directory: TempDir,
}

fn counter_code() -> Bytes {
    let mut code = hex!("5f54600101805f555f527f").to_vec();
    code.extend_from_slice(TOPIC.as_slice());
    code.extend_from_slice(&hex!("60205fa160205ff3"));
    code.into()
}

fn reverter_code() -> Bytes {
    let word = |text: &[u8]| {
        let mut word = [0; 32];
        word[..text.len()].copy_from_slice(text);
        word
    };
    let mut code = vec![0x7f];
    code.extend(word(&hex!("08c379a0")));
    code.extend(hex!("5f5260206004526002602452"));
    code.push(0x7f);
    code.extend(word(b"no"));
    code.extend(hex!("60445260645ffd"));
    code.into()
}

/// L1 values that the L1 attributes deposit would write, were the real contract here.
fn l1_block() -> GenesisAccount {
    let word = |value: U256| B256::from(value);
    // Slot 1: base fee; slot 3: scalars; slot 7: blob base fee; slot 8: operator fee.
    let scalars = U256::from(1_368) << 96 | U256::from(810_949) << 64;
    let storage = BTreeMap::from([
        (word(U256::from(1)), word(U256::from(1_000_000_000_u64))),
        (word(U256::from(3)), word(scalars)),
        (word(U256::from(7)), word(U256::from(1))),
    ]);
    account(Some(bytes!("00")), Some(storage))
}

fn account(code: Option<Bytes>, storage: Option<BTreeMap<B256, B256>>) -> GenesisAccount {
    GenesisAccount {
        nonce: Some(1),
        code,
        storage,
        ..GenesisAccount::default()
    }
}

/// The key that signs the feed.
pub(crate) fn feed_key() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(0x17)).unwrap()
}

pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn files(signers: &[PrivateKeySigner]) -> (ChainFiles, L1Input) {
    let time = now() - 60;
    let origin = Header {
        timestamp: time,
        base_fee_per_gas: Some(1_000_000_000),
        excess_blob_gas: Some(0),
        blob_gas_used: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        ..Header::default()
    };
    let origin_hash = origin.hash_slow();
    let slot_zero = |value: u64| BTreeMap::from([(B256::ZERO, B256::from(U256::from(value)))]);
    let mut alloc = BTreeMap::from([
        (COUNTER, account(Some(counter_code()), None)),
        (REVERTER, account(Some(reverter_code()), None)),
        // JUMPDEST PUSH0 JUMP
        (BURNER, account(Some(bytes!("5b5f56")), None)),
        (
            READER,
            account(Some(bytes!("5f545f5260205ff3")), Some(slot_zero(100))),
        ),
        (GAS_TELLER, account(Some(bytes!("5a5f5260205ff3")), None)),
        (predeploys::L1_BLOCK, l1_block()),
        (
            predeploys::L2_TO_L1_MESSAGE_PASSER,
            account(Some(bytes!("00")), Some(slot_zero(1))),
        ),
    ]);
    for signer in signers {
        let balance = U256::from(10_u64.pow(18)) * U256::from(10_000);
        alloc.insert(
            signer.address(),
            GenesisAccount {
                balance,
                ..GenesisAccount::default()
            },
        );
    }
    let genesis = Genesis {
        config: GenesisConfig {
            chain_id: CHAIN_ID,
            ..GenesisConfig::default()
        },
        timestamp: time,
        gas_limit: 60_000_000,
        base_fee_per_gas: Some(1_000_000),
        extra_data: bytes!("00000000fa00000006"),
        coinbase: predeploys::SEQUENCER_FEE_VAULT,
        alloc,
        ..Genesis::default()
    };
    let l1 = L1ChainConfig {
        chain_id: 900,
        blob_schedule: L1ChainConfig::prague_schedule(),
        contracts: L1Contracts::default(),
        roles: None,
    };
    let input = L1Input {
        block: L1Block::from_header(&origin, origin_hash, &l1),
        ..L1Input::default()
    };
    let hash = genesis_block(&genesis).unwrap().0.hash;
    let rollup = ChainConfig {
        genesis: ChainGenesis {
            l1: GenesisId {
                hash: origin_hash,
                number: 0,
            },
            l2: GenesisId { hash, number: 0 },
            l2_time: time,
            system_config: SystemConfig {
                batcher_address: Address::ZERO,
                overhead: B256::ZERO,
                scalar: SystemConfig::encode_scalar(1_368, 810_949),
                gas_limit: 60_000_000,
                eip1559_params: Default::default(),
                operator_fee_params: B256::ZERO,
                min_base_fee: 0,
                da_footprint_gas_scalar: 0,
            },
        },
        block_time: 1,
        max_sequencer_drift: 600,
        seq_window_size: 3_600,
        channel_timeout: 300,
        l1_chain_id: 900,
        l2_chain_id: CHAIN_ID,
        forks: ForkTimes::ISTHMUS,
        batch_inbox_address: Address::ZERO,
        deposit_contract_address: Address::ZERO,
        l1_system_config_address: Address::ZERO,
        protocol_versions_address: Address::ZERO,
        chain_op_config: FeeConfig::default(),
        jovian_upgrade: None,
    };
    (
        ChainFiles {
            genesis,
            rollup,
            l1,
        },
        input,
    )
}

/// A configuration for tests: free ports, everything on the public one, an unsettled chain.
pub(crate) fn config() -> RpcConfig {
    RpcConfig {
        http: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        privileged: None,
        public_namespaces: Namespace::ALL.into(),
        settled: false,
        health_head_age_max: Duration::from_secs(3_600),
        ..RpcConfig::default()
    }
}

impl Node {
    pub(crate) async fn start() -> Self {
        Self::with(config()).await
    }

    pub(crate) async fn with(config: RpcConfig) -> Self {
        Self::with_store(config, StoreOptions::default()).await
    }

    pub(crate) async fn with_store(config: RpcConfig, options: StoreOptions) -> Self {
        let signers: Vec<PrivateKeySigner> = KEYS
            .iter()
            .map(|key| PrivateKeySigner::from_bytes(key).unwrap())
            .collect();
        let directory = TempDir::new().unwrap();
        let (files, origin) = files(&signers);
        let store = Store::open(&directory.path().join("store"), options).unwrap();
        let chain = Arc::new(Chain::open(&files, store, ChainOptions::default()).unwrap());
        let mempool = Arc::new(Mempool::new(MempoolConfig::default()));
        let origins = Arc::new(OriginFeed::new(8));
        assert!(origins.push(origin));
        let builder = {
            let config = BuilderConfig {
                mode: Mode::Manual,
                settled: false,
                ..BuilderConfig::default()
            };
            let (chain, mempool) = (chain.clone(), mempool.clone());
            tokio::task::spawn_blocking(move || {
                Builder::start(config, chain, mempool, origins).unwrap().0
            })
            .await
            .unwrap()
        };
        let shutdown = CancellationToken::new();
        let config = RpcConfig {
            local_accounts: signers.clone(),
            ..config
        };
        let context = RpcContext {
            sequencer: Some(builder.clone()),
            feed_key: Some(feed_key()),
            ..RpcContext::new(chain.clone(), "openledger/test".into())
        };
        let server = serve(config, context, shutdown.clone()).await.unwrap();
        Self {
            url: format!("http://{}", server.http),
            privileged: server.privileged.map(|address| format!("http://{address}")),
            ws: format!("ws://{}", server.http),
            chain,
            builder,
            signers,
            client: reqwest::Client::new(),
            shutdown,
            server: Some(server),
            _directory: directory,
        }
    }

    /// Posts a body; answers status and text.
    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> (u16, String) {
        self.post_to(&self.url, body).await
    }

    pub(crate) async fn post_to(&self, url: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
        let response = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let response = self
            .client
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn answer_of(&self, url: &str, method: &str, params: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let (status, text) = self.post_to(url, body.to_string()).await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The whole answer to a call.
    pub(crate) async fn answer(&self, method: &str, params: Value) -> Value {
        self.answer_of(&self.url, method, params).await
    }

    /// The result of a call that must succeed.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Value {
        let answer = self.answer_of(&self.url, method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The error of a call that must fail.
    pub(crate) async fn fail(&self, method: &str, params: Value) -> Value {
        self.fail_at(&self.url, method, params).await
    }

    pub(crate) async fn fail_at(&self, url: &str, method: &str, params: Value) -> Value {
        let answer = self.answer_of(url, method, params).await;
        assert!(answer.get("result").is_none(), "{method}: {answer}");
        answer["error"].clone()
    }

    /// Seals the open block and answers its number.
    pub(crate) async fn mine(&self) -> u64 {
        self.call("evm_mine", json!([])).await;
        self.chain.head().number
    }

    /// A signed transaction of an account with its next nonce, as hex.
    pub(crate) async fn sign(
        &self,
        account: usize,
        to: Option<Address>,
        value: u64,
        input: Bytes,
    ) -> String {
        let address = self.signers[account].address();
        let nonce = self
            .call("eth_getTransactionCount", json!([address, "pending"]))
            .await;
        self.sign_nonce(account, quantity(&nonce), to, value, input)
    }

    pub(crate) fn sign_nonce(
        &self,
        account: usize,
        nonce: u64,
        to: Option<Address>,
        value: u64,
        input: Bytes,
    ) -> String {
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 200_000,
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to: to.map_or(TxKind::Create, TxKind::Call),
            value: U256::from(value),
            access_list: Default::default(),
            input,
        };
        let signature = self.signers[account]
            .sign_hash_sync(&tx.signature_hash())
            .unwrap();
        let signed = Transaction::Eip1559(tx.into_signed(signature));
        format!("0x{}", hex::encode(signed.encoded_2718()))
    }

    /// Sends a transaction and answers its preconfirmed receipt.
    pub(crate) async fn send(&self, to: Address, value: u64) -> Value {
        let raw = self.sign(0, Some(to), value, Bytes::new()).await;
        self.call("eth_sendRawTransactionSync", json!([raw])).await
    }

    /// Stops the server and waits for its end.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        let server = self.server.take().unwrap();
        tokio::time::timeout(Duration::from_secs(10), server.ended())
            .await
            .unwrap()
            .unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shutdown.cancel();
        self.builder.shutdown();
    }
}

/// A quantity's value.
pub(crate) fn quantity(value: &Value) -> u64 {
    let text = value
        .as_str()
        .unwrap_or_else(|| panic!("no quantity: {value}"));
    u64::from_str_radix(text.strip_prefix("0x").unwrap(), 16).unwrap()
}
