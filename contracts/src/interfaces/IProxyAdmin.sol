// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IVersioned} from "./IVersioned.sol";

/// @title IProxyAdmin
/// @notice Admin of a set of proxies, in the hands of one owner (an account, a multisig, a timelock).
interface IProxyAdmin is IVersioned {
    /// @notice Points `proxy` at `implementation`. Owner only.
    function upgrade(address payable proxy, address implementation) external;

    /// @notice Points `proxy` at `implementation` and calls it through the proxy with `data` and the value sent. Owner
    ///         only.
    function upgradeAndCall(address payable proxy, address implementation, bytes calldata data) external payable;

    /// @notice Hands `proxy` to another admin. Owner only.
    function changeProxyAdmin(address payable proxy, address newAdmin) external;

    /// @notice Implementation of `proxy`. Reverts where this contract is not its admin.
    function getProxyImplementation(address proxy) external view returns (address);

    /// @notice Admin of `proxy`. Reverts where that is not this contract.
    function getProxyAdmin(address payable proxy) external view returns (address);
}
