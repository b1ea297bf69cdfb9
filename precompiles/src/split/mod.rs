//! SPLIT, `0x…0A03`: which scores count, and the division of a payment to the wei. Pure: no state, no
//! logs, nothing to pause.
//!
//! Invariants: what [`split`] gives adds up to the total exactly, or is all zero where no score is
//! positive; both functions depend on their arguments alone. Start reading at [`split`].

mod apportion;
mod gate;
#[cfg(test)]
mod tests;

pub use apportion::{BASIS_POINTS, apportion, split};
pub use gate::{WEIGHT_BITS, gate};

use crate::{Arguments, CALLDATA_LEN_MAX, Context, Precompile, SPLIT, Stop};
use alloc::vec::Vec;
use alloy_primitives::U256;
use alloy_sol_types::{SolCall, sol};

/// Most scores in a call.
///
/// Calldata's limit is reached a little earlier, at 4,090 scores of `split` and 2,045 of `gate`; this one
/// holds where an account calls the functions in another way.
pub const SCORES_MAX: usize = 4_096;
/// Largest z of `gate`.
pub const Z_MAX: u8 = 8;

/// Gas of a score of `split`.
pub const SPLIT_SCORE_GAS: u64 = 120;
/// Gas of a score of `gate`.
pub const GATE_SCORE_GAS: u64 = 40;

/// `split` on what fits in the calldata is within the limit: no caller can reach more work than that.
const _: () = assert!(CALLDATA_LEN_MAX / 32 <= SCORES_MAX);
/// z² · sumSq < 2^6 · 2^128 and sum² ≤ 2^254 fit in 256 bits.
const _: () = assert!(Z_MAX as u32 * Z_MAX as u32 <= 64);

sol! {
    /// SPLIT's functions and errors; `contracts/src/interfaces/precompiles/IAttrSplit.sol` says more.
    #[derive(Debug, PartialEq, Eq)]
    interface IAttrSplit {
        /// The arrays differ in length.
        error LengthMismatch(uint256 sums, uint256 sumSqs);
        /// More scores than a call may bring.
        error TooManyScores(uint256 scores, uint256 max);
        /// z is above 8.
        error BadZ(uint8 z);
        /// The total isn't below 2^128.
        error TotalTooLarge(uint256 total);

        /// The weights of the sums that are significant.
        function gate(int128[] calldata sum, uint128[] calldata sumSq, uint8 z)
            external pure returns (int64[] memory);
        /// The total divided in proportion to the positive scores.
        function split(uint256 total, int64[] calldata s, uint16 minBps, uint16 topK)
            external pure returns (uint256[] memory);
    }
}

/// SPLIT, for the table of precompiles.
pub(crate) const PRECOMPILE: Precompile = Precompile {
    address: SPLIT,
    pausable: &[],
    run,
};

fn run(context: &mut Context<'_>, selector: [u8; 4], arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    match selector {
        IAttrSplit::gateCall::SELECTOR => run_gate(context, arguments),
        IAttrSplit::splitCall::SELECTOR => run_split(context, arguments),
        _ => Err(Stop::bad_abi()),
    }
}

fn run_gate(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 3)?;
    let sums = arguments.int128_array()?;
    let sum_squares = arguments.uint128_array()?;
    let z = arguments.uint8()?;
    arguments.finish()?;

    if sums.len() != sum_squares.len() {
        return Err(Stop::revert(IAttrSplit::LengthMismatch {
            sums: U256::from(sums.len()),
            sumSqs: U256::from(sum_squares.len()),
        }));
    }
    require_scores(sums.len())?;
    if z > Z_MAX {
        return Err(Stop::revert(IAttrSplit::BadZ { z }));
    }
    context.charge(GATE_SCORE_GAS.saturating_mul(sums.len() as u64))?;
    let sums = sums.into_iter().zip(sum_squares).collect::<Vec<_>>();
    let weights = gate(&sums, z);
    Ok(IAttrSplit::gateCall::abi_encode_returns(&weights))
}

fn run_split(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 4)?;
    let total = arguments.uint256()?;
    let scores = arguments.int64_array()?;
    let min_bps = arguments.uint16()?;
    let top_k = arguments.uint16()?;
    arguments.finish()?;

    require_scores(scores.len())?;
    let total =
        u128::try_from(total).map_err(|_| Stop::revert(IAttrSplit::TotalTooLarge { total }))?;
    context.charge(SPLIT_SCORE_GAS.saturating_mul(scores.len() as u64))?;
    let amounts = split(total, &scores, min_bps, top_k)
        .into_iter()
        .map(U256::from)
        .collect::<Vec<_>>();
    Ok(IAttrSplit::splitCall::abi_encode_returns(&amounts))
}

fn require_scores(scores: usize) -> Result<(), Stop> {
    if scores > SCORES_MAX {
        return Err(Stop::revert(IAttrSplit::TooManyScores {
            scores: U256::from(scores),
            max: U256::from(SCORES_MAX),
        }));
    }
    Ok(())
}
