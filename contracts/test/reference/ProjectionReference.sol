// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {MixReference} from "./MixReference.sol";

/// @title ProjectionReference
/// @notice The projection of docs/spec/precompiles.md from fixed-point gradients to sketches, written plainly.
library ProjectionReference {
    int256 private constant ENTRY_MAX = 127;

    /// @notice The sketch of `t`, entries within ±127: dense if `sparsity` is 0.
    function project(int256[] memory t, uint256 dim, uint64 seed, uint256 sparsity, uint256 shift)
        internal
        pure
        returns (int256[] memory out)
    {
        out = new int256[](dim);
        for (uint256 i = 0; i < t.length; i++) {
            if (sparsity == 0) {
                _addDense(out, t[i], i, seed);
            } else {
                _addSparse(out, t[i], i, seed, sparsity);
            }
        }
        for (uint256 j = 0; j < dim; j++) {
            int256 entry = _roundedShift(out[j], shift);
            out[j] = entry > ENTRY_MAX ? ENTRY_MAX : entry < -ENTRY_MAX ? -ENTRY_MAX : entry;
        }
    }

    function _addDense(int256[] memory out, int256 value, uint256 i, uint64 seed) private pure {
        uint256 words = (out.length + 63) / 64;
        for (uint256 j = 0; j < out.length; j++) {
            uint64 word = MixReference.sm64(seed, uint64(i * words + j / 64));
            out[j] += word >> j % 64 & 1 == 1 ? -value : value;
        }
    }

    function _addSparse(int256[] memory out, int256 value, uint256 i, uint64 seed, uint256 sparsity) private pure {
        uint256 buckets = out.length / sparsity;
        for (uint256 r = 0; r < sparsity; r++) {
            uint64 hash = MixReference.sm64(seed, uint64(i * sparsity + r));
            out[r * buckets + hash % buckets] += hash >> 63 == 1 ? -value : value;
        }
    }

    /// @notice value / 2^shift, halves away from zero.
    function _roundedShift(int256 value, uint256 shift) private pure returns (int256) {
        int256 divisor = int256(1 << shift);
        int256 magnitude = value < 0 ? -value : value;
        int256 rounded = (2 * magnitude + divisor) / (2 * divisor);
        return value < 0 ? -rounded : rounded;
    }
}
