// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title IVersioned
/// @notice A contract that says which release of its code is running.
interface IVersioned {
    /// @notice Semantic version of the code.
    function version() external view returns (string memory);
}
