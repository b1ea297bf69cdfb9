//! Building an index off chain: winnow each document, drop what lower clusters have already.

use super::{CANDIDATES_MAX, Entry, U48_MAX, fingerprint, kgram_hashes, winnow};
use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::RangeInclusive;

/// Tokens between the end of a document and the beginning of the cluster's next, at least: as many as a
/// query may have, so that no chain of hits reaches over a boundary.
pub const DOCUMENT_GAP_MIN: u64 = 4_096;
/// Tokens in a k-gram.
pub const K_RANGE: RangeInclusive<u8> = 4..=12;
/// Hashes in a winnowing window.
pub const W_RANGE: RangeInclusive<u8> = 2..=32;

/// A document to be indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    /// Whose it is.
    pub cluster: u32,
    /// Offset of its first token among the cluster's tokens.
    pub locus: u64,
    /// Its canonical token stream.
    pub tokens: &'a [u32],
}

/// Why no index can be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// `k` out of range.
    #[error("k is {0}, not within 4 to 12")]
    K(u8),
    /// `w` out of range.
    #[error("w is {0}, not within 2 to 32")]
    W(u8),
    /// Documents don't come in order of cluster and locus.
    #[error("document {document} comes before its predecessor's cluster or locus")]
    Order {
        /// Its place among the documents.
        document: usize,
    },
    /// Two documents of a cluster are too close.
    #[error("document {document} begins at locus {locus}, not {least} or later")]
    Gap {
        /// Its place among the documents.
        document: usize,
        /// Where it begins.
        locus: u64,
        /// Where it could.
        least: u64,
    },
    /// A document ends beyond the last locus.
    #[error("document {document} ends beyond locus 2^48 - 1")]
    Locus {
        /// Its place among the documents.
        document: usize,
    },
}

/// The entries of an index over `documents`, which come in order of cluster and locus.
///
/// Each document is winnowed (`k`, `w`, `salt`), and an entry made of each selected position, but for those
/// that belong to a copy: a chain (SPAN-1's: one lower cluster, one alignment, gaps of at most `w + k - 1`)
/// of at least `min_span` fingerprints that the index holds already for a lower cluster. So padded copies of
/// a text can't lift it above the document-frequency cap. As in SPAN-1, a fingerprint is looked up in the
/// first 64 entries of lower clusters that have it.
///
/// # Errors
/// [`BuildError`].
pub fn build_index(
    documents: &[Document<'_>],
    k: u8,
    w: u8,
    salt: u64,
    min_span: u16,
) -> Result<Vec<Entry>, BuildError> {
    if !K_RANGE.contains(&k) {
        return Err(BuildError::K(k));
    }
    if !W_RANGE.contains(&w) {
        return Err(BuildError::W(w));
    }
    check_places(documents)?;

    // Entries of the clusters below the one at hand, by fingerprint, each list ascending.
    let mut lower: BTreeMap<u64, Vec<(u32, u64)>> = BTreeMap::new();
    for cluster in documents.chunk_by(|a, b| a.cluster == b.cluster) {
        let mut kept = Vec::new();
        for document in cluster {
            let hashes = kgram_hashes(document.tokens, usize::from(k), salt);
            let selected: Vec<(u64, u64)> = winnow(&hashes, usize::from(w))
                .into_iter()
                .filter_map(|position| {
                    let hash = hashes.get(position)?;
                    Some((position as u64, fingerprint(*hash)))
                })
                .collect();
            let gap_max = u64::from(w).saturating_add(u64::from(k)).saturating_sub(1);
            let copied = copied_positions(&selected, &lower, gap_max, usize::from(min_span));
            for (position, fingerprint) in selected {
                if copied.binary_search(&position).is_err() {
                    kept.push(Entry {
                        fingerprint,
                        cluster: document.cluster,
                        locus: document.locus.saturating_add(position),
                    });
                }
            }
        }
        for entry in kept {
            let list = lower.entry(entry.fingerprint).or_default();
            list.push((entry.cluster, entry.locus));
        }
    }
    let entries = lower.into_iter().flat_map(|(fingerprint, list)| {
        list.into_iter().map(move |(cluster, locus)| Entry {
            fingerprint,
            cluster,
            locus,
        })
    });
    Ok(entries.collect())
}

fn check_places(documents: &[Document<'_>]) -> Result<(), BuildError> {
    let mut previous: Option<(u32, u64, u64)> = None;
    for (index, document) in documents.iter().enumerate() {
        let end = document
            .locus
            .checked_add(document.tokens.len() as u64)
            .filter(|end| *end <= U48_MAX)
            .ok_or(BuildError::Locus { document: index })?;
        if let Some((cluster, locus, end)) = previous {
            if (document.cluster, document.locus) < (cluster, locus) {
                return Err(BuildError::Order { document: index });
            }
            let least = end.saturating_add(DOCUMENT_GAP_MIN);
            if document.cluster == cluster && document.locus < least {
                return Err(BuildError::Gap {
                    document: index,
                    locus: document.locus,
                    least,
                });
            }
        }
        previous = Some((document.cluster, document.locus, end));
    }
    Ok(())
}

/// The positions, ascending, of `selected` (position, fingerprint) that belong to a chain of at least
/// `min_span` fingerprints of one lower cluster.
fn copied_positions(
    selected: &[(u64, u64)],
    lower: &BTreeMap<u64, Vec<(u32, u64)>>,
    gap_max: u64,
    min_span: usize,
) -> Vec<u64> {
    let mut hits: Vec<(u32, i64, u64)> = Vec::new();
    for (position, fingerprint) in selected {
        let found = lower
            .get(fingerprint)
            .map(Vec::as_slice)
            .unwrap_or_default();
        for (cluster, locus) in found.iter().take(CANDIDATES_MAX) {
            // Both are below 2^48.
            let alignment = (*locus as i64).wrapping_sub(*position as i64);
            hits.push((*cluster, alignment, *position));
        }
    }
    hits.sort_unstable();
    let chained = |previous: &(u32, i64, u64), next: &(u32, i64, u64)| {
        (previous.0, previous.1) == (next.0, next.1) && next.2.saturating_sub(previous.2) <= gap_max
    };
    let mut copied: Vec<u64> = hits
        .chunk_by(chained)
        .filter(|chain| chain.len() >= min_span.max(1))
        .flatten()
        .map(|(_, _, position)| *position)
        .collect();
    copied.sort_unstable();
    copied.dedup();
    copied
}
