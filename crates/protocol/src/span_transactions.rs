//! The transactions of a span batch: taken apart into columns, and put together again.
//!
//! What both directions need of a transaction is only where its fields stand; they are moved as RLP
//! items, not interpreted beyond what op-node checks.

use crate::{
    MAX_SPAN_BATCH_ELEMENT_COUNT, SpanBatchError,
    span_batch::{Bits, Reader, put_uvarint},
};
use alloc::vec::Vec;
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, Bytes, U256};
use alloy_rlp::{Decodable, Encodable, Header};

const SIGNATURE_LEN: usize = 64;
/// First byte of an RLP list that has no length bytes, and so of every untyped transaction's list.
const RLP_LIST: u8 = 0xc0;
/// Most bytes of an integer field.
const U256_LEN: usize = 32;

/// How the fields of a type stand in its EIP-2718 form and in a span batch.
///
/// EIP-2718: `chain_id? nonce fees… gas to value data lists… v r s`; in the batch: `value fees… data
/// lists…`.
struct Layout {
    /// Fields in the batch.
    packed: usize,
    /// Fields in the EIP-2718 form.
    full: usize,
    /// Fee fields: one gas price, or tip and cap.
    fees: usize,
    /// Lists after the data: access list, authorizations.
    lists: usize,
    /// Whether the first field is the chain id; an untyped transaction has it in `v`.
    typed: bool,
}

impl Layout {
    fn of(tx_type: u8, index: usize) -> Result<Self, SpanBatchError> {
        match tx_type {
            0 => Ok(Self {
                packed: 3,
                full: 9,
                fees: 1,
                lists: 0,
                typed: false,
            }),
            1 => Ok(Self {
                packed: 4,
                full: 11,
                fees: 1,
                lists: 1,
                typed: true,
            }),
            2 => Ok(Self {
                packed: 5,
                full: 12,
                fees: 2,
                lists: 1,
                typed: true,
            }),
            4 => Ok(Self {
                packed: 6,
                full: 13,
                fees: 2,
                lists: 2,
                typed: true,
            }),
            tx_type => Err(SpanBatchError::TransactionType { index, tx_type }),
        }
    }
}

/// Reads the eight columns of `count` transactions and gives each transaction its EIP-2718 form back.
pub(crate) fn decode_transactions(
    reader: &mut Reader<'_>,
    count: usize,
    chain_id: u64,
) -> Result<Vec<Bytes>, SpanBatchError> {
    let creations = reader.bits(count)?;
    let parities = reader.bits(count)?;
    let signatures = reader.take(count.saturating_mul(SIGNATURE_LEN))?;
    let calls = count.saturating_sub(creations.count_ones());
    let mut recipients = reader
        .take(calls.saturating_mul(Address::len_bytes()))?
        .chunks_exact(Address::len_bytes());
    // `signatures` was there, so that `count` is bounded by the input from here on.
    let mut data = Vec::with_capacity(count);
    for index in 0..count {
        data.push(read_data(reader, index)?);
    }
    let nonces = read_uvarints(reader, count)?;
    let gas_limits = read_uvarints(reader, count)?;
    let legacy_count = data.iter().filter(|(tx_type, _)| *tx_type == 0).count();
    let protected = reader.bits(legacy_count)?;

    // All transactions share one allocation.
    let mut bytes = Vec::new();
    let mut ends = Vec::with_capacity(count);
    let mut legacy = 0_usize;
    let columns = data
        .iter()
        .zip(signatures.chunks_exact(SIGNATURE_LEN))
        .zip(nonces.iter().zip(&gas_limits));
    for (index, (((tx_type, list), signature), (nonce, gas_limit))) in columns.enumerate() {
        let parity = parities.get(index);
        let v = if *tx_type == 0 {
            let is_protected = protected.get(legacy);
            legacy = legacy.saturating_add(1);
            legacy_v(parity, is_protected.then_some(chain_id))
        } else {
            u128::from(parity)
        };
        let to = if creations.get(index) {
            None
        } else {
            recipients.next()
        };
        let tx = Unpacked {
            nonce: *nonce,
            gas_limit: *gas_limit,
            to,
            v,
            signature,
            chain_id,
        };
        tx.join(*tx_type, list, index, &mut bytes)?;
        ends.push(bytes.len());
    }
    let bytes = Bytes::from(bytes);
    let mut start = 0;
    Ok(ends
        .into_iter()
        .map(|end| {
            let tx = bytes.slice(start..end);
            start = end;
            tx
        })
        .collect())
}

fn read_uvarints(reader: &mut Reader<'_>, count: usize) -> Result<Vec<u64>, SpanBatchError> {
    let mut values = Vec::with_capacity(count.min(reader.0.len()));
    for _ in 0..count {
        values.push(reader.uvarint()?);
    }
    Ok(values)
}

/// The type and the list's payload of the next transaction's data.
fn read_data<'a>(reader: &mut Reader<'a>, index: usize) -> Result<(u8, &'a [u8]), SpanBatchError> {
    let malformed = SpanBatchError::Transaction { index };
    let first = *reader
        .0
        .first()
        .ok_or(SpanBatchError::Truncated { missing: 1 })?;
    let tx_type = if first >= RLP_LIST {
        0
    } else {
        reader.take(1)?;
        match first {
            // Untyped is said by leaving the type out.
            0 => return Err(SpanBatchError::TransactionType { index, tx_type: 0 }),
            0x80.. => return Err(malformed),
            tx_type => tx_type,
        }
    };
    let before = reader.0.len();
    let payload = Header::decode_bytes(&mut reader.0, true).map_err(|_| malformed)?;
    let len = before.saturating_sub(reader.0.len()) as u64;
    if len > MAX_SPAN_BATCH_ELEMENT_COUNT {
        return Err(SpanBatchError::TooMany { count: len });
    }
    Ok((tx_type, payload))
}

/// EIP-155: 35 + 2 · chain id + parity; 27 + parity without.
fn legacy_v(parity: bool, chain_id: Option<u64>) -> u128 {
    let base = chain_id.map_or(27, |id| u128::from(id).saturating_mul(2).saturating_add(35));
    base.saturating_add(u128::from(parity))
}

/// The fields of a transaction that stand in columns of their own.
struct Unpacked<'a> {
    nonce: u64,
    gas_limit: u64,
    to: Option<&'a [u8]>,
    v: u128,
    signature: &'a [u8],
    chain_id: u64,
}

impl Unpacked<'_> {
    /// Appends the EIP-2718 form of the transaction whose other fields are the items of `list`.
    fn join(
        &self,
        tx_type: u8,
        list: &[u8],
        index: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), SpanBatchError> {
        let malformed = SpanBatchError::Transaction { index };
        let layout = Layout::of(tx_type, index)?;
        let items = split_items(list, layout.packed).ok_or(malformed)?;
        let (value, items) = items.split_first().ok_or(malformed)?;
        let (fees, items) = items.split_at_checked(layout.fees).ok_or(malformed)?;
        let (input, lists) = items.split_first().ok_or(malformed)?;
        let integers_valid = core::iter::once(value).chain(fees).all(|item| {
            integer(item).is_some_and(|digits| tx_type != 4 || digits.len() <= U256_LEN)
        });
        // A delegation always has a recipient (EIP-7702).
        let recipient_valid = tx_type != 4 || self.to.is_some();
        if !integers_valid || !recipient_valid || string(input).is_none() || !lists_valid(lists) {
            return Err(malformed);
        }
        let (r, s) = self.signature.split_at_checked(U256_LEN).ok_or(malformed)?;
        let mut fields = Vec::with_capacity(list.len().saturating_add(128));
        if layout.typed {
            self.chain_id.encode(&mut fields);
        }
        self.nonce.encode(&mut fields);
        for fee in fees {
            fields.extend_from_slice(fee);
        }
        self.gas_limit.encode(&mut fields);
        self.to.unwrap_or_default().encode(&mut fields);
        fields.extend_from_slice(value);
        fields.extend_from_slice(input);
        for list in lists {
            fields.extend_from_slice(list);
        }
        self.v.encode(&mut fields);
        U256::from_be_slice(r).encode(&mut fields);
        U256::from_be_slice(s).encode(&mut fields);
        if layout.typed {
            out.push(tx_type);
        }
        Header {
            list: true,
            payload_length: fields.len(),
        }
        .encode(out);
        out.extend_from_slice(&fields);
        Ok(())
    }
}

/// Access list and authorizations must be such, for what they are is hashed and signed.
fn lists_valid(lists: &[&[u8]]) -> bool {
    let access_list = lists.first().is_none_or(|list| decodes::<AccessList>(list));
    access_list
        && lists
            .get(1)
            .is_none_or(|list| decodes::<Vec<SignedAuthorization>>(list))
}

fn decodes<T: Decodable>(mut item: &[u8]) -> bool {
    T::decode(&mut item).is_ok() && item.is_empty()
}

/// The raw items of a list's payload, if there are `count`.
fn split_items(mut payload: &[u8], count: usize) -> Option<Vec<&[u8]>> {
    let mut items = Vec::with_capacity(count);
    while !payload.is_empty() {
        if items.len() == count {
            return None;
        }
        let item = payload;
        let header = Header::decode(&mut payload).ok()?;
        payload = payload.get(header.payload_length..)?;
        items.push(item.get(..item.len().checked_sub(payload.len())?)?);
    }
    (items.len() == count).then_some(items)
}

/// The payload of an item that is a string.
fn string(mut item: &[u8]) -> Option<&[u8]> {
    Header::decode_bytes(&mut item, false).ok()
}

/// The digits of an item that is an integer: a string without leading zeros.
fn integer(item: &[u8]) -> Option<&[u8]> {
    string(item).filter(|digits| digits.first() != Some(&0))
}

fn integer_as<T: Decodable>(mut item: &[u8]) -> Option<T> {
    T::decode(&mut item).ok()
}

/// Appends the eight columns of `transactions`, which are in EIP-2718 form.
pub(crate) fn encode_transactions(
    transactions: &[Bytes],
    chain_id: u64,
    out: &mut Vec<u8>,
) -> Result<(), SpanBatchError> {
    let count = transactions.len();
    let mut creations = Bits::zeros(count);
    let mut parities = Bits::zeros(count);
    let mut signatures = Vec::with_capacity(count.saturating_mul(SIGNATURE_LEN));
    let mut recipients = Vec::with_capacity(count.saturating_mul(Address::len_bytes()));
    let mut data = Vec::new();
    let mut nonces = Vec::with_capacity(count);
    let mut gas_limits = Vec::with_capacity(count);
    let mut protections = Vec::new();
    for (index, tx) in transactions.iter().enumerate() {
        let malformed = SpanBatchError::Transaction { index };
        let (tx_type, mut list) = match tx.split_first().ok_or(malformed)? {
            (RLP_LIST.., _) => (0, &tx[..]),
            (0, _) => return Err(SpanBatchError::TransactionType { index, tx_type: 0 }),
            (tx_type, list) => (*tx_type, list),
        };
        let layout = Layout::of(tx_type, index)?;
        let payload = Header::decode_bytes(&mut list, true).map_err(|_| malformed)?;
        let items = split_items(payload, layout.full).ok_or(malformed)?;
        if !list.is_empty() {
            return Err(malformed);
        }
        let items = if layout.typed {
            let (id, items) = items.split_first().ok_or(malformed)?;
            if integer_as::<u64>(id).ok_or(malformed)? != chain_id {
                return Err(SpanBatchError::ChainId { index, chain_id });
            }
            items
        } else {
            &items[..]
        };
        let (nonce, items) = items.split_first().ok_or(malformed)?;
        let (fees, items) = items.split_at_checked(layout.fees).ok_or(malformed)?;
        let [gas_limit, to, value, input, rest @ ..] = items else {
            return Err(malformed);
        };
        let (lists, rest) = rest.split_at_checked(layout.lists).ok_or(malformed)?;
        let [v, r, s] = rest else {
            return Err(malformed);
        };

        match string(to).ok_or(malformed)? {
            [] => creations.set(index),
            to if to.len() == Address::len_bytes() => recipients.extend_from_slice(to),
            _ => return Err(malformed),
        }
        let v = integer_as::<u128>(v).ok_or(malformed)?;
        let parity = if tx_type == 0 {
            let protected = v != 27 && v != 28;
            protections.push(protected);
            let base = legacy_v(false, protected.then_some(chain_id));
            v.checked_sub(base)
                .ok_or(SpanBatchError::ChainId { index, chain_id })?
        } else {
            v
        };
        match parity {
            0 => {}
            1 => parities.set(index),
            _ if tx_type == 0 => return Err(SpanBatchError::ChainId { index, chain_id }),
            _ => return Err(malformed),
        }
        for half in [r, s] {
            let half = integer_as::<U256>(half).ok_or(malformed)?;
            signatures.extend_from_slice(&half.to_be_bytes::<U256_LEN>());
        }
        put_uvarint(&mut nonces, integer_as(nonce).ok_or(malformed)?);
        put_uvarint(&mut gas_limits, integer_as(gas_limit).ok_or(malformed)?);
        if layout.typed {
            data.push(tx_type);
        }
        let packed = || {
            core::iter::once(value)
                .chain(fees)
                .chain([input])
                .chain(lists)
        };
        let payload_length = packed()
            .map(|item| item.len())
            .fold(0, usize::saturating_add);
        Header {
            list: true,
            payload_length,
        }
        .encode(&mut data);
        for item in packed() {
            data.extend_from_slice(item);
        }
    }
    let mut protected = Bits::zeros(protections.len());
    for (index, _) in protections
        .iter()
        .enumerate()
        .filter(|(_, protected)| **protected)
    {
        protected.set(index);
    }
    creations.encode(out);
    parities.encode(out);
    for column in [&signatures, &recipients, &data, &nonces, &gas_limits] {
        out.extend_from_slice(column);
    }
    protected.encode(out);
    Ok(())
}
