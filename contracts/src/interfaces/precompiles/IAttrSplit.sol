// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {INativePrecompile} from "./INativePrecompile.sol";

/// @title IAttrSplit
/// @notice SPLIT, at 0x…0A03: which scores count, and the exact division of a payment. Pure: neither function reads or writes
///         state, and neither can be paused.
interface IAttrSplit is INativePrecompile {
    /// @notice `sum` and `sumSq` differ in length.
    error LengthMismatch(uint256 sums, uint256 sumSqs);

    /// @notice More than 4,096 scores. (Calldata's limit comes first: 4,090 of `split`, 2,045 of `gate`.)
    error TooManyScores(uint256 scores, uint256 max);

    /// @notice `z` is above 8.
    error BadZ(uint8 z);

    /// @notice The total isn't below 2^128.
    error TotalTooLarge(uint256 total);

    /// @notice Turns sums of scores into weights: zero unless the sum is positive and sum² ≥ z² · sumSq. All are then shifted
    ///         right by the least number of bits that brings the largest below 2^62, rounding down.
    /// @dev    600 gas + 3 a word of calldata + 40 a score. By Cauchy-Schwarz no sum of B scores passes z > √B, and with B = 1
    ///         every positive one passes z = 1: callers should allow z of 1 and 2 and batches of 8 and more.
    /// @param sum   Per cluster the sum of its scores over a batch, as `scoreInfluence` gives it.
    /// @param sumSq Per cluster the sum of their squares.
    /// @param z     The significance asked for, 0 to 8; with 0 every positive sum passes.
    /// @return Weights below 2^62, in order.
    function gate(int128[] calldata sum, uint128[] calldata sumSq, uint8 z) external pure returns (int64[] memory);

    /// @notice Divides `total` in proportion to the positive scores, by largest remainder. Negative scores count as zero. Of
    ///         the sum W of the others, scores s with s · 10000 < minBps · W drop out; then all but the `topK` largest (equal
    ///         ones by index). What is left is summed afresh: each gets ⌊total · s / W⌋, and the wei that remain go one each
    ///         by (remainder descending, index ascending).
    /// @dev    600 gas + 3 a word of calldata + 120 a score. Sum up by owner only what `split` gives, not what goes in: the
    ///         thresholds act on clusters.
    /// @param total  Wei, below 2^128.
    /// @param s      Scores, or weights.
    /// @param minBps Basis points of the sum of positive scores; above 10000 everything drops out.
    /// @param topK   How many at most; 0: all.
    /// @return Wei, in order. They add up to `total`, or are all zero if no score is left: then the caller must refund.
    function split(uint256 total, int64[] calldata s, uint16 minBps, uint16 topK)
        external
        pure
        returns (uint256[] memory);
}
