// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {ValidatorStaking} from "../../src/protocol/ValidatorStaking.sol";
import {Rotations} from "./Rotations.sol";
import {StakingTest} from "./StakingTest.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

/// @dev Operators, delegation, unbonding and rewards. Offences and draws have tests of their own.
contract ValidatorStakingTest is StakingTest {
    address private immutable operator = makeAddr("operator");
    address private immutable other = makeAddr("other");
    address private immutable alice = makeAddr("alice");
    address private immutable bob = makeAddr("bob");

    /* GENESIS AND PARAMETERS */

    function test_initialize_again_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        staking.initialize(new Setting[](0));
        ValidatorStaking implementation = new ValidatorStaking();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(new Setting[](0));
    }

    function test_views_succeeds() public view {
        assertEq(ValidatorStaking(address(staking)).version(), "1.0.0");
        assertEq(staking.MAX_SEATS(), 256);
        assertEq(staking.MAX_LEAVING(), 32);
        assertEq(staking.MAX_EXCLUDED(), 32);
        assertEq(staking.shareOf(UNREVEALED), 100);
        assertEq(staking.shareOf(CONFLICTING), 1000);
        assertEq(staking.shareOf(REJECTED), 1000);
        (, string memory name, string memory version,,,,) = ValidatorStaking(address(staking)).eip712Domain();
        assertEq(name, "ValidatorStaking");
        assertEq(version, "1");
        IParameterized parameterized = IParameterized(address(staking));
        assertEq(parameterized.parameters().length, 6);
        assertEq(parameterized.parameter("unbondingSeconds"), 14 days);
        assertEq(parameterized.parameter("validatorsMax"), 128);
    }

    /// @dev VS9: what leaves can be slashed for as long as its owner can be found out.
    function test_setParameter_unbondingBelowWindows_reverts() public {
        uint256 min = staking.minUnbonding();
        // An epoch of a day, and the jury's windows of 43 hours; the settlement's if it stands.
        assertGe(min, 1 days + 43 hours);
        assertLe(min, 14 days);
        _setParameter(address(staking), "unbondingSeconds", min);
        vm.prank(Predeploys.PARAM_TIMELOCK);
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterized.ParametersConflict.selector, bytes32("unbondingSeconds"), bytes32("challengeSeconds")
            )
        );
        IParameterized(address(staking)).setParameter("unbondingSeconds", min - 1);
    }

    /// @dev VS9: reviewers answer for their votes, too.
    function test_setParameter_unbondingBelowReviews_reverts() public {
        _setParameter(Predeploys.CLUSTER_REVIEW, "commitSeconds", 7 days);
        _setParameter(Predeploys.CLUSTER_REVIEW, "revealSeconds", 7 days);
        assertEq(staking.minUnbonding(), 14 days);
        vm.prank(Predeploys.PARAM_TIMELOCK);
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterized.ParametersConflict.selector, bytes32("unbondingSeconds"), bytes32("challengeSeconds")
            )
        );
        IParameterized(address(staking)).setParameter("unbondingSeconds", 14 days - 1);
    }

    function test_minUnbonding_othersNotThere_succeeds() public {
        vm.etch(Predeploys.INFERENCE_ROUTER, "");
        vm.etch(Predeploys.CLUSTER_REVIEW, "");
        vm.etch(Predeploys.EPOCH_SETTLEMENT, "");
        // Code that knows no parameters.
        vm.etch(Predeploys.JURY, hex"5f5ffd");
        assertEq(staking.minUnbonding(), 0);
    }

    /* OPERATORS */

    function test_register_validator_succeeds() public {
        vm.deal(operator, MIN_STAKE);
        vm.expectEmit(address(staking));
        emit IValidatorStaking.Delegated(VALIDATOR, operator, operator, MIN_STAKE, MIN_STAKE);
        vm.expectEmit(address(staking));
        emit IValidatorStaking.Registered(VALIDATOR, operator, 500, MIN_STAKE);
        vm.prank(operator);
        staking.register{value: MIN_STAKE}(VALIDATOR, 500);

        assertTrue(staking.isActive(VALIDATOR, operator));
        assertFalse(staking.isActive(WORKER, operator));
        assertEq(staking.stakeOf(VALIDATOR, operator), MIN_STAKE);
        assertEq(staking.stakeOf(WORKER, operator), 0);
        assertEq(staking.totalStake(), MIN_STAKE);
        (address[] memory operators, uint256[] memory stakes) = staking.validators();
        assertEq(operators.length, 1);
        assertEq(operators[0], operator);
        assertEq(stakes[0], MIN_STAKE);
        IValidatorStaking.PoolState memory pool = staking.poolOf(VALIDATOR, operator);
        assertTrue(pool.registered);
        assertEq(pool.commissionBps, 500);
        assertEq(pool.stake, MIN_STAKE);
        assertEq(pool.shares, MIN_STAKE);
        assertEq(pool.leaving, 0);
    }

    function test_register_bothRoles_areSeparate_succeeds() public {
        _register(VALIDATOR, operator, 0, MIN_STAKE);
        _register(WORKER, operator, 0, 1000 ether);
        assertEq(staking.stakeOf(VALIDATOR, operator), MIN_STAKE);
        assertEq(staking.stakeOf(WORKER, operator), 1000 ether);
        assertEq(_slashWorker(operator, address(0)), 100 ether);
        assertEq(staking.stakeOf(VALIDATOR, operator), MIN_STAKE);
        assertFalse(staking.isActive(WORKER, operator));
        (address[] memory operators,) = staking.validators();
        assertEq(operators.length, 1);
    }

    function test_register_refused_reverts() public {
        vm.deal(operator, 1e24);
        vm.startPrank(operator);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.StakeTooSmall.selector, MIN_STAKE - 1, MIN_STAKE));
        staking.register{value: MIN_STAKE - 1}(VALIDATOR, 0);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.StakeTooSmall.selector, 0, 1000 ether));
        staking.register(WORKER, 0);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.CommissionTooHigh.selector, 5001, 5000));
        staking.register{value: MIN_STAKE}(VALIDATOR, 5001);
        staking.register{value: MIN_STAKE}(VALIDATOR, 5000);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.AlreadyRegistered.selector, VALIDATOR, operator));
        staking.register{value: MIN_STAKE}(VALIDATOR, 0);
        vm.stopPrank();
    }

    function test_exit_ownStakeLeaves_othersStay_succeeds() public {
        _register(VALIDATOR, operator, 0, MIN_STAKE);
        _delegate(VALIDATOR, operator, alice, 300 ether);
        vm.expectEmit(address(staking));
        emit IValidatorStaking.Exited(VALIDATOR, operator, address(0));
        vm.expectEmit(address(staking));
        emit IValidatorStaking.Undelegated(
            VALIDATOR, operator, operator, MIN_STAKE, MIN_STAKE, block.timestamp + UNBONDING
        );
        _exit(VALIDATOR, operator);

        assertFalse(staking.isActive(VALIDATOR, operator));
        assertEq(staking.stakeOf(VALIDATOR, operator), 0);
        assertEq(staking.totalStake(), 0);
        assertEq(staking.poolOf(VALIDATOR, operator).stake, 300 ether);
        assertEq(staking.poolOf(VALIDATOR, operator).leaving, MIN_STAKE);
        (address[] memory operators,) = staking.validators();
        assertEq(operators.length, 0);

        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.NotRegistered.selector, VALIDATOR, operator));
        vm.prank(operator);
        staking.exit(VALIDATOR, operator);
        vm.deal(bob, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.NotRegistered.selector, VALIDATOR, operator));
        vm.prank(bob);
        staking.delegate{value: 1 ether}(VALIDATOR, operator);
        // Who delegated isn't bound to who left.
        assertEq(_undelegate(VALIDATOR, operator, alice, 300 ether), 300 ether);
        vm.warp(block.timestamp + UNBONDING);
        assertEq(staking.withdraw(VALIDATOR, operator, alice), 300 ether);
        assertEq(staking.withdraw(VALIDATOR, operator, operator), MIN_STAKE);
        assertEq(address(staking).balance, 0);
    }

    function test_exit_byAnother_reverts() public {
        _register(VALIDATOR, operator, 0, MIN_STAKE);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.NotHolder.selector, alice, operator));
        vm.prank(alice);
        staking.exit(VALIDATOR, operator);
    }

    /// @dev VS10: delegators keep the commission that they came for, or get a lower one.
    function test_register_again_cannotRaiseCommissionOverDelegators_reverts() public {
        _register(VALIDATOR, operator, 500, MIN_STAKE);
        _delegate(VALIDATOR, operator, alice, 1 ether);
        _exit(VALIDATOR, operator);
        vm.deal(operator, 2 * MIN_STAKE);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.CommissionTooHigh.selector, 501, 500));
        vm.prank(operator);
        staking.register{value: MIN_STAKE}(VALIDATOR, 501);
        _register(VALIDATOR, operator, 400, MIN_STAKE);
        assertEq(staking.stakeOf(VALIDATOR, operator), MIN_STAKE + 1 ether);
        _exit(VALIDATOR, operator);
        _undelegate(VALIDATOR, operator, alice, 1 ether);
        _register(VALIDATOR, operator, 5000, MIN_STAKE);
        assertEq(staking.poolOf(VALIDATOR, operator).commissionBps, 5000);
    }

    /* DELEGATION */

    function testFuzz_delegate_thenUndelegate_succeeds(uint96 amount, uint96 part) public {
        amount = uint96(bound(amount, 1 ether, 1e27));
        _register(WORKER, operator, 0, 1000 ether);
        uint256 shares = _delegate(WORKER, operator, alice, amount);
        assertEq(shares, amount);
        assertEq(staking.stakeOf(WORKER, operator), 1000 ether + uint256(amount));
        part = uint96(bound(part, 0, amount));
        assertEq(_undelegate(WORKER, operator, alice, part), part);
        assertEq(_shares(WORKER, operator, alice), amount - part);
        assertEq(staking.totalStake(), 1000 ether + uint256(amount) - part);
        vm.expectRevert(
            abi.encodeWithSelector(
                IValidatorStaking.NotEnoughShares.selector, amount - part, uint256(amount) - part + 1
            )
        );
        vm.prank(alice);
        staking.undelegate(WORKER, operator, alice, uint256(amount) - part + 1);
    }

    function test_delegate_refused_reverts() public {
        vm.deal(alice, 10 ether);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.NotRegistered.selector, WORKER, operator));
        staking.delegate{value: 1 ether}(WORKER, operator);
        vm.stopPrank();
        _register(WORKER, operator, 0, 1000 ether);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.DelegationTooSmall.selector, 1 ether - 1, 1 ether));
        vm.prank(alice);
        staking.delegate{value: 1 ether - 1}(WORKER, operator);
    }

    /// @dev VS2: nobody moves another's stake.
    function test_undelegate_ofAnother_reverts() public {
        _register(WORKER, operator, 0, 1000 ether);
        _delegate(WORKER, operator, alice, 5 ether);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.NotHolder.selector, bob, alice));
        vm.prank(bob);
        staking.undelegate(WORKER, operator, alice, 1);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.NotHolder.selector, operator, alice));
        vm.prank(operator);
        staking.undelegate(WORKER, operator, alice, 1);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.NotEnoughShares.selector, 0, 1));
        vm.prank(bob);
        staking.undelegate(WORKER, operator, bob, 1);
    }

    function test_undelegate_afterRotation_byHolder_succeeds() public {
        (address from, uint256 fromKey) = makeAddrAndKey("from");
        (address to, uint256 toKey) = makeAddrAndKey("to");
        _register(WORKER, operator, 0, 1000 ether);
        _delegate(WORKER, operator, from, 5 ether);
        vm.etch(from, "");
        Rotations.rotate(from, fromKey, to, toKey);

        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.NotHolder.selector, from, from));
        vm.prank(from);
        staking.undelegate(WORKER, operator, from, 5 ether);
        vm.prank(to);
        staking.undelegate(WORKER, operator, from, 5 ether);
        vm.warp(block.timestamp + UNBONDING);
        staking.withdraw(WORKER, operator, from);
        assertEq(vault.claimable(to), 5 ether);
        vault.claimFor(to);
        assertEq(to.balance, 5 ether);
        assertEq(from.balance, 0);
    }

    function test_undelegate_operatorBelowLeastStake_reverts() public {
        _register(VALIDATOR, operator, 0, MIN_STAKE + 5);
        assertEq(_undelegate(VALIDATOR, operator, operator, 5), 5);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.StakeTooSmall.selector, MIN_STAKE - 1, MIN_STAKE));
        vm.prank(operator);
        staking.undelegate(VALIDATOR, operator, operator, 1);
        _exit(VALIDATOR, operator);
        assertEq(staking.leavingOf(VALIDATOR, operator, operator).length, 2);
    }

    /* UNBONDING */

    /// @dev VS3: nothing leaves before its time, and then once.
    function test_withdraw_onlyWhatIsDue_succeeds() public {
        _register(WORKER, operator, 0, 1000 ether);
        _delegate(WORKER, operator, alice, 10 ether);
        uint256 start = block.timestamp;
        _undelegate(WORKER, operator, alice, 1 ether);
        vm.warp(start + 1 days);
        _undelegate(WORKER, operator, alice, 2 ether);
        vm.warp(start + 2 days);
        _undelegate(WORKER, operator, alice, 4 ether);
        IValidatorStaking.Leaving[] memory parts = staking.leavingOf(WORKER, operator, alice);
        assertEq(parts.length, 3);
        assertEq(parts[1].amount, 2 ether);
        assertEq(parts[1].releaseAt, start + 1 days + UNBONDING);

        vm.warp(start + UNBONDING - 1);
        assertEq(staking.withdraw(WORKER, operator, alice), 0);
        vm.warp(start + UNBONDING);
        vm.expectEmit(address(staking));
        emit IValidatorStaking.Withdrawn(WORKER, operator, alice, 1 ether);
        assertEq(staking.withdraw(WORKER, operator, alice), 1 ether);
        assertEq(staking.withdraw(WORKER, operator, alice), 0);
        vm.warp(start + 2 days + UNBONDING);
        assertEq(staking.withdraw(WORKER, operator, alice), 6 ether);
        assertEq(vault.claimable(alice), 7 ether);
        assertEq(staking.leavingOf(WORKER, operator, alice).length, 0);
        assertEq(address(staking).balance, 1003 ether);
    }

    /// @dev What has begun to leave keeps its time when the parameter changes.
    function test_withdraw_parameterChanged_keepsTime_succeeds() public {
        _register(WORKER, operator, 0, 1000 ether);
        _delegate(WORKER, operator, alice, 10 ether);
        _undelegate(WORKER, operator, alice, 1 ether);
        _setParameter(address(staking), "unbondingSeconds", 30 days);
        _undelegate(WORKER, operator, alice, 2 ether);
        vm.warp(block.timestamp + 14 days);
        assertEq(staking.withdraw(WORKER, operator, alice), 1 ether);
        vm.warp(block.timestamp + 16 days);
        assertEq(staking.withdraw(WORKER, operator, alice), 2 ether);
    }

    function test_undelegate_tooManyParts_reverts() public {
        _register(WORKER, operator, 0, 1000 ether);
        _delegate(WORKER, operator, alice, 1 ether);
        for (uint256 i = 0; i < 32; ++i) {
            _undelegate(WORKER, operator, alice, 1);
        }
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.TooManyLeaving.selector, 32));
        vm.prank(alice);
        staking.undelegate(WORKER, operator, alice, 1);
        vm.warp(block.timestamp + UNBONDING);
        assertEq(staking.withdraw(WORKER, operator, alice), 32);
        assertEq(_undelegate(WORKER, operator, alice, 1), 1);
    }

    /* REWARDS */

    function test_reward_byStakeAndCommission_succeeds() public {
        _register(VALIDATOR, operator, 1000, 10_000 ether);
        _delegate(VALIDATOR, operator, alice, 10_000 ether);
        _register(WORKER, other, 0, 20_000 ether);
        vm.expectEmit(address(staking));
        emit IValidatorStaking.Rewarded(address(this), 400 ether);
        _reward(400 ether);

        // Half is the worker's. Of the other half a tenth is commission, and the rest is shared.
        assertApproxEqAbs(_rewards(WORKER, other, other), 200 ether, 2);
        assertApproxEqAbs(_rewards(VALIDATOR, operator, alice), 90 ether, 2);
        assertApproxEqAbs(_rewards(VALIDATOR, operator, operator), 90 ether, 2);
        assertApproxEqAbs(staking.poolOf(VALIDATOR, operator).commission, 20 ether, 2);

        uint256 owed = _rewards(VALIDATOR, operator, alice);
        vm.expectEmit(address(staking));
        emit IValidatorStaking.RewardsClaimed(VALIDATOR, operator, alice, owed);
        assertEq(staking.claimRewards(VALIDATOR, operator, alice), owed);
        assertEq(vault.claimable(alice), owed);
        assertEq(staking.claimRewards(VALIDATOR, operator, alice), 0);
        assertApproxEqAbs(staking.claimRewards(VALIDATOR, operator, operator), 110 ether, 3);
        assertApproxEqAbs(staking.claimRewards(WORKER, other, other), 200 ether, 2);
        (uint256 stake, uint256 rewards) = staking.holdings();
        assertEq(stake, 40_000 ether);
        assertLe(rewards, 5);
        assertEq(address(staking).balance, stake + rewards);
    }

    /// @dev VS5: who comes later has no part in what was there, who leaves earns no more.
    function test_reward_onlyWhileStaked_succeeds() public {
        _register(WORKER, operator, 0, 1000 ether);
        _reward(10 ether);
        _delegate(WORKER, operator, alice, 1000 ether);
        assertEq(_rewards(WORKER, operator, alice), 0);
        _reward(10 ether);
        assertApproxEqAbs(_rewards(WORKER, operator, alice), 5 ether, 1);
        _undelegate(WORKER, operator, alice, 1000 ether);
        _reward(10 ether);
        assertApproxEqAbs(_rewards(WORKER, operator, alice), 5 ether, 1);
        assertApproxEqAbs(_rewards(WORKER, operator, operator), 25 ether, 3);
        // Rewards don't wait for unbonding.
        assertApproxEqAbs(staking.claimRewards(WORKER, operator, alice), 5 ether, 1);
    }

    function test_reward_nobodyStaked_isKept_succeeds() public {
        _reward(7 ether);
        _reward(1 ether);
        (, uint256 rewards) = staking.holdings();
        assertEq(rewards, 8 ether);
        _register(WORKER, operator, 0, 1000 ether);
        assertEq(_rewards(WORKER, operator, operator), 0);
        vm.expectEmit(address(staking));
        emit IValidatorStaking.Rewarded(address(this), 9 ether);
        _reward(1 ether);
        assertApproxEqAbs(_rewards(WORKER, operator, operator), 9 ether, 2);
        // Once.
        _reward(1 ether);
        assertApproxEqAbs(_rewards(WORKER, operator, operator), 10 ether, 4);
    }

    /// @dev A pool whose operator left earns nothing, and keeps what it earned before.
    function test_reward_afterExit_notShared_succeeds() public {
        _register(WORKER, operator, 0, 1000 ether);
        _delegate(WORKER, operator, alice, 1000 ether);
        _register(WORKER, other, 0, 1000 ether);
        _reward(3 ether);
        _exit(WORKER, operator);
        _reward(3 ether);
        assertApproxEqAbs(_rewards(WORKER, operator, alice), 1 ether, 2);
        assertApproxEqAbs(_rewards(WORKER, other, other), 4 ether, 2);
        // What came meanwhile isn't the pool's when it works again, either.
        _register(WORKER, operator, 0, 1000 ether);
        assertApproxEqAbs(_rewards(WORKER, operator, alice), 1 ether, 2);
        _reward(3 ether);
        assertApproxEqAbs(_rewards(WORKER, operator, alice), 2 ether, 3);
        staking.claimRewards(WORKER, operator, operator);
        staking.claimRewards(WORKER, operator, alice);
        staking.claimRewards(WORKER, other, other);
        (, uint256 rewards) = staking.holdings();
        assertLe(rewards, 10);
    }

    /// @dev VS4: whatever the sums, no more is owed than was given, and little less.
    function testFuzz_reward_dust_succeeds(uint96[4] memory stakes, uint96[4] memory amounts, uint16 commissionBps)
        public
    {
        commissionBps = uint16(bound(commissionBps, 0, 5000));
        uint256 given;
        for (uint256 i = 0; i < 4; ++i) {
            address worker = makeAddr(vm.toString(i));
            _register(WORKER, worker, commissionBps, bound(stakes[i], 1000 ether, 1e27));
            _delegate(WORKER, worker, alice, bound(stakes[3 - i], 1 ether, 1e27));
            _reward(amounts[i]);
            given += amounts[i];
        }
        uint256 claimed;
        for (uint256 i = 0; i < 4; ++i) {
            address worker = makeAddr(vm.toString(i));
            claimed += staking.claimRewards(WORKER, worker, worker);
            claimed += staking.claimRewards(WORKER, worker, alice);
        }
        (, uint256 rewards) = staking.holdings();
        assertEq(claimed + rewards, given);
        // A wei for each pool, share and commission that a reward met.
        assertLe(rewards, 64);
    }

    /* SEATS */

    function test_register_full_evictsSmallest_succeeds() public {
        _setParameter(address(staking), "validatorsMax", 7);
        (address[] memory list,) = _validators(7, MIN_STAKE + 10);
        _delegate(VALIDATOR, list[3], alice, 1 ether);
        _delegate(VALIDATOR, list[0], alice, 1 ether);
        vm.prank(Predeploys.JURY);
        staking.slash(VALIDATOR, list[5], UNREVEALED, address(0));
        uint256 smallest = staking.stakeOf(VALIDATOR, list[5]);

        vm.deal(operator, MIN_STAKE);
        _setParameter(address(staking), "validatorStakeMin", 1 ether);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.NoSeat.selector, smallest, smallest));
        vm.prank(operator);
        staking.register{value: smallest}(VALIDATOR, 0);

        vm.expectEmit(address(staking));
        emit IValidatorStaking.Exited(VALIDATOR, list[5], operator);
        _register(VALIDATOR, operator, 0, smallest + 1);
        assertFalse(staking.isActive(VALIDATOR, list[5]));
        assertTrue(staking.isActive(VALIDATOR, operator));
        (address[] memory operators, uint256[] memory stakes) = staking.validators();
        assertEq(operators.length, 7);
        assertEq(operators[5], operator);
        assertEq(stakes[5], smallest + 1);
        uint256 total;
        for (uint256 i = 0; i < 7; ++i) {
            assertEq(stakes[i], staking.stakeOf(VALIDATOR, operators[i]));
            total += stakes[i];
        }
        assertEq(staking.totalStake(), total);

        // Who was evicted takes its stake back, or comes again with more.
        assertEq(_undelegate(VALIDATOR, list[5], list[5], 1 ether), 0.99 ether);
        _register(VALIDATOR, list[5], 0, 10 ether);
        assertTrue(staking.isActive(VALIDATOR, list[5]));
        assertFalse(staking.isActive(VALIDATOR, operator));
    }

    /// @dev VS8: never more validators than the parameter says; one that leaves frees its seat.
    function test_register_bounded_succeeds() public {
        _setParameter(address(staking), "validatorsMax", 7);
        (address[] memory list,) = _validators(7, MIN_STAKE);
        vm.deal(operator, MIN_STAKE);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.NoSeat.selector, MIN_STAKE, MIN_STAKE));
        vm.prank(operator);
        staking.register{value: MIN_STAKE}(VALIDATOR, 0);
        _exit(VALIDATOR, list[2]);
        _register(VALIDATOR, operator, 0, MIN_STAKE);
        (address[] memory operators,) = staking.validators();
        assertEq(operators.length, 7);
        assertEq(operators[2], operator);
    }

    function test_register_allSeats_gas_succeeds() public {
        _setParameter(address(staking), "validatorsMax", 256);
        _validators(256, MIN_STAKE);
        (address[] memory operators,) = staking.validators();
        assertEq(operators.length, 256);
        vm.deal(operator, MIN_STAKE + 1);
        vm.prank(operator);
        uint256 before = gasleft();
        staking.register{value: MIN_STAKE + 1}(VALIDATOR, 0);
        assertLt(before - gasleft(), 2_000_000);
        vm.expectRevert(
            abi.encodeWithSelector(IParameterized.ParameterOutOfBounds.selector, bytes32("validatorsMax"), 257, 7, 256)
        );
        vm.prank(Predeploys.PARAM_TIMELOCK);
        IParameterized(address(staking)).setParameter("validatorsMax", 257);
    }
}
