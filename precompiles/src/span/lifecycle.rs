//! An index's life but for scoring: tokens committed, opened with the drawn salt, filled, sealed.

use super::{
    ENTRIES_MAX, ENTRIES_PER_PAGE, Entry, K_RANGE, W_RANGE,
    entry::ENTRY_BYTES,
    interface::IAttrSpan,
    storage::{self, Mode, Origin, State},
};
use crate::{
    Context, Stop,
    sketch::{draw, limits::SEED_DELAY},
};
use alloy_primitives::{B256, U256};
use openledger_primitives::predeploys::HISTORY_STORAGE;

/// Block hashes that EIP-2935's contract keeps, each at slot `number % 8191`.
const HISTORY_LEN: u64 = 8_191;

/// An index's length fits in its slot.
const _: () = assert!(ENTRIES_MAX <= u32::MAX as usize);

/// `commitTokens`. Slots: `lastId` read and written; `committed` and the index's offsets 1, 3, 5 written.
pub(super) fn commit_tokens(
    context: &mut Context<'_>,
    datanet: B256,
    token_root: B256,
) -> Result<u64, Stop> {
    let id = storage::next_id(context)?;
    let origin = Origin {
        owner: context.caller(),
        committed_block: context.block_number(),
    };
    storage::write_commitment(context, id, origin, datanet, token_root)?;
    context.emit(&IAttrSpan::TokensCommitted {
        id,
        datanet,
        owner: origin.owner,
        tokenRoot: token_root,
    })?;
    Ok(id)
}

/// `openIndex`. Slots: `committed`, the index's offsets 0 and 1, the block hash's read; offsets 0 and 4
/// written.
pub(super) fn open_index(
    context: &mut Context<'_>,
    datanet: B256,
    k: u8,
    w: u8,
    tokenizer_hash: B256,
    salt: u64,
) -> Result<u64, Stop> {
    let owner = context.caller();
    let id = storage::committed_id(context, owner, datanet)?;
    if id == 0 || storage::read_state(context, id)?.k != 0 {
        return Err(Stop::revert(IAttrSpan::NothingCommitted { datanet }));
    }
    if !K_RANGE.contains(&k) {
        return Err(Stop::revert(IAttrSpan::BadK { k }));
    }
    if !W_RANGE.contains(&w) {
        return Err(Stop::revert(IAttrSpan::BadW { w }));
    }
    let committed_block = storage::read_origin(context, id)?.committed_block;
    let drawn = draw_salt(context, committed_block, id)?;
    if salt != drawn {
        return Err(Stop::revert(IAttrSpan::WrongSalt { given: salt, drawn }));
    }
    let state = State {
        sealed_block: 0,
        salt,
        length: 0,
        k,
        w,
        mode: Mode::Empty,
    };
    storage::write_state(context, id, state)?;
    storage::write_tokenizer(context, id, tokenizer_hash)?;
    context.emit(&IAttrSpan::IndexOpened {
        id,
        datanet,
        owner,
        salt,
    })?;
    Ok(id)
}

/// The salt of an index, drawn as a set's seed is: the first eight bytes of
/// `keccak256(blockhash(committedBlock + 1) ‖ u64be id)`.
///
/// Nobody knew it when the tokens were committed. A sequencer can bias a block's hash, by leaving out or
/// reordering transactions, as with every hash that is drawn from the chain.
fn draw_salt(context: &mut Context<'_>, committed_block: u64, id: u64) -> Result<u64, Stop> {
    let first = committed_block.saturating_add(SEED_DELAY.0);
    let last = committed_block.saturating_add(SEED_DELAY.1);
    if !(first..=last).contains(&context.block_number()) {
        return Err(Stop::revert(IAttrSpan::SaltWindow { first, last }));
    }
    let source = committed_block.saturating_add(1);
    let slot = U256::from(source.wrapping_rem(HISTORY_LEN));
    let block_hash = context.sload_foreign(HISTORY_STORAGE, slot)?;
    if block_hash.is_zero() {
        return Err(Stop::revert(IAttrSpan::NoBlockHash {
            blockNumber: source,
        }));
    }
    Ok(draw(block_hash.into(), id))
}

/// The state of an index that its owner, who calls, may still change. Slots read: its offsets 0 and 1.
fn read_writable(context: &mut Context<'_>, id: u64) -> Result<State, Stop> {
    let state = storage::read_opened(context, id)?;
    let owner = storage::read_origin(context, id)?.owner;
    context.require_caller(owner)?;
    if state.sealed_block != 0 {
        return Err(Stop::revert(IAttrSpan::AlreadySealed { id }));
    }
    Ok(state)
}

fn wrong_mode(id: u64, state: State) -> Stop {
    Stop::revert(IAttrSpan::WrongMode {
        id,
        mode: state.mode as u8,
    })
}

/// `appendEntries`. Slots: the index's offsets 0, 1, 2 read; pages written; offsets 2 and 0 written.
pub(super) fn append_entries(
    context: &mut Context<'_>,
    id: u64,
    entries: &[u8],
) -> Result<(), Stop> {
    let mut state = read_writable(context, id)?;
    if state.mode == Mode::Proved {
        return Err(wrong_mode(id, state));
    }
    let (records, rest) = entries.as_chunks::<ENTRY_BYTES>();
    if records.is_empty() || !rest.is_empty() {
        return Err(Stop::revert(IAttrSpan::BadEntries {
            length: U256::from(entries.len()),
        }));
    }
    let first = state.length;
    if !(first as usize).is_multiple_of(ENTRIES_PER_PAGE) {
        return Err(Stop::revert(IAttrSpan::PartialPage { id }));
    }
    let length = (first as usize).saturating_add(records.len());
    if length > ENTRIES_MAX {
        return Err(Stop::revert(IAttrSpan::IndexFull {
            entries: U256::from(length),
            max: ENTRIES_MAX as u32,
        }));
    }
    // Read even where the index is empty, so that the price does not depend on it.
    let tail = storage::tail_entry(storage::read_tail(context, id)?);
    let mut previous = (first > 0).then_some(tail);
    for (index, record) in (first..).zip(records) {
        let entry = Entry::from_bytes(*record);
        if previous.is_some_and(|previous| previous >= entry) {
            return Err(Stop::revert(IAttrSpan::EntryOrder { entry: index }));
        }
        previous = Some(entry);
    }
    let first_page = (first as usize).wrapping_div(ENTRIES_PER_PAGE);
    for (page, payload) in
        (first_page as u32..).zip(entries.chunks(ENTRIES_PER_PAGE.wrapping_mul(ENTRY_BYTES)))
    {
        context.write_page(id, page, payload)?;
    }
    if let Some(last) = previous {
        storage::write_tail(context, id, storage::entry_tail(last))?;
    }
    state.mode = Mode::Native;
    state.length = length as u32;
    storage::write_state(context, id, state)?;
    context.emit(&IAttrSpan::EntriesAppended {
        id,
        first,
        n: records.len() as u32,
    })
}

/// `commitRoot`. Slots: the index's offsets 0 and 1 read; 2 and 0 written.
pub(super) fn commit_root(
    context: &mut Context<'_>,
    id: u64,
    root: B256,
    leaves: u32,
) -> Result<(), Stop> {
    let mut state = read_writable(context, id)?;
    if state.mode != Mode::Empty {
        return Err(wrong_mode(id, state));
    }
    if leaves == 0 {
        return Err(Stop::revert(IAttrSpan::NoLeaves {}));
    }
    storage::write_tail(context, id, root)?;
    state.mode = Mode::Proved;
    state.length = leaves;
    storage::write_state(context, id, state)?;
    context.emit(&IAttrSpan::RootCommitted { id, root, leaves })
}

/// `seal`. Slots: the index's offsets 0 and 1 read; 0 written.
pub(super) fn seal(context: &mut Context<'_>, id: u64) -> Result<(), Stop> {
    let mut state = read_writable(context, id)?;
    if state.mode == Mode::Empty {
        return Err(wrong_mode(id, state));
    }
    state.sealed_block = context.block_number();
    storage::write_state(context, id, state)?;
    context.emit(&IAttrSpan::IndexSealed {
        id,
        mode: state.mode as u8,
        length: state.length,
    })
}
