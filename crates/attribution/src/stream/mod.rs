//! Canonical token streams: what signatures and fingerprints are computed over, by the data's type.
//!
//! `docs/spec/precompiles.md` defines the streams of texts, tables and images. Whoever has a tokenizer
//! brings its tokens instead.

mod image;
mod table;
mod text;
mod tokens;

use anyhow::{Context, ensure};
use openledger_client::files;
use std::{fmt, path::Path, str::FromStr};

/// Longest document that is read, bytes.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// Most tokens of a document.
const TOKENS_MAX: usize = 1 << 28;

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// A table, CSV or TSV, whose first row is a header.
    Table,
    /// A table without a header.
    Rows,
    /// A PNG image.
    Image,
    /// Tokens that a tokenizer made: u32be, or a JSON list.
    Tokens,
}

impl Kind {
    const ALL: [(&'static str, Self); 5] = [
        ("text", Self::Text),
        ("table", Self::Table),
        ("rows", Self::Rows),
        ("image", Self::Image),
        ("tokens", Self::Tokens),
    ];
}

/// What is no kind of document.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("not one of text, table, rows, image and tokens")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, kind)| *kind).ok_or(UnknownKind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::ALL.iter().find(|(_, kind)| kind == self);
        f.write_str(found.map_or("", |(name, _)| name))
    }
}

/// A document's token stream, and the file's bytes.
///
/// # Errors
/// A file that can't be read, is too long or isn't of the kind.
pub fn read(kind: Kind, path: &Path) -> anyhow::Result<(Vec<u32>, Vec<u8>)> {
    let bytes = files::read(path, FILE_BYTES_MAX)?;
    let tokens = tokens(kind, &bytes, path)
        .with_context(|| format!("reading {} as {kind}", path.display()))?;
    ensure!(
        tokens.len() <= TOKENS_MAX,
        "{} has {} tokens, more than {TOKENS_MAX}",
        path.display(),
        tokens.len()
    );
    Ok((tokens, bytes))
}

/// The token stream of a file's bytes; its name says what separates a table's cells, and how tokens are written.
///
/// # Errors
/// Bytes that aren't of the kind.
pub fn tokens(kind: Kind, bytes: &[u8], path: &Path) -> anyhow::Result<Vec<u32>> {
    let text = || std::str::from_utf8(bytes).context("not UTF-8");
    match kind {
        Kind::Text => text::tokens(text()?),
        Kind::Table | Kind::Rows => Ok(table::tokens(
            text()?,
            table::delimiter(path),
            kind == Kind::Table,
        )?),
        Kind::Image => image::tokens(bytes),
        Kind::Tokens => tokens::parse(bytes, path),
    }
}

/// The token of a hash: its first four bytes, most significant first.
fn token_of(hash: alloy_primitives::B256) -> u32 {
    let [a, b, c, d, ..] = hash.0;
    u32::from_be_bytes([a, b, c, d])
}
