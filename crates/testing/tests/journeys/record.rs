//! What an L1 holds, and which payload attributes our derivation makes of it, written down for an implementation
//! that shares no code with ours (`crates/testing/kona`; `docs/spec/batches.md`, "Against another implementation").
//!
//! A [`Recorder`] is derivation without anything around it: the pipeline, fed with the blocks of the simulated L1,
//! on a chain of its own that begins with genesis.

use crate::{World, l1::L1};
use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{Bytes, hex};
use anyhow::{Context as _, Result, bail};
use openledger_chain::{Chain, ChainError, ChainFiles, ChainOptions};
use openledger_derive::{L1Input, L1Transaction, Pipeline, Step, parse_l1_block};
use openledger_primitives::{BlockAttributes, SealedBlock};
use openledger_protocol::{L1Block, L2BlockRef, decode_blob};
use openledger_store::{Store, StoreOptions};
use openledger_testing::simulated_l1::{Block, SimulatedL1, State};
use serde_json::{Map, Value, json};
use std::{
    any::Any,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Names the directory that records are written to; without it none are.
const DIRECTORY: &str = "OPENLEDGER_RECORDS";

/// Where the record of this name goes, if records are asked for.
///
/// # Errors
/// The directory can't be made.
pub(crate) fn place(name: &str) -> Result<Option<PathBuf>> {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return Ok(None);
    };
    let directory = PathBuf::from(directory);
    std::fs::create_dir_all(&directory)?;
    Ok(Some(directory.join(format!("{name}.json"))))
}

impl<L: L1> World<L> {
    /// Records what the L1 holds by now, in the name of this journey, if records are asked for and the L1 is the
    /// simulated one. Not of a chain with Jovian, which the last published kona doesn't know.
    pub(crate) fn record(&self) -> Result<()> {
        if self.files.rollup.forks.jovian_time.is_some() {
            return Ok(());
        }
        let thread = std::thread::current();
        let journey = thread.name().context("a test has a name")?;
        let l1: &dyn Any = &self.l1;
        let place = place(&journey.replace("::", "-"))?;
        let (Some(l1), Some(place)) = (l1.downcast_ref::<SimulatedL1>(), place) else {
            return Ok(());
        };
        let mut recorder = Recorder::new(&l1.state(), &self.files)?;
        recorder.advance(&l1.state())?;
        recorder.write(&l1.state(), &place)
    }
}

/// A block that was derived.
pub(crate) struct Derived {
    /// The attributes that the pipeline gave first.
    pub(crate) attributes: BlockAttributes,
    /// Whether they could not be executed, so that the block has their deposits alone.
    pub(crate) refused: bool,
    /// Number of the L1 block that completed it.
    pub(crate) derived_from: u64,
    pub(crate) is_last_in_span: bool,
    pub(crate) block: Arc<SealedBlock>,
}

pub(crate) struct Recorder {
    files: ChainFiles,
    pub(crate) chain: Arc<Chain>,
    pipeline: Pipeline,
    pub(crate) safe: L2BlockRef,
    pub(crate) derived: Vec<Derived>,
    /// Why batches were dropped, in order.
    pub(crate) dropped: Vec<String>,
    _directory: tempfile::TempDir,
}

impl Recorder {
    /// Begins at genesis.
    pub(crate) fn new(l1: &State, files: &ChainFiles) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let chain = open(files, directory.path())?;
        let safe = L2BlockRef::genesis(&files.rollup.genesis);
        let start = l1.block(files.rollup.genesis.l1.number);
        let start = start.context("the L1 block of genesis")?;
        let start = L1Block::from_header(&start.header, start.hash, &files.l1);
        let pipeline = Pipeline::new(
            Arc::new(files.rollup.clone()),
            Arc::new(files.l1.clone()),
            safe,
            files.rollup.genesis.system_config,
            start.id(),
            files.rollup.genesis.system_config,
            start,
        );
        Ok(Self {
            files: files.clone(),
            chain,
            pipeline,
            safe,
            derived: Vec::new(),
            dropped: Vec::new(),
            _directory: directory,
        })
    }

    /// Derives all that follows from the L1 as it is.
    pub(crate) fn advance(&mut self, l1: &State) -> Result<()> {
        let mut refused = None;
        loop {
            let step = self.pipeline.step(&self.safe)?;
            let dropped = self.pipeline.take_drop();
            self.dropped
                .extend(dropped.map(|dropped| format!("{dropped:?}")));
            match step {
                Step::NeedL1 { number } => {
                    let Some(block) = l1.block(number) else {
                        return Ok(());
                    };
                    self.pipeline.feed(input(&self.files, block)?)?;
                }
                Step::NeedL2 { number } => {
                    let block = self.chain.block(number)?.context("a derived block")?;
                    self.pipeline.feed_l2(self.reference(&block)?);
                }
                Step::Attributes {
                    attributes,
                    origin,
                    is_last_in_span,
                } => match self.chain.execute(&attributes) {
                    Ok(block) => {
                        self.safe = self.reference(&block)?;
                        let first: Option<(BlockAttributes, bool)> = refused.take();
                        self.derived.push(Derived {
                            refused: first.is_some(),
                            is_last_in_span: first
                                .as_ref()
                                .map_or(is_last_in_span, |first| first.1),
                            attributes: first.map_or(attributes, |first| first.0),
                            derived_from: origin.number,
                            block,
                        });
                    }
                    Err(ChainError::Execution(error)) if error.is_invalid_block() => {
                        if refused.is_some() {
                            bail!("even the deposits can't be executed: {error}");
                        }
                        refused = Some((attributes, is_last_in_span));
                        self.pipeline.invalid_payload();
                    }
                    Err(error) => return Err(error.into()),
                },
            }
        }
    }

    fn reference(&self, block: &SealedBlock) -> Result<L2BlockRef> {
        Ok(L2BlockRef::from_sealed(block, &self.files.rollup.genesis)?)
    }

    /// Writes the record of what was derived from the L1.
    pub(crate) fn write(&self, l1: &State, place: &Path) -> Result<()> {
        let first = usize::try_from(self.files.rollup.genesis.l1.number)?;
        let genesis = self.chain.block(0)?.context("genesis")?;
        let record = json!({
            "rollup": serde_json::to_value(&self.files.rollup)?,
            "l1": l1.blocks()[first..].iter().map(|block| l1_block(block)).collect::<Vec<_>>(),
            "genesis": rlp(&genesis),
            "derived": self.derived.iter().map(derived).collect::<Vec<_>>(),
        });
        // Whole or not at all: another process may look.
        let part = place.with_extension("part");
        std::fs::write(&part, serde_json::to_vec(&record)?)?;
        std::fs::rename(&part, place)?;
        Ok(())
    }
}

/// A chain that holds genesis, or what was there.
pub(crate) fn open(files: &ChainFiles, directory: &Path) -> Result<Arc<Chain>> {
    let options = StoreOptions {
        sync: false,
        ..StoreOptions::default()
    };
    let store = Store::open(&directory.join("db"), options)?;
    Ok(Arc::new(Chain::open(
        files,
        store,
        ChainOptions::default(),
    )?))
}

/// What derivation reads of an L1 block.
pub(crate) fn input(files: &ChainFiles, block: &Block) -> Result<L1Input> {
    let transactions: Vec<L1Transaction> = block
        .transactions
        .iter()
        .map(|tx| {
            let hashes = tx.envelope.blob_versioned_hashes().unwrap_or_default();
            let blobs = hashes.iter().filter_map(|hash| block.blobs.get(hash));
            L1Transaction {
                tx_type: tx.envelope.tx_type().into(),
                to: tx.envelope.to(),
                sender: tx.sender,
                input: tx.envelope.input().clone(),
                blobs: blobs
                    .filter_map(|stored| Some(decode_blob(&stored.blob).ok()?.into()))
                    .collect(),
            }
        })
        .collect();
    let receipts: Vec<_> = block
        .transactions
        .iter()
        .map(|tx| tx.receipt.clone())
        .collect();
    Ok(parse_l1_block(
        &files.rollup,
        &files.l1,
        &block.header,
        &transactions,
        &receipts,
    )?)
}

fn l1_block(block: &Block) -> Value {
    let blobs: Map<String, Value> = block
        .blobs
        .iter()
        .map(|(hash, stored)| (hash.to_string(), hex(trimmed(&stored.blob))))
        .collect();
    let transactions = block.transactions.iter();
    json!({
        "header": hex(alloy_rlp::encode(&block.header)),
        "transactions": transactions.clone().map(|tx| encoded(&tx.envelope)).collect::<Vec<_>>(),
        "receipts": transactions.map(|tx| hex(tx.receipt.encoded_2718())).collect::<Vec<_>>(),
        "blobs": blobs,
    })
}

/// A blob without the zeros at its end.
fn trimmed(blob: &Bytes) -> &[u8] {
    let end = blob.iter().rposition(|byte| *byte != 0);
    &blob[..end.map_or(0, |end| end + 1)]
}

fn encoded(envelope: &TxEnvelope) -> Value {
    hex(envelope.encoded_2718())
}

fn derived(derived: &Derived) -> Value {
    json!({
        "attributes": engine_api(&derived.attributes),
        "refused": derived.refused,
        "derivedFrom": derived.derived_from,
        "isLastInSpan": derived.is_last_in_span,
        "block": rlp(&derived.block),
    })
}

/// The attributes as the OP Stack's Engine API has them.
fn engine_api(attributes: &BlockAttributes) -> Value {
    let quantity = |number: u64| Value::from(format!("{number:#x}"));
    let BlockAttributes {
        timestamp,
        prev_randao,
        fee_recipient,
        parent_beacon_block_root,
        gas_limit,
        eip1559_params,
        min_base_fee,
        transactions,
        no_tx_pool,
    } = attributes;
    let mut value = json!({
        "timestamp": quantity(*timestamp),
        "prevRandao": prev_randao,
        "suggestedFeeRecipient": hex(fee_recipient),
        "withdrawals": [],
        "parentBeaconBlockRoot": parent_beacon_block_root,
        "transactions": transactions.iter().map(|tx| hex(tx.encoded_2718())).collect::<Vec<_>>(),
        "noTxPool": no_tx_pool,
        "gasLimit": quantity(*gas_limit),
        "eip1559Params": eip1559_params,
    });
    if let Some(min_base_fee) = min_base_fee {
        value["minBaseFee"] = quantity(*min_base_fee);
    }
    value
}

fn rlp(block: &SealedBlock) -> Value {
    hex(alloy_rlp::encode(&block.block))
}

fn hex(bytes: impl AsRef<[u8]>) -> Value {
    hex::encode_prefixed(bytes).into()
}
