// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {L1StandardBridge} from "../../src/L1/L1StandardBridge.sol";
import {ICrossDomainMessenger} from "../../src/interfaces/ICrossDomainMessenger.sol";
import {IL1StandardBridge} from "../../src/interfaces/IL1StandardBridge.sol";
import {IOptimismMintableERC20Factory} from "../../src/interfaces/IOptimismMintableERC20Factory.sol";
import {IStandardBridge} from "../../src/interfaces/IStandardBridge.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {OptimismMintableERC20} from "../../src/universal/OptimismMintableERC20.sol";
import {StandardBridgeTest} from "../universal/StandardBridgeTest.sol";
import {StandardBridgeTokensTest} from "../universal/StandardBridgeTokensTest.sol";
import {Caller} from "../universal/Targets.sol";
import {ForgedToken} from "../universal/Tokens.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

contract L1StandardBridgeTest is StandardBridgeTest, StandardBridgeTokensTest {
    function _bridge() internal view override returns (IStandardBridge) {
        return l1Bridge;
    }

    function _messenger() internal view override returns (ICrossDomainMessenger) {
        return l1Messenger;
    }

    function _factory() internal view override returns (IOptimismMintableERC20Factory) {
        return l1Factory;
    }

    function _bring(bytes memory encoded, uint256 gas) internal override returns (bool, bytes memory) {
        return portal.finalize(Predeploys.L2_CROSS_DOMAIN_MESSENGER, address(l1Messenger), gas, encoded);
    }

    function _expectOlderInitiated(address local, address remoteToken, address from, address to, uint256 amount)
        internal
        override
    {
        vm.expectEmit(address(l1Bridge));
        emit IL1StandardBridge.ERC20DepositInitiated(local, remoteToken, from, to, amount, "");
    }

    function _expectOlderFinalized(address local, address remoteToken, address from, address to, uint256 amount)
        internal
        override
    {
        vm.expectEmit(address(l1Bridge));
        emit IL1StandardBridge.ERC20WithdrawalFinalized(local, remoteToken, from, to, amount, "");
    }

    /* BOTH LAYERS */

    /// @dev Property E1: there and back.
    function testFuzz_roundTrip_l1Token_succeeds(uint256 amount, uint256 back) public {
        amount = bound(amount, 0, 1000 ether);
        back = bound(back, 0, amount);
        OptimismMintableERC20 there =
            OptimismMintableERC20(L2_FACTORY.createOptimismMintableERC20(address(token), "Test on L2", "TST"));
        vm.prank(alice);
        l1Bridge.depositERC20To(address(token), address(there), bob, amount, MIN_GAS, hex"beef");
        assertTrue(_carryToL2());
        assertEq(there.balanceOf(bob), amount);
        assertEq(there.totalSupply(), l1Bridge.deposits(address(token), address(there)));

        vm.recordLogs();
        vm.prank(bob);
        L2_BRIDGE.withdrawTo(address(there), mallory, back, MIN_GAS, "");
        assertTrue(_carryToL1(_recordedWithdrawal()));
        assertEq(token.balanceOf(mallory), back);
        assertEq(there.totalSupply(), amount - back);
        assertEq(l1Bridge.deposits(address(token), address(there)), amount - back);
    }

    /// @dev Property E1: a token on L2 that claims to stand for an L1 token, and burns nothing, gets nothing.
    function test_forgedToken_getsNothing_fails() public {
        OptimismMintableERC20 there =
            OptimismMintableERC20(L2_FACTORY.createOptimismMintableERC20(address(token), "Test on L2", "TST"));
        vm.prank(alice);
        l1Bridge.depositERC20To(address(token), address(there), bob, 100, MIN_GAS, "");

        ForgedToken forged = new ForgedToken(address(token));
        vm.recordLogs();
        vm.prank(mallory);
        L2_BRIDGE.withdrawTo(address(forged), mallory, 100, MIN_GAS, "");
        Sent memory sent = _recordedWithdrawal();
        assertTrue(_carryToL1(sent));
        assertTrue(l1Messenger.failedMessages(keccak256(sent.data)));
        assertEq(token.balanceOf(mallory), 0);
    }

    /* THE OLDER NAMES */

    function test_depositERC20_succeeds() public {
        _expectInitiated(address(token), remote, alice, alice, 5, MIN_GAS, "");
        vm.prank(alice, alice);
        l1Bridge.depositERC20(address(token), remote, 5, MIN_GAS, "");
        assertEq(l1Bridge.deposits(address(token), remote), 5);
    }

    function test_depositERC20To_succeeds() public {
        _expectInitiated(address(token), remote, alice, bob, 5, MIN_GAS, "");
        vm.prank(alice);
        l1Bridge.depositERC20To(address(token), remote, bob, 5, MIN_GAS, "");
        assertEq(l1Bridge.deposits(address(token), remote), 5);
    }

    function test_depositERC20_contract_reverts() public {
        Caller caller = new Caller();
        (bool success, bytes memory result) = caller.call(
            address(l1Bridge), abi.encodeCall(IL1StandardBridge.depositERC20, (address(token), remote, 0, MIN_GAS, ""))
        );
        assertFalse(success);
        assertEq(result, abi.encodeWithSelector(IStandardBridge.NotAnEOA.selector, address(caller)));
    }

    function test_finalizeERC20Withdrawal_succeeds() public {
        _lock(10);
        bytes memory call =
            abi.encodeCall(IL1StandardBridge.finalizeERC20Withdrawal, (address(token), remote, bob, bob, 4, ""));
        _expectFinalized(address(token), remote, bob, bob, 4, "");
        _bring(_message(Predeploys.L2_STANDARD_BRIDGE, address(l1Bridge), MIN_GAS, call), PLENTY);
        assertEq(token.balanceOf(bob), 4);
    }

    /// @dev Property E2.
    function test_finalizeERC20Withdrawal_stranger_reverts() public {
        _lock(10);
        vm.expectRevert(abi.encodeWithSelector(IStandardBridge.NotOtherBridge.selector, mallory));
        vm.prank(mallory);
        l1Bridge.finalizeERC20Withdrawal(address(token), remote, mallory, mallory, 4, "");
    }

    /// @dev Property E2: a withdrawal that calls the bridge itself, made by whomever on L2, the bridge there included.
    function test_finalize_byPortal_reverts() public {
        _lock(10);
        address[3] memory withdrawers = [mallory, Predeploys.L2_STANDARD_BRIDGE, Predeploys.L2_CROSS_DOMAIN_MESSENGER];
        for (uint256 i; i < withdrawers.length; ++i) {
            (bool success, bytes memory result) = portal.finalize(
                withdrawers[i],
                address(l1Bridge),
                PLENTY,
                abi.encodeCall(IStandardBridge.finalizeBridgeERC20, (address(token), remote, mallory, mallory, 10, ""))
            );
            assertFalse(success);
            assertEq(result, abi.encodeWithSelector(IStandardBridge.NotOtherBridge.selector, address(portal)));
        }
    }

    /* WHAT L1 REFUSES */

    /// @dev Property E6.
    function testFuzz_native_deposits_reverts(uint96 value) public {
        _assertNativeRefused(abi.encodeCall(IL1StandardBridge.depositETH, (MIN_GAS, "")), value);
        _assertNativeRefused(abi.encodeCall(IL1StandardBridge.depositETHTo, (bob, MIN_GAS, "")), value);
    }

    /// @dev Property E6: OPEN is native on L2, and must not become a token there.
    function test_open_reverts() public {
        open.give(alice, 10);
        vm.startPrank(alice, alice);
        open.approve(address(l1Bridge), 10);
        bytes memory refused = abi.encodeWithSelector(IStandardBridge.TokenRefused.selector, address(open));
        vm.expectRevert(refused);
        l1Bridge.depositERC20(address(open), remote, 10, MIN_GAS, "");
        vm.expectRevert(refused);
        l1Bridge.depositERC20To(address(open), remote, bob, 10, MIN_GAS, "");
        vm.expectRevert(refused);
        l1Bridge.bridgeERC20(address(open), remote, 10, MIN_GAS, "");
        vm.expectRevert(refused);
        l1Bridge.bridgeERC20To(address(open), remote, bob, 10, MIN_GAS, "");
        assertEq(open.balanceOf(alice), 10);
    }

    /// @dev Property E6: OPEN that was sent to the bridge by mistake isn't paid out for any pair.
    function test_open_finalize_fails() public {
        open.give(address(l1Bridge), 10);
        bytes memory encoded = _finalizeMessage(address(open), remote, mallory, mallory, 10, "");
        _bring(encoded, PLENTY);
        assertTrue(l1Messenger.failedMessages(keccak256(encoded)));
        assertEq(open.balanceOf(mallory), 0);
    }

    /// @dev Property E3.
    function test_paused_waits() public {
        _lock(10);
        bytes memory encoded = _message(
            Predeploys.L2_STANDARD_BRIDGE,
            address(l1Bridge),
            0,
            abi.encodeCall(IStandardBridge.finalizeBridgeERC20, (address(token), remote, bob, bob, 4, ""))
        );
        _bring(encoded, 80_000);
        portal.setPaused(true);
        assertTrue(l1Bridge.paused());
        (bool success,) = _replay(address(l1Messenger), encoded);
        assertFalse(success);
        portal.setPaused(false);
        (success,) = _replay(address(l1Messenger), encoded);
        assertTrue(success);
        assertEq(token.balanceOf(bob), 4);
    }

    /* SETTING UP */

    function test_initialize_again_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        l1Bridge.initialize(mallory);
        L1StandardBridge implementation = new L1StandardBridge();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(mallory);
    }

    function test_initialize_zeroMessenger_reverts() public {
        address implementation = address(uint160(uint256(vm.load(address(l1Bridge), IMPLEMENTATION_SLOT))));
        vm.store(implementation, 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00, 0);
        vm.expectRevert(IL1StandardBridge.ZeroMessenger.selector);
        IL1StandardBridge(implementation).initialize(address(0));
    }

    function test_abi_layer_succeeds() public view {
        assertEq(
            IL1StandardBridge.ERC20DepositInitiated.selector,
            0x718594027abd4eaed59f95162563e0cc6d0e8d5b86b1c7be8b1b0ac3343d0396
        );
        assertEq(
            IL1StandardBridge.ERC20WithdrawalFinalized.selector,
            0x3ceee06c1e37648fcbb6ed52e17b3e1f275a1f8c7b22a84b2b84732431e046b3
        );
        assertEq(IL1StandardBridge.depositERC20.selector, bytes4(0x58a997f6));
        assertEq(IL1StandardBridge.depositERC20To.selector, bytes4(0x838b2520));
        assertEq(IL1StandardBridge.finalizeERC20Withdrawal.selector, bytes4(0xa9f9e675));
        assertEq(IL1StandardBridge.depositETH.selector, bytes4(0xb1a1a882));
        assertEq(IL1StandardBridge.depositETHTo.selector, bytes4(0x9a2ac6d5));
        assertEq(l1Bridge.l2TokenBridge(), Predeploys.L2_STANDARD_BRIDGE);
        assertEq(l1Bridge.otherBridge(), Predeploys.L2_STANDARD_BRIDGE);
    }
}
