//! What the fuzzers `calls_file` and `infer_message` feed: plain functions.

use super::{
    FeeTree, SignedVoucher,
    calls::{ChannelCalls, ChannelReader, LINE_BYTES_MAX, RequestCall},
    message::{
        Answer, BODY_BYTES_MAX, CallRequest, ChannelStatus, Offer, OutputRequest, PromptMessage,
        RefusalMessage, WorkerStatus, parse,
    },
    worker::ModelAnswer,
};
use alloy_primitives::B256;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// What the fuzzed files are about, as their names would say.
const ID: B256 = B256::repeat_byte(1);
const CHAIN_ID: u64 = 161_299;

/// A file of calls, after a byte that says which kind: a channel's lines (even), or a request. What is read is written and read
/// alike, and a channel's calls have the root that their newest voucher has.
pub fn calls_file(data: &[u8]) {
    let Some((kind, file)) = data.split_first() else {
        return;
    };
    if kind % 2 == 1 {
        if let Ok(request) = RequestCall::parse(file, ID) {
            let written = serde_json::to_vec(&request).expect("it was read");
            // Hexadecimal may be read without its 0x, and is written with it.
            if written.len() <= LINE_BYTES_MAX {
                assert_eq!(RequestCall::parse(&written, ID).ok(), Some(request));
            }
        }
        return;
    }
    let Ok(Some(channel)) = ChannelCalls::parse(file, ID) else {
        return;
    };
    let mut reader = ChannelReader::new(file);
    let mut written = Vec::new();
    while let Ok(Some(record)) = reader.next_record() {
        let record = record.expect("the file is whole");
        let Ok(line) = record.line() else { return };
        written.extend(line);
    }
    let again = ChannelCalls::parse(&written, ID).ok().flatten();
    assert_eq!(again.as_ref(), Some(&channel));
    let replay = ChannelReader::new(file).replay(ID, drop);
    let replay = replay.expect("memory is read").expect("the file is whole");
    let newest = replay.as_ref().and_then(|replay| replay.paid());
    let leaves = channel.leaves(channel.calls.len() as u64);
    let tree = FeeTree::new(&leaves.expect("so many calls")).expect("the voucher has the sum");
    assert_eq!(
        tree.root().map(|root| root.hash),
        newest.map(|paid| paid.leaves_root)
    );
}

/// A message of a payer or a worker, or a model's answer, after a byte that says which. What is read is written and read alike.
pub fn infer_message(data: &[u8]) {
    let Some((kind, message)) = data.split_first() else {
        return;
    };
    match kind % 10 {
        0 => {
            if let Some(request) = round_trip::<CallRequest>(message) {
                let _ = request.signer(CHAIN_ID);
            }
        }
        1 => {
            if let Some(signed) = round_trip::<SignedVoucher>(message) {
                let _ = signed.signer(CHAIN_ID);
            }
        }
        2 => drop(round_trip::<PromptMessage>(message)),
        3 => drop(round_trip::<Offer>(message)),
        4 => drop(round_trip::<Answer>(message)),
        5 => drop(round_trip::<ChannelStatus>(message)),
        6 => drop(round_trip::<WorkerStatus>(message)),
        7 => drop(round_trip::<RefusalMessage>(message)),
        8 => {
            if let Some(request) = round_trip::<OutputRequest>(message) {
                let _ = request.signer(CHAIN_ID);
            }
        }
        _ => drop(round_trip::<ModelAnswer>(message)),
    }
}

fn round_trip<T>(message: &[u8]) -> Option<T>
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let read: T = parse(message, BODY_BYTES_MAX).ok()?;
    let written = serde_json::to_vec(&read).expect("it was read");
    // Escapes may be longer than what they stand for.
    if written.len() <= BODY_BYTES_MAX {
        let again = parse::<T>(&written, BODY_BYTES_MAX).expect("it was written");
        assert_eq!(again, read);
    }
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::calls::{Call, Header, Paid, Record, Replay, VERSION};
    use alloy_primitives::{Address, Bytes, keccak256};
    use alloy_signer_local::PrivateKeySigner;
    use proptest::prelude::*;
    use std::{fs, path::PathBuf};

    fn corpus(target: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../testing/fuzz/corpus")
            .join(target)
    }

    /// Compares the seeds with the committed ones, or writes them, and replays the corpus cut off at many lengths.
    fn replay(target: &str, seeds: &[Vec<u8>], run: fn(&[u8])) {
        let corpus = corpus(target);
        for (number, seed) in seeds.iter().enumerate() {
            let path = corpus.join(format!("seed-{number:02}"));
            if std::env::var_os("OPENLEDGER_WRITE_SEEDS").is_some() {
                fs::create_dir_all(&corpus).unwrap();
                fs::write(&path, seed).unwrap();
            }
            assert_eq!(&fs::read(&path).unwrap(), seed, "{}", path.display());
        }
        let mut files = 0;
        for entry in fs::read_dir(corpus).unwrap() {
            let data = fs::read(entry.unwrap().path()).unwrap();
            let step = data.len() / 200 + 1;
            for length in (0..data.len()).step_by(step).chain([data.len()]) {
                run(&data[..length]);
            }
            files += 1;
        }
        assert!(files >= seeds.len());
    }

    fn key() -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).unwrap()
    }

    fn header() -> Header {
        Header {
            version: VERSION,
            chain_id: CHAIN_ID,
            channel: ID,
            payer: key().address(),
            payee: Address::repeat_byte(3),
            adapter: 4,
            platform_fee: 5,
        }
    }

    fn call(number: u64) -> Call {
        Call {
            number,
            prompt_hash: keccak256("prompt"),
            output_hash: keccak256("output"),
            tokens_in: 1,
            tokens_out: 2,
            price: 3,
            sketches: vec![Bytes::from(vec![1, 0x7f, 0xff])],
        }
    }

    fn signed() -> SignedVoucher {
        let replay = Replay::new(header());
        let voucher = replay.voucher_with(&call(1), 9).unwrap();
        voucher.sign(&key(), CHAIN_ID).unwrap()
    }

    fn file_seeds() -> Vec<Vec<u8>> {
        let mut replay = Replay::new(header());
        let mut records = vec![Record::Begin(header())];
        for number in 1..=2 {
            let voucher = replay.voucher_with(&call(number), 9).unwrap();
            let signed = voucher.sign(&key(), CHAIN_ID).unwrap();
            for record in [
                Record::Offered(call(number)),
                Record::Paid(Paid::of(&signed)),
            ] {
                replay.apply(record.clone()).unwrap();
                records.push(record);
            }
        }
        records.push(Record::Offered(call(3)));
        let file = |count: usize| {
            let lines = records[..count].iter().map(|record| record.line().unwrap());
            [vec![0], lines.collect::<Vec<_>>().concat()].concat()
        };
        let request = RequestCall {
            version: VERSION,
            request_id: ID,
            prompt_hash: keccak256("prompt"),
            output_hash: keccak256("output"),
            tokens_out: 2,
            price: 3,
            sketches: vec![Bytes::from(vec![1, 2])],
        };
        let request = [vec![1], serde_json::to_vec(&request).unwrap()].concat();
        vec![file(1), file(3), file(6), request]
    }

    fn seed(kind: u8, message: &impl Serialize) -> Vec<u8> {
        [vec![kind], serde_json::to_vec(message).unwrap()].concat()
    }

    fn message_seeds() -> Vec<Vec<u8>> {
        let request = CallRequest::new(&key(), CHAIN_ID, ID, 1, "prompt".to_owned(), 4).unwrap();
        let prompt = PromptMessage {
            request_id: ID,
            prompt: "prompt".to_owned(),
        };
        let offer = Offer {
            channel: ID,
            call: call(1),
            expiry_min_seconds: 9,
        };
        let answer = Answer {
            request_id: ID,
            output: "output".to_owned(),
            tokens_out: 2,
        };
        let status = ChannelStatus {
            channel: ID,
            count: 1,
        };
        let output = OutputRequest::new(&key(), CHAIN_ID, ID, 1).unwrap();
        let worker = WorkerStatus {
            chain_id: CHAIN_ID,
            worker: Address::repeat_byte(3),
            adapter: 4,
            platform_fee: 5,
            tokens_out_max: 6,
            prompt_bytes_max: 7,
            expiry_min_seconds: 8,
        };
        let refusal = RefusalMessage {
            error: "busy".to_owned(),
            message: "try again".to_owned(),
        };
        let model = ModelAnswer {
            output: "output".to_owned(),
            tokens_in: 1,
            tokens_out: 2,
            sketches: vec![Bytes::from(vec![1])],
        };
        vec![
            seed(0, &request),
            seed(1, &signed()),
            seed(2, &prompt),
            seed(3, &offer),
            seed(4, &answer),
            seed(5, &status),
            seed(6, &worker),
            seed(7, &refusal),
            seed(8, &output),
            seed(9, &model),
        ]
    }

    #[test]
    fn the_corpus_of_files_is_survived() {
        let seeds = file_seeds();
        for seed in &seeds {
            let (kind, file) = seed.split_first().unwrap();
            let is_read = match kind {
                0 => ChannelCalls::parse(file, ID).is_ok_and(|read| read.is_some()),
                _ => RequestCall::parse(file, ID).is_ok(),
            };
            assert!(is_read);
        }
        replay("calls_file", &seeds, calls_file);
    }

    #[test]
    fn the_corpus_of_messages_is_survived() {
        replay("infer_message", &message_seeds(), infer_message);
    }

    proptest! {
        #[test]
        fn changed_files_are_survived(seed in 0..4usize, place: usize, byte: u8) {
            let mut data = file_seeds()[seed].clone();
            let place = place % data.len();
            data[place] = byte;
            calls_file(&data);
        }
    }
}
