// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {LibSort} from "solady/utils/LibSort.sol";

/// @title InfluenceReference
/// @notice SKETCH's scores of single rows, written plainly. Rows stand one after the other, `q.length` entries each.
library InfluenceReference {
    int256 private constant Q40 = 2 ** 40;

    /// @notice G·x, and the squared norms of the witness's residual and of the scaled query.
    function influence(int256[] memory rows, int256[] memory q, int256[] memory x, int256 lambda, uint256 shift)
        internal
        pure
        returns (int256[] memory a, uint256 residual2, uint256 query2)
    {
        uint256 dim = q.length;
        a = dot(rows, x);
        for (uint256 d = 0; d < dim; d++) {
            int256 u;
            for (uint256 k = 0; k < a.length; k++) {
                u += rows[k * dim + d] * a[k];
            }
            int256 scaled = q[d] * int256(1 << shift);
            int256 r = scaled - u - lambda * x[d];
            residual2 += uint256(r * r);
            query2 += uint256(scaled * scaled);
        }
    }

    /// @notice A row's score: a·2^(40−shift), truncated toward zero.
    function scaleScore(int256 a, uint256 shift) internal pure returns (int256) {
        return shift <= 40 ? a * int256(1 << (40 - shift)) : a / int256(1 << (shift - 40));
    }

    /// @notice G·v.
    function dot(int256[] memory rows, int256[] memory v) internal pure returns (int256[] memory products) {
        products = new int256[](rows.length / v.length);
        for (uint256 i = 0; i < rows.length; i++) {
            products[i / v.length] += rows[i] * v[i % v.length];
        }
    }

    /// @notice KNN-Shapley values by row, scaled by 2^40.
    function knnShapley(int256[] memory rows, uint256[] memory labels, int256[] memory q, uint256 label, uint256 K)
        internal
        pure
        returns (int256[] memory values)
    {
        uint256 n = labels.length;
        // (distance, row), nearest first.
        uint256[] memory order = new uint256[](n);
        for (uint256 i = 0; i < rows.length; i++) {
            int256 difference = rows[i] - q[i % q.length];
            order[i / q.length] += uint256(difference * difference) << 16;
        }
        for (uint256 i = 0; i < n; i++) {
            order[i] |= i;
        }
        LibSort.sort(order);
        values = new int256[](n);
        int256 value;
        int256 next;
        for (uint256 rank = n; rank > 0; rank--) {
            uint256 row = order[rank - 1] & 0xffff;
            int256 same = labels[row] == label ? int256(1) : int256(0);
            int256 neighbours = int256(K < rank ? K : rank);
            value += (same - next) * Q40 * neighbours / int256(K * rank);
            values[row] = value;
            next = same;
        }
    }
}
