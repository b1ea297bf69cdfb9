//! What the fuzzers of L1 endpoints' and beacon nodes' answers feed: their JSON, and logs of the inbox.

use crate::{
    L1BlockData,
    blobs::{ANSWER_BLOBS_MAX, Route, parse_blobs, parse_slots},
    block::{seal_header, verified_receipts, verified_transactions},
    commitments_in,
    contracts::BatchInbox,
};
use alloy_consensus::{
    Receipt, ReceiptEnvelope, TxEnvelope,
    proofs::{calculate_receipt_root, ordered_trie_root_encoded},
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Log, LogData};
use alloy_rpc_types_eth::{Block, TransactionReceipt};
use alloy_sol_types::SolEvent;
use openledger_primitives::Header;

/// Reads bytes as an endpoint's answer: the first says which, the rest is a block's JSON, receipts'
/// JSON or the data of the inbox's event. The target of the fuzzer `l1_answer`. What a header must
/// confirm is made to be what it confirms, so that everything behind that check is reached.
///
/// # Panics
/// If reading does, or if what was verified isn't what was answered.
pub fn l1_answer(data: &[u8]) {
    let Some((kind, answer)) = data.split_first() else {
        return;
    };
    match kind % 3 {
        0 => block(answer),
        1 => receipts(answer),
        _ => commitment(answer),
    }
}

/// Reads bytes as a beacon node's answer: the first byte says to which route, the rest is JSON; of the
/// answers about slots both, with a zero byte between them. The target of the fuzzer `beacon_answer`.
///
/// # Panics
/// If reading does, or gives more than an answer may hold.
pub fn beacon_answer(data: &[u8]) {
    let Some((kind, answer)) = data.split_first() else {
        return;
    };
    let route = match kind % 3 {
        0 => Route::All,
        1 => Route::Sidecars,
        _ => {
            let mut parts = answer.splitn(2, |byte| *byte == 0);
            let (spec, genesis) = (parts.next(), parts.next());
            let _ = parse_slots(spec.unwrap_or_default(), genesis.unwrap_or_default());
            return;
        }
    };
    let Ok(candidates) = parse_blobs(route, answer) else {
        return;
    };
    assert!(candidates.len() <= ANSWER_BLOBS_MAX);
    for candidate in candidates {
        // Two digits a byte.
        assert!(candidate.blob.len().saturating_mul(2) < answer.len());
        assert_eq!(candidate.proof.is_some(), route == Route::Sidecars);
    }
}

fn block(json: &[u8]) {
    let Ok(mut block) = serde_json::from_slice::<Option<Block>>(json) else {
        return;
    };
    let Some(block) = &mut block else { return };
    let _ = seal_header(block.header.inner.clone(), block.header.hash);
    let encoded: Vec<Vec<u8>> = block
        .transactions
        .txns()
        .map(|tx| tx.inner.inner().encoded_2718())
        .collect();
    // As it is, then with the root that it must have.
    let _ = verified_transactions(block.clone());
    block.header.inner.transactions_root = ordered_trie_root_encoded(&encoded);
    let Ok(transactions) = verified_transactions(block.clone()) else {
        return;
    };
    assert_eq!(transactions.len(), encoded.len());
    for (tx, encoded) in transactions.iter().zip(&encoded) {
        assert_eq!(tx.envelope.encoded_2718(), *encoded);
        let _ = (tx.hash(), tx.sender(), tx.to(), tx.input().len());
        assert!(tx.blob_hashes().is_empty() || matches!(tx.envelope, TxEnvelope::Eip4844(_)));
    }
}

fn receipts(json: &[u8]) {
    let Ok(Some(answer)) = serde_json::from_slice::<Option<Vec<TransactionReceipt>>>(json) else {
        return;
    };
    let consensus: Vec<ReceiptEnvelope> = answer
        .iter()
        .map(|receipt| receipt.clone().into_primitives_receipt().inner)
        .collect();
    let header = Header {
        receipts_root: calculate_receipt_root(&consensus),
        ..Header::default()
    };
    let count = answer.len();
    if let Ok(receipts) = verified_receipts(&header, answer) {
        assert_eq!(receipts.len(), count);
    }
}

fn commitment(data: &[u8]) {
    let inbox = Address::repeat_byte(0xff);
    let log = Log {
        address: inbox,
        data: LogData::new_unchecked(
            vec![
                BatchInbox::BatchCommitted::SIGNATURE_HASH,
                B256::ZERO,
                B256::ZERO,
            ],
            Bytes::copy_from_slice(data),
        ),
    };
    let receipt = Receipt {
        status: true.into(),
        cumulative_gas_used: 0,
        logs: vec![log],
    };
    let block = L1BlockData {
        header: Header::default(),
        hash: B256::ZERO,
        transactions: vec![crate::L1Transaction::new(TxEnvelope::Legacy(
            alloy_consensus::Signed::new_unchecked(
                alloy_consensus::TxLegacy::default(),
                alloy_primitives::Signature::test_signature(),
                B256::ZERO,
            ),
        ))],
        receipts: vec![ReceiptEnvelope::Legacy(receipt.into())],
    };
    if let Ok(commitments) = commitments_in(&block, inbox) {
        assert_eq!(commitments.len(), 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../testing/fuzz/corpus")
            .join(target);
        let mut paths: Vec<_> = fs::read_dir(folder)
            .expect("a corpus")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        paths.sort();
        paths
            .iter()
            .map(|path| fs::read(path).expect("a readable file"))
            .collect()
    }

    #[test]
    fn the_corpus_of_l1_answers_is_survived() {
        let corpus = corpus("l1_answer");
        for data in &corpus {
            // Cut off anywhere, too.
            (0..=data.len()).for_each(|length| l1_answer(&data[..length]));
        }
        assert!(corpus.len() >= 8, "{} files", corpus.len());
    }

    #[test]
    fn seeds_are_answers() {
        let mut blocks = 0;
        let mut receipts = 0;
        for seed in &corpus("l1_answer") {
            let (kind, json) = seed.split_first().expect("not empty");
            if *kind == 0 && serde_json::from_slice::<Block>(json).is_ok() {
                blocks += 1;
            }
            if *kind == 1 && serde_json::from_slice::<Vec<TransactionReceipt>>(json).is_ok() {
                receipts += 1;
            }
        }
        assert!(blocks >= 4 && receipts >= 2, "{blocks}, {receipts}");
    }

    #[test]
    fn the_corpus_of_beacon_answers_is_survived() {
        let corpus = corpus("beacon_answer");
        let mut read = [0; 3];
        for data in &corpus {
            (0..=data.len()).for_each(|length| beacon_answer(&data[..length]));
            let (kind, answer) = data.split_first().expect("not empty");
            let is_read = match kind % 3 {
                0 => parse_blobs(Route::All, answer).is_ok(),
                1 => parse_blobs(Route::Sidecars, answer).is_ok(),
                _ => {
                    let mut parts = answer.splitn(2, |byte| *byte == 0);
                    let (spec, genesis) = (parts.next(), parts.next());
                    parse_slots(spec.unwrap_or_default(), genesis.unwrap_or_default()).is_ok()
                }
            };
            read[usize::from(kind % 3)] += usize::from(is_read);
        }
        // Of each route there is one that is an answer.
        assert!(read.iter().all(|count| *count > 0), "{read:?}");
    }

    #[test]
    fn the_corpus_of_sender_records_is_survived() {
        let corpus = corpus("sender_record");
        for data in &corpus {
            (0..=data.len()).for_each(|length| crate::sender_record(&data[..length]));
        }
        assert!(corpus.len() >= 4, "{} files", corpus.len());
    }
}
