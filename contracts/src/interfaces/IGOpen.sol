// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";
import {IERC5805} from "@openzeppelin/contracts/interfaces/IERC5805.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// @title IGOpen
/// @notice Native OPEN that votes: wrapped one to one, unwrapped whenever the holder likes. Every gOPEN is a vote of its
///         holder's delegate, who is the holder itself until it names another. The clock is the timestamp (ERC-6372).
interface IGOpen is IERC20Metadata, IERC20Permit, IERC5805 {
    /// @notice `account` wrapped `amount` wei of OPEN.
    event Deposited(address indexed account, uint256 amount);

    /// @notice `account` unwrapped `amount` wei of OPEN, which went to `to`.
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    /// @notice `to` refused the OPEN.
    error PaymentFailed(address to, uint256 amount);

    /// @notice Runs once, at genesis. There are no parameters.
    /// @dev    Reverts with `UnknownParameter` for any setting.
    function initialize(Setting[] calldata settings) external;

    /// @notice Wraps the value sent. A plain transfer does the same.
    function deposit() external payable;

    /// @notice Unwraps `amount` wei to the caller.
    /// @dev    Reverts with `ERC20InsufficientBalance`, `PaymentFailed`.
    function withdraw(uint256 amount) external;

    /// @notice Unwraps `amount` wei of the caller's to `to`.
    /// @dev    Reverts with `ERC20InsufficientBalance`, `ERC20InvalidReceiver` for nobody and for gOPEN itself, `PaymentFailed`.
    function withdrawTo(address to, uint256 amount) external;
}
