//! Which keys a block changed: what unwinding restores and pruning thins out.
//!
//! The account trie's paths, then the number of accounts and for each its address, the number of its
//! slots with each, and its storage trie's paths. Paths are sorted and each only tells what differs
//! from the one before: how many nibbles it shares (a byte), how many follow (a byte), these packed.

use super::{Reader, put_varint, put_word};
use alloy_primitives::{Address, U256};

/// Flag of a path's first byte: a single nibble follows, in the next byte, and no count.
const ONE_MORE: u8 = 0x80;
/// Most nibbles of a path.
const PATH_NIBBLES_MAX: usize = 64;

/// The keys that a block changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ChangedKeys {
    /// Paths of the account trie, sorted.
    pub(crate) paths: Vec<Vec<u8>>,
    /// Changed accounts.
    pub(crate) accounts: Vec<ChangedAccount>,
}

/// What changed of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangedAccount {
    pub(crate) address: Address,
    pub(crate) slots: Vec<U256>,
    /// Paths of its storage trie, sorted.
    pub(crate) paths: Vec<Vec<u8>>,
}

impl ChangedKeys {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.paths.len() * 4 + self.accounts.len() * 24);
        put_paths(&self.paths, &mut out);
        put_varint(self.accounts.len() as u64, &mut out);
        for account in &self.accounts {
            out.extend_from_slice(account.address.as_slice());
            put_varint(account.slots.len() as u64, &mut out);
            account
                .slots
                .iter()
                .for_each(|slot| put_word(*slot, &mut out));
            put_paths(&account.paths, &mut out);
        }
        out
    }

    pub(crate) fn decode(record: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(record);
        let paths = read_paths(&mut reader)?;
        let count = reader.count()?;
        let mut accounts = Vec::with_capacity(count);
        for _ in 0..count {
            let address = reader.address()?;
            let slots_count = reader.count()?;
            let slots = (0..slots_count)
                .map(|_| reader.word())
                .collect::<Option<_>>()?;
            accounts.push(ChangedAccount {
                address,
                slots,
                paths: read_paths(&mut reader)?,
            });
        }
        reader.is_empty().then_some(Self { paths, accounts })
    }
}

fn put_paths(paths: &[Vec<u8>], out: &mut Vec<u8>) {
    put_varint(paths.len() as u64, out);
    let mut last: &[u8] = &[];
    for path in paths {
        let shared = path.iter().zip(last).take_while(|(a, b)| a == b).count();
        // At most 64 nibbles a path.
        let more = &path[shared..];
        if let [nibble] = more {
            out.extend_from_slice(&[shared as u8 | ONE_MORE, *nibble]);
        } else {
            out.extend_from_slice(&[shared as u8, more.len() as u8]);
            out.extend(
                more.chunks(2)
                    .map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)),
            );
        }
        last = path;
    }
}

fn read_paths(reader: &mut Reader<'_>) -> Option<Vec<Vec<u8>>> {
    let count = reader.count()?;
    let mut paths: Vec<Vec<u8>> = Vec::with_capacity(count);
    for _ in 0..count {
        let first = reader.byte()?;
        let shared = usize::from(first & !ONE_MORE);
        let last = paths.last().map_or(&[][..], Vec::as_slice);
        let mut path = last.get(..shared)?.to_vec();
        if first & ONE_MORE != 0 {
            path.push(reader.byte().filter(|nibble| *nibble < 16)?);
        } else {
            let more = usize::from(reader.byte()?);
            let packed = reader.bytes(more.div_ceil(2))?;
            let nibbles = packed.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
            path.extend(nibbles.take(more));
        }
        if path.len() > PATH_NIBBLES_MAX {
            return None;
        }
        paths.push(path);
    }
    Some(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn changed_keys_round_trip(
            paths in prop::collection::btree_set(prop::collection::vec(0_u8..16, 0..=64), 0..9),
            near in prop::collection::btree_set(prop::collection::vec(0_u8..2, 0..6), 0..20),
            slots in prop::collection::vec(any::<[u8; 32]>(), 0..5),
            shift in 0_usize..256,
        ) {
            let account = |byte, paths: &std::collections::BTreeSet<Vec<u8>>| ChangedAccount {
                address: Address::repeat_byte(byte),
                slots: slots.iter().map(|slot| U256::from_be_bytes(*slot) >> shift).collect(),
                paths: paths.iter().cloned().collect(),
            };
            let keys = ChangedKeys {
                paths: paths.iter().cloned().collect(),
                accounts: vec![account(1, &near), account(2, &paths)],
            };
            let record = keys.encode();
            prop_assert_eq!(ChangedKeys::decode(&record), Some(keys));
            for len in 0..record.len() {
                prop_assert_eq!(ChangedKeys::decode(&record[..len]), None);
            }
        }
    }

    #[test]
    fn bad_records_are_refused() {
        assert_eq!(ChangedKeys::decode(&[]), None);
        assert_eq!(ChangedKeys::decode(&[1, 1, 0, 0]), None); // shares a nibble with nothing
        assert_eq!(ChangedKeys::decode(&[1, 0x80, 16, 0]), None); // no nibble
        assert_eq!(ChangedKeys::decode(&[1, 0, 66, 0]), None);
        assert_eq!(ChangedKeys::decode(&[0, 0, 0]), None); // a byte too many
        assert_eq!(ChangedKeys::decode(&[0, 0]), Some(ChangedKeys::default()));
    }
}
