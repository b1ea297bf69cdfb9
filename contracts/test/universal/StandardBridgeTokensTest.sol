// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IStandardBridge} from "../../src/interfaces/IStandardBridge.sol";
import {StandardBridgeFixture} from "./StandardBridgeFixture.sol";
import {HookListener} from "./Targets.sol";
import {BlockingToken, FalseToken, FeeToken, HookToken, LegacyToken, LyingToken, NoReturnToken} from "./Tokens.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title StandardBridgeTokensTest
/// @notice What the bridges of both layers must do with tokens of other kinds.
abstract contract StandardBridgeTokensTest is StandardBridgeFixture {
    /* TOKENS OF OTHER KINDS */

    /// @dev Property E4.
    function test_feeToken_leaving_reverts() public {
        FeeToken fee = new FeeToken();
        fee.give(alice, 1000);
        vm.startPrank(alice);
        fee.approve(address(_bridge()), 1000);
        fee.set(true, false);
        vm.expectRevert(abi.encodeWithSelector(IStandardBridge.WrongAmountMoved.selector, address(fee), 500, 495));
        _bridge().bridgeERC20To(address(fee), remote, bob, 500, MIN_GAS, "");
    }

    /// @dev Property E4: a fee that begins later can't be paid out of others' tokens. While it is on nothing leaves; what
    ///      waits can be had when it is off.
    function test_feeToken_surchargeLater_fails() public {
        FeeToken fee = new FeeToken();
        fee.give(alice, 1000);
        vm.startPrank(alice);
        fee.approve(address(_bridge()), 1000);
        _bridge().bridgeERC20To(address(fee), remote, bob, 1000, MIN_GAS, "");
        vm.stopPrank();

        fee.set(true, true);
        bytes memory encoded = _finalizeMessage(address(fee), remote, bob, bob, 500, "");
        _bring(encoded, PLENTY);
        assertTrue(_messenger().failedMessages(keccak256(encoded)));
        assertEq(fee.balanceOf(address(_bridge())), 1000);
        fee.set(false, false);
        (bool success,) = _replay(address(_messenger()), encoded);
        assertTrue(success);
        assertEq(fee.balanceOf(bob), 500);
        assertEq(fee.balanceOf(address(_bridge())), _bridge().deposits(address(fee), remote));
    }

    function test_noReturnToken_bothWays_succeeds() public {
        NoReturnToken old = new NoReturnToken();
        old.give(alice, 1000);
        vm.startPrank(alice);
        old.approve(address(_bridge()), 1000);
        _bridge().bridgeERC20To(address(old), remote, bob, 1000, MIN_GAS, "");
        vm.stopPrank();
        _finalize(address(old), remote, bob, bob, 400);
        assertEq(old.balanceOf(bob), 400);
        assertEq(_bridge().deposits(address(old), remote), 600);
    }

    /// @dev Property E4.
    function test_falseToken_reverts() public {
        address falseToken = address(new FalseToken());
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, falseToken));
        vm.prank(alice);
        _bridge().bridgeERC20To(falseToken, remote, bob, 1, MIN_GAS, "");
    }

    /// @dev Property E4.
    function test_lyingToken_reverts() public {
        address lying = address(new LyingToken());
        vm.expectRevert(abi.encodeWithSelector(IStandardBridge.WrongAmountMoved.selector, lying, 1, 0));
        vm.prank(alice);
        _bridge().bridgeERC20To(lying, remote, bob, 1, MIN_GAS, "");
    }

    /// @dev Property E3.
    function test_blockedRecipient_thenReplayed_succeeds() public {
        BlockingToken blocking = new BlockingToken();
        blocking.give(alice, 10);
        vm.startPrank(alice);
        blocking.approve(address(_bridge()), 10);
        _bridge().bridgeERC20To(address(blocking), remote, bob, 10, MIN_GAS, "");
        vm.stopPrank();
        blocking.setBlocked(bob, true);
        bytes memory encoded = _finalizeMessage(address(blocking), remote, bob, bob, 10, "");
        _bring(encoded, PLENTY);
        assertTrue(_messenger().failedMessages(keccak256(encoded)));
        blocking.setBlocked(bob, false);
        (bool success,) = _replay(address(_messenger()), encoded);
        assertTrue(success);
        assertEq(blocking.balanceOf(bob), 10);
    }

    function test_legacyToken_bothWays_succeeds() public {
        LegacyToken legacy = new LegacyToken(address(_bridge()), remote);
        _finalize(address(legacy), remote, bob, alice, 10);
        assertEq(legacy.balanceOf(alice), 10);
        vm.startPrank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IStandardBridge.WrongRemoteToken.selector, address(legacy), remote, address(token))
        );
        _bridge().bridgeERC20To(address(legacy), address(token), bob, 4, MIN_GAS, "");
        _bridge().bridgeERC20To(address(legacy), remote, bob, 4, MIN_GAS, "");
        assertEq(legacy.totalSupply(), 6);
    }

    /* REENTRANCY */

    /// @dev Property E4: a deposit inside a deposit would count the same tokens twice.
    function test_hookToken_depositInsideDeposit_reverts() public {
        (HookToken hook, HookListener listener) = _hooked();
        bytes memory inner =
            abi.encodeCall(IStandardBridge.bridgeERC20To, (address(hook), remote, bob, 10, MIN_GAS, ""));
        listener.arm(address(_bridge()), inner, true);
        (bool success, bytes memory result) = listener.call(address(_bridge()), inner);
        assertFalse(success);
        assertEq(result, abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector));
        assertEq(hook.balanceOf(address(_bridge())), 100);
        assertEq(_bridge().deposits(address(hook), remote), 100);
    }

    /// @dev Property E4: nor does a payment inside of a deposit, or of a payment, go through; it waits.
    function test_hookToken_paymentInside_waits() public {
        (HookToken hook, HookListener listener) = _hooked();
        bytes memory inner = _message(
            _bridge().otherBridge(),
            address(_bridge()),
            0,
            abi.encodeCall(IStandardBridge.finalizeBridgeERC20, (address(hook), remote, bob, bob, 5, ""))
        );
        _bring(inner, 80_000);
        assertTrue(_messenger().failedMessages(keccak256(inner)));
        listener.arm(address(_messenger()), inner, false);

        (bool success,) = listener.call(
            address(_bridge()),
            abi.encodeCall(IStandardBridge.bridgeERC20To, (address(hook), remote, bob, 10, MIN_GAS, ""))
        );
        assertTrue(success);
        assertEq(listener.told(), 1);
        assertEq(hook.balanceOf(bob), 0);

        bytes memory outer = _finalizeMessage(address(hook), remote, bob, address(listener), 20, "");
        _bring(outer, PLENTY);
        assertTrue(_messenger().successfulMessages(keccak256(outer)));
        assertEq(listener.told(), 2);
        assertEq(hook.balanceOf(bob), 0);
        assertEq(_bridge().deposits(address(hook), remote), 90);
        assertEq(hook.balanceOf(address(_bridge())), 90);

        _replay(address(_messenger()), inner);
        assertEq(hook.balanceOf(bob), 5);
        assertEq(_bridge().deposits(address(hook), remote), hook.balanceOf(address(_bridge())));
    }

    /// @dev Property E4: a recipient who sends the tokens back at once is refused, and can be paid when it stops.
    function test_hookToken_depositInsidePayment_fails() public {
        (HookToken hook, HookListener listener) = _hooked();
        listener.arm(
            address(_bridge()),
            abi.encodeCall(IStandardBridge.bridgeERC20To, (address(hook), remote, bob, 10, MIN_GAS, "")),
            true
        );
        bytes memory encoded = _finalizeMessage(address(hook), remote, bob, address(listener), 20, "");
        _bring(encoded, PLENTY);
        assertTrue(_messenger().failedMessages(keccak256(encoded)));
        assertEq(_bridge().deposits(address(hook), remote), 100);
        listener.disarm();
        (bool success,) = _replay(address(_messenger()), encoded);
        assertTrue(success);
        assertEq(hook.balanceOf(address(_bridge())), 80);
        assertEq(_bridge().deposits(address(hook), remote), 80);
    }

    /* HELPERS */

    /// @dev A token with hooks, of which 100 are locked, and a holder that listens to them.
    function _hooked() private returns (HookToken hook, HookListener listener) {
        hook = new HookToken();
        listener = new HookListener();
        hook.give(alice, 100);
        hook.give(address(listener), 10);
        vm.startPrank(alice);
        hook.approve(address(_bridge()), 100);
        _bridge().bridgeERC20To(address(hook), remote, bob, 100, MIN_GAS, "");
        vm.stopPrank();
        listener.call(address(hook), abi.encodeCall(IERC20.approve, (address(_bridge()), 1000)));
    }
}
