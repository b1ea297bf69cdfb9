// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ICrossDomainMessenger} from "../../src/interfaces/ICrossDomainMessenger.sol";
import {CrossDomainMessages} from "../../src/libraries/CrossDomainMessages.sol";
import {Withdrawals} from "../../src/libraries/Withdrawals.sol";
import {GasMeter, Glutton, Reenterer, Target} from "./Targets.sol";
import {TwoLayersTest} from "./TwoLayersTest.sol";

/// @dev A cheat code that forge-std doesn't declare: makes an account's storage cold.
interface ICool {
    function cool(address account) external;
}

/// @title CrossDomainMessengerTest
/// @notice What the messengers of both layers must do. Each layer's test says how its first relay arrives.
abstract contract CrossDomainMessengerTest is TwoLayersTest {
    uint256 private constant PLENTY = 3_000_000;
    /// @dev Most calldata of a deposit.
    uint256 private constant DEPOSIT_DATA_MAX = 120_000;

    Target internal target;

    function setUp() public virtual override {
        super.setUp();
        target = new Target();
    }

    /* WHAT A LAYER SAYS */

    function _messenger() internal view virtual returns (ICrossDomainMessenger);

    /// @dev Brings an encoded message as the other messenger, with exactly `gas`.
    function _bring(bytes memory encoded, uint256 gas) internal virtual returns (bool success, bytes memory result);

    function _refusedTargets() internal view virtual returns (address[] memory);

    /* SENDING */

    /// @dev Property X6.
    function testFuzz_sendMessage_eventsAndNonce_succeeds(
        address sender,
        address to,
        bytes memory message,
        uint32 minGasLimit
    ) public {
        vm.assume(sender != l1ProxyAdmin && sender != address(0x4200000000000000000000000000000000000018));
        vm.assume(sender != address(0));
        minGasLimit = uint32(bound(minGasLimit, 0, 5_000_000));
        ICrossDomainMessenger messenger = _messenger();
        uint256 nonce = messenger.messageNonce();
        assertEq(nonce >> 240, 1);

        vm.expectEmit(address(messenger));
        emit ICrossDomainMessenger.SentMessage(to, sender, message, nonce, minGasLimit);
        vm.expectEmit(address(messenger));
        emit ICrossDomainMessenger.SentMessageExtension1(sender, 0);
        vm.prank(sender);
        messenger.sendMessage(to, message, minGasLimit);
        assertEq(messenger.messageNonce(), nonce + 1);
    }

    /// @dev Property X1.
    function testFuzz_sendMessage_value_reverts(uint96 value) public {
        vm.assume(value != 0);
        ICrossDomainMessenger messenger = _messenger();
        uint256 nonce = messenger.messageNonce();
        vm.deal(alice, value);
        vm.expectRevert(abi.encodeWithSelector(ICrossDomainMessenger.ValueRefused.selector, value));
        vm.prank(alice);
        messenger.sendMessage{value: value}(bob, "", 0);
        assertEq(messenger.messageNonce(), nonce);
        assertEq(address(messenger).balance, 0);
    }

    /// @dev Property X1: there is no other way in.
    function test_plainTransfer_reverts() public {
        vm.deal(alice, 1 ether);
        vm.prank(alice);
        (bool success,) = address(_messenger()).call{value: 1}("");
        assertFalse(success);
    }

    /* RELAYING */

    function test_relayMessage_firstTime_succeeds() public {
        bytes memory encoded = _encode(7, address(target), 100_000, hex"c0ffee");
        bytes32 msgHash = keccak256(encoded);
        vm.expectEmit(address(_messenger()));
        emit ICrossDomainMessenger.RelayedMessage(msgHash);
        (bool success,) = _bring(encoded, PLENTY);

        assertTrue(success);
        assertEq(target.calls(), 1);
        assertEq(target.data(), hex"c0ffee");
        assertEq(target.messageSender(), alice);
        assertTrue(_messenger().successfulMessages(msgHash));
        assertFalse(_messenger().failedMessages(msgHash));
        _assertNobodyIsRelayed();
    }

    /// @dev Property X2: nobody but the other messenger brings a message.
    function testFuzz_relayMessage_stranger_reverts(address stranger, uint240 count) public {
        vm.assume(stranger != l1ProxyAdmin && stranger != address(0x4200000000000000000000000000000000000018));
        vm.assume(stranger != address(0) && stranger != address(portal));
        bytes memory encoded = _encode(count, address(target), 100_000, hex"c0ffee");
        vm.prank(stranger);
        (bool success, bytes memory result) = address(_messenger()).call(encoded);
        _assertRefused(success, result, ICrossDomainMessenger.MessageNotReplayable.selector, keccak256(encoded));
        assertEq(target.calls(), 0);
    }

    /// @dev Property X3: once a message succeeded, nobody makes its call again.
    function test_relayMessage_twice_reverts() public {
        bytes memory encoded = _encode(7, address(target), 100_000, "");
        (bool success, bytes memory result) = _bring(encoded, PLENTY);
        assertTrue(success);
        (success, result) = _bring(encoded, PLENTY);
        _assertRefused(success, result, ICrossDomainMessenger.MessageAlreadyRelayed.selector, keccak256(encoded));
        (success, result) = _replay(address(_messenger()), encoded);
        _assertRefused(success, result, ICrossDomainMessenger.MessageNotReplayable.selector, keccak256(encoded));
        assertEq(target.calls(), 1);
    }

    /// @dev Property X4: a call that failed can be made by anybody until it succeeds; property X3: then never again.
    function test_relayMessage_failedThenReplayed_succeeds() public {
        bytes memory encoded = _encode(7, address(target), 100_000, hex"c0ffee");
        bytes32 msgHash = keccak256(encoded);
        target.setRefuses(true);
        vm.expectEmit(address(_messenger()));
        emit ICrossDomainMessenger.FailedRelayedMessage(msgHash);
        (bool success, bytes memory result) = _bring(encoded, PLENTY);
        assertTrue(success);
        assertTrue(_messenger().failedMessages(msgHash));
        assertFalse(_messenger().successfulMessages(msgHash));
        _assertNobodyIsRelayed();

        // It may fail any number of times.
        (success,) = _replay(address(_messenger()), encoded);
        assertTrue(success);
        assertFalse(_messenger().successfulMessages(msgHash));

        target.setRefuses(false);
        vm.expectEmit(address(_messenger()));
        emit ICrossDomainMessenger.RelayedMessage(msgHash);
        (success,) = _replay(address(_messenger()), encoded);
        assertTrue(success);
        assertEq(target.calls(), 1);
        assertEq(target.messageSender(), alice);

        (success, result) = _replay(address(_messenger()), encoded);
        _assertRefused(success, result, ICrossDomainMessenger.MessageAlreadyRelayed.selector, msgHash);
        assertEq(target.calls(), 1);
    }

    /// @dev Property X2: a failed message gives no right to any other.
    function testFuzz_relayMessage_alteredReplay_reverts(uint8 field, uint256 change) public {
        target.setRefuses(true);
        uint256 nonce = Withdrawals.versionedNonce(7, 1);
        _bring(CrossDomainMessages.encode(nonce, alice, address(target), 0, 100_000, hex"c0ffee"), PLENTY);
        target.setRefuses(false);

        field = field % 5;
        address sender = alice;
        address to = address(target);
        uint256 minGasLimit = 100_000;
        bytes memory message = hex"c0ffee";
        if (field == 0) nonce = Withdrawals.versionedNonce(uint240(bound(change, 8, type(uint240).max)), 1);
        if (field == 1) sender = mallory;
        if (field == 2) to = address(new Target());
        if (field == 3) minGasLimit = bound(change, 100_001, type(uint256).max);
        if (field == 4) message = abi.encode(change);
        bytes memory encoded = CrossDomainMessages.encode(nonce, sender, to, 0, minGasLimit, message);
        (bool success, bytes memory result) = _replay(address(_messenger()), encoded);
        _assertRefused(success, result, ICrossDomainMessenger.MessageNotReplayable.selector, keccak256(encoded));
        assertEq(target.calls(), 0);
    }

    /// @dev Property X1.
    function testFuzz_relayMessage_valueArgument_reverts(uint256 value) public {
        vm.assume(value != 0);
        bytes memory encoded =
            CrossDomainMessages.encode(Withdrawals.versionedNonce(7, 1), alice, address(target), value, 0, "");
        (bool success, bytes memory result) = _bring(encoded, PLENTY);
        assertFalse(success);
        assertEq(result, abi.encodeWithSelector(ICrossDomainMessenger.ValueRefused.selector, value));
        assertEq(target.calls(), 0);
    }

    /// @dev Property X1: a replay brings no value either.
    function test_relayMessage_valueSent_reverts() public {
        bytes memory encoded = _encode(7, address(target), 100_000, "");
        target.setRefuses(true);
        _bring(encoded, PLENTY);
        target.setRefuses(false);
        vm.deal(mallory, 1 ether);
        vm.prank(mallory);
        (bool success, bytes memory result) = address(_messenger()).call{value: 1}(encoded);
        assertFalse(success);
        assertEq(result, abi.encodeWithSelector(ICrossDomainMessenger.ValueRefused.selector, 1));
    }

    function testFuzz_relayMessage_otherVersion_reverts(uint16 version) public {
        vm.assume(version != 1);
        bytes memory encoded =
            CrossDomainMessages.encode(Withdrawals.versionedNonce(7, version), alice, address(target), 0, 0, "");
        (bool success, bytes memory result) = _bring(encoded, PLENTY);
        assertFalse(success);
        assertEq(result, abi.encodeWithSelector(ICrossDomainMessenger.UnsupportedMessageVersion.selector, version));
    }

    /// @dev Property X5.
    function test_relayMessage_refusedTargets_reverts() public {
        address[] memory refused = _refusedTargets();
        for (uint256 i; i < refused.length; ++i) {
            (bool success, bytes memory result) = _bring(_encode(uint240(i), refused[i], 0, hex"c0ffee"), PLENTY);
            assertFalse(success);
            assertEq(result, abi.encodeWithSelector(ICrossDomainMessenger.TargetRefused.selector, refused[i]));
        }
    }

    /* GAS */

    /// @dev Property X4: too little gas for the call is a failure that can be made good, not a loss.
    function test_relayMessage_tooLittleGas_recordsFailure_succeeds() public {
        bytes memory encoded = _encode(7, address(target), 2_000_000, "");
        (bool success,) = _bring(encoded, 1_000_000);
        assertTrue(success);
        assertEq(target.calls(), 0);
        assertTrue(_messenger().failedMessages(keccak256(encoded)));
        (success,) = _replay(address(_messenger()), encoded);
        assertTrue(success);
        assertEq(target.calls(), 1);
    }

    /// @dev Property X4: with the gas that the sender paid for, the call gets what was asked for; by cold storage, the
    ///      dearest calldata, and behind the proxy, which keeps a 64th for itself. Up to 50,000 bytes and 5 million gas.
    function testFuzz_baseGas_callGetsMinGas_succeeds(uint256 length, uint32 minGasLimit) public {
        length = bound(length, 0, 50_000);
        // The meter's own storage costs 22,100.
        minGasLimit = uint32(bound(minGasLimit, 30_000, 5_000_000));
        (GasMeter meter, bytes32 msgHash) = _bringWithBaseGas(length, minGasLimit);
        assertTrue(_messenger().successfulMessages(msgHash));
        assertGe(meter.gasGot(), minGasLimit);
    }

    function test_baseGas_mostOfBoth_succeeds() public {
        (GasMeter meter, bytes32 msgHash) = _bringWithBaseGas(50_000, 5_000_000);
        assertTrue(_messenger().successfulMessages(msgHash));
        assertGe(meter.gasGot(), 5_000_000);
    }

    /// @dev Property X4: beyond that, a message may fail for want of gas, but it isn't lost.
    function test_baseGas_longestDeposit_succeeds() public {
        uint32[3] memory limits = [uint32(30_000), 5_000_000, 20_000_000];
        for (uint256 i; i < limits.length; ++i) {
            // The encoding adds 260 bytes at most; what is left is the message's.
            (, bytes32 msgHash) = _bringWithBaseGas(DEPOSIT_DATA_MAX - 260, limits[i]);
            assertTrue(_messenger().successfulMessages(msgHash) != _messenger().failedMessages(msgHash));
        }
    }

    /// @dev Property X4: a target can't make the relay itself run out of gas, whatever it does with its own; whether the
    ///      64th that the call leaves (EIP-150) would be enough to record the result or not.
    function test_baseGas_gluttons_recordFailure_succeeds() public {
        uint32[2] memory limits = [uint32(100_000), 2_500_000];
        uint240 count;
        for (uint256 i; i < limits.length; ++i) {
            for (uint8 way; way < 4; ++way) {
                for (uint256 length = 1000; length <= 1_000_000; length *= 1000) {
                    Glutton glutton = new Glutton();
                    glutton.set(Glutton.Way(way), length);
                    bytes memory encoded = _encode(++count, address(glutton), limits[i], "");
                    _cool(address(glutton));
                    (bool success,) = _bring(encoded, _gasAfterIntrinsic("", limits[i], encoded.length));
                    assertTrue(success);
                    // A million bytes of memory cost two million gas.
                    bool succeeds = Glutton.Way(way) == Glutton.Way.Return && (i == 1 || length == 1000);
                    assertEq(_messenger().successfulMessages(keccak256(encoded)), succeeds);
                    assertEq(_messenger().failedMessages(keccak256(encoded)), !succeeds);
                    _assertNobodyIsRelayed();
                }
            }
        }
    }

    /// @dev The formula, by numbers: 285,000 for the relay, 64/63 of the limit, 16 a byte, or EIP-7623's 40 a byte.
    function test_baseGas_values_succeeds() public view {
        ICrossDomainMessenger messenger = _messenger();
        assertEq(messenger.baseGas("", 0), 21_000 + 285_000 + 260 * 16);
        assertEq(messenger.baseGas("", 63), 21_000 + 285_000 + 64 + 260 * 16);
        assertEq(messenger.baseGas(new bytes(100), 200_000), 21_000 + 285_000 + 203_174 + 360 * 16);
        assertEq(messenger.baseGas(new bytes(11_740), 0), 21_000 + 12_000 * 40);
        assertEq(messenger.baseGas("", type(uint32).max), 21_000 + 285_000 + 4_363_141_379 + 260 * 16);
    }

    /// @dev A gas estimate must not take the gas of a recorded failure for enough.
    function test_relayMessage_estimate_reverts() public {
        bytes memory encoded = _encode(7, address(target), 100_000, "");
        target.setRefuses(true);
        _bring(encoded, PLENTY);
        vm.prank(mallory, address(1));
        (bool success, bytes memory result) = address(_messenger()).call(encoded);
        _assertRefused(success, result, ICrossDomainMessenger.RelayFailed.selector, keccak256(encoded));
    }

    /* REENTRANCY */

    /// @dev Property X3: a message whose call replays the message is called once.
    function test_relayMessage_reentersItself_succeeds() public {
        Reenterer reenterer = new Reenterer();
        bytes memory encoded = _encode(7, address(reenterer), 500_000, abi.encodeCall(Reenterer.run, ()));
        (bool success,) = _bring(encoded, PLENTY);
        assertTrue(_messenger().failedMessages(keccak256(encoded)));

        reenterer.arm(address(_messenger()), encoded);
        (success,) = _replay(address(_messenger()), encoded);
        assertTrue(success);
        assertTrue(reenterer.innerSuccess());
        assertEq(reenterer.calls(), 1);
        assertTrue(_messenger().successfulMessages(keccak256(encoded)));
        (success,) = _replay(address(_messenger()), encoded);
        assertFalse(success);
        assertEq(reenterer.calls(), 1);
    }

    /// @dev Properties X2 and X4: another message relayed from inside a call isn't called, nor lost.
    function test_relayMessage_insideAnother_recordsFailure_succeeds() public {
        bytes memory inner = _encode(1, address(target), 100_000, "");
        target.setRefuses(true);
        _bring(inner, PLENTY);
        target.setRefuses(false);

        Reenterer reenterer = new Reenterer();
        reenterer.arm(address(_messenger()), inner);
        bytes memory outer = _encode(2, address(reenterer), 1_000_000, abi.encodeCall(Reenterer.run, ()));
        (bool success,) = _bring(outer, PLENTY);
        assertTrue(success);
        assertTrue(reenterer.innerSuccess());
        assertEq(target.calls(), 0);
        assertTrue(_messenger().successfulMessages(keccak256(outer)));
        assertFalse(_messenger().successfulMessages(keccak256(inner)));

        (success,) = _replay(address(_messenger()), inner);
        assertTrue(success);
        assertEq(target.calls(), 1);
    }

    /// @dev Property X2: a call inside a message can't bring a message of its own making.
    function test_relayMessage_forgedInside_reverts() public {
        Reenterer reenterer = new Reenterer();
        bytes memory forged = _encode(99, address(target), 100_000, "");
        reenterer.arm(address(_messenger()), forged);
        (bool success,) = _bring(_encode(7, address(reenterer), 1_000_000, abi.encodeCall(Reenterer.run, ())), PLENTY);
        assertTrue(success);
        _assertRefused(
            reenterer.innerSuccess(),
            reenterer.innerResult(),
            ICrossDomainMessenger.MessageNotReplayable.selector,
            keccak256(forged)
        );
        assertEq(target.calls(), 0);
    }

    /// @dev A message that is sent from inside a call is its target's, not that of who sent the outer one.
    function test_sendMessage_insideRelay_succeeds() public {
        Reenterer reenterer = new Reenterer();
        reenterer.arm(address(_messenger()), abi.encodeCall(ICrossDomainMessenger.sendMessage, (bob, hex"01", 0)));
        uint256 nonce = _messenger().messageNonce();
        vm.expectEmit(address(_messenger()));
        emit ICrossDomainMessenger.SentMessage(bob, address(reenterer), hex"01", nonce, 0);
        (bool success,) = _bring(_encode(7, address(reenterer), 1_500_000, abi.encodeCall(Reenterer.run, ())), PLENTY);
        assertTrue(success);
        assertTrue(reenterer.innerSuccess());
    }

    /* ABI */

    function test_abi_selectorsAndTopics_succeeds() public pure {
        assertEq(ICrossDomainMessenger.sendMessage.selector, bytes4(0x3dbb202b));
        assertEq(ICrossDomainMessenger.relayMessage.selector, bytes4(0xd764ad0b));
        assertEq(
            ICrossDomainMessenger.SentMessage.selector,
            0xcb0f7ffd78f9aee47a248fae8db181db6eee833039123e026dcbff529522e52a
        );
        assertEq(
            ICrossDomainMessenger.SentMessageExtension1.selector,
            0x8ebb2ec2465bdb2a06a66fc37a0963af8a2a6a1479d81d56fdb8cbb98096d546
        );
        assertEq(
            ICrossDomainMessenger.RelayedMessage.selector,
            0x4641df4a962071e12719d8c8c8e5ac7fc4d97b927346a3d7a335b1f7517e133c
        );
        assertEq(
            ICrossDomainMessenger.FailedRelayedMessage.selector,
            0x99d0e048484baa1b1540b1367cb128acd7ab2946d1ed91ec10e3c85e4bf51b8f
        );
    }

    function test_getters_succeeds() public view {
        ICrossDomainMessenger messenger = _messenger();
        assertEq(messenger.MESSAGE_VERSION(), 1);
        assertEq(messenger.RELAY_CONSTANT_OVERHEAD(), 200_000);
        assertEq(messenger.MIN_GAS_DYNAMIC_OVERHEAD_NUMERATOR(), 64);
        assertEq(messenger.MIN_GAS_DYNAMIC_OVERHEAD_DENOMINATOR(), 63);
        assertEq(messenger.MIN_GAS_CALLDATA_OVERHEAD(), 16);
        assertEq(messenger.FLOOR_CALLDATA_OVERHEAD(), 40);
        assertEq(messenger.RELAY_CALL_OVERHEAD(), 40_000);
        assertEq(messenger.RELAY_RESERVED_GAS(), 40_000);
        assertEq(messenger.RELAY_GAS_CHECK_BUFFER(), 5000);
        assertEq(messenger.TX_BASE_GAS(), 21_000);
        assertEq(messenger.ENCODING_OVERHEAD(), 260);
        assertEq(messenger.OTHER_MESSENGER(), messenger.otherMessenger());
        assertEq(messenger.version(), "1.0.0");
        assertFalse(messenger.paused());
    }

    /* HELPERS */

    function _encode(uint240 count, address to, uint256 minGasLimit, bytes memory message)
        internal
        view
        returns (bytes memory)
    {
        return CrossDomainMessages.encode(Withdrawals.versionedNonce(count, 1), alice, to, 0, minGasLimit, message);
    }

    function _assertRefused(bool success, bytes memory result, bytes4 reason, bytes32 msgHash) internal pure {
        assertFalse(success);
        assertEq(result, abi.encodeWithSelector(reason, msgHash));
    }

    function _assertNobodyIsRelayed() internal {
        ICrossDomainMessenger messenger = _messenger();
        vm.expectRevert(ICrossDomainMessenger.NoMessageIsRelayed.selector);
        messenger.xDomainMessageSender();
    }

    function _bringWithBaseGas(uint256 length, uint32 minGasLimit) private returns (GasMeter meter, bytes32 msgHash) {
        meter = new GasMeter();
        bytes memory message = new bytes(length);
        bytes memory encoded = _encode(7, address(meter), minGasLimit, message);
        msgHash = keccak256(encoded);
        assertLe(encoded.length, length + 260);
        _cool(address(meter));
        (bool success,) = _bring(encoded, _gasAfterIntrinsic(message, minGasLimit, encoded.length));
        assertTrue(success);
    }

    /// @dev What is left of `baseGas` in the worst case, when every byte of the calldata is paid for as not zero.
    function _gasAfterIntrinsic(bytes memory message, uint32 minGasLimit, uint256 encodedLength)
        private
        view
        returns (uint256)
    {
        return _messenger().baseGas(message, minGasLimit) - TX_GAS - BYTE_GAS * encodedLength;
    }

    function _cool(address account) private {
        ICool(address(vm)).cool(account);
        ICool(address(vm)).cool(address(_messenger()));
        address implementation = address(uint160(uint256(vm.load(address(_messenger()), IMPLEMENTATION_SLOT))));
        ICool(address(vm)).cool(implementation);
    }
}
