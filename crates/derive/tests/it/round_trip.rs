//! derive(batch(blocks)) = blocks.

use crate::sim::{
    Driver, GENESIS_TIME, OPTIONS, STRANGER, SequencedBlock, config, from_batcher, genesis,
    l1_chain, sequence, transaction,
};
use alloy_primitives::{Bytes, TxKind, U256};
use op_alloy_consensus::TxDeposit;
use openledger_derive::{InboxTransaction, L1Input};
use openledger_primitives::{ChainConfig, Transaction};
use openledger_protocol::{
    ChannelOptions, ChannelOut, Compression, Frame, NextOrigin, SingularBatch, SpanBatch,
    decode_blob, encode_blob, encode_frames_tx, has_no_sequencer_transactions, next_origin,
};
use proptest::prelude::*;

/// Choices, one after the other, for whatever has to be chosen.
#[derive(Clone, Debug)]
struct Choices {
    bytes: Vec<u8>,
    next: usize,
}

impl Choices {
    fn below(&mut self, limit: usize) -> usize {
        self.next += 1;
        let (a, b) = (
            self.bytes[self.next % self.bytes.len()],
            self.bytes[(self.next * 7 + 3) % self.bytes.len()],
        );
        (usize::from(a) * 256 + usize::from(b)) % limit
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

fn deposit(seed: u64) -> Transaction {
    TxDeposit {
        source_hash: U256::from(seed).into(),
        from: STRANGER,
        to: TxKind::Call(STRANGER),
        mint: u128::from(seed),
        ..Default::default()
    }
    .into()
}

/// L2 blocks over the first L1 blocks of `l1`, with origins and transactions as chosen.
fn sequence_blocks(
    config: &ChainConfig,
    l1: &[L1Input],
    count: usize,
    choices: &mut Choices,
) -> Vec<SequencedBlock> {
    let mut blocks: Vec<SequencedBlock> = Vec::new();
    let mut parent = genesis(config);
    let mut seed = 0;
    for _ in 0..count {
        let current = (parent.l1_origin.number - l1[0].block.number) as usize;
        let timestamp = parent.timestamp + config.block_time;
        // Advance at will where it is allowed, and where the sequencer's own rule would.
        let next = l1
            .get(current + 1)
            .filter(|next| timestamp >= next.block.timestamp);
        let origin = match next {
            Some(next) if !choices.one_in(3) => {
                let choice = next_origin(config, &parent, &l1[current].block, Some(&next.block));
                assert_eq!(
                    choice,
                    NextOrigin::Take {
                        origin: next.block,
                        empty: false
                    }
                );
                next
            }
            _ => &l1[current],
        };
        let count = if has_no_sequencer_transactions(config, timestamp) {
            0
        } else {
            choices.below(4)
        };
        let transactions = (0..count)
            .map(|_| {
                seed += 1;
                transaction(seed)
            })
            .collect();
        let block = sequence(config, &parent, origin, transactions);
        parent = block.reference;
        blocks.push(block);
    }
    blocks
}

/// Posts the blocks to L1, with all sorts of things in between that change nothing.
fn post(
    config: &ChainConfig,
    l1: &mut [L1Input],
    blocks: &[SequencedBlock],
    choices: &mut Choices,
) {
    // Where the next batcher transaction goes: never before what it speaks of.
    let mut at = 0;
    let mut rest = blocks;
    let mut channel_id = 0_u8;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(1 + choices.below(rest.len().min(30)));
        rest = after;
        channel_id += 1;
        let frames = channel_frames(config, channel_id, part, choices);
        let newest = part[part.len() - 1].batch.epoch_num - l1[0].block.number;
        at = at.max(newest as usize + 1);
        let mut waiting: Vec<Frame> = Vec::new();
        for (index, frame) in frames.iter().enumerate() {
            waiting.push(frame.clone());
            // A repetition right behind, which is out of order.
            if choices.one_in(5) {
                waiting.push(frame.clone());
            }
            // A later frame of a channel that nobody opened.
            if choices.one_in(5) {
                waiting.push(Frame {
                    id: [0xaa; 16],
                    number: 3,
                    data: vec![1],
                    is_last: true,
                });
            }
            if index + 1 == frames.len() || choices.one_in(2) {
                if choices.one_in(3) {
                    noise(&mut l1[at], frame, choices);
                }
                let data = if choices.one_in(2) {
                    vec![Bytes::from(encode_frames_tx(&waiting))]
                } else {
                    // In blobs of one transaction, a frame each; one blob holds nothing.
                    let frames = waiting.iter().map(in_blob);
                    frames.chain([Bytes::new()]).collect()
                };
                waiting.clear();
                l1[at].inbox.push(InboxTransaction {
                    data,
                    ..from_batcher(Bytes::new())
                });
                if choices.one_in(2) {
                    at += 1;
                }
            }
        }
    }
}

/// What derivation gets of a frame that was put into a blob.
fn in_blob(frame: &Frame) -> Bytes {
    let blob = encode_blob(&encode_frames_tx(std::slice::from_ref(frame))).expect("fits");
    decode_blob(&blob[..]).expect("own").into()
}

fn noise(block: &mut L1Input, frame: &Frame, choices: &mut Choices) {
    // Someone else's frames, whatever they say.
    let stolen = Frame {
        number: 0,
        data: vec![9; 10],
        is_last: true,
        ..frame.clone()
    };
    block.inbox.push(InboxTransaction {
        sender: STRANGER,
        data: vec![encode_frames_tx(&[stolen]).into()],
    });
    // The batcher's own garbage: no frame, a malformed one, a good one beside a malformed one.
    let garbage = (0..choices.below(60))
        .map(|_| choices.below(256) as u8)
        .collect::<Vec<_>>();
    block
        .inbox
        .push(from_batcher([&[1], &garbage[..]].concat().into()));
    block.inbox.push(from_batcher(Bytes::new()));
    let mut data = encode_frames_tx(std::slice::from_ref(frame));
    data.extend(garbage);
    data.push(0x77);
    block.inbox.push(from_batcher(data.into()));
}

fn channel_frames(
    config: &ChainConfig,
    id: u8,
    blocks: &[SequencedBlock],
    choices: &mut Choices,
) -> Vec<Frame> {
    let batches: Vec<SingularBatch> = blocks.iter().map(|block| block.batch.clone()).collect();
    let compression = match choices.below(2) {
        0 => Compression::Zlib(6),
        _ => Compression::Brotli(5),
    };
    let mut channel = ChannelOut::new(
        [id; 16],
        ChannelOptions {
            compression,
            ..OPTIONS
        },
    );
    if choices.one_in(2) {
        // Span batches, one or several.
        let mut start = 0;
        while start < batches.len() {
            let end = start + 1 + choices.below(batches.len() - start);
            let first_of_epoch = blocks[start].reference.sequence_number == 0;
            let span = SpanBatch::from_blocks(&batches[start..end], first_of_epoch, config)
                .expect("consecutive");
            let mut encoded = Vec::new();
            span.encode(&mut encoded).expect("encodes");
            channel.add_encoded(&encoded).expect("room");
            start = end;
        }
    } else {
        for batch in &batches {
            channel.add_batch(batch).expect("room");
            // A batch of the past is skipped.
            if choices.one_in(4) {
                channel.add_batch(&batches[0]).expect("room");
            }
        }
    }
    channel.close();
    // Few enough that the channel can't time out.
    let size_min = 23 + channel.compressed_bytes().div_ceil(30);
    channel
        .output_frames(size_min + choices.below(400))
        .expect("frames")
}

/// An L1 chain that holds an L2 chain.
struct World {
    config: ChainConfig,
    l1: Vec<L1Input>,
    blocks: Vec<SequencedBlock>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "{} L2 blocks over {} L1 blocks",
            self.blocks.len(),
            self.l1.len()
        )
    }
}

prop_compose! {
    fn world()(
        bytes in proptest::collection::vec(any::<u8>(), 200..400),
        block_time in 1..4_u64,
        gaps in proptest::collection::vec(1..20_u64, 10..40),
        count in 1..120_usize,
        jovian in proptest::option::of(1..200_u64),
    ) -> World {
        let mut choices = Choices { bytes, next: 0 };
        let mut config = config(block_time, 1_000);
        config.forks.jovian_time = jovian.map(|after| GENESIS_TIME + after);
        // Room at the end for what is posted late.
        let mut l1 = l1_chain(gaps.into_iter().chain(std::iter::repeat_n(12, 700)));
        for (seed, input) in l1.iter_mut().enumerate().skip(1) {
            input.deposits = (0..choices.below(3)).map(|i| deposit((seed * 10 + i) as u64)).collect();
        }
        let blocks = sequence_blocks(&config, &l1, count, &mut choices);
        post(&config, &mut l1, &blocks, &mut choices);
        World { config, l1, blocks }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_was_batched_is_derived(World { config, l1, blocks } in world()) {
        let mut driver = Driver::new(&config, &l1);
        driver.run().expect("derives");
        let differs = driver.derived.iter().zip(&blocks).position(|(derived, block)| *derived != block.attributes);
        prop_assert_eq!((differs, driver.derived.len()), (None, blocks.len()), "{:?}", driver.pipeline.take_drop());
    }

    #[test]
    fn garbage_changes_nothing(
        data in proptest::collection::vec((0..30_usize, proptest::collection::vec(any::<u8>(), 0..120), any::<bool>()), 0..40),
    ) {
        let config = config(2, 5);
        let clean = l1_chain(std::iter::repeat_n(12, 30));
        let mut dirty = clean.clone();
        for (at, mut bytes, framed) in data {
            if framed {
                // A whole channel of garbage that claims to be zlib.
                bytes.insert(0, 0x78);
                let frame = Frame { id: [1; 16], number: 0, data: bytes, is_last: true };
                bytes = encode_frames_tx(&[frame]);
            }
            dirty[at].inbox.push(from_batcher(bytes.into()));
        }
        let (mut expected, mut found) = (Driver::new(&config, &clean), Driver::new(&config, &dirty));
        expected.run().expect("derives");
        found.run().expect("derives");
        prop_assert!(expected.derived.len() > 100);
        prop_assert_eq!(expected.derived, found.derived);
    }
}

#[test]
fn genesis_time_is_where_both_chains_begin() {
    let config = config(1, 10);
    assert_eq!(genesis(&config).timestamp, GENESIS_TIME);
    assert_eq!(l1_chain([])[0].block.id(), config.genesis.l1.into());
}
