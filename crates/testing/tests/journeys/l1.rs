//! What a journey may ask of its L1, whichever it is: the simulated one or anvil.

use crate::{Tuning, world::ETH};
use alloy_consensus::{ReceiptEnvelope, Transaction as _, TxEnvelope};
use alloy_primitives::{Address, B256, Bytes, U256};
use anyhow::{Context as _, Result};
use openledger_testing::{
    simulated_l1::{Options, Order, SimulatedL1},
    wallet::Wallet,
};
use std::{collections::BTreeMap, time::Duration};

/// Timestamp of the simulated L1's block 0: any will do, for all time is the journey's.
const GENESIS: u64 = 1_800_000_000;

/// The newest block of an L1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct L1Head {
    pub(crate) number: u64,
    pub(crate) hash: B256,
    /// Seconds since the epoch.
    pub(crate) timestamp: u64,
}

/// A transaction that an L1 block includes.
#[derive(Debug, Clone)]
pub(crate) struct Included {
    /// Without its blobs.
    pub(crate) envelope: TxEnvelope,
    pub(crate) sender: Address,
    pub(crate) receipt: ReceiptEnvelope,
}

/// The L1 of a journey. No block comes by itself.
pub(crate) trait L1: Sized + 'static {
    /// Its chain id.
    const CHAIN_ID: u64;

    /// Starts it, with ETH in these accounts. `None` where the operator asked for none of its kind.
    async fn run(tuning: &Tuning, seed: u64, funded: &[Address]) -> Result<Option<Self>>;

    /// Where its JSON-RPC is.
    fn url(&self) -> String;

    /// Where its blobs are.
    fn beacon_url(&self) -> String;

    /// Nobody answers there, until further notice.
    fn set_beacon_down(&self, down: bool);

    /// There are no blobs of blocks from this one on, until further notice.
    fn withhold_blobs_from(&self, from: Option<u64>);

    /// Whether its newest block can be read at the moment.
    fn is_readable(&self) -> bool;

    /// The base fee of the next blocks, wei, instead of what follows from the block before.
    fn set_base_fee(&self, base_fee: Option<u64>);

    async fn head(&self) -> Result<L1Head>;

    /// The transactions of a block.
    async fn block(&self, number: u64) -> Result<Vec<Included>>;

    /// Nonce of an account's next transaction, without what waits.
    async fn nonce(&self, account: Address) -> Result<u64>;

    async fn balance(&self, account: Address) -> Result<U256>;

    /// What an account has waiting, by nonce.
    async fn waiting(&self, sender: Address) -> Result<Vec<TxEnvelope>>;

    /// How many transactions wait.
    async fn waiting_count(&self) -> Result<usize>;

    /// An account's transaction, behind what it has waiting.
    async fn order(&self, order: &Order, wallet: &Wallet) -> Result<()>;

    /// Forgets what an account has waiting.
    async fn forget(&self, sender: Address) -> Result<()>;

    /// A block with what waits.
    async fn mine(&self) -> Result<()>;

    /// A block with these raw transactions, instead of what waits in their places, and with what waits.
    async fn mine_with(&self, raw: &[Bytes]) -> Result<()>;

    /// A block with what waits, though not more than `count` transactions of this account. On anvil, what
    /// arrives at this very moment may be included all the same.
    async fn mine_only(&self, sender: Address, count: usize) -> Result<()>;

    /// The newest `depth` blocks leave the chain. What was in them is in later blocks, waits, or is lost.
    async fn reorganize(&self, depth: u64) -> Result<()>;

    /// Mines whenever something waits and no more of it comes, for ever.
    async fn mine_what_waits(&self) -> Result<()> {
        let mut before = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let waiting = self.waiting_count().await?;
            if waiting > 0 && waiting == before {
                self.mine().await?;
            }
            before = waiting;
        }
    }
}

impl L1 for SimulatedL1 {
    const CHAIN_ID: u64 = 900;

    async fn run(tuning: &Tuning, seed: u64, funded: &[Address]) -> Result<Option<Self>> {
        let funded = funded.iter().map(|account| (*account, U256::from(ETH)));
        let options = Options {
            seed,
            chain_id: Self::CHAIN_ID,
            timestamp: GENESIS,
            block_time: tuning.l1_block_time,
            base_fee: 1_000_000_000,
            safe_depth: 4,
            final_depth: tuning.final_depth,
            funded: funded.collect::<BTreeMap<_, _>>(),
        };
        Ok(Some(Self::start(options).await?))
    }

    fn url(&self) -> String {
        Self::url(self)
    }

    fn beacon_url(&self) -> String {
        Self::url(self)
    }

    fn set_beacon_down(&self, down: bool) {
        self.state().faults.beacon_down = down;
    }

    fn withhold_blobs_from(&self, from: Option<u64>) {
        self.state().faults.blobs_withheld_from = from;
    }

    fn is_readable(&self) -> bool {
        let l1 = self.state();
        !l1.faults.rpc_down && l1.faults.lag == 0
    }

    fn set_base_fee(&self, base_fee: Option<u64>) {
        self.state().base_fee = base_fee;
    }

    async fn head(&self) -> Result<L1Head> {
        let l1 = self.state();
        let head = l1.head();
        Ok(L1Head {
            number: head.header.number,
            hash: head.hash,
            timestamp: head.header.timestamp,
        })
    }

    async fn block(&self, number: u64) -> Result<Vec<Included>> {
        let l1 = self.state();
        let block = l1.block(number).context("an L1 block")?;
        let included = block.transactions.iter().map(|tx| Included {
            envelope: tx.envelope.clone(),
            sender: tx.sender,
            receipt: tx.receipt.clone(),
        });
        Ok(included.collect())
    }

    async fn nonce(&self, account: Address) -> Result<u64> {
        Ok(self.state().head().account(account).nonce)
    }

    async fn balance(&self, account: Address) -> Result<U256> {
        Ok(self.state().head().account(account).balance)
    }

    async fn waiting(&self, sender: Address) -> Result<Vec<TxEnvelope>> {
        let l1 = self.state();
        Ok(l1.pool.of(sender).map(|tx| tx.envelope.clone()).collect())
    }

    async fn waiting_count(&self) -> Result<usize> {
        Ok(self.state().pool.len())
    }

    async fn order(&self, order: &Order, wallet: &Wallet) -> Result<()> {
        self.state().order(order, wallet)?;
        Ok(())
    }

    async fn forget(&self, sender: Address) -> Result<()> {
        self.state().pool.forget(Some(sender));
        Ok(())
    }

    async fn mine(&self) -> Result<()> {
        self.state().mine();
        Ok(())
    }

    async fn mine_with(&self, raw: &[Bytes]) -> Result<()> {
        self.state().mine_with(raw, &|_| true);
        Ok(())
    }

    async fn mine_only(&self, sender: Address, count: usize) -> Result<()> {
        let mut l1 = self.state();
        let end = l1.head().account(sender).nonce + count as u64;
        l1.mine_with(&[], &|tx| tx.sender != sender || tx.envelope.nonce() < end);
        Ok(())
    }

    async fn reorganize(&self, depth: u64) -> Result<()> {
        self.state().reorganize(depth);
        Ok(())
    }
}
