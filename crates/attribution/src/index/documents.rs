//! The documents of an index, from a list.

use super::super::{
    list::{ListForm, ListLine},
    stream::{self, Kind},
};
use alloy_primitives::B256;
use anyhow::{Context, ensure};
use openledger_client::Progress;
use openledger_precompiles::{
    merkle,
    span::{DOCUMENT_GAP_MIN, Document},
};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

const LIST: ListForm = ListForm {
    parts: "CLUSTER KIND PATH",
    things: "documents",
    lines_max: 1 << 20,
};
/// Most tokens of all documents together.
const TOKENS_MAX: usize = 1 << 28;

/// Documents with their streams, in order of cluster and locus.
#[derive(Debug)]
pub(crate) struct Documents(pub(super) Vec<IndexedDocument>);

/// A document, where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IndexedDocument {
    pub(super) cluster: u32,
    pub(super) locus: u64,
    pub(super) path: PathBuf,
    pub(super) tokens: Vec<u32>,
}

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    cluster: u32,
    kind: Kind,
    path: PathBuf,
}

impl Documents {
    /// Reads a list with lines `CLUSTER KIND PATH`, and the documents. They are ordered by cluster, those of
    /// one cluster as they are listed, each 4,096 loci behind the one before it.
    pub(crate) fn read(list: &Path) -> anyhow::Result<Self> {
        let mut lines = LIST.read(list, read_line)?;
        lines.sort_by_key(|line| line.cluster);
        let progress = Progress::new(lines.len(), "documents read");
        let streams: Vec<Vec<u32>> = lines
            .par_iter()
            .map(|line| {
                let (tokens, _) = stream::read(line.kind, &line.path)?;
                progress.step();
                Ok(tokens)
            })
            .collect::<anyhow::Result<_>>()?;
        let tokens: usize = streams.iter().map(Vec::len).sum();
        ensure!(
            tokens <= TOKENS_MAX,
            "the documents have {tokens} tokens, more than {TOKENS_MAX}"
        );
        Ok(Self(place(lines.into_iter().zip(streams))))
    }

    /// Documents as `build_index` takes them.
    pub(crate) fn as_slice(&self) -> Vec<Document<'_>> {
        let documents = self.0.iter().map(|document| Document {
            cluster: document.cluster,
            locus: document.locus,
            tokens: &document.tokens,
        });
        documents.collect()
    }

    /// Root over the streams: what `commitTokens` commits to.
    pub(crate) fn token_root(&self) -> B256 {
        let leaves: Vec<B256> = (0u64..)
            .zip(&self.0)
            .map(|(number, document)| {
                let bytes: Vec<u8> = document
                    .tokens
                    .iter()
                    .flat_map(|token| token.to_be_bytes())
                    .collect();
                merkle::leaf(number, &bytes)
            })
            .collect();
        // A list isn't empty.
        merkle::root(&leaves).unwrap_or_default()
    }

    /// Number of documents.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Number of tokens.
    pub(crate) fn tokens(&self) -> usize {
        self.0.iter().map(|document| document.tokens.len()).sum()
    }
}

/// Gives each document its locus.
fn place(documents: impl Iterator<Item = (Line, Vec<u32>)>) -> Vec<IndexedDocument> {
    let mut placed: Vec<IndexedDocument> = Vec::new();
    for (line, tokens) in documents {
        let locus = match placed.last() {
            Some(last) if last.cluster == line.cluster => {
                last.locus + last.tokens.len() as u64 + DOCUMENT_GAP_MIN
            }
            _ => 0,
        };
        placed.push(IndexedDocument {
            cluster: line.cluster,
            locus,
            path: line.path,
            tokens,
        });
    }
    placed
}

fn read_line(line: ListLine<'_>) -> anyhow::Result<Line> {
    let cluster = line.first.parse();
    let kind = line.second.parse();
    Ok(Line {
        cluster: cluster.with_context(|| format!("{} is no cluster", line.first))?,
        kind: kind.with_context(|| format!("{} is", line.second))?,
        path: line.path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn documents_are_placed_by_cluster() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("a b.txt"), "one two three").unwrap();
        fs::write(path("b.json"), "[7, 8]").unwrap();
        fs::write(
            path("list"),
            "# documents\n5 text a b.txt\n0 tokens b.json\n\n5 tokens b.json\n",
        )
        .unwrap();
        let documents = Documents::read(&path("list")).unwrap();
        let places: Vec<_> = documents
            .as_slice()
            .iter()
            .map(|document| (document.cluster, document.locus, document.tokens.len()))
            .collect();
        assert_eq!(places, [(0, 0, 2), (5, 0, 3), (5, 3 + 4_096, 2)]);
        assert_eq!((documents.len(), documents.tokens()), (3, 7));
        let leaf = |number, tokens: &[u32]| {
            let bytes: Vec<u8> = tokens
                .iter()
                .flat_map(|token| token.to_be_bytes())
                .collect();
            merkle::leaf(number, &bytes)
        };
        let leaves = [
            leaf(0, &[7, 8]),
            leaf(1, documents.as_slice()[1].tokens),
            leaf(2, &[7, 8]),
        ];
        assert_eq!(Some(documents.token_root()), merkle::root(&leaves));
    }

    #[test]
    fn lines_that_say_nothing_sensible_are_named() {
        for (line, part) in [
            ("1 text", "line 1 isn't"),
            ("x text a", "x is no cluster"),
            ("1 poem a", "poem is"),
        ] {
            let error = LIST.parse(line, Path::new(""), read_line).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(part), "{error}");
        }
    }
}
