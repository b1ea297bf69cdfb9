use alloc::{boxed::Box, vec, vec::Vec};

/// Bytes of a blob (EIP-4844): 4,096 field elements of 32 bytes.
pub const BLOB_BYTES: usize = 4096 * FIELD_ELEMENT_BYTES;
/// Most bytes that one blob carries: 1,024 rounds of 127 bytes, less version and length.
pub const BLOB_DATA_MAX: usize = ROUNDS * ROUND_DATA_BYTES - HEADER_BYTES;
/// The version of the encoding, byte 1 of every blob.
pub const BLOB_ENCODING_VERSION: u8 = 0;

const FIELD_ELEMENT_BYTES: usize = 32;
/// Field elements that are filled together, so that their spare bits come to whole bytes.
const ROUND_ELEMENTS: usize = 4;
const ROUND_BYTES: usize = ROUND_ELEMENTS * FIELD_ELEMENT_BYTES;
/// 31 bytes an element and 3 in the four first bytes' low six bits.
const ROUND_DATA_BYTES: usize = 127;
const ROUNDS: usize = BLOB_BYTES / ROUND_BYTES;
/// Version and length, ahead of the data in the first round.
const HEADER_BYTES: usize = 4;
/// Bits of an element's first byte that must be zero: an element is below the field's modulus,
/// which has 255 bits, and the codec leaves the second bit unused as well.
const UNUSED_BITS: u8 = 0b1100_0000;

/// A whole blob. Too large for a stack.
pub type BlobBytes = Box<[u8; BLOB_BYTES]>;

/// Why data is not put into a blob, or a blob holds none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// The data is longer than a blob can carry.
    #[error("{bytes} bytes are more than the {BLOB_DATA_MAX} of a blob")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It has not the size of a blob.
    #[error("{bytes} bytes are not the {BLOB_BYTES} of a blob")]
    Size {
        /// Its length.
        bytes: usize,
    },
    /// The encoding has another version.
    #[error("blob encoding version {version} is not {BLOB_ENCODING_VERSION}")]
    Version {
        /// Byte 1.
        version: u8,
    },
    /// The length is more than a blob can carry.
    #[error("blob says that it holds {length} bytes, more than {BLOB_DATA_MAX}")]
    Length {
        /// The length field.
        length: u32,
    },
    /// One of the two highest bits of a field element is set.
    #[error("field element {index} has one of its highest two bits set")]
    FieldElement {
        /// Index of the element.
        index: usize,
    },
    /// Something follows the data.
    #[error("blob holds something after its {length} bytes")]
    Extraneous {
        /// The length field.
        length: usize,
    },
}

/// Puts data into a blob.
///
/// A stream of `version ‖ length ‖ data`, zero-padded, is cut into rounds of 127 bytes, and each
/// round fills four field elements, of whose first bytes only the low six bits may be used:
///
/// | offset in the round | width | holds                                          |
/// |---------------------|-------|------------------------------------------------|
/// | 0                   | 1     | low six bits of x                              |
/// | 1                   | 31    | bytes 0 to 30 of the round                     |
/// | 32                  | 1     | bits 4–5: high two bits of x; bits 0–3: low four of y |
/// | 33                  | 31    | bytes 32 to 62                                 |
/// | 64                  | 1     | low six bits of z                              |
/// | 65                  | 31    | bytes 64 to 94                                 |
/// | 96                  | 1     | bits 4–5: high two bits of z; bits 0–3: high four of y |
/// | 97                  | 31    | bytes 96 to 126                                |
///
/// x, y and z are bytes 31, 63 and 95 of the round. The stream begins with:
///
/// | offset | width | field   | encoding                                    |
/// |--------|-------|---------|---------------------------------------------|
/// | 0      | 1     | version | 0                                           |
/// | 1      | 3     | length  | big-endian, at most [`BLOB_DATA_MAX`]       |
/// | 4      | n     | data    |                                             |
///
/// Source: OP specification, "Blob encoding" (Ecotone).
///
/// # Errors
/// Data that is longer than [`BLOB_DATA_MAX`].
pub fn encode_blob(data: &[u8]) -> Result<BlobBytes, BlobError> {
    let too_long = BlobError::TooLong { bytes: data.len() };
    if data.len() > BLOB_DATA_MAX {
        return Err(too_long);
    }
    let length = u32::try_from(data.len()).map_err(|_| too_long)?;
    let [_, header @ ..] = length.to_be_bytes();
    let mut stream = Vec::with_capacity(data.len().saturating_add(HEADER_BYTES));
    stream.push(BLOB_ENCODING_VERSION);
    stream.extend_from_slice(&header);
    stream.extend_from_slice(data);

    let mut blob = zeroed();
    for (round, chunk) in blob
        .chunks_exact_mut(ROUND_BYTES)
        .zip(stream.chunks(ROUND_DATA_BYTES))
    {
        let mut bytes = [0; ROUND_DATA_BYTES];
        for (to, from) in bytes.iter_mut().zip(chunk) {
            *to = *from;
        }
        pack(&bytes, round);
    }
    Ok(blob)
}

/// Takes the data out of a blob.
///
/// # Errors
/// Anything that [`encode_blob`] doesn't make: another version, unused bits that are set, or
/// anything after the data.
pub fn decode_blob(blob: &[u8]) -> Result<Vec<u8>, BlobError> {
    if blob.len() != BLOB_BYTES {
        return Err(BlobError::Size { bytes: blob.len() });
    }
    let [_, version, high, middle, low] = *blob.first_chunk().unwrap_or(&[0; 5]);
    if version != BLOB_ENCODING_VERSION {
        return Err(BlobError::Version { version });
    }
    let claimed = u32::from_be_bytes([0, high, middle, low]);
    let length = usize::try_from(claimed)
        .ok()
        .filter(|length| *length <= BLOB_DATA_MAX)
        .ok_or(BlobError::Length { length: claimed })?;
    // Version and length are there even if there is no data.
    let stream_len = length.saturating_add(HEADER_BYTES);
    let used_rounds = stream_len.div_ceil(ROUND_DATA_BYTES);

    let mut stream = Vec::with_capacity(used_rounds.saturating_mul(ROUND_DATA_BYTES));
    let mut rounds = blob.chunks_exact(ROUND_BYTES);
    for (index, round) in (0_usize..).zip(rounds.by_ref().take(used_rounds)) {
        unpack(index, round, &mut stream)?;
    }
    let extraneous = BlobError::Extraneous { length };
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    if !stream.get(stream_len..).is_some_and(is_zero) || !rounds.all(is_zero) {
        return Err(extraneous);
    }
    stream.truncate(stream_len);
    stream.drain(..HEADER_BYTES);
    Ok(stream)
}

/// A blob of zeros, made where it stays.
fn zeroed() -> BlobBytes {
    let bytes = vec![0; BLOB_BYTES].into_boxed_slice();
    // The slice has the length of the array.
    bytes
        .try_into()
        .unwrap_or_else(|_| Box::new([0; BLOB_BYTES]))
}

/// Bytes of a round that stand in the elements, and those that are split among their first bytes.
type Split<'a> = ([&'a [u8; 31]; ROUND_ELEMENTS], [u8; 3]);

fn split(bytes: &[u8; ROUND_DATA_BYTES]) -> Option<Split<'_>> {
    let (first, rest) = bytes.split_first_chunk::<31>()?;
    let ([x], rest) = rest.split_first_chunk::<1>()?;
    let (second, rest) = rest.split_first_chunk::<31>()?;
    let ([y], rest) = rest.split_first_chunk::<1>()?;
    let (third, rest) = rest.split_first_chunk::<31>()?;
    let ([z], rest) = rest.split_first_chunk::<1>()?;
    Some(([first, second, third, rest.first_chunk()?], [*x, *y, *z]))
}

fn pack(bytes: &[u8; ROUND_DATA_BYTES], round: &mut [u8]) {
    let Some((wholes, [x, y, z])) = split(bytes) else {
        return;
    };
    let firsts = [
        x & 0b0011_1111,
        (y & 0b0000_1111) | ((x & UNUSED_BITS) >> 2),
        z & 0b0011_1111,
        ((z & UNUSED_BITS) >> 2) | (y >> 4),
    ];
    for ((element, first), whole) in round
        .chunks_exact_mut(FIELD_ELEMENT_BYTES)
        .zip(firsts)
        .zip(wholes)
    {
        if let Some((to_first, to_whole)) = element.split_first_mut() {
            *to_first = first;
            to_whole.copy_from_slice(whole);
        }
    }
}

/// Appends the 127 bytes of a round.
fn unpack(index: usize, round: &[u8], out: &mut Vec<u8>) -> Result<(), BlobError> {
    let mut firsts = [0; ROUND_ELEMENTS];
    let mut wholes: [&[u8]; ROUND_ELEMENTS] = [&[]; ROUND_ELEMENTS];
    let elements = round.chunks_exact(FIELD_ELEMENT_BYTES);
    for (position, ((element, first), whole)) in
        elements.zip(&mut firsts).zip(&mut wholes).enumerate()
    {
        let Some((byte, rest)) = element.split_first() else {
            continue;
        };
        let element_index = index
            .saturating_mul(ROUND_ELEMENTS)
            .saturating_add(position);
        // The very first byte is not looked at, as in op-node: an element below the modulus may
        // have its second bit set, and every element of a real blob is below it.
        if element_index > 0 && byte & UNUSED_BITS != 0 {
            return Err(BlobError::FieldElement {
                index: element_index,
            });
        }
        (*first, *whole) = (*byte, rest);
    }
    let [a, b, c, d] = firsts;
    let x = (a & 0b0011_1111) | ((b & 0b0011_0000) << 2);
    let y = (b & 0b0000_1111) | ((d & 0b0000_1111) << 4);
    let z = (c & 0b0011_1111) | ((d & 0b0011_0000) << 2);
    let [first, second, third, fourth] = wholes;
    out.extend_from_slice(first);
    out.push(x);
    out.extend_from_slice(second);
    out.push(y);
    out.extend_from_slice(third);
    out.push(z);
    out.extend_from_slice(fourth);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_sizes_are_the_specification_s() {
        assert_eq!(
            (BLOB_BYTES, BLOB_DATA_MAX, ROUNDS),
            (131_072, 130_044, 1_024)
        );
    }

    #[test]
    fn a_blob_looks_as_specified() {
        // Bytes 0 to 255, so that each position can be told.
        let data: Vec<u8> = (0..=255).collect();
        let blob = encode_blob(&data).expect("fits");
        // Element 0: x is byte 31 of the round, byte 27 of the data: 0x1b.
        assert_eq!(blob[..6], [0x1b, 0, 0, 1, 0, 0x00]);
        assert_eq!(blob[5..32], data[..27]);
        // Element 1: y is byte 63 of the round, byte 59 of the data: 0x3b; its low half here.
        assert_eq!(blob[32], 0x0b);
        assert_eq!(blob[33..64], data[28..59]);
        // Element 2: z is byte 91 of the data, 0x5b: its low six bits here, the others next.
        assert_eq!(blob[64], 0x1b);
        assert_eq!(blob[65..96], data[60..91]);
        assert_eq!(blob[96], 0x10 | 0x03);
        assert_eq!(blob[97..128], data[92..123]);
        // Round 1 begins with byte 123 of the data; its x is byte 154, 0x9a.
        assert_eq!(blob[128], 0x1a);
        assert_eq!(blob[129..160], data[123..154]);
        assert_eq!(blob[160], 0x20 | (data[186] & 0x0f));
        assert!(blob[384..].iter().all(|byte| *byte == 0));
        assert_eq!(decode_blob(&blob[..]).expect("own"), data);
    }

    #[test]
    fn sizes_are_held_to() {
        let full = vec![0xff; BLOB_DATA_MAX];
        let blob = encode_blob(&full).expect("fits");
        assert!(
            blob.chunks_exact(32)
                .all(|element| element[0] & UNUSED_BITS == 0)
        );
        assert_eq!(decode_blob(&blob[..]).expect("own"), full);
        let bytes = BLOB_DATA_MAX + 1;
        assert_eq!(
            encode_blob(&vec![0; bytes]),
            Err(BlobError::TooLong { bytes })
        );
        let empty = encode_blob(&[]).expect("fits");
        assert!(empty.iter().all(|byte| *byte == 0));
        assert_eq!(decode_blob(&empty[..]), Ok(vec![]));
        assert_eq!(
            decode_blob(&empty[1..]),
            Err(BlobError::Size { bytes: 131_071 })
        );
        assert_eq!(decode_blob(&[]), Err(BlobError::Size { bytes: 0 }));
    }

    #[test]
    fn what_no_encoder_makes_is_refused() {
        let good = encode_blob(&[7; 200]).expect("fits");
        let changed = |at: usize, byte: u8| {
            let mut blob = good.clone();
            blob[at] = byte;
            decode_blob(&blob[..])
        };
        assert_eq!(changed(1, 1), Err(BlobError::Version { version: 1 }));
        assert_eq!(changed(2, 2), Err(BlobError::Length { length: 0x02_00c8 }));
        for (at, index) in [(32, 1), (64, 2), (96, 3), (128, 4)] {
            for bit in [0x40, 0x80] {
                assert_eq!(changed(at, bit), Err(BlobError::FieldElement { index }));
            }
        }
        // The rest of the last round, and rounds after it.
        for at in [250, 255, 256, 384, BLOB_BYTES - 1] {
            assert_eq!(changed(at, 1), Err(BlobError::Extraneous { length: 200 }));
        }
        assert_eq!(
            changed(256, 0x80),
            Err(BlobError::Extraneous { length: 200 })
        );
        // Less than what stands there.
        assert_eq!(changed(4, 199), Err(BlobError::Extraneous { length: 199 }));
        // The first byte's unused bits are not looked at.
        assert_eq!(changed(0, good[0] | 0x40), Ok(vec![7; 200]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_goes_in_comes_out(data in proptest::collection::vec(any::<u8>(), 0..3_000), tail in 0..BLOB_DATA_MAX) {
            let mut data = data;
            // Sometimes long.
            if tail % 3 == 0 {
                data.resize(tail, 0xa5);
            }
            let blob = encode_blob(&data).expect("fits");
            prop_assert_eq!(decode_blob(&blob[..]), Ok(data));
        }

        #[test]
        fn what_decodes_is_canonical(
            data in proptest::collection::vec(any::<u8>(), 0..600),
            changes in proptest::collection::vec((0..800_usize, any::<u8>()), 0..6),
        ) {
            let mut blob = encode_blob(&data).expect("fits");
            for (at, byte) in changes {
                blob[at] = byte;
            }
            if let Ok(decoded) = decode_blob(&blob[..]) {
                blob[0] &= !UNUSED_BITS;
                prop_assert_eq!(encode_blob(&decoded).expect("fits"), blob);
            }
        }
    }
}
