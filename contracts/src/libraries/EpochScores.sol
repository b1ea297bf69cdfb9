// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Result} from "../interfaces/IEpochSettlement.sol";
import {IAttrSketch} from "../interfaces/precompiles/IAttrSketch.sol";
import {NativePrecompiles} from "./NativePrecompiles.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {LibSort} from "solady/utils/LibSort.sol";

/// @title EpochScores
/// @notice From an epoch's queries and witnesses to each cluster's share: docs/spec/protocol.md, Settlement of an epoch, Results.
library EpochScores {
    /// @notice What the shares of a set add up to at most.
    uint256 internal constant UNITS = 1e18;
    /// @notice Fewest draws with a score for which anybody earns.
    uint256 internal constant DRAWS_MIN = 8;
    /// @notice A cluster's share is at most so many times the median positive one.
    uint256 internal constant MEDIAN_MULTIPLE = 8;
    /// @notice Deviations by which a cluster's summed score must be above noise.
    uint8 internal constant SIGNIFICANCE = 1;

    int128 private constant SQUARE_ROOT_MAX = 2 ** 60;
    uint128 private constant SQUARE_MAX = 2 ** 120;
    /// @dev Scores are shifted below this for `split`.
    int128 private constant WEIGHT_MAX = 2 ** 62;

    /// @notice Scores of a set's queries. `queries[i]` is empty for a draw without a score, else `isQuery`, and its witness has the length that
    ///         goes with it.
    /// @dev    Reverts as the precompile does but for what makes the witnesses wrong.
    /// @param draws How many draws the shares are divided by.
    /// @return isValid Whether every witness is accepted.
    function score(uint64 sketchSet, bytes[] memory queries, bytes[] memory x, uint8[] memory shift, uint256 draws)
        internal
        view
        returns (bool isValid, Result memory result)
    {
        uint256 count = 0;
        int128[][] memory scores = new int128[][](queries.length);
        uint32[] memory clusters;
        for (uint256 i = 0; i < queries.length; ++i) {
            if (queries[i].length == 0) continue;
            uint256 free = _free();
            uint32[] memory found;
            (isValid, found, scores[count]) = _scoreOne(sketchSet, queries[i], x[i], shift[i]);
            if (!isValid) return (false, result);
            // All draws have the same clusters.
            if (count == 0) clusters = found;
            else scores[count] = _keepOnly(scores[count], free);
            ++count;
        }
        if (count < DRAWS_MIN) return (true, result);
        assembly ("memory-safe") {
            // Only the first `count` are filled.
            mstore(scores, count)
        }
        result.clusters = clusters;
        int64[] memory weights;
        (result.sums, weights) = _gate(scores, clusters.length);
        result.shares = _cap(_divide(scores, weights, draws));
        return (true, result);
    }

    /// @notice Whether a query can be scored against a set of this dimension.
    function isQuery(bytes memory query, uint256 dim) internal pure returns (bool) {
        if (query.length != dim) return false;
        for (uint256 i = 0; i < dim; ++i) {
            if (query[i] != 0) return true;
        }
        return false;
    }

    /// @dev One query's scores by cluster; invalid if the precompile refuses the witness.
    function _scoreOne(uint64 sketchSet, bytes memory query, bytes memory witness, uint8 shift)
        private
        view
        returns (bool isValid, uint32[] memory clusters, int128[] memory sums)
    {
        (bytes[] memory q, bytes[] memory x, uint8[] memory shifts) = (new bytes[](1), new bytes[](1), new uint8[](1));
        (q[0], x[0], shifts[0]) = (query, witness, shift);
        try NativePrecompiles.SKETCH.scoreInfluence(sketchSet, q, x, shifts) returns (
            uint32[] memory found, int128[] memory sum, uint128[] memory
        ) {
            return (true, found, sum);
        } catch (bytes memory reason) {
            // Anything else, a lack of gas above all, says nothing about the witness.
            if (!_blamesWitness(reason)) LowLevelCall.bubbleRevert(reason);
        }
    }

    function _blamesWitness(bytes memory reason) private pure returns (bool) {
        if (reason.length < 4) return false;
        bytes4 selector = bytes4(reason);
        return selector == IAttrSketch.WitnessRejected.selector || selector == IAttrSketch.WitnessRange.selector
            || selector == IAttrSketch.BadShift.selector;
    }

    /// @dev Sums over the draws, and the weights of those clusters whose sums stand out.
    function _gate(int128[][] memory scores, uint256 clusters)
        private
        pure
        returns (int128[] memory sums, int64[] memory weights)
    {
        sums = new int128[](clusters);
        uint128[] memory squares = new uint128[](clusters);
        // Scores are below 2^83 in magnitude, and at most 16 are added.
        unchecked {
            for (uint256 i = 0; i < scores.length; ++i) {
                int128[] memory drawn = scores[i];
                for (uint256 c = 0; c < clusters; ++c) {
                    int128 value = drawn[c];
                    sums[c] += value;
                    squares[
                        c
                    ] += value < SQUARE_ROOT_MAX && value > -SQUARE_ROOT_MAX
                        ? uint128(uint256(int256(value) * int256(value)))
                        : SQUARE_MAX;
                }
            }
        }
        weights = NativePrecompiles.SPLIT.gate(sums, squares, SIGNIFICANCE);
    }

    /// @dev Each draw divides its units by its own positive scores of the clusters that stand out; a share is the mean.
    function _divide(int128[][] memory scores, int64[] memory weights, uint256 draws)
        private
        pure
        returns (uint256[] memory shares)
    {
        shares = new uint256[](weights.length);
        uint256 free = _free();
        for (uint256 i = 0; i < scores.length; ++i) {
            // Nothing of the draw before is needed any more.
            assembly ("memory-safe") {
                mstore(0x40, free)
            }
            uint256[] memory parts = NativePrecompiles.SPLIT.split(UNITS, _positive(scores[i], weights), 0, 0);
            unchecked {
                for (uint256 c = 0; c < shares.length; ++c) {
                    shares[c] += parts[c];
                }
            }
        }
        for (uint256 c = 0; c < shares.length; ++c) {
            shares[c] /= draws;
        }
    }

    /// @dev Positive scores of the clusters that stand out, all shifted by the least that brings them below 2^62; else 0.
    function _positive(int128[] memory drawn, int64[] memory weights) private pure returns (int64[] memory values) {
        values = new int64[](drawn.length);
        int128 max = 0;
        for (uint256 c = 0; c < drawn.length; ++c) {
            if (weights[c] > 0 && drawn[c] > max) max = drawn[c];
        }
        uint256 shift = 0;
        while (max >> shift >= WEIGHT_MAX) ++shift;
        for (uint256 c = 0; c < drawn.length; ++c) {
            // Below 2^62 after the shift.
            // forge-lint: disable-next-line(unsafe-typecast)
            if (weights[c] > 0 && drawn[c] > 0) values[c] = int64(drawn[c] >> shift);
        }
    }

    /// @dev Cuts shares at a multiple of the median positive one, the lower of two, and divides what was cut once among those that
    ///      were not.
    function _cap(uint256[] memory shares) private pure returns (uint64[] memory capped) {
        capped = new uint64[](shares.length);
        uint256[] memory positive = new uint256[](shares.length);
        uint256 count = 0;
        for (uint256 c = 0; c < shares.length; ++c) {
            if (shares[c] > 0) positive[count++] = shares[c];
        }
        if (count == 0) return capped;
        assembly ("memory-safe") {
            mstore(positive, count)
        }
        LibSort.sort(positive);
        uint256 cap = MEDIAN_MULTIPLE * positive[(count - 1) / 2];
        uint256 cut = 0;
        int64[] memory others = new int64[](shares.length);
        for (uint256 c = 0; c < shares.length; ++c) {
            // Shares are at most 10^18, below 2^63.
            // forge-lint: disable-start(unsafe-typecast)
            if (shares[c] > cap) {
                cut += shares[c] - cap;
                capped[c] = uint64(cap);
            } else {
                capped[c] = uint64(shares[c]);
                others[c] = int64(uint64(shares[c]));
            }
            // forge-lint: disable-end(unsafe-typecast)
        }
        if (cut == 0) return capped;
        uint256[] memory parts = NativePrecompiles.SPLIT.split(cut, others, 0, 0);
        for (uint256 c = 0; c < shares.length; ++c) {
            // forge-lint: disable-next-line(unsafe-typecast)
            capped[c] += uint64(parts[c]);
        }
    }

    /// @dev Where memory that is free begins. It costs its square, so that sixteen draws of a thousand clusters can't each have their own.
    function _free() private pure returns (uint256 free) {
        assembly ("memory-safe") {
            free := mload(0x40)
        }
    }

    /// @dev Moves an array down to `free`, and frees what lies above it. Nothing else that was allocated since may be used any more.
    function _keepOnly(int128[] memory array, uint256 free) private pure returns (int128[] memory kept) {
        assembly ("memory-safe") {
            let size := shl(5, add(mload(array), 1))
            mcopy(free, array, size)
            mstore(0x40, add(free, size))
            kept := free
        }
    }
}
