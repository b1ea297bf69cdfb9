//! Contributions of a list: their signatures and data roots.

use super::{
    files,
    progress::Progress,
    stream::{self, Kind},
};
use alloy_primitives::{Address, B256};
use anyhow::{Context, ensure};
use openledger_precompiles::{
    merkle,
    sketch::{EMPTY_SIGNATURE, Signature, signature},
};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Longest list that is read, bytes.
const LIST_BYTES_MAX: u64 = 64 << 20;
/// Most contributions of a list.
const CONTRIBUTIONS_MAX: usize = 1 << 16;
/// Sizes that chunks can have, as powers of two.
pub(super) const CHUNK_LOG2: std::ops::RangeInclusive<i64> = 12..=20;

/// A contribution, as it is committed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contribution {
    /// Who is named as its contributor; `None`: whoever submits it.
    pub(super) contributor: Option<Address>,
    /// What it is.
    pub(super) kind: Kind,
    /// Where it is.
    pub(super) path: PathBuf,
    /// Tokens of its canonical stream.
    pub(super) tokens: usize,
    /// MinHash-32 of the stream.
    pub(super) signature: Signature,
    /// Merkle root over the file's chunks.
    pub(super) data_root: B256,
}

/// Reads a list with lines `CONTRIBUTOR KIND PATH`, CONTRIBUTOR an address or `-`, and the files.
pub(super) fn read(list: &Path, chunk_log2: u8) -> anyhow::Result<Vec<Contribution>> {
    let text = files::read_text(list, LIST_BYTES_MAX)?;
    let directory = list.parent().unwrap_or(Path::new(""));
    let lines = parse(&text, directory).with_context(|| format!("reading {}", list.display()))?;
    ensure!(!lines.is_empty(), "{} lists nothing", list.display());
    ensure!(
        lines.len() <= CONTRIBUTIONS_MAX,
        "{} lists {} contributions, more than {CONTRIBUTIONS_MAX}",
        list.display(),
        lines.len()
    );
    let progress = Progress::new(lines.len(), "contributions read");
    lines
        .into_par_iter()
        .map(|(contributor, kind, path)| {
            let (tokens, bytes) = stream::read(kind, &path)?;
            let signature = signature(&tokens);
            ensure!(
                signature != EMPTY_SIGNATURE,
                "{} has {} tokens: a contribution has 5 at least (TooShort)",
                path.display(),
                tokens.len()
            );
            let contribution = Contribution {
                contributor,
                kind,
                tokens: tokens.len(),
                signature,
                data_root: data_root(&bytes, chunk_log2),
                path,
            };
            progress.step();
            Ok(contribution)
        })
        .collect()
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

fn parse(text: &str, directory: &Path) -> anyhow::Result<Vec<(Option<Address>, Kind, PathBuf)>> {
    text.lines()
        .map(str::trim)
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            let parts = || {
                let (contributor, rest) = line.split_once(char::is_whitespace)?;
                let (kind, path) = rest.trim_start().split_once(char::is_whitespace)?;
                Some((contributor, kind, path.trim_start()))
            };
            let number = index + 1;
            let (contributor, kind, path) =
                parts().with_context(|| format!("line {number} isn't CONTRIBUTOR KIND PATH"))?;
            let contributor = match contributor {
                "-" => None,
                address => Some(address.parse().with_context(|| {
                    format!("line {number}: {address} is neither an address nor -")
                })?),
            };
            let kind = kind
                .parse()
                .with_context(|| format!("line {number}: {kind} is"))?;
            Ok((contributor, kind, directory.join(path)))
        })
        .collect()
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
            let error = format!("{:#}", parse(line, Path::new("")).unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }
}
