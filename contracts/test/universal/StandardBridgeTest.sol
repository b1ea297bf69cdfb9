// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ICrossDomainMessenger} from "../../src/interfaces/ICrossDomainMessenger.sol";
import {IStandardBridge} from "../../src/interfaces/IStandardBridge.sol";
import {StandardBridgeFixture} from "./StandardBridgeFixture.sol";
import {Caller} from "./Targets.sol";

/// @title StandardBridgeTest
/// @notice What the bridges of both layers must do with tokens as they should be, and with native value.
abstract contract StandardBridgeTest is StandardBridgeFixture {
    /* LEAVING */

    function testFuzz_bridgeERC20To_locked_succeeds(address to, uint256 amount, uint32 minGasLimit, bytes memory extra)
        public
    {
        _assumeRecipient(to);
        amount = bound(amount, 0, 1000 ether);
        minGasLimit = uint32(bound(minGasLimit, 0, 5_000_000));
        _expectInitiated(address(token), remote, alice, to, amount, minGasLimit, extra);
        vm.prank(alice);
        _bridge().bridgeERC20To(address(token), remote, to, amount, minGasLimit, extra);
        assertEq(_bridge().deposits(address(token), remote), amount);
        assertEq(token.balanceOf(address(_bridge())), amount);
        assertEq(token.balanceOf(alice), 1000 ether - amount);
    }

    function test_bridgeERC20_toOneself_succeeds() public {
        _expectInitiated(address(token), remote, alice, alice, 3, MIN_GAS, hex"0102");
        vm.prank(alice, alice);
        _bridge().bridgeERC20(address(token), remote, 3, MIN_GAS, hex"0102");
        assertEq(_bridge().deposits(address(token), remote), 3);
    }

    function test_bridgeERC20To_burnt_succeeds() public {
        _finalize(address(mintable), remote, bob, alice, 10);
        _expectInitiated(address(mintable), remote, alice, bob, 4, MIN_GAS, "");
        vm.prank(alice);
        _bridge().bridgeERC20To(address(mintable), remote, bob, 4, MIN_GAS, "");
        assertEq(mintable.totalSupply(), 6);
        assertEq(_bridge().deposits(address(mintable), remote), 0);
    }

    function test_bridgeERC20To_notOwned_reverts() public {
        vm.startPrank(mallory);
        vm.expectRevert();
        _bridge().bridgeERC20To(address(token), remote, mallory, 1, MIN_GAS, "");
        vm.expectRevert();
        _bridge().bridgeERC20To(address(mintable), remote, mallory, 1, MIN_GAS, "");
    }

    /// @dev Property E1: a mintable token only leaves as what it stands for.
    function testFuzz_bridgeERC20To_wrongRemote_reverts(address wrong) public {
        vm.assume(wrong != remote);
        _finalize(address(mintable), remote, bob, alice, 10);
        vm.expectRevert(
            abi.encodeWithSelector(IStandardBridge.WrongRemoteToken.selector, address(mintable), remote, wrong)
        );
        vm.prank(alice);
        _bridge().bridgeERC20To(address(mintable), wrong, bob, 4, MIN_GAS, "");
    }

    function test_bridgeERC20To_noToken_reverts() public {
        vm.expectRevert();
        vm.prank(alice);
        _bridge().bridgeERC20To(makeAddr("no token"), remote, bob, 1, MIN_GAS, "");
    }

    /// @dev Property E5: tokens aren't sent where they would stay, or be anybody's.
    function test_bridgeERC20To_lostRecipients_reverts() public {
        address[3] memory refused = [address(0), _bridge().otherBridge(), _messenger().otherMessenger()];
        for (uint256 i; i < refused.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IStandardBridge.RecipientRefused.selector, refused[i]));
            vm.prank(alice);
            _bridge().bridgeERC20To(address(token), remote, refused[i], 1, MIN_GAS, "");
        }
        assertEq(token.balanceOf(address(_bridge())), 0);
    }

    /// @dev A contract need not have its address on the other layer.
    function test_bridgeERC20_contract_reverts() public {
        Caller caller = new Caller();
        (bool success, bytes memory result) = caller.call(
            address(_bridge()), abi.encodeCall(IStandardBridge.bridgeERC20, (address(token), remote, 0, MIN_GAS, ""))
        );
        assertFalse(success);
        assertEq(result, abi.encodeWithSelector(IStandardBridge.NotAnEOA.selector, address(caller)));
        (success,) = caller.call(
            address(_bridge()),
            abi.encodeCall(IStandardBridge.bridgeERC20To, (address(token), remote, bob, 0, MIN_GAS, ""))
        );
        assertTrue(success);
    }

    /// @dev An account that delegates its code is still the account of who has the key, whoever sends the transaction.
    function test_bridgeERC20_delegatedAccount_succeeds() public {
        vm.etch(alice, abi.encodePacked(bytes3(0xef0100), address(token)));
        vm.prank(alice, bob);
        _bridge().bridgeERC20(address(token), remote, 3, MIN_GAS, "");
        assertEq(_bridge().deposits(address(token), remote), 3);
    }

    /// @dev A contract that is being made has no code yet; that doesn't make it an account.
    function test_bridgeERC20_codelessCaller_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IStandardBridge.NotAnEOA.selector, alice));
        vm.prank(alice, bob);
        _bridge().bridgeERC20(address(token), remote, 3, MIN_GAS, "");
    }

    /* COMING */

    /// @dev Property E1.
    function testFuzz_finalize_unlocked_succeeds(uint256 locked, uint256 amount) public {
        locked = bound(locked, 0, 1000 ether);
        amount = bound(amount, 0, locked);
        _lock(locked);
        _expectFinalized(address(token), remote, bob, mallory, amount, hex"aa");
        (bool success,) = _bring(_finalizeMessage(address(token), remote, bob, mallory, amount, hex"aa"), PLENTY);
        assertTrue(success);
        assertEq(token.balanceOf(mallory), amount);
        assertEq(_bridge().deposits(address(token), remote), locked - amount);
        assertEq(token.balanceOf(address(_bridge())), locked - amount);
    }

    function test_finalize_minted_succeeds() public {
        _expectFinalized(address(mintable), remote, bob, alice, 7, "");
        (bool success,) = _bring(_finalizeMessage(address(mintable), remote, bob, alice, 7, ""), PLENTY);
        assertTrue(success);
        assertEq(mintable.balanceOf(alice), 7);
    }

    /// @dev Property E1: what is locked for one pair isn't given out for another, even by a message that says so.
    function testFuzz_finalize_otherPair_fails(address otherRemote, uint256 amount) public {
        vm.assume(otherRemote != remote);
        amount = bound(amount, 1, type(uint256).max);
        _lock(1000 ether);
        bytes memory encoded = _finalizeMessage(address(token), otherRemote, mallory, mallory, amount, "");
        _bring(encoded, PLENTY);
        assertTrue(_messenger().failedMessages(keccak256(encoded)));
        _replay(address(_messenger()), encoded);
        assertEq(token.balanceOf(mallory), 0);
        assertEq(token.balanceOf(address(_bridge())), 1000 ether);
    }

    /// @dev Property E1.
    function test_finalize_moreThanLocked_fails() public {
        _lock(10);
        token.give(address(_bridge()), 1000);
        bytes memory encoded = _finalizeMessage(address(token), remote, mallory, mallory, 11, "");
        _bring(encoded, PLENTY);
        assertTrue(_messenger().failedMessages(keccak256(encoded)));
        assertEq(token.balanceOf(mallory), 0);
    }

    /// @dev Property E1.
    function test_finalize_wrongRemoteOfMintable_fails() public {
        bytes memory encoded = _finalizeMessage(address(mintable), makeAddr("forged"), mallory, mallory, 11, "");
        _bring(encoded, PLENTY);
        assertTrue(_messenger().failedMessages(keccak256(encoded)));
        assertEq(mintable.totalSupply(), 0);
    }

    /// @dev Property E2: neither a stranger, nor the messenger on its own, nor a message of anybody else.
    function testFuzz_finalize_forgedSender_fails(address sender) public {
        vm.assume(sender != _bridge().otherBridge());
        vm.assume(sender != address(0) && sender != l1ProxyAdmin);
        vm.assume(sender != address(0x4200000000000000000000000000000000000018));
        vm.assume(sender != address(_messenger()));
        _lock(10);
        bytes memory call =
            abi.encodeCall(IStandardBridge.finalizeBridgeERC20, (address(token), remote, sender, mallory, 10, ""));
        vm.expectRevert(abi.encodeWithSelector(IStandardBridge.NotOtherBridge.selector, sender));
        vm.prank(sender);
        (bool ignored,) = address(_bridge()).call(call);
        ignored;

        bytes memory encoded = _message(sender, address(_bridge()), MIN_GAS, call);
        _bring(encoded, PLENTY);
        assertTrue(_messenger().failedMessages(keccak256(encoded)));
        _replay(address(_messenger()), encoded);
        assertEq(token.balanceOf(mallory), 0);
        assertEq(_bridge().deposits(address(token), remote), 10);
    }

    /// @dev Property E2.
    function test_finalize_messengerWithoutMessage_reverts() public {
        _lock(10);
        vm.expectRevert(ICrossDomainMessenger.NoMessageIsRelayed.selector);
        vm.prank(address(_messenger()));
        _bridge().finalizeBridgeERC20(address(token), remote, mallory, mallory, 10, "");
    }

    /// @dev Property E3.
    function test_finalize_replayed_paysOnce() public {
        _lock(10);
        bytes memory encoded = _finalizeMessage(address(token), remote, bob, bob, 4, "");
        (bool success,) = _bring(encoded, PLENTY);
        assertTrue(success);
        (success,) = _bring(encoded, PLENTY);
        assertFalse(success);
        (success,) = _replay(address(_messenger()), encoded);
        assertFalse(success);
        assertEq(token.balanceOf(bob), 4);
    }

    /// @dev Property E3: too little gas locks nothing for good.
    function test_finalize_tooLittleGas_thenReplayed_succeeds() public {
        _lock(10);
        bytes memory encoded = _message(
            _bridge().otherBridge(),
            address(_bridge()),
            0,
            abi.encodeCall(IStandardBridge.finalizeBridgeERC20, (address(token), remote, bob, bob, 4, ""))
        );
        _bring(encoded, 80_000);
        assertTrue(_messenger().failedMessages(keccak256(encoded)));
        assertEq(token.balanceOf(bob), 0);
        assertEq(_bridge().deposits(address(token), remote), 10);
        (bool success,) = _replay(address(_messenger()), encoded);
        assertTrue(success);
        assertEq(token.balanceOf(bob), 4);
    }

    /// @dev Property E3: whatever gas a replay has, it pays all or nothing, and all in the end.
    function testFuzz_finalize_anyGas_allOrNothing(uint256 gas) public {
        _lock(10);
        bytes memory encoded = _finalizeMessage(address(token), remote, bob, bob, 4, "");
        _bring(encoded, 150_000);
        assertTrue(_messenger().failedMessages(keccak256(encoded)));
        gas = bound(gas, 21_000, 600_000);
        vm.prank(mallory);
        (bool success,) = address(_messenger()).call{gas: gas}(encoded);
        bool paid = token.balanceOf(bob) == 4;
        assertEq(_messenger().successfulMessages(keccak256(encoded)), paid);
        if (!success) assertFalse(paid);
        assertEq(token.balanceOf(address(_bridge())), paid ? 6 : 10);
        assertEq(_bridge().deposits(address(token), remote), paid ? 6 : 10);
        if (!paid) {
            _replay(address(_messenger()), encoded);
            assertEq(token.balanceOf(bob), 4);
        }
    }

    /* NATIVE VALUE */

    /// @dev Property E6.
    function testFuzz_native_reverts(uint96 value) public {
        bytes[3] memory calls = [
            bytes(""),
            abi.encodeCall(IStandardBridge.bridgeETH, (MIN_GAS, "")),
            abi.encodeCall(IStandardBridge.bridgeETHTo, (bob, MIN_GAS, ""))
        ];
        for (uint256 i; i < calls.length; ++i) {
            _assertNativeRefused(calls[i], value);
        }
        // These don't exist.
        vm.deal(alice, value);
        vm.startPrank(alice);
        (bool success,) = address(_bridge()).call{value: value}(
            abi.encodeWithSignature("finalizeBridgeETH(address,address,uint256,bytes)", alice, bob, value, "")
        );
        assertFalse(success);
        (success,) = address(_bridge()).call{value: value}(
            abi.encodeWithSignature("finalizeETHWithdrawal(address,address,uint256,bytes)", alice, bob, value, "")
        );
        assertFalse(success);
        (success,) = address(_bridge()).call{value: value}(hex"12345678");
        assertFalse(success);
        assertEq(address(_bridge()).balance, 0);
    }

    /// @dev Property E6: tokens don't bring native value along.
    function test_native_withTokens_reverts() public {
        vm.deal(alice, 1 ether);
        vm.startPrank(alice, alice);
        (bool success,) = address(_bridge()).call{value: 1}(
            abi.encodeCall(IStandardBridge.bridgeERC20To, (address(token), remote, bob, 1, MIN_GAS, ""))
        );
        assertFalse(success);
        (success,) = address(_bridge()).call{value: 1}(
            abi.encodeCall(IStandardBridge.bridgeERC20, (address(token), remote, 1, MIN_GAS, ""))
        );
        assertFalse(success);
    }

    /// @dev Property E6: a message about native value, even from the other bridge, finds nothing.
    function test_native_message_fails() public {
        vm.deal(address(_bridge()), 1 ether);
        bytes memory encoded = _message(
            _bridge().otherBridge(),
            address(_bridge()),
            MIN_GAS,
            abi.encodeWithSignature("finalizeBridgeETH(address,address,uint256,bytes)", mallory, mallory, 1 ether, "")
        );
        _bring(encoded, PLENTY);
        assertTrue(_messenger().failedMessages(keccak256(encoded)));
        assertEq(mallory.balance, 0);
    }

    /* ABI */

    function test_abi_topics_succeeds() public pure {
        assertEq(
            IStandardBridge.ERC20BridgeInitiated.selector,
            0x7ff126db8024424bbfd9826e8ab82ff59136289ea440b04b39a0df1b03b9cabf
        );
        assertEq(
            IStandardBridge.ERC20BridgeFinalized.selector,
            0xd59c65b35445225835c83f50b6ede06a7be047d22e357073e250d9af537518cd
        );
        assertEq(IStandardBridge.bridgeERC20.selector, bytes4(0x87087623));
        assertEq(IStandardBridge.bridgeERC20To.selector, bytes4(0x540abf73));
        assertEq(IStandardBridge.finalizeBridgeERC20.selector, bytes4(0x0166a07a));
        assertEq(IStandardBridge.bridgeETH.selector, bytes4(0x09fc8843));
        assertEq(IStandardBridge.bridgeETHTo.selector, bytes4(0xe11013dd));
    }

    function test_getters_succeeds() public view {
        assertEq(_bridge().messenger(), address(_messenger()));
        assertEq(_bridge().MESSENGER(), address(_messenger()));
        assertEq(_bridge().OTHER_BRIDGE(), _bridge().otherBridge());
        assertEq(_bridge().version(), "1.0.0");
        assertFalse(_bridge().paused());
    }
}
