//! An index's entries under their Merkle root.

use alloy_primitives::{B256, Bytes};
use anyhow::{Context, bail, ensure};
use openledger_precompiles::{
    merkle,
    span::{
        CANDIDATES_MAX, ENTRY_BYTES, Entry, HITS_MAX, ProvedHit, TOKENS_MAX, fingerprint,
        kgram_hashes,
    },
};
use serde::{Deserialize, Serialize};

/// Most entries of an index's file.
pub(super) const ENTRIES_MAX: usize = 1 << 22;

/// An index, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct IndexFile {
    /// Tokens in a k-gram.
    pub(crate) k: u8,
    /// Hashes in a winnowing window.
    pub(crate) w: u8,
    /// Fingerprints that make a copy, when the index was built.
    pub(crate) min_span: u16,
    /// The hashes' salt, as a decimal string.
    #[serde(with = "decimal")]
    pub(crate) salt: u64,
    /// Hash of the tokenizer; zero for canonical streams.
    pub(crate) tokenizer_hash: B256,
    /// Root over the documents' streams.
    pub(crate) token_root: B256,
    /// Root over the entries.
    pub(crate) root: B256,
    /// The entries, 16 bytes each, ascending.
    pub(crate) entries: Bytes,
}

mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl IndexFile {
    /// The entries' tree; refuses entries that don't ascend, or have another root than the file says.
    pub(crate) fn tree(&self) -> anyhow::Result<Tree> {
        let (records, rest) = self.entries.as_chunks::<ENTRY_BYTES>();
        ensure!(
            rest.is_empty() && !records.is_empty() && records.len() <= ENTRIES_MAX,
            "{} bytes of entries, not 1 to {ENTRIES_MAX} of {ENTRY_BYTES}",
            self.entries.len()
        );
        let entries: Vec<Entry> = records
            .iter()
            .map(|record| Entry::from_bytes(*record))
            .collect();
        if let Some(at) = entries
            .iter()
            .zip(entries.iter().skip(1))
            .position(|(entry, next)| entry >= next)
        {
            bail!("entry {} isn't above its predecessor (EntryOrder)", at + 1);
        }
        let tree = Tree::new(entries);
        ensure!(
            tree.root() == self.root,
            "the entries' root is {}, the file says {}",
            tree.root(),
            self.root
        );
        Ok(tree)
    }
}

/// Entries and the hashes above them.
#[derive(Debug)]
pub(crate) struct Tree {
    entries: Vec<Entry>,
    /// From the leaves to the root.
    levels: Vec<Vec<B256>>,
}

impl Tree {
    /// Over at least one entry.
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        let leaves: Vec<B256> = (0u64..)
            .zip(&entries)
            .map(|(number, entry)| merkle::leaf(number, &entry.to_bytes()))
            .collect();
        let mut levels = vec![leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let above = level.chunks(2).map(|pair| match pair {
                [left, right] => merkle::node(left, right),
                [odd] => *odd,
                // `chunks(2)` yields one or two elements.
                _ => B256::ZERO,
            });
            let above = above.collect();
            levels.push(above);
        }
        Self { entries, levels }
    }

    /// The root; zero over nothing.
    pub(crate) fn root(&self) -> B256 {
        let top = self.levels.last().and_then(|level| level.first());
        top.copied().unwrap_or_default()
    }

    /// The entries.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The siblings of leaf `number`, from the leaf up.
    pub(crate) fn proof(&self, number: usize) -> Vec<B256> {
        let levels = (0u32..).zip(&self.levels);
        let siblings = levels.filter_map(|(height, level)| {
            let position = number >> height;
            (level.len() > 1).then(|| level.get(position ^ 1).copied())?
        });
        siblings.collect()
    }

    /// All hits of a text that count: of each position the first 64 entries with its fingerprint, so that
    /// no omission can be proven.
    pub(crate) fn hits(&self, tokens: &[u32], k: u8, salt: u64) -> anyhow::Result<Vec<ProvedHit>> {
        ensure!(
            tokens.len() <= TOKENS_MAX,
            "{} tokens are more than {TOKENS_MAX} (TooManyTokens)",
            tokens.len()
        );
        let mut hits = Vec::new();
        for (position, hash) in (0u32..).zip(kgram_hashes(tokens, usize::from(k), salt)) {
            let wanted = fingerprint(hash);
            let first = self
                .entries
                .partition_point(|entry| entry.fingerprint < wanted);
            let found = self.entries.iter().enumerate().skip(first);
            let found = found
                .take(CANDIDATES_MAX)
                .take_while(|(_, entry)| entry.fingerprint == wanted);
            for (leaf, entry) in found {
                hits.push(ProvedHit {
                    position,
                    entry: *entry,
                    leaf: u32::try_from(leaf).context("more than 2^32 entries")?,
                    proof: self.proof(leaf),
                });
            }
            ensure!(
                hits.len() <= HITS_MAX,
                "the text has more than {HITS_MAX} hits (TooManyHits): score it in parts"
            );
        }
        Ok(hits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(count: u64) -> Tree {
        let entries = (0..count).map(|number| Entry {
            fingerprint: number * 3,
            cluster: 1,
            locus: number,
        });
        Tree::new(entries.collect())
    }

    #[test]
    fn proofs_are_those_of_the_native_code() {
        for count in 1..20 {
            let tree = tree(count);
            let leaves: Vec<B256> = (0u64..)
                .zip(tree.entries())
                .map(|(number, entry)| merkle::leaf(number, &entry.to_bytes()))
                .collect();
            assert_eq!(Some(tree.root()), merkle::root(&leaves));
            for number in 0..count as usize {
                assert_eq!(Some(tree.proof(number)), merkle::proof(&leaves, number));
            }
        }
    }

    #[test]
    fn files_that_lie_are_refused() {
        let tree = tree(5);
        let bytes = |entries: &[Entry]| -> Bytes {
            let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.to_bytes()).collect();
            bytes.into()
        };
        let file = IndexFile {
            k: 6,
            w: 8,
            min_span: 8,
            salt: u64::MAX,
            tokenizer_hash: B256::ZERO,
            token_root: B256::repeat_byte(1),
            root: tree.root(),
            entries: bytes(tree.entries()),
        };
        let text = serde_json::to_string(&file).unwrap();
        assert_eq!(serde_json::from_str::<IndexFile>(&text).unwrap(), file);
        assert_eq!(file.tree().unwrap().entries(), tree.entries());
        let mut turned = tree.entries().to_vec();
        turned.swap(1, 2);
        for entries in [bytes(&turned), bytes(&tree.entries()[1..]), Bytes::new()] {
            let wrong = IndexFile {
                entries,
                ..file.clone()
            };
            assert!(wrong.tree().is_err());
        }
    }
}
