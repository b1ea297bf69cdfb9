//! Words of ABI-encoded data, as strict as op-node reads them: padding must be zero.

use alloy_primitives::Address;

/// Reads 32-byte words off the front of ABI-encoded data.
pub(crate) struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    pub(crate) const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn word(&mut self) -> Option<[u8; 32]> {
        let (word, rest) = self.0.split_first_chunk::<32>()?;
        self.0 = rest;
        Some(*word)
    }

    /// A word that holds a u64; `None` also if its upper bytes aren't zero.
    pub(crate) fn u64(&mut self) -> Option<u64> {
        let word = self.word()?;
        let (padding, value) = word.split_last_chunk::<8>()?;
        padding
            .iter()
            .all(|byte| *byte == 0)
            .then(|| u64::from_be_bytes(*value))
    }

    /// A word that holds an address; `None` also if its upper bytes aren't zero.
    pub(crate) fn address(&mut self) -> Option<Address> {
        let word = self.word()?;
        let (padding, value) = word.split_last_chunk::<20>()?;
        padding
            .iter()
            .all(|byte| *byte == 0)
            .then(|| Address::from(*value))
    }

    /// The head of a single `bytes` argument, offset and length, if its length is `len`.
    pub(crate) fn bytes_head(&mut self, len: u64) -> Option<()> {
        (self.u64()? == 32 && self.u64()? == len).then_some(())
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
