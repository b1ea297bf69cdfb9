//! The pipeline over a chain of made-up blocks, without clock, L1 and threads.

mod closing;
mod forms;
mod properties;
mod recovery;
mod resume;

use super::*;
use crate::{
    BatchOfBlockError, DataAvailability, RederiveError, batch_of,
    tag::ChannelTag,
    testing::{FakeSource, block_batch, config, l1},
};
use alloy_primitives::Bytes;
use openledger_protocol::{
    Batch, ChannelAssembler, ChannelReader, FrameOutcome, SingularBatch, decode_frames,
};

fn inclusion(number: u64) -> BlockNumHash {
    BlockNumHash {
        number,
        hash: B256::with_last_byte(number as u8),
    }
}

fn pipeline(source: &FakeSource, config: BatcherConfig) -> Pipeline {
    Pipeline::new(config, source.safe_head(), B256::repeat_byte(1))
}

/// Takes all transactions that may be sent now.
fn send_all(pipeline: &mut Pipeline) -> Vec<ChannelTx> {
    let mut sent = Vec::new();
    while let Some(tx) = pipeline.next_tx() {
        pipeline.mark_sent();
        sent.push(tx);
    }
    sent
}

/// The only payload of a calldata transaction.
fn data(tx: &ChannelTx) -> Bytes {
    assert_eq!((tx.carrier, tx.payloads.len()), (Carrier::Calldata, 1));
    tx.payloads[0].clone()
}

/// The batches in calldata that arrives on L1 in this order.
fn decode(datas: impl IntoIterator<Item = Bytes>) -> Vec<SingularBatch> {
    let mut assembler = ChannelAssembler::default();
    let mut batches = Vec::new();
    for data in datas {
        for frame in decode_frames(&data).expect("frames") {
            if let FrameOutcome::Complete(channel) = assembler.add(frame, 1, usize::MAX) {
                batches.extend(read(channel));
            }
        }
    }
    batches
}

fn read(channel: Vec<u8>) -> Vec<SingularBatch> {
    let mut reader = ChannelReader::new(channel, 100_000_000, 161_299).expect("zlib");
    let mut batches = Vec::new();
    while let Some(batch) = reader.next_batch().expect("well formed") {
        let Batch::Singular(batch) = batch else {
            panic!("singular batches only")
        };
        batches.push(batch);
    }
    batches
}
