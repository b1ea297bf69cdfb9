//! What a reviewer voted, on disk before it is sent: a vote whose salt is lost can't be revealed, and costs stake.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolValue;
use anyhow::{Context, bail, ensure};
use openledger_client::{Node, files};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions, TryLockError},
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

/// Whose votes they are, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Voter {
    /// The chain's id.
    pub chain_id: u64,
    /// The chain's genesis block.
    pub genesis: B256,
    /// Who votes.
    pub reviewer: Address,
}

impl Voter {
    /// A reviewer on the node's chain.
    ///
    /// # Errors
    /// A node that doesn't answer.
    pub async fn of(node: &Node, reviewer: Address) -> anyhow::Result<Self> {
        Ok(Self {
            chain_id: node.chain_id(),
            genesis: node.block_hash(0).await?,
            reviewer,
        })
    }
}

/// A reviewer's votes by the round's name, in a file that is written before a vote is sent. No other process has it open.
#[derive(Debug)]
pub struct Votes {
    path: PathBuf,
    voter: Voter,
    by_round: BTreeMap<B256, Vote>,
    /// Beside the file, which is replaced at each write.
    _lock: File,
}

/// The file's form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VotesFile {
    voter: Voter,
    votes: BTreeMap<B256, Vote>,
}

impl Votes {
    /// Opens a reviewer's file, or begins it.
    ///
    /// # Errors
    /// A file that can't be read, is another reviewer's or chain's, or that another process uses.
    pub fn open(path: &Path, voter: Voter) -> anyhow::Result<Self> {
        let lock = lock(path)?;
        let file: Option<VotesFile> = files::read_json_if_any(path, FILE_BYTES_MAX)?;
        let by_round = match file {
            Some(file) => {
                ensure!(
                    file.voter == voter,
                    "{} holds the votes of {} on chain {}, not of {} on chain {}: name another file by --votes",
                    path.display(),
                    file.voter.reviewer,
                    file.voter.chain_id,
                    voter.reviewer,
                    voter.chain_id
                );
                file.votes
            }
            None => BTreeMap::new(),
        };
        Ok(Self {
            path: path.to_owned(),
            voter,
            by_round,
            _lock: lock,
        })
    }

    /// The vote of a round.
    pub fn get(&self, round: B256) -> Option<Vote> {
        self.by_round.get(&round).copied()
    }

    /// The vote of a round, made now unless there is one; it is on disk when this returns. A vote that was made can't be
    /// changed: two different ones of a round are an offence.
    ///
    /// # Errors
    /// A score above 100, or another one than that of the vote that was made; a file that can't be written.
    pub fn cast(&mut self, round: B256, score: u8) -> anyhow::Result<Vote> {
        ensure!(
            score <= SCORE_MAX,
            "a score is 0 to {SCORE_MAX}, not {score}"
        );
        if let Some(vote) = self.get(round) {
            ensure!(
                vote.score == score,
                "the vote of this round was made with score {}, and can't be changed to {score}",
                vote.score
            );
            return Ok(vote);
        }
        let vote = Vote {
            score,
            salt: B256::from(rand::random::<[u8; 32]>()),
        };
        let mut votes = self.by_round.clone();
        votes.insert(round, vote);
        let file = VotesFile {
            voter: self.voter,
            votes,
        };
        files::write_secret_json(&self.path, &file)
            .context("a vote must be kept before it is sent")?;
        self.by_round = file.votes;
        Ok(vote)
    }
}

/// Keeps other processes from a file as long as what this answers lives.
fn lock(path: &Path) -> anyhow::Result<File> {
    let mut name = path.to_owned().into_os_string();
    name.push(".lock");
    let name = PathBuf::from(name);
    let locking = || format!("locking {}", name.display());
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&name)
        .with_context(locking)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another process uses the votes in {}", path.display())
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(locking),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_outlive_the_process_and_are_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("votes.json");
        let voter = Voter {
            chain_id: 7,
            genesis: B256::repeat_byte(8),
            reviewer: Address::repeat_byte(1),
        };
        let (round, other) = (B256::repeat_byte(2), B256::repeat_byte(3));
        let mut votes = Votes::open(&path, voter).unwrap();
        let vote = votes.cast(round, 80).unwrap();
        assert!(votes.cast(other, 101).is_err());
        let error = Votes::open(&path, voter).unwrap_err().to_string();
        assert!(error.contains("another process"), "{error}");
        drop(votes);
        let mut votes = Votes::open(&path, voter).unwrap();
        assert_eq!(votes.get(round), Some(vote));
        assert_eq!(votes.cast(round, 80).unwrap(), vote);
        let error = votes.cast(round, 10).unwrap_err().to_string();
        assert!(error.contains("score 80"), "{error}");
        assert_ne!(votes.cast(other, 80).unwrap().salt, vote.salt);
        drop(votes);
        for another in [
            Voter {
                chain_id: 9,
                ..voter
            },
            Voter {
                genesis: B256::ZERO,
                ..voter
            },
            Voter {
                reviewer: Address::ZERO,
                ..voter
            },
        ] {
            let error = Votes::open(&path, another).unwrap_err().to_string();
            assert!(error.contains("another file"), "{error}");
        }
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
