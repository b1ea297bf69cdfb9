use crate::{SingularBatch, SpanBatch, SpanBatchError};
use alloc::vec::Vec;
use alloy_primitives::Bytes;

/// Type byte of a [`SingularBatch`].
pub const SINGULAR_BATCH_TYPE: u8 = 0;
/// Type byte of a [`SpanBatch`].
pub const SPAN_BATCH_TYPE: u8 = 1;

/// One or many L2 blocks, as they stand in a channel: a type byte and a content of that type.
///
/// In a channel each batch is the payload of one RLP string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Batch {
    /// One block.
    Singular(SingularBatch),
    /// A run of consecutive blocks.
    Span(SpanBatch),
}

/// Why bytes are no batch. Derivation drops the rest of the channel that held them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// There is not even a type byte.
    #[error("batch is empty")]
    Empty,
    /// The type is unknown.
    #[error("batch type {batch_type} is unknown")]
    Type {
        /// The type byte.
        batch_type: u8,
    },
    /// A singular batch is malformed.
    #[error("singular batch is malformed")]
    Rlp(#[from] alloy_rlp::Error),
    /// A span batch is malformed.
    #[error("span batch is malformed")]
    Span(#[from] SpanBatchError),
}

impl Batch {
    /// Decodes a batch, type byte first. `chain_id` is the L2's: span batches leave it out of their
    /// transactions.
    ///
    /// # Errors
    /// An unknown type or a malformed content.
    pub fn decode(bytes: &Bytes, chain_id: u64) -> Result<Self, BatchError> {
        let batch_type = *bytes.first().ok_or(BatchError::Empty)?;
        let content = bytes.slice(1..);
        match batch_type {
            SINGULAR_BATCH_TYPE => Ok(Self::Singular(SingularBatch::decode(&content)?)),
            SPAN_BATCH_TYPE => Ok(Self::Span(SpanBatch::decode(&content, chain_id)?)),
            batch_type => Err(BatchError::Type { batch_type }),
        }
    }

    /// Appends the encoded batch, type byte first, to `out`.
    ///
    /// # Errors
    /// A span batch whose transactions can't be split, see [`SpanBatch::encode`].
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), BatchError> {
        match self {
            Self::Singular(batch) => batch.encode(out),
            Self::Span(batch) => batch.encode(out)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::singular_batch::tests::singular_batch;
    use proptest::prelude::*;

    #[test]
    fn unknown_types_are_named() {
        assert_eq!(Batch::decode(&Bytes::new(), 1), Err(BatchError::Empty));
        assert_eq!(
            Batch::decode(&Bytes::from_static(&[2, 0xc0]), 1),
            Err(BatchError::Type { batch_type: 2 })
        );
    }

    proptest! {
        #[test]
        fn round_trip(batch in singular_batch()) {
            let batch = Batch::Singular(batch);
            let mut out = Vec::new();
            batch.encode(&mut out).expect("singular batches always encode");
            prop_assert_eq!(Batch::decode(&out.into(), 1), Ok(batch));
        }

        #[test]
        fn arbitrary_bytes_decode_or_fail(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(first) = bytes.first_mut() {
                *first &= 1;
            }
            let _ = Batch::decode(&bytes.into(), 161_299);
        }
    }
}
