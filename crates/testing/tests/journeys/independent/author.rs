//! Whoever builds the chain and has L1 blocks mined: a sequencer that does what it is told, one L1 block after the
//! other.

use super::signing::{Sent, sign};
use crate::{
    record::{Recorder, input, open},
    world::deploy,
};
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, ensure};
use openledger_batcher::batch_of;
use openledger_chain::{Chain, ChainFiles};
use openledger_l1::contracts::OPEN;
use openledger_primitives::{StateReader as _, Transaction};
use openledger_protocol::{L2BlockRef, SingularBatch, payload_attributes, system_config_of};
use openledger_testing::{
    load::Random,
    simulated_l1::{Block, Options, Order, SimulatedL1},
    wallet::Wallet,
};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

/// Seconds between L2 blocks.
pub(super) const BLOCK_TIME: u64 = 6;
/// Seconds between L1 blocks.
const L1_BLOCK_TIME: u64 = 12;
/// Sequencing window, L1 blocks: longer than a channel lives.
pub(super) const WINDOW: u64 = 60;
/// How far beyond its origin a block with transactions may be, seconds (Fjord).
pub(super) const DRIFT: u64 = 1_800;
/// Chain id of the L1, and the timestamp of its block 0.
const L1_CHAIN_ID: u64 = 900;
const L1_GENESIS: u64 = 1_800_000_000;
/// Keys: the owner of the contracts, the batcher, the one after a rotation, and users.
const KEYS: u64 = 0x01_dd;
const USERS: usize = 5;
/// Wei of each on L1.
const ETH: u128 = 1_000_000_000_000_000_000_000;
/// Users before this one deposit, which takes nonces of theirs on L2; the others send.
pub(super) const SENDERS_FROM: usize = 2;

pub(super) struct Author {
    pub(super) l1: SimulatedL1,
    pub(super) files: ChainFiles,
    random: Random,
    /// Of the contracts.
    pub(super) owner: Wallet,
    pub(super) users: Vec<Wallet>,
    /// What is derived of the L1.
    pub(super) recorder: Recorder,
    /// What the sequencer has built, of which `recorder` has derived a part.
    pub(super) chain: Arc<Chain>,
    /// Who posts batches.
    pub(super) batcher: Wallet,
    /// Who does so after a rotation.
    pub(super) successor: Wallet,
    /// How many channels there were: names them.
    pub(super) channels: u64,
    _directory: TempDir,
}

impl Author {
    pub(super) async fn new() -> Result<Self> {
        let random = crate::random();
        let wallets = (0..3 + USERS)
            .map(|index| Wallet::from_seed(KEYS, index))
            .collect::<Result<Vec<_>>>()?;
        let l1 = SimulatedL1::start(Options {
            seed: random.clone().next(),
            chain_id: L1_CHAIN_ID,
            timestamp: L1_GENESIS,
            block_time: L1_BLOCK_TIME,
            base_fee: 1_000_000_000,
            safe_depth: 4,
            final_depth: 200,
            funded: wallets
                .iter()
                .map(|wallet| (wallet.address(), U256::from(ETH)))
                .collect(),
        })
        .await?;
        let [owner, batcher, successor, users @ ..] = wallets.as_slice() else {
            anyhow::bail!("too few wallets")
        };
        let mining = mine_what_waits(&l1);
        let mut files = deploy(l1.url(), mining, owner, batcher, users, WINDOW).await?;
        files.rollup.block_time = BLOCK_TIME;
        let approve = OPEN::approveCall {
            spender: files.l1.contracts.portal,
            value: U256::MAX,
        };
        let approve = Order::call(files.l1.contracts.open, approve.abi_encode());
        for user in &users[..SENDERS_FROM] {
            l1.state().order(&approve, user)?;
        }
        let directory = tempfile::tempdir()?;
        let recorder = Recorder::new(&l1.state(), &files)?;
        Ok(Self {
            chain: open(&files, directory.path())?,
            l1,
            files,
            random,
            owner: owner.clone(),
            users: users.to_vec(),
            recorder,
            batcher: batcher.clone(),
            successor: successor.clone(),
            channels: 0,
            _directory: directory,
        })
    }

    pub(super) const fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    pub(super) fn inbox(&self) -> Address {
        self.files.rollup.batch_inbox_address
    }

    /// Number of the newest derived block.
    pub(super) const fn safe(&self) -> u64 {
        self.recorder.safe.number
    }

    pub(super) fn reference(&self, number: u64) -> Result<L2BlockRef> {
        let block = self.chain.block(number)?.context("a block")?;
        Ok(L2BlockRef::from_sealed(&block, &self.files.rollup.genesis)?)
    }

    /// A block that was built, as a batch.
    pub(super) fn batch(&self, number: u64) -> Result<SingularBatch> {
        let block = self.chain.block(number)?.context("a block")?;
        Ok(batch_of(&block.block)?)
    }

    // L1.

    /// An L1 block that begins with these transactions, in this order, and goes on with what waits. What follows from
    /// it is derived, and blocks that contradict that are replaced.
    pub(super) fn mine(&mut self, sent: &[(Wallet, Sent)]) -> Result<Arc<Block>> {
        let block = {
            let mut l1 = self.l1.state();
            let mut raw: Vec<Bytes> = Vec::with_capacity(sent.len());
            for (index, (wallet, sent_now)) in sent.iter().enumerate() {
                let address = wallet.address();
                let before = sent[..index].iter();
                let ahead = before
                    .filter(|(other, _)| other.address() == address)
                    .count();
                let nonce = l1.head().account(address).nonce + ahead as u64;
                raw.push(sign(l1.options().chain_id, wallet, nonce, sent_now));
            }
            let block = l1.mine_with(&raw, &|_| true);
            ensure!(
                block.transactions.len() >= raw.len(),
                "{} of {} transactions were included",
                block.transactions.len(),
                raw.len()
            );
            self.recorder.advance(&l1)?;
            block
        };
        self.follow()?;
        Ok(block)
    }

    /// L1 blocks with nothing from the batcher.
    pub(super) fn pass(&mut self, blocks: u64) -> Result<()> {
        for _ in 0..blocks {
            self.mine(&[])?;
        }
        Ok(())
    }

    /// Takes over what was derived in place of blocks that say something else.
    fn follow(&self) -> Result<()> {
        let agrees = |number: u64| -> Result<bool> {
            let derived = &self
                .recorder
                .chain
                .block(number)?
                .context("a derived block")?;
            let built = self.chain.block(number)?;
            Ok(built.is_some_and(|built| built.hash == derived.hash))
        };
        let mut number = self.safe();
        if agrees(number)? {
            return Ok(());
        }
        while !agrees(number - 1)? {
            number -= 1;
        }
        if self.chain.head().number >= number {
            self.chain.unwind(number - 1)?;
        }
        for number in number..=self.safe() {
            let derived = self
                .recorder
                .chain
                .block(number)?
                .context("a derived block")?;
            self.chain.import(&derived.block)?;
        }
        Ok(())
    }

    // L2.

    /// Builds the next block, on the next L1 origin if it may and `stays` does not forbid it.
    pub(super) fn build(&mut self, transactions: Vec<Transaction>, stays: bool) -> Result<()> {
        let files = &self.files;
        let config = &files.rollup;
        let parent = self.chain.head().number;
        let block = self.chain.block(parent)?.context("the head")?;
        let parent = self.reference(parent)?;
        let timestamp = parent.timestamp + config.block_time;
        let mut system = system_config_of(&block.block, config)?;
        let origin = {
            let l1 = self.l1.state();
            let number = parent.l1_origin.number;
            let next = l1
                .block(number + 1)
                .filter(|next| next.header.timestamp <= timestamp && !stays);
            let origin = next.or_else(|| l1.block(number)).context("an origin")?;
            input(files, origin)?
        };
        if origin.block.number != parent.l1_origin.number {
            for update in &origin.config_updates {
                update.apply(&mut system);
            }
        }
        let mut attributes = payload_attributes(
            config,
            &parent,
            &system,
            &origin.block,
            &origin.deposits,
            timestamp,
        )?;
        attributes.transactions.extend(transactions);
        self.chain.execute(&attributes)?;
        Ok(())
    }

    /// Builds blocks up to the L1's time, with transactions where they may have some.
    pub(super) fn catch_up(&mut self, transactions_max: u64) -> Result<()> {
        let now = self.l1.state().head().header.timestamp;
        while self.chain.head().timestamp + BLOCK_TIME <= now {
            // Beyond the drift a block must take the next origin as soon as it may.
            let drifts = self.drifts()?;
            let stays = self.below(5) == 0 && !drifts && !self.is_behind()?;
            let count = if drifts {
                0
            } else {
                self.below(transactions_max + 1)
            };
            let transactions = self.transactions(count)?;
            self.build(transactions, stays)?;
        }
        Ok(())
    }

    /// Whether the head's origin is so old that the next block must not keep it.
    fn is_behind(&self) -> Result<bool> {
        let head = self.reference(self.chain.head().number)?;
        Ok(head.l1_origin.number + 4 < self.l1.state().head().header.number)
    }

    /// Whether the next block is too far beyond its origin for transactions, whichever it takes.
    pub(super) fn drifts(&self) -> Result<bool> {
        let head = self.reference(self.chain.head().number)?;
        let l1 = self.l1.state();
        let origin = l1.block(head.l1_origin.number).context("an origin")?;
        Ok(head.timestamp + BLOCK_TIME > origin.header.timestamp + DRIFT)
    }

    /// An account's nonce at the head.
    pub(super) fn nonce(&self, address: Address) -> Result<u64> {
        let (_, state) = self.chain.latest();
        Ok(state.account(address)?.unwrap_or_default().nonce)
    }

    /// Bytes that no compression makes shorter.
    pub(super) fn noise(&mut self, bytes: usize) -> Vec<u8> {
        (0..bytes).map(|_| self.random().next() as u8).collect()
    }
}

/// Mines whenever something waits and no more of it comes.
async fn mine_what_waits(l1: &SimulatedL1) -> Result<()> {
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let waiting = l1.state().pool.len();
        if waiting > 0 && waiting == before {
            l1.state().mine();
        }
        before = waiting;
    }
}
