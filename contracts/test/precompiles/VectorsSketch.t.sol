// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAttrSketch} from "../../src/interfaces/precompiles/IAttrSketch.sol";
import {AttrSketchReference} from "../reference/AttrSketchReference.sol";
import {MixReference} from "../reference/MixReference.sol";
import {ProjectionReference} from "../reference/ProjectionReference.sol";
import {VectorsTest} from "./VectorsTest.sol";

/// @notice SKETCH's reference with what vectors say put into it.
contract SketchWithVectors is AttrSketchReference {
    function put(uint64 id, uint16 dim, uint64 lambda, int256[] memory rows, uint256[] memory clusters) external {
        Set storage set = sets[id];
        (set.header.dim, set.header.lambda, set.header.sealedBlock) = (dim, lambda, 1);
        for (uint256 i = 0; i < clusters.length; i++) {
            bytes memory record = abi.encodePacked(uint32(clusters[i]), uint16(0), new bytes(dim));
            for (uint256 d = 0; d < dim; d++) {
                record[6 + d] = bytes1(uint8(int8(rows[i * dim + d])));
            }
            if (i == 0 || clusters[i] != clusters[i - 1]) set.clusters++;
            set.records.push(record);
        }
    }

    function assign(bytes32 space, uint32[32] memory mh) external returns (uint32 cluster, bool isNew) {
        return _assign(spaces[space], space, mh);
    }

    function band(bytes32 space, uint256 j, uint32[32] memory mh) external pure returns (bytes32) {
        return _band(space, j, mh);
    }
}

/// @notice The Solidity reference of SKETCH gives what every vector says.
contract PrecompileVectorsSketchTest is VectorsTest {
    constructor() VectorsTest("sketch") {}

    function test_project_vectors_succeeds() public view {
        uint256 count = _count("project");
        assertGe(count, 13);
        for (uint256 i = 0; i < count; i++) {
            int256[] memory out = ProjectionReference.project(
                _ints("project", i, "t"),
                _uint("project", i, "dim"),
                uint64(_uint("project", i, "seed")),
                _uint("project", i, "sparsity"),
                _uint("project", i, "shift")
            );
            assertEq(out, _ints("project", i, "out"));
        }
    }

    function test_scoreInfluence_batchVectors_succeeds() public {
        vm.roll(2);
        uint256 count = _count("batch");
        assertGe(count, 5);
        for (uint256 i = 0; i < count; i++) {
            _batch(i);
        }
    }

    function _batch(uint256 i) private {
        SketchWithVectors sketch = new SketchWithVectors();
        uint256 dim = _uint("batch", i, "dim");
        sketch.put(
            1,
            uint16(dim),
            uint64(_uint("batch", i, "lambda")),
            _ints("batch", i, "rows"),
            _uints("batch", i, "clusters")
        );
        uint256[] memory shifts = _uints("batch", i, "shift");
        uint8[] memory shift = new uint8[](shifts.length);
        for (uint256 b = 0; b < shifts.length; b++) {
            shift[b] = uint8(shifts[b]);
        }
        bytes[] memory q = _pack(_ints("batch", i, "q"), dim, 1);
        bytes[] memory x = _pack(_ints("batch", i, "x"), dim, 2);
        uint256 rejected = _uint("batch", i, "rejected");
        if (rejected < q.length) {
            vm.expectRevert(abi.encodeWithSelector(IAttrSketch.WitnessRejected.selector, rejected));
            sketch.scoreInfluence(1, q, x, shift);
            return;
        }
        (uint32[] memory cluster, int128[] memory sum, uint128[] memory sumSq) = sketch.scoreInfluence(1, q, x, shift);
        _same(i, cluster, sum, sumSq);
    }

    function _same(uint256 i, uint32[] memory cluster, int128[] memory sum, uint128[] memory sumSq) private view {
        uint256[] memory expected = _uints("batch", i, "cluster");
        int256[] memory expectedSum = _ints("batch", i, "sum");
        uint256[] memory expectedSumSq = _uints("batch", i, "sumSq");
        assertEq(cluster.length, expected.length);
        for (uint256 c = 0; c < cluster.length; c++) {
            assertEq(cluster[c], expected[c]);
            assertEq(sum[c], expectedSum[c]);
            assertEq(sumSq[c], expectedSumSq[c]);
        }
    }

    /// @notice Vectors of `dim` entries, `width` bytes each.
    function _pack(int256[] memory entries, uint256 dim, uint256 width) private pure returns (bytes[] memory packed) {
        packed = new bytes[](entries.length / dim);
        for (uint256 i = 0; i < packed.length; i++) {
            packed[i] = new bytes(dim * width);
            for (uint256 byte_ = 0; byte_ < dim * width; byte_++) {
                uint256 entry = uint256(entries[i * dim + byte_ / width]);
                packed[i][byte_] = bytes1(uint8(entry >> 8 * (width - 1 - byte_ % width)));
            }
        }
    }

    function test_drawSeed_vectors_succeeds() public view {
        uint256 count = _count("seed");
        assertGe(count, 3);
        for (uint256 i = 0; i < count; i++) {
            bytes32 hash = keccak256(abi.encodePacked(_word("seed", i, "blockHash"), uint64(_uint("seed", i, "setId"))));
            assertEq(uint64(bytes8(hash)), _uint("seed", i, "seed"));
        }
    }

    function test_space_vectors_succeeds() public {
        SketchWithVectors sketch = new SketchWithVectors();
        address registry = vm.parseJsonAddress(json, _key("space", 0, "registry"));
        bytes32 space = _word("space", 0, "space");
        assertEq(keccak256(abi.encode(registry, _word("space", 0, "datanet"))), space);
        bytes32[] memory ids = _words("space", 0, "commitIds");
        uint64[3] memory numbers = [0, 1, type(uint64).max];
        for (uint256 i = 0; i < 3; i++) {
            assertEq(keccak256(abi.encode(space, numbers[i])), ids[i]);
        }
        uint32[32] memory mh = MixReference.minhash(_tokens("space", 0));
        uint256[] memory words = _uints("space", 0, "mh");
        bytes memory packed;
        for (uint256 i = 0; i < 32; i++) {
            assertEq(mh[i], words[i]);
            packed = abi.encodePacked(packed, mh[i]);
        }
        address contributor = vm.parseJsonAddress(json, _key("space", 0, "contributor"));
        bytes32 h = keccak256(
            abi.encode(space, contributor, keccak256(packed), _word("space", 0, "dataRoot"), _word("space", 0, "salt"))
        );
        assertEq(h, _word("space", 0, "commitment"));
        bytes32[] memory bands = _words("space", 0, "bands");
        for (uint256 j = 0; j < 8; j++) {
            assertEq(sketch.band(space, j, mh), bands[j]);
        }
    }

    function test_settle_clusteringVectors_succeeds() public {
        SketchWithVectors sketch = new SketchWithVectors();
        uint256[] memory words = _uints("clustering", 0, "words");
        uint256[] memory clusters = _uints("clustering", 0, "cluster");
        uint256[] memory isNew = _uints("clustering", 0, "isNew");
        assertGe(clusters.length, 30);
        for (uint256 i = 0; i < clusters.length; i++) {
            uint32[32] memory mh;
            for (uint256 j = 0; j < 32; j++) {
                mh[j] = uint32(words[32 * i + j]);
            }
            (uint32 cluster, bool new_) = sketch.assign(0, mh);
            assertEq(cluster, clusters[i]);
            assertEq(new_, isNew[i] == 1);
        }
    }
}
