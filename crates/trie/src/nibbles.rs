use alloc::vec::Vec;
use alloy_primitives::B256;

/// Nibbles of a key: every path to a leaf of a secure trie is this long.
pub const KEY_NIBBLES: usize = 64;

/// A key as nibbles (0–15), most significant first.
pub fn unpack_key(key: &B256) -> [u8; KEY_NIBBLES] {
    let mut nibbles = [0; KEY_NIBBLES];
    for (pair, byte) in nibbles.chunks_exact_mut(2).zip(key.0) {
        pair[0] = byte >> 4;
        pair[1] = byte & 0x0f;
    }
    nibbles
}

/// The key that `path` followed by `suffix` spells; `None` unless they make 64 nibbles together.
pub fn pack_key(path: &[u8], suffix: HexPrefix<'_>) -> Option<B256> {
    if path.len().checked_add(suffix.len())? != KEY_NIBBLES {
        return None;
    }
    let mut key = B256::ZERO;
    for (index, nibble) in path.iter().copied().chain(suffix.iter()).enumerate() {
        key.0[index / 2] |= if index % 2 == 0 { nibble << 4 } else { nibble };
    }
    Some(key)
}

/// A nibble path in hex-prefix encoding (Yellow Paper, appendix C), borrowed from a node's RLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HexPrefix<'a> {
    encoded: &'a [u8],
}

impl<'a> HexPrefix<'a> {
    /// Reads an encoded path and whether it ends in a leaf; `None` if it isn't canonical.
    pub(crate) fn decode(encoded: &'a [u8]) -> Option<(Self, bool)> {
        let first = *encoded.first()?;
        // Flag nibble: bit 1 leaf, bit 0 odd length; an even path's padding nibble is zero.
        let canonical = first & 0xc0 == 0 && (first & 0x10 != 0 || first & 0x0f == 0);
        (canonical && encoded.len() <= 1 + KEY_NIBBLES / 2)
            .then_some((Self { encoded }, first & 0x20 != 0))
    }

    const fn is_odd(self) -> bool {
        self.encoded[0] & 0x10 != 0
    }

    /// Nibbles in the path.
    pub const fn len(self) -> usize {
        (self.encoded.len() - 1) * 2 + self.is_odd() as usize
    }

    /// Whether the path is empty.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The nibbles, first to last.
    pub fn iter(self) -> impl Iterator<Item = u8> + 'a {
        let encoded = self.encoded;
        let offset = if self.is_odd() { 1 } else { 2 };
        (0..self.len()).map(move |index| {
            let at = index + offset;
            let byte = encoded[at / 2];
            if at % 2 == 0 { byte >> 4 } else { byte & 0x0f }
        })
    }

    /// The nibbles as a vector, one a byte.
    pub fn to_vec(self) -> Vec<u8> {
        self.iter().collect()
    }

    /// How many leading nibbles `other` shares with this path.
    pub fn common_prefix(self, other: &[u8]) -> usize {
        self.iter().zip(other).take_while(|(a, b)| a == *b).count()
    }
}

/// How many leading nibbles two paths share.
pub(crate) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Bytes of a path of `nibbles` nibbles in hex-prefix encoding.
pub(crate) const fn hex_prefix_len(nibbles: usize) -> usize {
    1 + nibbles / 2
}

/// Appends `path` in hex-prefix encoding.
pub(crate) fn hex_prefix_encode(
    path: impl ExactSizeIterator<Item = u8>,
    leaf: bool,
    out: &mut Vec<u8>,
) {
    let odd = path.len() % 2 == 1;
    let mut byte = (u8::from(leaf) << 5) | (u8::from(odd) << 4);
    let mut high = !odd;
    if high {
        out.push(byte);
    }
    for nibble in path {
        if high {
            byte = nibble << 4;
        } else {
            out.push(byte | nibble);
        }
        high = !high;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_prefix_matches_the_yellow_papers_examples() {
        let encode = |path: &[u8], leaf| {
            let mut out = Vec::new();
            hex_prefix_encode(path.iter().copied(), leaf, &mut out);
            assert_eq!(out.len(), hex_prefix_len(path.len()));
            out
        };
        assert_eq!(encode(&[1, 2, 3, 4, 5], false), [0x11, 0x23, 0x45]);
        assert_eq!(encode(&[0, 1, 2, 3, 4, 5], false), [0x00, 0x01, 0x23, 0x45]);
        assert_eq!(
            encode(&[0, 15, 1, 12, 11, 8], true),
            [0x20, 0x0f, 0x1c, 0xb8]
        );
        assert_eq!(encode(&[15, 1, 12, 11, 8], true), [0x3f, 0x1c, 0xb8]);
        assert_eq!(encode(&[], true), [0x20]);
        for (path, leaf) in [(&[1_u8, 2, 3][..], true), (&[7, 0], false), (&[], true)] {
            let encoded = encode(path, leaf);
            let (decoded, is_leaf) = HexPrefix::decode(&encoded).unwrap();
            assert_eq!(
                (decoded.to_vec().as_slice(), decoded.len(), is_leaf),
                (path, path.len(), leaf)
            );
        }
    }

    #[test]
    fn uncanonical_hex_prefixes_are_refused() {
        assert_eq!(HexPrefix::decode(&[]), None);
        assert_eq!(HexPrefix::decode(&[0x41]), None);
        assert_eq!(HexPrefix::decode(&[0x05]), None);
        assert_eq!(HexPrefix::decode(&[0x20; 34]), None);
    }

    #[test]
    fn keys_pack_and_unpack() {
        let key = B256::repeat_byte(0xa7);
        let nibbles = unpack_key(&key);
        for at in [0, 1, 31, 64] {
            let mut encoded = Vec::new();
            hex_prefix_encode(nibbles[at..].iter().copied(), true, &mut encoded);
            let (suffix, _) = HexPrefix::decode(&encoded).unwrap();
            assert_eq!(pack_key(&nibbles[..at], suffix), Some(key));
            assert_eq!(
                pack_key(&nibbles[..at.saturating_sub(1)], suffix),
                (at == 0).then_some(key)
            );
        }
    }
}
