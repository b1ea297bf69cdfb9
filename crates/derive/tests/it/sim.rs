//! A simulated L1, an L2 whose blocks are executed by hashing them, and the driver's loop.

use alloy_consensus::{TxEip1559, TxLegacy, transaction::RlpEcdsaEncodableTx};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B64, B256, Bytes, Signature, TxKind, U256, address, keccak256};
use openledger_derive::{DeriveError, InboxTransaction, L1Input, Pipeline, Step};
use openledger_primitives::{
    BlockAttributes, ChainConfig, ChainGenesis, FeeConfig, ForkTimes, GenesisId, JovianUpgrade,
    L1ChainConfig, L1Contracts, SystemConfig, Transaction,
};
use openledger_protocol::{
    ChannelOptions, ChannelOut, Compression, L1Attributes, L1Block, L2BlockRef, SingularBatch,
    SpanBatch, encode_frames_tx, payload_attributes,
};
use std::sync::Arc;

pub(crate) const BATCHER: Address = address!("00000000000000000000000000000000000000bb");
pub(crate) const STRANGER: Address = address!("00000000000000000000000000000000000000ee");
/// Number of the L1 block of genesis.
pub(crate) const L1_GENESIS: u64 = 100;
/// Timestamp of the genesis of both chains.
pub(crate) const GENESIS_TIME: u64 = 10_000;

pub(crate) const OPTIONS: ChannelOptions = ChannelOptions {
    compression: Compression::Zlib(6),
    rlp_bytes_max: 10_000_000,
    compressed_bytes_target: 10_000_000,
};

pub(crate) fn system_config() -> SystemConfig {
    SystemConfig {
        batcher_address: BATCHER,
        overhead: B256::ZERO,
        scalar: SystemConfig::encode_scalar(1, 2),
        gas_limit: 60_000_000,
        // The defaults: what zero would come to from the second block on.
        eip1559_params: B64::new([0, 0, 0, 250, 0, 0, 0, 6]),
        operator_fee_params: B256::ZERO,
        min_base_fee: 0,
        da_footprint_gas_scalar: 0,
    }
}

/// Stands for what Jovian deploys: nothing is executed here.
pub(crate) fn upgrade() -> JovianUpgrade {
    JovianUpgrade {
        l1_block: vec![1; 40].into(),
        gas_price_oracle: vec![2; 50].into(),
    }
}

pub(crate) fn config(block_time: u64, seq_window_size: u64) -> ChainConfig {
    ChainConfig {
        genesis: ChainGenesis {
            l1: GenesisId {
                hash: l1_hash(L1_GENESIS, 0),
                number: L1_GENESIS,
            },
            l2: GenesisId {
                hash: B256::repeat_byte(0x20),
                number: 0,
            },
            l2_time: GENESIS_TIME,
            system_config: system_config(),
        },
        block_time,
        max_sequencer_drift: 600,
        seq_window_size,
        channel_timeout: 300,
        l1_chain_id: 31_337,
        l2_chain_id: 161_299,
        forks: ForkTimes::ISTHMUS,
        batch_inbox_address: Address::repeat_byte(0xff),
        deposit_contract_address: Address::repeat_byte(0xdd),
        l1_system_config_address: Address::repeat_byte(0xcc),
        protocol_versions_address: Address::ZERO,
        chain_op_config: FeeConfig::default(),
        jovian_upgrade: Some(upgrade()),
    }
}

pub(crate) fn l1_config() -> L1ChainConfig {
    L1ChainConfig {
        chain_id: 31_337,
        blob_schedule: L1ChainConfig::prague_schedule(),
        roles: None,
        contracts: L1Contracts {
            system_config: Address::repeat_byte(0xcc),
            portal: Address::repeat_byte(0xdd),
            batch_inbox: Address::repeat_byte(0xff),
            ..Default::default()
        },
    }
}

/// Hash of an L1 block on the given fork of the chain.
pub(crate) fn l1_hash(number: u64, fork: u64) -> B256 {
    keccak256([number.to_be_bytes(), fork.to_be_bytes()].concat())
}

/// An L1 chain from [`L1_GENESIS`] on, with nothing in it.
pub(crate) fn l1_chain(gaps: impl IntoIterator<Item = u64>) -> Vec<L1Input> {
    let mut timestamp = GENESIS_TIME;
    let times = std::iter::once(timestamp).chain(gaps.into_iter().map(move |gap| {
        timestamp += gap;
        timestamp
    }));
    (L1_GENESIS..)
        .zip(times)
        .map(|(number, timestamp)| L1Input {
            block: L1Block {
                number,
                hash: l1_hash(number, 0),
                parent_hash: l1_hash(number - 1, 0),
                timestamp,
                base_fee: 7 + number,
                prev_randao: l1_hash(number, 99),
                parent_beacon_block_root: Some(l1_hash(number, 98)),
                blob_base_fee: 1,
            },
            ..Default::default()
        })
        .collect()
}

/// A transaction that decodes, and is unlike every other.
pub(crate) fn transaction(seed: u64) -> Bytes {
    let signature = Signature::new(U256::from(seed + 1), U256::from(7), seed.is_multiple_of(2));
    let to = TxKind::Call(Address::from_word(keccak256(seed.to_be_bytes())));
    let mut out = Vec::new();
    if seed.is_multiple_of(3) {
        let tx = TxLegacy {
            chain_id: Some(161_299),
            nonce: seed,
            gas_price: 9,
            gas_limit: 21_000,
            to,
            value: U256::from(seed),
            input: Bytes::new(),
        };
        tx.eip2718_encode(&signature, &mut out);
    } else {
        let tx = TxEip1559 {
            chain_id: 161_299,
            nonce: seed,
            gas_limit: 21_000,
            max_fee_per_gas: 9,
            max_priority_fee_per_gas: 1,
            to,
            value: U256::from(seed),
            ..Default::default()
        };
        tx.eip2718_encode(&signature, &mut out);
    }
    out.into()
}

pub(crate) fn genesis(config: &ChainConfig) -> L2BlockRef {
    L2BlockRef::genesis(&config.genesis)
}

/// The block that comes of attributes: its hash stands for its content.
pub(crate) fn execute(parent: &L2BlockRef, attributes: &BlockAttributes) -> L2BlockRef {
    let info =
        L1Attributes::from_deposit(&attributes.transactions[0]).expect("L1 attributes first");
    let mut content = parent.hash.to_vec();
    content.extend(attributes.timestamp.to_be_bytes());
    content.extend(attributes.gas_limit.to_be_bytes());
    content.extend(attributes.prev_randao);
    for tx in &attributes.transactions {
        content.extend(tx.encoded_2718());
    }
    L2BlockRef {
        number: parent.number + 1,
        hash: keccak256(content),
        parent_hash: parent.hash,
        timestamp: attributes.timestamp,
        l1_origin: (info.number, info.hash).into(),
        sequence_number: info.sequence_number,
    }
}

/// A block as the sequencer made it.
#[derive(Clone, Debug)]
pub(crate) struct SequencedBlock {
    pub(crate) attributes: BlockAttributes,
    pub(crate) reference: L2BlockRef,
    pub(crate) batch: SingularBatch,
}

/// Sequences a block on `parent` with the L1 block `origin`.
pub(crate) fn sequence(
    config: &ChainConfig,
    parent: &L2BlockRef,
    origin: &L1Input,
    transactions: Vec<Bytes>,
) -> SequencedBlock {
    sequence_with(config, &system_config(), parent, origin, transactions)
}

pub(crate) fn sequence_with(
    config: &ChainConfig,
    system_config: &SystemConfig,
    parent: &L2BlockRef,
    origin: &L1Input,
    transactions: Vec<Bytes>,
) -> SequencedBlock {
    let timestamp = parent.timestamp + config.block_time;
    let mut attributes = payload_attributes(
        config,
        parent,
        system_config,
        &origin.block,
        &origin.deposits,
        timestamp,
    )
    .expect("a valid block");
    attributes
        .transactions
        .extend(transactions.iter().map(|tx| decode(tx)));
    let batch = SingularBatch {
        parent_hash: parent.hash,
        epoch_num: origin.block.number,
        epoch_hash: origin.block.hash,
        timestamp,
        transactions,
    };
    SequencedBlock {
        reference: execute(parent, &attributes),
        attributes,
        batch,
    }
}

pub(crate) fn decode(tx: &[u8]) -> Transaction {
    Transaction::decode_2718_exact(tx).expect("a transaction")
}

/// The data of batcher transactions that carry `batches` in one channel, `frame_size` bytes a frame
/// and one frame a transaction.
pub(crate) fn channel(id: u8, batches: &[SingularBatch], frame_size: usize) -> Vec<Bytes> {
    let mut channel = ChannelOut::new([id; 16], OPTIONS);
    for batch in batches {
        channel.add_batch(batch).expect("room");
    }
    transactions(channel, frame_size)
}

/// As [`channel`], with one span batch.
pub(crate) fn span_channel(id: u8, span: &SpanBatch, frame_size: usize) -> Vec<Bytes> {
    let mut encoded = Vec::new();
    span.encode(&mut encoded).expect("encodes");
    let mut channel = ChannelOut::new([id; 16], OPTIONS);
    channel.add_encoded(&encoded).expect("room");
    transactions(channel, frame_size)
}

fn transactions(mut channel: ChannelOut, frame_size: usize) -> Vec<Bytes> {
    channel.close();
    let frames = channel.output_frames(frame_size).expect("frames");
    frames
        .chunks(1)
        .map(|frames| encode_frames_tx(frames).into())
        .collect()
}

pub(crate) fn from_batcher(data: Bytes) -> InboxTransaction {
    InboxTransaction {
        sender: BATCHER,
        data: vec![data],
    }
}

/// A pipeline over a whole L1 chain.
pub(crate) struct Driver<'a> {
    pub(crate) pipeline: Pipeline,
    pub(crate) config: Arc<ChainConfig>,
    pub(crate) l1: &'a [L1Input],
    pub(crate) head: L2BlockRef,
    /// Blocks by number from genesis on, for spans that overlap.
    pub(crate) blocks: Vec<L2BlockRef>,
    /// What was derived.
    pub(crate) derived: Vec<BlockAttributes>,
    pub(crate) l2_asked_for: usize,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(config: &ChainConfig, l1: &'a [L1Input]) -> Self {
        Self::at(config, l1, vec![genesis(config)], L1_GENESIS)
    }

    /// Begins on the last of `blocks`, which begin with genesis, and was the newest after L1 block `derived_to`.
    pub(crate) fn at(
        config: &ChainConfig,
        l1: &'a [L1Input],
        blocks: Vec<L2BlockRef>,
        derived_to: u64,
    ) -> Self {
        // Every configuration that these tests begin with is as a block says it, genesis' too.
        let system_config = config.genesis.system_config;
        Self::with(config, l1, blocks, derived_to, system_config)
    }

    /// The same, where the last of `blocks` came of the attributes `said`.
    pub(crate) fn resumed(
        config: &ChainConfig,
        l1: &'a [L1Input],
        blocks: Vec<L2BlockRef>,
        derived_to: u64,
        said: &BlockAttributes,
    ) -> Self {
        let info = L1Attributes::from_deposit(&said.transactions[0]).expect("L1 attributes first");
        let system_config = SystemConfig {
            min_base_fee: said.min_base_fee.unwrap_or_default(),
            da_footprint_gas_scalar: info.da_footprint_gas_scalar.unwrap_or_default(),
            ..config.genesis.system_config
        };
        Self::with(config, l1, blocks, derived_to, system_config)
    }

    fn with(
        config: &ChainConfig,
        l1: &'a [L1Input],
        blocks: Vec<L2BlockRef>,
        derived_to: u64,
        system_config: SystemConfig,
    ) -> Self {
        let derived_to = l1[(derived_to - L1_GENESIS) as usize].block.id();
        let config = Arc::new(config.clone());
        let head = *blocks.last().expect("genesis");
        let origin = &l1[(head.l1_origin.number - L1_GENESIS) as usize].block;
        let start = openledger_derive::l1_start_number(&config, &head, origin.timestamp);
        let start = l1[(start - L1_GENESIS) as usize].block;
        let pipeline = Pipeline::new(
            config.clone(),
            Arc::new(l1_config()),
            head,
            system_config,
            derived_to,
            config.genesis.system_config,
            start,
        );
        Self {
            pipeline,
            config,
            l1,
            head,
            blocks,
            derived: Vec::new(),
            l2_asked_for: 0,
        }
    }

    /// Derives until L1 ends.
    pub(crate) fn run(&mut self) -> Result<(), DeriveError> {
        while self.next()?.is_some() {}
        Ok(())
    }

    /// Derives one block and takes it; `None` where L1 ends.
    pub(crate) fn next(&mut self) -> Result<Option<BlockAttributes>, DeriveError> {
        let Some(attributes) = self.peek()? else {
            return Ok(None);
        };
        self.head = execute(&self.head, &attributes);
        self.blocks.push(self.head);
        self.derived.push(attributes.clone());
        Ok(Some(attributes))
    }

    /// Derives one block without taking it.
    pub(crate) fn peek(&mut self) -> Result<Option<BlockAttributes>, DeriveError> {
        loop {
            match self.pipeline.step(&self.head)? {
                Step::NeedL1 { number } => {
                    let Some(input) = self.l1.get((number - L1_GENESIS) as usize) else {
                        return Ok(None);
                    };
                    self.pipeline.feed(input.clone())?;
                }
                Step::NeedL2 { number } => {
                    self.l2_asked_for += 1;
                    self.pipeline.feed_l2(self.blocks[number as usize]);
                }
                Step::Attributes { attributes, .. } => return Ok(Some(attributes)),
            }
        }
    }
}
