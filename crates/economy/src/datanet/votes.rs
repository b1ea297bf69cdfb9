//! What a reviewer voted, on disk before it is sent: a vote whose salt is lost can't be revealed, and costs stake.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolValue;
use anyhow::{Context, ensure};
use openledger_client::files;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Longest file of votes, bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Highest score.
pub const SCORE_MAX: u8 = 100;

/// A vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vote {
    /// 0 to 100.
    pub score: u8,
    /// What hides the score until it is revealed.
    pub salt: B256,
}

impl Vote {
    /// What the reviewer commits to.
    pub fn choice(&self, reviewer: Address) -> B256 {
        // A uint8 is encoded as any other integer.
        keccak256((reviewer, U256::from(self.score), self.salt).abi_encode())
    }
}

/// A reviewer's votes by the round's name, in a file that is written before a vote is sent.
#[derive(Debug)]
pub struct Votes {
    path: PathBuf,
    reviewer: Address,
    by_round: BTreeMap<B256, Vote>,
}

/// The file's form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VotesFile {
    reviewer: Address,
    votes: BTreeMap<B256, Vote>,
}

impl Votes {
    /// Opens a reviewer's file, or begins it.
    ///
    /// # Errors
    /// A file that can't be read, or is another reviewer's.
    pub fn open(path: &Path, reviewer: Address) -> anyhow::Result<Self> {
        let file: Option<VotesFile> = files::read_json_if_any(path, FILE_BYTES_MAX)?;
        let by_round = match file {
            Some(file) => {
                ensure!(
                    file.reviewer == reviewer,
                    "{} holds the votes of {}, not of {reviewer}: name another file by --votes",
                    path.display(),
                    file.reviewer
                );
                file.votes
            }
            None => BTreeMap::new(),
        };
        Ok(Self {
            path: path.to_owned(),
            reviewer,
            by_round,
        })
    }

    /// The vote of a round.
    pub fn get(&self, round: B256) -> Option<Vote> {
        self.by_round.get(&round).copied()
    }

    /// The vote of a round, made now unless there is one; it is on disk when this returns. A vote that was made is kept
    /// whatever the score: two different ones of a round are an offence.
    ///
    /// # Errors
    /// A score above 100; a file that can't be written.
    pub fn cast(&mut self, round: B256, score: u8) -> anyhow::Result<Vote> {
        ensure!(
            score <= SCORE_MAX,
            "a score is 0 to {SCORE_MAX}, not {score}"
        );
        if let Some(vote) = self.get(round) {
            return Ok(vote);
        }
        let vote = Vote {
            score,
            salt: B256::from(rand::random::<[u8; 32]>()),
        };
        let mut votes = self.by_round.clone();
        votes.insert(round, vote);
        let file = VotesFile {
            reviewer: self.reviewer,
            votes,
        };
        files::write_json(&self.path, &file).context("a vote must be kept before it is sent")?;
        self.by_round = file.votes;
        Ok(vote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_outlive_the_process_and_are_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("votes.json");
        let reviewer = Address::repeat_byte(1);
        let (round, other) = (B256::repeat_byte(2), B256::repeat_byte(3));
        let mut votes = Votes::open(&path, reviewer).unwrap();
        let vote = votes.cast(round, 80).unwrap();
        assert!(votes.cast(other, 101).is_err());
        drop(votes);
        let mut votes = Votes::open(&path, reviewer).unwrap();
        assert_eq!(votes.get(round), Some(vote));
        assert_eq!(votes.cast(round, 10).unwrap(), vote);
        assert_ne!(votes.cast(other, 80).unwrap().salt, vote.salt);
        let error = Votes::open(&path, Address::ZERO).unwrap_err().to_string();
        assert!(error.contains("another file"), "{error}");
    }

    #[test]
    fn a_choice_is_what_the_contract_hashes() {
        let vote = Vote {
            score: 7,
            salt: B256::repeat_byte(9),
        };
        let mut preimage = [0u8; 96];
        preimage[12..32].fill(5);
        preimage[63] = 7;
        preimage[64..].fill(9);
        assert_eq!(vote.choice(Address::repeat_byte(5)), keccak256(preimage));
    }
}
