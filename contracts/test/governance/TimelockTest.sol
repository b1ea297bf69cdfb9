// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Timelock} from "../../src/governance/Timelock.sol";
import {IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {ITimelock} from "../../src/interfaces/ITimelock.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {ProtocolTest} from "../protocol/ProtocolTest.sol";
import {
    TimelockControllerUpgradeable
} from "@openzeppelin/contracts-upgradeable/governance/TimelockControllerUpgradeable.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

/// @dev Is called.
contract Target {
    uint256 public calls;

    error Refused();

    function call() external {
        ++calls;
    }

    function refuse() external pure {
        revert Refused();
    }
}

/// @title TimelockTest
/// @notice What both timelocks must do.
abstract contract TimelockTest is ProtocolTest {
    bytes32 private constant INITIALIZABLE = 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00;
    bytes32 internal constant ADMIN = 0;
    bytes32 private constant PROPOSER = keccak256("PROPOSER_ROLE");
    bytes32 private constant CANCELLER = keccak256("CANCELLER_ROLE");
    bytes32 private constant EXECUTOR = keccak256("EXECUTOR_ROLE");

    address internal immutable mallory = makeAddr("mallory");

    Timelock internal timelock;
    uint256 internal initial;
    uint256 internal most;
    string private artifact;
    Target private target;

    function _start(address predeploy, string memory newArtifact, uint256 newInitial, uint256 newMost) internal {
        vm.warp(1_700_000_000);
        super.setUp();
        (timelock, artifact, initial, most) = (Timelock(payable(predeploy)), newArtifact, newInitial, newMost);
        target = new Target();
    }

    function _settings(bytes32 name, uint256 value) private pure returns (Setting[] memory settings) {
        settings = new Setting[](1);
        settings[0] = Setting(name, value);
    }

    /// @dev The timelock as of another genesis.
    function _restart() private {
        _place(address(timelock), artifact);
        vm.store(address(timelock), INITIALIZABLE, 0);
    }

    function _restart(uint256 delay) private {
        _restart();
        timelock.initialize(_settings("minDelaySeconds", delay));
    }

    function _schedule(address to, bytes memory data, uint256 delay) private {
        vm.prank(Predeploys.GOVERNOR);
        timelock.schedule(to, 0, data, 0, 0, delay);
    }

    /// @dev Schedules a call of the timelock to itself, and waits until it is due.
    function _scheduleOwn(bytes memory data) internal {
        uint256 delay = timelock.getMinDelay();
        _schedule(address(timelock), data, delay);
        skip(delay);
    }

    /* SET-UP */

    /// @dev Property TL1.
    function test_initialize_roles_succeeds() public view {
        assertEq(timelock.getMinDelay(), initial);
        assertTrue(timelock.hasRole(PROPOSER, Predeploys.GOVERNOR));
        assertTrue(timelock.hasRole(CANCELLER, Predeploys.GOVERNOR));
        assertTrue(timelock.hasRole(EXECUTOR, address(0)));
        assertTrue(timelock.hasRole(ADMIN, Predeploys.CODE_TIMELOCK));
        assertEq(timelock.hasRole(ADMIN, Predeploys.PARAM_TIMELOCK), false);
        assertEq(timelock.hasRole(ADMIN, Predeploys.GOVERNOR), false);
        (uint256 least, uint256 greatest) = timelock.delayBounds();
        assertEq(least, initial);
        assertEq(greatest, most);
    }

    function test_initialize_again_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        timelock.initialize(new Setting[](0));
    }

    /// @dev The library's own way in stays shut, before genesis' as well.
    function test_initialize_asController_reverts() public {
        address[] memory mine = new address[](1);
        mine[0] = mallory;
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        timelock.initialize(0, mine, mine, mallory);
        _restart();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        timelock.initialize(0, mine, mine, mallory);
    }

    function testFuzz_initialize_delay_succeeds(uint256 delay) public {
        delay = bound(delay, 1, most);
        _restart(delay);
        assertEq(timelock.getMinDelay(), delay);
        (uint256 least,) = timelock.delayBounds();
        assertEq(least, delay < initial ? delay : initial);
    }

    function test_initialize_delayOutOfBounds_reverts() public {
        _restart();
        bytes4 selector = IParameterized.ParameterOutOfBounds.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, bytes32("minDelaySeconds"), 0, 1, most));
        timelock.initialize(_settings("minDelaySeconds", 0));
        vm.expectRevert(abi.encodeWithSelector(selector, bytes32("minDelaySeconds"), most + 1, 1, most));
        timelock.initialize(_settings("minDelaySeconds", most + 1));
    }

    function test_initialize_unknownSetting_reverts() public {
        _restart();
        vm.expectRevert(abi.encodeWithSelector(IParameterized.UnknownParameter.selector, bytes32("maxDelay")));
        timelock.initialize(_settings("maxDelay", 1));
    }

    /* OPERATIONS */

    /// @dev Property TL2.
    function testFuzz_execute_delay_succeeds(uint256 delay, uint256 later, address caller) public {
        delay = bound(delay, initial, most);
        later = bound(later, 0, 2 * most);
        vm.assume(caller != Predeploys.PROXY_ADMIN);
        bytes memory data = abi.encodeCall(Target.call, ());
        _schedule(address(target), data, delay);
        skip(later);
        if (later < delay) {
            vm.expectPartialRevert(TimelockControllerUpgradeable.TimelockUnexpectedOperationState.selector);
        }
        vm.prank(caller);
        timelock.execute(address(target), 0, data, 0, 0);
        assertEq(target.calls(), later < delay ? 0 : 1);
    }

    function test_execute_twice_reverts() public {
        bytes memory data = abi.encodeCall(Target.call, ());
        _schedule(address(target), data, initial);
        skip(initial);
        timelock.execute(address(target), 0, data, 0, 0);
        vm.expectPartialRevert(TimelockControllerUpgradeable.TimelockUnexpectedOperationState.selector);
        timelock.execute(address(target), 0, data, 0, 0);
    }

    function test_execute_failingCall_reverts() public {
        bytes memory data = abi.encodeCall(Target.refuse, ());
        _schedule(address(target), data, initial);
        skip(initial);
        vm.expectRevert(Target.Refused.selector);
        timelock.execute(address(target), 0, data, 0, 0);
    }

    function test_executeBatch_calls_succeeds() public {
        uint256 count = timelock.MAX_CALLS();
        (address[] memory targets, uint256[] memory values, bytes[] memory payloads) = _batch(count);
        vm.prank(Predeploys.GOVERNOR);
        timelock.scheduleBatch(targets, values, payloads, 0, 0, initial);
        skip(initial);
        vm.prank(mallory);
        timelock.executeBatch(targets, values, payloads, 0, 0);
        assertEq(target.calls(), count);
    }

    function test_scheduleBatch_tooManyCalls_reverts() public {
        uint256 limit = timelock.MAX_CALLS();
        (address[] memory targets, uint256[] memory values, bytes[] memory payloads) = _batch(limit + 1);
        vm.expectRevert(abi.encodeWithSelector(ITimelock.TooManyCalls.selector, limit + 1, limit));
        vm.prank(Predeploys.GOVERNOR);
        timelock.scheduleBatch(targets, values, payloads, 0, 0, initial);
    }

    function _batch(uint256 count)
        private
        view
        returns (address[] memory targets, uint256[] memory values, bytes[] memory payloads)
    {
        (targets, values, payloads) = (new address[](count), new uint256[](count), new bytes[](count));
        for (uint256 i = 0; i < count; ++i) {
            (targets[i], payloads[i]) = (address(target), abi.encodeCall(Target.call, ()));
        }
    }

    /// @dev Property TL1.
    function testFuzz_schedule_notGovernor_reverts(address caller) public {
        vm.assume(caller != Predeploys.GOVERNOR && caller != Predeploys.PROXY_ADMIN);
        (address[] memory targets, uint256[] memory values, bytes[] memory payloads) = _batch(1);
        vm.startPrank(caller);
        bytes4 selector = IAccessControl.AccessControlUnauthorizedAccount.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, caller, PROPOSER));
        timelock.schedule(address(target), 0, "", 0, 0, initial);
        vm.expectRevert(abi.encodeWithSelector(selector, caller, PROPOSER));
        timelock.scheduleBatch(targets, values, payloads, 0, 0, initial);
        vm.expectRevert(abi.encodeWithSelector(selector, caller, CANCELLER));
        timelock.cancel(0);
    }

    function test_schedule_tooSoon_reverts() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                TimelockControllerUpgradeable.TimelockInsufficientDelay.selector, initial - 1, initial
            )
        );
        _schedule(address(target), "", initial - 1);
    }

    function test_cancel_governor_succeeds() public {
        bytes memory data = abi.encodeCall(Target.call, ());
        _schedule(address(target), data, initial);
        bytes32 id = timelock.hashOperation(address(target), 0, data, 0, 0);
        vm.prank(Predeploys.GOVERNOR);
        timelock.cancel(id);
        skip(initial);
        vm.expectPartialRevert(TimelockControllerUpgradeable.TimelockUnexpectedOperationState.selector);
        timelock.execute(address(target), 0, data, 0, 0);
    }

    /* VALUE */

    /// @dev Property TL4.
    function test_value_anyFunction_reverts() public {
        (address[] memory targets, uint256[] memory values, bytes[] memory payloads) = _batch(2);
        vm.deal(mallory, 10);
        bytes memory refusal = abi.encodeWithSelector(ITimelock.ValueRefused.selector, 3);
        vm.startPrank(mallory);
        (bool success, bytes memory answer) = address(timelock).call{value: 3}("");
        assertFalse(success);
        assertEq(answer, refusal);
        vm.expectRevert(refusal);
        timelock.execute{value: 3}(address(target), 3, "", 0, 0);
        vm.expectRevert(refusal);
        timelock.executeBatch{value: 3}(targets, values, payloads, 0, 0);
        vm.stopPrank();

        values[1] = 3;
        vm.startPrank(Predeploys.GOVERNOR);
        vm.expectRevert(refusal);
        timelock.schedule(address(target), 3, "", 0, 0, initial);
        vm.expectRevert(refusal);
        timelock.scheduleBatch(targets, values, payloads, 0, 0, initial);
    }

    /* DELAY */

    /// @dev Property TL3.
    function testFuzz_updateDelay_itself_succeeds(uint256 delay) public {
        delay = bound(delay, initial, most);
        bytes memory data = abi.encodeCall(TimelockControllerUpgradeable.updateDelay, (delay));
        _scheduleOwn(data);
        timelock.execute(address(timelock), 0, data, 0, 0);
        assertEq(timelock.getMinDelay(), delay);
        (uint256 least,) = timelock.delayBounds();
        assertEq(least, initial);
    }

    /// @dev Property TL3.
    function testFuzz_updateDelay_outOfBounds_reverts(uint256 delay) public {
        vm.assume(delay < initial || delay > most);
        bytes memory data = abi.encodeCall(TimelockControllerUpgradeable.updateDelay, (delay));
        _scheduleOwn(data);
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterized.ParameterOutOfBounds.selector, bytes32("minDelaySeconds"), delay, initial, most
            )
        );
        timelock.execute(address(timelock), 0, data, 0, 0);
    }

    /// @dev Property TL3, on a chain that began with seconds: it may go there again, and not below.
    function test_updateDelay_localChain_succeeds() public {
        _restart(2);
        bytes memory data = abi.encodeCall(TimelockControllerUpgradeable.updateDelay, (most));
        _scheduleOwn(data);
        timelock.execute(address(timelock), 0, data, 0, 0);
        data = abi.encodeCall(TimelockControllerUpgradeable.updateDelay, (2));
        _scheduleOwn(data);
        timelock.execute(address(timelock), 0, data, 0, 0);
        assertEq(timelock.getMinDelay(), 2);
        data = abi.encodeCall(TimelockControllerUpgradeable.updateDelay, (1));
        _scheduleOwn(data);
        vm.expectRevert(
            abi.encodeWithSelector(IParameterized.ParameterOutOfBounds.selector, bytes32("minDelaySeconds"), 1, 2, most)
        );
        timelock.execute(address(timelock), 0, data, 0, 0);
    }

    /// @dev Property TL3.
    function testFuzz_updateDelay_another_reverts(address caller) public {
        vm.assume(caller != address(timelock) && caller != Predeploys.PROXY_ADMIN);
        vm.expectRevert(
            abi.encodeWithSelector(TimelockControllerUpgradeable.TimelockUnauthorizedCaller.selector, caller)
        );
        vm.prank(caller);
        timelock.updateDelay(most);
    }

    /* ROLES */

    /// @dev Property TL1: who may schedule is a matter of the code timelock, for both.
    function test_grantRole_codeTimelock_succeeds() public {
        vm.prank(Predeploys.CODE_TIMELOCK);
        timelock.grantRole(PROPOSER, mallory);
        vm.prank(mallory);
        timelock.schedule(address(target), 0, "", 0, 0, initial);
    }

    /// @dev Property TL1.
    function testFuzz_grantRole_another_reverts(address caller) public {
        vm.assume(caller != Predeploys.CODE_TIMELOCK && caller != Predeploys.PROXY_ADMIN);
        vm.expectRevert(abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, caller, ADMIN));
        vm.prank(caller);
        timelock.grantRole(PROPOSER, caller);
    }
}
