use crate::{BatchError, SINGULAR_BATCH_TYPE};
use alloc::vec::Vec;
use alloy_eips::BlockNumHash;
use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, Encodable, Header};

/// One L2 block as the batcher posts it: everything about it that L1 doesn't already say.
///
/// Encoded as the type byte 0 and the RLP list `[parent_hash, epoch_num, epoch_hash, timestamp,
/// [transaction…]]`, each transaction an RLP string that holds its EIP-2718 form. Deposits are not
/// among the transactions: they follow from the epoch.
///
/// Source: OP specification, "Batch format".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SingularBatch {
    /// Hash of the L2 block that the batch builds on.
    pub parent_hash: B256,
    /// Number of the L1 origin.
    pub epoch_num: u64,
    /// Hash of the L1 origin.
    pub epoch_hash: B256,
    /// Timestamp of the L2 block, seconds.
    pub timestamp: u64,
    /// Signed transactions in EIP-2718 form, not interpreted here.
    pub transactions: Vec<Bytes>,
}

impl SingularBatch {
    /// The L1 origin.
    pub const fn epoch(&self) -> BlockNumHash {
        BlockNumHash {
            number: self.epoch_num,
            hash: self.epoch_hash,
        }
    }

    fn transactions_payload_len(&self) -> usize {
        self.transactions
            .iter()
            .map(|tx| tx.length())
            .fold(0, usize::saturating_add)
    }

    fn list_header(&self) -> Header {
        let transactions = Header {
            list: true,
            payload_length: self.transactions_payload_len(),
        };
        let payload_length = [
            self.parent_hash.length(),
            self.epoch_num.length(),
            self.epoch_hash.length(),
            self.timestamp.length(),
            transactions.length_with_payload(),
        ]
        .into_iter()
        .fold(0, usize::saturating_add);
        Header {
            list: true,
            payload_length,
        }
    }

    /// Bytes of the encoded batch, type byte included.
    pub fn encoded_len(&self) -> usize {
        self.list_header().length_with_payload().saturating_add(1)
    }

    /// Appends the encoded batch, type byte first, to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.encoded_len());
        out.push(SINGULAR_BATCH_TYPE);
        self.list_header().encode(out);
        self.parent_hash.encode(out);
        self.epoch_num.encode(out);
        self.epoch_hash.encode(out);
        self.timestamp.encode(out);
        Header {
            list: true,
            payload_length: self.transactions_payload_len(),
        }
        .encode(out);
        for tx in &self.transactions {
            tx.encode(out);
        }
    }

    /// Decodes what follows the type byte. The transactions share `content`'s memory.
    ///
    /// Bytes after the list are ignored, as the specification allows.
    ///
    /// # Errors
    /// RLP that is not canonical, or not of the batch's shape.
    pub fn decode(content: &Bytes) -> Result<Self, BatchError> {
        let mut rest: &[u8] = content;
        let mut fields = Header::decode_bytes(&mut rest, true)?;
        let parent_hash = B256::decode(&mut fields)?;
        let epoch_num = u64::decode(&mut fields)?;
        let epoch_hash = B256::decode(&mut fields)?;
        let timestamp = u64::decode(&mut fields)?;
        let mut list = Header::decode_bytes(&mut fields, true)?;
        if !fields.is_empty() {
            return Err(BatchError::Rlp(alloy_rlp::Error::ListLengthMismatch {
                expected: 0,
                got: fields.len(),
            }));
        }
        let mut transactions = Vec::new();
        while !list.is_empty() {
            let tx = Header::decode_bytes(&mut list, false)?;
            transactions.push(if tx.is_empty() {
                Bytes::new()
            } else {
                content.slice_ref(tx)
            });
        }
        Ok(Self {
            parent_hash,
            epoch_num,
            epoch_hash,
            timestamp,
            transactions,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use alloy_primitives::hex;
    use proptest::prelude::*;

    prop_compose! {
        pub(crate) fn singular_batch()(
            parent_hash in any::<[u8; 32]>(),
            epoch_num in any::<u64>(),
            epoch_hash in any::<[u8; 32]>(),
            timestamp in any::<u64>(),
            transactions in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..90), 0..6),
        ) -> SingularBatch {
            SingularBatch {
                parent_hash: parent_hash.into(),
                epoch_num,
                epoch_hash: epoch_hash.into(),
                timestamp,
                transactions: transactions.into_iter().map(Bytes::from).collect(),
            }
        }
    }

    #[test]
    fn an_empty_batch_encodes_as_by_hand() {
        let batch = SingularBatch {
            parent_hash: B256::repeat_byte(0xaa),
            epoch_num: 0x0102,
            epoch_hash: B256::repeat_byte(0xbb),
            timestamp: 0x7f,
            transactions: Vec::new(),
        };
        let mut out = Vec::new();
        batch.encode(&mut out);
        // 00 | f8 47 list of 71 | a0 parent | 82 0102 | a0 epoch hash | 7f | c0
        let mut expected = hex!("00f847a0").to_vec();
        expected.extend([0xaa; 32]);
        expected.extend(hex!("820102a0"));
        expected.extend([0xbb; 32]);
        expected.extend(hex!("7fc0"));
        assert_eq!(hex::encode(&out), hex::encode(&expected));
        assert_eq!(batch.encoded_len(), out.len());
    }

    #[test]
    fn trailing_bytes_are_ignored_but_further_fields_are_not() {
        let batch = SingularBatch {
            transactions: vec![Bytes::from_static(b"tx")],
            ..Default::default()
        };
        let mut out = Vec::new();
        batch.encode(&mut out);
        out.extend([1, 2, 3]);
        assert_eq!(
            SingularBatch::decode(&Bytes::from(out[1..].to_vec())).as_ref(),
            Ok(&batch)
        );

        // One field more inside the list.
        let mut content = out[1..out.len() - 3].to_vec();
        content[1] += 1;
        content.push(0x01);
        assert!(SingularBatch::decode(&content.into()).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(batch in singular_batch()) {
            let mut out = Vec::new();
            batch.encode(&mut out);
            prop_assert_eq!(out.len(), batch.encoded_len());
            prop_assert_eq!(SingularBatch::decode(&Bytes::from(out[1..].to_vec())), Ok(batch));
        }

        #[test]
        fn arbitrary_bytes_decode_or_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = SingularBatch::decode(&bytes.into());
        }

        #[test]
        fn corrupted_batches_decode_or_fail(batch in singular_batch(), at in any::<usize>(), byte in any::<u8>()) {
            let mut out = Vec::new();
            batch.encode(&mut out);
            let at = at % out.len();
            out[at] = byte;
            let _ = SingularBatch::decode(&Bytes::from(out[1..].to_vec()));
        }
    }
}
