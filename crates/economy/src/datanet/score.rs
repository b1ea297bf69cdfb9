//! What a reviewer thinks of a cluster.

use crate::votes::Opinion;
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolValue;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Highest score.
pub const SCORE_MAX: u8 = 100;

/// A score: 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8")]
pub struct Score(u8);

/// What is no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a score is a number from 0 to {SCORE_MAX}")]
pub struct BadScore;

impl Score {
    /// A score.
    ///
    /// # Errors
    /// A number above 100.
    pub const fn new(score: u8) -> Result<Self, BadScore> {
        if score > SCORE_MAX {
            return Err(BadScore);
        }
        Ok(Self(score))
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Score {
    type Error = BadScore;

    fn try_from(score: u8) -> Result<Self, BadScore> {
        Self::new(score)
    }
}

impl FromStr for Score {
    type Err = BadScore;

    fn from_str(text: &str) -> Result<Self, BadScore> {
        text.parse().map_err(|_| BadScore).and_then(Self::new)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "score {}", self.0)
    }
}

impl Opinion for Score {
    fn choice(&self, voter: Address, salt: B256) -> B256 {
        // A uint8 is encoded as any other integer.
        keccak256((voter, U256::from(self.0), salt).abi_encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_what_the_contract_hashes() {
        let mut preimage = [0u8; 96];
        preimage[12..32].fill(5);
        preimage[63] = 7;
        preimage[64..].fill(9);
        let choice = Score(7).choice(Address::repeat_byte(5), B256::repeat_byte(9));
        assert_eq!(choice, keccak256(preimage));
    }

    #[test]
    fn scores_are_at_most_100() {
        assert_eq!(Score::new(SCORE_MAX).map(Score::number), Ok(SCORE_MAX));
        assert_eq!(Score::new(101), Err(BadScore));
        assert!(serde_json::from_str::<Score>("101").is_err());
    }
}
