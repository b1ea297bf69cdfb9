// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAttrSketch} from "../../src/interfaces/precompiles/IAttrSketch.sol";
import {INativePrecompile} from "../../src/interfaces/precompiles/INativePrecompile.sol";
import {NativePrecompiles} from "../../src/libraries/NativePrecompiles.sol";
import {PrecompileTest} from "./PrecompileTest.sol";

contract AttrSketchTest is PrecompileTest {
    IAttrSketch private constant SKETCH = NativePrecompiles.SKETCH;
    bytes32 private constant DATANET = bytes32(uint256(7));
    uint256 private constant DIM = 64;

    bytes32 private space;

    function setUp() public override {
        super.setUp();
        vm.roll(100);
        space = keccak256(abi.encode(address(this), DATANET));
    }

    function _signature(uint256 content) private pure returns (uint32[32] memory mh) {
        for (uint256 i = 0; i < 32; i++) {
            mh[i] = uint32(uint256(keccak256(abi.encode(content, i))));
        }
    }

    function _hash(uint32[32] memory mh) private pure returns (bytes32) {
        bytes memory packed;
        for (uint256 i = 0; i < 32; i++) {
            packed = abi.encodePacked(packed, mh[i]);
        }
        return keccak256(packed);
    }

    function _commit(uint32[32] memory mh) private returns (bytes32) {
        bytes32 h = keccak256(abi.encode(space, address(1), _hash(mh), bytes32(0), bytes32(0)));
        return SKETCH.commitContribution(DATANET, h);
    }

    /// @notice Clusters 0 to `count - 1` in the registry's space.
    function _clusters(uint256 count) private {
        bytes32[] memory ids = new bytes32[](count);
        for (uint256 i = 0; i < count; i++) {
            ids[i] = _commit(_signature(i));
        }
        vm.roll(vm.getBlockNumber() + 2);
        for (uint256 i = 0; i < count; i++) {
            SKETCH.reveal(DATANET, ids[i], address(1), 0, 0, _signature(i));
        }
        vm.roll(vm.getBlockNumber() + 51);
        assertEq(SKETCH.settle(DATANET, 64), count);
    }

    function _drawn(uint8 kind, uint32 normCap2) private returns (uint64 id) {
        id = SKETCH.openSet(space, uint16(DIM), kind, normCap2, 0, 0, 0, 0);
        vm.roll(vm.getBlockNumber() + 2);
        SKETCH.drawSeed(id);
    }

    /// @notice A row whose entries are ±100, by the bits of `pattern`.
    function _row(uint32 cluster, uint16 label, uint64 pattern) private pure returns (bytes memory record) {
        record = abi.encodePacked(cluster, label);
        for (uint256 d = 0; d < DIM; d++) {
            record = abi.encodePacked(record, int8(pattern >> d & 1 == 1 ? int8(-100) : int8(100)));
        }
    }

    function _query(uint64 pattern) private pure returns (bytes memory q) {
        bytes memory record = _row(0, 0, pattern);
        q = new bytes(DIM);
        for (uint256 d = 0; d < DIM; d++) {
            q[d] = record[6 + d];
        }
    }

    /// @notice The witness for `copies` equal rows of that pattern: along the row, 2^shift·100/(copies·640000 + lambda).
    function _witness(uint64 pattern, uint256 copies, uint256 lambda, uint256 shift)
        private
        pure
        returns (bytes memory x)
    {
        uint256 divisor = copies * DIM * 10_000 + lambda;
        int16 magnitude = int16(uint16(((100 << shift) + divisor / 2) / divisor));
        for (uint256 d = 0; d < DIM; d++) {
            x = abi.encodePacked(x, pattern >> d & 1 == 1 ? -magnitude : magnitude);
        }
    }

    function _sealed(uint8 kind) private returns (uint64 id) {
        _clusters(2);
        id = _drawn(kind, uint32(DIM * 10_000));
        bytes memory rows = bytes.concat(_row(0, 1, 5), _row(0, 1, 5), _row(1, 2, 5));
        SKETCH.appendRows(id, rows);
        SKETCH.seal(id);
        vm.roll(vm.getBlockNumber() + 1);
    }

    function test_clusterCount_bySpace_succeeds() public {
        _clusters(3);
        assertEq(SKETCH.clusterCount(space), 3);
        assertEq(SKETCH.clusterCount(keccak256(abi.encode(address(2), DATANET))), 0);
        assertEq(SKETCH.clusterCount(0), 0);
    }

    function test_settle_copies_succeeds() public {
        uint32[32] memory first = _signature(1);
        uint32[32] memory near = _signature(1);
        for (uint256 i = 16; i < 32; i++) {
            near[i] ^= 1;
        }
        bytes32[3] memory ids = [_commit(first), _commit(near), _commit(_signature(2))];
        bytes32 unrevealed = _commit(_signature(3));
        vm.expectRevert(
            abi.encodeWithSelector(IAttrSketch.RevealWindow.selector, vm.getBlockNumber() + 2, vm.getBlockNumber() + 50)
        );
        SKETCH.reveal(DATANET, ids[0], address(1), 0, 0, first);
        vm.roll(vm.getBlockNumber() + 2);
        vm.expectRevert(abi.encodeWithSelector(IAttrSketch.CommitMismatch.selector, ids[1]));
        SKETCH.reveal(DATANET, ids[1], address(1), 0, 0, first);
        SKETCH.reveal(DATANET, ids[2], address(1), 0, 0, _signature(2));
        SKETCH.reveal(DATANET, ids[0], address(1), 0, 0, first);
        SKETCH.reveal(DATANET, ids[1], address(1), 0, 0, near);
        assertEq(SKETCH.settle(DATANET, 64), 0);
        vm.roll(vm.getBlockNumber() + 49);
        vm.expectEmit(address(SKETCH));
        emit IAttrSketch.Clustered(DATANET, 0, ids[0], true);
        vm.expectEmit(address(SKETCH));
        emit IAttrSketch.Clustered(DATANET, 0, ids[1], false);
        vm.expectEmit(address(SKETCH));
        emit IAttrSketch.Clustered(DATANET, 1, ids[2], true);
        assertEq(SKETCH.clusterCount(space), 0);
        assertEq(SKETCH.settle(DATANET, 64), 4);
        assertEq(SKETCH.clusterCount(space), 2);
        vm.expectRevert();
        SKETCH.reveal(DATANET, unrevealed, address(1), 0, 0, _signature(3));
    }

    function test_scoreInfluence_honest_succeeds() public {
        uint64 id = _sealed(0);
        IAttrSketch.SetHeader memory header = SKETCH.header(id);
        assertEq(header.rows, 3);
        assertEq(header.lambda, (3 * DIM * 10_000 + 1023) / 1024);
        bytes[] memory q = new bytes[](2);
        bytes[] memory x = new bytes[](2);
        uint8[] memory shift = new uint8[](2);
        (q[0], q[1]) = (_query(5), _query(5));
        (shift[0], shift[1]) = (26, 27);
        for (uint256 b = 0; b < 2; b++) {
            x[b] = _witness(5, 3, header.lambda, shift[b]);
        }
        (uint32[] memory cluster, int128[] memory sum, uint128[] memory sumSq) = SKETCH.scoreInfluence(id, q, x, shift);
        assertEq(cluster.length, 2);
        assertEq(cluster[1], 1);
        // Two of three equal rows are of cluster 0.
        assertEq(sum[0], 2 * sum[1]);
        // 2^40·gᵀ(GᵀG + λ)⁻¹q of a row is just below a third of 2^40.
        assertApproxEqRel(sum[1], int128(2 ** 41) / 3, 0.002e18);
        assertApproxEqRel(uint256(sumSq[1]) * 2, uint256(int256(sum[1])) ** 2, 0.001e18);
        for (uint256 b = 0; b < 2; b++) {
            (uint256 residual2, uint256 query2) = SKETCH.residual(id, q[b], x[b], shift[b]);
            assertLe(256 * 256 * residual2, query2);
        }
        x[1] = x[0];
        {
            (uint256 residual2, uint256 query2) = SKETCH.residual(id, q[1], x[1], shift[1]);
            assertGt(256 * 256 * residual2, query2);
        }
        vm.expectRevert(abi.encodeWithSelector(IAttrSketch.WitnessRejected.selector, 1));
        SKETCH.scoreInfluence(id, q, x, shift);
        q[1] = new bytes(DIM);
        vm.expectRevert(abi.encodeWithSelector(IAttrSketch.ZeroQuery.selector, 1));
        SKETCH.scoreInfluence(id, q, x, shift);
    }

    function test_scores_byCluster_succeeds() public {
        uint64 id = _sealed(1);
        (uint32[] memory cluster, int128[] memory sum) = SKETCH.scoreDot(id, _query(5));
        assertEq(cluster.length, 2);
        assertEq(sum[0], 2 * int128(int256(DIM * 10_000)));
        assertEq(sum[1], int128(int256(DIM * 10_000)));
        // Equal distances: by row. The first two have the label, and each of them is worth a half with K = 2 …
        (, sum) = SKETCH.scoreKnnShapley(id, _query(5), 1, 2);
        // … the third nothing: its s is 0, and s_1 = s_2 = 2^40·2/(2·2).
        assertEq(sum[0], 2 ** 40);
        assertEq(sum[1], 0);
        (uint64 d2, uint64 n2, uint64 m2) = SKETCH.rowDistance(id, 0, _query(4));
        assertEq(d2, 200 ** 2);
        assertEq(n2, m2);
        (, uint16 label, bytes memory v) = SKETCH.row(id, 2);
        assertEq(label, 2);
        assertEq(v, _query(5));
        vm.expectRevert(abi.encodeWithSelector(IAttrSketch.UnknownRow.selector, 3, 3));
        SKETCH.row(id, 3);
    }

    function test_appendRows_order_reverts() public {
        _clusters(2);
        uint64 id = _drawn(0, uint32(DIM * 10_000));
        vm.expectRevert(abi.encodeWithSelector(IAttrSketch.BadRow.selector, 1));
        SKETCH.appendRows(id, bytes.concat(_row(1, 0, 1), _row(0, 0, 1)));
        vm.expectRevert(abi.encodeWithSelector(IAttrSketch.BadRow.selector, 0));
        SKETCH.appendRows(id, _row(2, 0, 1));
        vm.expectRevert(abi.encodeWithSelector(INativePrecompile.Unauthorized.selector, address(1)));
        vm.prank(address(1));
        SKETCH.appendRows(id, _row(0, 0, 1));
        SKETCH.appendRows(id, _row(0, 0, 1));
        vm.expectRevert(abi.encodeWithSelector(IAttrSketch.PartialPage.selector, id));
        SKETCH.appendRows(id, _row(1, 0, 1));
    }

    function test_seal_looseCap_reverts() public {
        _clusters(1);
        uint64 id = _drawn(0, uint32(DIM * 20_000));
        SKETCH.appendRows(id, _row(0, 0, 1));
        vm.expectRevert(abi.encodeWithSelector(IAttrSketch.CapTooLoose.selector, 0, 1));
        SKETCH.seal(id);
    }

    function test_score_sealedInSameBlock_reverts() public {
        _clusters(1);
        uint64 id = _drawn(1, 0);
        SKETCH.appendRows(id, _row(0, 0, 1));
        SKETCH.seal(id);
        vm.expectRevert(abi.encodeWithSelector(IAttrSketch.NotSealed.selector, id));
        SKETCH.scoreDot(id, _query(1));
    }
}
