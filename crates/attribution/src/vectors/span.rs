//! SPAN's and SPLIT's vectors.

use super::case::{Case, same};
use openledger_precompiles::{
    span::{Document, Entry, SpanParameters, build_index, kgram_hashes, score_spans},
    split,
};
use std::collections::BTreeMap;

fn unsigned_list(case: Case<'_>) -> anyhow::Result<Vec<u64>> {
    case.integers()
}

/// Hashes of k-grams and what winnowing selects of them.
pub(super) fn kgram(case: Case<'_>) -> anyhow::Result<()> {
    let tokens: Vec<u32> = case.get("tokens")?.integers()?;
    let hashes = kgram_hashes(
        &tokens,
        case.get("k")?.integer()?,
        case.get("salt")?.integer()?,
    );
    let selected = openledger_precompiles::span::winnow(&hashes, 8);
    same("hashes", hashes, unsigned_list(case.get("hashes")?)?)?;
    same("winnow8", selected, case.get("winnow8")?.integers()?)
}

/// What winnowing selects.
pub(super) fn winnow(case: Case<'_>) -> anyhow::Result<()> {
    let hashes = unsigned_list(case.get("hashes")?)?;
    let selected = openledger_precompiles::span::winnow(&hashes, case.get("w")?.integer()?);
    same("out", selected, case.get("out")?.integers()?)
}

fn entries(case: Case<'_>) -> anyhow::Result<Vec<Entry>> {
    case.items()?
        .map(|entry| {
            Ok(Entry {
                fingerprint: entry.at(0)?.integer()?,
                cluster: entry.at(1)?.integer()?,
                locus: entry.at(2)?.integer()?,
            })
        })
        .collect()
}

/// SPAN-1.
pub(super) fn span(case: Case<'_>) -> anyhow::Result<()> {
    let tokens: Vec<u32> = case.get("tokens")?.integers()?;
    let parameters = SpanParameters {
        k: case.get("k")?.integer()?,
        w: case.get("w")?.integer()?,
        df_cap: case.get("df_cap")?.integer()?,
        min_span: case.get("min_span")?.integer()?,
    };
    let salt = case.optional("salt").map_or(Ok(0), |salt| salt.integer())?;
    let scores = score_spans(&tokens, &entries(case.get("index")?)?, salt, parameters);
    let expected = case
        .get("scores")?
        .members()?
        .map(|(cluster, won)| Ok((cluster.parse()?, won.integer()?)))
        .collect::<anyhow::Result<BTreeMap<u32, u32>>>()?;
    same("scores", scores.tokens_won.into_iter().collect(), expected)?;
    same("covered", scores.covered, case.get("covered")?.integer()?)
}

/// The entries of an index over documents.
pub(super) fn index(case: Case<'_>) -> anyhow::Result<()> {
    let texts: Vec<Vec<u32>> = case
        .get("documents")?
        .items()?
        .map(|document| document.get("tokens")?.integers())
        .collect::<anyhow::Result<_>>()?;
    let documents: Vec<Document<'_>> = case
        .get("documents")?
        .items()?
        .zip(&texts)
        .map(|(document, tokens)| {
            Ok(Document {
                cluster: document.get("cluster")?.integer()?,
                locus: document.get("locus")?.integer()?,
                tokens,
            })
        })
        .collect::<anyhow::Result<_>>()?;
    let built = build_index(
        &documents,
        case.get("k")?.integer()?,
        case.get("w")?.integer()?,
        case.get("salt")?.integer()?,
        case.get("min_span")?.integer()?,
    )?;
    same("entries", built, entries(case.get("entries")?)?)
}

/// Weights of sums.
pub(super) fn gate(case: Case<'_>) -> anyhow::Result<()> {
    let sums: Vec<i128> = case.get("sum")?.integers()?;
    let squares: Vec<u128> = case
        .get("sum_sq")?
        .items()?
        .map(Case::uint128)
        .collect::<anyhow::Result<_>>()?;
    let pairs: Vec<_> = sums.into_iter().zip(squares).collect();
    let weights = split::gate(&pairs, case.get("z")?.integer()?);
    same("out", weights, case.get("out")?.integers()?)
}

/// Amounts of a total.
pub(super) fn split(case: Case<'_>) -> anyhow::Result<()> {
    let scores: Vec<i64> = case.get("scores")?.integers()?;
    let amounts = split::split(
        case.get("total")?.uint128()?,
        &scores,
        case.get("min_bps")?.integer()?,
        case.get("top_k")?.integer()?,
    );
    let expected: Vec<u128> = case
        .get("out")?
        .items()?
        .map(Case::uint128)
        .collect::<anyhow::Result<_>>()?;
    same("out", amounts, expected)
}
