//! A space's commitments and clusters, from the chain's slots.

use super::sketch_set::bits;
use alloy_primitives::{B256, U256};
use anyhow::bail;
use openledger_client::View;
use openledger_precompiles::{
    SKETCH, mapping_slot_bytes32, offset_slot,
    sketch::{COMMITS_SLOT, SPACES_SLOT, Signature, commit_id},
};

/// Slots of a commitment: its hash, its status, and four of the signature.
const COMMIT_SLOTS: u64 = 6;
/// Words of a signature in a slot.
const WORDS_PER_SLOT: usize = 8;

/// A space's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpaceState {
    /// Commitments made.
    pub commits: u64,
    /// Commitments that `settle` has passed.
    pub settled: u64,
    /// Clusters.
    pub clusters: u32,
}

/// A commitment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commitment {
    /// Its number in the space.
    pub number: u64,
    /// Its id.
    pub id: B256,
    /// What was committed to.
    pub hash: B256,
    /// Its block.
    pub block: u64,
    /// The revealed signature.
    pub signature: Option<Signature>,
}

impl SpaceState {
    /// Reads a space's counters; a space that nobody used has none.
    pub async fn read(view: &View, space: B256) -> anyhow::Result<Self> {
        let slot = mapping_slot_bytes32(space, SPACES_SLOT);
        let words = view.slots(SKETCH, &[slot]).await?;
        let [word] = words[..] else {
            bail!("the node answers {} slots", words.len())
        };
        Ok(Self {
            commits: bits(word, 0),
            settled: bits(word, 64),
            clusters: bits(word, 128) as u32,
        })
    }
}

impl Commitment {
    /// Reads the commitments of these numbers, which the space has.
    pub async fn read(
        view: &View,
        space: B256,
        numbers: impl IntoIterator<Item = u64>,
    ) -> anyhow::Result<Vec<Self>> {
        let numbers: Vec<u64> = numbers.into_iter().collect();
        let slots: Vec<U256> = numbers
            .iter()
            .flat_map(|number| {
                let first = mapping_slot_bytes32(commit_id(space, *number), COMMITS_SLOT);
                (0..COMMIT_SLOTS).map(move |offset| offset_slot(first, offset))
            })
            .collect();
        let words = view.slots(SKETCH, &slots).await?;
        let commitments = numbers
            .iter()
            .zip(words.as_chunks::<{ COMMIT_SLOTS as usize }>().0)
            .map(|(number, [hash, status, mh @ ..])| Self {
                number: *number,
                id: commit_id(space, *number),
                hash: B256::from(*hash),
                block: bits(*status, 0),
                signature: (bits(*status, 64) != 0).then(|| signature(mh)),
            });
        Ok(commitments.collect())
    }
}

/// A `uint32[32]`: the first element of a slot is its lowest.
fn signature(words: &[U256]) -> Signature {
    let mut signature = Signature::default();
    for (word, elements) in words.iter().zip(signature.chunks_exact_mut(WORDS_PER_SLOT)) {
        let bytes = word.to_le_bytes::<32>();
        for (element, bytes) in elements.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *element = u32::from_le_bytes(*bytes);
        }
    }
    signature
}
