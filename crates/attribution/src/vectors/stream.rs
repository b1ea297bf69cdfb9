//! Vectors of the canonical token streams.

use super::{
    super::stream::{Kind, tokens},
    case::{Case, same},
};
use anyhow::bail;
use std::path::Path;

/// A text's stream.
pub(super) fn text(case: Case<'_>) -> anyhow::Result<()> {
    check(case, Kind::Text, "text.txt")
}

/// A table's stream, with cells between commas or tabs, with a header row or without.
pub(super) fn table(case: Case<'_>) -> anyhow::Result<()> {
    let kind = match case.get("header")?.boolean()? {
        true => Kind::Table,
        false => Kind::Rows,
    };
    let name = match case.get("tabs")?.boolean()? {
        true => "table.tsv",
        false => "table.csv",
    };
    check(case, kind, name)
}

/// An image's stream.
pub(super) fn image(case: Case<'_>) -> anyhow::Result<()> {
    check(case, Kind::Image, "image.png")
}

/// The stream of a file's bytes; a file without tokens in the vector is refused.
fn check(case: Case<'_>, kind: Kind, name: &str) -> anyhow::Result<()> {
    let stream = tokens(kind, &case.get("file")?.bytes()?, Path::new(name));
    let Some(vector) = case.optional("tokens") else {
        if let Ok(stream) = stream {
            bail!("{} tokens of a file that has to be refused", stream.len());
        }
        return Ok(());
    };
    same("tokens", stream?, vector.integers()?)
}
