//! Contributions of a list: their signatures and data roots.

use super::{
    list::{ListForm, ListLine},
    stream::{self, Kind},
};
use alloy_primitives::{Address, B256};
use anyhow::{Context, ensure};
use openledger_client::Progress;
use openledger_precompiles::{
    merkle,
    sketch::{EMPTY_SIGNATURE, Signature, signature},
};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

const LIST: ListForm = ListForm {
    parts: "CONTRIBUTOR KIND PATH",
    things: "contributions",
    lines_max: 1 << 16,
};
/// Sizes that chunks can have, as powers of two.
pub const CHUNK_LOG2: std::ops::RangeInclusive<i64> = 12..=20;

/// A contribution, as it is committed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// Who is named as its contributor; `None`: whoever submits it.
    pub contributor: Option<Address>,
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub path: PathBuf,
    /// Bytes of the file.
    pub size: u64,
    /// Tokens of its canonical stream.
    pub tokens: usize,
    /// MinHash-32 of the stream.
    pub signature: Signature,
    /// Merkle root over the file's chunks.
    pub data_root: B256,
}

/// Reads a list with lines `CONTRIBUTOR KIND PATH`, CONTRIBUTOR an address or `-`, and the files.
///
/// # Errors
/// A list of another form; a file as [`Contribution::read`].
pub fn read(list: &Path, chunk_log2: u8) -> anyhow::Result<Vec<Contribution>> {
    let lines = LIST.read(list, read_line)?;
    let progress = Progress::new(lines.len(), "contributions read");
    lines
        .into_par_iter()
        .map(|(contributor, kind, path)| {
            let contribution = Contribution::read(contributor, kind, path, chunk_log2)?;
            progress.step();
            Ok(contribution)
        })
        .collect()
}

impl Contribution {
    /// Reads a file. Chunks of its data root have 2^`chunk_log2` bytes, within [`CHUNK_LOG2`].
    ///
    /// # Errors
    /// A file that can't be read, isn't of its kind or has fewer than five tokens.
    pub fn read(
        contributor: Option<Address>,
        kind: Kind,
        path: PathBuf,
        chunk_log2: u8,
    ) -> anyhow::Result<Self> {
        let (tokens, bytes) = stream::read(kind, &path)?;
        let signature = signature(&tokens);
        ensure!(
            signature != EMPTY_SIGNATURE,
            "{} has {} tokens: a contribution has 5 at least (TooShort)",
            path.display(),
            tokens.len()
        );
        Ok(Self {
            contributor,
            kind,
            tokens: tokens.len(),
            signature,
            size: bytes.len() as u64,
            data_root: data_root(&bytes, chunk_log2),
            path,
        })
    }
}

/// Root over a file's chunks of 2^`chunk_log2` bytes, the last one shorter.
fn data_root(bytes: &[u8], chunk_log2: u8) -> B256 {
    let leaves: Vec<B256> = (0u64..)
        .zip(bytes.chunks(1 << chunk_log2))
        .map(|(number, chunk)| merkle::leaf(number, chunk))
        .collect();
    // An empty file has no tokens, and isn't a contribution.
    merkle::root(&leaves).unwrap_or_default()
}

/// Who is named, the kind of the file, and the file.
fn read_line(line: ListLine<'_>) -> anyhow::Result<(Option<Address>, Kind, PathBuf)> {
    let contributor = match line.first {
        "-" => None,
        address => Some(
            address
                .parse()
                .with_context(|| format!("{address} is neither an address nor -"))?,
        ),
    };
    let kind = line.second.parse();
    Ok((
        contributor,
        kind.with_context(|| format!("{} is", line.second))?,
        line.path,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn contributions_have_signatures_and_roots() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let text = "the quick brown fox jumps over the lazy dog ".repeat(200);
        fs::write(path("a"), &text).unwrap();
        fs::write(path("short"), "four words are few").unwrap();
        let owner = Address::repeat_byte(7);
        fs::write(path("list"), format!("{owner} text a\n- text a\n")).unwrap();
        let read_all = read(&path("list"), 12).unwrap();
        assert_eq!(read_all.len(), 2);
        assert_eq!(read_all[0].contributor, Some(owner));
        assert_eq!(read_all[1].contributor, None);
        assert_eq!(read_all[0].signature, read_all[1].signature);
        assert_eq!(read_all[0].tokens, 1_800);
        let chunks = text.as_bytes().chunks(4_096);
        let leaves: Vec<_> = (0..).zip(chunks).map(|(i, c)| merkle::leaf(i, c)).collect();
        assert!(leaves.len() > 1);
        assert_eq!(Some(read_all[0].data_root), merkle::root(&leaves));
        fs::write(path("list"), "- text short\n").unwrap();
        let error = read(&path("list"), 12).unwrap_err().to_string();
        assert!(error.contains("TooShort"), "{error}");
    }

    #[test]
    fn lines_that_say_nothing_sensible_are_named() {
        for (line, part) in [
            ("- text", "line 1 isn't"),
            ("0x12 text a", "neither an address"),
            ("- poem a", "poem is"),
        ] {
            let error = LIST.parse(line, Path::new(""), read_line).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(part), "{error}");
        }
    }
}
