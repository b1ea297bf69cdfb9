// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IStandardBridge} from "./IStandardBridge.sol";

/// @title IL2StandardBridge
/// @notice The bridge on L2, with the names that deposits and withdrawals had before there was one for both layers. Emits
///         the older event before each newer one. Genesis sets the address of L1's bridge.
interface IL2StandardBridge is IStandardBridge {
    /// @notice Tokens left for L1.
    event WithdrawalInitiated(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// @notice Tokens came from L1.
    event DepositFinalized(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// @notice Sends the caller's mintable tokens to the same address on L1, as the token there that they name. Not for
    ///         contracts.
    function withdraw(address l2Token, uint256 amount, uint32 minGasLimit, bytes calldata extraData) external payable;

    /// @notice As `withdraw`, to the recipient `to`.
    function withdrawTo(address l2Token, address to, uint256 amount, uint32 minGasLimit, bytes calldata extraData)
        external
        payable;

    /// @notice The same as `otherBridge`, under its older name.
    function l1TokenBridge() external view returns (address);
}
