//! The pure functions against plain definitions.

use super::super::*;
use alloy_primitives::Bytes;
use proptest::{collection::vec, prelude::*};
use std::collections::{BTreeMap, BTreeSet};

/// SPAN-1 word for word, quadratic.
fn span_plain(
    tokens: &[u32],
    entries: &[Entry],
    salt: u64,
    parameters: SpanParameters,
) -> SpanScores {
    let (k, w) = (parameters.k as usize, parameters.w as usize);
    // (1) and the keys of (2)
    let mut positions: BTreeMap<(u32, i64), Vec<usize>> = BTreeMap::new();
    for i in 0..(tokens.len() + 1).saturating_sub(k) {
        let mut hash = salt;
        for token in &tokens[i..i + k] {
            hash = crate::hash::mix64(hash ^ (*token as u64 + 1).wrapping_mul(crate::hash::GOLD));
        }
        let matching = entries
            .iter()
            .filter(|entry| entry.fingerprint == hash >> 16)
            .take(64);
        let clusters: BTreeSet<u32> = matching.clone().map(|entry| entry.cluster).collect();
        if clusters.len() <= parameters.df_cap as usize {
            for entry in matching {
                let key = (entry.cluster, entry.locus as i64 - i as i64);
                positions.entry(key).or_default().push(i);
            }
        }
    }
    // (2), (3)
    let mut spans = Vec::new();
    for ((cluster, _), positions) in positions {
        let mut start = positions[0];
        for (at, position) in positions.iter().enumerate() {
            let next = positions.get(at + 1);
            if next.is_none_or(|next| next - position > w + k - 1) {
                spans.push((position + k - start, cluster, start));
                start = next.copied().unwrap_or_default();
            }
        }
    }
    spans.retain(|(length, ..)| *length >= parameters.min_span as usize);
    // (4): a token belongs to the first span, in this order, that covers it.
    spans.sort_by_key(|(length, cluster, start)| (usize::MAX - length, *cluster, *start));
    let mut scores: BTreeMap<u32, u32> = BTreeMap::new();
    for token in 0..tokens.len() {
        let covers =
            |(length, _, start): &&(usize, u32, usize)| (*start..start + length).contains(&token);
        if let Some((_, cluster, _)) = spans.iter().find(covers) {
            *scores.entry(*cluster).or_default() += 1;
        }
    }
    SpanScores {
        covered: scores.values().sum(),
        tokens_won: scores.into_iter().collect(),
    }
}

/// Each window's rightmost minimum, one window after the other.
fn winnow_plain(hashes: &[u64], w: usize) -> Vec<usize> {
    let windows = (hashes.len() + 1).saturating_sub(w).max(1);
    let mut selected = BTreeSet::new();
    for first in 0..windows {
        let window = first..(first + w).min(hashes.len());
        selected.extend(window.min_by_key(|i| (hashes[*i], usize::MAX - i)));
    }
    selected.into_iter().collect()
}

/// Texts of few tokens, so that k-grams repeat, and pieces of each other.
fn texts() -> impl Strategy<Value = Vec<Vec<u32>>> {
    let piece = (0usize..6, any::<prop::sample::Index>(), 1usize..60);
    vec((vec(0u32..3, 0..50), vec(piece, 0..3)), 1..6).prop_map(|parts| {
        let mut texts: Vec<Vec<u32>> = Vec::new();
        for (mut text, pieces) in parts {
            for (from, at, len) in pieces {
                if let Some(from) = texts.get(from).filter(|from| !from.is_empty()) {
                    let at = at.index(from.len());
                    text.extend_from_slice(&from[at..(at + len).min(from.len())]);
                }
            }
            texts.push(text);
        }
        texts
    })
}

fn documents(texts: &[Vec<u32>]) -> Vec<Document<'_>> {
    (0u32..)
        .zip(texts)
        .map(|(index, tokens)| Document {
            cluster: index / 2,
            locus: u64::from(index % 2) * 5_000,
            tokens,
        })
        .collect()
}

prop_compose! {
    fn parameters()(
        k in 4u8..7,
        w in 2u8..6,
        df_cap in prop_oneof![0u8..5, Just(255)],
        min_span in 0u16..14,
    ) -> SpanParameters {
        SpanParameters { k, w, df_cap, min_span }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn span_1_is_its_definition(
        texts in texts(),
        query in 0usize..6,
        parameters in parameters(),
        salt in any::<u64>(),
        keep_copies in any::<bool>(),
    ) {
        let drop_from = if keep_copies { u16::MAX } else { parameters.min_span };
        let entries = build_index(&documents(&texts), parameters.k, parameters.w, salt, drop_from).unwrap();
        let query = &texts[query % texts.len()];
        let scores = score_spans(query, &entries, salt, parameters);
        prop_assert_eq!(&scores, &span_plain(query, &entries, salt, parameters));
        prop_assert!(scores.covered as usize <= query.len());
        prop_assert!(scores.tokens_won.is_sorted_by(|a, b| a.0 < b.0));
    }

    /// Entries that no winnowing would give: any loci, many of one fingerprint, more than 64.
    #[test]
    fn span_1_is_its_definition_on_any_entries(
        places in prop::collection::btree_set((0usize..3, 0u32..6, 0u64..40), 0..220),
        query in vec(0u32..2, 0..40),
        parameters in parameters(),
    ) {
        let kgrams = [vec![0; 6], vec![1; 6], vec![0, 1, 0, 1, 0, 1]];
        let entries: BTreeSet<Entry> = places
            .into_iter()
            .map(|(kgram, cluster, locus)| Entry {
                fingerprint: fingerprint(kgram_hash(&kgrams[kgram][..parameters.k as usize], 0)),
                cluster,
                locus,
            })
            .collect();
        let entries: Vec<Entry> = entries.into_iter().collect();
        prop_assert_eq!(
            score_spans(&query, &entries, 0, parameters),
            span_plain(&query, &entries, 0, parameters)
        );
    }

    /// Hits given one by one, sorted by (position, leaf), score as the index does.
    #[test]
    fn all_hits_score_as_the_index_does(texts in texts(), query in 0usize..6, parameters in parameters()) {
        let entries = build_index(&documents(&texts), parameters.k, parameters.w, 7, u16::MAX).unwrap();
        let query = &texts[query % texts.len()];
        let hashes = kgram_hashes(query, parameters.k as usize, 7);
        let mut hits = Vec::new();
        for (position, hash) in (0u32..).zip(hashes) {
            for (leaf, entry) in (0u32..).zip(&entries) {
                if entry.fingerprint == fingerprint(hash) {
                    hits.push(ProvedHit { position, entry: *entry, leaf, proof: Vec::new() });
                }
            }
        }
        prop_assert_eq!(
            proved::score_hits(query.len(), parameters, &hits),
            score_spans(query, &entries, 7, parameters)
        );
    }

    /// Whatever the order of a position's candidates, distinct clusters are counted.
    #[test]
    fn distinct_clusters_are_counted(clusters in vec(0u32..9, 0..65), df_cap in 0u8..11) {
        let candidates: Vec<Entry> = clusters
            .iter()
            .map(|cluster| Entry { fingerprint: 1, cluster: *cluster, locus: 0 })
            .collect();
        let parameters = SpanParameters { k: 4, w: 4, df_cap, min_span: 0 };
        let distinct: BTreeSet<u32> = clusters.into_iter().collect();
        prop_assert_eq!(
            SpanScorer::new(1, parameters).admits(&candidates),
            distinct.len() <= df_cap as usize
        );
    }

    #[test]
    fn winnowing_is_its_definition(hashes in vec(0u64..6, 0..60), w in 1usize..12) {
        let selected = winnow(&hashes, w);
        prop_assert_eq!(&selected, &winnow_plain(&hashes, w));
        // No w consecutive positions without a selected one.
        for window in 0..(hashes.len() + 1).saturating_sub(w) {
            prop_assert!(selected.iter().any(|at| (window..window + w).contains(at)));
        }
    }

    #[test]
    fn entries_read_back_and_order_as_bytes(
        a in (0..=U48_MAX, any::<u32>(), 0..=U48_MAX),
        b in (0..=U48_MAX, any::<u32>(), 0..=U48_MAX),
    ) {
        let entry = |(fingerprint, cluster, locus)| Entry { fingerprint, cluster, locus };
        let (a, b) = (entry(a), entry(b));
        prop_assert_eq!(Entry::from_bytes(a.to_bytes()), a);
        prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
    }

    #[test]
    fn a_table_over_pages_finds_what_a_scan_finds(
        entries in prop::collection::btree_set((0u64..6, 0u32..4, 0u64..30), 0..120),
        per_page in 1usize..9,
        fingerprint in 0u64..7,
        max in 0usize..70,
    ) {
        let entries: Vec<Entry> = entries
            .into_iter()
            .map(|(fingerprint, cluster, locus)| Entry { fingerprint, cluster, locus })
            .collect();
        let pages: Vec<Bytes> = entries
            .chunks(per_page)
            .map(|page| page.iter().flat_map(|entry| entry.to_bytes()).collect())
            .collect();
        let table = EntryTable::new(&pages, per_page, entries.len());
        let found: Vec<Entry> =
            table.first_with(fingerprint, max).map(|index| table.get(index).unwrap()).collect();
        let expected: Vec<Entry> = entries
            .iter()
            .filter(|entry| entry.fingerprint == fingerprint)
            .take(max)
            .copied()
            .collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(table.get(entries.len()), None);
    }

    /// An index is ascending, holds nothing that the documents' winnowing doesn't give, and loses only
    /// copies: the first cluster keeps everything.
    #[test]
    fn an_index_is_ascending_and_drops_copies_alone(texts in texts(), min_span in 1u16..20) {
        let documents = documents(&texts);
        let all = build_index(&documents, 5, 4, 3, u16::MAX).unwrap();
        let kept = build_index(&documents, 5, 4, 3, min_span).unwrap();
        for entries in [&all, &kept] {
            prop_assert!(entries.is_sorted_by(|a, b| a < b));
        }
        let winnowed: usize = documents
            .iter()
            .map(|document| winnow(&kgram_hashes(document.tokens, 5, 3), 4).len())
            .sum();
        prop_assert_eq!(all.len(), winnowed);
        for entry in &all {
            let dropped = kept.binary_search(entry).is_err();
            let copied = kept
                .iter()
                .any(|other| other.fingerprint == entry.fingerprint && other.cluster < entry.cluster);
            prop_assert!(!dropped || copied);
        }
    }
}

/// Five clusters hold the same text; without the rule its fingerprints would be above the cap.
#[test]
fn padded_copies_do_not_hide_a_text() {
    let text: Vec<u32> = (0..300).map(|i| i * 7 % 1_009).collect();
    let copies: Vec<Vec<u32>> = (0..5u32)
        .map(|copy| {
            (0..copy * 40)
                .map(|i| 5_000 + 100 * copy + i)
                .chain(text.clone())
                .collect()
        })
        .collect();
    let documents: Vec<Document<'_>> = (0u32..)
        .zip(&copies)
        .map(|(cluster, tokens)| Document {
            cluster,
            locus: 0,
            tokens,
        })
        .collect();
    let parameters = SpanParameters {
        k: 6,
        w: 8,
        df_cap: DF_CAP_DEFAULT,
        min_span: MIN_SPAN_DEFAULT,
    };
    let all = build_index(&documents, 6, 8, 11, u16::MAX).unwrap();
    assert_eq!(
        score_spans(&text[50..200], &all, 11, parameters),
        SpanScores::default()
    );
    let kept = build_index(&documents, 6, 8, 11, MIN_SPAN_DEFAULT).unwrap();
    let scores = score_spans(&text[50..200], &kept, 11, parameters);
    assert_eq!(scores.tokens_won.len(), 1);
    assert_eq!(scores.tokens_won[0].0, 0);
    assert!(scores.covered > 130);
}

#[test]
fn what_cannot_be_indexed_is_named() {
    let tokens = [1, 2, 3, 4, 5];
    let document = |cluster, locus| Document {
        cluster,
        locus,
        tokens: &tokens,
    };
    let build = |documents: &[Document<'_>]| build_index(documents, 4, 4, 0, 8);
    assert_eq!(build_index(&[], 3, 4, 0, 8), Err(BuildError::K(3)));
    assert_eq!(build_index(&[], 4, 33, 0, 8), Err(BuildError::W(33)));
    assert_eq!(
        build(&[document(1, 0), document(0, 0)]),
        Err(BuildError::Order { document: 1 })
    );
    assert_eq!(
        build(&[document(1, 9), document(1, 8)]),
        Err(BuildError::Order { document: 1 })
    );
    assert_eq!(
        build(&[document(1, 9), document(1, 4_109)]),
        Err(BuildError::Gap {
            document: 1,
            locus: 4_109,
            least: 4_110
        })
    );
    assert_eq!(
        build(&[document(1, 9), document(1, 4_110)]).unwrap().len(),
        2
    );
    assert_eq!(
        build(&[document(1, U48_MAX - 4)]),
        Err(BuildError::Locus { document: 0 })
    );
    assert!(build(&[]).unwrap().is_empty());
}
