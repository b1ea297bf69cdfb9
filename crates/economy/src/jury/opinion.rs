//! What a juror says: a vector.

use crate::{infer::calls::SKETCH_BYTES_MAX, votes::Opinion};
use alloy_primitives::{Address, B256, Bytes, hex, keccak256};
use alloy_sol_types::SolValue;
use openledger_client::files;
use serde::{Deserialize, Serialize};
use std::{fmt, path::Path};

/// The entry that no vector has: −128.
const NO_ENTRY: u8 = 0x80;
/// Longest file of a vector, bytes: in hexadecimal, with what surrounds it.
const FILE_BYTES_MAX: u64 = 2 * SKETCH_BYTES_MAX as u64 + 64;

/// A row or a sketch as a juror computed it: int8 entries, a byte each, none −128.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vector(Bytes);

/// What is no vector of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadVector {
    /// It has another dimension.
    #[error("the vector has {given} entries, and the question's has {dim}")]
    Length {
        /// Its entries.
        given: usize,
        /// The question's.
        dim: u16,
    },
    /// An entry is −128.
    #[error("entry {place} of the vector is -128, which no row or sketch has")]
    Entry {
        /// Which one, from 0.
        place: usize,
    },
}

impl Vector {
    /// A vector of a question's dimension.
    ///
    /// # Errors
    /// [`BadVector`].
    pub fn new(entries: Bytes, dim: u16) -> Result<Self, BadVector> {
        if entries.len() != usize::from(dim) {
            return Err(BadVector::Length {
                given: entries.len(),
                dim,
            });
        }
        if let Some(place) = entries.iter().position(|entry| *entry == NO_ENTRY) {
            return Err(BadVector::Entry { place });
        }
        Ok(Self(entries))
    }

    /// What a juror says who was shown nothing: zeros, from which every sketch is too far.
    pub fn nothing_shown(dim: u16) -> Self {
        Self(vec![0; usize::from(dim)].into())
    }

    /// Reads a file: the entries, a byte each, as `openledger attribution sketch --raw` writes them, or in hexadecimal with 0x.
    ///
    /// # Errors
    /// A file that can't be read; [`BadVector`].
    pub fn read(path: &Path, dim: u16) -> anyhow::Result<Self> {
        let bytes = files::read(path, FILE_BYTES_MAX)?;
        let text = std::str::from_utf8(&bytes).ok().map(str::trim);
        // Entries that happen to be hexadecimal text have another length.
        let decoded = text
            .filter(|text| text.starts_with("0x") && text.len() == 2 + 2 * usize::from(dim))
            .and_then(|text| hex::decode(text).ok());
        Ok(Self::new(decoded.unwrap_or(bytes).into(), dim)?)
    }

    /// The entries.
    pub const fn entries(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the vector with hash {}", keccak256(&self.0))
    }
}

impl Opinion for Vector {
    fn choice(&self, voter: Address, salt: B256) -> B256 {
        keccak256((voter, salt, self.0.clone()).abi_encode_params())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_read_raw_or_in_hexadecimal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vector");
        let entries: Vec<u8> = (0..64).collect();
        let expected = Vector::new(entries.clone().into(), 64).unwrap();
        std::fs::write(&path, &entries).unwrap();
        assert_eq!(Vector::read(&path, 64).unwrap(), expected);
        std::fs::write(&path, format!("{}\n", hex::encode_prefixed(&entries))).unwrap();
        assert_eq!(Vector::read(&path, 64).unwrap(), expected);
        let error = Vector::read(&path, 128).unwrap_err().to_string();
        assert!(error.contains("question's has 128"), "{error}");
        let mut wrong = entries;
        wrong[9] = 0x80;
        assert_eq!(
            Vector::new(wrong.into(), 64),
            Err(BadVector::Entry { place: 9 })
        );
        assert_eq!(Vector::nothing_shown(64).entries().as_ref(), [0; 64]);
    }

    /// `keccak256(abi.encode(juror, salt, sketch))`: two words, an offset, a length, and the bytes, of whole words.
    #[test]
    fn a_choice_is_what_the_contract_hashes() {
        let mut preimage = [0u8; 4 * 32 + 64];
        preimage[12..32].fill(5);
        preimage[32..64].fill(9);
        preimage[95] = 96;
        preimage[127] = 64;
        preimage[128..].fill(3);
        let vector = Vector::new(vec![3; 64].into(), 64).unwrap();
        let choice = vector.choice(Address::repeat_byte(5), B256::repeat_byte(9));
        assert_eq!(choice, keccak256(preimage));
    }
}
