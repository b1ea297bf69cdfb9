// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {InfluenceReference} from "../reference/InfluenceReference.sol";
import {MerkleReference} from "../reference/MerkleReference.sol";
import {MixReference} from "../reference/MixReference.sol";
import {RoyaltyReference} from "../reference/RoyaltyReference.sol";
import {SpanReference} from "../reference/SpanReference.sol";
import {SplitReference} from "../reference/SplitReference.sol";
import {VectorsTest} from "./VectorsTest.sol";

/// @notice The Solidity reference gives what every vector says; the native code is checked against the same vectors.
contract PrecompileVectorsTest is VectorsTest {
    constructor() VectorsTest("reference") {}

    function test_split_vectors_succeeds() public view {
        uint256 count = _count("split");
        assertGe(count, 41);
        for (uint256 i = 0; i < count; i++) {
            int256[] memory wide = _ints("split", i, "s");
            int64[] memory s = new int64[](wide.length);
            for (uint256 j = 0; j < s.length; j++) {
                s[j] = int64(wide[j]);
            }
            uint256[] memory amounts = SplitReference.split(
                _uint("split", i, "total"), s, uint16(_uint("split", i, "minBps")), uint16(_uint("split", i, "topK"))
            );
            assertEq(amounts, _uints("split", i, "out"));
        }
    }

    function test_gate_vectors_succeeds() public view {
        uint256 count = _count("gate");
        assertGe(count, 35);
        for (uint256 i = 0; i < count; i++) {
            int256[] memory wide = _ints("gate", i, "sum");
            uint256[] memory wideSq = _uints("gate", i, "sumSq");
            int256[] memory out = _ints("gate", i, "out");
            int128[] memory sum = new int128[](wide.length);
            uint128[] memory sumSq = new uint128[](wide.length);
            for (uint256 j = 0; j < wide.length; j++) {
                (sum[j], sumSq[j]) = (int128(wide[j]), uint128(wideSq[j]));
            }
            int64[] memory weights = SplitReference.gate(sum, sumSq, uint8(_uint("gate", i, "z")));
            assertEq(weights.length, out.length);
            for (uint256 j = 0; j < out.length; j++) {
                assertEq(weights[j], out[j]);
            }
        }
    }

    function test_kgrams_vectors_succeeds() public view {
        uint256 count = _count("kgram");
        assertGe(count, 27);
        for (uint256 i = 0; i < count; i++) {
            uint64[] memory hashes =
                MixReference.kgrams(_tokens("kgram", i), _uint("kgram", i, "k"), uint64(_uint("kgram", i, "salt")));
            uint256[] memory expected = _uints("kgram", i, "hashes");
            assertEq(hashes.length, expected.length);
            for (uint256 j = 0; j < hashes.length; j++) {
                assertEq(hashes[j], expected[j]);
            }
            assertEq(MixReference.winnow(hashes, 8), _uints("kgram", i, "winnow"));
        }
    }

    function test_winnow_vectors_succeeds() public view {
        uint256 count = _count("winnow");
        assertGe(count, 24);
        for (uint256 i = 0; i < count; i++) {
            uint256[] memory wide = _uints("winnow", i, "hashes");
            uint64[] memory hashes = new uint64[](wide.length);
            for (uint256 j = 0; j < wide.length; j++) {
                hashes[j] = uint64(wide[j]);
            }
            assertEq(MixReference.winnow(hashes, _uint("winnow", i, "w")), _uints("winnow", i, "out"));
        }
    }

    function test_span_vectors_succeeds() public view {
        uint256 count = _count("span");
        assertGe(count, 36);
        for (uint256 i = 0; i < count; i++) {
            SpanReference.Scores memory scores = SpanReference.score(
                _tokens("span", i),
                _uints("span", i, "entries"),
                uint64(_uint("span", i, "salt")),
                SpanReference.Parameters(
                    uint8(_uint("span", i, "k")),
                    uint8(_uint("span", i, "w")),
                    uint8(_uint("span", i, "dfCap")),
                    uint16(_uint("span", i, "minSpan"))
                )
            );
            uint256[] memory cluster = _uints("span", i, "cluster");
            uint256[] memory tokensWon = _uints("span", i, "tokensWon");
            assertEq(scores.cluster.length, cluster.length);
            for (uint256 j = 0; j < cluster.length; j++) {
                assertEq(scores.cluster[j], cluster[j]);
                assertEq(scores.tokensWon[j], tokensWon[j]);
            }
            assertEq(scores.covered, _uint("span", i, "covered"));
        }
    }

    function test_minhash_vectors_succeeds() public view {
        uint256 count = _count("minhash");
        assertGe(count, 2);
        for (uint256 i = 0; i < count; i++) {
            uint32[32] memory words = MixReference.minhash(_tokens("minhash", i));
            uint256[] memory expected = _uints("minhash", i, "out");
            for (uint256 j = 0; j < 32; j++) {
                assertEq(words[j], expected[j]);
            }
        }
    }

    function test_merkle_vectors_succeeds() public view {
        uint256 count = _count("merkle");
        assertGe(count, 6);
        bytes32[] memory leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; i++) {
            leaves[i] = MerkleReference.leaf(uint64(i), vm.parseJsonBytes(json, _key("merkle", i, "chunk")));
        }
        bytes32 root = vm.parseJsonBytes32(json, _key("merkle", 0, "root"));
        assertEq(MerkleReference.root(leaves), root);
        for (uint256 i = 0; i < count; i++) {
            bytes32[] memory proof = vm.parseJsonBytes32Array(json, _key("merkle", i, "proof"));
            assertEq(MerkleReference.proof(leaves, i), proof);
            assertTrue(MerkleReference.verify(root, count, i, leaves[i], proof));
            assertFalse(MerkleReference.verify(root, count, i, leaves[(i + 1) % count], proof));
            assertFalse(MerkleReference.verify(root, count, (i + 1) % count, leaves[i], proof));
        }
    }

    function test_influence_vectors_succeeds() public view {
        uint256 count = _count("ridge");
        assertGe(count, 13);
        for (uint256 i = 0; i < count; i++) {
            (int256[] memory a, uint256 residual2, uint256 query2) = InfluenceReference.influence(
                _ints("ridge", i, "rows"),
                _ints("ridge", i, "q"),
                _ints("ridge", i, "x"),
                vm.parseJsonInt(json, _key("ridge", i, "lambda")),
                _uint("ridge", i, "shift")
            );
            assertEq(a, _ints("ridge", i, "scores"));
            uint256 tolerance = _uint("ridge", i, "tolerance");
            assertEq(tolerance * tolerance * residual2 <= query2, vm.parseJsonBool(json, _key("ridge", i, "accepted")));
        }
    }

    function test_knnShapley_vectors_succeeds() public view {
        uint256 count = _count("knn");
        assertGe(count, 5);
        for (uint256 i = 0; i < count; i++) {
            int256[] memory values = InfluenceReference.knnShapley(
                _ints("knn", i, "rows"),
                _uints("knn", i, "labels"),
                _ints("knn", i, "q"),
                _uint("knn", i, "label"),
                _uint("knn", i, "K")
            );
            assertEq(values, _ints("knn", i, "out"));
        }
    }

    function test_royaltyFlow_vectors_succeeds() public view {
        uint256 count = _count("royalty");
        assertGe(count, 5);
        for (uint256 i = 0; i < count; i++) {
            uint256[] memory absBps = _uints("royalty", i, "absBps");
            uint256[] memory edges = _uints("royalty", i, "edges");
            RoyaltyReference.Node[] memory nodes = new RoyaltyReference.Node[](absBps.length);
            for (uint256 n = 0; n < nodes.length; n++) {
                uint256 parents;
                for (uint256 e = 0; e < edges.length; e += 3) {
                    if (edges[e] == n + 1) parents++;
                }
                nodes[n] = RoyaltyReference.Node(absBps[n], new uint256[](parents), new uint256[](parents));
                parents = 0;
                for (uint256 e = 0; e < edges.length; e += 3) {
                    if (edges[e] != n + 1) continue;
                    nodes[n].parents[parents] = edges[e + 1] - 1;
                    nodes[n].relBps[parents++] = edges[e + 2];
                }
            }
            uint256[] memory paid =
                RoyaltyReference.flow(nodes, _uint("royalty", i, "start") - 1, _uint("royalty", i, "total"));
            assertEq(paid, _uints("royalty", i, "paid"));
        }
    }
}
