//! Scores from what the chain holds, by the native integer functions; nothing of the node's answers to
//! calls goes in.

use super::{
    super::{
        chain::{SketchSet, SpanIndex},
        rows::Rows,
        solve::CertifiedQueryJson,
    },
    claim::{HitJson, Question, Scores},
};
use anyhow::{Context, bail, ensure};
use openledger_client::View;
use openledger_precompiles::{
    merkle,
    sketch::{
        CertifiedQuery, Row, dot_scores, influence, knn_shapley,
        limits::{BATCH_MAX, NEIGHBOURS_MAX},
    },
    span::{
        CANDIDATES_MAX, Entry, HITS_MAX, ProvedHit, SpanParameters, SpanScorer, SpanScores,
        TOKENS_MAX, fingerprint, kgram_hashes, score_spans,
    },
};

/// Kind of a set of gradients.
const KIND_INFLUENCE: u8 = 0;
/// Kind of a set of embeddings.
const KIND_EMBEDDING: u8 = 1;

/// The answer to a question at a block. Refuses what the chain refuses, by the same name.
pub(crate) async fn recompute(view: &View, question: &Question) -> anyhow::Result<Scores> {
    match question {
        Question::Influence { set, .. } | Question::Dot { set, .. } | Question::Knn { set, .. } => {
            let set = SketchSet::read(view, *set).await?;
            set.require_sealed(view.block.number)?;
            let kind = set.header.kind;
            let fits = match question {
                Question::Influence { .. } => kind == KIND_INFLUENCE,
                Question::Knn { .. } => kind == KIND_EMBEDDING,
                _ => true,
            };
            ensure!(fits, "set {} is of kind {kind} (WrongKind)", set.id);
            let rows = Rows {
                records: set.records().to_vec(),
                dim: set.header.dim,
                lambda: set.header.lambda,
                origin: None,
            };
            of_rows(&rows, question)
        }
        Question::Spans {
            index,
            tokens,
            df_cap,
            min_span,
            hits,
        } => {
            let index = SpanIndex::read(view, *index).await?;
            index.require_sealed(view.block.number)?;
            of_index(&index, tokens, *df_cap, *min_span, hits.as_deref())
        }
    }
}

/// The answer over rows, wherever they are from.
pub(super) fn of_rows(rows: &Rows, question: &Question) -> anyhow::Result<Scores> {
    match question {
        Question::Influence { queries, .. } => influence_of(rows, queries),
        Question::Dot { query, .. } => {
            require_len(query, rows.dim)?;
            let scores = dot_scores(rows.iter(), query);
            Ok(Scores::of_sums(&scores.cluster, &scores.sum))
        }
        Question::Knn {
            query,
            label,
            neighbours,
            ..
        } => {
            require_len(query, rows.dim)?;
            ensure!(
                (1..=NEIGHBOURS_MAX).contains(neighbours),
                "K is {neighbours}, not within 1 to {NEIGHBOURS_MAX} (BadK)"
            );
            let values = knn_shapley(rows.iter(), query, *label, *neighbours);
            Ok(by_cluster(rows.iter().zip(values)))
        }
        Question::Spans { .. } => bail!("spans are scored against an index"),
    }
}

fn influence_of(rows: &Rows, queries: &[CertifiedQueryJson]) -> anyhow::Result<Scores> {
    ensure!(
        (1..=BATCH_MAX).contains(&queries.len()),
        "a batch of {} queries, not 1 to {BATCH_MAX} (BadBatch)",
        queries.len()
    );
    let certified: Vec<CertifiedQuery<'_>> = queries
        .iter()
        .enumerate()
        .map(|(number, query)| {
            query
                .certified(rows.dim)
                .with_context(|| format!("query {number}"))
        })
        .collect::<anyhow::Result<_>>()?;
    let scores = influence(rows.iter(), rows.lambda, &certified)
        .context("recomputed from the rows (WitnessRejected)")?;
    Ok(Scores::of_influence(
        &scores.cluster,
        &scores.sum,
        &scores.sum_sq,
    ))
}

fn require_len(query: &[u8], dim: u16) -> anyhow::Result<()> {
    ensure!(
        query.len() == usize::from(dim),
        "a query of {} entries for rows of {dim} (BadLength)",
        query.len()
    );
    Ok(())
}

/// Sums rows' scores; clusters don't descend.
fn by_cluster<'a>(scores: impl Iterator<Item = (Row<'a>, i64)>) -> Scores {
    let (mut clusters, mut sums): (Vec<u32>, Vec<i128>) = (Vec::new(), Vec::new());
    for (row, score) in scores {
        match sums.last_mut() {
            Some(sum) if clusters.last() == Some(&row.cluster) => *sum += i128::from(score),
            _ => {
                clusters.push(row.cluster);
                sums.push(score.into());
            }
        }
    }
    Scores::of_sums(&clusters, &sums)
}

fn of_index(
    index: &SpanIndex,
    tokens: &[u32],
    df_cap: u8,
    min_span: u16,
    hits: Option<&[HitJson]>,
) -> anyhow::Result<Scores> {
    ensure!(
        tokens.len() <= TOKENS_MAX,
        "{} tokens are more than {TOKENS_MAX} (TooManyTokens)",
        tokens.len()
    );
    let header = &index.header;
    let parameters = SpanParameters {
        k: header.k,
        w: header.w,
        df_cap,
        min_span,
    };
    let is_proved = header.mode == super::super::chain::MODE_PROVED;
    ensure!(
        is_proved == hits.is_some(),
        "index {} has mode {} (WrongMode): a native one (1) is scored without hits, a proved one (2) with",
        index.id,
        header.mode
    );
    let scores = match hits {
        None => score_spans(tokens, &index.entries, header.salt, parameters),
        Some(hits) => of_hits(index, tokens, parameters, hits)?,
    };
    Ok(Scores::of_tokens(scores.tokens_won, scores.covered))
}

/// SPAN-1 over proved hits, each of which is checked.
fn of_hits(
    index: &SpanIndex,
    tokens: &[u32],
    parameters: SpanParameters,
    hits: &[HitJson],
) -> anyhow::Result<SpanScores> {
    ensure!(
        hits.len() <= HITS_MAX,
        "{} hits are more than {HITS_MAX} (TooManyHits)",
        hits.len()
    );
    let header = &index.header;
    let fingerprints: Vec<u64> = kgram_hashes(tokens, usize::from(header.k), header.salt)
        .into_iter()
        .map(fingerprint)
        .collect();
    let mut proved: Vec<ProvedHit> = Vec::with_capacity(hits.len());
    for (number, hit) in hits.iter().enumerate() {
        let hit = hit
            .hit()
            .with_context(|| format!("hit {number} has members that don't fit (BadAbi)"))?;
        let place = |hit: &ProvedHit| (hit.position, hit.leaf);
        ensure!(
            proved.last().is_none_or(|last| place(last) < place(&hit)),
            "hit {number} isn't above its predecessor (HitOrder)"
        );
        let matches = fingerprints.get(hit.position as usize) == Some(&hit.entry.fingerprint);
        let leaf = merkle::leaf(u64::from(hit.leaf), &hit.entry.to_bytes());
        ensure!(
            matches
                && merkle::verify(
                    &header.root,
                    u64::from(header.length),
                    u64::from(hit.leaf),
                    leaf,
                    &hit.proof
                ),
            "hit {number} doesn't match the query, or its proof doesn't hold (BadHit)"
        );
        proved.push(hit);
    }
    let mut scorer = SpanScorer::new(u32::try_from(tokens.len())?, parameters);
    for position in proved.chunk_by(|a, b| a.position == b.position) {
        let candidates: Vec<Entry> = position
            .iter()
            .take(CANDIDATES_MAX)
            .map(|hit| hit.entry)
            .collect();
        if scorer.admits(&candidates) {
            for (hit, entry) in position.iter().zip(&candidates) {
                scorer.add(hit.position, entry);
            }
        }
    }
    Ok(scorer.finish())
}
