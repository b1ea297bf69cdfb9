//! A chain whose batches are on a simulated L1: what there is to derive, for tests of derivation and for its
//! benchmark.
//!
//! The blocks are executed here as a sequencer would have built them, and posted as span batches in brotli,
//! in blobs or in calldata. Everything follows from the options.

use crate::{
    load::Random,
    simulated_l1::{self, Order, SimulatedL1},
    wallet::Wallet,
};
use alloy_consensus::TxEip1559;
use alloy_eips::{Decodable2718 as _, Encodable2718 as _, eip4844::Blob};
use alloy_primitives::{Address, TxKind, U256, uint};
use anyhow::{Context as _, Result};
use openledger_chain::{Chain, ChainFiles, ChainOptions};
use openledger_cli::genesis::{GenesisParameters, LOCAL_CHAIN_ID, ProtocolSettings, chain_files};
use openledger_primitives::{
    BlockNumHash, ForkTimes, GenesisId, L1Contracts, SealedBlock, Transaction,
};
use openledger_protocol::{
    BLOB_DATA_MAX, ChannelOptions, ChannelOut, Compression, L1Block, L2BlockRef, SingularBatch,
    SpanBatch, encode_blob, encode_frames_tx, payload_attributes, system_config_of,
};
use openledger_store::{Store, StoreOptions};
use rayon::prelude::*;
use std::{path::Path, sync::Arc};
use tempfile::TempDir;

/// Chain id of the L1.
pub const L1_CHAIN_ID: u64 = 900;
/// Timestamp of both genesis blocks.
const TIMESTAMP: u64 = 1_700_000_000;
const SEED: u64 = 0x9057;
/// Where batches go: an account, since what a contract does there is nothing to derivation.
const INBOX: Address = Address::repeat_byte(0xb3);
/// Bytes of calldata of one transaction: L1 nodes take none above 128 KiB.
const CALLDATA_BYTES: usize = 120_000;
/// Blobs of one transaction.
const BLOBS: usize = 6;
const BROTLI_QUALITY: u8 = 5;
/// What each account has at genesis, wei.
const FUNDS: U256 = uint!(1_000_000_000_000_000_000_000_U256);
/// Cap of a transfer's fee and its tip, wei a gas.
const MAX_FEE: u128 = 100_000_000_000;
const TIP: u128 = 1_000_000;

/// What a chain is made of.
#[derive(Debug, Clone)]
pub struct PostedOptions {
    /// Blocks with transfers, which come first.
    pub transfer_blocks: u64,
    /// Transfers of each.
    pub transfers: usize,
    /// Blocks without.
    pub empty_blocks: u64,
    /// Accounts that send transfers to each other.
    pub accounts: usize,
    /// Blocks of a span batch, of which a channel holds one.
    pub span_blocks: usize,
    /// Of which channels the data goes into blobs; the others' is calldata.
    pub carrier: PostedCarrier,
    /// Seconds between L1 blocks.
    pub l1_block_time: u64,
    /// How far the L1's finalized block is behind the newest.
    pub final_depth: u64,
}

/// How channels are posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostedCarrier {
    /// All in blobs.
    Blobs,
    /// All in calldata.
    Calldata,
    /// In turn.
    Both,
}

impl Default for PostedOptions {
    fn default() -> Self {
        Self {
            transfer_blocks: 10,
            transfers: 20,
            empty_blocks: 50,
            accounts: 20,
            span_blocks: 16,
            carrier: PostedCarrier::Both,
            l1_block_time: 12,
            final_depth: 64,
        }
    }
}

/// A chain and the L1 that holds its batches.
#[derive(Debug)]
pub struct Posted {
    /// The L1.
    pub l1: SimulatedL1,
    /// The chain's files: all that a verifier has beside the L1.
    pub files: ChainFiles,
    /// The chain as it was built.
    pub chain: Arc<Chain>,
    /// Who posted the batches.
    pub batcher: Wallet,
    /// Bytes of frames posted.
    pub posted_bytes: usize,
    options: PostedOptions,
    wallets: Vec<Wallet>,
    _directory: TempDir,
}

impl Posted {
    /// Builds the chain and posts all of it.
    ///
    /// # Errors
    /// The committed contract files, the store or a port fail.
    pub async fn build(options: PostedOptions) -> Result<Self> {
        let batcher = Wallet::from_seed(SEED, usize::MAX)?;
        let wallets = (0..options.accounts)
            .into_par_iter()
            .map(|index| Wallet::from_seed(SEED, index))
            .collect::<Result<Vec<_>>>()?;
        let l1 = SimulatedL1::start(simulated_l1::Options {
            seed: SEED,
            chain_id: L1_CHAIN_ID,
            timestamp: TIMESTAMP,
            block_time: options.l1_block_time,
            base_fee: 1_000_000_000,
            safe_depth: options.final_depth / 2,
            final_depth: options.final_depth,
            funded: [(batcher.address(), U256::MAX >> 1)].into(),
        })
        .await?;
        let origin = l1.state().head().hash;
        let files = chain_files(&GenesisParameters {
            chain_id: LOCAL_CHAIN_ID,
            timestamp: TIMESTAMP,
            block_time: 1,
            gas_limit: 60_000_000,
            fee_recipient: Address::repeat_byte(0xa2),
            funded: wallets
                .iter()
                .map(|wallet| (wallet.address(), FUNDS))
                .collect(),
            settled: true,
            l1_origin: GenesisId {
                hash: origin,
                number: 0,
            },
            l1_chain_id: L1_CHAIN_ID,
            l1_contracts: L1Contracts {
                system_config: Address::repeat_byte(0xb1),
                portal: Address::repeat_byte(0xb2),
                batch_inbox: INBOX,
                proxy_admin: Address::repeat_byte(0xb4),
                ..Default::default()
            },
            batcher: batcher.address(),
            settings: ProtocolSettings::new(),
            forks: ForkTimes::ISTHMUS,
        })?;
        let directory = tempfile::tempdir()?;
        let chain = open(&files, &directory.path().join("built"), false)?;
        let mut posted = Self {
            l1,
            files,
            chain,
            batcher,
            posted_bytes: 0,
            options,
            wallets,
            _directory: directory,
        };
        tokio::task::block_in_place(|| {
            posted.grow()?;
            posted.post_all()
        })?;
        Ok(posted)
    }

    /// A verifier's chain in `directory`, with genesis alone. `sync` says whether writes wait for the disk.
    ///
    /// # Errors
    /// The store fails.
    pub fn verifier(&self, directory: &Path, sync: bool) -> Result<Arc<Chain>> {
        open(&self.files, directory, sync)
    }

    /// Builds the blocks, on L1 blocks that come as time passes.
    fn grow(&mut self) -> Result<()> {
        let mut random = Random::new(SEED);
        let mut nonces = vec![0_u64; self.wallets.len()];
        let mut parent = self.reference(0)?;
        let total = self.options.transfer_blocks + self.options.empty_blocks;
        let mut count = 0;
        while count < total {
            let transfers = if count < self.options.transfer_blocks {
                self.options.transfers
            } else {
                0
            };
            let transactions = self.transfers(transfers, &mut nonces, &mut random)?;
            parent = self.block(&parent, transactions)?;
            count += 1;
        }
        Ok(())
    }

    fn reference(&self, number: u64) -> Result<L2BlockRef> {
        let block = self.chain.block(number)?.context("it was built")?;
        Ok(L2BlockRef::from_sealed(&block, &self.files.rollup.genesis)?)
    }

    fn l1_block(&self, number: u64) -> Option<L1Block> {
        let state = self.l1.state();
        let block = state.block(number)?;
        Some(L1Block::from_header(
            &block.header,
            block.hash,
            &self.files.l1,
        ))
    }

    /// Executes the next block, on the newest origin that it may have.
    fn block(&self, parent: &L2BlockRef, transactions: Vec<Transaction>) -> Result<L2BlockRef> {
        let config = self.chain.config();
        let timestamp = parent.timestamp + config.block_time;
        while self.l1.state().head().header.timestamp < timestamp {
            self.l1.state().mine();
        }
        let number = parent.l1_origin.number;
        let origin = self
            .l1_block(number + 1)
            .filter(|next| next.timestamp <= timestamp)
            .or_else(|| self.l1_block(number))
            .context("the origin is there")?;
        let before = self.chain.block(parent.number)?.context("it was built")?;
        let system = system_config_of(&before.block, config)?;
        let mut attributes = payload_attributes(config, parent, &system, &origin, &[], timestamp)?;
        attributes.transactions.extend(transactions);
        let block = self.chain.execute(&attributes)?;
        Ok(L2BlockRef::from_sealed(&block, &config.genesis)?)
    }

    fn transfers(
        &self,
        count: usize,
        nonces: &mut [u64],
        random: &mut Random,
    ) -> Result<Vec<Transaction>> {
        let orders: Vec<(usize, u64, Address, U256)> = (0..count)
            .map(|_| {
                let from = random.below(self.wallets.len() as u64) as usize;
                let to = random.below(self.wallets.len() as u64) as usize;
                // One to six significant digits.
                let digits = 1 + random.below(6) as u32;
                let value = random.below(10_u64.pow(digits)) + 1;
                nonces[from] += 1;
                let value = U256::from(value) * U256::from(10).pow(U256::from(12));
                (from, nonces[from] - 1, self.wallets[to].address(), value)
            })
            .collect();
        orders
            .par_iter()
            .map(|(from, nonce, to, value)| {
                let signed = self.wallets[*from].sign(&TxEip1559 {
                    chain_id: self.files.rollup.l2_chain_id,
                    nonce: *nonce,
                    gas_limit: 21_000,
                    max_fee_per_gas: MAX_FEE,
                    max_priority_fee_per_gas: TIP,
                    to: TxKind::Call(*to),
                    value: *value,
                    ..Default::default()
                });
                Ok(Transaction::decode_2718_exact(&signed.encoded)?)
            })
            .collect()
    }

    /// Posts all blocks, a channel an L1 block or, where there is more data, over several.
    fn post_all(&mut self) -> Result<()> {
        let head = self.chain.head().number;
        let mut first = 1;
        let mut in_blobs = self.options.carrier != PostedCarrier::Calldata;
        while first <= head {
            let last = head.min(first + self.options.span_blocks as u64 - 1);
            self.post(first, last, in_blobs)?;
            if self.options.carrier == PostedCarrier::Both {
                in_blobs = !in_blobs;
            }
            first = last + 1;
        }
        Ok(())
    }

    /// Posts blocks `first` to `last` in one channel.
    ///
    /// # Errors
    /// The store fails.
    pub fn post(&mut self, first: u64, last: u64, in_blobs: bool) -> Result<()> {
        let mut batches = Vec::new();
        let mut before = self.reference(first - 1)?.l1_origin;
        let changes_origin = self.reference(first)?.l1_origin != before;
        for number in first..=last {
            let block = self.chain.block(number)?.context("it was built")?;
            before = self.reference(number)?.l1_origin;
            batches.push(batch(&block, before));
        }
        let span = SpanBatch::from_blocks(&batches, changes_origin, &self.files.rollup)?;
        let mut encoded = Vec::new();
        span.encode(&mut encoded)?;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&first.to_be_bytes());
        let mut channel = ChannelOut::new(
            id,
            ChannelOptions {
                compression: Compression::Brotli(BROTLI_QUALITY),
                rlp_bytes_max: usize::MAX,
                compressed_bytes_target: usize::MAX,
            },
        );
        channel.add_encoded(&encoded)?;
        channel.close();
        let room = if in_blobs {
            BLOB_DATA_MAX - 1
        } else {
            CALLDATA_BYTES
        };
        let payloads: Vec<Vec<u8>> = channel
            .output_frames(room)?
            .chunks(1)
            .map(encode_frames_tx)
            .collect();
        self.posted_bytes += payloads.iter().map(Vec::len).sum::<usize>();
        let orders: Vec<Order> = if in_blobs {
            payloads
                .chunks(BLOBS)
                .map(|payloads| {
                    let blobs = payloads
                        .iter()
                        .map(|payload| Ok(Blob::from(*encode_blob(payload)?)))
                        .collect::<Result<_>>()?;
                    Ok(Order {
                        blobs,
                        ..Order::call(INBOX, Vec::new())
                    })
                })
                .collect::<Result<_>>()?
        } else {
            payloads
                .into_iter()
                .map(|payload| Order::call(INBOX, payload).with_gas_limit(6_000_000))
                .collect()
        };
        let mut state = self.l1.state();
        for order in orders {
            state.order(&order, &self.batcher)?;
            if !order.blobs.is_empty() {
                state.mine();
            }
        }
        while !state.pool.is_empty() {
            state.mine();
        }
        Ok(())
    }
}

/// A chain with its genesis block, or as it was left.
fn open(files: &ChainFiles, directory: &Path, sync: bool) -> Result<Arc<Chain>> {
    let options = StoreOptions {
        sync,
        ..StoreOptions::default()
    };
    let store = Store::open(directory, options)?;
    Ok(Arc::new(Chain::open(
        files,
        store,
        ChainOptions::default(),
    )?))
}

fn batch(block: &SealedBlock, origin: BlockNumHash) -> SingularBatch {
    SingularBatch {
        parent_hash: block.block.header.parent_hash,
        epoch_num: origin.number,
        epoch_hash: origin.hash,
        timestamp: block.block.header.timestamp,
        transactions: block
            .block
            .body
            .transactions
            .iter()
            .filter(|transaction| !transaction.is_deposit())
            .map(|transaction| transaction.encoded_2718().into())
            .collect(),
    }
}
