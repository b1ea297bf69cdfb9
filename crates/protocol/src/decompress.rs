use alloc::{boxed::Box, vec, vec::Vec};
use brotli_decompressor::{
    Allocator, BrotliDecompressStream, BrotliResult, BrotliState, HuffmanCode, SliceWrapper,
    SliceWrapperMut,
};
use miniz_oxide::inflate::{
    TINFLStatus,
    core::{DecompressorOxide, decompress, inflate_flags},
};

/// First byte of a channel that is compressed with brotli (OP specification, Fjord).
pub const CHANNEL_VERSION_BROTLI: u8 = 1;

/// Low four bits of a zlib stream's first byte: deflate, and the reserved method that no decoder
/// knows but that still says "zlib".
const ZLIB_METHODS: [u8; 2] = [8, 15];
/// Output room that is added when more output is wanted, bytes.
const OUTPUT_STEP: usize = 64 * 1024;
/// Where brotli's input is cut: after the version byte and 4,095 bytes, then every 32 KiB. A brotli
/// decoder gives out what it has at the end of its input, and loses what it holds when it meets a
/// defect; so the cuts decide how much precedes a defect. These are op-node's.
const BROTLI_FIRST_CUT: usize = 4096;
const BROTLI_CUT: usize = 32 * 1024;

/// Why a channel can't be decompressed at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    /// The channel is empty.
    #[error("channel is empty")]
    Empty,
    /// The first byte belongs to no known compression.
    #[error("channel begins with {byte}, which is neither zlib nor brotli")]
    Unknown {
        /// The first byte.
        byte: u8,
    },
}

/// Decompresses a channel as far as its reader asks, and never beyond a limit.
///
/// A stream that breaks off, is corrupt or has a wrong checksum yields what comes before the defect:
/// the specification reads batches from a stream, and a batch that was read whole counts.
pub(crate) struct Decompressor {
    input: Vec<u8>,
    /// Bytes of `input` that were used.
    consumed: usize,
    output: Vec<u8>,
    /// Bytes of `output` that hold output; the rest is room.
    produced: usize,
    limit: usize,
    stream: Stream,
}

enum Stream {
    Zlib(Box<DecompressorOxide>),
    Brotli(Box<BrotliState<Heap, Heap, Heap>>),
    /// Ended, or broken.
    Done,
}

impl Decompressor {
    /// Prepares to decompress `channel`, of whose output at most `limit` bytes are ever produced.
    pub(crate) fn new(channel: Vec<u8>, limit: usize) -> Result<Self, DecompressError> {
        let byte = *channel.first().ok_or(DecompressError::Empty)?;
        let (stream, consumed) = if ZLIB_METHODS.contains(&(byte & 0x0f)) {
            (Stream::Zlib(Box::default()), 0)
        } else if byte == CHANNEL_VERSION_BROTLI {
            // Strict: without the large windows that are an extension of RFC 7932.
            (
                Stream::Brotli(Box::new(BrotliState::new_strict(Heap, Heap, Heap))),
                1,
            )
        } else {
            return Err(DecompressError::Unknown { byte });
        };
        Ok(Self {
            input: channel,
            consumed,
            output: Vec::new(),
            produced: 0,
            limit,
            stream,
        })
    }

    /// What was produced so far, from the first byte.
    pub(crate) fn output(&self) -> &[u8] {
        self.output.get(..self.produced).unwrap_or_default()
    }

    /// Bytes of output that will ever be produced at most.
    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// Produces output until there are `len` bytes of it; false if there never will be.
    pub(crate) fn fill_to(&mut self, len: usize) -> bool {
        if len > self.limit {
            return false;
        }
        while self.produced < len {
            if matches!(self.stream, Stream::Done) {
                return false;
            }
            if self.produced == self.output.len() {
                // Doubling keeps the copies linear; room is never far ahead of real output.
                let room = self.output.len().max(OUTPUT_STEP);
                let size = self.output.len().saturating_add(room).min(self.limit);
                self.output.resize(size, 0);
            }
            self.advance();
        }
        true
    }

    /// Runs the stream once: into the free room, until that is full or the input ends.
    fn advance(&mut self) {
        let input = self.input.get(self.consumed..).unwrap_or_default();
        let more = match &mut self.stream {
            Stream::Zlib(state) => {
                let flags = inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER
                    | inflate_flags::TINFL_FLAG_COMPUTE_ADLER32
                    | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
                let (status, read, written) =
                    decompress(state, input, &mut self.output, self.produced, flags);
                self.consumed = self.consumed.saturating_add(read);
                self.produced = self.produced.saturating_add(written);
                status == TINFLStatus::HasMoreOutput
            }
            Stream::Brotli(state) => {
                let end = brotli_cut(self.consumed).saturating_sub(self.consumed);
                let input = input.get(..end).unwrap_or(input);
                let mut available_in = input.len();
                let mut read = 0;
                let mut available_out = self.output.len().saturating_sub(self.produced);
                let mut total_out = 0;
                let result = BrotliDecompressStream(
                    &mut available_in,
                    &mut read,
                    input,
                    &mut available_out,
                    &mut self.produced,
                    &mut self.output,
                    &mut total_out,
                    state,
                );
                self.consumed = self.consumed.saturating_add(read);
                match result {
                    BrotliResult::NeedsMoreOutput => true,
                    // It may hold output back if the room was full.
                    BrotliResult::NeedsMoreInput => {
                        available_out == 0 || (read > 0 && self.consumed < self.input.len())
                    }
                    BrotliResult::ResultSuccess | BrotliResult::ResultFailure => false,
                }
            }
            Stream::Done => false,
        };
        if !more {
            self.stream = Stream::Done;
        }
    }
}

/// The next cut of brotli's input after `consumed` bytes of the channel.
const fn brotli_cut(consumed: usize) -> usize {
    match consumed.checked_sub(BROTLI_FIRST_CUT) {
        None => BROTLI_FIRST_CUT,
        Some(beyond) => {
            let cuts = (beyond / BROTLI_CUT).saturating_add(1);
            BROTLI_FIRST_CUT.saturating_add(cuts.saturating_mul(BROTLI_CUT))
        }
    }
}

/// The decoder's memory: plain vectors.
#[derive(Clone, Copy)]
struct Heap;

struct Block<T>(Vec<T>);

impl<T> Default for Block<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> SliceWrapper<T> for Block<T> {
    fn slice(&self) -> &[T] {
        &self.0
    }
}

impl<T> SliceWrapperMut<T> for Block<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

macro_rules! allocate {
    ($($cell:ty),*) => {$(
        impl Allocator<$cell> for Heap {
            type AllocatedMemory = Block<$cell>;

            fn alloc_cell(&mut self, len: usize) -> Self::AllocatedMemory {
                Block(vec![<$cell>::default(); len])
            }

            fn free_cell(&mut self, _memory: Self::AllocatedMemory) {}
        }
    )*};
}

allocate!(u8, u32, HuffmanCode);

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec_zlib;
    use proptest::prelude::*;

    fn all(channel: Vec<u8>, limit: usize) -> Vec<u8> {
        let mut decompressor = Decompressor::new(channel, limit).expect("known compression");
        let mut len = 1;
        while decompressor.fill_to(len) {
            len = decompressor.output().len() + 1;
        }
        decompressor.output().to_vec()
    }

    pub(crate) fn brotli(data: &[u8]) -> Vec<u8> {
        let mut out = vec![CHANNEL_VERSION_BROTLI];
        let params = brotli::enc::BrotliEncoderParams {
            quality: 5,
            ..Default::default()
        };
        brotli::BrotliCompress(&mut &data[..], &mut out, &params).expect("in memory");
        out
    }

    #[test]
    fn the_first_byte_names_the_compression() {
        assert!(matches!(
            Decompressor::new(vec![], 10),
            Err(DecompressError::Empty)
        ));
        for byte in 0..=u8::MAX {
            let known = byte & 0xf == 8 || byte & 0xf == 15 || byte == 1;
            assert_eq!(Decompressor::new(vec![byte], 10).is_ok(), known, "{byte}");
        }
    }

    #[test]
    fn the_limit_cuts_and_never_more() {
        let data: Vec<u8> = (0..200_000_u32).map(|i| (i / 7) as u8).collect();
        for channel in [compress_to_vec_zlib(&data, 6), brotli(&data)] {
            for limit in [0, 1, 65_535, 65_536, 65_537, 199_999, 200_000, 300_000] {
                assert_eq!(
                    all(channel.clone(), limit),
                    data[..limit.min(data.len())],
                    "{limit}"
                );
            }
        }
    }

    #[test]
    fn a_bomb_takes_no_more_than_asked_for() {
        let data = vec![0; 50_000_000];
        for channel in [compress_to_vec_zlib(&data, 9), brotli(&data)] {
            assert!(channel.len() < 100_000);
            let mut decompressor = Decompressor::new(channel, 100_000_000).expect("known");
            assert!(decompressor.fill_to(10));
            assert!(decompressor.output.capacity() <= 2 * OUTPUT_STEP);
        }
    }

    #[test]
    fn what_precedes_a_defect_counts() {
        let data: Vec<u8> = (0..100_000_u32)
            .flat_map(|i| (i.wrapping_mul(2_654_435_761)).to_be_bytes())
            .collect();
        for channel in [compress_to_vec_zlib(&data, 6), brotli(&data)] {
            let half = all(channel[..channel.len() / 2].to_vec(), usize::MAX);
            assert!(half.len() > data.len() / 4, "{}", half.len());
            assert_eq!(half, data[..half.len()]);
        }
        let mut checksum = compress_to_vec_zlib(&data, 6);
        *checksum.last_mut().expect("not empty") ^= 1;
        assert_eq!(all(checksum, usize::MAX), data);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(first in prop_oneof![Just(0x78_u8), Just(1)], bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut channel = vec![first];
            channel.extend(bytes);
            prop_assert!(all(channel, 1_000_000).len() <= 1_000_000);
        }

        #[test]
        fn corrupted_streams_never_panic(data in proptest::collection::vec(any::<u8>(), 0..2000), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            for mut channel in [compress_to_vec_zlib(&data, 6), brotli(&data)] {
                let at = at.index(channel.len() - 1) + 1;
                channel[at] = byte;
                prop_assert!(all(channel, 1_000_000).len() <= 1_000_000);
            }
        }
    }
}
