//! Allow-lists: the root that a Datanet has, and the proof that a contributor brings.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_sol_types::SolValue;
use anyhow::{Context, ensure};
use openledger_client::files;
use std::{collections::BTreeSet, path::Path};

/// Longest allow-list that is read, bytes.
const LIST_BYTES_MAX: u64 = 64 << 20;
/// Most addresses of an allow-list.
const ADDRESSES_MAX: usize = 1 << 20;

/// Addresses that may contribute, and the Merkle tree over them: leaves `keccak256(keccak256(abi.encode(address)))`, each
/// pair hashed in ascending order, an odd node promoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowList {
    addresses: Vec<Address>,
    /// From the leaves to the root.
    levels: Vec<Vec<B256>>,
}

impl AllowList {
    /// Of these addresses, in ascending order, each once.
    ///
    /// # Errors
    /// None, or too many.
    pub fn new(addresses: impl IntoIterator<Item = Address>) -> anyhow::Result<Self> {
        let addresses: BTreeSet<Address> = addresses.into_iter().take(ADDRESSES_MAX + 1).collect();
        ensure!(
            (1..=ADDRESSES_MAX).contains(&addresses.len()),
            "an allow-list has 1 to {ADDRESSES_MAX} addresses"
        );
        let addresses: Vec<Address> = addresses.into_iter().collect();
        let mut level: Vec<B256> = addresses.iter().map(leaf).collect();
        let mut levels = Vec::new();
        while level.len() > 1 {
            let next = level.chunks(2).map(node).collect();
            levels.push(std::mem::replace(&mut level, next));
        }
        levels.push(level);
        Ok(Self { addresses, levels })
    }

    /// Reads a file with an address on each line; empty lines and lines that begin with `#` say nothing.
    ///
    /// # Errors
    /// A file that can't be read; a line that is no address.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = files::read_text(path, LIST_BYTES_MAX)?;
        let mut addresses = Vec::new();
        for (number, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let address = line.parse().with_context(|| {
                format!("line {} of {} is no address", number + 1, path.display())
            })?;
            addresses.push(address);
        }
        Self::new(addresses).with_context(|| path.display().to_string())
    }

    /// The root.
    pub fn root(&self) -> B256 {
        // The last level has the one node that is left.
        self.levels
            .last()
            .and_then(|level| level.first())
            .copied()
            .unwrap_or_default()
    }

    /// What a contributor of the list brings with his commitment; `None` for somebody else.
    pub fn permission(&self, contributor: Address) -> Option<Bytes> {
        let mut place = self.addresses.binary_search(&contributor).ok()?;
        let mut proof: Vec<B256> = Vec::new();
        for level in &self.levels {
            proof.extend(level.get(place ^ 1));
            place /= 2;
        }
        Some(proof.abi_encode().into())
    }
}

fn leaf(address: &Address) -> B256 {
    keccak256(keccak256(address.abi_encode()))
}

/// The node above one or two.
fn node(pair: &[B256]) -> B256 {
    match pair {
        [a, b] => keccak256([a.min(b).as_slice(), a.max(b).as_slice()].concat()),
        [promoted, ..] => *promoted,
        [] => B256::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenZeppelin's `MerkleProof.processProof`.
    fn climb(address: Address, permission: &Bytes) -> B256 {
        let proof = Vec::<B256>::abi_decode(permission).unwrap();
        proof
            .iter()
            .fold(leaf(&address), |hash, sibling| node(&[hash, *sibling]))
    }

    #[test]
    fn every_address_of_a_list_has_a_proof() {
        for count in 1..=9u8 {
            let addresses: Vec<Address> = (1..=count).map(Address::repeat_byte).collect();
            let list = AllowList::new(addresses.iter().rev().copied()).unwrap();
            for address in &addresses {
                let permission = list.permission(*address).unwrap();
                assert_eq!(climb(*address, &permission), list.root(), "{count}");
            }
            assert_eq!(list.permission(Address::ZERO), None);
        }
        assert!(AllowList::new([]).is_err());
    }

    #[test]
    fn lists_are_read_line_by_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("list");
        let (a, b) = (Address::repeat_byte(1), Address::repeat_byte(2));
        std::fs::write(&path, format!("# who may\n\n{b}\n{a}\n")).unwrap();
        let list = AllowList::read(&path).unwrap();
        assert_eq!(list, AllowList::new([a, b]).unwrap());
        std::fs::write(&path, format!("{a}\nnobody\n")).unwrap();
        let error = format!("{:#}", AllowList::read(&path).unwrap_err());
        assert!(error.contains("line 2"), "{error}");
    }
}
