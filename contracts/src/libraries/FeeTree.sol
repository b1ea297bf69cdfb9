// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title FeeTree
/// @notice Merkle sum trees over the calls of a channel. A leaf's sum is the call's price, a node's the sum of its children, so
///         that the leaves cover the wei from 0 to the root's sum, in order and without overlap. A hash binds both children's
///         sums: a node that gives a child another sum than its own hides what is below that child, and shows nothing else
///         instead. So at most one leaf is ever shown for a wei.
library FeeTree {
    /// @notice A call.
    /// @param requestId       What names it: `InferenceRouter.requestIdOf`.
    /// @param price           In wei, without the platform fee. A call without a price covers no wei.
    /// @param querySketchHash Hash of its query's sketches.
    struct Leaf {
        bytes32 requestId;
        uint128 price;
        bytes32 querySketchHash;
    }

    /// @notice What stands beside the way from a leaf to the root.
    /// @param hash   The sibling.
    /// @param sum    Its sum.
    /// @param isLeft Whether it is the left one.
    struct Sibling {
        bytes32 hash;
        uint128 sum;
        bool isLeft;
    }

    /// @notice Most siblings of a proof: a tree of more calls than any channel has.
    uint256 internal constant PROOF_MAX = 40;

    /// @notice `keccak256(0x00 ‖ abi.encode(requestId, price, querySketchHash))`.
    function hashLeaf(bytes32 requestId, uint128 price, bytes32 querySketchHash) internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"00", abi.encode(requestId, price, querySketchHash)));
    }

    /// @notice `keccak256(0x01 ‖ left ‖ u256be leftSum ‖ right ‖ u256be rightSum)`.
    function hashNode(bytes32 left, uint256 leftSum, bytes32 right, uint256 rightSum) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"01", left, leftSum, right, rightSum));
    }

    /// @notice Root of a tree and its sum. An odd node at the end of a level rises as it is.
    /// @dev    No calls have no root: reverts.
    function root(Leaf[] memory leaves) internal pure returns (bytes32, uint256) {
        uint256 width = leaves.length;
        bytes32[] memory hashes = new bytes32[](width);
        uint256[] memory sums = new uint256[](width);
        for (uint256 i = 0; i < width; ++i) {
            hashes[i] = hashLeaf(leaves[i].requestId, leaves[i].price, leaves[i].querySketchHash);
            sums[i] = leaves[i].price;
        }
        while (width > 1) {
            for (uint256 i = 0; i < width / 2; ++i) {
                hashes[i] = hashNode(hashes[2 * i], sums[2 * i], hashes[2 * i + 1], sums[2 * i + 1]);
                sums[i] = sums[2 * i] + sums[2 * i + 1];
            }
            if (width % 2 == 1) (hashes[width / 2], sums[width / 2]) = (hashes[width - 1], sums[width - 1]);
            width = (width + 1) / 2;
        }
        return (hashes[0], sums[0]);
    }

    /// @notice Whether `leaf` is the one that covers the wei at `offset` of the tree under (`treeRoot`, `treeSum`).
    /// @param proof Siblings from the leaf up. Longer than `PROOF_MAX`: false.
    function covers(bytes32 treeRoot, uint256 treeSum, uint256 offset, Leaf memory leaf, Sibling[] memory proof)
        internal
        pure
        returns (bool)
    {
        if (proof.length > PROOF_MAX) return false;
        bytes32 hash = hashLeaf(leaf.requestId, leaf.price, leaf.querySketchHash);
        uint256 sum = leaf.price;
        uint256 start = 0;
        // At most 41 numbers below 2^128 are added.
        for (uint256 i = 0; i < proof.length; ++i) {
            Sibling memory sibling = proof[i];
            if (sibling.isLeft) {
                hash = hashNode(sibling.hash, sibling.sum, hash, sum);
                start += sibling.sum;
            } else {
                hash = hashNode(hash, sum, sibling.hash, sibling.sum);
            }
            sum += sibling.sum;
        }
        return hash == treeRoot && sum == treeSum && start <= offset && offset - start < leaf.price;
    }
}
