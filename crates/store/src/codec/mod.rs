//! Record encodings. Every decoder takes untrusted bytes and answers `None` for what it doesn't know.

pub(crate) mod account;
pub(crate) mod block;
pub(crate) mod changes;
pub(crate) mod node;
pub(crate) mod receipt;

use alloy_primitives::{Address, B256, U256};

/// Appends an integer, seven bits a byte, least significant first.
pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a word: the number of its bytes, then these without leading zeros.
pub(crate) fn put_word(value: U256, out: &mut Vec<u8>) {
    let bytes = value.to_be_bytes::<32>();
    let len = value.byte_len();
    out.push(len as u8);
    out.extend_from_slice(&bytes[32 - len..]);
}

/// A word's bytes without leading zeros: the value of a slot.
pub(crate) fn trimmed(value: U256) -> Vec<u8> {
    value.to_be_bytes_trimmed_vec()
}

/// The word that trimmed bytes stand for.
pub(crate) fn untrimmed(bytes: &[u8]) -> Option<U256> {
    (bytes.len() <= 32).then(|| U256::from_be_slice(bytes))
}

/// Reads a record from the front.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(record: &'a [u8]) -> Self {
        Self { rest: record }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(bytes)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            value |= part << shift;
            if byte < 0x80 {
                return (part << shift >> shift == part).then_some(value);
            }
        }
        None
    }

    /// A count of items of at least one byte each, so that no count exceeds what could follow.
    pub(crate) fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.varint()?).ok()?;
        (count <= self.rest.len()).then_some(count)
    }

    pub(crate) fn word(&mut self) -> Option<U256> {
        let len = self.byte()?;
        untrimmed(self.bytes(usize::from(len))?)
    }

    pub(crate) fn address(&mut self) -> Option<Address> {
        self.bytes(20).map(Address::from_slice)
    }

    pub(crate) fn hash(&mut self) -> Option<B256> {
        self.bytes(32).map(B256::from_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_round_trip_and_bad_ones_are_refused() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_varint(value, &mut out);
            let mut reader = Reader::new(&out);
            assert_eq!((reader.varint(), reader.is_empty()), (Some(value), true));
        }
        assert_eq!(Reader::new(&[0x80]).varint(), None);
        assert_eq!(Reader::new(&[0xff; 10]).varint(), None);
        assert_eq!(
            Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).varint(),
            None
        );
        for value in [U256::ZERO, U256::from(1), U256::from(0x1234), U256::MAX] {
            let mut out = Vec::new();
            put_word(value, &mut out);
            assert_eq!(Reader::new(&out).word(), Some(value));
            assert_eq!(untrimmed(&trimmed(value)), Some(value));
        }
        assert_eq!(trimmed(U256::ZERO), Vec::<u8>::new());
        assert_eq!(Reader::new(&[33; 40]).word(), None);
        assert_eq!(Reader::new(&[5, 1, 1]).count(), None);
    }
}
