//! SKETCH's vectors.

use super::case::{Case, same};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolCall, SolEvent};
use anyhow::{Context, bail, ensure};
use openledger_precompiles::{
    CallInput, MemoryHost, Outcome, SKETCH, call,
    integer::tdiv,
    sketch::{
        CertifiedQuery, IAttrSketch, Projection, Row, Signature, band_slots, commit_id, commitment,
        draw, influence, knn_shapley, residual, row_scores, signature,
    },
};

/// Gas of each call that replays clustering.
const CALL_GAS: u64 = 1_000_000_000;
/// Blocks from a commitment to its reveal, and from there to the settlement.
const CLUSTERING_BLOCKS: (u64, u64) = (2, 49);

/// A projection, dense unless the vector names a sparsity.
pub(super) fn project(case: Case<'_>) -> anyhow::Result<()> {
    let sparsity = case
        .optional("sparsity")
        .map_or(Ok(0), |sparsity| sparsity.integer())?;
    let dim = case.get("D")?.integer()?;
    let mut projection = Projection::new(dim, case.get("seed")?.integer()?, sparsity)?;
    projection.add(&case.get("t")?.integers::<i32>()?)?;
    let entries = projection.finish(case.get("shift")?.integer()?);
    same("out", entries, case.get("out")?.integers()?)
}

/// Rows of `dim` entries, each its own cluster.
fn matrix<'a>(
    bytes: &'a [u8],
    labels: &'a [u16],
    dim: usize,
) -> impl Iterator<Item = Row<'a>> + Clone {
    (0u32..)
        .zip(bytes.chunks_exact(dim))
        .map(move |(cluster, vector)| Row {
            cluster,
            label: labels.get(cluster as usize).copied().unwrap_or_default(),
            vector,
        })
}

fn dimension(case: Case<'_>) -> anyhow::Result<usize> {
    let dim: usize = case.get("D")?.integer()?;
    ensure!(dim > 0, "no dimension");
    Ok(dim)
}

/// A query with its witness: scores, residual, and whether it is accepted.
pub(super) fn ridge(case: Case<'_>) -> anyhow::Result<()> {
    let dim = dimension(case)?;
    let rows = case.get("rows")?.int8s()?;
    let query = case.get("q")?.int8s()?;
    let query = CertifiedQuery {
        query: &query,
        witness: case.get("x")?.integers()?,
        shift: case.get("shift")?.integer()?,
    };
    ensure!(
        query.query.len() == dim && query.witness.len() == dim,
        "q and x have other dimensions"
    );
    let lambda = case.get("lambda_")?.integer()?;
    let rows = matrix(&rows, &[], dim);
    let scores: Vec<i32> = case.get("scores")?.integers()?;
    same(
        "scores",
        row_scores(rows.clone(), &query.witness),
        scores.clone(),
    )?;
    let measured = residual(rows.clone(), lambda, &query);
    same("r2", measured.residual2, case.get("r2")?.uint256()?)?;
    same("q2", measured.query2, case.get("q2")?.uint256()?)?;
    let ok = case.get("ok")?.boolean()?;
    let divisor = case.get("tol_inv")?.integer()?;
    same("ok", measured.is_within(divisor), ok)?;
    // The chain's tolerance is narrower; what it accepts has these sums.
    if let Ok(sums) = influence(rows, lambda, core::slice::from_ref(&query)) {
        let divisor = 1i128.checked_shl(query.shift.into()).context("shift")?;
        let scaled: Option<Vec<i128>> = scores
            .iter()
            .map(|score| tdiv(i128::from(*score) << 40, divisor))
            .collect();
        same("sums", Some(sums.sum), scaled)?;
    }
    Ok(())
}

/// A batch of queries over rows in clusters.
pub(super) fn batch(case: Case<'_>) -> anyhow::Result<()> {
    let dim = dimension(case)?;
    let vectors = case.get("rows")?.int8s()?;
    let clusters: Vec<u32> = case.get("clusters")?.integers()?;
    let rows = clusters
        .iter()
        .zip(vectors.chunks_exact(dim))
        .map(|(cluster, vector)| Row {
            cluster: *cluster,
            label: 0,
            vector,
        });
    let queries: Vec<Vec<u8>> = case
        .get("q")?
        .items()?
        .map(Case::int8s)
        .collect::<Result<_, _>>()?;
    let witnesses: Vec<Vec<i16>> = case
        .get("x")?
        .items()?
        .map(Case::integers)
        .collect::<Result<_, _>>()?;
    let shifts: Vec<u8> = case.get("shift")?.integers()?;
    ensure!(
        queries.iter().all(|query| query.len() == dim)
            && witnesses.iter().all(|witness| witness.len() == dim),
        "q and x have other dimensions"
    );
    let batch: Vec<_> = queries
        .iter()
        .zip(witnesses)
        .zip(shifts)
        .map(|((query, witness), shift)| CertifiedQuery {
            query,
            witness,
            shift,
        })
        .collect();
    let expected = case.get("result")?;
    match influence(rows, case.get("lambda_")?.integer()?, &batch) {
        Ok(scores) => {
            same(
                "cluster",
                scores.cluster,
                expected.get("cluster")?.integers()?,
            )?;
            same("sum", scores.sum, expected.get("sum")?.integers()?)?;
            same("sumSq", scores.sum_sq, expected.get("sumSq")?.integers()?)
        }
        Err(error) => same(
            "rejected",
            error.query,
            expected.get("rejected")?.integer()?,
        ),
    }
}

/// KNN-Shapley values.
pub(super) fn knn(case: Case<'_>) -> anyhow::Result<()> {
    let rows = case.get("rows")?.int8s()?;
    let labels: Vec<u16> = case.get("labels")?.integers()?;
    let query = case.get("q")?.int8s()?;
    let dim = dimension(case)?;
    ensure!(query.len() == dim, "q has another dimension");
    let scores = knn_shapley(
        matrix(&rows, &labels, dim),
        &query,
        case.get("yq")?.integer()?,
        case.get("K")?.integer()?,
    );
    same("out", scores, case.get("out")?.integers()?)
}

/// MinHash-32 of 5-grams.
pub(super) fn minhash(case: Case<'_>) -> anyhow::Result<()> {
    same("k", 5, case.get("k")?.integer()?)?;
    same("n", 32, case.get("n")?.integer()?)?;
    let mh = signature(&case.get("tokens")?.integers::<u32>()?);
    same("out", mh.to_vec(), case.get("out")?.integers()?)
}

/// A drawn seed.
pub(super) fn seed(case: Case<'_>) -> anyhow::Result<()> {
    let hash = case.get("block_hash")?.word()?;
    let drawn = draw(hash, case.get("set_id")?.integer()?);
    same("seed", drawn, case.get("seed")?.integer()?)
}

/// Identifiers of a space, its commits and its bands.
pub(super) fn space(case: Case<'_>) -> anyhow::Result<()> {
    let id = openledger_precompiles::sketch::space(
        case.get("registry")?.address()?,
        case.get("datanet")?.word()?,
    );
    same("space", id, case.get("space")?.word()?)?;
    let ids = case.get("commit_ids")?;
    for (index, number) in [0, 1, u64::MAX].into_iter().enumerate() {
        same("commit id", commit_id(id, number), ids.at(index)?.word()?)?;
    }
    let mh = signature(&case.get("tokens")?.integers::<u32>()?);
    same("mh", mh.to_vec(), case.get("mh")?.integers()?)?;
    let commitment = commitment(
        id,
        case.get("contributor")?.address()?,
        &mh,
        case.get("data_root")?.word()?,
        case.get("salt")?.word()?,
    );
    same("commitment", commitment, case.get("commitment")?.word()?)?;
    let slots: Vec<B256> = case
        .get("band_slots")?
        .items()?
        .map(Case::word)
        .collect::<Result<_, _>>()?;
    let native: Vec<B256> = band_slots(id, &mh).into_iter().map(B256::from).collect();
    same("band slots", native, slots)
}

/// Contributions committed in the vector's order, revealed backwards and settled: which cluster each is
/// assigned, and whether that is new.
pub(super) fn clustering(case: Case<'_>) -> anyhow::Result<()> {
    let signatures: Vec<Option<Signature>> = case
        .get("signatures")?
        .items()?
        .map(|value| {
            if value.0.is_null() {
                return Ok(None);
            }
            let words = value.integers::<u32>()?;
            Ok(Some(
                words.try_into().ok().context("a signature has 32 words")?,
            ))
        })
        .collect::<anyhow::Result<_>>()?;
    let (registry, contributor) = (Address::repeat_byte(7), Address::repeat_byte(9));
    let datanet = B256::repeat_byte(8);
    let space = openledger_precompiles::sketch::space(registry, datanet);
    let mut host = MemoryHost::new();
    host.block_number = 1_000;
    let mut commits = Vec::new();
    for mh in &signatures {
        let mh = mh.unwrap_or([1; 32]);
        let h = commitment(space, contributor, &mh, B256::ZERO, B256::ZERO);
        let call = IAttrSketch::commitContributionCall { datanet, h };
        commits.push(transact(&mut host, registry, &call)?);
        host.end_transaction();
    }
    host.block_number += CLUSTERING_BLOCKS.0;
    for (mh, commit) in signatures.iter().zip(&commits).rev() {
        if let Some(mh) = mh {
            let call = IAttrSketch::revealCall {
                datanet,
                commitId: *commit,
                contributor,
                dataRoot: B256::ZERO,
                salt: B256::ZERO,
                mh: *mh,
            };
            transact(&mut host, registry, &call)?;
            host.end_transaction();
        }
    }
    host.block_number += CLUSTERING_BLOCKS.1;
    let mut native = Vec::new();
    while transact(
        &mut host,
        registry,
        &IAttrSketch::settleCall { datanet, max: 5 },
    )? > 0
    {
        for log in host.end_transaction() {
            let event = IAttrSketch::Clustered::decode_log(&log)?;
            native.push((event.commitId, event.cluster, event.isNew));
        }
    }
    let mut expected = Vec::new();
    for (commit, assigned) in commits.iter().zip(case.get("assigned")?.items()?) {
        if !assigned.0.is_null() {
            let cluster: u32 = assigned.at(0)?.integer()?;
            expected.push((*commit, cluster, assigned.at(1)?.boolean()?));
        }
    }
    same("assigned", native, expected)
}

/// A call in a transaction of its own, whose logs are left in the host.
fn transact<C: SolCall>(
    host: &mut MemoryHost,
    caller: Address,
    arguments: &C,
) -> anyhow::Result<C::Return> {
    let data = arguments.abi_encode();
    let input = CallInput {
        code_address: SKETCH,
        target_address: SKETCH,
        caller,
        value: U256::ZERO,
        is_static: false,
        data: &data,
        gas: CALL_GAS,
    };
    match call(&input, host)?.context("SKETCH isn't there")? {
        Outcome::Success { output, .. } => Ok(C::abi_decode_returns_validate(&output)?),
        Outcome::Revert { output, .. } => {
            bail!("{} reverted: {output}", C::SIGNATURE)
        }
        Outcome::OutOfGas => bail!("{} ran out of gas", C::SIGNATURE),
    }
}
