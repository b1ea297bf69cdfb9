//! A SKETCH set, from the chain's slots and pages.

use alloy_primitives::{Address, B256, U256};
use anyhow::{Context, bail, ensure};
use openledger_client::View;
use openledger_precompiles::{
    SKETCH, mapping_slot, offset_slot, page_address,
    sketch::{
        IAttrSketch::SetHeader,
        SETS_SLOT, lambda,
        limits::{DIMENSIONS, ROWS_MAX, rows_per_page},
        record_len,
    },
};

/// Slots of a set.
const SET_SLOTS: u64 = 6;

/// A set, as the chain holds it at a block.
#[derive(Debug, Clone)]
pub struct SketchSet {
    /// Its number.
    pub id: u64,
    /// What `header` answers.
    pub header: SetHeader,
    /// Rows near the norm cap, by the chain's count.
    pub at_cap: u32,
    /// Distinct clusters, by the chain's count.
    pub clusters: u32,
    /// Whether the seed was drawn.
    pub is_drawn: bool,
    /// The records of all rows, one after the other; empty until they are read.
    records: Vec<u8>,
}

impl SketchSet {
    /// Reads what is recorded of a set, without its rows.
    pub async fn header(view: &View, id: u64) -> anyhow::Result<Self> {
        let first = mapping_slot(U256::from(id), SETS_SLOT);
        let slots: Vec<U256> = (0..SET_SLOTS)
            .map(|offset| offset_slot(first, offset))
            .collect();
        let words = view.slots(SKETCH, &slots).await?;
        let [subject, data_root, digest, form, counters, seed] = words[..] else {
            bail!("the node answers {} slots", words.len())
        };
        let Some(set) = Self::decode(id, [subject, data_root, digest, form, counters, seed]) else {
            bail!("block {} has no set {id} (UnknownSet)", view.block.number)
        };
        ensure!(
            DIMENSIONS.contains(&set.header.dim) && set.header.rows <= ROWS_MAX,
            "set {id} has {} rows of {} entries, which no set can have",
            set.header.rows,
            set.header.dim
        );
        Ok(set)
    }

    /// Reads a set with its rows.
    pub async fn read(view: &View, id: u64) -> anyhow::Result<Self> {
        let mut set = Self::header(view, id).await?;
        let per_page = rows_per_page(set.header.dim);
        for (page, first) in (0u32..).zip((0..set.header.rows).step_by(per_page as usize)) {
            let count = (set.header.rows - first).min(per_page);
            let payload = page_payload(view, SKETCH, id, page).await?;
            ensure!(
                payload.len() == count as usize * record_len(set.header.dim),
                "page {page} of set {id} has {} bytes for {count} rows",
                payload.len()
            );
            set.records.extend_from_slice(&payload);
        }
        Ok(set)
    }

    /// From the six words of the set's slots; `None` if there is no such set.
    fn decode(id: u64, words: [U256; SET_SLOTS as usize]) -> Option<Self> {
        let [subject, data_root, digest, form, counters, seed] = words;
        let dim = bits(form, 160) as u16;
        let sum_norm2 = bits(counters, 128);
        let sealed_block = bits(counters, 192);
        let header = SetHeader {
            subject: B256::from(subject),
            owner: Address::from_word(B256::from(form)),
            dim,
            kind: bits(form, 176) as u8,
            rows: bits(counters, 0) as u32,
            normCap2: bits(form, 208) as u32,
            sumNorm2: sum_norm2,
            lambda: if sealed_block == 0 {
                0
            } else {
                lambda(sum_norm2)
            },
            seed: bits(seed, 0),
            seedBlock: bits(seed, 64),
            fracBits: bits(form, 184) as i8,
            shift: bits(form, 192) as u8,
            sparsity: bits(form, 200) as u8,
            dataRoot: B256::from(data_root),
            digest: B256::from(digest),
            sealedBlock: sealed_block,
        };
        (dim != 0).then(|| Self {
            id,
            header,
            at_cap: bits(counters, 32) as u32,
            clusters: bits(counters, 64) as u32,
            is_drawn: bits(seed, 128) != 0,
            records: Vec::new(),
        })
    }

    /// The records of all rows.
    pub fn records(&self) -> &[u8] {
        &self.records
    }

    /// Refuses, as scoring does, a set that wasn't sealed before the block.
    pub fn require_sealed(&self, block: u64) -> anyhow::Result<()> {
        let sealed = self.header.sealedBlock;
        ensure!(
            sealed != 0,
            "set {} isn't sealed in block {block} (NotSealed)",
            self.id
        );
        ensure!(
            sealed < block,
            "set {} was sealed in block {sealed} and can be scored from the next one on (NotSealed)",
            self.id
        );
        Ok(())
    }
}

/// Bits `at..at + 64` of a word.
pub(super) fn bits(word: U256, at: usize) -> u64 {
    word.wrapping_shr(at).as_limbs()[0]
}

/// The payload of a page, proved.
pub(super) async fn page_payload(
    view: &View,
    precompile: Address,
    id: u64,
    page: u32,
) -> anyhow::Result<Vec<u8>> {
    let code = view.code(page_address(precompile, id, page)).await?;
    let payload = code
        .strip_prefix(&[0])
        .with_context(|| format!("page {page} of {id} isn't there, or isn't a page"))?;
    Ok(payload.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_sol_types::SolCall;
    use openledger_precompiles::{
        CallInput, MemoryHost, Outcome, call, sketch::IAttrSketch, sketch::space,
    };

    /// The decoder reads what the precompile's own functions write.
    #[test]
    fn words_decode_to_what_header_answers() {
        let owner = Address::repeat_byte(0x11);
        let subject = space(owner, B256::repeat_byte(2));
        let mut host = MemoryHost::new();
        host.block_number = 77;
        let mut run = |data: Vec<u8>| {
            let input = CallInput {
                code_address: SKETCH,
                target_address: SKETCH,
                caller: owner,
                value: U256::ZERO,
                is_static: false,
                data: &data,
                gas: 30_000_000,
            };
            let Ok(Some(Outcome::Success { output, .. })) = call(&input, &mut host) else {
                panic!("refused")
            };
            output
        };
        let open = IAttrSketch::openSetCall {
            subject,
            dim: 128,
            kind: 1,
            normCap2: 12_345,
            fracBits: -3,
            shift: 9,
            sparsity: 4,
            dataRoot: B256::repeat_byte(0xda),
        };
        run(open.abi_encode());
        let header = run(IAttrSketch::headerCall { setId: 1 }.abi_encode());
        let header = IAttrSketch::headerCall::abi_decode_returns(&header).unwrap();
        let first = mapping_slot(U256::from(1), SETS_SLOT);
        let words = [0, 1, 2, 3, 4, 5].map(|offset| host.peek(SKETCH, offset_slot(first, offset)));
        let set = SketchSet::decode(1, words).unwrap();
        assert_eq!(set.header, header);
        assert_eq!((set.header.seedBlock, set.is_drawn), (77, false));
        assert!(SketchSet::decode(2, [U256::ZERO; 6]).is_none());
        assert!(set.require_sealed(100).is_err());
    }
}
