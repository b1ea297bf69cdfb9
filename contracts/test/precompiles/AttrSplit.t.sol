// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAttrSplit} from "../../src/interfaces/precompiles/IAttrSplit.sol";
import {NativePrecompiles} from "../../src/libraries/NativePrecompiles.sol";
import {PrecompileTest} from "./PrecompileTest.sol";

contract AttrSplitTest is PrecompileTest {
    IAttrSplit private constant SPLIT = NativePrecompiles.SPLIT;

    function testFuzz_split_conservation_succeeds(uint128 total, int64[12] calldata scores, uint16 topK) public view {
        int64[] memory s = new int64[](scores.length);
        bool positive;
        for (uint256 i = 0; i < s.length; i++) {
            s[i] = scores[i];
            positive = positive || s[i] > 0;
        }
        uint256[] memory amounts = SPLIT.split(total, s, 0, topK);
        uint256 paid;
        for (uint256 i = 0; i < s.length; i++) {
            paid += amounts[i];
            assertTrue(s[i] > 0 || amounts[i] == 0);
            for (uint256 j = 0; j < i; j++) {
                // More score never gets less; ties differ by a wei at most.
                if (topK == 0 && s[i] > s[j]) assertGe(amounts[i] + 1, amounts[j]);
                if (topK == 0 && s[i] == s[j]) assertLe(amounts[i] > amounts[j] ? 1 : amounts[j] - amounts[i], 1);
            }
        }
        assertEq(paid, positive ? total : 0);
    }

    function testFuzz_gate_threshold_succeeds(int128 sum, uint128 sumSq, uint8 z) public view {
        z = uint8(bound(z, 0, 8));
        int128[] memory sums = new int128[](1);
        uint128[] memory sumSqs = new uint128[](1);
        (sums[0], sumSqs[0]) = (sum, sumSq);
        int64 weight = SPLIT.gate(sums, sumSqs, z)[0];
        assertGe(weight, 0);
        assertLt(uint64(weight), 1 << 62);
        bool significant = sum > 0 && uint256(int256(sum)) ** 2 >= uint256(z) * z * sumSq;
        assertEq(weight > 0, significant);
    }

    function test_gate_lengths_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IAttrSplit.LengthMismatch.selector, 2, 1));
        SPLIT.gate(new int128[](2), new uint128[](1), 1);
    }

    function test_gate_z_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IAttrSplit.BadZ.selector, 9));
        SPLIT.gate(new int128[](1), new uint128[](1), 9);
    }

    function test_split_total_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IAttrSplit.TotalTooLarge.selector, uint256(1) << 128));
        SPLIT.split(1 << 128, new int64[](1), 0, 0);
    }
}
