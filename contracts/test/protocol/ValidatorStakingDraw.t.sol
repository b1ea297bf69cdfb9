// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {StakingTest} from "./StakingTest.sol";

/// @dev Draws by stake.
contract ValidatorStakingDrawTest is StakingTest {
    address private immutable alice = makeAddr("alice");
    address private immutable late = makeAddr("late");

    function test_draw_nobody_succeeds() public view {
        assertEq(staking.draw("seed", 7, block.timestamp, new address[](0)).length, 0);
    }

    /// @dev VD1: distinct, active, not excluded, as many as asked for or as there are, the same for the same seed.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_draw_distinct_succeeds(bytes32 seed, uint8 n, uint8 excludedCount) public {
        (address[] memory list,) = _validators(12, MIN_STAKE);
        address[] memory excluded = new address[](excludedCount % 15);
        for (uint256 i = 0; i < excluded.length; ++i) {
            // With addresses that aren't validators among them.
            excluded[i] = i < 12 ? list[11 - i] : address(uint160(i));
        }
        uint256 left = excluded.length < 12 ? 12 - excluded.length : 0;
        address[] memory drawn = staking.draw(seed, n, block.timestamp, excluded);
        assertEq(drawn.length, n < left ? n : left);
        for (uint256 i = 0; i < drawn.length; ++i) {
            assertTrue(staking.isActive(VALIDATOR, drawn[i]));
            for (uint256 j = 0; j < excluded.length; ++j) {
                assertNotEq(drawn[i], excluded[j]);
            }
            for (uint256 j = 0; j < i; ++j) {
                assertNotEq(drawn[i], drawn[j]);
            }
        }
        assertEq(keccak256(abi.encode(drawn)), keccak256(abi.encode(staking.draw(seed, n, block.timestamp, excluded))));
    }

    /// @dev VD2: how often each is drawn first follows stake; whoever is drawn later, the stake of those that are left.
    /// forge-config: default.fuzz.runs = 8
    function testFuzz_draw_followsStake_succeeds(uint256 seed) public {
        uint256 operators = 5;
        uint256[5] memory weights;
        address[] memory list = new address[](operators);
        uint256 total;
        for (uint256 i = 0; i < operators; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            weights[i] = MIN_STAKE * (1 + seed % 20);
            list[i] = makeAddr(string.concat("weighted ", vm.toString(i)));
            _register(VALIDATOR, list[i], 0, weights[i]);
            total += weights[i];
        }
        uint256 draws = 600;
        uint256[5] memory first;
        uint256[5] memory second;
        // Expectation of being drawn second, times `total`.
        uint256[5] memory expected;
        for (uint256 i = 0; i < draws; ++i) {
            address[] memory drawn = staking.draw(keccak256(abi.encode(seed, i)), 2, block.timestamp, new address[](0));
            for (uint256 j = 0; j < operators; ++j) {
                if (drawn[0] == list[j]) ++first[j];
                if (drawn[1] == list[j]) ++second[j];
            }
        }
        for (uint256 j = 0; j < operators; ++j) {
            for (uint256 i = 0; i < operators; ++i) {
                if (i != j) expected[j] += weights[i] * weights[j] / (total - weights[i]);
            }
            // Five standard deviations of a frequency of 600 draws are at most 62.
            assertApproxEqAbs(first[j], draws * weights[j] / total, 62, "first");
            assertApproxEqAbs(second[j], draws * expected[j] / total, 62, "second");
        }
    }

    /// @dev VD3: what happens after the time that a draw is of doesn't change it: no stake that comes or goes, nobody who leaves.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_draw_ofThePast_isFixed_succeeds(bytes32 seed, uint256 actions) public {
        _setParameter(address(staking), "validatorsMax", 10);
        (address[] memory list,) = _validators(10, 2 * MIN_STAKE);
        uint256 time = block.timestamp;
        address[] memory excluded = new address[](1);
        excluded[0] = list[1];
        bytes32 before = keccak256(abi.encode(staking.draw(seed, 7, time, excluded)));
        for (uint256 i = 0; i < 10; ++i) {
            vm.warp(block.timestamp + 1 + i % 2);
            actions = uint256(keccak256(abi.encode(actions)));
            address operator = list[(actions >> 8) % 10];
            bool works = staking.stakeOf(VALIDATOR, operator) != 0;
            uint256 what = actions % 5;
            if (what == 0 && works) _delegate(VALIDATOR, operator, alice, 1 ether + (actions >> 32) % 1e24);
            if (what == 1 && works) _exit(VALIDATOR, operator);
            if (what == 2) _slashValidator(operator, address(0));
            if (what == 3 && works && _stake(VALIDATOR, operator, operator) >= MIN_STAKE + 1) {
                _undelegate(VALIDATOR, operator, operator, 1);
            }
            if (what == 4) _register(VALIDATOR, makeAddr(vm.toString(actions)), 0, 3 * MIN_STAKE);
            assertEq(keccak256(abi.encode(staking.draw(seed, 7, time, excluded))), before);
        }
    }

    /// @dev Of the same second, what came last counts; of the time before the first, nobody.
    function test_draw_times_succeeds() public {
        uint256 start = block.timestamp;
        (address[] memory list,) = _validators(3, MIN_STAKE);
        vm.warp(start + 10);
        _exit(VALIDATOR, list[0]);
        _register(VALIDATOR, late, 0, MIN_STAKE);
        assertEq(staking.draw("", 9, start - 1, new address[](0)).length, 0);
        assertEq(staking.draw("", 9, start, new address[](0)).length, 3);
        assertEq(staking.draw("", 9, start + 9, new address[](0)).length, 3);
        address[] memory now_ = staking.draw("", 9, start + 10, new address[](0));
        assertEq(now_.length, 3);
        for (uint256 i = 0; i < 3; ++i) {
            assertNotEq(now_[i], list[0]);
        }
        // Seats were taken over, so that who had them before is still found by time.
        address[] memory then = staking.draw("", 9, start + 9, new address[](0));
        for (uint256 i = 0; i < 3; ++i) {
            assertNotEq(then[i], late);
        }
    }

    function test_draw_belowLeastStake_notDrawn_succeeds() public {
        (address[] memory list,) = _validators(3, MIN_STAKE);
        _slashValidator(list[1], address(0));
        address[] memory drawn = staking.draw("", 9, block.timestamp, new address[](0));
        assertEq(drawn.length, 2);
        assertTrue(drawn[0] != list[1] && drawn[1] != list[1]);
    }

    function test_draw_tooManyExcluded_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.InvalidLength.selector, 33, 32));
        staking.draw("", 7, block.timestamp, new address[](33));
    }

    function test_draw_allSeats_gas_succeeds() public {
        _setParameter(address(staking), "validatorsMax", 256);
        _validators(256, MIN_STAKE);
        vm.warp(block.timestamp + 1);
        uint256 before = gasleft();
        assertEq(staking.draw("seed", 7, block.timestamp, new address[](8)).length, 7);
        assertLt(before - gasleft(), 3_000_000);
    }
}
