// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {L1CrossDomainMessenger} from "../../src/L1/L1CrossDomainMessenger.sol";
import {L1StandardBridge} from "../../src/L1/L1StandardBridge.sol";
import {IL1CrossDomainMessenger} from "../../src/interfaces/IL1CrossDomainMessenger.sol";
import {IL1StandardBridge} from "../../src/interfaces/IL1StandardBridge.sol";
import {IRollupPortal} from "../../src/interfaces/IRollupPortal.sol";
import {IStandardBridge} from "../../src/interfaces/IStandardBridge.sol";
import {AddressAliasing} from "../../src/libraries/AddressAliasing.sol";
import {CrossDomainMessages} from "../../src/libraries/CrossDomainMessages.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {Withdrawals} from "../../src/libraries/Withdrawals.sol";
import {BlockingToken} from "../universal/Tokens.sol";
import {L1Test} from "./L1Test.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @dev Messenger and bridge with the portal itself: deposits as it takes them, withdrawals proved and paid by it.
contract MessagesOverPortalTest is L1Test {
    uint32 private constant MIN_GAS = 200_000;

    address private immutable mallory = makeAddr("mallory");
    address private immutable remote = makeAddr("remote token");
    IL1CrossDomainMessenger private messenger;
    IL1StandardBridge private bridge;
    BlockingToken private token;

    function setUp() public override {
        super.setUp();
        messenger = IL1CrossDomainMessenger(_proxy());
        bridge = IL1StandardBridge(_proxy());
        admin.upgradeAndCall(
            payable(address(messenger)),
            address(new L1CrossDomainMessenger()),
            abi.encodeCall(IL1CrossDomainMessenger.initialize, (portal))
        );
        admin.upgradeAndCall(
            payable(address(bridge)),
            address(new L1StandardBridge()),
            abi.encodeCall(IL1StandardBridge.initialize, (address(messenger)))
        );
        token = new BlockingToken();
        token.give(alice, 100);
        vm.startPrank(alice);
        token.approve(address(bridge), 100);
        bridge.depositERC20To(address(token), remote, alice, 100, MIN_GAS, "");
        vm.stopPrank();
    }

    function testFuzz_sendMessage_deposit_succeeds(bytes memory message, uint32 minGasLimit) public {
        minGasLimit = uint32(bound(minGasLimit, 0, 5_000_000));
        bytes memory encoded = CrossDomainMessages.encode(messenger.messageNonce(), alice, bob, 0, minGasLimit, message);
        vm.expectEmit(address(portal));
        emit IRollupPortal.TransactionDeposited(
            AddressAliasing.applyAlias(address(messenger)),
            Predeploys.L2_CROSS_DOMAIN_MESSENGER,
            0,
            abi.encodePacked(uint256(0), uint256(0), messenger.baseGas(message, minGasLimit), false, encoded)
        );
        vm.prank(alice);
        messenger.sendMessage(bob, message, minGasLimit);
    }

    /// @dev The portal's least gas of a deposit is never above what the messenger asks for.
    function test_sendMessage_longest_succeeds() public {
        vm.prank(alice);
        messenger.sendMessage(bob, new bytes(120_000 - 260), 0);
        assertGe(messenger.baseGas(new bytes(119_740), 0), portal.minimumGasLimit(120_000));
    }

    function test_withdrawal_paysTokens_succeeds() public {
        Withdrawals.Withdrawal memory withdrawal = _payment(1, bob, 40, MIN_GAS);
        _ripen(withdrawal);
        vm.prank(alice);
        portal.finalizeWithdrawalTransaction(withdrawal);
        assertEq(token.balanceOf(bob), 40);
        assertTrue(messenger.successfulMessages(keccak256(withdrawal.data)));
        assertEq(bridge.deposits(address(token), remote), 60);
    }

    /// @dev Properties X4 and E3: who finalizes can't give the call too little gas: it reverts, or the tokens are paid.
    function testFuzz_withdrawal_anyGas_neverFails(uint256 gas) public {
        Withdrawals.Withdrawal memory withdrawal = _payment(1, bob, 40, MIN_GAS);
        _ripen(withdrawal);
        gas = bound(gas, 50_000, 1_500_000);
        vm.prank(alice);
        (bool success,) =
            address(portal).call{gas: gas}(abi.encodeCall(IRollupPortal.finalizeWithdrawalTransaction, (withdrawal)));
        assertEq(token.balanceOf(bob), success ? 40 : 0);
        assertEq(portal.finalizedWithdrawals(Withdrawals.hash(withdrawal)), success);
        assertFalse(messenger.failedMessages(keccak256(withdrawal.data)));
    }

    /// @dev Property E3.
    function test_withdrawal_failsThenReplayed_succeeds() public {
        Withdrawals.Withdrawal memory withdrawal = _payment(1, bob, 40, MIN_GAS);
        _ripen(withdrawal);
        token.setBlocked(bob, true);
        vm.prank(alice);
        portal.finalizeWithdrawalTransaction(withdrawal);
        assertTrue(messenger.failedMessages(keccak256(withdrawal.data)));
        assertEq(token.balanceOf(bob), 0);

        token.setBlocked(bob, false);
        vm.prank(guardian);
        portal.pause();
        (bool success,) = address(messenger).call(withdrawal.data);
        assertFalse(success);
        vm.prank(guardian);
        portal.unpause();
        (success,) = address(messenger).call(withdrawal.data);
        assertTrue(success);
        assertEq(token.balanceOf(bob), 40);
        (success,) = address(messenger).call(withdrawal.data);
        assertFalse(success);
    }

    /// @dev Properties X2 and E2: a withdrawal of anybody else to the messenger or the bridge.
    function test_withdrawal_forged_paysNothing() public {
        Withdrawals.Withdrawal memory forged = _payment(1, mallory, 100, MIN_GAS);
        forged.sender = mallory;
        _ripen(forged);
        vm.prank(alice);
        portal.finalizeWithdrawalTransaction(forged);
        assertFalse(messenger.failedMessages(keccak256(forged.data)));
        (bool success,) = address(messenger).call(forged.data);
        assertFalse(success);

        forged.nonce += 1;
        forged.target = address(bridge);
        forged.data = _finalize(mallory, 100);
        _ripen(forged);
        vm.prank(alice);
        portal.finalizeWithdrawalTransaction(forged);
        assertEq(token.balanceOf(mallory), 0);
    }

    /// @dev Property X5: neither portal nor OPEN is called in the messenger's name, whatever L2 says.
    function test_withdrawal_messageToPortalOrOpen_nothingHappens() public {
        vm.prank(treasury);
        open.transfer(address(messenger), 1 ether);
        address[2] memory targets = [address(portal), address(open)];
        bytes[2] memory calls = [
            abi.encodeCall(
                IRollupPortal.depositTransaction,
                (Predeploys.L2_CROSS_DOMAIN_MESSENGER, 0, 1_000_000, false, hex"c0ffee")
            ),
            abi.encodeCall(IERC20.transfer, (mallory, 1 ether))
        ];
        for (uint256 i; i < targets.length; ++i) {
            Withdrawals.Withdrawal memory withdrawal =
                _message(uint240(10 + i), mallory, targets[i], 2_000_000, calls[i]);
            _ripen(withdrawal);
            vm.recordLogs();
            vm.prank(alice);
            portal.finalizeWithdrawalTransaction(withdrawal);
            assertEq(vm.getRecordedLogs().length, 1, "more than WithdrawalFinalized");
            assertFalse(messenger.failedMessages(keccak256(withdrawal.data)));
        }
        assertEq(open.balanceOf(address(messenger)), 1 ether);
    }

    /// @dev A message of L2's bridge that pays tokens out here.
    function _payment(uint240 count, address to, uint256 amount, uint32 minGasLimit)
        private
        view
        returns (Withdrawals.Withdrawal memory)
    {
        return _message(count, Predeploys.L2_STANDARD_BRIDGE, address(bridge), minGasLimit, _finalize(to, amount));
    }

    function _finalize(address to, uint256 amount) private view returns (bytes memory) {
        return abi.encodeCall(IStandardBridge.finalizeBridgeERC20, (address(token), remote, to, to, amount, ""));
    }

    function _message(uint240 count, address sender, address target, uint32 minGasLimit, bytes memory data)
        private
        view
        returns (Withdrawals.Withdrawal memory)
    {
        return Withdrawals.Withdrawal({
            nonce: Withdrawals.versionedNonce(count, 1),
            sender: Predeploys.L2_CROSS_DOMAIN_MESSENGER,
            target: address(messenger),
            value: 0,
            gasLimit: messenger.baseGas(data, minGasLimit),
            data: CrossDomainMessages.encode(Withdrawals.versionedNonce(count, 1), sender, target, 0, minGasLimit, data)
        });
    }
}
