//! Receipts: for each its type (low seven bits) and status (high bit), the gas that it adds to the
//! cumulative gas, a deposit's nonce and version, and its logs. Blooms are recomputed.

use super::{Reader, put_varint};
use alloy_primitives::{Bytes, Log, LogData};
use op_alloy_consensus::OpTxType;
use openledger_primitives::Receipt;

const STATUS: u8 = 0x80;
const HAS_NONCE: u8 = 1;
const HAS_VERSION: u8 = 2;
/// Most topics of a log (LOG4).
const TOPICS_MAX: u8 = 4;

pub(crate) fn encode(receipts: &[Receipt]) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + receipts.len() * 8);
    put_varint(receipts.len() as u64, &mut out);
    let mut gas = 0;
    for receipt in receipts {
        let ty = u8::from(receipt.tx_type());
        out.push(if receipt.is_success() {
            ty | STATUS
        } else {
            ty
        });
        let cumulative = receipt.cumulative_gas_used();
        put_varint(cumulative.wrapping_sub(gas), &mut out);
        gas = cumulative;
        if let Receipt::Deposit(deposit) = receipt {
            let (nonce, version) = (
                deposit.receipt.deposit_nonce,
                deposit.receipt.deposit_receipt_version,
            );
            let flags = nonce.map_or(0, |_| HAS_NONCE);
            out.push(flags | version.map_or(0, |_| HAS_VERSION));
            nonce
                .into_iter()
                .chain(version)
                .for_each(|value| put_varint(value, &mut out));
        }
        put_varint(receipt.logs().len() as u64, &mut out);
        for log in receipt.logs() {
            out.extend_from_slice(log.address.as_slice());
            out.push(log.data.topics().len() as u8);
            log.data
                .topics()
                .iter()
                .for_each(|topic| out.extend_from_slice(topic.as_slice()));
            put_varint(log.data.data.len() as u64, &mut out);
            out.extend_from_slice(&log.data.data);
        }
    }
    out
}

pub(crate) fn decode(record: &[u8]) -> Option<Vec<Receipt>> {
    let mut reader = Reader::new(record);
    let count = reader.count()?;
    let mut receipts = Vec::with_capacity(count);
    let mut gas = 0_u64;
    for _ in 0..count {
        let kind = reader.byte()?;
        let ty = OpTxType::try_from(kind & !STATUS).ok()?;
        gas = gas.wrapping_add(reader.varint()?);
        let (mut nonce, mut version) = (None, None);
        if ty == OpTxType::Deposit {
            let flags = reader.byte()?;
            if flags & HAS_NONCE != 0 {
                nonce = Some(reader.varint()?);
            }
            if flags & HAS_VERSION != 0 {
                version = Some(reader.varint()?);
            }
        }
        let logs_count = reader.count()?;
        let mut logs = Vec::with_capacity(logs_count);
        for _ in 0..logs_count {
            logs.push(decode_log(&mut reader)?);
        }
        receipts.push(Receipt::from_parts(
            kind & STATUS != 0,
            gas,
            &logs,
            ty,
            nonce,
            version,
        ));
    }
    reader.is_empty().then_some(receipts)
}

fn decode_log(reader: &mut Reader<'_>) -> Option<Log> {
    let address = reader.address()?;
    let topics_count = reader.byte().filter(|count| *count <= TOPICS_MAX)?;
    let topics = (0..topics_count)
        .map(|_| reader.hash())
        .collect::<Option<Vec<_>>>()?;
    let len = reader.count()?;
    let data = Bytes::copy_from_slice(reader.bytes(len)?);
    Some(Log {
        address,
        data: LogData::new(topics, data)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, B256};

    #[test]
    fn receipts_round_trip() {
        let log = |topics: usize, data: &'static [u8]| {
            Log::new_unchecked(
                Address::repeat_byte(4),
                (0..topics).map(|n| B256::repeat_byte(n as u8)).collect(),
                Bytes::from_static(data),
            )
        };
        let receipts = vec![
            Receipt::from_parts(true, 46_000, &[], OpTxType::Deposit, Some(9), Some(1)),
            Receipt::from_parts(
                true,
                67_000,
                &[log(0, b""), log(4, b"data")],
                OpTxType::Eip1559,
                None,
                None,
            ),
            Receipt::from_parts(false, 88_000, &[], OpTxType::Legacy, None, None),
            Receipt::from_parts(
                false,
                88_000,
                &[log(1, &[7; 300])],
                OpTxType::Eip7702,
                None,
                None,
            ),
            Receipt::from_parts(true, 99_000, &[], OpTxType::Deposit, None, None),
        ];
        let record = encode(&receipts);
        assert_eq!(decode(&record), Some(receipts));
        for len in 0..record.len() {
            assert_eq!(decode(&record[..len]), None, "{len}");
        }
    }
}
