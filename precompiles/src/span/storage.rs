//! SPAN's storage, as a Solidity declaration:
//!
//! ```solidity
//! mapping(bytes4 selector => Pause) pauses;      // slot 0, which all precompiles have
//! uint64 lastId;                                 // slot 1
//! mapping(bytes32 committer => uint64) committed;// slot 2, by keccak256(abi.encode(msg.sender, datanet))
//! mapping(uint64 id => Index) indexes;           // slot 3
//!
//! struct Index {
//!     uint64 sealedBlock; uint64 salt; uint32 length; uint8 k; uint8 w; uint8 mode; // offset 0
//!     address owner; uint64 committedBlock;                                        // offset 1
//!     bytes32 tail;           // offset 2: mode 1 the last entry, right-aligned; mode 2 the root
//!     bytes32 datanet;        // offset 3
//!     bytes32 tokenizerHash;  // offset 4
//!     bytes32 tokenRoot;      // offset 5
//! }
//! ```
//!
//! `k` is zero until the index is opened, `sealedBlock` until it is sealed. The entries of a native index
//! are in pages.

use super::{Entry, interface::IAttrSpan};
use crate::{Context, SPAN, Stop, mapping_slot, mapping_slot_bytes32, offset_slot};
use alloy_primitives::{Address, B256, Keccak256, U256, uint};

const LAST_ID_SLOT: U256 = uint!(1_U256);
const COMMITTED_SLOT: U256 = uint!(2_U256);
/// Slot of `mapping(uint64 => Index) indexes`.
pub const INDEXES_SLOT: U256 = uint!(3_U256);

const ORIGIN_OFFSET: u64 = 1;
const TAIL_OFFSET: u64 = 2;
const DATANET_OFFSET: u64 = 3;
const TOKENIZER_OFFSET: u64 = 4;
const TOKEN_ROOT_OFFSET: u64 = 5;

/// How an index holds its entries, `mode` in its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    /// Not yet.
    Empty = 0,
    /// In pages.
    Native = 1,
    /// Off chain, under a Merkle root.
    Proved = 2,
}

/// An index's first slot: all that scoring a native one needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) sealed_block: u64,
    pub(super) salt: u64,
    /// Entries, or leaves.
    pub(super) length: u32,
    pub(super) k: u8,
    pub(super) w: u8,
    pub(super) mode: Mode,
}

impl State {
    fn unpack(word: U256) -> Self {
        let [sealed_block, salt, rest, _] = *word.as_limbs();
        let [a, b, c, d, k, w, mode, _] = rest.to_le_bytes();
        Self {
            sealed_block,
            salt,
            length: u32::from_le_bytes([a, b, c, d]),
            k,
            w,
            mode: match mode {
                1 => Mode::Native,
                2 => Mode::Proved,
                _ => Mode::Empty,
            },
        }
    }

    fn pack(self) -> U256 {
        let [a, b, c, d] = self.length.to_le_bytes();
        let rest = [a, b, c, d, self.k, self.w, self.mode as u8, 0];
        U256::from_limbs([self.sealed_block, self.salt, u64::from_le_bytes(rest), 0])
    }
}

/// An index's second slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) owner: Address,
    pub(super) committed_block: u64,
}

impl Origin {
    fn unpack(word: U256) -> Self {
        Self {
            owner: Address::from_word(B256::from(word)),
            committed_block: word.wrapping_shr(160).wrapping_to(),
        }
    }

    fn pack(self) -> U256 {
        let owner = U256::from_be_bytes(self.owner.into_word().0);
        U256::from(self.committed_block).wrapping_shl(160) | owner
    }
}

/// First slot of index `id`.
fn index_slot(id: u64) -> U256 {
    mapping_slot(U256::from(id), INDEXES_SLOT)
}

fn committed_slot(committer: Address, datanet: B256) -> U256 {
    let mut hasher = Keccak256::new();
    hasher.update(committer.into_word());
    hasher.update(datanet);
    mapping_slot_bytes32(hasher.finalize(), COMMITTED_SLOT)
}

fn word(value: U256) -> B256 {
    B256::from(value)
}

fn number(value: B256) -> U256 {
    U256::from_be_bytes(value.0)
}

/// Takes the next id. Slot read and written: `lastId`.
pub(super) fn next_id(context: &mut Context<'_>) -> Result<u64, Stop> {
    let [last, ..] = *context.sload(LAST_ID_SLOT)?.as_limbs();
    let id = last.saturating_add(1);
    context.sstore(LAST_ID_SLOT, U256::from(id))?;
    Ok(id)
}

/// Records a commitment. Slots written: `committed`, the index's offsets 1, 3 and 5.
pub(super) fn write_commitment(
    context: &mut Context<'_>,
    id: u64,
    origin: Origin,
    datanet: B256,
    token_root: B256,
) -> Result<(), Stop> {
    let slot = index_slot(id);
    context.sstore(committed_slot(origin.owner, datanet), U256::from(id))?;
    context.sstore(offset_slot(slot, ORIGIN_OFFSET), origin.pack())?;
    context.sstore(offset_slot(slot, DATANET_OFFSET), number(datanet))?;
    context.sstore(offset_slot(slot, TOKEN_ROOT_OFFSET), number(token_root))
}

/// The id that `committer` committed last for `datanet`; 0 if none. Slot read: `committed`.
pub(super) fn committed_id(
    context: &mut Context<'_>,
    committer: Address,
    datanet: B256,
) -> Result<u64, Stop> {
    let [id, ..] = *context
        .sload(committed_slot(committer, datanet))?
        .as_limbs();
    Ok(id)
}

/// An index's first slot, whether it is opened or not.
pub(super) fn read_state(context: &mut Context<'_>, id: u64) -> Result<State, Stop> {
    context.sload(index_slot(id)).map(State::unpack)
}

/// The first slot of an index that must be opened: `UnknownIndex` otherwise.
pub(super) fn read_opened(context: &mut Context<'_>, id: u64) -> Result<State, Stop> {
    let state = read_state(context, id)?;
    if state.k == 0 {
        return Err(Stop::revert(IAttrSpan::UnknownIndex { id }));
    }
    Ok(state)
}

pub(super) fn write_state(context: &mut Context<'_>, id: u64, state: State) -> Result<(), Stop> {
    context.sstore(index_slot(id), state.pack())
}

pub(super) fn read_origin(context: &mut Context<'_>, id: u64) -> Result<Origin, Stop> {
    let slot = offset_slot(index_slot(id), ORIGIN_OFFSET);
    context.sload(slot).map(Origin::unpack)
}

pub(super) fn read_tail(context: &mut Context<'_>, id: u64) -> Result<B256, Stop> {
    let slot = offset_slot(index_slot(id), TAIL_OFFSET);
    context.sload(slot).map(word)
}

pub(super) fn write_tail(context: &mut Context<'_>, id: u64, tail: B256) -> Result<(), Stop> {
    let slot = offset_slot(index_slot(id), TAIL_OFFSET);
    context.sstore(slot, number(tail))
}

/// An entry as a native index's tail.
pub(super) fn entry_tail(entry: Entry) -> B256 {
    word(U256::from(u128::from_be_bytes(entry.to_bytes())))
}

/// The entry that is a native index's tail.
pub(super) fn tail_entry(tail: B256) -> Entry {
    Entry::from_bytes(number(tail).wrapping_to::<u128>().to_be_bytes())
}

pub(super) fn write_tokenizer(
    context: &mut Context<'_>,
    id: u64,
    tokenizer_hash: B256,
) -> Result<(), Stop> {
    let slot = offset_slot(index_slot(id), TOKENIZER_OFFSET);
    context.sstore(slot, number(tokenizer_hash))
}

/// All of an opened index. Slots read: its offsets 0 to 5.
pub(super) fn read_header(
    context: &mut Context<'_>,
    id: u64,
) -> Result<IAttrSpan::IndexHeader, Stop> {
    let slot = index_slot(id);
    let state = read_opened(context, id)?;
    let origin = read_origin(context, id)?;
    let tail = read_tail(context, id)?;
    let datanet = word(context.sload(offset_slot(slot, DATANET_OFFSET))?);
    let tokenizer_hash = word(context.sload(offset_slot(slot, TOKENIZER_OFFSET))?);
    let token_root = word(context.sload(offset_slot(slot, TOKEN_ROOT_OFFSET))?);
    Ok(IAttrSpan::IndexHeader {
        datanet,
        owner: origin.owner,
        k: state.k,
        w: state.w,
        mode: state.mode as u8,
        length: state.length,
        salt: state.salt,
        committedBlock: origin.committed_block,
        sealedBlock: state.sealed_block,
        tokenizerHash: tokenizer_hash,
        tokenRoot: token_root,
        root: match state.mode {
            Mode::Proved => tail,
            Mode::Empty | Mode::Native => B256::ZERO,
        },
    })
}

/// What another precompile asks of an index: its datanet and the block in which it was sealed (0: not);
/// `None` if there is none, or it isn't opened. Reads the index's offset 0, then, if it is opened, its
/// offset 3, each at a slot's price.
pub(crate) fn datanet_and_seal(
    context: &mut Context<'_>,
    id: u64,
) -> Result<Option<(B256, u64)>, Stop> {
    let slot = index_slot(id);
    let state = State::unpack(context.sload_at(SPAN, slot)?);
    if state.k == 0 {
        return Ok(None);
    }
    let datanet = context.sload_at(SPAN, offset_slot(slot, DATANET_OFFSET))?;
    Ok(Some((word(datanet), state.sealed_block)))
}
