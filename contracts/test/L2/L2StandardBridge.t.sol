// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ICrossDomainMessenger} from "../../src/interfaces/ICrossDomainMessenger.sol";
import {IL2StandardBridge} from "../../src/interfaces/IL2StandardBridge.sol";
import {IOptimismMintableERC20Factory} from "../../src/interfaces/IOptimismMintableERC20Factory.sol";
import {IStandardBridge} from "../../src/interfaces/IStandardBridge.sol";
import {AddressAliasing} from "../../src/libraries/AddressAliasing.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {OptimismMintableERC20} from "../../src/universal/OptimismMintableERC20.sol";
import {StandardBridgeTest} from "../universal/StandardBridgeTest.sol";
import {StandardBridgeTokensTest} from "../universal/StandardBridgeTokensTest.sol";
import {Caller} from "../universal/Targets.sol";

contract L2StandardBridgeTest is StandardBridgeTest, StandardBridgeTokensTest {
    function _bridge() internal pure override returns (IStandardBridge) {
        return L2_BRIDGE;
    }

    function _messenger() internal pure override returns (ICrossDomainMessenger) {
        return L2_MESSENGER;
    }

    function _factory() internal pure override returns (IOptimismMintableERC20Factory) {
        return L2_FACTORY;
    }

    function _bring(bytes memory encoded, uint256 gas) internal override returns (bool success, bytes memory result) {
        vm.prank(AddressAliasing.applyAlias(address(l1Messenger)));
        (success, result) = address(L2_MESSENGER).call{gas: gas}(encoded);
    }

    function _expectOlderInitiated(address local, address remoteToken, address from, address to, uint256 amount)
        internal
        override
    {
        vm.expectEmit(address(L2_BRIDGE));
        emit IL2StandardBridge.WithdrawalInitiated(remoteToken, local, from, to, amount, "");
    }

    function _expectOlderFinalized(address local, address remoteToken, address from, address to, uint256 amount)
        internal
        override
    {
        vm.expectEmit(address(L2_BRIDGE));
        emit IL2StandardBridge.DepositFinalized(remoteToken, local, from, to, amount, "");
    }

    /* BOTH LAYERS */

    /// @dev Property E1: a token of L2, there and back.
    function testFuzz_roundTrip_l2Token_succeeds(uint256 amount, uint256 back) public {
        amount = bound(amount, 0, 1000 ether);
        back = bound(back, 0, amount);
        OptimismMintableERC20 there = OptimismMintableERC20(
            l1Factory.createOptimismMintableERC20WithDecimals(address(token), "Test on L1", "TST", 6)
        );
        vm.recordLogs();
        vm.prank(alice);
        L2_BRIDGE.bridgeERC20To(address(token), address(there), bob, amount, MIN_GAS, "");
        assertTrue(_carryToL1(_recordedWithdrawal()));
        assertEq(there.balanceOf(bob), amount);

        vm.prank(bob);
        l1Bridge.depositERC20To(address(there), address(token), mallory, back, MIN_GAS, "");
        assertTrue(_carryToL2());
        assertEq(token.balanceOf(mallory), back);
        assertEq(there.totalSupply(), amount - back);
        assertEq(L2_BRIDGE.deposits(address(token), address(there)), amount - back);
    }

    /* THE OLDER NAMES */

    function test_withdraw_succeeds() public {
        _finalize(address(mintable), remote, bob, alice, 10);
        _expectInitiated(address(mintable), remote, alice, alice, 4, MIN_GAS, "");
        vm.prank(alice, alice);
        L2_BRIDGE.withdraw(address(mintable), 4, MIN_GAS, "");
        assertEq(mintable.balanceOf(alice), 6);
    }

    function test_withdrawTo_succeeds() public {
        _finalize(address(mintable), remote, bob, alice, 10);
        _expectInitiated(address(mintable), remote, alice, bob, 4, MIN_GAS, "");
        vm.prank(alice);
        L2_BRIDGE.withdrawTo(address(mintable), bob, 4, MIN_GAS, "");
        assertEq(mintable.balanceOf(alice), 6);
    }

    function test_withdraw_contract_reverts() public {
        Caller caller = new Caller();
        (bool success, bytes memory result) = caller.call(
            address(L2_BRIDGE), abi.encodeCall(IL2StandardBridge.withdraw, (address(mintable), 0, MIN_GAS, ""))
        );
        assertFalse(success);
        assertEq(result, abi.encodeWithSelector(IStandardBridge.NotAnEOA.selector, address(caller)));
    }

    /* WHAT L2 REFUSES */

    /// @dev Property E6.
    function testFuzz_native_withdraw_reverts(uint96 value) public {
        vm.assume(value != 0);
        _finalize(address(mintable), remote, bob, alice, 10);
        _assertNativeRefused(abi.encodeCall(IL2StandardBridge.withdraw, (address(mintable), 1, MIN_GAS, "")), value);
        _assertNativeRefused(
            abi.encodeCall(IL2StandardBridge.withdrawTo, (address(mintable), bob, 1, MIN_GAS, "")), value
        );
        _assertNativeRefused(
            abi.encodeCall(IL2StandardBridge.withdraw, (Predeploys.LEGACY_ERC20_ETH, value, MIN_GAS, "")), value
        );
        assertEq(mintable.balanceOf(alice), 10);
    }

    /// @dev Property E6: the address by which older clients withdraw native value.
    function test_native_legacyAddress_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IStandardBridge.TokenRefused.selector, Predeploys.LEGACY_ERC20_ETH));
        vm.prank(alice, alice);
        L2_BRIDGE.withdraw(Predeploys.LEGACY_ERC20_ETH, 1, MIN_GAS, "");
    }

    /// @dev On a chain that doesn't settle nothing is locked for a layer that isn't there.
    function test_unsettled_reverts() public {
        vm.store(address(L2_MESSENGER), bytes32(uint256(3)), 0);
        vm.store(address(L2_BRIDGE), bytes32(uint256(1)), 0);
        vm.expectRevert(ICrossDomainMessenger.NoOtherMessenger.selector);
        vm.prank(alice);
        L2_BRIDGE.bridgeERC20To(address(token), remote, bob, 1, MIN_GAS, "");
        assertEq(token.balanceOf(address(L2_BRIDGE)), 0);
    }

    function test_abi_layer_succeeds() public view {
        assertEq(
            IL2StandardBridge.WithdrawalInitiated.selector,
            0x73d170910aba9e6d50b102db522b1dbcd796216f5128b445aa2135272886497e
        );
        assertEq(
            IL2StandardBridge.DepositFinalized.selector,
            0xb0444523268717a02698be47d0803aa7468c00acbed2f8bd93a0459cde61dd89
        );
        assertEq(IL2StandardBridge.withdraw.selector, bytes4(0x32b7006d));
        assertEq(IL2StandardBridge.withdrawTo.selector, bytes4(0xa3a79548));
        assertEq(L2_BRIDGE.otherBridge(), address(l1Bridge));
        assertEq(L2_BRIDGE.l1TokenBridge(), address(l1Bridge));
    }
}
