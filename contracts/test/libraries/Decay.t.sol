// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Decay} from "../../src/libraries/Decay.sol";
import {Test} from "forge-std/Test.sol";

contract DecayTest is Test {
    uint256 private constant HALF_LIFE = 90 days;

    function test_decay_wholeHalfLives_areExact_succeeds() public pure {
        assertEq(Decay.decay(1 << 200, 0, HALF_LIFE), 1 << 200);
        for (uint256 n = 1; n <= 200; ++n) {
            assertEq(Decay.decay(1 << 200, n * HALF_LIFE, HALF_LIFE), 1 << (200 - n));
        }
        assertEq(Decay.decay(type(uint208).max, 208 * HALF_LIFE, HALF_LIFE), 0);
        assertEq(Decay.decay(type(uint256).max, 256 * HALF_LIFE, HALF_LIFE), 0);
        assertEq(Decay.decay(type(uint256).max, type(uint48).max, 1), 0);
    }

    /// @dev 10^24 · 2^(−seconds / 90 days) to twenty digits, by arithmetic of sixty.
    function test_decay_vectors_succeeds() public pure {
        uint32[6] memory elapsed = [uint32(1), 86_400, 3_888_000, 7_775_999, 7_776_001, 100_000_000];
        uint256[6] memory expected = [
            uint256(999_999_910_860_706_061_391_497),
            992_327_946_262_943_481_025_535,
            707_106_781_186_547_524_400_844,
            500_000_044_569_650_942_211_467,
            499_999_955_430_353_030_695_748,
            134_502_228_383_634_948_439
        ];
        for (uint256 i = 0; i < elapsed.length; ++i) {
            uint256 left = Decay.decay(1e24, elapsed[i], HALF_LIFE);
            // The factor has 18 digits: 10^6 of 10^24.
            assertApproxEqAbs(left, expected[i], 3e6);
        }
    }

    /// @dev Property RE2.
    function testFuzz_decay_laterIsLess_succeeds(uint208 value, uint48 elapsed, uint48 more, uint32 halfLife)
        public
        pure
    {
        vm.assume(halfLife != 0);
        uint256 sooner = Decay.decay(value, elapsed, halfLife);
        assertLe(sooner, value);
        assertLe(Decay.decay(value, uint256(elapsed) + more, halfLife), sooner);
    }

    /// @dev Property RE2, from one second to the next, where rounding could turn it round.
    function testFuzz_decay_nextSecond_succeeds(uint208 value, uint48 elapsed) public pure {
        assertLe(Decay.decay(value, uint256(elapsed) + 1, HALF_LIFE), Decay.decay(value, elapsed, HALF_LIFE));
    }

    /// @dev Two steps are one, but for the rounding of each.
    function testFuzz_decay_inSteps_succeeds(uint128 value, uint32 first, uint32 second) public pure {
        uint256 once = Decay.decay(value, uint256(first) + second, HALF_LIFE);
        uint256 twice = Decay.decay(Decay.decay(value, first, HALF_LIFE), second, HALF_LIFE);
        assertApproxEqAbs(twice, once, uint256(value) / 1e17 + 3);
    }
}
