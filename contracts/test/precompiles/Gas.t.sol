// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {InfluenceReference} from "../reference/InfluenceReference.sol";
import {MerkleReference} from "../reference/MerkleReference.sol";
import {MixReference} from "../reference/MixReference.sol";
import {RoyaltyReference} from "../reference/RoyaltyReference.sol";
import {SpanReference} from "../reference/SpanReference.sol";
import {SplitReference} from "../reference/SplitReference.sol";
import {Test} from "forge-std/Test.sol";

/// @notice What the precompiles' functions cost in Solidity, their inputs in memory: docs/spec/precompiles.md compares.
contract PrecompileGasTest is Test {
    function _ints(uint256 count, uint256 seed) private pure returns (int256[] memory values) {
        values = new int256[](count);
        for (uint256 i = 0; i < count; i++) {
            values[i] = int256(uint256(keccak256(abi.encode(seed, i))) % 255) - 127;
        }
    }

    function _tokens(uint256 count) private pure returns (uint32[] memory tokens) {
        tokens = new uint32[](count);
        for (uint256 i = 0; i < count; i++) {
            tokens[i] = uint32(i * i * 31 % 4099);
        }
    }

    function _record(string memory name, uint256 before) private {
        vm.snapshotValue("PrecompileGasTest", name, before - gasleft());
    }

    function test_split_gas_succeeds() public {
        for (uint256 n = 16; n <= 256; n *= 16) {
            int64[] memory s = new int64[](n);
            for (uint256 i = 0; i < n; i++) {
                s[i] = int64(uint64(uint256(keccak256(abi.encode(i)))) >> 1);
            }
            uint256 before = gasleft();
            SplitReference.split(1e21, s, 10, 0);
            _record(string.concat("split ", vm.toString(n)), before);
        }
    }

    function test_gate_gas_succeeds() public {
        int128[] memory sum = new int128[](256);
        uint128[] memory sumSq = new uint128[](256);
        for (uint256 i = 0; i < 256; i++) {
            sum[i] = int128(int256(_ints(1, i)[0])) << 40;
            sumSq[i] = 1 << 90;
        }
        uint256 before = gasleft();
        SplitReference.gate(sum, sumSq, 1);
        _record("gate 256", before);
    }

    function test_scores_gas_succeeds() public {
        int256[] memory rows = _ints(64 * 64, 1);
        int256[] memory q = _ints(64, 2);
        uint256 before = gasleft();
        InfluenceReference.influence(rows, q, q, 1000, 4);
        _record("influence 64 rows x 64", before);
        before = gasleft();
        InfluenceReference.dot(rows, q);
        _record("dot 64 rows x 64", before);
        uint256[] memory labels = new uint256[](64);
        before = gasleft();
        InfluenceReference.knnShapley(rows, labels, q, 0, 5);
        _record("knnShapley 64 rows x 64", before);
    }

    function test_spans_gas_succeeds() public {
        uint32[] memory tokens = _tokens(128);
        uint64[] memory hashes = MixReference.kgrams(tokens, 6, 0);
        uint256[] memory positions = new uint256[](hashes.length);
        uint256[] memory found = new uint256[](hashes.length);
        for (uint256 i = 0; i < hashes.length; i++) {
            (positions[i], found[i]) = (i, uint256(hashes[i] >> 16) << 80 | i);
        }
        // The looking-up isn't counted: nobody would search an index in storage.
        uint256 before = gasleft();
        MixReference.kgrams(tokens, 6, 0);
        SpanReference.scoreHits(tokens.length, positions, found, SpanReference.Parameters(6, 8, 3, 8));
        _record("spans 128 tokens, 123 hits", before);
    }

    function test_merkle_gas_succeeds() public {
        bytes32[] memory leaves = new bytes32[](1 << 10);
        for (uint256 i = 0; i < leaves.length; i++) {
            leaves[i] = MerkleReference.leaf(uint64(i), abi.encodePacked(uint128(i)));
        }
        bytes32 root = MerkleReference.root(leaves);
        bytes32[] memory proof = MerkleReference.proof(leaves, 77);
        uint256 before = gasleft();
        bytes32 leaf = MerkleReference.leaf(77, abi.encodePacked(uint128(77)));
        bool valid = MerkleReference.verify(root, leaves.length, 77, leaf, proof);
        _record("merkle 10 siblings", before);
        assertTrue(valid);
    }

    function test_royaltyFlow_gas_succeeds() public {
        RoyaltyReference.Node[] memory nodes = new RoyaltyReference.Node[](17);
        for (uint256 i = 0; i < nodes.length; i++) {
            uint256 parents = i < 2 ? i : 2;
            nodes[i] = RoyaltyReference.Node(10, new uint256[](parents), new uint256[](parents));
            for (uint256 p = 0; p < parents; p++) {
                (nodes[i].parents[p], nodes[i].relBps[p]) = (i - 1 - p, 1000);
            }
        }
        uint256 before = gasleft();
        RoyaltyReference.flow(nodes, 16, 1e18);
        _record("royaltyFlow 17 nodes, 31 edges", before);
    }
}
