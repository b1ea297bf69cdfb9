//! SKETCH's storage, which `docs/spec/precompiles.md` gives as Solidity.

use super::{
    influence::lambda,
    limits::{SIGNATURE_WORDS, rows_per_page},
    minhash::Signature,
};
use crate::{Context, SKETCH, Stop, mapping_slot, mapping_slot_bytes32, offset_slot};
use alloy_primitives::{Address, B256, U256, uint};

/// `uint64 setCount`.
pub(crate) const SET_COUNT_SLOT: U256 = uint!(1_U256);
/// Slot of `mapping(uint64 => Set) sets`.
pub const SETS_SLOT: U256 = uint!(2_U256);
/// Slot of `mapping(bytes32 => Space) spaces`.
pub const SPACES_SLOT: U256 = uint!(3_U256);
/// Slot of `mapping(bytes32 => Commit) commits`.
pub const COMMITS_SLOT: U256 = uint!(4_U256);

/// `uint32`s of a word.
const WORDS_PER_SLOT: usize = 8;
/// Slots of a signature.
const SIGNATURE_SLOTS: u64 = (SIGNATURE_WORDS / WORDS_PER_SLOT) as u64;

/// Slots of a set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SetSlots(U256);

impl SetSlots {
    pub(crate) fn new(set_id: u64) -> Self {
        Self(mapping_slot(U256::from(set_id), SETS_SLOT))
    }

    pub(crate) fn subject(self) -> U256 {
        self.0
    }

    pub(crate) fn data_root(self) -> U256 {
        offset_slot(self.0, 1)
    }

    pub(crate) fn digest(self) -> U256 {
        offset_slot(self.0, 2)
    }

    pub(crate) fn form(self) -> U256 {
        offset_slot(self.0, 3)
    }

    pub(crate) fn counters(self) -> U256 {
        offset_slot(self.0, 4)
    }

    pub(crate) fn seed(self) -> U256 {
        offset_slot(self.0, 5)
    }
}

/// Bits `at..at + 64` of a word, of which the caller keeps what it needs.
fn bits(word: U256, at: usize) -> u64 {
    word.wrapping_shr(at).as_limbs()[0]
}

/// `value` from bit `at` on.
fn at(value: impl Into<u64>, at: usize) -> U256 {
    U256::from(value.into()).wrapping_shl(at)
}

/// What a set is: fixed when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) owner: Address,
    pub(crate) dim: u16,
    pub(crate) kind: u8,
    pub(crate) frac_bits: i8,
    pub(crate) shift: u8,
    pub(crate) sparsity: u8,
    pub(crate) norm_cap2: u32,
}

impl Form {
    pub(crate) fn pack(&self) -> U256 {
        U256::from_be_bytes(self.owner.into_word().0)
            | at(self.dim, 160)
            | at(self.kind, 176)
            | at(self.frac_bits as u8, 184)
            | at(self.shift, 192)
            | at(self.sparsity, 200)
            | at(self.norm_cap2, 208)
    }

    /// `None` if the set was never opened.
    pub(crate) fn unpack(word: U256) -> Option<Self> {
        let form = Self {
            owner: Address::from_word(word.into()),
            dim: bits(word, 160) as u16,
            kind: bits(word, 176) as u8,
            frac_bits: bits(word, 184) as i8,
            shift: bits(word, 192) as u8,
            sparsity: bits(word, 200) as u8,
            norm_cap2: bits(word, 208) as u32,
        };
        (form.dim != 0).then_some(form)
    }
}

/// What a set holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) rows: u32,
    /// Rows whose norm is near the cap.
    pub(crate) at_cap: u32,
    /// Distinct clusters.
    pub(crate) clusters: u32,
    /// Cluster of the last row.
    pub(crate) last_cluster: u32,
    pub(crate) sum_norm2: u64,
    /// Zero while the set is open.
    pub(crate) sealed_block: u64,
}

impl Counters {
    pub(crate) fn pack(&self) -> U256 {
        U256::from(self.rows)
            | at(self.at_cap, 32)
            | at(self.clusters, 64)
            | at(self.last_cluster, 96)
            | at(self.sum_norm2, 128)
            | at(self.sealed_block, 192)
    }

    pub(crate) fn unpack(word: U256) -> Self {
        Self {
            rows: bits(word, 0) as u32,
            at_cap: bits(word, 32) as u32,
            clusters: bits(word, 64) as u32,
            last_cluster: bits(word, 96) as u32,
            sum_norm2: bits(word, 128),
            sealed_block: bits(word, 192),
        }
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.sealed_block != 0
    }

    /// λ of the sealed set; 0 before.
    pub(crate) fn lambda(&self) -> u64 {
        if self.is_sealed() {
            lambda(self.sum_norm2)
        } else {
            0
        }
    }

    /// Whether the last page is full, or there is none.
    pub(crate) fn is_page_aligned(&self, dim: u16) -> bool {
        self.rows.is_multiple_of(rows_per_page(dim))
    }
}

/// A set's seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seed {
    pub(crate) seed: u64,
    /// Block in which the set was opened.
    pub(crate) block: u64,
    pub(crate) is_drawn: bool,
}

impl Seed {
    pub(crate) fn pack(&self) -> U256 {
        U256::from_limbs([self.seed, self.block, u64::from(self.is_drawn), 0])
    }

    pub(crate) fn unpack(word: U256) -> Self {
        let [seed, block, drawn, _] = *word.as_limbs();
        Self {
            seed,
            block,
            is_drawn: drawn != 0,
        }
    }
}

/// Slots of a space.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpaceSlots(U256);

impl SpaceSlots {
    pub(crate) fn new(space: B256) -> Self {
        Self(mapping_slot_bytes32(space, SPACES_SLOT))
    }

    pub(crate) fn counters(self) -> U256 {
        self.0
    }

    /// First of the slots of a cluster's signature.
    pub(crate) fn signature(self, cluster: u32) -> U256 {
        mapping_slot(U256::from(cluster), offset_slot(self.0, 1))
    }
}

/// What a space holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SpaceCounters {
    /// Commitments made.
    pub(crate) commits: u64,
    /// Commitments that `settle` has passed.
    pub(crate) settled: u64,
    /// Clusters.
    pub(crate) clusters: u32,
}

impl SpaceCounters {
    pub(crate) fn pack(&self) -> U256 {
        U256::from_limbs([self.commits, self.settled, u64::from(self.clusters), 0])
    }

    pub(crate) fn unpack(word: U256) -> Self {
        let [commits, settled, clusters, _] = *word.as_limbs();
        Self {
            commits,
            settled,
            clusters: clusters as u32,
        }
    }
}

/// Slots of a commitment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommitSlots(U256);

impl CommitSlots {
    pub(crate) fn new(commit_id: B256) -> Self {
        Self(mapping_slot_bytes32(commit_id, COMMITS_SLOT))
    }

    pub(crate) fn hash(self) -> U256 {
        self.0
    }

    pub(crate) fn status(self) -> U256 {
        offset_slot(self.0, 1)
    }

    /// First of the slots of the revealed signature.
    pub(crate) fn signature(self) -> U256 {
        offset_slot(self.0, 2)
    }
}

/// State of a commitment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommitStatus {
    /// Its block; zero if there is no such commitment.
    pub(crate) block: u64,
    pub(crate) is_revealed: bool,
}

impl CommitStatus {
    pub(crate) fn pack(&self) -> U256 {
        U256::from_limbs([self.block, u64::from(self.is_revealed), 0, 0])
    }

    pub(crate) fn unpack(word: U256) -> Self {
        let [block, revealed, ..] = *word.as_limbs();
        Self {
            block,
            is_revealed: revealed != 0,
        }
    }
}

/// Reads a `uint32[32]` at `slot`.
pub(crate) fn load_signature(context: &mut Context<'_>, slot: U256) -> Result<Signature, Stop> {
    let mut signature = [0; SIGNATURE_WORDS];
    for (offset, words) in (0..SIGNATURE_SLOTS).zip(signature.chunks_exact_mut(WORDS_PER_SLOT)) {
        let packed = context.sload(offset_slot(slot, offset))?;
        // The first element is the lowest.
        let bytes = packed.to_le_bytes::<32>();
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
    }
    Ok(signature)
}

/// Writes a `uint32[32]` at `slot`.
pub(crate) fn store_signature(
    context: &mut Context<'_>,
    slot: U256,
    signature: &Signature,
) -> Result<(), Stop> {
    for (offset, words) in (0..SIGNATURE_SLOTS).zip(signature.chunks_exact(WORDS_PER_SLOT)) {
        let mut bytes = [0; 32];
        for (bytes, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        context.sstore(offset_slot(slot, offset), U256::from_le_bytes(bytes))?;
    }
    Ok(())
}

/// What another precompile asks of a set: its subject and the block in which it was sealed (0: not);
/// `None` if there is none. Reads the set's form, then, if it exists, its subject and its counters, each
/// at a slot's price.
pub(crate) fn subject_and_seal(
    context: &mut Context<'_>,
    set_id: u64,
) -> Result<Option<(B256, u64)>, Stop> {
    let slots = SetSlots::new(set_id);
    if Form::unpack(context.sload_at(SKETCH, slots.form())?).is_none() {
        return Ok(None);
    }
    let subject = context.sload_at(SKETCH, slots.subject())?;
    let counters = Counters::unpack(context.sload_at(SKETCH, slots.counters())?);
    Ok(Some((subject.into(), counters.sealed_block)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_words_unpack(
            owner in any::<[u8; 20]>(), dim in 1u16.., kind in any::<u8>(), frac_bits in any::<i8>(),
            shift in any::<u8>(), sparsity in any::<u8>(), norm_cap2 in any::<u32>(),
            a in any::<u32>(), b in any::<u32>(), c in any::<u32>(), d in any::<u32>(),
            e in any::<u64>(), f in any::<u64>(), flag in any::<bool>(),
        ) {
            let form = Form {
                owner: owner.into(), dim, kind, frac_bits, shift, sparsity, norm_cap2,
            };
            prop_assert_eq!(Form::unpack(form.pack()), Some(form));
            let counters = Counters {
                rows: a, at_cap: b, clusters: c, last_cluster: d, sum_norm2: e, sealed_block: f,
            };
            prop_assert_eq!(Counters::unpack(counters.pack()), counters);
            let seed = Seed { seed: e, block: f, is_drawn: flag };
            prop_assert_eq!(Seed::unpack(seed.pack()), seed);
            let space = SpaceCounters { commits: e, settled: f, clusters: a };
            prop_assert_eq!(SpaceCounters::unpack(space.pack()), space);
            let status = CommitStatus { block: e, is_revealed: flag };
            prop_assert_eq!(CommitStatus::unpack(status.pack()), status);
        }
    }
}
