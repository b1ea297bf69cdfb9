// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @title IWOPEN
/// @notice Native OPEN as an ERC-20, one to one, with the interface of WETH9. An allowance of the largest uint256 is
///         never used up.
interface IWOPEN is IERC20Metadata {
    /// @notice `dst` wrapped `wad` wei of OPEN.
    event Deposit(address indexed dst, uint256 wad);

    /// @notice `src` unwrapped `wad` wei of OPEN.
    event Withdrawal(address indexed src, uint256 wad);

    /// @notice `account` holds less than it was to spend.
    error InsufficientBalance(address account, uint256 balance, uint256 needed);

    /// @notice `spender` may spend less of `owner`'s than it was to.
    error InsufficientAllowance(address owner, address spender, uint256 allowance, uint256 needed);

    /// @notice `account` refused the OPEN that it unwrapped.
    error PaymentFailed(address account, uint256 value);

    /// @notice Wraps the value sent. A plain transfer does the same.
    function deposit() external payable;

    /// @notice Unwraps `wad` wei.
    function withdraw(uint256 wad) external;
}
