//! What the fuzzers of the store feed: every decoder of records, and the reader of journal files, on
//! what a damaged disk may hold.

use crate::{
    codec::{
        account,
        block::{decode_body, decode_header, encode_body, encode_header},
        changes::ChangedKeys,
        node::NodeRecord,
        receipt,
    },
    journal, keys,
};
use openledger_trie::NodeView;
use std::collections::BTreeMap;

/// Decodes a record as one family's decoder would, which its first byte chooses: the target of the
/// fuzzer `store_record`.
///
/// # Panics
/// If a decoder does, or if what was decoded and encoded anew decodes to something else.
pub fn store_record(data: &[u8]) {
    let Some((kind, record)) = data.split_first() else {
        return;
    };
    match kind % 7 {
        0 => {
            if let Some(found) = account::decode(record) {
                let again = account::decode(&account::encode(&found));
                assert_eq!(again, Some(found));
            }
        }
        1 => {
            if let Some(found) = decode_header(record) {
                let again = encode_header(found.hash(), &found);
                assert_eq!(decode_header(&again), Some(found));
            }
        }
        2 => {
            if let Some((transactions, senders)) = decode_body(record) {
                let again = encode_body(&transactions, &senders);
                assert_eq!(decode_body(&again), Some((transactions, senders)));
            }
        }
        3 => {
            if let Some(found) = receipt::decode(record) {
                assert_eq!(receipt::decode(&receipt::encode(&found)), Some(found));
            }
        }
        4 => {
            if let Some(found) = ChangedKeys::decode(record) {
                assert_eq!(ChangedKeys::decode(&found.encode()), Some(found));
            }
        }
        5 => {
            if let Some(NodeRecord::Rlp(rlp)) = NodeRecord::decode(record) {
                let _ = NodeView::decode(rlp);
            }
        }
        _ => {
            let _ = (keys::slot_of(record), keys::number_of(record));
            if let Some((account, path)) = keys::parse_trie_path(record) {
                let again = keys::trie_path(account, &path);
                assert_eq!(keys::parse_trie_path(again.as_ref()), Some((account, path)));
            }
        }
    }
}

/// Reads bytes as a journal's file; then writes one whose records they describe, damages it as they
/// say and reads that: the target of the fuzzer `journal_file`.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 2 | where the file is cut off, modulo its length and one, big-endian |
/// | 2 | 2 | which byte is changed, modulo its length, big-endian |
/// | 4 | 1 | the bits that are turned in it |
/// | 5 | | records: index (1), length of the content (1), content |
///
/// # Panics
/// If reading does, or if a record before the damage is lost or one behind it comes back.
pub fn journal_file(data: &[u8]) {
    let _ = (journal::live_block(data, 0, None), journal::records(data));
    let Some((damage, mut rest)) = data.split_first_chunk::<5>() else {
        return;
    };
    let mut records = Vec::new();
    while let Some(([index, len], after)) = rest.split_first_chunk::<2>() {
        let (content, after) = after.split_at(usize::from(*len).min(after.len()));
        records.push((u32::from(*index), content));
        rest = after;
    }
    let cut = u16::from_be_bytes([damage[0], damage[1]]);
    let changed = u16::from_be_bytes([damage[2], damage[3]]);
    check_damaged(&records, cut.into(), changed.into(), damage[4]);
}

/// Writes a file with these records, turns bits of one byte, cuts it off and reads what is left: all
/// that lies before the damage and nothing else.
///
/// # Panics
/// If that isn't so.
fn check_damaged(records: &[(u32, &[u8])], cut: usize, changed: usize, bits: u8) {
    const EPOCH: u64 = 3;
    const BLOCK: u64 = 7;
    let header = journal::header(EPOCH, BLOCK);
    let mut bytes = header.to_vec();
    let mut check = journal::header_check(&header);
    let mut ends = Vec::with_capacity(records.len());
    for (index, content) in records {
        journal::encode_record(&mut check, *index, content, &mut bytes);
        ends.push(bytes.len());
    }
    let cut = cut % (bytes.len() + 1);
    let changed = changed % bytes.len();
    bytes[changed] ^= bits;
    bytes.truncate(cut);
    let sound = if bits == 0 { cut } else { cut.min(changed) };

    let whole = ends.iter().take_while(|end| **end <= sound).count();
    let expected: BTreeMap<u32, Vec<u8>> = records[..whole]
        .iter()
        .map(|(index, content)| (*index, content.to_vec()))
        .collect();
    let len = ends[..whole]
        .last()
        .copied()
        .unwrap_or(journal::HEADER_BYTES);
    let found = journal::live_block(&bytes, EPOCH, Some(BLOCK - 1));
    if sound < journal::HEADER_BYTES {
        assert_eq!(found, None);
    } else {
        assert_eq!(
            found.map(|(block, _, len)| (block, len)),
            Some((BLOCK, len as u64))
        );
        assert_eq!(journal::records(&bytes), expected);
    }
    assert_eq!(journal::live_block(&bytes, EPOCH + 1, None), None);
    assert_eq!(journal::live_block(&bytes, EPOCH, Some(BLOCK)), None);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::changes::ChangedAccount;
    use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEip7702, TxLegacy};
    use alloy_primitives::{Address, B256, Bytes, Log, Signature, U256, hex};
    use op_alloy_consensus::{OpTxType, TxDeposit};
    use openledger_primitives::{Account, Header, Receipt, Transaction};
    use std::{fs, path::PathBuf};

    const TARGETS: [(&str, fn(&[u8])); 2] = [
        ("store_record", store_record),
        ("journal_file", journal_file),
    ];

    fn corpus(target: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../testing/fuzz/corpus")
            .join(target)
    }

    fn records() -> Vec<Vec<u8>> {
        let account = Account {
            nonce: 300,
            balance: U256::from(1_000_000),
            code_hash: B256::repeat_byte(1),
            storage_root: B256::repeat_byte(2),
        };
        let header = Header {
            number: 9,
            base_fee_per_gas: Some(1),
            withdrawals_root: Some(B256::repeat_byte(1)),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            requests_hash: Some(B256::repeat_byte(2)),
            ..Header::default()
        };
        let signature = Signature::new(U256::from(1), U256::from(2), false);
        let deposit = TxDeposit {
            mint: 3,
            gas_limit: 1_000_000,
            ..TxDeposit::default()
        };
        let transactions: Vec<Transaction> = vec![
            deposit.into(),
            TxLegacy::default().into_signed(signature).into(),
            TxEip1559::default().into_signed(signature).into(),
            TxEip7702::default().into_signed(signature).into(),
        ];
        let senders = [Address::ZERO, Address::ZERO, Address::ZERO, Address::ZERO];
        let log = Log::new_unchecked(
            Address::repeat_byte(4),
            vec![B256::repeat_byte(5); 4],
            Bytes::from_static(b"data"),
        );
        let receipts = [
            Receipt::from_parts(true, 46_000, &[], OpTxType::Deposit, Some(9), Some(1)),
            Receipt::from_parts(true, 67_000, &[log], OpTxType::Eip1559, None, None),
        ];
        let changes = ChangedKeys {
            paths: vec![vec![], vec![1], vec![1, 2], vec![1, 2, 3, 4]],
            accounts: vec![ChangedAccount {
                address: Address::repeat_byte(7),
                slots: vec![U256::ZERO, U256::MAX],
                paths: vec![vec![15; 64]],
            }],
        };
        let mut leaf = Vec::new();
        openledger_trie::encode_leaf([1; 20].into_iter(), &[9; 40], &mut leaf);
        let path = keys::trie_path(Some(B256::repeat_byte(9)), &[1, 2, 3]);
        [
            account::encode(&account),
            encode_header(header.hash_slow(), &header),
            encode_body(&transactions, &senders),
            receipt::encode(&receipts),
            changes.encode(),
            leaf,
            path.as_ref().to_vec(),
        ]
        .into_iter()
        .zip(0..)
        .map(|(record, kind)| [&[kind], &record[..]].concat())
        .collect()
    }

    fn seeds(target: &str) -> Vec<Vec<u8>> {
        if target == "store_record" {
            return records();
        }
        let file = |cut: u16, changed: u16, bits: u8| {
            let damage = [&cut.to_be_bytes()[..], &changed.to_be_bytes(), &[bits]].concat();
            [&damage[..], &[0, 3], b"abc", &[1, 0], &[0, 2], b"de"].concat()
        };
        vec![file(85, 0, 0), file(84, 0, 0), file(85, 60, 4), {
            let mut raw = journal::header(0, 5).to_vec();
            let mut check = journal::header_check(&journal::header(0, 5));
            journal::encode_record(&mut check, 2, b"content", &mut raw);
            raw
        }]
    }

    #[test]
    fn seeds_are_as_they_are_made() {
        let write = std::env::var_os("OPENLEDGER_WRITE_SEEDS").is_some();
        for (target, _) in TARGETS {
            for (index, seed) in seeds(target).into_iter().enumerate() {
                let path = corpus(target).join(format!("seed-{index:02}"));
                if write {
                    fs::create_dir_all(corpus(target)).unwrap();
                    fs::write(&path, &seed).unwrap();
                }
                let found = fs::read(&path).unwrap();
                assert_eq!(hex::encode(found), hex::encode(seed), "{}", path.display());
            }
        }
    }

    #[test]
    fn seeds_are_whole_records() {
        let records = records();
        assert!(account::decode(&records[0][1..]).is_some());
        assert!(decode_header(&records[1][1..]).is_some());
        assert!(decode_body(&records[2][1..]).is_some());
        assert!(receipt::decode(&records[3][1..]).is_some());
        assert!(ChangedKeys::decode(&records[4][1..]).is_some());
        assert!(matches!(
            NodeRecord::decode(&records[5][1..]),
            Some(NodeRecord::Rlp(rlp)) if NodeView::decode(rlp).is_ok()
        ));
        assert!(keys::parse_trie_path(&records[6][1..]).is_some());
        let raw = &seeds("journal_file")[3];
        assert_eq!(journal::live_block(raw, 0, None).unwrap().0, 5);
        assert_eq!(journal::records(raw).len(), 1);
    }

    #[test]
    fn corpora_replay() {
        for (target, run) in TARGETS {
            let mut files = 0;
            for entry in fs::read_dir(corpus(target)).unwrap() {
                let data = fs::read(entry.unwrap().path()).unwrap();
                // Cut off anywhere, too.
                (0..=data.len()).for_each(|length| run(&data[..length]));
                files += 1;
            }
            assert!(files >= seeds(target).len(), "{target} has {files} files");
        }
    }
}
