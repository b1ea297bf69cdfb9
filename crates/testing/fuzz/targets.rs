//! What is fuzzed of the L1 codec and of derivation: plain functions, shared by the fuzz targets and the test that replays the corpora.

use alloy_primitives::{Address, B64, B256, Bytes, Log, LogData, Signature, keccak256};
use openledger_derive::{InboxTransaction, L1Input, Pipeline, Step};
use openledger_primitives::{
    ChainConfig, ChainGenesis, FeeConfig, ForkTimes, GenesisId, L1ChainConfig, L1Contracts,
    SystemConfig,
};
use openledger_protocol::{
    BLOB_BYTES, Batch, CONFIG_UPDATE_TOPIC, ChannelReader, ConfigUpdate, FeedMessage, L1Attributes,
    L1Block, L2BlockRef, TRANSACTION_DEPOSITED_TOPIC, decode_blob, decode_deposit, decode_frames,
    encode_blob, encode_deposit, encode_feed_message, encode_frames_tx,
};
use std::{convert::Infallible, sync::Arc};

pub(crate) const CHAIN_ID: u64 = 161_299;
/// Decompressed bytes that a fuzzed channel may hold: enough for every path, little enough to be quick.
const RLP_BYTES_MAX: usize = 1 << 20;
const GENESIS_TIME: u64 = 10_000;
const L1_GENESIS: u64 = 100;
/// L1 blocks of the fuzzed chain.
const L1_BLOCKS: u64 = 16;

/// Data of a batcher transaction: what decodes is what it was encoded from.
pub(crate) fn frames(data: &[u8]) {
    if let Ok(frames) = decode_frames(data) {
        assert_eq!(encode_frames_tx(&frames), data);
    }
}

/// A compressed channel: reading ends, within the limit.
pub(crate) fn channel(data: &[u8]) {
    let Ok(mut reader) = ChannelReader::new(data.to_vec(), RLP_BYTES_MAX, CHAIN_ID) else {
        return;
    };
    while let Ok(Some(_)) = reader.next_batch() {
        assert!(reader.position() <= RLP_BYTES_MAX);
    }
    assert_eq!(reader.next_batch(), Ok(None));
}

/// The content of a channel, put into stored zlib blocks first, so that fuzzing needs no compressor.
pub(crate) fn decompressed(data: &[u8]) {
    let mut stream = vec![0x78, 0x01];
    let mut chunks = data.chunks(0xffff).peekable();
    while let Some(chunk) = chunks.next() {
        let len = u16::try_from(chunk.len()).expect("chunks fit");
        stream.push(u8::from(chunks.peek().is_none()));
        stream.extend(len.to_le_bytes());
        stream.extend((!len).to_le_bytes());
        stream.extend(chunk);
    }
    // The checksum that follows is missing: what comes before it counts all the same.
    channel(&stream);
}

/// A batch, type byte first: a second reading of what was written gives the same.
pub(crate) fn batch(data: &[u8]) {
    let Ok(batch) = Batch::decode(&Bytes::copy_from_slice(data), CHAIN_ID) else {
        return;
    };
    let mut encoded = Vec::new();
    batch
        .encode(&mut encoded)
        .expect("what was decoded encodes");
    assert_eq!(Batch::decode(&encoded.into(), CHAIN_ID), Ok(batch));
}

/// Data of a deposit event: what decodes is what it was encoded from, up to padding.
pub(crate) fn deposit(data: &[u8]) {
    let log = |data: Bytes| Log {
        address: Address::ZERO,
        data: LogData::new_unchecked(
            vec![
                TRANSACTION_DEPOSITED_TOPIC,
                B256::ZERO,
                B256::ZERO,
                B256::ZERO,
            ],
            data,
        ),
    };
    if let Ok(deposit) = decode_deposit(&log(Bytes::copy_from_slice(data)), B256::ZERO, 0) {
        let encoded = encode_deposit(Address::ZERO, &deposit);
        assert_eq!(encoded.data.data.len(), data.len());
        assert_eq!(decode_deposit(&encoded, B256::ZERO, 0), Ok(deposit));
    }
}

/// A type byte and the data of a configuration update.
pub(crate) fn config_update(data: &[u8]) {
    let Some((update_type, data)) = data.split_first() else {
        return;
    };
    let topics = vec![
        CONFIG_UPDATE_TOPIC,
        B256::ZERO,
        B256::with_last_byte(*update_type),
    ];
    let log = Log {
        address: Address::ZERO,
        data: LogData::new_unchecked(topics, Bytes::copy_from_slice(data)),
    };
    if let Ok(update) = ConfigUpdate::decode(&log) {
        let mut system_config = system_config();
        update.apply(&mut system_config);
        let _ = system_config.fee_scalars();
    }
}

/// Calldata of an L1 attributes transaction: what decodes is what it was encoded from.
pub(crate) fn l1_attributes(data: &[u8]) {
    let Ok(attributes) = L1Attributes::decode(data) else {
        return;
    };
    let mut forks = ForkTimes::ISTHMUS;
    match data.len() {
        164 => forks.isthmus_time = None,
        178 => forks.jovian_time = Some(0),
        _ => {}
    }
    let config = ChainConfig { forks, ..config() };
    assert_eq!(attributes.encode(&config, GENESIS_TIME + 100)[..], *data);
}

/// What anyone but the batcher's own tools may have put into the inbox, in its name: derivation never
/// panics, and always gets past it.
pub(crate) fn pipeline(mut data: &[u8]) {
    let mut inboxes: Vec<Vec<InboxTransaction>> = vec![Vec::new(); L1_BLOCKS as usize];
    while let Some(([at, len], rest)) = data.split_first_chunk::<2>() {
        let len = usize::from(*len).saturating_mul(4).min(rest.len());
        let (content, rest) = rest.split_at(len);
        let at = usize::from(*at) % inboxes.len();
        inboxes[at].push(InboxTransaction {
            sender: system_config().batcher_address,
            data: vec![Bytes::copy_from_slice(content)],
        });
        data = rest;
    }
    let config = Arc::new(config());
    let mut head = L2BlockRef::genesis(&config.genesis);
    let mut pipeline = Pipeline::new(
        config.clone(),
        Arc::new(l1_config()),
        head,
        system_config(),
        l1_block(L1_GENESIS).id(),
        system_config(),
        l1_block(L1_GENESIS),
    );
    let mut inboxes = inboxes.into_iter();
    loop {
        match pipeline.step(&head).expect("garbage is no error") {
            Step::NeedL1 { number } => {
                let Some(inbox) = inboxes.next() else { break };
                let input = L1Input {
                    block: l1_block(number),
                    inbox,
                    ..Default::default()
                };
                pipeline.feed(input).expect("L1 is in order");
            }
            Step::NeedL2 { number } => unreachable!("block {number} was seen"),
            Step::Attributes { attributes, .. } => {
                let info =
                    L1Attributes::from_deposit(&attributes.transactions[0]).expect("attributes");
                head = L2BlockRef {
                    number: head.number + 1,
                    hash: keccak256(
                        [head.hash, B256::from(attributes.transactions[0].tx_hash())].concat(),
                    ),
                    parent_hash: head.hash,
                    timestamp: attributes.timestamp,
                    l1_origin: (info.number, info.hash).into(),
                    sequence_number: info.sequence_number,
                };
            }
        }
    }
    // The sequencing window sees to it that the chain goes on.
    assert!(head.l1_origin.number + config.seq_window_size + 1 >= L1_GENESIS + L1_BLOCKS - 1);
}

/// The content of a blob up to the zeros that fill it: what decodes is what it was encoded from, but for
/// the two highest bits, which aren't looked at.
pub(crate) fn blob(data: &[u8]) {
    let mut blob = data.to_vec();
    blob.resize(BLOB_BYTES, 0);
    if let Ok(content) = decode_blob(&blob) {
        let encoded = encode_blob(&content).expect("what was decoded fits");
        blob[0] &= 0b0011_1111;
        assert!(encoded[..] == blob[..], "encoded anew it is another blob");
    }
}

/// A message of the sequencer's feed: what decodes is what it was encoded from.
pub(crate) fn feed(data: &[u8]) {
    let Ok(message) = FeedMessage::decode(CHAIN_ID, data) else {
        return;
    };
    let signature = Signature::from_bytes_and_parity(&data[1..65], data[65] == 1);
    let encoded = encode_feed_message(CHAIN_ID, &message.block, |_| Ok::<_, Infallible>(signature));
    assert_eq!(encoded.as_deref(), Ok(data));
}

pub(crate) fn l1_block(number: u64) -> L1Block {
    L1Block {
        number,
        hash: keccak256(number.to_be_bytes()),
        parent_hash: keccak256((number - 1).to_be_bytes()),
        timestamp: GENESIS_TIME + 12 * (number - L1_GENESIS),
        ..Default::default()
    }
}

fn system_config() -> SystemConfig {
    SystemConfig {
        batcher_address: Address::repeat_byte(0xbb),
        overhead: B256::ZERO,
        scalar: SystemConfig::encode_scalar(1, 2),
        gas_limit: 60_000_000,
        eip1559_params: B64::ZERO,
        operator_fee_params: B256::ZERO,
        min_base_fee: 0,
        da_footprint_gas_scalar: 0,
    }
}

pub(crate) fn config() -> ChainConfig {
    ChainConfig {
        genesis: ChainGenesis {
            l1: GenesisId {
                hash: l1_block(L1_GENESIS).hash,
                number: L1_GENESIS,
            },
            l2: GenesisId {
                hash: B256::repeat_byte(0x20),
                number: 0,
            },
            l2_time: GENESIS_TIME,
            system_config: system_config(),
        },
        block_time: 2,
        max_sequencer_drift: 600,
        seq_window_size: 4,
        channel_timeout: 300,
        l1_chain_id: 31_337,
        l2_chain_id: CHAIN_ID,
        forks: ForkTimes::ISTHMUS,
        batch_inbox_address: Address::repeat_byte(0xff),
        deposit_contract_address: Address::repeat_byte(0xdd),
        l1_system_config_address: Address::repeat_byte(0xcc),
        protocol_versions_address: Address::ZERO,
        chain_op_config: FeeConfig::default(),
        jovian_upgrade: None,
    }
}

fn l1_config() -> L1ChainConfig {
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
