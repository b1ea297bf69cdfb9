// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {L1CrossDomainMessenger} from "../../src/L1/L1CrossDomainMessenger.sol";
import {ICrossDomainMessenger} from "../../src/interfaces/ICrossDomainMessenger.sol";
import {IL1CrossDomainMessenger} from "../../src/interfaces/IL1CrossDomainMessenger.sol";
import {IRollupPortal} from "../../src/interfaces/IRollupPortal.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {CrossDomainMessengerTest} from "../universal/CrossDomainMessengerTest.sol";
import {PortalStub} from "../universal/PortalStub.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

contract L1CrossDomainMessengerTest is CrossDomainMessengerTest {
    function _messenger() internal view override returns (ICrossDomainMessenger) {
        return l1Messenger;
    }

    function _bring(bytes memory encoded, uint256 gas) internal override returns (bool, bytes memory) {
        return portal.finalize(Predeploys.L2_CROSS_DOMAIN_MESSENGER, address(l1Messenger), gas, encoded);
    }

    function _refusedTargets() internal view override returns (address[] memory refused) {
        refused = new address[](3);
        refused[0] = address(l1Messenger);
        refused[1] = address(portal);
        refused[2] = address(open);
    }

    function testFuzz_sendMessage_deposit_succeeds(bytes memory message, uint32 minGasLimit) public {
        bytes memory encoded = abi.encodeWithSignature(
            "relayMessage(uint256,address,address,uint256,uint256,bytes)",
            l1Messenger.messageNonce(),
            alice,
            address(target),
            0,
            minGasLimit,
            message
        );
        vm.prank(alice);
        l1Messenger.sendMessage(address(target), message, minGasLimit);
        assertEq(portal.count(), 1);
        PortalStub.Deposit memory deposit = portal.last();
        assertEq(deposit.from, address(l1Messenger));
        assertEq(deposit.to, Predeploys.L2_CROSS_DOMAIN_MESSENGER);
        assertEq(deposit.gasLimit, l1Messenger.baseGas(message, minGasLimit));
        assertEq(deposit.data, encoded);
    }

    function test_sendMessage_arrives_succeeds() public {
        vm.prank(alice);
        l1Messenger.sendMessage(address(target), hex"c0ffee", 200_000);
        assertTrue(_carryToL2());
        assertEq(target.calls(), 1);
        assertEq(target.data(), hex"c0ffee");
        assertEq(target.messageSender(), alice);
        assertTrue(L2_MESSENGER.successfulMessages(keccak256(portal.last().data)));
    }

    /// @dev Property X2: a withdrawal to the messenger that anybody else made.
    function testFuzz_relayMessage_othersWithdrawal_reverts(address withdrawer) public {
        vm.assume(withdrawer != Predeploys.L2_CROSS_DOMAIN_MESSENGER && withdrawer != address(0xdEaD));
        bytes memory encoded = _encode(7, address(target), 100_000, "");
        (bool success, bytes memory result) = portal.finalize(withdrawer, address(l1Messenger), 1_000_000, encoded);
        _assertRefused(success, result, ICrossDomainMessenger.MessageNotReplayable.selector, keccak256(encoded));
    }

    /// @dev Property X2: the portal itself, outside of a withdrawal.
    function test_relayMessage_portalWithoutWithdrawal_reverts() public {
        bytes memory encoded = _encode(7, address(target), 100_000, "");
        vm.prank(address(portal));
        (bool success, bytes memory result) = address(l1Messenger).call(encoded);
        _assertRefused(success, result, ICrossDomainMessenger.MessageNotReplayable.selector, keccak256(encoded));
    }

    /// @dev Property X4: while the portal is paused nothing is relayed, and nothing is lost by it.
    function test_relayMessage_paused_reverts() public {
        bytes memory encoded = _encode(7, address(target), 100_000, "");
        target.setRefuses(true);
        _bring(encoded, 1_000_000);
        target.setRefuses(false);

        portal.setPaused(true);
        assertTrue(l1Messenger.paused());
        (bool success, bytes memory result) = _replay(address(l1Messenger), encoded);
        assertFalse(success);
        assertEq(result, abi.encodeWithSelector(ICrossDomainMessenger.Paused.selector));
        assertEq(target.calls(), 0);

        portal.setPaused(false);
        (success,) = _replay(address(l1Messenger), encoded);
        assertTrue(success);
        assertEq(target.calls(), 1);
    }

    /// @dev Property X5: OPEN that was sent to the messenger by mistake isn't there for the asking.
    function test_relayMessage_takeOpen_reverts() public {
        open.give(address(l1Messenger), 5 ether);
        (bool success,) =
            _bring(_encode(7, address(open), 100_000, abi.encodeCall(IERC20.transfer, (mallory, 5 ether))), 1_000_000);
        assertFalse(success);
        assertEq(open.balanceOf(address(l1Messenger)), 5 ether);
    }

    /// @dev Property X5: a message that has the messenger deposit would be believed on L2, whoever it names.
    function test_relayMessage_depositAsMessenger_reverts() public {
        bytes memory forged = _encode(9, address(target), 100_000, "");
        (bool success,) = _bring(
            _encode(
                7,
                address(portal),
                500_000,
                abi.encodeCall(
                    IRollupPortal.depositTransaction,
                    (Predeploys.L2_CROSS_DOMAIN_MESSENGER, 0, 1_000_000, false, forged)
                )
            ),
            2_000_000
        );
        assertFalse(success);
        assertEq(portal.count(), 0);
    }

    function test_initialize_again_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        l1Messenger.initialize(IRollupPortal(mallory));
        L1CrossDomainMessenger implementation = new L1CrossDomainMessenger();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(IRollupPortal(mallory));
    }

    function test_initialize_zeroPortal_reverts() public {
        address implementation = address(uint160(uint256(vm.load(address(l1Messenger), IMPLEMENTATION_SLOT))));
        bytes32 initialized = 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00;
        vm.store(implementation, initialized, 0);
        vm.expectRevert(IL1CrossDomainMessenger.ZeroPortal.selector);
        IL1CrossDomainMessenger(implementation).initialize(IRollupPortal(address(0)));
    }

    function test_getters_layer_succeeds() public view {
        assertEq(address(l1Messenger.portal()), address(portal));
        assertEq(address(l1Messenger.PORTAL()), address(portal));
        assertEq(l1Messenger.otherMessenger(), Predeploys.L2_CROSS_DOMAIN_MESSENGER);
    }
}
