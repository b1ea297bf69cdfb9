// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title RoyaltyReference
/// @notice royaltyFlow over a lineage in memory, written plainly.
library RoyaltyReference {
    uint256 private constant BASIS_POINTS = 10_000;

    /// @notice A node whose parents are given by their places among the nodes, all before its own.
    struct Node {
        uint256 absBps;
        uint256[] parents;
        uint256[] relBps;
    }

    /// @notice Divides `total` among node `start` and its ancestors; the others get nothing.
    function flow(Node[] memory nodes, uint256 start, uint256 total) internal pure returns (uint256[] memory paid) {
        paid = new uint256[](nodes.length);
        bool[] memory reached = new bool[](nodes.length);
        reached[start] = true;
        uint256 rest = total;
        for (uint256 i = start + 1; i > 0; i--) {
            Node memory node = nodes[i - 1];
            if (!reached[i - 1]) continue;
            if (i - 1 != start) {
                paid[i - 1] = _portion(total, node.absBps);
                rest -= paid[i - 1];
            }
            for (uint256 p = 0; p < node.parents.length; p++) {
                reached[node.parents[p]] = true;
            }
        }
        uint256[] memory inflow = new uint256[](nodes.length);
        inflow[start] = rest;
        for (uint256 i = start + 1; i > 0; i--) {
            Node memory node = nodes[i - 1];
            uint256 kept = inflow[i - 1];
            for (uint256 p = 0; p < node.parents.length; p++) {
                uint256 share = _portion(inflow[i - 1], node.relBps[p]);
                inflow[node.parents[p]] += share;
                kept -= share;
            }
            paid[i - 1] += kept;
        }
    }

    /// @notice ⌊amount·bps/10⁴⌋, for every amount.
    function _portion(uint256 amount, uint256 bps) private pure returns (uint256) {
        return amount / BASIS_POINTS * bps + amount % BASIS_POINTS * bps / BASIS_POINTS;
    }
}
