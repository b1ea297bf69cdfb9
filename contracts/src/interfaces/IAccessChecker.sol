// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title IAccessChecker
/// @notice What a Datanet with `Access.Checker` asks before it takes a commitment. It is called without state changes, with a
///         gas limit (`IDatanetRegistry.CHECKER_GAS`); a call that fails counts as false.
interface IAccessChecker {
    /// @notice Whether the contributor may contribute to the Datanet.
    /// @param proof What the contributor gave: a credential, a proof, nothing.
    function mayContribute(uint256 datanet, address contributor, bytes calldata proof) external view returns (bool);
}
