// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ICrossDomainMessenger} from "../../src/interfaces/ICrossDomainMessenger.sol";
import {IOptimismMintableERC20Factory} from "../../src/interfaces/IOptimismMintableERC20Factory.sol";
import {IStandardBridge} from "../../src/interfaces/IStandardBridge.sol";
import {CrossDomainMessages} from "../../src/libraries/CrossDomainMessages.sol";
import {Withdrawals} from "../../src/libraries/Withdrawals.sol";
import {OptimismMintableERC20} from "../../src/universal/OptimismMintableERC20.sol";
import {TestToken} from "./Tokens.sol";
import {TwoLayersTest} from "./TwoLayersTest.sol";

/// @title StandardBridgeFixture
/// @notice A bridge of one layer, with a token to lock and a token to mint, and hands to bring it messages.
abstract contract StandardBridgeFixture is TwoLayersTest {
    uint256 internal constant PLENTY = 2_000_000;
    uint32 internal constant MIN_GAS = 200_000;

    TestToken internal token;
    address internal remote;
    OptimismMintableERC20 internal mintable;
    uint240 private nextMessage;

    function setUp() public virtual override {
        super.setUp();
        token = new TestToken();
        remote = makeAddr("remote token");
        mintable = OptimismMintableERC20(_factory().createOptimismMintableERC20(remote, "Remote", "RMT"));
        token.give(alice, 1000 ether);
        vm.prank(alice);
        token.approve(address(_bridge()), type(uint256).max);
    }

    /* WHAT A LAYER SAYS */

    function _bridge() internal view virtual returns (IStandardBridge);

    function _messenger() internal view virtual returns (ICrossDomainMessenger);

    function _factory() internal view virtual returns (IOptimismMintableERC20Factory);

    /// @dev Brings an encoded message as the other messenger, with exactly `gas`.
    function _bring(bytes memory encoded, uint256 gas) internal virtual returns (bool success, bytes memory result);

    /// @dev The layer's older events of tokens that leave and come.
    function _expectOlderInitiated(address local, address remoteToken, address from, address to, uint256 amount)
        internal
        virtual;

    function _expectOlderFinalized(address local, address remoteToken, address from, address to, uint256 amount)
        internal
        virtual;

    /* HELPERS */

    function _assertNativeRefused(bytes memory call, uint256 value) internal {
        vm.deal(alice, value);
        vm.prank(alice, alice);
        (bool success, bytes memory result) = address(_bridge()).call{value: value}(call);
        assertFalse(success);
        assertEq(result, abi.encodeWithSelector(IStandardBridge.NativeValueRefused.selector, value));
        assertEq(address(_bridge()).balance, 0);
    }

    function _assumeRecipient(address to) internal view {
        vm.assume(to != address(0) && to != _bridge().otherBridge() && to != _messenger().otherMessenger());
    }

    function _expectInitiated(
        address local,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        uint32 minGasLimit,
        bytes memory extra
    ) internal {
        if (extra.length == 0) _expectOlderInitiated(local, remoteToken, from, to, amount);
        vm.expectEmit(address(_bridge()));
        emit IStandardBridge.ERC20BridgeInitiated(local, remoteToken, from, to, amount, extra);
        uint256 nonce = _messenger().messageNonce();
        vm.expectEmit(address(_messenger()));
        emit ICrossDomainMessenger.SentMessage(
            _bridge().otherBridge(),
            address(_bridge()),
            abi.encodeWithSignature(
                "finalizeBridgeERC20(address,address,address,address,uint256,bytes)",
                remoteToken,
                local,
                from,
                to,
                amount,
                extra
            ),
            nonce,
            minGasLimit
        );
    }

    function _expectFinalized(
        address local,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes memory extra
    ) internal {
        if (extra.length == 0) _expectOlderFinalized(local, remoteToken, from, to, amount);
        vm.expectEmit(address(_bridge()));
        emit IStandardBridge.ERC20BridgeFinalized(local, remoteToken, from, to, amount, extra);
    }

    /// @dev Locks the test token for its pair.
    function _lock(uint256 amount) internal {
        vm.prank(alice);
        _bridge().bridgeERC20To(address(token), remote, bob, amount, MIN_GAS, "");
    }

    /// @dev Has the bridge give out tokens, and checks that it did.
    function _finalize(address local, address remoteToken, address from, address to, uint256 amount) internal {
        bytes memory encoded = _finalizeMessage(local, remoteToken, from, to, amount, "");
        (bool success,) = _bring(encoded, PLENTY);
        assertTrue(success);
        assertTrue(_messenger().successfulMessages(keccak256(encoded)));
    }

    function _finalizeMessage(
        address local,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes memory extra
    ) internal returns (bytes memory) {
        return _message(
            _bridge().otherBridge(),
            address(_bridge()),
            MIN_GAS,
            abi.encodeCall(IStandardBridge.finalizeBridgeERC20, (local, remoteToken, from, to, amount, extra))
        );
    }

    function _message(address sender, address target, uint256 minGasLimit, bytes memory data)
        internal
        returns (bytes memory)
    {
        return CrossDomainMessages.encode(
            Withdrawals.versionedNonce(nextMessage++, 1), sender, target, 0, minGasLimit, data
        );
    }
}
