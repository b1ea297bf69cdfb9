// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SequencerFeeVault} from "../../src/L2/SequencerFeeVault.sol";
import {IFeeVault} from "../../src/interfaces/IFeeVault.sol";
import {IL2ToL1MessagePasser} from "../../src/interfaces/IL2ToL1MessagePasser.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {L2Test} from "./L2Test.sol";

/// @dev Refuses payments.
contract Refuser {}

/// @dev Withdraws again while it is being paid.
contract Reenterer {
    uint256 public calls;

    receive() external payable {
        if (calls++ == 0) IFeeVault(msg.sender).withdraw();
    }
}

/// @dev The tests run for each of the four vaults.
abstract contract FeeVaultTest is L2Test {
    IFeeVault internal vault;

    constructor(address predeploy) {
        vault = IFeeVault(predeploy);
    }

    function test_genesis_configured_succeeds() public view {
        assertEq(vault.recipient(), feeRecipient);
        assertEq(vault.RECIPIENT(), feeRecipient);
        assertEq(vault.minWithdrawalAmount(), 1 ether);
        assertEq(vault.MIN_WITHDRAWAL_AMOUNT(), 1 ether);
        assertEq(uint8(vault.withdrawalNetwork()), uint8(IFeeVault.WithdrawalNetwork.L2));
        assertEq(uint8(vault.WITHDRAWAL_NETWORK()), uint8(IFeeVault.WithdrawalNetwork.L2));
        assertEq(vault.totalProcessed(), 0);
        assertEq(vault.version(), "1.0.0");
    }

    function testFuzz_withdraw_toL2_succeeds(uint128 amount, address caller) public {
        vm.assume(caller != Predeploys.PROXY_ADMIN && caller != address(0));
        uint256 value = bound(amount, 1 ether, type(uint128).max);
        vm.deal(address(vault), value);

        vm.expectEmit(address(vault));
        emit IFeeVault.Withdrawal(value, feeRecipient, caller);
        vm.expectEmit(address(vault));
        emit IFeeVault.Withdrawal(value, feeRecipient, caller, IFeeVault.WithdrawalNetwork.L2);
        vm.prank(caller);
        assertEq(vault.withdraw(), value);

        assertEq(feeRecipient.balance, value);
        assertEq(address(vault).balance, 0);
        assertEq(vault.totalProcessed(), value);
    }

    function test_withdraw_toL1_succeeds() public {
        vm.prank(Predeploys.CODE_TIMELOCK);
        vault.setWithdrawalNetwork(IFeeVault.WithdrawalNetwork.L1);
        vm.deal(address(vault), 3 ether);
        IL2ToL1MessagePasser passer = IL2ToL1MessagePasser(Predeploys.L2_TO_L1_MESSAGE_PASSER);
        bytes32 hash = keccak256(abi.encode(passer.messageNonce(), address(vault), feeRecipient, 3 ether, 400_000, ""));

        vm.expectEmit(address(vault));
        emit IFeeVault.Withdrawal(3 ether, feeRecipient, address(this), IFeeVault.WithdrawalNetwork.L1);
        vault.withdraw();

        assertTrue(passer.sentMessages(hash));
        assertEq(address(passer).balance, 3 ether);
        assertEq(feeRecipient.balance, 0);
        assertEq(vault.totalProcessed(), 3 ether);
    }

    function test_withdraw_belowMinimum_reverts() public {
        vm.deal(address(vault), 1 ether - 1);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.BalanceBelowMinimum.selector, 1 ether - 1, 1 ether));
        vault.withdraw();
    }

    function test_withdraw_noRecipient_reverts() public {
        vm.store(address(vault), bytes32(uint256(2)), 0);
        vm.deal(address(vault), 1 ether);
        vm.expectRevert(IFeeVault.ZeroRecipient.selector);
        vault.withdraw();
    }

    function test_withdraw_recipientRefuses_reverts() public {
        address refuser = address(new Refuser());
        vm.prank(Predeploys.CODE_TIMELOCK);
        vault.setRecipient(refuser);
        vm.deal(address(vault), 1 ether);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.PaymentFailed.selector, refuser, 1 ether));
        vault.withdraw();
        assertEq(vault.totalProcessed(), 0);
    }

    function test_withdraw_reentered_paysOnce_succeeds() public {
        Reenterer reenterer = new Reenterer();
        vm.startPrank(Predeploys.CODE_TIMELOCK);
        vault.setRecipient(address(reenterer));
        vault.setMinWithdrawalAmount(0);
        vm.stopPrank();
        vm.deal(address(vault), 1 ether);
        vault.withdraw();
        assertEq(reenterer.calls(), 2);
        assertEq(address(reenterer).balance, 1 ether);
        assertEq(vault.totalProcessed(), 1 ether);
    }

    function test_setRecipient_owner_succeeds() public {
        vm.expectEmit(address(vault));
        emit IFeeVault.RecipientUpdated(feeRecipient, address(0xB0B));
        vm.prank(Predeploys.CODE_TIMELOCK);
        vault.setRecipient(address(0xB0B));
        assertEq(vault.recipient(), address(0xB0B));
        assertEq(uint8(vault.withdrawalNetwork()), uint8(IFeeVault.WithdrawalNetwork.L2));
    }

    function test_setRecipient_zero_reverts() public {
        vm.expectRevert(IFeeVault.ZeroRecipient.selector);
        vm.prank(Predeploys.CODE_TIMELOCK);
        vault.setRecipient(address(0));
    }

    function test_setMinWithdrawalAmount_owner_succeeds() public {
        vm.expectEmit(address(vault));
        emit IFeeVault.MinWithdrawalAmountUpdated(1 ether, 5);
        vm.prank(Predeploys.CODE_TIMELOCK);
        vault.setMinWithdrawalAmount(5);
        assertEq(vault.minWithdrawalAmount(), 5);
    }

    function test_setWithdrawalNetwork_owner_succeeds() public {
        vm.expectEmit(address(vault));
        emit IFeeVault.WithdrawalNetworkUpdated(IFeeVault.WithdrawalNetwork.L2, IFeeVault.WithdrawalNetwork.L1);
        vm.prank(Predeploys.CODE_TIMELOCK);
        vault.setWithdrawalNetwork(IFeeVault.WithdrawalNetwork.L1);
        assertEq(uint8(vault.withdrawalNetwork()), uint8(IFeeVault.WithdrawalNetwork.L1));
        assertEq(vault.recipient(), feeRecipient);
    }

    function testFuzz_set_notOwner_reverts(address caller) public {
        vm.assume(caller != Predeploys.CODE_TIMELOCK && caller != Predeploys.PROXY_ADMIN && caller != address(0));
        bytes memory expected = abi.encodeWithSelector(IFeeVault.NotProxyAdminOwner.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(expected);
        vault.setRecipient(caller);
        vm.expectRevert(expected);
        vault.setMinWithdrawalAmount(0);
        vm.expectRevert(expected);
        vault.setWithdrawalNetwork(IFeeVault.WithdrawalNetwork.L1);
    }

    function test_receive_anybody_succeeds() public {
        vm.deal(address(this), 5);
        (bool success,) = address(vault).call{value: 5}("");
        assertTrue(success);
        assertEq(address(vault).balance, 5);
    }
}

contract SequencerFeeVaultTest is FeeVaultTest(Predeploys.SEQUENCER_FEE_VAULT) {
    function test_l1FeeWallet_isRecipient_succeeds() public view {
        assertEq(SequencerFeeVault(payable(address(vault))).l1FeeWallet(), feeRecipient);
    }
}

contract BaseFeeVaultTest is FeeVaultTest(Predeploys.BASE_FEE_VAULT) {}

contract L1FeeVaultTest is FeeVaultTest(Predeploys.L1_FEE_VAULT) {}

contract OperatorFeeVaultTest is FeeVaultTest(Predeploys.OPERATOR_FEE_VAULT) {}
