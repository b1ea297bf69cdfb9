//! The scoring functions: arguments, prices and pages around the pure ones.

use super::{
    influence::{CertifiedQuery, influence, residual},
    interface::IAttrSketch,
    limits::{BATCH_MAX, NEIGHBOURS_MAX, SHIFT_MAX, WITNESS_MAX},
    neighbours::{ClusterScores, dot_scores, knn_shapley},
    row::{Row, page_count, page_len, rows},
    set::{KIND_EMBEDDING, KIND_INFLUENCE, existing, require_len},
    storage::{Counters, Form, SetSlots},
};
use crate::{Arguments, Context, Stop, gas};
use alloc::vec::Vec;
use alloy_primitives::{Bytes, U256};
use alloy_sol_types::SolCall;

/// Per query and dimension of a batch: reading the query and witness, and the residual.
const INFLUENCE_ENTRY_GAS: u64 = 40;
/// Per query and row of a batch; per row of `scoreDot`.
const ROW_GAS: u64 = 20;
/// Multiply-adds that a row of KNN-Shapley is worth beside its distance: sorting and the recurrence.
const NEIGHBOUR_MULTIPLY_ADDS: u64 = 200;

/// A committed set's pages, read once.
struct Pages {
    dim: u16,
    pages: Vec<Bytes>,
}

impl Pages {
    /// Reads and pays for all pages, in order.
    fn read(
        context: &mut Context<'_>,
        set_id: u64,
        form: &Form,
        counters: &Counters,
    ) -> Result<Self, Stop> {
        // At most 4096 rows at 23 or more a page.
        let pages = (0..page_count(counters.rows, form.dim))
            .map(|page| context.read_page(set_id, page, page_len(counters.rows, form.dim, page)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            dim: form.dim,
            pages,
        })
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.pages.iter().flat_map(|page| rows(page, self.dim))
    }
}

/// Counters of a set sealed in an earlier block, or [`IAttrSketch::NotSealed`]. Reads one slot.
fn committed(context: &mut Context<'_>, set_id: u64) -> Result<Counters, Stop> {
    let counters = Counters::unpack(context.sload(SetSlots::new(set_id).counters())?);
    if !counters.is_sealed() || counters.sealed_block >= context.block_number() {
        return Err(Stop::revert(IAttrSketch::NotSealed { setId: set_id }));
    }
    Ok(counters)
}

fn require_kind(form: &Form, kind: u8) -> Result<(), Stop> {
    if form.kind != kind {
        return Err(Stop::revert(IAttrSketch::WrongKind { kind: form.kind }));
    }
    Ok(())
}

/// Rows × dim.
fn entries(form: &Form, counters: &Counters) -> u64 {
    u64::from(counters.rows).saturating_mul(u64::from(form.dim))
}

pub(crate) fn score_influence(
    context: &mut Context<'_>,
    arguments: &[u8],
) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 4)?;
    let set_id = arguments.uint64()?;
    let queries = arguments.bytes_array()?;
    let witnesses = arguments.bytes_array()?;
    let shifts = arguments.uint8_array()?;
    arguments.finish()?;
    context.require_not_paused(IAttrSketch::scoreInfluenceCall::SELECTOR)?;
    let form = existing(context, set_id)?;
    let counters = committed(context, set_id)?;
    require_kind(&form, KIND_INFLUENCE)?;

    let batch = queries.len();
    if !(1..=BATCH_MAX).contains(&batch) || witnesses.len() != batch || shifts.len() != batch {
        return Err(Stop::revert(IAttrSketch::BadBatch {
            queries: U256::from(batch),
            witnesses: U256::from(witnesses.len()),
            shifts: U256::from(shifts.len()),
        }));
    }
    context.charge(influence_gas(
        batch as u64,
        u64::from(counters.rows),
        u64::from(form.dim),
    ))?;
    let mut certified = Vec::with_capacity(batch);
    for (place, ((query, witness), shift)) in
        queries.iter().zip(&witnesses).zip(&shifts).enumerate()
    {
        certified.push(certified_query(&form, place, query, witness, *shift)?);
    }
    let pages = Pages::read(context, set_id, &form, &counters)?;
    let scores = influence(pages.rows(), counters.lambda(), &certified).map_err(|rejected| {
        Stop::revert(IAttrSketch::WitnessRejected {
            query: U256::from(rejected.query),
        })
    })?;
    Ok(IAttrSketch::scoreInfluenceCall::abi_encode_returns(
        &IAttrSketch::scoreInfluenceReturn {
            cluster: scores.cluster,
            sum: scores.sum,
            sumSq: scores.sum_sq,
        },
    ))
}

/// What a batch costs beside its pages: `ceil(2·B·rows·dim/M) + 40·B·dim + 20·B·rows`.
fn influence_gas(batch: u64, rows: u64, dim: u64) -> u64 {
    let entries = rows.saturating_mul(dim);
    gas::multiply_adds(entries.saturating_mul(batch).saturating_mul(2))
        .saturating_add(
            INFLUENCE_ENTRY_GAS
                .saturating_mul(batch)
                .saturating_mul(dim),
        )
        .saturating_add(ROW_GAS.saturating_mul(batch).saturating_mul(rows))
}

fn certified_query<'a>(
    form: &Form,
    place: usize,
    query: &'a [u8],
    witness: &[u8],
    shift: u8,
) -> Result<CertifiedQuery<'a>, Stop> {
    let dim = usize::from(form.dim);
    require_len(query, dim)?;
    require_len(witness, dim.saturating_mul(2))?;
    let place = U256::from(place);
    let witness: Vec<i16> = witness
        .as_chunks::<2>()
        .0
        .iter()
        .map(|bytes| i16::from_be_bytes(*bytes))
        .collect();
    if witness
        .iter()
        .any(|entry| entry.unsigned_abs() > WITNESS_MAX.unsigned_abs())
    {
        return Err(Stop::revert(IAttrSketch::WitnessRange { query: place }));
    }
    if shift > SHIFT_MAX {
        return Err(Stop::revert(IAttrSketch::BadShift {
            query: place,
            shift,
        }));
    }
    if query.iter().all(|byte| *byte == 0) {
        return Err(Stop::revert(IAttrSketch::ZeroQuery { query: place }));
    }
    Ok(CertifiedQuery {
        query,
        witness,
        shift,
    })
}

/// How far a witness is from the solution, for whoever compares two; it may be as far as it likes.
pub(crate) fn witness_residual(
    context: &mut Context<'_>,
    arguments: &[u8],
) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 4)?;
    let set_id = arguments.uint64()?;
    let (query, witness) = (arguments.bytes()?, arguments.bytes()?);
    let shift = arguments.uint8()?;
    arguments.finish()?;
    let form = existing(context, set_id)?;
    let counters = committed(context, set_id)?;
    require_kind(&form, KIND_INFLUENCE)?;

    context.charge(influence_gas(
        1,
        u64::from(counters.rows),
        u64::from(form.dim),
    ))?;
    let certified = certified_query(&form, 0, query, witness, shift)?;
    let pages = Pages::read(context, set_id, &form, &counters)?;
    let found = residual(pages.rows(), counters.lambda(), &certified);
    Ok(IAttrSketch::residualCall::abi_encode_returns(
        &IAttrSketch::residualReturn {
            residual2: found.residual2,
            query2: found.query2,
        },
    ))
}

pub(crate) fn score_dot(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 2)?;
    let (set_id, query) = (arguments.uint64()?, arguments.bytes()?);
    arguments.finish()?;
    context.require_not_paused(IAttrSketch::scoreDotCall::SELECTOR)?;
    let form = existing(context, set_id)?;
    let counters = committed(context, set_id)?;

    require_len(query, usize::from(form.dim))?;
    context.charge(gas::multiply_adds(entries(&form, &counters)))?;
    context.charge(ROW_GAS.saturating_mul(u64::from(counters.rows)))?;
    let pages = Pages::read(context, set_id, &form, &counters)?;
    let scores = dot_scores(pages.rows(), query);
    Ok(IAttrSketch::scoreDotCall::abi_encode_returns(
        &IAttrSketch::scoreDotReturn {
            cluster: scores.cluster,
            sum: scores.sum,
        },
    ))
}

pub(crate) fn score_knn_shapley(
    context: &mut Context<'_>,
    arguments: &[u8],
) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 4)?;
    let (set_id, query) = (arguments.uint64()?, arguments.bytes()?);
    let (label, neighbours) = (arguments.uint16()?, arguments.uint8()?);
    arguments.finish()?;
    context.require_not_paused(IAttrSketch::scoreKnnShapleyCall::SELECTOR)?;
    let form = existing(context, set_id)?;
    let counters = committed(context, set_id)?;
    require_kind(&form, KIND_EMBEDDING)?;

    require_len(query, usize::from(form.dim))?;
    if !(1..=NEIGHBOURS_MAX).contains(&neighbours) {
        return Err(Stop::revert(IAttrSketch::BadK { k: neighbours }));
    }
    context.charge(gas::multiply_adds(entries(&form, &counters)))?;
    context.charge(gas::multiply_adds(
        NEIGHBOUR_MULTIPLY_ADDS.saturating_mul(u64::from(counters.rows)),
    ))?;
    let pages = Pages::read(context, set_id, &form, &counters)?;
    let values = knn_shapley(pages.rows(), query, label, neighbours);
    let scores = ClusterScores::sum(
        pages
            .rows()
            .zip(values)
            .map(|(row, value)| (row.cluster, i128::from(value))),
    );
    Ok(IAttrSketch::scoreKnnShapleyCall::abi_encode_returns(
        &IAttrSketch::scoreKnnShapleyReturn {
            cluster: scores.cluster,
            sum: scores.sum,
        },
    ))
}
