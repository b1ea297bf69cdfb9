// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";

/// @title ITreasury
/// @notice OPEN that belongs to nobody else. It takes plain transfers; `ParamTimelock` spends.
interface ITreasury {
    /// @notice OPEN came in.
    event Received(address indexed from, uint256 amount);

    /// @notice `to` was credited with OPEN in `ClaimVault`.
    event Spent(address indexed to, uint256 amount, string memo);

    /// @notice Only `ParamTimelock` spends.
    error NotParamTimelock(address caller);

    /// @notice The treasury has less.
    error InsufficientFunds(uint256 funds, uint256 amount);

    /// @notice The memo is longer than `most` bytes.
    error MemoTooLong(uint256 length, uint256 most);

    /// @notice Runs once, at genesis. There are no parameters.
    /// @dev    Reverts with `UnknownParameter` for any setting.
    function initialize(Setting[] calldata settings) external;

    /// @notice Credits `to` with `amount` wei in `ClaimVault`, where it is claimed. `ParamTimelock` only.
    /// @param memo What for; UTF-8, only in the event.
    /// @dev    Reverts with `NotParamTimelock`, `InsufficientFunds`, `MemoTooLong`, and as `ClaimVault.credit`.
    function spend(address to, uint256 amount, string calldata memo) external;

    /// @notice Most bytes of a memo.
    function MAX_MEMO_BYTES() external view returns (uint256);
}
