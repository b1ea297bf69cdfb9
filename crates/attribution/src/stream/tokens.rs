//! Tokens that a tokenizer made.

use anyhow::{Context, ensure};
use std::path::Path;

/// Tokens: of a file named `.json` a list of numbers, of any other four bytes each, most significant first.
pub(super) fn parse(bytes: &[u8], path: &Path) -> anyhow::Result<Vec<u32>> {
    let is_json = path
        .extension()
        .is_some_and(|extension| extension == "json");
    if is_json {
        return serde_json::from_slice(bytes).context("not a JSON list of numbers below 2^32");
    }
    let (tokens, rest) = bytes.as_chunks::<4>();
    ensure!(
        rest.is_empty(),
        "{} bytes aren't tokens of four bytes",
        bytes.len()
    );
    Ok(tokens
        .iter()
        .map(|token| u32::from_be_bytes(*token))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_bytes_or_json() {
        let path = Path::new("a.tokens");
        assert_eq!(
            parse(&[0, 0, 1, 2, 255, 0, 0, 0], path).unwrap(),
            [258, 0xff00_0000]
        );
        assert!(parse(&[0, 0, 1], path).is_err());
        let json = Path::new("a.json");
        assert_eq!(parse(b"[1, 4294967295]", json).unwrap(), [1, u32::MAX]);
        assert!(parse(b"[4294967296]", json).is_err());
        assert!(parse(b"[-1]", json).is_err());
    }
}
