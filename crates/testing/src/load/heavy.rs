//! How late blocks are sealed while transactions wait that take long: calls of a contract that spends all of its gas on
//! pairings, the slowest gas that there is.

use super::{
    Accounts, Figures, Latencies,
    accounts::{PATIENCE, raw, transaction},
};
use crate::rpc::{Client, quantity};
use alloy_primitives::{Address, Bytes, TxKind, U256, hex};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::{
    cell::Cell,
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Gas limits of the calls, in turns: from what a block has room for many times over to half of an ordinary one.
const GAS_LIMITS: [u64; 4] = [1_000_000, 5_000_000, 15_000_000, 30_000_000];
/// Calls that a sender can pay for beforehand.
const CALLS_PER_SENDER: usize = 5;
const DEPLOY_GAS: u64 = 200_000;
/// How often the newest block is looked for.
const POLL: Duration = Duration::from_millis(2);
/// Blocks that are looked at before the calls are sent.
const IDLE_BLOCKS: usize = 5;

/// Creation code of a contract that has the pairing precompile check its calldata for as long as it has gas left:
///
/// ```text
/// CALLDATASIZE PUSH0 PUSH0 CALLDATACOPY
/// again: JUMPDEST PUSH0 PUSH0 CALLDATASIZE PUSH0 PUSH1 8 GAS STATICCALL POP
///        GAS PUSH3 200000 LT PUSH1 again JUMPI STOP
/// ```
const BURNER: [u8; DEPLOYER_BYTES + 24] = hex!(
    "6018600a5f3960185ff3" // Returns what follows.
    "365f5f375b5f5f365f60085afa505a62030d401060045700"
);
const DEPLOYER_BYTES: usize = 10;
/// Two pairs of generators: both a check of the curves and two pairings.
const PAIRS: [u8; 384] = {
    const PAIR: [u8; 192] = hex!(
        "0000000000000000000000000000000000000000000000000000000000000001"
        "0000000000000000000000000000000000000000000000000000000000000002"
        "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
        "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
        "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
        "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"
    );
    let mut pairs = [0; 384];
    let (first, second) = pairs.split_at_mut(192);
    first.copy_from_slice(&PAIR);
    second.copy_from_slice(&PAIR);
    pairs
};

/// How late blocks were.
#[derive(Debug, Clone, Default)]
pub struct Heavy {
    /// Of blocks without calls: from their timestamp until they were seen.
    pub idle: Latencies,
    /// The same of blocks while calls waited.
    pub loaded: Latencies,
    /// Most gas that a block used.
    pub gas_max: u64,
    /// Mean gas of a block while calls waited.
    pub gas_mean: u64,
}

/// Sends `count` heavy calls and watches until all are included.
///
/// # Errors
/// The chain is unsettled, so that no block of it is ever late; the accounts are too few; the node refuses a call, one
/// runs out of gas, or nothing moves for a minute.
pub async fn heavy(address: SocketAddr, accounts: &Accounts, count: usize) -> Result<Heavy> {
    let senders = accounts.senders();
    ensure!(
        count <= CALLS_PER_SENDER * senders.len(),
        "{count} heavy calls need {} senders",
        count.div_ceil(CALLS_PER_SENDER)
    );
    let mut client = Client::open(address).await?;
    let burner = deploy(&mut client, accounts).await?;
    let mut result = Heavy::default();
    {
        let mut watch = Watch::new(address).await?;
        while result.idle.len() < IDLE_BLOCKS {
            watch.look(&mut result.idle).await?;
        }
    }
    let first = client.nonce(senders[0].address(), "pending").await?;
    let mut hashes = Vec::with_capacity(count);
    let ended = Cell::new(false);
    let sending = async {
        for index in 0..count {
            let sender = &senders[index % senders.len()];
            let turn = (index / senders.len()) as u64;
            let nonce = turn + if index % senders.len() == 0 { first } else { 0 };
            let signed = sender.sign(&transaction(
                accounts.chain_id(),
                nonce,
                TxKind::Call(burner),
                U256::ZERO,
                Bytes::from_static(&PAIRS),
                GAS_LIMITS[index % GAS_LIMITS.len()],
            ));
            client
                .call("eth_sendRawTransaction", raw(&signed.encoded))
                .await?;
            hashes.push(json!([signed.hash]));
        }
        let counts = senders.iter().enumerate().map(|(index, sender)| {
            let sent = count / senders.len() + usize::from(index < count % senders.len());
            let before = if index == 0 { first } else { 0 };
            (sender.address(), before + sent as u64)
        });
        client.wait_for_nonces(counts.collect(), PATIENCE).await?;
        ended.set(true);
        anyhow::Ok(())
    };
    let watching = async {
        let mut watch = Watch::new(address).await?;
        let mut gas = Vec::new();
        while !ended.get() {
            gas.extend(watch.look(&mut result.loaded).await?);
        }
        anyhow::Ok(gas)
    };
    let ((), gas) = futures::try_join!(sending, watching)?;
    result.gas_max = gas.iter().copied().max().unwrap_or(0);
    result.gas_mean = gas.iter().sum::<u64>() / gas.len().max(1) as u64;
    let receipts = client
        .call_each("eth_getTransactionReceipt", &hashes)
        .await?;
    ensure!(
        receipts.iter().all(|receipt| receipt["status"] == "0x1"),
        "a heavy call failed"
    );
    Ok(result)
}

async fn deploy(client: &mut Client, accounts: &Accounts) -> Result<Address> {
    let sender = accounts
        .senders()
        .first()
        .context("no account to send from")?;
    let nonce = client.nonce(sender.address(), "pending").await?;
    let code = Bytes::from_static(&BURNER);
    let signed = sender.sign(&transaction(
        accounts.chain_id(),
        nonce,
        TxKind::Create,
        U256::ZERO,
        code,
        DEPLOY_GAS,
    ));
    client
        .call("eth_sendRawTransaction", raw(&signed.encoded))
        .await?;
    client
        .wait_for_nonces(vec![(sender.address(), nonce + 1)], PATIENCE)
        .await?;
    let burner = sender.address().create(nonce);
    let code = client
        .call("eth_getCode", json!([burner, "latest"]))
        .await?;
    let expected = hex::encode_prefixed(&BURNER[DEPLOYER_BYTES..]);
    ensure!(code == expected, "the contract's code is {code}");
    Ok(burner)
}

/// Looks for new blocks.
struct Watch {
    client: Client,
    seen: u64,
}

impl Watch {
    async fn new(address: SocketAddr) -> Result<Self> {
        let mut client = Client::open(address).await?;
        let seen = client.block_number().await?;
        Ok(Self { client, seen })
    }

    /// Adds how late each new block is; answers the gas that each used.
    async fn look(&mut self, late: &mut Latencies) -> Result<Vec<u64>> {
        tokio::time::sleep(POLL).await;
        let newest = self.client.block_number().await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let mut gas = Vec::new();
        while self.seen < newest {
            self.seen += 1;
            let number = json!([format!("{:#x}", self.seen), false]);
            let block: Value = self.client.call("eth_getBlockByNumber", number).await?;
            let due = Duration::from_secs(quantity(&block["timestamp"])?);
            ensure!(
                now + Duration::from_secs(1) >= due,
                "block {} is from the future: is the chain unsettled?",
                self.seen
            );
            late.add(now.saturating_sub(due));
            gas.push(quantity(&block["gasUsed"])?);
        }
        Ok(gas)
    }
}

impl Heavy {
    /// The figures.
    pub fn figures(&self, figures: &mut Figures) {
        for (name, late) in [("idle", &self.idle), ("heavy", &self.loaded)] {
            figures.latencies(&format!("{name}: sealed late"), late);
            if let Some(longest) = late.percentile(100) {
                let longest = longest.as_secs_f64() * 1e3;
                figures.lower(format!("{name}: sealed late, most"), longest, "ms");
            }
        }
        figures.higher("heavy: blocks", self.loaded.len() as f64, "");
        figures.higher("heavy: gas a block, mean", self.gas_mean as f64 / 1e6, "M");
        figures.higher("heavy: gas a block, most", self.gas_max as f64 / 1e6, "M");
    }
}
