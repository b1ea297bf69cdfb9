// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IStandardBridge} from "./IStandardBridge.sol";

/// @title IL1StandardBridge
/// @notice The bridge on L1, with the names that deposits and withdrawals had before there was one for both layers. Emits
///         the older event before each newer one. OPEN is refused: it crosses by the portal.
interface IL1StandardBridge is IStandardBridge {
    /// @notice Tokens left for L2.
    event ERC20DepositInitiated(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// @notice Tokens came from L2.
    event ERC20WithdrawalFinalized(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// @notice The messenger is the zero address.
    error ZeroMessenger();

    /// @notice Sets the messenger. Once only.
    function initialize(address newMessenger) external;

    /// @notice As `bridgeERC20`.
    function depositERC20(
        address l1Token,
        address l2Token,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external;

    /// @notice As `bridgeERC20To`.
    function depositERC20To(
        address l1Token,
        address l2Token,
        address to,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external;

    /// @notice As `finalizeBridgeERC20`.
    function finalizeERC20Withdrawal(
        address l1Token,
        address l2Token,
        address from,
        address to,
        uint256 amount,
        bytes calldata extraData
    ) external;

    /// @notice Always reverts: native value doesn't cross here.
    function depositETH(uint32 minGasLimit, bytes calldata extraData) external payable;

    /// @notice Always reverts: native value doesn't cross here.
    function depositETHTo(address to, uint32 minGasLimit, bytes calldata extraData) external payable;

    /// @notice The same as `otherBridge`, under its older name.
    function l2TokenBridge() external view returns (address);
}
