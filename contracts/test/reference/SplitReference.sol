// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {LibSort} from "solady/utils/LibSort.sol";

/// @title SplitReference
/// @notice SPLIT's two functions, written plainly.
library SplitReference {
    uint256 private constant BASIS_POINTS = 10_000;

    function gate(int128[] memory sum, uint128[] memory sumSq, uint8 z) internal pure returns (int64[] memory weights) {
        weights = new int64[](sum.length);
        uint256 largest;
        for (uint256 i = 0; i < sum.length; i++) {
            uint256 weight = significant(sum[i], sumSq[i], z);
            if (weight > largest) largest = weight;
        }
        uint256 shift;
        while (largest >> shift >= 1 << 62) shift++;
        for (uint256 i = 0; i < sum.length; i++) {
            weights[i] = int64(uint64(significant(sum[i], sumSq[i], z) >> shift));
        }
    }

    function significant(int128 sum, uint128 sumSq, uint8 z) private pure returns (uint256) {
        if (sum <= 0) return 0;
        uint256 value = uint256(int256(sum));
        return value * value >= uint256(z) * z * sumSq ? value : 0;
    }

    function split(uint256 total, int64[] memory s, uint16 minBps, uint16 topK)
        internal
        pure
        returns (uint256[] memory)
    {
        uint256[] memory weights = new uint256[](s.length);
        for (uint256 i = 0; i < s.length; i++) {
            if (s[i] > 0) weights[i] = uint64(s[i]);
        }
        uint256 threshold = minBps * sumOf(weights);
        for (uint256 i = 0; i < s.length; i++) {
            if (weights[i] * BASIS_POINTS < threshold) weights[i] = 0;
        }
        if (topK > 0) {
            uint256[] memory order = descending(weights, weights);
            for (uint256 rank = topK; rank < order.length; rank++) {
                weights[order[rank]] = 0;
            }
        }
        return apportion(total, weights);
    }

    /// @notice Largest remainder: floors, then a unit each by (remainder descending, index ascending).
    function apportion(uint256 total, uint256[] memory weights) internal pure returns (uint256[] memory amounts) {
        amounts = new uint256[](weights.length);
        uint256 sum = sumOf(weights);
        if (sum == 0) return amounts;
        uint256[] memory remainders = new uint256[](weights.length);
        for (uint256 i = 0; i < weights.length; i++) {
            amounts[i] = total * weights[i] / sum;
            remainders[i] = total * weights[i] % sum;
        }
        uint256 left = total - sumOf(amounts);
        uint256[] memory order = descending(remainders, weights);
        for (uint256 rank = 0; rank < left; rank++) {
            amounts[order[rank]]++;
        }
    }

    /// @notice Indices of the positive weights by (value descending, index ascending).
    function descending(uint256[] memory values, uint256[] memory weights)
        private
        pure
        returns (uint256[] memory order)
    {
        order = new uint256[](values.length);
        uint256 count;
        for (uint256 i = 0; i < values.length; i++) {
            if (weights[i] > 0) order[count++] = (type(uint128).max - values[i]) << 16 | i;
        }
        assembly ("memory-safe") {
            mstore(order, count)
        }
        LibSort.sort(order);
        for (uint256 i = 0; i < count; i++) {
            order[i] &= 0xffff;
        }
    }

    function sumOf(uint256[] memory values) private pure returns (uint256 sum) {
        for (uint256 i = 0; i < values.length; i++) {
            sum += values[i];
        }
    }
}
