use alloy_primitives::Bytes;
use core::ops::Range;

/// Bytes of an entry.
pub const ENTRY_BYTES: usize = 16;
/// Largest value of a fingerprint or a locus.
pub const U48_MAX: u64 = (1 << 48) - 1;

/// A fingerprint of a document's tokens, whose cluster it is and where it stands.
///
/// | offset | bytes | field | encoding |
/// |---|---|---|---|
/// | 0 | 6 | fingerprint: the upper 48 bits of a k-gram's hash | big-endian |
/// | 6 | 4 | cluster | big-endian |
/// | 10 | 6 | locus: offset of the k-gram's first token among the cluster's tokens | big-endian |
///
/// Entries are ordered as their bytes are: by fingerprint, then cluster, then locus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// Below `2^48`.
    pub fingerprint: u64,
    /// Any.
    pub cluster: u32,
    /// Below `2^48`.
    pub locus: u64,
}

impl Entry {
    /// Reads an entry; every 16 bytes are one.
    pub fn from_bytes(bytes: [u8; ENTRY_BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, rest @ ..] = bytes;
        let [k, l, m, n, o, p] = rest;
        Self {
            fingerprint: u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
            cluster: u32::from_be_bytes([g, h, i, j]),
            locus: u64::from_be_bytes([0, 0, k, l, m, n, o, p]),
        }
    }

    /// The entry's bytes. Bits of fingerprint and locus above the 48th are lost.
    pub fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let fingerprint = u128::from(self.fingerprint & U48_MAX) << 80;
        let cluster = u128::from(self.cluster) << 48;
        (fingerprint | cluster | u128::from(self.locus & U48_MAX)).to_be_bytes()
    }
}

/// A sealed native index: the entries of its pages as one ascending sequence.
#[derive(Debug, Clone)]
pub struct EntryTable<'a> {
    pages: &'a [Bytes],
    entries_per_page: usize,
    len: usize,
}

impl<'a> EntryTable<'a> {
    /// The `len` entries of `pages`, of which each but the last holds `entries_per_page`; ascending, as
    /// `appendEntries` has checked.
    pub const fn new(pages: &'a [Bytes], entries_per_page: usize, len: usize) -> Self {
        Self {
            pages,
            entries_per_page,
            len,
        }
    }

    /// Entry `index`; `None` behind the last.
    pub fn get(&self, index: usize) -> Option<Entry> {
        if index >= self.len {
            return None;
        }
        let page = self.pages.get(index.checked_div(self.entries_per_page)?)?;
        let offset = index
            .checked_rem(self.entries_per_page)?
            .checked_mul(ENTRY_BYTES)?;
        let bytes = page.get(offset..)?.first_chunk::<ENTRY_BYTES>()?;
        Some(Entry::from_bytes(*bytes))
    }

    /// The first at most `max` entries with this fingerprint.
    pub fn first_with(&self, fingerprint: u64, max: usize) -> Range<usize> {
        // The least index whose fingerprint isn't below, in [low, high].
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle) {
                Some(entry) if entry.fingerprint < fingerprint => low = middle.saturating_add(1),
                _ => high = middle,
            }
        }
        let mut end = low;
        let limit = low.saturating_add(max);
        while end < limit
            && self
                .get(end)
                .is_some_and(|entry| entry.fingerprint == fingerprint)
        {
            end = end.saturating_add(1);
        }
        low..end
    }
}
