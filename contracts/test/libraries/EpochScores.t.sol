// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Result} from "../../src/interfaces/IEpochSettlement.sol";
import {IAttrSketch} from "../../src/interfaces/precompiles/IAttrSketch.sol";
import {EpochScores} from "../../src/libraries/EpochScores.sol";
import {NativePrecompiles} from "../../src/libraries/NativePrecompiles.sol";
import {PrecompileTest} from "../precompiles/PrecompileTest.sol";
import {SplitReference} from "../reference/SplitReference.sol";

/// @dev Stands for SKETCH: a query is the encoded scores of clusters 10, 11 …; a witness says what is wrong with it.
contract SketchDouble {
    function scoreInfluence(uint64, bytes[] calldata q, bytes[] calldata x, uint8[] calldata)
        external
        pure
        returns (uint32[] memory cluster, int128[] memory sum, uint128[] memory sumSq)
    {
        if (x[0].length != 0) {
            bytes memory reason = x[0];
            assembly {
                revert(add(reason, 32), mload(reason))
            }
        }
        sum = abi.decode(q[0], (int128[]));
        cluster = new uint32[](sum.length);
        for (uint256 c = 0; c < sum.length; ++c) {
            cluster[c] = uint32(10 + c);
        }
        sumSq = new uint128[](0);
    }
}

/// @dev Stands for SPLIT where only the gas of its callers counts.
contract SplitDouble {
    fallback(bytes calldata data) external returns (bytes memory) {
        // The last array comes back, as it is.
        uint256 offset = uint256(bytes32(data[36:68]));
        uint256 length = uint256(bytes32(data[4 + offset:36 + offset]));
        return abi.encodePacked(uint256(32), data[4 + offset:36 + offset + 32 * length]);
    }
}

/// @dev Stands for SKETCH with the most clusters that a set can have.
contract ManyClustersDouble {
    fallback(bytes calldata) external returns (bytes memory) {
        uint32[] memory cluster = new uint32[](1024);
        int128[] memory sum = new int128[](1024);
        for (uint256 c = 0; c < 1024; ++c) {
            cluster[c] = uint32(c);
            sum[c] = int128(uint128(1 + c % 7));
        }
        return abi.encode(cluster, sum, new uint128[](1024));
    }
}

contract EpochScoresTest is PrecompileTest {
    uint256 private constant DRAWS = 16;

    function setUp() public override {
        super.setUp();
        vm.etch(address(NativePrecompiles.SKETCH), type(SketchDouble).runtimeCode);
    }

    /// @dev For calls that revert, and for gas.
    function score(bytes[] memory queries, bytes[] memory x) public view returns (bool, Result memory) {
        return EpochScores.score(1, queries, x, new uint8[](queries.length), DRAWS);
    }

    function _score(int128[][] memory drawn) private view returns (Result memory result) {
        bytes[] memory queries = new bytes[](drawn.length);
        for (uint256 i = 0; i < drawn.length; ++i) {
            if (drawn[i].length != 0) queries[i] = abi.encode(drawn[i]);
        }
        bool isValid;
        (isValid, result) = score(queries, new bytes[](drawn.length));
        assertTrue(isValid);
    }

    function _drawsOf(uint256 count, int128[] memory scores) private pure returns (int128[][] memory drawn) {
        drawn = new int128[][](DRAWS);
        for (uint256 i = 0; i < count; ++i) {
            drawn[i] = scores;
        }
    }

    /// @dev ESC1: the page's words, without the precompiles.
    function _reference(int128[][] memory drawn) private pure returns (Result memory result) {
        uint256 scored = 0;
        uint256 clusters = 0;
        for (uint256 i = 0; i < drawn.length; ++i) {
            if (drawn[i].length == 0) continue;
            ++scored;
            clusters = drawn[i].length;
        }
        if (scored < 8) return result;
        result = Result(new uint32[](clusters), new int128[](clusters), new uint64[](clusters));
        bool[] memory eligible = new bool[](clusters);
        for (uint256 c = 0; c < clusters; ++c) {
            int256 sum = 0;
            uint256 squares = 0;
            for (uint256 i = 0; i < drawn.length; ++i) {
                if (drawn[i].length == 0) continue;
                int256 s = drawn[i][c];
                sum += s;
                uint256 square = uint256(s * s);
                squares += square < 2 ** 120 ? square : 2 ** 120;
            }
            result.clusters[c] = uint32(10 + c);
            result.sums[c] = int128(sum);
            eligible[c] = sum > 0 && uint256(sum) * uint256(sum) >= squares;
        }
        uint256[] memory shares = _mean(drawn, _weights(drawn, result.sums, eligible));
        _guard(shares, result.shares);
    }

    /// @dev By draw: what is divided by; zeros where a cluster isn't eligible. A weight that the gate's shift leaves nothing of isn't positive.
    function _weights(int128[][] memory drawn, int128[] memory sums, bool[] memory eligible)
        private
        pure
        returns (uint256[][] memory weights)
    {
        uint256 largest = 0;
        for (uint256 c = 0; c < sums.length; ++c) {
            if (eligible[c] && uint128(sums[c]) > largest) largest = uint128(sums[c]);
        }
        uint256 gateShift = _shift(largest);
        weights = new uint256[][](drawn.length);
        for (uint256 i = 0; i < drawn.length; ++i) {
            weights[i] = new uint256[](sums.length);
            if (drawn[i].length == 0) continue;
            largest = 0;
            for (uint256 c = 0; c < sums.length; ++c) {
                if (!eligible[c] || uint128(sums[c]) >> gateShift == 0 || drawn[i][c] <= 0) continue;
                weights[i][c] = uint128(drawn[i][c]);
                if (weights[i][c] > largest) largest = weights[i][c];
            }
            uint256 shift = _shift(largest);
            for (uint256 c = 0; c < sums.length; ++c) {
                weights[i][c] >>= shift;
            }
        }
    }

    function _shift(uint256 largest) private pure returns (uint256 shift) {
        while (largest >> shift >= 2 ** 62) ++shift;
    }

    function _mean(int128[][] memory drawn, uint256[][] memory weights) private pure returns (uint256[] memory shares) {
        shares = new uint256[](weights[0].length);
        for (uint256 i = 0; i < drawn.length; ++i) {
            uint256[] memory parts = SplitReference.apportion(1e18, weights[i]);
            for (uint256 c = 0; c < shares.length; ++c) {
                shares[c] += parts[c];
            }
        }
        for (uint256 c = 0; c < shares.length; ++c) {
            shares[c] /= DRAWS;
        }
    }

    function _guard(uint256[] memory shares, uint64[] memory guarded) private pure {
        // The lower median: as many positive ones below or equal as make half, by counting.
        uint256 positive = 0;
        for (uint256 c = 0; c < shares.length; ++c) {
            if (shares[c] > 0) ++positive;
        }
        uint256 median = 0;
        for (uint256 c = 0; c < shares.length; ++c) {
            uint256 notAbove = 0;
            for (uint256 d = 0; d < shares.length; ++d) {
                if (shares[d] > 0 && shares[d] <= shares[c]) ++notAbove;
            }
            bool isHalf = shares[c] > 0 && 2 * notAbove >= positive;
            if (isHalf && (median == 0 || shares[c] < median)) median = shares[c];
        }
        uint256 cut = 0;
        uint256[] memory others = new uint256[](shares.length);
        for (uint256 c = 0; c < shares.length; ++c) {
            uint256 most = 8 * median;
            if (shares[c] > most) cut += shares[c] - most;
            else (most, others[c]) = (shares[c], shares[c]);
            guarded[c] = uint64(most);
        }
        uint256[] memory parts = SplitReference.apportion(cut, others);
        for (uint256 c = 0; c < shares.length; ++c) {
            guarded[c] += uint64(parts[c]);
        }
    }

    /// @dev ESC1.
    function testFuzz_score_isTheReference(uint256 seed, uint8 clusters, uint8 missing, uint8 width) public view {
        uint256 count = bound(clusters, 1, 12);
        uint256 bits = bound(width, 1, 83);
        int128[][] memory drawn = new int128[][](DRAWS);
        for (uint256 i = 0; i < DRAWS; ++i) {
            if (i < bound(missing, 0, 10)) continue;
            drawn[i] = new int128[](count);
            for (uint256 c = 0; c < count; ++c) {
                uint256 random = uint256(keccak256(abi.encode(seed, i, c)));
                // Magnitudes that differ by cluster, and signs that lean to one side.
                uint256 magnitude = (random >> 8) % (1 << (1 + (uint256(keccak256(abi.encode(seed, c))) % bits)));
                drawn[i][c] = random % 256 < 90 ? -int128(uint128(magnitude)) : int128(uint128(magnitude));
            }
        }
        assertEq(abi.encode(_score(drawn)), abi.encode(_reference(drawn)));
    }

    /// @dev ESC2: what shares add up to is never more than the units, and less only by draws without a score and rounding.
    function testFuzz_score_sharesAddUp(uint256 seed, uint8 clusters, uint8 scored) public view {
        uint256 count = bound(clusters, 1, 12);
        uint256 draws = bound(scored, 8, DRAWS);
        int128[] memory scores = new int128[](count);
        for (uint256 c = 0; c < count; ++c) {
            scores[c] = int128(uint128(1 + uint256(keccak256(abi.encode(seed, c))) % (1 << (8 * (c + 1)))));
        }
        uint64[] memory shares = _score(_drawsOf(draws, scores)).shares;
        uint256 sum = 0;
        for (uint256 c = 0; c < count; ++c) {
            sum += shares[c];
        }
        assertLe(sum, draws * 1e18 / DRAWS);
        assertGe(sum + count, draws * 1e18 / DRAWS);
    }

    /// @dev ESC3.
    function test_score_fewerThanEightDraws_isEmpty() public view {
        int128[] memory scores = new int128[](1);
        scores[0] = 1;
        assertEq(_score(_drawsOf(7, scores)).clusters.length, 0);
        Result memory result = _score(_drawsOf(8, scores));
        assertEq(result.shares[0], 0.5e18);
        assertEq(result.sums[0], 8);
    }

    /// @dev ESC4: nine equal ones and a giant; it keeps eight times the median, the others share what is cut.
    function test_score_guard_succeeds() public view {
        int128[] memory scores = new int128[](10);
        for (uint256 c = 0; c < 9; ++c) {
            scores[c] = 1;
        }
        scores[9] = 91;
        uint64[] memory shares = _score(_drawsOf(16, scores)).shares;
        // Before the guard 0.01 each and 0.91.
        assertEq(shares[9], 0.08e18);
        for (uint256 c = 0; c < 9; ++c) {
            assertApproxEqAbs(shares[c], uint256(0.92e18) / 9, 1);
        }
    }

    /// @dev ESC3: what doesn't stand out of noise earns nothing, what harms neither.
    function test_score_noise_earnsNothing() public view {
        int128[][] memory drawn = new int128[][](DRAWS);
        for (uint256 i = 0; i < DRAWS; ++i) {
            drawn[i] = new int128[](3);
            drawn[i][0] = 5;
            drawn[i][1] = i % 2 == 0 ? int128(100) : int128(-99);
            drawn[i][2] = -5;
        }
        Result memory result = _score(drawn);
        assertEq(result.shares[0], 1e18);
        assertEq(result.shares[1], 0);
        assertEq(result.shares[2], 0);
        assertEq(result.sums[1], 8);
        assertEq(result.sums[2], -80);
    }

    /// @dev ESC5: only what is wrong with a witness makes scores invalid.
    function test_score_refusals_succeeds() public {
        bytes[] memory queries = new bytes[](1);
        queries[0] = abi.encode(new int128[](1));
        bytes[] memory x = new bytes[](1);
        bytes4[3] memory blamed =
            [IAttrSketch.WitnessRejected.selector, IAttrSketch.WitnessRange.selector, IAttrSketch.BadShift.selector];
        for (uint256 i = 0; i < 3; ++i) {
            x[0] = abi.encodeWithSelector(blamed[i], uint256(0));
            (bool isValid,) = score(queries, x);
            assertFalse(isValid);
        }
        x[0] = abi.encodeWithSelector(IAttrSketch.NotSealed.selector, uint256(7));
        vm.expectRevert(x[0]);
        this.score(queries, x);
        x[0] = hex"010203";
        vm.expectRevert(x[0]);
        this.score(queries, x);
    }

    function test_isQuery_succeeds() public pure {
        assertFalse(EpochScores.isQuery(new bytes(64), 64));
        assertFalse(EpochScores.isQuery(hex"01", 2));
        assertTrue(EpochScores.isQuery(hex"0001", 2));
    }

    /// @dev ESC6: the library itself takes no more for a cluster than `EpochScoring` reckons with.
    function test_score_gasOfManyClusters_succeeds() public {
        vm.etch(address(NativePrecompiles.SPLIT), type(SplitDouble).runtimeCode);
        vm.etch(address(NativePrecompiles.SKETCH), type(ManyClustersDouble).runtimeCode);
        bytes[] memory queries = new bytes[](DRAWS);
        for (uint256 i = 0; i < DRAWS; ++i) {
            queries[i] = new bytes(1024);
        }
        bytes[] memory x = new bytes[](DRAWS);
        uint256 gas = gasleft();
        this.score(queries, x);
        gas -= gasleft();
        uint256 doubles = gasleft();
        (bool called,) = address(NativePrecompiles.SKETCH).staticcall("");
        doubles -= gasleft();
        assertTrue(called);
        gas -= DRAWS * doubles;
        emit log_named_uint("gas", gas);
        assertLt(gas, 1024 * 30_500);
    }
}
