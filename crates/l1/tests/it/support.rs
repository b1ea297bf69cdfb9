use alloy_primitives::{Address, Bytes};
use alloy_signer_local::PrivateKeySigner;
use openledger_l1::{L1Client, RequestConfig, TxSender, TxSenderConfig, anvil::Anvil};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

/// Keys of the accounts that anvil funds.
pub(crate) const KEYS: [&str; 3] = [
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
];

pub(crate) fn signer(index: usize) -> PrivateKeySigner {
    KEYS[index].parse().expect("a key")
}

/// Starts anvil or returns from the test.
#[macro_export]
macro_rules! anvil_or_skip {
    ($($argument:expr),*) => {
        match openledger_l1::anvil::Anvil::start(&[$($argument),*]).await.expect("anvil") {
            Some(anvil) => anvil,
            None => return,
        }
    };
}

/// A client that gives up quickly.
pub(crate) fn client(url: &str) -> L1Client {
    client_of(&[url.to_owned()])
}

pub(crate) fn client_of(urls: &[String]) -> L1Client {
    let config = RequestConfig {
        timeout: Duration::from_secs(3),
        attempts: 2,
        backoff: Duration::from_millis(20),
        backoff_max: Duration::from_millis(50),
        cooldown: Duration::from_millis(200),
    };
    L1Client::new(urls, config).expect("a valid URL")
}

pub(crate) fn sender_config() -> TxSenderConfig {
    TxSenderConfig {
        poll_interval: Duration::from_millis(50),
        backoff_max: Duration::from_millis(200),
        resubmit_after: Duration::from_millis(600),
        ..TxSenderConfig::default()
    }
}

pub(crate) fn spawn_sender(
    client: &L1Client,
    account: usize,
    config: TxSenderConfig,
) -> (TxSender, tokio_util::sync::DropGuard) {
    let shutdown = CancellationToken::new();
    let (sender, _task) =
        TxSender::spawn(client.clone(), signer(account), config, shutdown.clone());
    (sender, shutdown.drop_guard())
}

pub(crate) async fn mine(anvil: &Anvil, blocks: u64) {
    anvil
        .request("anvil_mine", json!([blocks]))
        .await
        .expect("anvil mines");
}

/// Transactions in the pool that wait for a block, as (nonce, max fee) of one account.
pub(crate) async fn pooled(anvil: &Anvil, account: Address) -> Vec<(u64, u128)> {
    let content = anvil
        .request("txpool_content", json!([]))
        .await
        .expect("anvil has a pool");
    let number = |value: &Value| {
        let text = value.as_str().unwrap_or("0x0");
        u128::from_str_radix(text.trim_start_matches("0x"), 16).expect("hexadecimal")
    };
    let mut found = Vec::new();
    for (from, by_nonce) in content["pending"].as_object().into_iter().flatten() {
        if from.parse::<Address>().is_ok_and(|from| from == account) {
            for tx in by_nonce
                .as_object()
                .into_iter()
                .flat_map(|by_nonce| by_nonce.values())
            {
                found.push((number(&tx["nonce"]) as u64, number(&tx["maxFeePerGas"])));
            }
        }
    }
    found.sort_unstable();
    found
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let patience = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), patience)
        .await
        .expect(what);
}

pub(crate) fn payload(byte: u8, len: usize) -> Bytes {
    vec![byte; len].into()
}

/// A TCP proxy that can be cut and mended.
pub(crate) struct Proxy {
    address: SocketAddr,
    open: Arc<AtomicBool>,
    cut: Arc<tokio::sync::Notify>,
}

impl Proxy {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let open = Arc::new(AtomicBool::new(true));
        let cut = Arc::new(tokio::sync::Notify::new());
        let (is_open, is_cut) = (open.clone(), cut.clone());
        tokio::spawn(async move {
            while let Ok((mut inbound, _)) = listener.accept().await {
                if !is_open.load(Ordering::SeqCst) {
                    continue;
                }
                let is_cut = is_cut.clone();
                tokio::spawn(async move {
                    let cut = is_cut.notified();
                    let Ok(mut outbound) = TcpStream::connect(("127.0.0.1", port)).await else {
                        return;
                    };
                    tokio::select! {
                        () = cut => {}
                        _ = copy_bidirectional(&mut inbound, &mut outbound) => {}
                    }
                });
            }
        });
        Self { address, open, cut }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Drops all connections and takes no new ones.
    pub(crate) fn cut(&self) {
        self.open.store(false, Ordering::SeqCst);
        self.cut.notify_waiters();
    }

    pub(crate) fn mend(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}

/// An HTTP server that answers every JSON-RPC request by `answer(method, params)`.
pub(crate) async fn fake_endpoint<F>(
    answer: impl Fn(String, Value) -> F + Send + Sync + 'static,
) -> String
where
    F: Future<Output = Value> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                let mut chunk = [0; 4096];
                let body = loop {
                    let Ok(read @ 1..) = stream.read(&mut chunk).await else {
                        return;
                    };
                    bytes.extend_from_slice(&chunk[..read]);
                    let text = String::from_utf8_lossy(&bytes);
                    if let Some((_, body)) = text.split_once("\r\n\r\n")
                        && let Ok(body) = serde_json::from_str::<Value>(body)
                    {
                        break body;
                    }
                };
                let method = body["method"].as_str().unwrap_or_default();
                let result = answer(method.to_owned(), body["params"].clone()).await;
                let text =
                    json!({"jsonrpc": "2.0", "id": body["id"], "result": result}).to_string();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    text.len()
                );
                let _ = stream.write_all((head + &text).as_bytes()).await;
            });
        }
    });
    url
}

/// An endpoint of the same L1 as an anvil, of which it knows blocks up to some height only, as a node that
/// lags behind does.
pub(crate) struct Lagging {
    url: String,
    newest: Arc<AtomicU64>,
    no_receipts: Arc<AtomicBool>,
    /// Answers that lacked a block, or receipts.
    lacked: Arc<AtomicU64>,
}

impl Lagging {
    pub(crate) async fn behind(anvil: &Arc<Anvil>, newest: u64) -> Self {
        let newest = Arc::new(AtomicU64::new(newest));
        let no_receipts = Arc::new(AtomicBool::new(false));
        let lacked = Arc::new(AtomicU64::new(0));
        let shared = (
            anvil.clone(),
            newest.clone(),
            no_receipts.clone(),
            lacked.clone(),
        );
        let url = fake_endpoint(move |method, mut params| {
            let (anvil, newest, no_receipts, lacked) = shared.clone();
            // Few, short, and of a test.
            let method: &'static str = method.leak();
            async move {
                let newest = newest.load(Ordering::SeqCst);
                if method == "eth_getBlockByNumber" && params[0] == "latest" {
                    let head = anvil.request("eth_blockNumber", json!([])).await;
                    let head = number(&head.expect("anvil answers"));
                    params[0] = json!(format!("{:#x}", head.min(newest)));
                }
                let answer = anvil.request(method, params).await.expect("anvil answers");
                let of_block = match &answer {
                    Value::Array(receipts) => receipts.first().map(|first| &first["blockNumber"]),
                    block => Some(&block["number"]),
                };
                let lacks = match method {
                    "eth_getBlockReceipts" | "eth_getTransactionReceipt"
                        if no_receipts.load(Ordering::SeqCst) =>
                    {
                        true
                    }
                    "eth_getBlockByNumber" | "eth_getBlockByHash" | "eth_getBlockReceipts" => {
                        of_block.is_some_and(|block| block.is_string() && number(block) > newest)
                    }
                    _ => false,
                };
                if lacks {
                    lacked.fetch_add(1, Ordering::SeqCst);
                    return Value::Null;
                }
                answer
            }
        })
        .await;
        Self {
            url,
            newest,
            no_receipts,
            lacked,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Knows blocks up to this height from now on.
    pub(crate) fn catch_up(&self, newest: u64) {
        self.newest.store(newest, Ordering::SeqCst);
    }

    /// Knows no receipts, or all again.
    pub(crate) fn withhold_receipts(&self, withheld: bool) {
        self.no_receipts.store(withheld, Ordering::SeqCst);
    }

    pub(crate) fn lacked(&self) -> u64 {
        self.lacked.load(Ordering::SeqCst)
    }
}

fn number(text: &Value) -> u64 {
    let text = text.as_str().unwrap_or_default();
    u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("hexadecimal")
}

/// An HTTP server that answers each path (query included) with its file, and 404 otherwise.
pub(crate) struct Files {
    address: SocketAddr,
}

impl Files {
    pub(crate) async fn serve(files: Vec<(String, Vec<u8>)>) -> Self {
        let files: Arc<std::collections::HashMap<String, Vec<u8>>> =
            Arc::new(files.into_iter().collect());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, files.clone()));
            }
        });
        Self { address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn answer(
    mut stream: TcpStream,
    files: Arc<std::collections::HashMap<String, Vec<u8>>>,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&request);
    let path = text.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match files.get(path) {
        Some(body) => ("200 OK", body.as_slice()),
        None => ("404 Not Found", &b"{}"[..]),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.shutdown().await
}

/// A chain whose batches go to this address.
pub(crate) fn chain_config(inbox: Address) -> openledger_primitives::ChainConfig {
    use openledger_primitives::{
        ChainConfig, ChainGenesis, FeeConfig, ForkTimes, GenesisId, SystemConfig,
    };
    ChainConfig {
        genesis: ChainGenesis {
            l1: GenesisId::default(),
            l2: GenesisId::default(),
            l2_time: 0,
            system_config: SystemConfig {
                batcher_address: signer(0).address(),
                overhead: Default::default(),
                scalar: SystemConfig::encode_scalar(1, 1),
                gas_limit: 60_000_000,
                eip1559_params: Default::default(),
                operator_fee_params: Default::default(),
                min_base_fee: 0,
                da_footprint_gas_scalar: 0,
            },
        },
        block_time: 1,
        max_sequencer_drift: 600,
        seq_window_size: 3_600,
        channel_timeout: 300,
        l1_chain_id: 31_337,
        l2_chain_id: 161_299,
        forks: ForkTimes::ISTHMUS,
        batch_inbox_address: inbox,
        deposit_contract_address: Address::repeat_byte(2),
        l1_system_config_address: Address::repeat_byte(3),
        protocol_versions_address: Address::ZERO,
        chain_op_config: FeeConfig::default(),
        jovian_upgrade: None,
    }
}
