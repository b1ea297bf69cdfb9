use crate::{Batch, BatchError, DecompressError, decompress::Decompressor};
use alloc::vec::Vec;
use alloy_primitives::Bytes;

/// Most bytes of an RLP string's header: a prefix and eight bytes of length.
const RLP_HEADER_BYTES_MAX: usize = 9;
const RLP_STRING: u8 = 0x80;
const RLP_LONG_STRING: u8 = 0xb8;
const RLP_LIST: u8 = 0xc0;
/// Payloads up to this length have a header of one byte.
const RLP_SHORT_MAX: usize = 55;

/// Reads the batches of a channel, decompressing it as it goes.
///
/// A channel is a compressed sequence of RLP strings, each the encoding of one [`Batch`]. Of the
/// decompressed bytes only the first `rlp_bytes_max` count: a batch that lies wholly within them is
/// read, and the channel ends before the first that does not (OP specification, "Channel format").
pub struct ChannelReader {
    decompressor: Decompressor,
    /// Where the next batch begins in the decompressed bytes.
    position: usize,
    chain_id: u64,
    done: bool,
}

/// Why a channel ends early. What was read before stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelReaderError {
    /// The decompressed bytes break off inside a batch, or go on beyond the limit.
    #[error("channel ends inside a batch, after {decompressed} decompressed bytes")]
    Truncated {
        /// Decompressed bytes there are.
        decompressed: usize,
    },
    /// What should be a batch is an RLP list.
    #[error("RLP list at byte {position} where a batch should stand")]
    List {
        /// Where it begins in the decompressed bytes.
        position: usize,
    },
    /// The RLP header of a batch is not canonical.
    #[error("RLP header at byte {position} is not canonical")]
    Header {
        /// Where it begins in the decompressed bytes.
        position: usize,
    },
    /// The batch is malformed.
    #[error("batch at byte {position} is malformed")]
    Batch {
        /// Where its RLP string begins in the decompressed bytes.
        position: usize,
        /// What is wrong with it.
        source: BatchError,
    },
}

impl ChannelReader {
    /// Opens a channel of which at most `rlp_bytes_max` decompressed bytes count; `chain_id` is the
    /// L2's.
    ///
    /// # Errors
    /// If the first byte names no known compression.
    pub fn new(
        channel: Vec<u8>,
        rlp_bytes_max: usize,
        chain_id: u64,
    ) -> Result<Self, DecompressError> {
        Ok(Self {
            decompressor: Decompressor::new(channel, rlp_bytes_max)?,
            position: 0,
            chain_id,
            done: false,
        })
    }

    /// Decompressed bytes that were read so far.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// The next batch, or `None` at the end of the channel.
    ///
    /// # Errors
    /// The channel ends with an error: the next answer is `None`.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, ChannelReaderError> {
        if self.done {
            return Ok(None);
        }
        let batch = self.read();
        self.done = !matches!(batch, Ok(Some(_)));
        batch
    }

    fn read(&mut self) -> Result<Option<Batch>, ChannelReaderError> {
        let position = self.position;
        let start = position.saturating_add(1);
        if !self.decompressor.fill_to(start) {
            // Nothing more: the regular end, also where the limit cuts exactly between batches.
            return Ok(None);
        }
        let truncated = |decompressor: &Decompressor| ChannelReaderError::Truncated {
            decompressed: decompressor.output().len(),
        };
        let [prefix, ..] = *self
            .decompressor
            .output()
            .get(position..)
            .unwrap_or_default()
        else {
            return Err(truncated(&self.decompressor));
        };
        let (payload_start, payload_len) = match prefix {
            // A byte below 0x80 is its own encoding.
            0..RLP_STRING => (position, 1),
            RLP_STRING..RLP_LONG_STRING => (start, usize::from(prefix.saturating_sub(RLP_STRING))),
            RLP_LONG_STRING..RLP_LIST => {
                let width = usize::from(prefix.saturating_sub(RLP_LONG_STRING).saturating_add(1));
                debug_assert!(width < RLP_HEADER_BYTES_MAX);
                let end = start.saturating_add(width);
                if !self.decompressor.fill_to(end) {
                    return Err(truncated(&self.decompressor));
                }
                let digits = self
                    .decompressor
                    .output()
                    .get(start..end)
                    .unwrap_or_default();
                if digits.first() == Some(&0) {
                    return Err(ChannelReaderError::Header { position });
                }
                let len = digits
                    .iter()
                    .fold(0_u64, |len, digit| (len << 8) | u64::from(*digit));
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                if len <= RLP_SHORT_MAX {
                    return Err(ChannelReaderError::Header { position });
                }
                (end, len)
            }
            RLP_LIST.. => return Err(ChannelReaderError::List { position }),
        };
        let payload_end = payload_start.saturating_add(payload_len);
        // Checked before filling, so that a length beyond the limit costs nothing.
        if payload_end > self.decompressor.limit() || !self.decompressor.fill_to(payload_end) {
            return Err(truncated(&self.decompressor));
        }
        let payload = self
            .decompressor
            .output()
            .get(payload_start..payload_end)
            .unwrap_or_default();
        // Canonical RLP writes a single byte below 0x80 without a header.
        if payload_start != position && matches!(payload, [0..RLP_STRING]) {
            return Err(ChannelReaderError::Header { position });
        }
        let batch = Batch::decode(&Bytes::copy_from_slice(payload), self.chain_id)
            .map_err(|source| ChannelReaderError::Batch { position, source })?;
        self.position = payload_end;
        Ok(Some(batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SingularBatch, singular_batch::tests::singular_batch};
    use alloy_rlp::Encodable;
    use miniz_oxide::deflate::compress_to_vec_zlib;
    use proptest::prelude::*;

    const CHAIN_ID: u64 = 161_299;
    const MAX: usize = 100_000_000;

    fn rlp_strings(batches: &[SingularBatch]) -> Vec<u8> {
        let mut out = Vec::new();
        for batch in batches {
            let mut encoded = Vec::new();
            batch.encode(&mut encoded);
            encoded.as_slice().encode(&mut out);
        }
        out
    }

    fn read_all(raw: &[u8], max: usize) -> (Vec<Batch>, Option<ChannelReaderError>) {
        let mut reader =
            ChannelReader::new(compress_to_vec_zlib(raw, 6), max, CHAIN_ID).expect("zlib");
        let mut batches = Vec::new();
        loop {
            match reader.next_batch() {
                Ok(Some(batch)) => batches.push(batch),
                Ok(None) => return (batches, None),
                Err(error) => {
                    assert_eq!(reader.next_batch(), Ok(None));
                    return (batches, Some(error));
                }
            }
        }
    }

    #[test]
    fn the_limit_keeps_batches_that_lie_within() {
        let batches = vec![SingularBatch::default(); 3];
        let raw = rlp_strings(&batches);
        let one = raw.len() / 3;
        for (max, count, clean) in [
            (raw.len(), 3, true),
            (raw.len() - 1, 2, false),
            (2 * one, 2, true),
            (2 * one - 1, 1, false),
            (one - 1, 0, false),
            (0, 0, true),
        ] {
            let (read, error) = read_all(&raw, max);
            assert_eq!((read.len(), error.is_none()), (count, clean), "limit {max}");
        }
    }

    #[test]
    fn defects_end_the_channel_and_keep_what_was_read() {
        let good = rlp_strings(&[SingularBatch::default()]);
        let position = good.len();
        let cases: [(&[u8], fn(usize) -> ChannelReaderError); 6] = [
            (&[0xc0], |position| ChannelReaderError::List { position }),
            (&[0x81, 0x00], |position| ChannelReaderError::Header {
                position,
            }),
            (&[0xb8, 0x01, 0x00], |position| ChannelReaderError::Header {
                position,
            }),
            (&[0xb9, 0x00, 0x40], |position| ChannelReaderError::Header {
                position,
            }),
            (&[0x80], |position| ChannelReaderError::Batch {
                position,
                source: BatchError::Empty,
            }),
            (&[0x82, 0x05, 0x00], |position| ChannelReaderError::Batch {
                position,
                source: BatchError::Type { batch_type: 5 },
            }),
        ];
        for (tail, error) in cases {
            let mut raw = good.clone();
            raw.extend(tail);
            raw.extend(&good);
            let (read, found) = read_all(&raw, MAX);
            assert_eq!(read.len(), 1, "{tail:?}");
            assert_eq!(found, Some(error(position)), "{tail:?}");
        }
    }

    #[test]
    fn a_false_length_allocates_nothing() {
        // A string that claims 90 MB, in a channel of a few bytes.
        let (read, error) = read_all(&[0xbb, 0x05, 0x5d, 0x4a, 0x80, 0, 0], MAX);
        assert!(read.is_empty());
        assert_eq!(
            error,
            Some(ChannelReaderError::Truncated { decompressed: 7 })
        );
        // And one that claims more than there may be.
        let (_, error) = read_all(&[0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], MAX);
        assert!(matches!(error, Some(ChannelReaderError::Truncated { .. })));
    }

    proptest! {
        #[test]
        fn batches_come_back_in_order(batches in proptest::collection::vec(singular_batch(), 0..8)) {
            let (read, error) = read_all(&rlp_strings(&batches), MAX);
            prop_assert_eq!(error, None);
            prop_assert_eq!(read, batches.into_iter().map(Batch::Singular).collect::<Vec<_>>());
        }

        #[test]
        fn arbitrary_decompressed_bytes_never_panic(raw in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_all(&raw, MAX);
        }

        #[test]
        fn arbitrary_channels_never_panic(channel in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(mut reader) = ChannelReader::new(channel, 1_000_000, CHAIN_ID) {
                while let Ok(Some(_)) = reader.next_batch() {}
            }
        }
    }
}
