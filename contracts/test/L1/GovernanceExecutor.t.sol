// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {GovernanceExecutor} from "../../src/L1/GovernanceExecutor.sol";
import {ICrossDomainMessenger} from "../../src/interfaces/ICrossDomainMessenger.sol";
import {IGovernanceExecutor} from "../../src/interfaces/IGovernanceExecutor.sol";
import {CrossDomainMessages} from "../../src/libraries/CrossDomainMessages.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {TwoLayersTest} from "../universal/TwoLayersTest.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {Errors} from "@openzeppelin/contracts/utils/Errors.sol";

/// @dev A contract on L1 that governance owns.
contract Owned {
    address private immutable owner;
    uint256 public value;
    bool public locked;

    error NotOwner(address caller);
    error Locked();

    constructor(address newOwner) {
        owner = newOwner;
    }

    function lock(bool isLocked) external {
        locked = isLocked;
    }

    function set(uint256 newValue) external {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        if (locked) revert Locked();
        value = newValue;
    }

    function fail() external pure {
        assembly ("memory-safe") {
            revert(0, 0)
        }
    }
}

contract GovernanceExecutorTest is TwoLayersTest {
    address private constant OWNER = Predeploys.CODE_TIMELOCK;
    uint32 private constant GAS = 300_000;

    GovernanceExecutor private executor;
    Owned private owned;

    function setUp() public override {
        super.setUp();
        executor = new GovernanceExecutor(l1Messenger, OWNER);
        owned = new Owned(address(executor));
    }

    function _calls(address target, bytes memory data) private pure returns (IGovernanceExecutor.Call[] memory calls) {
        calls = new IGovernanceExecutor.Call[](1);
        calls[0] = IGovernanceExecutor.Call(target, data);
    }

    function _set(uint256 value) private view returns (IGovernanceExecutor.Call[] memory) {
        return _calls(address(owned), abi.encodeCall(Owned.set, (value)));
    }

    /// @dev Sends a message of `sender`'s on L2, and carries it to L1. `encoded` is what repeats it there.
    function _send(address sender, IGovernanceExecutor.Call[] memory calls)
        private
        returns (bytes memory encoded, bytes32 hash)
    {
        bytes memory message = abi.encodeCall(IGovernanceExecutor.execute, (calls));
        uint256 nonce = L2_MESSENGER.messageNonce();
        encoded = CrossDomainMessages.encode(nonce, sender, address(executor), 0, GAS, message);
        hash = CrossDomainMessages.hash(nonce, sender, address(executor), 0, GAS, message);
        vm.recordLogs();
        vm.prank(sender);
        L2_MESSENGER.sendMessage(address(executor), message, GAS);
        assertTrue(_carryToL1(_recordedWithdrawal()));
    }

    /// @dev As if the messenger relayed a message of the owner's.
    function _mockSender() private {
        vm.mockCall(
            address(l1Messenger), abi.encodeCall(ICrossDomainMessenger.xDomainMessageSender, ()), abi.encode(OWNER)
        );
    }

    function _executeDirectly(IGovernanceExecutor.Call[] memory calls, bytes memory expectedRevert) private {
        _mockSender();
        vm.expectRevert(expectedRevert);
        vm.prank(address(l1Messenger));
        executor.execute(calls);
    }

    function test_constructor_addresses_succeeds() public view {
        assertEq(address(executor.messenger()), address(l1Messenger));
        assertEq(executor.l2Sender(), OWNER);
    }

    function test_constructor_zero_reverts() public {
        vm.expectRevert(IGovernanceExecutor.ZeroAddress.selector);
        new GovernanceExecutor(ICrossDomainMessenger(address(0)), OWNER);
        vm.expectRevert(IGovernanceExecutor.ZeroAddress.selector);
        new GovernanceExecutor(l1Messenger, address(0));
    }

    /// @dev Property GE1.
    function test_execute_owner_succeeds() public {
        (, bytes32 hash) = _send(OWNER, _set(7));
        assertEq(owned.value(), 7);
        assertTrue(l1Messenger.successfulMessages(hash));
    }

    /// @dev Property GE1.
    function testFuzz_execute_anotherSender_fails(address sender) public {
        vm.assume(sender != OWNER && sender != address(0) && sender != Predeploys.PROXY_ADMIN);
        (, bytes32 hash) = _send(sender, _set(7));
        assertEq(owned.value(), 0);
        assertTrue(l1Messenger.failedMessages(hash));
    }

    /// @dev Property GE1.
    function testFuzz_execute_anotherCaller_reverts(address caller) public {
        vm.assume(caller != address(l1Messenger));
        vm.expectRevert(abi.encodeWithSelector(IGovernanceExecutor.NotMessenger.selector, caller));
        vm.prank(caller);
        executor.execute(_set(7));
    }

    /// @dev Property GE1: the messenger itself, when it relays nothing.
    function test_execute_withoutMessage_reverts() public {
        vm.expectRevert(ICrossDomainMessenger.NoMessageIsRelayed.selector);
        vm.prank(address(l1Messenger));
        executor.execute(_set(7));
    }

    /// @dev Property GE2: what fails can be repeated by anybody until it succeeds, once.
    function test_execute_failure_isReplayable_succeeds() public {
        owned.lock(true);
        (bytes memory encoded, bytes32 hash) = _send(OWNER, _set(7));
        assertTrue(l1Messenger.failedMessages(hash));
        (bool relayed,) = _replay(address(l1Messenger), encoded);
        assertTrue(relayed);
        assertFalse(l1Messenger.successfulMessages(hash));

        owned.lock(false);
        (relayed,) = _replay(address(l1Messenger), encoded);
        assertTrue(relayed);
        assertEq(owned.value(), 7);
        assertTrue(l1Messenger.successfulMessages(hash));
        (relayed,) = _replay(address(l1Messenger), encoded);
        assertFalse(relayed);
    }

    /// @dev Property GE2: all calls, or none.
    function test_execute_secondFails_nothingHappens_succeeds() public {
        IGovernanceExecutor.Call[] memory calls = new IGovernanceExecutor.Call[](2);
        calls[0] = _set(7)[0];
        calls[1] = _calls(address(owned), abi.encodeCall(Owned.fail, ()))[0];
        (, bytes32 hash) = _send(OWNER, calls);
        assertEq(owned.value(), 0);
        assertTrue(l1Messenger.failedMessages(hash));
    }

    function test_execute_event_succeeds() public {
        IGovernanceExecutor.Call[] memory calls = new IGovernanceExecutor.Call[](2);
        (calls[0], calls[1]) = (_set(7)[0], _set(8)[0]);
        _mockSender();
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.expectEmit(address(executor));
            emit IGovernanceExecutor.CallExecuted(i, address(owned), calls[i].data);
        }
        vm.prank(address(l1Messenger));
        executor.execute(calls);
        assertEq(owned.value(), 8);
    }

    function test_execute_failure_bubblesUp_reverts() public {
        owned.lock(true);
        _executeDirectly(_set(7), abi.encodeWithSelector(Owned.Locked.selector));
        _executeDirectly(
            _calls(address(owned), abi.encodeCall(Owned.fail, ())), abi.encodeWithSelector(Errors.FailedCall.selector)
        );
    }

    function test_execute_targetWithoutCode_reverts() public {
        _executeDirectly(_calls(alice, hex"12345678"), abi.encodeWithSelector(Address.AddressEmptyCode.selector, alice));
    }

    function test_execute_tooManyCalls_reverts() public {
        uint256 most = executor.MAX_CALLS();
        _executeDirectly(
            new IGovernanceExecutor.Call[](most + 1),
            abi.encodeWithSelector(IGovernanceExecutor.TooManyCalls.selector, most + 1, most)
        );
    }

    function test_execute_value_reverts() public {
        vm.deal(address(l1Messenger), 1);
        vm.prank(address(l1Messenger));
        (bool success,) = address(executor).call{value: 1}(abi.encodeCall(IGovernanceExecutor.execute, (_set(7))));
        assertFalse(success);
        vm.prank(address(l1Messenger));
        (success,) = address(executor).call{value: 1}("");
        assertFalse(success);
    }
}
