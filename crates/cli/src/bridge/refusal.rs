//! Why a contract refuses, in words.

use super::open;
use alloy_primitives::U256;
use alloy_sol_types::{Revert, SolError, SolInterface, sol};
use openledger_l1::L1Error;

sol! {
    /// What the contracts that withdrawals, deposits and fees go through may answer.
    #[derive(Debug)]
    interface Refusals {
        error CallPaused();
        error BadTarget();
        error SmallGasLimit();
        error DepositGasLimitExceeded(uint256 gas, uint256 limit);
        error InvalidDisputeGame();
        error InvalidProof();
        error InvalidMerkleProof();
        error InsufficientGas(uint256 gas, uint256 promised);
        error OptimismPortal_AlreadyFinalized();
        error OptimismPortal_Unproven();
        error OptimismPortal_InvalidProofTimestamp();
        error OptimismPortal_ProofNotOldEnough();
        error OptimismPortal_InvalidRootClaim();
        error OptimismPortal_GasEstimation();
        error ClockNotExpired(uint256 end);
        error GameNotInProgress();
        error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
        error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
        error OwnableUnauthorizedAccount(address account);
    }
}

/// What an L1 endpoint's error says, in words where it is a refusal of ours.
pub(crate) fn explain(error: &L1Error) -> String {
    match error {
        L1Error::Refused {
            data: Some(data), ..
        } => words(data).unwrap_or_else(|| error.to_string()),
        _ => error.to_string(),
    }
}

/// Whether the portal refuses only because the call of the withdrawal's target would fail.
pub(crate) fn is_failing_call(error: &L1Error) -> bool {
    matches!(error, L1Error::Refused { data: Some(data), .. }
        if Refusals::OptimismPortal_GasEstimation::abi_decode(data).is_ok())
}

/// The words of a refusal; `None` if it is none of those above.
fn words(data: &[u8]) -> Option<String> {
    use Refusals::RefusalsErrors as Error;
    let seconds = |at: U256| at.saturating_to::<u64>();
    let Ok(error) = Error::abi_decode(data) else {
        return Revert::abi_decode(data).ok().map(|revert| revert.reason);
    };
    Some(match error {
        Error::CallPaused(_) => "withdrawals are paused".to_owned(),
        Error::BadTarget(_) => {
            "the withdrawal's target is refused: the portal, OPEN, the proxies' admin and the zero address are \
             never called"
                .to_owned()
        }
        Error::SmallGasLimit(_) => "the gas limit is too low for the deposit".to_owned(),
        Error::DepositGasLimitExceeded(error) => format!(
            "the deposits of this L1 block ask for {} gas, and {} are possible: try again in a later block, or \
             with a lower --gas-limit",
            error.gas, error.limit
        ),
        Error::InvalidDisputeGame(_) => {
            "the claim was vetoed or set aside, or is of a type that doesn't count".to_owned()
        }
        Error::InvalidProof(_) => "the claim is about another output root".to_owned(),
        Error::InvalidMerkleProof(_) => {
            "the proof doesn't show the withdrawal: the node gave a wrong one".to_owned()
        }
        Error::InsufficientGas(error) => format!(
            "the withdrawal's call is promised {} gas, and {} were left",
            error.promised, error.gas
        ),
        Error::OptimismPortal_AlreadyFinalized(_) => "the withdrawal is paid already".to_owned(),
        Error::OptimismPortal_Unproven(_) => "the withdrawal is not proved".to_owned(),
        Error::OptimismPortal_InvalidProofTimestamp(_) => {
            "the claim was made in this very second: the next L1 block takes the proof".to_owned()
        }
        Error::OptimismPortal_ProofNotOldEnough(_) => "the proof is not mature yet".to_owned(),
        Error::OptimismPortal_InvalidRootClaim(_) => {
            "the claim that the proof relies on doesn't count, or not yet".to_owned()
        }
        Error::OptimismPortal_GasEstimation(_) => {
            "the call of the withdrawal's target would fail".to_owned()
        }
        Error::ClockNotExpired(error) => {
            format!("the claim may be vetoed until second {}", seconds(error.end))
        }
        Error::GameNotInProgress(_) => "the claim is decided already".to_owned(),
        Error::ERC20InsufficientBalance(error) => format!(
            "{} holds {}, and {} are needed",
            error.sender,
            open(error.balance),
            open(error.needed)
        ),
        Error::ERC20InsufficientAllowance(error) => format!(
            "{} may spend {} of the account, and {} are needed",
            error.spender,
            open(error.allowance),
            open(error.needed)
        ),
        Error::OwnableUnauthorizedAccount(error) => {
            format!("{} does not own the contract", error.account)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, Bytes};

    fn refused(data: Vec<u8>) -> L1Error {
        L1Error::Refused {
            method: "eth_estimateGas",
            endpoint: "l1".into(),
            code: 3,
            message: "execution reverted".into(),
            data: Some(Bytes::from(data)),
        }
    }

    #[test]
    fn refusals_are_told_in_words() {
        let balance = Refusals::ERC20InsufficientBalance {
            sender: Address::ZERO,
            balance: U256::from(5) * U256::from(10_u64.pow(17)),
            needed: U256::from(10_u64.pow(18)),
        };
        let text = explain(&refused(balance.abi_encode()));
        assert!(
            text.contains("0.5 OPEN") && text.contains("1 OPEN"),
            "{text}"
        );
        let paused = explain(&refused(Refusals::CallPaused {}.abi_encode()));
        assert_eq!(paused, "withdrawals are paused");
        let reason = Revert::from("because".to_owned()).abi_encode();
        assert_eq!(explain(&refused(reason)), "because");
        // What is unknown keeps the endpoint's own words.
        assert!(explain(&refused(vec![1, 2, 3, 4])).contains("execution reverted"));
        assert!(explain(&refused(Vec::new())).contains("execution reverted"));
    }

    #[test]
    fn a_failing_call_is_told_apart() {
        let failing = Refusals::OptimismPortal_GasEstimation {}.abi_encode();
        assert!(is_failing_call(&refused(failing)));
        assert!(!is_failing_call(&refused(
            Refusals::CallPaused {}.abi_encode()
        )));
        assert!(!is_failing_call(&L1Error::Interrupted));
    }
}
