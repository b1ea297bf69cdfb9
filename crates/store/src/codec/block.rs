//! Headers and bodies.
//!
//! A header's record is its hash and its RLP. A body's is the number of transactions, each with its
//! length in EIP-2718 form, then the sender of each signed one (a deposit names its own).

use super::{Reader, put_varint};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256};
use alloy_rlp::{Decodable, Encodable};
use openledger_primitives::{Header, SealedHeader, Transaction, deposit_sender};

pub(crate) fn encode_header(hash: B256, header: &Header) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + header.length());
    out.extend_from_slice(hash.as_slice());
    header.encode(&mut out);
    out
}

pub(crate) fn decode_header(record: &[u8]) -> Option<SealedHeader> {
    let hash = header_hash(record)?;
    let mut rlp = &record[32..];
    let header = Header::decode(&mut rlp).ok()?;
    rlp.is_empty()
        .then(|| SealedHeader::new_unchecked(header, hash))
}

/// The hash in a header's record, without decoding the rest.
pub(crate) fn header_hash(record: &[u8]) -> Option<B256> {
    record.get(..32).map(B256::from_slice)
}

pub(crate) fn encode_body(transactions: &[Transaction], senders: &[Address]) -> Vec<u8> {
    let bytes: usize = transactions
        .iter()
        .map(Encodable2718::encode_2718_len)
        .sum();
    let mut out = Vec::with_capacity(10 + bytes + transactions.len() * 24);
    put_varint(transactions.len() as u64, &mut out);
    for tx in transactions {
        put_varint(tx.encode_2718_len() as u64, &mut out);
        tx.encode_2718(&mut out);
    }
    for (tx, sender) in transactions.iter().zip(senders) {
        if deposit_sender(tx).is_none() {
            out.extend_from_slice(sender.as_slice());
        }
    }
    out
}

pub(crate) fn decode_body(record: &[u8]) -> Option<(Vec<Transaction>, Vec<Address>)> {
    let mut reader = Reader::new(record);
    let count = reader.count()?;
    let mut transactions = Vec::with_capacity(count);
    for _ in 0..count {
        let len = reader.count()?;
        transactions.push(Transaction::decode_2718_exact(reader.bytes(len)?).ok()?);
    }
    let mut senders = Vec::with_capacity(count);
    for tx in &transactions {
        senders.push(match deposit_sender(tx) {
            Some(sender) => sender,
            None => reader.address()?,
        });
    }
    reader.is_empty().then_some((transactions, senders))
}
