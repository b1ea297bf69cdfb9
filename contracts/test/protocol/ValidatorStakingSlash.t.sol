// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {StakingTest} from "./StakingTest.sol";

/// @dev Offences, and shares that slashes have made cheap.
contract ValidatorStakingSlashTest is StakingTest {
    bytes32 private constant ROUND = keccak256("round");

    address private immutable operator;
    uint256 private immutable operatorKey;
    address private immutable alice = makeAddr("alice");
    address private immutable bob = makeAddr("bob");
    address private immutable challenger = makeAddr("challenger");

    constructor() {
        (operator, operatorKey) = makeAddrAndKey("operator");
    }

    /* THE LIST */

    /// @dev VS1: stake is forfeited for what the list names, reported by whom the list names, and for nothing else.
    function testFuzz_slash_onlyByTheList_reverts(address caller, uint8 which) public {
        IValidatorStaking.Offence offence = IValidatorStaking.Offence(which % 3);
        vm.assume(caller != Predeploys.PROXY_ADMIN && caller != address(0));
        if (offence == UNREVEALED) vm.assume(caller != Predeploys.CLUSTER_REVIEW && caller != Predeploys.JURY);
        if (offence == REJECTED) vm.assume(caller != Predeploys.EPOCH_QUESTIONS);
        _refused(caller, offence);
    }

    function test_slash_byOtherReporters_reverts() public {
        address[5] memory callers = [
            Predeploys.CLUSTER_REVIEW,
            Predeploys.JURY,
            Predeploys.EPOCH_QUESTIONS,
            Predeploys.PARAM_TIMELOCK,
            Predeploys.CODE_TIMELOCK
        ];
        for (uint256 i = 0; i < 5; ++i) {
            _refused(callers[i], CONFLICTING);
            if (i != 2) _refused(callers[i], REJECTED);
            if (i >= 2) _refused(callers[i], UNREVEALED);
        }
    }

    function test_slash_shares_succeeds() public {
        _register(VALIDATOR, operator, 0, MIN_STAKE);
        _delegate(VALIDATOR, operator, alice, 1000 ether);
        assertEq(_slashValidator(operator, challenger), 110 ether);
        vm.prank(Predeploys.CLUSTER_REVIEW);
        assertEq(staking.slash(VALIDATOR, operator, UNREVEALED, address(0)), 108.9 ether);
        assertEq(staking.stakeOf(VALIDATOR, operator), 10_781.1 ether);
        assertEq(_stake(VALIDATOR, operator, operator), 9801 ether);
        assertEq(_stake(VALIDATOR, operator, alice), 980.1 ether);
        assertTrue(staking.isActive(VALIDATOR, operator));
        _register(WORKER, operator, 0, 1000 ether);
        assertEq(_slashWorker(operator, challenger), 100 ether);
    }

    function testFuzz_slash_halves_succeeds(uint96 stake, bool challenged) public {
        stake = uint96(bound(stake, 1000 ether, 1e27));
        _register(WORKER, operator, 0, stake);
        uint256 taken = uint256(stake) / 10;
        vm.expectEmit(address(staking));
        emit IValidatorStaking.Slashed(WORKER, operator, REJECTED, taken, challenged ? challenger : address(0));
        assertEq(_slashWorker(operator, challenged ? challenger : address(0)), taken);
        // The lesser half.
        assertEq(vault.claimable(challenger), challenged ? taken / 2 : 0);
        assertEq(address(vault).balance, challenged ? taken / 2 : 0);
        assertEq(address(staking).balance, stake - taken);
        (uint256 held,) = staking.holdings();
        assertEq(held, stake - taken);
    }

    function test_slash_unknownOperator_takesNothing_succeeds() public {
        assertEq(_slashWorker(operator, challenger), 0);
        _register(VALIDATOR, operator, 0, MIN_STAKE);
        assertEq(_slashWorker(operator, challenger), 0);
        assertEq(vault.claimable(challenger), 0);
    }

    /// @dev VS6: stake that leaves is slashed like that which stays, until it is withdrawn; exits and rotations don't help.
    function test_slash_reachesLeavingStake_succeeds() public {
        _register(WORKER, operator, 0, 1000 ether);
        _delegate(WORKER, operator, alice, 1000 ether);
        _undelegate(WORKER, operator, alice, 400 ether);
        _exit(WORKER, operator);
        assertEq(_slashWorker(operator, challenger), 200 ether);
        assertEq(staking.leavingOf(WORKER, operator, alice)[0].amount, 360 ether);
        assertEq(staking.leavingOf(WORKER, operator, operator)[0].amount, 900 ether);
        assertEq(_stake(WORKER, operator, alice), 540 ether);
        assertEq(staking.totalStake(), 0);

        vm.warp(block.timestamp + UNBONDING);
        assertEq(staking.withdraw(WORKER, operator, operator), 900 ether);
        assertEq(_slashWorker(operator, challenger), 90 ether);
        assertEq(staking.withdraw(WORKER, operator, alice), 324 ether);
        assertEq(_undelegate(WORKER, operator, alice, 600 ether), 486 ether);
    }

    /// @dev What was withdrawn before, or came after, isn't touched: rewards aren't stake.
    function test_slash_leavesRewards_succeeds() public {
        _register(WORKER, operator, 1000, 1000 ether);
        _delegate(WORKER, operator, alice, 1000 ether);
        _reward(100 ether);
        uint256 before = _rewards(WORKER, operator, alice);
        _slashWorker(operator, challenger);
        assertEq(_rewards(WORKER, operator, alice), before);
        assertEq(before, 45 ether - 1);
        uint256 delegated = _delegate(WORKER, operator, bob, 900 ether);
        assertEq(_stake(WORKER, operator, bob), 900 ether);
        assertEq(delegated, 1000 ether);
        _reward(270 ether);
        assertApproxEqAbs(_rewards(WORKER, operator, bob), 81 ether, 3);
        assertApproxEqAbs(_rewards(WORKER, operator, alice), before + 81 ether, 3);
    }

    function test_slash_updatesSeat_succeeds() public {
        _register(VALIDATOR, operator, 0, MIN_STAKE);
        assertTrue(staking.isActive(VALIDATOR, operator));
        _slashValidator(operator, address(0));
        assertFalse(staking.isActive(VALIDATOR, operator));
        (, uint256[] memory stakes) = staking.validators();
        assertEq(stakes[0], MIN_STAKE * 99 / 100);
        assertEq(staking.totalStake(), MIN_STAKE * 99 / 100);
        // Topped up, it works again.
        _delegate(VALIDATOR, operator, operator, MIN_STAKE / 100);
        assertTrue(staking.isActive(VALIDATOR, operator));
    }

    /* CONFLICTING VOTES */

    function test_hashVote_isEIP712_succeeds() public {
        bytes32 choice = keccak256("choice");
        bytes memory signature = _signVote(operatorKey, ROUND, choice);
        (bytes32 r, bytes32 s, uint8 v) = _split(signature);
        assertEq(ecrecover(staking.hashVote(ROUND, choice), v, r, s), operator);
        vm.chainId(block.chainid + 1);
        assertNotEq(ecrecover(staking.hashVote(ROUND, choice), v, r, s), operator);
    }

    function test_reportConflictingVotes_succeeds() public {
        _register(VALIDATOR, operator, 0, MIN_STAKE);
        (bytes memory a, bytes memory b) = _votes();
        vm.expectEmit(address(staking));
        emit IValidatorStaking.VotesConflicted(operator, ROUND, "a", "b");
        vm.prank(challenger);
        assertEq(staking.reportConflictingVotes(operator, ROUND, "a", "b", a, b), MIN_STAKE / 10);
        assertEq(vault.claimable(challenger), MIN_STAKE / 20);
        assertEq(staking.stakeOf(VALIDATOR, operator), MIN_STAKE * 9 / 10);
    }

    /// @dev VS7: once a round, whoever shows which pair in which order.
    function test_reportConflictingVotes_twice_reverts() public {
        _register(VALIDATOR, operator, 0, MIN_STAKE);
        (bytes memory a, bytes memory b) = _votes();
        staking.reportConflictingVotes(operator, ROUND, "a", "b", a, b);
        bytes memory c = _signVote(operatorKey, ROUND, "c");
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.AlreadyReported.selector, operator, ROUND));
        staking.reportConflictingVotes(operator, ROUND, "b", "a", b, a);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.AlreadyReported.selector, operator, ROUND));
        staking.reportConflictingVotes(operator, ROUND, "a", "c", a, c);
        bytes memory d = _signVote(operatorKey, "other round", "a");
        bytes memory e = _signVote(operatorKey, "other round", "b");
        assertGt(staking.reportConflictingVotes(operator, "other round", "a", "b", d, e), 0);
    }

    function test_reportConflictingVotes_noConflict_reverts() public {
        _register(VALIDATOR, operator, 0, MIN_STAKE);
        (bytes memory a, bytes memory b) = _votes();
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.VotesAgree.selector, ROUND));
        staking.reportConflictingVotes(operator, ROUND, "a", "a", a, a);
        // Of another round, another choice, another signer, and none at all.
        bytes memory elsewhere = _signVote(operatorKey, "other round", "b");
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.InvalidSignature.selector, operator, bytes32("b")));
        staking.reportConflictingVotes(operator, ROUND, "a", "b", a, elsewhere);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.InvalidSignature.selector, operator, bytes32("c")));
        staking.reportConflictingVotes(operator, ROUND, "c", "b", a, b);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.InvalidSignature.selector, alice, bytes32("a")));
        staking.reportConflictingVotes(alice, ROUND, "a", "b", a, b);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.InvalidSignature.selector, operator, bytes32("b")));
        staking.reportConflictingVotes(operator, ROUND, "a", "b", a, "");
        assertEq(staking.stakeOf(VALIDATOR, operator), MIN_STAKE);
    }

    function test_reportConflictingVotes_nothingStaked_reverts() public {
        (bytes memory a, bytes memory b) = _votes();
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.NothingStaked.selector, operator));
        staking.reportConflictingVotes(operator, ROUND, "a", "b", a, b);
        // It isn't forgotten for that.
        _register(VALIDATOR, operator, 0, MIN_STAKE);
        assertGt(staking.reportConflictingVotes(operator, ROUND, "a", "b", a, b), 0);
    }

    /* SHARES */

    /// @dev VS11: the first depositor can't make shares dear: there is no way to give a pool anything but for shares.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_delegate_afterAnyLosses_losesNothing_succeeds(uint8 losses, uint96 amount, uint96 gift) public {
        amount = uint96(bound(amount, 1 ether, 1e27));
        _register(WORKER, operator, 0, 1000 ether);
        for (uint256 i = 0; i < losses % 190; ++i) {
            _slashWorker(operator, address(0));
        }
        vm.deal(address(staking), address(staking).balance + gift);
        _reward(gift);
        uint256 shares = _delegate(WORKER, operator, alice, amount);
        assertGe(shares, amount);
        assertGe(_stake(WORKER, operator, alice) + 1, amount);
        assertGe(_undelegate(WORKER, operator, alice, shares) + 1, amount);
        vm.warp(block.timestamp + UNBONDING);
        assertGe(staking.withdraw(WORKER, operator, alice) + 2, amount);
    }

    /// @dev A pool that lost all but a billionth takes nothing more, and still lets everybody out.
    function test_delegate_ruinedPool_reverts() public {
        _setParameter(address(staking), "workerStakeMin", 1 ether);
        _register(WORKER, operator, 0, 1000 ether);
        _delegate(WORKER, operator, alice, 1000 ether);
        for (uint256 i = 0; i < 197; ++i) {
            _slashWorker(operator, address(0));
        }
        vm.deal(bob, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.PoolRuined.selector, WORKER, operator));
        vm.prank(bob);
        staking.delegate{value: 1 ether}(WORKER, operator);
        uint256 left = staking.stakeOf(WORKER, operator);
        assertGt(left, 0);
        _exit(WORKER, operator);
        vm.deal(operator, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.PoolRuined.selector, WORKER, operator));
        vm.prank(operator);
        staking.register{value: 1 ether}(WORKER, 0);
        _undelegate(WORKER, operator, alice, 1000 ether);
        vm.warp(block.timestamp + UNBONDING);
        uint256 out = staking.withdraw(WORKER, operator, alice) + staking.withdraw(WORKER, operator, operator);
        assertEq(out, left);
        assertEq(address(staking).balance, 0);
    }

    /// @dev An operator who ruins what is leaving, again and again, can't make shares so many that others can't leave.
    function test_undelegate_ruinedUnbonding_startsAnew_succeeds() public {
        _setParameter(address(staking), "workerStakeMin", 1 ether);
        uint256 paidIn;
        for (uint256 round = 0; round < 6; ++round) {
            _register(WORKER, operator, 0, 1000 ether);
            paidIn += 1000 ether;
            _exit(WORKER, operator);
            for (uint256 i = 0; i < 200; ++i) {
                _slashWorker(operator, address(0));
            }
        }
        _register(WORKER, operator, 0, 1000 ether);
        _delegate(WORKER, operator, alice, 500 ether);
        assertEq(_undelegate(WORKER, operator, alice, 500 ether), 500 ether);
        // What leaves now is slashed by itself.
        assertEq(_slashWorker(operator, address(0)), 150 ether);
        vm.warp(block.timestamp + UNBONDING);
        assertEq(staking.withdraw(WORKER, operator, alice), 450 ether);
        // The remains of the six are still there for their owner.
        uint256 remains = staking.withdraw(WORKER, operator, operator);
        assertGt(remains, 0);
        assertLt(remains, 6 * 1000 ether / uint256(1e9));
        (uint256 held,) = staking.holdings();
        assertEq(held, staking.stakeOf(WORKER, operator));
        assertEq(address(staking).balance, held);
    }

    /* HELPERS */

    function _refused(address caller, IValidatorStaking.Offence offence) private {
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.NotReporter.selector, caller, offence));
        vm.prank(caller);
        staking.slash(VALIDATOR, operator, offence, caller);
    }

    function _votes() private view returns (bytes memory a, bytes memory b) {
        return (_signVote(operatorKey, ROUND, "a"), _signVote(operatorKey, ROUND, "b"));
    }

    function _split(bytes memory signature) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
            v := byte(0, mload(add(signature, 96)))
        }
    }
}
