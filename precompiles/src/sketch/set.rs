//! A set's life: opened, its seed drawn, rows appended, sealed; and what can be read of it.

use super::{
    interface::IAttrSketch,
    kernel::{distance2, norm2},
    limits::{AT_CAP_PERCENT, DIMENSIONS, ROWS_MAX, SEED_DELAY, SET_CLUSTERS_MAX, rows_per_page},
    row::{Row, page_len, record_len},
    storage::{Counters, Form, SET_COUNT_SLOT, Seed, SetSlots, SpaceCounters, SpaceSlots},
};
use crate::{Arguments, Context, Stop, gas};
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes, Keccak256, U256, keccak256};
use alloy_sol_types::SolCall;
use openledger_primitives::predeploys::HISTORY_STORAGE;

/// Kind of a set whose rows are gradients.
pub(crate) const KIND_INFLUENCE: u8 = 0;
/// Kind of a set whose rows are embeddings.
pub(crate) const KIND_EMBEDDING: u8 = 1;

/// Slots in which EIP-2935's contract keeps hashes, by block number modulo this.
const HISTORY_SERVE_WINDOW: u64 = 8191;

/// Opened set's form, or [`IAttrSketch::UnknownSet`]. Reads one slot.
pub(crate) fn existing(context: &mut Context<'_>, set_id: u64) -> Result<Form, Stop> {
    let word = context.sload(SetSlots::new(set_id).form())?;
    Form::unpack(word).ok_or_else(|| Stop::revert(IAttrSketch::UnknownSet { setId: set_id }))
}

/// Counters of a set that isn't sealed, or [`IAttrSketch::AlreadySealed`]. Reads one slot.
fn unsealed(context: &mut Context<'_>, set_id: u64) -> Result<Counters, Stop> {
    let counters = Counters::unpack(context.sload(SetSlots::new(set_id).counters())?);
    if counters.is_sealed() {
        return Err(Stop::revert(IAttrSketch::AlreadySealed { setId: set_id }));
    }
    Ok(counters)
}

/// Refuses with [`IAttrSketch::NoSeed`] before the seed is drawn. Reads one slot.
fn require_seed(context: &mut Context<'_>, set_id: u64) -> Result<(), Stop> {
    if !Seed::unpack(context.sload(SetSlots::new(set_id).seed())?).is_drawn {
        return Err(Stop::revert(IAttrSketch::NoSeed { setId: set_id }));
    }
    Ok(())
}

pub(crate) fn open_set(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 8)?;
    let subject = arguments.bytes32()?;
    let form = Form {
        owner: context.caller(),
        dim: arguments.uint16()?,
        kind: arguments.uint8()?,
        norm_cap2: arguments.uint32()?,
        frac_bits: arguments.int8()?,
        shift: arguments.uint8()?,
        sparsity: arguments.uint8()?,
    };
    let data_root = arguments.bytes32()?;
    arguments.finish()?;
    context.require_writable()?;
    context.require_not_paused(IAttrSketch::openSetCall::SELECTOR)?;

    if !DIMENSIONS.contains(&form.dim) {
        return Err(Stop::revert(IAttrSketch::BadDim { dim: form.dim }));
    }
    if form.kind > KIND_EMBEDDING {
        return Err(Stop::revert(IAttrSketch::BadKind { kind: form.kind }));
    }
    if !matches!(form.sparsity, 0 | 4 | 8) {
        return Err(Stop::revert(IAttrSketch::BadSparsity {
            sparsity: form.sparsity,
        }));
    }
    // A counter that grows by one a call can't wrap.
    let set_id = context.sload(SET_COUNT_SLOT)?.as_limbs()[0].wrapping_add(1);
    context.sstore(SET_COUNT_SLOT, U256::from(set_id))?;
    let slots = SetSlots::new(set_id);
    let seed = Seed {
        seed: 0,
        block: context.block_number(),
        is_drawn: false,
    };
    context.sstore(slots.subject(), subject.into())?;
    context.sstore(slots.data_root(), data_root.into())?;
    context.sstore(slots.form(), form.pack())?;
    context.sstore(slots.seed(), seed.pack())?;
    context.emit(&IAttrSketch::SetOpened {
        setId: set_id,
        subject,
        owner: form.owner,
    })?;
    Ok(IAttrSketch::openSetCall::abi_encode_returns(&set_id))
}

pub(crate) fn draw_seed(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 1)?;
    let set_id = arguments.uint64()?;
    arguments.finish()?;
    context.require_writable()?;
    context.require_not_paused(IAttrSketch::drawSeedCall::SELECTOR)?;
    let form = existing(context, set_id)?;
    context.require_caller(form.owner)?;

    let slot = SetSlots::new(set_id).seed();
    let opened = Seed::unpack(context.sload(slot)?).block;
    let (first, last) = (
        opened.saturating_add(SEED_DELAY.0),
        opened.saturating_add(SEED_DELAY.1),
    );
    if !(first..=last).contains(&context.block_number()) {
        return Err(Stop::revert(IAttrSketch::SeedWindow { first, last }));
    }
    let source = opened.saturating_add(1);
    let history_slot = U256::from(source.wrapping_rem(HISTORY_SERVE_WINDOW));
    let block_hash = context.sload_foreign(HISTORY_STORAGE, history_slot)?;
    if block_hash.is_zero() {
        return Err(Stop::revert(IAttrSketch::NoBlockHash {
            blockNumber: source,
        }));
    }
    let seed = draw(block_hash.into(), set_id);
    let drawn = Seed {
        seed,
        block: opened,
        is_drawn: true,
    };
    context.sstore(slot, drawn.pack())?;
    Ok(IAttrSketch::drawSeedCall::abi_encode_returns(&seed))
}

/// The seed that a block hash gives a set: `u64be(keccak256(blockHash ‖ u64be setId)[0:8])`.
pub fn draw(block_hash: B256, set_id: u64) -> u64 {
    let mut hasher = Keccak256::new();
    hasher.update(block_hash);
    hasher.update(set_id.to_be_bytes());
    let [a, b, c, d, e, f, g, h, ..] = hasher.finalize().0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

pub(crate) fn append_rows(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 2)?;
    let (set_id, records) = (arguments.uint64()?, arguments.bytes()?);
    arguments.finish()?;
    context.require_writable()?;
    context.require_not_paused(IAttrSketch::appendRowsCall::SELECTOR)?;
    let form = existing(context, set_id)?;
    context.require_caller(form.owner)?;

    let slots = SetSlots::new(set_id);
    let mut counters = unsealed(context, set_id)?;
    require_seed(context, set_id)?;
    let first = counters.rows;
    // A record isn't empty; calldata's limit keeps their number far below 2^32.
    let whole = records.len().checked_div(record_len(form.dim));
    let whole = whole.unwrap_or_default() as u32;
    if whole == 0 || !records.len().is_multiple_of(record_len(form.dim)) {
        return Err(Stop::revert(IAttrSketch::BadRow {
            row: first.saturating_add(whole),
        }));
    }
    let rows = first.saturating_add(whole);
    if rows > ROWS_MAX {
        return Err(Stop::revert(IAttrSketch::TooManyRows {
            rows: u64::from(rows),
            max: ROWS_MAX,
        }));
    }
    if !counters.is_page_aligned(form.dim) {
        return Err(Stop::revert(IAttrSketch::PartialPage { setId: set_id }));
    }
    let subject = B256::from(context.sload(slots.subject())?);
    let space = SpaceCounters::unpack(context.sload(SpaceSlots::new(subject).counters())?);
    context.charge(gas::multiply_adds(
        u64::from(whole).saturating_mul(u64::from(form.dim)),
    ))?;
    for record in records.chunks_exact(record_len(form.dim)) {
        let Some(row) = Row::parse(record) else {
            // Records are longer than their prefix.
            return Err(Stop::bad_abi());
        };
        count(&mut counters, &form, &space, row)?;
    }
    context.charge(gas::keccak(records.len() as u64))?;
    let previous = B256::from(context.sload(slots.digest())?);
    let digest = next_digest(previous, records);
    context.sstore(slots.digest(), digest.into())?;
    context.sstore(slots.counters(), counters.pack())?;
    let per_page = rows_per_page(form.dim);
    let page_bytes = (per_page as usize).saturating_mul(record_len(form.dim));
    // The divisor is positive: every dimension has rows a page.
    let first_page = first.checked_div(per_page).unwrap_or_default();
    for (page, payload) in (first_page..).zip(records.chunks(page_bytes)) {
        context.write_page(set_id, page, payload)?;
    }
    context.emit(&IAttrSketch::RowsAppended {
        setId: set_id,
        first,
        n: whole,
        digest,
    })?;
    Ok(IAttrSketch::appendRowsCall::abi_encode_returns(&first))
}

/// Digest of all appends: `keccak256(previous ‖ keccak256(rows))`.
pub fn next_digest(previous: B256, records: &[u8]) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update(previous);
    hasher.update(keccak256(records));
    hasher.finalize()
}

/// Checks the next row and counts it.
fn count(
    counters: &mut Counters,
    form: &Form,
    space: &SpaceCounters,
    row: Row<'_>,
) -> Result<(), Stop> {
    let number = counters.rows;
    let is_first = number == 0;
    if let Some(column) = row.vector.iter().position(|byte| *byte == 0x80) {
        return Err(Stop::revert(IAttrSketch::BadInt8 {
            row: number,
            // Below 1024.
            column: column as u16,
        }));
    }
    let norm2 = norm2(row.vector);
    if form.kind == KIND_INFLUENCE && norm2 > form.norm_cap2 {
        return Err(Stop::revert(IAttrSketch::NormTooLarge {
            row: number,
            norm2,
        }));
    }
    if row.cluster >= space.clusters || (!is_first && row.cluster < counters.last_cluster) {
        return Err(Stop::revert(IAttrSketch::BadRow { row: number }));
    }
    if is_first || row.cluster != counters.last_cluster {
        counters.clusters = counters.clusters.saturating_add(1);
        if counters.clusters > SET_CLUSTERS_MAX {
            return Err(Stop::revert(IAttrSketch::TooManyClusters { row: number }));
        }
    }
    let cap = u64::from(form.norm_cap2).saturating_mul(AT_CAP_PERCENT);
    if u64::from(norm2).saturating_mul(100) >= cap {
        counters.at_cap = counters.at_cap.saturating_add(1);
    }
    counters.last_cluster = row.cluster;
    counters.sum_norm2 = counters.sum_norm2.saturating_add(u64::from(norm2));
    counters.rows = number.saturating_add(1);
    Ok(())
}

pub(crate) fn seal(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 1)?;
    let set_id = arguments.uint64()?;
    arguments.finish()?;
    context.require_writable()?;
    context.require_not_paused(IAttrSketch::sealCall::SELECTOR)?;
    let form = existing(context, set_id)?;
    context.require_caller(form.owner)?;

    let mut counters = unsealed(context, set_id)?;
    require_seed(context, set_id)?;
    if counters.rows == 0 {
        return Err(Stop::revert(IAttrSketch::EmptySet { setId: set_id }));
    }
    let needed = counters.rows.div_ceil(2);
    if form.kind == KIND_INFLUENCE && counters.at_cap < needed {
        return Err(Stop::revert(IAttrSketch::CapTooLoose {
            atCap: counters.at_cap,
            needed,
        }));
    }
    counters.sealed_block = context.block_number();
    context.sstore(SetSlots::new(set_id).counters(), counters.pack())?;
    context.emit(&IAttrSketch::SetSealed {
        setId: set_id,
        rows: counters.rows,
        lambda: counters.lambda(),
    })?;
    Ok(Vec::new())
}

pub(crate) fn header(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 1)?;
    let set_id = arguments.uint64()?;
    arguments.finish()?;
    let form = existing(context, set_id)?;
    let slots = SetSlots::new(set_id);
    let subject = context.sload(slots.subject())?;
    let data_root = context.sload(slots.data_root())?;
    let digest = context.sload(slots.digest())?;
    let counters = Counters::unpack(context.sload(slots.counters())?);
    let seed = Seed::unpack(context.sload(slots.seed())?);
    Ok(IAttrSketch::headerCall::abi_encode_returns(
        &IAttrSketch::SetHeader {
            subject: subject.into(),
            owner: form.owner,
            dim: form.dim,
            kind: form.kind,
            rows: counters.rows,
            normCap2: form.norm_cap2,
            sumNorm2: counters.sum_norm2,
            lambda: counters.lambda(),
            seed: seed.seed,
            seedBlock: seed.block,
            fracBits: form.frac_bits,
            shift: form.shift,
            sparsity: form.sparsity,
            dataRoot: data_root.into(),
            digest: digest.into(),
            sealedBlock: counters.sealed_block,
        },
    ))
}

/// The record of row `r`: reads the counters, then the row's page.
fn record(context: &mut Context<'_>, set_id: u64, form: &Form, number: u32) -> Result<Bytes, Stop> {
    let counters = Counters::unpack(context.sload(SetSlots::new(set_id).counters())?);
    if number >= counters.rows {
        return Err(Stop::revert(IAttrSketch::UnknownRow {
            row: number,
            rows: counters.rows,
        }));
    }
    let per_page = rows_per_page(form.dim);
    // The divisor is positive: every dimension has rows a page.
    let page = number.checked_div(per_page).unwrap_or_default();
    let place = number.checked_rem(per_page).unwrap_or_default();
    let payload = context.read_page(set_id, page, page_len(counters.rows, form.dim, page))?;
    let len = record_len(form.dim);
    let start = (place as usize).saturating_mul(len);
    // Within the page: `read_page` has checked its length.
    Ok(payload.slice(start..start.saturating_add(len)))
}

pub(crate) fn row(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 2)?;
    let (set_id, number) = (arguments.uint64()?, arguments.uint32()?);
    arguments.finish()?;
    let form = existing(context, set_id)?;
    let record = record(context, set_id, &form, number)?;
    let Some(row) = Row::parse(&record) else {
        // Records are longer than their prefix.
        return Err(Stop::bad_abi());
    };
    Ok(IAttrSketch::rowCall::abi_encode_returns(
        &IAttrSketch::rowReturn {
            cluster: row.cluster,
            label: row.label,
            v: Bytes::copy_from_slice(row.vector),
        },
    ))
}

pub(crate) fn row_distance(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 3)?;
    let (set_id, number) = (arguments.uint64()?, arguments.uint32()?);
    let alternative = arguments.bytes()?;
    arguments.finish()?;
    let form = existing(context, set_id)?;
    require_len(alternative, usize::from(form.dim))?;
    let record = record(context, set_id, &form, number)?;
    context.charge(gas::multiply_adds(u64::from(form.dim).saturating_mul(3)))?;
    let Some(row) = Row::parse(&record) else {
        // Records are longer than their prefix.
        return Err(Stop::bad_abi());
    };
    Ok(IAttrSketch::rowDistanceCall::abi_encode_returns(
        &IAttrSketch::rowDistanceReturn {
            d2: distance2(row.vector, alternative).into(),
            n2: norm2(row.vector).into(),
            m2: norm2(alternative).into(),
        },
    ))
}

/// [`IAttrSketch::BadLength`] unless `bytes` has `expected` bytes.
pub(crate) fn require_len(bytes: &[u8], expected: usize) -> Result<(), Stop> {
    if bytes.len() != expected {
        return Err(Stop::revert(IAttrSketch::BadLength {
            expected: U256::from(expected),
            actual: U256::from(bytes.len()),
        }));
    }
    Ok(())
}
