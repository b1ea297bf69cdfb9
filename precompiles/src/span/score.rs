use super::Entry;
use alloc::{vec, vec::Vec};

/// Most entries with one fingerprint that a position is matched with: the first in index order.
pub const CANDIDATES_MAX: usize = 64;

/// What SPAN-1 depends on besides tokens and entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanParameters {
    /// Tokens in a k-gram, 4 to 12.
    pub k: u8,
    /// Hashes in a winnowing window, 2 to 32.
    pub w: u8,
    /// A position whose candidates belong to more distinct clusters counts for none. Taken literally: with
    /// 0 nothing matches. 3 is what measurements favour.
    pub df_cap: u8,
    /// Shorter spans are dropped, in tokens. Taken literally. 8 is what measurements favour.
    pub min_span: u16,
}

/// What SPAN-1 gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpanScores {
    /// Clusters that won tokens, ascending, and how many.
    pub tokens_won: Vec<(u32, u32)>,
    /// Tokens that some cluster won.
    pub covered: u32,
}

/// A stretch of the query that one cluster's tokens explain, and the order in which spans take tokens: the
/// longest first, then the lowest cluster, then the leftmost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    length: core::cmp::Reverse<u32>,
    cluster: u32,
    start: u32,
}

/// A matched entry: those of one cluster and alignment chain to spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct AlignedHit {
    cluster: u32,
    /// Locus less position: equal along a copy.
    alignment: i64,
    position: u32,
}

/// SPAN-1, the scoring of a token sequence against index entries: which cluster explains which tokens.
///
/// 1. At each position take the first 64 entries with its fingerprint in index order; skip the position if
///    they belong to more than `df_cap` distinct clusters.
/// 2. Of one cluster and one difference locus − position, chain hits while the gap is at most `w + k - 1`;
///    a span reaches from the first to the last hit's k-gram's end.
/// 3. Drop spans below `min_span`.
/// 4. By (length descending, cluster, start), each span takes its tokens that are still unassigned.
/// 5. Add up by cluster.
///
/// The caller looks entries up: ask [`admits`](Self::admits) with a position's candidates, pay for what it
/// admits, [`add`](Self::add) them, and end with [`finish`](Self::finish).
#[derive(Debug, Clone)]
pub struct SpanScorer {
    parameters: SpanParameters,
    tokens: u32,
    hits: Vec<AlignedHit>,
}

impl SpanScorer {
    /// For a query of `tokens` tokens.
    pub const fn new(tokens: u32, parameters: SpanParameters) -> Self {
        Self {
            parameters,
            tokens,
            hits: Vec::new(),
        }
    }

    /// Whether a position with these candidates, at most [`CANDIDATES_MAX`], counts.
    pub fn admits(&self, candidates: &[Entry]) -> bool {
        let mut distinct = 0u8;
        let mut highest: Option<u32> = None;
        for (index, entry) in candidates.iter().enumerate() {
            // In index order clusters ascend; the scan is for a disordered index, which is scored too.
            if highest.is_none_or(|highest| entry.cluster > highest) {
                highest = Some(entry.cluster);
            } else {
                let earlier = candidates.get(..index).unwrap_or_default();
                if earlier
                    .iter()
                    .rev()
                    .any(|other| other.cluster == entry.cluster)
                {
                    continue;
                }
            }
            distinct = distinct.saturating_add(1);
            if distinct > self.parameters.df_cap {
                return false;
            }
        }
        true
    }

    /// Takes an entry that matches at `position`.
    pub fn add(&mut self, position: u32, entry: &Entry) {
        // Below 2^48 less below 2^32.
        let alignment = (entry.locus as i64).wrapping_sub(i64::from(position));
        self.hits.push(AlignedHit {
            cluster: entry.cluster,
            alignment,
            position,
        });
    }

    /// Chains the hits and gives the tokens away.
    pub fn finish(mut self) -> SpanScores {
        // A total order, so that what comes out can't depend on the sort.
        self.hits.sort_unstable();
        let mut spans = self.spans();
        spans.sort_unstable();
        self.assign(&spans)
    }

    /// Spans of the sorted hits that are long enough.
    fn spans(&self) -> Vec<Span> {
        let k = u32::from(self.parameters.k);
        let gap_max = u32::from(self.parameters.w)
            .saturating_add(k)
            .saturating_sub(1);
        let chained = |previous: &AlignedHit, next: &AlignedHit| {
            previous.cluster == next.cluster
                && previous.alignment == next.alignment
                && next.position.saturating_sub(previous.position) <= gap_max
        };
        let mut spans = Vec::new();
        for chain in self.hits.chunk_by(chained) {
            let (Some(first), Some(last)) = (chain.first(), chain.last()) else {
                continue;
            };
            let length = last
                .position
                .saturating_sub(first.position)
                .saturating_add(k);
            if length >= u32::from(self.parameters.min_span) {
                spans.push(Span {
                    length: core::cmp::Reverse(length),
                    cluster: first.cluster,
                    start: first.position,
                });
            }
        }
        spans
    }

    /// Tokens to clusters, span by span.
    fn assign(&self, spans: &[Span]) -> SpanScores {
        let mut taken = vec![false; self.tokens as usize];
        let mut won: Vec<(u32, u32)> = Vec::new();
        let mut covered = 0u32;
        for span in spans {
            let start = span.start as usize;
            let end = start.saturating_add(span.length.0 as usize);
            let Some(stretch) = taken.get_mut(start..end) else {
                // A span ends with a k-gram of the query.
                continue;
            };
            let mut count = 0u32;
            for token in stretch {
                count = count.saturating_add(u32::from(!*token));
                *token = true;
            }
            if count > 0 {
                won.push((span.cluster, count));
                covered = covered.saturating_add(count);
            }
        }
        won.sort_unstable();
        won.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(next.1);
            }
            same
        });
        SpanScores {
            tokens_won: won,
            covered,
        }
    }
}

/// SPAN-1 of `tokens` against a whole index in order, for whoever computes off chain.
pub fn score_spans(
    tokens: &[u32],
    entries: &[Entry],
    salt: u64,
    parameters: SpanParameters,
) -> SpanScores {
    let hashes = super::kgram_hashes(tokens, usize::from(parameters.k), salt);
    let mut scorer = SpanScorer::new(u32::try_from(tokens.len()).unwrap_or(u32::MAX), parameters);
    for (position, hash) in (0u32..).zip(hashes) {
        let fingerprint = super::fingerprint(hash);
        let from = entries.partition_point(|entry| entry.fingerprint < fingerprint);
        let rest = entries.get(from..).unwrap_or_default();
        let same = rest
            .iter()
            .take(CANDIDATES_MAX)
            .take_while(|entry| entry.fingerprint == fingerprint)
            .count();
        let candidates = rest.get(..same).unwrap_or_default();
        if scorer.admits(candidates) {
            for entry in candidates {
                scorer.add(position, entry);
            }
        }
    }
    scorer.finish()
}
