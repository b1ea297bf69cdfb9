// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Reputation} from "../../src/governance/Reputation.sol";
import {IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {IReputation} from "../../src/interfaces/IReputation.sol";
import {Decay} from "../../src/libraries/Decay.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {ProtocolTest} from "../protocol/ProtocolTest.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

contract ReputationTest is ProtocolTest {
    Reputation private constant REPUTATION = Reputation(Predeploys.REPUTATION);
    uint256 private constant START = 1_700_000_000;
    uint256 private constant HALF_LIFE = 90 days;

    address private immutable alice = makeAddr("alice");
    address private immutable bob = makeAddr("bob");

    function setUp() public override {
        super.setUp();
        vm.warp(START);
    }

    function _award(address account, uint256 points) private {
        vm.prank(Predeploys.JURY);
        REPUTATION.award(account, points);
    }

    function test_initialize_again_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        REPUTATION.initialize(new Setting[](0));
    }

    function test_initialize_setting_reverts() public {
        vm.store(Predeploys.REPUTATION, 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00, 0);
        Setting[] memory settings = new Setting[](1);
        settings[0] = Setting("halfLife", 1);
        vm.expectRevert(abi.encodeWithSelector(IParameterized.UnknownParameter.selector, bytes32("halfLife")));
        REPUTATION.initialize(settings);
    }

    /// @dev Property RE1.
    function test_award_byFour_succeeds() public {
        address[4] memory awarders =
            [Predeploys.CLUSTER_REVIEW, Predeploys.JURY, Predeploys.EPOCH_SETTLEMENT, Predeploys.EPOCH_QUESTIONS];
        for (uint256 i = 0; i < awarders.length; ++i) {
            vm.expectEmit(Predeploys.REPUTATION);
            emit IReputation.Awarded(alice, awarders[i], 1e18, (i + 1) * 1e18);
            vm.prank(awarders[i]);
            REPUTATION.award(alice, 1e18);
        }
        assertEq(REPUTATION.balanceOf(alice), 4e18);
        assertEq(REPUTATION.balanceOf(bob), 0);
    }

    /// @dev Property RE1.
    function testFuzz_award_another_reverts(address caller) public {
        vm.assume(
            caller != Predeploys.CLUSTER_REVIEW && caller != Predeploys.JURY && caller != Predeploys.EPOCH_SETTLEMENT
                && caller != Predeploys.EPOCH_QUESTIONS && caller != Predeploys.PROXY_ADMIN
        );
        vm.expectRevert(abi.encodeWithSelector(IReputation.NotAwarder.selector, caller));
        vm.prank(caller);
        REPUTATION.award(caller, 1);
    }

    /// @dev Property RE5: whatever an account does, and whoever gives, it gets no more than the most in a period; more is cut.
    function test_award_mostAPeriod_isCut_succeeds() public {
        uint256 period = REPUTATION.PERIOD();
        uint256 most = REPUTATION.MAX_POINTS();
        vm.warp((START / period + 1) * period);
        _award(alice, most - 1e18);
        vm.expectEmit(Predeploys.REPUTATION);
        emit IReputation.Awarded(alice, Predeploys.CLUSTER_REVIEW, 1e18, most);
        vm.prank(Predeploys.CLUSTER_REVIEW);
        REPUTATION.award(alice, 10e18);
        vm.recordLogs();
        _award(alice, 1);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(REPUTATION.balanceOf(alice), most);
        // Another account's count is its own.
        _award(bob, type(uint256).max);
        assertEq(REPUTATION.balanceOf(bob), most);
        skip(period - 1);
        uint256 before = REPUTATION.balanceOf(alice);
        _award(alice, 1e18);
        assertEq(REPUTATION.balanceOf(alice), before);
        skip(1);
        before = REPUTATION.balanceOf(alice);
        _award(alice, 1e18);
        assertEq(REPUTATION.balanceOf(alice), before + 1e18);
    }

    /// @dev Property RE5: who gets the most for ever has less than six times that: at most where the last two come together.
    function test_award_mostForEver_isBounded_succeeds() public {
        uint256 period = REPUTATION.PERIOD();
        vm.warp((START / period + 1) * period - 1);
        for (uint256 i = 0; i < 60; ++i) {
            skip(period);
            _award(alice, type(uint256).max);
        }
        skip(1);
        _award(alice, type(uint256).max);
        assertGt(REPUTATION.balanceOf(alice), 5 * REPUTATION.MAX_POINTS());
        assertLt(REPUTATION.balanceOf(alice), 6 * REPUTATION.MAX_POINTS());
    }

    function test_award_nothing_succeeds() public {
        vm.recordLogs();
        _award(alice, 0);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(REPUTATION.balanceOf(alice), 0);
    }

    function test_balanceOf_halves_succeeds() public {
        _award(alice, 8e18);
        skip(HALF_LIFE);
        assertEq(REPUTATION.balanceOf(alice), 4e18);
        skip(2 * HALF_LIFE);
        assertEq(REPUTATION.balanceOf(alice), 1e18);
        _award(alice, 3e18);
        assertEq(REPUTATION.balanceOf(alice), 4e18);
        skip(HALF_LIFE);
        assertEq(REPUTATION.balanceOf(alice), 2e18);
        skip(200 * HALF_LIFE);
        assertEq(REPUTATION.balanceOf(alice), 0);
    }

    function test_getPastBalance_sameSecond_succeeds() public {
        _award(alice, 1e18);
        _award(alice, 2e18);
        skip(1);
        assertEq(REPUTATION.getPastBalance(alice, START), 3e18);
        assertEq(REPUTATION.getPastBalance(alice, START - 1), 0);
    }

    function test_getPastBalance_present_reverts() public {
        _award(alice, 1e18);
        vm.expectRevert(abi.encodeWithSelector(IReputation.FutureLookup.selector, START, uint48(START)));
        REPUTATION.getPastBalance(alice, START);
        vm.expectRevert(abi.encodeWithSelector(IReputation.FutureLookup.selector, type(uint256).max, uint48(START)));
        REPUTATION.getPastBalance(alice, type(uint256).max);
    }

    /// @dev Property RE3: whatever is given later, the past is what it was, at any second.
    function testFuzz_getPastBalance_neverChanges_succeeds(
        uint64[12] memory points,
        uint32[12] memory gaps,
        uint256 moment
    ) public {
        uint256 end = START;
        for (uint256 i = 0; i < gaps.length; ++i) {
            gaps[i] = uint32(bound(gaps[i], 0, 200 days));
            end += gaps[i];
        }
        moment = bound(moment, START - 1, end);

        uint256 then_;
        uint256 model;
        uint256 since = START;
        for (uint256 i = 0; i < points.length; ++i) {
            // What the account had at `moment`, read when that was the present.
            if (moment >= vm.getBlockTimestamp() && moment < vm.getBlockTimestamp() + gaps[i]) {
                uint256 here = vm.getBlockTimestamp();
                vm.warp(moment);
                then_ = REPUTATION.balanceOf(alice);
                vm.warp(here);
            }
            skip(gaps[i]);
            points[i] = uint64(bound(points[i], 0, 8e18));
            _award(alice, uint256(points[i]) + 1);
            model = Decay.decay(model, vm.getBlockTimestamp() - since, HALF_LIFE) + points[i] + 1;
            since = vm.getBlockTimestamp();
            assertEq(REPUTATION.balanceOf(alice), model);
        }
        if (moment == end) then_ = model;
        skip(1);
        assertEq(REPUTATION.getPastBalance(alice, moment), then_);
        assertEq(REPUTATION.getPastBalance(bob, moment), 0);
    }

    /// @dev Property RE2: points only get fewer without awards, and none are passed on.
    function testFuzz_balanceOf_falls_succeeds(uint80 points, uint40 first, uint40 second) public {
        points = uint80(bound(points, 0, REPUTATION.MAX_POINTS()));
        _award(alice, points);
        skip(first);
        uint256 sooner = REPUTATION.balanceOf(alice);
        assertLe(sooner, points);
        skip(second);
        assertLe(REPUTATION.balanceOf(alice), sooner);
    }
}
