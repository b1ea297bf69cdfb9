// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ICrossDomainMessenger} from "../interfaces/ICrossDomainMessenger.sol";
import {ILegacyMintableERC20} from "../interfaces/ILegacyMintableERC20.sol";
import {IOptimismMintableERC20} from "../interfaces/IOptimismMintableERC20.sol";
import {IStandardBridge} from "../interfaces/IStandardBridge.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {EOA} from "../libraries/EOA.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";

/// @title StandardBridge
/// @notice What the bridges of both layers have in common.
/// @dev Storage: 0 deposits. Tokens are called before and after the bookkeeping; the lock keeps them from calling back.
abstract contract StandardBridge is IStandardBridge, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /* STORAGE */

    /// @inheritdoc IStandardBridge
    mapping(address localToken => mapping(address remoteToken => uint256)) public deposits;

    /* MODIFIERS */

    modifier onlyEOA() {
        if (!EOA.isSenderEOA()) revert NotAnEOA(msg.sender);
        _;
    }

    modifier onlyOtherBridge() {
        // The messenger has no sender when it doesn't relay: it would revert.
        if (msg.sender != messenger() || ICrossDomainMessenger(msg.sender).xDomainMessageSender() != otherBridge()) {
            revert NotOtherBridge(msg.sender);
        }
        _;
    }

    /* NATIVE VALUE */

    /// @notice Always reverts: native value doesn't cross here.
    receive() external payable {
        revert NativeValueRefused(msg.value);
    }

    /// @inheritdoc IStandardBridge
    function bridgeETH(uint32, bytes calldata) external payable {
        revert NativeValueRefused(msg.value);
    }

    /// @inheritdoc IStandardBridge
    function bridgeETHTo(address, uint32, bytes calldata) external payable {
        revert NativeValueRefused(msg.value);
    }

    /* TOKENS */

    /// @inheritdoc IStandardBridge
    function bridgeERC20(
        address localToken,
        address remoteToken,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external onlyEOA {
        _initiate(localToken, remoteToken, msg.sender, amount, minGasLimit, extraData);
    }

    /// @inheritdoc IStandardBridge
    function bridgeERC20To(
        address localToken,
        address remoteToken,
        address to,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external {
        _initiate(localToken, remoteToken, to, amount, minGasLimit, extraData);
    }

    /// @inheritdoc IStandardBridge
    function finalizeBridgeERC20(
        address localToken,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes calldata extraData
    ) external {
        _finalize(localToken, remoteToken, from, to, amount, extraData);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IStandardBridge
    function messenger() public view virtual returns (address);

    /// @inheritdoc IStandardBridge
    function otherBridge() public view virtual returns (address);

    /// @inheritdoc IStandardBridge
    function MESSENGER() external view returns (address) {
        return messenger();
    }

    /// @inheritdoc IStandardBridge
    function OTHER_BRIDGE() external view returns (address) {
        return otherBridge();
    }

    /// @inheritdoc IStandardBridge
    function paused() public view returns (bool) {
        return ICrossDomainMessenger(messenger()).paused();
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL FUNCTIONS */

    /// @dev Takes `amount` from the caller, and sends word of it.
    function _initiate(
        address localToken,
        address remoteToken,
        address to,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) internal nonReentrant {
        if (_isRefusedToken(localToken)) revert TokenRefused(localToken);
        // What arrives there stays there for ever, or is anybody's.
        if (to == address(0) || to == otherBridge() || to == ICrossDomainMessenger(messenger()).otherMessenger()) {
            revert RecipientRefused(to);
        }

        if (_isMintable(localToken)) {
            _requireNames(localToken, remoteToken);
            IOptimismMintableERC20(localToken).burn(msg.sender, amount);
        } else {
            uint256 balance = IERC20(localToken).balanceOf(address(this));
            IERC20(localToken).safeTransferFrom(msg.sender, address(this), amount);
            _requireMoved(localToken, amount, balance, IERC20(localToken).balanceOf(address(this)));
            deposits[localToken][remoteToken] += amount;
        }

        _emitInitiated(localToken, remoteToken, msg.sender, to, amount, extraData);
        // Local there is remote here.
        ICrossDomainMessenger(messenger())
            .sendMessage(
                otherBridge(),
                abi.encodeCall(
                    IStandardBridge.finalizeBridgeERC20, (remoteToken, localToken, msg.sender, to, amount, extraData)
                ),
                minGasLimit
            );
    }

    /// @dev Gives out what the other bridge took.
    function _finalize(
        address localToken,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes calldata extraData
    ) internal onlyOtherBridge nonReentrant {
        if (_isMintable(localToken)) {
            _requireNames(localToken, remoteToken);
            IOptimismMintableERC20(localToken).mint(to, amount);
        } else {
            uint256 deposited = deposits[localToken][remoteToken];
            if (amount > deposited) revert DepositsExceeded(localToken, remoteToken, deposited, amount);
            // Bound: compared just before.
            unchecked {
                deposits[localToken][remoteToken] = deposited - amount;
            }
            uint256 balance = IERC20(localToken).balanceOf(address(this));
            IERC20(localToken).safeTransfer(to, amount);
            _requireMoved(localToken, amount, IERC20(localToken).balanceOf(address(this)), balance);
        }

        _emitFinalized(localToken, remoteToken, from, to, amount, extraData);
    }

    /// @dev Whether a token may not leave by this bridge.
    function _isRefusedToken(address) internal view virtual returns (bool) {
        return false;
    }

    /// @dev Emits the layer's older event, and the newer one.
    function _emitInitiated(
        address localToken,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes calldata extraData
    ) internal virtual {
        emit ERC20BridgeInitiated(localToken, remoteToken, from, to, amount, extraData);
    }

    /// @dev Emits the layer's older event, and the newer one.
    function _emitFinalized(
        address localToken,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes calldata extraData
    ) internal virtual {
        emit ERC20BridgeFinalized(localToken, remoteToken, from, to, amount, extraData);
    }

    function _isMintable(address token) private view returns (bool) {
        return
            _isLegacyMintable(token) || ERC165Checker.supportsInterface(token, type(IOptimismMintableERC20).interfaceId);
    }

    function _isLegacyMintable(address token) private view returns (bool) {
        return ERC165Checker.supportsInterface(token, type(ILegacyMintableERC20).interfaceId);
    }

    /// @dev Reverts unless the mintable token stands for `remoteToken`.
    function _requireNames(address token, address remoteToken) private {
        address expected = _isLegacyMintable(token)
            ? ILegacyMintableERC20(token).l1Token()
            : IOptimismMintableERC20(token).remoteToken();
        if (remoteToken != expected) revert WrongRemoteToken(token, expected, remoteToken);
    }

    function _requireMoved(address token, uint256 amount, uint256 lower, uint256 upper) private pure {
        uint256 moved = upper > lower ? upper - lower : 0;
        if (moved != amount) revert WrongAmountMoved(token, amount, moved);
    }
}
