//! Keys, built on the stack.

use alloy_primitives::{Address, B256, U256};

/// Most bytes of a key: a storage trie path of 64 nibbles and a block number.
const KEY_BYTES_MAX: usize = 1 + 32 + 1 + 32 + 8;
/// Bytes of a block number at the end of a versioned key.
pub(crate) const NUMBER_BYTES: usize = 8;

/// A key on the stack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    len: u8,
    bytes: [u8; KEY_BYTES_MAX],
}

impl Key {
    const fn new() -> Self {
        Self {
            len: 0,
            bytes: [0; KEY_BYTES_MAX],
        }
    }

    fn push(mut self, part: &[u8]) -> Self {
        let start = usize::from(self.len);
        let end = start + part.len();
        self.bytes[start..end].copy_from_slice(part);
        // At most KEY_BYTES_MAX, or the copy would have been out of range.
        self.len = end as u8;
        self
    }

    /// This key at a block: the key of a version.
    pub(crate) fn at(self, number: u64) -> Self {
        self.push(&number.to_be_bytes())
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Key of an account.
pub(crate) fn account(address: Address) -> Key {
    Key::new().push(address.as_slice())
}

/// Key of a storage slot.
pub(crate) fn slot(address: Address, slot: U256) -> Key {
    account(address).push(&slot.to_be_bytes::<32>())
}

/// The slot in the key of a storage slot or of its version.
pub(crate) fn slot_of(key: &[u8]) -> Option<U256> {
    Some(U256::from_be_slice(key.get(20..52)?))
}

/// Prefix of every trie path of an account (of the account trie if `None`): a tag, so that account
/// paths and storage paths can't be confused, and the hashed address.
pub(crate) fn trie(account: Option<B256>) -> Key {
    match account {
        None => Key::new().push(&[0]),
        Some(hashed) => Key::new().push(&[1]).push(hashed.as_slice()),
    }
}

/// Key of a trie path: its length goes before it, so that no path's key is the start of another's
/// and the sixteen children of a branch are neighbours. `path` holds at most 64 nibbles.
pub(crate) fn trie_path(account: Option<B256>, path: &[u8]) -> Key {
    let mut packed = [0; 32];
    for (index, nibble) in path.iter().enumerate().take(64) {
        packed[index / 2] |= if index % 2 == 0 { nibble << 4 } else { *nibble };
    }
    let len = path.len().min(64);
    trie(account)
        .push(&[len as u8])
        .push(&packed[..len.div_ceil(2)])
}

/// The account and the path that a trie path's key stands for; `None` if it isn't one.
pub(crate) fn parse_trie_path(key: &[u8]) -> Option<(Option<B256>, Vec<u8>)> {
    let (account, rest) = match key.split_first()? {
        (0, rest) => (None, rest),
        (1, rest) => (Some(B256::from_slice(rest.get(..32)?)), &rest[32..]),
        _ => return None,
    };
    let (&len, packed) = rest.split_first()?;
    let len = usize::from(len);
    if len > 64 || packed.len() != len.div_ceil(2) {
        return None;
    }
    let nibble = |index: usize| {
        if index.is_multiple_of(2) {
            packed[index / 2] >> 4
        } else {
            packed[index / 2] & 0x0f
        }
    };
    Some((account, (0..len).map(nibble).collect()))
}

/// Key of a block.
pub(crate) const fn number(number: u64) -> [u8; NUMBER_BYTES] {
    number.to_be_bytes()
}

/// The block number at the end of a versioned key, or the whole key of a block.
pub(crate) fn number_of(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trie_paths_round_trip_and_children_are_neighbours() {
        let account = Some(B256::repeat_byte(9));
        for path in [vec![], vec![0], vec![15, 0], vec![1, 2, 3], vec![7; 64]] {
            for account in [None, account] {
                let key = trie_path(account, &path);
                assert_eq!(parse_trie_path(key.as_ref()), Some((account, path.clone())));
                assert!(key.at(u64::MAX).as_ref().len() <= KEY_BYTES_MAX);
            }
        }
        let child = |n| {
            trie_path(account, &[4, 2, n])
                .at(u64::MAX)
                .as_ref()
                .to_vec()
        };
        let other = trie_path(account, &[4]).at(u64::MAX).as_ref().to_vec();
        let deep = trie_path(account, &[4, 2, 0, 0]).at(0).as_ref().to_vec();
        assert!(other < child(0) && child(0) < child(1) && child(15) < deep);
        assert_eq!(parse_trie_path(&[0, 3, 0]), None);
        assert_eq!(parse_trie_path(&[2, 0]), None);
        assert_eq!(number_of(&child(3)), Some(u64::MAX));
    }
}
