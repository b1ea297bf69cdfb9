//! Documents and names that contracts know by their hashes.

use alloy_primitives::{B256, keccak256};
use std::str::FromStr;

/// Longest document that is read, bytes.
const DOCUMENT_BYTES_MAX: u64 = 64 << 20;

/// A hash as people name it: 32 bytes in hexadecimal, `@FILE` for the keccak256 of a file's bytes, or any other text for the
/// keccak256 of that text, as in `--licence MIT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentHash(pub B256);

/// Why a text names no hash.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is empty.
    #[error("name a document: 0x and 32 bytes, @FILE, or a text")]
    Empty,
    /// It begins as a hash does, and isn't one.
    #[error("a hash has 32 bytes in hexadecimal")]
    NotHash,
    /// The file can't be read.
    #[error("{0:#}")]
    File(anyhow::Error),
}

impl FromStr for DocumentHash {
    type Err = DocumentError;

    fn from_str(text: &str) -> Result<Self, DocumentError> {
        if let Some(path) = text.strip_prefix('@') {
            let bytes = openledger_client::files::read(path.as_ref(), DOCUMENT_BYTES_MAX)
                .map_err(DocumentError::File)?;
            return Ok(Self(keccak256(bytes)));
        }
        if text.starts_with("0x") {
            return text.parse().map(Self).map_err(|_| DocumentError::NotHash);
        }
        if text.is_empty() {
            return Err(DocumentError::Empty);
        }
        Ok(Self(keccak256(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_named_by_hash_file_or_text() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("licence");
        std::fs::write(&path, "MIT").unwrap();
        let of_text = DocumentHash(keccak256("MIT"));
        assert_eq!("MIT".parse::<DocumentHash>().unwrap(), of_text);
        let named: DocumentHash = format!("@{}", path.display()).parse().unwrap();
        assert_eq!(named, of_text);
        let named: DocumentHash = of_text.0.to_string().parse().unwrap();
        assert_eq!(named, of_text);
        for wrong in ["", "0x12", "@/nowhere/at/all"] {
            assert!(wrong.parse::<DocumentHash>().is_err(), "{wrong}");
        }
    }
}
