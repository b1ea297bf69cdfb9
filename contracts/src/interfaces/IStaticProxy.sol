// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title IStaticProxy
/// @notice The two answers of a proxy to its admin, as views: to the admin they change no state.
interface IStaticProxy {
    /// @notice See `IProxy.admin`.
    function admin() external view returns (address);

    /// @notice See `IProxy.implementation`.
    function implementation() external view returns (address);
}
