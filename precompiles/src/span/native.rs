//! Scoring against an index in pages.

use super::{
    CANDIDATES_MAX, ENTRIES_PER_PAGE, Entry, EntryTable, SpanParameters, SpanScorer, SpanScores,
    entry::ENTRY_BYTES,
    gas,
    storage::{self, Mode, State},
};
use super::{fingerprint, interface::IAttrSpan, kgram_hashes, require_tokens};
use crate::{Context, Stop};
use alloc::vec::Vec;

/// An index that may be scored against: sealed before this block, in this mode. Slot read: its offset 0.
pub(super) fn read_scorable(context: &mut Context<'_>, id: u64, mode: Mode) -> Result<State, Stop> {
    let state = storage::read_opened(context, id)?;
    if state.sealed_block == 0 || state.sealed_block >= context.block_number() {
        return Err(Stop::revert(IAttrSpan::NotSealed { id }));
    }
    if state.mode != mode {
        return Err(Stop::revert(IAttrSpan::WrongMode {
            id,
            mode: state.mode as u8,
        }));
    }
    Ok(state)
}

/// `scoreSpans`. Slot read: the index's offset 0; then all its pages, in order.
pub(super) fn score_spans(
    context: &mut Context<'_>,
    id: u64,
    tokens: &[u32],
    df_cap: u8,
    min_span: u16,
) -> Result<SpanScores, Stop> {
    let state = read_scorable(context, id, Mode::Native)?;
    require_tokens(tokens.len())?;
    context.charge(gas::query(tokens.len(), state.k))?;

    let entries = state.length as usize;
    let mut pages = Vec::new();
    let mut first = 0usize;
    while first < entries {
        let on_page = entries.saturating_sub(first).min(ENTRIES_PER_PAGE);
        let payload_len = on_page.saturating_mul(ENTRY_BYTES);
        pages.push(context.read_page(id, pages.len() as u32, payload_len)?);
        first = first.saturating_add(on_page);
    }

    let table = EntryTable::new(&pages, ENTRIES_PER_PAGE, entries);
    let parameters = SpanParameters {
        k: state.k,
        w: state.w,
        df_cap,
        min_span,
    };
    let mut scorer = SpanScorer::new(tokens.len() as u32, parameters);
    let mut candidates: Vec<Entry> = Vec::with_capacity(CANDIDATES_MAX);
    let hashes = kgram_hashes(tokens, usize::from(state.k), state.salt);
    for (position, hash) in (0u32..).zip(hashes) {
        let found = table.first_with(fingerprint(hash), CANDIDATES_MAX);
        candidates.clear();
        candidates.extend(found.filter_map(|index| table.get(index)));
        if scorer.admits(&candidates) {
            context.charge(gas::hits(candidates.len()))?;
            for entry in &candidates {
                scorer.add(position, entry);
            }
        }
    }
    Ok(scorer.finish())
}
