//! A SPAN index, from the chain's slots and pages.

use super::sketch_set::{bits, page_payload};
use alloy_primitives::{Address, B256, U256};
use anyhow::{bail, ensure};
use openledger_client::View;
use openledger_precompiles::{
    SPAN, mapping_slot, offset_slot,
    span::{
        ENTRIES_MAX, ENTRIES_PER_PAGE, ENTRY_BYTES, Entry, IAttrSpan::IndexHeader, INDEXES_SLOT,
        Mode,
    },
};

/// Slots of an index.
const INDEX_SLOTS: u64 = 6;

/// Mode of an index whose entries stand in pages.
pub const MODE_NATIVE: u8 = Mode::Native as u8;
/// Mode of an index whose root alone is on chain.
pub const MODE_PROVED: u8 = Mode::Proved as u8;

/// An index, as the chain holds it at a block.
#[derive(Debug, Clone)]
pub struct SpanIndex {
    /// Its number.
    pub id: u64,
    /// What `header` answers; `k` is 0 until it is opened.
    pub header: IndexHeader,
    /// The entries of a native index; empty until they are read.
    pub entries: Vec<Entry>,
}

impl SpanIndex {
    /// Reads what is recorded of an index, opened or committed.
    pub async fn header(view: &View, id: u64) -> anyhow::Result<Self> {
        let first = mapping_slot(U256::from(id), INDEXES_SLOT);
        let slots: Vec<U256> = (0..INDEX_SLOTS)
            .map(|offset| offset_slot(first, offset))
            .collect();
        let words = view.slots(SPAN, &slots).await?;
        let [state, origin, tail, datanet, tokenizer, root] = words[..] else {
            bail!("the node answers {} slots", words.len())
        };
        let index = Self::decode(id, [state, origin, tail, datanet, tokenizer, root]);
        ensure!(
            index.header.committedBlock != 0,
            "block {} has no index {id} (UnknownIndex)",
            view.block.number
        );
        Ok(index)
    }

    /// Reads an index that is opened, with the entries if they are on chain.
    pub async fn read(view: &View, id: u64) -> anyhow::Result<Self> {
        let mut index = Self::header(view, id).await?;
        ensure!(
            index.header.k != 0,
            "index {id} isn't opened in block {} (UnknownIndex)",
            view.block.number
        );
        if index.header.mode != MODE_NATIVE {
            return Ok(index);
        }
        let length = index.header.length as usize;
        ensure!(
            length <= ENTRIES_MAX,
            "index {id} has {length} entries, more than an index can have"
        );
        for (page, first) in (0u32..).zip((0..length).step_by(ENTRIES_PER_PAGE)) {
            let count = (length - first).min(ENTRIES_PER_PAGE);
            let payload = page_payload(view, SPAN, id, page).await?;
            ensure!(
                payload.len() == count * ENTRY_BYTES,
                "page {page} of index {id} has {} bytes for {count} entries",
                payload.len()
            );
            let records = payload.as_chunks::<ENTRY_BYTES>().0;
            index
                .entries
                .extend(records.iter().map(|record| Entry::from_bytes(*record)));
        }
        Ok(index)
    }

    /// From the six words of the index's slots.
    fn decode(id: u64, words: [U256; INDEX_SLOTS as usize]) -> Self {
        let [state, origin, tail, datanet, tokenizer, token_root] = words;
        let [sealed_block, salt, rest, _] = *state.as_limbs();
        let [a, b, c, d, k, w, mode, _] = rest.to_le_bytes();
        let root = if mode == MODE_PROVED {
            B256::from(tail)
        } else {
            B256::ZERO
        };
        Self {
            id,
            header: IndexHeader {
                datanet: B256::from(datanet),
                owner: Address::from_word(B256::from(origin)),
                k,
                w,
                mode,
                length: u32::from_le_bytes([a, b, c, d]),
                salt,
                committedBlock: bits(origin, 160),
                sealedBlock: sealed_block,
                tokenizerHash: B256::from(tokenizer),
                tokenRoot: B256::from(token_root),
                root,
            },
            entries: Vec::new(),
        }
    }

    /// Refuses, as scoring does, an index that wasn't sealed before the block.
    pub fn require_sealed(&self, block: u64) -> anyhow::Result<()> {
        let sealed = self.header.sealedBlock;
        ensure!(
            sealed != 0 && sealed < block,
            "index {} can't be scored in block {block} (NotSealed); it was sealed in block {sealed} (0: not)",
            self.id
        );
        Ok(())
    }
}
