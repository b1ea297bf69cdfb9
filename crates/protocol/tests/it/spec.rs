//! The worked examples of `docs/spec/batches.md` are what the codec reads and writes.

use alloy_primitives::{Bytes, hex};
use openledger_primitives::{
    ChainConfig, ChainGenesis, FeeConfig, ForkTimes, GenesisId, SystemConfig,
};
use openledger_protocol::{
    Batch, ChannelAssembler, ChannelOptions, ChannelOut, ChannelReader, Compression, FrameOutcome,
    SingularBatch, SpanBatch, decode_blob, decode_frames, encode_blob, encode_frames_tx,
};

const SPEC: &str = include_str!("../../../../docs/spec/batches.md");
/// The examples are of chain 1, whose transaction is EIP-155's own example.
const CHAIN_ID: u64 = 1;

fn example(name: &str) -> Vec<u8> {
    bytes(SPEC, name)
}

/// The text of a page's block that is fenced as "```name".
pub(crate) fn text<'a>(page: &'a str, name: &str) -> &'a str {
    let fence = format!("```{name}\n");
    let start = page.find(&fence).expect("an example of this name") + fence.len();
    let end = start + page[start..].find("```").expect("a closing fence");
    &page[start..end]
}

/// The bytes of a page's block that is fenced as "```hex name", comments from # on left out.
pub(crate) fn bytes(page: &str, name: &str) -> Vec<u8> {
    let digits: String = text(page, &format!("hex {name}"))
        .lines()
        .filter_map(|line| line.split('#').next())
        .flat_map(|line| line.chars().filter(|c| !c.is_whitespace()))
        .collect();
    hex::decode(digits).expect("hex digits")
}

fn batch() -> SingularBatch {
    SingularBatch {
        parent_hash: [0x11; 32].into(),
        epoch_num: 1_000,
        epoch_hash: [0x22; 32].into(),
        timestamp: 1_700_000_000,
        transactions: vec![example("transaction").into()],
    }
}

#[test]
fn singular_batch_example() {
    let mut encoded = Vec::new();
    batch().encode(&mut encoded);
    assert_eq!(hex::encode(&encoded), hex::encode(example("singular")));
    assert_eq!(
        Batch::decode(&encoded.into(), CHAIN_ID),
        Ok(Batch::Singular(batch()))
    );
}

#[test]
fn blob_example() {
    let data: Vec<u8> = (0x00..=0x9f).collect();
    let blob = encode_blob(&data).expect("fits");
    assert_eq!(
        hex::encode(&blob[..128]),
        hex::encode(example("blob-round"))
    );
    assert_eq!(decode_blob(&blob[..]), Ok(data));
}

#[test]
fn batcher_transaction_example() {
    // Written: one channel, stored rather than compressed, in two frames.
    let options = ChannelOptions {
        compression: Compression::Zlib(0),
        rlp_bytes_max: 10_000,
        compressed_bytes_target: 10_000,
    };
    let mut channel = ChannelOut::new([0xab; 16], options);
    channel.add_batch(&batch()).expect("room");
    channel.close();
    assert_eq!(
        hex::encode(channel.compressed()),
        hex::encode(example("channel"))
    );
    let frames = channel.output_frames(125).expect("frames");
    assert_eq!(
        hex::encode(encode_frames_tx(&frames)),
        hex::encode(example("batcher-transaction"))
    );

    // Read back.
    let mut assembler = ChannelAssembler::default();
    let mut complete = None;
    for frame in decode_frames(&example("batcher-transaction")).expect("frames") {
        if let FrameOutcome::Complete(channel) = assembler.add(frame, 1, 100_000) {
            complete = Some(channel);
        }
    }
    let mut reader =
        ChannelReader::new(complete.expect("complete"), 10_000, CHAIN_ID).expect("zlib");
    assert_eq!(reader.next_batch(), Ok(Some(Batch::Singular(batch()))));
    assert_eq!(reader.next_batch(), Ok(None));
}

#[test]
fn span_batch_example() {
    let config = ChainConfig {
        genesis: ChainGenesis {
            l1: GenesisId::default(),
            l2: GenesisId::default(),
            l2_time: 1_699_999_700,
            system_config: SystemConfig {
                batcher_address: Default::default(),
                overhead: Default::default(),
                scalar: Default::default(),
                gas_limit: 0,
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
        l1_chain_id: 1,
        l2_chain_id: CHAIN_ID,
        forks: ForkTimes::ISTHMUS,
        batch_inbox_address: Default::default(),
        deposit_contract_address: Default::default(),
        l1_system_config_address: Default::default(),
        protocol_versions_address: Default::default(),
        chain_op_config: FeeConfig::default(),
        jovian_upgrade: None,
    };
    let next = SingularBatch {
        epoch_num: 1_001,
        epoch_hash: [0x33; 32].into(),
        timestamp: 1_700_000_001,
        transactions: Vec::new(),
        ..batch()
    };
    let span = SpanBatch::from_blocks(&[batch(), next], false, &config).expect("consecutive");
    let mut encoded = Vec::new();
    span.encode(&mut encoded).expect("encodes");
    assert_eq!(hex::encode(&encoded), hex::encode(example("span")));
    assert_eq!(
        Batch::decode(&Bytes::from(encoded), CHAIN_ID),
        Ok(Batch::Span(span))
    );
}
