use alloc::{boxed::Box, vec::Vec};
use miniz_oxide::{
    DataFormat,
    deflate::core::{CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output},
};

/// Highest zlib level that exists.
const ZLIB_LEVEL_MAX: u8 = 10;
/// Highest brotli quality that exists.
#[cfg(feature = "brotli")]
const BROTLI_QUALITY_MAX: u8 = 11;
/// Window of the brotli stream, as a power of two: the largest that is not an extension.
#[cfg(feature = "brotli")]
const BROTLI_WINDOW_BITS: u32 = 22;
/// Room in which the brotli encoder hands out its output, bytes.
#[cfg(feature = "brotli")]
const BROTLI_BUFFER: usize = 16 * 1024;

/// How a channel is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// zlib at this level, 0 (stored) to 10 (smallest).
    Zlib(u8),
    /// brotli at this quality, 0 (fastest) to 11 (smallest).
    ///
    /// Only with the feature `brotli`, which needs the standard library; reading brotli doesn't.
    #[cfg(feature = "brotli")]
    Brotli(u8),
}

/// Compresses a channel as it is written.
pub(crate) enum Compressor {
    Zlib {
        state: Box<CompressorOxide>,
        output: Vec<u8>,
    },
    #[cfg(feature = "brotli")]
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    /// Finished: the whole channel.
    Done(Vec<u8>),
}

impl Compressor {
    pub(crate) fn new(compression: Compression) -> Self {
        match compression {
            Compression::Zlib(level) => {
                let mut state = Box::<CompressorOxide>::default();
                state.set_format_and_level(DataFormat::Zlib, level.min(ZLIB_LEVEL_MAX));
                Self::Zlib {
                    state,
                    output: Vec::new(),
                }
            }
            #[cfg(feature = "brotli")]
            Compression::Brotli(quality) => {
                let output = alloc::vec![crate::CHANNEL_VERSION_BROTLI];
                let quality = u32::from(quality.min(BROTLI_QUALITY_MAX));
                Self::Brotli(Box::new(brotli::CompressorWriter::new(
                    output,
                    BROTLI_BUFFER,
                    quality,
                    BROTLI_WINDOW_BITS,
                )))
            }
        }
    }

    /// What was written out so far; the compressor may hold back more.
    pub(crate) fn output(&self) -> &[u8] {
        match self {
            Self::Zlib { output, .. } | Self::Done(output) => output,
            #[cfg(feature = "brotli")]
            Self::Brotli(writer) => writer.get_ref(),
        }
    }

    /// Takes in more input. After [`Self::finish`] it does nothing.
    pub(crate) fn write(&mut self, input: &[u8]) {
        match self {
            Self::Zlib { state, output } => deflate(state, output, input, TDEFLFlush::None),
            #[cfg(feature = "brotli")]
            Self::Brotli(writer) => {
                let written = std::io::Write::write_all(writer, input);
                debug_assert!(written.is_ok(), "a vector takes all that is written to it");
            }
            Self::Done(_) => {}
        }
    }

    /// Writes out everything that was taken in, at the cost of a block boundary.
    pub(crate) fn flush(&mut self) {
        match self {
            Self::Zlib { state, output } => deflate(state, output, &[], TDEFLFlush::Sync),
            #[cfg(feature = "brotli")]
            Self::Brotli(writer) => {
                let flushed = std::io::Write::flush(writer);
                debug_assert!(flushed.is_ok(), "a vector takes all that is written to it");
            }
            Self::Done(_) => {}
        }
    }

    /// Ends the stream.
    pub(crate) fn finish(&mut self) {
        let done = match core::mem::replace(self, Self::Done(Vec::new())) {
            Self::Zlib {
                mut state,
                mut output,
            } => {
                deflate(&mut state, &mut output, &[], TDEFLFlush::Finish);
                output
            }
            #[cfg(feature = "brotli")]
            Self::Brotli(writer) => writer.into_inner(),
            Self::Done(output) => output,
        };
        *self = Self::Done(done);
    }
}

fn deflate(state: &mut CompressorOxide, output: &mut Vec<u8>, input: &[u8], flush: TDEFLFlush) {
    let (status, _) = compress_to_output(state, input, flush, |bytes| {
        output.extend_from_slice(bytes);
        true
    });
    // It fails only if its output is refused, or if it is used after its end.
    debug_assert!(matches!(status, TDEFLStatus::Okay | TDEFLStatus::Done));
}
