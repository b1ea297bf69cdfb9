// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClaimVault} from "../../src/interfaces/IClaimVault.sol";
import {IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {ProtocolTest} from "../protocol/ProtocolTest.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

contract TreasuryTest is ProtocolTest {
    ITreasury private constant TREASURY = ITreasury(Predeploys.TREASURY);
    IClaimVault private constant VAULT = IClaimVault(Predeploys.CLAIM_VAULT);

    address private immutable alice = makeAddr("alice");
    address private immutable bob = makeAddr("bob");

    function _spend(address to, uint256 amount, string memory memo) private {
        vm.prank(Predeploys.PARAM_TIMELOCK);
        TREASURY.spend(to, amount, memo);
    }

    function test_initialize_again_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        TREASURY.initialize(new Setting[](0));
    }

    function test_initialize_setting_reverts() public {
        vm.store(Predeploys.TREASURY, 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00, 0);
        Setting[] memory settings = new Setting[](1);
        settings[0] = Setting("limit", 1);
        vm.expectRevert(abi.encodeWithSelector(IParameterized.UnknownParameter.selector, bytes32("limit")));
        TREASURY.initialize(settings);
    }

    function test_receive_plainTransfer_succeeds() public {
        vm.deal(alice, 5);
        vm.expectEmit(Predeploys.TREASURY);
        emit ITreasury.Received(alice, 5);
        vm.prank(alice);
        (bool success,) = Predeploys.TREASURY.call{value: 5}("");
        assertTrue(success);
        assertEq(Predeploys.TREASURY.balance, 5);
    }

    /// @dev Property TR1.
    function testFuzz_spend_credits_succeeds(uint128 funds, uint128 amount) public {
        amount = uint128(bound(amount, 0, funds));
        vm.deal(Predeploys.TREASURY, funds);
        vm.expectEmit(Predeploys.TREASURY);
        emit ITreasury.Spent(bob, amount, "an audit");
        _spend(bob, amount, "an audit");
        assertEq(VAULT.claimable(bob), amount);
        assertEq(Predeploys.CLAIM_VAULT.balance, amount);
        assertEq(Predeploys.TREASURY.balance, funds - amount);
        assertEq(bob.balance, 0);
        vm.prank(bob);
        VAULT.claim();
        assertEq(bob.balance, amount);
    }

    /// @dev What is credited to the treasury reaches it, as any payee.
    function test_receive_claim_succeeds() public {
        vm.deal(alice, 5);
        vm.prank(alice);
        VAULT.credit{value: 5}(Predeploys.TREASURY);
        address[] memory payees = new address[](1);
        payees[0] = Predeploys.TREASURY;
        VAULT.claimForMany(payees);
        assertEq(Predeploys.TREASURY.balance, 5);
    }

    function test_spend_moreThanFunds_reverts() public {
        vm.deal(Predeploys.TREASURY, 10);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.InsufficientFunds.selector, 10, 11));
        _spend(bob, 11, "");
    }

    function test_spend_nobody_reverts() public {
        vm.deal(Predeploys.TREASURY, 10);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidPayee.selector, address(0)));
        _spend(address(0), 1, "");
        assertEq(Predeploys.TREASURY.balance, 10);
    }

    function test_spend_longMemo_reverts() public {
        vm.deal(Predeploys.TREASURY, 10);
        uint256 most = TREASURY.MAX_MEMO_BYTES();
        _spend(bob, 1, string(new bytes(most)));
        vm.expectRevert(abi.encodeWithSelector(ITreasury.MemoTooLong.selector, most + 1, most));
        _spend(bob, 1, string(new bytes(most + 1)));
    }

    /// @dev Property TR1.
    function testFuzz_spend_notTimelock_reverts(address caller) public {
        vm.assume(caller != Predeploys.PARAM_TIMELOCK && caller != Predeploys.PROXY_ADMIN);
        vm.deal(Predeploys.TREASURY, 10);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.NotParamTimelock.selector, caller));
        vm.prank(caller);
        TREASURY.spend(caller, 1, "");
    }
}
