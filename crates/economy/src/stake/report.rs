//! Two votes of one round.

use crate::contracts::ValidatorStaking;
use alloy_primitives::{Address, B256, Bytes, U256};
use anyhow::ensure;
use openledger_client::{Sender, Step, event};
use openledger_primitives::predeploys::VALIDATOR_STAKING;
use std::str::FromStr;

/// Bytes of a signature: r, s and v.
const SIGNATURE_BYTES: usize = 65;

/// A vote that a validator signed: its choice, and the signature of `hashVote(round, choice)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedVote {
    /// What the validator committed to.
    pub choice: B256,
    /// By the validator's key.
    pub signature: Bytes,
}

/// What is no signed vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not CHOICE:SIGNATURE, 32 and {SIGNATURE_BYTES} bytes in hexadecimal with 0x")]
pub struct BadSignedVote;

impl FromStr for SignedVote {
    type Err = BadSignedVote;

    fn from_str(text: &str) -> Result<Self, BadSignedVote> {
        let (choice, signature) = text.split_once(':').ok_or(BadSignedVote)?;
        match (choice.parse(), signature.parse::<Bytes>()) {
            (Ok(choice), Ok(signature)) if signature.len() == SIGNATURE_BYTES => {
                Ok(Self { choice, signature })
            }
            _ => Err(BadSignedVote),
        }
    }
}

/// Shows two votes of a validator for one round, which cost it the share for conflicting votes; the lesser half is the sender's.
/// Answers what was forfeited, wei.
///
/// # Errors
/// Votes that agree; what the contract refuses, such as another's signature, or a round that was reported before.
pub async fn report_votes(
    sender: &mut Sender,
    operator: Address,
    round: B256,
    [a, b]: [SignedVote; 2],
) -> anyhow::Result<U256> {
    ensure!(
        a.choice != b.choice,
        "both votes have the same choice: they don't conflict (VotesAgree)"
    );
    let call = ValidatorStaking::reportConflictingVotesCall {
        operator,
        round,
        choiceA: a.choice,
        choiceB: b.choice,
        signatureA: a.signature,
        signatureB: b.signature,
    };
    let step = Step::call("report the votes", VALIDATOR_STAKING, &call);
    let receipt = sender.send(step).await?;
    Ok(event::<ValidatorStaking::Slashed>(&receipt)?.amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_are_named_with_their_signatures() {
        let (choice, signature) = (B256::repeat_byte(1), Bytes::from(vec![2; SIGNATURE_BYTES]));
        let text = format!("{choice}:{signature}");
        let vote: SignedVote = text.parse().unwrap();
        assert_eq!(vote, SignedVote { choice, signature });
        for wrong in [&text[..text.len() - 2], "0x01:0x02", "", &text[..66]] {
            assert_eq!(wrong.parse::<SignedVote>(), Err(BadSignedVote), "{wrong}");
        }
    }
}
