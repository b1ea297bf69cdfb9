//! Anvil as the L1 of a journey: one that others wrote, with its own pool and its own blobs, mined by request
//! so that time is the journey's here, too.
//!
//! It takes transactions with blobs and without of one account at the same time, where geth says "address
//! already reserved": that they are not sent at the same time is looked for in its blocks
//! ([`batcher::carriers_take_turns`](crate::batcher::carriers_take_turns)).

use crate::{
    Tuning, World,
    beacon::Beacon,
    l1::{Included, L1, L1Head},
    world::ETH,
};
use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_eips::Decodable2718 as _;
use alloy_primitives::{Address, Bytes, U256};
use anyhow::{Context as _, Result, ensure};
use openledger_batcher::DataAvailability;
use openledger_l1::{L1Client, RequestConfig, anvil::Anvil};
use openledger_testing::{
    rpc::{Client, quantity},
    simulated_l1::Order,
    wallet::Wallet,
};
use serde_json::{Value, json};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU64, Ordering},
};

pub(crate) struct AnvilL1 {
    anvil: Anvil,
    client: L1Client,
    beacon: Beacon,
    /// Base fee of the next blocks, wei; 0 for what follows from the block before.
    base_fee: AtomicU64,
}

impl AnvilL1 {
    async fn request(&self, method: &str, params: Value) -> Result<Value> {
        // On a connection of its own: whoever asks may stop waiting for the answer.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.anvil.port()));
        let mut rpc = Client::open(address).await?;
        rpc.call(method, params).await
    }

    async fn submit(&self, raw: &Bytes) -> Result<()> {
        self.request("eth_sendRawTransaction", json!([raw])).await?;
        Ok(())
    }

    /// What an account has waiting as it was sent, by nonce.
    async fn waiting_raw(&self, sender: Address) -> Result<Vec<(TxEnvelope, Bytes)>> {
        let content = self.request("txpool_content", json!([])).await?;
        let mut waiting = Vec::new();
        for state in ["pending", "queued"] {
            let accounts = content[state].as_object().context("a pool")?;
            for (account, transactions) in accounts {
                if account.parse::<Address>()? != sender {
                    continue;
                }
                for tx in transactions.as_object().context("transactions")?.values() {
                    let raw = json!([tx["hash"]]);
                    let raw = self.request("eth_getRawTransactionByHash", raw).await?;
                    // It is replaced by now.
                    let Some(raw) = serde_json::from_value::<Option<Bytes>>(raw)? else {
                        continue;
                    };
                    waiting.push((TxEnvelope::decode_2718_exact(&raw)?, raw));
                }
            }
        }
        waiting.sort_by_key(|(envelope, _)| envelope.nonce());
        Ok(waiting)
    }
}

impl L1 for AnvilL1 {
    const CHAIN_ID: u64 = 31_337;

    async fn run(tuning: &Tuning, _: u64, funded: &[Address]) -> Result<Option<Self>> {
        let Some(anvil) = Anvil::start(&["--no-mining"]).await? else {
            return Ok(None);
        };
        let l1 = Self {
            client: L1Client::new(&[anvil.url()], RequestConfig::default())?,
            beacon: Beacon::start(anvil.url()).await?,
            base_fee: AtomicU64::new(0),
            anvil,
        };
        let interval = json!([tuning.l1_block_time]);
        l1.request("anvil_setBlockTimestampInterval", interval)
            .await?;
        for account in funded {
            let balance = json!([account, U256::from(ETH)]);
            l1.request("anvil_setBalance", balance).await?;
        }
        Ok(Some(l1))
    }

    fn url(&self) -> String {
        self.anvil.url()
    }

    fn beacon_url(&self) -> String {
        self.beacon.url()
    }

    fn set_beacon_down(&self, down: bool) {
        self.beacon.faults().down = down;
    }

    fn withhold_blobs_from(&self, from: Option<u64>) {
        self.beacon.faults().withheld_from = from;
    }

    fn is_readable(&self) -> bool {
        true
    }

    fn set_base_fee(&self, base_fee: Option<u64>) {
        self.base_fee
            .store(base_fee.unwrap_or_default(), Ordering::Release);
    }

    async fn head(&self) -> Result<L1Head> {
        let head = self.client.latest().await?;
        Ok(L1Head {
            number: head.number,
            hash: head.hash(),
            timestamp: head.timestamp,
        })
    }

    async fn block(&self, number: u64) -> Result<Vec<Included>> {
        let block = self.client.block_with_receipts(number).await?;
        let transactions = block.transactions.into_iter().zip(block.receipts);
        transactions
            .map(|(tx, receipt)| {
                Ok(Included {
                    sender: tx.sender().context("a sender")?,
                    envelope: tx.envelope,
                    receipt,
                })
            })
            .collect()
    }

    async fn nonce(&self, account: Address) -> Result<u64> {
        let latest = json!([account, "latest"]);
        quantity(&self.request("eth_getTransactionCount", latest).await?)
    }

    async fn balance(&self, account: Address) -> Result<U256> {
        let latest = json!([account, "latest"]);
        let balance = self.request("eth_getBalance", latest).await?;
        Ok(serde_json::from_value(balance)?)
    }

    async fn waiting(&self, sender: Address) -> Result<Vec<TxEnvelope>> {
        let waiting = self.waiting_raw(sender).await?;
        Ok(waiting.into_iter().map(|(envelope, _)| envelope).collect())
    }

    async fn waiting_count(&self) -> Result<usize> {
        let status = self.request("txpool_status", json!([])).await?;
        let waiting = quantity(&status["pending"])? + quantity(&status["queued"])?;
        Ok(usize::try_from(waiting)?)
    }

    async fn order(&self, order: &Order, wallet: &Wallet) -> Result<()> {
        let pending = json!([wallet.address(), "pending"]);
        let nonce = quantity(&self.request("eth_getTransactionCount", pending).await?)?;
        self.submit(&order.sign(Self::CHAIN_ID, wallet, nonce))
            .await
    }

    async fn forget(&self, sender: Address) -> Result<()> {
        self.request("anvil_removePoolTransactions", json!([sender]))
            .await?;
        Ok(())
    }

    async fn mine(&self) -> Result<()> {
        let base_fee = self.base_fee.load(Ordering::Acquire);
        if base_fee > 0 {
            let base_fee = json!([U256::from(base_fee)]);
            self.request("anvil_setNextBlockBaseFeePerGas", base_fee)
                .await?;
        }
        self.request("evm_mine", json!([])).await?;
        Ok(())
    }

    async fn mine_with(&self, raw: &[Bytes]) -> Result<()> {
        // They offer more than what they replace.
        for raw in raw {
            self.submit(raw).await?;
        }
        self.mine().await
    }

    async fn mine_only(&self, sender: Address, count: usize) -> Result<()> {
        let mut first = self.waiting_raw(sender).await?;
        let rest = first.split_off(count.min(first.len()));
        self.forget(sender).await?;
        // What is refused, its sender has sent again meanwhile.
        for (_, raw) in &first {
            let _ = self.submit(raw).await;
        }
        self.mine().await?;
        for (_, raw) in &rest {
            let _ = self.submit(raw).await;
        }
        Ok(())
    }

    async fn reorganize(&self, depth: u64) -> Result<()> {
        self.request("anvil_reorg", json!([depth, []])).await?;
        Ok(())
    }
}

/// Deposits and batches are lost with the blocks that they were in, at two depths.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_l1_reorg() -> Result<()> {
    let tuning = Tuning {
        batcher: |config| {
            config.data_availability = DataAvailability::Calldata;
            // What is sent again and no longer fits is soon noticed.
            config.safe_lag_max = 6;
        },
        ..Tuning::default()
    };
    let Some(mut world) = World::<AnvilL1>::start(tuning).await? else {
        return Ok(());
    };
    world.tick().await?;
    for base in [1, 4] {
        let depth = base + world.random.below(4);
        println!("reorganization of {depth} blocks");
        world.deposit().await?;
        world.activity(depth).await?;
        let before = world.l1.head().await?.hash;
        world.l1.reorganize(depth).await?;
        ensure!(world.l1.head().await?.hash != before);
        world.catch_up().await?;
    }
    world.activity(3).await?;
    world.finish().await
}
