// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {RequestStatus} from "../../src/interfaces/IInferenceRouter.sol";
import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {EpochTest} from "./EpochTest.sol";

/// @notice How OPEN leaves where those who should act are gone: PROPERTIES.md, Ways out.
contract WaysOutTest is EpochTest {
    IValidatorStaking.Role private constant VALIDATOR = IValidatorStaking.Role.Validator;
    IValidatorStaking.Role private constant WORKER = IValidatorStaking.Role.Worker;
    uint256 private constant UNBONDING = 14 days;

    function _delegate(address delegator, IValidatorStaking.Role role, address operator, uint256 amount) private {
        vm.prank(delegator);
        staking.delegate{value: amount}(role, operator);
    }

    function _shares(IValidatorStaking.Role role, address operator, address account) private view returns (uint256 n) {
        (n,,) = staking.positionOf(role, operator, account);
    }

    function _leave(IValidatorStaking.Role role, address operator, address account, uint256 shares) private {
        vm.prank(account);
        staking.undelegate(role, operator, account, shares);
    }

    /// @dev An evicted validator's stake, and what others put with it, leave as any.
    function test_stake_ofTheEvicted_leaves() public {
        _setParameter(address(staking), "validatorsMax", VALIDATORS);
        address evicted = validators[1];
        _delegate(alice, VALIDATOR, evicted, 5 ether);
        for (uint256 i = 0; i < VALIDATORS; ++i) {
            if (validators[i] != evicted) _delegate(bob, VALIDATOR, validators[i], 10 ether);
        }
        address newcomer = makeAddr("newcomer");
        vm.deal(newcomer, STAKE + 6 ether);
        vm.prank(newcomer);
        staking.register{value: STAKE + 6 ether}(VALIDATOR, 0);
        assertFalse(staking.isActive(VALIDATOR, evicted));
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.NotRegistered.selector, VALIDATOR, evicted));
        vm.prank(evicted);
        staking.exit(VALIDATOR, evicted);

        _leave(VALIDATOR, evicted, alice, _shares(VALIDATOR, evicted, alice));
        _leave(VALIDATOR, evicted, evicted, _shares(VALIDATOR, evicted, evicted));
        vm.warp(vm.getBlockTimestamp() + UNBONDING);
        assertEq(staking.withdraw(VALIDATOR, evicted, alice), 5 ether);
        assertEq(staking.withdraw(VALIDATOR, evicted, evicted), STAKE);
        assertEq(_claimable(alice), 5 ether);
        assertEq(_claimable(evicted), STAKE);
    }

    /// @dev Who has as many parts leaving as there may be waits for the first of them, no longer.
    function test_stake_withAllPartsLeaving_leaves() public {
        _delegate(worker, WORKER, worker, 100 ether);
        uint256 parts = staking.MAX_LEAVING();
        for (uint256 i = 0; i < parts; ++i) {
            _leave(WORKER, worker, worker, 1 ether);
        }
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.TooManyLeaving.selector, parts));
        staking.exit(WORKER, worker);
        vm.warp(vm.getBlockTimestamp() + UNBONDING);
        assertEq(staking.withdraw(WORKER, worker, worker), parts * 1 ether);
        vm.prank(worker);
        staking.exit(WORKER, worker);
        vm.warp(vm.getBlockTimestamp() + UNBONDING);
        assertEq(staking.withdraw(WORKER, worker, worker), 1100 ether - parts * 1 ether);
    }

    /// @dev A worker who left: his open requests are refunded, what is locked for him goes back, what he earned he gets.
    function test_worker_gone_nothingStaysWithHim() public {
        _serve(5, [int256(1), 0, 0]);
        uint256 held = router.heldOf(router.currentEpoch(), adapter, worker);
        vm.startPrank(payer);
        bytes32 channel = channels.openChannel{value: 9 ether}(worker, adapter, PLATFORM_FEE, "gone");
        bytes32 request = router.request{value: PRICE + PLATFORM_FEE}(adapter, worker, 1000, 0, "prompt", 99);
        vm.stopPrank();
        vm.prank(worker);
        staking.exit(WORKER, worker);

        vm.warp(uint256(router.requestOf(request).deadline) + 1);
        router.refund(request);
        assertEq(uint8(router.requestOf(request).status), uint8(RequestStatus.Refunded));
        vm.prank(payer);
        channels.startExit(channel);
        vm.warp(channels.channelOf(channel).closesAt);
        channels.closeChannel(channel);
        assertEq(_claimable(payer), PRICE + PLATFORM_FEE + 9 ether);
        uint64 epoch = _close();
        _carry(epoch);
        router.release(epoch, adapter, worker);
        assertEq(_claimable(worker), held);
    }
}
