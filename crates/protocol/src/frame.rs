use alloc::vec::Vec;

/// Version byte of a batcher transaction that carries frames.
pub const DERIVATION_VERSION_0: u8 = 0;
/// Most data bytes of one frame.
pub const MAX_FRAME_LEN: usize = 1_000_000;
/// Bytes of a frame beside its data: id, number, length, last flag.
pub const FRAME_OVERHEAD: usize = 16 + 2 + 4 + 1;

/// A piece of a channel, as it stands in a batcher transaction.
///
/// | offset | width | field     | encoding                                     |
/// |--------|-------|-----------|----------------------------------------------|
/// | 0      | 16    | `id`      | opaque channel id                            |
/// | 16     | 2     | `number`  | big-endian, from 0, contiguous in a channel  |
/// | 18     | 4     | length    | big-endian, at most [`MAX_FRAME_LEN`]        |
/// | 22     | n     | `data`    | bytes of the channel after the frame before  |
/// | 22 + n | 1     | `is_last` | 0 or 1                                       |
///
/// Source: OP specification, "Frame format".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// The channel that the data belongs to.
    pub id: [u8; 16],
    /// Position in the channel, from 0.
    pub number: u16,
    /// Compressed channel bytes.
    pub data: Vec<u8>,
    /// Whether the channel ends with this frame.
    pub is_last: bool,
}

/// Why the data of a batcher transaction holds no frames. All its frames are then void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The transaction has no data.
    #[error("batcher transaction is empty")]
    Empty,
    /// The version byte is not [`DERIVATION_VERSION_0`].
    #[error("derivation version {version} is not 0")]
    Version {
        /// The first byte.
        version: u8,
    },
    /// There is a version byte and nothing after it.
    #[error("batcher transaction has no frame")]
    NoFrame,
    /// The data ends inside a frame.
    #[error("frame {frame} needs {needed} bytes more than the {available} that are left")]
    Truncated {
        /// Index of the frame in the transaction.
        frame: usize,
        /// Bytes that the field at hand is short of.
        needed: usize,
        /// Bytes left.
        available: usize,
    },
    /// A frame says that it is longer than a frame may be.
    #[error("frame {frame} has {len} data bytes, more than {MAX_FRAME_LEN}")]
    TooLong {
        /// Index of the frame in the transaction.
        frame: usize,
        /// Its length field.
        len: u32,
    },
    /// The last byte of a frame is neither 0 nor 1.
    #[error("frame {frame} ends with {value}, which is no bool")]
    LastFlag {
        /// Index of the frame in the transaction.
        frame: usize,
        /// The byte.
        value: u8,
    },
}

impl Frame {
    /// Bytes of the encoded frame.
    pub const fn encoded_len(&self) -> usize {
        FRAME_OVERHEAD.saturating_add(self.data.len())
    }

    /// Appends the encoded frame to `out`.
    ///
    /// `data` is at most [`MAX_FRAME_LEN`] bytes long in a frame that this crate made; a longer one
    /// is written with its true length and will be refused by every decoder.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(
            &u32::try_from(self.data.len())
                .unwrap_or(u32::MAX)
                .to_be_bytes(),
        );
        out.extend_from_slice(&self.data);
        out.push(u8::from(self.is_last));
    }

    /// Reads one frame off the front of `bytes`; `index` is only for the error.
    fn decode(bytes: &mut &[u8], index: usize) -> Result<Self, FrameError> {
        let id = take_array::<16>(bytes, index)?;
        let number = u16::from_be_bytes(take_array(bytes, index)?);
        let len = u32::from_be_bytes(take_array(bytes, index)?);
        let data_len = usize::try_from(len)
            .ok()
            .filter(|len| *len <= MAX_FRAME_LEN)
            .ok_or(FrameError::TooLong { frame: index, len })?;
        let data = take(bytes, data_len, index)?.to_vec();
        let [flag] = take_array(bytes, index)?;
        let is_last = match flag {
            0 => false,
            1 => true,
            value => {
                return Err(FrameError::LastFlag {
                    frame: index,
                    value,
                });
            }
        };
        Ok(Self {
            id,
            number,
            data,
            is_last,
        })
    }
}

fn take<'a>(bytes: &mut &'a [u8], len: usize, frame: usize) -> Result<&'a [u8], FrameError> {
    let Some((head, rest)) = bytes.split_at_checked(len) else {
        let available = bytes.len();
        return Err(FrameError::Truncated {
            frame,
            needed: len.saturating_sub(available),
            available,
        });
    };
    *bytes = rest;
    Ok(head)
}

fn take_array<const N: usize>(bytes: &mut &[u8], frame: usize) -> Result<[u8; N], FrameError> {
    let mut array = [0; N];
    array.copy_from_slice(take(bytes, N, frame)?);
    Ok(array)
}

/// The frames of a batcher transaction: a version byte, then one or more frames to the last byte.
///
/// # Errors
/// If any part is malformed, the whole transaction holds no frame (OP specification, "Batcher
/// transaction format"): derivation ignores it.
pub fn decode_frames(tx_data: &[u8]) -> Result<Vec<Frame>, FrameError> {
    let (version, mut rest) = tx_data.split_first().ok_or(FrameError::Empty)?;
    if *version != DERIVATION_VERSION_0 {
        return Err(FrameError::Version { version: *version });
    }
    if rest.is_empty() {
        return Err(FrameError::NoFrame);
    }
    let mut frames = Vec::new();
    while !rest.is_empty() {
        frames.push(Frame::decode(&mut rest, frames.len())?);
    }
    Ok(frames)
}

/// The data of a batcher transaction that carries `frames`, version byte included.
pub fn encode_frames_tx(frames: &[Frame]) -> Vec<u8> {
    let len = frames
        .iter()
        .map(Frame::encoded_len)
        .fold(1, usize::saturating_add);
    let mut out = Vec::with_capacity(len);
    out.push(DERIVATION_VERSION_0);
    for frame in frames {
        frame.encode(&mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn frame(number: u16, data: &[u8], is_last: bool) -> Frame {
        Frame {
            id: [7; 16],
            number,
            data: data.to_vec(),
            is_last,
        }
    }

    #[test]
    fn layout_is_the_specification_s() {
        let bytes = encode_frames_tx(&[frame(0x0102, &[0xaa, 0xbb], true)]);
        let mut expected = vec![0];
        expected.extend([7; 16]);
        expected.extend([1, 2, 0, 0, 0, 2, 0xaa, 0xbb, 1]);
        assert_eq!(bytes, expected);
        assert_eq!(bytes.len(), 1 + FRAME_OVERHEAD + 2);
    }

    #[test]
    fn every_defect_voids_the_transaction() {
        let good = encode_frames_tx(&[frame(0, &[1, 2, 3], false), frame(1, &[], true)]);
        assert_eq!(decode_frames(&good).map(|frames| frames.len()), Ok(2));
        for cut in 2..good.len() {
            // The cut after the first frame leaves a whole transaction.
            let whole = cut == 1 + FRAME_OVERHEAD + 3;
            assert_eq!(decode_frames(&good[..cut]).is_ok(), whole, "cut at {cut}");
        }
        assert_eq!(decode_frames(&[]), Err(FrameError::Empty));
        assert_eq!(decode_frames(&[0]), Err(FrameError::NoFrame));
        assert_eq!(
            decode_frames(&[1, 0]),
            Err(FrameError::Version { version: 1 })
        );
        let mut flag = good.clone();
        *flag.last_mut().expect("not empty") = 2;
        assert_eq!(
            decode_frames(&flag),
            Err(FrameError::LastFlag { frame: 1, value: 2 })
        );
        let mut trailing = good;
        trailing.push(0);
        assert!(matches!(
            decode_frames(&trailing),
            Err(FrameError::Truncated { frame: 2, .. })
        ));
    }

    #[test]
    fn length_limit_is_exact() {
        let longest = frame(0, &vec![0; MAX_FRAME_LEN], true);
        assert_eq!(
            decode_frames(&encode_frames_tx(core::slice::from_ref(&longest))),
            Ok(vec![longest])
        );
        let too_long = frame(0, &vec![0; MAX_FRAME_LEN + 1], true);
        assert_eq!(
            decode_frames(&encode_frames_tx(&[too_long])),
            Err(FrameError::TooLong {
                frame: 0,
                len: 1_000_001
            })
        );
    }

    proptest! {
        #[test]
        fn round_trip(frames in proptest::collection::vec(
            (any::<[u8; 16]>(), any::<u16>(), proptest::collection::vec(any::<u8>(), 0..200), any::<bool>()),
            1..8,
        )) {
            let frames: Vec<_> = frames
                .into_iter()
                .map(|(id, number, data, is_last)| Frame { id, number, data, is_last })
                .collect();
            prop_assert_eq!(decode_frames(&encode_frames_tx(&frames)), Ok(frames));
        }

        #[test]
        fn arbitrary_bytes_decode_or_fail(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(first) = bytes.first_mut() {
                *first &= 1;
            }
            if let Ok(frames) = decode_frames(&bytes) {
                prop_assert_eq!(encode_frames_tx(&frames), bytes);
            }
        }
    }
}
