//! The registry's storage: Solidity's standard layout of
//!
//! ```solidity
//! struct Pause { uint64 until; uint64 since; }
//! struct Counters { uint64 lastId; uint64 lastCommitment; uint64 lastUpload; }
//! struct Node { uint8 kind; uint8 status; uint8 depth; uint8 parents; uint8 trains;
//!               uint16 ancestors; uint16 absBps; uint64 base; }           // kind: 1 base, 2 adapter
//! struct Module { bytes23 pathHead; uint8 pathLength; uint32 inDim; uint32 outDim;
//!                 bytes32 pathMiddle; bytes9 pathTail; }
//! struct Base { address payee; uint16 layers; uint8 modules; uint8 prefixLength; bytes32 nameHash;
//!               bytes32 configHash; bytes32 licence; bytes32[2] prefix; Module[32] module; }
//! struct Train { bytes32 datanet; uint64 sketchSet; uint64 spanIndex; uint16 weightBps; }
//! struct Adapter { uint16 rank; uint32 alpha; uint32 moduleMask; uint16 layerFrom; uint16 layerTo;
//!                  uint8 dtype; uint8 chunkLog2; uint64 dataLen; uint64 params;
//!                  address developer; uint32 version; uint64 supersedes;
//!                  bytes32 headerHash; bytes32 dataRoot; bytes32 licence;
//!                  uint80[8] parents;                                     // id << 16 | relBps
//!                  Train[16] train; }
//! struct Commitment { uint64 number; uint64 blockNumber; }
//! struct Weights { uint64 id; uint64 commitment; }
//! struct Upload { uint64 setId; uint32 parts; uint32 length; }
//!
//! mapping(bytes4 selector => Pause) pauses;                               // slot 0
//! Counters counters;                                                      // slot 1
//! mapping(uint64 id => Node) nodes;                                       // slot 2
//! mapping(uint64 id => Base) bases;                                       // slot 3
//! mapping(uint64 id => Adapter) adapters;                                 // slot 4
//! mapping(uint64 base => uint64[]) adaptersByBase;                        // slot 5
//! mapping(bytes32 h => Commitment) commitments;                           // slot 6
//! mapping(bytes32 headerHash => mapping(bytes32 dataRoot => Weights)) weights; // slot 7
//! mapping(address uploader => mapping(bytes32 headerHash => Upload)) uploads;  // slot 8
//! mapping(address developer => uint256) nonces;                           // slot 9
//! ```

mod adapter;
mod base;
mod claim;

pub(in crate::lora) use adapter::{
    load_adapter, load_adapter_facts, load_by_base, load_by_base_len, load_data_root,
    load_owner_facts, load_parents, load_trains, push_by_base, store_adapter,
};
pub(in crate::lora) use base::{
    BaseFacts, load_base_facts, load_base_licence, load_module, load_prefix, store_base,
};
pub(in crate::lora) use claim::{
    Commitment, Upload, Weights, load_commitment, load_nonce, load_upload, load_weights,
    store_commitment, store_nonce, store_upload, store_weights,
};

use crate::{Context, Stop, mapping_slot};
use alloy_primitives::{Address, B256, U256, uint};

const COUNTERS_SLOT: U256 = uint!(1_U256);
const NODES_SLOT: U256 = uint!(2_U256);

/// Bytes of a storage word.
const WORD: usize = 32;

/// Members of a storage word, the first in the lowest bits, as Solidity packs them.
#[derive(Debug, Clone, Copy, Default)]
struct Packed {
    word: U256,
    bit: usize,
}

impl Packed {
    const fn of(word: U256) -> Self {
        Self { word, bit: 0 }
    }

    fn put(self, value: U256, bits: usize) -> Self {
        Self {
            word: self.word | value.wrapping_shl(self.bit),
            bit: self.bit.saturating_add(bits),
        }
    }

    fn put_u64(self, value: u64) -> Self {
        self.put(U256::from(value), 64)
    }

    fn put_u32(self, value: u32) -> Self {
        self.put(U256::from(value), 32)
    }

    fn put_u16(self, value: u16) -> Self {
        self.put(U256::from(value), 16)
    }

    fn put_u8(self, value: u8) -> Self {
        self.put(U256::from(value), 8)
    }

    fn put_address(self, value: Address) -> Self {
        self.put(value.into_word().into(), 160)
    }

    /// The next `bits` bits; at most 64.
    fn take(&mut self, bits: usize) -> u64 {
        let [low, ..] = *self.word.wrapping_shr(self.bit).as_limbs();
        self.bit = self.bit.saturating_add(bits);
        low & u64::MAX.wrapping_shr(64u32.saturating_sub(bits as u32))
    }

    fn take_u64(&mut self) -> u64 {
        self.take(64)
    }

    fn take_u32(&mut self) -> u32 {
        self.take(32) as u32
    }

    fn take_u16(&mut self) -> u16 {
        self.take(16) as u16
    }

    fn take_u8(&mut self) -> u8 {
        self.take(8) as u8
    }

    fn take_address(&mut self) -> Address {
        let word: B256 = self.word.wrapping_shr(self.bit).into();
        self.bit = self.bit.saturating_add(160);
        Address::from_word(word)
    }
}

/// How many there have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lora) struct Counters {
    pub(in crate::lora) last_id: u64,
    pub(in crate::lora) last_commitment: u64,
    pub(in crate::lora) last_upload: u64,
}

pub(in crate::lora) fn load_counters(context: &mut Context<'_>) -> Result<Counters, Stop> {
    let mut word = Packed::of(context.sload(COUNTERS_SLOT)?);
    Ok(Counters {
        last_id: word.take_u64(),
        last_commitment: word.take_u64(),
        last_upload: word.take_u64(),
    })
}

pub(in crate::lora) fn store_counters(
    context: &mut Context<'_>,
    counters: Counters,
) -> Result<(), Stop> {
    let word = Packed::default()
        .put_u64(counters.last_id)
        .put_u64(counters.last_commitment)
        .put_u64(counters.last_upload);
    context.sstore(COUNTERS_SLOT, word.word)
}

/// What a numbered thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lora) enum Kind {
    Base,
    Adapter,
}

/// What the walk through the lineage needs of a node: one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lora) struct Head {
    pub(in crate::lora) kind: Kind,
    pub(in crate::lora) status: u8,
    /// 0 for a base.
    pub(in crate::lora) depth: u8,
    pub(in crate::lora) parents: u8,
    pub(in crate::lora) trains: u8,
    /// Distinct ancestors.
    pub(in crate::lora) ancestors: u16,
    pub(in crate::lora) abs_bps: u16,
    /// Its own number for a base.
    pub(in crate::lora) base: u64,
}

fn node_slot(id: u64) -> U256 {
    mapping_slot(U256::from(id), NODES_SLOT)
}

/// A node's head; `None` if there is no such node. One slot.
pub(in crate::lora) fn load_head(context: &mut Context<'_>, id: u64) -> Result<Option<Head>, Stop> {
    let mut word = Packed::of(context.sload(node_slot(id))?);
    let kind = match word.take_u8() {
        1 => Kind::Base,
        2 => Kind::Adapter,
        _ => return Ok(None),
    };
    Ok(Some(Head {
        kind,
        status: word.take_u8(),
        depth: word.take_u8(),
        parents: word.take_u8(),
        trains: word.take_u8(),
        ancestors: word.take_u16(),
        abs_bps: word.take_u16(),
        base: word.take_u64(),
    }))
}

pub(in crate::lora) fn store_head(
    context: &mut Context<'_>,
    id: u64,
    head: &Head,
) -> Result<(), Stop> {
    let kind = match head.kind {
        Kind::Base => 1,
        Kind::Adapter => 2,
    };
    let word = Packed::default()
        .put_u8(kind)
        .put_u8(head.status)
        .put_u8(head.depth)
        .put_u8(head.parents)
        .put_u8(head.trains)
        .put_u16(head.ancestors)
        .put_u16(head.abs_bps)
        .put_u64(head.base);
    context.sstore(node_slot(id), word.word)
}

/// Who may set a node's status and is paid for it. One slot.
pub(in crate::lora) fn load_owner(
    context: &mut Context<'_>,
    id: u64,
    kind: Kind,
) -> Result<Address, Stop> {
    match kind {
        Kind::Base => Ok(load_base_facts(context, id)?.payee),
        Kind::Adapter => Ok(load_owner_facts(context, id)?.0),
    }
}
