use crate::{
    ChannelId, Compression, FRAME_OVERHEAD, Frame, MAX_FRAME_LEN, SingularBatch,
    compress::Compressor,
};
use alloc::vec::Vec;
use alloy_rlp::{Encodable, Header};

/// Frames that a channel can have at most: their numbers are u16.
const FRAMES_MAX: usize = 1 << 16;
/// What a stream takes at most beside its blocks: zlib's header and checksum.
const STREAM_OVERHEAD: usize = 6;
/// Bytes before compression whose compressed size is worth a block boundary to know.
const SETTLE_BYTES_MIN: usize = 16 * 1024;

/// How a channel is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelOptions {
    /// The compression.
    pub compression: Compression,
    /// Most bytes before compression. Never more than the chain's `channel_rlp_bytes_max`: what lies
    /// beyond that is not read.
    pub rlp_bytes_max: usize,
    /// Compressed bytes at which the channel counts as full. A target: the last batch may take the
    /// channel somewhat beyond it.
    pub compressed_bytes_target: usize,
}

/// Why a channel takes no further batch. The batch was not added; close the channel and begin
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The batch would exceed the limit of bytes before compression. If the channel is empty, no
    /// channel can hold the batch.
    #[error("{bytes} bytes before compression are more than {max}")]
    RlpBytes {
        /// Bytes with the batch.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The batch would probably exceed the target of compressed bytes.
    #[error("about {bytes} compressed bytes are more than {target}")]
    CompressedBytes {
        /// Estimated bytes with the batch.
        bytes: usize,
        /// The target.
        target: usize,
    },
    /// The channel was closed.
    #[error("channel is closed")]
    Closed,
}

/// Why a channel yields no frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// The channel is still open.
    #[error("channel is not closed")]
    NotClosed,
    /// A frame of this size has no room for data.
    #[error("frame size {max_frame_size} leaves no room for data")]
    FrameSize {
        /// The size asked for.
        max_frame_size: usize,
    },
    /// The channel needs more frames than can be numbered.
    #[error("channel needs {frames} frames, more than can be numbered")]
    TooManyFrames {
        /// Frames needed.
        frames: usize,
    },
}

/// Writes a channel: batches in, frames out.
///
/// ```text
/// new → add_batch* → close → output_frames
/// ```
pub struct ChannelOut {
    id: ChannelId,
    options: ChannelOptions,
    compressor: Compressor,
    /// Bytes before compression.
    rlp_bytes: usize,
    /// Of these, those that had been taken in when the compressor last wrote something out.
    rlp_bytes_settled: usize,
    batches: usize,
    scratch: Vec<u8>,
    closed: bool,
}

impl ChannelOut {
    /// An empty channel. `id` should be random, so that it is unlike any other that is open.
    pub fn new(id: ChannelId, options: ChannelOptions) -> Self {
        Self {
            id,
            options,
            compressor: Compressor::new(options.compression),
            rlp_bytes: 0,
            rlp_bytes_settled: 0,
            batches: 0,
            scratch: Vec::new(),
            closed: false,
        }
    }

    /// The channel's id.
    pub const fn id(&self) -> ChannelId {
        self.id
    }

    /// Batches in the channel.
    pub const fn batches(&self) -> usize {
        self.batches
    }

    /// Whether there is no batch yet.
    pub const fn is_empty(&self) -> bool {
        self.batches == 0
    }

    /// Whether [`Self::close`] was called.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Bytes before compression.
    pub const fn rlp_bytes(&self) -> usize {
        self.rlp_bytes
    }

    /// Bytes after compression: exact once the channel is closed. Before, what the compressor still
    /// holds back is estimated from what it made of the bytes before, and taken as incompressible
    /// until it has written anything.
    pub fn compressed_bytes(&self) -> usize {
        if self.closed {
            self.compressed().len()
        } else {
            self.compressed_bytes_with(0)
        }
    }

    /// Has the compressor write out what it holds back, at the cost of a block boundary, so that
    /// [`Self::compressed_bytes`] is exact.
    pub fn settle(&mut self) {
        if !self.closed {
            self.compressor.flush();
            self.rlp_bytes_settled = self.rlp_bytes;
        }
    }

    fn compressed_bytes_with(&self, further: usize) -> usize {
        let pending = self
            .rlp_bytes
            .saturating_sub(self.rlp_bytes_settled)
            .saturating_add(further);
        let estimate = match u64::try_from(self.rlp_bytes_settled) {
            Ok(settled @ 1..) => {
                let ratio_of = (pending as u64).saturating_mul(self.compressed().len() as u64);
                usize::try_from(ratio_of.div_ceil(settled))
                    .unwrap_or(usize::MAX)
                    .min(pending)
            }
            _ => pending,
        };
        self.compressed()
            .len()
            .saturating_add(estimate)
            .saturating_add(STREAM_OVERHEAD)
    }

    /// Adds a batch.
    ///
    /// # Errors
    /// [`Full`] if it doesn't fit: the channel's content is as it was. The first batch of a channel
    /// is only held to the limit, not to the target.
    pub fn add_batch(&mut self, batch: &SingularBatch) -> Result<(), Full> {
        let string = Header {
            list: false,
            payload_length: batch.encoded_len(),
        };
        self.check_room(string.length_with_payload())?;
        self.scratch.clear();
        // A batch is longer than one byte, and only a single byte could go without its header.
        string.encode(&mut self.scratch);
        batch.encode(&mut self.scratch);
        self.append();
        Ok(())
    }

    /// Adds a batch of any type in its encoded form ([`crate::Batch::encode`]).
    ///
    /// # Errors
    /// As [`Self::add_batch`].
    pub fn add_encoded(&mut self, batch: &[u8]) -> Result<(), Full> {
        self.check_room(batch.length())?;
        self.scratch.clear();
        batch.encode(&mut self.scratch);
        self.append();
        Ok(())
    }

    fn check_room(&mut self, len: usize) -> Result<(), Full> {
        if self.closed {
            return Err(Full::Closed);
        }
        let bytes = self.rlp_bytes.saturating_add(len);
        if bytes > self.options.rlp_bytes_max {
            return Err(Full::RlpBytes {
                bytes,
                max: self.options.rlp_bytes_max,
            });
        }
        let target = self.options.compressed_bytes_target;
        let mut bytes = self.compressed_bytes_with(len);
        // An estimate doesn't close a channel while much of what it is about is unknown.
        if bytes > target
            && self.rlp_bytes.saturating_sub(self.rlp_bytes_settled) >= SETTLE_BYTES_MIN
        {
            self.settle();
            bytes = self.compressed_bytes_with(len);
        }
        if !self.is_empty() && bytes > target {
            return Err(Full::CompressedBytes { bytes, target });
        }
        Ok(())
    }

    fn append(&mut self) {
        let before = self.compressed().len();
        self.compressor.write(&self.scratch);
        self.rlp_bytes = self.rlp_bytes.saturating_add(self.scratch.len());
        self.batches = self.batches.saturating_add(1);
        if self.compressed().len() > before {
            self.rlp_bytes_settled = self.rlp_bytes;
        }
    }

    /// Ends the channel. Closing twice does nothing.
    pub fn close(&mut self) {
        if !self.closed {
            self.compressor.finish();
            self.closed = true;
        }
    }

    /// The compressed channel; whole once the channel is closed.
    pub fn compressed(&self) -> &[u8] {
        self.compressor.output()
    }

    /// Cuts the closed channel into frames of at most `max_frame_size` bytes each, 23 bytes of frame
    /// included (a batcher transaction has one byte more, its version), all but the last of exactly
    /// that size.
    ///
    /// # Errors
    /// If the channel is open, or `max_frame_size` leaves no room, or is so small that frames can't
    /// be numbered.
    pub fn output_frames(&self, max_frame_size: usize) -> Result<Vec<Frame>, ChannelError> {
        if !self.closed {
            return Err(ChannelError::NotClosed);
        }
        let data_max = max_frame_size
            .saturating_sub(FRAME_OVERHEAD)
            .min(MAX_FRAME_LEN);
        if data_max == 0 {
            return Err(ChannelError::FrameSize { max_frame_size });
        }
        let count = self.compressed().len().div_ceil(data_max);
        if count > FRAMES_MAX {
            return Err(ChannelError::TooManyFrames { frames: count });
        }
        let mut frames = Vec::with_capacity(count);
        for (number, data) in (0..=u16::MAX).zip(self.compressed().chunks(data_max)) {
            let is_last = usize::from(number).saturating_add(1) == count;
            frames.push(Frame {
                id: self.id,
                number,
                data: data.to_vec(),
                is_last,
            });
        }
        Ok(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, ChannelReader, singular_batch::tests::singular_batch};
    use alloy_primitives::Bytes;
    use proptest::prelude::*;

    const OPTIONS: ChannelOptions = ChannelOptions {
        compression: Compression::Zlib(6),
        rlp_bytes_max: 100_000_000,
        compressed_bytes_target: 1_000_000,
    };

    fn noise(len: usize, seed: u32) -> Bytes {
        let mut state = seed.wrapping_mul(2_654_435_761) | 1;
        (0..len)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                state as u8
            })
            .collect::<Vec<_>>()
            .into()
    }

    fn batch(tx_bytes: usize, seed: u32) -> SingularBatch {
        SingularBatch {
            transactions: vec![noise(tx_bytes, seed)],
            ..Default::default()
        }
    }

    #[test]
    fn limits_leave_the_channel_as_it_was() {
        let options = ChannelOptions {
            rlp_bytes_max: 3_000,
            ..OPTIONS
        };
        let mut channel = ChannelOut::new([1; 16], options);
        assert!(matches!(
            channel.add_batch(&batch(3_000, 1)),
            Err(Full::RlpBytes { .. })
        ));
        assert!(channel.is_empty());
        channel.add_batch(&batch(2_000, 1)).expect("fits");
        let bytes = channel.rlp_bytes();
        assert!(matches!(
            channel.add_batch(&batch(2_000, 2)),
            Err(Full::RlpBytes { .. })
        ));
        assert_eq!((channel.batches(), channel.rlp_bytes()), (1, bytes));
        assert_eq!(channel.output_frames(100), Err(ChannelError::NotClosed));
        channel.close();
        channel.close();
        assert_eq!(channel.add_batch(&batch(1, 1)), Err(Full::Closed));
    }

    #[test]
    fn the_target_is_kept_within_a_batch() {
        let options = ChannelOptions {
            compressed_bytes_target: 120_000,
            ..OPTIONS
        };
        // Incompressible, and compressible to about a half and to nearly nothing.
        #[cfg(not(feature = "brotli"))]
        let compressions = [Compression::Zlib(6)];
        #[cfg(feature = "brotli")]
        let compressions = [Compression::Zlib(6), Compression::Brotli(5)];
        for (repeat, compression) in [1, 2, 50]
            .into_iter()
            .flat_map(|n| compressions.map(|c| (n, c)))
        {
            let options = ChannelOptions {
                compression,
                ..options
            };
            let mut channel = ChannelOut::new([1; 16], options);
            let mut count = 0;
            let full = loop {
                count += 1;
                if let Err(full) = channel.add_batch(&batch(500, count / repeat)) {
                    break full;
                }
            };
            assert!(matches!(full, Full::CompressedBytes { .. }), "{full:?}");
            channel.close();
            let len = channel.compressed_bytes();
            assert!(
                (100_000..=122_000).contains(&len),
                "{len} with {repeat}, {compression:?}"
            );
        }
        // A first batch beyond the target is taken all the same: nothing smaller could be posted.
        let mut channel = ChannelOut::new([1; 16], options);
        assert_eq!(channel.add_batch(&batch(200_000, 7)), Ok(()));
    }

    #[test]
    fn frames_have_the_size_asked_for() {
        let mut channel = ChannelOut::new([9; 16], OPTIONS);
        channel.add_batch(&batch(1_000, 3)).expect("fits");
        channel.close();
        let frames = channel.output_frames(100).expect("closed");
        let (last, others) = frames.split_last().expect("not empty");
        assert!(
            others
                .iter()
                .all(|frame| frame.encoded_len() == 100 && !frame.is_last)
        );
        assert!(last.is_last && last.encoded_len() <= 100);
        assert!(
            frames
                .iter()
                .enumerate()
                .all(|(i, frame)| usize::from(frame.number) == i)
        );
        assert_eq!(
            channel.output_frames(23),
            Err(ChannelError::FrameSize { max_frame_size: 23 })
        );
        assert!(channel.output_frames(24).is_ok());

        let mut large = ChannelOut::new([9; 16], OPTIONS);
        large.add_batch(&batch(70_000, 3)).expect("fits");
        large.close();
        assert!(matches!(
            large.output_frames(24),
            Err(ChannelError::TooManyFrames { .. })
        ));
        assert!(large.output_frames(26).is_ok());
    }

    #[test]
    fn an_empty_channel_is_a_channel() {
        let mut channel = ChannelOut::new([0; 16], OPTIONS);
        channel.close();
        let frames = channel.output_frames(1_000).expect("closed");
        assert_eq!(frames.len(), 1);
        let mut reader = ChannelReader::new(frames[0].data.clone(), 1_000, 1).expect("zlib");
        assert_eq!(reader.next_batch(), Ok(None));
    }

    #[cfg(not(feature = "brotli"))]
    fn compression() -> impl Strategy<Value = Compression> {
        (0..=10_u8).prop_map(Compression::Zlib)
    }

    #[cfg(feature = "brotli")]
    fn compression() -> impl Strategy<Value = Compression> {
        prop_oneof![
            (0..=10_u8).prop_map(Compression::Zlib),
            (0..=11_u8).prop_map(Compression::Brotli)
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            batches in proptest::collection::vec(singular_batch(), 0..12),
            compression in compression(),
            frame_size in 24..400_usize,
        ) {
            let options = ChannelOptions { compression, ..OPTIONS };
            let mut channel = ChannelOut::new([3; 16], options);
            for batch in &batches {
                prop_assert_eq!(channel.add_batch(batch), Ok(()));
            }
            let estimate = channel.compressed_bytes();
            channel.close();
            prop_assert!(estimate + 16 >= channel.compressed_bytes(), "estimate {}", estimate);
            let frames = channel.output_frames(frame_size).expect("closed");
            let data = frames.iter().flat_map(|frame| frame.data.clone()).collect::<Vec<_>>();
            let mut reader = ChannelReader::new(data, 100_000_000, 1).expect("zlib");
            for batch in batches {
                prop_assert_eq!(reader.next_batch(), Ok(Some(Batch::Singular(batch))));
            }
            prop_assert_eq!(reader.next_batch(), Ok(None));
        }
    }
}
