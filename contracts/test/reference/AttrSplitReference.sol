// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAttrSplit} from "../../src/interfaces/precompiles/IAttrSplit.sol";
import {SplitReference} from "./SplitReference.sol";

/// @title AttrSplitReference
/// @notice SPLIT in Solidity, to stand at its address in tests. Gas differs, and calldata that isn't canonical isn't refused.
contract AttrSplitReference is IAttrSplit {
    uint256 private constant SCORES_MAX = 4096;
    uint8 private constant Z_MAX = 8;

    /// @inheritdoc IAttrSplit
    function gate(int128[] calldata sum, uint128[] calldata sumSq, uint8 z) external pure returns (int64[] memory) {
        if (sum.length != sumSq.length) revert LengthMismatch(sum.length, sumSq.length);
        if (sum.length > SCORES_MAX) revert TooManyScores(sum.length, SCORES_MAX);
        if (z > Z_MAX) revert BadZ(z);
        return SplitReference.gate(sum, sumSq, z);
    }

    /// @inheritdoc IAttrSplit
    function split(uint256 total, int64[] calldata s, uint16 minBps, uint16 topK)
        external
        pure
        returns (uint256[] memory)
    {
        if (s.length > SCORES_MAX) revert TooManyScores(s.length, SCORES_MAX);
        if (total > type(uint128).max) revert TotalTooLarge(total);
        return SplitReference.split(total, s, minBps, topK);
    }
}
