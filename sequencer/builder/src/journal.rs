//! The journal of the open block: record 0 holds its attributes, every further record a transaction in
//! the order of execution (20 bytes sender, then its EIP-2718 bytes).

use crate::BuilderError;
use alloy_eips::Decodable2718;
use alloy_primitives::{Address, Bytes};
use openledger_mempool::RecoveredTransaction;
use openledger_primitives::{BlockAttributes, Transaction};
use openledger_store::Store;

/// What a crash left of the open block.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) attributes: BlockAttributes,
    pub(crate) transactions: Vec<RecoveredTransaction>,
}

/// Reads the journal of block `number`; `None` if nothing was preconfirmed.
pub(crate) fn read(store: &Store, number: u64) -> Result<Option<Recorded>, BuilderError> {
    let records = store.journal(number)?;
    let Some((first, rest)) = records.split_first() else {
        return Ok(None);
    };
    let attributes =
        serde_json::from_slice(first).map_err(|_| BuilderError::Journal { number, index: 0 })?;
    let transactions = rest
        .iter()
        .enumerate()
        .map(|(index, record)| {
            decode(record).ok_or(BuilderError::Journal {
                number,
                index: index + 1,
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Some(Recorded {
        attributes,
        transactions,
    }))
}

/// The record of a block's attributes.
pub(crate) fn encode_attributes(attributes: &BlockAttributes) -> Vec<u8> {
    serde_json::to_vec(attributes).expect("plain data with string keys serialises")
}

/// The record of a transaction.
pub(crate) fn encode(sender: Address, encoded: &Bytes) -> Vec<u8> {
    [sender.as_slice(), encoded].concat()
}

/// Set in a pooled transaction's place if it was in a block that was unwound.
const REINJECTED: u64 = 1 << 63;

/// What is stored of a transaction that waits in the pool.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PooledRecord {
    /// Its place among all.
    pub(crate) sequence: u64,
    /// Whether it was in a block that was unwound.
    pub(crate) is_reinjected: bool,
    /// Its EIP-2718 bytes; none if the record is damaged.
    pub(crate) encoded: Bytes,
}

/// The record of a transaction that waits in the pool: its place among all (8 bytes, the top bit set if
/// it was in a block that was unwound), then its EIP-2718 bytes.
pub(crate) fn encode_pooled(sequence: u64, is_reinjected: bool, encoded: &Bytes) -> Vec<u8> {
    let flag = if is_reinjected { REINJECTED } else { 0 };
    [&(sequence | flag).to_be_bytes(), encoded.as_ref()].concat()
}

/// Reads what [`encode_pooled`] wrote.
pub(crate) fn decode_pooled(record: &[u8]) -> PooledRecord {
    let (place, encoded) = record
        .split_first_chunk::<8>()
        .map_or((0, &[][..]), |(place, encoded)| {
            (u64::from_be_bytes(*place), encoded)
        });
    PooledRecord {
        sequence: place & !REINJECTED,
        is_reinjected: place & REINJECTED != 0,
        encoded: Bytes::copy_from_slice(encoded),
    }
}

fn decode(record: &[u8]) -> Option<RecoveredTransaction> {
    let (sender, encoded) = record.split_at_checked(20)?;
    let transaction = Transaction::decode_2718_exact(encoded).ok()?;
    Some(RecoveredTransaction {
        hash: transaction.tx_hash(),
        transaction,
        sender: Address::from_slice(sender),
        encoded: Bytes::copy_from_slice(encoded),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{SignableTransaction, TxEip1559};
    use alloy_eips::Encodable2718;
    use alloy_primitives::{B64, B256, Signature, U256};

    fn transaction() -> Transaction {
        let signature = Signature::new(U256::from(1), U256::from(2), false);
        TxEip1559 {
            chain_id: 1,
            nonce: 7,
            ..Default::default()
        }
        .into_signed(signature)
        .into()
    }

    #[test]
    fn a_record_keeps_the_sender_and_the_bytes() {
        let transaction = transaction();
        let encoded = Bytes::from(transaction.encoded_2718());
        let sender = Address::repeat_byte(9);
        let recovered = decode(&encode(sender, &encoded)).expect("decodes");
        assert_eq!((recovered.sender, &recovered.encoded), (sender, &encoded));
        assert_eq!(recovered.hash, transaction.tx_hash());
    }

    #[test]
    fn damaged_records_are_noticed() {
        let record = encode(Address::ZERO, &transaction().encoded_2718().into());
        for length in 0..record.len() {
            assert!(decode(&record[..length]).is_none(), "{length} bytes");
        }
    }

    #[test]
    fn a_pooled_record_keeps_its_place_and_where_it_came_from() {
        let encoded = Bytes::from(transaction().encoded_2718());
        for is_reinjected in [false, true] {
            let record = encode_pooled(7, is_reinjected, &encoded);
            let expected = PooledRecord {
                sequence: 7,
                is_reinjected,
                encoded: encoded.clone(),
            };
            assert_eq!(decode_pooled(&record), expected);
        }
        assert!(decode_pooled(&[1, 2, 3]).encoded.is_empty());
    }

    #[test]
    fn attributes_survive_the_journal() {
        let attributes = BlockAttributes {
            timestamp: 5,
            prev_randao: B256::repeat_byte(1),
            fee_recipient: Address::repeat_byte(2),
            parent_beacon_block_root: B256::repeat_byte(3),
            gas_limit: 60_000_000,
            eip1559_params: B64::repeat_byte(4),
            min_base_fee: None,
            transactions: vec![transaction()],
            no_tx_pool: false,
        };
        let decoded: BlockAttributes =
            serde_json::from_slice(&encode_attributes(&attributes)).expect("decodes");
        assert_eq!(decoded, attributes);
    }
}
