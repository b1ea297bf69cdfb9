//! The fuzz targets' corpora, replayed; and the seeds in them, made.

#[path = "../../../testing/fuzz/targets.rs"]
mod targets;

use crate::sim::{OPTIONS, channel, span_channel, transaction};
use alloy_consensus::crypto::secp256k1::sign_message;
use alloy_eips::{Decodable2718 as _, eip4895::Withdrawals};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use op_alloy_consensus::TxDeposit;
use openledger_primitives::{Block, BlockBody, ForkTimes, Header, Transaction};
use openledger_protocol::{
    BLOB_BYTES, Batch, CHANNEL_VERSION_BROTLI, ChannelOptions, ChannelOut, ChannelReader,
    Compression, FeedMessage, L1Attributes, L2BlockRef, SingularBatch, SpanBatch, decode_blob,
    decode_frames, encode_blob, encode_deposit, encode_feed_message,
};
use proptest::prelude::*;
use std::{fs, path::PathBuf};

const TARGETS: [(&str, fn(&[u8])); 10] = [
    ("frames", targets::frames),
    ("channel", targets::channel),
    ("decompressed", targets::decompressed),
    ("batch", targets::batch),
    ("deposit", targets::deposit),
    ("config_update", targets::config_update),
    ("l1_attributes", targets::l1_attributes),
    ("pipeline", targets::pipeline),
    ("blob", targets::blob),
    ("feed", targets::feed),
];

fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../testing/fuzz/corpus")
        .join(target)
}

fn batches() -> Vec<SingularBatch> {
    let config = targets::config();
    let genesis = L2BlockRef::genesis(&config.genesis);
    (1..=4)
        .map(|index| SingularBatch {
            parent_hash: genesis.hash,
            epoch_num: genesis.l1_origin.number,
            epoch_hash: genesis.l1_origin.hash,
            timestamp: genesis.timestamp + index * config.block_time,
            transactions: (0..index).map(transaction).collect(),
        })
        .collect()
}

/// Name and content of every seed.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let batches = batches();
    let span = SpanBatch::from_blocks(&batches, false, &targets::config()).expect("consecutive");
    let frames = channel(1, &batches, 100_000).remove(0).to_vec();
    let span_frames = span_channel(2, &span, 100_000).remove(0).to_vec();
    let channel_of = |tx: &[u8]| decode_frames(tx).expect("frames").remove(0).data;
    let encoded = |batch: Batch| {
        let mut out = Vec::new();
        batch.encode(&mut out).expect("encodes");
        out
    };
    let singular = encoded(Batch::Singular(batches[3].clone()));
    let span_bytes = encoded(Batch::Span(span));
    let string = |batch: &[u8]| {
        let mut out = vec![0xb9];
        out.extend(u16::try_from(batch.len()).expect("short").to_be_bytes());
        out.extend(batch);
        out
    };
    let word = |value: u64| U256::from(value).to_be_bytes::<32>();
    let named = |seeds: Vec<Vec<u8>>| {
        seeds
            .into_iter()
            .enumerate()
            .map(|(index, seed)| (format!("seed-{index:02}"), seed))
            .collect()
    };
    named(match target {
        "frames" => {
            let small = channel(3, &batches, 120);
            let mut several = vec![0];
            several.extend(small.iter().flat_map(|tx| tx[1..].to_vec()));
            vec![frames, span_frames, several, vec![0], vec![1]]
        }
        "channel" => {
            let brotli = |batch: &[u8]| {
                let options = ChannelOptions {
                    compression: Compression::Brotli(5),
                    ..OPTIONS
                };
                let mut channel = ChannelOut::new([4; 16], options);
                channel.add_encoded(batch).expect("room");
                channel.close();
                channel.compressed().to_vec()
            };
            vec![
                channel_of(&frames),
                channel_of(&span_frames),
                brotli(&encoded(Batch::Singular(batches[2].clone()))),
                brotli(&span_bytes),
                // The empty stream.
                vec![CHANNEL_VERSION_BROTLI, 0x3b],
            ]
        }
        "decompressed" => vec![
            string(&singular),
            [string(&singular), string(&span_bytes)].concat(),
            vec![0x80],
        ],
        "batch" => vec![singular, span_bytes, vec![0, 0xc0], vec![1]],
        "deposit" => [TxKind::Create, TxKind::Call(Address::repeat_byte(1))]
            .into_iter()
            .map(|to| {
                let input = vec![7; 40].into();
                let deposit = TxDeposit {
                    to,
                    mint: 5,
                    value: U256::MAX,
                    gas_limit: 9,
                    input,
                    ..Default::default()
                };
                encode_deposit(Address::ZERO, &deposit).data.data.to_vec()
            })
            .collect(),
        "config_update" => (0..8_u8)
            .map(|update_type| {
                let words = if update_type == 1 { 2 } else { 1 };
                let mut seed = vec![update_type];
                seed.extend(word(32));
                seed.extend(word(32 * words));
                (0..words).for_each(|_| seed.extend(word(77)));
                seed
            })
            .collect(),
        "l1_attributes" => [(None, None), (Some(0), None), (Some(0), Some(0))]
            .into_iter()
            .map(|(isthmus_time, jovian_time)| {
                let mut config = targets::config();
                config.forks = ForkTimes {
                    isthmus_time,
                    jovian_time,
                    ..ForkTimes::ISTHMUS
                };
                let attributes = L1Attributes {
                    number: 5,
                    hash: B256::repeat_byte(6),
                    base_fee: 7,
                    ..Default::default()
                };
                attributes
                    .encode(&config, config.genesis.l2_time + 100)
                    .to_vec()
            })
            .collect(),
        "pipeline" => {
            let post = |at: u8, mut data: Vec<u8>| {
                data.resize(data.len().next_multiple_of(4), 0);
                [vec![at, u8::try_from(data.len() / 4).expect("short")], data].concat()
            };
            let one = channel(1, &batches[..1], 900).remove(0).to_vec();
            let span = SpanBatch::from_blocks(&batches[..2], false, &targets::config())
                .expect("consecutive");
            let two = span_channel(2, &span, 900).remove(0).to_vec();
            vec![
                post(1, one.clone()),
                [post(1, two.clone()), post(2, one)].concat(),
                post(3, two),
            ]
        }
        "blob" => {
            let filled = |data: &[u8]| {
                let blob = encode_blob(data).expect("fits");
                let used = blob.iter().rposition(|byte| *byte != 0).unwrap_or(0);
                blob[..=used].to_vec()
            };
            let mut version = filled(&frames);
            version[1] = 1;
            vec![filled(&frames), filled(&[0xff; 300]), filled(&[]), version]
        }
        "feed" => {
            let key = B256::repeat_byte(7);
            let message = |transactions: Vec<Transaction>| {
                let block = Block {
                    header: Header {
                        number: 9,
                        base_fee_per_gas: Some(1),
                        withdrawals_root: Some(B256::repeat_byte(1)),
                        blob_gas_used: Some(0),
                        excess_blob_gas: Some(0),
                        parent_beacon_block_root: Some(B256::ZERO),
                        requests_hash: Some(B256::repeat_byte(2)),
                        ..Header::default()
                    },
                    body: BlockBody {
                        transactions,
                        withdrawals: Some(Withdrawals::default()),
                        ..BlockBody::default()
                    },
                };
                let sign = |digest| sign_message(key, digest);
                encode_feed_message(targets::CHAIN_ID, &block, sign).expect("a valid key")
            };
            let decoded = |bytes: &Bytes| Transaction::decode_2718_exact(bytes).expect("valid");
            vec![
                message(vec![]),
                message(batches[3].transactions.iter().map(decoded).collect()),
            ]
        }
        other => unreachable!("no seeds for {other}"),
    })
}

#[test]
fn seeds_are_as_they_are_made() {
    let write = std::env::var_os("OPENLEDGER_WRITE_SEEDS").is_some();
    for (target, _) in TARGETS {
        let folder = corpus(target);
        for (name, seed) in seeds(target) {
            let path = folder.join(name);
            if write {
                fs::create_dir_all(&folder).expect("a writable folder");
                fs::write(&path, &seed).expect("a writable file");
            }
            let found =
                fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(hex::encode(found), hex::encode(seed), "{}", path.display());
        }
    }
}

#[test]
fn seeds_reach_what_lies_behind_the_decoder() {
    let seed = |target: &str, index: usize| seeds(target).swap_remove(index).1;
    assert!(decode_frames(&seed("frames", 2)).is_ok_and(|frames| frames.len() > 1));
    for index in 0..4 {
        let mut reader =
            ChannelReader::new(seed("channel", index), 1 << 20, targets::CHAIN_ID).expect("known");
        assert!(
            matches!(reader.next_batch(), Ok(Some(_))),
            "channel {index}"
        );
    }
    assert!(matches!(
        Batch::decode(&seed("batch", 1).into(), targets::CHAIN_ID),
        Ok(Batch::Span(_))
    ));
    assert!(L1Attributes::decode(&seed("l1_attributes", 2)).is_ok());
    for index in 0..3 {
        let mut blob = seed("blob", index);
        blob.resize(BLOB_BYTES, 0);
        assert!(decode_blob(&blob).is_ok(), "blob {index}");
    }
    for index in 0..2 {
        let message = FeedMessage::decode(targets::CHAIN_ID, &seed("feed", index));
        assert!(message.is_ok(), "feed {index}: {message:?}");
    }
}

#[test]
fn corpora_replay() {
    for (target, run) in TARGETS {
        let mut files = 0;
        for entry in fs::read_dir(corpus(target)).expect("a corpus") {
            let path = entry.expect("an entry").path();
            run(&fs::read(&path).expect("a readable file"));
            files += 1;
        }
        assert!(files >= seeds(target).len(), "{target} has {files} files");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Fuzzing in small: seeds with some bytes changed, cut, doubled or exchanged.
    #[test]
    fn mutated_seeds_hold(
        target in any::<prop::sample::Index>(),
        seed in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((0..5_u8, any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let (target, run) = TARGETS[target.index(TARGETS.len())];
        let seeds = seeds(target);
        let mut data = seeds[seed.index(seeds.len())].1.clone();
        for (change, at, byte) in changes {
            if data.is_empty() {
                break;
            }
            let at = at.index(data.len());
            match change {
                0 => data[at] = byte,
                1 => data[at] ^= 1 << (byte % 8),
                2 => data.truncate(at),
                3 => data.insert(at, byte),
                _ => {
                    data.remove(at);
                }
            }
        }
        run(&data);
    }
}
