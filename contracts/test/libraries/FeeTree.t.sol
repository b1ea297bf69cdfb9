// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FeeTree} from "../../src/libraries/FeeTree.sol";
import {Test} from "forge-std/Test.sol";

contract FeeTreeTest is Test {
    /// @dev A tree written down node by node, so that a test can have it lie about its sums.
    struct Tree {
        bytes32[][] hashes;
        uint128[][] sums;
    }

    /* KNOWN TREES */

    function test_hashes_byHand_succeeds() public pure {
        bytes32 leaf =
            keccak256(bytes.concat(bytes1(0), bytes32(uint256(1)), bytes32(uint256(10)), bytes32(uint256(2))));
        assertEq(FeeTree.hashLeaf(bytes32(uint256(1)), 10, bytes32(uint256(2))), leaf);
        bytes32 node = keccak256(bytes.concat(bytes1(0x01), leaf, bytes32(uint256(10)), leaf, bytes32(uint256(11))));
        assertEq(FeeTree.hashNode(leaf, 10, leaf, 11), node);
    }

    function test_root_oddNodeRises_succeeds() public pure {
        FeeTree.Leaf[] memory leaves = new FeeTree.Leaf[](3);
        bytes32[3] memory hashes;
        for (uint256 i = 0; i < 3; ++i) {
            leaves[i] = FeeTree.Leaf(bytes32(i), uint128(10 + i), bytes32(100 + i));
            hashes[i] = FeeTree.hashLeaf(bytes32(i), uint128(10 + i), bytes32(100 + i));
        }
        (bytes32 root, uint256 sum) = FeeTree.root(leaves);
        assertEq(root, FeeTree.hashNode(FeeTree.hashNode(hashes[0], 10, hashes[1], 11), 21, hashes[2], 12));
        assertEq(sum, 33);
    }

    function test_root_oneLeaf_succeeds() public pure {
        FeeTree.Leaf[] memory leaves = new FeeTree.Leaf[](1);
        leaves[0] = FeeTree.Leaf("id", 5, "sketches");
        (bytes32 root, uint256 sum) = FeeTree.root(leaves);
        assertEq(root, FeeTree.hashLeaf("id", 5, "sketches"));
        assertEq(sum, 5);
        FeeTree.Sibling[] memory proof = new FeeTree.Sibling[](0);
        assertTrue(FeeTree.covers(root, 5, 0, leaves[0], proof));
        assertTrue(FeeTree.covers(root, 5, 4, leaves[0], proof));
        assertFalse(FeeTree.covers(root, 5, 5, leaves[0], proof));
        assertFalse(FeeTree.covers(root, 6, 4, leaves[0], proof), "another sum than the tree's");
    }

    function rootOf(FeeTree.Leaf[] memory leaves) external pure returns (bytes32, uint256) {
        return FeeTree.root(leaves);
    }

    function test_root_noLeaves_reverts() public {
        vm.expectRevert();
        this.rootOf(new FeeTree.Leaf[](0));
    }

    /* AGAINST A MODEL */

    /// @dev Property F1: for every wei exactly the leaf is shown that the sums of the prices before it say.
    function testFuzz_covers_isTheModels_succeeds(uint256 seed, uint8 count) public pure {
        FeeTree.Leaf[] memory leaves = _leaves(seed, 1 + count % 20);
        Tree memory tree = _tree(leaves);
        (bytes32 root_, uint256 sum) = FeeTree.root(leaves);
        uint256 top = tree.hashes.length - 1;
        assertEq(root_, tree.hashes[top][0]);
        assertEq(sum, tree.sums[top][0]);

        uint256 offset = sum == 0 ? 0 : uint256(keccak256(abi.encode(seed, "offset"))) % sum;
        uint256 start = 0;
        for (uint256 i = 0; i < leaves.length; ++i) {
            bool expected = start <= offset && offset < start + leaves[i].price;
            FeeTree.Sibling[] memory proof = _proof(tree, i);
            assertEq(FeeTree.covers(root_, sum, offset, leaves[i], proof), expected);
            // The ends of the leaf, and the wei beyond them.
            if (leaves[i].price > 0) {
                uint256 last = start + leaves[i].price - 1;
                assertTrue(FeeTree.covers(root_, sum, start, leaves[i], proof));
                assertTrue(FeeTree.covers(root_, sum, last, leaves[i], proof));
                assertFalse(FeeTree.covers(root_, sum, last + 1, leaves[i], proof));
                if (start > 0) assertFalse(FeeTree.covers(root_, sum, start - 1, leaves[i], proof));
            } else {
                assertFalse(FeeTree.covers(root_, sum, start, leaves[i], proof));
            }
            start += leaves[i].price;
        }
    }

    /// @dev Property F1: what isn't in the tree, or has another proof or sum, is not shown.
    function testFuzz_covers_tampered_fails_succeeds(uint256 seed, uint8 count, uint8 what) public pure {
        FeeTree.Leaf[] memory leaves = _leaves(seed, 2 + count % 20);
        leaves[0].price = 1000;
        (bytes32 root_, uint256 sum) = FeeTree.root(leaves);
        FeeTree.Leaf memory leaf = leaves[0];
        FeeTree.Sibling[] memory proof = _proof(_tree(leaves), 0);
        assertTrue(FeeTree.covers(root_, sum, 500, leaf, proof));
        what %= 7;
        if (what == 0) leaf.requestId = bytes32(uint256(leaf.requestId) ^ 1);
        else if (what == 1) leaf.price += 1;
        else if (what == 2) leaf.querySketchHash = bytes32(uint256(leaf.querySketchHash) ^ 1);
        else if (what == 3) proof[0].sum += 1;
        else if (what == 4) proof[0].isLeft = true;
        else if (what == 5) sum += 1;
        else proof = new FeeTree.Sibling[](0);
        assertFalse(FeeTree.covers(root_, sum, 500, leaf, proof));
    }

    /// @dev Property F2: in a tree that lies about a child's sum at any node, still at most one leaf is shown for a wei, whatever
    ///      total the voucher claims.
    function testFuzz_covers_lyingTree_atMostOneLeaf_succeeds(uint256 seed, uint8 count, uint64 lie) public pure {
        FeeTree.Leaf[] memory leaves = _leaves(seed, 2 + count % 12);
        Tree memory tree = _tree(leaves);
        uint256 level = seed % (tree.hashes.length - 1);
        uint256 index = (seed >> 32) % tree.hashes[level].length;
        tree.sums[level][index] = lie;
        _rehash(tree, level + 1);

        uint256 top = tree.hashes.length - 1;
        uint256 total = tree.sums[top][0];
        for (uint256 draw = 0; draw < 8; ++draw) {
            uint256 offset = total == 0 ? 0 : uint256(keccak256(abi.encode(seed, draw))) % total;
            uint256 shown = 0;
            for (uint256 i = 0; i < leaves.length; ++i) {
                if (FeeTree.covers(tree.hashes[top][0], total, offset, leaves[i], _proof(tree, i))) ++shown;
            }
            assertLe(shown, 1);
        }
    }

    /// @dev A node is no leaf, though its preimage holds a price of its author's choice.
    function test_covers_nodeAsLeaf_fails_succeeds() public pure {
        FeeTree.Leaf[] memory leaves = _leaves(1, 2);
        (bytes32 root_, uint256 sum) = FeeTree.root(leaves);
        FeeTree.Leaf memory node = FeeTree.Leaf(
            FeeTree.hashLeaf(leaves[0].requestId, leaves[0].price, leaves[0].querySketchHash),
            uint128(sum),
            FeeTree.hashLeaf(leaves[1].requestId, leaves[1].price, leaves[1].querySketchHash)
        );
        assertFalse(FeeTree.covers(root_, sum, 0, node, new FeeTree.Sibling[](0)));
    }

    /// @dev The longest proof is checked, sums of 2^128 and all; one more sibling isn't.
    function test_covers_proofLength_succeeds() public pure {
        for (uint256 length = FeeTree.PROOF_MAX; length <= FeeTree.PROOF_MAX + 1; ++length) {
            FeeTree.Sibling[] memory proof = new FeeTree.Sibling[](length);
            bytes32 hash = FeeTree.hashLeaf("id", 9, "sketches");
            uint256 sum = 9;
            for (uint256 i = 0; i < length; ++i) {
                proof[i] = FeeTree.Sibling(bytes32(i), type(uint128).max, true);
                hash = FeeTree.hashNode(bytes32(i), type(uint128).max, hash, sum);
                sum += type(uint128).max;
            }
            bool covered = FeeTree.covers(hash, sum, sum - 1, FeeTree.Leaf("id", 9, "sketches"), proof);
            assertEq(covered, length == FeeTree.PROOF_MAX);
        }
    }

    /* HELPERS */

    function _leaves(uint256 seed, uint256 count) private pure returns (FeeTree.Leaf[] memory leaves) {
        leaves = new FeeTree.Leaf[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 word = uint256(keccak256(abi.encode(seed, i)));
            // Some calls are free, some cost a wei, some very much.
            uint256 kind = word % 4;
            uint128 price = kind == 0 ? 0 : kind == 1 ? 1 : kind == 2 ? uint32(word >> 8) : uint120(word >> 8);
            leaves[i] = FeeTree.Leaf(bytes32(word), price, keccak256(abi.encode(word)));
        }
    }

    function _tree(FeeTree.Leaf[] memory leaves) private pure returns (Tree memory tree) {
        uint256 levels = 1;
        for (uint256 width = leaves.length; width > 1; width = (width + 1) / 2) {
            ++levels;
        }
        tree.hashes = new bytes32[][](levels);
        tree.sums = new uint128[][](levels);
        uint256 wide = leaves.length;
        for (uint256 level = 0; level < levels; ++level) {
            tree.hashes[level] = new bytes32[](wide);
            tree.sums[level] = new uint128[](wide);
            wide = (wide + 1) / 2;
        }
        for (uint256 i = 0; i < leaves.length; ++i) {
            tree.hashes[0][i] = FeeTree.hashLeaf(leaves[i].requestId, leaves[i].price, leaves[i].querySketchHash);
            tree.sums[0][i] = leaves[i].price;
        }
        _rehash(tree, 1);
    }

    /// @dev Computes the levels from `first` up from the sums that stand below them, true or not.
    function _rehash(Tree memory tree, uint256 first) private pure {
        for (uint256 level = first; level < tree.hashes.length; ++level) {
            (bytes32[] memory below, uint128[] memory sums) = (tree.hashes[level - 1], tree.sums[level - 1]);
            for (uint256 i = 0; i < tree.hashes[level].length; ++i) {
                bool alone = 2 * i + 1 == below.length;
                tree.hashes[level][i] = alone
                    ? below[2 * i]
                    : FeeTree.hashNode(below[2 * i], sums[2 * i], below[2 * i + 1], sums[2 * i + 1]);
                tree.sums[level][i] = alone ? sums[2 * i] : sums[2 * i] + sums[2 * i + 1];
            }
        }
    }

    function _proof(Tree memory tree, uint256 position) private pure returns (FeeTree.Sibling[] memory proof) {
        proof = new FeeTree.Sibling[](tree.hashes.length - 1);
        uint256 count = 0;
        for (uint256 level = 0; level + 1 < tree.hashes.length; ++level) {
            uint256 beside = position ^ 1;
            if (beside < tree.hashes[level].length) {
                proof[count++] =
                    FeeTree.Sibling(tree.hashes[level][beside], tree.sums[level][beside], beside < position);
            }
            position /= 2;
        }
        assembly ("memory-safe") {
            mstore(proof, count)
        }
    }
}
