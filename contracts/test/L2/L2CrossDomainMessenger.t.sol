// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ICrossDomainMessenger} from "../../src/interfaces/ICrossDomainMessenger.sol";
import {IL2CrossDomainMessenger} from "../../src/interfaces/IL2CrossDomainMessenger.sol";
import {IL2ToL1MessagePasser} from "../../src/interfaces/IL2ToL1MessagePasser.sol";
import {AddressAliasing} from "../../src/libraries/AddressAliasing.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {CrossDomainMessengerTest} from "../universal/CrossDomainMessengerTest.sol";

contract L2CrossDomainMessengerTest is CrossDomainMessengerTest {
    IL2ToL1MessagePasser private constant PASSER = IL2ToL1MessagePasser(Predeploys.L2_TO_L1_MESSAGE_PASSER);

    function _messenger() internal pure override returns (ICrossDomainMessenger) {
        return L2_MESSENGER;
    }

    function _bring(bytes memory encoded, uint256 gas) internal override returns (bool success, bytes memory result) {
        vm.prank(AddressAliasing.applyAlias(address(l1Messenger)));
        (success, result) = address(L2_MESSENGER).call{gas: gas}(encoded);
    }

    function _refusedTargets() internal pure override returns (address[] memory refused) {
        refused = new address[](2);
        refused[0] = address(L2_MESSENGER);
        refused[1] = address(PASSER);
    }

    function testFuzz_sendMessage_withdrawal_succeeds(bytes memory message, uint32 minGasLimit) public {
        minGasLimit = uint32(bound(minGasLimit, 0, 9_000_000));
        bytes memory encoded = abi.encodeWithSignature(
            "relayMessage(uint256,address,address,uint256,uint256,bytes)",
            L2_MESSENGER.messageNonce(),
            alice,
            address(target),
            0,
            minGasLimit,
            message
        );
        uint256 gasLimit = L2_MESSENGER.baseGas(message, minGasLimit);
        uint256 nonce = PASSER.messageNonce();
        bytes32 hash = keccak256(abi.encode(nonce, address(L2_MESSENGER), address(l1Messenger), 0, gasLimit, encoded));
        vm.expectEmit(address(PASSER));
        emit IL2ToL1MessagePasser.MessagePassed(
            nonce, address(L2_MESSENGER), address(l1Messenger), 0, gasLimit, encoded, hash
        );
        vm.prank(alice);
        L2_MESSENGER.sendMessage(address(target), message, minGasLimit);
        assertTrue(PASSER.sentMessages(hash));
    }

    function test_sendMessage_arrives_succeeds() public {
        vm.recordLogs();
        vm.prank(alice);
        L2_MESSENGER.sendMessage(address(target), hex"c0ffee", 200_000);
        Sent memory sent = _recordedWithdrawal();
        assertTrue(_carryToL1(sent));
        assertEq(target.calls(), 1);
        assertEq(target.data(), hex"c0ffee");
        assertEq(target.messageSender(), alice);
        assertTrue(l1Messenger.successfulMessages(keccak256(sent.data)));
    }

    /// @dev Property X4: a message that no L1 transaction has the gas for is refused before anything is locked for it.
    function testFuzz_sendMessage_moreGasThanL1Has_reverts(uint32 minGasLimit) public {
        minGasLimit = uint32(bound(minGasLimit, 9_600_000, type(uint32).max));
        uint64 gasLimit = L2_MESSENGER.baseGas("", minGasLimit);
        vm.expectRevert(abi.encodeWithSelector(IL2CrossDomainMessenger.GasLimitTooHigh.selector, gasLimit, 10_000_000));
        vm.prank(alice);
        L2_MESSENGER.sendMessage(bob, "", minGasLimit);
    }

    /// @dev Property X4, by length.
    function test_sendMessage_longerThanL1Takes_reverts() public {
        bytes memory message = new bytes(249_216);
        vm.expectRevert(
            abi.encodeWithSelector(IL2CrossDomainMessenger.GasLimitTooHigh.selector, 10_000_040, 10_000_000)
        );
        L2_MESSENGER.sendMessage(bob, message, 0);
    }

    /// @dev Property X2: whoever has the address of L1's messenger on L2 is not L1's messenger.
    function test_relayMessage_withoutAlias_reverts() public {
        bytes memory encoded = _encode(7, address(target), 100_000, "");
        vm.prank(address(l1Messenger));
        (bool success, bytes memory result) = address(L2_MESSENGER).call(encoded);
        _assertRefused(success, result, ICrossDomainMessenger.MessageNotReplayable.selector, keccak256(encoded));
    }

    /// @dev Property X2: deposits of other contracts.
    function testFuzz_relayMessage_othersDeposit_reverts(address depositor) public {
        vm.assume(depositor != address(l1Messenger));
        address sender = AddressAliasing.applyAlias(depositor);
        vm.assume(sender != Predeploys.PROXY_ADMIN && sender != address(0));
        bytes memory encoded = _encode(7, address(target), 100_000, "");
        vm.prank(sender);
        (bool success, bytes memory result) = address(L2_MESSENGER).call(encoded);
        _assertRefused(success, result, ICrossDomainMessenger.MessageNotReplayable.selector, keccak256(encoded));
    }

    /// @dev Property X5: a withdrawal that a message has the messenger make would be believed on L1, whoever it names.
    function test_relayMessage_withdrawAsMessenger_reverts() public {
        uint256 nonce = PASSER.messageNonce();
        bytes memory forged = _encode(9, address(target), 100_000, "");
        (bool success,) = _bring(
            _encode(
                7,
                address(PASSER),
                500_000,
                abi.encodeCall(IL2ToL1MessagePasser.initiateWithdrawal, (address(l1Messenger), 1_000_000, forged))
            ),
            2_000_000
        );
        assertFalse(success);
        assertEq(PASSER.messageNonce(), nonce);
    }

    /// @dev On a chain that doesn't settle nothing is sent into the void, and nobody speaks for the messenger.
    function test_unsettled_reverts() public {
        vm.store(address(L2_MESSENGER), bytes32(uint256(3)), 0);
        assertEq(L2_MESSENGER.otherMessenger(), address(0));
        vm.expectRevert(ICrossDomainMessenger.NoOtherMessenger.selector);
        L2_MESSENGER.sendMessage(bob, "", 0);
        bytes memory encoded = _encode(7, address(target), 100_000, "");
        vm.prank(AddressAliasing.applyAlias(address(0)));
        (bool success, bytes memory result) = address(L2_MESSENGER).call(encoded);
        _assertRefused(success, result, ICrossDomainMessenger.MessageNotReplayable.selector, keccak256(encoded));
    }

    function test_getters_layer_succeeds() public view {
        assertEq(L2_MESSENGER.otherMessenger(), address(l1Messenger));
        assertEq(L2_MESSENGER.l1CrossDomainMessenger(), address(l1Messenger));
    }
}
