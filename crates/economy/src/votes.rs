//! What a validator voted, in reviews and on juries, on disk before it is sent: a vote whose salt is lost can't be revealed,
//! and costs stake.

use crate::file_lock::FileLock;
use alloy_primitives::{Address, B256};
use anyhow::{Context, ensure};
use openledger_client::{Node, files};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// Longest file of votes, bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What a vote says: a score, or a vector.
pub trait Opinion: Clone + PartialEq + fmt::Display + Serialize + DeserializeOwned {
    /// What the voter commits to, as the contract hashes it.
    fn choice(&self, voter: Address, salt: B256) -> B256;
}

/// A vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vote<O> {
    /// What it says.
    pub opinion: O,
    /// What hides it until it is revealed.
    pub salt: B256,
}

impl<O: Opinion> Vote<O> {
    /// What the voter commits to.
    pub fn choice(&self, voter: Address) -> B256 {
        self.opinion.choice(voter, self.salt)
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
    pub account: Address,
}

impl Voter {
    /// An account on the node's chain.
    ///
    /// # Errors
    /// A node that doesn't answer.
    pub async fn of(node: &Node, account: Address) -> anyhow::Result<Self> {
        Ok(Self {
            chain_id: node.chain_id(),
            genesis: node.block_hash(0).await?,
            account,
        })
    }
}

/// A validator's votes by the round's name, in a file that is written before a vote is sent. No other process has it open.
#[derive(Debug)]
pub struct Votes<O> {
    path: PathBuf,
    voter: Voter,
    by_round: BTreeMap<B256, Vote<O>>,
    /// Beside the file, which is replaced at each write.
    _lock: FileLock,
}

/// The file's form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    bound = "O: Serialize + DeserializeOwned"
)]
struct VotesFile<O> {
    voter: Voter,
    votes: BTreeMap<B256, Vote<O>>,
}

impl<O: Opinion> Votes<O> {
    /// Opens a validator's file, or begins it.
    ///
    /// # Errors
    /// A file that can't be read, is another validator's or chain's, or that another process uses.
    pub fn open(path: &Path, voter: Voter) -> anyhow::Result<Self> {
        let mut name = path.to_owned().into_os_string();
        name.push(".lock");
        let lock = FileLock::take(Path::new(&name))
            .with_context(|| format!("locking {}", Path::new(&name).display()))?
            .with_context(|| {
                format!(
                    "another process uses the votes in {}: wait for it, or name another file by --votes",
                    path.display()
                )
            })?;
        let file: Option<VotesFile<O>> = files::read_json_if_any(path, FILE_BYTES_MAX)?;
        let by_round = match file {
            Some(file) => {
                ensure!(
                    file.voter == voter,
                    "{} holds the votes of {} on chain {}, not of {} on chain {}: name another file by --votes",
                    path.display(),
                    file.voter.account,
                    file.voter.chain_id,
                    voter.account,
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
    pub fn get(&self, round: B256) -> Option<&Vote<O>> {
        self.by_round.get(&round)
    }

    /// The vote of a round that its voter committed to with `choice`.
    ///
    /// # Errors
    /// If the file doesn't have it.
    pub fn committed(&self, round: B256, choice: B256) -> anyhow::Result<&Vote<O>> {
        self.get(round)
            .filter(|vote| vote.choice(self.voter.account) == choice)
            .with_context(|| {
                format!(
                    "the vote that {} committed to isn't in {}: give the file that it was made with, by --votes, or lose \
                     stake for not revealing it",
                    self.voter.account,
                    self.path.display()
                )
            })
    }

    /// The choice of a round's vote, which is made now unless there is one; it is on disk when this returns. A vote that was
    /// made can't be changed: two different ones of a round are an offence.
    ///
    /// # Errors
    /// Another opinion than that of the vote that was made; a file that can't be written.
    pub fn cast(&mut self, round: B256, opinion: O) -> anyhow::Result<B256> {
        if let Some(vote) = self.get(round) {
            ensure!(
                vote.opinion == opinion,
                "the vote of this round was made with {}, and can't be changed to {opinion}",
                vote.opinion
            );
            return Ok(vote.choice(self.voter.account));
        }
        let vote = Vote {
            opinion,
            salt: B256::from(rand::random::<[u8; 32]>()),
        };
        let choice = vote.choice(self.voter.account);
        let mut votes = self.by_round.clone();
        votes.insert(round, vote);
        let file = VotesFile {
            voter: self.voter,
            votes,
        };
        files::write_secret_json(&self.path, &file)
            .context("a vote must be kept before it is sent")?;
        self.by_round = file.votes;
        Ok(choice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datanet::Score;

    fn score(score: u8) -> Score {
        Score::new(score).unwrap()
    }

    #[test]
    fn votes_outlive_the_process_and_are_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("votes.json");
        let voter = Voter {
            chain_id: 7,
            genesis: B256::repeat_byte(8),
            account: Address::repeat_byte(1),
        };
        let (round, other) = (B256::repeat_byte(2), B256::repeat_byte(3));
        let mut votes = Votes::open(&path, voter).unwrap();
        let choice = votes.cast(round, score(80)).unwrap();
        let error = Votes::<Score>::open(&path, voter).unwrap_err().to_string();
        assert!(error.contains("another process"), "{error}");
        drop(votes);
        let mut votes = Votes::open(&path, voter).unwrap();
        assert_eq!(votes.committed(round, choice).unwrap().opinion, score(80));
        let error = votes.committed(other, choice).unwrap_err().to_string();
        assert!(error.contains("isn't in"), "{error}");
        assert_eq!(votes.cast(round, score(80)).unwrap(), choice);
        let error = votes.cast(round, score(10)).unwrap_err().to_string();
        assert!(error.contains("score 80"), "{error}");
        votes.cast(other, score(80)).unwrap();
        assert_ne!(votes.get(other), votes.get(round));
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
                account: Address::ZERO,
                ..voter
            },
        ] {
            let error = Votes::<Score>::open(&path, another)
                .unwrap_err()
                .to_string();
            assert!(error.contains("another file"), "{error}");
        }
    }
}
