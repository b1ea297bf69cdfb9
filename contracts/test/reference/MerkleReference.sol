// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title MerkleReference
/// @notice Merkle roots over numbered items: a leaf is keccak256(0x00 ‖ u64be number ‖ item), a node
///         keccak256(0x01 ‖ left ‖ right), the last node of an odd level rises unchanged.
library MerkleReference {
    function leaf(uint64 number, bytes memory item) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(0), number, item));
    }

    function node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(1), left, right));
    }

    /// @notice Root over leaf hashes, at least one.
    function root(bytes32[] memory level) internal pure returns (bytes32) {
        while (level.length > 1) {
            bytes32[] memory above = new bytes32[]((level.length + 1) / 2);
            for (uint256 i = 0; i < above.length; i++) {
                above[i] = 2 * i + 1 < level.length ? node(level[2 * i], level[2 * i + 1]) : level[2 * i];
            }
            level = above;
        }
        return level[0];
    }

    /// @notice Proof of a leaf that there is: siblings from the leaf up.
    function proof(bytes32[] memory level, uint256 position) internal pure returns (bytes32[] memory siblings) {
        siblings = new bytes32[](64);
        uint256 count;
        while (level.length > 1) {
            if (position ^ 1 < level.length) siblings[count++] = level[position ^ 1];
            bytes32[] memory above = new bytes32[]((level.length + 1) / 2);
            for (uint256 i = 0; i < above.length; i++) {
                above[i] = 2 * i + 1 < level.length ? node(level[2 * i], level[2 * i + 1]) : level[2 * i];
            }
            level = above;
            position /= 2;
        }
        assembly ("memory-safe") {
            mstore(siblings, count)
        }
    }

    /// @notice Whether `siblings`, no more and no fewer than needed, lead from leaf `position` of `width` to the root.
    function verify(bytes32 root_, uint256 width, uint256 position, bytes32 hash, bytes32[] memory siblings)
        internal
        pure
        returns (bool)
    {
        if (position >= width) return false;
        uint256 used;
        while (width > 1) {
            if (position ^ 1 < width) {
                if (used == siblings.length) return false;
                bytes32 sibling = siblings[used++];
                hash = position % 2 == 0 ? node(hash, sibling) : node(sibling, hash);
            }
            position /= 2;
            width = (width + 1) / 2;
        }
        return used == siblings.length && hash == root_;
    }
}
