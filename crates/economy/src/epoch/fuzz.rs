//! What the fuzzer `proposal` feeds: plain functions.

use super::{
    chain::proposed,
    draw::{Draws, FeeLog},
    judge::judge,
    scores::Scores,
    scoring::Set,
};
use alloy_primitives::{Address, B256};

/// A transaction's input, or a proposal's scores. What is read of scores is written alike, and judging them ends.
pub fn proposal(data: &[u8]) {
    if let Some(scores) = proposed(data) {
        assert!(data.len() >= scores.len() + 32);
    }
    let scores = proposed(data).unwrap_or(data);
    let Ok(read) = Scores::decode(scores) else {
        return;
    };
    assert_eq!(read.encode().as_ref(), scores);
    let mut log = FeeLog::default();
    let entry = log.push(Address::ZERO, B256::ZERO, 1, 1, 1);
    entry.expect("a wei for a tree of one");
    let draws = Draws {
        seed: B256::ZERO,
        adapter: 1,
        log,
    };
    let set = Set {
        id: 1,
        dim: 64,
        lambda: 1,
        records: vec![1; 70],
    };
    let sets = vec![set; read.witnesses.len().min(2)];
    let results = vec![B256::ZERO; sets.len()];
    if let Ok(judgement) = judge(&draws, 0, scores, &results, &sets) {
        assert!(sets.is_empty() || judgement.wrong().is_some());
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    /// The corpus's files are scores as the contracts encode them, a call that proposes, and damages to them.
    #[test]
    fn the_corpus_is_replayed() {
        let path =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testing/fuzz/corpus/proposal");
        let mut files = 0;
        for entry in fs::read_dir(path).unwrap() {
            super::proposal(&fs::read(entry.unwrap().path()).unwrap());
            files += 1;
        }
        assert!(files >= 4, "{files}");
    }
}
